#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

atf_test_case stop__by_the_button cleanup
stop__by_the_button_body()
{
	tiny_run web
	pid=$(member web pid)
	dir=$(member web dir)
	atf_check -o save:record vm-stop web
	is_gone "$pid" || atf_fail "process $pid is still there"
	atf_check -o ignore grep -F '"state":"stopped"' record
	atf_check -o ignore grep -F '"stopped_at":"' record
	atf_check -s exit:1 grep -F '"pid"' record
	# The guest did it itself: these are its last words.
	atf_check -o inline:"tiny off\n" \
	    sh -c "tr -d '\r' <'$dir/console.log' | tail -n 1"
	printf 'console.log\nkernel\nvm.json\nvmm.log\n' >expected
	atf_check -o file:expected ls "$dir"
}
stop__by_the_button_cleanup()
{
	vms_end
}

# The guest, or QEMU, ends by itself, and nobody is there to see it.
atf_test_case stop__ended_by_itself cleanup
stop__ended_by_itself_body()
{
	tiny_run web
	snap_save -n s web
	atf_check -o ignore vm-clone -n clone s
	for vm in web clone; do
		pid=$(member $vm pid)
		kill -TERM "$pid"
		eventually 20 is_gone "$pid" || atf_fail "still there"
		atf_check -o inline:"stopped\t\n" vm-ls -p state,error $vm
		[ "$(member $vm stopped_at)" \> "$(member $vm started_at)" ] ||
		    atf_fail "stopped before it was started"
		# One that is killed after that is none that went.
		atf_check -o inline:"running\n" vm-start -p state $vm
		pid=$(member $vm pid)
		kill -KILL "$pid"
		eventually 20 is_gone "$pid" || atf_fail "still there"
		atf_check -o match:"^stopped	the hypervisor was killed" \
		    vm-ls -p state,error $vm
	done
}
stop__ended_by_itself_cleanup()
{
	vms_end
}

# Whose VMM dies at its first boot has its seed still.
atf_test_case stop__seed_of_a_killed_one cleanup
stop__seed_of_a_killed_one_body()
{
	tiny_vm web --user joe --password x
	atf_check -o ignore vm-start web
	pid=$(member web pid)
	kill -KILL "$pid"
	eventually 20 is_gone "$pid" || atf_fail "still there"
	atf_check -o ignore vm-stop web
	seed=$(member web dir)/cidata.img
	atf_check grep -q instance-id "$seed"
	# So has one that is changed before it is stopped, ...
	atf_check -o ignore vm-start web
	pid=$(member web pid)
	kill -KILL "$pid"
	eventually 20 is_gone "$pid" || atf_fail "still there"
	atf_check -o ignore vm-set --cpu 2 web
	atf_check -o ignore vm-stop web
	atf_check grep -q instance-id "$seed"
	atf_check -o ignore vm-start web
	counts_on web
	atf_check -o ignore vm-stop web
	! grep -qs instance-id "$seed" || atf_fail "a seed that was read"
}
stop__seed_of_a_killed_one_cleanup()
{
	vms_end
}

# Its record cannot be written; it is ended.
atf_test_case stop__full_disk cleanup
stop__full_disk_head()
{
	atf_set require.user root
}
stop__full_disk_body()
{
	loopfs_make ext4 100M fs
	INSTAR_ROOT=$PWD/fs/root
	tiny_vm web --user joe --password x
	atf_check -o ignore vm-start web
	counts_on web
	snap_save -n s web
	atf_check -o ignore vm-clone -n clone s
	pid=$(member clone pid)
	dd if=/dev/zero of=fs/fill bs=64k 2>/dev/null
	dd if=/dev/zero of=fs/rest bs=512 2>/dev/null
	atf_check -o inline:"stopped\n" \
	    -e match:"^vm-stop: warning: .*: stopped, but not recorded: vm.json: No" \
	    vm-stop --force -p state clone
	is_gone "$pid" || atf_fail "process $pid is still there"
	rm fs/fill fs/rest
	atf_check -o inline:"stopped\n" vm-ls -p state clone
	atf_check -o inline:"running\n" vm-start -p state clone
	dd if=/dev/zero of=fs/fill bs=64k 2>/dev/null
	dd if=/dev/zero of=fs/rest bs=512 2>/dev/null
	atf_check -o inline:"stopped\n" -e ignore vm-stop -p state web
}
stop__full_disk_cleanup()
{
	vms_end "$PWD/fs/root"
	loopfs_clean
}

atf_test_case stop__force cleanup
stop__force_body()
{
	tiny_run web
	pid=$(member web pid)
	dir=$(member web dir)
	atf_check -o inline:"stopped\n" vm-stop --force -p state web
	is_gone "$pid" || atf_fail "process $pid is still there"
	atf_check -s exit:1 grep -q 'tiny off' "$dir/console.log"
}
stop__force_cleanup()
{
	vms_end
}

# One that hangs is not asked first, nor waited for any longer than told.
atf_test_case stop__vmm_hangs cleanup
stop__vmm_hangs_body()
{
	tiny_run a
	tiny_run b
	kill -STOP "$(member a pid)" "$(member b pid)"
	atf_check -o inline:"stopped\n" timeout 15 \
	    vm-stop --force -p state a
	atf_check -o inline:"stopped\n" timeout 20 \
	    vm-stop --timeout 1000ms -p state b
}
stop__vmm_hangs_cleanup()
{
	vms_end
}

atf_test_case stop__guest_ignores_the_button cleanup
stop__guest_ignores_the_button_body()
{
	tiny_run web --cmdline power=ignore
	pid=$(member web pid)
	dir=$(member web dir)
	start=$(date +%s%3N)
	atf_check -o inline:"stopped\n" vm-stop --timeout 1 -p state web
	took=$(($(date +%s%3N) - start))
	atf_check test "$took" -ge 1000
	atf_check test "$took" -lt 15000
	is_gone "$pid" || atf_fail "process $pid is still there"
	atf_check -s exit:1 grep -q 'tiny off' "$dir/console.log"
}
stop__guest_ignores_the_button_cleanup()
{
	vms_end
}

# The second is not kept waiting by a guest that takes no notice.
atf_test_case stop__all_buttons_first cleanup
stop__all_buttons_first_body()
{
	tiny_run deaf --cmdline power=ignore
	tiny_run web
	deaf=$(member deaf pid)
	web=$(member web pid)
	vm-stop -q --timeout 600 deaf web >out 2>err &
	tool=$!
	n=0
	until is_gone "$web"; do
		n=$((n + 1))
		atf_check test "$n" -lt 600
		sleep 0.1
	done
	kill -0 "$deaf" || atf_fail "the deaf one has ended, too"
	kill -TERM "$tool"
	wait "$tool"
	atf_check_equal 143 $?
	atf_check -o inline:"running\n" vm-ls -p state deaf
}
stop__all_buttons_first_cleanup()
{
	vms_end
}

atf_test_case stop__paused cleanup
stop__paused_body()
{
	tiny_run web
	atf_check -o inline:"paused\n" vm-pause -p state web
	start=$(date +%s%3N)
	atf_check -o inline:"stopped\n" vm-stop -p state web
	# A guest that stands still hears no button: nobody waits for it.
	atf_check test $(($(date +%s%3N) - start)) -lt 20000
}
stop__paused_cleanup()
{
	vms_end
}

atf_test_case stop__not_running cleanup
stop__not_running_body()
{
	tiny_vm new
	tiny_run old
	atf_check -o ignore vm-stop --force old
	atf_check -o inline:"new\tcreated\nold\tstopped\n" \
	    vm-stop -p name,state new old
	printf '%s\n' "$(member old id)" >id
	atf_check -s exit:66 -o inline:"old\n" \
	    -e inline:"vm-stop: none: no such VM in $INSTAR_ROOT\n" \
	    vm-stop -p name none "$(cut -c 1-8 id)"
}
stop__not_running_cleanup()
{
	vms_end
}

atf_test_case stop__vmm_was_killed cleanup
stop__vmm_was_killed_body()
{
	tiny_run web
	pid=$(member web pid)
	kill -9 "$pid"
	eventually 20 is_gone "$pid" || atf_fail "still there"
	atf_check -o inline:"stopped\t\n" vm-ls -p state,pid web
	# It has not gone the way that one goes by itself.
	why="the hypervisor was killed, or broke down"
	atf_check -o inline:"$why\n" vm-ls -p error web
	[ "$(member web stopped_at)" \> "$(member web started_at)" ] ||
	    atf_fail "stopped before it was started"
	# Of whose memory there was too little, as the kernel counts it.
	mkdir group
	sed "s|\"to_load\"|\"cgroup\":\"$PWD/group\",&|" \
	    "$(member web dir)/vm.json" >new
	cp new "$(member web dir)/vm.json"
	printf 'oom 1\noom_kill 1\n' >group/memory.events
	atf_check -o inline:"the hypervisor was killed: its control group ran \
out of memory\n" vm-ls -p error web
	printf 'oom 0\noom_kill 1\n' >group/memory.events
	atf_check -o inline:"the hypervisor was killed: the host, or a control \
group above its own, ran out of memory\n" vm-ls -p error web
	rm -r group
	atf_check -o inline:"stopped\n" vm-stop -p state web
	atf_check -o inline:"\n" vm-ls -p error web
	atf_check test ! -e "$(member web dir)/qmp.sock"
	atf_check -o inline:"running\n" vm-start -p state web
	# One that is just ending has no sockets any more.
	pid=$(member web pid)
	rm "$(member web dir)"/*.sock
	(sleep 0.5; kill -9 "$pid") &
	atf_check -o inline:"stopped\n" vm-ls -p state web
}
stop__vmm_was_killed_cleanup()
{
	vms_end
}

# A process that only has the pid of the record is none of ours.
atf_test_case stop__another_process_has_the_pid cleanup
stop__another_process_has_the_pid_body()
{
	tiny_run web
	atf_check -o ignore vm-stop web
	dir=$(member web dir)
	sleep 100 &
	other=$!
	boot=$(cat /proc/sys/kernel/random/boot_id)
	ns=$(stat -L -c %i /proc/self/ns/pid)
	sed "s/\"to_load\"/\"process\":{\"pid\":$other,\"start_ticks\":1,\
\"boot_id\":\"$boot\",\"pid_ns\":$ns},&/" "$dir/vm.json" >new
	cp new "$dir/vm.json"
	atf_check -o inline:"stopped\n" vm-ls -p state web
	atf_check -o inline:"stopped\n" vm-stop --force -p state web
	atf_check vm-rm --force web
	kill "$other" || atf_fail "$other is gone"
}
stop__another_process_has_the_pid_cleanup()
{
	vms_end
}

atf_test_case stop__refusals
stop__refusals_body()
{
	tiny_vm web
	refused 64 "no VM is named" vm-stop
	refused 64 "--timeout: x: not a duration" vm-stop --timeout x web
	refused 64 "--timeout: -1: not a duration" vm-stop --timeout=-1 web
	refused 64 "--timeout: 9999999999999999: too long" \
	    vm-stop --timeout 9999999999999999 web
	refused 66 "none: no such VM in $INSTAR_ROOT" vm-stop none
	atf_check -s exit:75 \
	    -e inline:"vm-stop: web: busy: another program changes it\n" \
	    flock "$(member web dir)" vm-stop web
}

atf_init_test_cases()
{
	atf_add_test_case stop__by_the_button
	atf_add_test_case stop__ended_by_itself
	atf_add_test_case stop__seed_of_a_killed_one
	atf_add_test_case stop__full_disk
	atf_add_test_case stop__force
	atf_add_test_case stop__vmm_hangs
	atf_add_test_case stop__guest_ignores_the_button
	atf_add_test_case stop__all_buttons_first
	atf_add_test_case stop__paused
	atf_add_test_case stop__not_running
	atf_add_test_case stop__vmm_was_killed
	atf_add_test_case stop__another_process_has_the_pid
	atf_add_test_case stop__refusals
}
