#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Snapshot directories used where they lie.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# What may not change in a directory that is only read.
looks()
{
	(cd "$1" && find . -printf '%p %y %m %u %s %T@\n' | sort &&
	    cat ./* | cksum)
}

atf_test_case clone__options cleanup
clone__options_body()
{
	need_tiny
	good_make
	atf_check -s exit:64 -e match:'one of them' vm-clone
	atf_check -s exit:64 -e match:'one of them' vm-clone --from-dir good good
	atf_check -s exit:66 -e inline:"vm-clone: no: No such file or directory\n" \
	    vm-clone --from-dir no
	mkdir empty
	atf_check -s exit:66 -e match:'^vm-clone: empty: .*envelope missing$' \
	    vm-clone --from-dir empty
	looks good >before
	atf_check -o match:'"memory_from":"linked"' \
	    vm-clone -n a --from-dir good
	atf_check -o match:'"checks":\{"files":[0-9.]+,' \
	    vm-clone --verify -n b --from-dir good
	atf_check -o match:'"memory_from":"copied"' \
	    vm-clone --memory-mode copy -n c --from-dir good
	atf_check -o match:'"memory_from":"linked"' \
	    vm-restore a --from-dir good
	for vm in a b c; do
		counts $vm || atf_fail "$vm does not count"
	done
	looks good | diff before - || atf_fail "good was changed"
	# A clone from a directory belongs to that directory's snapshot.
	atf_check_equal "[\"$(snap-ls -p id good)\"]" "$(member snapshot_ids b)"
	atf_check -o ignore vm-restore b good
	atf_check -o ignore vm-stop --force a
	atf_check -s exit:1 sh -c 'vm-ls a | grep memory_from'
}
clone__options_cleanup()
{
	vms_end
}

atf_test_case clone__read_only_mount_of_another_filesystem cleanup
clone__read_only_mount_of_another_filesystem_body()
{
	need_tiny
	loopfs_make ext4 96M other
	good_make
	cp -R --sparse=always good other/d
	mount -o remount,ro other
	looks other/d >before
	for how in '' '--memory-mode copy' '--disk-mode copy' \
	    '--disk-mode overlay'; do
		# shellcheck disable=SC2086
		atf_check -o match:'"memory_from":"copied"' \
		    vm-clone -n a $how --from-dir other/d
		counts a || atf_fail "$how: does not count"
		atf_check -o match:'"memory_from":"copied"' \
		    vm-restore a --from-dir other/d
		counts a || atf_fail "$how: does not count any more"
		atf_check -o ignore vm-rm --force a
	done
	atf_check -o ignore vm-restore w --from-dir other/d
	counts w || atf_fail "w does not count"
	atf_check -o match:'^....' snap-import -p id -n new --from-dir other/d
	atf_check snap-verify -q new
	atf_check snap-verify -q --from-dir other/d
	looks other/d | diff before - || atf_fail "the directory was changed"
	# Nothing of it is needed any more.
	umount other
	atf_check -o ignore snap-save -n later w
	counts w || atf_fail "w does not count"
}
clone__read_only_mount_of_another_filesystem_cleanup()
{
	vms_end
	loopfs_clean
}

# The other way round: no room for what must be copied is told beforehand.
atf_test_case clone__no_space cleanup
clone__no_space_body()
{
	need_tiny
	good_make
	cp -R --sparse=always good full
	head -c 16M /dev/urandom >full/cow.raw
	sed -i -e '/"digests": {/,/^  },$/d' full/snapshot.json
	loopfs_make ext4 12M small
	mkdir -p small/root/vm
	atf_check -o ignore state-gc -R small/root
	(cd small/root && find .) >before
	atf_check -s exit:74 -e match:'^vm-clone: good: no space: [0-9]+ bytes' \
	    vm-clone -R small/root --from-dir full
	(cd small/root && find .) | diff before - || atf_fail "left something"
	# Ten clones need ten times as much.
	loopfs_make ext4 64M mid
	atf_check -s exit:74 -e match:'^vm-clone: good: no space: [0-9]+ bytes' \
	    vm-clone -R mid/root --count 10 --from-dir full
	atf_check -o ignore vm-clone -R mid/root --no-start --from-dir full
}
clone__no_space_cleanup()
{
	vms_end
	loopfs_clean
}

# Somebody else's directory, which we may read and no more.
atf_test_case clone__directory_of_another_user cleanup
clone__directory_of_another_user_head()
{
	atf_set require.user root
}
clone__directory_of_another_user_body()
{
	need_tiny
	as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
	$as test -r "$tiny" -a -x . ||
	    atf_skip "nobody cannot read this tree"
	good_make
	# As it was saved, without the layer.
	rm -r good
	cp -R "$(snap-ls -p dir good)" good
	chmod -R a+rX good
	looks good >before
	mkdir nobodys
	chown nobody nobodys
	HOME=$PWD/nobodys
	export HOME
	# The layer is where it was, but nobody can read it there.
	chmod 600 layer
	atf_check -s exit:78 -e match:'layer layer0 .* is not in /' \
	    $as "$(command -v vm-clone)" -R nobodys/root --from-dir good
	chmod a+r layer
	atf_check -o match:'"memory_from":"copied"' \
	    $as "$(command -v vm-clone)" -R nobodys/root -n a --from-dir good
	INSTAR_ROOT=$PWD/nobodys/root
	counts a || atf_fail "does not count"
	atf_check -o ignore $as "$(command -v snap-import)" \
	    -R nobodys/root --from-dir good
	looks good | diff before - || atf_fail "good was changed"
}
clone__directory_of_another_user_cleanup()
{
	vms_end "$PWD/root" "$PWD/nobodys/root"
}

atf_test_case clone__many_at_once cleanup
clone__many_at_once_body()
{
	need_tiny
	good_make
	for i in 1 2 3 4; do
		vm-clone -n "c$i" -p id --from-dir good >"out$i" 2>&1 &
		vm-clone -n "s$i" -p id good >"outs$i" 2>&1 &
	done
	wait
	for i in 1 2 3 4; do
		counts "c$i" || atf_fail "c$i: $(cat "out$i")"
		counts "s$i" || atf_fail "s$i: $(cat "outs$i")"
	done
	# They live on without their snapshot, and can be saved.
	rm -rf good
	atf_check snap-rm good first
	for vm in c1 s1; do
		counts $vm || atf_fail "$vm does not count"
		atf_check -o ignore snap-save -n "of-$vm" $vm
		atf_check -o ignore vm-restore $vm "of-$vm"
		counts $vm || atf_fail "$vm does not count any more"
	done
	atf_check snap-verify -q
}
clone__many_at_once_cleanup()
{
	vms_end
}

# A snapshot that goes while it is being cloned: either is whole.
atf_test_case clone__while_it_is_removed cleanup
clone__while_it_is_removed_body()
{
	need_tiny
	good_make
	INSTAR_HOOK=populated=stop vm-clone -n a good >out 2>err &
	tool=$!
	eventually 20 grep -q 'State:.T' /proc/$tool/status ||
	    atf_fail "did not come to the step"
	atf_check -s exit:75 -e match:'^snap-rm: .*: busy$' snap-rm good
	atf_check -o ignore snap-verify good
	kill -s CONT $tool
	wait $tool || atf_fail "$(cat err)"
	atf_check snap-rm good
	counts a || atf_fail "a does not count"
	for i in 1 2 3; do
		atf_check -o ignore snap-save -n "r$i" a
		(vm-clone -n "b$i" "r$i" >/dev/null 2>err
		echo $? >cloned) &
		(snap-rm "r$i" 2>/dev/null
		echo $? >removed) &
		wait
		case $(cat cloned removed | tr '\n' ' ') in
		'0 0 ' | '0 75 ') counts "b$i" || atf_fail "b$i" ;;
		'66 0 ' | '75 0 ') ;;
		*) atf_fail "$(cat cloned removed err)" ;;
		esac
	done
	atf_check -o empty state-gc --dry-run
}
clone__while_it_is_removed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__options
	atf_add_test_case clone__read_only_mount_of_another_filesystem
	atf_add_test_case clone__no_space
	atf_add_test_case clone__directory_of_another_user
	atf_add_test_case clone__many_at_once
	atf_add_test_case clone__while_it_is_removed
}
