# SPDX-License-Identifier: ISC
# Snapshots mounted from an OCI image layout.  A case that mounts one says in its
# head require.files "/dev/fuse" and calls mounts_end in its cleanup.
#	. "$(atf_get_srcdir)/../lib/lib.sh"
#	. "$(atf_get_srcdir)/../lib/snaps.sh"
#	. "$(atf_get_srcdir)/../lib/mounts.sh"

# Skips where nobody may mount; whoever fails otherwise fails.
need_fuse()
{
	command -v fusermount3 >/dev/null || atf_skip "no fusermount3"
	[ -z "${LSAN_OPTIONS-}" ] || atf_skip "what serves it ends at once"
	case $(snap-mount oci-layout:lay:v1 mnt 2>&1 >/dev/null) in
	'') umount_it mnt ;;
	*'cannot be mounted'*) atf_skip "nothing can be mounted here" ;;
	*) atf_fail "$(snap-mount oci-layout:lay:v1 mnt 2>&1)" ;;
	esac
	rm -rf root/cache
}

# plant_files: the directory dir, of 8 MiB that no compression makes smaller in
# pieces, holes, the same again in another file, and a file of 3 bytes.
plant_files()
{
	mkdir dir mnt
	truncate -s 24M dir/memory.raw
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 2097152' >random
	dd if=random of=dir/memory.raw bs=1M seek=3 count=4 conv=notrunc \
	    2>dd.err
	dd if=random of=dir/memory.raw bs=1M skip=4 seek=17 count=4 \
	    conv=notrunc 2>dd.err
	truncate -s 8M dir/cow.raw
	dd if=random of=dir/cow.raw bs=4096 skip=64 seek=300 count=100 \
	    conv=notrunc 2>dd.err
	printf odd >dir/state.qemu
	cat >dir/snapshot.json <<-END
		{"version": 1, "config": {"id": "$(id_of b)", "name": "web",
		 "hypervisor": "qemu", "cpu": 1, "memory": 25165824},
		 "files": ["memory.raw", "cow.raw", "state.qemu"],
		 "created_at": "2026-11-21T08:00:00Z"}
	END
}

# The layout lay with that snapshot, which has tag v1 there.
plant_layout()
{
	plant_files
	atf_check -o ignore snap-import -q -n web --from-dir dir
	atf_check -o ignore snap-push -q oci-layout:lay:v1 web
}

# mount_it [OPTION...]: on mnt, and until the end of the case.
mount_it()
{
	atf_check -o save:mounted snap-mount "$@" oci-layout:lay:v1 mnt
}

# status MEMBER[,...] of what is mounted on mnt.
status()
{
	snap-mount --status -p "$1" mnt
}

# says VALUES MEMBERS: that is what it says of itself, with blanks between them.
says()
{
	got=$(status "$2" | tr '\t' ' ')
	[ "$got" = "$1" ] || atf_fail "$2: $got, not $1"
}

# umount_it DIR: and its processes have ended.
umount_it()
{
	pid=$(snap-mount --status -p pid "$1")
	fusermount3 -u "$1" || return
	eventually 20 has_ended "$pid" || atf_fail "$1: $pid runs on"
}

# A zombie, whose parent is not ours, has ended.
has_ended()
{
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# The process that serves the mount of the process $1.
server_of()
{
	tr -d " " <"/proc/$1/task/$1/children"
}

# The files of mnt are those of dir.
same()
{
	for f in memory.raw cow.raw state.qemu; do
		atf_check cmp "dir/$f" "mnt/$f"
	done
}

# In a cleanup part: whatever is mounted here is gone, whoever served it.
mounts_end()
{
	while read -r _ at type _; do
		case $type:$at in
		fuse.snap-mount:"$PWD"/*) fusermount3 -u -z "$at" ;;
		esac
	done </proc/mounts
	return 0
}
