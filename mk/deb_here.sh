#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: deb_here.sh, from the top of the tree, as root, in a root of matrix.sh
# Builds the Debian packages twice, in other directories and at other times, and
# compares them byte by byte; asks lintian; installs them, has autopkgtest run
# debian/tests, and runs the demo with nothing but what they bring; and takes them
# away again.
set -eu

cd "$(dirname "$0")/.."
here=$(pwd)

# The programs that are asked for must be the package's.
rm -rf /usr/local/bin/* /srv/elsewhere
sh ./bootstrap build >/dev/null
apt-get install -y --no-install-recommends autopkgtest build-essential debhelper lintian >/dev/null
sh mk/deb.sh
sh mk/copy.sh /srv/elsewhere/with/another/name
(cd /srv/elsewhere/with/another/name && umask 077 && TZ=Asia/Tokyo \
    LC_ALL=C sh mk/deb.sh >/dev/null)
for f in build/deb/instar*.tar.gz build/deb/*.deb; do
	cmp "$f" "/srv/elsewhere/with/another/name/$f"
done
rm -rf /srv/elsewhere
echo "two builds: the same bytes"

lintian --fail-on error,warning build/deb/*.changes
echo "lintian: no error, no warning"

apt-get install -y --no-install-recommends ./build/deb/instar_*.deb \
    ./build/deb/instar-registry_*.deb ./build/deb/instar-web_*.deb \
    busybox-static cpio e2fsprogs fuse3 jq qemu-system-x86 qemu-utils zstd
work=$(mktemp -d)
trap 'cd / && rm -rf "$work"; apt-get purge -y instar instar-registry instar-web >/dev/null' EXIT
mkdir "$work/demo"
tar -C "$work" -xf build/deb/instar-*.tar.gz
autopkgtest build/deb/instar_*.deb build/deb/instar-registry_*.deb \
    build/deb/instar-web_*.deb "$work"/instar-*/ -- null
# In a tree where no program is built the package's alone can be found.
examples=/usr/share/doc/instar/examples
cd "$work/demo"
export INSTAR_CACHE="$work/demo"
if [ -d "$here/.cache/linux" ]; then
	cp -a "$here/.cache/linux" "$work/demo/linux"
else
	sh $examples/linux.sh "$work/demo/linux"
fi
sh $examples/demo.sh
sh $examples/fleet.sh
echo "demo of the package: done"
