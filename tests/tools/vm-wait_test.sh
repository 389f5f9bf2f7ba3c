#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

atf_test_case console__line_fits cleanup
console__line_fits_body()
{
	tiny_run web
	# What was said before counts; $ is the end of the line, not a CR.
	atf_check vm-wait --timeout 60 --console '^tiny (boot|up)$' web
	atf_check vm-wait --timeout 60 --console '^tick 0000001[0-9a-f]$' web
	atf_check -s exit:75 -e inline:"vm-wait: web: the time is over\n" \
	    vm-wait --timeout 0 --console '^ick' web
}
console__line_fits_cleanup()
{
	vms_end
}

# An unfinished line, such as a prompt, and one that grows.
atf_test_case console__unfinished_line cleanup
console__unfinished_line_body()
{
	tiny_run web
	atf_check -o ignore vm-pause web
	log=$(member web console_log)
	printf '\r\nlogin: ' >>"$log"
	atf_check vm-wait --timeout 5 --console '^login: $' web
	(sleep 1; printf 'ro'; sleep 0.2; printf 'ot\r\n') >>"$log" &
	atf_check vm-wait --timeout 20 --console '^login: root$' web
	wait
}
console__unfinished_line_cleanup()
{
	vms_end
}

atf_test_case console__started_meanwhile cleanup
console__started_meanwhile_body()
{
	tiny_vm web
	(sleep 1; vm-start web >started) &
	atf_check -e inline:"vm-wait: web: is not running: waiting for \
vm-start\n" vm-wait --timeout 60 --console 'tick' web
	wait
	# What an earlier run said does not count for the next one.
	atf_check -o ignore vm-stop --force web
	printf '\nfirst run\n' >>"$(member web console_log)"
	atf_check vm-wait --console '^first run$' web
	atf_check -o ignore vm-start web
	atf_check -s exit:75 -e ignore \
	    vm-wait --timeout 1 --console '^first run$' web
}
console__started_meanwhile_cleanup()
{
	vms_end
}

# What a rotation leaves, by copytruncate: the guest goes on at the beginning.
atf_test_case console__log_made_shorter cleanup
console__log_made_shorter_body()
{
	tiny_run web
	atf_check -o ignore vm-stop --force web
	log=$(member web console_log)
	# The next run begins far behind what it will say.
	head -c 1000000 /dev/zero | tr '\0' x >>"$log"
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console '^tick [0-9a-f]{8}$' web
	vm-wait --timeout 60 --console '^key 61$' web &
	sleep 0.5
	: >"$log"
	atf_check vm-wait --timeout 10 --console '^tick [0-9a-f]{8}$' web
	atf_check -o ignore sh -c 'printf a | vm-console web'
	wait $! || atf_fail "who waited meanwhile has missed it"
	# No hole in front: it is appended to.
	atf_check test "$(stat -c %s "$log")" -lt 500000
	atf_check -s exit:1 grep -q xxx "$log"
}
console__log_made_shorter_cleanup()
{
	vms_end
}

atf_test_case console__vm_has_ended cleanup
console__vm_has_ended_body()
{
	tiny_run web
	(sleep 1; vm-stop web >stopped) &
	atf_check -s exit:69 -e inline:"vm-wait: web: ended, and no line of \
its console fits\n" vm-wait --timeout 60 --console nevermore web
	wait
	# Its last words are found all the same.
	atf_check vm-wait --console '^tiny off$' web
	atf_check -s exit:69 -e ignore vm-wait --console nevermore web
}
console__vm_has_ended_cleanup()
{
	vms_end
}

atf_test_case state__each cleanup
state__each_body()
{
	tiny_vm web
	for s in running paused stopped; do
		atf_check -s exit:75 \
		    -e inline:"vm-wait: web: the time is over\n" \
		    vm-wait --timeout 0 --state $s web
	done
	(sleep 1; vm-start web; sleep 1; vm-pause web; sleep 1
	vm-stop web) >records &
	atf_check -e inline:"vm-wait: web: is not running: waiting for \
vm-start\n" vm-wait --timeout 60 --state running web
	atf_check vm-wait --timeout 60 --state paused web
	atf_check vm-wait --timeout 60 --state stopped web
	wait
}
state__each_cleanup()
{
	vms_end
}

# A VMM that does not answer is not taken for one that runs.
atf_test_case state__no_answer cleanup
state__no_answer_body()
{
	tiny_run web
	atf_check -o ignore vm-pause web
	pid=$(member web pid)
	kill -STOP "$pid"
	atf_check -s exit:75 -e inline:"vm-wait: web: the time is over\n" \
	    vm-wait --timeout 2 --state running web
	kill -CONT "$pid"
	atf_check vm-wait --timeout 60 --state paused web
}
state__no_answer_cleanup()
{
	vms_end
}

atf_test_case state__time_is_over
state__time_is_over_body()
{
	tiny_vm web
	start=$(date +%s%3N)
	atf_check -s exit:75 -e inline:"vm-wait: web: the time is over\n" \
	    vm-wait -q --timeout 1s --state running web
	took=$(($(date +%s%3N) - start))
	atf_check test "$took" -ge 1000
	atf_check test "$took" -lt 5000
}

atf_test_case state__removed_meanwhile
state__removed_meanwhile_body()
{
	tiny_vm web
	(sleep 1; vm-rm web) &
	atf_check -s exit:66 -e inline:"vm-wait: web: removed meanwhile\n" \
	    vm-wait -q --timeout 60 --state running web
	wait
}

atf_test_case state__signal
state__signal_body()
{
	tiny_vm web
	vm-wait -q --state running web 2>err &
	pid=$!
	sleep 0.5
	kill -TERM "$pid"
	wait "$pid"
	atf_check_equal 143 $?
	atf_check -o inline:"vm-wait: web: ended by signal 15 (Terminated)\n" \
	    cat err
}

atf_test_case usage__wrong
usage__wrong_body()
{
	tiny_vm web
	both="exactly one of --state, --console, --agent and --ssh is needed"
	refused 64 "$both" vm-wait web
	refused 64 "$both" vm-wait --state running --console x web
	refused 64 "no VM is named" vm-wait --state running
	refused 64 "--state: created: not running, paused or stopped" \
	    vm-wait --state created web
	refused 64 "--timeout: 1.5: not a duration: a number with ms, s, m, h, d or w" \
	    vm-wait --timeout 1.5 --state running web
	refused 64 '--console: "a(": Unmatched ( or \\(' \
	    vm-wait --console 'a(' web
	refused 64 '--console: "": Invalid regular expression' \
	    vm-wait --console '' web
	refused 66 "none: no such VM in $INSTAR_ROOT" vm-wait --state running none
}

atf_init_test_cases()
{
	atf_add_test_case console__line_fits
	atf_add_test_case console__unfinished_line
	atf_add_test_case console__started_meanwhile
	atf_add_test_case console__log_made_shorter
	atf_add_test_case console__vm_has_ended
	atf_add_test_case state__each
	atf_add_test_case state__no_answer
	atf_add_test_case state__time_is_over
	atf_add_test_case state__removed_meanwhile
	atf_add_test_case state__signal
	atf_add_test_case usage__wrong
}
