#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The tools with Firecracker itself.
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"

# The memory file of VM $1's last save is that of its snapshot $2.
base_is()
{
	[ "root/name/vm/$1/saved.mem" -ef "$(snap_file "$2" mem)" ] ||
	    atf_fail "$1 would lay its next Diff over something else than $2"
}

atf_test_case round__all_tools cleanup
round__all_tools_body()
{
	need_firecracker
	fc_run a --storage 16M --data-disk size=16M,name=d
	vm_is a running
	atf_check -o inline:"private\n" vm-ls -p memory_backing a
	snap_save -n s a
	counts_on a
	for n in 1 2 3; do
		atf_check -o ignore vm-clone -n c$n s
		restored_from c$n s
		counts_on c$n
		atf_check -o inline:"template\n" vm-ls -p memory_backing c$n
		[ root/name/vm/c$n/template.raw -ef "$(snap_file s mem)" ] ||
		    atf_fail "c$n has memory of its own"
		[ ! root/name/vm/c$n/cow.raw -ef root/name/vm/a/cow.raw ] ||
		    atf_fail "c$n has the source's disk"
	done
	counts_on a
	# A clone's save, and a clone of that.
	snap_save -n t c1
	atf_check -o ignore vm-clone -n e t
	restored_from e t
	# Back to an earlier moment: the number goes on from there.
	before=$(ticks c1)
	atf_check -o ignore vm-restore c1 s
	counts_on c1
	sed -n 's/^tick //p' root/name/vm/c1/console.log >numbers
	sort -c numbers 2>/dev/null && atf_fail "not put back from $before"
	# Out and in again.
	atf_check -o save:archive snap-export t
	atf_check -o ignore snap-import -n u archive
	atf_check -o ignore vm-clone -n f u
	restored_from f u
	counts_on f
	atf_check snap-verify s t u
}
round__all_tools_cleanup()
{
	vms_end
}

# With the guest standing still, what Diffs were laid into and what a Full
# snapshot writes are the same, byte by byte.
atf_test_case save__diffs_are_exact cleanup
save__diffs_are_exact_body()
{
	need_firecracker
	need
	fc_run a --cmdline "fill=4 dirty=8 rate=4"
	snap_save -n first a
	base_is a first
	counts_on a
	snap_save -n second a
	base_is a second
	counts_on a
	atf_check -o ignore vm-pause a
	snap_save -n third a
	vm_is a paused
	lost a && atf_fail "lost"
	killed_at state-saved snap-save -n x a
	lost a || atf_fail "not lost"
	atf_check -o ignore state-gc
	snap_save -n full a
	lost a && atf_fail "lost after a Full one"
	base_is a full
	atf_check cmp "$(snap_file third mem)" "$(snap_file full mem)"
	atf_check -o ignore vm-resume a
	counts_on a
	snap_save -n fourth a
	atf_check -o ignore vm-clone -n c fourth
	restored_from c fourth
	# The same for a clone, whose first Diff is laid over its template.
	counts_on c
	snap_save -n fifth c
	counts_on c
	atf_check -o ignore vm-pause c
	snap_save -n sixth c
	killed_at memory-saved snap-save -n x c
	atf_check -o ignore state-gc
	snap_save -n seventh c
	atf_check cmp "$(snap_file sixth mem)" "$(snap_file seventh mem)"
	atf_check snap-verify first second third full fourth fifth sixth seventh
}
save__diffs_are_exact_cleanup()
{
	vms_end
}

atf_test_case save__killed_at_every_step cleanup
save__killed_at_every_step_body()
{
	need_firecracker
	need
	fc_run a --storage 8M --cmdline "dirty=2 rate=5"
	pid=$(pid_of a)
	n=0
	for step in root-hidden root-claimed watched paused switched \
	    state-saved memory-saved disks-saved resumed diff-laid collected \
	    sealed envelope-written vm-told root-publish; do
		n=$((n + 1))
		killed_at $step snap-save -n k$n a
		counts_on a
		[ "$(pid_of a)" = "$pid" ] || atf_fail "another process"
		vm_is a running
		[ ! -e root/name/snap/k$n/snapshot.json ] ||
		    atf_fail "$step: a snapshot"
		snap_save -n k$n a
		lost a && atf_fail "$step: lost"
		base_is a k$n
		atf_check -o ignore vm-clone -n c k$n
		restored_from c k$n
		atf_check vm-rm --force c
	done
	atf_check -o ignore state-gc
	atf_check -o empty find root -name '.new-*'
	atf_check -o empty find root/name/vm/a/ -name '*.new' -o -name '.*' \
	    ! -path root/name/vm/a/
}
save__killed_at_every_step_cleanup()
{
	vms_end
}

atf_test_case save__stop_ends_it cleanup
save__stop_ends_it_body()
{
	need_firecracker
	fc_run a --storage 8M
	snap_save -n s a
	counts_on a
	atf_check -o ignore snap-save --stop -n t a
	vm_is a stopped
	for f in saved.mem vmstate api.sock console.sock template.raw; do
		[ ! -e root/name/vm/a/$f ] || atf_fail "$f is left"
	done
	atf_check -o ignore vm-clone -n c t
	restored_from c t
	atf_check -o inline:"running\n" vm-start -p state a
	counts_on a
	[ "$(first_tick a)" -lt "$(count_in "$(snap_file t mem)")" ] ||
	    atf_fail "no boot"
}
save__stop_ends_it_cleanup()
{
	vms_end
}

atf_test_case clone__waits_until_it_is_started cleanup
clone__waits_until_it_is_started_body()
{
	need_firecracker
	fc_run a --storage 8M
	snap_save -n s a
	atf_check -o inline:"created\n" vm-clone --no-start -p state -n c s
	atf_check vm-rm --force a
	atf_check -o ignore snap-rm s
	atf_check -o inline:"running\n" vm-start -p state c
	counts_on c
	snap_save -n t c
	atf_check -o inline:"paused\n" vm-clone --paused -p state -n d t
	[ "$(ticks d)" -eq 0 ] || atf_fail "it counts"
	atf_check -o inline:"running\n" vm-resume -p state d
	restored_from d t
	atf_check -o match:"^(reflinked|copied)$" \
	    vm-clone --memory-mode copy -p memory_from -n e t
	counts_on e
	atf_check -s exit:69 -o empty -e ignore \
	    vm-clone --disk-mode overlay -n f t
}
clone__waits_until_it_is_started_cleanup()
{
	vms_end
}

atf_test_case stop__heard_and_unheard cleanup
stop__heard_and_unheard_body()
{
	need_firecracker
	fc_run a
	fc_run b --cmdline "power=ignore"
	atf_check -o inline:"stopped\n" vm-stop -p state a
	grep -q '^tiny off' root/name/vm/a/console.log ||
	    atf_fail "it did not hear the button"
	# One that is deaf is not waited for.
	atf_check -o inline:"stopped\n" \
	    timeout 20 vm-stop --timeout 3600 -p state b
	atf_check -o ignore vm-start b
	counts_on b
	atf_check -o ignore vm-pause b
	atf_check -o inline:"stopped\n" \
	    timeout 20 vm-stop --timeout 3600 -p state b
}
stop__heard_and_unheard_cleanup()
{
	vms_end
}

# It locks nothing: two would write the same disk.
atf_test_case start__disks_are_locked cleanup
start__disks_are_locked_body()
{
	need_firecracker
	head -c 1M /dev/urandom >layer
	fc_run a --storage 8M --layer layer
	fc_run b --storage 8M --layer layer
	atf_check -o ignore vm-stop --force b
	cp root/name/vm/b/cow.raw kept
	# The disk of another VM under this one's name.
	ln -f root/name/vm/a/cow.raw root/name/vm/b/cow.raw
	if cp --reflink=always kept reflink 2>/dev/null; then
		atf_check -o ignore vm-start b
		atf_check -o ignore vm-stop --force b
	else
		atf_check -s exit:77 -o empty \
		    -e match:"^vm-start: b: cow.raw: has 2 links" vm-start b
	fi
	cp --remove-destination kept root/name/vm/b/cow.raw
	# The disk under the hands of somebody else: an OFD lock to write.
	python3 -c 'import fcntl, struct, sys, time
f = open(sys.argv[1], "r+b")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", 1, 0, 0, 0, 0))
open("held", "w").close()
time.sleep(60)' root/name/vm/b/cow.raw &
	holder=$!
	eventually 10 test -e held
	atf_check -s exit:75 -o empty \
	    -e inline:"vm-start: b: cow.raw: another process uses it\n" \
	    vm-start b
	vm_is b stopped
	kill "$holder"
	wait "$holder"
	disk-backup -q -o back.mirn kept >/dev/null
	atf_check -s exit:75 -o empty -e match:"cow.raw: in use: locked" \
	    disk-restore -q --force back.mirn root/name/vm/a/cow.raw
	counts_on a
	# They go with the process, however it ends.
	killed a
	atf_check -o ignore vm-start b
	counts_on b
}
start__disks_are_locked_cleanup()
{
	vms_end
}

# The disk of a guest that runs on, on any filesystem; nothing is lost to the
# next save by it.
atf_test_case backup__of_a_running_vm cleanup
backup__of_a_running_vm_body()
{
	need_firecracker
	fc_run a --storage 8M --data-disk size=16M,name=d
	snap_save -n s a
	dd if=/dev/urandom of=root/name/vm/a/cow.raw bs=64k count=3 seek=7 \
	    conv=notrunc status=none
	for d in cow d; do
		atf_check -o ignore disk-backup -q -o $d.mirn --vm a $d
		atf_check -o ignore disk-restore -q $d.mirn $d.raw
		counts_on a
	done
	atf_check cmp root/name/vm/a/cow.raw cow.raw
	atf_check cmp root/name/vm/a/data-d.raw d.raw
	lost a && atf_fail "the next save would be Full"
	atf_check -o ignore vm-pause a
	atf_check -o ignore disk-backup -q -o paused.mirn --vm a cow
	vm_is a paused
}
backup__of_a_running_vm_cleanup()
{
	vms_end
}

# killed NAME: its process, and all of it.
killed()
{
	kill -9 "$(pid_of "$1")"
	eventually 20 eval '[ "$(vm-ls -p state '"$1"')" = stopped ]' ||
	    atf_fail "$1 lives"
}

# Firecracker leaves its socket behind, and does not start over one.
atf_test_case start__after_a_kill cleanup
start__after_a_kill_body()
{
	need_firecracker
	fc_run a --storage 8M
	killed a
	[ -S root/name/vm/a/api.sock ] || atf_fail "no stale socket"
	atf_check -o inline:"running\n" vm-start -p state a
	counts_on a
	# Alive, but nobody reaches it any more.
	rm root/name/vm/a/api.sock
	vm_is a error
	atf_check -o inline:"stopped\n" vm-stop --force -p state a
}
start__after_a_kill_cleanup()
{
	vms_end
}

atf_test_case start__killed_before_it_booted cleanup
start__killed_before_it_booted_body()
{
	need_firecracker
	need
	atf_check -o ignore vm-create -n a --hypervisor firecracker \
	    --kernel "$tiny" --memory 32M
	killed_at loaded vm-start a
	vm_is a paused
	atf_check -s exit:77 -e ignore -o empty snap-save a
	atf_check -o inline:"running\n" vm-start -p state a
	counts_on a
}
start__killed_before_it_booted_cleanup()
{
	vms_end
}

atf_test_case console__socket_and_log cleanup
console__socket_and_log_body()
{
	need_firecracker
	command -v perl >/dev/null || atf_skip "perl is not installed"
	fc_run a
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new($ARGV[0]) or die "$!";
		alarm 60;
		syswrite($s, "q");
		my $heard = "";
		while ($heard !~ /^key 71/m && sysread($s, my $more, 4096)) {
			$heard .= $more;
		}
		print $heard' root/name/vm/a/console.sock >heard
	grep -q '^key 71' heard || atf_fail "no answer: $(cat heard)"
	grep -q '^key 71' root/name/vm/a/console.log || atf_fail "not in the log"
	atf_check vm-wait --timeout 20 --console '^key 71' a
}
console__socket_and_log_cleanup()
{
	vms_end
}

# A state that names a file of the host: the clone never runs.
atf_test_case clone__state_with_a_foreign_drive cleanup
clone__state_with_a_foreign_drive_body()
{
	need_firecracker
	command -v jq >/dev/null || atf_skip "jq is not installed"
	# The name is in the state a second time: that it is there says little.
	fc_run a --storage 8M --cmdline cow.rax
	snap_save -n s a
	atf_check -o ignore snap-export --to-dir d s
	# Of the same length: the state's own frame would show anything else.
	python3 - <<-'END' || atf_skip "no python3"
		data = bytearray(open("d/vmstate", "rb").read())
		assert data.count(b"cow.raw") == 1
		at = data.index(b"cow.raw")
		data[at:at + 7] = b"vmm.log"
		assert data.count(b"cow.rax") == 1
		data = data.replace(b"cow.rax", b"cow.raw")
		crc = 0
		for byte in data[:-8]:
		    crc ^= byte
		    for bit in range(8):
		        crc = crc >> 1 ^ (0x95ac9329ac4bc9b5 if crc & 1 else 0)
		data[-8:] = crc.to_bytes(8, "little")
		open("d/vmstate", "wb").write(data)
	END
	jq 'del(.digests)' d/snapshot.json >new && mv new d/snapshot.json
	atf_check -s exit:65 -o empty \
	    -e inline:"vm-clone: vmstate: drive vmm.log is none of the sidecar's disks\n" \
	    vm-clone -n c --unconfined --from-dir d
	# Its cage, where there is one, lets it open no such drive at all.
	atf_check -s not-exit:0 -o empty -e match:'vmm.log|Permission denied' \
	    vm-clone -n c --from-dir d
	atf_check -s exit:1 test -e root/name/vm/c/vm.json
	vm_is a running
}
clone__state_with_a_foreign_drive_cleanup()
{
	vms_end
}

atf_test_case clone__envelope_lies cleanup
clone__envelope_lies_body()
{
	need_firecracker
	command -v jq >/dev/null || atf_skip "jq is not installed"
	fc_run a --cpu 2 --storage 8M
	snap_save -n s a
	atf_check -o ignore snap-export --to-dir d s
	cp d/snapshot.json good.json
	cp d/cocoon.json good-sidecar.json
	jq -c '.cpu = 1' good-sidecar.json >d/cocoon.json
	jq 'del(.digests) | .config.cpu = 1' good.json >d/snapshot.json
	atf_check -s exit:65 -o empty \
	    -e inline:"vm-clone: vmstate: 2 processors, the envelope says 1\n" \
	    vm-clone -n c --from-dir d
	jq -c '.memory = 16777216' good-sidecar.json >d/cocoon.json
	truncate -s 16M d/mem
	jq 'del(.digests) | .config.memory = 16777216' good.json \
	    >d/snapshot.json
	atf_check -s exit:69 -o empty -e match:'vm-clone: Firecracker: .*memory' \
	    vm-clone -n c --from-dir d
	atf_check -s exit:1 test -e root/name/vm/c
}
clone__envelope_lies_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case round__all_tools
	atf_add_test_case save__diffs_are_exact
	atf_add_test_case save__killed_at_every_step
	atf_add_test_case save__stop_ends_it
	atf_add_test_case clone__waits_until_it_is_started
	atf_add_test_case stop__heard_and_unheard
	atf_add_test_case start__disks_are_locked
	atf_add_test_case backup__of_a_running_vm
	atf_add_test_case start__after_a_kill
	atf_add_test_case start__killed_before_it_booted
	atf_add_test_case console__socket_and_log
	atf_add_test_case clone__state_with_a_foreign_drive
	atf_add_test_case clone__envelope_lies
}
