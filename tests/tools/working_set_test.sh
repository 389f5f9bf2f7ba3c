#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The working set of a snapshot: learned from a clone, read ahead for the next,
# carried along, and never more than a hint.  Pages are counted, not seconds.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

mib=1048576

# runs NAME MEMORY: a VM that counts, and touches little else.
runs()
{
	need_tiny
	atf_check -o ignore vm-create -n "$1" --memory "$2" --storage 8M \
	    --kernel "$tiny"
	atf_check -o ignore vm-start "$1"
	counts_on "$1"
}

saved()
{
	runs a 64M
	snap_save -n s a
	atf_check -o ignore vm-stop --force a
}

# resident FILE: KiB of it that are in the page cache.
resident()
{
	fincore -n -b -o RES "$1" | awk '{ print int($1 / 1024) }'
}

# has_more FILE KIB
has_more()
{
	[ "$(resident "$1")" -ge "$2" ]
}

# forget FILE: nothing of it stays in the page cache.
forget()
{
	sync "$1"
	dd if="$1" iflag=nocache count=0 status=none
	left=$(resident "$1")
	[ "$left" -lt 1024 ] || atf_skip "$left KiB stay in the page cache"
}

# names FILE MEMORY FIRST COUNT: a working set of one run.
names()
{
	printf 'instar working set 1\nmemory %d\nat 0\n%d %d\n' \
	    "$2" "$3" "$4" >"$1"
}

# ahead: the processes of this case that read ahead, by their environment.
ahead()
{
	for p in /proc/[0-9]*; do
		[ "$(cat "$p/comm")" = vm-clone ] &&
		    tr '\0' '\n' <"$p/environ" |
		    grep -qx "INSTAR_ROOT=$INSTAR_ROOT" && echo "${p#/proc/}"
	done 2>/dev/null
	return 0
}

none_ahead()
{
	[ -z "$(ahead)" ]
}

stands()
{
	[ "$(cut -d ' ' -f 3 "/proc/$1/stat")" = T ]
}

# held FILE ARGUMENT...: a clone whose process that reads ahead stands still
# before it has read anything; its pid in $held.
held()
{
	forget "$1"
	shift
	# Nobody waits for it, nor for its descriptors.
	id=$(INSTAR_HOOK=ahead-begun=stop vm-clone -p id "$@") ||
	    atf_fail "no clone"
	held=$(ahead)
	eventually 20 stands "$held" || atf_fail "nothing reads ahead"
	atf_check -o inline:"/dev/null\n/dev/null\n/dev/null\n" readlink \
	    "/proc/$held/fd/0" "/proc/$held/fd/1" "/proc/$held/fd/2"
}

go_on()
{
	kill -CONT "$held"
	eventually 60 none_ahead || atf_fail "$(ahead) reads on"
}

ends()
{
	for p in $(ahead); do
		kill -9 "$p"
	done
	vms_end
}

atf_test_case learn__beside_the_snapshot cleanup
learn__beside_the_snapshot_body()
{
	saved
	cp "$(snap_file s snapshot.json)" before
	# What lies in the page cache would be taken for touched.
	cat "$(snap_file s memory.raw)" >all
	[ "$(resident "$(snap_file s memory.raw)")" -eq 65536 ] ||
	    atf_fail "it is not in the page cache"
	atf_check -o save:record vm-clone -n c --learn s
	[ "$(resident "$(snap_file s memory.raw)")" -lt 49152 ] ||
	    atf_fail "it is still in the page cache"
	set=$(snap_file s working-set)
	atf_check -o inline:"instar working set 1\nmemory $((64 * mib))\n" \
	    head -n 2 "$set"
	bytes=$(awk 'NF == 2 && $1 ~ /^[0-9]+$/ { n += $2 }
		END { print n * 4096 }' "$set")
	[ "$bytes" -gt 0 ] && [ "$bytes" -le $((16 * mib)) ] ||
	    atf_fail "$bytes bytes were learned"
	atf_check -o inline:"$bytes\n" jq .working_set record
	atf_check -o inline:"$bytes\n" snap-ls -p working_set s
	# The page that it counts in is among them: 0x101000.
	atf_check awk '$1 <= 257 && $1 + $2 > 257 { found = 1 }
		END { exit !found }' "$set"
	# Nothing else has changed; and it is no file of the snapshot's.
	atf_check cmp before "$(snap_file s snapshot.json)"
	atf_check snap-verify s
	atf_check -o not-match:working-set snap-ls -p files s
	# Once more, for as long as one likes.
	atf_check -o match:'"working_set":[1-9]' vm-clone -n d --learn=50ms s
	atf_check -o match:'"ready_ms".*"working_set"|"working_set".*"ready_ms"' \
	    vm-clone -n e --learn=console --ready console=tick s
	# Until it is ready, and no sooner: some lines later.
	line=$(printf 'tick %08x' $(($(first_tick c) + 3)))
	atf_check -s signal:kill env INSTAR_HOOK=learned=kill vm-clone -n f \
	    --learn=ready --ready "console=$line" s
	atf_check -o ignore grep "$line" "$INSTAR_ROOT/name/vm/f/console.log"
	atf_check -o match:'"working_set":[1-9]' vm-clone -n g --learn=ready \
	    --ready "console=$line" s
	# A save of the clone is another snapshot.
	snap_save -n t c
	atf_check -s exit:1 test -e "$(snap_file t working-set)"
	atf_check snap-rm s
}
learn__beside_the_snapshot_cleanup()
{
	ends
}

atf_test_case learn__not_possible cleanup
learn__not_possible_body()
{
	saved
	while read -r option; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 \
		    -e inline:"vm-clone: --learn and $option exclude each other\n" \
		    vm-clone --learn $option s
	done <<-END
		--no-start
		--paused
		--memory-mode copy
	END
	atf_check -s exit:64 \
	    -e inline:"vm-clone: --learn and --count exclude each other\n" \
	    vm-clone --learn --count 2 s
	atf_check -s exit:64 \
	    -e inline:"vm-clone: --learn and --from-dir exclude each other\n" \
	    vm-clone --learn --from-dir .
	atf_check -s exit:64 -e match:"vm-clone: --learn: x: " \
	    vm-clone --learn=x s
	atf_check -s exit:64 -e inline:"vm-clone: --learn given twice\n" \
	    vm-clone --learn --learn s
	atf_check -s exit:64 -e inline:"vm-clone: --learn=ready needs --ready\n" \
	    vm-clone --learn=ready s
	atf_check -s exit:64 -e inline:"vm-clone: --learn: its duration $(:
	    )belongs to it: --learn=2s\n" vm-clone --learn 2s s
	atf_check vm-ls --state running
	# One that was removed meanwhile has no use for it.
	(vm-clone -n c --learn=4s s >record 2>said; echo $? >status) &
	eventually 20 test -e "$INSTAR_ROOT/name/vm/c"
	counts_on c
	s=$(id_of_snap s)
	atf_check snap-rm --wait 20s s
	wait
	atf_check -o inline:"66\n" cat status
	atf_check -o match:"^vm-clone: c: working-set: $s: no such snapshot in " \
	    cat said
	atf_check -o inline:"c\n" jq -r .name record
	atf_check -s exit:1 test -e "$INSTAR_ROOT/snap/$s"
	counts_on c
}
learn__not_possible_cleanup()
{
	ends
}

atf_test_case learn__killed cleanup
learn__killed_body()
{
	saved
	set=$(snap_file s working-set)
	atf_check -s signal:kill -o ignore \
	    env INSTAR_HOOK=learned=kill vm-clone -n c --learn s
	atf_check -s exit:1 test -e "$set"
	counts_on c
	atf_check -s signal:kill -o ignore \
	    env INSTAR_HOOK=learn-beside=kill vm-clone -n b --learn s
	atf_check -s exit:1 test -e "$set"
	atf_check snap-verify s
	atf_check -s signal:kill -o ignore \
	    env INSTAR_HOOK=learn-written=kill vm-clone -n d --learn s
	atf_check -o match:'^[1-9]' snap-ls -p working_set s
	atf_check snap-verify s
	# What a kill within leaves is swept, and nobody else's file.
	dir=$(dirname "$set")
	echo half >"$dir/.working-set.123"
	echo other >"$dir/.other.123"
	atf_check -s exit:65 -e ignore snap-verify s
	atf_check -o match:'working-set.123' state-gc
	atf_check -s exit:1 test -e "$dir/.working-set.123"
	rm "$dir/.other.123"
	atf_check snap-verify s
}
learn__killed_cleanup()
{
	ends
}

# What a clone would never touch is in the page cache, once it is named.
atf_test_case clone__reads_ahead cleanup
clone__reads_ahead_body()
{
	loopfs_make ext4 512M root
	bdi=/sys/class/bdi/$(mountpoint -d root)/read_ahead_kb
	echo 128 2>/dev/null >"$bdi" || atf_skip "$bdi cannot be set"
	runs a 128M
	snap_save -n s a
	atf_check -o ignore vm-stop --force a
	memory=$(snap_file s memory.raw)
	# 32 MiB from 64 MiB on.
	names "$(snap_file s working-set)" $((128 * mib)) 16384 8192
	forget "$memory"
	atf_check -o ignore vm-clone -n c s
	eventually 60 has_more "$memory" $((32 * 1024)) ||
	    atf_fail "$(resident "$memory") KiB were read"
	eventually 60 none_ahead || atf_fail "$(ahead) reads on"
	# And no more than that, with what it touches.
	counts_on c
	[ "$(resident "$memory")" -le $((36 * 1024)) ] ||
	    atf_fail "$(resident "$memory") KiB were read"
	# All of it is there, what was still on its way, too: no process is begun.
	dd if="$memory" of=/dev/null bs=1M skip=64 count=32 status=none
	atf_check -o ignore env INSTAR_HOOK=ahead=kill vm-clone -n d s
	counts_on d
	for vm in c d; do
		atf_check -o ignore vm-stop --force "$vm"
	done
	forget "$memory"
	atf_check -s signal:kill -o ignore env INSTAR_HOOK=ahead=kill vm-clone s
	# Nor where nothing is mapped, or nothing runs.
	forget "$memory"
	atf_check -o ignore env INSTAR_HOOK=ahead=kill vm-clone --no-start s
	atf_check -o ignore env INSTAR_HOOK=ahead=kill \
	    vm-clone --memory-mode copy s
}
clone__reads_ahead_cleanup()
{
	ends
	loopfs_clean
}

atf_test_case restore__reads_ahead cleanup
restore__reads_ahead_body()
{
	runs a 64M
	snap_save -n s a
	names "$(snap_file s working-set)" $((64 * mib)) 8192 4096
	memory=$(snap_file s memory.raw)
	forget "$memory"
	atf_check -s signal:kill -o ignore \
	    env INSTAR_HOOK=ahead=kill vm-restore a s
	atf_check -o ignore vm-restore a s
	counts_on a
}
restore__reads_ahead_cleanup()
{
	ends
}

atf_test_case ahead__nobody_waits cleanup
ahead__nobody_waits_body()
{
	saved
	names "$(snap_file s working-set)" $((64 * mib)) 4096 8192
	held "$(snap_file s memory.raw)" -n c s
	counts_on c
	# It has no lock, and the snapshot is gone when it goes on.
	atf_check -o ignore vm-stop --force c
	atf_check vm-rm c
	atf_check snap-rm s
	atf_check -o empty state-gc
	go_on
}
ahead__nobody_waits_cleanup()
{
	ends
}

# The template ends early, or its filesystem is gone, while it is read.
atf_test_case ahead__nothing_left cleanup
ahead__nothing_left_body()
{
	saved
	loopfs_make ext4 256M far
	atf_check -o ignore snap-export --to-dir far/d s
	# Of others, with digests that nobody keeps, for it is about to change.
	names far/d/working-set $((64 * mib)) 4096 8192
	held far/d/memory.raw -n c --from-dir far/d
	truncate -s 4096 far/d/memory.raw
	go_on
	counts_on c
	truncate -s 64M far/d/memory.raw
	atf_check cp "$(snap_file s memory.raw)" far/d/memory.raw
	held far/d/memory.raw -n d --from-dir far/d
	atf_check umount -l far
	go_on
	counts_on d
}
ahead__nothing_left_cleanup()
{
	ends
	loopfs_clean
}

# As vm-clone refuses it, and what else it would be a pity to do without.
atf_test_case lies__are_left_out cleanup
lies__are_left_out_body()
{
	saved
	set=$(snap_file s working-set)
	atf_check -o ignore snap-export --to-dir d s
	head="instar working set 1\nmemory $((64 * mib))\n"
	n=0
	while IFS='|' read -r text why; do
		n=$((n + 1))
		# shellcheck disable=SC2059
		printf "$text" >"$set"
		atf_check -o ignore \
		    -e inline:"vm-clone: s: warning: working-set: $why\n" \
		    vm-clone -n "c$n" s
		counts_on "c$n"
		atf_check -o ignore vm-stop --force "c$n"
		atf_check -e inline:"snap-verify: s: warning: working-set: $why\n" \
		    snap-verify s
		atf_check -o inline:"\n" snap-ls -p working_set s
		atf_check -o ignore \
		    -e inline:"snap-export: warning: left out: working-set: $why\n" \
		    snap-export -q -o x.tar.zst s
		atf_check -o not-match:working-set snap-export --list x.tar.zst
		# One that came along all the same.
		cp "$set" d/working-set
		atf_check -o save:record \
		    -e inline:"snap-import: d: warning: left out: working-set: $why\n" \
		    snap-import -q -n "i$n" --from-dir d
		atf_check -s exit:1 test -e "$(snap_file "i$n" working-set)"
		atf_check snap-verify "i$n"
	done <<-END
		${head}at 0\n16384 1\n|line 4: beyond the memory
		${head}at 0\n8 4\nat 1\n10 1\n|page 10 is in two runs
		${head}at 0\n8 4\n2 1\n|line 5: out of order
		${head}at 0\n8 4|ends within line 4
		instar working set 1\nmemory 4096\n|of a memory of 4096 bytes, not $((64 * mib))
		junk|does not begin with "instar working set 1"
	END
	truncate -s 2M "$set"
	atf_check -o ignore -e match:'^vm-clone: s: warning: working-set: ' \
	    vm-clone -n large s
	rm "$set"
	mkfifo "$set"
	atf_check -s exit:65 -o ignore -e ignore vm-clone -n pipe s
	rm "$set"
	atf_check -o ignore vm-clone -n whole s
	counts_on whole
}
lies__are_left_out_cleanup()
{
	ends
}

# known SNAP [OPTION...]: that it has the set, and not among its files.
known()
{
	atf_check cmp set "$(snap_file "$1" working-set)"
	atf_check -o not-match:working-set \
	    jq -c .files "$(snap_file "$1" snapshot.json)"
	atf_check snap-verify "$1"
}

atf_test_case set__goes_along cleanup
set__goes_along_body()
{
	saved
	atf_check -o ignore vm-clone -n c --learn s
	cp "$(snap_file s working-set)" set
	for how in --zstd --dense; do
		atf_check -o ignore snap-export -q $how -o x.tar.zst s
		atf_check -o match:'"name":"working-set"' \
		    snap-export --list x.tar.zst
		atf_check -o ignore snap-import -q -n "i$how" x.tar.zst
		known "i$how"
	done
	atf_check -o ignore snap-export --to-dir d s
	atf_check snap-verify --from-dir d
	atf_check -o ignore snap-import -q -n d --from-dir d
	known d
	# The store's own directory, as it is, and in a plain tar.
	atf_check -o ignore snap-import -q -n plain \
	    --from-dir "$INSTAR_ROOT/name/snap/s"
	known plain
	tar -C "$INSTAR_ROOT/name/snap/s" -cf p.tar .
	atf_check -o ignore snap-import -q -n tar p.tar
	known tar
	# It knows none.
	atf_check -o ignore -e ignore snap-export -q --cocoon -o c.tar s
	atf_check -o not-match:working-set tar -tf c.tar
	# Again to where it came from; one that nobody has is a file less.
	atf_check -o ignore snap-push -q oci-layout:o:1 s
	atf_check -o ignore snap-pull -q -n pulled oci-layout:o:1
	known pulled
	rm "$(snap_file pulled working-set)"
	atf_check snap-verify pulled
	atf_check -o ignore snap-push -q oci-layout:o:2 pulled
	atf_check -o ignore snap-pull -q -n without oci-layout:o:2
	atf_check -s exit:1 test -e "$(snap_file without working-set)"
	atf_check snap-verify without
}
set__goes_along_cleanup()
{
	ends
}

atf_init_test_cases()
{
	atf_add_test_case learn__beside_the_snapshot
	atf_add_test_case learn__not_possible
	atf_add_test_case learn__killed
	atf_add_test_case clone__reads_ahead
	atf_add_test_case restore__reads_ahead
	atf_add_test_case ahead__nobody_waits
	atf_add_test_case ahead__nothing_left
	atf_add_test_case lies__are_left_out
	atf_add_test_case set__goes_along
}
