#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones whose memory and read-only disks stay where the snapshot lies.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"

# What may not change in a directory that is only read.
looks()
{
	(cd "$1" && find . -printf '%p %y %m %u %n %s %T@ %C@\n' | sort &&
	    cat ./* | cksum)
}

# The links of VM $1, and where they lead.
links()
{
	find "$(member dir "$1")/" -type l -printf '%f %l\n' | sort
}

# Directory other/d, another filesystem's, has the snapshot.
other_make()
{
	need_tiny
	loopfs_make ext4 96M other
	good_make
	cp -R --sparse=always good other/d
	d=$PWD/other/d
	hex=$(cd good && echo layer-*)
}

atf_test_case clone__another_filesystem cleanup
clone__another_filesystem_body()
{
	other_make
	looks other/d >before
	ln -s other/d link
	# One of a root that has the layer, one of a root that has nothing.
	atf_check -o inline:"mapped\t$d\n" \
	    vm-clone -n a -p memory_from,depends_on --in-place --from-dir link
	for f in cow.1.qcow2 cow.raw data-db.1.qcow2 data-db.raw kernel; do
		echo "$f $d/$f"
	done >want
	echo "template.raw $d/memory.raw" >>want
	links a | diff want - || atf_fail "not these links"
	atf_check -o inline:"mapped\t$d\n" vm-clone -R new -n b \
	    -p memory_from,depends_on --in-place --from-dir other/d
	atf_check -o match:"^layer0 $d/$hex$" env INSTAR_ROOT="$PWD/new" \
	    sh -c 'find "$(vm-ls -p dir b)/" -type l -printf "%f %l\n"'
	atf_check -o empty find new/layer -type f
	atf_check -o save:names vm-clone -n c --count 2 -p name --in-place \
	    --from-dir other/d
	for vm in a c-1 c-2; do
		counts $vm || atf_fail "$vm does not count"
	done
	(INSTAR_ROOT=$PWD/new && counts b) || atf_fail "b does not count"
	atf_check -o empty state-gc
	# Stopped, they boot on their overlays, over the disks in place.
	atf_check -o ignore vm-stop --force a
	atf_check -o ignore vm-start a
	counts a || atf_fail "a does not count"
	for vm in a c-1 c-2; do
		atf_check -o ignore vm-rm --force $vm
	done
	atf_check -o ignore vm-rm -R new --force b
	looks other/d | diff before - || atf_fail "the directory was changed"
}
clone__another_filesystem_cleanup()
{
	vms_end "$PWD/root" "$PWD/new"
	loopfs_clean
}

# A snapshot of such a VM is whole, and depends on nothing.
atf_test_case save__whole cleanup
save__whole_body()
{
	other_make
	INSTAR_ROOT=$PWD/new
	atf_check -o ignore vm-clone -n a --in-place --from-dir other/d
	counts a || atf_fail "a does not count"
	atf_check -o ignore snap-save -n s a
	counts a || atf_fail "a does not count any more"
	dir=$(snap-ls -p dir s)
	atf_check -o empty find "$dir/" ! -type f ! -type d
	atf_check test -e "new/layer/${hex#layer-}"
	# What the VM had of it in place is its own by now, but for its memory.
	atf_check_equal "template.raw $d/memory.raw" "$(links a)"
	atf_check -o ignore snap-save -n s2 a
	for f in cow.raw data-db.raw kernel; do
		atf_check_equal "$(stat -c %i "$dir/$f")" \
		    "$(stat -c %i "$(snap-ls -p dir s2)/$f")"
	done
	atf_check -o ignore vm-restore a s
	counts a || atf_fail "a does not count after a restore"
	atf_check -o inline:"\n" vm-ls -p depends_on a
	umount other
	atf_check snap-verify -q
	atf_check -o ignore vm-clone --verify -n b s2
	counts b || atf_fail "b does not count"
	# As its disks were read through the overlays.
	for f in cow.raw data-db.raw; do
		atf_check cmp good/$f "$dir/$f"
	done
	mount -o loop,ro other.img other
	atf_check -o ignore vm-stop --all --force
	atf_check -o ignore vm-start a
	counts a || atf_fail "a does not boot"
}
save__whole_cleanup()
{
	vms_end "$PWD/new" "$PWD/root"
	loopfs_clean
}

# What has been written to since is no snapshot's.
atf_test_case save__written_to cleanup
save__written_to_body()
{
	other_make
	atf_check -o ignore vm-clone -n a --in-place --from-dir other/d
	printf x | dd of=other/d/cow.raw conv=notrunc status=none
	snap-ls -p id >before
	atf_check -s exit:65 -e inline:"snap-save: a: $d/cow.raw: \
differs from its digest: it has been written to\n" snap-save a
	counts a || atf_fail "a does not count"
	snap-ls -p id | diff before - || atf_fail "there is a snapshot"
}
save__written_to_cleanup()
{
	vms_end
	loopfs_clean
}

# A directory that is gone is told by its name, and by no other.
atf_test_case start__gone cleanup
start__gone_body()
{
	other_make
	atf_check -o inline:"created\n" vm-clone -n later --no-start -p state \
	    --in-place --from-dir other/d
	atf_check -o ignore vm-clone -n a --in-place --from-dir other/d
	atf_check -o ignore vm-stop --force a
	names >before
	mv other/d other/e
	for vm in a later; do
		atf_check -s exit:66 -e inline:"vm-start: $vm: $d, \
where files of the VM lie: No such file or directory\n" vm-start $vm
	done
	mkdir other/d
	atf_check -s exit:66 -e inline:"vm-start: a: $d/cow.1.qcow2, \
where a file of the VM lies: No such file or directory\n" vm-start a
	rmdir other/d
	names | diff before - || atf_fail "something was changed"
	# Another snapshot there is not the one.
	cp -R --sparse=always other/e other/d
	id=$(member cloned_from a)
	sed -i "s/\"id\": \"$id\"/\"id\": \"another\"/" other/d/snapshot.json
	atf_check -s exit:65 -e inline:"vm-start: later: $d: \
has snapshot another, the VM was cloned from $id\n" vm-start later
	rm -rf other/d
	mv other/e other/d
	atf_check -o inline:"running\nrunning\n" vm-start -p state a later
	counts a || atf_fail "a does not count"
	counts later || atf_fail "later does not count"
	# A save that needs it says so, too, and leaves the guest alone.
	mv other/d other/e
	atf_check -s exit:66 -e inline:"snap-save: later: $d, \
where files of the VM lie: No such file or directory\n" snap-save later
	counts later || atf_fail "later does not count any more"
	mv other/e other/d
	atf_check -o ignore snap-save later
}
start__gone_cleanup()
{
	vms_end
	loopfs_clean
}

# Nothing is written there: a filesystem that cannot be written will do.
atf_test_case clone__read_only cleanup
clone__read_only_body()
{
	other_make
	mount -o remount,ro other
	looks other/d >before
	names >names
	if qemu_since 8 2; then
		atf_check -o inline:"mapped\n" vm-clone -n a -p memory_from \
		    --in-place --from-dir other/d
	else
		atf_check -s exit:69 -e inline:"vm-clone: good: memory.raw: \
cannot be mapped in place: qemu here opens it for writing, too, \
which is not allowed there\n" vm-clone -n a --in-place --from-dir other/d
		names | diff names - || atf_fail "something was left"
		# The memory a copy, and all else in place.
		atf_check -o inline:"copied\n" vm-clone -n a -p memory_from \
		    --memory-mode copy --in-place --from-dir other/d
		links a | grep -q ^kernel || atf_fail "not in place"
	fi
	counts a || atf_fail "a does not count"
	atf_check -o ignore snap-save -n s a
	atf_check -o ignore vm-clone --disk-mode copy -n b --memory-mode copy \
	    --in-place --from-dir other/d
	counts b || atf_fail "b does not count"
	looks other/d | diff before - || atf_fail "the directory was changed"
	atf_check snap-verify -q s
}
clone__read_only_cleanup()
{
	vms_end
	loopfs_clean
}

# On a mount of ours it is so by itself, also for who owns nothing of it.
atf_test_case clone__mount cleanup
clone__mount_head()
{
	atf_set require.files "/dev/fuse"
}
clone__mount_body()
{
	need_tiny
	good_make
	atf_check -o ignore snap-push -q oci-layout:lay:v1 good
	mkdir mnt
	need_fuse
	INSTAR_ROOT=$PWD/new
	mount_it
	atf_check -o inline:"mapped\t$PWD/mnt\n" vm-clone -n a \
	    -p memory_from,depends_on --from-dir mnt
	atf_check -o ignore vm-clone -n b --no-start --from-dir mnt
	counts a || atf_fail "a does not count"
	links a | grep -q "^layer0 $PWD/mnt/layer-" || atf_fail "$(links a)"
	atf_check -o ignore snap-save -n s a
	atf_check -o inline:"0\n" snap-mount --status -p failed mnt
	atf_check -o ignore vm-rm --force a
	# The mount that is gone, and the one whose process is.
	umount_it mnt
	atf_check -s exit:66 -e inline:"vm-start: b: $PWD/mnt/cow.1.qcow2, \
where a file of the VM lies: No such file or directory\n" vm-start b
	mount_it
	atf_check -o inline:"running\n" vm-start -p state b
	counts b || atf_fail "b does not count"
	atf_check -o ignore vm-stop --force b
	# The one that would unmount it goes first, and takes the other along.
	pid=$(snap-mount --status -p pid mnt)
	server=$(server_of "$pid")
	kill -9 "$pid"
	eventually 20 has_ended "$server" || atf_fail "it lives"
	atf_check -s exit:66 -e inline:"vm-start: b: $PWD/mnt, \
where files of the VM lie: Transport endpoint is not connected \
(fusermount3 -u $PWD/mnt ends it)\n" vm-start b
	fusermount3 -u mnt
	# The snapshot that was saved is whole without.
	rm -r good lay
	atf_check -o ignore vm-clone --verify -n c s
	counts c || atf_fail "c does not count"
}
clone__mount_cleanup()
{
	vms_end "$PWD/root" "$PWD/new"
	mounts_end
}

atf_test_case clone__options cleanup
clone__options_body()
{
	need_tiny
	good_make
	atf_check -s exit:64 -e match:'^vm-clone: --in-place needs --from-dir$' \
	    vm-clone --in-place good
	atf_check -s exit:64 -e match:'^vm-clone: --in-place needs --from-dir$' \
	    vm-clone --in-place --from-archive good
	# On the same filesystem, too: as asked, and not by hard links.
	looks good >before
	atf_check -o ignore vm-clone -n a --in-place --from-dir good
	counts a || atf_fail "a does not count"
	links a | grep -qx "template.raw $PWD/good/memory.raw" ||
	    atf_fail "$(links a)"
	looks good | diff before - || atf_fail "good was changed"
	# Without it links to the files are made, and no member told.
	atf_check -o inline:"\n" vm-clone -n b -p depends_on --from-dir good
	[ -z "$(links b)" ] || atf_fail "$(links b)"
	# A disk that was written to differs from its digest.
	printf x | dd of=good/cow.raw conv=notrunc status=none
	atf_check -s exit:65 -e match:'^vm-clone: good: cow.raw: ' \
	    vm-clone --verify --in-place --from-dir good
	# A link of any other kind is none: the record names the directory.
	dir=$(member dir a)
	ln -sf /etc/hostname "$dir/template.raw"
	atf_check -s exit:65 \
	    -e inline:"snap-save: a: template.raw: not a regular file\n" \
	    snap-save a
}
clone__options_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__another_filesystem
	atf_add_test_case save__whole
	atf_add_test_case save__written_to
	atf_add_test_case start__gone
	atf_add_test_case clone__read_only
	atf_add_test_case clone__mount
	atf_add_test_case clone__options
}
