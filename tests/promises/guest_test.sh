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
	atf_set require.progs "qemu-system-x86_64 mkfs.ext4"
}
linux__checks_its_disk_body()
{
	need_linux
	truncate -s 64M cow.raw
	atf_check -o ignore -e ignore mkfs.ext4 -q cow.raw
	qemu -m 256M -kernel "$vmlinuz" -initrd "$initrd" \
	    -append "console=ttyS0 panic=1" -device vmgenid,guid=auto \
	    -drive if=none,id=cow,file=cow.raw,format=raw \
	    -device virtio-blk-pci,drive=cow,serial=cocoon-cow \
	    -device virtio-rng-pci
	eventually 120 grep '^disk ok 16' console || atf_fail "$(cat console)"
	atf_check -o ignore grep '^ready' console
	atf_check -o ignore grep '^count 1' console
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
	eventually 120 grep '^ready' console || atf_fail "$(cat console)"
	atf_check -o ignore grep '^DISK TORN 1\.' console
}
linux__notices_a_torn_disk_cleanup()
{
	end_qemu
}

atf_init_test_cases()
{
	atf_add_test_case tiny__counts_and_turns_off
	atf_add_test_case tiny__ignores_the_button
	atf_add_test_case linux__checks_its_disk
	atf_add_test_case linux__notices_a_torn_disk
}
