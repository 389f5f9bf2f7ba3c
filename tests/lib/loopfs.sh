# SPDX-License-Identifier: ISC
# Filesystems of a test's own, in image files on loop devices.  A case that
# uses one has a cleanup part that calls loopfs_clean.
#	. "$(atf_get_srcdir)/../lib/loopfs.sh"

# loopfs_make ext4|xfs|btrfs SIZE DIR [OPTION...]: makes DIR a filesystem of that
# type and size (btrfs wants 128M, xfs 320M), with options for its mkfs, mounted;
# skips the case where that cannot be done.
loopfs_make()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "loop mounts are for root"
	truncate -s "$2" "$3.img" || atf_fail "$3.img: no image"
	mkdir -p "$3" || atf_fail "$3: no directory"
	PATH=$PATH:/usr/sbin:/sbin
	command -v "mkfs.$1" >/dev/null || atf_skip "mkfs.$1 is not installed"
	loopfs_type=$1
	loopfs_dir=$3
	shift 3
	case $loopfs_type in
	ext4) mkfs.ext4 -q -F -m 0 "$@" "$loopfs_dir.img" ;;
	*) "mkfs.$loopfs_type" -q -f "$@" "$loopfs_dir.img" ;;
	esac >loopfs.log 2>&1 ||
	    atf_skip "mkfs.$loopfs_type: $(tail -n 1 loopfs.log)"
	# Written before, so that cleanup also knows what a kill cut short.
	(cd "$loopfs_dir" && pwd) >>loopfs.mounts
	mount -t "$loopfs_type" -o loop "$loopfs_dir.img" "$loopfs_dir" \
	    2>loopfs.log ||
	    atf_skip "mount -o loop $loopfs_type: $(tail -n 1 loopfs.log)"
}

# Unmounts them all: in a cleanup part, which runs in the case's directory.
loopfs_clean()
{
	[ -e loopfs.mounts ] || return 0
	while read -r dir; do
		if mountpoint -q "$dir"; then
			umount "$dir" || umount -l "$dir"
		fi
	done <loopfs.mounts
	rm -f loopfs.mounts
}
