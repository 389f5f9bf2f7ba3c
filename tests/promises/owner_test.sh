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
	    --data-disk size=16M,name=db,fstype=none --console-max 16K
}

# root COMMAND...: done by root, and nothing of it is root's.
root()
{
	atf_check -o ignore "$@"
	atf_check -o empty find home ! -uid $owner -o ! -gid $owner
	# Of what runs there are the VMMs, and who keeps the logs' bounds.
	for p in $(vm-ls -p pid) $(find /proc/[0-9]*/fd -maxdepth 1 \
	    -lname "$PWD/home/root/vm/*/console.log" 2>/dev/null |
	    sed 's,^/proc/\([0-9]*\)/.*,\1,'); do
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
	# What the shell opens need not be the owner's to read.
	root snap-import -n s2 - <a.tar.zst
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

# A root that is not there is made as whose it will be: nothing that root made
# stands in the owner's way.
atf_test_case root__not_there_yet
root__not_there_yet_head()
{
	atf_set require.user root
}
root__not_there_yet_body()
{
	need_tiny
	for tool in vm-create snap-import; do
		mkdir home
		chown $owner:$owner home
		INSTAR_ROOT=$PWD/home/.local/state/instar
		$as test -r "$tiny" -a -x home ||
		    atf_skip "nobody else can read this tree"
		case $tool in
		vm-create) vm-create --memory 32M --kernel "$tiny" >out ;;
		snap-import) snap-import /dev/null 2>err ;;
		esac
		atf_check -o inline:"home/.local/state/instar/vm\n" \
		    find home -path '*/instar/vm'
		atf_check -o empty find home ! -uid $owner -o ! -gid $owner
		rm -r home
	done
	# Where everybody may make something, it is whose who makes it.
	mkdir -p all
	chown $owner:$owner all
	chmod 1777 all
	INSTAR_ROOT=$PWD/all/root
	atf_check -o ignore vm-create --memory 32M --kernel "$tiny"
	atf_check -o inline:"0\n0\n" stat -c %u all/root all/root/vm
}

# A user whom /etc/passwd does not know has the directory's group, but never
# root's, which a directory has that root made and gave away.
atf_test_case root__of_group_0 cleanup
root__of_group_0_head()
{
	atf_set require.user root
}
root__of_group_0_body()
{
	owned
	for gid in 0 54322; do
		chown $owner:$gid home/root
		atf_check -o ignore vm-start web
		pid=$(vm-ls -p pid web)
		want=$gid
		[ $gid -ne 0 ] || want=65534
		atf_check -o inline:"$owner $want\n" \
		    stat -c '%u %g' "/proc/$pid"
		atf_check -o match:"^Gid:.$want.$want.$want.$want\$" \
		    -o match:"^Groups:.$want *\$" cat "/proc/$pid/status"
		own vm-stop --force web
	done
}
root__of_group_0_cleanup()
{
	vms_end "$PWD/home/root"
}

# What is named on the command line is the owner's to read, or is not read.
atf_test_case files__not_the_owners cleanup
files__not_the_owners_head()
{
	atf_set require.user root
}
files__not_the_owners_body()
{
	owned
	own vm-start web
	root snap-save -n s --stop web
	snap-export s >a.tar.zst || atf_fail "no archive"
	disk-backup --vm web db >full || atf_fail "no backup"
	echo "#cloud-config" >user-data
	echo secret >password
	echo '{"memory":"32M"}' >config
	disk-mkdata size=16M,name=x,fstype=none . >disks || atf_fail "no disk"
	cp "$tiny" kernel
	touch key
	chmod 600 a.tar.zst full user-data password config disks kernel key
	find home | sort >before
	while read -r tool file args; do
		# shellcheck disable=SC2086 # several words
		atf_check -s exit:77 \
		    -e match:"^$tool: .*$file: Permission denied" $tool $args
	done <<-END
		vm-create user-data --memory 32M --kernel $tiny \
		    --user-data user-data
		vm-create password --memory 32M --kernel $tiny --user u \
		    --password-file password
		vm-create config --kernel $tiny --config config
		vm-create disks --memory 32M --kernel $tiny \
		    --storage-config disks
		vm-create kernel --memory 32M --kernel kernel
		vm-create kernel --memory 32M --kernel $tiny --base kernel
		vm-create kernel --memory 32M --kernel $tiny --layer kernel
		vm-set kernel --kernel kernel web
		snap-import a.tar.zst a.tar.zst
		vm-clone a.tar.zst --from-archive a.tar.zst
		vm-restore a.tar.zst --from-archive a.tar.zst web
		disk-restore full --force --to-vm web full db
		vm-ssh key -i key web
	END
	find home | sort >after
	atf_check cmp before after
	disk-restore --force --to-vm web db <full >out ||
	    atf_fail "not restored"
	root snap-ls
}
files__not_the_owners_cleanup()
{
	vms_end "$PWD/home/root"
}

# Root that may not become the owner, as in a container: it reads what it can,
# and makes nothing that would be out of the owner's reach.
atf_test_case root__without_capabilities cleanup
root__without_capabilities_head()
{
	atf_set require.user root
}
root__without_capabilities_body()
{
	owned
	own vm-start web
	root snap-save -n s --stop web
	no="belongs to another user, as whom this process may not act"
	for caps in setuid setuid,setgid setuid,setgid,dac_override; do
		none="setpriv --bounding-set=-$(echo $caps | sed 's/,/,-/g')"
		$none true || atf_skip "capabilities cannot be dropped here"
		chmod -R a+rX home/root
		rm -f "home/root/access/"*
		find home | sort >before
		# shellcheck disable=SC2086 # several words
		{
			atf_check -o inline:"s\n" $none snap-ls -p name
			atf_check -o inline:"web\n" $none vm-ls -p name web
			atf_check -e ignore $none snap-verify
			atf_check $none state-gc --dry-run
			atf_check -o match:snapshot.json $none sh -c \
			    'snap-export -q --no-compress s | tar -t'
			atf_check -o match:MIRN $none disk-backup -q --vm web db
			for write in vm-start vm-set\ --cpu\ 2 vm-stop \
			    vm-clone\ s\ --name snap-rm\ s vm-create\ -n \
			    vm-console vm-ssh vm-exec\ web vm-copy\ web:/x \
			    vm-wait\ --agent; do
				atf_check -s exit:77 -e inline:"${write%% *}: \
$INSTAR_ROOT: $no\n" $none $write web
			done
		}
		find home | sort >after
		atf_check cmp before after
		atf_check -o empty find home ! -uid $owner -o ! -gid $owner
	done
	# The number of the owner has no meaning in another namespace.
	as2="setpriv --reuid=54323 --regid=54323 --clear-groups"
	# shellcheck disable=SC2086
	if $as2 unshare -r true; then
		snap_ls=$(command -v snap-ls)
		vm_rm=$(command -v vm-rm)
		atf_check -o inline:"s\n" $as2 unshare -r "$snap_ls" -p name
		atf_check -s exit:77 -e inline:"vm-rm: $INSTAR_ROOT: $no\n" \
		    $as2 unshare -r "$vm_rm" web
	fi
}
root__without_capabilities_cleanup()
{
	vms_end "$PWD/home/root"
}

# shellcheck disable=SC2086 # $net is several words
in_the_namespaces()
{
	mkdir dev
	$net mount -t tmpfs -o dev tmpfs dev && $net mknod dev/tun c 10 200 &&
	    $net mount --bind dev/tun /dev/net/tun &&
	    $net ip tuntap add t0 mode tap user root && $net ip link add br0 type bridge ||
	    atf_skip "no tap can be made here"
	$net chmod 600 dev/tun
	atf_check -s exit:77 -e inline:"vm-start: tapped: /dev/net/tun: closed \
to user $owner (chmod 666): Permission denied\n" $net vm-start tapped
	$net chmod 666 dev/tun
	make="ip tuntap add t0 mode tap user $owner"
	atf_check -s exit:77 -e inline:"vm-start: tapped: tap t0: another \
user's ($make): Operation not permitted\n" $net vm-start tapped
	atf_check -s exit:77 -e match:"^vm-start: bridged: bridge br0: .*\
\(ip tuntap add NAME mode tap user $owner\): " $net vm-start bridged
	$net ip link delete t0
	atf_check -s exit:77 -e inline:"vm-start: tapped: tap t0: not there \
($make): Operation not permitted\n" $net vm-start tapped
	$net $make
	root $net vm-start tapped
}

# A tap of another's is out of reach, and the message says which one would not be.
atf_test_case tap__not_the_owners cleanup
tap__not_the_owners_head()
{
	atf_set require.user root
}
tap__not_the_owners_body()
{
	PATH=$PATH:/usr/sbin:/sbin
	command -v ip unshare >which || atf_skip "ip or unshare is missing"
	owned
	own vm-create -n tapped --memory 32M --kernel "$tiny" --nic tap=t0
	own vm-create -n bridged --memory 32M --kernel "$tiny" --nic bridge=br0
	unshare -nm true || atf_skip "no namespaces can be made here"
	unshare -nm --propagation private sleep 600 &
	echo $! >holder
	eventually 5 eval '[ "$(readlink "/proc/$(cat holder)/ns/mnt")" != \
	    "$(readlink /proc/self/ns/mnt)" ]' || atf_fail "no namespace"
	net="nsenter -t $(cat holder) -n -m env -C $PWD"
	in_the_namespaces
}
tap__not_the_owners_cleanup()
{
	vms_end "$PWD/home/root"
	[ ! -e holder ] || kill "$(cat holder)"
}

atf_init_test_cases()
{
	atf_add_test_case vm__tools
	atf_add_test_case snap__and_disk_tools
	atf_add_test_case root__of_a_user_with_an_entry
	atf_add_test_case root__not_there_yet
	atf_add_test_case root__of_group_0
	atf_add_test_case tap__not_the_owners
	atf_add_test_case files__not_the_owners
	atf_add_test_case root__without_capabilities
}
