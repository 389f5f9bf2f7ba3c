# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154
# The roots of mk/matrix.sh, which reads this file: how they are made, and what
# of ours is put in.  A root is $dir/SUITE; it is complete, and used again, once
# $dir/SUITE.made is there.

# Where Debian's packages are for this machine; nothing if that is unknown.
mirror()
{
	if [ -n "${INSTAR_MIRROR-}" ]; then
		echo "$INSTAR_MIRROR"
		return
	fi
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' \
	    'Created-By: Packages' 2>/dev/null |
	    sed -n 's/^Debian Debian //p' | head -n 1
}

# Whether root $1 is complete and young, with no package half installed.
have_root()
{
	[ -n "$(find "$dir/$1.made" -mtime "-${MATRIX_DAYS:-7}" \
	    2>/dev/null)" ] &&
	    audit=$(chroot "$dir/$1" dpkg --audit 2>&1) && [ -z "$audit" ]
}

remove_root()
{
	rm -rf --one-file-system "$dir/$1.made" "${dir:?}/$1"
}

new_root()
{
	uri=$(mirror)
	mmdebstrap --variant=minbase \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    "$1" "$dir/$1" ${uri:+"$uri"} && touch "$dir/$1.made"
}

# Root $1, X-backports: root $2, X, with the newer QEMU.
copy_root()
{
	list=etc/apt/sources.list
	cp -a --reflink=auto "$dir/$2" "$dir/$1" &&
	    sed -n "s/^\\(deb .*\\) $2 main\$/\\1 $1 main/p" \
		"$dir/$2/$list" >"$dir/$1/$list.d/backports.list" &&
	    inside 1800 sh -c "apt-get update &&
		apt-get install -y --no-install-recommends -t $1 \
		qemu-system-x86 qemu-utils" && touch "$dir/$1.made"
}

# Makes root $1, unless it is there.
want_root()
{
	base=${1%-backports}
	if [ "$base" != "$1" ] && [ ! -e "$dir/$base.made" ]; then
		wrong "$1: there is no root of $base"
		return 1
	fi
	if have_root "$1" && [ -z "$(find "$dir/$base.made" \
	    -newer "$dir/$1.made")" ]; then
		return 0
	fi
	remove_root "$1" || return
	if [ "$base" = "$1" ]; then
		step "$1" root new_root "$1"
	else
		step "$1" root copy_root "$1" "$base"
	fi
}

# The tree in root $1 as /srv/$2, with nothing built.
put_tree()
{
	rm -rf "${dir:?}/$1/srv/$2"
	sh mk/copy.sh "$dir/$1/srv/$2" || wrong "$1: the tree cannot be copied"
}

# Root $1's /usr/local has what this tree installs, and nothing else.
install_tools()
{
	rm -rf "${dir:?}/$1/usr/local/"*
	step "$1" install inside 1800 sh -c 'cd /srv/instar &&
	    sh ./bootstrap build && make -s install PREFIX=/usr/local'
}

# The same for a copy, which gets what root $2 has.
copy_tools()
{
	rm -rf "${dir:?}/$1/usr/local/"*
	[ -e "$dir/$2/usr/local/bin/vm-clone" ] &&
	    cp -a "$dir/$2/usr/local" "$dir/$1/usr/"
}
