#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A store that came in the image of a container: the lower layer of an overlayfs,
# of which nothing can be renamed that is a directory.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

mount_overlay()
{
	mount -t overlay -o \
	    "lowerdir=$PWD/fs/low,upperdir=$PWD/$1/upper,workdir=$PWD/$1/work" \
	    overlay merged || atf_skip "no overlayfs here"
}

# The same store as it came, with another UPPER.
overlay_anew()
{
	umount merged
	mkdir -p "$1/upper" "$1/work"
	mount_overlay "$1"
}

# Fails where a VMM runs in a directory of $1 that no tool knows.
vmms_of()
{
	for cwd in /proc/[0-9]*/cwd; do
		case $(readlink "$cwd" 2>/dev/null) in
		"$PWD/$1"/*) atf_fail "$cwd: $(readlink "$cwd")" ;;
		esac
	done
}

# on_overlay UPPER: the root, with a snapshot and a VM, lies below; what is
# written goes to UPPER, which is on the same filesystem, or on another.
on_overlay()
{
	need_tiny
	loopfs_make ext4 256M "$PWD/fs"
	INSTAR_ROOT=$PWD/fs/low
	export INSTAR_ROOT
	vm_run a --storage 8M --cmdline "fill=4 dirty=4 rate=20"
	snap_save -n s a
	snap_save -n t a
	atf_check -o ignore vm-stop --force a
	mkdir -p merged "$1/upper" "$1/work"
	mount_overlay "$1"
	(cd fs/low && find . -type f -exec sha256sum {} + | sort) >low.sums
	INSTAR_ROOT=$PWD/merged
}

overlay_end()
{
	vms_end "$PWD/merged"
	sleep 0.3
	umount "$PWD/merged" 2>/dev/null
	umount "$PWD/mem" 2>/dev/null
	loopfs_clean
}

all_of_it()
{
	atf_check -o ignore vm-clone -n c s
	counts_on c
	snap_save -n mine c
	nothing_frozen_is_open c
	# The VM from below is put back, runs, is saved, and goes.
	atf_check -o ignore vm-restore a s
	counts_on a
	snap_save -n again a
	atf_check -o ignore vm-restore a s
	counts_on a
	atf_check snap-verify s t mine again
	atf_check -o ignore vm-rm --force a
	atf_check -s exit:66 -e ignore vm-ls a
	# And the snapshots, by name and by age.
	atf_check snap-rm s
	atf_check -s exit:66 -e ignore snap-ls s
	atf_check -o match:'"reason":"lru-keep"' state-gc --keep 1
	atf_check -o inline:"again\n" snap-ls -p name
	counts_on c
	atf_check -o ignore vm-rm --force c
	atf_check -o inline:"again\n" ls merged/name/snap
	atf_check -o empty ls merged/vm
	atf_check -o empty find merged -mindepth 1 -name '.*'
	# Nobody has written below.
	(cd fs/low && find . -type f -exec sha256sum {} + | sort) >now.sums
	atf_check diff low.sums now.sums
}

atf_test_case same_filesystem cleanup
same_filesystem_head()
{
	atf_set require.user root
}
same_filesystem_body()
{
	on_overlay fs/up
	all_of_it
}
same_filesystem_cleanup()
{
	overlay_end
}

atf_test_case upper_in_memory cleanup
upper_in_memory_head()
{
	atf_set require.user root
}
upper_in_memory_body()
{
	mkdir mem
	mount -t tmpfs -o size=512M tmpfs mem || atf_skip "no tmpfs here"
	on_overlay mem
	all_of_it
}
upper_in_memory_cleanup()
{
	overlay_end
}

# Killed between any two steps, the VM is the old one or the new one in the end.
atf_test_case killed cleanup
killed_head()
{
	atf_set require.user root
}
killed_body()
{
	grep -q INSTAR_HOOK "$top/vm-set/vm-set" ||
	    atf_skip "this build has no hooks"
	for step in root-recordless root-replacing; do
		on_overlay "fs/up-$step"
		for call in "vm-set --cpu 2 a" "vm-restore a s"; do
			atf_check -s signal:kill -o ignore -e ignore \
			    env INSTAR_HOOK="$step=kill" $call
			atf_check -o match:'"reason":"half-replaced"' state-gc
			atf_check -o ignore vm-start -q a
			# What was loaded to replace it waits.
			[ "$(vm-ls -p state a)" = running ] ||
			    atf_check -o ignore vm-resume a
			counts_on a
			atf_check -o ignore vm-stop --force a
			atf_check -o empty find merged/vm -name '.*'
			atf_check -o inline:"a\n" ls merged/name/vm
			overlay_anew "fs/up-$step-2"
		done
		umount merged
		loopfs_clean
	done
}
killed_cleanup()
{
	overlay_end
}

# What is whole is no old one: it may have run since, and a removed one is gone.
atf_test_case in_use_again cleanup
in_use_again_head()
{
	atf_set require.user root
}
in_use_again_body()
{
	grep -q INSTAR_HOOK "$top/vm-set/vm-set" ||
	    atf_skip "this build has no hooks"
	on_overlay fs/up
	atf_check -s signal:kill env INSTAR_HOOK=root-put=kill vm-set --cpu 2 a
	atf_check -s exit:75 -e match:"was not finished: state-gc" vm-rm a
	atf_check -o ignore vm-start -q a
	counts_on a
	atf_check -o match:'"reason":"unfinished"' state-gc
	counts_on a
	atf_check -o ignore vm-stop --force a
	atf_check -o inline:"1\n" vm-ls -p config.cpu a
	atf_check -o ignore vm-start -q a
	counts_on a
	atf_check -o ignore vm-rm --force a
	atf_check state-gc
	atf_check -o empty vm-ls
	# Half removed, it is neither there nor free.
	overlay_anew fs/up2
	atf_check -s signal:kill \
	    env INSTAR_HOOK=root-replacing=kill vm-set --cpu 2 a
	atf_check -s exit:75 -e inline:"vm-ls: a: half replaced: state-gc does \
the rest\n" vm-ls a
	atf_check -s exit:73 -e match:"the name is taken" \
	    vm-create -n a --kernel "$tiny" --memory 32M
	atf_check -o match:'"reason":"half-replaced"' state-gc
	atf_check -o inline:"2\n" vm-ls -p config.cpu a
}
in_use_again_cleanup()
{
	overlay_end
}

# No room to remove it: the new one waits until there is, and no VMM is left.
atf_test_case no_room cleanup
no_room_head()
{
	atf_set require.user root
}
no_room_body()
{
	mkdir mem
	mount -t tmpfs -o size=512M tmpfs mem || atf_skip "no tmpfs here"
	on_overlay mem
	for inodes in 20 24 28 32; do
		umount merged
		rm -rf mem/upper mem/work
		mkdir mem/upper mem/work
		mount -o remount,nr_inodes=0 mem
		mount_overlay mem
		used=$(df -i --output=iused mem | tail -n 1)
		mount -o remount,nr_inodes=$((used + inodes)) mem
		rc=0
		vm-restore a s >out 2>err || rc=$?
		mount -o remount,nr_inodes=0 mem
		state-gc >gc || atf_fail "state-gc: $inodes"
		atf_check -o ignore vm-start -q a
		counts_on a
		atf_check -o ignore vm-stop --force a
		atf_check -o empty find merged/vm -name '.*'
		vmms_of merged
	done
}
no_room_cleanup()
{
	overlay_end
}

atf_init_test_cases()
{
	atf_add_test_case killed
	atf_add_test_case in_use_again
	atf_add_test_case no_room
	atf_add_test_case same_filesystem
	atf_add_test_case upper_in_memory
}
