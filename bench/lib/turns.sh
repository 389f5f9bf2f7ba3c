# SPDX-License-Identifier: ISC
# For benches that run two commands in turn: ./bench (disk_bench.c) in their
# directory.  Sourced in place of bench.sh, as that is.

. "$here/lib/bench.sh"

# begin_turns NAME [dir]
begin_turns()
{
	begin "$@"
	build disk_bench bench
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

# title TEXT: the line above the rows.
title()
{
	group=$1
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
	tell "$1" us "${5:+at most $5}" ours ours theirs theirs
	awk -v l="$1" -v o="$o" -v t="$t" -v m="${5:-}" 'BEGIN {
		printf "%-52s %8.1f %8.1f %6.2f%s\n", l, o / 1000, t / 1000,
		    o / t, m == "" ? "" : "  (at most " m ")"
	}'
}
