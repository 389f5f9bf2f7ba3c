#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: quicklink.sh link-flags command...
# Prints -static and link-flags (-pie ...) if a program can be made so by
# `command`, compiler and libraries, and then runs; else link-flags.  What may be
# in the way: a library without an archive, a sanitizer, a linker that does not
# know how, and a run path, with which glibc's static PIEs crash.  But for the
# sanitizer, which is wanted, it is told in one line.
flags=$1
shift
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
echo 'int main(void) { return 0; }' >"$dir/try.c"
# shellcheck disable=SC2086
if {
	"$@" -fPIE -static$flags -o "$dir/try" "$dir/try.c" && "$dir/try"
} >"$dir/said" 2>&1; then
	echo "-static$flags"
	exit
fi
echo "$flags"
case "$*" in
*-fsanitize=*) ;;
*) echo "quicklink.sh: no tool is static: $(sed q "$dir/said")" >&2 ;;
esac
