#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A Linux guest that writes its disk and reads it back all the time is saved
# again and again, on each kind of filesystem.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"

# on_fs TYPE: a Linux "a" runs there and has read its disk back.
on_fs()
{
	need
	need_linux
	loopfs_make "$1" 6G "$PWD/fs"
	INSTAR_ROOT=$PWD/fs/root
	export INSTAR_ROOT
	atf_check -o ignore vm-create -n a --memory 256M --storage 128M \
	    --kernel "$vmlinuz" --initrd "$initrd" \
	    --cmdline "console=ttyS0 panic=1"
	atf_check -o ignore vm-start a
	atf_check vm-wait --timeout 180 --console '^disk ok ' a
}

fs_end()
{
	rm -f fs/ballast
	vms_end "$PWD/fs/root"
	sleep 0.5
	loopfs_clean
}

log_of()
{
	echo "$INSTAR_ROOT/name/vm/$1/console.log"
}

not_torn()
{
	atf_check -s exit:1 grep -a "DISK TORN\|disk full\|rror" "$(log_of "$1")"
}

oks()
{
	grep -ac '^disk ok' "$(log_of "$1")"
}

reads_back()
{
	[ "$(oks "$1")" -gt "$2" ]
}

# The guest's disk is written and read back once more.
disk_goes_on()
{
	n=$(oks "$1")
	eventually 60 reads_back "$1" "$n" ||
	    atf_fail "$1: $(last_lines "$1")"
	not_torn "$1"
}

answers()
{
	[ "$(grep -ac "$answer" "$log")" -gt "$was" ]
}

last_lines()
{
	tail -n 5 "$(log_of "$1")" | tr '\n' ';'
}

# A line typed on the console of VM $1; waits for the answer $3.
typed()
{
	log=$(log_of "$1") answer=$3
	was=$(grep -ac "$answer" "$log")
	printf '%s\n' "$2" | perl -e '
	use IO::Socket::UNIX;
	chdir($ARGV[0]) or die "$ARGV[0]: $!";
	my $s = IO::Socket::UNIX->new(Peer => "console.sock") or die $!;
	print $s <STDIN>;
	$s->flush;
	select(undef, undef, undef, 0.5);
	' "$INSTAR_ROOT/name/vm/$1" || atf_fail "console of $1"
	eventually 60 answers ||
	    atf_fail "$1 does not say $answer: $(last_lines "$1")"
}

# The chain of VM $1 is one that others read, and short.
chain_is_clean()
{
	top=$(vm-ls "$1" | jq -r '.storage_configs[0].path')
	n=$(vm-ls "$1" | jq '.storage_configs[0].backing // [] | length + 1')
	[ "$n" -le 8 ] || atf_fail "a chain of $n files"
	# An image that is written looks unfinished to others.
	state=$(vm-ls -p state "$1")
	atf_check -o ignore vm-pause "$1"
	case $top in
	*.qcow2)
		atf_check -o ignore qemu-img check -U -f qcow2 "$top"
		qemu-img info -U --backing-chain --output=json "$top" |
		    jq length >depth
		atf_check -o inline:"$n\n" cat depth
		;;
	esac
	[ "$state" = paused ] || atf_check -o ignore vm-resume "$1"
}

# A clone of the snapshot goes on with a whole disk.
clone_is_whole()
{
	atf_check snap-verify "$1"
	atf_check -o ignore vm-clone -n "of-$1" "$1"
	disk_goes_on "of-$1"
	chain_is_clean "of-$1"
	typed "of-$1" sum '^sum ok'
	not_torn "of-$1"
	atf_check -s exit:1 grep -a 'Linux version' "$(log_of "of-$1")"
}

forty_saves()
{
	i=0
	while [ $i -lt 40 ]; do
		i=$((i + 1))
		snap_save -n s$i a
		nothing_frozen_is_open a
		chain_is_clean a
		case $i in
		1 | 7 | 8 | 9 | 20 | 40) ;;
		*)
			[ $((i % 5)) -ne 0 ] || atf_check snap-verify s$i
			atf_check -o ignore snap-rm s$i
			;;
		esac
	done
	disk_goes_on a
	for i in 1 8 9 40; do
		clone_is_whole s$i
		snap_save -n t$i of-s$i
		nothing_frozen_is_open of-s$i
		atf_check -o ignore vm-rm --force of-s$i
	done
	clone_is_whole t40
	disk_goes_on a
	# Back to an early moment: the disk and what the guest knows of it.
	atf_check -o ignore vm-restore a s7
	disk_goes_on a
	typed a sum '^sum ok'
	snap_save -n u a
	clone_is_whole u
	atf_check snap-verify s1 s7 s8 s9 s20 s40 t1 t8 t9 t40 u
	not_torn a
}

for fs in ext4 xfs btrfs; do
	eval "
	atf_test_case ${fs}__forty_saves cleanup
	${fs}__forty_saves_body()
	{
		on_fs $fs
		forty_saves
	}
	${fs}__forty_saves_cleanup()
	{
		fs_end
	}
	"
done

# After the tool the VM dies, too, and boots: what the guest had synced is
# there, and no snapshot has changed.
atf_test_case ext4__switch_killed_and_restarted cleanup
ext4__switch_killed_and_restarted_body()
{
	on_fs ext4
	snap_save -n s a
	for step in overlays-recorded overlays-open switched collected; do
		typed a "run echo $step-1 >/disk/mark; sync" '^status 0'
		killed_at $step snap-save -n k a
		disk_goes_on a
		typed a "run echo $step-2 >>/disk/mark; sync" '^status 0'
		nothing_frozen_is_open a
		kill -9 "$(pid_of a)"
		eventually 10 eval 'vm-ls -p state a | grep -qx stopped' ||
		    atf_fail "it does not die"
		atf_check -o ignore vm-start a
		atf_check vm-wait --timeout 180 --console '^ready' a
		typed a "run cat /disk/mark" "^$step-1"
		typed a "run cat /disk/mark" "^$step-2"
		collected 1
		atf_check snap-verify s
	done
	disk_goes_on a
	chain_is_clean a
	snap_save -n t a
	clone_is_whole t
	clone_is_whole s
	not_torn a
}
ext4__switch_killed_and_restarted_cleanup()
{
	fs_end
}

# Merges that are cut short lose nothing either.
atf_test_case ext4__merge_killed cleanup
ext4__merge_killed_body()
{
	on_fs ext4
	for round in 1 2 3; do
		while [ "$(vm-ls a | jq '.storage_configs[0].backing // [] |
		    length')" -lt 7 ]; do
			snap_save -n s a
			atf_check -o ignore snap-rm s
		done
		typed a "fill 24" '^filled'
		step=merging
		[ $round -ne 3 ] || step=merged
		killed_at $step snap-save -n k a
		disk_goes_on a
		snap_save -n k$round a
		chain_is_clean a
		clone_is_whole k$round
		atf_check -o ignore vm-rm --force of-k$round
	done
	not_torn a
	typed a sum '^sum ok'
}
ext4__merge_killed_cleanup()
{
	fs_end
}

# A disk write that finds no room halts the guest, and loses nothing.
atf_test_case ext4__no_space cleanup
ext4__no_space_body()
{
	on_fs ext4
	snap_save -n s a
	free=$(df -B1M --output=avail fs | tail -n 1)
	fallocate -l $((free - 8))M fs/ballast
	perl -e '
	use IO::Socket::UNIX;
	chdir($ARGV[0]) or die;
	my $s = IO::Socket::UNIX->new(Peer => "console.sock") or die $!;
	print $s "fill 40\n";
	$s->flush;
	select(undef, undef, undef, 0.5);
	' "$INSTAR_ROOT/name/vm/a"
	eventually 60 eval 'vm-ls -p state,error a | grep -q "no space"' ||
	    atf_fail "$(vm-ls a)"
	atf_check -o inline:"paused\tno space\n" vm-ls -p state,error a
	# Still none: it halts again.
	atf_check -o ignore vm-resume a
	eventually 20 eval 'vm-ls -p state,error a | grep -q "no space"' ||
	    atf_fail "$(vm-ls a)"
	rm fs/ballast
	inventory >before
	atf_check -s exit:77 -e inline:"snap-save: a: halted: a disk write \
found no space; vm-resume first\n" snap-save -n t a
	inventory >after
	atf_check diff before after
	atf_check -o ignore vm-resume a
	eventually 60 grep -aq '^filled 40' "$(log_of a)" ||
	    atf_fail "$(last_lines a)"
	vm_is a running
	disk_goes_on a
	typed a sum '^sum ok'
	snap_save -n t a
	clone_is_whole t
	clone_is_whole s
}
ext4__no_space_cleanup()
{
	fs_end
}

atf_init_test_cases()
{
	for fs in ext4 xfs btrfs; do
		atf_add_test_case ${fs}__forty_saves
	done
	atf_add_test_case ext4__switch_killed_and_restarted
	atf_add_test_case ext4__merge_killed
	atf_add_test_case ext4__no_space
}
