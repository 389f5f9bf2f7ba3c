#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: deb.sh [DIR], from the top of the tree
# Builds the Debian packages of the tarball that mk/dist.sh makes, below DIR
# (build/deb), where they are left.  The same sources in another directory, at
# another time, are the same packages.
set -eu

out=${1:-build/deb}
command -v dh >/dev/null || {
	echo "deb.sh: debhelper is missing: apt-get install debhelper" >&2
	exit 69
}
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
tarball=$(sh mk/dist.sh "$out")
tar -C "$out" -xf "$tarball"
tree=${tarball%.tar.gz}
log=$out/build.log
(cd "$tree" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc)}" \
    dpkg-buildpackage -us -uc -b) >"$log" 2>&1 || {
	tail -n 40 "$log" >&2
	exit 70
}
rm -rf "$tree"
ls "$out"/*.deb
