#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A guest that counts, put back.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

# The VM "a", and its snapshot "s" some counts ago.
have_past()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	vm_run a --storage 8M "$@"
	snap_save -n s a
	count=$(count_in "$(snap_file s memory.raw)")
	eventually 20 has_ticked a $((count + 20))
	id=$(id_of_vm a)
	made=$(vm-ls -p created_at a)
}

# It went back to the count of "s", and the guest has not booted again.
went_back()
{
	counts_on a
	first=$(back_to a)
	[ "$first" -ge "$count" ] && [ "$first" -le $((count + 2)) ] ||
	    atf_fail "saved at $count, restored at $first"
	atf_check -o inline:"1\n" grep -c boot root/name/vm/a/console.log
	[ "$(id_of_vm a)" = "$id" ] || atf_fail "another id"
	atf_check -o inline:"a\t$made\n" vm-ls -p name,created_at a
	atf_check -o empty find root/vm root/snap -name '.*'
	atf_check snap-verify s
}

atf_test_case restore__running cleanup
restore__running_body()
{
	have_past --cmdline "fill=2 dirty=4 rate=10"
	old=$(pid_of a)
	atf_check -o save:record vm-restore a s
	went_back
	vm_is a running
	eventually 5 test ! -e "/proc/$old/exe" || atf_fail "the old one runs"
	atf_check -o inline:"true\n" jq ".id == \"$id\" and .outage_ms > 0 and
	    .state == \"running\" and .identity.vmgenid == \"offered\"" record
	atf_check -o inline:"[\"$(id_of_snap s)\"]\n" jq -c .snapshot_ids \
	    record
	# Again, and to another moment, which was saved after a restore.
	snap_save -n t a
	atf_check -o ignore vm-restore a s
	later=$(count_in "$(snap_file t memory.raw)")
	atf_check -o ignore vm-restore a t
	counts_on a
	[ "$(ticks a)" -ge "$later" ] || atf_fail "not at t"
	atf_check snap-verify s t
	nothing_frozen_is_open a
}
restore__running_cleanup()
{
	vms_end
}

atf_test_case restore__paused_and_stopped cleanup
restore__paused_and_stopped_body()
{
	have_past
	atf_check -o ignore vm-pause a
	atf_check -o inline:"running\n" vm-restore -p state a s
	went_back
	atf_check -o ignore vm-stop --force a
	atf_check -o inline:"running\n" vm-restore -p state a s
	went_back
	# One that dies: it may be there still, without its socket.
	kill -9 "$(pid_of a)"
	atf_check -o inline:"running\n" vm-restore -p state a s
	went_back
	rm "root/name/vm/a/"qmp*.sock
	(sleep 0.5; kill -9 "$(pid_of a)") &
	atf_check -o inline:"running\n" vm-restore -p state a s
	went_back
	atf_check -o ignore vm-restore --memory-mode copy a s
	went_back
	[ "$(vm-ls -p memory_backing a)" != template ] || atf_fail "template"
}
restore__paused_and_stopped_cleanup()
{
	vms_end
}

atf_test_case restore__clone_to_its_source cleanup
restore__clone_to_its_source_body()
{
	have_past
	atf_check -o ignore vm-clone -n c s
	counts_on c
	eventually 20 has_ticked c $((count + 150))
	snap_save -n t c
	atf_check -o ignore vm-restore c s
	counts_on c
	first=$(back_to c)
	[ "$first" -ge "$count" ] && [ "$first" -le $((count + 2)) ] ||
	    atf_fail "saved at $count, the clone was put back to $first"
	atf_check -o ignore vm-restore c t
	counts_on c
	# The clone's snapshot is not its source's.
	atf_check -s exit:77 -e inline:"vm-restore: a: snapshot \
$(id_of_snap t) is not one of this VM's\n" vm-restore a t
	counts_on a
	atf_check snap-verify s t
}
restore__clone_to_its_source_cleanup()
{
	vms_end
}

# Disks of a time that was put back, and files that look like some, are nowhere
# for the next save, or the next restore, to find.
atf_test_case restore__no_stale_disks cleanup
restore__no_stale_disks_body()
{
	have_past --data-disk size=16M,name=db,fstype=none
	snap_save -n later a
	snap_save -n latest a
	echo stale >root/name/vm/a/data-old.raw
	echo stale >root/name/vm/a/cow.9.qcow2
	ln -s data-old.raw root/name/vm/a/data-db.9.qcow2
	for s in s latest s; do
		atf_check -o ignore vm-restore a $s
		counts_on a
		vm-ls a | jq -r '.storage_configs[] | .path, .backing[]?' |
		    sed 's|.*/||' | sort >named
		(cd root/name/vm/a && ls -d cow* data*) | sort >there
		atf_check -o file:named cat there
		snap_save -n after-$s a
		(cd root/name/snap/after-$s && ls -d cow* data*) | sort >saved
		atf_check -s exit:1 grep -E 'old|9' saved
		atf_check -o ignore snap-rm after-$s
	done
}
restore__no_stale_disks_cleanup()
{
	vms_end
}

# The VM "a" is the same process, counting, and nothing is left behind.
untouched()
{
	[ "$(pid_of a)" = "$old" ] || atf_fail "another process"
	counts_on a
	vm_is a running
	inventory >after
	atf_check diff before after
	vm-ls a | jq -S 'del(.updated_at)' >record-after
	atf_check diff record-before record-after
}

remember()
{
	old=$(pid_of a)
	inventory >before
	vm-ls a | jq -S 'del(.updated_at)' >record-before
}

# refused CODE MESSAGE ARGUMENT...
refused()
{
	code=$1 message=$2
	shift 2
	atf_check -s exit:"$code" -e inline:"vm-restore: $message\n" \
	    vm-restore "$@"
	untouched
}

refused_any()
{
	code=$1
	shift
	atf_check -s exit:"$code" -e save:err vm-restore a --force \
	    --from-dir d "$@"
	[ "$(wc -l <err)" -eq 1 ] || atf_fail "$(cat err)"
	untouched
}

atf_test_case restore__refused cleanup
restore__refused_body()
{
	have_past --nic user,forward=127.0.0.1:0:22
	vm_run b --storage 8M
	snap_save -n other b
	remember
	refused 64 "no VM is named"
	refused 64 "a snapshot, --from-dir or --from-archive is needed, one of them" a
	refused 64 "a snapshot, --from-dir or --from-archive is needed, one of them" \
	    a s --from-dir d
	refused 64 "--force needs --from-dir or --from-archive" --force a s
	refused 66 "nobody: no such VM in $INSTAR_ROOT" nobody s
	refused 66 "nothing: no such snapshot in $INSTAR_ROOT" a nothing
	refused 77 "a: snapshot $(id_of_snap other) is not one of this VM's" \
	    a other
	atf_check -s exit:75 -e inline:"vm-restore: a: busy: another program \
changes it\n" flock root/name/vm/a/ vm-restore a s
	untouched
	cp -Lr root/name/snap/other d
	atf_check -s exit:77 -e ignore vm-restore a --from-dir d
	untouched
	refused 78 "a: 0 NICs were saved, the VM has 1" a --force --from-dir d
	INSTAR_QEMU=/nowhere refused 69 \
	    "a: INSTAR_QEMU: /nowhere: No such file or directory" a s
	# A new VMM that does not start leaves the old one, forwards and all.
	cat >dies <<-'END'
		#!/bin/sh
		echo "qemu: this is why" >&2
		exit 1
	END
	chmod +x dies
	INSTAR_QEMU=$PWD/dies refused 69 "a: qemu: this is why" a s
	forwards_held
}
restore__refused_cleanup()
{
	vms_end
}

# The record's port is listened on, by one process, and by no other of it.
forwards_held()
{
	port=$(vm-ls a | jq '[.. | objects | select(has("host_port"))
	    | .host_port][0]')
	hex=$(printf '%04X' "$port")
	atf_check -o ignore grep " 0100007F:$hex 00000000:0000 0A" /proc/net/tcp
	pid=$(pid_of a)
	n=0
	for fd in "/proc/$pid/fd"/*; do
		s=$(readlink "$fd") || continue
		s=${s#socket:[}
		s=${s%]}
		if awk -v s="$s" '$10 == s && $4 == "0A" { found = 1 }
		    END { exit !found }' /proc/net/tcp; then
			n=$((n + 1))
		fi
	done
	[ $n -eq 1 ] || atf_fail "$n forwards are held"
}

atf_test_case preflight__leaves_the_guest_alone cleanup
preflight__leaves_the_guest_alone_body()
{
	have_past
	remember
	for f in memory.raw state.qemu cow.raw kernel cocoon.json; do
		snap_copy s d
		mv d/$f moved
		refused_any 65
		ln -s "$PWD/moved" d/$f
		refused_any 65
	done
	for f in memory.raw cow.raw; do
		for by in -4096 +4096; do
			snap_copy s d
			truncate -s $by d/$f
			refused_any 65
		done
	done
	while read -r code program; do
		snap_copy s d
		edit d/snapshot.json "$program"
		refused_any "$code"
	done <<-'TABLE'
	78 .host.vmm = "firecracker"
	78 .host.arch = "riscv64"
	78 .host.accel = "kvm"
	78 .host.version = "99.1.0"
	65 .host.machine = "pc-q35-7.1"
	65 .config.memory = 67108864
	65 .config.nics = 1
	TABLE
	# A device state cut short.
	snap_copy s d
	truncate -s -5000 d/state.qemu
	refused_any 65
	snap_copy s d
	perl -pi -e 's/pc-q35-\d\.\d/pc-q35-9.9/' d/state.qemu d/snapshot.json
	refused_any 78
	# Digests of small files are always looked at.
	rm -rf d
	cp -Lr root/name/snap/s d
	printf 'X' | dd of=d/state.qemu bs=1 seek=300000 conv=notrunc \
	    status=none
	refused_any 65
	atf_check -o inline:"vm-restore: a: state.qemu: differs from its \
digest\n" cat err
}
preflight__leaves_the_guest_alone_cleanup()
{
	vms_end
}

atf_test_case from_dir__forced cleanup
from_dir__forced_body()
{
	have_past
	vm_run b --storage 8M
	snap_save -n other b
	counts_on b
	ids=$(vm-ls a | jq -c .snapshot_ids)
	atf_check -o ignore vm-restore a --force --from-dir root/name/snap/other
	counts_on a
	[ "$(vm-ls a | jq -c .snapshot_ids)" = "$ids" ] ||
	    atf_fail "it is one of its snapshots now"
	atf_check -o ignore vm-restore a s
	counts_on a
	atf_check snap-verify s other
}
from_dir__forced_cleanup()
{
	vms_end
}

atf_test_case nic__stays_the_same cleanup
nic__stays_the_same_body()
{
	have_past --nic user,forward=127.0.0.1:0:22
	vm-ls a | jq -S .network_configs >nics
	for i in 1 2 3; do
		atf_check -o ignore vm-restore a s
		vm-ls a | jq -S .network_configs >now
		atf_check diff nics now
		forwards_held
	done
	# Put back in the middle, by a signal: the old one keeps its port.
	for step in old-paused forwards-moved; do
		remember
		INSTAR_HOOK=$step=sleep:5000 vm-restore a s 2>err &
		tool=$!
		eventually 20 pauses a || atf_fail "$step: not paused"
		kill -TERM $tool
		rc=0
		wait $tool || rc=$?
		[ $rc -eq 143 ] || atf_fail "$step: exit $rc: $(cat err)"
		untouched
		forwards_held
	done
	# A port that is somebody else's now.
	atf_check -o ignore vm-stop --force a
	atf_check -o ignore vm-restore a s
	counts_on a
	forwards_held
}
nic__stays_the_same_cleanup()
{
	vms_end
}

# change VM FILTER: its record as another version may have left it.
change()
{
	jq -c "$2" "root/name/vm/$1/vm.json" >changed
	cp changed "root/name/vm/$1/vm.json.new"
	mv "root/name/vm/$1/vm.json.new" "root/name/vm/$1/vm.json"
}

# Whose a snapshot is, it says itself; a clone says what it was made from.
atf_test_case lineage__in_the_snapshot cleanup
lineage__in_the_snapshot_body()
{
	have_past
	change a '.snapshot_ids = []'
	atf_check -o ignore vm-restore a s
	went_back
	atf_check -o inline:"\n" vm-ls -p cloned_from a
	# Wherever it has been meanwhile.
	snap-export s | atf_check -o ignore snap-import -n back
	atf_check -o ignore vm-restore a back
	went_back
	atf_check -o ignore snap-export --to-dir out s
	atf_check -o ignore vm-restore a --from-dir out
	went_back
	atf_check -o ignore vm-clone -n c s
	atf_check -o inline:"$(id_of_snap s)\n" vm-ls -p cloned_from c
	counts_on c
	change c '.snapshot_ids = []'
	atf_check -o ignore vm-restore c s
	counts_on c
	atf_check -o inline:"$(id_of_snap s)\n" vm-ls -p cloned_from c
	# As earlier versions wrote it.
	change c 'del(.cloned_from)'
	atf_check -o inline:"[\"$(id_of_snap s)\"]\n" vm-ls -p snapshot_ids c
	atf_check -o ignore vm-restore c s
	counts_on c
	change c 'del(.cloned_from) | .snapshot_ids = []'
	atf_check -s exit:77 -e match:"is not one of this VM's" vm-restore c s
	counts_on c
}
lineage__in_the_snapshot_cleanup()
{
	vms_end
}

is_stopped()
{
	grep -q '^State:[[:space:]]*T' "/proc/$1/status"
}

# The old VMM hears nothing any more, and may not be killed.
atf_test_case end__old_one_remains cleanup
end__old_one_remains_head()
{
	atf_set require.config long
}
end__old_one_remains_body()
{
	have_past
	grep -q INSTAR_HOOK "$top/vm-restore/vm-restore" ||
	    atf_skip "not a build for tests"
	old=$(pid_of a)
	INSTAR_HOOK=new-runs=stop "$top/tests/lib/denied" signals \
	    vm-restore a s >record 2>err &
	tool=$!
	eventually 60 is_stopped $tool || atf_fail "$(cat err)"
	kill -STOP "$old"
	kill -CONT $tool
	rc=0
	wait $tool || rc=$?
	[ $rc -eq 0 ] || atf_fail "exit $rc: $(cat err)"
	atf_check -o inline:"vm-restore: a: warning: restored, but the old VMM \
has not ended: process $old: signal 15: Operation not permitted; state-gc ends \
it\n" cat err
	atf_check -o inline:"\"running\"\n" jq .state record
	counts_on a
	[ "$(pid_of a)" != "$old" ] || atf_fail "the old one is the new one"
	# It is not forgotten.
	is_stopped "$old" || atf_fail "it is gone"
	atf_check -o ignore state-gc
	eventually 20 test ! -e "/proc/$old/exe" || atf_fail "it is still there"
	went_back
}
end__old_one_remains_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case restore__running
	atf_add_test_case restore__paused_and_stopped
	atf_add_test_case restore__clone_to_its_source
	atf_add_test_case restore__no_stale_disks
	atf_add_test_case restore__refused
	atf_add_test_case preflight__leaves_the_guest_alone
	atf_add_test_case from_dir__forced
	atf_add_test_case nic__stays_the_same
	atf_add_test_case lineage__in_the_snapshot
	atf_add_test_case end__old_one_remains
}
