#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: systemd_boot.sh ROOT UPPER SECONDS
# Boots the Debian below ROOT with systemd as its first process, in namespaces of
# its own, with what is below UPPER/up over it, and what it writes there.  Ends when
# it has powered itself off.  Needs root, and a cgroup2 mounted somewhere.
set -eu

root=$1 upper=$2
case ${4-} in
'')
	group=$(sed -n 's/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts |
	    head -n 1)/instar-test-$$
	mkdir "$group"
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec timeout -k 10 "$@"' sh \
	    "$group" "$3" unshare --mount --cgroup --uts --ipc --pid --fork \
	    --kill-child sh "$0" "$root" "$upper" "$3" inside || :
	# What systemd made of it; what was killed last is just ending.
	n=0
	while ! find "$group" -depth -type d -exec rmdir {} + 2>/dev/null &&
	    [ $n -lt 50 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	exit
	;;
esac

mkdir -p "$upper/up" "$upper/work" "$upper/all"
mount --make-rprivate /
mount -t overlay overlay \
    -o "lowerdir=$root,upperdir=$upper/up,workdir=$upper/work" "$upper/all"
cd "$upper/all"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero full random urandom tty kvm net/tun; do
	[ -e "/dev/$d" ] || continue
	mkdir -p "dev/$(dirname "$d")"
	: >"dev/$d"
	mount --bind "/dev/$d" "dev/$d"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
hostname instar-test
exec env -i container=instar PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot . /lib/systemd/systemd --log-target=console --log-level=notice
