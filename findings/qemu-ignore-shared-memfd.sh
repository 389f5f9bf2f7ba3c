#!/bin/sh
# SPDX-License-Identifier: ISC
# x-ignore-shared stopped leaving shared memfds out of the stream.
#
# The capability is there so that a state can be written without the guest's
# memory where that lies in something shared.  64 MiB of it, machine q35, the
# guest never run; what query-migrate tells of "ram", "total":
#
#				7.2.22		10.0.13		11.1.2
#	memory-backend-file	 532,480	 532,480	 532,480
#	memory-backend-memfd	 532,480	67,641,344	67,641,344
#
# (all with share=on), and every migration is "completed".  So whoever changes
# from a file to a memfd, or from 7.2 to 10, gets a state that is as large as
# the memory, written while the guest stands still.  A memfd of
# one's own that is given to memory-backend-file as /proc/self/fd/N counts as a
# file in all three.
#
# Debian 12 (1:7.2+dfsg-7+deb12u18+b3), 13 (1:10.0.13+ds-0+deb13u1) and forky
# (1:11.1.2+ds-3).
#
# usage: qemu-ignore-shared-memfd.sh, as root; takes mmdebstrap, 1 GiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
rc=0

# root SUITE VERSION: QEMU of that version, with what it needs.
root()
{
	mmdebstrap --quiet --variant=extract \
	    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --include="qemu-system-x86=$2,seabios,dash,coreutils" \
	    "$1" "$work/$1" >"$work/log" 2>&1 || {
		echo "DIFFERENT: no root of $1: $(tail -n 1 "$work/log")"
		exit 1
	}
	mkdir -p "$work/$1/w" "$work/$1/dev"
	[ -e "$work/$1/dev/null" ] || mknod -m 666 "$work/$1/dev/null" c 1 3
}

# total SUITE BACKEND: bytes of RAM that the stream speaks for.
total()
{
	{
		echo '{"execute":"qmp_capabilities"}'
		echo '{"execute":"migrate-set-capabilities","arguments":
		    {"capabilities":[{"capability":"x-ignore-shared","state":true}]}}'
		echo '{"execute":"migrate","arguments":{"uri":"exec:cat >/w/state"}}'
		for i in 1 2 3 4 5; do
			sleep 1
			echo '{"execute":"query-migrate"}'
		done
		echo '{"execute":"quit"}'
	} | chroot "$work/$1" /usr/bin/qemu-system-x86_64 -nodefaults \
	    -display none -S -m 64 -object "$2,id=mem,size=64M,share=on" \
	    -machine q35,accel=tcg,memory-backend=mem -qmp stdio \
	    2>"$work/err" |
	    sed -n 's/.*"status": "completed".*"ram": {[^}]*"total": \([0-9]*\).*/\1/p
		s/.*"ram": {[^}]*"total": \([0-9]*\).*"status": "completed".*/\1/p' |
	    tail -n 1
}

# expect SUITE BACKEND BYTES
expect()
{
	seen=$(total "$1" "$2")
	echo "$1, ${2%%,*}: $seen"
	[ "$seen" = "$3" ] || {
		echo "DIFFERENT: it was $3 $(head -n 1 "$work/err")"
		rc=1
	}
}

[ "$(id -u)" -eq 0 ] || { echo "as root" >&2; exit 64; }
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap" >&2; exit 69; }
root bookworm 1:7.2+dfsg-7+deb12u18+b3
root trixie 1:10.0.13+ds-0+deb13u1
root forky 1:11.1.2+ds-3
for suite in bookworm trixie forky; do
	expect $suite memory-backend-file,mem-path=/w/mem 532480
done
expect bookworm memory-backend-memfd 532480
expect trixie memory-backend-memfd 67641344
expect forky memory-backend-memfd 67641344
exit $rc
