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
	exports
	for f in good.tar good.tar.zst good.tar.gz; do
		n=$(stat -c %s $f)
		at=0
		same=0
		while [ $at -lt "$n" ]; do
			perl -e 'local $/; my $s = <STDIN>;
			    substr($s, $ARGV[0], 1) ^= chr(1 << $ARGV[0] % 8);
			    print $s' $at <$f >f$at
			flipped f$at $f
			rm f$at
			at=$((at + 1))
		done
		[ $f != good.tar ] || atf_check_equal 0 $same
	done
	none_wrong
}

# Each 4 KiB of 4 MiB that do not compress, and the last bytes one by one.
atf_test_case import__large_cut
import__large_cut_head()
{
	atf_set timeout 1800
}
import__large_cut_body()
{
	snap_plant b web
	head -c 4M /dev/urandom >"root/snap/$(id_of b)/memory.raw"
	exports
	for f in good.tar good.tar.zst good.tar.gz; do
		n=$(stat -c %s $f)
		[ "$n" -gt 4194304 ] || atf_fail "$f has only $n bytes"
		at=0
		while [ $at -lt "$n" ]; do
			head -c $at $f >cut
			refused cut
			step=4096
			[ $((n - at)) -gt $step ] || step=64
			[ $((n - at)) -gt 64 ] || step=1
			at=$((at + step))
		done
	done
	none_wrong
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

# Builds a program, and so waits for Go to build its library.
atf_test_case export__go_reads
export__go_reads_body()
{
	PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null || atf_skip "no Go here"
	snap_shapes b web
	atf_check -o save:a.tar snap-export --no-compress web
	atf_check -o save:a.gz snap-export --gzip web
	atf_check -o save:d.tar snap-export --no-compress --dense web
	mkdir go
	cat >go/main.go <<-'END'
		package main

		import (
			"archive/tar"
			"compress/gzip"
			"io"
			"os"
		)

		func main() {
			var in io.Reader = os.Stdin
			if len(os.Args) > 1 {
				z, err := gzip.NewReader(in)
				if err != nil {
					os.Exit(3)
				}
				in = z
			}
			r := tar.NewReader(in)
			for {
				h, err := r.Next()
				if err == io.EOF {
					return
				}
				if err != nil || h.Typeflag != tar.TypeReg {
					os.Exit(1)
				}
				f, _ := os.Create(h.Name)
				if n, err := io.Copy(f, r); err != nil || n != h.Size {
					os.Exit(2)
				}
			}
		}
	END
	(cd go && GO111MODULE=off GOCACHE=$PWD/cache HOME=$PWD \
	    go build -o ../reader main.go) || atf_skip "Go does not build here"
	unpacked '../reader <../a.tar'
	unpacked '../reader <../d.tar'
	unpacked '../reader gzip <../a.gz'
}

atf_init_test_cases()
{
	atf_add_test_case import__every_byte_flipped
	atf_add_test_case import__large_cut
	atf_add_test_case export__million_runs
	atf_add_test_case export__go_reads
}
