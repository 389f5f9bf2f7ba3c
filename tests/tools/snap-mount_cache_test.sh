#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-mount: its cache, and what becomes of reads when something is amiss.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# all_has_come: nothing is left to be fetched in the background.
all_has_come()
{
	[ "$(status complete)" = true ]
}

# damage FILE: each byte of it is another one.
damage()
{
	tr '\0-\377' '\1-\377\0' <"$1" >damaged
	cat damaged >"$1"
}

# The blob of part number $1 of the layout's one manifest.
part()
{
	hex=$(jq -r '.manifests[0].digest' lay/index.json | cut -d : -f 2)
	jq -r ".layers[$1 + 1].digest" "lay/blobs/sha256/$hex" | cut -d : -f 2
}

# reads FILE OFFSET: one page of a file of mnt, as it was saved.
reads()
{
	dd if="mnt/$1" bs=4096 skip=$(($2 / 4096)) count=1 2>dd.err >got &&
	    dd if="dir/$1" bs=4096 skip=$(($2 / 4096)) count=1 2>dd.err |
	    cmp - got
}

# fails FILE OFFSET: the page cannot be had.
fails()
{
	! dd if="mnt/$1" bs=4096 skip=$(($2 / 4096)) count=1 2>dd.err >got &&
	    grep -q 'Input/output error' dd.err && [ ! -s got ]
}

atf_test_case cache__survives cleanup
cache__survives_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
cache__survives_body()
{
	plant_layout
	need_fuse
	mount_it
	eventually 30 all_has_come || atf_fail "$(status complete,requests)"
	# Each byte that lies there came once, envelope and index among them.
	says "$(cat lay/blobs/sha256/* | wc -c)" bytes_fetched
	same
	umount_it mnt
	# No leftover of anybody's.
	find root/cache -type f | sort >before
	atf_check -o empty state-gc
	find root/cache -type f | sort | diff before - || atf_fail "collected"
	# What the tag leads to is asked, and nothing else.
	mount_it
	atf_check -o inline:"1\n" jq .requests mounted
	same
	says "1 true" requests,complete
	umount_it mnt
	# By its digest not even that.
	atf_check -o inline:"0\n" snap-mount -p requests \
	    "oci-layout:lay@$(jq -r .digest mounted)" mnt
	same
	says "0" requests
	umount_it mnt
	# Killed while it writes, and by all means right afterwards.
	rm -r root/cache
	for i in 1 2 3 4 5; do
		atf_check -o ignore env INSTAR_HOOK=cache-write=sleep:20 \
		    snap-mount oci-layout:lay:v1 mnt
		pid=$(status pid)
		cat mnt/memory.raw >got &
		reader=$!
		sleep 0.0$i
		kill -9 "$(server_of "$pid")"
		eventually 20 has_ended "$pid" || atf_fail "$pid runs on"
		wait $reader
	done
	mount_it
	same
}
cache__survives_cleanup()
{
	mounts_end
}

# Damaged, cut, emptied, or another's: it is fetched again.
atf_test_case cache__damaged cleanup
cache__damaged_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
cache__damaged_body()
{
	plant_layout
	need_fuse
	mount_it
	eventually 30 all_has_come || atf_fail "$(status complete)"
	umount_it mnt
	for f in root/cache/*; do
		damage "$f"
	done
	mount_it --on-demand
	same
	[ "$(status bytes_fetched)" -ge 8400000 ] ||
	    atf_fail "$(status bytes_fetched) bytes"
	umount_it mnt
	# It is right again.
	mount_it --on-demand
	same
	says "1" requests
	umount_it mnt
	i=0
	for f in root/cache/*; do
		i=$((i + 1))
		case $((i % 3)) in
		0) truncate -s 5000 "$f" ;;
		1) rm "$f" ;;
		2) head -c 100000 /dev/urandom |
		    dd of="$f" bs=4096 seek=3 conv=notrunc 2>dd.err ;;
		esac
	done
	mount_it --on-demand
	same
	# While it is mounted, too, where the kernel does not have it.
	rm root/cache/*
	umount_it mnt
	mount_it --on-demand
	reads cow.raw 1228800 || atf_fail "$(head -n 1 dd.err)"
	rm root/cache/*
	atf_check cmp dir/memory.raw mnt/memory.raw
	says "0" failed
}
cache__damaged_cleanup()
{
	mounts_end
}

# Two at once fetch things once, if one is behind the other; both read right.
atf_test_case cache__shared cleanup
cache__shared_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
cache__shared_body()
{
	plant_layout
	need_fuse
	mkdir other
	mount_it
	eventually 30 all_has_come || atf_fail "$(status complete)"
	atf_check -o ignore snap-mount --on-demand oci-layout:lay:v1 other
	atf_check cmp dir/memory.raw other/memory.raw
	atf_check -o inline:"1\n" snap-mount --status -p requests other
	umount_it other
	umount_it mnt
	# Both at once, out of nothing.
	rm -r root/cache
	mount_it &
	atf_check -o ignore snap-mount oci-layout:lay:v1 other
	wait
	cmp dir/memory.raw other/memory.raw &
	same
	wait $! || atf_fail "other/memory.raw differs"
	umount_it other
	same
	# Of a snapshot that builds on this one only what is new.
	yes changed | head -c 4096 |
	    dd of=dir/cow.raw bs=4096 seek=7 conv=notrunc 2>dd.err
	atf_check -o ignore snap-import -q -n next --from-dir dir
	atf_check -o ignore snap-push -q --parent oci-layout:lay:v1 \
	    oci-layout:lay:v2 next
	eventually 30 all_has_come || atf_fail "$(status complete)"
	atf_check -o ignore snap-mount oci-layout:lay:v2 other
	atf_check cmp dir/cow.raw other/cow.raw
	atf_check cmp dir/memory.raw other/memory.raw
	[ "$(snap-mount --status -p bytes_fetched other)" -lt 40000 ] ||
	    atf_fail "$(snap-mount --status other)"
}
cache__shared_cleanup()
{
	mounts_end
}

# More than it may hold: what was not used for longest goes.
atf_test_case cache__bounded cleanup
cache__bounded_head()
{
	atf_set require.config long
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
cache__bounded_body()
{
	plant_files
	perl -e 'srand(9); print pack "L*", map { int rand 4294967296 }
	    1 .. 26214400' >dir/cow.raw
	atf_check -o ignore snap-import -q -n web --from-dir dir
	atf_check -o ignore snap-push -q oci-layout:lay:v1 web
	need_fuse
	mount_it --cache-size 64M
	# In the background three quarters are fetched, and no more.
	is_filled()
	{
		[ "$(du -sm root/cache | cut -f 1)" -ge 40 ]
	}
	eventually 60 is_filled || atf_fail "$(du -sm root/cache)"
	[ "$(du -sm root/cache | cut -f 1)" -le 64 ] ||
	    atf_fail "$(du -sm root/cache)"
	same
	[ "$(du -sm root/cache | cut -f 1)" -le 64 ] ||
	    atf_fail "$(du -sm root/cache)"
	umount_it mnt
	mkdir other
	# Two of them together, too.
	mount_it --cache-size 64M
	atf_check -o ignore snap-mount --cache-size 64M oci-layout:lay:v1 other
	cmp dir/cow.raw other/cow.raw &
	same
	wait $! || atf_fail "other/cow.raw differs"
	[ "$(du -sm root/cache | cut -f 1)" -le 64 ] ||
	    atf_fail "$(du -sm root/cache)"
	umount_it other
	umount_it mnt
	# What is old goes first; the log stays.
	touch -d '2 days ago' root/cache/*
	find root/cache -name '*-0*' | sort | head -n 3 >old
	xargs touch <old
	mount_it --on-demand --cache-size 64M
	atf_check cmp dir/cow.raw mnt/cow.raw
	atf_check test -e root/cache/log
	atf_check -o empty find root/cache -name '*-0*' -size +0 \
	    -mtime +1
}
cache__bounded_cleanup()
{
	mounts_end
}

# No room for it: everything is read all the same.
atf_test_case cache__no_room cleanup
cache__no_room_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
cache__no_room_body()
{
	plant_layout
	need_fuse
	loopfs_make ext4 8M small
	INSTAR_ROOT=$PWD/small/root
	export INSTAR_ROOT
	mount_it
	same
	atf_check -o match:': cache: No space left on device$' \
	    cat small/root/cache/log
	says "0" failed
	umount_it mnt
}
cache__no_room_cleanup()
{
	mounts_end
	loopfs_clean
}

# The registry goes: what is here serves on, and only the rest fails.
# What lies around what was read comes with it, and nothing else: a mebibyte of
# the pack, which has what is from 5 to 6 MiB of the memory.
atf_test_case ahead__around cleanup
ahead__around_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
ahead__around_body()
{
	plant_layout
	need_fuse
	mount_it --on-demand
	before=$(status bytes_fetched)
	reads memory.raw $((5632 << 10)) || atf_fail "the page differs"
	eventually 60 sh -c "[ \$(snap-mount --status -p bytes_fetched mnt) -ge \
	    $((before + (1 << 20))) ]" || atf_fail "$(snap-mount --status mnt)"
	for kib in 5200 5400 5800 6000; do
		reads memory.raw $((kib << 10 & ~4095)) || atf_fail "$kib KiB"
	done
	there=$(status bytes_fetched)
	[ "$there" -lt $((before + (1500 << 10))) ] ||
	    atf_fail "$(snap-mount --status mnt)"
	reads memory.raw $((6500 << 10)) || atf_fail "the page differs"
	[ "$(status bytes_fetched)" -gt "$there" ] ||
	    atf_fail "what is far was here"
	umount_it mnt
}
ahead__around_cleanup()
{
	mounts_end
}

atf_test_case registry__gone cleanup
registry__gone_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
registry__gone_body()
{
	plant_layout
	need_fuse
	mount_it --on-demand --timeout 1s
	reads memory.raw 4194304 || atf_fail "$(head -n 1 dd.err)"
	reads cow.raw 1228800 || atf_fail "$(head -n 1 dd.err)"
	mkdir away
	mv lay/blobs/sha256/* away
	for f in away/*; do
		cp "$f" copy
		: >"$f"
		mv copy "away/$(basename "$f")"
	done
	reads memory.raw 4194304 || atf_fail "$(head -n 1 dd.err)"
	# Read ahead went on for a while, and the file's end is not near.
	fails memory.raw 21000192 || atf_fail "can be read"
	fails memory.raw 21000192 || atf_fail "can be read"
	atf_check -o match:"$PWD/mnt: memory.raw: byte 21000192: lay/blobs" \
	    cat root/cache/log
	[ "$(status failed)" -ge 2 ] || atf_fail "$(status failed) failed"
	reads memory.raw 4194304 || atf_fail "$(head -n 1 dd.err)"
	reads memory.raw 0 || atf_fail "$(head -n 1 dd.err)"
	# It comes back.
	mv away/* lay/blobs/sha256
	eventually 20 reads memory.raw 21000192 ||
	    atf_fail "$(tail -n 1 root/cache/log)"
	same
	# A read that waits meanwhile gets what it wanted.
	umount_it mnt
	rm -r root/cache
	mount_it --on-demand --timeout 60s
	mv lay/blobs/sha256/* away
	cat mnt/state.qemu >got &
	reader=$!
	somebody_waits()
	{
		[ "$(status waiting)" = 1 ]
	}
	eventually 20 somebody_waits || atf_fail "does not wait"
	atf_check -o empty cat got
	mv away/* lay/blobs/sha256
	wait $reader || atf_fail "$(cat root/cache/log)"
	atf_check cmp dir/state.qemu got
}
registry__gone_cleanup()
{
	mounts_end
}

# A frame or a leaf that is damaged there: pages in it fail, and no others do.
atf_test_case registry__damaged cleanup
registry__damaged_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq python3"
}
registry__damaged_body()
{
	plant_layout
	need_fuse
	cp -R lay good
	cat >pages.py <<-'END'
		import os, sys
		right = bad = 0
		for name in "memory.raw", "cow.raw", "state.qemu":
		    a = os.open("dir/" + name, os.O_RDONLY)
		    b = os.open("mnt/" + name, os.O_RDONLY)
		    for at in range(0, os.fstat(a).st_size, 4096):
		        try:
		            assert os.pread(a, 4096, at) == os.pread(b, 4096, at)
		            right += 1
		        except OSError as e:
		            assert e.errno == 5, e
		            bad += 1
		print(bad)
	END
	# A byte in the middle of a pack is in one frame.
	f=lay/blobs/sha256/$(part 1)
	[ "$(stat -c %s "$f")" -gt 4000000 ] || f=lay/blobs/sha256/$(part 0)
	printf '\252' | dd of="$f" bs=1 seek=2000000 conv=notrunc 2>dd.err
	mount_it
	atf_check -o save:bad python3 pages.py
	[ "$(cat bad)" -ge 1 ] && [ "$(cat bad)" -le 32 ] ||
	    atf_fail "$(cat bad) pages"
	atf_check -o match:'mnt: memory.raw: byte [0-9]*: differs from its hash' \
	    cat root/cache/log
	umount_it mnt
	# It is mended there, and nobody has kept what was wrong.
	rm -r lay
	mv good lay
	mount_it
	same
	umount_it mnt
	rm -r root/cache
	# A byte of a tree is in one leaf, which speaks of a group.
	f=lay/blobs/sha256/$(part 0)
	[ "$(stat -c %s "$f")" -lt 4000000 ] || f=lay/blobs/sha256/$(part 1)
	printf '\252' | dd of="$f" bs=1 seek=20000 conv=notrunc 2>dd.err
	mount_it
	atf_check -o save:bad python3 pages.py
	[ "$(cat bad)" -ge 1 ] && [ "$(cat bad)" -le 128 ] ||
	    atf_fail "$(cat bad) pages"
}
registry__damaged_cleanup()
{
	mounts_end
}

atf_init_test_cases()
{
	atf_add_test_case cache__survives
	atf_add_test_case cache__damaged
	atf_add_test_case cache__shared
	atf_add_test_case cache__bounded
	atf_add_test_case cache__no_room
	atf_add_test_case ahead__around
	atf_add_test_case registry__gone
	atf_add_test_case registry__damaged
}
