#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

time=2026-11-21T08:00:00.5Z

# 3 MiB with data at both ends and in the middle.
make_image()
{
	truncate -s 3M image
	yes front | head -c 100000 | dd of=image conv=notrunc status=none
	yes middle | head -c 70000 |
	    dd of=image bs=4096 seek=300 conv=notrunc status=none
	put image 3145727 7a
}

# The image of MIRN file $1, without our own reader.
unpack()
{
	n=$(od -An -tu4 --endian=big -j8 -N4 "$1")
	tail -c +$((n + 13)) "$1" | zstd -d
}

# The header of MIRN file $1.
header()
{
	n=$(od -An -tu4 --endian=big -j8 -N4 "$1")
	head -c $((n + 12)) "$1" | tail -c +13
}

atf_test_case backup__to_file
backup__to_file_head()
{
	atf_set require.progs zstd
}
backup__to_file_body()
{
	make_image
	sum=$(sha256sum <image | cut -c1-64)
	atf_check -o inline:"disk\t3145728\text4\t$time\t$sum\t1\t$PWD/out\n" \
	    disk-backup -n disk -t ext4 --timestamp $time -p \
	    name,size_bytes,filesystem,timestamp,checksum,version,file \
	    -o out image
	unpack out >back
	atf_check cmp image back
	printf '{"name":"disk","size_bytes":3145728,"filesystem":"ext4",' >want
	printf '"timestamp":"%s","checksum":"%s","version":1}' $time "$sum" \
	    >>want
	header out >got
	atf_check cmp want got
	atf_check_equal '4d49524e00000001' \
	    "$(head -c 8 out | od -An -tx1 | tr -d ' ')"
	atf_check_equal 600 "$(stat -c %a out)"
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

# Two passes into a pipe, one into a file: the same bytes on any number of
# threads.
atf_test_case backup__same_bytes_everywhere
backup__same_bytes_everywhere_body()
{
	make_image
	atf_check -o ignore disk-backup --timestamp $time -o out image
	disk-backup --timestamp $time image | cat >piped
	disk-backup --timestamp $time --threads 1 image >single
	disk-backup --timestamp $time --threads 7 image >many
	{
		printf head
		disk-backup --timestamp $time image
		printf tail
	} >inside
	atf_check cmp out piped
	atf_check cmp out single
	atf_check cmp out many
	{
		printf head
		cat out
		printf tail
	} >want
	atf_check cmp want inside
	cp out appended
	disk-backup --timestamp $time image >>appended
	cat out out >want
	atf_check cmp want appended
}

atf_test_case backup__empty_image
backup__empty_image_body()
{
	: >image
	atf_check -o inline:"0\n" disk-backup -p size_bytes -o out image
	atf_check_equal "$(stat -c %s out)" \
	    "$((12 + $(od -An -tu4 --endian=big -j8 -N4 out)))"
	atf_check -o match:'"checksum":"e3b0c44298fc1c149afbf4c8996fb924' \
	    disk-restore --verify out
}

atf_test_case backup__one_frame
backup__one_frame_head()
{
	atf_set require.progs zstd
}
backup__one_frame_body()
{
	make_image
	atf_check -o ignore disk-backup -o out image
	n=$(od -An -tu4 --endian=big -j8 -N4 out)
	tail -c +$((n + 13)) out >frames.zst
	zstd -lv frames.zst >listing 2>&1
	atf_check -o ignore grep -E 'Frames: 1$|^# Zstandard Frames: 1' listing
	atf_check -o ignore grep -E 'Check: XXH64' listing
	atf_check -o ignore grep -E 'Window Size: [1-8](\.[0-9]*)? MiB' listing
}

atf_test_case backup__many_small_holes
backup__many_small_holes_body()
{
	truncate -s 4M image
	i=0
	while [ $i -lt 512 ]; do
		put image $((i * 8192 + 17)) 41
		i=$((i + 3))
	done
	sum=$(sha256sum <image | cut -c1-64)
	atf_check -o inline:"$sum\n" disk-backup -p checksum -o out image
	atf_check -o ignore disk-restore --verify out
}

atf_test_case backup__filesystem_by_superblock
backup__filesystem_by_superblock_head()
{
	atf_set require.progs mkfs.ext4
}
backup__filesystem_by_superblock_body()
{
	truncate -s 16M image
	atf_check -o inline:"image\t\n" disk-backup -p name,filesystem -o out \
	    image
	atf_check mkfs.ext4 -q image
	atf_check -o inline:"ext4\n" disk-backup -p filesystem -o out image
	atf_check -o inline:"minix\n" disk-backup -t minix -p filesystem \
	    -o out image
}

atf_test_case backup__qcow2
backup__qcow2_head()
{
	atf_set require.progs qemu-img
}
backup__qcow2_body()
{
	make_image
	atf_check qemu-img convert -f raw -O qcow2 image base.qcow2
	atf_check -o ignore qemu-img create -q -f qcow2 -b base.qcow2 \
	    -F qcow2 top.qcow2
	sum=$(sha256sum <image | cut -c1-64)
	for i in base.qcow2 top.qcow2; do
		atf_check -o inline:"$sum\t3145728\n" disk-backup \
		    --format qcow2 -p checksum,size_bytes -o out $i
	done
	# Not taken for raw unless that is said.
	atf_check -s exit:65 -e inline:"disk-backup: base.qcow2: a qcow2 image: \
--format qcow2, or --format raw for its bytes\n" disk-backup -o raw base.qcow2
	atf_check -s exit:1 test -e raw
	sum=$(sha256sum <base.qcow2 | cut -c1-64)
	atf_check -o inline:"$sum\n" disk-backup --format raw -p checksum \
	    -o raw base.qcow2
	atf_check qemu-img convert -f raw -O vmdk image x.vmdk
	atf_check -s exit:65 -e inline:"disk-backup: x.vmdk: a VMDK image: \
qemu-img convert -O raw x.vmdk x.raw\n" disk-backup -o out x.vmdk
	mkdir dir
	atf_check mv base.qcow2 dir/
	atf_check qemu-img rebase -u -F qcow2 -b dir/base.qcow2 top.qcow2
	atf_check -s exit:65 -e inline:"disk-backup: top.qcow2: backing file \
\"dir/base.qcow2\" is not a plain name\n" \
	    disk-backup --format qcow2 -o other top.qcow2
	atf_check qemu-img rebase -u -F raw -b nbd:x top.qcow2
	atf_check -s exit:65 -e match:'"nbd:x" is not a plain name' \
	    disk-backup --format qcow2 -o other top.qcow2
	atf_check -s exit:65 -e match:'^disk-backup: image: ' \
	    disk-backup --format qcow2 -o other image
	atf_check -s exit:1 test -e other
}

atf_test_case backup__image_in_use
backup__image_in_use_head()
{
	atf_set require.progs flock
}
backup__image_in_use_body()
{
	make_image
	sum=$(sha256sum <image | cut -c1-64)
	truncate -s 1M try
	if cp --reflink=always try try2 2>/dev/null; then
		atf_skip "the filesystem reflinks: no warning to see"
	fi
	exec 9<>image
	flock 9
	atf_check -o inline:"$sum\n" -e inline:"disk-backup: image: locked by \
another process: the backup is no point in time\n" \
	    disk-backup -p checksum -o out image
	flock -u 9
	atf_check -o ignore disk-backup -o out image
}

# Where blocks can be shared there is a point in time, and no warning.
atf_test_case backup__reflink_of_image_in_use cleanup
backup__reflink_of_image_in_use_head()
{
	atf_set require.user root
	atf_set require.progs flock mkfs.xfs
}
backup__reflink_of_image_in_use_body()
{
	truncate -s 512M fs
	atf_check mkfs.xfs -q fs
	mkdir m
	mount -o loop fs m || atf_skip "no loop devices"
	make_image
	cp image m/
	exec 9<>m/image
	flock 9
	disk-backup -p checksum -o out m/image >got 2>err
	exec 9<&-
	umount m
	atf_check_equal "$(sha256sum <image | cut -c1-64)" "$(cat got)"
	atf_check cat err
}
backup__reflink_of_image_in_use_cleanup()
{
	mountpoint -q m && umount m
	return 0
}

atf_test_case output__refused
output__refused_body()
{
	make_image
	cp image before
	atf_check -s exit:64 -e inline:"disk-backup: -o image: is the image\n" \
	    disk-backup -o image image
	atf_check cmp before image
	atf_check -s exit:66 -e \
	    inline:"disk-backup: nil: No such file or directory\n" \
	    disk-backup -o out nil
	atf_check -s exit:74 -e \
	    inline:"disk-backup: standard output: No space left on device\n" \
	    sh -c 'exec disk-backup image >/dev/full'
	atf_check -s exit:65 -e match:'neither a regular file nor' \
	    disk-backup -o out .
	atf_check -s exit:64 -e inline:"disk-backup: name: not UTF-8\n" \
	    disk-backup -n "$(printf '\377')" -o out image
	atf_check -s exit:1 test -e out
}

atf_test_case usage__wrong
usage__wrong_body()
{
	make_image
	for args in '' 'image image' '-p name image' '--level 0 -o out image' \
	    '--level 20 -o out image' '--threads 0 -o out image' \
	    '--format vmdk -o out image' '--timestamp today -o out image' \
	    '--timestamp 2026-02-29T00:00:00Z -o out image' \
	    '-o a -o b image'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^disk-backup: ' disk-backup $args
	done
	atf_check -s exit:1 test -e out
}

# A VM of the tiny guest with an empty root disk and a data disk of noise.
make_vm()
{
	vm-create -n web --kernel "$tiny" --memory 64M --storage 16M \
	    --data-disk size=16M,name=db,fstype=none -p dir >dir ||
	    atf_fail "vm-create"
	dir=$(cat dir)
	dd if=/dev/urandom of=noise bs=64k count=20 status=none
	dd if=noise of="$dir/data-db.raw" bs=64k seek=30 conv=notrunc \
	    status=none
	sum=$(sha256sum <"$dir/data-db.raw" | cut -c1-64)
}

atf_test_case vm__running cleanup
vm__running_head()
{
	atf_set require.progs qemu-system-x86_64 qemu-img
}
vm__running_body()
{
	need_tiny
	make_vm
	atf_check -o ignore vm-start web
	n=0
	# The first time one raw file, then a chain, where nothing reflinks.
	while [ $n -lt 3 ]; do
		atf_check -o inline:"web-db\t16777216\t$sum\n" disk-backup \
		    --vm web -p name,size_bytes,checksum -o out db
		atf_check -o ignore disk-restore --verify out
		n=$((n + 1))
	done
	atf_check -o inline:"running\n" vm-ls -p state web
	disk-backup --vm web -n other cow | disk-restore --list -p name \
	    >name || atf_fail "into a pipe"
	atf_check -o inline:"other\n" cat name
	# What the guest has now is what the record says.
	atf_check -o ignore vm-stop --force web
	atf_check -o inline:"$sum\n" disk-backup --vm web -p checksum -o out db
	atf_check -o ignore vm-start web
	atf_check -o inline:"$sum\n" disk-backup --vm web -p checksum -o out db
	atf_check_equal 0 "$(find . -name '.new-*' -o -name 'disk-backup.*' |
	    wc -l)"
}
vm__running_cleanup()
{
	vms_end
}

atf_test_case vm__paused_stays_paused cleanup
vm__paused_stays_paused_head()
{
	atf_set require.progs qemu-system-x86_64 qemu-img
}
vm__paused_stays_paused_body()
{
	need_tiny
	make_vm
	atf_check -o ignore vm-start web
	atf_check -o ignore vm-pause web
	atf_check -o inline:"$sum\n" disk-backup --vm web -p checksum -o out db
	atf_check -o inline:"paused\n" vm-ls -p state web
}
vm__paused_stays_paused_cleanup()
{
	vms_end
}

# Killed while the guest stands still, it is not the guest that suffers.
atf_test_case vm__killed_in_the_pause cleanup
vm__killed_in_the_pause_head()
{
	atf_set require.progs qemu-system-x86_64 qemu-img
}
vm__killed_in_the_pause_body()
{
	need_tiny
	make_vm
	atf_check -o ignore vm-start web
	for step in overlays-made paused backup-written; do
		INSTAR_HOOK=$step=kill disk-backup --vm web -o out db \
		    >killed 2>&1 && atf_skip "no hooks in this build"
		eventually 20 sh -c '[ "$(vm-ls -p state web)" = running ]' ||
		    atf_fail "$step: $(vm-ls -p state web)"
	done
	atf_check -s exit:1 test -e out
	atf_check -o inline:"$sum\n" disk-backup --vm web -p checksum -o out db
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore vm-start web
	atf_check -o inline:"$sum\n" disk-backup --vm web -p checksum -o out db
}
vm__killed_in_the_pause_cleanup()
{
	vms_end
}

atf_test_case vm__refused cleanup
vm__refused_head()
{
	atf_set require.progs flock
}
vm__refused_body()
{
	need_tiny
	make_vm
	atf_check -s exit:66 -e inline:"disk-backup: nil: no such VM in $INSTAR_ROOT\n" \
	    disk-backup --vm nil -o out cow
	atf_check -s exit:66 -e inline:"disk-backup: web: no disk nil\n" \
	    disk-backup --vm web -o out nil
	atf_check -s exit:75 -e match:'^disk-backup: web: busy' \
	    flock -x "$dir" disk-backup --vm web -o out cow
	atf_check -s exit:64 \
	    -e inline:"disk-backup: --format and --vm exclude each other\n" \
	    disk-backup --vm web --format raw -o out cow
	atf_check -s exit:64 -e inline:"disk-backup: --root goes with --vm\n" \
	    disk-backup -R root -o out noise
	atf_check -s exit:64 -e inline:"disk-backup: one disk is needed\n" \
	    disk-backup --vm web -o out
	atf_check -s exit:1 test -e out
}
vm__refused_cleanup()
{
	vms_end
}

# While a VM is being removed its disks are nobody's: not to read, not to write.
atf_test_case vm__being_removed cleanup
vm__being_removed_head()
{
	atf_set require.progs flock
}
vm__being_removed_body()
{
	need_tiny
	make_vm
	disk-backup -q -o good noise >record || atf_fail "no backup"
	# First it holds the lock, then it has hidden the directory.
	for tool in "disk-backup --vm web -o out" \
	    "disk-restore --force --to-vm web good"; do
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e match:"^${tool%% *}: web: busy" \
		    flock -x "$dir" $tool db
	done
	INSTAR_HOOK=root-gone=stop vm-rm web >removed 2>&1 &
	pid=$!
	eventually 20 grep -q '^State:.T' /proc/$pid/status ||
	    atf_fail "does not stop"
	for vm in web "$(basename "$dir")"; do
		atf_check -s exit:66 \
		    -e inline:"disk-backup: $vm: no such VM in $INSTAR_ROOT\n" \
		    disk-backup --vm "$vm" -o out db
		atf_check -s exit:66 \
		    -e inline:"disk-restore: $vm: no such VM in $INSTAR_ROOT\n" \
		    disk-restore --force --to-vm "$vm" good db
	done
	kill -CONT $pid
	wait $pid || atf_fail "$(cat removed)"
	atf_check -s exit:1 test -e out
}
vm__being_removed_cleanup()
{
	vms_end
}

# As snap-save --freeze has it.
atf_test_case vm__frozen cleanup
vm__frozen_head()
{
	atf_set require.progs perl
}
vm__frozen_body()
{
	tiny_run web --agent --storage 8M
	fake_agent web
	atf_check -o ignore disk-backup -q --freeze --vm web -o out cow
	atf_check -o inline:"guest-fsfreeze-status\nguest-fsfreeze-freeze\n\
guest-fsfreeze-thaw\n" cat guest/asked
	rm out
	: >guest/freeze-refuses
	atf_check -s exit:69 -e inline:"disk-backup: web: guest agent: \
guest-fsfreeze-freeze: it will not\n" \
	    disk-backup -q --freeze --vm web -o out cow
	atf_check test ! -e out
	atf_check -o ignore -e inline:"disk-backup: web: warning: taken without \
a freeze: guest agent: guest-fsfreeze-freeze: it will not\n" \
	    disk-backup -q --freeze=try --vm web -o out cow
	atf_check test ! -e guest/is-frozen
	atf_check -s exit:64 -e inline:"disk-backup: --freeze goes with --vm\n" \
	    disk-backup --freeze -o out image
	# One that does not run has nothing to freeze.
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore disk-backup -q --freeze --vm web -o out cow
}
vm__frozen_cleanup()
{
	agents_end
}

# Killed when all is written but the name: what was there is there still, and
# nothing else that could pass for whole.
atf_test_case output__killed
output__killed_body()
{
	make_image
	echo old >out
	INSTAR_HOOK=backup-written=kill disk-backup -o out image >killed 2>&1 &&
	    atf_skip "no hooks in this build"
	atf_check -o inline:"old\n" cat out
	atf_check_equal 1 "$(find . -name '.new-*' | wc -l)"
}

atf_init_test_cases()
{
	atf_add_test_case backup__to_file
	atf_add_test_case vm__frozen
	atf_add_test_case backup__same_bytes_everywhere
	atf_add_test_case backup__empty_image
	atf_add_test_case backup__one_frame
	atf_add_test_case backup__many_small_holes
	atf_add_test_case backup__filesystem_by_superblock
	atf_add_test_case backup__qcow2
	atf_add_test_case backup__image_in_use
	atf_add_test_case backup__reflink_of_image_in_use
	atf_add_test_case output__refused
	atf_add_test_case usage__wrong
	atf_add_test_case vm__running
	atf_add_test_case vm__paused_stays_paused
	atf_add_test_case vm__killed_in_the_pause
	atf_add_test_case vm__refused
	atf_add_test_case vm__being_removed
	atf_add_test_case output__killed
}
