#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Real UEFI firmware, which boots into its shell and runs a script of ours: what
# it stores in variables lasts over boots, and goes with the VM.

. "$(atf_get_srcdir)/../lib/lib.sh"

ovmf=/usr/share/OVMF

need()
{
	[ -e $ovmf/OVMF_CODE_4M.fd ] || atf_skip "ovmf is not installed"
	for p in mformat mcopy; do
		command -v $p >/dev/null || atf_skip "mtools is not installed"
	done
	# A disk with the script that the shell looks for.  A boot shows what is
	# stored, and stores it.
	truncate -s 8M fat.img
	mformat -i fat.img ::
	guid=6a1e9d4c-53f0-4b7e-9a52-0c8d7e3f1b60
	printf 'dmpstore kept -guid %s\r\nsetvar kept -guid %s -bs -rt -nv =0x5A\r\n' \
	    $guid $guid >startup.nsh
	printf 'echo done-by-the-script\r\n' >>startup.nsh
	mcopy -i fat.img startup.nsh :: || atf_fail "no script"
}

# boots VM: it runs the script; what it saw is in seen.
boots()
{
	atf_check -o ignore vm-start "$1"
	atf_check -o ignore vm-wait --timeout 300 \
	    --console '^[^>]*done-by-the-script' "$1"
	sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "root/name/vm/$1/console.log" |
	    tr -d '\r' | tail -n 8 >seen
}

stored()
{
	grep -q '00000000: 5A' seen || atf_fail "$1: nothing is stored"
}

lasts()
{
	atf_check -o ignore vm-create -n a --memory 256M --base fat.img "$@"
	boots a
	atf_check -s exit:0 grep -q 'No matching variables' seen
	atf_check -o ignore vm-stop --force a
	boots a
	stored a
	atf_check -o ignore snap-save -n s a
	atf_check -o ignore vm-stop --force a
	atf_check snap-verify s
	# A clone goes on from memory, and boots with what was stored.
	atf_check -o ignore vm-clone -n c s
	atf_check -o ignore vm-stop --force c
	boots c
	stored c
	# One that came through an archive, likewise; and one of a clone.
	atf_check -o ignore snap-save -n t c
	snap-export t >archive || atf_fail "no archive"
	atf_check -o ignore snap-import -n u archive
	atf_check -o ignore vm-clone -n d u
	atf_check -o ignore vm-stop --force d
	boots d
	stored d
	# Put back to where it was, with the variables of then.
	atf_check -o ignore vm-restore a s
	atf_check cmp root/name/vm/a/firmware_vars \
	    root/name/snap/s/firmware_vars
	# Nobody wrote to the files that the package has, or the snapshot.
	atf_check snap-verify s t u
}

atf_test_case ovmf__code_and_vars cleanup
ovmf__code_and_vars_body()
{
	need
	lasts --firmware ovmf
	atf_check -o inline:"true	true\n" \
	    vm-ls -p config.firmware,config.firmware_vars a
}
ovmf__code_and_vars_cleanup()
{
	vms_end "$PWD/root"
}

atf_test_case ovmf__whole cleanup
ovmf__whole_body()
{
	need
	[ -e /usr/share/ovmf/OVMF.fd ] || atf_skip "no OVMF.fd"
	lasts --firmware /usr/share/ovmf/OVMF.fd
	atf_check -o inline:"false	true\n" \
	    vm-ls -p config.firmware,config.firmware_vars a
}
ovmf__whole_cleanup()
{
	vms_end "$PWD/root"
}

atf_init_test_cases()
{
	atf_add_test_case ovmf__code_and_vars
	atf_add_test_case ovmf__whole
}
