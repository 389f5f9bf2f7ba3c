#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-mount: what the directory shows, and what it takes.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"

atf_test_case mount__shows_what_was_saved cleanup
mount__shows_what_was_saved_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
mount__shows_what_was_saved_body()
{
	plant_layout
	need_fuse
	mount_it
	atf_check -o inline:"cow.raw\nmemory.raw\nsnapshot.json\nstate.qemu\n" \
	    ls -A mnt
	same
	# The envelope as it lies there.
	hex=$(jq -r .digest mounted | cut -d : -f 2)
	hex=$(jq -r .config.digest "lay/blobs/sha256/$hex" | cut -d : -f 2)
	atf_check cmp "lay/blobs/sha256/$hex" mnt/snapshot.json
	atf_check snap-verify -q --from-dir mnt
	atf_check -o inline:"oci-layout:lay:v1 $PWD/mnt $PWD/root/cache/log 3 0\n" \
	    jq -r '[.ref, .dir, .log, .files, .failed | tostring] | join(" ")' \
	    mounted
	# Holes are told without a byte of them, and times stay what they are.
	when=$(date -d "$(jq -r .created_at mnt/snapshot.json)" +%s)
	atf_check -o inline:"400 $when\n" stat -c '%a %Y' mnt/memory.raw
	atf_check test "$(stat -c %b mnt/memory.raw)" -le 17408
	atf_check cp --sparse=auto mnt/memory.raw copy
	atf_check test "$(du -k copy | cut -f 1)" -le 8200
	atf_check -o match:'^....' snap-import -q -p id --from-dir mnt
	pid=$(jq .pid mounted)
	atf_check fusermount3 -u mnt
	eventually 20 has_ended "$pid" || atf_fail "$pid runs on"
	atf_check -o empty ls -A mnt
	atf_check -o empty cat root/cache/log
	atf_check -s exit:66 \
	    -e inline:"snap-mount: mnt: no snapshot is mounted\n" \
	    snap-mount --status mnt
}
mount__shows_what_was_saved_cleanup()
{
	mounts_end
}

# At any offset, of any length, past the end; where data begins and ends.
atf_test_case mount__any_offset cleanup
mount__any_offset_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl python3"
}
mount__any_offset_body()
{
	plant_layout
	need_fuse
	mount_it --on-demand
	cat >try.py <<-'END'
		import mmap, os, random
		random.seed(5)
		for name in "memory.raw", "cow.raw", "state.qemu":
		    a = os.open("dir/" + name, os.O_RDONLY)
		    b = os.open("mnt/" + name, os.O_RDONLY)
		    size = os.fstat(a).st_size
		    assert size == os.fstat(b).st_size, name
		    for i in range(200):
		        at = random.randrange(size + 10)
		        n = random.choice([1, 3, 4096, 65536, 300001, 2 << 20])
		        assert os.pread(a, n, at) == os.pread(b, n, at), (name, at, n)
		    x = mmap.mmap(a, size, mmap.MAP_PRIVATE, mmap.PROT_READ)
		    y = mmap.mmap(b, size, mmap.MAP_PRIVATE)
		    for i in range(100):
		        at = random.randrange(size)
		        assert x[at:at + 5000] == y[at:at + 5000], (name, at)
		    y[0:1] = b"!"
		    assert os.pread(b, 1, 0) == os.pread(a, 1, 0)
		def pieces(fd):
		    at, out = 0, []
		    while True:
		        try:
		            data = os.lseek(fd, at, os.SEEK_DATA)
		        except OSError as e:
		            assert e.errno == 6, e
		            return out
		        at = os.lseek(fd, data, os.SEEK_HOLE)
		        out.append((data, at))
		for name, want in (
		    ("memory.raw", [(3 << 20, 7 << 20), (17 << 20, 21 << 20)]),
		    ("cow.raw", [(300 * 4096, 400 * 4096)]),
		    ("state.qemu", [(0, 3)])):
		    fd = os.open("mnt/" + name, os.O_RDONLY)
		    assert pieces(fd) == want, (name, pieces(fd))
		    assert os.lseek(fd, 1, os.SEEK_HOLE) == (
		        3 if name == "state.qemu" else 1)
		assert os.lseek(os.open("mnt/memory.raw", os.O_RDONLY),
		    (4 << 20) + 5, os.SEEK_DATA) == (4 << 20) + 5
	END
	atf_check python3 try.py
}
mount__any_offset_cleanup()
{
	mounts_end
}

# What maps privately may open to write; nothing is written, made or removed.
atf_test_case mount__read_only cleanup
mount__read_only_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl python3"
}
mount__read_only_body()
{
	plant_layout
	need_fuse
	mount_it
	cat >try.py <<-'END'
		import errno, mmap, os, time
		fd = os.open("mnt/memory.raw", os.O_RDWR)
		want = open("dir/memory.raw", "rb").read()
		seen = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
		assert seen[:] == want
		for do in (lambda: os.write(fd, b"x"),
		    lambda: os.pwrite(fd, b"x", 4 << 20),
		    lambda: os.ftruncate(fd, 0),
		    lambda: os.posix_fallocate(fd, 0, 4096),
		    lambda: os.fchmod(fd, 0o777),
		    lambda: os.open("mnt/cow.raw", os.O_RDWR | os.O_TRUNC),
		    lambda: os.open("mnt/new", os.O_RDWR | os.O_CREAT),
		    lambda: os.unlink("mnt/cow.raw"),
		    lambda: os.rename("mnt/cow.raw", "mnt/x"),
		    lambda: os.link("mnt/cow.raw", "mnt/x"),
		    lambda: os.symlink("cow.raw", "mnt/x"),
		    lambda: os.mkdir("mnt/x")):
		    try:
		        do()
		    except OSError as e:
		        assert e.errno == errno.EROFS, e
		    else:
		        assert False, "written"
		# The kernel had what it was to write in the pages, before it asked.
		for i in range(200):
		    if seen[:] == want:
		        break
		    time.sleep(0.1)
		else:
		    assert False, "not as it was"
		m = mmap.mmap(fd, 0, mmap.MAP_PRIVATE)
		m[4 << 20:(4 << 20) + 3] = b"own"
		assert m[4 << 20:(4 << 20) + 3] == b"own"
	END
	atf_check python3 try.py
	same
	# A mapping that is shared changes what the kernel has, until the write is
	# refused.
	cat >try.py <<-'END'
		import mmap, os, time
		fd = os.open("mnt/memory.raw", os.O_RDWR)
		m = mmap.mmap(fd, 0, mmap.MAP_SHARED)
		for at in range(4 << 20, 6 << 20, 4096):
		    m[at:at + 3] = b"bad"
		try:
		    m.flush()
		except OSError as e:
		    assert e.errno == 30, e
		else:
		    assert False, "written"
		want = open("dir/memory.raw", "rb").read()
		for i in range(200):
		    if os.pread(fd, len(want), 0) == want and m[:] == want:
		        break
		    time.sleep(0.1)
		else:
		    assert False, "not as it was"
	END
	atf_check python3 try.py
	same
}
mount__read_only_cleanup()
{
	mounts_end
}

# Of the caller's descriptors a mount keeps none, and so no lock.
atf_test_case mount__descriptors cleanup
mount__descriptors_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl"
}
mount__descriptors_body()
{
	plant_layout
	need_fuse
	exec 9>lock
	flock 9
	mount_it
	exec 9>&-
	atf_check flock -n lock true
}
mount__descriptors_cleanup()
{
	mounts_end
}

atf_test_case mount__messages cleanup
mount__messages_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl"
}
mount__messages_body()
{
	plant_layout
	need_fuse
	mkdir full other
	touch full/file
	while IFS='|' read -r status command message; do
		# shellcheck disable=SC2086
		atf_check -s exit:"$status" -e inline:"snap-mount: $message\n" \
		    snap-mount $command
	done <<-END
		64||no reference: what is to be mounted?
		64|oci-layout:lay|no directory: where is it to be mounted?
		64|oci-layout:lay mnt x|x: one snapshot is mounted
		64|lay mnt|lay: not HOST[:PORT]/NAME[:TAG], nor oci-layout:DIR[:TAG]
		64|--cache-size 63M oci-layout:lay mnt|--cache-size: 63M: less than 67108864
		64|-f --log x oci-layout:lay mnt|--log and -f exclude each other
		64|--status|--status takes one directory
		64|--status -f mnt|--status only asks: of the options it takes -p
		66|oci-layout:lay no|no: No such file or directory
		66|oci-layout:none mnt|none: No such file or directory
		66|oci-layout:other mnt|other: no OCI layout: oci-layout: No such file or directory
		66|oci-layout:lay:v2 mnt|oci-layout:lay:v2: lay: no manifest has tag v2
		73|oci-layout:lay full|full: not empty
		73|--log no/log oci-layout:lay mnt|$PWD/no/log: No such file or directory
		66|--status mnt|mnt: no snapshot is mounted
		66|--status no|no: No such file or directory
	END
	atf_check -s exit:66 -e match:'no manifest has tag v2' \
	    snap-mount -f oci-layout:lay:v2 mnt
	# One that is there already, from inside and from outside.
	mount_it
	atf_check -s exit:73 -e inline:"snap-mount: mnt: not empty\n" \
	    snap-mount oci-layout:lay mnt
	umount_it mnt
	# Damaged where it begins.
	for f in lay/blobs/sha256/*; do
		case $(head -c 8 "$f") in
		INSTARIX) printf x | dd of="$f" bs=1 seek=90 conv=notrunc \
		    2>dd.err ;;
		esac
	done
	rm -r root/cache
	atf_check -s exit:65 -e inline:"snap-mount: oci-layout:lay:v1: index: \
differs from its digest\n" snap-mount oci-layout:lay:v1 mnt
	atf_check -o empty ls -A mnt
}
mount__messages_cleanup()
{
	mounts_end
}

# By a signal and by fusermount3 it ends with 0, in the foreground, too.
atf_test_case mount__ends cleanup
mount__ends_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl"
}
mount__ends_body()
{
	plant_layout
	need_fuse
	for how in INT TERM HUP fusermount3; do
		rm -f record
		signalled snap-mount -f oci-layout:lay:v1 mnt >record 2>err &
		pid=$!
		eventually 20 test -s record || atf_fail "$how: $(cat err)"
		atf_check_equal "$pid" "$(status pid)"
		atf_check cmp dir/cow.raw mnt/cow.raw
		case $how in
		fusermount3) fusermount3 -u mnt ;;
		*) kill -s "$how" "$pid" ;;
		esac
		wait "$pid" || atf_fail "$how: status $?: $(cat err)"
		atf_check -o empty ls -A mnt
		atf_check -o empty cat err
	done
	# While a file is open fusermount3 refuses, and a signal does not.
	mount_it
	pid=$(status pid)
	exec 7<mnt/cow.raw
	atf_check -s exit:1 -e match:'busy' fusermount3 -u mnt
	atf_check cmp dir/cow.raw mnt/cow.raw
	kill "$pid"
	eventually 20 has_ended "$pid" || atf_fail "$pid runs on"
	exec 7<&-
	atf_check -o empty ls -A mnt
	mount_it
	same
}
mount__ends_cleanup()
{
	mounts_end
}

# Killed at once, each of the two.
atf_test_case mount__killed cleanup
mount__killed_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl"
}
mount__killed_body()
{
	plant_layout
	need_fuse
	mount_it
	pid=$(status pid)
	server=$(server_of "$pid")
	kill -9 "$pid"
	eventually 20 has_ended "$server" || atf_fail "$server runs on"
	stale="mnt: Transport endpoint is not connected (fusermount3 -u mnt \
ends it)"
	atf_check -s exit:2 -e match:'not connected' ls mnt
	atf_check -s exit:69 -e inline:"snap-mount: $stale\n" \
	    snap-mount --status mnt
	atf_check -s exit:74 -e inline:"snap-mount: $stale\n" \
	    snap-mount oci-layout:lay:v1 mnt
	for tool in "vm-clone --in-place" snap-verify snap-import; do
		# shellcheck disable=SC2086
		atf_check -s exit:74 -e inline:"${tool%% *}: $stale\n" \
		    $tool --from-dir mnt
	done
	atf_check fusermount3 -u mnt
	mount_it
	same
	umount_it mnt
	# The one that serves: the other one unmounts, and says so.
	rm -f record
	snap-mount -f oci-layout:lay:v1 mnt >record 2>err &
	pid=$!
	eventually 20 test -s record || atf_fail "$(cat err)"
	kill -9 "$(server_of "$pid")"
	code=0
	wait "$pid" || code=$?
	atf_check_equal 70 $code
	atf_check -o inline:"snap-mount: the server has ended: signal 9\n" \
	    cat err
	atf_check -o empty ls -A mnt
	mount_it
	same
}
mount__killed_cleanup()
{
	mounts_end
}

# As an ordinary user, and as root in such a user's root; in a view of the host
# where everybody may have /dev/fuse, as on most of them.
atf_test_case mount__another_user cleanup
mount__another_user_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl unshare"
	atf_set require.user root
}
mount__another_user_body()
{
	plant_layout
	need_fuse
	rm -rf root
	as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
	chmod 755 . lay lay/blobs lay/blobs/sha256
	chmod -R a+r lay dir
	$as test -r "$PWD/lay/index.json" -a -x "$top/snap-mount/snap-mount" ||
	    atf_skip "nobody cannot read this tree"
	mkdir home none
	chown nobody mnt home
	cat >steps.sh <<-END
		set -e
		mknod -m 666 fuse c 10 229
		mount --bind fuse /dev/fuse
		INSTAR_ROOT=$PWD/home/root
		export INSTAR_ROOT
		tool=$top/snap-mount/snap-mount
		echo "as nobody"
		$as \$tool -p dir oci-layout:lay:v1 mnt
		$as cmp dir/memory.raw mnt/memory.raw
		$as fusermount3 -u mnt
		echo "by a signal"
		$as \$tool -p dir oci-layout:lay:v1 mnt
		kill \$($as \$tool --status -p pid mnt)
		while grep -q " $PWD/mnt fuse" /proc/self/mounts; do
			sleep 0.1
		done
		echo "as root, in nobody's root"
		\$tool -p dir oci-layout:lay:v1 mnt
		$as cmp dir/memory.raw mnt/memory.raw
		ls mnt 2>&1 || :
		$as fusermount3 -u mnt
		$as \$tool oci-layout:lay:v1 none 2>&1
	END
	atf_check -s exit:77 -o save:out unshare -m sh steps.sh
	atf_check -o inline:"as nobody
$PWD/mnt
by a signal
$PWD/mnt
as root, in nobody's root
$PWD/mnt
ls: cannot access 'mnt': Permission denied
snap-mount: none: Permission denied
" cat out
	atf_check -o inline:"nobody\n" sh -c \
	    "find home/root -printf '%u\n' | sort -u"
}
mount__another_user_cleanup()
{
	mounts_end
}

atf_init_test_cases()
{
	atf_add_test_case mount__shows_what_was_saved
	atf_add_test_case mount__any_offset
	atf_add_test_case mount__read_only
	atf_add_test_case mount__descriptors
	atf_add_test_case mount__messages
	atf_add_test_case mount__ends
	atf_add_test_case mount__killed
	atf_add_test_case mount__another_user
}
