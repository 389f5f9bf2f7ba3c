#!/bin/sh
# SPDX-License-Identifier: ISC
# To ask libarchive how many pieces an entry's sparse map has changes the map:
# archive_entry_sparse_count(3) of an entry whose one piece covers the whole file
# answers 0, and forgets the piece.  Who adds another one afterwards, an empty one
# at the end as GNU tar's maps have it, or what the file has grown by, has written
# the first piece's bytes into a hole.  Every call answers ARCHIVE_OK, and so does
# whoever extracts: the file has the right length, and zeros.
#
# Seen with libarchive 3.6.2-1+deb12u5 (Debian 12), pax format, a file of 8192
# bytes that are all "x", extracted by GNU tar 1.34 and bsdtar 3.6.2:
#
#	add (0, 8192)						8192 bytes are x
#	add (0, 8192), add (8192, 0)				8192
#	add (0, 8192), count, add (8192, 0)			   0
#	add (0, 8192), count, size 12288, add (8192, 4096)	4096 of 12288
#
# The manual page names both functions and says nothing of it.  The fast answer,
# that a function which asks changes nothing, is wrong; so is a loop that prints
# the count while it debugs.  What helps: to count one's own pieces, and to leave
# the map out of a file without holes.
#
# usage: libarchive-count-drops-map.sh; takes gcc, tar and 10 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

version=3.6.2-1+deb12u5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

for p in libarchive13 libarchive-dev libarchive-tools; do
	apt-get download -q "$p=$version" >apt.log 2>&1 ||
	    differs "no $p $version here: $(tail -n 1 apt.log)"
	dpkg-deb -x "$p"_*.deb root
done
lib=$(dirname "$(find root -name libarchive.so.13)")
export LD_LIBRARY_PATH="$work/$lib"

cat >try.c <<'END'
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char *argv[])
{
	static char data[12288];
	int counts = strchr(argv[1], 'c') != NULL;
	int grows = strchr(argv[1], 'g') != NULL;
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	size_t size = grows ? 12288 : 8192;

	memset(data, 'x', sizeof(data));
	archive_write_set_format_pax(a);
	archive_write_open_filename(a, argv[2]);
	archive_entry_set_pathname(e, "file");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 8192);
	archive_entry_sparse_add_entry(e, 0, 8192);
	if (counts && archive_entry_sparse_count(e) != 0)
		return 2;
	archive_entry_set_size(e, (la_int64_t)size);
	if (strchr(argv[1], 'e') != NULL)
		archive_entry_sparse_add_entry(e, 8192, 0);
	if (grows)
		archive_entry_sparse_add_entry(e, 8192, 4096);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    archive_write_data(a, data, size) != (la_ssize_t)size ||
	    archive_write_close(a) != ARCHIVE_OK)
		return 3;
	return argc == 3 ? 0 : 64;
}
END
cc -Iroot/usr/include -o try try.c "$lib/libarchive.so.13"

# case_is CALLS LENGTH EXPECTED: so many bytes of the file are what was written.
case_is()
{
	./try "$1" "$1.tar" || differs "$1: status $?"
	for by in tar "root/usr/bin/bsdtar"; do
		rm -f file
		"$by" -xf "$1.tar" || differs "$1: $by: status $?"
		length=$(wc -c <file) got=$(tr -cd x <file | wc -c)
		echo "$1, $by: $got of $length"
		[ "$length $got" = "$2 $3" ] || differs "not $3 of $2"
	done
}

case_is - 8192 8192
case_is e 8192 8192
case_is ce 8192 0
case_is cg 12288 4096
echo "as told: libarchive $version"
