#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones of a guest that counts.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

# A snapshot "s" of the VM "a".
have_snapshot()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	vm_run a --storage 8M "$@"
	snap_save -n s a
	count=$(count_in "$(snap_file s memory.raw)")
}

# The clone $1 has gone on from the count at which "s" was saved.
goes_on()
{
	counts_on "$1"
	first=$(first_tick "$1")
	[ "$first" -ge "$count" ] && [ "$first" -le $((count + 1)) ] ||
	    atf_fail "saved at $count, $1 began at $first"
	atf_check -s exit:1 grep boot "$INSTAR_ROOT/name/vm/$1/console.log"
}

# refused CODE MESSAGE ARGUMENT...: one line, and nothing left behind.
refused()
{
	code=$1 message=$2
	shift 2
	inventory >before
	atf_check -s exit:"$code" -e inline:"vm-clone: $message\n" \
	    vm-clone "$@"
	inventory >after
	atf_check diff before after
}

atf_test_case clone__runs cleanup
clone__runs_body()
{
	have_snapshot --cmdline "fill=2 dirty=4 rate=10"
	atf_check -o save:record vm-clone -n c s
	goes_on c
	vm_is c running
	atf_check -o inline:"true\n" jq '.state == "running" and
	    .name == "c" and .hypervisor == "qemu" and .clone_ms > 0 and
	    .memory_backing == "template" and .config.memory == 33554432 and
	    .identity.vmgenid == "offered" and .started_at != null' record
	# Its own id; the source's snapshot among those it can be put back to.
	id=$(id_of_snap s)
	atf_check -o inline:"[\"$id\"]\n" jq -c .snapshot_ids record
	[ "$(jq -r .id record)" != "$(id_of_vm a)" ] || atf_fail "the same id"
	atf_check -o inline:"$(jq -r .id record)\n" vm-ls -p id c
	# Two more side by side, while the source and the first one write.
	atf_check -o ignore vm-clone -n d s
	atf_check -o ignore vm-clone s
	for vm in c d a; do
		counts_on $vm
	done
	atf_check snap-verify s
	[ "$count" -eq "$(count_in "$(snap_file s memory.raw)")" ] ||
	    atf_fail "the snapshot has changed"
	# It stays when its snapshot goes, and can be stopped and booted.
	atf_check -o ignore snap-rm s
	counts_on c
	atf_check -o ignore vm-stop --force c
	atf_check -s exit:1 test -e root/name/vm/c/template.raw
	atf_check -o ignore vm-start c
	counts_on c
	atf_check -o inline:"1\n" grep -c boot root/name/vm/c/console.log
}
clone__runs_cleanup()
{
	vms_end
}

atf_test_case count__side_by_side cleanup
count__side_by_side_body()
{
	have_snapshot
	atf_check -o save:names vm-clone -n w --count 4 -p name s
	atf_check -o inline:"w-1\nw-2\nw-3\nw-4\n" cat names
	for i in 1 2 3 4; do
		goes_on w-$i
	done
	vm-ls -p id | sort -u >ids
	atf_check -o inline:"5\n" grep -c . ids
	# One name is taken: the others are made.
	atf_check -o ignore vm-create -n x-2 --memory 32M --kernel "$tiny"
	atf_check -s exit:73 -o inline:"x-1\nx-3\n" \
	    -e inline:"vm-clone: clone 2 of 3: x-2: the name is taken\n" \
	    vm-clone -n x --count 3 -p name s
	atf_check -s exit:74 -e inline:"\
vm-clone: clone 1 of 2: standard output: No space left on device
vm-clone: clone 2 of 2: standard output: No space left on device
" -x 'vm-clone --no-start --count 2 s >/dev/full'
	atf_check -s exit:74 \
	    -e inline:"vm-clone: standard output: No space left on device\n" \
	    -x 'vm-clone --no-start s >/dev/full'
	goes_on x-3
	atf_check -o ignore vm-clone --count 2 -p state s
	atf_check snap-verify s
	atf_check -o empty find root/vm root/snap -name '.*'
}
count__side_by_side_cleanup()
{
	vms_end
}

# Stopped by a hook, which it comes to again for each clone.
is_stopped()
{
	grep -q '^State:[[:space:]]*T' "/proc/$tool/status"
}

has_ended()
{
	kill -CONT "$tool" 2>/dev/null
	! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$tool/status" \
	    2>/dev/null
}

# A signal is meant for all clones, whichever is being made when it comes.
atf_test_case count__signal cleanup
count__signal_body()
{
	grep -q INSTAR_HOOK "$top/vm-clone/vm-clone" ||
	    atf_skip "not a build for tests"
	have_snapshot
	inventory >before
	for sig in INT TERM; do
		signalled INSTAR_HOOK=populated=stop vm-clone -n w --count 3 \
		    s >out 2>err &
		tool=$!
		eventually 60 is_stopped || atf_fail "does not stop"
		kill -$sig $tool
		eventually 60 has_ended || atf_fail "does not end"
		code=0
		wait $tool || code=$?
		atf_check_equal "$sig: $((128 + $(kill -l $sig)))" "$sig: $code"
		atf_check -o empty cat out
		atf_check -o match:'^vm-clone: .*ended by signal' cat err
		atf_check -o inline:"1\n" grep -c . err
		inventory >after
		atf_check diff before after
	done
}
count__signal_cleanup()
{
	vms_end
}

# No guest runs before the last one is loaded, however few start at once; and
# all have been told to before the first has said that it does.
atf_test_case count__loaded_first cleanup
count__loaded_first_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	have_snapshot
	atf_check -o ignore vm-stop --force a
	signalled INSTAR_HOOK=running=stop vm-clone -n w --count 3 -j 1 \
	    -p name s >out 2>err &
	tool=$!
	eventually 60 is_stopped || atf_fail "does not stop: $(cat err)"
	atf_check_equal 3 "$(processes | wc -l)"
	all_count()
	{
		[ "$(grep -l '^tick' root/vm/.new-*/console.log | wc -l)" -eq 3 ]
	}
	eventually 60 all_count || atf_fail "one waits for another"
	goes_or_ends()
	{
		kill -CONT $tool 2>/dev/null
		has_ended
	}
	eventually 60 goes_or_ends || atf_fail "does not end"
	wait $tool || atf_fail "exit $?: $(cat err)"
	atf_check -o inline:"w-1\nw-2\nw-3\n" cat out
	for i in 1 2 3; do
		goes_on w-$i
	done
}
count__loaded_first_cleanup()
{
	vms_end
}

atf_test_case paused__stands_until_resumed cleanup
paused__stands_until_resumed_body()
{
	have_snapshot
	atf_check -o inline:"paused\n" vm-clone -n p --paused -p state s
	vm_is p paused
	stands_still p
	[ "$(ticks p)" -eq 0 ] || atf_fail "it ran"
	atf_check -o inline:"running\n" vm-resume -p state p
	goes_on p
}
paused__stands_until_resumed_cleanup()
{
	vms_end
}

atf_test_case no_start__starts_later cleanup
no_start__starts_later_body()
{
	have_snapshot
	for mode in mmap copy; do
		atf_check -o inline:"created\n" vm-clone -n $mode --no-start \
		    --memory-mode $mode -p state s
		vm_is $mode created
		atf_check -s exit:77 -o ignore -e ignore snap-save $mode
	done
	atf_check -o ignore snap-rm s
	for mode in mmap copy; do
		atf_check -o inline:"running\n" vm-start -p state $mode
		goes_on $mode
		# The second start is a boot.
		atf_check -o ignore vm-stop --force $mode
		atf_check -o ignore vm-start $mode
		counts_on $mode
		atf_check -o inline:"1\n" \
		    grep -c boot root/name/vm/$mode/console.log
	done
}
no_start__starts_later_cleanup()
{
	vms_end
}

# Never started, but stopped: the state stays to be loaded.
atf_test_case no_start__stopped_before cleanup
no_start__stopped_before_body()
{
	have_snapshot
	atf_check -o ignore vm-clone -n c --no-start s
	atf_check -o ignore vm-stop c
	atf_check -o ignore vm-start c
	goes_on c
}
no_start__stopped_before_cleanup()
{
	vms_end
}

atf_test_case memory_mode__copy cleanup
memory_mode__copy_body()
{
	have_snapshot
	backing=memfd
	! can_reflink root || backing=file
	atf_check -o inline:"$backing\n" vm-clone -n c --memory-mode copy \
	    -p memory_backing s
	goes_on c
	atf_check -s exit:1 test -e root/name/vm/c/template.raw
	snap_save -n t c
	atf_check -o ignore vm-clone -n d t
	counts_on d
	atf_check snap-verify s t
}
memory_mode__copy_cleanup()
{
	vms_end
}

atf_test_case disk_mode__each cleanup
disk_mode__each_body()
{
	have_snapshot
	snap_save -n s2 a
	count=$(count_in "$(snap_file s2 memory.raw)")
	top=$(jq -r '.disks[0].path // .storage_configs[0].path' \
	    "$(snap_file s2 cocoon.json)" 2>/dev/null)
	for mode in auto overlay copy; do
		atf_check -o ignore vm-clone -n $mode --disk-mode $mode s2
		goes_on $mode
		nothing_frozen_is_open $mode
		snap_save -n t-$mode $mode
		atf_check snap-verify t-$mode
		atf_check -o ignore vm-clone -n again-$mode t-$mode
		counts_on again-$mode
	done
	disk=$(vm-ls copy | jq -r '.storage_configs[0].path')
	atf_check -o inline:"$(basename "$(vm-ls copy |
	    jq -r '.storage_configs[0].path')")\n" basename "$disk"
	case $(vm-ls overlay | jq -r '.storage_configs[0].path') in
	*.qcow2) ;;
	*) atf_fail "no overlay" ;;
	esac
	if can_reflink root; then
		atf_check -o ignore vm-clone -n r --disk-mode reflink s2
		goes_on r
	else
		refused 69 "$(basename "$(find root/name/snap/s2/ -name \
		    'cow*' | sort | head -n 1)"): cannot be reflinked here" \
		    --disk-mode reflink s2
	fi
	atf_check snap-verify s s2
}
disk_mode__each_cleanup()
{
	vms_end
}

atf_test_case from_dir__is_only_read cleanup
from_dir__is_only_read_body()
{
	have_snapshot
	cp -Lr root/name/snap/s dir
	atf_check -o ignore vm-stop --force a
	find dir -type f -exec sha256sum {} + | sort >sums
	chmod -R a-w dir
	atf_check -o ignore vm-clone -n c --from-dir dir
	goes_on c
	atf_check -o ignore vm-clone -n d --from-dir dir --memory-mode copy
	goes_on d
	snap_save -n t c
	atf_check snap-verify t
	chmod -R u+w dir
	find dir -type f -exec sha256sum {} + | sort >now
	atf_check diff sums now
	atf_check -o inline:"2\n" sh -c "ls root/vm | grep -vc '^$(id_of_vm a)'"
	# Without digests, too.
	rm -rf plain
	cp -r dir plain
	edit plain/snapshot.json 'del(.digests)'
	atf_check -o ignore vm-clone -n e --from-dir plain
	goes_on e
	# It has no id of ours: nothing to be put back to.
	atf_check -o inline:"true\n" sh -c "vm-ls e |
	    jq '.snapshot_ids == null or (.snapshot_ids | length) <= 1'"
}
from_dir__is_only_read_cleanup()
{
	chmod -R u+w dir
	vms_end
}

atf_test_case usage__wrong
usage__wrong_body()
{
	while read -r message arguments; do
		message=$(echo "$message" | tr _ ' ')
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"vm-clone: $message\n" \
		    vm-clone $arguments </dev/null
	done <<-TABLE
	a_snapshot,_--from-dir_or_--from-archive_is_needed,_one_of_them
	a_snapshot,_--from-dir_or_--from-archive_is_needed,_one_of_them s --from-dir d
	t:_one_snapshot_at_a_time s t
	--no-start_and_--paused_exclude_each_other --no-start --paused s
	--count:_0:_less_than_1 --count 0 s
	--count:_x:_not_a_number --count x s
	--memory-mode:_x:_not_mmap_or_copy --memory-mode x s
	--disk-mode:_x:_not_auto,_reflink,_overlay_or_copy --disk-mode x s
	--name:_given_twice -n a -n b s
	no_snapshot_is_named -
	the_snapshot_-_and_--user-data_-:_both_read_standard_input --user-data - -
	--user-data_-_and_--ssh-key_-:_both_read_standard_input --ssh-key - --user-data - s
	TABLE
	printf '{"id":"a"}\n{"id":"b"}\n' >in
	atf_check -s exit:64 \
	    -e inline:"vm-clone: one snapshot at a time\n" vm-clone - <in
}

atf_test_case clone__refused cleanup
clone__refused_body()
{
	have_snapshot --nic user,forward=127.0.0.1:0:22
	refused 66 "nothing: no such snapshot in $INSTAR_ROOT" nothing
	refused 66 "gone: No such file or directory" --from-dir gone
	refused 73 "a: the name is taken" -n a s
	rule='1 to 63 letters, digits, ".", "_" or "-", a letter or digit first'
	refused 64 "--name: a/b: not a name: $rule" -n a/b s
	refused 64 "--name: a/b: not a name: $rule" -n a/b --from-archive none
	refused 64 "--name: : not a name: $rule" -n "" s
	long=$(printf %061d 0)
	refused 64 "--name: $long: not a name, with a number behind it: $rule" \
	    -n "$long" --count 10 s
	atf_check -o inline:"$long-9\n" sh -c "vm-clone -n $long --count 9 \
	    --no-start -p name s | tail -n 1"
	atf_check sh -c "vm-ls -p id $long-1 $long-2 $long-3 $long-4 $long-5 \
	    $long-6 $long-7 $long-8 $long-9 | xargs vm-rm"
	refused 64 "s: --nic: given 2 times, the snapshot has 1 NICs" \
	    --nic user --nic user s
	refused 78 "s: --nic tap=t0: the snapshot's NIC 0 is of kind user" \
	    --nic tap=t0 s
	INSTAR_QEMU=/nowhere refused 69 \
	    "s: INSTAR_QEMU: /nowhere: No such file or directory" s
	INSTAR_ACCEL=kvm refused 78 \
	    "s: saved under tcg, INSTAR_ACCEL says kvm" s
	# The VMM dies while it starts: its last words, and no process.
	cat >dies <<-'END'
		#!/bin/sh
		echo "qemu: this is why" >&2
		exit 1
	END
	chmod +x dies
	INSTAR_QEMU=$PWD/dies refused 69 "qemu: this is why" s
	counts_on a
}
clone__refused_cleanup()
{
	vms_end
}

# damaged CODE MESSAGE: the directory d is refused.
damaged()
{
	refused "$1" "$(jq -r .config.name d/snapshot.json): $2" --from-dir d
}

atf_test_case preflight__files cleanup
preflight__files_body()
{
	have_snapshot
	for f in memory.raw state.qemu cow.raw kernel cocoon.json; do
		snap_copy s d
		rm d/$f
		damaged 65 "$f: missing"
		ln -s /etc/passwd d/$f
		refused_any 65
		rm d/$f
		mkdir d/$f
		refused_any 65
		rmdir d/$f
		mkfifo d/$f
		refused_any 65
	done
	for f in memory.raw cow.raw state.qemu; do
		for by in -1 +4096; do
			snap_copy s d
			truncate -s $by d/$f
			case $f$by in
			# What follows the device state is not read.
			state.qemu+4096) continue ;;
			state.qemu-1) continue ;;
			esac
			refused_any 65
		done
	done
	# With digests the lengths of all are known.
	for f in memory.raw cow.raw state.qemu kernel cocoon.json; do
		rm -rf d
		cp -Lr root/name/snap/s d
		size=$(stat -c %s d/$f)
		truncate -s +1 d/$f
		case $f in
		cocoon.json) refused_any 65 ;; # was read before
		*) damaged 65 "$f: $((size + 1)) bytes, not $size" ;;
		esac
		truncate -s "$size" d/$f
		printf 'X' | dd of=d/$f bs=1 seek=$((size / 2)) conv=notrunc \
		    status=none
		refused_any 65 --verify
	done
}
preflight__files_cleanup()
{
	vms_end
}

# The directory d is refused, whatever the words.
refused_any()
{
	code=$1
	shift
	inventory >before
	atf_check -s exit:"$code" -e save:err vm-clone --from-dir d "$@"
	[ "$(wc -l <err)" -eq 1 ] || atf_fail "$(cat err)"
	inventory >after
	atf_check diff before after
}

atf_test_case preflight__envelope cleanup
preflight__envelope_body()
{
	have_snapshot
	while IFS='|' read -r code message program; do
		snap_copy s d
		edit d/snapshot.json "$program"
		damaged "$code" "$message"
	done <<-'TABLE'
	78|config.hypervisor is qemu, host.vmm firecracker|.host.vmm = "firecracker"
	78|saved on riscv64, this is x86_64|.host.arch = "riscv64"
	78|saved under kvm, which is not here|.host.accel = "kvm"
	78|saved under accelerator hvf, which is unknown|.host.accel = "hvf"
	78|config.hypervisor is firecracker, host.vmm qemu|.config.hypervisor = "firecracker"
	78|hypervisor xen: no driver for it|.config.hypervisor = "xen"
	65|the envelope does not say which host saved it|del(.host)
	65|memory.raw: 33554432 bytes, the guest has 67108864|.config.memory = 67108864
	65|config.nics is 2, the sidecar has 0|.config.nics = 2
	65|config.storage is 4194304, cocoon.json has 8388608|.config.storage = 4194304
	TABLE
	# Newer than the VMM here: told when the VMM is asked.
	snap_copy s d
	edit d/snapshot.json '.host.version = "99.1.0"'
	refused_any 78
	atf_check -o match:"saved by QEMU 99.1.0, newer than the" cat err
	# Queues deeper than this QEMU makes them, as some QEMUs do.
	snap_copy s d
	edit d/cocoon.json \
	    '(.devices[] | select(.id == "rng0")).queue_size = 2048'
	refused_any 78
	atf_check -o match:"^vm-clone: s: rng0: the guest was booted with queues \
of 2048, QEMU .* has room for [0-9]*: boot it anew there$" cat err
	edit d/cocoon.json \
	    '(.devices[] | select(.id == "rng0")).queue_size = 70000'
	refused_any 65
	# A machine that the state is not of, and one that QEMU does not know.
	snap_copy s d
	edit d/snapshot.json '.host.machine = "pc-q35-7.1"'
	refused_any 65
	edit d/snapshot.json '.host.machine = "pc-q35-9.99"'
	refused_any 78
	atf_check -o match:"saved on machine pc-q35-9.99, which QEMU .* does \
not know" cat err
	counts_on a
}
preflight__envelope_cleanup()
{
	vms_end
}

# How the VM $1 has its template open: 0 to read, 2 to write as well.
template_mode()
{
	pid=$(vm-ls -p pid "$1")
	for fd in /proc/"$pid"/fd/*; do
		case $(readlink "$fd") in
		*/template.raw)
			flags=$(sed -n 's/^flags:[^0-9]*//p' \
			    "/proc/$pid/fdinfo/${fd##*/}")
			echo $((0$flags & 3))
			;;
		esac
	done
}

# QEMU that can is given a template to read alone, which then may be one that
# nobody may write; an older one, that opens it for writing, gets a copy of it.
atf_test_case template__read_only cleanup
template__read_only_head()
{
	atf_set require.user unprivileged
}
template__read_only_body()
{
	have_snapshot
	mode=2 from=copied
	if qemu_since 8 2; then
		mode=0 from=linked
	fi
	atf_check -o ignore vm-clone -n c s
	atf_check_equal "$mode" "$(template_mode c)"
	snap_copy s d
	chmod 0400 d/memory.raw
	atf_check -o inline:"template\t$from\n" \
	    vm-clone -n e -p memory_backing,memory_from --from-dir d
	atf_check_equal "$mode" "$(template_mode e)"
	goes_on e
	# Its save builds on that template.
	snap_save -n t e
	atf_check -o ignore vm-clone -n f t
	counts_on f
}
template__read_only_cleanup()
{
	vms_end
}

# Names in a sidecar are names in that directory, never paths of this host.
atf_test_case preflight__sidecar cleanup
preflight__sidecar_body()
{
	have_snapshot
	snap_save -n s2 a
	truncate -s 8M secret
	for name in "$PWD/secret" ../secret ../../secret /etc/passwd; do
		snap_copy s d
		jq --arg n "$name" '(.. | objects | select(has("path")) |
		    .path) |= $n' d/cocoon.json >edited
		cmp -s edited d/cocoon.json && atf_fail "no path"
		cat edited >d/cocoon.json
		refused_any 65
	done
	if [ -e "$(snap_file s2 cow.1.qcow2)" ]; then
		snap_copy s2 d
		edit d/cocoon.json '(.. | objects | select(has("backing")) |
		    .backing) |= ["../cow.raw"]'
		refused_any 65
		snap_copy s2 d
		edit d/cocoon.json '(.. | objects | select(has("backing")) |
		    .backing) |= []'
		refused_any 65
		# The header names another file.
		snap_copy s2 d
		perl -pi -e 's/cow\.raw/\/etc\/pw/' d/cow.1.qcow2
		refused_any 65
	fi
	counts_on a
}
preflight__sidecar_cleanup()
{
	vms_end
}

# The sidecar's disks against those of the machine that was saved: QEMU loads a
# state only into a machine that has them in the same places.
atf_test_case preflight__disks cleanup
preflight__disks_body()
{
	have_snapshot --data-disk size=16M,name=one,fstype=none \
	    --data-disk size=16M,name=two,fstype=none
	snap_copy s d
	cp d/data-two.raw d/data-three.raw
	cp d/cocoon.json good
	while IFS=';' read -r program message; do
		jq -c ".storage_configs |= ($program)" good >d/cocoon.json
		damaged 65 "$message"
	done <<-'TABLE'
	reverse;cocoon.json: disk 2: role cow behind role data: the order is layer, cow, data, cidata
	[.[0], .[2], .[1]];cocoon.json: "devices": disk1: serial "one", the disk there has "two"
	.[0:2];cocoon.json: "devices": 3 disks and 0 NICs, not 2 and 0
	.[0:1];cocoon.json: "devices": 3 disks and 0 NICs, not 1 and 0
	.[1:];cocoon.json: "devices": 3 disks and 0 NICs, not 2 and 0
	[];cocoon.json: "devices": 3 disks and 0 NICs, not 0 and 0
	. + [.[2] + {path: "data-three.raw", serial: "three"}];cocoon.json: "devices": 3 disks and 0 NICs, not 4 and 0
	. + [.[2]];cocoon.json: disk 3: serial "two" is that of disk 2, too
	. + [{role: "cidata", path: "cidata.img", ro: true, serial: ""}];cidata.img: missing
	.[2] |= . + {path: "data-three.raw", serial: "three"};cocoon.json: "devices": disk2: serial "two", the disk there has "three"
	.[1].path = "data-two.raw";cocoon.json: disk 2: path "data-two.raw" shares a file with disk 1
	.[1].serial = "two" | .[2].serial = "one";data disk "two" is in a file data-one.raw
	.[1].serial = "uno";data disk "uno" is in a file data-one.raw
	.[1].size = 8388608;data-one.raw: 16777216 bytes, the disk has 8388608
	.[2].role = "cow";cocoon.json: disk 2: fstype is for data disks, not for role cow
	.[1].role = "layer" | .[1].ro = true;cocoon.json: disk 1: fstype is for data disks, not for role layer
	.[1].ro = true;cocoon.json: disk 1: ro must be false for role data
	.[1].path = "memory.raw";cocoon.json: disk 1: path "memory.raw" is the name of another file
	TABLE
	# What was saved before serials were told of is taken.
	jq -c 'del(.devices[].serial)' good >d/cocoon.json
	atf_check -o ignore vm-clone -n c --from-dir d
	counts_on c
	counts_on a
}
preflight__disks_cleanup()
{
	vms_end
}

# The port that a user NIC of VM $1 has on the host.
port_of()
{
	vm-ls "$1" | jq '[.. | objects | select(has("host_port"))
	    | .host_port][0]'
}

atf_test_case nic__forward_is_free cleanup
nic__forward_is_free_body()
{
	have_snapshot --nic user,forward=127.0.0.1:0:22
	atf_check -o ignore vm-clone -n c --count 2 s
	for vm in a c-1 c-2; do
		port_of $vm
	done >ports
	atf_check -o inline:"3\n" sh -c "sort -u ports | grep -c '^[1-9]'"
	for port in $(cat ports); do
		hex=$(printf '%04X' "$port")
		atf_check -o ignore \
		    grep " 0100007F:$hex 00000000:0000 0A" /proc/net/tcp
	done
	# The clone of a clone, and a forward of the user's.
	snap_save -n t c-1
	atf_check -o ignore vm-clone -n d t
	[ "$(port_of d)" -gt 0 ] || atf_fail "no port"
	free=$(port_of d)
	atf_check -o ignore vm-rm --force d
	atf_check -o ignore vm-clone -n e \
	    --nic "user,forward=127.0.0.1:$free:23" t
	[ "$(port_of e)" = "$free" ] || atf_fail "another port"
}
nic__forward_is_free_cleanup()
{
	vms_end
}

# Each has a network of its own, where the lease is that of the saved MAC.
atf_test_case nic__user_keeps_its_mac cleanup
nic__user_keeps_its_mac_body()
{
	have_snapshot --nic user,mac=52:54:00:00:00:07 --nic user
	mac=52:54:00:00:00:07
	was=$(vm-ls -p network_configs.1.mac a)
	atf_check -o inline:"$mac\t$was\n$mac\t$was\n" vm-clone --count 2 \
	    --no-start -p network_configs.0.mac,network_configs.1.mac s
	atf_check -o inline:"$mac\t$was\n" vm-clone --no-start \
	    -p network_configs.0.mac,network_configs.1.mac \
	    --nic user,forward=0:22 --nic user s
	vm-clone --no-start --count 2 --nic user,mac=new \
	    --nic user,mac=52:54:00:00:00:08 \
	    -p network_configs.0.mac,network_configs.1.mac s >macs
	atf_check -o inline:"52:54:00:00:00:08\n52:54:00:00:00:08\n" \
	    cut -f 2 macs
	atf_check -s exit:1 grep "^$mac" macs
	atf_check -o inline:"2\n" sh -c 'cut -f 1 macs | sort -u | wc -l'
	atf_check -o inline:"$mac\t$was\n" vm-clone --no-start --same-mac \
	    --nic user,mac=new --nic user,mac=new \
	    -p network_configs.0.mac,network_configs.1.mac s
}
nic__user_keeps_its_mac_cleanup()
{
	vms_end
}

# Only one clone could have it: that is told before any is made.
atf_test_case count__one_port cleanup
count__one_port_body()
{
	have_snapshot --nic user
	spec=user,forward=2222:22
	refused 64 "s: --nic $spec: port 2222 of the host is for one clone, \
not 2; port 0 is a free one for each" --nic $spec --count 2 s
	atf_check -o ignore vm-clone --no-start --nic $spec --count 1 s
}
count__one_port_cleanup()
{
	vms_end
}

# The guest goes on with the MAC that it was saved with.
atf_test_case nic__new_mac_at_next_boot cleanup
nic__new_mac_at_next_boot_body()
{
	have_snapshot --nic user
	said=identity.mac,network_configs.0.mac_pending
	atf_check -o inline:"inherited\t\n" vm-clone -n same -p $said s
	atf_check -o inline:"next-boot\ttrue\n" vm-clone -n c -p $said \
	    --nic user,mac=new s
	atf_check -o inline:"\ttrue\n" vm-clone -n later -p $said \
	    --nic user,mac=new --no-start s
	atf_check -o inline:"next-boot\ttrue\n" vm-start -p $said later
	# So does who is cloned from it, and who is put back.
	snap_save -n t c
	atf_check -o inline:"next-boot\ttrue\n" vm-clone -n d -p $said t
	atf_check -o inline:"next-boot\ttrue\n" vm-restore -p $said c s
	atf_check -o ignore vm-stop --force c
	atf_check -o inline:"\t\n" vm-start -p $said c
	atf_check -o inline:"next-boot\ttrue\n" vm-restore -p $said c s
}
nic__new_mac_at_next_boot_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__runs
	atf_add_test_case clone__refused
	atf_add_test_case count__side_by_side
	atf_add_test_case count__signal
	atf_add_test_case count__loaded_first
	atf_add_test_case paused__stands_until_resumed
	atf_add_test_case no_start__starts_later
	atf_add_test_case no_start__stopped_before
	atf_add_test_case memory_mode__copy
	atf_add_test_case disk_mode__each
	atf_add_test_case from_dir__is_only_read
	atf_add_test_case usage__wrong
	atf_add_test_case preflight__files
	atf_add_test_case preflight__envelope
	atf_add_test_case template__read_only
	atf_add_test_case preflight__sidecar
	atf_add_test_case preflight__disks
	atf_add_test_case nic__forward_is_free
	atf_add_test_case nic__user_keeps_its_mac
	atf_add_test_case count__one_port
	atf_add_test_case nic__new_mac_at_next_boot
}
