#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The guests that other tests rely on, under a QEMU of their own.

. "$(atf_get_srcdir)/../lib/lib.sh"

# qemu ARGUMENTS...: in the background, its console in the file console, its
# monitor on the pipe that descriptor 3 writes to.
qemu()
{
	mkfifo monitor
	qemu-system-x86_64 -machine pc-q35-7.2,accel=tcg -nodefaults \
	    -no-user-config -display none -serial file:console \
	    -monitor stdio "$@" <monitor >answers 2>&1 &
	echo $! >pid
	exec 3>monitor
}

end_qemu()
{
	[ ! -e pid ] || kill -9 "$(cat pid)" 2>/dev/null || :
}

# The tiny guest's count in its memory, by the monitor.
count_in_memory()
{
	echo 'xp /1wx 0x101000' >&3
	eventually 10 grep '^0*101000:' answers ||
	    atf_fail "$(cat answers)"
	sed -n 's/^0*101000: 0x\([0-9a-f]*\).*/\1/p' answers | tail -n 1
}

# Evaluated by eventually.
counted()
{
	[ "$(grep -c '^tick ' console)" -ge "$1" ]
}

atf_test_case tiny__counts_and_turns_off cleanup
tiny__counts_and_turns_off_head()
{
	atf_set require.progs qemu-system-x86_64
}
tiny__counts_and_turns_off_body()
{
	need_tiny
	qemu -m 64M -kernel "$tiny" -append "fill=16 rate=20"
	eventually 60 counted 10 || atf_fail "$(cat console answers)"
	atf_check -o inline:"tiny boot\ntiny up\ntick 00000001\n" \
	    head -n 3 console
	low=$(tail -n 2 console | sed -n 's/^tick \(........\)$/\1/p' |
	    tail -n 1)
	count=$(count_in_memory)
	test "$((0x$count))" -ge "$((0x$low))" ||
	    atf_fail "memory says $count, the console said $low"
	echo system_powerdown >&3
	eventually 60 test ! -e "/proc/$(cat pid)/exe" ||
	    atf_fail "still running"
	atf_check -o inline:"tiny off\n" tail -n 1 console
}
tiny__counts_and_turns_off_cleanup()
{
	end_qemu
}

atf_test_case tiny__ignores_the_button cleanup
tiny__ignores_the_button_head()
{
	atf_set require.progs qemu-system-x86_64
}
tiny__ignores_the_button_body()
{
	need_tiny
	qemu -m 64M -kernel "$tiny" -append "power=ignore"
	eventually 60 counted 1 || atf_fail "$(cat console answers)"
	echo system_powerdown >&3
	n=$(grep -c '^tick ' console)
	eventually 60 counted $((n + 20)) || atf_fail "$(tail console)"
	atf_check -s exit:1 grep 'tiny off' console
}
tiny__ignores_the_button_cleanup()
{
	end_qemu
}

atf_test_case linux__checks_its_disk cleanup
linux__checks_its_disk_head()
{
	atf_set require.config long
	atf_set require.progs "qemu-system-x86_64 mkfs.ext4 cpio"
}
linux__checks_its_disk_body()
{
	need_linux
	truncate -s 64M cow.raw
	atf_check -o ignore -e ignore mkfs.ext4 -q cow.raw
	# The modules that other tests load, and those for devices that a
	# snapshot of somebody else may have.
	cat >provision <<-'END'
	load dm_snapshot virtio_balloon virtio_mem vfat nls_ascii nls_cp437 \
	    isofs && ip link show eth0 | grep -q UP && echo "has all"
	END
	(echo provision | cpio --quiet -o -H newc -R 0:0) >further
	cat "$initrd" further >both
	qemu -m 256M -kernel "$vmlinuz" -initrd both \
	    -append "console=ttyS0 panic=1" -device vmgenid,guid=auto \
	    -drive if=none,id=cow,file=cow.raw,format=raw \
	    -device virtio-blk-pci,drive=cow,serial=cocoon-cow \
	    -device virtio-rng-pci -nic user,model=virtio-net-pci
	eventually 300 grep '^disk ok 16' console || atf_fail "$(cat console)"
	atf_check -o ignore grep '^ready' console
	atf_check -o ignore grep '^count 1' console
	atf_check -o ignore grep '^has all' console
	atf_check -s exit:1 grep 'DISK TORN' console
	echo system_powerdown >&3
	eventually 60 test ! -e "/proc/$(cat pid)/exe" ||
	    atf_fail "still running"
	atf_check -o ignore -e ignore e2fsck -fn cow.raw
}
linux__checks_its_disk_cleanup()
{
	end_qemu
}

# The guest must notice what it is there to notice.
atf_test_case linux__notices_a_torn_disk cleanup
linux__notices_a_torn_disk_head()
{
	atf_set require.config long
	atf_set require.progs "qemu-system-x86_64 mkfs.ext4 debugfs"
}
linux__notices_a_torn_disk_body()
{
	need_linux
	truncate -s 64M cow.raw
	atf_check -o ignore -e ignore mkfs.ext4 -q cow.raw
	echo other >bytes
	atf_check -o ignore -e ignore \
	    debugfs -w -R "write bytes 1.$(sha256sum <cow.raw | cut -c 1-64)" \
	    cow.raw
	qemu -m 256M -kernel "$vmlinuz" -initrd "$initrd" \
	    -append "console=ttyS0 panic=1 writer=off" \
	    -drive if=none,id=cow,file=cow.raw,format=raw \
	    -device virtio-blk-pci,drive=cow,serial=cocoon-cow
	eventually 300 grep '^ready' console || atf_fail "$(cat console)"
	atf_check -o ignore grep '^DISK TORN 1\.' console
}
linux__notices_a_torn_disk_cleanup()
{
	end_qemu
}

# module NAME [NEEDED,...]: what stands for a kernel module, on stdout.
module()
{
	printf 'a\0depends=%s\0%s' "${2-}" "$1"
}

# package NAME [DEPENDS]: of the files below NAME, for the apt that
# fake_apt makes.
package()
{
	mkdir -p apt "$1/DEBIAN"
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody
Description: none\n' "$1" >"$1/DEBIAN/control"
	[ $# -eq 1 ] || echo "Depends: $2" >>"$1/DEBIAN/control"
	cp "$1/DEBIAN/control" "apt/$1"
	atf_check -o ignore dpkg-deb -b "$1" "apt/$1.deb"
}

fake_apt()
{
	mkdir bin
	printf '#!/bin/sh\nfor p; do :; done; cat "%s/apt/$p"\n' "$PWD" \
	    >bin/apt-cache
	printf '#!/bin/sh\nshift 2\nfor p; do cp "%s/apt/$p.deb" .; done\n' \
	    "$PWD" >bin/apt-get
	chmod +x bin/*
	PATH=$PWD/bin:$PATH
}

# The kernel and its modules in packages of their own, modules packed in every
# way, some of them part of the kernel, and needed ones that we do not name.
make_packages()
{
	fake_apt
	package linux-image-amd64 "foo | linux-foo, linux-image-9 (= 1)"
	package linux-image-9 \
	    "linux-modules-9 (= 1), linux-binary-9 | linux-foo, kmod"
	mkdir -p linux-binary-9/usr/lib/modules/9
	echo kernel >linux-binary-9/usr/lib/modules/9/vmlinuz
	package linux-binary-9 "linux-image-9 (= 1)"
	d=linux-modules-9/usr/lib/modules/9
	mkdir -p $d/kernel/fs
	printf 'kernel/%s.ko\n' virtio-pci virtio_blk virtio_mem isofs \
	    nls_ascii >$d/modules.builtin
	for m in button evdev dm-snapshot virtio_balloon vfat nls_cp437 \
	    virtio_console vmw_vsock_virtio_transport; do
		module $m >$d/kernel/$m.ko
	done
	module ext4 jbd2,crc-new | xz --check=crc32 >$d/kernel/fs/ext4.ko.xz
	module jbd2 crc-new | gzip >$d/kernel/fs/jbd2.ko.gz
	module crc-new | xz --check=crc32 >$d/kernel/crc_new.ko.xz
	module virtio_net failover | zstd -q >$d/kernel/virtio_net.ko.zst
	module failover >$d/kernel/failover.ko
	module virtio-rng >$d/kernel/virtio-rng.ko
	package linux-modules-9
}

atf_test_case linux__from_any_packages
linux__from_any_packages_head()
{
	atf_set require.progs "dpkg-deb busybox cpio xz zstd"
}
linux__from_any_packages_body()
{
	make_packages
	atf_check -o inline:"linux.sh: fetching linux-image-amd64$(
	    ) linux-image-9 linux-modules-9 linux-binary-9\n" \
	    sh "$guest/linux.sh" out
	atf_check -o inline:"kernel\n" cat out/vmlinuz
	mkdir root
	(cd root && cpio -id --quiet <../out/initrd.img)
	atf_check -o inline:"virtio_net\nvirtio_rng\next4\nbutton\nevdev\n" \
	    cat root/modules/first
	atf_check -o inline:"ext4 jbd2 crc_new\njbd2 crc_new\n" \
	    grep -E '^(ext4|jbd2)' root/modules/needs
	for m in crc_new ext4 failover jbd2; do
		tr '\0' '\n' <root/modules/$m.ko | tail -n 1 | tr - _ >got
		atf_check -o inline:"$m" cat got
	done
	atf_check_equal 14 "$(find root/modules -name '*.ko' | wc -l)"
	# Again: nothing is fetched, the same bytes are made.
	mv out/initrd.img first
	rm -r apt
	atf_check sh "$guest/linux.sh" out
	atf_check cmp first out/initrd.img
}

atf_test_case linux__lacks_a_module
linux__lacks_a_module_head()
{
	atf_set require.progs "dpkg-deb busybox cpio xz zstd"
}
linux__lacks_a_module_body()
{
	make_packages
	d=linux-modules-9/usr/lib/modules/9
	all="linux-image-amd64 linux-image-9 linux-modules-9 linux-binary-9"
	for m in evdev failover; do
		mv $d/kernel/$m.ko .
		package linux-modules-9
		atf_check -s exit:69 -o ignore -e \
		    inline:"linux.sh: no module $m in $all\n" \
		    sh "$guest/linux.sh" out
		mv $m.ko $d/kernel/
	done
	mv $d/kernel/vfat.ko $d/kernel/vfat.ko.new
	package linux-modules-9
	atf_check -s exit:69 -o ignore \
	    -e inline:"linux.sh: vfat.ko.new: no program to unpack it\n" \
	    sh "$guest/linux.sh" out
	module vfat | xz --check=crc32 | head -c 40 >$d/kernel/vfat.ko.xz
	rm $d/kernel/vfat.ko.new
	package linux-modules-9
	atf_check -s exit:69 -o ignore -e match:"vfat.ko.xz is damaged" \
	    sh "$guest/linux.sh" out
	module vfat | xz --check=crc32 >$d/kernel/vfat.ko.xz
	package linux-modules-9
	mv linux-binary-9/usr/lib/modules/9/vmlinuz .
	package linux-binary-9
	atf_check -s exit:69 -o ignore \
	    -e inline:"linux.sh: 0 kernels in $all\n" \
	    sh "$guest/linux.sh" out
	atf_check -s exit:1 test -e out/vmlinuz
	mv vmlinuz linux-binary-9/usr/lib/modules/9/
	package linux-binary-9
	atf_check -o ignore sh "$guest/linux.sh" out
	atf_check test -e out/vmlinuz
}

atf_init_test_cases()
{
	atf_add_test_case tiny__counts_and_turns_off
	atf_add_test_case tiny__ignores_the_button
	atf_add_test_case linux__checks_its_disk
	atf_add_test_case linux__notices_a_torn_disk
	atf_add_test_case linux__from_any_packages
	atf_add_test_case linux__lacks_a_module
}
