#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: debian.sh DIR [SUITE]
# Makes DIR/root.raw, an ext4 image of a Debian (bookworm, or SUITE) with
# cloud-init as its cloud images have it, and DIR/vmlinuz and DIR/initrd.img,
# its kernel.  What is there already is kept; nothing is installed.  Takes root,
# mmdebstrap and a mirror.
set -eu

suite=${2:-bookworm}
packages=systemd-sysv,dbus,libpam-systemd,udev,kmod,sudo,iproute2
packages=$packages,linux-image-cloud-amd64,initramfs-tools,e2fsprogs
packages=$packages,cloud-init,netplan.io,openssh-server

fail()
{
	echo "debian.sh: $*" >&2
	exit 69
}

mkdir -p "$1"
cd "$1"
exec 9>lock
flock 9
[ ! -e root.raw ] || exit 0
[ "$(id -u)" -eq 0 ] || fail "only root can make the root file system"
for p in mmdebstrap mkfs.ext4; do
	command -v $p >/dev/null || fail "no $p"
done
rm -rf root
trap 'rm -rf root root.new' EXIT
# As in the cloud images: one account, no keys, no name or id, networkd.  A
# mirror of a suite that changes daily may stand still for long.
mmdebstrap --quiet --variant=apt --include="$packages" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='chroot "$1" systemctl -q enable systemd-networkd' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname' \
    --customize-hook=': >"$1"/etc/machine-id; : >"$1"/etc/fstab' \
    --customize-hook='rm -rf "$1"/var/cache/apt/archives' \
    "$suite" root >log 2>&1 || fail "mmdebstrap: $(grep '^E:' log | head -n 1)"
# In /boot, or where the package has it.
kernel=$(find root/boot root/usr/lib/modules -type f -name 'vmlinuz*' |
    head -n 1)
[ -n "$kernel" ] || fail "$suite has no kernel"
cp "$kernel" vmlinuz
mv root/boot/initrd.img-* initrd.img
rm -f root/boot/vmlinuz-*
truncate -s 2G root.new
mkfs.ext4 -q -F -m 0 -d root root.new
mv root.new root.raw
