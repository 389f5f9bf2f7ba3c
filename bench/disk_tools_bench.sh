#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: disk_tools_bench.sh [dir]
# disk-backup, disk-restore and disk-flatten against what a user would run
# instead: medians of RUNS (5) in turn, on an image of 1 GiB with 389 MiB of data,
# in a directory under `dir` (/var/tmp).  What syncs its output is compared with
# what does not, so ours has the harder part.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/turns.sh"
begin_turns disk_tools_bench "$@"
tools disk-backup disk-restore disk-flatten disk-overlay
./bench make file

# allocated FILE: MiB.
allocated()
{
	echo $(($(stat -c %b "$1") / 2048))
}

title "disk tools"
compare "backup: openssl dgst & zstd -3 -T2, side by side" \
    "rm -f o o.zst; sync -f ." "disk-backup -o o file" \
    "openssl dgst -sha256 file & zstd -q -3 -T2 file -o o.zst; wait"
compare "backup into a pipe: the same" \
    "rm -f o o.zst; sync -f ." "disk-backup file | cat >o" \
    "openssl dgst -sha256 file & zstd -q -3 -T2 file -o o.zst; wait"
compare "backup: openssl dgst alone (the floor)" "rm -f o; sync -f ." \
    "disk-backup -o o file" "openssl dgst -sha256 file"

disk-backup file >file.mirn
zstd -q -3 -T2 file -o file.zst
compare "restore: zstd -d --sparse" "rm -f to; sync -f ." \
    "disk-restore file.mirn to" "zstd -q -d --sparse file.zst -o to"
compare "restore: zstd -d --sparse, sha256sum" "rm -f to; sync -f ." \
    "disk-restore file.mirn to" \
    "zstd -q -d --sparse file.zst -o to; openssl dgst -sha256 to"
compare "restore: zstd -d --sparse, sync" "rm -f to; sync" \
    "disk-restore file.mirn to" \
    "zstd -q -d --sparse file.zst -o to; sync to"
compare "restore --verify: openssl dgst of the image" : \
    "disk-restore --verify file.mirn" "openssl dgst -sha256 file"
rm -f to
disk-restore -q file.mirn to >/dev/null
echo "allocated: $(allocated file) MiB, restored $(allocated to) MiB"
rm -f to

# 500 places of a page each, and a run of 16 MiB.
cp --sparse=always file changed
i=0
while [ $i -lt 500 ]; do
	printf x | dd of=changed bs=1 seek=$((i * 2097152 + 123)) conv=notrunc \
	    status=none
	i=$((i + 1))
done
dd if=/dev/urandom of=changed bs=1M seek=300 count=16 conv=notrunc status=none
disk-overlay --base file --changed changed -o cow >/dev/null
compare "flatten: cp --sparse=always of the base" "rm -f to; sync -f ." \
    "disk-flatten --base file --cow cow >to" "cp --sparse=always file to" 1.11
compare "flatten -o: cp --sparse=always, sync" "rm -f to; sync" \
    "disk-flatten --base file --cow cow -o to" \
    "cp --sparse=always file to; sync to"
cp --sparse=always file same
compare "overlay: cmp of equal ones" : \
    "disk-overlay --base file --changed changed | cat" "cmp file same"

# Shared blocks: a base of 1 GiB and one of 4 GiB, without a hole; the second
# is made of the first.
if [ "$(id -u)" -eq 0 ] && command -v xfs_io >/dev/null; then
	rm -f file.* o o.zst to changed same
	truncate -s 8G fs
	mkfs.xfs -q fs
	mkdir -p xfs
	mount -o loop fs xfs || exit 0
	tr '\0' a </dev/zero | head -c 1073741824 >xfs/one
	cp cow xfs/cow
	for at in 0 1 2 3; do
		xfs_io -f -c "reflink xfs/one 0 ${at}g 1g" xfs/four >/dev/null
	done
	sync -f xfs
	compare "flatten, reflinks: base of 4 GiB, of 1 GiB" \
	    "rm -f xfs/to; sync -f xfs" \
	    "disk-flatten --base xfs/four --cow xfs/cow -o xfs/to" \
	    "disk-flatten --base xfs/one --cow xfs/cow -o xfs/to"
fi
