#!/bin/sh
# SPDX-License-Identifier: ISC
# Two stable QEMUs do not agree how deep a virtqueue is, and the property that
# should say it does not.
#
# Seen with QEMU 10.0.13 (Debian 13, 1:10.0.13+ds-0+deb13u1) and 11.1.2 (Debian
# forky, 1:11.1.2+ds-3), machine pc-q35-9.0, no guest code ever run:
#
#	10.0.13  queue-size of virtio-blk reads 256, its queue has 1024 entries;
#	         virtio-rng, which asks for 8, has 1024
#	11.1.2   256 and 8
#
# So the state of a machine that has not executed an instruction, saved by
# 10.0.13, is refused by 11.1.2:
#
#	VQ 0 vring.num 1024 exceeds allocated max 8
#
# while that of 11.1.2 is taken by 10.0.13.  The fast answer, to give every
# device its queue-size on the command line, changes nothing: 10.0.13 passes the
# property over when it makes the queue, and virtio-rng has none.
#
# usage: qemu-virtqueue-depth.sh, as root; takes mmdebstrap and 700 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

# root SUITE VERSION: QEMU of that version, with what it needs.
root()
{
	mmdebstrap --quiet --variant=extract \
	    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --include="qemu-system-x86=$2,seabios,dash" "$1" "$work/$1" \
	    >"$work/log" 2>&1 || differs "no root: $(tail -n 1 "$work/log")"
	mkdir -p "$work/$1/w"
}

# ask SUITE WORDS: the answers to the QMP commands on stdin, a second apart
# from the next; WORDS are further options.
ask()
{
	while read -r line; do
		echo "$line"
		sleep 1
	done | chroot "$work/$1" /usr/bin/qemu-system-x86_64 -nodefaults \
	    -display none -S -machine pc-q35-9.0,accel=tcg -m 16 \
	    -device virtio-rng-pci,id=rng0 \
	    -blockdev null-co,node-name=n,size=1048576 \
	    -device virtio-blk-pci,id=disk0,drive=n,queue-size=256 \
	    -qmp stdio $2 2>&1
}

# Entries of queue 0 of device $2 under $1.
depth()
{
	ask "$1" "" <<-END | sed -n 's/.*"vring-num": \([0-9]*\).*/\1/p'
	{"execute":"qmp_capabilities"}
	{"execute":"x-query-virtio-queue-status","arguments":{"path":"/machine/peripheral/$2/virtio-backend","queue":0}}
	{"execute":"quit"}
	END
}

# What the property says.
property()
{
	ask "$1" "" <<-END | sed -n 's/^{"return": \([0-9]*\)}.*/\1/p'
	{"execute":"qmp_capabilities"}
	{"execute":"qom-get","arguments":{"path":"/machine/peripheral/disk0","property":"queue-size"}}
	{"execute":"quit"}
	END
}

save()
{
	ask "$1" "" >"$work/$1.saved" <<-END
	{"execute":"qmp_capabilities"}
	{"execute":"migrate","arguments":{"uri":"file:/w/state"}}
	{"execute":"query-migrate"}
	{"execute":"quit"}
	END
	grep -q '"status": "completed"' "$work/$1.saved" ||
	    differs "$1 does not save: $(cat "$work/$1.saved")"
}

# load SUITE STATE: what it says.
load()
{
	cp "$2" "$work/$1/w/in"
	ask "$1" "-incoming file:/w/in" <<-END || :
	{"execute":"qmp_capabilities"}
	{"execute":"query-status"}
	{"execute":"quit"}
	END
}

# expect WHAT SEEN TOLD
expect()
{
	echo "$1: $2"
	[ "$2" = "$3" ] || differs "$1 was $3"
}

[ "$(id -u)" -eq 0 ] || { echo "as root" >&2; exit 64; }
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap" >&2; exit 69; }
root trixie 1:10.0.13+ds-0+deb13u1
root forky 1:11.1.2+ds-3

expect "10.0.13: queue-size of virtio-blk" "$(property trixie)" 256
expect "10.0.13: entries of its queue" "$(depth trixie disk0)" 1024
expect "10.0.13: entries of virtio-rng's" "$(depth trixie rng0)" 1024
expect "11.1.2: queue-size of virtio-blk" "$(property forky)" 256
expect "11.1.2: entries of its queue" "$(depth forky disk0)" 256
expect "11.1.2: entries of virtio-rng's" "$(depth forky rng0)" 8

save trixie
save forky
said=$(load forky "$work/trixie/w/state" |
    sed -n 's/.*\(VQ 0 vring.num .*\)/\1/p')
expect "10.0.13's state in 11.1.2" "$(echo "$said" | tr -d '\r')" \
    "VQ 0 vring.num 1024 exceeds allocated max 8"
load trixie "$work/forky/w/state" | grep -q '"status": "prelaunch"\|"status": "paused"' ||
    differs "11.1.2's state is not taken by 10.0.13"
echo "11.1.2's state in 10.0.13: taken"
