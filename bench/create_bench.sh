#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: create_bench.sh [dir]
# vm-create --base of an image of SIZE (1G) against what the same takes by hand:
# cp --reflink=auto, and the digest of the file by fsverity(1).  Medians of RUNS
# (5) in turn, with the image in the page cache, in a directory under `dir`
# (/var/tmp), and where it is root on XFS with reflinks.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/turns.sh"
if ! command -v fsverity >/dev/null; then
	echo "create_bench.sh: skipped: no fsverity(1)"
	exit 0
fi
begin_turns create_bench "$@"
tools vm-create vm-rm state-gc
size=${SIZE:-1G}

# A layer that is there already is only read.
fresh()
{
	[ ! -e "$at/root/name/vm/w" ] || vm-rm w
	rm -f "$at/copy"
	state-gc
	cat "$at/image" >/dev/null
} >/dev/null

by_hand()
{
	cp --reflink=auto "$at/image" "$at/copy"
	fsverity digest --compact "$at/copy"
}

on()
{
	at=$1
	INSTAR_ROOT=$at/root
	export INSTAR_ROOT
	head -c "$size" /dev/urandom >"$at/image"
	sync -f "$at"
	# shellcheck disable=SC2016
	compare "$2: vm-create --base" fresh \
	    'vm-create -n w --memory 64M --base "$at/image"' by_hand 1.1
}

title "an image of $size"
# shellcheck disable=SC2154 # set by begin_turns
on "$work" "$(stat -f -c %T "$work")"
if [ "$(id -u)" -eq 0 ] && command -v mkfs.xfs >/dev/null; then
	rm -rf "$work/image" "$work/copy" "$work/root"
	truncate -s 6G xfs.img
	mkfs.xfs -q xfs.img
	mkdir xfs
	mount -o loop xfs.img xfs
	on "$work/xfs" XFS
fi
