#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Tools killed between any two steps, by the hooks of test builds.

. "$(atf_get_srcdir)/lib.sh"
. "$(atf_get_srcdir)/counting.sh"

need()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	grep -q INSTAR_HOOK "$top/snap-save/snap-save" ||
	    atf_skip "not a build for tests"
}

# killed_at STEP COMMAND...
killed_at()
{
	echo "== $*"
	step=$1
	shift
	rc=0
	INSTAR_HOOK=$step=kill "$@" >killed.out 2>killed.err || rc=$?
	[ $rc -eq 137 ] || atf_fail "$step: exit $rc: $(cat killed.err)"
}

# Processes that run in this root.
processes()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd") in
		"$INSTAR_ROOT"/*) echo "${p#/proc/}" ;;
		esac
	done 2>/dev/null
}

# The collector removes what is hidden, ends what runs there, and no more:
# afterwards there are $1 VMMs.
collected()
{
	inventory | grep -v '/\.' >visible
	atf_check -o save:gc state-gc -p kind,path
	inventory >now
	# Names and times of access that nobody has go, too.
	grep -Ev '^(name|access)/' visible >visible-files
	grep -Ev '^(name|access)/' now >now-files
	atf_check diff visible-files now-files
	atf_check -s exit:1 grep '/\.' now
	[ "$(processes | wc -l)" -eq "$1" ] ||
	    atf_fail "$(processes | wc -l) VMMs, not $1: $(cat gc)"
	atf_check state-gc
}

# What the record names is there.
record_is_true()
{
	vm-ls "$1" | jq -r '.storage_configs[] | .path, (.backing[]? // empty)' |
	    while read -r f; do
		[ -e "root/name/vm/$1/${f##*/}" ] || echo "$f"
	done >missing
	atf_check -o empty cat missing
}

all_verify()
{
	snaps=$(ls root/snap)
	# shellcheck disable=SC2086
	[ -z "$snaps" ] || atf_check snap-verify $snaps
}

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

atf_test_case start__at_every_step cleanup
start__at_every_step_body()
{
	need
	for step in spawned recorded answered loaded; do
		atf_check -o ignore vm-create -n $step --memory 32M \
		    --storage 8M --kernel "$tiny"
		killed_at $step vm-start $step
		# Whatever the state: it can be stopped, and started.
		atf_check -o ignore vm-stop --force $step
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
		atf_check -o ignore -e ignore vm-start $step
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
		atf_check -o ignore vm-start c-$step
		counts_on c-$step
		atf_check -s exit:1 grep boot root/name/vm/c-$step/console.log
		collected 1
		# It is over then: the next start is a boot.
		atf_check -o ignore vm-stop --force c-$step
		atf_check -o ignore vm-start c-$step
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

atf_test_case restore__at_every_step cleanup
restore__at_every_step_body()
{
	need
	vm_run a --storage 8M --nic user,forward=127.0.0.1:0:22
	snap_save -n s a
	id=$(id_of_vm a)
	for step in root-hidden populated spawned recorded answered loaded \
	    new-loaded restore-recorded old-paused forwards-moved exchanged \
	    new-runs; do
		killed_at $step vm-restore a s
		counts_on a
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
	for step in new-loaded old-paused; do
		killed_at $step vm-restore a s
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
	atf_add_test_case save__of_a_clone_at_every_step
	atf_add_test_case save__of_a_paused_guest
	atf_add_test_case stop__at_every_step
	atf_add_test_case switch__and_a_restart
	atf_add_test_case clone__at_every_step
	atf_add_test_case start__at_every_step
	atf_add_test_case start__killed_then_saved
	atf_add_test_case restore__at_every_step
	atf_add_test_case import__at_every_step
	atf_add_test_case merge__killed
}
