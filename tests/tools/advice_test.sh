#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What a clone reads of its template: the pages that its guest touches, and not
# what the advice for huge pages would make the kernel read around each; and of
# the files that it boots from what has to be.

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

# Under KVM, too, and with the huge pages themselves where this host has them.
atf_test_case advice__own_memory_of_kvm cleanup
advice__own_memory_of_kvm_head()
{
	atf_set require.config long
}
advice__own_memory_of_kvm_body()
{
	(: <>/dev/kvm) 2>/dev/null || atf_skip "/dev/kvm cannot be opened"
	need_tiny
	atf_check -o ignore vm-create -n a --memory 64M --storage 8M \
	    --kernel "$tiny" --memory-backing memfd --accel kvm \
	    --cmdline "fill=4 rate=10"
	vm-start a >started 2>&1 || atf_skip "$(tail -n 1 started)"
	counts_on a
	flags_of a >own
	atf_check -o match:' hg( |$)' cat own
	# The kernel counts them, where it makes any of such memory.
	atf_check -o ignore awk '$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { big = 0 }
		$1 == "Size:" { big = $2 >= 65536 && $2 < 131072 }
		$1 ~ /^(AnonHugePages|ShmemPmdMapped):/ && big { n += $2 }
		$1 == "THPeligible:" && big { eligible += $2 }
		END { print eligible, n; exit eligible > 0 && n < 2048 }' \
	    "/proc/$(pid_of a)/smaps"
	# Not where a template is mapped; of which a kernel without KVM of its own
	# for guests that were saved makes no clone.
	snap_save -n s a
	vm-clone -n mapped s >cloned 2>&1 || return 0
	flags_of mapped >mapped.flags
	atf_check -o not-match:' hg( |$)' -o match:VmFlags cat mapped.flags
	atf_check -o ignore vm-clone -n copy --memory-mode copy s
	flags_of copy >copied
	atf_check -o match:' hg( |$)' cat copied
}
advice__own_memory_of_kvm_cleanup()
{
	vms_end
}

# Said once, and all goes on.
atf_test_case advice__no_filters cleanup
advice__no_filters_body()
{
	runs a 64M rate=10
	snap_save -n s a
	atf_check -o ignore "$(atf_get_srcdir)/../lib/denied" filters \
	    vm-clone --unconfined -n c s
	counts_on c
	atf_check -o inline:"instar: the advice for huge pages stands: seccomp: \
Function not implemented\n" grep instar: "$INSTAR_ROOT/name/vm/c/vmm.log"
	flags_of c >mapped
	atf_check -o match:' hg( |$)' cat mapped
}
advice__no_filters_cleanup()
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

# What a clone's VMM writes for itself may be merged where that is asked for, and
# nowhere else: of the guest's memory QEMU says so anyway.
atf_test_case merge__allowed cleanup
merge__allowed_body()
{
	[ -e /proc/self/ksm_stat ] && [ -e /sys/kernel/mm/ksm/run ] ||
	    atf_skip "this kernel merges no memory of processes"
	runs a 64M rate=10
	snap_save -n s a
	warning="vm-clone: warning: --merge: nobody looks for equal pages: \
/sys/kernel/mm/ksm/run is not 1\n"
	[ "$(cat /sys/kernel/mm/ksm/run)" != 1 ] || warning=
	atf_check -o ignore -e inline:"$warning" vm-clone -n c --merge s
	atf_check -o ignore vm-clone -n d s
	for vm in c d; do
		awk '$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { own = $6 == "[heap]" }
			$1 == "VmFlags:" && own' \
		    "/proc/$(pid_of $vm)/smaps" >$vm.heap
	done
	atf_check -o match:' mg( |$)' cat c.heap
	atf_check -o not-match:' mg( |$)' -o match:VmFlags cat d.heap
	# It is saved as any other, with what it has written.
	counts_on c
	snap_save -n t c
	atf_check snap-verify t
	atf_check -o ignore vm-clone -n e t
	counts_on e
	atf_check -s exit:69 -e inline:"vm-clone: --merge: this kernel merges $(:
	    )no memory of processes: Linux 6.4 with KSM does\n" \
	    "$(atf_get_srcdir)/../lib/denied" merging vm-clone --merge s
}
merge__allowed_cleanup()
{
	vms_end
}

# What was read once for its digest, and looks as it did then, is not read again.
atf_test_case clone__known_file cleanup
clone__known_file_body()
{
	need_tiny
	head -c 2M /dev/urandom >big
	vm_run a --initrd "$PWD/big"
	snap_save -n s a
	atf_check -o ignore vm-stop --force a
	initrd=$(snap_file s initrd)
	forget()
	{
		sync "$initrd"
		dd if="$initrd" iflag=nocache count=0 status=none
		[ "$(resident "$initrd")" -eq 0 ] ||
		    atf_skip "it stays in the page cache"
	}
	atf_check test ! -s "root/access/$(id_of_snap s)"
	forget
	atf_check -o ignore vm-clone s
	atf_check_equal 2048 "$(resident "$initrd")"
	atf_check -o match:' initrd$' cat "root/access/$(id_of_snap s)"
	atf_check test "$(wc -l <"root/access/$(id_of_snap s)")" -eq 1
	forget
	atf_check -o ignore vm-clone s
	atf_check_equal 0 "$(resident "$initrd")"
	atf_check -o ignore vm-clone --verify s
	atf_check_equal 2048 "$(resident "$initrd")"
	# By its looks alone nobody can tell; who reads can.
	touch -r "$initrd" looks
	printf x | dd of="$initrd" conv=notrunc status=none
	atf_check -s exit:65 \
	    -e inline:"vm-clone: s: initrd: differs from its digest\n" \
	    vm-clone s
	touch -r looks "$initrd"
	atf_check -o ignore vm-clone s
	atf_check -s exit:65 \
	    -e inline:"vm-clone: s: initrd: differs from its digest\n" \
	    vm-clone --verify s
}
clone__known_file_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case advice__refused
	atf_add_test_case advice__own_memory_of_kvm
	atf_add_test_case advice__no_filters
	atf_add_test_case advice__reads_little
	atf_add_test_case merge__allowed
	atf_add_test_case clone__known_file
}
