#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: disk_tools_bench.sh [dir]
# disk-backup, disk-restore and disk-flatten against what a user would run
# instead: medians of five in turn, on an image of 1 GiB with 389 MiB of data,
# in a directory under `dir` (/var/tmp).  What syncs its output is compared with
# what does not, so ours has the harder part.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${1:-/var/tmp}/disk_tools_bench.XXXXXX")
finish()
{
	! mountpoint -q "$work/xfs" || umount "$work/xfs"
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
    -I"$here/../common" -o "$work/bench" "$here/disk_bench.c" \
    "$here/../common/libcommon.a" -lcrypto -lpthread
PATH=$here/../disk-backup:$here/../disk-restore:$here/../disk-flatten:$PATH
PATH=$here/../disk-overlay:$PATH
cd "$work"
./bench make file

# once PREPARE COMMAND: microseconds that the command takes.
once()
{
	sh -c "$1"
	a=$(./bench clock -)
	sh -c "$2" >/dev/null
	b=$(./bench clock -)
	echo $((b - a))
}

# compare LABEL PREPARE OURS THEIRS: runs in turn, prints the medians.
compare()
{
	: >ours
	: >theirs
	for i in 1 2 3 4 5; do
		once "$2" "$3" >>ours
		once "$2" "$4" >>theirs
	done
	o=$(sort -n ours | sed -n 3p)
	t=$(sort -n theirs | sed -n 3p)
	awk -v l="$1" -v o="$o" -v t="$t" 'BEGIN {
		printf "%-52s %8.1f %8.1f %6.2f\n", l, o / 1000, t / 1000, o / t
	}'
}

# allocated FILE: MiB.
allocated()
{
	echo $(($(stat -c %b "$1") / 2048))
}

printf '%-52s %8s %8s %6s\n' "disk tools: against" "ours ms" "their ms" ratio
compare "backup: openssl dgst & zstd -3 -T2, side by side" \
    "rm -f o o.zst; sync" "disk-backup -o o file" \
    "openssl dgst -sha256 file & zstd -q -3 -T2 file -o o.zst; wait"
compare "backup into a pipe: the same" \
    "rm -f o o.zst; sync" "disk-backup file | cat >o" \
    "openssl dgst -sha256 file & zstd -q -3 -T2 file -o o.zst; wait"
compare "backup: openssl dgst alone (the floor)" "rm -f o; sync" \
    "disk-backup -o o file" "openssl dgst -sha256 file"

disk-backup file >file.mirn
zstd -q -3 -T2 file -o file.zst
compare "restore: zstd -d --sparse" "rm -f to; sync" \
    "disk-restore file.mirn to" "zstd -q -d --sparse file.zst -o to"
compare "restore: zstd -d --sparse, sha256sum" "rm -f to; sync" \
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
compare "flatten: cp --sparse=always of the base" "rm -f to; sync" \
    "disk-flatten --base file --cow cow >to" "cp --sparse=always file to"
compare "flatten -o: cp --sparse=always, sync" "rm -f to; sync" \
    "disk-flatten --base file --cow cow -o to" \
    "cp --sparse=always file to; sync to"
compare "overlay: cmp" : "disk-overlay --base file --changed changed | cat" \
    "cmp -s file changed || :"

# Shared blocks: a base of 1 GiB and one of 4 GiB, dense.
if [ "$(id -u)" -eq 0 ] && command -v mkfs.xfs >/dev/null; then
	truncate -s 8G fs
	mkfs.xfs -q fs
	mkdir -p xfs
	mount -o loop fs xfs || exit 0
	dd if=/dev/zero bs=1M count=1024 status=none | tr '\0' a >xfs/one
	dd if=/dev/zero bs=1M count=4096 status=none | tr '\0' a >xfs/four
	cp cow xfs/cow
	sync
	compare "flatten, reflinks: base of 4 GiB, of 1 GiB" \
	    "rm -f xfs/to; sync xfs" \
	    "disk-flatten --base xfs/four --cow xfs/cow -o xfs/to" \
	    "disk-flatten --base xfs/one --cow xfs/cow -o xfs/to"
fi
