#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The main paths on filesystems of the case's own: with reflinks, without them,
# and full.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

need()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
}

# on_fs TYPE SIZE: the root is on such a filesystem from now on.
on_fs()
{
	need
	loopfs_make "$1" "$2" "$PWD/fs"
	INSTAR_ROOT=$PWD/fs/root
	export INSTAR_ROOT
}

fs_end()
{
	rm -f fs/ballast
	vms_end "$PWD/fs/root"
	sleep 0.3
	loopfs_clean
}

# Leaves $1 MiB free.
fill_up()
{
	free=$(df -B1M --output=avail fs | tail -n 1)
	fallocate -l $((free - $1))M fs/ballast || atf_fail "no ballast"
	sync -f fs
}

# The guest's memory and disks are saved, cloned, saved again, restored.
main_paths()
{
	backing=$1
	vm_run a --storage 16M --cmdline "fill=4 dirty=4 rate=10"
	atf_check -o inline:"$backing\n" vm-ls -p memory_backing a
	for i in 1 2 3 4 5 6 7 8 9; do
		snap_save -n s$i a
		nothing_frozen_is_open a
		counts_on a
	done
	count=$(count_in "$(snap_file s1 memory.raw)")
	for mode in auto overlay copy; do
		atf_check -o ignore vm-clone -n $mode --disk-mode $mode s9
		counts_on $mode
		snap_save -n t-$mode $mode
		nothing_frozen_is_open $mode
	done
	atf_check -o ignore vm-clone -n copied --memory-mode copy s9
	atf_check -o inline:"$backing\n" vm-ls -p memory_backing copied
	counts_on copied
	snap_save -n t-copied copied
	atf_check -o ignore vm-clone -n g2 --count 2 t-auto
	snap_save -n u g2-1
	atf_check -o ignore vm-clone -n g3 u
	counts_on g3
	atf_check -o ignore vm-restore a s1
	counts_on a
	first=$(back_to a)
	[ "$first" -ge "$count" ] && [ "$first" -le $((count + 2)) ] ||
	    atf_fail "saved at $count, restored at $first"
	snap_save -n v --stop a
	vm_is a stopped
	atf_check -o ignore vm-restore a v
	counts_on a
	for vm in auto overlay copy copied g2-1 g2-2 g3; do
		counts_on $vm
	done
	# shellcheck disable=SC2046
	atf_check snap-verify $(ls "$INSTAR_ROOT/snap")
	atf_check state-gc
}

for fs in ext4 xfs btrfs; do
	backing=file
	[ $fs != ext4 ] || backing=memfd
	eval "
	atf_test_case ${fs}__main_paths cleanup
	${fs}__main_paths_body()
	{
		on_fs $fs 1536M
		main_paths $backing
	}
	${fs}__main_paths_cleanup()
	{
		fs_end
	}
	"
done

# Reflinks where they work: nothing but the sealed memory is copied.
atf_test_case xfs__shares_blocks cleanup
xfs__shares_blocks_body()
{
	on_fs xfs 1G
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --storage 128M
	dd if=/dev/urandom of="$INSTAR_ROOT/name/vm/a/cow.raw" bs=1M count=64 \
	    conv=notrunc status=none
	atf_check -o ignore vm-start a
	counts_on a
	sync -f fs
	before=$(df -B1M --output=used fs | tail -n 1)
	snap_save -n s a
	atf_check -o ignore vm-clone -n c --count 4 s
	sync -f fs
	used=$(($(df -B1M --output=used fs | tail -n 1) - before))
	[ $used -lt 32 ] || atf_fail "$used MiB for a save and four clones"
	[ ! -e "$INSTAR_ROOT/name/vm/a/cow.1.qcow2" ] || atf_fail "an overlay"
	for i in 1 2 3 4; do
		counts_on c-$i
	done
}
xfs__shares_blocks_cleanup()
{
	fs_end
}

# A disk "disk" that VM "a" shares, and the same bytes in "good".
share_disk()
{
	head -c 1M /dev/urandom >fs/disk
	cp --reflink=never fs/disk fs/good
	sync -f fs
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --layer fs/disk
	layer=$(echo "$INSTAR_ROOT"/layer/*)
	atf_check cmp fs/good "$layer"
}

# With reflinks a disk is its owner's to write to.
atf_test_case xfs__layer_written_to cleanup
xfs__layer_written_to_body()
{
	on_fs xfs 320M
	share_disk
	atf_check -o inline:"1\n" stat -c %h fs/disk
	echo changed | dd of=fs/disk conv=notrunc status=none
	atf_check cmp fs/good "$INSTAR_ROOT/name/vm/a/layer0"
	atf_check -o ignore vm-create -n b --memory 32M --kernel "$tiny" \
	    --layer fs/good
	atf_check -o inline:"$layer\n" find "$INSTAR_ROOT/layer" -mindepth 1 -not -name ".*"
	# A reflink costs no blocks.
	df -B4096 --output=used fs | tail -n 1 >before
	head -c 64M /dev/urandom >fs/large
	sync -f fs
	atf_check -o ignore vm-create -n c --memory 32M --kernel "$tiny" \
	    --layer fs/large
	sync -f fs
	[ "$(df -B1M --output=used fs | tail -n 1)" -lt \
	    $(($(cat before) / 256 + 100)) ] || atf_fail "it was copied"
}
xfs__layer_written_to_cleanup()
{
	fs_end
}

# Without them it is a link, and may be replaced; one that was written to is
# shared no further: who brings the disk again puts it right.
atf_test_case ext4__layer_written_to cleanup
ext4__layer_written_to_body()
{
	on_fs ext4 128M
	share_disk
	atf_check -o inline:"$(stat -c %i "$layer")\n" stat -c %i fs/disk
	atf_check -o ignore vm-create -n b --memory 32M --kernel "$tiny" \
	    --layer fs/disk
	cp fs/good fs/new
	echo changed | dd of=fs/new conv=notrunc status=none
	ln fs/disk fs/old
	mv fs/new fs/disk
	atf_check cmp fs/good "$layer"
	atf_check -o ignore vm-create -n c --memory 32M --kernel "$tiny" \
	    --base fs/good
	echo changed | dd of=fs/old conv=notrunc status=none
	for disk in "layer fs/good" "base fs/good"; do
		# shellcheck disable=SC2086
		atf_check -o ignore vm-create -n "${disk%% *}" --memory 32M \
		    --kernel "$tiny" --$disk
		atf_check cmp fs/good "$layer"
		ln -f fs/old "$layer"
	done
	# What has the other one has it until it starts.
	atf_check cmp fs/old "$INSTAR_ROOT/name/vm/a/layer0"
	ln -f fs/good "$layer"
	atf_check -o ignore vm-start a
	atf_check cmp fs/good "$INSTAR_ROOT/name/vm/a/layer0"
	ln -f fs/old "$INSTAR_ROOT/name/vm/a/layer0"
	atf_check -s exit:65 -o empty -e match:"^snap-save: a: layer0: what the VM \
runs from has been written to" snap-save a
	atf_check -o ignore vm-stop --force a
	atf_check cmp fs/good "$INSTAR_ROOT/name/vm/layer/layer0"
	atf_check -o inline:"$layer\n" find "$INSTAR_ROOT/layer" -mindepth 1 -not -name ".*"
}
ext4__layer_written_to_cleanup()
{
	fs_end
}

# Room for copies is asked for only where there will be copies.
atf_test_case xfs__reflinks_need_no_room cleanup
xfs__reflinks_need_no_room_body()
{
	on_fs xfs 512M
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --storage 64M
	dd if=/dev/urandom of="$INSTAR_ROOT/name/vm/a/cow.raw" bs=1M count=32 \
	    conv=notrunc status=none
	atf_check -o ignore vm-start a
	counts_on a
	snap_save -n s a
	fill_up 20
	inventory >before
	atf_check -s exit:74 \
	    -e match:"^vm-clone: s: no space: [0-9]+ bytes would be copied" \
	    vm-clone -n c --no-start --disk-mode copy s
	inventory >after
	atf_check diff before after
	atf_check -o ignore vm-clone -n c --count 4 --no-start \
	    --disk-mode reflink s
	counts_on a
}
xfs__reflinks_need_no_room_cleanup()
{
	fs_end
}

# A disk of many extents is not reflinked inside the pause.
atf_test_case xfs__many_extents cleanup
xfs__many_extents_body()
{
	on_fs xfs 1G
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --storage 64M
	perl -e '
	open(my $f, "+<", $ARGV[0]) or die;
	for (my $at = 0; $at < 10000; $at += 2) {
		sysseek($f, $at * 4096, 0);
		syswrite($f, "x" x 4096);
	}
	' "$INSTAR_ROOT/name/vm/a/cow.raw"
	atf_check -o ignore vm-start a
	counts_on a
	snap_save -n s a
	[ -e "$INSTAR_ROOT/name/vm/a/cow.1.qcow2" ] || atf_fail "no overlay"
	# The overlay is quick to reflink: the next save does so.
	snap_save -n t a
	[ ! -e "$INSTAR_ROOT/name/vm/a/cow.2.qcow2" ] || atf_fail "another"
	atf_check -o ignore vm-clone -n c t
	counts_on c
	snap_save -n u c
	atf_check snap-verify s t u
	nothing_frozen_is_open a
	nothing_frozen_is_open c
}
xfs__many_extents_cleanup()
{
	fs_end
}

atf_test_case full__start cleanup
full__start_body()
{
	on_fs xfs 512M
	atf_check -o ignore vm-create -n a --memory 64M --kernel "$tiny" \
	    --memory-backing file
	fill_up 20
	inventory >before
	atf_check -s exit:74 \
	    -e inline:"vm-start: a: memory.raw: No space left on device\n" \
	    vm-start a
	inventory >after
	atf_check diff before after
	vm_is a created
	rm fs/ballast
	atf_check -o ignore vm-start a
	counts_on a
}
full__start_cleanup()
{
	fs_end
}

# A file-backed guest that is saved must not meet a full filesystem.
atf_test_case full__save cleanup
full__save_body()
{
	on_fs xfs 512M
	vm_run a --storage 8M --memory-backing file \
	    --cmdline "fill=24 dirty=16 rate=20"
	pid=$(pid_of a)
	# No room for all pages to be written anew: copied, in part or not.
	fill_up 25
	inventory >before
	atf_check -s exit:74 -e match:"snap-save: a: no space: " \
	    snap-save -n s a
	inventory >after
	atf_check diff before after
	counts_on a
	rm fs/ballast
	fill_up 36
	atf_check -s exit:0 -o save:saved snap-save -n s a
	sleep 1
	counts_on a
	# Whatever is left: the guest's memory is its own.
	atf_check -o ignore sh -c "dd if=/dev/zero of=fs/rest bs=1M \
	    2>/dev/null || :"
	sync -f fs
	sleep 1
	counts_on a
	[ "$(pid_of a)" = "$pid" ] || atf_fail "another process"
	vm_is a running
	atf_check -s exit:74 -e match:"no space|No space" snap-save -n t a
	counts_on a
	atf_check snap-verify s
	rm fs/rest fs/ballast
	snap_save -n t a
	atf_check snap-verify t
	# memory_at_risk: said while it is so, and no longer.
	atf_check -o inline:"\n" vm-ls -p memory_at_risk a
	fill_up 5
	atf_check -o inline:"true\n" vm-ls -p memory_at_risk a
}
full__save_cleanup()
{
	fs_end
}

# Nothing is left of a clone, and of a restore, that found no room.
atf_test_case full__clone_and_restore cleanup
full__clone_and_restore_body()
{
	on_fs ext4 256M
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --storage 64M --cmdline "fill=8"
	dd if=/dev/urandom of="$INSTAR_ROOT/name/vm/a/cow.raw" bs=1M count=16 \
	    conv=notrunc status=none
	atf_check -o ignore vm-start a
	counts_on a
	snap_save -n s a
	fill_up 2
	inventory >before
	atf_check -s exit:74 -e match:"vm-clone: s: no space: " \
	    vm-clone -n c --disk-mode copy s
	inventory >after
	atf_check diff before after
	for mode in "--memory-mode copy" ""; do
		# shellcheck disable=SC2086
		vm-clone -n c $mode s >out 2>err && vm-rm -q --force c
		# shellcheck disable=SC2086
		vm-restore $mode a s >out 2>err || :
		counts_on a
		vm_is a running
	done
	rm fs/ballast
	atf_check state-gc
	atf_check snap-verify s
	atf_check -o ignore vm-clone -n c s
	counts_on c
}
full__clone_and_restore_cleanup()
{
	fs_end
}

# A merge that might fill the filesystem is not begun: the guest would halt.
atf_test_case full__merge cleanup
full__merge_body()
{
	on_fs ext4 256M
	vm_run a --storage 64M
	for i in 1 2 3 4 5 6 7; do
		snap_save -n s$i a
	done
	# As if the guest had written much; the file's bytes stay the same.
	fallocate --keep-size -l 8M "$INSTAR_ROOT/name/vm/a/cow.3.qcow2"
	need=$(cd "$INSTAR_ROOT/name/vm/a" &&
	    du -ck cow.[1-6].qcow2 | tail -n 1 | cut -f 1)
	free=$(df -k --output=avail fs | tail -n 1)
	fallocate -l $((free - need + 1024))K fs/ballast
	sync -f fs
	inventory >before
	atf_check -s exit:74 -e match:"snap-save: a: merge of disk 0: no space: \
$((need * 1024)) bytes may be written, [0-9]* are free" snap-save -n t a
	inventory >after
	atf_check diff before after
	counts_on a
	vm_is a running
	rm fs/ballast
	snap_save -n t a
	atf_check -o inline:"2\n" sh -c \
	    "vm-ls a | jq '.storage_configs[0].backing | length'"
	all=$(ls "$INSTAR_ROOT/snap")
	# shellcheck disable=SC2086
	atf_check snap-verify $all
}
full__merge_cleanup()
{
	fs_end
}

# Leaves $1 KiB free, all that is to be written being written.
leave()
{
	rm -f fs/ballast
	sync -f fs
	free=$(df -k --output=avail fs | tail -n 1)
	fallocate -l $((free - $1))K fs/ballast 2>/dev/null ||
	    fallocate -l $((free - $1 - 4))K fs/ballast || atf_fail "no ballast"
	sync -f fs
}

# whole_or_nothing WHAT COMMAND...: done, or one line that says what was
# missing, and all as it was.  The guest of VM a never notices.
whole_or_nothing()
{
	what=$1
	shift
	inventory >before
	code=0
	"$@" >out 2>err || code=$?
	echo "$what: $code: $(cat err)"
	case $code in
	0) done=$((done + 1)) ;;
	74)
		refused=$((refused + 1))
		grep -qi 'no space' err && [ "$(wc -l <err)" -eq 1 ] ||
		    atf_fail "$what: $(cat err)"
		inventory >after
		diff before after || atf_fail "$what: left something"
		[ ! -e fs/out ] || atf_fail "$what: left fs/out"
		;;
	*) atf_fail "$what: status $code: $(cat err)" ;;
	esac
	vm_is a running
	# What it prints needs room, too.
	rm -rf fs/ballast fs/out
	counts_on a
}

# The room ends at every step of every tool that makes something of a snapshot.
atf_test_case full__at_each_step cleanup
full__at_each_step_head()
{
	atf_set require.config long
}
full__at_each_step_body()
{
	on_fs ext4 96M
	vm_run a --storage 16M --data-disk size=16M,name=db,fstype=none
	snap_save -n s a
	atf_check -o ignore snap-export -q -o s.tar.zst s
	atf_check -o ignore snap-export -q --to-dir d s
	done=0 refused=0
	for k in 0 4 8 12 16 24 32 48 64 96 128 192 256 512 1024 4096 16384; do
		for op in 'snap-export -q -o fs/out s' \
		    'snap-export -q --to-dir fs/out s' \
		    'snap-import -q -n new s.tar.zst' \
		    'snap-import -q -n new --from-dir d' \
		    'vm-clone -n new s' 'vm-clone -n new --from-dir d' \
		    'vm-clone -n new --from-archive s.tar.zst' \
		    'vm-restore a s' 'vm-restore a --from-dir d' \
		    'vm-restore a --from-archive s.tar.zst'; do
			leave "$k"
			# shellcheck disable=SC2086
			whole_or_nothing "$k KiB: $op" $op
			case $op in
			vm-clone*) vm-rm -q --force new 2>/dev/null ;;
			snap-import*) snap-rm -q new 2>/dev/null ;;
			esac
		done
	done
	[ $done -ge 30 ] && [ $refused -ge 30 ] ||
	    atf_fail "$done done, $refused refused"
	atf_check snap-verify s
	atf_check -o empty state-gc --dry-run
}
full__at_each_step_cleanup()
{
	fs_end
}

atf_init_test_cases()
{
	for fs in ext4 xfs btrfs; do
		atf_add_test_case ${fs}__main_paths
	done
	atf_add_test_case xfs__shares_blocks
	atf_add_test_case xfs__layer_written_to
	atf_add_test_case ext4__layer_written_to
	atf_add_test_case xfs__reflinks_need_no_room
	atf_add_test_case xfs__many_extents
	atf_add_test_case full__start
	atf_add_test_case full__save
	atf_add_test_case full__clone_and_restore
	atf_add_test_case full__merge
	atf_add_test_case full__at_each_step
}
