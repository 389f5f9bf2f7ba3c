#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The cases of the disk floor that depend on the filesystem, on each of them.
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# Runs every case of the C programs in the directory $1.
run_in()
{
	src=$(cd "$(atf_get_srcdir)/../disk" && pwd)
	results=$PWD/result
	for p in extent copy digest seal; do
		[ -x "$src/${p}_test" ] || atf_fail "no ${p}_test"
		for c in $("$src/${p}_test" -l | sed -n 's/^ident: //p'); do
			mkdir "$1/$p-$c" || atf_fail "$1: no directory"
			(cd "$1/$p-$c" &&
			    "$src/${p}_test" -r "$results" -s "$src" "$c") \
			    >out 2>&1 || {
				cat out
				atf_fail "${p}_test $c: $(cat "$results")"
			}
		done
	done
}

atf_test_case all__ext4 cleanup
all__ext4_head()
{
	atf_set descr "disk floor on ext4"
}
all__ext4_body()
{
	loopfs_make ext4 512M fs
	run_in fs
	atf_check -s not-exit:0 -e ignore cp --reflink=always \
	    fs/copy-file__as_allowed/from fs/shared
}
all__ext4_cleanup()
{
	loopfs_clean
}

atf_test_case all__xfs cleanup
all__xfs_head()
{
	atf_set descr "disk floor on XFS, which reflinks"
}
all__xfs_body()
{
	loopfs_make xfs 512M fs
	run_in fs
	atf_check cp --reflink=always fs/copy-file__as_allowed/from fs/shared
}
all__xfs_cleanup()
{
	loopfs_clean
}

atf_test_case all__btrfs cleanup
all__btrfs_head()
{
	atf_set descr "disk floor on btrfs, which reflinks"
}
all__btrfs_body()
{
	loopfs_make btrfs 512M fs
	run_in fs
	atf_check cp --reflink=always fs/copy-file__as_allowed/from fs/shared
}
all__btrfs_cleanup()
{
	loopfs_clean
}

atf_test_case all__tmpfs cleanup
all__tmpfs_head()
{
	atf_set descr "disk floor on tmpfs"
}
all__tmpfs_body()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "mounts are for root"
	mkdir fs
	(cd fs && pwd) >loopfs.mounts
	mount -t tmpfs -o size=512M tmpfs fs || atf_skip "no tmpfs here"
	run_in fs
}
all__tmpfs_cleanup()
{
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case all__ext4
	atf_add_test_case all__xfs
	atf_add_test_case all__btrfs
	atf_add_test_case all__tmpfs
}
