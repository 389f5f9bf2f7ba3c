#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: store_bench.sh [dir]
# One snapshot found and listed in a store of ten and in one of 100,000, made
# under `dir` (/var/tmp): medians of 101 runs in turn.  The last line is what
# has to look at all of them.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/bench.sh"
begin store_bench "$@"
tools snap-ls snap-verify
build store_bench bench
./bench make 10 small
./bench make 100000 large

# In both stores the same place in their order of making.
small=$(snap-ls -R small -p id n9)
large=$(snap-ls -R large -p id n99999)
prefix=$(printf %.8s "$large")

# row LABEL RUNS COMMAND... -- COMMAND...
row()
{
	label=$1
	runs=$2
	shift 2
	./bench time "$runs" "$@" >took
	cut -d ' ' -f 1 took >few
	cut -d ' ' -f 2 took >many
	tell "$label" us "" 10 few 100,000 many
	awk -v l="$label" '{
		printf "%-36s %10.2f %10.2f %6.2f\n", l, $1 / 1000, $2 / 1000,
		    $2 / $1
	}' took
}

printf '%-36s %10s %10s %6s\n' "store of: (ms)" 10 100,000 ratio
row "snap-ls ID" 101 snap-ls -R small "$small" -- snap-ls -R large "$large"
row "snap-ls NAME" 101 snap-ls -R small n9 -- snap-ls -R large n99999
row "snap-verify NAME" 101 snap-verify -R small n9 -- \
    snap-verify -R large n99999
row "cat of its envelope, by name" 101 \
    cat small/name/snap/n9/snapshot.json -- \
    cat large/name/snap/n99999/snapshot.json
row "snap-ls, eight characters of an ID" 11 \
    snap-ls -R small "$(printf %.8s "$small")" -- \
    snap-ls -R large "$prefix"
