#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"

# sparse_out: what was unpacked is no larger on the disk than the snapshot.
sparse_out()
{
	[ "$(du -s out | cut -f 1)" -le \
	    "$(($(du -s "root/snap/$(id_of b)" | cut -f 1) + 12))" ] ||
	    atf_fail "not sparse any more"
}

atf_test_case export__readers
export__readers_head()
{
	atf_set require.config long
}
export__readers_body()
{
	snap_shapes b web
	atf_check -o save:a.tar snap-export --no-compress web
	atf_check -o save:a.zst snap-export web
	atf_check -o save:a.gz snap-export --gzip=1 web
	atf_check -o save:d.tar snap-export --no-compress --dense web
	unpacked tar -xf ../a.tar
	sparse_out
	unpacked bsdtar -xf ../a.tar
	sparse_out
	unpacked 'zstd -dc <../a.zst | tar -xf -'
	unpacked bsdtar -xf ../a.zst
	unpacked tar -xzf ../a.gz
	unpacked bsdtar -xf ../a.gz
	unpacked tar -xf ../d.tar
	unpacked bsdtar -xf ../d.tar
	unpacked busybox tar -xf ../d.tar
	atf_check -o save:d.gz snap-export --gzip --dense web
	unpacked busybox tar -xzf ../d.gz
}

# Who reads the first frame or member only has all.
atf_test_case export__one_frame
export__one_frame_body()
{
	snap_shapes b web
	head -c 3M /dev/urandom >"root/snap/$(id_of b)/tiny.raw"
	atf_check -o save:a.tar snap-export --no-compress web
	for how in --zstd --zstd=9 --zstd=19 "--zstd --long"; do
		atf_check -o save:a.zst snap-export $how web
		atf_check -o match:'Frames: 1$' -o not-match:'Skippable' \
		    -e ignore zstd -lv a.zst
		atf_check -x 'zstd -dc --long=27 a.zst | cmp - a.tar'
	done
	atf_check -o match:'^Window Size: 128' -e ignore zstd -lv a.zst
	python3 -c 'import zlib' || atf_skip "no python3 here"
	atf_check -o save:a.gz snap-export --gzip web
	atf_check python3 -c 'if True:
		import zlib
		z = zlib.decompressobj(31)
		tar = z.decompress(open("a.gz", "rb").read())
		assert z.eof and z.unused_data == b""
		assert tar == open("a.tar", "rb").read()'
}

atf_test_case export__python_reads
export__python_reads_body()
{
	python3 -c 'import tarfile' || atf_skip "no tarfile module here"
	snap_shapes b web
	atf_check -o save:a.tar snap-export --no-compress web
	atf_check -o save:a.gz snap-export --gzip web
	atf_check -o save:d.tar snap-export --no-compress --dense web
	for f in a.tar a.gz d.tar; do
		unpacked "python3 -c 'import tarfile
tarfile.open(\"../$f\").extractall()'"
	done
}

atf_test_case export__same_bytes
export__same_bytes_head()
{
	atf_set require.config long
}
export__same_bytes_body()
{
	snap_shapes b web
	for how in --no-compress --zstd --gzip --zstd=7 "--dense --zstd"; do
		atf_check -o save:one snap-export $how web
		touch -d 2001-01-01 root/snap/*/*
		atf_check -o save:two -x "snap-export $how web | cat"
		atf_check cmp one two
		atf_check -o ignore snap-export $how -o three web
		atf_check cmp one three
		# Where the kernel moves nothing they are copied.
		: >four
		atf_check -x "snap-export $how web >>four"
		atf_check cmp one four
	done
	# The same from the store that it was imported to, the envelope apart.
	atf_check -o ignore -x 'snap-export web | snap-import -R r -n web'
	snap-export --zstd web >one
	atf_check -o save:a.ls snap-export --list one -p name,size,data,runs
	snap-export -R r --zstd web >one
	atf_check -o save:b.ls snap-export --list one -p name,size,data,runs
	sed 1d a.ls >a
	sed 1d b.ls >b
	atf_check cmp a b
}

atf_test_case export__list
export__list_body()
{
	snap_plant b web
	snap-export --no-compress web >a.tar
	size=$(snap-export --list a.tar -p size | head -n 1)
	cat >expected <<-END
		{"name":"snapshot.json","size":$size,"data":$size,"runs":1,"form":"plain","offset":0}
		{"name":"cow.raw","size":1048576,"data":0,"runs":0,"form":"gnu-1.0","offset":1536}
		{"name":"memory.raw","size":6,"data":6,"runs":1,"form":"plain","offset":3584}
	END
	atf_check -o save:out snap-export --list a.tar
	head -n 3 out >got
	atf_check diff expected got
	snap-export web | atf_check -o file:out snap-export --list -
	head -c 4000 a.tar >cut
	atf_check -s exit:65 -o ignore -e match:'the archive ends early' \
	    snap-export --list cut
	atf_check -s exit:66 -e match:'none: No such file' \
	    snap-export --list none
	cat a.tar >b.tar
	echo more >>b.tar
	atf_check -o file:out -e match:'warning: .*bytes behind the end' \
	    snap-export --list b.tar
}

atf_test_case export__dry_run
export__dry_run_body()
{
	snap_shapes b web
	for how in "" --dense; do
		snap-export --no-compress $how web >a.tar
		atf_check -o inline:"$(stat -c %s a.tar)\n" \
		    snap-export --dry-run $how -p stream web
	done
	atf_check -o match:'"id":"b.*","data":[0-9]*,"stream":[0-9]*}' \
	    snap-export --dry-run web
}

atf_test_case export__to_file
export__to_file_body()
{
	snap_plant b web
	echo old >a.tar.zst
	atf_check -o match:"\"archive\":\"$PWD/a.tar.zst\",\"archive_size\":" \
	    snap-export -o a.tar.zst web
	atf_check -o inline:"$(stat -c %s a.tar.zst)\n" \
	    snap-export -o a.tar.zst -p archive_size web
	atf_check -o ignore snap-import a.tar.zst
	atf_check_equal 600 "$(stat -c %a a.tar.zst)"
	mkdir d
	atf_check -s exit:73 -e ignore snap-export -o d web
	atf_check -s exit:73 -e inline:"snap-export: none/a: No such file or directory\n" \
	    snap-export -o none/a web
	atf_check_equal "" "$(ls -A . | grep '^\.new')"
	echo '{"id":"web"}' | atf_check -o save:b.zst snap-export -
	atf_check cmp a.tar.zst b.zst
}

atf_test_case export__rate
export__rate_body()
{
	snap_plant b web
	head -c 400K /dev/urandom >"root/snap/$(id_of b)/memory.raw"
	for how in --no-compress --zstd --gzip; do
		a=$(date +%s%N)
		snap-export --rate 500K $how web | cat >a
		b=$(date +%s%N)
		[ $(((b - a) / 1000000)) -gt 650 ] ||
		    atf_fail "$how: $(((b - a) / 1000000)) ms"
	done
}

atf_test_case export__wrong_options
export__wrong_options_body()
{
	snap_plant b web
	while read -r args; do
		eval "snap-export $args" >out 2>err </dev/null
		rc=$?
		[ $rc -eq 64 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] ||
		    atf_fail "$args: $rc $(cat err)"
	done <<-'END'

		web web
		--zstd --gzip web
		--zstd --no-compress web
		--gzip --no-compress web
		--zstd=0 web
		--zstd=20 web
		--zstd=x web
		--gzip=10 web
		--gzip=-1 web
		--no-compress=1 web
		--gzip --long web
		--no-compress --long web
		--cocoon --zstd web
		--cocoon --long web
		--rate 0 web
		--rate 1X web
		--rate -5 web
		-p id web
		-o a -o b web
		--dry-run -o a web
		--dry-run --rate 1M web
		--list a web
		--list a -o b
		--list a --gzip
		--to-dir d -o a web
		--to-dir d --gzip web
		--nonsense web
		-
	END
	atf_check_equal "" "$(ls -A | grep -vE '^(root|out|err)$')"
	atf_check -s exit:66 -e inline:"snap-export: none: no such \
snapshot in $INSTAR_ROOT\n" snap-export none
}

atf_test_case export__to_a_terminal
export__to_a_terminal_body()
{
	need_terminal
	snap_plant b web
	atf_check -s exit:64 -o match:'no archive to a terminal' \
	    script -qec 'snap-export web' /dev/null
}

atf_test_case export__damaged_snapshot
export__damaged_snapshot_body()
{
	snap_plant b web
	rm root/snap/*/cow.raw
	atf_check -s exit:65 -e match:'^snap-export: web: cow.raw' \
	    snap-export -o a web
	ln -s /etc/passwd "root/snap/$(id_of b)/cow.raw"
	atf_check -s exit:65 -e match:'^snap-export: web: cow.raw' \
	    snap-export -o a web
	atf_check test ! -e a
	snap_plant c two
	atf_check -o save:dir -x 'snap-export two | snap-import -p dir'
	truncate -s 2M "$(cat dir)/cow.raw"
	id=$(basename "$(cat dir)")
	atf_check -s exit:65 -e inline:"snap-export: $id: cow.raw: \
2097152 bytes, not 1048576\n" snap-export -o a "$id"
	# Changed, but of the same size: whoever imports it finds out.
	truncate -s 1M "$(cat dir)/cow.raw"
	printf x | dd of="$(cat dir)/cow.raw" conv=notrunc status=none
	atf_check -s exit:65 -e match:'cow.raw: byte [0-9]* of the tar: differs from its' \
	    -x "snap-export $id | snap-import -R r"
}

atf_test_case export__broken_pipe
export__broken_pipe_body()
{
	snap_plant b web
	head -c 4M /dev/urandom >"root/snap/$(id_of b)/memory.raw"
	for how in --no-compress --zstd; do
		(snap-export $how web 2>err
		    echo $? >status) | head -c 100 >part
		atf_check_equal 74 "$(cat status)"
		atf_check_equal "snap-export: standard output: Broken pipe" \
		    "$(cat err)"
	done
	atf_check -s exit:74 -e match:'No space left' \
	    -x 'snap-export web >/dev/full'
}

atf_test_case export__many_runs
export__many_runs_body()
{
	snap_plant b web
	perl -e '
		open(F, ">", $ARGV[0]) or die;
		for (my $i = 0; $i < 5000; $i++) {
			sysseek(F, $i * 12288, 0);
			syswrite(F, chr(1 + $i % 255) x 4096);
		}
		truncate(F, 5000 * 12288);' "root/snap/$(id_of b)/cow.raw"
	for how in --no-compress --zstd; do
		atf_check -o save:a snap-export $how web
		atf_check -o inline:'cow.raw\t5000\n' \
		    -x "snap-export --list a -p name,runs | grep cow"
		atf_check -o save:dir snap-import -p dir a
		same_files "root/snap/$(id_of b)" "$(cat dir)" ||
		    atf_fail "differs"
		atf_check -o save:b -x "snap-export $how web | cat"
		atf_check cmp a b
	done
	atf_check -o save:a snap-export --no-compress web
	unpacked tar -xf ../a
	sparse_out
	unpacked bsdtar -xf ../a
}

atf_test_case export__cocoon
export__cocoon_body()
{
	snap_plant b web
	atf_check -o save:a.gz snap-export --cocoon --gzip web
	atf_check -o inline:"snapshot.json\ncow.raw\nmemory.raw\n" \
	    snap-export --list a.gz -p name
	tar -xzOf a.gz snapshot.json >envelope
	atf_check -s exit:1 grep -qE 'trailer|digests' envelope
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	d=root/snap/$(id_of b)
	(cd "$d" || exit
	    qemu-img create -q -f qcow2 -b cow.raw -F raw cow.1.qcow2
	    qemu-img create -q -f qcow2 -b cow.1.qcow2 -F qcow2 cow.2.qcow2
	    qemu-io -f qcow2 -c 'write -P 0x61 64k 4k' cow.1.qcow2
	    qemu-io -f qcow2 -c 'write -P 0x62 128k 4k' cow.2.qcow2
	    printf '%s' '{"storage_configs":[{"path":"cow.2.qcow2","ro":false,' \
		'"serial":"cocoon-cow","role":"cow",' \
		'"backing":["cow.1.qcow2","cow.raw"]}]}' >cocoon.json
	    sed -i 's/"cow.raw"/"cow.raw","cow.1.qcow2","cow.2.qcow2",\
		"cocoon.json"/' snapshot.json) >ignored
	sum=$(cat "$d"/* | sha256sum)
	qemu-img convert -f qcow2 -O raw "$d/cow.2.qcow2" want.raw
	atf_check -o save:a.tar snap-export --cocoon web
	mkdir x
	tar -C x -xf a.tar
	atf_check -o inline:"cocoon.json\ncow.raw\nmemory.raw\nsnapshot.json\n" \
	    ls x
	atf_check cmp want.raw x/cow.raw
	atf_check -o inline:"{\"storage_configs\":[{\"path\":\"cow.raw\",\
\"ro\":false,\"serial\":\"cocoon-cow\",\"role\":\"cow\"}]}\n" cat x/cocoon.json
	atf_check_equal "$sum" "$(cat "$d"/* | sha256sum)"
	atf_check_equal "$(id_of b)" "$(ls -A root/snap)"
	atf_check -o ignore snap-import a.tar
	# An overlay that names another file is not followed.
	(cd "$d" && qemu-img rebase -u -f qcow2 -b /etc/passwd -F raw \
	    cow.1.qcow2)
	atf_check -s exit:65 -e match:'^snap-export: web: cow.1.qcow2' \
	    snap-export --cocoon -o b.tar web
	atf_check_equal "" "$(ls -A root/snap | grep '^\.')"
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	snap_plant b golden
	# The other host is another root here.
	mkdir bin
	cat >bin/ssh <<-'END'
		#!/bin/sh
		shift
		INSTAR_ROOT=$INSTAR_ROOT.there
		export INSTAR_ROOT
		exec "$@"
	END
	chmod +x bin/ssh
	PATH=$PWD/bin:$PATH
	truncate -s 64K base.img
	sandbox_make
	atf_check -o ignore snap-import -n box --from-dir sandbox --base base.img
	examples_of snap-export >run
	atf_check_equal 8 "$(grep -c . run)"
	atf_check -o save:out sh -e run
	atf_check -o inline:'\ngolden\n' sh -c \
	    'snap-ls -R root.there -p name | sort'
	atf_check -o match:'"archive":' cat out
	atf_check -s exit:0 test -e template/memfile.header
	atf_check cmp dir/memory.raw "root/snap/$(id_of b)/memory.raw"
	# And those of snap-import; what follows is not for this test.
	cat >bin/vm-clone <<-'END'
		#!/bin/sh
		[ "$1" != - ] || snap-ls -p id -
	END
	chmod +x bin/vm-clone
	snap-export --cocoon --gzip golden >web.tar.gz
	INSTAR_ROOT=$PWD/root2
	mv root.there root2.there
	rm -rf root2.there/name/snap/golden
	cp -r root root2.there.new
	rm -rf root2.there
	mv root2.there.new root2.there
	mkdir saved
	zstd -qdc "$(atf_get_srcdir)/../data/fc-snapshot.tar.zst" |
	    tar -xf - -C saved || atf_fail "no pair"
	truncate -s 1M saved/layer0.raw
	cat >api.disks <<-'END'
		{"path":"/srv/image/layer0.raw","ro":true,"serial":"layer0","role":"layer"}
		{"path":"/srv/vm/web/cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
		{"path":"/srv/vm/web/data-data1.raw","ro":false,"serial":"data1","role":"data","fstype":"none"}
	END
	examples_of snap-import >run
	atf_check_equal 6 "$(grep -c . run)"
	atf_check -o ignore sh -e run
	atf_check -o save:names snap-ls -p name
	sort names | tr '\n' ' ' >sorted
	atf_check -o inline:' api box golden web ' cat sorted
}

# The check with fsverity that instar-archive(5) prints under The trailer.
atf_test_case manual__check_with_fsverity
manual__check_with_fsverity_body()
{
	command -v fsverity >/dev/null || atf_skip "no fsverity here"
	sed -n '/^\.Ss The trailer/,/^\.Ss Compression/p' \
	    "$top/share/instar-archive.5" |
	    sed -n '/^\.Bd/,/^\.Ed/p' | grep -v '^\.' >recipe
	atf_check grep -q fsverity recipe
	snap_shapes b web
	atf_check -o save:a.tar snap-export --no-compress web
	mkdir good
	atf_check tar -C good -xf a.tar
	: >'good/-dash name'
	atf_check -o save:dash -x 'cd good && fsverity digest -- "-dash name"'
	sed -i "1r dash" good/snapshot.digests
	atf_check -o empty -x 'cd good && sh ../recipe'
	n=0
	while IFS='|' read -r change lines; do
		rm -rf x
		cp -a good x
		(cd x && eval "$change")
		(cd x && sh ../recipe) >out 2>err
		rc=$?
		sed -n 's/^\([<>]\) [^ ]* /\1/p' out | tr '\n' ' ' >got
		[ $rc -eq 1 ] || atf_fail "$change: $rc"
		atf_check -o inline:"$lines " cat got
		n=$((n + 1))
	done <<-'END'
		rm tiny.raw|<tiny.raw
		rm empty.raw hole.raw|<empty.raw <hole.raw
		rm snapshot.json|<snapshot.json >snapshot.json
		: >more|>more
		: >.more|>.more
		: >'a snapshot.digests'|>a snapshot.digests
		printf x >>empty.raw|<empty.raw >empty.raw
		printf x 1<>odd-hole.raw|<odd-hole.raw >odd-hole.raw
		truncate -s +1 hole.raw|<hole.raw >hole.raw
		sed -i s/cpu/Cpu/ snapshot.json|<snapshot.json >snapshot.json
		rm empty.raw; ln -s empty.raw empty.raw; : >tiny.raw|<empty.raw >empty.raw <tiny.raw >tiny.raw
		rm empty.raw; mkdir empty.raw; rm tiny.raw|<empty.raw >empty.raw <tiny.raw
	END
	atf_check_equal 12 $n
	# What a tar leaves that knows no sparse form.
	mkdir y
	atf_check -o ignore -e ignore busybox tar -C y -xf a.tar
	atf_check -s exit:1 -e ignore \
	    -o match:'^> unread GNUSparseFile.0' -o match:'^< .* hole.raw' \
	    -x 'cd y && sh ../recipe'
	atf_check -s exit:65 -e match:'hole.raw' snap-verify --from-dir y
}

atf_test_case export__killed
export__killed_body()
{
	snap_shapes b web
	INSTAR_HOOK=export-written=kill snap-export -o a web >out 2>&1
	[ $? -eq 137 ] || atf_skip "the tools have no hooks"
	atf_check test ! -e a
	# What a signal ends leaves nothing at all.
	rm .new-*
	head -c 4M /dev/urandom >"root/snap/$(id_of b)/memory.raw"
	snap-export --rate 100K -o a web >out 2>&1 &
	pid=$!
	sleep 1
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	atf_check_equal "" "$(ls -A . | grep -E '^(a|\.new.*)$')"
}

atf_init_test_cases()
{
	atf_add_test_case export__readers
	atf_add_test_case export__one_frame
	atf_add_test_case export__python_reads
	atf_add_test_case export__same_bytes
	atf_add_test_case export__list
	atf_add_test_case export__dry_run
	atf_add_test_case export__to_file
	atf_add_test_case export__rate
	atf_add_test_case export__wrong_options
	atf_add_test_case export__to_a_terminal
	atf_add_test_case export__damaged_snapshot
	atf_add_test_case export__broken_pipe
	atf_add_test_case export__many_runs
	atf_add_test_case export__cocoon
	atf_add_test_case examples__as_printed
	atf_add_test_case manual__check_with_fsverity
	atf_add_test_case export__killed
}
