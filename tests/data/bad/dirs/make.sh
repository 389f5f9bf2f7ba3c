#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: make.sh GOOD NAME DIR
# Makes DIR, a copy of the snapshot directory GOOD that is wrong in the way
# NAME of the file "list".  GOOD is of a tiny guest with a layer, an overlay
# cow.1.qcow2 on cow.raw of 16M, a data disk db of 16M and a user NIC.
set -eu

good=$1 name=$2 dir=$3
e=snapshot.json s=cocoon.json

# edit FILE PERL: runs PERL on the whole text of FILE, which must change.
edit()
{
	perl -0777 -pe "\$was = \$_; $2; \$_ ne \$was or die qq($name: $1 as it was\n)" \
	    "$1" >edited
	mv edited "$1"
}

# A liar who knows of digests has none.
undigest()
{
	edit $e 's/  "digests": \{.*?\n  \},\n//s'
}

# Not even a list of files.
unlist()
{
	undigest
	edit $e 's/  "files": \[.*?\],\n//s'
}

# config MEMBER VALUE, host MEMBER VALUE: sets it.
config()
{
	edit $e "s/(\"config\": \\{.*?\"$1\": )[^,\n]*/\${1}$2/s"
}

host()
{
	edit $e "s/(\"host\": \\{.*?\"$1\": )[^,\n]*/\${1}$2/s"
}

# whole_cow NAME: the cow disk is one raw file of that name.
whole_cow()
{
	undigest
	mv cow.raw "./$1"
	edit $e "s/\"cow.raw\"/\"$1\"/"
	edit $s "s/\"path\":\"cow.1.qcow2\"/\"path\":\"$1\"/; s/,\"backing\":\[\"cow.raw\"\]//"
}

# layer_called NAME
layer_called()
{
	undigest
	edit $e "s/\"layer0\": \{/\"$1\": {/"
	edit $s "s/\"path\":\"layer0\"/\"path\":\"$1\"/"
}

# patch FILE OFFSET HEX: bytes in place of those that are there.
patch()
{
	perl -e 'open(F, "+<", $ARGV[0]) or die; seek(F, $ARGV[1], 0);
		print F pack("H*", $ARGV[2]); close(F) or die' "$@"
}

case $dir in
/*) ;;
*) dir=$(pwd)/$dir ;;
esac
cp -R --sparse=always "$good" "$dir"
cd "$dir"

case $name in
envelope-missing) rm $e ;;
envelope-empty) : >$e ;;
envelope-cut) truncate -s -40 $e ;;
envelope-64m) truncate -s 64M $e ;;
envelope-linked) mv $e ../envelope.away && ln -s ../envelope.away $e ;;
envelope-fifo) rm $e && mkfifo $e ;;
envelope-directory) rm $e && mkdir $e ;;
envelope-not-utf8) edit $e 's/"name": "/"description": "\xff\xfe",\n"name": "/' ;;
envelope-nul) edit $e 's/"name": "/"description": "\0",\n"name": "/' ;;
envelope-twice) edit $e 's/"version": 1,/"version": 1,\n"version": 1,/' ;;
envelope-deep)
	edit $e 's/"version": 1,/q("version": 1, "x": ) . "[" x 100000 . "]" x 100000 . ","/e'
	;;
envelope-behind) echo '{}' >>$e ;;
envelope-array) echo '[]' >$e ;;
version-absent) edit $e 's/"version": 1,//' ;;
version-2) edit $e 's/"version": 1,/"version": 2,/' ;;
version-text) edit $e 's/"version": 1,/"version": "1",/' ;;
config-missing) edit $e 's/"config":/"konfig":/' ;;
config-array) echo '{"version": 1, "config": []}' >$e ;;
name-slash) config name '"..\/x"' ;;
name-number) config name 7 ;;
vm-other)
	undigest
	config id '"aaaaaaaaaaaaaaaaaaaaaaaaaa"'
	edit $s 's/"vm_id":"[^"]*"/"vm_id":"bbbbbbbbbbbbbbbbbbbbbbbbbb"/'
	;;
vm-absent)
	undigest
	edit $e 's/    "id": [^\n]*\n//'
	edit $s 's/"vm_id":"[^"]*",?//; s/,}/}/'
	;;
cpu-0) config cpu 0 ;;
cpu-2) config cpu 2 ;;
cpu-2-devices)
	undigest
	config cpu 2
	edit $s 's/("addr":"0x[0-9a-f]*","queues":)1/${1}2/g'
	;;
cpu-300) config cpu 300 ;;
cpu-negative) config cpu -1 ;;
cpu-text) config cpu '"1"' ;;
cpu-float) config cpu 1.0 ;;
memory-0) config memory 0 ;;
memory-odd) config memory 16777217 ;;
memory-lies) config memory 33554432 ;;
memory-9t) config memory 9895604649984 ;;
storage-lies) config storage 33554432 ;;
nics-0) config nics 0 ;;
nics-2) config nics 2 ;;
hypervisor-other) config hypervisor '"firecracker"' ;;
hypervisor-unknown) config hypervisor '"xen"' ;;
host-missing) edit $e 's/"host": \{/"guest": {/' ;;
host-vmm) host vmm '"firecracker"' ;;
host-arch) host arch '"aarch64"' ;;
host-kvm) host accel '"kvm"' ;;
host-accel) host accel '"hvf"' ;;
host-machine) host machine '"pc-q35-7.1"' ;;
host-version) host version '"99.0.0"' ;;
files-slash) edit $e 's/"files": \[/"files": ["..\/kernel",/' ;;
files-dot) edit $e 's/"files": \[/"files": ["..",/' ;;
files-empty-name) edit $e 's/"files": \[/"files": ["",/' ;;
files-twice) edit $e 's/"files": \[/"files": ["kernel",/' ;;
files-envelope) edit $e 's/"files": \[/"files": ["snapshot.json",/' ;;
files-number) edit $e 's/"files": \[/"files": [7,/' ;;
digests-extra) edit $e 's/("digests": \{.*?)"kernel"/${1}"colonel"/s' ;;
digests-form) edit $e 's/sha256:/md5:/' ;;
digests-size) edit $e 's/("kernel": \{\s*"size": )\d+/${1}12345/' ;;
digests-9t) edit $e 's/("kernel": \{\s*"size": )\d+/${1}9895604649984/' ;;
digest-other) edit $e 's/("kernel": \{.*?sha256:).{64}/$1 . "0" x 64/se' ;;
memory-missing) rm memory.raw ;;
memory-empty) : >memory.raw ;;
memory-short) truncate -s -4096 memory.raw ;;
memory-longer) truncate -s +4096 memory.raw ;;
memory-linked) mv memory.raw ../memory.away && ln -s ../memory.away memory.raw ;;
memory-fifo) rm memory.raw && mkfifo memory.raw ;;
memory-short-unlisted) unlist && truncate -s -4096 memory.raw ;;
state-missing) rm state.qemu ;;
state-missing-unlisted) unlist && rm state.qemu ;;
state-empty) : >state.qemu ;;
state-directory) rm state.qemu && mkdir state.qemu ;;
state-flipped) patch state.qemu 5000 ffff00ff ;;
state-cut) undigest && truncate -s -1000 state.qemu ;;
state-longer) undigest && printf 'more' >>state.qemu ;;
state-zeros) undigest && patch state.qemu 0 0000000000000000 ;;
# The length of the RAM block "mem": 16M becomes 32M.
state-memory)
	undigest
	edit state.qemu 's/\x03mem\0\0\0\0\x01\0\0\0/\x03mem\0\0\0\0\x02\0\0\0/'
	edit state.qemu 's/(\x04\0{3}\x01\0{3}\x04|\x03ram\0{4}\0{3}\x04)(.{8})/
		$1 . pack("Q>", unpack("Q>", $2) + 0x1000000)/se'
	;;
# A page of "mem" itself: the list's end says that pages follow.
state-pages) undigest && edit state.qemu 's/(\x03ram.{8}.{8}.*?)\0{7}\x10~/${1}\0\0\0\0\0\0\0\x18~/s' ;;
state-device) undigest && edit state.qemu 's/0000:00:04.0/0000:00:1e.0/' ;;
# A version that no device has: what comes before is as it should be.
state-refused) undigest && edit state.qemu 's/(\x0acpu_common.{4})\0{3}\x01/${1}\0\0\0\x63/s' ;;
sidecar-missing) rm $s ;;
sidecar-missing-unlisted) unlist && rm $s ;;
sidecar-empty) undigest && : >$s ;;
sidecar-array) undigest && echo '[]' >$s ;;
sidecar-deep)
	undigest
	edit $s 's/^\{/q({"x":) . "[" x 100000 . "]" x 100000 . ","/e'
	;;
sidecar-twice) undigest && edit $s 's/^\{/{"storage_configs":[],/' ;;
sidecar-linked) mv $s ../sidecar.away && ln -s ../sidecar.away $s ;;
roles-swapped)
	undigest
	edit $s 's/"role":"cow"/"role":"DATA"/; s/"role":"data"/"role":"cow"/; s/DATA/data/'
	;;
role-unknown) undigest && edit $s 's/"role":"cow"/"role":"bull"/' ;;
ro-lies) undigest && edit $s 's/"ro":false/"ro":true/' ;;
serial-other) undigest && edit $s 's/"serial":"db"/"serial":"dc"/' ;;
serial-bad) undigest && edit $s 's/"serial":"db"/"serial":"D B"/' ;;
path-dots) undigest && edit $s 's/"path":"cow.1.qcow2"/"path":"x\/.."/' ;;
path-record) whole_cow vm.json ;;
path-save) whole_cow save.state ;;
path-vsock) whole_cow vsock.sock ;;
path-seed) whole_cow cidata.json ;;
path-seed-disk) whole_cow cidata.img ;;
path-colon) whole_cow nbd:127.0.0.1:1:x ;;
path-dash) whole_cow -x.raw ;;
path-twice) undigest && edit $s 's/"path":"data-db.1.qcow2"/"path":"cow.1.qcow2"/' ;;
path-absent)
	undigest
	edit $s 's/"path":"cow.1.qcow2"/"path":"\/etc\/passwd"/; s/,"backing":\["cow.raw"\]//'
	;;
disk-fewer)
	undigest
	edit $s 's/,\{"path":"data-db.1.qcow2".*?\}//'
	;;
disk-fewer-devices)
	undigest
	edit $s 's/,\{"path":"data-db.1.qcow2".*?\}//; s/,\{"id":"disk2".*?\}//'
	;;
device-moved) undigest && edit $s 's/("id":"disk1".*?"addr":")0x5/${1}0x6/' ;;
backing-missing) rm cow.raw ;;
backing-none) undigest && edit $s 's/,"backing":\["cow.raw"\]//' ;;
backing-twice) undigest && edit $s 's/"backing":\["cow.raw"\]/"backing":["a.qcow2","a.qcow2","cow.raw"]/' ;;
backing-path) undigest && edit $s 's/"backing":\["cow.raw"\]/"backing":["..\/cow.raw"]/' ;;
backing-colon) undigest && edit $s 's/"backing":\["cow.raw"\]/"backing":["nbd:127.0.0.1:1:x"]/' ;;
backing-later) undigest && edit $s 's/"backing":\["cow.raw"\]/"backing":["cow.2.qcow2","cow.raw"]/' ;;
backing-long)
	undigest
	edit $s 's/"backing":\["cow.raw"\]/q("backing":[) . join(",", map { qq("a$_.qcow2") } 1..8) . "]"/e'
	;;
overlay-backing) undigest && edit cow.1.qcow2 's/cow.raw/run.raw/' ;;
# Incompatible feature bit 2: the data is in another file.
overlay-data-file) undigest && patch cow.1.qcow2 79 04 ;;
overlay-magic) undigest && patch cow.1.qcow2 0 00000000 ;;
overlay-bytes) undigest && patch cow.1.qcow2 24 0000000002000000 ;;
overlay-cut) undigest && truncate -s 100 cow.1.qcow2 ;;
overlays-swapped)
	mv cow.1.qcow2 x && mv data-db.1.qcow2 cow.1.qcow2 && mv x data-db.1.qcow2
	;;
data-short) undigest && truncate -s -4096 data-db.raw ;;
data-longer) undigest && truncate -s +4096 data-db.raw ;;
data-size-lies)
	undigest
	edit $s 's/("path":"data-db.1.qcow2".*?"size":)[0-9]*/${1}4096/'
	;;
cow-size-lies)
	undigest
	edit $s 's/("path":"cow.1.qcow2".*?"size":)[0-9]*/${1}4096/'
	;;
cow-short) truncate -s -4096 cow.raw ;;
kernel-missing) rm kernel ;;
kernel-flipped) patch kernel 100 ff ;;
kernel-device) rm kernel && ln -s /dev/zero kernel ;;
layer-missing)
	edit $e 's/("layers": \{.*?sha256:).{64}/$1 . "0" x 64/se; s/,\s*"path": "[^"]*"//'
	;;
layer-size) edit $e 's/("layers": \{.*?"size": )\d+/${1}4096/s; s/,\s*"path": "[^"]*"//' ;;
layer-log) layer_called vmm.log ;;
layer-save) layer_called save.state ;;
layer-colon) layer_called json:x ;;
layer-later) layer_called cow.5.qcow2 ;;
layer-undeclared) edit $e 's/  "layers": \{.*?\n  \},\n//s' ;;
unlisted-link) ln -s kernel more ;;
unlisted-fifo) mkfifo more ;;
unlisted-socket)
	perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
		bind(S, sockaddr_un("more")) or die'
	;;
nic-kind) undigest && edit $s 's/("id":"nic0".*?"backend":")user/${1}tap/' ;;
*)
	echo "make.sh: $name: not known" >&2
	exit 64
	;;
esac
