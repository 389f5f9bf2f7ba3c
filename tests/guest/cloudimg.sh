#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: cloudimg.sh DIR [SUITE]
# Makes DIR/disk.raw, a disk of Debian (bookworm, or SUITE) as image builders
# make theirs: GPT, GRUB for PC BIOS and for UEFI, cloud-init, netplan, sshd, one
# ext4 for all, no key and no id.  What is there already is kept; nothing is
# installed.  GRUB and sfdisk run in the new root, its parts are put together
# without loop devices.  Takes root, mmdebstrap, mtools and a mirror.
set -eu

suite=${2:-bookworm}
packages=systemd-sysv,dbus,libpam-systemd,udev,kmod,sudo,iproute2
packages=$packages,linux-image-cloud-amd64,initramfs-tools,e2fsprogs
packages=$packages,cloud-init,cloud-guest-utils,fdisk,netplan.io
packages=$packages,openssh-server,grub-common,grub-pc-bin,grub-efi-amd64-bin
uuid=6c1f34b8-2d0a-4c52-9a7e-5b8f2f0c9d11 # of the root filesystem
# Where partitions begin and how long they are, in MiB.  The root is the last,
# so that it can be grown.
bios=1 esp=2 esp_mib=64 root=66 disk_mib=2048

fail()
{
	echo "cloudimg.sh: $*" >&2
	exit 69
}

# bytes N COUNT: the number as so many bytes, the lowest first.
bytes()
{
	n=$1 i=0
	while [ $i -lt "$2" ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $((n & 255)))"
		n=$((n >> 8)) i=$((i + 1))
	done
}

# at OFFSET FILE: standard input goes over FILE there.
at()
{
	dd of="$2" bs=1 seek="$1" conv=notrunc status=none
}

make_root()
{
	# A mirror of a suite that changes daily may stand still for long.
	# shellcheck disable=SC2016
	mmdebstrap --quiet --variant=apt --include="$packages" \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    --dpkgopt='path-exclude=/usr/share/doc/*' \
	    --dpkgopt='path-exclude=/usr/share/man/*' \
	    --dpkgopt='path-exclude=/usr/share/locale/*' \
	    --customize-hook='chroot "$1" systemctl -q enable systemd-networkd' \
	    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname' \
	    --customize-hook=': >"$1"/etc/machine-id' \
	    --customize-hook='rm -rf "$1"/var/cache/apt/archives' \
	    "$suite" root >log 2>&1 ||
	    fail "mmdebstrap: $(grep '^E:' log | head -n 1)"
	printf 'manage_etc_hosts: true\nlocale: "false"\n' \
	    >root/etc/cloud/cloud.cfg.d/01_image.cfg
	echo "UUID=$uuid / ext4 rw,discard,errors=remount-ro 0 1" \
	    >root/etc/fstab
	mkdir -p root/boot/grub
	kernel=$(cd root && ls boot/vmlinuz-*)
	initrd=$(cd root && ls boot/initrd.img-*)
	cat >root/boot/grub/grub.cfg <<-END
		linux /$kernel root=UUID=$uuid ro console=ttyS0
		initrd /$initrd
		boot
	END
}

# GRUB finds the root by its UUID, in both its forms.
make_grub()
{
	cat >root/early.cfg <<-END
		serial --unit=0
		terminal_output serial
		search --no-floppy --fs-uuid --set=root $uuid
		normal (\$root)/boot/grub/grub.cfg
	END
	modules="normal linux ext2 part_gpt search search_fs_uuid serial boot"
	# shellcheck disable=SC2086
	chroot root grub-mkimage -O i386-pc -p /boot/grub -c /early.cfg \
	    -o /core.img biosdisk $modules
	# shellcheck disable=SC2086
	chroot root grub-mkimage -O x86_64-efi -p /boot/grub -c /early.cfg \
	    -o /bootx64.efi $modules
	cp root/usr/lib/grub/i386-pc/boot.img .
	mv root/core.img root/bootx64.efi .
	rm root/early.cfg
}

# The numbers are those of Debian's own cloud images.
make_table()
{
	truncate -s ${disk_mib}M root/disk
	chroot root sfdisk -q /disk <<-END
		label: gpt
		14: start=${bios}MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649
		15: start=${esp}MiB, size=${esp_mib}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
		1: start=${root}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
	END
	mv root/disk disk.new
}

# GRUB's manual, BIOS installation; grub-core/boot/i386/pc/boot.S (the sector of
# core.img at 0x5c) and diskboot.S (the first of what it loads at 0x1f4).
put_bios()
{
	sector=$((bios * 2048))
	bytes $sector 8 | at 92 boot.img
	bytes $((sector + 1)) 8 | at 500 core.img
	# The partition table behind byte 440 stays.
	dd if=boot.img of=disk.new bs=440 count=1 conv=notrunc status=none
	dd if=core.img of=disk.new bs=1M seek=$bios conv=notrunc status=none
}

put_efi()
{
	truncate -s ${esp_mib}M esp
	mformat -i esp -F -v ESP ::
	mmd -i esp ::EFI ::EFI/BOOT
	mcopy -i esp bootx64.efi ::EFI/BOOT/BOOTX64.EFI
	dd if=esp of=disk.new bs=1M seek=$esp conv=notrunc,sparse status=none
}

# Without what older GRUBs cannot read.
put_root()
{
	truncate -s $((disk_mib - root - 1))M fs
	mkfs.ext4 -q -F -m 0 -U $uuid -O ^metadata_csum_seed,^orphan_file \
	    -d root fs
	dd if=fs of=disk.new bs=1M seek=$root conv=notrunc,sparse status=none
}

mkdir -p "$1"
cd "$1"
exec 9>lock
flock 9
[ ! -e disk.raw ] || exit 0
[ "$(id -u)" -eq 0 ] || fail "only root can make the root file system"
for p in mmdebstrap mkfs.ext4 mformat; do
	command -v $p >/dev/null || fail "no $p"
done
rm -rf root
trap 'rm -rf root disk.new esp fs boot.img core.img bootx64.efi' EXIT
make_root
make_grub
make_table
put_bios
put_efi
put_root
mv disk.new disk.raw
