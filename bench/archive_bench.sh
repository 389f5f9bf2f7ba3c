#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: archive_bench.sh [dir]
# Export and import against what a user would run instead: medians of RUNS (3)
# on a snapshot of 1 GiB of memory with 389 MiB of data and a disk of 10 GiB
# with 1.1 GiB, in runs of 64 KiB, and on a fragmented one, 4 GiB with 400,000
# runs of 4 KiB; under `dir` (/var/tmp), which needs 10 GiB.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-3}
. "$here/lib/bench.sh"
begin archive_bench "$@"
tools snap-export snap-import
INSTAR_ROOT=$work/root
export INSTAR_ROOT
build archive_bench bench

# Two snapshots that have digests, as a save leaves them.
mkdir s f
./bench make s/memory.raw 1073741824 65536 172000
./bench make s/cow.raw 10737418240 65536 611000
./bench make f/memory.raw 4294967296 4096 10738
for s in s f; do
	echo '{"version":1,"config":{"name":""}}' >$s/snapshot.json
	(cd $s && bsdtar --format=pax -cf - ./*) | snap-import -n $s >/dev/null
	rm -rf $s
	ln -s "root/name/snap/$s" $s
done

# once COMMAND: its ms and peak KiB, in a directory that has an empty x.
once()
{
	rm -rf x
	mkdir x
	sync -f .
	./bench time sh -c "$1"
}

# compare LABEL LIMIT OURS THEIRS: in turn, so that both see the same machine.
compare()
{
	: >ours
	: >theirs
	i=0
	while [ $i -lt "$runs" ]; do
		once "$3" >>ours
		once "$4" >>theirs
		i=$((i + 1))
	done
	tell "$1" ms "at most $2" ours ours theirs theirs
	echo "$(median ours) $(median theirs)" | awk -v l="$1" -v m="$2" '{
		printf "%-46s %8.0f %8.0f %6.2f %6s\n", l, $1, $3, $1 / $3, m
	}'
}

# peak LABEL COMMAND
peak()
{
	once "$2" | awk -v l="$1" '{
		printf "%-46s %8.1f %8s %6s %6s\n", "peak MiB: " l,
		    $2 / 1024, "", "", 64
	}'
}

# What bsdtar does, and its sync: an import is on the disk when it ends.
pack='bsdtar --format=pax -cf - -C s .'
unpack='bsdtar -xf - -C x && sync x/*'
import='snap-import -q -R x/r >/dev/null'

printf '%-46s %8s %8s %6s %6s\n' "archives: against" "ours ms" "their ms" \
    ratio "limit"
compare "export: data spliced into the pipe" 1.15 \
    'snap-export --no-compress s | cat >/dev/null' \
    './bench floor s/*.raw | cat >/dev/null'
compare "export: bsdtar" 1 'snap-export --no-compress s | cat >/dev/null' \
    "$pack | cat >/dev/null"
compare "export, fragmented: data spliced" 1.15 \
    'snap-export --no-compress f | cat >/dev/null' \
    './bench floor f/*.raw | cat >/dev/null'
compare "export zstd: bsdtar, zstd -1 -T2" 1 'snap-export s | cat >/dev/null' \
    "$pack | zstd -q -1 -T2 | cat >/dev/null"
compare "export zstd, fragmented: bsdtar, zstd" 1 \
    'snap-export f | cat >/dev/null' \
    'bsdtar --format=pax -cf - -C f . | zstd -q -1 -T2 | cat >/dev/null'
snap-export --no-compress -o s.tar s >/dev/null
compare "import of a file, synced: bsdtar -x" 1.1 "$import <s.tar" \
    "<s.tar $unpack"
compare "export, import, synced: bsdtar, bsdtar" 1 \
    "snap-export --no-compress s | $import" "$pack | $unpack"
compare "the same in zstd: and zstd -1 -T2, zstd -d" 1 \
    "snap-export s | $import" "$pack | zstd -q -1 -T2 | zstd -qd | $unpack"

ours=$(snap-export s | wc -c)
theirs=$(bsdtar --format=pax -cf - -C s . | zstd -q -1 -T2 | wc -c)
awk -v o="$ours" -v t="$theirs" 'BEGIN {
	printf "%-46s %8.0f %8.0f %6.2f %6s\n", "size in zstd, MiB",
	    o / 1048576, t / 1048576, o / t, 1.02
}'
# The fragmented one has nearly as many bytes of data: time for each.
bytes()
{
	stat -L -c %b "$1"/*.raw | awk '{ n += $1 * 512 } END { print n }'
}
for how in --no-compress --zstd; do
	: >ours
	: >theirs
	i=0
	while [ $i -lt "$runs" ]; do
		once "snap-export $how f | cat >/dev/null" >>ours
		once "snap-export $how s | cat >/dev/null" >>theirs
		i=$((i + 1))
	done
	echo "$(median ours) $(bytes f) $(median theirs) $(bytes s)" |
	    awk -v l="fragmented, ms a GB ($how): as it is" '{
		f = $1 / $3 * 1e9
		s = $4 / $6 * 1e9
		printf "%-46s %8.0f %8.0f %6.2f %6s\n", l, f, s, f / s, 1.3
	}'
done
peak "snap-export --no-compress, fragmented" \
    'snap-export --no-compress f | cat >/dev/null'
peak "snap-export" 'snap-export s | cat >/dev/null'
peak "snap-export, fragmented" 'snap-export f | cat >/dev/null'
peak "snap-import" "$import <s.tar"
