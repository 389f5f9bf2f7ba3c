#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What a clone reads of its template: the pages that its guest touches, and not
# what the advice for huge pages would make the kernel read around each.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# flags_of VM: what the kernel says of the mappings of its memory, of 64 MiB or
# more: a line of VmFlags each (proc_pid_smaps(5)).
flags_of()
{
	awk '$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { big = 0 }
		$1 == "Size:" { big = $2 >= 65536 && $2 < 131072 }
		$1 == "VmFlags:" && big' "/proc/$(pid_of "$1")/smaps"
}

# runs NAME MEMORY CMDLINE: a VM that counts.
runs()
{
	need_tiny
	atf_check -o ignore vm-create -n "$1" --memory "$2" --storage 8M \
	    --kernel "$tiny" --cmdline "$3"
	atf_check -o ignore vm-start "$1"
	counts_on "$1"
}

# resident FILE: KiB of it that are in the page cache.
resident()
{
	fincore -n -b -o RES "$1" | awk '{ print int($1 / 1024) }'
}

atf_test_case advice__refused cleanup
advice__refused_body()
{
	runs a 64M rate=10
	snap_save -n s a
	atf_check -o ignore vm-clone -n c s
	counts_on c
	flags_of a >own
	flags_of c >mapped
	# What the guest has to itself keeps its huge pages.
	atf_check -o match:' hg( |$)' cat own
	atf_check -o not-match:' hg( |$)' -o match:VmFlags cat mapped
	# The filter refuses this advice alone: nothing else is said.
	atf_check -o not-match:'seccomp|madvise' \
	    cat "$INSTAR_ROOT/name/vm/c/vmm.log"
	# Once it is booted its memory is its own, and so is the advice.
	atf_check -o ignore vm-stop --force c
	atf_check -o ignore vm-start c
	counts_on c
	flags_of c >booted
	atf_check -o match:' hg( |$)' cat booted
}
advice__refused_cleanup()
{
	vms_end
}

atf_test_case advice__reads_little cleanup
advice__reads_little_body()
{
	loopfs_make ext4 512M root
	# As most disks have it; more of it hides what this is about.
	bdi=/sys/class/bdi/$(mountpoint -d root)/read_ahead_kb
	echo 128 2>/dev/null >"$bdi" || atf_skip "$bdi cannot be set"
	runs a 128M "fill=96 rate=10"
	snap_save -n s a
	atf_check -o ignore vm-stop --force a
	memory=$(snap_file s memory.raw)
	sync "$memory"
	dd if="$memory" iflag=nocache count=0 status=none
	before=$(resident "$memory")
	[ "$before" -lt 1024 ] ||
	    atf_skip "$before KiB stay in the page cache"
	atf_check -o ignore vm-clone -n c s
	counts_on c
	# The tiny guest touches a few pages; each would be 4 MiB with the advice.
	after=$(resident "$memory")
	echo "$after KiB of the template were read"
	[ "$after" -gt 0 ] && [ "$after" -le 6144 ] ||
	    atf_fail "$after KiB of the template were read"
}
advice__reads_little_cleanup()
{
	vms_end
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case advice__refused
	atf_add_test_case advice__reads_little
}
