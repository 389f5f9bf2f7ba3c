# SPDX-License-Identifier: ISC
# What benches share: a directory of their own, programs, tools, medians.
# Sourced by a script that has set `here`, the directory of benches.

top=$(dirname "$here")

# begin NAME [dir]: makes the directory `work` under `dir` (/var/tmp) and goes
# there; at the end of the script that is undone, after what it has in finish().
begin()
{
	tell_machine
	work=$(mktemp -d "${2:-/var/tmp}/$1.XXXXXX")
	trap end EXIT
	trap 'exit 1' INT TERM HUP
	cd "$work" || exit
}

finish()
{
	:
}

# Filesystems that the script has mounted are directories of `work`.
end()
{
	finish
	for d in "$work"/*/; do
		! mountpoint -q "$d" || umount "$d" 2>/dev/null || {
			sleep 1
			umount -l "$d"
		}
	done
	rm -rf "$work"
}

# build NAME [PROGRAM]: NAME.c of this directory as ./PROGRAM, else as ./NAME.
build()
{
	${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
	    -I"$top/common" -I"$here" -o "${2:-$1}" "$here/$1.c" \
	    "$top/common/libcommon.a" -Wl,--as-needed -ljansson -lzstd \
	    -lcrypto -lpthread
}

# tools TOOL...: those of this tree.
tools()
{
	for t in "$@"; do
		PATH=$top/$t:$PATH
	done
	export PATH
}

# The guest of the tests that boots at once.
need_tiny()
{
	tiny=$top/tests/guest/tiny.elf
	[ -e "$tiny" ] || make -s -C "$top/tests/guest" tiny.elf
}

# end_vms RECORD...: VMs are ended by the pids of their records, which are their
# own; a pattern that fits none is no record.
end_vms()
{
	for r in "$@"; do
		[ -e "$r" ] || continue
		pid=$(sed -n 's/.*"pid" *: *\([0-9][0-9]*\).*/\1/p' "$r")
		case $(readlink "/proc/${pid:-none}/cwd") in
		"$work"/*) kill -9 "$pid" ;;
		esac
	done 2>/dev/null
	return 0
}

# until_said FILE PATTERN: the line is there, within ten minutes and more.
until_said()
{
	waited=0
	until grep -q "$2" "$1" 2>/dev/null; do
		sleep 0.005
		waited=$((waited + 1))
		if [ $waited -gt 120000 ]; then
			echo "$(basename "$0"): $1: no '$2'" >&2
			exit 1
		fi
	done
}

# median FILE: the middle one of its lines, by their first number.
median()
{
	sort -n "$1" | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'
}

# tell ROW UNIT TARGET NAME FILE [NAME FILE]...: a line of JSON for a row, with
# all that was measured, goes behind the file that $BENCH_JSON names, if any: what
# `make bench-report` draws.  A file has a number in each line, what is behind it
# does not count; `group` is the heading above the row.
tell()
{
	[ -n "${BENCH_JSON:-}" ] || return 0
	awk -v bench="$(basename "$0" .sh)" -v group="${group:-}" -v row="$1" \
	    -v unit="$2" -v target="$3" '
	function text(s) {
		gsub(/[\\"]/, "\\\\&", s)
		return "\"" s "\""
	}
	BEGIN {
		sub(/^ +/, "", row)
		printf "{\"bench\":%s,\"group\":%s,\"row\":%s,\"unit\":%s,",
		    text(bench), text(group), text(row), text(unit)
		printf "\"target\":%s,\"series\":{", text(target)
		for (i = 1; i < ARGC; i += 2) {
			printf "%s%s:[", (i > 1 ? "," : ""), text(ARGV[i])
			n = 0
			while ((getline line <ARGV[i + 1]) > 0) {
				split(line, v, " ")
				if (v[1] ~ /^[0-9.]+$/)
					printf "%s%s", (n++ ? "," : ""), v[1]
			}
			printf "]"
		}
		print "}}"
	}' "$4" "$5" ${6+"$6"} ${7+"$7"} ${8+"$8"} ${9+"$9"} >>"$BENCH_JSON"
}

# What was measured where: one line of JSON, once for a file.
tell_machine()
{
	[ -n "${BENCH_JSON:-}" ] && [ ! -s "$BENCH_JSON" ] || return 0
	python3 "$here/report.py" --machine >>"$BENCH_JSON"
}
