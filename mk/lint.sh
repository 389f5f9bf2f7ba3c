#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: lint.sh, from the top of the tree, with SUBDIRS in the environment
# Manual pages, layout of the C, who uses whom, and a build by the other make and compiler.
set -u

rc=0
top=$(pwd)

# shellcheck disable=SC2086
for d in $SUBDIRS; do
	(cd "$d" && "${MAKE:-make}" -s lint) || rc=1
done
if command -v clang-format >/dev/null; then
	find . \( -path ./build -o -path ./.cache \) -prune -o \
	    -name '*.[ch]' -print | sort |
	    xargs clang-format --dry-run -Werror || rc=1
fi
sh mk/floors.sh || rc=1
sh mk/circles.sh || rc=1
# Who is run is told words, and no shell.
find . \( -path ./build -o -path ./.cache \) -prune -o \( -name '*.[ch]' -o \
    -name '*.inc' \) -exec grep -nE '(^|[^[:alnum:]_])(system|popen) *\(' {} + |
    {
	! grep .
} || rc=1
# Sizes: a file, a function, the file that says what a tool is.
find . \( -path ./build -o -path ./.cache \) -prune -o -name '*.c' -print |
    sort | xargs awk '
FNR == 1 { start = 0 }
/^\{/ { start = FNR }
/^\}/ {
	if (start && FNR - start > 80)
		print FILENAME ":" start ": a function of " FNR - start " lines"
	start = 0
}
FNR == 501 { print FILENAME ": more than 500 lines" }
FNR == 151 && match(FILENAME, /^\.\/([a-z]+-[a-z]+)\//) {
	tool = substr(FILENAME, 3, RLENGTH - 3)
	if (FILENAME == "./" tool "/" tool ".c")
		print FILENAME ": more than 150 lines"
}' | {
	! grep .
} || rc=1
if command -v bmake >/dev/null && command -v clang >/dev/null; then
	sh mk/copy.sh "$top/build/lint" &&
	    (unset MAKEFLAGS MFLAGS; cd "$top/build/lint" &&
	    bmake -s -j2 CC=clang WERROR=-Werror all &&
	    cd tests && bmake -s CC=clang WERROR=-Werror all) || rc=1
fi
exit $rc
