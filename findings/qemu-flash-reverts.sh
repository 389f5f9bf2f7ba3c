#!/bin/sh
# SPDX-License-Identifier: ISC
# A state that QEMU loads writes to a disk file: the pages of a flash device are
# in the stream, and when the guest goes on, QEMU writes them over the file that
# the device was given, whatever is in it by then.
#
# Seen with QEMU 10.0.13 (Debian 13, 1:10.0.13+ds-0+deb13u1) and 11.1.2 (Debian
# forky, 1:11.1.2+ds-3), machine pc-q35-9.0, pflash0 read-only, pflash1 writable,
# no guest code ever run:
#
#	saved while the file of pflash1 held 64 KiB of "A"
#	started with a file of "B", state loaded	the file holds B
#	cont						the file holds A
#
# There is no word of it.  So who keeps UEFI variables in a file beside a state
# (OVMF_VARS.fd) cannot put another file there at load: what the guest stored
# since, or what the user has enrolled, is gone at the first instruction.  The
# fast answers are wrong: the file as it was opened is right until "cont", which
# a test that only loads does not see; and x-ignore-shared leaves these pages in,
# for they are not of shared memory.  What helps is a stream without them: then
# the device has what it read from the file, and the file stays as it is.
#
# usage: qemu-flash-reverts.sh, as root; takes mmdebstrap and 700 MiB of /tmp.
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

# root SUITE VERSION: QEMU of that version, and a read-only flash of zeros.
root()
{
	mmdebstrap --quiet --variant=extract \
	    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --include="qemu-system-x86=$2,seabios,dash" "$1" "$work/$1" \
	    >"$work/log" 2>&1 || differs "no root: $(tail -n 1 "$work/log")"
	mkdir -p "$work/$1/w"
	truncate -s 64K "$work/$1/w/code"
}

# fill SUITE LETTER: the file of the writable flash.
fill()
{
	head -c 65536 /dev/zero | tr '\0' "$2" >"$work/$1/w/vars"
}

# ask SUITE WORDS: the answers to the QMP commands on stdin, a second apart
# from the next; WORDS are further options.
# shellcheck disable=SC2086
ask()
{
	while read -r line; do
		echo "$line"
		sleep 1
	done | chroot "$work/$1" /usr/bin/qemu-system-x86_64 -nodefaults \
	    -display none -S -m 16 \
	    -machine pc-q35-9.0,accel=tcg,pflash0=code,pflash1=vars \
	    -blockdev file,filename=/w/code,node-name=code,read-only=on \
	    -blockdev file,filename=/w/vars,node-name=vars \
	    -qmp stdio $2 2>&1
}

capabilities()
{
	echo '{"execute":"qmp_capabilities"}'
	echo '{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"x-ignore-shared","state":true}]}}'
}

save()
{
	{
		capabilities
		echo '{"execute":"migrate","arguments":{"uri":"file:/w/state"}}'
		echo '{"execute":"query-migrate"}'
		echo '{"execute":"quit"}'
	} | ask "$1" "" >"$work/saved" || :
	grep -q '"status": "completed"' "$work/saved" ||
	    differs "$1 does not save: $(cat "$work/saved")"
}

# load SUITE COMMAND...: a state in, then the commands.
load()
{
	suite=$1
	shift
	{
		capabilities
		echo '{"execute":"migrate-incoming","arguments":{"uri":"file:/w/state"}}'
		echo '{"execute":"query-migrate"}'
		for c in "$@" quit; do
			echo "{\"execute\":\"$c\"}"
		done
	} | ask "$suite" "-incoming defer" >"$work/loaded" || :
	grep -q '"status": "completed"' "$work/loaded" ||
	    differs "$suite does not load: $(cat "$work/loaded")"
}

# expect WHAT SUITE LETTER
expect()
{
	seen=$(tr -s AB <"$work/$2/w/vars")
	echo "$2, $1: the file holds $(printf %.20s "$seen")"
	[ "$seen" = "$3" ] || differs "$2, $1: it was all $3"
}

[ "$(id -u)" -eq 0 ] || { echo "as root" >&2; exit 64; }
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap" >&2; exit 69; }
root trixie 1:10.0.13+ds-0+deb13u1
root forky 1:11.1.2+ds-3

for suite in trixie forky; do
	fill $suite A
	save $suite
	fill $suite B
	load $suite
	expect "loaded" $suite B
	fill $suite B
	load $suite cont stop
	expect "loaded, and cont" $suite A
done
