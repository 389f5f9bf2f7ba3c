# SPDX-License-Identifier: ISC
# What benches share: a directory of their own, programs, tools, medians.
# Sourced by a script that has set `here`, the directory of benches.

top=$(dirname "$here")

# begin NAME [dir]: makes the directory `work` under `dir` (/var/tmp) and goes
# there; at the end of the script that is undone, after what it has in finish().
begin()
{
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

# median FILE: the middle one of its lines, by their first number.
median()
{
	sort -n "$1" | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'
}
