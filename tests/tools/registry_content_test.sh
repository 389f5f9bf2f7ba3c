#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-pull, of artifacts in which each digest is right and one thing is not.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

# forged [OPTION...] <TABLE: pulls what forge.py makes of the tag in each line of
# "TAG|MESSAGE": it is refused, from a layout and from a registry.
forged()
{
	plant_small
	atf_check -o save:tags python3 "$top/tests/lib/forge.py" lay v1
	grep "^$1-" tags | sort >made
	cat >table
	cut -d '|' -f 1 table | sort >told
	atf_check cmp made told
	hostile
	while IFS='|' read -r tag message; do
		refused 65 "snap-pull: oci-layout:lay:$tag: $message" \
		    snap-pull oci-layout:lay:"$tag"
		refused 65 "snap-pull: HOST/golden:$tag: $message" \
		    snap-pull "$at/golden:$tag"
	done <table
	# What has nothing wrong is pulled.
	atf_check -o ignore snap-pull "$at/golden:v1"
	hostile_end
}

atf_test_case content__index
content__index_head()
{
	atf_set require.progs "perl python3 zstd"
}
content__index_body()
{
	forged index <<-'END'
		index-magic|index: no index
		index-version|index: version 2, not 1
		index-depth|index: depth of 17
		index-files-none|index: 3 groups of no file
		index-files-more|index: of 3 files, the envelope has 2
		index-files-all|index: 4294967295 files
		index-parts|index: 3 parts, listed are 2
		index-groups-more|index: 208 bytes for 2 files and 4 groups
		index-groups-all|index: 18446744073709551615 groups
		index-tail|index: 209 bytes for 2 files and 3 groups
		index-cut|index: 160 bytes for 2 files and 3 groups
		index-empty|manifest: layer 0: "size" is 0, not within 1 and 201392160
		index-zero|index: file 0: 2097152 bytes
		index-size|memory.raw: 2097153 bytes by the index, 2097152 by the envelope
		index-size-huge|index: file 0: 9223372036854775808 bytes
		index-share|index: file 0: group 0 of 4 is out of order or range
		index-order|index: file 0: group 0 of 4 is out of order or range
		index-twice|index: file 0: group 0 of 4 is out of order or range
		index-swapped|memory.raw: the index has another digest
		index-beyond|index: file 0: group 5 of 4 is out of order or range
		index-gap|memory.raw: the index has another digest
		index-hash|memory.raw: the index has another digest
		index-part-pack|index: file 0: group 0: part 0 is no tree
		index-part-none|index: file 0: group 0: part 9 is no tree
		index-leaf-short|index: file 0: group 0: 23 bytes at 0 of a tree of 2312
		index-leaf-long|index: file 0: group 0: 6425 bytes at 0 of a tree of 2312
		index-off|index: file 0: group 0: 1144 bytes at 1169 of a tree of 2312
		index-off-huge|index: file 0: group 0: 1144 bytes at 18446744073709551615 of a tree of 2312
		index-overlap|memory.raw: leaf of group 1: differs from its hash
		index-overlap-half|memory.raw: leaf of group 1: says 10685 pages, marks 69
	END
}

atf_test_case content__leaf
content__leaf_head()
{
	atf_set require.progs "perl python3 zstd"
}
content__leaf_body()
{
	forged leaf <<-'END'
		leaf-nothing|memory.raw: leaf of group 0: says 0 pages, marks 0
		leaf-pages|memory.raw: leaf of group 0: says 31 pages, marks 32
		leaf-pages-most|memory.raw: leaf of group 0: says 65535 pages, marks 32
		leaf-frames-none|memory.raw: leaf of group 0: 1112 bytes for 32 pages in 0 frames
		leaf-frames-more|memory.raw: leaf of group 0: frame 2 has no page
		leaf-zero|memory.raw: leaf of group 0: says 32 pages, marks 32
		leaf-tail|memory.raw: leaf of group 0: 1145 bytes for 32 pages in 2 frames
		leaf-cut|memory.raw: leaf of group 0: 1143 bytes for 32 pages in 2 frames
		leaf-bit|memory.raw: leaf of group 0: says 32 pages, marks 33
		leaf-hash|memory.raw: leaf of group 0: differs from its hash
		leaf-order|memory.raw: leaf of group 0: page 0: frame 1 where 0 is the next
		leaf-slot|memory.raw: leaf of group 0: page 0: number 16 of a frame of 16
		leaf-slot-other|memory.raw: byte 4096: differs from its hash
		leaf-frame|memory.raw: leaf of group 0: page 0: frame 255 where 0 is the next
	END
}

atf_test_case content__frame
content__frame_head()
{
	atf_set require.progs "perl python3 zstd"
}
content__frame_body()
{
	forged frame <<-'END'
		frame-off|memory.raw: leaf of group 0: frame 0: 65546 bytes at 262184 of a pack of 262184
		frame-off-huge|memory.raw: leaf of group 0: frame 0: 65546 bytes at 18446744073709551615 of a pack of 262184
		frame-len-none|memory.raw: leaf of group 0: frame 0: 0 bytes at 0 of a pack of 262184
		frame-len-short|memory.raw: byte 0: no zstd frame of 16 pages
		frame-len-long|memory.raw: leaf of group 0: frame 0: 266241 bytes at 0 of a pack of 262184
		frame-part-tree|memory.raw: leaf of group 0: frame 0: part 1 is no pack
		frame-part-none|memory.raw: leaf of group 0: frame 0: part 65535 is no pack
		frame-pages-none|memory.raw: leaf of group 0: frame 0: 0 pages
		frame-pages-most|memory.raw: leaf of group 0: frame 0: 65 pages
		frame-pages-less|memory.raw: leaf of group 0: page 15: number 15 of a frame of 15
		frame-pages-more|memory.raw: byte 0: no zstd frame of 17 pages
		frame-garbage|memory.raw: byte 0: no zstd frame of 16 pages
		frame-bomb|memory.raw: byte 0: no zstd frame of 16 pages
		frame-bomb-hidden|memory.raw: byte 0: zstd: *
		frame-short|memory.raw: byte 0: no zstd frame of 16 pages
		frame-page-more|memory.raw: byte 0: no zstd frame of 16 pages
		frame-unsized|memory.raw: byte 0: no zstd frame of 16 pages
		frame-page-hidden|memory.raw: byte 0: zstd: *
		frame-page-lacks|memory.raw: byte 0: zstd: *
		frame-tail|memory.raw: byte 0: no zstd frame of 16 pages
		frame-two|memory.raw: byte 0: no zstd frame of 16 pages
		frame-skippable|memory.raw: byte 0: no zstd frame of 16 pages
		frame-skippable-only|memory.raw: byte 0: no zstd frame of 16 pages
		frame-window|memory.raw: byte 0: no zstd frame of 16 pages
		frame-dictionary|memory.raw: byte 0: zstd: *
		frame-checksum|memory.raw: byte 0: zstd: *
	END
}

atf_test_case content__envelope
content__envelope_head()
{
	atf_set require.progs "perl python3 zstd"
}
content__envelope_body()
{
	forged envelope <<-'END'
		envelope-json|envelope: snapshot.json: not JSON: *
		envelope-version|envelope: snapshot.json: version 2, not 1
		envelope-name|envelope: snapshot.json: "files" names "../memory.raw", which no file may have
		envelope-name-hidden|envelope: snapshot.json: "files" names "a/b", which no file may have
		envelope-twice|envelope: snapshot.json: "files" names memory.raw twice
		envelope-files-none|envelope: snapshot.json: "digests" has what "files" does not name
		envelope-digest-none|memory.raw: has no digest
		envelope-digest|memory.raw: the index has another digest
		envelope-size|memory.raw: 2097152 bytes by the index, 2097153 by the envelope
		envelope-trailer|envelope: "trailer" is of archives
		envelope-itself|envelope: snapshot.json: "files" names "snapshot.json", which no file may have
	END
}

atf_init_test_cases()
{
	atf_add_test_case content__index
	atf_add_test_case content__leaf
	atf_add_test_case content__frame
	atf_add_test_case content__envelope
}
