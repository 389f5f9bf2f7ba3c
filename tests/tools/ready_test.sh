#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# --ready of vm-start, vm-clone and vm-restore, and vm-wait --agent and --ssh.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"
. "$(atf_get_srcdir)/../lib/ssh_server.sh"

# ready_case NAME: the body is NAME_body.
ready_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_head() { atf_set require.progs \"jq perl\"; }
	$1_cleanup()
	{
		for f in *.pid; do
			[ ! -e \$f ] || kill \$(cat \$f) 2>/dev/null
		done
		agents_end
	}"
}

# Whether the lines of file $1 have a ready_ms each.
has_ready()
{
	jq -e '.ready_ms | type == "number" and . > 0' "$1" >/dev/null ||
	    atf_fail "$(cat "$1")"
}

ready_case start__console
start__console_body()
{
	tiny_vm web
	tiny_vm db
	atf_check -o save:out vm-start \
	    --ready 'console=^tick [0-9a-f]{8}$' --ready-timeout 120 web db
	has_ready out
	atf_check -o inline:"running\nrunning\n" jq -r .state out
	# One that runs already is waited for, too.
	atf_check -o save:out vm-start -q --ready 'console=^tick 0000001' web
	has_ready out
	atf_check -o match:'^[0-9.]+$' vm-start -q -p ready_ms \
	    --ready 'console=^tick 0000001' web
}

ready_case start__agent
start__agent_body()
{
	tiny_vm web --agent
	vm-start --ready agent --ready-timeout 120 web >out 2>err &
	waiting=$!
	dir=$(vm-ls -p dir web)
	eventually 60 test -S "$dir/agent.sock" || atf_fail "no socket"
	fake_agent web
	wait $waiting || atf_fail "exit $?: $(cat err)"
	has_ready out
	atf_check vm-wait --timeout 60 --agent web
}

# The VM is there and runs, and so is its record.
ready_case start__over
start__over_body()
{
	tiny_vm web --agent
	atf_check -s exit:75 -o save:out -e inline:"vm-start: web: the time is \
over, and it is not ready: waited for its agent\n" \
	    vm-start --ready agent --ready-timeout 500ms web
	atf_check -o inline:"running null\n" jq -r '"\(.state) \(.ready_ms)"' out
	atf_check -s exit:75 -o save:out -e match:"waited for the console$" \
	    vm-start -q --ready console=nosuch --ready-timeout 200ms web
	atf_check -s exit:75 -e inline:"vm-wait: web: the time is over\n" \
	    vm-wait --timeout 200ms --agent web
	# What can never be is told at once, and nothing is started for it.
	tiny_vm bare
	no_channel="bare: has no channel for a guest agent: vm-create --agent \
makes a VM with one"
	atf_check -s exit:69 -e inline:"vm-start: $no_channel\n" \
	    vm-start --ready agent bare
	atf_check -s exit:69 -e inline:"vm-wait: $no_channel\n" \
	    vm-wait --agent bare
	atf_check -o inline:"created\n" vm-ls -p state bare
	atf_check -s exit:78 -o ignore -e match:"vm-start: bare: it has no NIC" \
	    vm-start -q --ready ssh bare
}

# Nobody else waits for it.
ready_case start__unlocked
start__unlocked_body()
{
	tiny_vm web --agent
	vm-start --ready agent web >out 2>err &
	waiting=$!
	# Its start is over, and it asks for the agent.
	eventually 60 test -e root/name/vm/web/agent.lock ||
	    atf_fail "it does not wait: $(cat err)"
	atf_check -o ignore snap-save -n golden --wait 60 web
	atf_check -o ignore vm-stop --force --wait 60 web
	rc=0
	wait $waiting || rc=$?
	atf_check_equal 69 $rc
	atf_check -o inline:"vm-start: web: has ended\n" cat err
	atf_check -o inline:"running\n" jq -r .state out
}

# A signal ends the wait, and not the guest.
ready_case start__signal
start__signal_body()
{
	tiny_vm web --agent
	signalled vm-start --ready agent web >out 2>err &
	waiting=$!
	# Its start is over, and it asks for the agent.
	eventually 60 test -e root/name/vm/web/agent.lock ||
	    atf_fail "it does not wait: $(cat err)"
	kill -TERM $waiting
	rc=0
	wait $waiting || rc=$?
	atf_check_equal 143 $rc
	atf_check -o inline:"running\n" vm-ls -p state web
}

ready_case clone__never
clone__never_body()
{
	tiny_run bare
	atf_check -o ignore snap-save -n golden bare
	ls root/vm >before
	atf_check -s exit:69 -e inline:"vm-clone: golden: has no channel for a \
guest agent: vm-create --agent makes a VM with one\n" \
	    vm-clone -n w --ready agent golden
	ls root/vm >after
	atf_check cmp before after
}

ready_case clone__and_restore
clone__and_restore_body()
{
	tiny_run web --agent
	fake_agent web
	atf_check -o ignore snap-save -n golden web
	atf_check -o save:out vm-clone -n w --count 2 \
	    --ready 'console=^tick' golden
	has_ready out
	jq -e '.ready_ms >= .clone_ms' out >/dev/null || atf_fail "$(cat out)"
	atf_check -o match:'^[0-9.]+$' vm-restore -p ready_ms \
	    --ready 'console=^tick' web golden
	# Its channel is a new one, where nobody listens.
	atf_check -s exit:75 -o inline:"running\t\n" -e inline:"vm-restore: web: \
the time is over, and it is not ready: waited for its agent\n" \
	    vm-restore -p state,ready_ms --ready agent --ready-timeout 300ms \
	    web golden
	atf_check -s exit:75 -o inline:"x\trunning\t\n" -e inline:"vm-clone: x: \
the time is over, and it is not ready: waited for its agent\n" \
	    vm-clone -n x -p name,state,ready_ms --ready agent \
	    --ready-timeout 300ms golden
	# The snapshot was nobody's meanwhile.
	vm-clone -n y --ready agent golden >out 2>err &
	waiting=$!
	eventually 60 vm-ls y || atf_fail "no y"
	atf_check -o ignore snap-rm golden
	fake_agent y
	wait $waiting || atf_fail "exit $?: $(cat err)"
	has_ready out
}

ready_case wait__agent
wait__agent_body()
{
	tiny_vm web --agent
	(vm-wait --timeout 120 --agent web 2>err; echo $? >status) &
	eventually 60 grep -q 'waiting for vm-start' err ||
	    atf_fail "$(cat err)"
	atf_check -o ignore vm-start web
	sleep 0.5
	atf_check test ! -e status
	fake_agent web
	eventually 60 test -s status || atf_fail "it still waits"
	atf_check -o inline:"0\n" cat status
	atf_check -o ignore vm-stop --force web
	atf_check -s exit:69 -e inline:"vm-wait: web: has ended\n" \
	    vm-wait --agent web
}

ready_case wait__ssh
wait__ssh_body()
{
	tiny_run web --nic user,forward=0:22
	server guest 'SSH-2.0-guest
'
	atf_check -s exit:75 -e inline:"vm-wait: web: the time is over\n" \
	    vm-wait --timeout 300ms --ssh web
	lead web "$(cat guest.port)"
	atf_check vm-wait --timeout 60 --ssh web
	atf_check -o match:'^[0-9.]+$' vm-start -q -p ready_ms --ready ssh web
}

ready_case ready__usage
ready__usage_body()
{
	for t in "vm-start web" "vm-clone web" "vm-restore web golden"; do
		tool=${t%% *}
		# shellcheck disable=SC2086
		set -- $t
		shift
		atf_check -s exit:64 -e inline:"$tool: --ready: x: not agent, \
ssh or console=regex\n" "$tool" --ready x "$@"
		atf_check -s exit:64 -e match:"^$tool: --ready: \"\\(\": " \
		    "$tool" --ready 'console=(' "$@"
		atf_check -s exit:64 -e match:"^$tool: --ready: \"\": " \
		    "$tool" --ready console= "$@"
		atf_check -s exit:64 -e inline:"$tool: --ready given twice\n" \
		    "$tool" --ready agent --ready agent "$@"
		atf_check -s exit:64 -e inline:"$tool: --ready-timeout needs \
--ready\n" "$tool" --ready-timeout 1 "$@"
	done
	atf_check -s exit:64 -e inline:"vm-clone: --ready and --paused exclude \
each other\n" vm-clone --paused --ready agent web
	atf_check -s exit:64 -e inline:"vm-clone: --ready and --no-start exclude \
each other\n" vm-clone --no-start --ready agent web
	for o in "--agent --ssh" "--agent --state running" "--ssh --console x"; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"vm-wait: exactly one of --state, \
--console, --agent and --ssh is needed\n" vm-wait $o web
	done
	atf_check test ! -e root
}

atf_init_test_cases()
{
	atf_add_test_case start__console
	atf_add_test_case start__agent
	atf_add_test_case start__over
	atf_add_test_case start__unlocked
	atf_add_test_case start__signal
	atf_add_test_case clone__never
	atf_add_test_case clone__and_restore
	atf_add_test_case wait__agent
	atf_add_test_case wait__ssh
	atf_add_test_case ready__usage
}
