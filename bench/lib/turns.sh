# SPDX-License-Identifier: ISC
# For benches that run two commands in turn: a directory of their own with
# ./bench (disk_bench.c) in it, and medians.  Sourced by a script that has set
# `here`, the directory of benches.

# begin NAME [dir]: makes the directory under `dir` (/var/tmp) and goes there.
begin()
{
	work=$(mktemp -d "${2:-/var/tmp}/$1.XXXXXX")
	trap end EXIT
	trap 'exit 1' INT TERM HUP
	# shellcheck disable=SC2086
	${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
	    -I"$here/../common" -o "$work/bench" "$here/disk_bench.c" \
	    "$here/../common/libcommon.a" -lcrypto -lpthread
	cd "$work"
}

# A filesystem that the script has mounted is at $work/xfs.
end()
{
	! mountpoint -q "$work/xfs" || umount "$work/xfs"
	rm -rf "$work"
}

# tools TOOL...: those of this tree.
tools()
{
	for t in "$@"; do
		PATH=$here/../$t:$PATH
	done
}

# once PREPARE COMMAND: microseconds that the command takes.
once()
{
	eval "$1"
	a=$(./bench clock -)
	if ! eval "$2" >/dev/null 2>log; then
		echo "$2:" >&2
		cat log >&2
		exit 1
	fi
	b=$(./bench clock -)
	echo $((b - a))
}

# median FILE: the middle one of its numbers.
median()
{
	sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"
}

# title TEXT: the line above the rows.
title()
{
	printf '%-52s %8s %8s %6s\n' "$1: against" "ours ms" "their ms" ratio
}

# compare LABEL PREPARE OURS THEIRS [MOST]: RUNS (5) of each in turn, so that
# both see the same machine; prints the medians and the ratio, and which one is
# wanted.
compare()
{
	: >ours
	: >theirs
	i=0
	while [ $i -lt "${RUNS:-5}" ]; do
		once "$2" "$3" >>ours
		once "$2" "$4" >>theirs
		i=$((i + 1))
	done
	o=$(median ours)
	t=$(median theirs)
	awk -v l="$1" -v o="$o" -v t="$t" -v m="${5:-}" 'BEGIN {
		printf "%-52s %8.1f %8.1f %6.2f%s\n", l, o / 1000, t / 1000,
		    o / t, m == "" ? "" : "  (at most " m ")"
	}'
}
