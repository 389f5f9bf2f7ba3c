#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Tools that make something, killed at every step.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/killing.sh"
. "$(atf_get_srcdir)/../lib/kept.sh"

atf_test_case save__at_every_step cleanup
save__at_every_step_body()
{
	need
	vm_run a --storage 8M --cmdline "dirty=2 rate=5"
	pid=$(pid_of a)
	n=0
	for step in root-hidden root-claimed overlays-made overlays-recorded \
	    watched paused overlays-open switched state-saved memory-saved \
	    disks-saved resumed collected sealed envelope-written vm-told \
	    root-publish root-published published; do
		n=$((n + 1))
		killed_at $step snap-save -n k$n a
		counts_on a
		[ "$(pid_of a)" = "$pid" ] || atf_fail "another process"
		vm_is a running
		nothing_frozen_is_open a
		record_is_true a
		all_verify
		case $step in
		root-published | published)
			[ -e root/name/snap/k$n/snapshot.json ] ||
			    atf_fail "$step: no snapshot"
			atf_check -o ignore vm-restore a k$n
			pid=$(pid_of a)
			;;
		*)
			[ ! -e root/name/snap/k$n/snapshot.json ] ||
			    atf_fail "$step: a snapshot"
			# The name is nobody's.
			[ $((n % 2)) -eq 0 ] || collected 1
			snap_save -n k$n a
			;;
		esac
		collected 1
		record_is_true a
		nothing_frozen_is_open a
	done
	all_verify
	atf_check -o ignore vm-clone -n c k3
	counts_on c
	[ "$(first_tick c)" -ge "$(count_in "$(snap_file k3 memory.raw)")" ] ||
	    atf_fail "the clone booted"
}
save__at_every_step_cleanup()
{
	vms_end
}

atf_test_case backup__at_every_step cleanup
backup__at_every_step_head()
{
	atf_set require.config long
}
backup__at_every_step_body()
{
	need
	kept_vm
	for step in overlays-made overlays-recorded overlays-open watched \
	    paused switched resumed backup-written; do
		pid=$(pid_of a)
		killed_at $step disk-backup -q --vm a -o backup db
		counts_on a
		[ "$(pid_of a)" = "$pid" ] || atf_fail "another process"
		vm_is a running
		[ ! -e backup ] || atf_fail "$step: a backup"
		disk_is_kept
		# Nothing is in the way of the next one, nor of a save.
		atf_check -o ignore disk-backup -q --vm a -o backup db
		atf_check -o ignore disk-restore --verify backup
		rm -f backup .new-*
		collected 1
	done
	snap_save -n s a
	all_verify
	disk_is_kept
}
backup__at_every_step_cleanup()
{
	vms_end
}

atf_test_case clone__at_every_step cleanup
clone__at_every_step_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s a
	for step in root-hidden root-claimed populated spawned recorded \
	    answered loaded running root-publish root-published visible; do
		killed_at $step vm-clone -n k s
		case $step in
		root-published | visible)
			counts_on k
			vm_is k running
			;;
		*)
			atf_check -s exit:66 -e ignore vm-ls k
			collected 1
			atf_check -o ignore vm-clone -n k s
			counts_on k
			;;
		esac
		collected 2
		atf_check -o ignore vm-rm --force k
		collected 1
		counts_on a
	done
	atf_check snap-verify s
}
clone__at_every_step_cleanup()
{
	vms_end
}

# The VM $1, and nobody else, has the host port $2.
listens()
{
	[ "$(listener "$2")" = "$(pid_of "$1")" ]
}

atf_test_case restore__at_every_step cleanup
restore__at_every_step_head()
{
	atf_set require.config long
}
restore__at_every_step_body()
{
	need
	vm_run a --storage 8M --nic user,forward=127.0.0.1:0:22
	snap_save -n s a
	id=$(id_of_vm a)
	port=$(forward_of a)
	for step in root-hidden populated spawned recorded answered loaded \
	    new-loaded restore-recorded old-paused forwards-given \
	    forwards-moved exchanged new-runs; do
		killed_at $step vm-restore a s
		counts_on a
		eventually 20 listens a "$port" ||
		    atf_fail "$step: port $port: $(listener "$port")"
		vm_is a running
		record_is_true a
		[ "$(id_of_vm a)" = "$id" ] || atf_fail "another id"
		collected 1
		counts_on a
		nothing_frozen_is_open a
		snap_save -n k a
		atf_check snap-verify s k
		atf_check -o ignore vm-restore a s
		counts_on a
		atf_check -o ignore snap-rm k
		collected 1
	done
	# A paused VM is not resumed by anybody but the user.
	atf_check -o ignore vm-pause a
	for step in new-loaded old-paused forwards-given forwards-moved; do
		killed_at $step vm-restore a s
		eventually 20 listens a "$port" ||
		    atf_fail "$step: port $port: $(listener "$port")"
		vm_is a paused
		stands_still a
		collected 1
		vm_is a paused
	done
	atf_check -o ignore vm-resume a
	counts_on a
}
restore__at_every_step_cleanup()
{
	vms_end
}

atf_test_case import__at_every_step cleanup
import__at_every_step_body()
{
	need
	vm_run a --storage 8M
	snap_save -n s --stop a
	atf_check -o ignore snap-export -o s.tar.zst s
	atf_check -o ignore snap-rm s
	for step in root-hidden root-claimed import-file import-checked \
	    root-publish root-published; do
		killed_at $step snap-import -n k s.tar.zst
		if [ $step != root-published ]; then
			atf_check -s exit:66 -e ignore snap-ls k
			atf_check -o empty sh -c "ls root/snap"
			atf_check -o ignore snap-import -n k s.tar.zst
		fi
		atf_check snap-verify k
		collected 0
		atf_check -o ignore vm-clone -n c k
		counts_on c
		atf_check -o ignore vm-rm --force c
		atf_check -o ignore snap-rm k
	done
	atf_check -o empty ls -A root/snap
}
import__at_every_step_cleanup()
{
	vms_end
}

# A chain that grew to its limit is merged; the tool dies in the middle.
atf_test_case merge__killed cleanup
merge__killed_body()
{
	need
	vm_run a --storage 8M --memory-backing memfd
	! can_reflink root || atf_skip "disks are reflinked here"
	for i in 1 2 3 4 5 6 7; do
		snap_save -n s$i a
	done
	# A save beside it is busy, and the guest runs on.
	INSTAR_HOOK=merging=sleep:1500 snap-save -n m a >out 2>err &
	tool=$!
	sleep 0.5
	atf_check -s exit:75 -e inline:"snap-save: a: busy: another program \
changes it\n" snap-save -n beside a
	counts_on a
	wait $tool || atf_fail "$(cat err)"
	atf_check -o inline:"3\n" sh -c "ls root/name/vm/a/ | grep -c '^cow'"
	for i in 1 2 3 4 5; do
		snap_save -n t$i a
	done
	for step in merging merged; do
		killed_at $step snap-save -n k a
		counts_on a
		record_is_true a
		snap_save -n k a
		collected 1
		record_is_true a
		atf_check -o inline:"3\n" sh -c \
		    "vm-ls a | jq '.storage_configs[0].backing | length + 1'"
		atf_check -o inline:"3\n" \
		    sh -c "ls root/name/vm/a/ | grep -c '^cow'"
		atf_check -o ignore snap-rm k
		for i in 1 2 3 4 5; do
			snap_save a
		done
	done
	all_verify
	atf_check -o ignore vm-clone -n c t5
	counts_on c
}
merge__killed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case save__at_every_step
	atf_add_test_case backup__at_every_step
	atf_add_test_case clone__at_every_step
	atf_add_test_case restore__at_every_step
	atf_add_test_case import__at_every_step
	atf_add_test_case merge__killed
}
