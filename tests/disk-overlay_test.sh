#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/lib.sh"
. "$(atf_get_srcdir)/patch.sh"

data=$(atf_get_srcdir)/data

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
}
