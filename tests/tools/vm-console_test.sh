#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# Whether the file $1 has a line that fits $2, carriage returns apart.
has_line()
{
	tr -d '\r' <"$1" | grep -qE "$2"
}

atf_test_case script__answer_is_printed cleanup
script__answer_is_printed_body()
{
	tiny_run web
	start=$(date +%s%3N)
	atf_check -o save:out sh -c 'printf ab | vm-console web'
	took=$(($(date +%s%3N) - start))
	has_line out '^key 61$' || atf_fail "no answer to a"
	has_line out '^key 62$' || atf_fail "no answer to b"
	# This guest is never silent: five seconds are the most.
	atf_check test "$took" -lt 15000
	# What it prints, the log has too.
	has_line "$(member web console_log)" '^key 62$' ||
	    atf_fail "not in the log"
}
script__answer_is_printed_cleanup()
{
	vms_end
}

# Silence after the answer ends it: a paused guest says nothing at all.
atf_test_case script__silence cleanup
script__silence_body()
{
	tiny_run web
	atf_check -o ignore vm-pause web
	start=$(date +%s%3N)
	atf_check vm-console web </dev/null
	took=$(($(date +%s%3N) - start))
	atf_check test "$took" -ge 1000
	atf_check test "$took" -lt 4500
	# More than a serial port holds is not taken by one that stands still.
	head -c 1000 /dev/zero >zeros
	atf_check -s exit:75 -e inline:"vm-console: web: the guest does not \
take its input\n" vm-console web <zeros
}
script__silence_cleanup()
{
	vms_end
}

atf_test_case script__vm_ends cleanup
script__vm_ends_body()
{
	tiny_run web
	(sleep 1; vm-stop web >stopped) &
	atf_check -o save:out \
	    -e inline:"vm-console: the VM has closed its console\n" \
	    sh -c 'sleep 5 | vm-console web'
	wait
	has_line out '^tiny off$' || atf_fail "its last words are missing"
}
script__vm_ends_cleanup()
{
	vms_end
}

atf_test_case script__signal cleanup
script__signal_body()
{
	tiny_run web
	sleep 100 | {
		vm-console web >/dev/null 2>err &
		echo $! >pid
		wait $!
		echo $? >code
	} &
	eventually 20 test -s pid
	sleep 0.5
	kill -TERM "$(cat pid)"
	eventually 20 test -s code || atf_fail "it does not end"
	atf_check -o inline:"143\n" cat code
	# And the console is free again.
	atf_check -o ignore vm-console web </dev/null
}
script__signal_cleanup()
{
	vms_end
}

atf_test_case script__stdout_full cleanup
script__stdout_full_body()
{
	tiny_run web
	atf_check -s exit:74 -e inline:"vm-console: web: standard output: \
No space left on device\n" sh -c 'vm-console web </dev/null >/dev/full'
}
script__stdout_full_cleanup()
{
	vms_end
}

atf_test_case console__busy cleanup
console__busy_head()
{
	atf_set require.config long
}
console__busy_body()
{
	tiny_run web
	mkfifo keys
	vm-console web <keys >out &
	exec 3>keys
	eventually 20 test -s out || atf_fail "nothing is heard"
	start=$(date +%s%3N)
	atf_check -s exit:75 -e inline:"vm-console: web: console: busy: \
another client has it\n" vm-console web </dev/null
	atf_check test $(($(date +%s%3N) - start)) -lt 10000
	printf z >&3
	exec 3>&-
	wait
	has_line out '^key 7a$' || atf_fail "the first client was disturbed"
	atf_check -o not-empty vm-console web </dev/null
}
console__busy_cleanup()
{
	vms_end
}

# A client that knows nothing of our lock.
atf_test_case console__busy_by_another_program cleanup
console__busy_by_another_program_head()
{
	atf_set require.progs python3
}
console__busy_by_another_program_body()
{
	tiny_run web
	mkfifo hold
	(cd "$(member web dir)" && exec python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("console.sock")
s.recv(1)
print("connected", flush=True)
sys.stdin.read()
') <hold >other &
	exec 3>hold
	eventually 20 test -s other || atf_fail "python is not connected"
	atf_check -s exit:75 -e inline:"vm-console: web: console: busy: \
another client has it\n" vm-console web </dev/null
	exec 3>&-
	wait
	atf_check -o not-empty vm-console web </dev/null
}
console__busy_by_another_program_cleanup()
{
	vms_end
}

# A path that is too long for a socket's address.
atf_test_case console__long_root cleanup
console__long_root_body()
{
	need_tiny
	INSTAR_ROOT=$PWD/$(printf 'a%.0s' $(seq 150))/root
	export INSTAR_ROOT
	tiny_run web
	atf_check -o match:tick vm-console web </dev/null
	vms_end "$INSTAR_ROOT"
}
console__long_root_cleanup()
{
	for r in "$PWD"/a*/root; do
		vms_end "$r"
	done
}

# With a terminal of its own.  The keys come through script(1).
atf_test_case terminal__detaches cleanup
terminal__detaches_head()
{
	atf_set require.progs script
}
terminal__detaches_body()
{
	need_terminal
	tiny_run web
	mkfifo keys
	script -qec 'stty -g; vm-console web; echo left $?; stty -g' typescript \
	    <keys >screen &
	exec 3>keys
	eventually 20 has_line screen '^vm-console: Ctrl-\] detaches$' ||
	    atf_fail "it does not say how to detach"
	eventually 20 has_line screen '^tick ' || atf_fail "nothing is heard"
	# Ctrl-C is the guest's; what follows Ctrl-] is not.
	printf 'a\003' >&3
	eventually 20 has_line screen '^key 03$' || atf_fail "no answer"
	printf '\035' >&3
	eventually 20 has_line screen '^left 0$' || atf_fail "not detached"
	exec 3>&-
	wait
	# The terminal is as it was.
	tr -d '\r' <screen | grep -E '^[0-9a-f]+(:[0-9a-f]+){20,}$' >modes
	atf_check_equal 2 "$(wc -l <modes)"
	atf_check_equal 1 "$(sort -u modes | wc -l)"
}
terminal__detaches_cleanup()
{
	vms_end
}

atf_test_case terminal__restored_after_a_signal cleanup
terminal__restored_after_a_signal_head()
{
	atf_set require.progs script
}
terminal__restored_after_a_signal_body()
{
	need_terminal
	tiny_run web
	mkfifo keys
	script -qec 'stty -g; sh -c "echo \$\$ >pid; exec vm-console web"
	    echo left $?; stty -g' typescript <keys >screen &
	exec 3>keys
	eventually 20 has_line screen '^tick ' || atf_fail "nothing is heard"
	kill -TERM "$(cat pid)"
	eventually 20 has_line screen '^left 143$' || atf_fail "not ended"
	exec 3>&-
	wait
	tr -d '\r' <screen | grep -E '^[0-9a-f]+(:[0-9a-f]+){20,}$' >modes
	atf_check_equal 2 "$(wc -l <modes)"
	atf_check_equal 1 "$(sort -u modes | wc -l)"
}
terminal__restored_after_a_signal_cleanup()
{
	vms_end
}

atf_test_case console__refusals
console__refusals_body()
{
	tiny_vm web
	refused 64 "exactly one VM is needed" vm-console
	refused 64 "exactly one VM is needed" vm-console web web
	refused 66 "none: no such VM in $INSTAR_ROOT" vm-console none
	refused 77 "web: not running" vm-console web
	tiny_vm db
	vm-ls >lines
	picture >before
	atf_check -s exit:64 -e inline:"vm-console: one VM at a time\n" \
	    vm-console - <lines
	picture >after
	atf_check cmp before after
}

atf_init_test_cases()
{
	atf_add_test_case script__answer_is_printed
	atf_add_test_case script__silence
	atf_add_test_case script__vm_ends
	atf_add_test_case script__signal
	atf_add_test_case script__stdout_full
	atf_add_test_case console__busy
	atf_add_test_case console__busy_by_another_program
	atf_add_test_case console__long_root
	atf_add_test_case terminal__detaches
	atf_add_test_case terminal__restored_after_a_signal
	atf_add_test_case console__refusals
}
