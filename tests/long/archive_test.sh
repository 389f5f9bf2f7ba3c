#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What the quick tests do by strides, or with fewer runs.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

atf_test_case import__every_byte_flipped
import__every_byte_flipped_body()
{
	snap_plant b web
	truncate -s 8K "root/snap/$(id_of b)/cow.raw"
	for how in --no-compress --zstd --gzip; do
		snap-export $how web >good
		n=$(stat -c %s good)
		at=0
		while [ $at -lt "$n" ]; do
			perl -e 'local $/; my $s = <STDIN>;
			    substr($s, $ARGV[0], 1) ^= chr(1 << $ARGV[0] % 8);
			    print $s' $at <good >flipped
			timeout 60 snap-import -R r <flipped >out 2>err
			rc=$?
			[ $rc -eq 65 ] && [ "$(wc -l <err)" -eq 1 ] &&
			    nothing_left r ||
			    atf_fail "$how: byte $at: $rc $(cat err)"
			at=$((at + 1))
		done
	done
}

# 2 GiB, of which every second block has data: a million runs, out and in.  In a
# filesystem of its own, with small blocks: to remove such a file from one that
# is mounted with discard takes longer than all the rest.
atf_test_case export__million_runs cleanup
export__million_runs_head()
{
	atf_set require.user root
}
export__million_runs_body()
{
	loopfs_make ext4 8G fs -b 1024
	cd fs || atf_fail "no directory"
	INSTAR_ROOT=$PWD/root
	snap_plant b web
	d=root/snap/$(id_of b)
	perl -e '
		open(F, ">", $ARGV[0]) or die;
		for my $i (0 .. 999_999) {
			sysseek(F, $i * 2048, 0);
			syswrite(F, pack("N", 1 + $i) x 256) == 1024 or die;
		}
		truncate(F, 2048 * 1_000_000) or die;' "$d/cow.raw"
	sync -f "$d"
	(
		[ -n "${LSAN_OPTIONS-}" ] || ulimit -v 524288
		snap-export --no-compress -o a web
	) >out || atf_fail "no archive"
	atf_check -o inline:'cow.raw\t2048000000\t1024000000\t1000000\n' \
	    -x "snap-export --list a -p name,size,data,runs | grep cow"
	for how in tar bsdtar; do
		mkdir x
		$how -C x -xf a || atf_fail "$how: status $?"
		same_files "$d" x || atf_fail "$how: differs"
		rm -rf x
	done
	rm a
	# In zstd, and through a pipe.
	(
		[ -n "${LSAN_OPTIONS-}" ] || ulimit -v 524288
		snap-export web | snap-import -p dir
	) >dir || atf_fail "no import"
	same_files "$d" "$(cat dir)" || atf_fail "differs"
	atf_check test "$(du -s "$(cat dir)" | cut -f 1)" -le \
	    "$(($(du -s "$d" | cut -f 1) * 101 / 100))"
}
export__million_runs_cleanup()
{
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case import__every_byte_flipped
	atf_add_test_case export__million_runs
}
