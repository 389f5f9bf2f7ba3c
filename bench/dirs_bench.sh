#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: dirs_bench.sh [dir]
# Snapshots as directories, under `dir` (/var/tmp): snap-export --to-dir without
# reflinks against what a user would run, and with them for two sizes; and a
# clone by name in stores of 10 and of 100,000.  Medians of runs in turn.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/bench.sh"
# The VMs are ended by the pids of their own records.
finish()
{
	for r in "$work"/*/vm/*/vm.json; do
		[ ! -e "$r" ] ||
		    vm-rm -q -R "${r%/vm/*/vm.json}" --force \
		    "$(basename "$(dirname "$r")")" || :
	done
}
begin dirs_bench "$@"
tools vm-create vm-start vm-clone vm-rm snap-save snap-ls snap-export \
    snap-import
build store_bench bench
need_tiny

now()
{
	date +%s%N
}

# took COMMAND...: milliseconds.
took()
{
	from=$(now)
	"$@" >/dev/null
	to=$(now)
	echo "$(((to - from) / 1000))" | awk '{ print $1 / 1000 }'
}

# row LABEL FILE FILE: the medians of two lists, and their ratio.
row()
{
	a=$(median "$2")
	b=$(median "$3")
	tell "$1" ms "" this "$2" that "$3"
	awk -v l="$1" -v a="$a" -v b="$b" 'BEGIN {
		printf "%-44s %9.2f %9.2f %6.2f\n", l, a, b, b / a }'
}

# plant ROOT NAME MIB: a snapshot with so much data in a disk twice as large.
plant()
{
	mkdir plain
	head -c "$3"M /dev/urandom >plain/cow.raw
	truncate -s $(($3 * 2))M plain/cow.raw
	echo '{"version": 1, "config": {"name": ""}}' >plain/snapshot.json
	snap-import -q -R "$1" -n "$2" --from-dir plain >/dev/null
	rm -rf plain
}

copy()
{
	cp -R --sparse=always "$1" "$2"
	sync -f "$2"
}

to_dir()
{
	: >ours
	: >theirs
	for i in 1 2 3 4 5; do
		took snap-export -q -R "$1" --to-dir "$1.out" big >>ours
		rm -rf "$1.out"
		sync -f "$1"
		took copy "$(snap-ls -R "$1" -p dir big)" "$1.out" >>theirs
		rm -rf "$1.out"
		sync -f "$1"
	done
}

printf '%-44s %9s %9s %6s\n' "median ms of:" this that ratio

plant plainly big 256
to_dir plainly
row "--to-dir of 256 MiB, cp --sparse=always and sync" ours theirs

if [ "$(id -u)" -eq 0 ] && truncate -s 3G xfs.img &&
    mkfs.xfs -q -f xfs.img >/dev/null && mkdir xfs &&
    mount -o loop xfs.img xfs; then
	plant xfs/root small 16
	plant xfs/root big 512
	: >ours
	: >theirs
	for i in 1 2 3 4 5 6 7 8 9; do
		took snap-export -q -R xfs/root --to-dir xfs/out small >>ours
		rm -rf xfs/out
		took snap-export -q -R xfs/root --to-dir xfs/out big >>theirs
		rm -rf xfs/out
	done
	row "--to-dir with reflinks, 16 MiB and 512 MiB" ours theirs
fi

vm-create -q -R plainly -n v --memory 16M --kernel "$tiny" --storage 16M \
    >/dev/null
vm-start -q -R plainly v >/dev/null
snap-save -q -R plainly -n small v >/dev/null
snap-export -q -R plainly --to-dir golden small >/dev/null
vm-rm -q -R plainly --force v >/dev/null
./bench make 10 ten
./bench make 100000 many
for r in ten many; do
	snap-import -q -R $r -n golden --from-dir golden >/dev/null
done
: >ours
: >theirs
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	vm-clone -q -R ten -n c -p clone_ms golden >>ours
	vm-rm -q -R ten --force c >/dev/null
	vm-clone -q -R many -n c -p clone_ms golden >>theirs
	vm-rm -q -R many --force c >/dev/null
done
row "clone by name, of 10 and of 100,000" ours theirs
