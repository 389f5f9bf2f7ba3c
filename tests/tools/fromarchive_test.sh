#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Archives that are cloned and restored from without an import.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"

# Running VM "w", its snapshot "good", the archive good.tar.zst; what is in the
# root is as it was when as_before is called.
start()
{
	need_tiny
	good_make
	atf_check -o ignore vm-rm v
	atf_check -o ignore -e match:"layer0 .* is not in the archive" \
	    snap-export -q -o good.tar.zst good
	names >before
	pid=$(member pid w)
	id=$(snap-ls -p id good)
}

# as_before WHAT: VM w is the process that it was, and nothing else is there.
as_before()
{
	atf_check_equal "$1: $pid	running" "$1: $(member pid,state w)"
	counts w || atf_fail "$1: w does not count"
	names | diff before - || atf_fail "$1: left something"
}

atf_test_case restore__piped cleanup
restore__piped_body()
{
	start
	snap-export good | vm-restore --from-archive - w >out 2>err ||
	    atf_fail "$(cat err)"
	atf_check -o match:"\"restored_from\":\"$id\"" \
	    -o match:'"outage_ms":[0-9.]+' cat out
	[ "$(member pid w)" != "$pid" ] || atf_fail "the same process"
	counts w || atf_fail "does not count"
	names | diff before - || atf_fail "left something"
	# What it was linked from is gone, and it is saved and stays whole.
	atf_check -o ignore snap-save -n more w
	atf_check snap-verify more
	atf_check -o ignore vm-restore w more
	counts w || atf_fail "does not count any more"
	# From a file, and into a VM that does not run.
	atf_check -o ignore vm-stop --force w
	atf_check -o ignore vm-restore w --from-archive good.tar.zst
	counts w || atf_fail "does not count, was stopped"
}
restore__piped_cleanup()
{
	vms_end
}

atf_test_case clone__piped cleanup
clone__piped_body()
{
	start
	snap-export --no-compress good |
	    vm-clone -n a --from-archive - >out 2>err || atf_fail "$(cat err)"
	atf_check -o match:'"memory_from":"linked"' cat out
	atf_check -o inline:"[\"$id\"]\n" vm-ls -p snapshot_ids a
	atf_check -o ignore vm-clone -n b --count 3 --from-archive good.tar.zst
	atf_check -o ignore vm-clone -n later --no-start \
	    --from-archive good.tar.zst
	atf_check -o inline:"$id good\n" \
	    sh -c 'snap-ls -p id,name | grep good | tr "\t" " "'
	atf_check -o empty find root/snap -name '.*'
	atf_check -o ignore vm-start later
	for vm in a b-1 b-2 b-3 later; do
		counts $vm || atf_fail "$vm does not count"
	done
	# In a root that has nothing: the layer is not in the archive.
	mv layer away
	atf_check -s exit:78 -e match:'^vm-clone: good: layer layer0 ' \
	    vm-clone -R other -n a --from-archive good.tar.zst
	atf_check -o empty find other/vm other/snap other/name/vm -mindepth 1
	# One of others', with a warning where it was taken.
	echo more >good/more
	tar -C good -cf foreign.tar .
	off=$(snap-export --list foreign.tar -p name,offset | sed -n 's/^more\t//p')
	atf_check -o ignore -e inline:"vm-clone: foreign.tar: warning: more: \
byte $off of the tar: in the archive, but not in the envelope\n" \
	    vm-clone -n c --from-archive foreign.tar
	counts c || atf_fail "c does not count"
}
clone__piped_cleanup()
{
	vms_end
}

atf_test_case usage__wrong cleanup
usage__wrong_body()
{
	start
	one='a snapshot, --from-dir or --from-archive is needed, one of them'
	for o in 'good --from-archive good.tar.zst' \
	    '--from-dir good --from-archive good.tar.zst' ''; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"vm-clone: $one\n" vm-clone $o
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"vm-restore: $one\n" \
		    vm-restore w $o
	done
	atf_check -s exit:64 \
	    -e inline:"vm-restore: --force needs --from-dir or --from-archive\n" \
	    vm-restore --force w good
	atf_check -s exit:64 -e inline:"vm-clone: --from-archive: given twice\n" \
	    vm-clone --from-archive a --from-archive b
	# A name is asked for before anything is read.
	echo no archive >junk
	atf_check -s exit:73 -e inline:"vm-clone: w: the name is taken\n" \
	    vm-clone -n w --from-archive junk
	atf_check -s exit:65 -e match:"junk" vm-clone -n free --from-archive junk
	as_before usage
}
usage__wrong_cleanup()
{
	vms_end
}

# Lineage as for a directory.
atf_test_case lineage__not_its_own cleanup
lineage__not_its_own_body()
{
	start
	atf_check -o ignore vm-clone -n other good
	atf_check -o ignore snap-save -q -n theirs other
	atf_check -o ignore -e ignore snap-export -q -o theirs.tar theirs
	theirs=$(snap-ls -p id theirs)
	names >before
	atf_check -s exit:77 \
	    -e inline:"vm-restore: w: snapshot $theirs is not one of this VM's\n" \
	    vm-restore w --from-archive theirs.tar
	as_before theirs
	atf_check -o inline:"$theirs\n" vm-restore -p restored_from --force w \
	    --from-archive theirs.tar
	counts w || atf_fail "does not count"
	atf_check -s exit:1 -o ignore sh -c \
	    "vm-ls -p snapshot_ids w | grep $theirs"
}
lineage__not_its_own_cleanup()
{
	vms_end
}

# "CODE FILE PATTERN" of archives that are none.
damaged()
{
	bytes=$(stat -c %s good.tar)
	: >empty
	head -c 100000 /dev/urandom >noise
	head -c $((bytes / 2)) good.tar >half
	head -c $((bytes - 1024)) good.tar >no-end
	cp good.tar flipped
	printf '\377' | dd of=flipped bs=1 seek=$((bytes / 2)) conv=notrunc \
	    2>/dev/null
	tar -C good -cf fewer.tar snapshot.json kernel
	tar -C good -cf none.tar kernel
	ln -s kernel good/linked
	tar -C good -cf linked.tar .
	rm good/linked
	(cat good.tar && echo more) >longer
	cat <<-'END'
	66 missing No such file or directory
	66 good a directory, not an archive
	65 empty .
	65 noise .
	65 half .
	65 no-end .
	65 flipped .
	65 longer .
	65 fewer.tar which is not in the archive
	65 none.tar no snapshot.json in the archive
	65 linked.tar linked
	END
}

atf_test_case archive__damaged cleanup
archive__damaged_body()
{
	start
	atf_check -o ignore -e ignore snap-export -q --no-compress -o good.tar good
	damaged >rows
	while read -r code file pattern; do
		for t in "vm-restore w" "vm-clone -n new"; do
			# shellcheck disable=SC2086
			atf_check -s exit:"$code" \
			    -e match:"^${t%% *}: $file: .*$pattern" \
			    -e not-match:warning \
			    $t --from-archive "$file"
			as_before "$t, $file"
		done
	done <rows
	atf_check -s exit:65 -e match:'^vm-restore: standard input: ' \
	    sh -c 'vm-restore w --from-archive - <half'
	# No such VM: told before anything is read.
	mkfifo pipe
	sleep 60 >pipe &
	writer=$!
	atf_check -s exit:66 -e match:'^vm-restore: .*none' \
	    sh -c 'exec vm-restore none --from-archive - <pipe'
	kill $writer
	as_before "no VM"
	# A whole archive of a snapshot that is wrong.
	"$(atf_get_srcdir)/../data/bad/dirs/make.sh" good state-device d
	tar -C d -cf d.tar .
	atf_check -s exit:65 -e match:'^vm-restore: w: state.qemu: ' \
	    vm-restore w --from-archive d.tar
	as_before "wrong state"
}
archive__damaged_cleanup()
{
	vms_end
}

need_hooks()
{
	grep -q INSTAR_HOOK "$top/vm-restore/vm-restore" ||
	    atf_skip "not a build for tests"
}

# A watcher may have it for a moment.
is_collected()
{
	state-gc -q && names | cmp -s before -
}

# Its directory is hidden, and a collector takes it away.
atf_test_case kill__at_each_step cleanup
kill__at_each_step_body()
{
	need_hooks
	start
	for step in root-hidden populated new-loaded old-paused; do
		INSTAR_HOOK=$step=kill vm-restore w \
		    --from-archive good.tar.zst >out 2>err
		atf_check_equal "$step: 137" "$step: $?"
		eventually 20 is_collected
		as_before "$step"
	done
	# The process that unpacks, and the tool while it does so.
	for step in import-file stage-unpacked; do
		atf_check -s exit:71 \
		    -e match:'unpacking ended by signal 9' \
		    env INSTAR_HOOK=$step=kill vm-restore w \
		    --from-archive good.tar.zst
		as_before "$step"
	done
	atf_check -s exit:71 -e match:'unpacking ended by signal 9' \
	    env INSTAR_HOOK=stage-unpacked=kill vm-clone \
	    --from-archive good.tar.zst
	as_before clone
}
kill__at_each_step_cleanup()
{
	vms_end
}

has_begun()
{
	[ -n "$(find root/snap -path '*/.new-*/*')" ]
}

# While the archive still comes.
atf_test_case signal__while_it_comes cleanup
signal__while_it_comes_body()
{
	start
	mkfifo pipe
	for sig in TERM KILL; do
		sleep 60 >pipe &
		writer=$!
		vm-restore w --from-archive - <pipe >out 2>err &
		tool=$!
		head -c 3000000 good.tar.zst >pipe
		eventually 20 has_begun || atf_fail "nothing comes"
		kill -s $sig $tool
		code=0
		wait $tool || code=$?
		atf_check_equal $((128 + $(kill -l $sig))) $code
		# The process that unpacks ended with it.
		eventually 20 is_collected
		kill $writer
		as_before $sig
	done
}
signal__while_it_comes_cleanup()
{
	vms_end
}

atf_test_case stage__no_space cleanup
stage__no_space_body()
{
	start
	head -c 8M /dev/urandom >good/cow.raw
	sed -i -e '/"digests": {/,/^  },$/d' good/snapshot.json
	tar -C good -cf large.tar .
	loopfs_make ext4 6M small
	INSTAR_ROOT=$PWD/small/root
	atf_check -s exit:74 \
	    -e match:'^vm-clone: large.tar: .*No space left on device' \
	    vm-clone --from-archive large.tar
	atf_check -o empty find small/root/snap small/root/vm -mindepth 1
}
stage__no_space_cleanup()
{
	vms_end
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case restore__piped
	atf_add_test_case clone__piped
	atf_add_test_case usage__wrong
	atf_add_test_case lineage__not_its_own
	atf_add_test_case archive__damaged
	atf_add_test_case kill__at_each_step
	atf_add_test_case signal__while_it_comes
	atf_add_test_case stage__no_space
}
