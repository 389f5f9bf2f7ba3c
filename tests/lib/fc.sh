# SPDX-License-Identifier: ISC
# VMs under Firecracker, for tests that run the program itself.

# Skips where it cannot be run: the program is $INSTAR_FIRECRACKER or in PATH.
need_firecracker()
{
	need_tiny
	firecracker=${INSTAR_FIRECRACKER:-firecracker}
	command -v "$firecracker" >/dev/null ||
	    atf_skip "Firecracker is not installed"
	(: <>/dev/kvm) 2>/dev/null || atf_skip "/dev/kvm cannot be opened"
	case $("$firecracker" --version | head -n 1) in
	"Firecracker v1.1"[3-6]*) ;;
	*) atf_skip "a Firecracker that we do not run" ;;
	esac
}

# fc_run NAME [VM-CREATE OPTION]...
fc_run()
{
	vm_run "$@" --hypervisor firecracker
}

# restored_from NAME SNAP: the guest went on with the number behind the saved.
restored_from()
{
	counts_on "$1"
	saved=$(count_in "$(snap_file "$2" mem)")
	first=$(first_tick "$1")
	[ "$first" -eq "$saved" ] || [ "$first" -eq $((saved + 1)) ] ||
	    atf_fail "$1 began with $first, $2 has $saved"
}

# lost NAME: whether its record says that what was written last is nowhere.
lost()
{
	grep -q '"diff_base_lost":true' "$INSTAR_ROOT/name/vm/$1/vm.json"
}

# What was recorded, with three disks, a NIC and a vsock: the directory "pair", and
# "disks", what they are.
fc_pair()
{
	mkdir pair
	zstd -qdc "$top/tests/data/fc-snapshot.tar.zst" | tar -xf - -C pair ||
	    atf_fail "not unpacked"
	truncate -s 1M pair/layer0.raw
	cat >disks <<-END
		{"path":"/srv/image/layer0.raw","ro":true,"serial":"layer0","role":"layer"}
		{"path":"/srv/vm/web/cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
		{"path":"/srv/vm/web/data-data1.raw","ro":false,"serial":"data1","role":"data","fstype":"ext4","mount_point":"/mnt"}
	END
}

# The same imported as "good".
fc_import()
{
	fc_pair
	atf_check -o ignore snap-import -n good --from-dir pair \
	    --storage-config disks
}
