#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"

data=$(atf_get_srcdir)/../data

# A base of 64 chunks and a CoW file with three exceptions: 5, 6 and 63.
make_pair()
{
	yes base | head -c 262144 >base
	{
		unhex "$(le 0x70416e53 4)$(le 1 4)$(le 1 4)$(le 8 4)"
		head -c 4080 /dev/zero
		unhex "$(le 5 8)$(le 2 8)$(le 6 8)$(le 3 8)$(le 63 8)$(le 4 8)"
		head -c 4048 /dev/zero
		yes 2222222 | head -c 4096
		yes 3333333 | head -c 4096
		yes 4444444 | head -c 4096
	} >cow
}

# What they must give, made without the tool.
merge_pair()
{
	cp base want
	dd if=cow of=want bs=4096 skip=2 seek=5 count=2 conv=notrunc status=none
	dd if=cow of=want bs=4096 skip=4 seek=63 count=1 conv=notrunc \
	    status=none
}

atf_test_case flatten__to_file
flatten__to_file_body()
{
	make_pair
	merge_pair
	atf_check -o match:'"exceptions":3' disk-flatten --base base --cow cow \
	    -o out
	atf_check cmp want out
	atf_check_equal 600 "$(stat -c %a out)"
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

atf_test_case flatten__to_pipe
flatten__to_pipe_body()
{
	make_pair
	merge_pair
	disk-flatten --base base --cow cow | cat >out
	atf_check cmp want out
}

# What stands in front of the image in a shared file stays, and what follows
# comes behind it.
atf_test_case flatten__to_middle_of_file
flatten__to_middle_of_file_body()
{
	make_pair
	merge_pair
	{
		echo head
		disk-flatten --base base --cow cow
		echo tail
	} >out
	{
		echo head
		cat want
		echo tail
	} >expected
	atf_check cmp expected out
	cp base out
	disk-flatten --base base --cow cow >>out
	cat base want >expected
	atf_check cmp expected out
}

atf_test_case flatten__holes_stay
flatten__holes_stay_body()
{
	truncate -s 64M base
	{
		unhex "$(le 0x70416e53 4)$(le 1 4)$(le 1 4)$(le 8 4)"
		head -c 4080 /dev/zero
		unhex "$(le 16000 8)$(le 2 8)"
		head -c 4080 /dev/zero
		yes | head -c 4096
	} >cow
	atf_check -o ignore disk-flatten --base base --cow cow -o out
	atf_check_equal 67108864 "$(stat -c %s out)"
	[ "$(($(stat -c %b out) * 512))" -le 65536 ] ||
	    atf_fail "out has $(stat -c %b out) blocks"
	atf_check -o inline:"65536000\n" disk-flatten -p offset --map \
	    --base base --cow cow
}

atf_test_case flatten__base_ends_inside_chunk
flatten__base_ends_inside_chunk_body()
{
	make_pair
	truncate -s 258600 base
	merge_pair
	truncate -s 258600 want
	atf_check -o ignore disk-flatten --base base --cow cow -o out
	atf_check cmp want out
}

atf_test_case flatten__new_cow
flatten__new_cow_body()
{
	make_pair
	truncate -s 1M new
	atf_check -o match:'"exceptions":0' disk-flatten --base base --cow new \
	    -o out
	atf_check cmp base out
	# Zeros that take room are zeros.
	dd if=/dev/zero of=new bs=64K count=16 conv=notrunc status=none
	atf_check -o match:'"exceptions":0' disk-flatten --base base --cow new \
	    -o out
}

# Data without magic, wherever: a base in the place of its CoW file, for one.
atf_test_case flatten__data_without_magic
flatten__data_without_magic_body()
{
	make_pair
	for at in 4 65535 65536 1048576 6000000001 9999999999; do
		rm -f late
		truncate -s 10000000000 late
		printf 'x' | dd of=late bs=1 seek=$at conv=notrunc status=none
		printf 'disk-flatten: late: byte %s: %s\n' $at \
		    'no CoW file: data without magic' >want
		atf_check -s exit:65 -e file:want disk-flatten --base base \
		    --cow late -o out
		atf_check -s exit:65 -e file:want disk-flatten --base base \
		    --cow late --map
		atf_check -s exit:1 test -e out
	done
	# A filesystem, which begins with zeros, and a disk with one at 1 MiB.
	truncate -s 16M fs
	atf_check mkfs.ext4 -q -F fs
	truncate -s 1M disk
	cat fs >>disk
	for f in fs disk; do
		atf_check -s exit:65 -e match:'no CoW file: data without' \
		    disk-flatten --base cow --cow $f -o out
	done
}

# The kernel's own files, and what its own device gave.
atf_test_case flatten__fixtures
flatten__fixtures_head()
{
	atf_set require.progs tar zstd
}
flatten__fixtures_body()
{
	for f in dm-cow dm-cow-partial; do
		mkdir "$f"
		tar -C "$f" -xf "$data/$f.tar.zst"
		want=$(cut -c1-64 "$f/merged.sha256")
		disk-flatten -p exceptions --base $f/base.img --cow $f/cow.img \
		    -o $f/out >count || atf_fail "$f"
		atf_check -o match:"^$want" sha256sum $f/out
		atf_check_equal "$(cat count)" "$(disk-flatten --map \
		    --base $f/base.img --cow $f/cow.img | wc -l)"
	done
}

atf_test_case flatten__reflinks cleanup
flatten__reflinks_head()
{
	atf_set require.user root
	atf_set require.progs mkfs.xfs
}
flatten__reflinks_body()
{
	truncate -s 512M fs
	atf_check mkfs.xfs -q fs
	mkdir m
	mount -o loop fs m || atf_skip "no loop devices"
	make_pair
	merge_pair
	cp base cow m/
	disk-flatten -p reflinked --base m/base --cow m/cow -o m/out >shared
	cmp want m/out >differ 2>&1
	same=$?
	umount m
	atf_check_equal 0 $same
	atf_check_equal 262144 "$(cat shared)"
}
flatten__reflinks_cleanup()
{
	mountpoint -q m && umount m
	return 0
}

atf_test_case map__in_order_of_the_base
map__in_order_of_the_base_body()
{
	make_pair
	patch cow 4096=63:le8 4128=5:le8
	atf_check -o inline:'5\t4\n6\t3\n63\t2\n' disk-flatten --map \
	    -p old_chunk,new_chunk --base base --cow cow
	atf_check -o inline:'{"old_chunk":5,"new_chunk":4,"offset":20480,"length":4096,"cow_offset":16384}\n{"old_chunk":6,"new_chunk":3,"offset":24576,"length":4096,"cow_offset":12288}\n{"old_chunk":63,"new_chunk":2,"offset":258048,"length":4096,"cow_offset":8192}\n' \
	    disk-flatten --map --base base --cow cow
}

atf_test_case output__replaced_as_a_whole
output__replaced_as_a_whole_body()
{
	make_pair
	merge_pair
	echo old >out
	ln out other
	atf_check -o ignore disk-flatten --base base --cow cow -o out
	atf_check cmp want out
	atf_check -o inline:"old\n" cat other
}

atf_test_case output__refused
output__refused_body()
{
	make_pair
	cp base before
	atf_check -s exit:64 -e inline:"disk-flatten: -o base: is an input\n" \
	    disk-flatten --base base --cow cow -o base
	atf_check cmp before base
	mkdir dir
	atf_check -s exit:73 -e \
	    inline:"disk-flatten: dir: exists, and is no regular file\n" \
	    disk-flatten --base base --cow cow -o dir
	atf_check -s exit:73 -e \
	    inline:"disk-flatten: no/out: No such file or directory\n" \
	    disk-flatten --base base --cow cow -o no/out
	atf_check -s exit:66 -e \
	    inline:"disk-flatten: nil: No such file or directory\n" \
	    disk-flatten --base nil --cow cow -o out
	atf_check -s exit:65 -e \
	    inline:"disk-flatten: dir: neither a regular file nor a block device\n" \
	    disk-flatten --base dir --cow cow -o out
	atf_check -s exit:1 test -e out
	atf_check -s exit:74 -e \
	    inline:"disk-flatten: standard output: No space left on device\n" \
	    sh -c 'exec disk-flatten --base base --cow cow >/dev/full'
}

atf_test_case base__not_raw
base__not_raw_body()
{
	make_pair
	printf 'KDMV' | dd of=base conv=notrunc status=none
	for o in "-o out" --map; do
		# shellcheck disable=SC2086
		atf_check -s exit:65 -e inline:"disk-flatten: base: a VMDK \
image: qemu-img convert -O raw base base.raw\n" \
		    disk-flatten --base base --cow cow $o
	done
	atf_check -s exit:1 test -e out
}

atf_test_case usage__wrong
usage__wrong_body()
{
	for args in '' '--base a' '--cow a' '--base a --base b --cow c' \
	    '--base a --cow b extra' '--base a --cow b --map -o c' \
	    '--base a --cow b -p offset'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^disk-flatten: ' \
		    disk-flatten $args
	done
}

# Each line: why; edits of the good CoW file (tests/lib/patch.sh); the message.
bad_cows()
{
	cat <<'END'
empty;size=0;ends at byte 0, 16 short
short-head;size=15;ends at byte 15, 1 short
head-only;size=16;ends at byte 16, before or within area 0 at chunk 1
area-missing;size=4096;ends at byte 4096, before or within area 0 at chunk 1
area-cut;size=8191;ends at byte 8191, before or within area 0 at chunk 1
data-missing;size=8192;byte 4104: data at chunk 2, beyond the end of the file
data-cut;size=20479;byte 4136: data at chunk 4, beyond the end of the file
magic-other;0=0x70416e54:le4;byte 0: no CoW file: magic 0x70416e54
magic-big-endian;0=0x70416e53:be4;byte 0: no CoW file: magic 0x536e4170
magic-thin;0=0x41506e53:le4;byte 0: no CoW file: magic 0x41506e53
magic-zero-with-data;0=0:le4;byte 4: no CoW file: data without magic
head-zero-with-areas;zero=0+16;byte 4096: no CoW file: data without magic
invalid;4=0:le4;byte 4: the snapshot was invalidated (overflow or I/O error)
valid-2;4=2:le4;byte 4: valid is 2, not 1
valid-huge;4=ffffffff;byte 4: valid is 4294967295, not 1
version-0;8=0:le4;byte 8: version 0, not 1
version-2;8=2:le4;byte 8: version 2, not 1
version-big-endian;8=1:be4;byte 8: version 16777216, not 1
chunk-0;12=0:le4;byte 12: chunk of 0 sectors
chunk-3;12=3:le4;byte 12: chunk of 3 sectors
chunk-7;12=7:le4;byte 12: chunk of 7 sectors
chunk-2-gib;12=4194304:le4;byte 12: chunk of 4194304 sectors
chunk-huge;12=2147483648:le4;byte 12: chunk of 2147483648 sectors
chunk-1-gib;12=2097152:le4;ends at byte 20480, before or within area 0 at chunk 1
chunk-larger;12=32:le4;ends at byte 20480, before or within area 0 at chunk 1
old-at-end;4096=64:le8;byte 4096: chunk 64 of a base of 64 chunks
old-beyond;4128=100000:le8;byte 4128: chunk 100000 of a base of 64 chunks
old-huge;4096=ffffffffffffffff;byte 4096: chunk 18446744073709551615 of a base of 64 chunks
old-sign;4112=0000000000000080;byte 4112: chunk 9223372036854775808 of a base of 64 chunks
old-twice;4112=5:le8;byte 4112: chunk 5 of the base for the second time
old-twice-last;4128=5:le8;byte 4128: chunk 5 of the base for the second time
new-head;4104=1:le8;byte 4104: data at chunk 1, which holds metadata
new-area-1;4104=258:le8;byte 4104: data at chunk 258, which holds metadata
new-area-far;4120=515:le8;byte 4120: data at chunk 515, which holds metadata
new-at-end;4136=5:le8;byte 4136: data at chunk 5, beyond the end of the file
new-huge;4136=feffffffffffffff;byte 4136: data at chunk 18446744073709551614, beyond the end of the file
new-wraps;4136=0000000000001000;byte 4136: data at chunk 4503599627370496, beyond the end of the file
new-twice;4120=2:le8;byte 4120: data at chunk 2 for the second time
new-twice-last;4136=3:le8;byte 4136: data at chunk 3 for the second time
END
}

atf_test_case bad__each
bad__each_body()
{
	make_pair
	cp cow good
	echo old >out
	bad_cows >list
	n=0
	while IFS=';' read -r why edits message; do
		cp good cow
		# shellcheck disable=SC2086
		patch cow $edits
		printf 'disk-flatten: cow: %s\n' "$message" >want
		atf_check -s exit:65 -e file:want disk-flatten --base base \
		    --cow cow -o out
		atf_check -s exit:65 -e file:want disk-flatten --base base \
		    --cow cow --map
		atf_check -o inline:"old\n" cat out
		n=$((n + 1))
	done <list
	[ "$n" -ge 30 ] || atf_fail "only $n damaged files"
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

# A full area whose successor is not in the file.
atf_test_case bad__area_after_full_one
bad__area_after_full_one_body()
{
	truncate -s 1M base
	{
		unhex "$(le 0x70416e53 4)$(le 1 4)$(le 1 4)$(le 1 4)"
		head -c 496 /dev/zero
		i=0
		while [ $i -lt 32 ]; do
			unhex "$(le $i 8)$(le $((i + 2)) 8)"
			i=$((i + 1))
		done
		yes | head -c 16384
	} >cow
	atf_check -s exit:65 -e \
	    inline:"disk-flatten: cow: ends at byte 17408, before or within area 1 at chunk 34\n" \
	    disk-flatten --base base --cow cow -o out
	atf_check -s exit:1 test -e out
	truncate -s 17920 cow
	atf_check -o match:'"exceptions":32' disk-flatten --base base --cow cow \
	    -o out
	yes | head -c 16384 >want
	truncate -s 1M want
	atf_check cmp want out
}

# Killed when all is written but the name: what was there is there still, and
# nothing else that could pass for whole.
atf_test_case output__killed
output__killed_body()
{
	make_pair
	echo old >out
	INSTAR_HOOK=flatten-written=kill disk-flatten --base base --cow cow -o out >killed 2>&1 &&
	    atf_skip "no hooks in this build"
	atf_check -o inline:"old\n" cat out
	atf_check_equal 1 "$(find . -name '.new-*' | wc -l)"
}

atf_init_test_cases()
{
	atf_add_test_case flatten__to_file
	atf_add_test_case flatten__to_pipe
	atf_add_test_case flatten__to_middle_of_file
	atf_add_test_case flatten__holes_stay
	atf_add_test_case flatten__base_ends_inside_chunk
	atf_add_test_case flatten__new_cow
	atf_add_test_case flatten__data_without_magic
	atf_add_test_case flatten__fixtures
	atf_add_test_case flatten__reflinks
	atf_add_test_case map__in_order_of_the_base
	atf_add_test_case output__replaced_as_a_whole
	atf_add_test_case output__refused
	atf_add_test_case base__not_raw
	atf_add_test_case usage__wrong
	atf_add_test_case bad__each
	atf_add_test_case bad__area_after_full_one
	atf_add_test_case output__killed
}
