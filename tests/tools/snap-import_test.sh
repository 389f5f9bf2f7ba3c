#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"

data=$(atf_get_srcdir)/../data/cocoon

atf_test_case import__hostile
import__hostile_body()
{
	snap_shapes b web
	exports
	mkdir bad
	atf_check -o save:made perl "$(atf_get_srcdir)/../lib/hostile.pl" bad good
	[ "$(cat made)" -ge 120 ] || atf_fail "only $(cat made) archives"
	for f in bad/*; do
		refused "$f"
	done
	none_wrong
}

atf_test_case import__messages
import__messages_body()
{
	snap_shapes b web
	exports
	mkdir bad
	perl "$(atf_get_srcdir)/../lib/hostile.pl" bad good >made
	digests=$(snap-export --list good.tar -p offset | tail -n 1)
	while read -r name message; do
		atf_check -s exit:65 \
		    -e inline:"snap-import: bad/$name: $message\n" \
		    snap-import -R r "bad/$name"
	done <<-END
		name-absolute /m: byte 1024 of the tar: name "/m" is not a plain one
		name-twice m: byte 2560 of the tar: a second file of that name
		type-symbolic-link m: byte 1024 of the tar: "m" is a symbolic link
		head-checksum byte 1024 of the tar: not a tar header, or a damaged one (checksum)
		size-8-tib-and-one byte 1024 of the tar: size of "m": 8796093022209 bytes, above 8 TiB
		pax-above-1-mib PaxHeader/m: byte 1024 of the tar: header of 1100000 bytes, above 1048576
		sparse-overlap m: byte 2048 of the tar: sparse map: run at byte 4096 is out of order or overlaps
		sparse-billion m: byte 2048 of the tar: sparse map of 1000000000 runs
		envelope-missing byte 2048 of the tar: no snapshot.json in the archive
		envelope-file-missing snapshot.json: byte 0 of the tar: names n, which is not in the archive
		digest-wrong m: byte 1024 of the tar: differs from its digest
		trailer-missing snapshot.json: byte 0 of the tar: promises snapshot.digests, which is not in the archive
		trailer-file-digest snapshot.digests: byte $digests of the tar: memory.raw: differs from its digest
		trailer-envelope-digest snapshot.digests: byte $digests of the tar: snapshot.json: differs from its digest
		trailer-cut-line snapshot.digests: byte $digests of the tar: byte 680: line without end
		trailer-line-missing snapshot.digests: byte $digests of the tar: no line for tiny.raw
		trailer-envelope-line-missing snapshot.digests: byte $digests of the tar: no line for snapshot.json
		sidecar-role cocoon.json: byte 2048 of the tar: disk 0: role "root" is none of layer, cow, data and cidata
		gzip-cut byte 2048 of the tar: compressed data end early (gzip)
	END
	nothing_left r || atf_fail "something is left"
}

atf_test_case import__flipped
import__flipped_head()
{
	atf_set require.config long
}
import__flipped_body()
{
	snap_plant b web
	rm root/snap/*/cow.raw
	truncate -s 8K "root/snap/$(id_of b)/cow.raw"
	exports
	for f in good.tar good.tar.zst good.tar.gz; do
		# Odd strides: every place in a header has its turn.
		step=3
		[ $f != good.tar ] || step=17
		perl -e '
			local $/; my ($step) = shift; my $s = <STDIN>;
			for (my $i = 0; $i < length $s; $i += $step) {
				my $t = $s;
				substr($t, $i, 1) ^= chr(1 << $i % 8);
				open(F, ">", "f$i") or die; print F $t;
				close(F);
			}' $step <$f
		same=0
		for i in f[0-9]*; do
			flipped "$i" $f
			rm "$i"
		done
		[ $f != good.tar ] || atf_check_equal 0 $same
	done
	none_wrong
}

# Damage that changes nothing of what is unpacked is none: the time and the
# system in a gzip header, and a name put into it.
atf_test_case import__changes_nothing
import__changes_nothing_body()
{
	snap_shapes b web
	exports
	while IFS='|' read -r change from; do
		perl -0777 -pe "$change" <"$from" >changed
		atf_check -s exit:1 cmp -s changed "$from"
		atf_check -o save:dir snap-import -p dir changed
		same_files "root/snap/$(id_of b)" "$(cat dir)" ||
		    atf_fail "$change: differs"
	done <<-'END'
		substr($_, 4, 4) = "\1\2\3\4"|good.tar.gz
		substr($_, 9, 1) = "\0"|good.tar.gz
		substr($_, 3, 7) = "\x08" . substr($_, 4, 6) . "name\0"|good.tar.gz
		$_ = "\x5a\x2a\x4d\x18\4\0\0\0note" . $_|good.tar.zst
		$_ .= "\x5a\x2a\x4d\x18\4\0\0\0note"|good.tar.zst
	END
}

# What was cut, at whatever byte, is noticed: a compressed archive is one frame
# or member, the tar's end in it.
atf_test_case import__cut
import__cut_head()
{
	atf_set require.config long
}
import__cut_body()
{
	snap_plant b web
	exports
	for f in good.tar.zst good.tar.gz; do
		n=$(stat -c %s $f)
		at=0
		while [ $at -lt "$n" ]; do
			head -c $at $f >cut
			refused cut
			case $f in
			*.gz) gzip -t <cut ;;
			*) zstd -qt <cut ;;
			esac 2>/dev/null && [ $at -ne 0 ] &&
			    echo "$f ends at byte $at for others" >>wrong
			at=$((at + 1))
		done
	done
	rm -rf root good.*
	snap_shapes b web
	exports
	for f in good.tar good.tar.zst good.tar.gz; do
		n=$(stat -c %s $f)
		step=512
		[ $f = good.tar ] || step=31
		at=0
		while [ $at -lt "$n" ]; do
			head -c $at $f >cut
			refused cut
			at=$((at + step))
		done
	done
	none_wrong
}

# Archives of before December 2026: a hash of the compressed bytes in a second
# frame or member, and the tar's end behind it (instar-archive(5)).  They are of
# the snapshot that snap_shapes makes.
atf_test_case import__stamped
import__stamped_body()
{
	snap_shapes b web
	for f in web.tar.zst web.tar.gz; do
		f=$(atf_get_srcdir)/../data/stamped/$f
		atf_check -o ignore grep -a -e 'instar stamp 1' -e 'iS ' "$f"
		atf_check -o save:dir snap-import --require-digests -p dir "$f"
		same_files "root/snap/$(id_of b)" "$(cat dir)" || atf_fail "$f differs"
		# At each byte of its end, and before it here and there.
		n=$(stat -c %s "$f")
		at=0
		while [ $at -lt "$n" ]; do
			head -c $at "$f" >cut
			refused cut
			[ $at -gt $((n - 180)) ] || at=$((at + 96))
			at=$((at + 1))
		done
	done
	none_wrong
}

atf_test_case import__own_forms
import__own_forms_body()
{
	snap_shapes b web
	exports
	atf_check -o save:good.dense snap-export --no-compress --dense web
	atf_check -o save:good.cocoon snap-export --cocoon web
	atf_check -o save:good.long snap-export --zstd=9 --long web
	n=0
	for f in good.*; do
		n=$((n + 1))
		atf_check -o save:dir snap-import -p dir -n "n$n" $f
		same_files "root/snap/$(id_of b)" "$(cat dir)" || atf_fail "$f differs"
		# Holes came back: nothing is larger on the disk than it was.
		atf_check test "$(du -s "$(cat dir)" | cut -f 1)" -le \
		    "$(($(du -s "root/snap/$(id_of b)" | cut -f 1) + 8))"
		(cd "$(cat dir)" && stat -c %a ./*) | sort -u >modes
		atf_check grep -qvx 644 modes
	done
	atf_check_equal 6 $n
}

atf_test_case import__replace
import__replace_body()
{
	snap_shapes b web
	exports
	atf_check -o save:first snap-import -n gold -p id good.tar
	first=$(cat first)
	atf_check -s exit:64 -e inline:"snap-import: --replace goes with -n\n" \
	    snap-import --replace good.tar
	# What is not whole takes nothing.
	head -c 100000 good.tar >short
	atf_check -s exit:65 -e ignore snap-import -n gold --replace short
	atf_check -o inline:"$first\tgold\n" snap-ls -p id,name gold
	atf_check -o save:second \
	    snap-import -n gold --replace -p id,name,replaced good.tar
	second=$(cut -f 1 second)
	atf_check_equal "$second	gold	$first" "$(cat second)"
	atf_check -o inline:"$first\t\n" snap-ls -p id,name "$first"
	atf_check -o inline:"$second\n" snap-ls -p id gold
	atf_check -o save:third \
	    snap-import -n gold --replace=rm -p id,replaced good.tar
	atf_check_equal "$second" "$(cut -f 2 third)"
	atf_check -s exit:66 -e ignore snap-ls "$second"
	atf_check -o ignore snap-ls "$first" gold web
	atf_check -o empty state-gc
	grep -q INSTAR_HOOK "$top/snap-import/snap-import" || return 0
	third=$(cut -f 1 third)
	for step in root-published root-name-beside root-name-taken; do
		atf_check -s signal:kill env INSTAR_HOOK="$step=kill" \
		    snap-import -n gold --replace good.tar
		atf_check -o save:now snap-ls -p id gold
		[ $step = root-name-taken ] ||
		    atf_check_equal "$third" "$(cat now)"
		atf_check -o ignore state-gc
		atf_check -o file:now snap-ls -p id gold
		atf_check -o ignore snap-verify gold
	done
	test "$third" != "$(cat now)" || atf_fail "it did not move"
}

atf_test_case import__record
import__record_body()
{
	snap_shapes b web
	exports
	atf_check -o match:'"name":"w2".*"description":"for two"' \
	    snap-import -n w2 -d 'for two' good.tar.zst
	# Without -n it has no name, whatever it was called.
	atf_check -o inline:'\n' snap-import -p name good.tar
	atf_check -o inline:'for two\n' snap-ls -p description w2
	atf_check -s exit:73 -e inline:'snap-import: w2: the name is taken: --replace moves it\n' \
	    snap-import -n w2 good.tar
	atf_check -s exit:64 \
	    -e match:'^snap-import: --name: a/b: not a name: 1 to' \
	    snap-import -n a/b good.tar
	atf_check -s exit:64 -e match:'one archive' snap-import good.tar x
	atf_check -s exit:66 -e match:'none: No such file' snap-import none
	atf_check -s exit:66 -e match:'a directory' snap-import root
	atf_check -o inline:"3\n" -x 'snap-ls | wc -l'
	# The envelope in the store says nothing of an archive.
	atf_check -s exit:1 -o ignore grep trailer root/name/snap/w2/snapshot.json
	atf_check snap-verify -q w2
}

atf_test_case import__foreign
import__foreign_body()
{
	snap_shapes b web
	from=root/snap/$(id_of b)
	n=0
	while read -r how; do
		(cd "$from" && eval "$how") >f.tar 2>errors ||
		    atf_fail "$how: $(cat errors)"
		n=$((n + 1))
		# bsdtar pads even what it has compressed: a warning.
		atf_check -o save:dir -e ignore snap-import -p dir f.tar
		same_files "$from" "$(cat dir)" || atf_fail "differs"
		atf_check test "$(du -s "$(cat dir)" | cut -f 1)" -le \
		    "$(($(du -s "$from" | cut -f 1) + 8))"
	done <<-'END'
		tar -cf - *
		tar -Scf - --format=gnu *
		tar -Scf - --format=posix --sparse-version=1.0 *
		tar -Scf - --format=posix --sparse-version=0.1 *
		tar -Scf - --format=posix --sparse-version=0.0 *
		tar -Scf - --format=posix -C . .
		tar -cf - --format=ustar snapshot.json *.raw
		tar -cf - --format=v7 *.raw snapshot.json
		tar -Scf - * | gzip -c
		tar -Scf - * | xz -c
		tar -Scf - * | bzip2 -c
		tar -Scf - * | lz4 -c
		tar -Scf - * | zstd -c
		(tar -Scf - * | split -b 20000 --filter='gzip -c')
		(tar -Scf - * | split -b 20000 --filter='zstd -c')
		(tar -Scf - * | split -b 20000 --filter='xz -c')
		bsdtar -cf - --format=pax *
		bsdtar -cf - --format=gnutar *
		bsdtar -cf - --format=ustar --lz4 .
		busybox tar -cf - *
	END
	atf_check_equal 20 $n
}

# solaris TYPE FILE...: an archive as tar (X) and pax (x) of Solaris write it:
# a record says where data and holes begin in turn, the last number is the size,
# and the holes are in the data (pax(1) there, SUN.holesdata).
solaris()
{
	perl -e '
		use strict;
		sub ent {
			my ($name, $type, $data) = @_;
			my $h = pack("a100 a8 a8 a8 a12 a12 a8 a1 a100 a8 a247",
			    $name, "0000600", "0000000", "0000000",
			    sprintf("%011o", length $data), "00000000000",
			    " " x 8, $type, "", "ustar\00000", "");
			substr($h, 148, 8) =
			    sprintf("%06o\0 ", unpack("%32C*", $h));
			print $h, $data, "\0" x (-length($data) % 512);
		}
		my $type = shift;
		for my $name (@ARGV) {
			open(my $f, "<:raw", $name) or die "$name: $!";
			my $data = do { local $/; <$f> } // "";
			my ($size, $was, $map) = (length $data, 0, "");
			for (my $at = 0; $at < $size; $at += 4096) {
				my $is = substr($data, $at, 4096) =~ /[^\0]/ ? 1 : 0;
				$map .= " $at" if $is != $was;
				$was = $is;
			}
			# At least two numbers, and an even count of them.
			$map .= $was ? " $size" : " $size $size";
			my $text = " SUN.holesdata=$map\n";
			my $n = length $text;
			$n = length($text) + length($n) for 1 .. 3;
			ent("./PaxHeaders.1/$name", $type, "$n$text")
			    if $size != 0;
			ent($name, "0", $data);
		}
		print "\0" x 1024;' "$@"
}

atf_test_case import__solaris
import__solaris_body()
{
	snap_shapes b web
	from=root/snap/$(id_of b)
	for type in x X; do
		(cd "$from" && solaris $type ./*) >f.tar
		atf_check -o ignore grep -a \
		    'SUN.holesdata= 0 12288 28672 .* 5242880 5242880$' f.tar
		atf_check -o save:dir snap-import -p dir f.tar
		same_files "$from" "$(cat dir)" || atf_fail "differs"
		atf_check test "$(du -s "$(cat dir)" | cut -f 1)" -le \
		    "$(($(du -s "$from" | cut -f 1) + 8))"
		# What libarchive makes of it.
		mkdir $type
		atf_check bsdtar -xf f.tar -C $type
		same_files $type "$(cat dir)" || atf_fail "bsdtar differs"
	done
	head -c -3000 f.tar >cut
	refused cut
	none_wrong
}

atf_test_case import__unlisted_file
import__unlisted_file_body()
{
	snap_plant b web
	from=root/snap/$(id_of b)
	echo more >"$from/more"
	tar -C "$from" -cf f.tar .
	off=$(snap-export --list f.tar -p name,offset | sed -n 's/^more\t//p')
	atf_check -o ignore -e inline:"snap-import: f.tar: warning: more: \
byte $off of the tar: in the archive, but not in the envelope\n" \
	    snap-import -n w2 f.tar
	atf_check -o inline:'memory.raw cow.raw more\n' \
	    -x 'snap-ls -p files w2 | tr -d "[]\"" | tr , " "'
	rm "$from/cow.raw"
	: >"$from/cow.raw"
	tar -C "$from" -cf f.tar .
	cat f.tar f.tar >two.tar
	atf_check -o ignore -e match:'bytes behind the end' snap-import two.tar
	atf_check -s exit:65 -e match:'no digests?, and' \
	    snap-import --require-digests f.tar
}

atf_test_case import__repacked
import__repacked_body()
{
	# Ours, unpacked and packed again by others, is still checked.
	snap_shapes b web
	exports
	mkdir d
	tar -C d -xf good.tar
	for how in 'tar -Scf - --format=posix .' 'bsdtar -cf - --format=pax .'; do
		(cd d && $how) >f.tar
		atf_check -o save:dir snap-import --require-digests -p dir f.tar
		same_files "root/snap/$(id_of b)" "$(cat dir)" || atf_fail "$f differs"
	done
	printf X | dd of=d/memory.raw conv=notrunc status=none
	(cd d && tar -Scf - --format=posix .) >f.tar
	atf_check -s exit:65 -e match:'memory.raw: byte [0-9]* of the tar: differs' \
	    snap-import f.tar
	zstd -qdc good.tar.zst | zstd -q -3 >again.zst
	atf_check -o ignore snap-import again.zst
}

atf_test_case import__cocoon
import__cocoon_body()
{
	for f in "$data"/*.tar*; do
		a=$(basename "$f")
		atf_check -o save:dir snap-import -p dir "$f"
		atf_check -s exit:65 -o empty -e match:'no digest' \
		    snap-import --require-digests "$f"
		while read -r sum size archive name; do
			[ "$archive" = "$a" ] || continue
			echo "$name" >>seen
			got=$(stat -c %s "$(cat dir)/$name")
			[ "$got" = "$size" ] || atf_fail "$a: $name: $got bytes"
			# Large files of mostly holes take their time.
			[ "$size" -gt 600000000 ] || got=$(sha256sum \
			    "$(cat dir)/$name" | cut -d ' ' -f 1)
			[ "$size" -gt 600000000 ] || [ "$got" = "$sum" ] ||
			    atf_fail "$a: $name differs"
		done <"$data/sums"
		rm -rf root
	done
	atf_check_equal "$(grep -c . "$data/sums")" \
	    "$(grep -c . seen)"
}

atf_test_case import__million_runs
import__million_runs_body()
{
	# A million runs of one byte each, every second byte of a small file.
	perl -e '
		my $n = 1000000;
		my $map = "$n\n" . join("", map { 2 * $_ . "\n1\n" } 0 .. $n - 1);
		$map .= "\0" x (-length($map) % 512);
		sub head {
			my ($name, $size, $type) = @_;
			my $h = pack("a100 a8 a8 a8 a12 a12 a8 a1 a100 a8 a247",
			    $name, "0000644", "0000000", "0000000",
			    sprintf("%011o", $size), "0" x 11, " " x 8, $type,
			    "", "ustar\00000", "");
			substr($h, 148, 8) =
			    sprintf("%06o\0 ", unpack("%32C*", $h));
			return $h;
		}
		sub ent {
			my ($name, $data, $type) = @_;
			return head($name, length $data, $type) . $data .
			    "\0" x (-length($data) % 512);
		}
		print ent("snapshot.json",
		    q({"version":1,"config":{"name":""},"files":["m"]}), "0"),
		    ent("p", "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n" .
		    "21 GNU.sparse.name=m\n31 GNU.sparse.realsize=2000000\n",
		    "x"), ent("x", $map . "x" x $n, "0"), "\0" x 1024;' >f.tar
	atf_check -o save:dir snap-import -p dir f.tar
	atf_check -o inline:'2000000\n' stat -c %s "$(cat dir)/m"
	perl -e 'print "x\0" x 1000000' >want
	atf_check cmp want "$(cat dir)/m"
	# And it goes out again, dense as it is now.
	atf_check -o ignore -x "snap-export $(basename "$(cat dir)") |
	    snap-import"
}

atf_test_case import__killed
import__killed_body()
{
	snap_shapes b web
	exports
	for step in root-hidden root-claimed import-file import-checked \
	    root-publish; do
		INSTAR_HOOK=$step=kill snap-import -R r -n web good.tar \
		    >/dev/null 2>&1
		[ $? -eq 137 ] || atf_skip "the tools have no hooks"
		atf_check_equal "" "$(ls r/snap)"
		atf_check -o empty snap-ls -R r
	done
	# Whatever is left, the name is free, and state-gc takes the rest.
	atf_check -o inline:'web\n' snap-import -R r -n web -p name good.tar
	atf_check -o ignore state-gc -R r
	atf_check_equal "" "$(ls -A r/snap | grep '^\.')"
	INSTAR_HOOK=import-checked=sleep:3000 snap-import -R r -n two good.tar \
	    >out 2>err &
	pid=$!
	sleep 1
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	atf_check_equal "" "$(ls -A r/snap | grep '^\.')"
	atf_check_equal web "$(ls r/name/snap)"
}

atf_test_case import__full_disk cleanup
import__full_disk_head()
{
	atf_set require.user root
}
import__full_disk_body()
{
	snap_shapes b web
	exports
	mkdir small
	mount -t tmpfs -o size=60k none small || atf_skip "no tmpfs here"
	atf_check -s exit:74 -e match:'No space left on device' \
	    snap-import -R small/r good.tar
	nothing_left small/r || atf_fail "something is left"
}
import__full_disk_cleanup()
{
	umount small 2>/dev/null || :
}

# What tar made of an archive is a snapshot directory for every tool, and what
# the trailer says of it holds, the envelope itself included.
atf_test_case dir__unpacked_archive
dir__unpacked_archive_body()
{
	snap_plant a web
	mkdir unpacked
	atf_check -o save:web.tar snap-export --dense --no-compress web
	atf_check tar -xf web.tar -C unpacked
	atf_check test -e unpacked/snapshot.digests
	atf_check snap-verify --from-dir unpacked
	atf_check -o inline:"new\t[\"memory.raw\",\"cow.raw\"]\n" \
	    snap-import -n new -p name,files --from-dir unpacked
	dir=$(snap-ls -p dir new)
	atf_check -o not-match:trailer cat "$dir/snapshot.json"
	atf_check -s exit:1 test -e "$dir/snapshot.digests"
	atf_check snap-verify
	while IFS='|' read -r change why; do
		rm -r unpacked
		mkdir unpacked
		tar -xf web.tar -C unpacked
		(cd unpacked && eval "$change")
		for tool in snap-verify snap-import; do
			atf_check -s exit:65 -e inline:"$tool: unpacked: $why\n" \
			    "$tool" --from-dir unpacked
		done
	done <<-'END'
	sed -i 's/"cpu": 1/"cpu": 2/' snapshot.json|snapshot.digests: snapshot.json: differs from its digest
	rm snapshot.digests|snapshot.digests: missing, though the envelope promises it
	sed -i '$d' snapshot.digests|snapshot.digests: no line for memory.raw
	sed -i /cow/d snapshot.digests|snapshot.digests: no line for cow.raw
	sed -i 1d snapshot.digests|snapshot.digests: no line for snapshot.json
	sed -i '2{p;p}' snapshot.digests|snapshot.digests: cow.raw: out of order
	sed -i 's/ memory/ Memory/' snapshot.digests|snapshot.digests: Memory.raw: not among the files
	echo x >snapshot.digests|snapshot.digests: byte 0: not a digest and a name
	END
	atf_check_equal 2 "$(snap-ls -p id | wc -l)"
}

atf_init_test_cases()
{
	atf_add_test_case dir__unpacked_archive
	atf_add_test_case import__hostile
	atf_add_test_case import__messages
	atf_add_test_case import__flipped
	atf_add_test_case import__changes_nothing
	atf_add_test_case import__cut
	atf_add_test_case import__stamped
	atf_add_test_case import__own_forms
	atf_add_test_case import__replace
	atf_add_test_case import__record
	atf_add_test_case import__foreign
	atf_add_test_case import__solaris
	atf_add_test_case import__unlisted_file
	atf_add_test_case import__repacked
	atf_add_test_case import__cocoon
	atf_add_test_case import__million_runs
	atf_add_test_case import__killed
	atf_add_test_case import__full_disk
}
