#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: copy.sh DIR
# Copies the sources of the tree in which it is called into DIR, times kept, so
# that a build there is incremental; what left the tree leaves DIR too.
set -eu

dir=$1
mkdir -p "$dir"
list=$(mktemp)
trap 'rm -f "$list"' EXIT

# What has a source beside it (X of X.c or X.in) is built, not written.
sources()
{
	find . \( -path ./build -o -path ./.cache -o -path ./.git \) -prune \
	    -o \( -type f -o -type l \) ! -name '*.o' ! -name '*.a' \
	    ! -name '*.stamp' ! -name '*.elf' -print | sort |
	    while IFS= read -r f; do
		[ -e "$f.c" ] || [ -e "$f.in" ] || printf '%s\n' "$f"
	done
}

sources >"$list"
tar -cf - -T "$list" | tar -xpf - -C "$dir"
here=$(pwd)
(cd "$dir" && sources) | while IFS= read -r f; do
	[ -e "$here/$f" ] || [ -L "$here/$f" ] || rm -f "$dir/$f"
done
