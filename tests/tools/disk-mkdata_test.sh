#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"

# Every case makes its disks in an empty directory of this name.
new_dir()
{
	mkdir d
}

nothing_made()
{
	atf_check_equal "" "$(ls -A d)"
}

atf_test_case make__ext4
make__ext4_body()
{
	new_dir
	atf_check -o inline:"{\"path\":\"$PWD/d/data-db.raw\",\"ro\":false,\"serial\":\"db\",\"role\":\"data\",\"mount_point\":\"/mnt/db\",\"fstype\":\"ext4\"}\n" \
	    disk-mkdata size=1G,name=db d
	atf_check -o inline:"data-db.raw\n" ls -A d
	atf_check -o inline:"600 1073741824\n" stat -c '%a %s' d/data-db.raw
	atf_check -o ignore -e ignore e2fsck -fn d/data-db.raw
	# -m 0: no block is set aside for root.
	dumpe2fs -h d/data-db.raw >head 2>/dev/null
	atf_check -o match:'^Reserved block count: *0$' cat head
}

# Only what the filesystem itself needs is allocated, however large it is.
atf_test_case make__sparse
make__sparse_body()
{
	new_dir
	atf_check -o inline:"data1\n" disk-mkdata -p serial size=100G d
	truncate -s 100G by-hand
	mkfs.ext4 -F -m 0 -q -E lazy_itable_init=1,lazy_journal_init=1,discard \
	    by-hand
	ours=$(stat -c %b d/data-data1.raw)
	theirs=$(stat -c %b by-hand)
	[ "$ours" -le $((theirs + 64)) ] || atf_fail "$ours blocks, not $theirs"
	[ $((ours * 512)) -lt 16777216 ] || atf_fail "$ours blocks"
}

atf_test_case make__no_filesystem
make__no_filesystem_body()
{
	new_dir
	atf_check -o inline:"{\"path\":\"$PWD/d/data-raw.raw\",\"ro\":false,\"serial\":\"raw\",\"role\":\"data\",\"fstype\":\"none\",\"direct_io\":true}\n" \
	    disk-mkdata size=1.5G,name=raw,fstype=none,directio=on d
	atf_check -o inline:"600 1610612736 0\n" \
	    stat -c '%a %s %b' d/data-raw.raw
}

atf_test_case make__members
make__members_body()
{
	new_dir
	ln -s d link
	atf_check -o inline:"$PWD/d/data-a.raw\ta\t/srv/a\tfalse\n" \
	    disk-mkdata -p path,serial,mount_point,direct_io \
	    size=16M,name=a,mount=/srv/a,directio=off link
	cd d || atf_fail "cd"
	atf_check -o inline:"$PWD/data-b.raw\t\n" disk-mkdata \
	    -p path,mount_point size=16M,name=b,mount= .
}

atf_test_case from__fills
from__fills_head()
{
	atf_set require.progs debugfs
}
from__fills_body()
{
	new_dir
	mkdir -p "from/sub dir"
	echo hello >from/a
	head -c 300000 /dev/urandom >"from/sub dir/b"
	truncate -s 5G from/sparse
	echo end | dd of=from/sparse bs=1 seek=4294967296 conv=notrunc \
	    status=none
	chmod 640 from/a
	touch -d '2020-02-02 02:02:02Z' from/a
	ln -s a from/link
	ln from/a from/hard
	atf_check -o ignore disk-mkdata --from from size=64M,name=db d
	atf_check -o ignore -e ignore e2fsck -fn d/data-db.raw
	atf_check -o inline:"hello\n" -e ignore \
	    debugfs -R "cat /a" d/data-db.raw
	debugfs -R 'dump "/sub dir/b" b' d/data-db.raw 2>/dev/null
	atf_check cmp "from/sub dir/b" b
	debugfs -R 'stat /a' d/data-db.raw >stat 2>/dev/null
	atf_check -o ignore grep -E 'Mode: +0640' stat
	atf_check -o ignore grep -E 'Links: 2' stat
	atf_check -o ignore grep -E "User: +$(id -u) " stat
	debugfs -R 'stat /link' d/data-db.raw >stat 2>/dev/null
	atf_check -o ignore grep -E 'Fast link dest: "a"' stat
	atf_check -o inline:"600 67108864\n" stat -c '%a %s' d/data-db.raw
}

inodes_of()
{
	dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Inode count: *//p'
}

# Many small files: where mkfs.ext4 has too few inodes by itself, and where a
# larger disk has fewer.
atf_test_case from__many_files
from__many_files_head()
{
	atf_set require.config long
}
from__many_files_body()
{
	new_dir
	mkdir from
	for i in $(seq 1 400); do
		mkdir from/$i
		(cd from/$i && seq 1 100 | xargs touch)
	done
	for size in 64M 512M; do
		atf_check -o ignore disk-mkdata --from from size=$size,name=a d
		debugfs -R 'ls -l /400' d/data-a.raw 2>/dev/null >list
		atf_check_equal 102 "$(grep -c . list)"
		# Some are left for the guest.
		[ "$(inodes_of d/data-a.raw)" -ge 45000 ] ||
		    atf_fail "$size: $(inodes_of d/data-a.raw)"
		atf_check -o ignore -e ignore e2fsck -fn d/data-a.raw
		rm d/data-a.raw
	done
	# Where the size brings more there are as many as ever.
	truncate -s 1G by-hand
	mkfs.ext4 -F -q by-hand
	atf_check -o ignore disk-mkdata --from from size=1G,name=b d
	atf_check_equal "$(inodes_of by-hand)" "$(inodes_of d/data-b.raw)"
	rm d/data-b.raw
	atf_check -s exit:64 -e inline:"disk-mkdata: inodes: 2000 for the \
40401 files of from\n" disk-mkdata --from from size=1G,inodes=2000,name=a d
	nothing_made
}

# mkfs.ext4 -d takes 32 bits of a time; a guest would see 1904 for 2040.
atf_test_case from__late_times
from__late_times_head()
{
	atf_set require.progs debugfs
}
from__late_times_body()
{
	new_dir
	mkdir -p 'from/sub dir'
	echo a >'from/sub dir/a "quoted" \name'
	echo b >from/b
	ln -s nowhere from/link
	touch -d '2020-02-02 02:02:02Z' from/b
	touch -h -d '2040-01-02 03:04:05Z' from/link || atf_skip "no such times"
	touch -d '2107-01-02 03:04:05.5Z' 'from/sub dir/a "quoted" \name'
	touch -d '2440-05-06 07:08:09Z' 'from/sub dir'
	[ "$(stat -c %Y 'from/sub dir')" -eq 14842681689 ] ||
	    atf_skip "the filesystem here has no such times"
	atf_check -o ignore disk-mkdata --from from size=64M,name=a d
	atf_check -o ignore -e ignore e2fsck -fn d/data-a.raw
	while IFS='|' read -r file field seconds; do
		debugfs -R "stat $file" d/data-a.raw 2>/dev/null |
		    sed -n "s/^ *$field: 0x\([0-9a-f]*\):\([0-9a-f]*\) .*/\1 \2/p" |
		    perl -ne 'my ($t, $x) = map { hex } split;
			$t -= 1 << 32 if $t >= 1 << 31;
			print $t + (($x & 3) << 32), " ", $x >> 2, "\n"' >got
		atf_check -o inline:"$seconds\n" cat got
	done <<-'END'
		/b|mtime|1580608922 0
		/link|mtime|2209086245 0
		/link|atime|2209086245 0
		"/sub dir"|mtime|14842681689 0
		"/sub dir/a ""quoted"" \name"|mtime|4323380645 500000000
	END
	rm -r from/* d/*
	echo c >'from/c
d'
	atf_check -o ignore disk-mkdata --from from size=64M,name=a d
	rm d/*
	touch -d '2040-01-02 03:04:05Z' 'from/c
d'
	atf_check -s exit:65 -e match:'a time after 2038, and no name for debugfs' \
	    disk-mkdata --from from size=64M,name=a d
	nothing_made
}

atf_test_case make__inodes
make__inodes_body()
{
	new_dir
	atf_check -o ignore disk-mkdata size=1G,name=a,inodes=100000 d
	[ "$(inodes_of d/data-a.raw)" -ge 100000 ] ||
	    atf_fail "$(inodes_of d/data-a.raw)"
	atf_check -o ignore disk-mkdata size=1G,name=b,inodes=1000 d
	[ "$(inodes_of d/data-b.raw)" -le 2000 ] ||
	    atf_fail "$(inodes_of d/data-b.raw)"
}

# Without a privilege, and as somebody who may read nothing of root's.
atf_test_case from__unprivileged
from__unprivileged_head()
{
	atf_set require.user unprivileged
}
from__unprivileged_body()
{
	new_dir
	mkdir from
	echo hello >from/a
	atf_check -o ignore disk-mkdata --from from size=16M,name=db d
	atf_check -o inline:"hello\n" -e ignore \
	    debugfs -R "cat /a" d/data-db.raw
	echo secret >from/b
	chmod 0 from/b
	atf_check -s exit:69 -e match:'^disk-mkdata: d/data-x.raw: mkfs.ext4: ' \
	    disk-mkdata --from from size=16M,name=x d
	atf_check -o inline:"data-db.raw\n" ls -A d
	chmod 500 d
	atf_check -s exit:77 -e \
	    inline:"disk-mkdata: d/data-x.raw: Permission denied\n" \
	    disk-mkdata size=16M,name=x d
	chmod 700 d
}

atf_test_case from__refused
from__refused_body()
{
	new_dir
	mkdir from
	mkdir from/sub
	head -c 40M /dev/urandom >from/sub/big
	echo a >from/a
	atf_check -s exit:69 -e \
	    match:'^disk-mkdata: d/data-db.raw: mkfs.ext4: status 1: .*"big"$' \
	    disk-mkdata --from from size=16M,name=db d
	atf_check -s exit:66 -e \
	    inline:"disk-mkdata: nil: No such file or directory\n" \
	    disk-mkdata --from nil size=16M d
	atf_check -s exit:66 -e inline:"disk-mkdata: from/a: Not a directory\n" \
	    disk-mkdata --from from/a size=16M d
	atf_check -s exit:64 -e \
	    inline:"disk-mkdata: --from from: fstype none has no files\n" \
	    disk-mkdata --from from size=16M,fstype=none d
	nothing_made
}

atf_test_case target__taken
target__taken_body()
{
	new_dir
	echo mine >d/data-db.raw
	mkdir d/data-dir.raw
	ln -s nowhere d/data-link.raw
	ls -lA --time-style=full-iso d >before
	atf_check -s exit:73 -e inline:"disk-mkdata: d/data-db.raw: exists\n" \
	    disk-mkdata size=16M,name=db d
	atf_check -s exit:73 -e \
	    inline:"disk-mkdata: d/data-dir.raw: exists, and is no regular file\n" \
	    disk-mkdata size=16M,name=dir d
	atf_check -s exit:73 -e \
	    inline:"disk-mkdata: d/data-link.raw: exists, and is no regular file\n" \
	    disk-mkdata size=16M,name=link d
	ls -lA --time-style=full-iso d >after
	atf_check cmp before after
	atf_check -o inline:"mine\n" cat d/data-db.raw
	atf_check -s exit:73 -e \
	    inline:"disk-mkdata: nil/data-db.raw: No such file or directory\n" \
	    disk-mkdata size=16M,name=db nil
}

# The name is taken while the disk is being made.
atf_test_case target__taken_meanwhile
target__taken_meanwhile_body()
{
	new_dir
	INSTAR_HOOK=disk-made=sleep:1000 disk-mkdata size=16M,name=db d \
	    2>err &
	pid=$!
	sleep 0.3
	echo mine >d/data-db.raw
	wait $pid
	atf_check_equal 73 $?
	atf_check -o inline:"disk-mkdata: d/data-db.raw: exists\n" cat err
	atf_check -o inline:"mine\n" cat d/data-db.raw
	atf_check -o inline:"data-db.raw\n" ls -A d
}

atf_test_case killed__nothing_left
killed__nothing_left_body()
{
	new_dir
	INSTAR_HOOK=disk-made=kill disk-mkdata size=16M,name=db d
	atf_check_equal 137 $?
	nothing_made
	INSTAR_HOOK=disk-made=sleep:5000 disk-mkdata size=16M,name=db d &
	pid=$!
	sleep 0.3
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	nothing_made
}

# On a filesystem without O_TMPFILE it is made beside, and renamed.
atf_test_case target__no_nameless_files
target__no_nameless_files_head()
{
	atf_set require.progs strace
}
target__no_nameless_files_body()
{
	new_dir
	# The only name "." that it opens is that of the nameless file.
	without()
	{
		ASAN_OPTIONS=detect_leaks=0 strace -o trace -P . \
		    -e inject=openat:error=EOPNOTSUPP "$@"
	}
	without disk-mkdata -p serial size=16M,name=db "$PWD/d" >out ||
	    atf_fail "status $?"
	atf_check -o inline:"db\n" cat out
	atf_check -o ignore grep O_TMPFILE.*EOPNOTSUPP trace
	atf_check -o inline:"data-db.raw\n" ls -A d
	atf_check -o ignore -e ignore e2fsck -fn d/data-db.raw
	atf_check -o inline:"600\n" stat -c %a d/data-db.raw
	without disk-mkdata size=16M,name=db "$PWD/d" >out 2>err
	atf_check_equal 73 $?
	atf_check -o inline:"data-db.raw\n" ls -A d
	printf '#!/bin/sh\nexit 1\n' >mkfs.ext4
	chmod +x mkfs.ext4
	PATH=$PWD:$PATH
	without disk-mkdata size=16M,name=x "$PWD/d" >out 2>err
	atf_check_equal 69 $?
	atf_check -o inline:"data-db.raw\n" ls -A d
}

atf_test_case report__refused
report__refused_body()
{
	new_dir
	atf_check -s exit:74 -e \
	    inline:"disk-mkdata: standard output: No space left on device\n" \
	    sh -c 'exec disk-mkdata size=16M d >/dev/full'
	nothing_made
}

atf_test_case helper__missing
helper__missing_body()
{
	new_dir
	mkdir bin
	printf '#!/bin/sh\necho no luck today >&2\nexit 3\n' >bin/mkfs.ext4
	chmod +x bin/mkfs.ext4
	atf_check -s exit:69 -e \
	    inline:"disk-mkdata: d/data-db.raw: mkfs.ext4: status 3: no luck today\n" \
	    env PATH="$PWD/bin:$PATH" disk-mkdata size=16M,name=db d
	nothing_made
}

# Its arguments, and nothing of a shell: a name of blanks and quotes is one.
atf_test_case helper__by_argument_vector
helper__by_argument_vector_body()
{
	new_dir
	mkdir bin 'from $(touch pwned); "x'
	cat >bin/mkfs.ext4 <<'END'
#!/bin/sh
printf '%s\n' "$@" >args
END
	chmod +x bin/mkfs.ext4
	atf_check -o ignore env PATH="$PWD/bin:$PATH" disk-mkdata \
	    --from 'from $(touch pwned); "x' size=16M,name=db d
	atf_check -o inline:'-F\n-m\n0\n-q\n-E\nlazy_itable_init=1,lazy_journal_init=1,discard\n-d\nfrom $(touch pwned); "x\n--\n/proc/self/fd/0\n' \
	    cat args
	atf_check -s exit:1 test -e pwned
}

# What tests/seed/datadisk_test.c has in full: here, that nothing is made.
atf_test_case bad__each
bad__each_body()
{
	new_dir
	while IFS=';' read -r spec message; do
		printf 'disk-mkdata: %s: %s\n' "$spec" "$message" >want
		atf_check -s exit:64 -e file:want disk-mkdata "$spec" d
		nothing_made
	done <<'END'
;empty
size;item 1: "size" is not key=value
name=db;size is missing
size=0;item 1, size: "0" is less than 16777216 bytes
size=15M;item 1, size: "15M" is less than 16777216 bytes
size=1G,;item 2: "" is not key=value
size=1G,foo=bar;item 2: unknown key "foo"
size=9T;item 1, size: "9T" is more than 8796093022208 bytes
size=99999999999999999999G;item 1, size: "99999999999999999999G" is more than 8796093022208 bytes
size=big;item 1, size: "big" is not a size
size=1G,name=../x;item 2, name: serial "../x" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
size=1G,name=DB;item 2, name: serial "DB" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
size=1G,name=abcdefghijklmnopqrstu;item 2, name: serial "abcdefghijklmnopqrstu" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
size=1G,name=cocoon-x;item 2, name: serial "cocoon-x": names that begin with cocoon- are reserved
size=1G,fstype=btrfs;item 2, fstype: "btrfs" is neither ext4 nor none
size=1G,mount=mnt/x;item 2, mount: mount_point "mnt/x" is not an absolute path
fstype=none,size=1G,mount=/x;item 3, mount: "/x" with fstype none
size=1G,directio=maybe;item 2, directio: "maybe" is none of on, off and auto
END
}

atf_test_case usage__wrong
usage__wrong_body()
{
	new_dir
	for args in '' 'size=16M' 'size=16M d d' '--from a --from b size=16M d' \
	    '-p a -p b size=16M d' '--root x size=16M d'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^disk-mkdata: ' disk-mkdata $args
	done
	nothing_made
	atf_check -o match:'^usage: disk-mkdata ' disk-mkdata -h
}

atf_init_test_cases()
{
	atf_add_test_case make__ext4
	atf_add_test_case make__sparse
	atf_add_test_case make__no_filesystem
	atf_add_test_case make__members
	atf_add_test_case from__fills
	atf_add_test_case from__many_files
	atf_add_test_case make__inodes
	atf_add_test_case from__late_times
	atf_add_test_case from__unprivileged
	atf_add_test_case from__refused
	atf_add_test_case target__taken
	atf_add_test_case target__taken_meanwhile
	atf_add_test_case target__no_nameless_files
	atf_add_test_case killed__nothing_left
	atf_add_test_case report__refused
	atf_add_test_case helper__missing
	atf_add_test_case helper__by_argument_vector
	atf_add_test_case bad__each
	atf_add_test_case usage__wrong
}
