#!/bin/sh
# SPDX-License-Identifier: ISC
# QEMU's guest agent at a virtio port to which nobody is connected sleeps for a
# tenth of a second in each round of its loop, whatever else it has to do: what a
# command that it runs writes is read 4 KiB a round then, 40 KB in a second.
#
# Seen with qemu-guest-agent 10.0.13 (Debian 13, 1:10.0.13+ds-0+deb13u1) and 11.1.2
# (Debian forky, 1:11.1.2+ds-3), no guest and no QEMU: a file stands for the port,
# which is at its end, as a port is without a client.  A command writes 384 KiB, of
# which a pipe holds 64:
#
#	-m virtio-serial	8 s, 80 rounds
#	-m isa-serial		at once: there it does not sleep
#
# In a guest: a command that writes 16 MiB, the most that an agent keeps, takes
# seven minutes while nobody is connected, with "exited": false all the time, and
# a few seconds of a processor else.  The fast answers are wrong: that it hangs, and
# that who waits for a command's end may close the channel until he asks again.
# The channel is to be kept open as long as a command runs.
#
# usage: qemu-ga-sleeps-unconnected.sh, as root; takes mmdebstrap and 500 MiB of
# /tmp.  Exit status 0: all as told here; 1: something is different now.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

# root SUITE VERSION: the agent of that version, with what it needs.
root()
{
	mmdebstrap --quiet --variant=extract \
	    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --include="qemu-guest-agent=$2,dash,coreutils" "$1" "$work/$1" \
	    >"$work/log" 2>&1 || differs "no root: $(tail -n 1 "$work/log")"
}

# look SUITE METHOD: milliseconds until the command has written all.
look()
{
	rm -rf "$work/$1/w"
	mkdir "$work/$1/w"
	cat >"$work/$1/w/port" <<-'END'
	{"execute":"guest-exec","arguments":{"path":"/bin/sh","arg":["-c","date +%s%3N >/w/from; head -c 393216 /w/zero; date +%s%3N >/w/to"],"capture-output":true}}
	END
	truncate -s 393216 "$work/$1/w/zero"
	chroot "$work/$1" /usr/sbin/qemu-ga -t /w -m "$2" -p /w/port \
	    >"$work/log" 2>&1 &
	pid=$!
	n=0
	until [ -s "$work/$1/w/to" ]; do
		n=$((n + 1))
		[ $n -lt 600 ] || differs "$1, $2: no end in a minute"
		sleep 0.1
	done
	kill $pid
	wait $pid || :
	took=$(($(cat "$work/$1/w/to") - $(cat "$work/$1/w/from")))
	echo "$1, $2: $took ms"
}

[ "$(id -u)" -eq 0 ] || { echo "as root" >&2; exit 64; }
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap" >&2; exit 69; }
root trixie 1:10.0.13+ds-0+deb13u1
root forky 1:11.1.2+ds-3

for suite in trixie forky; do
	look $suite virtio-serial
	[ $took -ge 7500 ] || differs "$suite: it sleeps no more"
	slow=$took
	look $suite isa-serial
	[ $((took * 2)) -lt $slow ] || differs "$suite: as slow there"
done
