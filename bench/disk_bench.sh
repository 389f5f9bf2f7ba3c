#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: disk_bench.sh [dir]
# The disk floor against what a user would run instead: medians of five, on a
# file of 1 GiB with 389 MiB of data, in a directory under `dir` (/var/tmp).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${1:-/var/tmp}/disk_bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
    -I"$here/../common" -o "$work/bench" "$here/disk_bench.c" \
    "$here/../common/libcommon.a" -lcrypto -lpthread
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
		printf "%-44s %8.1f %8.1f %6.2f\n", l, o / 1000, t / 1000, o / t
	}'
}

printf '%-44s %8s %8s %6s\n' "disk floor: against" "ours ms" "their ms" ratio
compare "digest: openssl dgst -sha256" : \
    "./bench digest file" "openssl dgst -sha256 file"
if command -v fsverity >/dev/null; then
	compare "digest: fsverity digest" : \
	    "./bench digest file" "fsverity digest file"
	compare "seal: fallocate -d, fsverity digest, sync" \
	    "rm -f s; cp --sparse=auto file s; sync" "./bench seal s" \
	    "fallocate -d s; fsverity digest s; sync s"
fi
compare "copy: cp --sparse=always" "rm -f to; sync" \
    "./bench copy file to" "cp --sparse=always file to"
