#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Tools killed at every step: guests that stand still, clones, new starts.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"

# A clone has pages of its own to save.
atf_test_case save__of_a_clone_at_every_step cleanup
save__of_a_clone_at_every_step_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s a
	atf_check -o ignore vm-rm --force a
	atf_check -o ignore vm-clone -n c s
	counts_on c
	for step in overlays-recorded paused switched state-saved \
	    memory-saved resumed collected vm-told; do
		killed_at $step snap-save -n k c
		counts_on c
		record_is_true c
		snap_save -n k c
		collected 1
		all_verify
		atf_check -o ignore snap-rm k
	done
	snap_save -n t c
	atf_check -o ignore vm-clone -n d t
	counts_on d
}
save__of_a_clone_at_every_step_cleanup()
{
	vms_end
}

atf_test_case stop__at_every_step cleanup
stop__at_every_step_body()
{
	need
	vm_run a --storage 8M
	for step in overlays-recorded paused switched state-saved \
	    disks-saved ending ended resumed collected vm-told; do
		killed_at $step snap-save --stop -n k a
		case $step in
		ended | resumed | collected | vm-told)
			vm_is a stopped
			record_is_true a
			collected 0
			atf_check -o ignore vm-start a
			;;
		esac
		counts_on a
		vm_is a running
		record_is_true a
		nothing_frozen_is_open a
		collected 1
		all_verify
	done
	snap_save --stop -n k a
	atf_check -o ignore vm-clone -n c k
	counts_on c
}
stop__at_every_step_cleanup()
{
	vms_end
}

# A paused guest stays paused: nobody resumes it.
atf_test_case save__of_a_paused_guest cleanup
save__of_a_paused_guest_body()
{
	need
	vm_run a --storage 8M
	atf_check -o ignore vm-pause a
	for step in paused switched memory-saved collected; do
		killed_at $step snap-save -n k a
		vm_is a paused
		stands_still a
	done
	snap_save -n k a
	collected 1
	atf_check snap-verify k
	atf_check -o ignore vm-resume a
	counts_on a
}
save__of_a_paused_guest_cleanup()
{
	vms_end
}

# After each step of the switch the VM itself dies and is started anew.
atf_test_case switch__and_a_restart cleanup
switch__and_a_restart_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s a
	for step in overlays-made overlays-recorded overlays-open switched \
	    state-saved resumed collected sealed published; do
		killed_at $step snap-save -n k-$step a
		counts_on a
		kill -9 "$(pid_of a)"
		eventually 10 eval "vm-ls -p state a | grep -qx stopped"
		record_is_true a
		atf_check -o ignore vm-start a
		counts_on a
		nothing_frozen_is_open a
		collected 1
		all_verify
		snap_save -n t-$step a
		top=$(vm-ls a | jq -r '.storage_configs[0].path')
		atf_check -o ignore qemu-img check -U -f qcow2 "$top"
	done
	all_verify
}
switch__and_a_restart_cleanup()
{
	vms_end
}

atf_test_case start__at_every_step cleanup
start__at_every_step_body()
{
	need
	for step in spawned recorded answered loaded; do
		atf_check -o ignore vm-create -n $step --memory 32M \
		    --storage 8M --kernel "$tiny"
		killed_at $step vm-start $step
		# Whatever the state: it can be stopped, and started.
		soon vm-stop --force $step
		collected 0
		killed_at $step vm-start $step
		case $step in
		answered)
			for tool in snap-save vm-resume; do
				atf_check -s exit:77 -e inline:"$tool: $step: \
its start was not finished: vm-start does it anew\n" $tool $step
			done
			;;
		esac
		soon vm-start $step
		atf_check -o ignore vm-resume $step
		counts_on $step
		collected 1
		snap_save -n s-$step $step
		atf_check -o ignore vm-rm --force $step
		# One that loads a state loads it again.
		atf_check -o ignore vm-clone -n c-$step --no-start s-$step
		killed_at $step vm-start c-$step
		case $step in
		answered | loaded)
			atf_check -s exit:77 -e ignore snap-save c-$step
			;;
		esac
		soon vm-start c-$step
		counts_on c-$step
		atf_check -s exit:1 grep boot root/name/vm/c-$step/console.log
		collected 1
		# It is over then: the next start is a boot.
		atf_check -o ignore vm-stop --force c-$step
		soon vm-start c-$step
		counts_on c-$step
		atf_check -o ignore vm-rm --force c-$step
	done
}
start__at_every_step_cleanup()
{
	vms_end
}

# One that was killed before it let the guest go stands still, and is saved so.
atf_test_case start__killed_then_saved cleanup
start__killed_then_saved_body()
{
	need
	atf_check -o ignore vm-create -n a --memory 32M --storage 8M \
	    --kernel "$tiny"
	killed_at loaded vm-start a
	vm_is a paused
	snap_save -n s a
	snap_save -n t a
	vm_is a paused
	atf_check -o ignore vm-resume a
	counts_on a
	atf_check -o ignore vm-clone -n c t
	counts_on c
	atf_check snap-verify s t
}
start__killed_then_saved_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case save__of_a_clone_at_every_step
	atf_add_test_case stop__at_every_step
	atf_add_test_case save__of_a_paused_guest
	atf_add_test_case switch__and_a_restart
	atf_add_test_case start__at_every_step
	atf_add_test_case start__killed_then_saved
}
