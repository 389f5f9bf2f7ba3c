#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: make.sh [-b] GOOD NAME DIR
# Makes DIR, a copy of the snapshot directory GOOD of Cloud Hypervisor that is
# wrong in the way NAME of the file "list".  GOOD is the recorded snapshot as an
# import has it: one processor, 16M in memory-ranges, a layer, cow.raw and
# data-data1.raw of 16M.  With -b it is a bare one: without envelope and
# sidecar, and with its layer.
set -eu

bare=
[ "$1" != -b ] || { bare=1; shift; }
good=$1 name=$2 dir=$3
c=config.json s=state.json
huge=18446744073709551616

# edit FILE PERL: runs PERL on the whole text of FILE, which must change.
edit()
{
	perl -0777 -pe "\$was = \$_; $2; \$_ ne \$was or die qq($name: $1 as it was\n)" \
	    "$1" >edited
	mv edited "$1"
}

# In the text of a device's state, which is JSON in a string.
inner()
{
	edit $s "$(printf '%s' "$1" | sed 's/"/\\\\"/g')"
}

# member KEY VALUE: one more at the top of config.json.
member()
{
	edit $c "s/\"rng\":/\"$1\":$2,\"rng\":/"
}

# Memory is in the file of a zone: no memory-ranges.
zone()
{
	mv memory-ranges memory.raw
	edit $c 's/"size":16777216/"size":0,"zones":[{"id":"mem0","size":16777216,"file":"memory.raw","shared":false}]/'
	edit $s 's/\{\\"gpa\\":0,\\"length\\":16777216\}//'
}

# aside FILE, then something else in its place.
aside()
{
	mv "$1" ../away
}

case $dir in
/*) ;;
*) dir=$(pwd)/$dir ;;
esac
rm -rf "$dir" "$(dirname "$dir")/away"
cp -R --sparse=always "$good" "$dir"
cd "$dir"
# A liar who knows of digests has none; nor does he list what is there.
if [ -n "$bare" ]; then
	rm snapshot.json cocoon.json
	truncate -s 1M layer0
else
	edit snapshot.json 's/  "digests": \{.*?\n  \},\n//s; s/  "files": \[.*?\],\n//s'
fi

case $name in
good) ;;
good-zone) zone ;;

# The file config.json.
config-missing) rm $c ;;
config-empty) : >$c ;;
config-cut) truncate -s 700 $c ;;
config-2m) truncate -s 2M $c ;;
config-array) echo '[]' >$c ;;
config-behind) echo '{}' >>$c ;;
config-nul) edit $c 's/console=/\0/' ;;
config-not-utf8) edit $c 's/console=/\xff\xfe/' ;;
config-deep)
	edit $c 's/"rng":/q("x":) . "[" x 100000 . "]" x 100000 . q(,"rng":)/e'
	;;
config-linked) aside $c && ln -s ../away $c ;;
config-fifo) rm $c && mkfifo $c ;;
config-directory) rm $c && mkdir $c ;;
config-twice) member cpus '{"boot_vcpus":1}' ;;

# Processors and memory in it.
cpus-missing) edit $c 's/"cpus"/"cpux"/' ;;
cpus-number) edit $c 's/"cpus":\{.*?\}.*?\}/"cpus":1/' ;;
vcpus-0) edit $c 's/"boot_vcpus":1/"boot_vcpus":0/' ;;
vcpus-2) edit $c 's/_vcpus":1/_vcpus":2/g' ;;
vcpus-300) edit $c 's/_vcpus":1/_vcpus":300/g' ;;
vcpus-huge) edit $c "s/\"boot_vcpus\":1/\"boot_vcpus\":$huge/" ;;
vcpus-negative) edit $c 's/"boot_vcpus":1/"boot_vcpus":-1/' ;;
vcpus-float) edit $c 's/"boot_vcpus":1/"boot_vcpus":1.0/' ;;
vcpus-text) edit $c 's/"boot_vcpus":1/"boot_vcpus":"1"/' ;;
memory-array) edit $c 's/"memory":\{.*?\}/"memory":[16777216]/' ;;
memory-none) edit $c 's/"size":16777216/"size":0/' ;;
memory-32m) edit $c 's/"size":16777216/"size":33554432/' ;;
memory-8e) edit $c 's/"size":16777216/"size":9223372036854775808/' ;;
zone-no-id) zone && edit $c 's/"id":"mem0",//' ;;
zone-other-id) zone && edit $c 's/"id":"mem0"/"id":"mem1"/' ;;
zone-and-size) zone && edit $c 's/"size":0/"size":16777216/' ;;
zone-32m) zone && edit $c 's/("id":"mem0","size":)16777216/${1}33554432/' ;;
zone-huge) zone && edit $c "s/(\"id\":\"mem0\",\"size\":)16777216/\${1}$huge/" ;;
zone-twice)
	zone
	edit $c 's/16777216(,"file":"memory.raw".*?\})/8388608$1,{"id":"mem0","size":8388608}/'
	;;
zone-two)
	zone
	edit $c 's/16777216(,"file":"memory.raw".*?\})/8388608$1,{"id":"mem1","size":8388608,"file":"memory.raw"}/'
	;;
zone-number) zone && edit $c 's/"file":"memory.raw"/"file":7/' ;;

# Devices in it.
disks-object) edit $c 's/"disks":\[.*?\]/"disks":{}/' ;;
disks-1000)
	edit $c 's/"disks":\[/q("disks":[) . join("", map { qq({"id":"d$_","path":"p$_"},) } 1..1000)/e'
	;;
disk-fewer) edit $c 's/\{"id":"_disk1".*?\},//' ;;
disk-more) edit $c 's/"disks":\[/"disks":[{"id":"_disk9","path":"kernel"},/' ;;
disk-no-id) edit $c 's/"id":"_disk1",//' ;;
disk-id-twice) edit $c 's/_disk1/_disk0/' ;;
disk-id-other) edit $c 's/_disk1/_disk7/' ;;
disk-id-dots) edit $c 's/"_disk1"/"..\/_disk1"/' ;;
disk-id-number) edit $c 's/"_disk1"/1/' ;;
disk-id-long) edit $c 's/_disk1/"d" x 100/e' ;;
disk-no-path) edit $c 's/"path":"cow.raw",//' ;;
disk-path-twice) edit $c 's/"data-data1.raw"/"cow.raw"/' ;;
disk-path-dots) edit $c 's/"cow.raw"/"..\/.."/' ;;
disk-path-colon) edit $c 's/"cow.raw"/"nbd:x"/' ;;
disk-path-outside) edit $c 's/"cow.raw"/"\/etc\/passwd"/' ;;
disk-readonly)
	edit $c 's/("path":"cow.raw","readonly":)false/${1}true/'
	;;
disk-serial) edit $c 's/"cocoon-cow"/"cocoon-crow"/' ;;
disk-serial-long) edit $c 's/"cocoon-cow"/"cocoon-cow-cocoon-cow"/' ;;
disk-queues-2) edit $c 's/"num_queues":1/"num_queues":2/' ;;
disk-queues-2-of-2)
	edit $c 's/_vcpus":1/_vcpus":2/g; s/"num_queues":1/"num_queues":2/'
	edit $s 's/("cpu-manager":\{"snapshots":\{)/$1"1":{},/'
	[ -n "$bare" ] || edit snapshot.json 's/"cpu": 1/"cpu": 2/'
	;;
disk-queue-100) edit $c 's/"queue_size":128/"queue_size":100/' ;;
disk-queue-huge) edit $c "s/\"queue_size\":128/\"queue_size\":$huge/" ;;
disk-queue-smaller)
	edit $c 's/"queue_size":128/"queue_size":64/g'
	edit $s 's/(\\"size\\":128,\\"ready\\":)false/${1}true/g'
	;;
disk-vhost) edit $c 's/"vhost_user":false/"vhost_user":true/' ;;
net-no-mac) member net '[{"id":"_net3","tap":"t0"}]' ;;
net-mac) member net '[{"id":"__rng","mac":"52:54:00:00:00:zz","num_queues":1}]' ;;
net-no-id) member net '[{"mac":"52:54:00:00:00:01"}]' ;;
net-other-id) member net '[{"id":"_net3","mac":"52:54:00:00:00:01"}]' ;;
net-queues) member net '[{"id":"__rng","mac":"52:54:00:00:00:01"}]' ;;
net-tap-long) member net '[{"id":"__rng","mac":"52:54:00:00:00:01","tap":"0123456789abcdef"}]' ;;
vsock-array) member vsock '[3]' ;;
vsock-no-id) member vsock '{"cid":3,"socket":"v"}' ;;
vsock-other-id) member vsock '{"id":"_vsock4","cid":3,"socket":"v"}' ;;
pmem) member pmem '[{"file":"\/etc\/shadow"}]' ;;
fs) member fs '[{"tag":"x","socket":"\/run\/x"}]' ;;
vfio) member devices '[{"path":"\/sys\/bus\/pci\/devices\/0000:00:00.0"}]' ;;
tpm) member tpm '{"socket":"\/run\/tpm"}' ;;
serial-mode) edit $c 's/"mode":"File"/"mode":"file"/' ;;
console-mode) edit $c 's/("console":\{"mode":)"Off"/${1}7/' ;;
payload-missing) edit $c 's/"payload":\{.*?\},//' ;;
payload-number) edit $c 's/("payload":\{"kernel":)"kernel"/${1}7/' ;;

# The file state.json.
state-missing) rm $s ;;
state-empty) : >$s ;;
state-cut) truncate -s 20000 $s ;;
state-65m) truncate -s 65M $s ;;
state-array) echo '[]' >$s ;;
state-behind) echo '{}' >>$s ;;
state-deep)
	edit $s 's/^\{/q({"x":) . "[" x 100000 . "]" x 100000 . ","/e'
	;;
state-linked) aside $s && ln -s ../away $s ;;
state-fifo) rm $s && mkfifo $s ;;
state-no-nodes) edit $s 's/^\{"snapshots"/{"snapshotx"/' ;;

# Its nodes.
cpus-none) edit $s 's/"cpu-manager"/"cpu-managex"/' ;;
cpus-renamed) edit $s 's/\{"0":/{"1":/' ;;
cpus-two) edit $s 's/("cpu-manager":\{"snapshots":\{)/$1"1":{},/' ;;
cpus-400)
	edit $s 's/("cpu-manager":\{"snapshots":\{)/$1 . join("", map { qq("$_":{},) } 1..400)/e'
	;;
ram-none) edit $s 's/"memory-manager"/"memory-managex"/' ;;
ram-bytes) edit $s 's/("state":)("\{\\"memory_ranges)/${1}[123],"x":$2/' ;;
ram-text) edit $s 's/("state":"\{)(\\"memory_ranges)/${1}x$2/' ;;
ram-deep)
	edit $s 's/("state":"\{)(\\"memory_ranges)/$1 . q(\"x\":) . "[" x 100000 . "]" x 100000 . ",$2"/e'
	;;
ram-no-ranges) inner 's/"memory_ranges"/"memory_rangex"/' ;;
ram-no-mappings) inner 's/"guest_ram_mappings"/"guest_ram_mappingx"/' ;;
range-none) inner 's/\{"gpa":0,"length":16777216\}//' ;;
range-huge) inner "s/\"length\":16777216/\"length\":$huge/" ;;
range-negative) inner 's/"gpa":0,"length"/"gpa":-4096,"length"/' ;;
range-longer) inner 's/"length":16777216/"length":33554432/' ;;
range-shorter) inner 's/"length":16777216/"length":16773120/' ;;
range-elsewhere) inner 's/"gpa":0,"length"/"gpa":4294967296,"length"/' ;;
range-twice) inner 's/(\{"gpa":0,"length":16777216\})/$1,$1/' ;;
range-0) inner 's/"length":16777216/"length":0/' ;;
mapping-none) inner 's/("guest_ram_mappings":)\[.*?\]/${1}[]/' ;;
mapping-0) inner 's/"size":16777216,"zone_id"/"size":0,"zone_id"/' ;;
mapping-huge) inner "s/\"size\":16777216,\"zone_id\"/\"size\":$huge,\"zone_id\"/" ;;
mapping-beyond)
	inner 's/"gpa":0,"size":16777216/"gpa":18446744073709551615,"size":16777216/'
	;;
mapping-twice) inner 's/(\{"slot":0,.*?\})/$1,$1/' ;;
mapping-offset) inner 's/"file_offset":0/"file_offset":4096/' ;;
mapping-no-zone) inner 's/"zone_id":"mem0",//' ;;
mapping-zone) inner 's/"zone_id":"mem0"/"zone_id":"mem9"/' ;;
devices-none) edit $s 's/"device-manager"/"device-managex"/' ;;
device-renamed) edit $s 's/_disk1/_disk7/g' ;;
device-twice) edit $s 's/"_disk2":/"_disk1":/' ;;
device-alone) edit $s 's/"_disk1":\{"snapshots"/"_diskx":{"snapshots"/' ;;
device-no-state) edit $s 's/("_disk1":\{"snapshots":\{\},"snapshot_data":)\{"state":".*?"\}/${1}null/' ;;
device-sectors) inner 's/(cow.raw","disk_nsectors":)32768/${1}65536/' ;;
device-sectors-huge) inner "s/\"disk_nsectors\":32768/\"disk_nsectors\":$huge/" ;;
device-no-queues) inner 's/"queues":/"queuez":/g' ;;
device-queues-0) inner 's/"queues":\[.*?\]/"queues":[]/g' ;;
device-queues-2) inner 's/"queues":\[(.*?)\]/"queues":[$1,$1]/g' ;;
device-queue-huge) inner "s/\"size\":128/\"size\":$huge/" ;;

# The memory.
ranges-missing) rm memory-ranges ;;
ranges-empty) : >memory-ranges ;;
ranges-short) truncate -s -4096 memory-ranges ;;
ranges-longer) truncate -s +4096 memory-ranges ;;
ranges-linked) aside memory-ranges && ln -s ../away memory-ranges ;;
ranges-fifo) rm memory-ranges && mkfifo memory-ranges ;;
ranges-directory) rm memory-ranges && mkdir memory-ranges ;;
file-missing) zone && rm memory.raw ;;
file-short) zone && truncate -s -4096 memory.raw ;;
file-longer) zone && truncate -s +4096 memory.raw ;;
file-linked) zone && aside memory.raw && ln -s ../away memory.raw ;;
file-dots) zone && rm memory.raw && edit $c 's/"memory.raw"/".."/' ;;
file-outside) zone && rm memory.raw && edit $c 's/"memory.raw"/"\/etc\/passwd"/' ;;
file-and-ranges) zone && truncate -s 16M memory-ranges ;;
file-and-short-ranges) zone && truncate -s 4096 memory-ranges ;;

# The disks.
cow-missing) rm cow.raw ;;
cow-short) truncate -s -4096 cow.raw ;;
cow-longer) truncate -s 32M cow.raw ;;
cow-linked) aside cow.raw && ln -s ../away cow.raw ;;
cow-fifo) rm cow.raw && mkfifo cow.raw ;;
data-short) truncate -s 8M data-data1.raw ;;
data-empty) : >data-data1.raw ;;
cow-qcow2) edit $c 's/("path":"cow.raw",.*?"image_type":)"Raw"/${1}"Qcow2"/' ;;
cow-behind)
	# A qcow2 that lies on another file of the host's.
	rm cow.raw
	qemu-img create -q -f qcow2 -b /etc/passwd -F raw -u cow.raw 16M
	edit $c 's/("path":"cow.raw",.*?"image_type":)"Raw"/${1}"Qcow2"/'
	;;
cow-vhd) edit $c 's/("path":"cow.raw",.*?"image_type":)"Raw"/${1}"FixedVhd"/' ;;
*)
	echo "make.sh: $name: not known" >&2
	exit 64
	;;
esac
