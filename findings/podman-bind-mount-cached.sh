#!/bin/sh
# SPDX-License-Identifier: ISC
# An image built from new packages has the old ones, where they came by a mount.
#
# In a Containerfile `RUN --mount=type=bind,target=DIR` shows the build's context
# to one command and leaves nothing of it in the image, so that packages which were
# just built can be installed from there.  The cache of podman's builds does not
# look at what is mounted: with other bytes under the same names the step is
# "Using cache", and the image is the one of before.  COPY of the same file is seen
# to have changed.
# Seen with podman 4.3.1+ds1-8+deb12u1 (Debian 12; its buildah is 1.28).
#
# The fast answer is wrong: that a step which reads the context depends on it.  A
# pipeline that builds packages, then the image that has them, ships the first
# build for ever, and says that all went well.  What helps: COPY, or --no-cache for
# such a build.
#
# usage: podman-bind-mount-cached.sh, as root; takes 120 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

version='4.3.1+ds1-8+deb12u1+b3'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

apt-get download -q "podman=$version" crun conmon busybox-static \
    golang-github-containers-common libsubid4 libgpgme11 libassuan0 \
    libdevmapper1.02.1 >apt.log 2>&1 ||
    differs "no podman $version here: $(tail -n 1 apt.log)"
for d in *.deb; do
	dpkg-deb -x "$d" root
done
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu"
export PATH="$work/root/usr/bin:$PATH"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' >policy.json

# The step runs in a chroot: no container, no cgroup, no network is needed.
build()
{
	podman --root "$work/store" --runroot "$work/run" --storage-driver vfs \
	    --cgroup-manager cgroupfs build --isolation chroot --layers \
	    --signature-policy policy.json --network host "$@" 2>&1
}

# What the file "kept" of the image $1 has.
kept()
{
	dir=$(podman --root "$work/store" --runroot "$work/run" \
	    --storage-driver vfs image mount "$1")
	cat "$dir/kept"
	podman --root "$work/store" --runroot "$work/run" --storage-driver vfs \
	    image umount "$1" >/dev/null
}

mkdir context
cp root/bin/busybox context/
cat >by-mount <<'END'
FROM scratch
COPY busybox /busybox
RUN --mount=type=bind,target=/in ["/busybox", "cp", "/in/package", "/kept"]
END
cat >by-copy <<'END'
FROM scratch
COPY busybox package /
RUN ["/busybox", "cp", "/package", "/kept"]
END
for round in first second; do
	echo "the $round" >context/package
	for how in by-mount by-copy; do
		build -f "$how" -t "$how" context >"$how.$round" ||
		    differs "$how: $(tail -n 2 "$how.$round")"
		echo "$how, $round build: $(kept "$how")"
	done
done
[ "$(kept by-copy)" = "the second" ] || differs "COPY does not see the change"
[ "$(kept by-mount)" = "the first" ] || differs "the mounted file is looked at"
grep -q 'Using cache' by-mount.second || differs "it does not say so"
build --no-cache -f by-mount -t by-mount context >none ||
    differs "$(tail -n 2 none)"
[ "$(kept by-mount)" = "the second" ] || differs "--no-cache does not help"
echo "as told: the mounted file is not looked at by the cache"
