#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-console and vm-wait with a VMM whose console is a terminal that a process
# of ours serves.  The guest is a shell script.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# run NAME SCRIPT: a VM whose VMM is sh with that script; the pid of its
# console is in the file console_pid.
run()
{
	# shellcheck disable=SC2086 # several words
	tiny_vm "$1" $options
	atf_check -o save:console_pid \
	    "$(atf_get_srcdir)/../lib/console_vm" "$1" sh -c "$2"
}

options=
echoing='echo ready; while read -r x; do echo "got $x"; done'

atf_test_case console__script cleanup
console__script_body()
{
	run web "$echoing"
	atf_check vm-wait --timeout 60 --console '^ready$' web
	atf_check -o inline:"got a\ngot b c\n" \
	    sh -c "printf 'a\nb c\n' | vm-console web"
	atf_check vm-wait --timeout 60 --console '^got b c$' web
	atf_check -o inline:"ready\ngot a\ngot b c\n" \
	    cat "$(member web console_log)"
	# Nobody reads along: it is all in the log.
	atf_check -o ignore sh -c "echo later | vm-console web >/dev/null"
	atf_check vm-wait --timeout 60 --console '^got later$' web
}
console__script_cleanup()
{
	vms_end
}

atf_test_case console__busy cleanup
console__busy_body()
{
	run web "$echoing"
	mkfifo keys
	vm-console web <keys >out &
	exec 3>keys
	echo one >&3
	eventually 20 grep -q '^got one$' out || atf_fail "nothing is heard"
	atf_check -s exit:75 -e inline:"vm-console: web: console: busy: \
another client has it\n" vm-console web </dev/null
	echo two >&3
	exec 3>&-
	wait
	atf_check -o inline:"got one\ngot two\n" cat out
	atf_check -o inline:"got three\n" sh -c "echo three | vm-console web"
}
console__busy_cleanup()
{
	vms_end
}

# Its last words are there when vm-wait learns that there are no more.
atf_test_case console__vm_ends cleanup
console__vm_ends_body()
{
	for n in 1 2 3 4 5; do
		run vm$n 'read x; seq 50000; echo last words'
		(echo go | vm-console vm$n >out$n) 2>err$n
		atf_check vm-wait --timeout 60 --console '^last words$' vm$n
		atf_check -s exit:69 -e inline:"vm-wait: vm$n: ended, and no \
line of its console fits\n" vm-wait --timeout 60 --console '^more words$' vm$n
		atf_check_equal 50001 \
		    "$(wc -l <"$(member vm$n console_log)")"
	done
	atf_check -s exit:77 -e inline:"vm-console: vm1: not running\n" \
	    vm-console vm1
}
console__vm_ends_cleanup()
{
	vms_end
}

# Bounded: whoever waits goes on from file to file, and the end is there.
atf_test_case console__bounded cleanup
console__bounded_body()
{
	options='--console-max 64K'
	run web 'echo begin; read x; for i in 1 2 3 4 5 6 7 8 9 10; do
	    seq -f "$i %.0f" 3000; sleep 0.3; done; echo last words'
	atf_check vm-wait --timeout 60 --console '^begin$' web
	for line in '3 1' '5 2999' '10 3000' 'last words'; do
		vm-wait --timeout 60 --console "^$line\$" web &
		waiters="$waiters $!"
	done
	sleep 0.2
	(echo go | vm-console web) >/dev/null
	for p in $waiters; do
		wait "$p" || atf_fail "a line was missed"
	done
	dir=$(member web dir)
	eventually 20 test "$(member web state)" != running ||
	    atf_fail "it has not ended"
	atf_check -o inline:"last words\n" tail -n 1 "$dir/console.log"
	[ "$(cat "$dir"/console.log* | wc -c)" -le 65536 ] ||
	    atf_fail "the bound is exceeded"
	# In two files one behind the other there is no line that was cut.
	atf_check -o empty sh -c "cat '$dir/console.log.1' '$dir/console.log' |
	    sed '/^[0-9]* [0-9]*\$/d; /^last words\$/d'"
	atf_check -s exit:69 -e match:'no line of its console fits' \
	    vm-wait --timeout 60 --console '^begin$' web
	atf_check vm-wait --timeout 60 --console '^10 2999$' web
}
console__bounded_cleanup()
{
	vms_end
}

# The console's process is killed: the guest goes on, vm-console says so.
atf_test_case console__killed cleanup
console__killed_body()
{
	run web 'trap "" PIPE; echo here; while sleep 0.1; do echo x; touch alive
	    done'
	atf_check vm-wait --timeout 60 --console '^here$' web
	kill -9 "$(cat console_pid)"
	eventually 20 is_gone "$(cat console_pid)" ||
	    atf_fail "it was not killed"
	dir=$(member web dir)
	atf_check -s exit:69 -e inline:"vm-console: web: console.sock: \
Connection refused\n" vm-console web </dev/null
	rm -f "$dir/alive"
	eventually 20 test -e "$dir/alive" || atf_fail "the guest has ended"
}
console__killed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case console__script
	atf_add_test_case console__busy
	atf_add_test_case console__vm_ends
	atf_add_test_case console__bounded
	atf_add_test_case console__killed
}
