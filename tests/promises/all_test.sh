#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# --all: what a tool does to VMs or snapshots, done to all of the root.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

VM_TOOLS="vm-start vm-stop vm-pause vm-resume vm-rm"

# Nobody has made anything: done, and nothing is made; but what is named must
# be there.
atf_test_case all__of_nothing
all__of_nothing_body()
{
	HOME=$PWD
	export HOME
	named=$INSTAR_ROOT
	for t in $VM_TOOLS snap-rm snap-verify; do
		atf_check -s exit:66 -e match:"^$t: $named: " $t --all
		atf_check -s exit:66 -e match:"^$t: .*none: " $t --all -R none
	done
	atf_check test ! -e none -a ! -e "$named"
	mkdir -p "$named/vm" "$named/snap"
	for t in $VM_TOOLS snap-rm snap-verify; do
		atf_check $t --all
	done
	unset INSTAR_ROOT
	XDG_STATE_HOME=$PWD/state
	export XDG_STATE_HOME
	[ "$(id -u)" -eq 0 ] || {
		for t in $VM_TOOLS snap-rm; do
			atf_check $t --all
		done
		atf_check test ! -e state
	}
}

atf_test_case all__excludes_operands
all__excludes_operands_body()
{
	mkdir -p root/vm root/snap
	for t in $VM_TOOLS; do
		refused 64 "--all and a VM exclude each other" $t --all web
		refused 64 "--all and a VM exclude each other" $t --all -
		refused 64 "no VM is named" $t
	done
	for t in snap-rm snap-verify; do
		refused 64 "--all and a snapshot exclude each other" \
		    $t --all golden
	done
	refused 64 "no snapshot is named" snap-rm
	refused 64 "--from-dir and --all exclude each other" \
	    snap-verify --all --from-dir root
}

atf_test_case all__vms cleanup
all__vms_body()
{
	tiny_run web
	tiny_vm db
	ls="vm-ls --sort name -p name,state"
	# One that does not run is not theirs.
	atf_check -o inline:"web\tpaused\n" vm-pause --all -p name,state
	atf_check -o inline:"web\trunning\n" vm-resume --all -p name,state
	atf_check -s exit:77 -e inline:"vm-rm: $(member web id): \
running; stop it, or use --force\n" vm-rm --all
	atf_check -o inline:"web\trunning\n" $ls
	tiny_vm db
	vm-start -q --all -p name,state >out || atf_fail "start: $?"
	atf_check -o inline:"db\trunning\nweb\trunning\n" sort out
	vm-stop --all --force -p name,state >out || atf_fail "stop: $?"
	atf_check -o inline:"db\tstopped\nweb\tstopped\n" sort out
	atf_check -o ignore vm-start db
	atf_check vm-rm --all --force
	atf_check vm-ls
	atf_check vm-rm --all
}
all__vms_cleanup()
{
	vms_end
}

atf_test_case all__snapshots
all__snapshots_body()
{
	snap_plant abc web
	snap_plant bcd
	snap_plant cde
	atf_check snap-verify --all
	rm "root/snap/$(id_of bcd)/memory.raw"
	atf_check -s exit:65 -e match:"$(id_of bcd): memory.raw" \
	    snap-verify --all
	echo '{' >"root/snap/$(id_of cde)/snapshot.json"
	atf_check snap-rm --all
	atf_check snap-ls
	atf_check -o empty find root/snap root/name/snap root/access \
	    -mindepth 1
}

atf_init_test_cases()
{
	atf_add_test_case all__of_nothing
	atf_add_test_case all__excludes_operands
	atf_add_test_case all__vms
	atf_add_test_case all__snapshots
}
