#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A state root that may not be written: tools that only read work there, the
# others say so and change nothing.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# The store with the snapshot web, an archive of it, and that imported.
make_snap()
{
	snap_plant abc web
	atf_check -o ignore snap-export -q -o web.tar web
	atf_check -o ignore snap-import -n sealed web.tar
	mkdir out
}

# The directory $2 becomes what is in $1, read-only.
mount_read_only()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "mounts are for root"
	mkdir "$2"
	echo "$PWD/$2" >>loopfs.mounts
	mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" ||
	    atf_skip "no read-only mount can be made here"
	! touch "$2/x" 2>touch.log || atf_fail "$2 can be written"
}

# Everything that only reads, in the root $1, whose snapshot web is root's, too.
check_readers()
{
	id=$(id_of abc)
	atf_check -o inline:"$id\tweb\t2026-11-21T08:00:00Z\n" \
	    snap-ls -R "$1" -p id,name,created_at web
	atf_check -o match:"^web " snap-ls -R "$1" -t abc
	atf_check -o inline:"sealed\nweb\n" \
	    sh -c "snap-ls -R $1 -p name | sort"
	atf_check -e ignore snap-verify -R "$1"
	atf_check -o save:web2.tar snap-export -q -R "$1" --no-compress web
	atf_check -o ignore snap-import -q -R other -n web web2.tar
	atf_check cmp root/snap/"$id"/memory.raw \
	    "$(snap-ls -R other -p dir web)/memory.raw"
	atf_check -o match:"\"id\":\"$id\"" \
	    snap-export -q -R "$1" -o out/web.tar.zst web
	atf_check -o ignore snap-export -q -R "$1" --to-dir out/dir web
	atf_check cmp root/snap/"$id"/memory.raw out/dir/memory.raw
	atf_check snap-verify --from-dir out/dir
	atf_check state-gc -R "$1" --dry-run
	atf_check -o empty vm-ls -R "$1"
	atf_check -s exit:66 -e inline:"vm-ls: none: no such VM in $(realpath "$1")\n" \
	    vm-ls -R "$1" none
}

# Everything that writes refuses the root $1 by $2, before it does anything.
check_writers()
{
	while read -r command; do
		# shellcheck disable=SC2086
		atf_check -s exit:77 -e inline:"${command%% *}: $1: $2\n" \
		    $command -R "$1" </dev/null
	done <<-'END'
		vm-create -n new --kernel web.tar
		vm-start web
		vm-stop web
		vm-pause web
		vm-resume web
		vm-rm web
		vm-clone web
		vm-clone --from-archive web.tar
		vm-restore web web
		snap-save web
		snap-rm web
		snap-import web.tar
		state-gc
		state-gc --keep 0
	END
}

atf_test_case mount__store cleanup
mount__store_body()
{
	make_snap
	mount_read_only root ro
	picture >before
	check_readers "$PWD/ro"
	check_writers "$PWD/ro" "Read-only file system"
	picture >after
	atf_check cmp before after
	# Where it may be written the export counts as an access.
	touch -d 2026-11-21T08:00:00Z "root/access/$(id_of abc)"
	atf_check -o save:web3.tar snap-export -q -R ro web
	atf_check -o match:"^2026-11-21T08:00:00.0+Z$" \
	    snap-ls -p last_accessed_at web
	atf_check -o save:web3.tar snap-export -q web
	atf_check -o not-match:"^2026-11-21T08:00:00.0+Z$" \
	    snap-ls -p last_accessed_at web
}
mount__store_cleanup()
{
	loopfs_clean
}

# A root that is not there: nobody makes it who only reads, or acts on what is
# in it.
atf_test_case root__not_there
root__not_there_body()
{
	mkdir -p empty other/dir
	touch file
	why="no state root: No such file or directory"
	none="no state root: it has neither vm nor snap"
	while read -r command; do
		for d in none none/deeper; do
			# shellcheck disable=SC2086
			atf_check -s exit:66 \
			    -e inline:"${command%% *}: $PWD/$d: $why\n" \
			    $command -R $d
		done
		for d in empty other; do
			# shellcheck disable=SC2086
			atf_check -s exit:66 \
			    -e inline:"${command%% *}: $PWD/$d: $none\n" \
			    $command -R $d
		done
		# shellcheck disable=SC2086
		atf_check -s exit:66 -e inline:"${command%% *}: $PWD/file: \
no state root: Not a directory\n" \
		    $command -R file
	done <<-'END'
		vm-ls
		vm-ls -t
		vm-ls x
		vm-wait --state running x
		vm-console x
		snap-ls
		snap-verify
		snap-export --dry-run x
		state-gc --dry-run
		disk-backup -o out --vm x cow
		vm-start x
		vm-stop x
		vm-pause x
		vm-resume x
		vm-rm x
		vm-set --cpu 2 x
		vm-restore x y
		vm-clone x
		snap-save x
		snap-set -n y x
		snap-rm x
		snap-import --layer file
		disk-restore --force --to-vm x file cow
		state-gc
	END
	# The environment names one, too.
	for d in none empty; do
		for command in vm-ls "vm-ls -t" snap-ls snap-verify \
		    "state-gc --dry-run" "vm-ls x"; do
			# shellcheck disable=SC2086
			INSTAR_ROOT=$PWD/$d atf_check -s exit:66 \
			    -e match:"^${command%% *}: $PWD/$d: no state root: " \
			    $command
		done
	done
	atf_check -o inline:"empty\nother\nother/dir\n" find empty other
	atf_check test ! -e none
}

# The one before it in a pipe makes the root that this one acts in.
atf_test_case root__made_in_the_pipe
root__made_in_the_pipe_body()
{
	echo kernel >kernel
	{ sleep 1; vm-create --kernel kernel -p id; } |
	    atf_check vm-rm -
	rm -r root
	{ sleep 1; vm-create --kernel kernel -p id; } |
	    atf_check -s exit:66 -e match:"no such snapshot in " vm-clone -
	rm -r root
	{ sleep 1; vm-create --kernel kernel -p id; } |
	    atf_check -s exit:66 -e match:"no such snapshot in " snap-rm -
}

# The default, which nobody names, may be new: it is empty, and not made.
atf_test_case root__default_not_made
root__default_not_made_body()
{
	unset INSTAR_ROOT
	as=
	[ "$(id -u)" -ne 0 ] || as="setpriv --reuid=54321 --regid=54321 \
	    --clear-groups"
	# shellcheck disable=SC2086 # several words
	$as test -x "$top" -a -x . || atf_skip "nobody else can read this tree"
	mkdir -p state2/instar
	chmod 777 state2/instar
	touch file
	for XDG_STATE_HOME in "$PWD/state" "$PWD/state2"; do
		export XDG_STATE_HOME
		for command in vm-ls "vm-ls -t" snap-ls snap-verify \
		    "state-gc --dry-run" state-gc; do
			# shellcheck disable=SC2086
			atf_check $as $command
		done
		# shellcheck disable=SC2086
		atf_check -s exit:66 \
		    -e match:"$XDG_STATE_HOME/instar: no state root: " \
		    $as vm-ls x
		# shellcheck disable=SC2086
		atf_check -s exit:66 \
		    -e match:"$XDG_STATE_HOME/instar: no state root: " \
		    $as vm-rm x
		# shellcheck disable=SC2086
		atf_check $as vm-rm --allow-empty - </dev/null
	done
	XDG_STATE_HOME=$PWD/file
	# shellcheck disable=SC2086
	atf_check -s exit:66 -e match:"no state root: Not a directory" $as vm-ls
	atf_check test ! -e state
	atf_check -o inline:"state2/instar\n" find state2 -mindepth 1
}

# A copy of a root without its empty directories: all that is in it is there,
# and nobody who only reads makes the rest.
atf_test_case root__in_part cleanup
root__in_part_body()
{
	make_snap
	find root -depth -type d -empty -delete
	atf_check test ! -e root/vm
	picture >before
	check_readers "$PWD/root"
	atf_check -o empty vm-ls
	atf_check -o inline:"sealed\nweb\n" sh -c "snap-ls -p name | sort"
	# Nothing else is needed, names and times of access least of all.
	id=$(id_of abc)
	rm -r root/access root/name
	atf_check -o match:"\"id\":\"$id\"" -o not-match:last_accessed_at \
	    snap-ls "$id"
	atf_check -o save:web3.tar snap-export -q --no-compress "$id"
	atf_check cmp web2.tar web3.tar
	atf_check -s exit:66 -e inline:"snap-ls: web: no such \
snapshot in $INSTAR_ROOT\n" snap-ls web
	atf_check state-gc --dry-run
	atf_check -o match:lru-keep state-gc --dry-run --keep 0
	for d in access name vm layer; do
		atf_check test ! -e root/$d
	done
	if [ "$(id -u)" -eq 0 ]; then
		mount_read_only root ro
		atf_check -o match:"$id" snap-ls -R ro -p id
		atf_check -o empty vm-ls -R ro
	fi
	# The other half: VMs without snapshots.
	tiny_vm idle
	find root -depth -type d -empty -delete
	rm -r root/snap root/name/snap root/layer root/access
	atf_check -o inline:"idle\n" vm-ls -p name
	atf_check -o inline:"idle\n" vm-ls -p name idle
	atf_check -o empty snap-ls
	atf_check -s exit:66 -e inline:"snap-ls: none: no such \
snapshot in $INSTAR_ROOT\n" snap-ls none
	atf_check -e ignore snap-verify
	atf_check -o empty state-gc --dry-run --keep 0
	# Whoever writes makes what is missing.
	atf_check -o ignore vm-set --cpu 2 idle
	for d in snap layer access name/snap; do
		atf_check test -d root/$d
	done
}
root__in_part_cleanup()
{
	loopfs_clean
}

# A VM that runs through another path, as seen from a container.
atf_test_case mount__vm cleanup
mount__vm_body()
{
	tiny_run web --storage 16M
	tiny_vm idle --storage 16M
	mount_read_only root ro
	atf_check -o inline:"running\n" vm-ls -R ro -p state web
	atf_check vm-wait -R ro --timeout 60 --state running web
	atf_check vm-wait -R ro --timeout 60 --console '^tick [0-9a-f]{8}$' web
	atf_check -s exit:75 -e inline:"vm-wait: idle: the time is over\n" \
	    vm-wait -R ro --timeout 0 --state running idle
	atf_check -o match:'"idle-cow"' \
	    disk-backup -q -R ro -o idle.mirn --vm idle cow
	atf_check -o ignore disk-restore -q idle.mirn idle.raw
	atf_check cmp "$(member idle dir)/cow.raw" idle.raw
	atf_check -s exit:77 -o empty \
	    -e match:'^disk-backup: web: .*: Read-only file system$' \
	    disk-backup -q -R ro -o web.mirn --vm web cow
	atf_check -s exit:77 \
	    -e inline:"vm-stop: $PWD/ro: Read-only file system\n" \
	    vm-stop -R ro --force web
	# Without the lock's file, and with that of whoever was there before.
	atf_check -o match:"^key 61" sh -c 'printf a | vm-console -R ro web'
	atf_check test ! -e root/name/vm/web/console.lock
	atf_check -o ignore vm-console web </dev/null
	atf_check -o match:"^key 62" sh -c 'printf b | vm-console -R ro web'
	atf_check -s exit:75 \
	    -e inline:"vm-console: web: console: busy: another client has it\n" \
	    flock root/name/vm/web/console.lock vm-console -R ro web </dev/null
	atf_check -o ignore vm-stop --force web
	atf_check vm-wait -R ro --timeout 60 --state stopped web
}
mount__vm_cleanup()
{
	vms_end
	loopfs_clean
}

# Runs a command as a user who may read everything here.
as_other="setpriv --reuid=65534 --regid=65534 --clear-groups"

# A VM of another user: what its files tell is told, and it is not asked.
atf_test_case modes__vm_of_another cleanup
modes__vm_of_another_head()
{
	atf_set require.user root
}
modes__vm_of_another_body()
{
	tiny_run web
	tiny_vm idle
	atf_check -o ignore vm-pause web
	chmod -R a+rX "$PWD"
	$as_other test -r root/vm && $as_other test -x "$(command -v vm-ls)" ||
	    atf_skip "the way to here is not open to other users"
	atf_check -o inline:"running\n" $as_other vm-ls -R root -p state web
	atf_check -o inline:"created\n" $as_other vm-ls -R root -p state idle
	atf_check $as_other vm-wait -R root --console '^tick [0-9a-f]{8}$' web
	why="vm-wait: web: watch.sock: Permission denied"
	for state in running paused; do
		atf_check -s exit:77 -e inline:"$why\n" \
		    $as_other vm-wait -R root --state $state web
	done
	atf_check -o ignore vm-stop --force web
	chmod -R a+rX root
	atf_check $as_other vm-wait -R root --state stopped web
}
modes__vm_of_another_cleanup()
{
	vms_end
}

atf_test_case modes__store cleanup
modes__store_head()
{
	atf_set require.user unprivileged
}
modes__store_body()
{
	make_snap
	chmod -R a-w root
	picture >before
	check_readers "$PWD/root"
	check_writers "$PWD/root" "Permission denied"
	picture >after
	atf_check cmp before after
}
modes__store_cleanup()
{
	chmod -R u+w root
}

atf_init_test_cases()
{
	atf_add_test_case mount__store
	atf_add_test_case root__not_there
	atf_add_test_case root__made_in_the_pipe
	atf_add_test_case root__default_not_made
	atf_add_test_case root__in_part
	atf_add_test_case mount__vm
	atf_add_test_case modes__vm_of_another
	atf_add_test_case modes__store
}
