#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: dist.sh [DIR], from the top of the tree
# Makes DIR (build/dist) / instar-VERSION.tar.gz of the sources: those that Git
# knows, where this is a clone, else all but what was built.  The same sources are
# the same bytes, wherever and whenever: the time in it is SOURCE_DATE_EPOCH, else
# that of debian/changelog.  Prints the name of the file.
set -eu

out=${1:-build/dist}
version=$(sed -n 's/^#define INSTAR_VERSION "\(.*\)"$/\1/p' common/base/opt.h)
[ -n "$version" ] || {
	echo "dist.sh: common/base/opt.h: no INSTAR_VERSION" >&2
	exit 65
}
epoch=${SOURCE_DATE_EPOCH:-$(date +%s -d \
    "$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)")}
mkdir -p "$out"
out=$(cd "$out" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tree=$tmp/instar-$version
if [ -e .git ]; then
	mkdir "$tree"
	git ls-files -z | tar -c --null -T - -f - | tar -xf - -C "$tree"
else
	sh mk/copy.sh "$tree"
fi
name=$out/instar-$version.tar.gz
tar -C "$tmp" --sort=name --mtime="@$epoch" --owner=0 --group=0 \
    --numeric-owner --mode=u=rwX,go=rX --format=ustar -cf - \
    "instar-$version" | gzip -9n >"$name.new"
mv "$name.new" "$name"
echo "$name"
