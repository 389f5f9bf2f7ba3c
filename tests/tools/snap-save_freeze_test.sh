#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-save --freeze, with an agent of the tests' own in place of a guest's.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"

# A running VM "web" with a disk and the fake.
faked()
{
	tiny_run web --agent --storage 8M
	fake_agent web
}

# freeze_case NAME: the body is NAME_body.
freeze_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_head() { atf_set require.progs \"jq perl\"; }
	$1_cleanup() { agents_end; }"
}

is_thawed()
{
	[ ! -e guest/is-frozen ]
}

# Nothing was saved, and the guest goes on, thawed.
nothing_saved()
{
	atf_check -o empty snap-ls
	atf_check -o empty find root/snap -mindepth 1
	is_thawed || atf_fail "it is frozen"
	vm_is web running
	counts_on web
	rm -f guest/asked
}

freeze_case freeze__frozen_in_the_pause
freeze__frozen_in_the_pause_body()
{
	faked
	atf_check -o save:saved snap-save --freeze -n s web
	jq -e '.consistent == "filesystem" and .frozen_ms >= .pause_ms and
	    .phases.freeze > 0 and .phases.thaw > 0' saved >/dev/null ||
	    atf_fail "$(cat saved)"
	atf_check -o inline:"guest-fsfreeze-status\nguest-fsfreeze-freeze\n\
guest-fsfreeze-thaw\n" cat guest/asked
	is_thawed || atf_fail "it is frozen"
	counts_on web
	atf_check -o inline:"filesystem\n" snap-ls -p consistent s
	atf_check -o inline:"filesystem\n" jq -r .consistent \
	    root/name/snap/s/snapshot.json
	# It is frozen while the guest stands still, and has no part in the pause.
	INSTAR_HOOK=paused=sleep:2000 snap-save --freeze -n t web >saved &
	tool=$!
	eventually 60 test -e guest/is-frozen || atf_fail "it is not frozen"
	eventually 60 is_thawed || atf_fail "it stays frozen"
	wait $tool || atf_fail "exit $?"
	jq -e '.frozen_ms >= 2000' saved >/dev/null || atf_fail "$(cat saved)"
	# Without it.
	rm guest/asked
	atf_check -o inline:"crash\t\n" snap-save -n u -p consistent,frozen_ms web
	atf_check test ! -e guest/asked
	# What travels keeps it.
	atf_check -o ignore snap-export -q -o s.tar s
	atf_check -o ignore snap-rm s
	atf_check -o inline:"filesystem\n" -x \
	    'snap-import -q -n s -p consistent <s.tar'
	sed -i 's/"filesystem"/"orderly"/' \
	    "$(snap-ls -p dir s)/snapshot.json"
	atf_check -s exit:65 -o ignore -e match:'"consistent" is "orderly"' \
	    snap-ls s
}

freeze_case freeze__refused
freeze__refused_body()
{
	faked
	: >guest/freeze-refuses
	atf_check -s exit:69 -e inline:"snap-save: web: guest agent: \
guest-fsfreeze-freeze: it will not\n" snap-save --freeze -n s web
	nothing_saved
	rm guest/freeze-refuses
	: >guest/freeze-none
	atf_check -s exit:69 -e inline:"snap-save: web: guest agent: there was \
no filesystem to freeze\n" snap-save --freeze -n s web
	nothing_saved
	rm guest/freeze-none
	: >guest/freeze-bad
	atf_check -s exit:69 -e match:"snap-save: web: guest agent: \
guest-fsfreeze-freeze: " snap-save --freeze -n s web
	nothing_saved
	# By somebody else, whose it stays.
	rm guest/freeze-bad
	: >guest/is-frozen
	atf_check -s exit:69 -e inline:"snap-save: web: guest agent: its \
filesystems are frozen already\n" snap-save --freeze -n s web
	atf_check test -e guest/is-frozen
	rm guest/is-frozen
	nothing_saved
	# Somebody has thawed it in the midst.
	: >guest/thaw-fewer
	atf_check -s exit:69 -e inline:"snap-save: web: guest agent: of 2 \
filesystems 1 were still frozen\n" snap-save --freeze -n s web
	nothing_saved
}

# It may answer any time later: it is thawed then.
freeze_case freeze__silent
freeze__silent_body()
{
	faked
	: >guest/freeze-waits
	snap-save --freeze --freeze-timeout 300ms -n s web 2>err &
	tool=$!
	eventually 60 grep -q guest-fsfreeze-freeze guest/asked ||
	    atf_fail "it was not asked"
	# It is given up while it is under way; the end comes meanwhile.
	sleep 1
	rm guest/freeze-waits
	rc=0
	wait $tool || rc=$?
	atf_check_equal 69 $rc
	atf_check -o inline:"snap-save: web: guest agent: it has frozen nothing \
in time\n" cat err
	nothing_saved
}

# Who does not thaw is asked by a process that stays, which has the VM.
freeze_case freeze__unthawed
freeze__unthawed_head()
{
	atf_set require.config long
	atf_set require.progs "jq perl"
}
freeze__unthawed_body()
{
	faked
	: >guest/thaw-waits
	atf_check -s exit:69 -e inline:"snap-save: web: its filesystems are not \
known to be thawed: guest agent: no answer in time\n" \
	    snap-save --freeze -n s web
	atf_check test -e guest/is-frozen
	atf_check -s exit:75 -e ignore snap-save web
	rm guest/thaw-waits
	eventually 60 is_thawed || atf_fail "it stays frozen"
	soon snap-save -n t web
	counts_on web
}

freeze_case freeze__try
freeze__try_body()
{
	faked
	atf_check -o inline:"filesystem\n" \
	    snap-save --freeze=try -n s -p consistent web
	: >guest/freeze-refuses
	atf_check -o inline:"crash\t\n" -e inline:"snap-save: web: warning: saved \
without a freeze: guest agent: guest-fsfreeze-freeze: it will not\n" \
	    snap-save --freeze=try -n t -p consistent,frozen_ms web
	rm guest/freeze-refuses
	: >guest/thaw-fewer
	atf_check -o inline:"crash\n" -e match:"of 2 filesystems 1 were" \
	    snap-save --freeze=try -n u -p consistent web
	atf_check -o ignore vm-pause web
	atf_check -o inline:"crash\n" -e inline:"snap-save: web: warning: saved \
without a freeze: paused: only a guest that runs can freeze its filesystems\n" \
	    snap-save --freeze=try -n v -p consistent web
	atf_check -s exit:77 -e inline:"snap-save: web: paused: only a guest \
that runs can freeze its filesystems\n" snap-save --freeze web
	# Nobody is there to ask.
	tiny_run bare
	atf_check -o inline:"crash\n" -e match:"has no channel for a guest agent" \
	    snap-save --freeze=try -p consistent bare
	atf_check -s exit:69 -e inline:"snap-save: bare: has no channel for a \
guest agent: vm-create --agent makes a VM with one\n" snap-save --freeze bare
	tiny_run mute --agent
	atf_check -s exit:69 -e inline:"snap-save: mute: guest agent: no answer \
from the guest\n" snap-save --freeze --freeze-timeout 300ms mute
	atf_check -o inline:"5\n" -x "snap-ls -p id | wc -l"
}

freeze_case freeze__stop
freeze__stop_body()
{
	faked
	atf_check -o inline:"filesystem\n" \
	    snap-save --freeze --stop -n s -p consistent web
	vm_is web stopped
	# There was nobody left to thaw.
	atf_check -s exit:1 grep thaw guest/asked
}

# killed STEP...: the guest runs, and is thawed.
killed()
{
	need
	faked
	for step in "$@"; do
		killed_at $step snap-save --freeze -n k web
		eventually 60 is_thawed || atf_fail "$step: it stays frozen"
		counts_on web
		soon snap-save --freeze -n t web
		is_thawed || atf_fail "$step: it is frozen"
		collected 1
		atf_check -o ignore snap-rm t
		rm -f guest/asked
	done
	all_verify
}

freeze_case freeze__killed
freeze__killed_body()
{
	killed freezing frozen paused going-on
}

freeze_case freeze__killed_at_every_step
freeze__killed_at_every_step_head()
{
	atf_set require.config long
	atf_set require.progs "jq perl"
}
freeze__killed_at_every_step_body()
{
	killed overlays-recorded watched agent-locked agent-asked agent-held \
	    switched state-saved memory-saved disks-saved thawed resumed \
	    collected sealed
}

# A signal, too.
freeze_case freeze__signal
freeze__signal_body()
{
	faked
	for step in freezing frozen paused; do
		INSTAR_HOOK=$step=sleep:2000 signalled snap-save --freeze \
		    -n k web 2>err &
		tool=$!
		eventually 60 grep -qs status guest/asked ||
		    atf_fail "$step: it was not asked"
		sleep 0.5
		kill -TERM $tool
		rc=0
		wait $tool || rc=$?
		[ $rc -eq 143 ] || atf_fail "$step: exit $rc: $(cat err)"
		nothing_saved
	done
}

# A guest that was saved so stands still in each clone, until it is thawed.
freeze_case clone__nobody_thaws
clone__nobody_thaws_body()
{
	faked
	atf_check -o ignore snap-save --freeze -n s web
	said="it runs, but its filesystems are not known to be thawed: guest \
agent: no answer from the guest"
	atf_check -s exit:69 -o save:out -e inline:"vm-clone: c: $said\n" \
	    vm-clone -n c --refresh-timeout 300ms s
	jq -e '.state == "running" and
	    .identity.refresh.thaw.result == "unconfirmed" and
	    (.identity.refresh | length) == 1' out >/dev/null ||
	    atf_fail "$(cat out)"
	counts_on c
	atf_check -o inline:"unsure\n" jq -r .thaw root/name/vm/c/vm.json
	# Its clones would not know that they stand still.
	atf_check -s exit:77 -e inline:"snap-save: c: its filesystems are not \
known to be thawed: vm-resume first\n" snap-save c
	# It is asked again when it is told to go on.
	fake_agent c
	: >guest/is-frozen
	atf_check -o inline:"confirmed\n" \
	    vm-resume -p identity.refresh.thaw.result c
	is_thawed || atf_fail "it is frozen"
	atf_check -o inline:"null\n" jq -r .thaw root/name/vm/c/vm.json
	atf_check -o inline:"crash\n" snap-save -p consistent c
	# It does not run: it is as it was saved.
	atf_check -o ignore vm-clone -n p --paused s
	atf_check -o inline:"due\n" jq -r .thaw root/name/vm/p/vm.json
	atf_check -o inline:"filesystem\n" snap-save -n t -p consistent p
	vm-resume p >out 2>err &
	tool=$!
	dir=$(vm-ls -p dir p)
	eventually 60 test -e "$dir/agent.lock" || atf_fail "it does not wait"
	fake_agent p
	: >guest/is-frozen
	wait $tool || atf_fail "exit $?: $(cat err)"
	is_thawed || atf_fail "it is frozen"
	# Killed as soon as the guest runs, it is remembered.
	atf_check -o ignore vm-clone -n k --paused s
	INSTAR_HOOK=resumed=kill vm-resume k
	atf_check -o inline:"unsure\n" jq -r .thaw root/name/vm/k/vm.json
	# The same of one that is only prepared, and of one that is put back.
	atf_check -o ignore vm-clone -n n --no-start t
	rm guest/asked
	vm-start n >out 2>err &
	tool=$!
	dir=$(vm-ls -p dir n)
	eventually 60 test -e "$dir/agent.lock" || atf_fail "it does not wait"
	fake_agent n
	wait $tool || atf_fail "exit $?: $(cat err)"
	atf_check -o inline:"guest-fsfreeze-thaw\n" cat guest/asked
	atf_check -s exit:69 -o ignore -e inline:"vm-restore: web: $said\n" \
	    vm-restore --refresh-timeout 300ms web s
	# One that boots has nothing to thaw.
	atf_check -o ignore vm-stop --force web
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -o inline:"null\n" jq -r .thaw root/name/vm/web/vm.json
}

# One that the process gives up is remembered, and thawed by the next who can.
freeze_case freeze__given_up
freeze__given_up_body()
{
	faked
	: >guest/thaw-refuses
	atf_check -s exit:69 -e inline:"snap-save: web: its filesystems are not \
known to be thawed: guest agent: guest-fsfreeze-thaw: it will not\n" \
	    env INSTAR_HOOK=watch=ms:500 snap-save --freeze -n s web
	eventually 60 is_unsure web || atf_fail "it is forgotten"
	rm guest/thaw-refuses
	soon vm-resume web
	is_thawed || atf_fail "it is frozen"
	nothing_saved
}

is_unsure()
{
	[ "$(jq -r .thaw "root/name/vm/$1/vm.json")" = unsure ]
}

# A signal that comes while it is thawed ends what is left.
freeze_case freeze__signal_at_the_end
freeze__signal_at_the_end_body()
{
	faked
	: >guest/thaw-waits
	signalled snap-save --freeze -n s web 2>err &
	tool=$!
	eventually 60 grep -qs thaw guest/asked || atf_fail "it is not thawed"
	kill -TERM $tool
	# It is asked again, in its turn.
	sleep 0.5
	rm guest/thaw-waits
	rc=0
	wait $tool || rc=$?
	atf_check_equal "143 snap-save: web: ended by signal 15 (Terminated)" \
	    "$rc $(cat err)"
	nothing_saved
}

# frozen_agent VM: of our own for it, and frozen.
frozen_agent()
{
	mkdir -p "$1.guest"
	: >"$1.guest/is-frozen"
	dir=$(vm-ls -p dir "$1")
	rm -f "$dir/agent.sock"
	(cd "$1.guest" && exec "$top/tests/lib/agent.pl" "$dir/agent.sock") &
	echo $! >>fakes
}

# Who is silent takes no time from who is not.
freeze_case clone__some_silent
clone__some_silent_body()
{
	faked
	atf_check -o ignore snap-save --freeze -n s web
	vm-clone -n c --count 6 --refresh-timeout 8s s >out 2>err &
	tool=$!
	for i in 6 1; do
		eventually 60 test -e "root/name/vm/c-$i/agent.lock" ||
		    atf_fail "c-$i is not asked"
	done
	frozen_agent c-6
	frozen_agent c-1
	rc=0
	wait $tool || rc=$?
	atf_check_equal 69 $rc
	for i in 1 6; do
		atf_check -s exit:1 test -e c-$i.guest/is-frozen
		! is_unsure c-$i || atf_fail "c-$i is not sure"
	done
	atf_check_equal 4 "$(grep -c "are not known to be thawed" err)"
	is_unsure c-3 || atf_fail "c-3 is sure"
}

# After a signal each is thawed, or named.
freeze_case clone__signal
clone__signal_body()
{
	faked
	atf_check -o ignore snap-save --freeze -n s web
	INSTAR_HOOK=refreshing=sleep:3000 signalled vm-clone -n c --count 2 \
	    --refresh-timeout 2s s >out 2>err &
	tool=$!
	eventually 60 test -e root/name/vm/c-2 || atf_fail "it is not there"
	frozen_agent c-1
	eventually 60 test -S "root/name/vm/c-1/agent.sock" || atf_fail "no agent"
	kill -TERM $tool
	rc=0
	wait $tool || rc=$?
	atf_check_equal 143 $rc
	atf_check -s exit:1 test -e c-1.guest/is-frozen
	atf_check -o match:"^vm-clone: c-2: it runs, but its filesystems are not \
known to be thawed: ended by signal 15" -o not-match:"c-1" \
	    -o match:"^vm-clone: ended by signal 15" cat err
	[ "$(wc -l <err)" -eq 2 ] || atf_fail "$(cat err)"
	atf_check_equal 2 "$(wc -l <out)"
	is_unsure c-2 || atf_fail "c-2 is sure"
	# The same while the old guest is ended for a new one.
	INSTAR_HOOK=swapped=stop signalled vm-restore web s >out 2>err &
	tool=$!
	eventually 60 grep -q '^State:[[:space:]]*T' /proc/$tool/status ||
	    atf_fail "it is not put back"
	frozen_agent web
	eventually 60 test -S root/name/vm/web/agent.sock || atf_fail "no agent"
	kill -TERM $tool
	kill -CONT $tool
	rc=0
	wait $tool || rc=$?
	atf_check_equal 143 $rc
	atf_check -s exit:1 test -e web.guest/is-frozen
	[ "$(wc -l <err)" -eq 1 ] || atf_fail "$(cat err)"
	! is_unsure web || atf_fail "it is not sure"
}

freeze_case freeze__usage
freeze__usage_body()
{
	atf_check -s exit:64 -e inline:"snap-save: --freeze: x: not try\n" \
	    snap-save --freeze=x web
	atf_check -s exit:64 -e inline:"snap-save: --freeze given twice\n" \
	    snap-save --freeze --freeze=try web
	atf_check -s exit:64 -e inline:"snap-save: --freeze-timeout needs \
--freeze\n" snap-save --freeze-timeout 1 web
	atf_check -s exit:64 -e match:"^snap-save: --freeze-timeout: " \
	    snap-save --freeze --freeze-timeout x web
	atf_check test ! -e root
}

atf_init_test_cases()
{
	atf_add_test_case freeze__frozen_in_the_pause
	atf_add_test_case freeze__refused
	atf_add_test_case freeze__silent
	atf_add_test_case freeze__unthawed
	atf_add_test_case freeze__try
	atf_add_test_case freeze__stop
	atf_add_test_case freeze__killed
	atf_add_test_case freeze__killed_at_every_step
	atf_add_test_case freeze__signal
	atf_add_test_case freeze__given_up
	atf_add_test_case freeze__signal_at_the_end
	atf_add_test_case clone__nobody_thaws
	atf_add_test_case clone__some_silent
	atf_add_test_case clone__signal
	atf_add_test_case freeze__usage
}
