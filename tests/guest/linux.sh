#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: linux.sh DIR
# Makes DIR/vmlinuz, the kernel of Debian's linux-image-amd64, and
# DIR/initrd.img, an initramfs of busybox, our init and the kernel's modules.
# What is there already is kept; nothing is installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
# What the guest loads at its start, and what tests load themselves; what these
# need comes with them.  Each may as well be part of the kernel.
modules="virtio_pci virtio_blk virtio_net virtio_rng ext4 button evdev"
further="dm_snapshot virtio_balloon virtio_mem vfat nls_ascii nls_cp437 isofs"
further="$further virtio_console vmw_vsock_virtio_transport"
# ext4 asks for it by an alias, in kernels that have it.
if_any="crc32c_generic"

fail()
{
	echo "linux.sh: $*" >&2
	exit 69
}

# linux-image-amd64, and what it depends on that is Linux, too: in some
# releases one package has all, in others the kernel and its modules have their
# own.
packages()
{
	seen=" "
	set -- linux-image-amd64
	while [ $# -gt 0 ]; do
		case $seen in
		*" $1 "*) ;;
		*)
			seen="$seen$1 "
			# shellcheck disable=SC2046
			set -- "$@" $(apt-cache show --no-all-versions "$1" |
			    sed -n 's/^Depends: //p' | tr ',' '\n' |
			    sed -n 's/^ *\(linux-[^ :|(]*\).*/\1/p')
			;;
		esac
		shift
	done
	echo "${seen% }"
}

# The file below $1 that has module $2, if any has: "-" and "_" in its name are
# the same.
module_file()
{
	find "$1" -name "$(echo "$2" | sed 's/[-_]/[-_]/g').ko*" | head -n 1
}

# The modules that module $1, a file, needs, as it says itself: what depmod(8)
# would tell is not in a package.
needs()
{
	tr '\0' '\n' <"$1" | sed -n 's/^depends=//p' | tr ',-' ' _'
}

unpack()
{
	case $1 in
	*.ko) cat "$1" ;;
	*.xz) busybox unxz <"$1" ;;
	*.gz) gzip -dc "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*) fail "${1##*/}: no program to unpack it" ;;
	esac
}

# Whether module $1 is part of the kernel in fetch/tree.
is_builtin()
{
	find fetch/tree -name modules.builtin -exec cat {} + | sed 's/-/_/g' |
	    grep -q "/$1\.ko\$"
}

# Puts the modules given, and all that they need, into modules/.
take_modules()
{
	while [ $# -gt 0 ]; do
		m=$1
		shift
		[ ! -e "modules/$m.ko" ] || continue
		f=$(module_file fetch/tree "$m")
		if [ -n "$f" ]; then
			unpack "$f" >"modules/$m.ko" || fail "$f is damaged"
			# shellcheck disable=SC2046
			set -- "$@" $(needs "modules/$m.ko")
		elif [ "$m" != "$if_any" ] && ! is_builtin "$m"; then
			fail "no module $m in$packages"
		fi
	done
}

# Unpacks the kernel and the modules that we use; the rest is not kept.
fetch()
{
	apt-cache show linux-image-amd64 >/dev/null 2>&1 ||
	    fail "apt does not know linux-image-amd64: apt-get update first"
	packages=$(packages)
	echo "linux.sh: fetching$packages"
	rm -rf fetch modules
	mkdir -p fetch/tree modules
	# shellcheck disable=SC2086
	(cd fetch && apt-get -qq download $packages 2>log) || {
		cat fetch/log >&2
		fail "they cannot be fetched: apt-get update first"
	}
	for deb in fetch/*.deb; do
		dpkg-deb -x "$deb" fetch/tree
	done
	# shellcheck disable=SC2046
	set -- $(find fetch/tree -type f -name 'vmlinuz*')
	[ $# -eq 1 ] || fail "$# kernels in$packages"
	# shellcheck disable=SC2086
	take_modules $modules $further $if_any
	echo "$modules $further" >modules.list
	mv "$1" vmlinuz.new
	rm -rf fetch
	mv vmlinuz.new vmlinuz
}

# The same input makes the same bytes: no times, no owner, sorted.
pack()
{
	rm -rf root
	mkdir -p root/bin root/modules
	cp "$(command -v busybox)" root/bin/busybox
	for f in modules/*.ko; do
		m=$(basename "$f" .ko | sed 's/-/_/g')
		cp "$f" "root/modules/$m.ko"
		echo "$m $(needs "$f")" >>root/modules/needs
	done
	for m in $if_any $modules; do
		[ ! -e "root/modules/$m.ko" ] || echo "$m"
	done >root/modules/first
	cp "$here/init" root/init
	cp "$here/load" root/bin/load
	printf '#!/bin/busybox sh\nhead -c 32 /dev/urandom | xxd -p -c 64\n' \
	    >root/serve
	chmod -R u=rwX,go=rX root
	chmod 755 root/init root/serve root/bin/busybox root/bin/load
	find root -exec touch -h -d @0 {} +
	(cd root && find . | LC_ALL=C sort |
	    cpio --quiet -o -H newc --reproducible -R 0:0) >initrd.new
	rm -rf root
	mv initrd.new initrd.img
}

# Whether the modules that are here are all that we use.
is_fetched()
{
	[ "$(cat modules.list 2>/dev/null)" = "$modules $further" ]
}

# Whether the initramfs is there, and younger than all that goes into it.
is_packed()
{
	[ -e initrd.img ] || return 1
	for f in vmlinuz "$here/init" "$here/load" "$here/linux.sh"; do
		[ ! initrd.img -ot "$f" ] || return 1
	done
}

exec 9>lock
flock 9
{ [ -e vmlinuz ] && is_fetched; } || fetch
is_packed || pack
