#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: inside.sh ROOT STATES SECONDS COMMAND [ARGUMENT]...
# Runs COMMAND in the system below ROOT, for so long at most, with directory
# STATES as its /srv/states.  Mounts and processes are in namespaces of their
# own, which end with this script and with who called it, however these end.
# Exit status: COMMAND's; 70 if it has left processes running.
set -eu

if [ $$ -ne 1 ]; then
	exec setpriv --pdeathsig KILL \
	    unshare --mount --pid --fork --kill-child sh "$0" "$@"
fi

# A mount point, as / is elsewhere: programs in there change its propagation.
mount --bind "$1" "$1"
cd "$1"
states=$2 seconds=$3
shift 3
# The same for who calls this from a shell with other habits.
umask 022
# Sets left to " PID NAME" of each process in the root that has not ended.
look()
{
	left=
	for p in proc/[0-9]*; do
		if [ "$p" != proc/1 ] && readlink "$p/exe" >/dev/null; then
			left="$left ${p#proc/} $(cat "$p/comm")"
		fi
	done 2>/dev/null
}

mount -t proc proc proc
mount -t sysfs sys sys
mount --bind /dev dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 pts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
# What a step that was killed has left: process ids, and so names made of them,
# are the same each time.
find tmp -xdev -mindepth 1 -delete
mkdir -p srv/states
mount --bind "$states" srv/states
for f in resolv.conf hosts; do
	rm -f etc/$f
	[ ! -e /etc/$f ] || cp -L /etc/$f etc/$f
done

rc=0
timeout -k 10 "$seconds" env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive INSTAR_ACCEL=tcg \
    ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    chroot . "$@" </dev/null || rc=$?
look
n=0
while [ -n "$left" ] && [ $n -lt 50 ]; do
	sleep 0.1
	look
	n=$((n + 1))
done
if [ -n "$left" ]; then
	echo "left running:$left"
	[ $rc -ne 0 ] || rc=70
fi
exit $rc
