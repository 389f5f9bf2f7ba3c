#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: archive_bench.sh [dir]
# Export and import against what a user would run instead: medians of RUNS (3)
# on a snapshot of 1 GiB of memory with 389 MiB of data and a disk of 10 GiB
# with 1.1 GiB, in runs of 64 KiB, and on a fragmented one, 4 GiB with 400,000
# runs of 4 KiB; under `dir` (/var/tmp), which needs 10 GiB.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${1:-/var/tmp}/archive_bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
runs=${RUNS:-3}
PATH=$here/../snap-export:$here/../snap-import:$PATH
INSTAR_ROOT=$work/root
export PATH INSTAR_ROOT
${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
    -I"$here/../common" -o "$work/bench" "$here/archive_bench.c" \
    "$here/../common/libcommon.a" -lcrypto -lpthread
cd "$work"

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

# measure COMMAND: its median in ms, and its peak in KiB, into $ms and $kib.
measure()
{
	i=0
	while [ $i -lt "$runs" ]; do
		rm -rf x
		mkdir x
		sync -f .
		./bench time sh -c "$1"
		i=$((i + 1))
	done | sort -n >times
	read -r ms kib <<-END
		$(sed -n "$(((runs + 1) / 2))p" times)
	END
}

# compare LABEL LIMIT OURS THEIRS
compare()
{
	measure "$3"
	o=$ms
	measure "$4"
	awk -v l="$1" -v o="$o" -v t="$ms" -v m="$2" 'BEGIN {
		printf "%-46s %8.0f %8.0f %6.2f %6s\n", l, o, t, o / t, m
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
for how in --no-compress --zstd; do
	for s in s f; do
		measure "snap-export $how $s | cat >/dev/null"
		echo "$s $ms $(stat -L -c %b $s/*.raw |
		    awk '{ n += $1 * 512 } END { print n }') $how"
	done
done | awk '
$1 == "s" { per = $2 / $3 }
$1 == "f" {
	printf "%-46s %8.3f %8.3f %6.2f %6s\n",
	    "fragmented, ns a byte: unfragmented, " substr($4, 3),
	    $2 / $3 * 1e6, per * 1e6, $2 / $3 / per, 1.3
}'
for c in 'snap-export --no-compress f' 'snap-export s' 'snap-export f'; do
	measure "$c | cat >/dev/null"
	printf '%-46s %8.1f %8s %6s %6s\n' "peak MiB: $c" \
	    "$(awk "BEGIN { print $kib / 1024 }")" "" "" 64
done
measure "$import <s.tar"
printf '%-46s %8.1f %8s %6s %6s\n' "peak MiB: snap-import" \
    "$(awk "BEGIN { print $kib / 1024 }")" "" "" 64
