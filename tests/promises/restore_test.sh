#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-restore: lineage, a restore that does not come up, others at the same VM.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"

# Running VM "w", its snapshot "good" and the directory good; the rest is as it
# was when same_as_before is called.
start()
{
	need_tiny
	good_make
	atf_check -o ignore vm-rm v
	names >before
	pid=$(member pid w)
	snaps=$(member snapshot_ids w)
}

# same_as_before WHAT: VM w is the process that it was, and goes on.
same_as_before()
{
	atf_check_equal "$1: $pid	running" "$1: $(member pid,state w)"
	counts w || atf_fail "$1: w does not count"
	atf_check_equal "$snaps" "$(member snapshot_ids w)"
	names | diff before - || atf_fail "$1: left something"
}

# Waits until process $1 stands at its hook.
at_hook()
{
	eventually 20 grep -q 'State:.T' "/proc/$1/status" ||
	    atf_fail "did not come to the step"
}

atf_test_case restore__running_stopped_paused cleanup
restore__running_stopped_paused_body()
{
	start
	id=$(snap-ls -p id good)
	atf_check -o save:out vm-restore w good
	atf_check -o match:'"outage_ms":[0-9.]+' \
	    -o match:"\"restored_from\":\"$id\"" \
	    -o match:'"restored_at":"20' -o match:'"state":"running"' cat out
	new=$(member pid w)
	[ "$new" != "$pid" ] || atf_fail "the same process"
	grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null ||
	    [ ! -e "/proc/$pid" ] || atf_fail "the old process is there"
	counts w || atf_fail "does not count"
	atf_check_equal "$snaps" "$(member snapshot_ids w)"
	names | diff before - || atf_fail "left something"
	atf_check -o ignore vm-pause w
	atf_check -o match:'"state":"running"' -o not-match:outage \
	    vm-restore w good
	counts w || atf_fail "does not count, was paused"
	atf_check -o ignore vm-stop --force w
	atf_check -o match:'"state":"running"' -o not-match:outage \
	    vm-restore w --from-dir good
	counts w || atf_fail "does not count, was stopped"
}
restore__running_stopped_paused_cleanup()
{
	vms_end
}

atf_test_case lineage__not_its_own cleanup
lineage__not_its_own_body()
{
	start
	atf_check -o ignore vm-clone -n other good
	atf_check -o ignore snap-save -n theirs other
	atf_check -o ignore snap-export --to-dir theirs theirs
	names >before
	id=$(snap-ls -p id theirs)
	why="snapshot $id is not one of this VM's"
	atf_check -s exit:77 -e inline:"vm-restore: w: $why\n" \
	    vm-restore w theirs
	atf_check -s exit:77 -e inline:"vm-restore: w: $why\n" \
	    vm-restore w --from-dir theirs
	same_as_before refused
	atf_check -s exit:64 -e match:'--force needs --from-dir' \
	    vm-restore --force w theirs
	atf_check -s exit:64 -e match:'one of them' \
	    vm-restore w theirs --from-dir theirs
	atf_check -s exit:64 -e match:'one of them' vm-restore w
	same_as_before usage
	atf_check -o inline:"$id\n" \
	    vm-restore -p restored_from --force w --from-dir theirs
	counts w || atf_fail "does not count"
	atf_check_equal "$snaps" "$(member snapshot_ids w)"
	# Once more it needs to be forced once more.
	atf_check -s exit:77 -e inline:"vm-restore: w: $why\n" \
	    vm-restore w --from-dir theirs
}
lineage__not_its_own_cleanup()
{
	vms_end
}

atf_test_case rollback__new_vmm_fails cleanup
rollback__new_vmm_fails_body()
{
	start
	printf '#!/bin/sh\necho "no machine for you" >&2\nexit 1\n' >fails
	printf '#!/bin/sh\nkill -9 $$\n' >dies
	chmod +x fails dies
	atf_check -s exit:69 -e inline:"vm-restore: w: no machine for you\n" \
	    env INSTAR_QEMU="$PWD/fails" vm-restore w good
	same_as_before fails
	atf_check -s exit:69 -e match:'^vm-restore: w: ' \
	    env INSTAR_QEMU="$PWD/dies" vm-restore w good
	same_as_before dies
	atf_check -s exit:69 -e match:"^vm-restore: .*$PWD/none" \
	    env INSTAR_QEMU="$PWD/none" vm-restore w good
	same_as_before missing
	# The state is read up to its first device, which has no such version.
	"$(atf_get_srcdir)/../data/bad/dirs/make.sh" good state-refused d
	atf_check -s exit:69 -e match:'^vm-restore: w: ' \
	    vm-restore w --from-dir d
	same_as_before refused
	# Also a VM that does not run stays as it was.
	atf_check -o ignore vm-stop --force w
	names >before
	atf_check -s exit:69 -e match:'^vm-restore: w: ' \
	    vm-restore w --from-dir d
	atf_check -o inline:"stopped\n" vm-ls -p state w
	names | diff before - || atf_fail "left something"
	atf_check -o ignore vm-start w
	counts w || atf_fail "does not start"
}
rollback__new_vmm_fails_cleanup()
{
	vms_end
}

atf_test_case rollback__signals cleanup
rollback__signals_body()
{
	start
	for step in populated new-loaded recorded old-paused; do
		for sig in INT TERM; do
			signalled INSTAR_HOOK=$step=stop vm-restore w good \
			    >out 2>err &
			tool=$!
			at_hook $tool
			kill -s $sig $tool
			kill -s CONT $tool
			code=0
			wait $tool || code=$?
			atf_check_equal "$step: $code" \
			    "$step: $((128 + $(kill -l $sig)))"
			same_as_before "$step, $sig"
		done
	done
}
rollback__signals_cleanup()
{
	vms_end
}

atf_test_case busy__others_at_the_vm cleanup
busy__others_at_the_vm_body()
{
	start
	INSTAR_HOOK=populated=stop vm-restore w good >out 2>err &
	tool=$!
	at_hook $tool
	for t in 'vm-restore w good' 'snap-save -n more w' 'vm-stop w' \
	    'vm-rm --force w' 'vm-pause w'; do
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e match:"^${t%% *}: " $t
	done
	atf_check -s exit:66 -e ignore snap-ls more
	atf_check -s exit:75 -e match:'^vm-restore: ' \
	    vm-restore --wait 1 w good
	vm-restore --wait 60 -p pid w good >waited 2>waited.err &
	waiter=$!
	sleep 0.3
	kill -s CONT $tool
	wait $tool || atf_fail "restore: $(cat err)"
	wait $waiter || atf_fail "the one that waited: $(cat waited.err)"
	atf_check_equal "$(cat waited)" "$(member pid w)"
	counts w || atf_fail "does not count"
	names | diff before - || atf_fail "left something"
}
busy__others_at_the_vm_cleanup()
{
	vms_end
}

# All at once, again and again: each is done or busy, and the VM is true.
atf_test_case busy__many_at_once cleanup
busy__many_at_once_body()
{
	start
	for i in 1 2 3; do
		: >codes
		for t in 'vm-restore w good' 'snap-save w' 'vm-restore w good' \
		    'vm-stop --force w' 'vm-start w' 'vm-restore w good'; do
			# shellcheck disable=SC2086
			(code=0
			$t >/dev/null 2>"err.${t%% *}" || code=$?
			echo "$code $t: $(cat "err.${t%% *}")" >>codes) &
		done
		wait
		cat codes
		atf_check_equal 6 "$(wc -l <codes)"
		# snap-save: 77 where the VM had been stopped.
		atf_check -s exit:1 grep -vE '^(0|75) |^77 snap-save' codes
	done
	atf_check -o ignore vm-restore w good
	counts w || atf_fail "does not count"
	atf_check snap-verify -q
	atf_check -o empty state-gc --dry-run
}
busy__many_at_once_cleanup()
{
	vms_end
}

atf_test_case forwards__handed_over cleanup
forwards__handed_over_body()
{
	need_tiny
	# A port that was free just now.
	atf_check -o ignore vm-create -n probe --memory 16M --kernel "$tiny" \
	    --nic user,forward=0:22
	atf_check -o ignore vm-start probe
	port=$(forward_of probe)
	atf_check -o ignore vm-rm --force probe
	atf_check -o ignore vm-create -n w --memory 16M --kernel "$tiny" \
	    --nic "user,forward=$port:22,forward=0:80"
	atf_check -o ignore vm-start w
	atf_check -o ignore snap-save -n s w
	old=$(member pid w)
	forwards=$(member network_configs w)
	atf_check_equal "$old" "$(listener "$port")"
	atf_check -o ignore vm-restore w s
	new=$(member pid w)
	[ "$new" != "$old" ] || atf_fail "the same process"
	atf_check_equal "$new" "$(listener "$port")"
	atf_check_equal "$forwards" "$(member network_configs w)"
	# After a restore that is taken back they are where they were.
	for step in new-loaded old-paused; do
		INSTAR_HOOK=$step=stop vm-restore w s >out 2>err &
		tool=$!
		at_hook $tool
		kill -s TERM $tool
		kill -s CONT $tool
		wait $tool && atf_fail "$step: was not ended"
		atf_check_equal "$step: $new" "$step: $(listener "$port")"
		atf_check_equal "$forwards" "$(member network_configs w)"
		counts w || atf_fail "$step: does not count"
	done
}
forwards__handed_over_cleanup()
{
	vms_end
}

# A tap has room for one: its guest ends before the new one is loaded.
atf_test_case tap__old_one_ends_first cleanup
tap__old_one_ends_first_head()
{
	atf_set require.user root
	atf_set require.progs ip
}
tap__old_one_ends_first_body()
{
	need_tiny
	tap=it$$
	ip tuntap add dev "$tap" mode tap 2>err || atf_skip "$(cat err)"
	echo "$tap" >tap
	atf_check -o ignore vm-create -n w --memory 16M --kernel "$tiny" \
	    --storage 16M --nic "tap=$tap"
	atf_check -o ignore vm-start w
	atf_check -o ignore snap-save -n s w
	pid=$(member pid w)
	atf_check -o match:'"outage_for":"tap"' -o match:'"outage_ms":[0-9]' \
	    vm-restore w s
	[ "$(member pid w)" != "$pid" ] || atf_fail "the same process"
	counts w || atf_fail "does not count"
	names >before
	# What comes too late to leave the old one running is told.
	printf '#!/bin/sh\necho "no machine for you" >&2\nexit 1\n' >fails
	chmod +x fails
	atf_check -s exit:69 -e inline:"vm-restore: w: no machine for you\n" \
	    env INSTAR_QEMU="$PWD/fails" vm-restore w s
	why='ended for a restore, which failed: no machine for you'
	atf_check -o inline:"error	$why\n" vm-ls -p state,error w
	# Its disks are there: it starts, and can be restored.
	atf_check -o match:'"state":"running"' -o not-match:'"error"' vm-start w
	counts w || atf_fail "does not start"
	atf_check -o ignore vm-restore w s
	counts w || atf_fail "does not count any more"
	names | diff before - || atf_fail "left something"
}
tap__old_one_ends_first_cleanup()
{
	vms_end
	# Also while the kernel still tears down a VMM that held it.
	[ ! -e tap ] || ip link delete dev "$(cat tap)"
}

atf_init_test_cases()
{
	atf_add_test_case tap__old_one_ends_first
	atf_add_test_case restore__running_stopped_paused
	atf_add_test_case lineage__not_its_own
	atf_add_test_case rollback__new_vmm_fails
	atf_add_test_case rollback__signals
	atf_add_test_case busy__others_at_the_vm
	atf_add_test_case busy__many_at_once
	atf_add_test_case forwards__handed_over
}
