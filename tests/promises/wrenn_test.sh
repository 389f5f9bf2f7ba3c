#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Snapshot directories of wrenn: into the store, and out of it.
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"

data=$(atf_get_srcdir)/../data

build_a=11111111111141118111111111111111
build_b=22222222222242228222222222222222
file_a=memfile.11111111-1111-4111-8111-111111111111

# entry OFFSET LENGTH BUILD STORED: 40 bytes of a memory map, in hexadecimal.
entry()
{
	printf '%s%s%s%s' "$(le "$1" 8)" "$(le "$2" 8)" "$3" "$(le "$4" 8)"
}

# Directory d of small files: four pages of memory from two generations, the
# second in memfile, and zeros; a base of 64 chunks, exceptions 5, 6 and 63.
# What must come of it: want.mem, want.disk.
make_good()
{
	mkdir d
	echo state >d/snapfile
	yes aaaaaaa | head -c 4096 >d/$file_a
	yes bbbbbbb | head -c 12288 >d/memfile
	unhex "$(le 1 8)$(le 4096 8)$(le 16384 8)$(le 1 8)$build_b$build_a$(
	    entry 0 4096 $build_a 0)$(
	    entry 4096 4096 00000000000000000000000000000000 77)$(
	    entry 8192 8192 $build_b 4096)" >d/memfile.header
	{
		cat d/$file_a
		head -c 4096 /dev/zero
		tail -c 8192 d/memfile
	} >want.mem
	yes base | head -c 262144 >base.img
	{
		unhex "$(le 0x70416e53 4)$(le 1 4)$(le 1 4)$(le 8 4)"
		head -c 4080 /dev/zero
		unhex "$(le 5 8)$(le 2 8)$(le 6 8)$(le 3 8)$(le 63 8)$(le 4 8)"
		head -c 4048 /dev/zero
		yes 2222222 | head -c 4096
		yes 3333333 | head -c 4096
		yes 4444444 | head -c 4096
	} >d/rootfs.cow
	printf '{"base_template":"/srv/images/base.img","template_id":"x"}' \
	    >d/rootfs.meta
	cp base.img want.disk
	dd if=d/rootfs.cow of=want.disk bs=4096 skip=2 seek=5 count=2 \
	    conv=notrunc status=none
	dd if=d/rootfs.cow of=want.disk bs=4096 skip=4 seek=63 count=1 \
	    conv=notrunc status=none
}

# Directory $1 with all that a write to it would change.
listing()
{
	(cd "$1" && find . -printf '%p %y %s %T@ %C@\n' | sort)
}

# The snapshot x came out as it must.
came_out()
{
	s=root/name/snap/x
	atf_check cmp want.mem $s/mem
	atf_check cmp want.disk $s/cow.raw
	atf_check cmp d/snapfile $s/vmstate
	atf_check snap-verify -q x
	atf_check snap-rm x
}

# fixture NAME: wrenn's own directory of that name, and beside it its base.
fixture()
{
	mkdir "$1"
	tar -C "$1" -xf "$data/wrenn-$1.tar.zst" || atf_fail "$1"
	[ -e images ] || {
		mkdir images
		tar -C images -xf "$data/dm-cow.tar.zst" ./base.img ||
		    tar -C images -xf "$data/dm-cow.tar.zst" base.img
		mv images/base.img images/rootfs.ext4
	}
}

disk_cow=60a0eafe590b0608a5fc91ddfb4373cc76316fbb93374ff8a3169960ba49ef10
disk_whole=576969ceac43d2e1bd026fba00fcc33735a9ec96a1618b01f8d68f2f7743658f
memory_0=9cc4c4d28b88b7adfff82f31235426230ff5e8b3ccc2e3a636a6229e3ac6fbfa
memory_2=c4ac562443039df08158364d92cc67c00130bd3b233ee3939d0ea546d39c2baf

# The four fixtures: name, memory, disk, what else import is told.
fixtures()
{
	cat <<-END
	gen0-cow $memory_0 $disk_cow --base images
	gen2-cow $memory_2 $disk_cow --base images/rootfs.ext4
	merged $memory_2 $disk_cow --base images
	template $memory_0 $disk_whole
	END
}

# sum_is SUM FILE
sum_is()
{
	atf_check -o inline:"$1  $2\n" sha256sum "$2"
}

atf_test_case import__fixtures
import__fixtures_head()
{
	atf_set require.progs "jq tar zstd"
}
import__fixtures_body()
{
	fixtures >list
	while read -r name memory disk base; do
		fixture "$name"
		listing "$name" >before
		# shellcheck disable=SC2086
		atf_check -o save:record snap-import -n "$name" \
		    --from-dir "$name" $base
		listing "$name" | diff before - || atf_fail "$name: changed"
		s=root/name/snap/$name
		sum_is "$memory" "$s/mem"
		sum_is "$disk" "$s/cow.raw"
		atf_check cmp "$name/snapfile" "$s/vmstate"
		atf_check snap-verify -q "$name"
		atf_check -o inline:'["firecracker",67108864,67108864,["cocoon.json","cow.raw","mem","vmstate"]]\n' \
		    jq -c '[.hypervisor, .memory, .storage, .files]' record
		atf_check -o inline:'{"storage_configs":[{"path":"cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}],"memory":67108864}\n' \
		    cat "$s/cocoon.json"
		[ "$(jq .disk_usage record)" -lt 4194304 ] ||
		    atf_fail "$name: holes are gone"
	done <list
	# These were made without Firecracker.
	atf_check -s exit:65 -e match:"gen0-cow: vmstate: magic" \
	    env INSTAR_FIRECRACKER=true vm-clone gen0-cow
}

atf_test_case import__finds_the_base
import__finds_the_base_body()
{
	make_good
	atf_check -o ignore snap-import -n x --from-dir d
	came_out
	mkdir elsewhere
	mv base.img elsewhere/
	for base in elsewhere elsewhere/base.img; do
		atf_check -o ignore snap-import -n x --from-dir d --base $base
		came_out
	done
	mv elsewhere/base.img elsewhere/other
	ln -s other elsewhere/link
	atf_check -o ignore snap-import -n x --from-dir d --base elsewhere/link
	came_out
	mv elsewhere/other d/base.img
	atf_check -o ignore snap-import -n x --from-dir d
	came_out
	# By another name, and through a link to the directory.
	mv d/base.img d/rootfs.ext4
	printf '{"base_template":"rootfs.ext4"}' >d/rootfs.meta
	ln -s ../d elsewhere/link.d
	atf_check -o ignore snap-import -n x --from-dir elsewhere/link.d
	came_out
}

# The path in the file is not followed, whatever there is.
atf_test_case import__follows_no_path
import__follows_no_path_body()
{
	make_good
	mkdir elsewhere
	mv base.img elsewhere/
	for path in "$PWD/elsewhere/base.img" ../elsewhere/base.img; do
		printf '{"base_template":"%s"}' "$path" >d/rootfs.meta
		atf_check -s exit:66 -e inline:"snap-import: d: base template base.img: neither here nor in the directory above; --base can name it\n" \
		    snap-import -n x --from-dir d
	done
	atf_check -s exit:66 -e inline:"snap-import: d: elsewhere/nil: No such file or directory\n" \
	    snap-import --from-dir d --base elsewhere/nil
	atf_check -s exit:66 -e inline:"snap-import: d: .: base.img: No such file or directory\n" \
	    snap-import --from-dir d --base .
	atf_check_equal '' "$(ls -A root/snap root/name/snap | grep -v :)"
}

atf_test_case import__base_not_raw
import__base_not_raw_body()
{
	make_good
	printf 'QFI\373' | dd of=base.img conv=notrunc status=none
	atf_check -s exit:65 -e inline:"snap-import: d: base.img: a qcow2 image: qemu-img convert -O raw base.img base.img.raw\n" \
	    snap-import -n x --from-dir d
	cp base.img other
	atf_check -s exit:65 -e inline:"snap-import: d: other: a qcow2 image: qemu-img convert -O raw other other.raw\n" \
	    snap-import -n x --from-dir d --base other
	atf_check_equal '' "$(ls -A root/snap root/name/snap | grep -v :)"
}

atf_test_case import__whole_disk
import__whole_disk_body()
{
	make_good
	rm d/rootfs.cow d/rootfs.meta
	mv base.img d/rootfs.ext4
	cp d/rootfs.ext4 want.disk
	atf_check -s exit:64 -e inline:"snap-import: d: rootfs.ext4 is a whole disk, --base is not for it\n" \
	    snap-import -n x --from-dir d --base want.disk
	atf_check -o ignore snap-import -n x --from-dir d
	came_out
	# By wrenn's rule a CoW file without its description is none.
	echo >d/rootfs.cow
	atf_check -o ignore -e inline:"snap-import: d: warning: rootfs.cow without rootfs.meta is left out\n" \
	    snap-import -n x --from-dir d
	came_out
}

atf_test_case import__refused
import__refused_body()
{
	make_good
	atf_check -s exit:65 -e inline:"snap-import: d: a wrenn directory, which has no digests\n" \
	    snap-import --require-digests --from-dir d
	atf_check -s exit:64 -e inline:"snap-import: --base goes with --from-dir\n" \
	    snap-import --base base.img d
	mkdir empty
	atf_check -s exit:66 -e match:"^snap-import: empty: .*envelope missing" \
	    snap-import --from-dir empty
	atf_check -s exit:64 -e inline:"snap-import: empty: no wrenn directory, --base is not for it\n" \
	    snap-import --from-dir empty --base base.img
	atf_check -s exit:75 -e match:"^snap-import: d: rootfs.cow: in use: " \
	    flock d/rootfs.cow snap-import --from-dir d
	# An envelope decides, whatever else there is.
	echo '{}' >d/snapshot.json
	atf_check -s exit:65 -e match:"snapshot.json: version 0, not 1" \
	    snap-import --from-dir d
	atf_check_equal '' "$(ls -A root/snap root/name/snap | grep -v :)"
}

atf_test_case import__damaged
import__damaged_body()
{
	make_good
	mv d good
	cp -r good d
	atf_check -o ignore snap-import -n x --from-dir d
	came_out
	rm -rf d
	find root | sort >before
	n=0
	grep -v '^#' "$data/bad/wrenn" >rows
	while IFS='|' read -r how line; do
		cp -r good d
		eval "$how"
		listing d >d.before
		code=0
		timeout 60 snap-import -n x --from-dir d >out 2>err || code=$?
		wrong=
		[ $code -eq 65 ] || wrong="exit $code"
		[ ! -s out ] || wrong="$wrong, stdout"
		[ "$(wc -l <err)" -eq 1 ] || wrong="$wrong, lines"
		[ "$(cat err)" = "snap-import: d: $line" ] ||
		    wrong="$wrong, message"
		find root | sort | cmp -s before - || wrong="$wrong, left something"
		listing d | cmp -s d.before - || wrong="$wrong, d changed"
		[ -z "$wrong" ] || echo "$how: $wrong: $(cat err)" >>wrongs
		rm -rf d
		n=$((n + 1))
	done <rows
	[ ! -e wrongs ] || atf_fail "$(wc -l <wrongs) wrong: $(cat wrongs)"
	[ $n -ge 55 ] || atf_fail "only $n rows"
}

# What we write is what wrenn has written of the same memory, but for the ids
# and what it leaves as the offset of zeros.
atf_test_case export__as_wrenn
export__as_wrenn_head()
{
	atf_set require.progs "jq tar zstd"
}
export__as_wrenn_body()
{
	for name in gen2-cow merged template; do
		fixture $name
	done
	atf_check -o ignore snap-import -n box --from-dir gen2-cow --base images
	atf_check -o save:record snap-export --wrenn-dir out box
	atf_check_equal "$PWD/out" "$(jq -r .wrenn_dir record)"
	atf_check -o inline:"memfile\nmemfile.header\nrootfs.ext4\nsnapfile\n" \
	    ls -A out
	atf_check_equal 600 "$(stat -c %a out/* | sort -u)"
	atf_check cmp merged/memfile out/memfile
	atf_check cmp gen2-cow/snapfile out/snapfile
	sum_is $disk_cow out/rootfs.ext4
	maps_agree merged/memfile.header out/memfile.header
	# The same bytes again.
	mkdir again
	atf_check -o ignore snap-export --wrenn-dir again box
	atf_check diff -r out again

	atf_check -o ignore snap-import -n whole --from-dir template
	atf_check -o inline:"$PWD/third\n" \
	    snap-export -p wrenn_dir --wrenn-dir third whole
	atf_check cmp template/memfile third/memfile
	atf_check cmp template/rootfs.ext4 third/rootfs.ext4
	maps_agree template/memfile.header third/memfile.header
}

# Two maps in words: ids as whether they are zeros, offsets of zeros left out.
maps_agree()
{
	for f in "$1" "$2"; do
		od -An -v -tu8 -w8 "$f" | awk '
		NR > 4 && NR < 9 { next }
		NR < 9 { print; next }
		{ w[(NR - 9) % 5] = $1 }
		(NR - 9) % 5 == 4 {
			zero = w[2] == 0 && w[3] == 0
			print w[0], w[1], zero, zero ? "" : w[4]
		}' >"${f%%/*}.words"
	done
	atf_check test -s "${1%%/*}.words"
	atf_check diff "${1%%/*}.words" "${2%%/*}.words"
}

atf_test_case export__round_trip
export__round_trip_head()
{
	atf_set require.progs "tar zstd"
}
export__round_trip_body()
{
	fixtures >list
	while read -r name memory disk base; do
		fixture "$name"
		# shellcheck disable=SC2086
		atf_check -o ignore snap-import -n "$name" --from-dir "$name" \
		    $base
		atf_check -o ignore snap-export --wrenn-dir "$name.out" "$name"
		atf_check -o ignore snap-import -n "$name.back" \
		    --from-dir "$name.out"
		sum_is "$memory" "root/name/snap/$name.back/mem"
		sum_is "$disk" "root/name/snap/$name.back/cow.raw"
		atf_check cmp "$name/snapfile" \
		    "root/name/snap/$name.back/vmstate"
	done <list
}

# Snapshot x of d, in the store as s.
import_x()
{
	make_good
	atf_check -o ignore snap-import -n x --from-dir d
	s=$(readlink -f root/name/snap/x)
	id=${s##*/}
}

# not_exported CODE LINE: refused so, and no directory is left.
not_exported()
{
	atf_check -s exit:"$1" -e inline:"snap-export: $2\n" \
	    snap-export --wrenn-dir out x
	atf_check -s exit:1 test -e out
	mkdir out
	atf_check -s exit:"$1" -e inline:"snap-export: $2\n" \
	    snap-export --wrenn-dir out x
	atf_check rmdir out
}

atf_test_case export__other_machines
export__other_machines_body()
{
	snap_plant b x
	not_exported 78 "$(id_of b): saved by qemu, a wrenn directory is of firecracker"
	rm -r root
	import_x
	cp "$s/cocoon.json" good
	sed 's/}\],/},{"path":"data-a.raw","ro":false,"serial":"a","role":"data","fstype":"ext4","mount_point":"\/a"}],/' \
	    good >"$s/cocoon.json"
	not_exported 78 "$id: disk 1 (data): a wrenn directory has the root disk alone"
	sed 's/\[.*\]/[]/' good >"$s/cocoon.json"
	not_exported 78 "$id: no disk, and a wrenn directory has one"
	sed 's/cow.raw/cow.qcow2/' good >"$s/cocoon.json"
	not_exported 78 "$id: cow.qcow2: an overlay, and wrenn's disk is raw"
	echo '{' >"$s/cocoon.json"
	atf_check -s exit:65 -e match:"^snap-export: $id: cocoon.json: " \
	    snap-export --wrenn-dir out x
	rm "$s/cocoon.json"
	not_exported 65 "$id: cocoon.json: No such file or directory"
}

atf_test_case export__damaged
export__damaged_body()
{
	import_x
	cp -r "$s" good
	for f in mem vmstate cow.raw; do
		patch "$s/$f" 2=00
		not_exported 65 "$id: $f: differs from its digest"
		cp "good/$f" "$s/$f"
		size=$(stat -c %s "$s/$f")
		truncate -s +1 "$s/$f"
		not_exported 65 "$id: $f: $((size + 1)) bytes, not $size"
		rm "$s/$f"
		not_exported 65 "$id: $f: missing"
		cp "good/$f" "$s/$f"
	done
	# Without digests: memory must be whole pages.
	sed '/"digests"/,/^  },/d' good/snapshot.json >"$s/snapshot.json"
	truncate -s 5000 "$s/mem"
	not_exported 65 "$id: mem: memory of 5000 bytes"
	: >"$s/mem"
	not_exported 65 "$id: mem: memory of 0 bytes"
}

atf_test_case export__target
export__target_body()
{
	import_x
	mkdir full
	echo mine >full/file
	atf_check -s exit:73 -e inline:"snap-export: full: not empty\n" \
	    snap-export --wrenn-dir full x
	atf_check -o inline:"mine\n" cat full/*
	atf_check -s exit:73 -e inline:"snap-export: full/file: Not a directory\n" \
	    snap-export --wrenn-dir full/file x
	atf_check -s exit:73 -e match:'^snap-export: nil/out: No such file' \
	    snap-export --wrenn-dir nil/out x
	mkdir busy
	atf_check -s exit:75 -e match:'^snap-export: busy: ' \
	    flock busy snap-export --wrenn-dir busy x
	atf_check rmdir busy
	for args in '--to-dir a' '-o a' --zstd --gzip --no-compress --long \
	    --dense --cocoon '--rate 1M' --dry-run '--list a'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^snap-export: --' \
		    snap-export --wrenn-dir out $args x
	done
	atf_check -s exit:1 test -e out -o -e a
}

# Killed anywhere, nothing is there that passes for whole.
atf_test_case kill__at_each_step
kill__at_each_step_body()
{
	make_good
	for step in import-copied import-checked root-publish; do
		INSTAR_HOOK=$step=kill snap-import -n x --from-dir d \
		    >/dev/null 2>&1
		[ $? -eq 137 ] || atf_skip "the tools have no hooks"
		atf_check -o empty snap-ls
	done
	atf_check -o ignore snap-import -n x --from-dir d
	for step in wrenn-file wrenn-files; do
		INSTAR_HOOK=$step=kill snap-export --wrenn-dir out x \
		    >/dev/null 2>&1
		atf_check_equal 137 $?
		atf_check test -e out/rootfs.ext4
		atf_check -s exit:65 -e match:'^snap-import: out: an incomplete wrenn directory: no ' \
		    snap-import --from-dir out
		rm -r out
	done
	INSTAR_HOOK=wrenn-files=sleep:3000 snap-export --wrenn-dir out x \
	    >/dev/null 2>&1 &
	pid=$!
	eventually 10 test -e out/memfile
	sleep 0.5
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	atf_check -s exit:1 test -e out
}

atf_init_test_cases()
{
	atf_add_test_case import__fixtures
	atf_add_test_case import__finds_the_base
	atf_add_test_case import__follows_no_path
	atf_add_test_case import__base_not_raw
	atf_add_test_case import__whole_disk
	atf_add_test_case import__refused
	atf_add_test_case import__damaged
	atf_add_test_case export__as_wrenn
	atf_add_test_case export__round_trip
	atf_add_test_case export__other_machines
	atf_add_test_case export__damaged
	atf_add_test_case export__target
	atf_add_test_case kill__at_each_step
}
