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
# In the order in which they are loaded; behind the blank line, for tests that
# load them themselves.
modules="failover net_failover virtio_ring virtio virtio_pci_legacy_dev
    virtio_pci_modern_dev virtio_pci virtio_blk virtio_net virtio-rng
    crc32c_generic libcrc32c crc16 mbcache jbd2 ext4 button evdev"
further="dm-mod dm-bufio dm-snapshot virtio_balloon virtio_mem fat vfat
    nls_ascii nls_cp437 cdrom isofs"

fail()
{
	echo "linux.sh: $*" >&2
	exit 69
}

# Unpacks the kernel and the modules that we use; the rest is not kept.
fetch()
{
	package=$(apt-cache depends linux-image-amd64 |
	    sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
	[ -n "$package" ] ||
	    fail "apt does not know linux-image-amd64: apt-get update first"
	echo "linux.sh: fetching $package"
	rm -rf fetch
	mkdir -p fetch/tree
	(cd fetch && apt-get -qq download "$package" 2>log) || {
		cat fetch/log >&2
		fail "$package cannot be fetched: apt-get update first"
	}
	set -- fetch/*.deb
	dpkg-deb --fsys-tarfile "$1" | tar -xf - -C fetch/tree --wildcards \
	    './boot/vmlinuz-*' './lib/modules/*.ko'
	rm -rf modules
	mkdir modules
	# shellcheck disable=SC2086
	for m in $modules $further; do
		f=$(find fetch/tree/lib -name "$m.ko")
		[ -n "$f" ] || fail "$package has no module $m"
		mv "$f" modules/
	done
	mv fetch/tree/boot/vmlinuz-* vmlinuz.new
	rm -rf fetch
	mv vmlinuz.new vmlinuz
}

# The same input makes the same bytes: no times, no owner, sorted.
pack()
{
	rm -rf root
	mkdir -p root/bin root/modules
	cp "$(command -v busybox)" root/bin/busybox
	cp modules/*.ko root/modules/
	# shellcheck disable=SC2086
	printf '%s\n' $modules >root/modules/order
	cp "$here/init" root/init
	printf '#!/bin/busybox sh\nhead -c 32 /dev/urandom | xxd -p -c 64\n' \
	    >root/serve
	chmod -R u=rwX,go=rX root
	chmod 755 root/init root/serve root/bin/busybox
	find root -exec touch -h -d @0 {} +
	(cd root && find . | LC_ALL=C sort |
	    cpio --quiet -o -H newc --reproducible -R 0:0) >initrd.new
	rm -rf root
	mv initrd.new initrd.img
}

exec 9>lock
flock 9
[ -e vmlinuz ] || fetch
if [ ! -e initrd.img ] || [ initrd.img -ot vmlinuz ] ||
    [ initrd.img -ot "$here/init" ] || [ initrd.img -ot "$here/linux.sh" ]; then
	pack
fi
