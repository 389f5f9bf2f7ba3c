#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Firecracker's snapshots, recorded and damaged: imported, and looked at before
# a clone.  Nothing of this needs the program.
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

recorded=$(atf_get_srcdir)/../data/fc-snapshot.tar.zst

# Directory pair: what was recorded, with three disks, a NIC and a vsock.
pair_make()
{
	for p in jq zstd perl qemu-img; do
		command -v $p >/dev/null || atf_skip "$p is not installed"
	done
	# One that is installed may be older than what was recorded.
	export INSTAR_FIRECRACKER="$PWD/none"
	mkdir pair
	zstd -qdc "$recorded" | tar -xf - -C pair || atf_fail "not unpacked"
	truncate -s 1M layer0.raw
	cp layer0.raw pair/
	cat >disks <<-END
		{"path":"/srv/image/layer0.raw","ro":true,"serial":"layer0","role":"layer"}
		{"path":"/srv/vm/web/cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
		{"path":"/srv/vm/web/data-data1.raw","ro":false,"serial":"data1","role":"data","fstype":"ext4","mount_point":"/mnt"}
	END
}

# good_make: the pair in the store as good, and as directory good.
good_make()
{
	pair_make
	atf_check -o ignore snap-import -n good --from-dir pair \
	    --storage-config disks
	atf_check -o ignore snap-export --to-dir good good
}

# sealed FILE: its CRC is that of its bytes again.
sealed()
{
	perl -e '
		local $/; open my $f, "+<:raw", $ARGV[0] or die;
		my $d = <$f>; my $n = length($d) - 8; my $c = 0;
		my @t = map { my $r = $_;
		    $r = $r >> 1 ^ ($r & 1 ? 0x95ac9329ac4bc9b5 : 0) for 1..8;
		    $r } 0..255;
		$c = $t[($c ^ $_) & 255] ^ $c >> 8 for unpack "C*", substr $d, 0, $n;
		seek $f, $n, 0; print $f pack "Q<", $c;' "$1"
}

# put FILE OFFSET TEXT: bytes written over; printf has the text.
put()
{
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# replaced FILE FROM TO: text of the same length, everywhere.
replaced()
{
	perl -pi -e "s{\Q$2\E}{$3}g" "$1"
}

# edit FILE JQ-PROGRAM
edit()
{
	jq -c "$2" "$1" >edited || atf_fail "jq: $2"
	cat edited >"$1"
}

listing()
{
	(cd root && find . ! -name '*.log' -printf '%P %y %s\n' | sort)
}

atf_test_case import__pair
import__pair_body()
{
	good_make
	s=root/name/snap/good
	jq -c . $s/cocoon.json >sidecar
	atf_check -o inline:'{"storage_configs":[{"path":"layer0","ro":true,"serial":"layer0","role":"layer","origin":"/srv/image/layer0.raw"},{"path":"cow.raw","ro":false,"serial":"cocoon-cow","role":"cow","origin":"/srv/vm/web/cow.raw"},{"path":"data-data1.raw","ro":false,"serial":"data1","role":"data","mount_point":"/mnt","fstype":"ext4","origin":"/srv/vm/web/data-data1.raw"}],"memory":16777216,"network_configs":[{"type":"tap","mac":"52:54:00:12:34:56","ifname":"tap0"}]}\n' \
	    cat sidecar
	for f in vmstate mem cow.raw data-data1.raw; do
		atf_check cmp pair/$f $s/$f
	done
	atf_check -o inline:"firecracker\t16777216\t16777216\t1\n" \
	    snap-ls -p hypervisor,memory,storage,nics good
	atf_check snap-verify good
	# The way out and in again, as an archive.
	atf_check -o save:archive -e match:'layer0 .* is not in the archive' \
	    snap-export good
	atf_check -o ignore snap-import -n again archive
	atf_check cmp $s/cocoon.json root/name/snap/again/cocoon.json
	# Prepared, not run: the record knows what the state calls the disks.
	atf_check -o ignore vm-clone --no-start -n c --nic tap=none0 good
	atf_check -o inline:'["/srv/image/layer0.raw","/srv/vm/web/cow.raw","/srv/vm/web/data-data1.raw"]\n' \
	    jq -c '[.storage_configs[].origin]' root/name/vm/c/vm.json
	atf_check cmp pair/vmstate root/name/vm/c/vmstate
	[ root/name/vm/c/template.raw -ef $s/mem ] || atf_fail "a copy"
	atf_check cmp pair/cow.raw root/name/vm/c/cow.raw
	[ ! root/name/vm/c/cow.raw -ef $s/cow.raw ] || atf_fail "the saved disk"
	atf_check cmp layer0.raw root/name/vm/c/layer0
	# What a NIC is on, the user says.
	atf_check -s exit:64 -e match:"say with --nic" vm-clone --no-start good
	atf_check -s exit:64 -e match:"the snapshot has 1" vm-clone --no-start \
	    --nic tap=a0 --nic tap=a1 good
}

# Names that others use, and layers that are elsewhere.
atf_test_case import__other_names
import__other_names_body()
{
	pair_make
	mv pair/vmstate pair/snapfile
	mv pair/mem pair/memfile
	atf_check -s exit:65 -e match:"an incomplete wrenn directory" \
	    snap-import --from-dir pair
	rm pair/layer0.raw
	atf_check -o ignore \
	    -e inline:"snap-import: pair: warning: its layers were not followed: a clone needs --trust-paths here\n" \
	    snap-import -n a --from-dir pair --storage-config disks
	atf_check -s exit:78 \
	    -e inline:"vm-clone: a: disk 0: layer layer0 is not here: snap-import --trust-paths takes it in\n" \
	    vm-clone --no-start --nic tap=none0 a
	# Told with what lies elsewhere: the state does not name it so.
	sed "s:/srv/image:$PWD:" disks >disks.here
	atf_check -s exit:65 \
	    -e match:"pair: disk 0: snapfile has no \"$PWD/layer0.raw\" in it" \
	    snap-import --from-dir pair --storage-config disks.here \
	    --trust-paths
	atf_check -s exit:66 -e match:"/srv/image/layer0.raw" \
	    snap-import --from-dir pair --storage-config disks --trust-paths
	printf 'QFI\373' >pair/layer0.raw
	atf_check -s exit:65 \
	    -e match:": layer0.raw: a qcow2 image: qemu-img convert -O raw " \
	    snap-import --from-dir pair --storage-config disks
	# cocoon's sidecar does as well.
	mv pair/snapfile pair/vmstate
	cp layer0.raw pair/
	jq -sc '{storage_configs: ., cpu: 1, memory: 16777216}' disks \
	    >pair/cocoon.json
	atf_check -o inline:"1\n" snap-import -p cpu -n b --from-dir pair
	atf_check -o ignore vm-clone --no-start --nic tap=none0 b
}

atf_test_case import__options
import__options_body()
{
	pair_make
	atf_check -s exit:64 -e match:"goes with --from-dir" \
	    snap-import --storage-config disks archive
	atf_check -s exit:64 -e match:"--base is not for it" \
	    snap-import --from-dir pair --storage-config disks --base x
	atf_check -s exit:65 -e match:"has no digests" \
	    snap-import --from-dir pair --storage-config disks \
	    --require-digests
	atf_check -s exit:66 -e match:"none" \
	    snap-import --from-dir pair --storage-config none
	atf_check -s exit:65 -e match:"does not tell the roles of its disks" \
	    snap-import --from-dir pair
	atf_check -o ignore snap-import -n good --from-dir pair \
	    --storage-config disks
	atf_check -o ignore snap-export --to-dir good good
	atf_check -s exit:64 -e match:"tells its disks itself" \
	    snap-import --from-dir good --storage-config disks
}

# Bare pairs that are wrong: refused by one line, and nothing is left of them.
pair_damage()
{
	case $1 in
	state-missing) rm d/vmstate; mv d/mem d/memfile ;;
	state-empty) : >d/vmstate ;;
	state-cut) truncate -s 5000 d/vmstate ;;
	state-head-only) truncate -s 20 d/vmstate ;;
	state-crc) put d/vmstate 14290 '\1' ;;
	state-bit) put d/vmstate 7000 '\377\377\377' ;;
	state-magic) put d/vmstate 1 '\1'; sealed d/vmstate ;;
	state-zeros) head -c 14291 /dev/zero >d/vmstate ;;
	state-version) put d/vmstate 10 'x'; sealed d/vmstate ;;
	state-version-long) put d/vmstate 9 '\377'; sealed d/vmstate ;;
	state-long) truncate -s 10000001 d/vmstate ;;
	state-link) mv d/vmstate v; ln -s ../v d/vmstate ;;
	state-dir) rm d/vmstate; mkdir d/vmstate ;;
	mem-missing) rm d/mem ;;
	mem-empty) : >d/mem ;;
	mem-odd) truncate -s 16777215 d/mem ;;
	mem-link) mv d/mem m; ln -s ../m d/mem ;;
	disk-missing) rm d/cow.raw ;;
	disk-dir) rm d/cow.raw; mkdir d/cow.raw ;;
	disk-untold) sed 1d disks >told
		sed 's:/srv/vm/web/cow:/srv/vm/web/cox:' disks >told ;;
	disk-qcow2) sed 's:/cow.raw:/cow.qcow2:' disks >told ;;
	told-order) tac disks >told ;;
	told-twice) { cat disks; sed -n 2p disks; } >told ;;
	told-ro) sed '2s/false/true/' disks >told ;;
	told-colon) sed 's,/cow.raw,/nbd:x,' disks >told ;;
	told-dash) sed 's,/cow.raw,/-cow.raw,' disks >told ;;
	told-garbage) echo '{"path":' >told ;;
	told-deep) perl -e 'print "[" x 100000' >told ;;
	told-huge) head -c 2000000 /dev/zero | tr '\0' ' ' >told ;;
	sidecar-memory)
		jq -sc '{storage_configs: ., memory: 33554432}' disks \
		    >d/cocoon.json ;;
	sidecar-garbage) echo nonsense >d/cocoon.json ;;
	nics-many)
		perl -e 'print "52:54:00:12:34:56" x 9, "\0" x 8' >d/tail
		head -c 14283 d/vmstate >s
		cat s d/tail >d/vmstate
		rm d/tail
		sealed d/vmstate ;;
	*) atf_fail "$1: no such damage" ;;
	esac
}

atf_test_case import__damaged_pairs
import__damaged_pairs_body()
{
	pair_make
	mkdir -m 700 root
	atf_check -o ignore snap-import -n first --from-dir pair \
	    --storage-config disks
	listing >before
	n=0 wrong=
	while read -r name code pattern; do
		rm -rf d
		cp -r --sparse=always pair d
		cp disks told
		pair_damage "$name"
		n=$((n + 1)) rc=0
		snap-import --from-dir d --storage-config told >out 2>err ||
		    rc=$?
		[ $rc -eq "$code" ] && [ ! -s out ] &&
		    [ "$(wc -l <err)" -eq 1 ] && grep -Eq "$pattern" err ||
		    wrong="$wrong $name: exit $rc: $(cat err);"
		listing >after
		cmp -s before after || wrong="$wrong $name: leaves something;"
	done <<-END
		state-missing 65 an incomplete wrenn directory|snapfile
		state-empty 65 d: vmstate: ends at byte 0, within its head
		state-cut 65 d: vmstate: CRC
		state-head-only 65 d: vmstate: ends at byte 20, within its head
		state-crc 65 d: vmstate: CRC
		state-bit 65 d: vmstate: CRC
		state-magic 65 d: vmstate: magic
		state-zeros 65 d: vmstate: magic 0000000000000000
		state-version 65 d: vmstate: version: "x0\.0\.0"
		state-version-long 65 d: vmstate: version: a text of 255 bytes
		state-long 65 d: vmstate
		state-link 65 d: vmstate
		state-dir 65 d: vmstate
		mem-missing 65 d: mem: missing
		mem-empty 65 d: mem: 0 bytes are no size of memory
		mem-odd 65 d: mem: 16777215 bytes are no size of memory
		mem-link 65 d: mem
		disk-missing 65 d: cow.raw: missing
		disk-dir 65 d: cow.raw
		disk-untold 65 d: disk 1: vmstate has no "/srv/vm/web/cox.raw" in it
		disk-qcow2 65 d: disk 1
		told-order 65 told
		told-twice 65 told
		told-ro 65 told
		told-colon 65 told: disk 1: path "/srv/vm/web/nbd:x": a disk's file has no colon
		told-dash 65 told: disk 1: path "/srv/vm/web/-cow.raw": a disk's file has no colon
		told-garbage 65 told: line 1
		told-deep 65 told: line 1
		told-huge 65 told
		sidecar-memory 65 d: mem: 16777216 bytes, cocoon.json says 33554432
		sidecar-garbage 65 d: cocoon.json
		nics-many 65 d: vmstate
	END
	[ -z "$wrong" ] || atf_fail "$wrong"
	[ "$n" -ge 25 ] || atf_fail "only $n"
}

# Snapshot directories with an envelope, given to vm-clone.
dir_damage()
{
	case $1 in
	state-missing) rm d/vmstate ;;
	state-empty) : >d/vmstate ;;
	state-crc) put d/vmstate 100 '\1\2\3' ;;
	state-magic) put d/vmstate 8 '\0'; sealed d/vmstate ;;
	state-arch) put d/vmstate 3 '\252\252'; sealed d/vmstate ;;
	state-other) replaced d/vmstate /srv/vm/web/cow.raw /srv/vm/web/cox.raw
		sealed d/vmstate ;;
	mem-missing) rm d/mem ;;
	mem-short) truncate -s 16773120 d/mem ;;
	mem-long) truncate -s 16781312 d/mem ;;
	mem-empty) : >d/mem ;;
	mem-lies) edit d/snapshot.json '.config.memory = 33554432' ;;
	mem-odd) edit d/snapshot.json '.config.memory = 16777217' ;;
	cpu-many) edit d/snapshot.json '.config.cpu = 33' ;;
	cpu-lies) edit d/cocoon.json '.cpu = 2'
		edit d/snapshot.json '.config.cpu = 1' ;;
	disk-short) truncate -s 8M d/cow.raw ;;
	disk-missing) rm d/data-data1.raw ;;
	disk-qcow2) edit d/cocoon.json '.storage_configs[1].path = "cow.qcow2"'
		edit d/snapshot.json '.files |= map(sub("cow.raw"; "cow.qcow2"))'
		rm d/cow.raw
		qemu-img create -q -f qcow2 d/cow.qcow2 16M ;;
	disk-backing) edit d/cocoon.json \
		'.storage_configs[1].backing = ["x.raw"]' ;;
	origin-dots) edit d/cocoon.json \
		'.storage_configs[1].origin = "/srv/../etc/shadow"' ;;
	origin-up) edit d/cocoon.json '.storage_configs[1].origin = "../x"' ;;
	origin-record) edit d/cocoon.json \
		'.storage_configs[1].origin = "vm.json"' ;;
	origin-other) edit d/cocoon.json \
		'.storage_configs[1].origin = "data-data1.raw"' ;;
	origin-empty) edit d/cocoon.json '.storage_configs[1].origin = ""' ;;
	origin-number) edit d/cocoon.json '.storage_configs[1].origin = 1' ;;
	origin-untold) edit d/cocoon.json \
		'.storage_configs[1].origin = "/srv/vm/web/other.raw"' ;;
	nics-none) edit d/cocoon.json 'del(.network_configs)'
		edit d/snapshot.json '.config.nics = 2' ;;
	host-version) edit d/snapshot.json "$host"' | .host.version = "1.12.0"' ;;
	host-accel) edit d/snapshot.json "$host"' | .host.accel = "tcg"' ;;
	host-arch) edit d/snapshot.json "$host"' | .host.arch = "aarch64"' ;;
	host-vmm) edit d/snapshot.json "$host"' | .host.vmm = "qemu"' ;;
	*) atf_fail "$1: no such damage" ;;
	esac
}

# Its memory is never in a memfd: a copy needs the room, and is told beforehand.
atf_test_case clone__no_room_for_a_copy cleanup
clone__no_room_for_a_copy_body()
{
	pair_make
	loopfs_make ext4 64M small
	export INSTAR_ROOT="$PWD/small/root"
	atf_check -o ignore snap-import -n good --from-dir pair \
	    --storage-config disks
	cp --sparse=never pair/mem "$(snap-ls -p dir good)/mem"
	free=$(df -B1M --output=avail small | tail -n 1)
	fallocate -l $((free - 8))M small/ballast
	(cd small/root && find .) >before
	atf_check -s exit:74 -e match:'^vm-clone: good: no space: [0-9]+ bytes' \
	    vm-clone --no-start --nic tap=none0 --memory-mode copy good
	(cd small/root && find .) | diff before - || atf_fail "left something"
	atf_check -o inline:"linked\n" vm-clone --no-start --nic tap=none0 \
	    -p memory_from good
	rm small/ballast
	atf_check -o inline:"copied\n" vm-clone --no-start --nic tap=none0 \
	    --memory-mode copy -p memory_from good
}
clone__no_room_for_a_copy_cleanup()
{
	loopfs_clean
}

atf_test_case clone__damaged_directories
clone__damaged_directories_body()
{
	good_make
	host='.config.cpu = 1 | .host = {vmm: "firecracker", version: "1.16.1", accel: "kvm", arch: "x86_64"}'
	edit good/snapshot.json 'del(.digests)'
	listing >before
	n=0 wrong=
	while read -r name code pattern; do
		rm -rf d
		cp -r --sparse=always good d
		dir_damage "$name"
		n=$((n + 1)) rc=0
		vm-clone --no-start --nic tap=none0 --from-dir d >out 2>err ||
		    rc=$?
		[ $rc -eq "$code" ] && [ ! -s out ] &&
		    [ "$(wc -l <err)" -eq 1 ] && grep -Eq "$pattern" err ||
		    wrong="$wrong $name: exit $rc: $(cat err);"
		listing >after
		cmp -s before after || wrong="$wrong $name: leaves something;"
	done <<-END
		state-missing 65 vmstate
		state-empty 65 vmstate: ends at byte 0, within its head
		state-crc 65 vmstate: CRC
		state-magic 65 vmstate: magic
		state-arch 78 vmstate: saved on aarch64, this is x86_64
		state-other 65 vmstate: has no disk "/srv/vm/web/cow.raw"
		mem-missing 65 mem
		mem-short 65 mem: 16773120 bytes, the guest has 16777216
		mem-long 65 mem: 16781312 bytes, the guest has 16777216
		mem-empty 65 mem: 0 bytes, the guest has 16777216
		mem-lies 65 cocoon.json: memory is 16777216, config.memory 33554432
		mem-odd 65 config.memory
		cpu-many 65 33 processors
		cpu-lies 65 cocoon.json: cpu is 2, config.cpu 1
		disk-short 65 cow.raw: 8388608 bytes
		disk-missing 65 data-data1.raw
		disk-qcow2 65 cow.qcow2
		disk-backing 65 cocoon.json: disk 1
		origin-dots 65 cocoon.json: disk 1: origin "/srv/../etc/shadow"
		origin-up 65 cocoon.json: disk 1: origin "../x"
		origin-record 65 cocoon.json: disk 1: origin "vm.json"
		origin-other 65 cocoon.json: disk 1: origin "data-data1.raw" is disk 2's
		origin-empty 65 cocoon.json: disk 1: origin ""
		origin-number 65 cocoon.json: .*"origin"
		origin-untold 65 vmstate: has no disk "/srv/vm/web/other.raw"
		nics-none 65 config.nics is 2, the sidecar has 1
		host-version 78 saved by Firecracker 1.12.0
		host-accel 78 saved under accelerator "tcg"
		host-arch 78 saved on aarch64
		host-vmm 78 host.vmm qemu
	END
	[ -z "$wrong" ] || atf_fail "$wrong"
	[ "$n" -ge 25 ] || atf_fail "only $n"
}

# program VERSION: stands in for Firecracker, and says no more than that.
program()
{
	printf '#!/bin/sh\necho "Firecracker v%s"\n' "$1" >firecracker
	chmod 755 firecracker
	export INSTAR_FIRECRACKER="$PWD/firecracker"
}

# A tap has room for one: which version it is must be known before a VM that
# runs is ended for it.
atf_test_case clone__versions
clone__versions_body()
{
	good_make
	while read -r version code message; do
		program "$version"
		atf_check -s exit:"$code" -o ignore \
		    -e inline:"${message:+$message\n}" \
		    vm-clone --no-start --nic tap=none0 good
	done <<-END
		1.12.3 69 vm-clone: good: Firecracker v1.12.3: not one of 1.13 to 1.16
		1.14.4 78 vm-clone: good: vmstate: version: 10.0.0 of Firecracker 1.16, Firecracker 1.14 loads 8.0
		1.17.0 69 vm-clone: good: Firecracker v1.17.0: not one of 1.13 to 1.16
		1.16.1 0
	END
}

# The state is looked at once, by one process, while the program starts; nor is
# the program, which says it anyway, run for its version.
atf_test_case clone__looks_once
clone__looks_once_head()
{
	atf_set require.progs strace
}
clone__looks_once_body()
{
	mountpoint -q / || atf_skip "in a chroot nothing can be mounted"
	[ "$(id -u)" -eq 0 ] || atf_skip "others' paths need root"
	good_make
	export INSTAR_FIRECRACKER=true
	# A sanitizer's leak check is a tracer, too.
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace \
	    -e trace=clone,clone3,fork,vfork \
	    vm-clone --nic tap=none0 good >out 2>err
	atf_check -o match:"vm-clone: Firecracker has ended" cat err
	# The program, its console, and who looks.
	atf_check_equal 3 "$(grep -cE '(clone|clone3|fork|vfork)\(' trace)"
}

# Others' absolute paths are the only ones that ask for privilege.
atf_test_case clone__without_root
clone__without_root_body()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "only root can be somebody else"
	command -v setpriv >/dev/null || atf_skip "setpriv is not installed"
	good_make
	program 1.16.1
	chmod 755 .
	chown -R 65534:65534 root
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$as "$(command -v vm-ls)" >/dev/null 2>&1 ||
	    atf_skip "others cannot come here"
	atf_check -s exit:77 -o empty -e \
	    inline:"vm-clone: the state calls its disk /srv/image/layer0.raw: to put another there needs root\n" \
	    $as "$(command -v vm-clone)" --nic tap=none0 good
	atf_check -o empty vm-ls
}

# vm-create's own part: kernels, and what Firecracker cannot do.
atf_test_case create__kernels
create__kernels_body()
{
	need_linux
	need_tiny
	export INSTAR_FIRECRACKER=true
	atf_check -o ignore vm-create -n a --hypervisor firecracker \
	    --kernel "$vmlinuz" --initrd "$initrd" --memory 256M
	head -c 4 root/name/vm/a/kernel | od -An -c >magic
	atf_check -o match:"177   E   L   F" cat magic
	[ "$(stat -c %s root/name/vm/a/kernel)" -gt 20000000 ] ||
	    atf_fail "not unpacked"
	atf_check -s exit:1 test -e root/name/vm/a/kernel.new
	atf_check -o ignore vm-create -n b --hypervisor firecracker \
	    --kernel "$tiny" --memory 32M
	atf_check cmp "$tiny" root/name/vm/b/kernel
	head -c 1000000 "$vmlinuz" >cut
	atf_check -s exit:65 -o empty -e match:"kernel: payload of" vm-create \
	    -n c --hypervisor firecracker --kernel cut --memory 32M
	echo text >text
	atf_check -s exit:65 -o empty -e \
	    inline:"vm-create: --kernel: neither an ELF file for x86-64 nor a bzImage\n" \
	    vm-create -n c --hypervisor firecracker --kernel text --memory 32M
	atf_check -o inline:"a\nb\n" sh -c "vm-ls -p name | sort"
}

atf_test_case create__refused
create__refused_body()
{
	need_tiny
	mkdir -m 700 root
	export INSTAR_FIRECRACKER=true
	fc="vm-create --hypervisor firecracker --memory 32M"
	atf_check -s exit:64 \
	    -e inline:"vm-create: --kernel: firecracker boots nothing else\n" \
	    $fc --base "$tiny"
	atf_check -s exit:64 \
	    -e inline:"vm-create: --firmware: firecracker takes none\n" \
	    $fc --firmware "$tiny"
	fc="$fc --kernel $tiny"
	atf_check -s exit:64 -e match:"--cpu 33: firecracker has at most 32" \
	    $fc --cpu 33
	for b in file memfd; do
		atf_check -s exit:64 \
		    -e match:"--memory-backing: firecracker keeps its memory" \
		    $fc --memory-backing $b
	done
	atf_check -s exit:64 -e match:"--accel tcg: firecracker" $fc --accel tcg
	atf_check -s exit:64 -e match:"--nic user: firecracker" $fc --nic user
	atf_check -s exit:66 -o empty -e match:"no state root" vm-ls
}

atf_init_test_cases()
{
	atf_add_test_case import__pair
	atf_add_test_case import__other_names
	atf_add_test_case import__options
	atf_add_test_case import__damaged_pairs
	atf_add_test_case clone__no_room_for_a_copy
	atf_add_test_case clone__damaged_directories
	atf_add_test_case clone__versions
	atf_add_test_case clone__looks_once
	atf_add_test_case clone__without_root
	atf_add_test_case create__kernels
	atf_add_test_case create__refused
}
