#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"

data=$(atf_get_srcdir)/../data
time=2026-11-21T08:00:00Z

# mirn JSON [BODY]: a MIRN file of a header and the frames in file BODY.
mirn()
{
	printf MIRN
	unhex "$(be 1 4)$(be "$(printf %s "$1" | wc -c)" 4)"
	printf %s "$1"
	[ $# -lt 2 ] || cat "$2"
}

# An image of 20000 bytes, its frame, its checksum and its header.
make_parts()
{
	{
		yes front | head -c 8192
		head -c 8192 /dev/zero
		yes tail | head -c 3616
	} >image
	zstd -q -f -o frame image
	sum=$(sha256sum <image | cut -c1-64)
	json=$(json_with 20000 "$sum")
}

json_with()
{
	printf '{"name":"n","size_bytes":%s,"filesystem":"ext4",' "$1"
	printf '"timestamp":"%s","checksum":"%s","version":1}' "$time" "$2"
}

# The originals' own files, and the sums that they promise.
atf_test_case restore__fixtures
restore__fixtures_body()
{
	while read -r sum size name; do
		atf_check -o inline:"$sum\t$size\t$PWD/image\n" disk-restore \
		    --force -p checksum,size,file "$data/good/mirn/miren-$name.mirn" image
		atf_check_equal "$sum" "$(sha256sum <image | cut -c1-64)"
		disk-restore --force -p checksum - image \
		    <"$data/good/mirn/miren-$name.mirn" >out || atf_fail "$name"
		atf_check_equal "$sum" "$(sha256sum <image | cut -c1-64)"
		atf_check -o inline:"$sum\n" disk-restore --verify -p checksum \
		    "$data/good/mirn/miren-$name.mirn"
	done <<END
f637ff881a843a2dbd4975cf82d7e64f6034e062d2e68a015ae72d05686b76b3 25165824 data
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 empty
30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58 1048576 zeros
87db202b30c4178c4ad0e1db09d64232b04cf442a6aa13133be17ac8236f1f4f 6001 odd
END
}

# Holes come back as holes, also those within what the original takes for data.
atf_test_case restore__sparse
restore__sparse_body()
{
	truncate -s 64M image
	i=0
	while [ $i -lt 64 ]; do
		put image $((i * 1048576 + 300000)) 41
		i=$((i + 1))
	done
	disk-backup image | disk-restore -p disk_usage back >usage
	atf_check cmp image back
	had=$(($(stat -c %b image) * 512))
	# The filesystem may need a block more to list the extents.
	[ "$(cat usage)" -le $((had + 8192)) ] ||
	    atf_fail "$(cat usage) bytes allocated, the image had $had"
	atf_check_equal 600 "$(stat -c %a back)"
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

atf_test_case restore__what_others_write
restore__what_others_write_head()
{
	atf_set require.progs zstd
}
restore__what_others_write_body()
{
	make_parts
	mirn "$json" frame >good
	atf_check -o ignore disk-restore good out
	atf_check cmp image out

	head -c 9000 image | zstd -q >a
	tail -c +9001 image | zstd -q --no-check -19 >b
	unhex 502a4d1805000000 >skip
	printf 12345 >>skip
	cat skip a skip b skip >frames
	mirn "$json" frames | disk-restore --force out >out.json || atf_fail frames
	atf_check cmp image out

	for time in 2026-11-21T08:00:00+05:30 2026-11-21T08:00:00.123456789-01:00 \
	    2024-02-29T23:59:59Z 0001-01-01T00:00:00Z; do
		mirn "$(json_with 20000 "$sum")" frame >file
		atf_check -o inline:"$time\n" disk-restore --force -p timestamp \
		    file out
	done

	for other in "{ \"checksum\" : \"$sum\", \"x\": [1, {}], \"size_bytes\":
20000, \"timestamp\":\"2026-11-21T08:00:00Z\", \"version\": \"nine\" }" \
	    "{\"checksum\":\"$sum\",\"size_bytes\":20000,\"timestamp\":\"$time\",\"name\":\"\\u00e9\"}"; do
		mirn "$other" frame >file
		atf_check -o ignore disk-restore --force file out
		atf_check cmp image out
	done
}

atf_test_case list__header_only
list__header_only_body()
{
	make_parts
	mirn "$json" >head-only
	atf_check -o inline:"$json\n" disk-restore --list head-only
	atf_check -o inline:"n\t20000\n" disk-restore --list -p name,size_bytes \
	    <head-only
	atf_check -s exit:65 -e inline:"disk-restore: head-only: ends at byte \
$(stat -c %s head-only), after 0 of 20000 bytes of the image\n" \
	    disk-restore --verify head-only
	atf_check -o match:'odd \\"name\\" <é>&\\\\ ' disk-restore --list \
	    "$data/good/mirn/miren-odd.mirn"
}

atf_test_case target__exists
target__exists_body()
{
	make_parts
	mirn "$json" frame >good
	echo old >out
	atf_check -s exit:73 -e inline:"disk-restore: out: exists\n" \
	    disk-restore good out
	atf_check -o inline:"old\n" cat out
	atf_check -o ignore disk-restore --force good out
	atf_check cmp image out
	ln -s out link
	mkfifo pipe
	mkdir dir
	for t in link pipe dir; do
		atf_check -s exit:73 -e \
		    inline:"disk-restore: $t: exists, and is no regular file\n" \
		    disk-restore --force good $t
	done
	atf_check -s exit:73 -e match:'^disk-restore: no/out: No such' \
	    disk-restore good no/out
	atf_check -s exit:66 -e match:'^disk-restore: nil: No such' \
	    disk-restore nil new
	atf_check -s exit:65 -e inline:"disk-restore: dir: is a directory\n" \
	    disk-restore dir new
	atf_check -s exit:1 test -e new
}

atf_test_case target__locked
target__locked_head()
{
	atf_set require.progs flock
}
target__locked_body()
{
	make_parts
	mirn "$json" frame >good
	echo old >out
	exec 9<>out
	for mode in -x -s; do
		flock $mode 9
		atf_check -s exit:75 -e inline:"disk-restore: out: in use: \
locked by another process\n" disk-restore --force good out
		flock -u 9
	done
	atf_check -o inline:"old\n" cat out
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
	atf_check -o ignore disk-restore --force good out
}

atf_test_case target__disk_of_qemu
target__disk_of_qemu_head()
{
	atf_set require.config long
	atf_set require.progs qemu-io
}
target__disk_of_qemu_body()
{
	make_parts
	mirn "$json" frame >good
	truncate -s 1M disk
	mkfifo hold
	qemu-io -f raw disk <hold >io.log 2>&1 &
	pid=$!
	exec 8>hold
	eventually 10 grep -q "inode.*" io.log || :
	tries=0
	while disk-restore --list good >/dev/null &&
	    ! grep -q ":$(stat -c %i disk) " /proc/locks && [ $tries -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	atf_check -s exit:75 -e inline:"disk-restore: disk: in use: locked by \
another process\n" disk-restore --force good disk
	exec 8>&-
	wait $pid
	atf_check -o ignore disk-restore --force good disk
}

atf_test_case target__behind_loop cleanup
target__behind_loop_head()
{
	atf_set require.user root
	atf_set require.progs losetup
}
target__behind_loop_body()
{
	[ -d /sys/block ] || atf_skip "no /sys"
	make_parts
	mirn "$json" frame >good
	truncate -s 1M disk
	losetup --find --show disk >loop || atf_skip "no loop devices"
	ln disk other-name
	disk-restore --force good other-name >out 2>err
	status=$?
	losetup -d "$(cat loop)"
	rm loop
	atf_check_equal 75 $status
	atf_check -o inline:"disk-restore: other-name: in use: behind a loop \
device\n" cat err
	atf_check_equal 1048576 "$(stat -c %s disk)"
	atf_check -o ignore disk-restore --force good disk
}
target__behind_loop_cleanup()
{
	[ ! -s loop ] || losetup -d "$(cat loop)"
}

# Each line: why; edits of the good file (tests/lib/patch.sh; F stands for the
# frame's first byte); the message, with F likewise.
bad_files()
{
	cat <<'END'
empty;size=0;ends at byte 0, 12 short
magic-cut;size=3;ends at byte 3, 9 short
version-cut;size=7;ends at byte 7, 5 short
length-cut;size=11;ends at byte 11, 1 short
json-missing;size=12;ends at byte 12, F-12 short
json-cut;size=100;ends at byte 100, F-100 short
magic-lower;0=6d69726e;byte 0: no MIRN file: magic 0x6d69726e
magic-reversed;0=4e52494d;byte 0: no MIRN file: magic 0x4e52494d
magic-zstd;0=28b52ffd;byte 0: no MIRN file: magic 0x28b52ffd
version-0;4=0:be4;byte 4: version 0, not 1
version-2;4=2:be4;byte 4: version 2, not 1
version-little-endian;4=1:le4;byte 4: version 16777216, not 1
length-0;8=0:be4;byte 8: header of 0 bytes, not within 1 and 1048576
length-1m-1;8=1048577:be4;byte 8: header of 1048577 bytes, not within 1 and 1048576
length-huge;8=ffffffff;byte 8: header of 4294967295 bytes, not within 1 and 1048576
length-little-endian;8=170:le4;byte 8: header of 2852126720 bytes, not within 1 and 1048576
no-frame;size=F;ends at byte F, after 0 of 20000 bytes of the image
frame-magic-cut;size=F+2;ends at byte F+2, inside a zstd frame
frame-head-cut;size=F+5;ends at byte F+5, inside a zstd frame
frame-cut;size=F+40;ends at byte F+40, inside a zstd frame
frame-magic;F=28b52ffe;byte F: no zstd frame: magic 0xfe2fb528
frame-legacy;F=27b52ffd;byte F: no zstd frame: magic 0xfd2fb527
garbage-behind;append=0102030405060708;byte E: no zstd frame: magic 0x04030201
garbage-of-zeros;append=00000000000000000000;byte E: no zstd frame: magic 0x00000000
garbage-of-one-byte;append=28;ends at byte E+1, inside a zstd frame
second-frame-cut;append=28b52ffd;ends at byte E+4, inside a zstd frame
END
}

# Each line: why; size_bytes; checksum (S: the right one); the message.
bad_members()
{
	cat <<END
size-smaller;19999;S;~: the image goes on behind its 19999 bytes$
size-zero;0;S;~: the image goes on behind its 0 bytes$
size-larger;20001;S;~, after 20000 of 20001 bytes of the image$
size-huge;8796093022208;S;~, after 20000 of 8796093022208 bytes of the image$
size-beyond;8796093022209;S;~"size_bytes" is 8796093022209, not within 0 and 8796093022208$
size-int64;9223372036854775807;S;~"size_bytes" is 9223372036854775807, not within
size-over-int64;9223372036854775808;S;~header at byte 12: "size_bytes" is 9223372036854775808, not within
size-negative;-1;S;~"size_bytes" is -1, not within 0 and
size-real;2e4;S;~"size_bytes" is not an integer$
size-point;20000.0;S;~"size_bytes" is not an integer$
size-text;"20000";S;~"size_bytes" is not a string|"size_bytes" is not an integer$
size-null;null;S;~no member "size_bytes"$
size-list;[20000];S;~"size_bytes" is not an integer$
sum-upper;20000;$(printf %s "$sum" | tr a-f A-F);~"checksum" is not 64 lower-case
sum-short;20000;$(printf %s "$sum" | cut -c1-63);~"checksum" is not 64 lower-case
sum-long;20000;${sum}0;~"checksum" is longer than 64 bytes$
sum-empty;20000;;~"checksum" is not 64 lower-case
sum-not-hex;20000;g$(printf %s "$sum" | cut -c2-);~"checksum" is not 64 lower-case
sum-prefixed;20000;sha256:$sum;~"checksum" is longer than 64 bytes$
sum-other;20000;$(printf %064d 0);=checksum mismatch: expected $(printf %064d 0), got $sum
END
}

# Each line: why; the header; the message.
bad_headers()
{
	cat <<END
not-json;hello;~header at byte 12: not JSON
json-array;[1,2];~header at byte 12: not an object$
json-number;17;~header at byte 12: not an object$
json-twice;$json$json;~header at byte 12: not JSON: text behind the value
json-open;$(printf %s "$json" | tr -d '}');~header at byte 12: not JSON
json-deep;$(printf '[%.0s' $(seq 100));~header at byte 12: JSON nested deeper than 64
json-comma;$(printf %s "$json" | sed 's/}$/,}/');~header at byte 12: not JSON
json-twins;$(printf %s "$json" | sed 's/"version"/"size_bytes"/');~header at byte 12: not JSON: member "size_bytes" a second time
json-nul;$(printf %s "$json" | sed 's/"n"/"\\u0000"/');~header at byte 12: "name" holds a NUL
json-surrogate;$(printf %s "$json" | sed 's/"n"/"\\ud800"/');~header at byte 12: not JSON
name-number;$(printf %s "$json" | sed 's/"n"/7/');~"name" is not a string$
filesystem-list;$(printf %s "$json" | sed 's/"ext4"/[]/');~"filesystem" is not a string$
time-none;$(printf %s "$json" | sed 's/"timestamp"/"time"/');~no member "timestamp"$
time-number;$(printf %s "$json" | sed 's/"2026[^"]*"/1/');~"timestamp" is not a string$
time-empty;$(printf %s "$json" | sed 's/2026[^"]*//');~"timestamp": "" is no RFC 3339 time$
time-date;$(printf %s "$json" | sed 's/T08:00:00Z//');~"timestamp": "2026-11-21" is no RFC 3339 time$
time-local;$(printf %s "$json" | sed 's/00Z/00/');~is no RFC 3339 time$
time-month;$(printf %s "$json" | sed 's/-11-/-13-/');~is no RFC 3339 time$
time-day;$(printf %s "$json" | sed 's/-11-21/-11-31/');~is no RFC 3339 time$
time-hour;$(printf %s "$json" | sed 's/T08/T24/');~is no RFC 3339 time$
time-blank;$(printf %s "$json" | sed 's/T08/ 08/');~is no RFC 3339 time$
time-digits;$(printf %s "$json" | sed 's/:00Z/:00.1234567890Z/');~is no RFC 3339 time$
time-zone;$(printf %s "$json" | sed 's/00Z/00+5:30/');~is no RFC 3339 time$
sum-none;$(printf %s "$json" | sed 's/"checksum"/"sum"/');~no member "checksum"$
size-none;$(printf %s "$json" | sed 's/"size_bytes"/"size"/');~no member "size_bytes"$
END
}

# check_bad FILE WHY MESSAGE: refused with every way to read it, and no trace.
check_bad()
{
	case $3 in
	'~'*) how="match:${3#?}" ;;
	*)
		printf 'disk-restore: bad: %s\n' "$3" >want
		how=file:want
		;;
	esac
	atf_check -s exit:65 -e "$how" disk-restore --force "$1" out
	atf_check -s exit:65 -e "$how" disk-restore --verify "$1"
	disk-restore --force "$1" out 2>err
	atf_check_equal "$2: 1" "$2: $(wc -l <err)"
	atf_check -o inline:"old\n" cat out
	checked=$((checked + 1))
}

# Arithmetic of "F+2", "F-12" and "E" in text $1, with F and E as numbers.
resolve()
{
	printf %s "$1" | awk -v F="$first" -v E="$end" '{
		while (match($0, /[FE][+-][0-9]+/)) {
			t = substr($0, RSTART, RLENGTH)
			n = (substr(t, 1, 1) == "F" ? F : E) + substr(t, 2)
			$0 = substr($0, 1, RSTART - 1) n \
			    substr($0, RSTART + RLENGTH)
		}
		gsub(/byte F/, "byte " F); gsub(/byte E/, "byte " E)
		gsub(/^F=/, F "="); gsub(/=F$/, "=" F)
		print
	}'
}

atf_test_case bad__each
bad__each_head()
{
	atf_set require.progs zstd
}
bad__each_body()
{
	checked=0
	make_parts
	mirn "$json" frame >good
	end=$(stat -c %s good)
	first=$((end - $(stat -c %s frame)))
	echo old >out

	bad_files >list
	while IFS=';' read -r why edits message; do
		cp good bad
		# shellcheck disable=SC2046
		patch bad $(resolve "$edits")
		check_bad bad "$why" "$(resolve "$message")"
	done <list

	bad_members >list
	while IFS=';' read -r why size sums message; do
		[ "$sums" != S ] || sums=$sum
		mirn "$(json_with "$size" "$sums")" frame >bad
		check_bad bad "$why" "${message#=}"
	done <list

	bad_headers >list
	while IFS=';' read -r why text message; do
		mirn "$text" frame >bad
		check_bad bad "$why" "$message"
	done <list
	[ "$checked" -ge 60 ] || atf_fail "only $checked damaged files"
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

# What zstd itself finds: a flipped bit, a wrong content checksum, a window
# that would take a gigabyte.
atf_test_case bad__frames
bad__frames_head()
{
	atf_set require.progs zstd
}
bad__frames_body()
{
	checked=0
	make_parts
	mirn "$json" frame >good
	end=$(stat -c %s good)
	echo old >out
	cp good bad
	patch bad $((end - 1))=00
	cmp -s good bad && patch bad $((end - 1))=01
	check_bad bad content-checksum "~: byte [0-9]+: zstd: Restored data doesn't match checksum"
	zstd -q --no-check -f -o frame image
	mirn "$json" frame >good
	end=$(stat -c %s good)
	for back in 3 10 20 30; do
		cp good bad
		patch bad $((end - back))=ff $((end - back - 1))=ff
		cmp -s good bad && continue
		check_bad bad "flipped-$back" "~: (byte [0-9]+: zstd: |checksum mismatch: |ends at byte |byte [0-9]+: the image goes on)"
	done
	# A head by hand: no content size, a window of 1 GiB, one raw block.
	{
		unhex 28b52ffd00a0
		unhex "$(le $((20000 << 3 | 1)) 3)"
		cat image
	} >frame
	mirn "$json" frame >bad
	check_bad bad window "~: byte [0-9]+: zstd: Frame requires too much memory"
	[ $checked -ge 4 ] || atf_fail "only $checked damaged files"
}

atf_test_case usage__wrong
usage__wrong_body()
{
	make_parts
	mirn "$json" frame >good
	for args in '' 'a b c' '--list a b' '--verify a b' '--list --verify a' \
	    '--list --force a' '-p a -p b a b' '-R x a b'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^disk-restore: ' disk-restore \
		    $args <good
	done
}

# A stopped VM's disk gets another content, first in place, then over a chain;
# what a snapshot shares keeps its own.
atf_test_case vm__disk_of_a_stopped_vm cleanup
vm__disk_of_a_stopped_vm_head()
{
	atf_set require.progs qemu-system-x86_64 qemu-img
}
vm__disk_of_a_stopped_vm_body()
{
	need_tiny
	yes disk | head -c 1048576 >image
	disk-backup -q image >good || atf_fail "disk-backup"
	sum=$(sha256sum <image | cut -c1-64)
	dir=$(vm-create -n web --kernel "$tiny" --memory 64M --storage 16M \
	    -p dir) || atf_fail "vm-create"
	atf_check -s exit:73 -e inline:"disk-restore: $dir/cow.raw: exists\n" \
	    disk-restore --to-vm web good cow
	atf_check -o inline:"$dir/cow.raw\t$sum\n" disk-restore --force \
	    --to-vm web -p file,checksum good cow
	atf_check -o ignore vm-start web
	atf_check -s exit:77 -e inline:"disk-restore: web: running; stop it first\n" \
	    disk-restore --force --to-vm web good cow
	disk-backup -q --vm web cow >now || atf_fail "disk-backup"
	atf_check -o ignore vm-stop --force web
	ln "$dir/cow.raw" shared
	before=$(sha256sum <shared)
	atf_check -o match:"^$dir/cow[.0-9]*\.raw\$" disk-restore --force \
	    --to-vm web -p file now cow
	atf_check_equal "$before" "$(sha256sum <shared)"
	atf_check_equal 1 "$(find "$dir" -name 'cow*' | wc -l)"
	disk-restore --list -p checksum now >want
	atf_check -o file:want disk-backup --vm web -p checksum -o again cow
	atf_check -o inline:"running\n" vm-start -p state web
}
vm__disk_of_a_stopped_vm_cleanup()
{
	vms_end
}

atf_test_case vm__refused cleanup
vm__refused_body()
{
	need_tiny
	make_parts
	mirn "$json" frame >good
	yes disk | head -c 1048576 >whole
	disk-backup -q whole >bad || atf_fail "disk-backup"
	patch bad size=$(($(stat -c %s bad) - 9))
	dir=$(vm-create -n web --kernel "$tiny" --memory 64M --storage 16M \
	    -p dir) || atf_fail "vm-create"
	before=$(sha256sum <"$dir/cow.raw")
	atf_check -s exit:65 -e match:'inside a zstd frame' \
	    disk-restore --force --to-vm web bad cow
	atf_check -s exit:66 -e inline:"disk-restore: web: no disk nil\n" \
	    disk-restore --force --to-vm web good nil
	atf_check -s exit:66 -e inline:"disk-restore: nil: no such VM in $INSTAR_ROOT\n" \
	    disk-restore --force --to-vm nil good cow
	atf_check -s exit:65 -e inline:"disk-restore: good: an image of 20000 \
bytes is no disk\n" disk-restore --force --to-vm web good cow
	atf_check -s exit:64 -e ignore disk-restore --to-vm web --list good
	atf_check -s exit:64 -e ignore disk-restore -R root good new
	atf_check_equal "$before" "$(sha256sum <"$dir/cow.raw")"
	atf_check_equal 0 "$(find "$dir" -name '.new-*' | wc -l)"
}
vm__refused_cleanup()
{
	vms_end
}

# Killed when all is written but the name: what was there is there still, and
# nothing else that could pass for whole.
atf_test_case output__killed
output__killed_body()
{
	make_parts
	mirn "$json" frame >good
	echo old >out
	INSTAR_HOOK=restore-written=kill disk-restore --force good out >killed 2>&1 &&
	    atf_skip "no hooks in this build"
	atf_check -o inline:"old\n" cat out
	atf_check_equal 1 "$(find . -name '.new-*' | wc -l)"
}

# A signal while it waits for more of the backup: undone, and said so.
atf_test_case output__interrupted
output__interrupted_body()
{
	make_parts
	mirn "$json" frame >good
	echo old >out
	mkfifo slow
	disk-restore --force slow out >log 2>err &
	pid=$!
	exec 8>slow
	head -c 300 good >&8
	eventually 10 sh -c 'ls .new-*' || atf_fail "not begun"
	sleep 0.2
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	exec 8>&-
	atf_check -o inline:"disk-restore: ended by signal 15 (Terminated)\n" \
	    cat err
	atf_check -o inline:"old\n" cat out
	atf_check_equal 0 "$(find . -name '.new-*' | wc -l)"
}

atf_init_test_cases()
{
	atf_add_test_case restore__fixtures
	atf_add_test_case restore__sparse
	atf_add_test_case restore__what_others_write
	atf_add_test_case list__header_only
	atf_add_test_case target__exists
	atf_add_test_case target__locked
	atf_add_test_case target__disk_of_qemu
	atf_add_test_case target__behind_loop
	atf_add_test_case bad__each
	atf_add_test_case bad__frames
	atf_add_test_case usage__wrong
	atf_add_test_case vm__disk_of_a_stopped_vm
	atf_add_test_case vm__refused
	atf_add_test_case output__killed
	atf_add_test_case output__interrupted
}
