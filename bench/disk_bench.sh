#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: disk_bench.sh [dir]
# The disk floor against what a user would run instead: medians of RUNS (5), on a
# file of 1 GiB with 389 MiB of data, in a directory under `dir` (/var/tmp).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/turns.sh"
begin_turns disk_bench "$@"
./bench make file

title "disk floor"
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
