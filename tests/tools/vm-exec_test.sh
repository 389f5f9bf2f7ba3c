#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The tool, with an agent of the tests' own in place of a guest's.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

# A running VM "web" with the fake.
faked()
{
	tiny_run web --agent
	fake_agent web
}

# exec_case NAME: the body is NAME_body.
exec_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_cleanup() { agents_end; }"
}

exec_case exec__output_and_status
exec__output_and_status_body()
{
	faked
	atf_check vm-exec web -- true
	atf_check -s exit:1 vm-exec web false
	atf_check -s exit:7 -o inline:"out\n" -e inline:"err\n" \
	    vm-exec web -- sh -c 'echo out; echo err >&2; exit 7'
	atf_check -s exit:137 vm-exec web -- sh -c 'kill -9 $$'
	atf_check -o inline:"a b\n-n\n\$x\n" \
	    vm-exec web -- printf '%s\n' 'a b' -n '$x'
	# Whatever bytes.
	head -c 300000 /dev/urandom >bytes
	cp bytes guest/bytes
	atf_check -o file:bytes vm-exec web cat bytes
	# Without a "--", and an option of the command's own.
	atf_check -o inline:"$(uname -s)\n" vm-exec web uname -s
}

exec_case exec__input
exec__input_body()
{
	faked
	head -c 200000 /dev/urandom >bytes
	atf_check -o file:bytes sh -c 'cat bytes | vm-exec web cat'
	atf_check -o file:bytes vm-exec -i bytes web cat
	atf_check -o file:bytes -x 'vm-exec -i - web cat <bytes'
	atf_check -o inline:"0\n" -x 'vm-exec -i /dev/null web -- wc -c <bytes'
	# What names VMs is no input.
	atf_check -o inline:"0\n" -x 'vm-ls | vm-exec - -- wc -c'
	atf_check -s exit:64 -e inline:"vm-exec: -i -: standard input names \
the VMs already\n" vm-exec -i - - -- wc -c
	atf_check -s exit:66 -e inline:"vm-exec: nosuch: No such file or \
directory\n" vm-exec -i nosuch web cat
	truncate -s 17M large
	atf_check -s exit:65 -e inline:"vm-exec: large: more than 16777216 \
bytes\n" vm-exec -i large web cat
}

exec_case exec__environment
exec__environment_body()
{
	faked
	mkdir guest/dir
	atf_check -o inline:"$PWD/guest/dir\n" vm-exec --cwd dir web pwd
	atf_check -o inline:"a b;\$(x)|\n|$PATH\n" vm-exec \
	    --env 'ONE=a b;$(x)' --env TWO= web -- \
	    sh -c 'printf "%s|%s\n|%s\n" "$ONE" "$TWO" "$PATH"'
	atf_check -s exit:3 -o inline:"$PWD/guest/dir 1\n" vm-exec --env A=1 \
	    --cwd "$PWD/guest/dir" web -- sh -c 'echo "$(pwd) $A"; exit 3'
	atf_check -s exit:126 -e match:"cd: " vm-exec --cwd nosuch web true
	atf_check -s exit:127 -e match:"nosuch" \
	    vm-exec --cwd dir web nosuch
	atf_check -s exit:127 -e inline:"vm-exec: web: guest agent: guest-exec: \
Failed to execute child process \"nosuch\"\n" vm-exec web nosuch
	for e in =x A 1A=x 'A B=x' A-B=x; do
		atf_check -s exit:64 -e inline:"vm-exec: --env: \"$e\": not \
name=value\n" vm-exec --env "$e" web true
	done
}

exec_case exec__time_over
exec__time_over_body()
{
	faked
	atf_check -s exit:75 -e inline:"vm-exec: web: the time is over, and it \
was ended\n" vm-exec --timeout 500ms web -- \
	    sh -c 'echo $$ >pid; exec sleep 1000'
	test -s guest/pid || atf_fail "it never ran"
	is_gone "$(cat guest/pid)" || atf_fail "it still runs"
	# By a signal that nobody can ignore, where need be.
	atf_check -s exit:75 -e inline:"vm-exec: web: the time is over, and it \
was ended\n" vm-exec --timeout 500ms web -- \
	    sh -c 'trap "" TERM; echo $$ >pid; while :; do sleep 0.1; done'
	is_gone "$(cat guest/pid)" || atf_fail "it still runs"
}

exec_case exec__signal
exec__signal_body()
{
	faked
	signalled vm-exec web -- sh -c 'echo $$ >pid; exec sleep 1000' \
	    2>said &
	eventually 60 test -s guest/pid || atf_fail "it never ran"
	kill -TERM $!
	rc=0
	wait $! || rc=$?
	[ $rc -eq 143 ] || atf_fail "exit $rc: $(cat said)"
	is_gone "$(cat guest/pid)" || atf_fail "it still runs"
}

exec_case exec__detach
exec__detach_body()
{
	faked
	atf_check -o save:out -e empty vm-exec --detach -p id,name,pid web -- \
	    sh -c 'echo $$ >pid; exec sleep 1000'
	eventually 60 test -s guest/pid || atf_fail "it never ran"
	atf_check -o inline:"$(vm-ls -p id web)\tweb\t$(cat guest/pid)\n" \
	    cat out
	! is_gone "$(cat guest/pid)" || atf_fail "it has ended"
	kill -9 "$(cat guest/pid)"
	atf_check -o match:'"name":"web","pid":' vm-exec --detach web true
}

# Each at once, and a line for each.
exec_case exec__all_of
exec__all_of_body()
{
	faked
	tiny_run db --agent
	fake_agent db
	tiny_run bare
	atf_check -o save:out -x "vm-ls web db |
	    vm-exec -p name,status,stdout,stderr --all-of - -- \
	    sh -c 'printf o; printf e >&2; exit 3'; test \$? -eq 3"
	atf_check -o inline:"db\t3\to\te\nweb\t3\to\te\n" sort out
	# Twice the same; bytes that are no text.
	atf_check -o inline:"120,65533,0,121\n120,65533,0,121\n" \
	    -x "vm-exec --all-of web web -- printf 'x\\377\\0y' |
	    jq -r '.stdout | explode | map(tostring) | join(\",\")'"
	# Input for each, and what cannot be done to one is done to the others.
	echo text >input
	atf_check -s exit:69 -o inline:"web\t0\ttext?\n" -e save:err \
	    vm-exec -i input -p name,status,stdout --all-of bare web nosuch \
	    -- cat
	atf_check -o inline:"vm-exec: bare: has no channel for a guest agent: \
vm-create --agent makes a VM with one
vm-exec: nosuch: no such VM in $INSTAR_ROOT\n" sort err
	# The status is that of the first in order, whoever ends first.
	atf_check -s exit:66 -o ignore -e ignore vm-exec --all-of web nosuch \
	    bare -- cat
	atf_check -s exit:3 -o ignore -e ignore vm-exec --all-of web bare \
	    -- sh -c 'sleep 0.5; exit 3'
	atf_check -s exit:64 -e match:'^vm-exec: ' \
	    -x 'vm-exec --all-of - -- true </dev/null'
	atf_check -x 'vm-exec --allow-empty --all-of - -- true </dev/null'
}

# A VM whose agent is not to be had yet holds up nobody.
exec_case exec__all_of_at_once
exec__all_of_at_once_body()
{
	faked
	tiny_run db --agent
	fake_agent db
	: >held
	flock "$(vm-ls -p dir db)/agent.lock" \
	    sh -c ': >locked; while [ -e held ]; do sleep 0.1; done' &
	eventually 60 test -e locked
	vm-exec -p name,status --all-of db web -- true >out &
	all=$!
	eventually 60 grep -q web out || atf_fail "web waits for db"
	atf_check -o inline:"web\t0\n" cat out
	rm held
	wait $all || atf_fail "exit $?"
	atf_check -o inline:"web\t0\ndb\t0\n" cat out
	# More than there are at once, all of one VM: each in its turn.
	atf_check -o inline:"40\n" -x "yes web | head -n 40 |
	    vm-exec -p name,status --all-of - -- true | grep -c '^web.0\$'"
}

# What ends it ends the commands; what ends one of its processes is told.
exec_case exec__all_of_ended
exec__all_of_ended_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	faked
	signalled vm-exec --all-of web -- sh -c 'echo $$ >pid; exec sleep 1000' \
	    2>said &
	eventually 60 test -s guest/pid || atf_fail "it never ran"
	kill -TERM $!
	rc=0
	wait $! || rc=$?
	[ $rc -eq 143 ] || atf_fail "exit $rc: $(cat said)"
	atf_check -o inline:"vm-exec: web: ended by signal 15 (Terminated)\n" \
	    cat said
	is_gone "$(cat guest/pid)" || atf_fail "it still runs"
	atf_check -s exit:71 -e inline:"vm-exec: web: its process was ended by \
Killed\n" env INSTAR_HOOK=exec-member=kill vm-exec --all-of web -- true
	# Killed itself, it leaves no process.
	killed_at exec-crowd vm-exec --all-of web -- sleep 100
	left()
	{
		for p in /proc/[0-9]*; do
			[ "$(readlink "$p/cwd")" != "$PWD" ] ||
			    ! readlink "$p/exe" | grep vm-exec || return
		done 2>/dev/null
		false
	}
	gone()
	{
		! left
	}
	eventually 60 gone || atf_fail "$(left)"
	atf_check vm-exec web true
	atf_check -s exit:74 -e match:"standard output" \
	    -x 'vm-exec --all-of web -- true >/dev/full'
}

exec_case exec__none
exec__none_body()
{
	tiny_vm web --agent
	tiny_vm bare
	atf_check -s exit:77 -e inline:"vm-exec: web: not running\n" \
	    vm-exec web true
	atf_check -o ignore vm-start web bare
	atf_check -s exit:69 -e inline:"vm-exec: bare: has no channel for a \
guest agent: vm-create --agent makes a VM with one\n" vm-exec bare true
	# The tiny guest has none.
	atf_check -s exit:69 -e inline:"vm-exec: web: guest agent: no answer \
from the guest\n" vm-exec web true
	atf_check -s exit:75 -e inline:"vm-exec: web: the time is over, and \
nothing was started\n" vm-exec --timeout 200ms web true
	atf_check -s exit:66 -e inline:"vm-exec: nosuch: no such VM in \
$INSTAR_ROOT\n" vm-exec nosuch true
}

exec_case exec__usage
exec__usage_body()
{
	atf_check -s exit:64 -e inline:"vm-exec: no VM is named\n" vm-exec
	atf_check -s exit:64 -e inline:"vm-exec: no command is given\n" \
	    vm-exec web --
	atf_check -s exit:64 -e inline:"vm-exec: no command is given\n" \
	    vm-exec web -- ''
	atf_check -s exit:64 -e inline:"vm-exec: \"--\" and a command are \
needed behind the VMs of --all-of\n" vm-exec --all-of web true
	atf_check -s exit:64 -e inline:"vm-exec: -p needs --all-of or --detach: \
nothing else prints a record\n" vm-exec -p id web true
	atf_check -s exit:64 -e inline:"vm-exec: --allow-empty needs --all-of\n" \
	    vm-exec --allow-empty web true
	atf_check -s exit:64 -e inline:"vm-exec: --detach and --timeout exclude \
each other\n" vm-exec --detach --timeout 1 web true
	atf_check -s exit:64 -e inline:"vm-exec: --cwd: an empty name\n" \
	    vm-exec --cwd '' web true
	bad=$(printf 'x\377')
	atf_check -s exit:64 -e match:"not UTF-8, which a guest's agent cannot \
be told" vm-exec web "$bad"
	atf_check test ! -e root
}

# Somebody else's question is waited for; the VM's own lock is nobody's.
exec_case exec__while_locked
exec__while_locked_body()
{
	faked
	atf_check sh -c 'flock "$1" vm-exec web true' - \
	    "$(vm-ls -p dir web)"
	: >held
	flock "$(vm-ls -p dir web)/agent.lock" \
	    sh -c ': >locked; while [ -e held ]; do sleep 0.1; done' &
	eventually 60 test -e locked
	(sleep 1; rm held) &
	atf_check vm-exec web true
	atf_check test ! -e held
	# A long command lets others in between.
	vm-exec web -- sh -c 'while [ ! -e over ]; do sleep 0.1; done' &
	long=$!
	sleep 1
	atf_check -o inline:"golden\n" snap-save -n golden -p name web
	atf_check vm-exec web touch over
	wait $long || atf_fail "exit $?"
}

# Killed anywhere: what it started goes on, and nobody else is in the way.
exec_case exec__killed
exec__killed_body()
{
	. "$(atf_get_srcdir)/../lib/killing.sh"
	need
	faked
	for step in agent-locked agent-asked agent-held exec-started \
	    exec-ended; do
		killed_at $step vm-exec web -- sh -c 'echo ran'
		atf_check -o inline:"ok\n" vm-exec web echo ok
	done
	killed_at exec-started vm-exec web -- sh -c 'sleep 1; echo x >gone-on'
	eventually 60 test -s guest/gone-on || atf_fail "it did not go on"
	atf_check -o empty -x "find '$(vm-ls -p dir web)' -name '.*' -type f"
}

atf_init_test_cases()
{
	atf_add_test_case exec__output_and_status
	atf_add_test_case exec__input
	atf_add_test_case exec__environment
	atf_add_test_case exec__time_over
	atf_add_test_case exec__signal
	atf_add_test_case exec__detach
	atf_add_test_case exec__all_of
	atf_add_test_case exec__all_of_at_once
	atf_add_test_case exec__all_of_ended
	atf_add_test_case exec__none
	atf_add_test_case exec__usage
	atf_add_test_case exec__while_locked
	atf_add_test_case exec__killed
}
