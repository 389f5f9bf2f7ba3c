#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# QEMU does what it was asked, or not, and its answer does not come.  Whatever
# a tool makes of that: the guest goes on, and what it writes is kept.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"
. "$(atf_get_srcdir)/../lib/between.sh"
. "$(atf_get_srcdir)/../lib/kept.sh"

backup="disk-backup -q --vm a -o backup db"
save="snap-save -q -n s a"

# what_is_lost COMMAND TOOL...: each way in which it can go wrong.
what_is_lost()
{
	command=$1
	shift
	for how in lose lose-cut keep cut; do
		unanswered a "$command" $how "$@"
		counts_on a
		vm_is a running
		[ ! -e backup ] || atf_fail "$how: a backup"
		atf_check -o empty ls -A root/snap
		disk_is_kept
	done
	# Nothing is in the way of the next one.
	# shellcheck disable=SC2086
	atf_check -o ignore $backup
	atf_check -o ignore disk-restore --verify backup
	# shellcheck disable=SC2086
	atf_check -o ignore $save
	atf_check snap-verify s
	disk_is_kept
}

for tool in backup save; do
	for command in transaction stop cont; do
		eval "
		atf_test_case ${tool}__$command cleanup
		${tool}__${command}_body()
		{
			kept_vm
			# shellcheck disable=SC2086
			what_is_lost $command \$$tool
		}
		${tool}__${command}_cleanup()
		{
			vms_end
		}"
	done
done

# No signal, but time runs out: what comes after it is answered.
atf_test_case backup__deadline cleanup
backup__deadline_head()
{
	atf_set require.config long
}
backup__deadline_body()
{
	kept_vm
	stand_between a transaction lose
	# shellcheck disable=SC2086
	atf_check -s exit:75 -e match:'^disk-backup: a: transaction: .*time$' \
	    $backup
	step_aside
	counts_on a
	vm_is a running
	disk_is_kept
}
backup__deadline_cleanup()
{
	vms_end
}

# What was not done is undone: neither overlay nor record of one is left.
atf_test_case backup__not_switched cleanup
backup__not_switched_body()
{
	kept_vm
	inventory >before
	# shellcheck disable=SC2086
	unanswered a transaction keep $backup
	counts_on a
	inventory >after
	atf_check diff before after
	atf_check -o inline:"data-db.raw\n" sh -c "vm-ls a |
	    jq -r '.storage_configs[1].path' | sed 's|.*/||'"
	disk_is_kept
}
backup__not_switched_cleanup()
{
	vms_end
}

# A guest that the user paused is paused afterwards, on what it is on then.
atf_test_case backup__paused cleanup
backup__paused_body()
{
	kept_vm
	atf_check -o ignore vm-pause a
	for how in lose lose-cut keep cut; do
		# shellcheck disable=SC2086
		unanswered a transaction $how $backup
		vm_is a paused
		stands_still a
		record_is_true a
	done
	disk_is_kept
}
backup__paused_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	for tool in backup save; do
		for command in transaction stop cont; do
			atf_add_test_case ${tool}__$command
		done
	done
	atf_add_test_case backup__deadline
	atf_add_test_case backup__not_switched
	atf_add_test_case backup__paused
}
