#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-export --to-dir.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# A snapshot "s" of four small files and one of 8M in pieces, with digests.
plant()
{
	snap_plant abc s
	id=$(id_of abc)
	i=0
	while [ $i -lt 8 ]; do
		head -c 65536 /dev/urandom |
		    dd of="root/snap/$id/cow.raw" bs=1M seek=$i conv=notrunc \
		    2>/dev/null
		i=$((i + 1))
	done
	truncate -s 8M "root/snap/$id/cow.raw"
	rm -rf plain
	cp -R "root/snap/$id" plain
	rm -rf "root/snap/$id" root/name/snap/s "root/access/$id"
	atf_check -o ignore snap-import -n s --from-dir plain
	id=$(snap-ls -p id s)
}

# Whether directory $1 stands alone and is what was saved.
stands_alone()
{
	atf_check snap-verify -q --from-dir "$1"
	atf_check -o empty find "$1" -type f ! -links 1
	for f in "root/snap/$id"/*; do
		atf_check cmp "$f" "$1/$(basename "$f")"
	done
}

atf_test_case export__target_absent_or_empty
export__target_absent_or_empty_body()
{
	plant
	mkdir -m 755 empty
	for d in new empty; do
		atf_check -o inline:"$id	$PWD/$d\n" \
		    snap-export --to-dir $d -p id,to_dir s
		stands_alone $d
		atf_check -o inline:"600\n" stat -c %a $d/memory.raw
	done
	atf_check -o inline:"700\n" stat -c %a new
	atf_check -o inline:"755\n" stat -c %a empty
	[ "$(stat -c %b new/cow.raw)" -lt 8192 ] ||
	    atf_fail "the holes are gone"
	# It is a snapshot for everybody who takes a directory.
	atf_check -o match:'^....' snap-import -p id --from-dir new
}

atf_test_case export__target_not_empty
export__target_not_empty_body()
{
	plant
	mkdir d
	echo mine >d/file
	atf_check -s exit:73 -e inline:"snap-export: d: not empty\n" \
	    snap-export --to-dir d s
	atf_check -o inline:"file\n" ls -A d
	echo mine >file
	atf_check -s exit:73 -e match:"^snap-export: file: " \
	    snap-export --to-dir file s
	atf_check -o inline:"mine\n" cat file
	atf_check -s exit:73 -e match:"^snap-export: no/d: No such file" \
	    snap-export --to-dir no/d s
	ln -s nowhere link
	atf_check -s exit:73 -e match:"^snap-export: link: " \
	    snap-export --to-dir link s
	atf_check -s exit:66 -e match:"^snap-export: nosnap: " \
	    snap-export --to-dir new nosnap
	atf_check -s exit:1 test -e new
}

atf_test_case export__options_that_exclude_it
export__options_that_exclude_it_body()
{
	plant
	for o in '-o out' --zstd --gzip --no-compress --dense; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^snap-export: .*--to-dir' \
		    snap-export --to-dir d $o s
	done
	atf_check -s exit:64 -e match:'^snap-export: ' \
	    snap-export --to-dir d --to-dir e s
	atf_check -s exit:1 test -e d -o -e e -o -e out
}

atf_test_case export__unwritable
export__unwritable_head()
{
	atf_set require.user unprivileged
}
export__unwritable_body()
{
	plant
	mkdir -m 500 d
	atf_check -s exit:73 -e match:"^snap-export: d/x: Permission denied" \
	    snap-export --to-dir d/x s
	atf_check -s not-exit:0 -e match:"^snap-export: d: .*Permission denied" \
	    snap-export --to-dir d s
	atf_check -o empty ls -A d
}

atf_test_case export__killed_at_each_step
export__killed_at_each_step_body()
{
	plant
	for step in todir-file todir-files; do
		atf_check -s signal:kill env INSTAR_HOOK="$step=kill" \
		    snap-export -q --to-dir d s
		atf_check test -e d/cocoon.json -o -e d/cow.raw
		atf_check -s exit:1 test -e d/snapshot.json
		atf_check -s exit:66 -o ignore -e match:'envelope missing' \
		    snap-verify --from-dir d
		atf_check -s exit:73 -e match:'d: not empty' \
		    snap-export --to-dir d s
		rm -rf d
	done
	# Asked to stop, it takes with it what it made.
	for sig in INT TERM HUP; do
		for d in new empty; do
			[ $d = new ] || mkdir $d
			signalled INSTAR_HOOK=todir-files=stop snap-export -q \
			    --to-dir $d s 2>err &
			pid=$!
			eventually 10 grep -q 'State:.T' "/proc/$pid/status" ||
			    atf_fail "did not come to the step"
			kill -s "$sig" $pid
			kill -s CONT $pid
			code=0
			wait $pid || code=$?
			atf_check_equal "$code" $((128 + $(kill -l "$sig")))
			[ $d = new ] || atf_check rmdir $d
			atf_check -s exit:1 test -e $d
		done
	done
}

# As with nohup(1).
atf_test_case export__ignored_signal
export__ignored_signal_body()
{
	plant
	(
		trap '' HUP
		exec env INSTAR_HOOK=todir-files=stop snap-export -q \
		    --to-dir d s
	) 2>err &
	pid=$!
	eventually 10 grep -q 'State:.T' "/proc/$pid/status" ||
	    atf_fail "did not come to the step"
	kill -s HUP $pid
	kill -s CONT $pid
	wait $pid || atf_fail "$?: $(cat err)"
	stands_alone d
}

atf_test_case export__no_space cleanup
export__no_space_body()
{
	plant
	# Every size at which another step finds no room.
	loopfs_make ext4 4M small
	rm -rf small/lost+found
	left=$(df -B4096 --output=avail small | tail -n 1)
	for keep in 0 1 5 40 80 120; do
		head -c $(((left - keep) * 4096)) /dev/zero >small/filler
		sync -f small
		atf_check -s exit:74 -e match:'^snap-export: .*No space left' \
		    -e not-match:'^snap-export:.*^snap-export:' \
		    snap-export -q --to-dir small/d s
		atf_check -o inline:"filler\n" ls -A small
		rm small/filler
	done
}
export__no_space_cleanup()
{
	loopfs_clean
}

atf_test_case export__several_at_once
export__several_at_once_body()
{
	plant
	INSTAR_HOOK=todir-file=stop snap-export -q --to-dir d s >one &
	pid=$!
	eventually 10 grep -q 'State:.T' /proc/$pid/status ||
	    atf_fail "did not come to the step"
	atf_check -s exit:75 -e match:'^snap-export: d: ' \
	    snap-export --to-dir d s
	# A reader sees no snapshot, or a whole one.
	atf_check -s exit:66 -e match:'envelope missing' \
	    snap-verify --from-dir d
	while kill -s CONT $pid 2>/dev/null; do
		sleep 0.1
	done
	wait $pid || atf_fail "the first export failed"
	stands_alone d
	# Into directories of their own they do not meet.
	for i in 1 2 3 4 5 6; do
		snap-export -q --to-dir "d$i" s >"out$i" 2>&1 &
	done
	wait
	for i in 1 2 3 4 5 6; do
		stands_alone "d$i"
	done
}

atf_test_case export__reflinks cleanup
export__reflinks_body()
{
	loopfs_make xfs 320M x
	cd x
	INSTAR_ROOT=$PWD/root
	plant
	head -c 60M /dev/urandom >big
	rm -rf plain
	mkdir plain
	cp "root/snap/$id/snapshot.json" plain
	sed -i -e '/"digests": {/,/^  },$/d' plain/snapshot.json
	cp "root/snap/$id"/memory.raw plain
	mv big plain/cow.raw
	atf_check -o ignore snap-import -q -n big --from-dir plain
	id=$(snap-ls -p id big)
	sync -f .
	was=$(df -B1M --output=used . | tail -n 1)
	atf_check -o ignore snap-export -q --to-dir d big
	sync -f .
	now=$(df -B1M --output=used . | tail -n 1)
	[ $((now - was)) -lt 10 ] || atf_fail "$((now - was)) MiB were copied"
	stands_alone d
	cd ..
}
export__reflinks_cleanup()
{
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case export__target_absent_or_empty
	atf_add_test_case export__target_not_empty
	atf_add_test_case export__options_that_exclude_it
	atf_add_test_case export__unwritable
	atf_add_test_case export__killed_at_each_step
	atf_add_test_case export__ignored_signal
	atf_add_test_case export__no_space
	atf_add_test_case export__several_at_once
	atf_add_test_case export__reflinks
}
