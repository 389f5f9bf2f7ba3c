#!/bin/sh
# SPDX-License-Identifier: ISC
# QEMU that is given a listening Unix socket as a descriptor removes the socket's
# file when it ends: by the name that it was bound to, which the kernel tells, and
# taken from QEMU's working directory, whoever made it and wherever it is by then.
#
# Seen with QEMU 10.0.13 (Debian 13, 1:10.0.13+ds-0+deb13u1) and 11.1.2 (Debian
# forky, 1:11.1.2+ds-3); -chardev socket,fd=N,server=on with a monitor on it, the
# working directory renamed while QEMU runs, then:
#
#	bound as	ended by	the file
#	name		SIGTERM		is gone
#	name		SIGKILL		stays
#	PATH/name	SIGTERM		stays, where PATH leads elsewhere by then
#
# The fast answers are wrong: that who hands a descriptor down keeps its file, and
# that a file which is still there says nothing.  Bound by its bare name it tells
# for ever how QEMU ended, with no process that waits for it: a proper end (the
# guest turned itself off, quit, SIGTERM) removes it, a kill or a crash cannot.
#
# usage: qemu-removes-given-socket.sh, as root; takes mmdebstrap, perl and 700 MiB
# of /tmp.  Exit status 0: all as told here; 1: something is different now.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

# root SUITE VERSION: QEMU of that version.
root()
{
	mmdebstrap --quiet --variant=extract \
	    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --include="qemu-system-x86=$2,seabios,dash" "$1" "$work/$1" \
	    >"$work/log" 2>&1 || differs "no root: $(tail -n 1 "$work/log")"
}

# Binds the name $1, and is QEMU with that socket as descriptor 3, in the
# directory /w of the root $2.
# shellcheck disable=SC2016 # Perl's
bound='use Socket; use POSIX;
	my ($name, $root) = @ARGV;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
	bind($s, sockaddr_un($name)) && listen($s, 1) or die "$name: $!";
	fileno($s) == 3 or POSIX::dup2(fileno($s), 3);
	$^F = 3;
	open(my $keep, "<&=3");
	fcntl($keep, 2, 0);
	chroot($root) && chdir("/w") or die;
	exec("/usr/bin/qemu-system-x86_64", qw(-nodefaults -display none -S
	    -m 16 -machine pc,accel=tcg -mon chardev=q,mode=control -chardev),
	    "socket,id=q,fd=3,server=on,wait=off")'

# look SUITE NAME SIGNAL EXPECTED
look()
{
	rm -rf "$work/$1/w" "$work/$1/moved"
	mkdir "$work/$1/w"
	(cd "$work/$1/w" && exec perl -e "$bound" "$2" "$work/$1") \
	    >"$work/log" 2>&1 &
	pid=$!
	sleep 4
	kill -0 $pid || differs "no QEMU: $(tail -n 1 "$work/log")"
	[ -S "$work/$1/w/name" ] || differs "$1: no socket"
	mv "$work/$1/w" "$work/$1/moved"
	kill -s "$3" $pid
	wait $pid || :
	seen=gone
	[ ! -S "$work/$1/moved/name" ] || seen=there
	echo "$1, bound as $2, SIG$3: $seen"
	[ $seen = "$4" ] || differs "$1, SIG$3: it was $4"
}

[ "$(id -u)" -eq 0 ] || { echo "as root" >&2; exit 64; }
command -v mmdebstrap >/dev/null || { echo "no mmdebstrap" >&2; exit 69; }
root trixie 1:10.0.13+ds-0+deb13u1
root forky 1:11.1.2+ds-3

for suite in trixie forky; do
	look $suite name TERM gone
	look $suite name KILL there
	look $suite ../w/name TERM there
done
