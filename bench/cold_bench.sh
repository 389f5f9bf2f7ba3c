#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: cold_bench.sh [dir]
# How soon a clone answers whose snapshot is not in the page cache, and what it
# reads: with a working set that was learned, without one, and by the tools of
# another tree, BEFORE, where that is given; medians of RUNS (9) in turn.  The
# snapshot lies on an ext4 of its own, on a loop device past the page cache, with
# a readahead of AHEAD (128) KiB, in a file under `dir` (/var/tmp).  The guest is
# a Linux of MEMORY (2G) with FILL (1024) MiB in use, and emulated; it prints a line
# every COUNT (20) milliseconds.  Times in
# milliseconds from the tool's start until the guest's first new line; bytes are
# those that the device has read by then, and those of the template that are in
# the page cache; waits are the major faults of the VMM, each of which kept the
# guest waiting for the disk.  Then the same with all of it cached, which is as soon
# as can be; a working set is of no use there: what it costs the clone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-9}
memory=${MEMORY:-2G} fill=${FILL:-1024} ahead=${AHEAD:-128} count=${COUNT:-20}
export INSTAR_ACCEL=tcg
unset INSTAR_ROOT
. "$here/lib/bench.sh"
tools vm-create vm-start vm-stop vm-clone vm-console vm-wait vm-rm snap-save \
    vm-ls
linux=${INSTAR_CACHE:-$top/.cache}/linux
[ "$(id -u)" -eq 0 ] || {
	echo "cold_bench.sh: skipped: loop devices are for root"
	exit 0
}
[ -e "$linux/initrd.img" ] || make -s -C "$top/tests/guest" linux

finish()
{
	end_vms "$work"/fs/root/vm/*/vm.json
}

begin cold_bench "$@"
truncate -s 16G fs.img
mkfs.ext4 -q -F -m 0 fs.img
mkdir fs
mount -o loop fs.img fs
device=$(findmnt -n -o SOURCE fs)
losetup --direct-io=on "$device"
number=$(mountpoint -d fs)
echo "$ahead" >"/sys/class/bdi/$number/read_ahead_kb"
export INSTAR_ROOT="$work/fs/root"

now()
{
	date +%s%N
}

sectors()
{
	awk '{ print $3 }' "/sys/dev/block/$number/stat"
}

# Files of this filesystem alone: what else the tools need stays.
forget()
{
	sync -f fs
	for f in "$set" "$snap"/*; do
		[ ! -e "$f" ] ||
		    dd if="$f" iflag=nocache count=0 status=none
	done
}

# clone NAME TREE: one clone by the tools of that tree, and what it took.
clone()
{
	s=$(sectors)
	t=$(now)
	"$2/vm-clone/vm-clone" -n c -p clone_ms golden >ms
	log=$INSTAR_ROOT/name/vm/c/console.log
	until grep -q '^count ' "$log" 2>/dev/null; do
		sleep 0.005
	done
	echo $((($(now) - t) / 1000)) >>"$1.us"
	echo $((($(sectors) - s) / 2)) >>"$1.kib"
	fincore -n -b -o RES "$snap/memory.raw" >>"$1.bytes"
	sed 's/.*) //' "/proc/$(vm-ls -p pid c)/stat" |
	    cut -d ' ' -f 10 >>"$1.waits"
	cat ms >>"$1.clone"
	vm-stop --force c >/dev/null
	vm-rm c
}

# row LABEL NAME: against the first one that was asked for.
row()
{
	[ -e "$2.us" ] || return 0
	first=${first:-$2}
	group="memory $memory, $fill MiB in use: to the first new line"
	tell "$1" us "" time "$2.us"
	awk -v l="$1" -v t="$(median "$2.us")" -v k="$(median "$2.kib")" \
	    -v b="$(median "$2.bytes")" -v t0="$(median "$first.us")" \
	    -v k0="$(median "$first.kib")" -v b0="$(median "$first.bytes")" \
	    -v w="$(median "$2.waits")" 'BEGIN {
		printf "%-30s %7.0f %5.2f %8.1f %5.2f %8.1f %5.2f %6d\n", l,
		    t / 1000, t / t0, k / 1024, k / k0, b / 1048576, b / b0,
		    w }'
}

vm-create -n a --memory "$memory" --storage 1G --kernel "$linux/vmlinuz" \
    --initrd "$linux/initrd.img" --memory-backing memfd \
    --cmdline "console=ttyS0 quiet writer=off count=$count" >/dev/null
vm-start a >/dev/null
vm-wait --timeout 600 --console '^count ' a
printf 'mem %s\n' "$fill" | vm-console a >/dev/null
vm-wait --timeout 1800 --console "^mem $fill" a
snap-save -n golden a >/dev/null
vm-stop --force a >/dev/null
snap=$(readlink -f "$INSTAR_ROOT/name/snap/golden")
set=$work/fs/set
vm-clone -n c --learn golden >/dev/null
vm-stop --force c >/dev/null
vm-rm c

i=0
while [ $i -lt "$runs" ]; do
	mv "$snap/working-set" "$set"
	if [ -n "${BEFORE:-}" ]; then
		forget
		clone before "$BEFORE"
	fi
	forget
	clone without "$top"
	mv "$set" "$snap/working-set"
	forget
	clone learned "$top"
	i=$((i + 1))
done
printf '%-30s %7s %5s %8s %5s %8s %5s %6s\n' \
    "memory $memory, $fill MiB in use" ms ratio "MiB read" ratio template \
    ratio waits
row "before" before
row "without a working set" without
row "with the one learned" learned

cat "$snap"/* >/dev/null
i=0
while [ $i -lt $((runs * 3)) ]; do
	mv "$snap/working-set" "$set"
	clone none "$top"
	mv "$set" "$snap/working-set"
	clone cached "$top"
	i=$((i + 1))
done
row "all of it cached" none
echo "cached: clone_ms $(median cached.clone), without a working set" \
    "$(median none.clone)"
