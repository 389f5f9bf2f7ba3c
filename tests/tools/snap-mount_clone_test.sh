#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones of what is mounted: pages come when the guest, or who copies, reads them.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"

atf_test_case clone__from_a_mount cleanup
clone__from_a_mount_head()
{
	atf_set require.files "/dev/fuse"
}
clone__from_a_mount_body()
{
	need_tiny
	good_make
	atf_check -o ignore snap-push -q oci-layout:lay:v1 good
	mkdir mnt
	need_fuse
	# In a root of its own, which has neither the snapshot nor its layer.
	INSTAR_ROOT=$PWD/far/root
	mkdir far
	mount_it --on-demand
	atf_check -o match:'"hypervisor":"qemu"' vm-clone -n a --from-dir mnt
	counts a || atf_fail "a does not count"
	# All that is read is here already.
	before=$(status requests)
	atf_check -o ignore vm-clone -n b --from-dir mnt
	counts b || atf_fail "b does not count"
	says "$before" requests
	atf_check -o ignore vm-restore a --from-dir mnt
	counts a || atf_fail "a does not count any more"
	atf_check -o match:'^....' snap-import -q -n new -p id --from-dir mnt
	atf_check snap-verify -q new
	atf_check snap-verify -q --from-dir mnt
	says "0" failed
	for f in good/*; do
		[ "$f" = good/snapshot.json ] ||
		    atf_check cmp "$f" "mnt/$(basename "$f")"
	done
	# What was copied needs the mount no more; what is in place does.
	atf_check -o inline:"copied\t\nmapped\t$PWD/mnt\n" \
	    vm-ls -p memory_from,depends_on a b
	atf_check -s exit:1 -e match:busy fusermount3 -u mnt
	atf_check -o ignore vm-rm --force b
	umount_it mnt
	counts a || atf_fail "a does not count without it"
}
clone__from_a_mount_cleanup()
{
	vms_end "$PWD/root" "$PWD/far/root"
	mounts_end
}

# What the first one read, the next mount fetches first, in that order.
atf_test_case order__is_kept cleanup
order__is_kept_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
order__is_kept_body()
{
	plant_layout
	need_fuse
	mount_it --on-demand
	for page in 4500 900 4600 800 5000 1000; do
		atf_check -o save:got -e ignore dd if=mnt/memory.raw bs=4096 \
		    count=1 skip=$page iflag=direct
	done
	umount_it mnt
	units=$(perl -e 'local $/; $_ = <>; print join(" ",
	    map { $_ / 4294967296 >= 1 ? int($_ / 4294967296) : "?" }
	    unpack "x16 Q<*"), "\n"' root/cache/*-order)
	atf_check_equal "281 56 287 50 312 62" "$units"
	# It alone is fetched, and all of it is here before anybody asks.
	mv root/cache order
	mkdir root/cache
	mv order/*-order root/cache
	mount_it --on-demand
	order_has_come()
	{
		[ "$(status bytes_fetched)" -gt 400000 ] &&
		    [ "$(status waiting)" -eq 0 ]
	}
	eventually 20 order_has_come || atf_fail "$(status bytes_fetched)"
	before=$(status requests)
	for page in 1000 4500 900 4600 800 5000; do
		atf_check -o save:got -e ignore dd if=mnt/memory.raw bs=4096 \
		    count=1 skip=$page iflag=direct
		atf_check -o save:want -e ignore dd if=dir/memory.raw bs=4096 \
		    count=1 skip=$page
		atf_check cmp want got
	done
	says "$before" requests
	umount_it mnt
	# One that is damaged, or says what there is not, is worth nothing.
	f=$(echo root/cache/*-order)
	for bytes in '' x 'INSTAROR\1\0\0\0\377\377\377\377' \
	    'INSTAROR\1\0\0\0\2\0\0\0\377\377\377\377\377\377\377\377\0\0\0\0\377\377\377\377'; do
		# shellcheck disable=SC2059
		printf "$bytes" >"$f"
		mount_it
		same
		umount_it mnt
	done
}
order__is_kept_cleanup()
{
	mounts_end
}

# push_set TAG TEXT: the snapshot with that as its working set.
push_set()
{
	# shellcheck disable=SC2059
	printf "instar working set 1\nmemory 25165824\nat 0\n$2" \
	    >"$INSTAR_ROOT/name/snap/web/working-set"
	atf_check -o ignore snap-push -q "oci-layout:lay:$1" web
}

# Nobody has read anything yet: what came along says what is fetched first.
atf_test_case order__came_along cleanup
order__came_along_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
order__came_along_body()
{
	plant_files
	atf_check -o ignore snap-import -q -n web --from-dir dir
	push_set v1 '900 1\n4500 1\n5000 1\nat 5\n800 2\n1000 40\n'
	need_fuse
	mount_it --on-demand
	atf_check -o match:working-set ls mnt
	set_has_come()
	{
		[ "$(status bytes_fetched)" -gt 400000 ] &&
		    [ "$(status waiting)" -eq 0 ]
	}
	eventually 20 set_has_come || atf_fail "$(status bytes_fetched)"
	before=$(status requests)
	for page in 1000 4500 900 1039 801 800 5000; do
		atf_check -o save:got -e ignore dd if=mnt/memory.raw bs=4096 \
		    count=1 skip=$page iflag=direct
		atf_check -o save:want -e ignore dd if=dir/memory.raw bs=4096 \
		    count=1 skip=$page
		atf_check cmp want got
	done
	says "$before" requests
	umount_it mnt
	atf_check -o empty cat root/cache/log
	# One that lies, from who knows it as a file like others.
	web=$INSTAR_ROOT/name/snap/web
	jq '.files += ["working-set"]' "$web/snapshot.json" >edited
	cat edited >"$web/snapshot.json"
	push_set v1 '6144 1\n'
	rm -rf root/cache
	mount_it
	same
	umount_it mnt
	atf_check -o match:'working-set: left out: line 4: beyond the memory' \
	    cat root/cache/log
}
order__came_along_cleanup()
{
	mounts_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__from_a_mount
	atf_add_test_case order__is_kept
	atf_add_test_case order__came_along
}
