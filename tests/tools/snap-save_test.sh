#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Saves of a guest that counts: in its memory and on its console.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

need()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
}

# The snapshot is whole, and a clone of it goes on where it was saved.
proves_itself()
{
	snap=$1
	atf_check snap-verify "$snap"
	count=$(count_in "$(snap_file "$snap" memory.raw)")
	atf_check -o ignore vm-clone -n "of-$snap" "$snap"
	counts_on "of-$snap"
	first=$(first_tick "of-$snap")
	[ "$first" -ge "$count" ] && [ "$first" -le $((count + 1)) ] ||
	    atf_fail "$snap: saved at $count, its clone began at $first"
	atf_check -s exit:1 grep boot "$INSTAR_ROOT/name/vm/of-$snap/console.log"
}

atf_test_case save__running_guest cleanup
save__running_guest_body()
{
	need
	vm_run a --storage 8M --cmdline "fill=4 dirty=4 rate=20"
	before=$(ticks a)
	snap_save -n s -d "what it is" a
	count=$(count_in "$(snap_file s memory.raw)")
	after=$(ticks a)
	[ "$count" -ge "$before" ] && [ "$count" -le $((after + 1)) ] ||
	    atf_fail "$count is not between $before and $after"
	counts_on a
	vm_is a running
	proves_itself s
	id=$(id_of_snap s)
	atf_check -o inline:"s\twhat it is\t$id\t33554432\t8388608\n" \
	    snap-ls -p name,description,id,memory,storage s
	atf_check -o inline:"[\"$id\"]\n" jq -c .snapshot_ids \
	    "root/name/vm/a/vm.json"
	# The record that was printed is that of snap-ls, and tells the times.
	snap-ls s | jq -S 'del(.last_accessed_at, .disk_usage)' >listed
	jq -S 'del(.last_accessed_at, .disk_usage, .pause_ms, .phases)' \
	    saved >printed
	atf_check diff listed printed
	atf_check -o inline:"true\n" jq '.pause_ms > 0 and
	    .phases.pause >= 0 and .phases.seal > 0' saved
	jq '[.phases.pause, .phases.switch, .phases.state, .phases.memory,
	    .phases.disks, .phases.resume] | add' saved >sum
	atf_check -o inline:"true\n" \
	    jq --argjson sum "$(cat sum)" '.pause_ms - $sum < 2' saved
	# Memory of others' eyes.
	atf_check -o inline:"600\n" stat -c %a "$(snap_file s memory.raw)"
	atf_check -o inline:"700\n" stat -L -c %a root/name/snap/s
}
save__running_guest_cleanup()
{
	vms_end
}

atf_test_case save__paused_guest cleanup
save__paused_guest_body()
{
	need
	vm_run a --storage 8M
	atf_check -o ignore vm-pause a
	at=$(ticks a)
	for i in 1 2 3; do
		snap_save -n "s$i" a
		vm_is a paused
		count=$(count_in "$(snap_file "s$i" memory.raw)")
		[ "$count" -ge "$at" ] && [ "$count" -le $((at + 1)) ] ||
		    atf_fail "stood at $at, saved at $count"
	done
	stands_still a
	atf_check cmp "$(snap_file s1 memory.raw)" "$(snap_file s3 memory.raw)"
	atf_check -o ignore vm-resume a
	counts_on a
	proves_itself s1
	proves_itself s3
}
save__paused_guest_cleanup()
{
	vms_end
}

# A clone that has not run yet is a paused guest, too.
atf_test_case save__paused_clone cleanup
save__paused_clone_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s a
	atf_check -o ignore vm-clone -n p --paused s
	snap_save -n t p
	snap_save -n u p
	vm_is p paused
	count=$(count_in "$(snap_file s memory.raw)")
	for snap in t u; do
		[ "$(count_in "$(snap_file $snap memory.raw)")" -eq "$count" ] ||
		    atf_fail "$snap: its guest has run"
	done
	atf_check -o ignore vm-resume p
	counts_on p
	proves_itself t
	proves_itself u
}
save__paused_clone_cleanup()
{
	vms_end
}

atf_test_case stop__ends_the_guest cleanup
stop__ends_the_guest_body()
{
	need
	for backing in memfd file; do
		vm_run "$backing" --storage 8M --memory-backing $backing
		pid=$(pid_of $backing)
		snap_save -n "s-$backing" --stop $backing
		eventually 2 test ! -e "/proc/$pid/exe" || atf_fail "it runs"
		vm_is $backing stopped
		for f in memory.raw template.raw state.qemu qmp.sock; do
			atf_check -s exit:1 test -e "root/name/vm/$backing/$f"
		done
		proves_itself "s-$backing"
	done
	atf_check -o ignore vm-stop --force of-s-memfd
	snap_save -n s-template --stop of-s-file
	vm_is of-s-file stopped
	proves_itself s-template
	# What is started now boots, and writes nothing that was saved.
	atf_check -o ignore vm-start memfd
	counts_on memfd
	atf_check -o inline:"2\n" grep -c boot root/name/vm/memfd/console.log
	atf_check snap-verify s-memfd s-file s-template
}
stop__ends_the_guest_cleanup()
{
	vms_end
}

# A guest is not lost for a snapshot that could not be made.
atf_test_case stop__fails cleanup
stop__fails_body()
{
	need
	vm_run a --storage 8M
	inventory >before
	pid=$(pid_of a)
	INSTAR_HOOK=disks-saved=sleep:1000 snap-save --stop a 2>err &
	tool=$!
	eventually 20 test -e root/name/vm/a/save.state || atf_fail "no state"
	sleep 0.3
	: >root/name/vm/a/save.state
	rc=0
	wait $tool || rc=$?
	[ $rc -eq 69 ] || atf_fail "exit $rc: $(cat err)"
	atf_check -o inline:"snap-save: a: QEMU: device state of 0 bytes is \
not as expected\n" cat err
	counts_on a
	[ "$(pid_of a)" = "$pid" ] || atf_fail "another process"
	inventory | grep -v 'cow\.1\.qcow2' >after
	atf_check diff before after
	snap_save -n s a
	proves_itself s
}
stop__fails_cleanup()
{
	vms_end
}

atf_test_case backing__each cleanup
backing__each_body()
{
	need
	for backing in memfd file; do
		vm_run $backing --storage 8M --memory-backing $backing \
		    --cmdline "fill=2 dirty=2 rate=10"
		atf_check -o inline:"$backing\n" \
		    vm-ls -p memory_backing $backing
		snap_save -n "s-$backing" $backing
		counts_on $backing
		snap_save -n "t-$backing" $backing
		proves_itself "s-$backing"
		proves_itself "t-$backing"
	done
	atf_check -o inline:"template\n" vm-ls -p memory_backing of-t-file
	# The file is whole while the guest runs, and its alone.
	atf_check -o inline:"1\n" stat -c %h root/name/vm/file/memory.raw
	[ "$(stat -c %b root/name/vm/file/memory.raw)" -ge 65536 ] ||
	    atf_fail "memory.raw has holes"
	for snap in s-memfd t-memfd s-file t-file; do
		atf_check snap-verify $snap
	done
}
backing__each_cleanup()
{
	vms_end
}

# A clone of a clone of a clone: each has pages of its own.
atf_test_case generation__fifth cleanup
generation__fifth_body()
{
	need
	vm_run g0 --storage 8M --cmdline "fill=4 dirty=8 rate=20"
	snap_save -n s0 g0
	last=$(count_in "$(snap_file s0 memory.raw)")
	for g in 1 2 3 4 5; do
		atf_check -o ignore vm-clone -n g$g s$((g - 1))
		counts_on g$g
		counts_on g$g
		atf_check -o inline:"template\n" vm-ls -p memory_backing g$g
		snap_save -n s$g g$g
		count=$(count_in "$(snap_file s$g memory.raw)")
		[ "$count" -gt "$last" ] ||
		    atf_fail "generation $g: $count after $last"
		last=$count
	done
	proves_itself s5
	for g in 0 1 2 3 4 5; do
		counts_on g$g
		atf_check snap-verify s$g
	done
	# Its ancestors may go: it has what it needs.
	atf_check -o ignore snap-rm s0 s1 s2 s3 s4
	snap_save -n s6 g5
	proves_itself s6
	counts_on g3
}
generation__fifth_cleanup()
{
	vms_end
}

# The pages of a clone are its own, all of them and no others.
atf_test_case generation__pages cleanup
generation__pages_body()
{
	need
	vm_run a --cmdline "fill=8 dirty=8 rate=5"
	snap_save -n s a
	atf_check -o ignore vm-clone -n c s
	sleep 1
	atf_check -o ignore vm-pause c
	snap_save -n t c
	# What the VMM has mapped is what was saved.
	pid=$(pid_of c)
	# shellcheck disable=SC2016
	perl -e '
	my ($pid, $file) = @ARGV;
	open(my $maps, "<", "/proc/$pid/maps") or die;
	open(my $mem, "<:raw", "/proc/$pid/mem") or die "mem: $!";
	open(my $saved, "<:raw", $file) or die;
	my ($pages, $bad) = (0, 0);
	while (<$maps>) {
		next unless /template\.raw/;
		my ($from, $to, $off) = /^(\w+)-(\w+) \S+ (\w+)/;
		($from, $to, $off) = (hex $from, hex $to, hex $off);
		for (; $from < $to; $from += 4096, $off += 4096) {
			sysseek($mem, $from, 0) && sysread($mem, my $a, 4096);
			sysseek($saved, $off, 0) && sysread($saved, my $b, 4096);
			$pages++;
			$bad++ if $a ne $b;
		}
	}
	print "$pages pages, $bad differ\n";
	' "$pid" "$(snap_file t memory.raw)" >compared || atf_fail "perl"
	atf_check -o inline:"8192 pages, 0 differ\n" cat compared
	atf_check -s exit:1 cmp -s "$(snap_file s memory.raw)" \
	    "$(snap_file t memory.raw)"
}
generation__pages_cleanup()
{
	vms_end
}

# refused CODE MESSAGE ARGUMENT...: and nothing was left behind.
refused()
{
	code=$1 message=$2
	shift 2
	atf_check -s exit:"$code" -e inline:"snap-save: $message\n" \
	    snap-save "$@"
	inventory >after
	atf_check diff before after
}

# The name moves when the new snapshot is whole, and not before.
atf_test_case save__replace cleanup
save__replace_body()
{
	need
	vm_run a --storage 8M
	snap_save -n gold a
	first=$(id_of_snap gold)
	atf_check -s exit:64 -e inline:"snap-save: --replace goes with -n\n" \
	    snap-save --replace a
	atf_check -s exit:66 -e ignore snap-save -n gold --replace nobody
	cp root/name/vm/a/state.qemu kept
	truncate -s 100 root/name/vm/a/state.qemu
	atf_check -s exit:69 -e ignore snap-save -n gold --replace a
	cp kept root/name/vm/a/state.qemu
	atf_check_equal "$first" "$(id_of_snap gold)"
	snap_save -n gold --replace a
	second=$(id_of_snap gold)
	test "$first" != "$second" || atf_fail "the name has not moved"
	atf_check -o inline:"\"$first\"\n" jq .replaced saved
	atf_check -o inline:"$first\t\n" snap-ls -p id,name "$first"
	atf_check snap-verify "$first" gold
	snap_save -n gold --replace=rm a
	atf_check -s exit:66 -e ignore snap-ls "$second"
	# A VM can be put back to the old one, which has no name now.
	atf_check -o ignore vm-restore a "$first"
	counts_on a
	proves_itself gold
	counts_on a
}
save__replace_cleanup()
{
	vms_end
}

atf_test_case save__refused cleanup
save__refused_body()
{
	need
	vm_run a --storage 8M
	atf_check -o ignore vm-create -n made --memory 32M --kernel "$tiny"
	snap_save -n taken a
	inventory >before
	refused 64 "no VM is named"
	refused 64 "b: one VM at a time" a b
	refused 64 "--name: a/b: not a name: 1 to 63 letters, digits, \".\", \"_\" or \"-\", a letter or digit first" -n a/b a
	refused 64 "--name: given twice" -n b -n c a
	refused 66 "nobody: no such VM in $INSTAR_ROOT" nobody
	refused 73 "a: taken: the name is taken: --replace moves it" -n taken a
	refused 77 "made: not running" made
	atf_check -s exit:75 -e inline:"snap-save: a: busy: another program \
changes it\n" flock root/name/vm/a/ snap-save a
	counts_on a
	# The head that it would build on is damaged: found before the pause.
	cp root/name/vm/a/state.qemu kept
	truncate -s 100 root/name/vm/a/state.qemu
	refused 69 "a: state.qemu: stream ends at byte 100" a
	cp kept root/name/vm/a/state.qemu
	counts_on a
	snap_save a
	kill -9 "$(pid_of a)"
	eventually 10 eval "vm-ls -p state a | grep -qx stopped"
	inventory >before
	refused 77 "a: not running" a
	vm_is a stopped
}
save__refused_cleanup()
{
	vms_end
}

# A signal inside the pause ends the save, not the guest.
atf_test_case signal__in_the_pause cleanup
signal__in_the_pause_body()
{
	need
	vm_run a --storage 8M
	inventory >before
	for step in paused switched state-saved memory-saved disks-saved; do
		INSTAR_HOOK=$step=sleep:5000 snap-save -n s a 2>err &
		tool=$!
		eventually 20 pauses a || atf_fail "$step: not paused"
		kill -TERM $tool
		rc=0
		wait $tool || rc=$?
		[ $rc -eq 143 ] || atf_fail "$step: exit $rc: $(cat err)"
		counts_on a
		inventory | grep -v 'cow\.[0-9]*\.qcow2' >after
		atf_check diff before after
	done
	snap_save -n s a
	proves_itself s
}
signal__in_the_pause_cleanup()
{
	vms_end
}

# QEMU does not answer in time: what was asked of it is taken back later.
atf_test_case signal__while_qemu_is_silent cleanup
signal__while_qemu_is_silent_body()
{
	need
	vm_run a --storage 8M
	pid=$(pid_of a)
	INSTAR_HOOK=watched=sleep:1000 snap-save -n s a 2>err &
	tool=$!
	eventually 20 test -e root/name/vm/a/cow.1.qcow2
	sleep 0.5
	kill -STOP "$pid"
	sleep 1
	kill -TERM $tool
	sleep 0.5
	kill -CONT "$pid"
	rc=0
	wait $tool || rc=$?
	[ $rc -eq 143 ] || atf_fail "exit $rc: $(cat err)"
	counts_on a
	atf_check -o empty ls -A root/snap
	snap_save -n s a
	proves_itself s
}
signal__while_qemu_is_silent_cleanup()
{
	[ ! -e root ] || kill -CONT "$(pid_of a)"
	vms_end
}

# On a filesystem without reflinks the guest goes on in overlays.
atf_test_case disk__frozen_is_not_written cleanup
disk__frozen_is_not_written_body()
{
	need
	vm_run a --storage 8M
	for i in 1 2 3 4 5 6 7 8 9 10; do
		snap_save -n s$i a
		nothing_frozen_is_open a
		jq '.storage_configs[0].backing | length' \
		    "root/name/vm/a/vm.json" >n 2>/dev/null || echo 0 >n
		[ "$(cat n)" -le 7 ] || atf_fail "a chain of $(cat n)"
	done
	counts_on a
	for i in 1 2 3 4 5 6 7 8 9 10; do
		atf_check snap-verify s$i
	done
	atf_check -o ignore vm-clone -n c s10
	nothing_frozen_is_open c
	snap_save -n t c
	nothing_frozen_is_open c
	proves_itself t
}
disk__frozen_is_not_written_cleanup()
{
	vms_end
}

# A restore beside the sealing puts another disk of the same name there.
atf_test_case seal__beside_a_restore cleanup
seal__beside_a_restore_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s1 a
	snap_save -n s2 a
	INSTAR_HOOK=sealed=sleep:2000 snap-save -n s3 a >saved 2>err &
	tool=$!
	eventually 20 eval "ls -d root/snap/.new-*/state.qemu"
	sleep 0.3
	atf_check -o ignore vm-restore a s1
	wait $tool || atf_fail "$(cat err)"
	for i in 4 5 6 7; do
		snap_save -n s$i a
	done
	for i in 1 2 3 4 5 6 7; do
		atf_check snap-verify s$i
	done
	proves_itself s7
}
seal__beside_a_restore_cleanup()
{
	vms_end
}

atf_test_case save__reference_on_stdin cleanup
save__reference_on_stdin_body()
{
	need
	vm_run a
	vm-ls a | atf_check -o inline:"s\n" snap-save -p name -n s -
	atf_check snap-verify s
}
save__reference_on_stdin_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case save__running_guest
	atf_add_test_case save__paused_guest
	atf_add_test_case save__paused_clone
	atf_add_test_case save__replace
	atf_add_test_case save__refused
	atf_add_test_case save__reference_on_stdin
	atf_add_test_case stop__ends_the_guest
	atf_add_test_case stop__fails
	atf_add_test_case backing__each
	atf_add_test_case generation__fifth
	atf_add_test_case generation__pages
	atf_add_test_case signal__in_the_pause
	atf_add_test_case signal__while_qemu_is_silent
	atf_add_test_case disk__frozen_is_not_written
	atf_add_test_case seal__beside_a_restore
}
