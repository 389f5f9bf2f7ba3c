#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-pause, and vm-resume, which undoes it.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

atf_test_case pause__guest_stands_still cleanup
pause__guest_stands_still_body()
{
	tiny_run web
	eventually 60 has_counted web 5 || atf_fail "it does not count"
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"paused\n" vm-ls -p state web
	n=$(count_of web)
	sleep 1
	# At fifty a second it would have gone on.
	atf_check_equal "$n" "$(count_of web)"
	# A second time is no error.
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"running\n" vm-resume -p state web
	eventually 60 has_counted web $((n + 5)) ||
	    atf_fail "it does not go on"
	# No boot in between, and no count left out.
	atf_check_equal 1 "$(grep -c 'tiny boot' "$(member web console_log)")"
	tr -d '\r' <"$(member web console_log)" |
	    sed -n 's/^tick \([0-9a-f]\{8\}\)$/\1/p' >ticks
	i=1
	while [ $i -le $((n + 5)) ]; do
		printf '%08x\n' $i
		i=$((i + 1))
	done >expected
	atf_check -o file:expected head -n $((n + 5)) ticks
	atf_check -o inline:"running\n" vm-resume -p state web
}
pause__guest_stands_still_cleanup()
{
	vms_end
}

atf_test_case pause__not_running cleanup
pause__not_running_body()
{
	tiny_vm web
	for t in vm-pause vm-resume; do
		refused 77 "web: not running" $t web
		refused 66 "none: no such VM in $INSTAR_ROOT" $t none
		refused 64 "no VM is named" $t
		atf_check -s exit:75 \
		    -e inline:"$t: web: busy: another program changes it\n" \
		    flock "$(member web dir)" $t web
	done
	tiny_run db
	atf_check -s exit:77 -o inline:"db\tpaused\n" \
	    -e inline:"vm-pause: web: not running\n" \
	    vm-pause -p name,state web db
}
pause__not_running_cleanup()
{
	vms_end
}

# One that does not answer is not waited for longer than the deadline says.
atf_test_case pause__vmm_is_stopped cleanup
pause__vmm_is_stopped_head()
{
	atf_set descr "QEMU is stopped by a signal: vm-ls says running"
}
pause__vmm_is_stopped_body()
{
	tiny_run web
	pid=$(member web pid)
	kill -STOP "$pid"
	start=$(date +%s%3N)
	atf_check -o inline:"running\n" vm-ls -p state web
	took=$(($(date +%s%3N) - start))
	kill -CONT "$pid"
	atf_check test "$took" -ge 500
	atf_check test "$took" -lt 5000
}
pause__vmm_is_stopped_cleanup()
{
	vms_end
}

# QEMU gives the answer that it owes to a client that left to the next one.
atf_test_case pause__answer_of_one_who_left cleanup
pause__answer_of_one_who_left_head()
{
	atf_set descr "A client leaves while QEMU does what it asked for"
}
pause__answer_of_one_who_left_body()
{
	tiny_vm web
	atf_check -o inline:"running\n" vm-start --unconfined -p state web
	# More than the guest has, which QEMU reads slowly.
	cat >orders <<-'EOF'
		{"execute": "query-name", "id": 1}
		{"execute": "pmemsave", "id": 2, "arguments": {"val": 0, "size": 67108864, "filename": "memory.part"}}
	EOF
	atf_check -o inline:"done\n" perl "$top/tests/lib/qmp.pl" \
	    --leave memory.part "$(member web dir)" <orders
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"paused\n" vm-ls -p state web
	# It was not asked for in vain.
	atf_check -o inline:"67108864\n" \
	    stat -c %s "$(member web dir)/memory.part"
}
pause__answer_of_one_who_left_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case pause__guest_stands_still
	atf_add_test_case pause__not_running
	atf_add_test_case pause__vmm_is_stopped
	atf_add_test_case pause__answer_of_one_who_left
}
