#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"

data=$(atf_get_srcdir)/../data

# 64 chunks of 4096 bytes, of which 5, 6 and 63 change; 9 becomes zeros.
make_pair()
{
	yes base | head -c 262144 >base
	cp base changed
	yes new | dd of=changed bs=4096 seek=5 count=2 conv=notrunc \
	    iflag=fullblock status=none
	put changed 258048 ff
	dd if=/dev/zero of=changed bs=4096 seek=9 count=1 conv=notrunc \
	    status=none
}

atf_test_case overlay__golden_bytes
overlay__golden_bytes_body()
{
	make_pair
	{
		unhex "$(le 0x70416e53 4)$(le 1 4)$(le 1 4)$(le 8 4)"
		head -c 4080 /dev/zero
		unhex "$(le 5 8)$(le 2 8)$(le 6 8)$(le 3 8)"
		unhex "$(le 9 8)$(le 4 8)$(le 63 8)$(le 5 8)"
		head -c 4032 /dev/zero
		dd if=changed bs=4096 skip=5 count=2 status=none
		head -c 4096 /dev/zero
		dd if=changed bs=4096 skip=63 count=1 status=none
	} >want
	atf_check -o inline:"4\t8\t24576\n" disk-overlay \
	    -p exceptions,chunk_sectors,size --base base --changed changed -o cow
	atf_check cmp want cow
	disk-overlay --base base --changed changed | cat >piped
	atf_check cmp want piped
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

atf_test_case overlay__flattens_back
overlay__flattens_back_head()
{
	atf_set require.progs tar zstd
}
overlay__flattens_back_body()
{
	for f in dm-cow dm-cow-partial; do
		mkdir $f
		tar -C $f -xf "$data/$f.tar.zst"
		atf_check -o ignore disk-flatten --base $f/base.img \
		    --cow $f/cow.img -o $f/changed
		for chunk in 1 2 8 32 256 4096 65536; do
			atf_check -o ignore disk-overlay --chunk $chunk \
			    --base $f/base.img --changed $f/changed -o cow
			disk-flatten --base $f/base.img --cow cow >back
			cmp $f/changed back ||
			    atf_fail "$f: chunks of $chunk sectors"
		done
	done
}

# As many exceptions as the kernel's own file has: what it saw change.
atf_test_case overlay__as_many_as_the_kernel
overlay__as_many_as_the_kernel_head()
{
	atf_set require.progs tar zstd
}
overlay__as_many_as_the_kernel_body()
{
	tar -xf "$data/dm-cow.tar.zst"
	atf_check -o ignore disk-flatten --base base.img --cow cow.img -o changed
	atf_check -o inline:"334\n" disk-overlay -p exceptions --base base.img \
	    --changed changed -o cow
}

# After a full area the kernel looks for the end of the list in the next.
atf_test_case overlay__full_area
overlay__full_area_body()
{
	truncate -s 64K base
	for n in 31 32 33 64; do
		yes | head -c $((n * 512)) >changed
		truncate -s 64K changed
		size=$((512 * (2 + n + n / 32)))
		atf_check -o inline:"$n\t$size\n" disk-overlay --chunk 1 \
		    -p exceptions,size --base base --changed changed -o cow
		disk-flatten --base base --cow cow >back
		atf_check cmp changed back
	done
}

atf_test_case overlay__nothing_changed
overlay__nothing_changed_body()
{
	make_pair
	atf_check -o inline:"0\t8192\n" disk-overlay -p exceptions,size \
	    --base base --changed base -o cow
	atf_check -o inline:"53 6e 41 70 01 00 00 00 01 00 00 00 08 00 00 00 \n" \
	    sh -c "head -c 16 cow | od -An -tx1 | tr '\n' ' ' | cut -c2-"
	disk-flatten --base base --cow cow >back
	atf_check cmp base back
}

atf_test_case overlay__last_chunk_partial
overlay__last_chunk_partial_body()
{
	make_pair
	truncate -s 258560 base changed
	atf_check -o inline:"4\t24576\n" disk-overlay -p exceptions,size \
	    --base base --changed changed -o cow
	disk-flatten --base base --cow cow >back
	atf_check cmp changed back
}

atf_test_case overlay__holes_unread
overlay__holes_unread_body()
{
	truncate -s 1T base changed
	put changed 549755813888 aa
	put base 5497558138 bb
	atf_check -o inline:"2\n" timeout 20 disk-overlay -p exceptions \
	    --base base --changed changed -o cow
	[ "$(stat -c %b cow)" -le 64 ] || atf_fail "$(stat -c %b cow) blocks"
}

atf_test_case input__refused
input__refused_body()
{
	make_pair
	echo old >cow
	truncate -s 258048 short
	truncate -s 1000 odd
	atf_check -s exit:65 -e \
	    inline:"disk-overlay: short: 258048 bytes, where base has 262144\n" \
	    disk-overlay --base base --changed short -o cow
	atf_check -s exit:65 -e \
	    inline:"disk-overlay: odd: 1000 bytes are not whole sectors\n" \
	    disk-overlay --base odd --changed odd -o cow
	atf_check -s exit:66 -e \
	    inline:"disk-overlay: nil: No such file or directory\n" \
	    disk-overlay --base base --changed nil -o cow
	# Not raw: said before sizes are compared.
	{ printf 'QFI\373\0\0\0\3'; head -c 1016 /dev/zero; } >b.qcow2
	{ printf 'vhdxfile'; head -c 1016 /dev/zero; } >c.vhdx
	atf_check -s exit:65 -e inline:"disk-overlay: b.qcow2: a qcow2 image: \
qemu-img convert -O raw b.qcow2 b.raw\n" \
	    disk-overlay --base b.qcow2 --changed changed -o cow
	atf_check -s exit:65 -e inline:"disk-overlay: c.vhdx: a VHDX image: \
qemu-img convert -O raw c.vhdx c.raw\n" \
	    disk-overlay --base base --changed c.vhdx -o cow
	atf_check -s exit:64 -e inline:"disk-overlay: -o changed: is an input\n" \
	    disk-overlay --base base --changed changed -o changed
	atf_check -s exit:64 -e match:"--chunk: 3 is not a power of two" \
	    disk-overlay --chunk 3 --base base --changed changed -o cow
	for chunk in 0 -8 4194304 8k; do
		atf_check -s exit:64 -e match:"^disk-overlay: --chunk: " \
		    disk-overlay --chunk $chunk --base base --changed changed \
		    -o cow
	done
	atf_check -o inline:"old\n" cat cow
	# What a guest wrote to the start of a raw disk is nothing to us.
	cp base written
	printf 'QFI\373\0\0\0\3' | dd of=written conv=notrunc status=none
	atf_check -o inline:"1\n" disk-overlay --base base --changed written \
	    -o cow -p exceptions
}

# What runs in the guest: each CoW file as a device, read, and written to.
provision()
{
	cat <<'END'
load dm_snapshot
sectors=$(cat /sys/block/vda/size)
n=0
for cow in vdb vdc vdd; do
	/dmsnap s$n $sectors /dev/vda /dev/$cow || echo "no snapshot $cow"
	echo "before $cow $(sha256sum </dev/dm-$n | cut -c1-64)"
	yes from the guest | dd of=/dev/dm-$n bs=4096 seek=100 count=40
	yes elsewhere | dd of=/dev/dm-$n bs=1000 seek=9000 count=10
	n=$((n + 1))
done 2>/dev/null
sync
echo 3 >/proc/sys/vm/drop_caches
n=0
for cow in vdb vdc vdd; do
	echo "after $cow $(sha256sum </dev/dm-$n | cut -c1-64)"
	n=$((n + 1))
done
poweroff -f
END
}

# The guest's initramfs with that behind it.
make_initrd()
{
	mkdir extra
	atf_check cc -static -D_GNU_SOURCE -o extra/dmsnap "$guest/dmsnap.c"
	provision >extra/provision
	(cd extra && find . | cpio --quiet -o -H newc -R 0:0) >extra.cpio
	cat "$initrd" extra.cpio >initrd
}

# says LINE: the guest has printed it.
says()
{
	tr -d '\r' <console | grep -qxF "$1" || {
		cat console
		atf_fail "the guest does not say: $1"
	}
}

# The kernel's snapshot target shows the changed image, and what it adds to our
# file can be flattened again.
atf_test_case kernel__reads_and_goes_on
kernel__reads_and_goes_on_head()
{
	atf_set require.config long
	atf_set require.progs cc cpio tar zstd qemu-system-x86_64
}
kernel__reads_and_goes_on_body()
{
	need_linux
	make_initrd
	tar -xf "$data/dm-cow-partial.tar.zst"
	mv base.img base
	atf_check -o ignore disk-flatten --base base --cow cow.img -o changed
	# One area that is exactly full: the list ends in the next one.
	cp base full
	yes full | dd of=full bs=4096 seek=1000 count=256 conv=notrunc \
	    iflag=fullblock status=none
	atf_check -o inline:"256\n" disk-overlay -p exceptions --base base \
	    --changed full -o vdd
	atf_check -o ignore disk-overlay --base base --changed changed -o vdb
	atf_check -o ignore disk-overlay --chunk 32 --base base \
	    --changed changed -o vdc
	set --
	for cow in vdb vdc vdd; do
		truncate -s 32M $cow
		set -- "$@" -drive "file=$cow,format=raw,if=virtio"
	done
	timeout 300 qemu-system-x86_64 -machine pc-q35-7.2 -accel tcg -m 256 \
	    -nodefaults -display none -serial file:console -no-reboot \
	    -kernel "$vmlinuz" -initrd initrd \
	    -append "console=ttyS0 quiet count=60000" \
	    -drive file=base,format=raw,if=virtio,readonly=on "$@" \
	    </dev/null >qemu.log 2>&1 || {
		cat qemu.log console
		atf_fail "qemu: status $?"
	}
	says "before vdb $(sha256sum <changed | cut -c1-64)"
	says "before vdc $(sha256sum <changed | cut -c1-64)"
	says "before vdd $(sha256sum <full | cut -c1-64)"
	for cow in vdb vdc vdd; do
		disk-flatten --base base --cow $cow >now
		says "after $cow $(sha256sum <now | cut -c1-64)"
		atf_check -s exit:1 cmp -s now changed
	done
}

# Killed when all is written but the name: what was there is there still, and
# nothing else that could pass for whole.
atf_test_case output__killed
output__killed_body()
{
	make_pair
	echo old >out
	INSTAR_HOOK=overlay-written=kill disk-overlay --base base --changed changed -o out >killed 2>&1 &&
	    atf_skip "no hooks in this build"
	atf_check -o inline:"old\n" cat out
	atf_check_equal 1 "$(find . -name '.new-*' | wc -l)"
}

atf_init_test_cases()
{
	atf_add_test_case overlay__golden_bytes
	atf_add_test_case overlay__flattens_back
	atf_add_test_case overlay__as_many_as_the_kernel
	atf_add_test_case overlay__full_area
	atf_add_test_case overlay__nothing_changed
	atf_add_test_case overlay__last_chunk_partial
	atf_add_test_case overlay__holes_unread
	atf_add_test_case input__refused
	atf_add_test_case kernel__reads_and_goes_on
	atf_add_test_case output__killed
}
