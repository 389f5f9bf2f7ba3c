#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: systemd.sh DIR [SUITE]
# Makes DIR/systemd-root, a Debian (bookworm, or SUITE) with systemd and what the
# programs link and run.  What is there already is kept; nothing is installed.
# Takes root, mmdebstrap and a mirror.
set -eu

suite=${2:-bookworm}
packages=systemd-sysv,dbus,libpam-systemd,qemu-system-x86,procps
packages=$packages,libjansson4,libarchive13,libcurl4,libfuse3-3,libmicrohttpd12,libssl3

mkdir -p "$1"
cd "$1"
exec 9>systemd-lock
flock 9
[ ! -d systemd-root ] || [ "$(cat systemd-has 2>/dev/null)" != "$packages" ] ||
	exit 0
rm -rf systemd-new systemd-root
mmdebstrap --quiet --variant=minbase --include="$packages" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Install-Recommends "false"' \
    "$suite" systemd-new >systemd-log 2>&1 || {
	echo "systemd.sh: mmdebstrap: $(grep '^E:' systemd-log | head -n 1)" >&2
	exit 69
}
mv systemd-new systemd-root
echo "$packages" >systemd-has
