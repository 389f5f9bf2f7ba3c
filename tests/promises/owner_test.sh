#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Root in a state root that is another user's: whatever it does there is the
# owner's.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# A user without an entry in /etc/passwd, whose root is $INSTAR_ROOT.
owner=54321
as="setpriv --reuid=$owner --regid=$owner --clear-groups"

owned()
{
	need_tiny
	mkdir home
	chown $owner:$owner home
	INSTAR_ROOT=$PWD/home/root
	$as test -r "$tiny" -a -x . || atf_skip "nobody else can read this tree"
	atf_check -o ignore $as "$(command -v vm-create)" -n web \
	    --memory 32M --kernel "$tiny" --nic user,forward=0:22 \
	    --data-disk size=16M,name=db,fstype=none
}

# root COMMAND...: done by root, and nothing of it is root's.
root()
{
	atf_check -o ignore "$@"
	atf_check -o empty find home ! -uid $owner -o ! -gid $owner
	for p in $(vm-ls -p pid); do
		atf_check -o inline:"$owner\n" stat -c %u "/proc/$p"
	done
}

# The same by the owner.
own()
{
	tool=$(command -v "$1")
	shift
	# shellcheck disable=SC2086 # several words
	atf_check -o ignore $as "$tool" "$@"
}

atf_test_case vm__tools cleanup
vm__tools_head()
{
	atf_set require.user root
}
vm__tools_body()
{
	owned
	root vm-start web
	own vm-pause web
	root vm-resume web
	root vm-pause web
	own vm-resume web
	root snap-save -n s web
	own vm-stop --force web
	own vm-start web
	# A save that fails writes the record, too.
	atf_check -s exit:73 -e ignore snap-save -n s web
	root vm-ls web
	root vm-stop --force web
	own vm-ls web
	root vm-clone -n w1 s
	own vm-stop --force w1
	root vm-restore web s
	own vm-rm --force web
	root vm-create -n more --memory 32M --kernel "$tiny" \
	    --data-disk size=16M,name=db,fstype=none
	root vm-set -q -n much --cpu 2 --grow-disk db=32M more
	own vm-set -n more --memory 64M much
	own vm-start more
	root vm-stop --force more
	own vm-rm more
	own vm-start w1
	root vm-rm --force w1
	atf_check -o empty vm-ls
}
vm__tools_cleanup()
{
	vms_end "$PWD/home/root"
}

atf_test_case snap__and_disk_tools cleanup
snap__and_disk_tools_head()
{
	atf_set require.user root
}
snap__and_disk_tools_body()
{
	owned
	own vm-start web
	root snap-save -n s --stop web
	snap-export s >a.tar.zst || atf_fail "no archive"
	root snap-ls
	chmod 600 a.tar.zst
	# What root has opened before is read.
	root snap-import -n s2 a.tar.zst
	root snap-set -n s3 s2
	own snap-verify s3
	own snap-set -d text s3
	own vm-start web
	disk-backup --vm web db >full 2>err || atf_fail "$(cat err)"
	root snap-ls
	own vm-stop --force web
	own vm-ls web
	root disk-restore --force --to-vm web full db
	own vm-start web
	own vm-stop --force web
	root state-gc
	root snap-rm s3
	own snap-rm s
}
snap__and_disk_tools_cleanup()
{
	vms_end "$PWD/home/root"
}

# The owner's groups and home are its own; a root of root's stays root's.
atf_test_case root__of_a_user_with_an_entry
root__of_a_user_with_an_entry_head()
{
	atf_set require.user root
}
root__of_a_user_with_an_entry_body()
{
	need_tiny
	mkdir home
	chown nobody home
	INSTAR_ROOT=$PWD/home/root
	mkdir "$INSTAR_ROOT"
	chown nobody "$INSTAR_ROOT"
	atf_check -o ignore vm-create -n web --memory 32M --kernel "$tiny"
	gid=$(id -g nobody)
	atf_check -o empty find home/root/vm ! -user nobody -o ! -gid "$gid"
	INSTAR_ROOT=$PWD/mine
	atf_check -o ignore vm-create -n web --memory 32M --kernel "$tiny"
	atf_check -o empty find mine ! -user root
}

atf_init_test_cases()
{
	atf_add_test_case vm__tools
	atf_add_test_case snap__and_disk_tools
	atf_add_test_case root__of_a_user_with_an_entry
}
