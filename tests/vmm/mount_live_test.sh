#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones of Cloud Hypervisor's and Firecracker's snapshots on a mount, by the
# programs themselves where they are: what they read, and without the registry.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"

# golden HYPERVISOR FILE: a snapshot of a VM that has ended, in a registry, with
# noise in its memory FILE, which its guest has not touched, from 2 MiB on.
golden()
{
	registry_start reg
	vm_run a --hypervisor "$1" --storage 16M
	snap_save -n golden a
	atf_check -o ignore vm-rm --force a
	saved=$(count_in "$(snap_file golden "$2")")
	head -c 28M /dev/urandom | dd of="$(snap_file golden "$2")" bs=1M \
	    seek=2 conv=notrunc iflag=fullblock status=none
	edit "$(snap_file golden snapshot.json)" 'del(.digests)'
	atf_check -o ignore snap-push -q "$registry/golden:v1" golden
	ref=$registry/golden:v1
	# Another host: it has nothing of this.
	INSTAR_ROOT=$PWD/far
	mkdir mnt
}

status()
{
	snap-mount --status -p "$1" mnt
}

# goes_on VM: from where the snapshot was, and is not booted.
goes_on()
{
	counts_on "$1"
	first=$(first_tick "$1")
	[ "$first" -eq "$saved" ] || [ "$first" -eq $((saved + 1)) ] ||
	    atf_fail "$1 began with $first, the snapshot has $saved"
}

# no_advice VM: its memory is the mount's, and no huge page is asked for there.
no_advice()
{
	awk -v f="$PWD/mnt/$2" '$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { ours = $NF == f }
	    $1 == "VmFlags:" && ours' "/proc/$(pid_of "$1")/smaps" >flags
	atf_check -o match:VmFlags -o not-match:' hg( |$)' cat flags
}

# clones HYPERVISOR FILE: what both are to do.
clones()
{
	golden "$1" "$2"
	atf_check -o ignore snap-mount --on-demand --timeout 60s "$ref" mnt
	atf_check -o inline:"mapped\t$PWD/mnt\n" vm-clone -n c \
	    -p memory_from,depends_on --from-dir mnt
	[ "$(readlink far/name/vm/c/template.raw)" = "$PWD/mnt/$2" ] ||
	    atf_fail "$(ls -l far/name/vm/c/)"
	goes_on c
	no_advice c "$2"
	# Of 28 MiB that nobody touches little came: what lies around a read.
	bytes=$(status bytes_fetched)
	echo "$1: $bytes bytes in $(status requests) requests"
	[ "$bytes" -le 4194304 ] || atf_fail "$bytes bytes were fetched"
	# All that a second one reads is here, with the registry or without.
	before=$(status requests)
	registry_kill reg
	atf_check -o ignore vm-clone -n d --from-dir mnt
	goes_on d
	counts_on c
	atf_check_equal "$before" "$(status requests)"
	atf_check_equal 0 "$(status failed)"
	# What it saves has all of its memory, so the rest comes now.
	registry_start reg "$registry"
	snap_save -n whole d
	atf_check -o ignore vm-rm --force c
	atf_check -o ignore vm-rm --force d
	umount_it mnt
	registry_kill reg
	saved=$(count_in "$(INSTAR_ROOT=$PWD/far snap_file whole "${3:-$2}")")
	atf_check -o inline:"\n" vm-clone -n e -p depends_on whole
	goes_on e
	atf_check snap-verify -q whole
}

ends()
{
	vms_end "$PWD/root" "$PWD/far"
	mounts_end
	registries_end
}

atf_test_case clone__cloud_hypervisor cleanup
clone__cloud_hypervisor_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "jq"
}
clone__cloud_hypervisor_body()
{
	need_ch
	need_registry
	clones cloud-hypervisor memory.raw
}
clone__cloud_hypervisor_cleanup()
{
	ends
}

atf_test_case clone__firecracker cleanup
clone__firecracker_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "jq"
}
clone__firecracker_body()
{
	need_firecracker
	need_registry
	clones firecracker mem
}
clone__firecracker_cleanup()
{
	ends
}

atf_init_test_cases()
{
	atf_add_test_case clone__cloud_hypervisor
	atf_add_test_case clone__firecracker
}
