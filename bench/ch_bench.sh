#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: ch_bench.sh [dir]
# Clones and saves of Cloud Hypervisor against the same calls driven by hand, and
# its own dump of private memory beside them: medians of RUNS (7) runs in turn,
# each time a state root in a directory under `dir` (/var/tmp); as root on an
# ext4 and an XFS of its own there.  Times in milliseconds.  PARTS picks from:
# clone pause.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
runs=${RUNS:-7}
parts=${PARTS:-clone pause}
program=$(command -v "${INSTAR_CLOUD_HYPERVISOR:-cloud-hypervisor}") || {
	echo "ch_bench.sh: skipped: Cloud Hypervisor is not installed"
	exit 0
}
(: <>/dev/kvm) 2>/dev/null || {
	echo "ch_bench.sh: skipped: /dev/kvm cannot be opened"
	exit 0
}
work=$(mktemp -d "${1:-/var/tmp}/ch_bench.XXXXXX")
for t in vm-create vm-start vm-stop vm-rm vm-ls vm-clone snap-save snap-rm; do
	PATH=$top/$t:$PATH
done
unset INSTAR_ROOT
export INSTAR_CLOUD_HYPERVISOR="$program"

# By the pids of their records, which are the VMs' own.
end_vms()
{
	for r in "$work"/*/root/vm/*/vm.json; do
		[ -e "$r" ] || continue
		pid=$(sed -n 's/.*"pid" *: *\([0-9][0-9]*\).*/\1/p' "$r")
		case $(readlink "/proc/${pid:-none}/cwd") in
		"$work"/*) kill -9 "$pid" ;;
		esac
	done 2>/dev/null
	return 0
}

clean()
{
	end_vms
	for d in "$work"/*/; do
		if mountpoint -q "$d"; then
			umount "$d" 2>/dev/null || {
				sleep 1
				umount -l "$d"
			}
		fi
	done
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM HUP

[ -e "$top/tests/guest/tiny.elf" ] ||
    make -s -C "$top/tests/guest" tiny.elf
for b in vm_bench ch_bench; do
	${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
	    -I"$top/common" -o "$work/$b" "$here/$b.c" \
	    "$top/common/libcommon.a" -ljansson -lcrypto -lpthread
done
cd "$work"

median()
{
	sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# row LABEL OURS THEIRS [TARGET]: files of microseconds.
row()
{
	awk -v l="$1" -v o="$(median "$2")" -v t="$(median "$3")" \
	    -v g="${4:-}" 'BEGIN {
		printf "%-46s %9.1f %9.1f %7.2f %s\n", l, o / 1000, t / 1000,
		    o / t, g
	}'
}

# part LABEL FILE: what of it is what.
part()
{
	awk -v l="$1" -v t="$(median "$2")" 'BEGIN {
		printf "    %-42s %19.1f\n", l, t / 1000
	}'
}

head_line()
{
	printf '\n%-46s %9s %9s %7s %s\n' "$1" "ours" "by hand" ratio target
}

# make_vm MEMORY DISK FILL [CMDLINE]: runs; FILL MiB of its memory are data, put
# there by us, for a KVM without VMX or SVM takes minutes to run such a loop; so
# are 32 MiB of its disk.
make_vm()
{
	vm-create -R "$root" -n a --hypervisor cloud-hypervisor \
	    --memory "$1" --storage "$2" \
	    --kernel "$top/tests/guest/tiny.elf" --cmdline "${4:-}" >/dev/null
	head -c 32M /dev/urandom |
	    dd of="$root/name/vm/a/cow.raw" bs=1M conv=notrunc \
		iflag=fullblock status=none
	vm-start -R "$root" a >/dev/null
	head -c "$3M" /dev/urandom |
	    dd of="$root/name/vm/a/memory.raw" bs=1M seek=64 conv=notrunc \
		iflag=fullblock status=none
	log=$(vm-ls -R "$root" -p console_log a)
	while ! grep -q "tick 0000000a" "$log"; do
		sleep 0.1
	done
}

# Its files stay until the filesystem is left: see vm_bench.sh.
drop_vm()
{
	vm-stop -R "$root" --force "$1" >/dev/null
	mv "$root/name/vm/$1" "$fs/dropped.$dropped"
	dropped=$((dropped + 1))
}

settle()
{
	sync -f "$fs"
	./vm_bench touch 256M
}

# The start of the process is counted, ours and the one that does it by hand.
# What clone_ms tells begins when the process has started, which is what
# vm-clone -h takes; its end is an upper bound, too.
clone_ours()
{
	./vm_bench run out vm-clone -h >start
	./vm_bench run out vm-clone -R "$root" -n c -p clone_ms s >wall
	awk -v ms="$(cat out)" -v wall="$(cut -d ' ' -f 1 wall)" '{
		to = int($1 + ms * 1000)
		print to < wall ? to : wall
	}' start >>ours
	cut -d ' ' -f 2 wall >>own
	drop_vm c
}

clone_by_hand()
{
	hands=$((hands + 1))
	./vm_bench run out ./ch_bench start >start
	./ch_bench clone "$program" "$proto" "$fs/hand.$hands" >out
	cut -d ' ' -f 1 start out | awk '{ us += $1 } END { print us }' >>theirs
	cut -d ' ' -f 2 out >>made
}

# clone_row FS MEMORY DISK FILL
clone_row()
{
	make_vm "$2" "$3" "$4"
	snap-save -R "$root" -n s a >/dev/null
	drop_vm a
	proto=$(vm-clone -R "$root" -n proto --no-start -p dir s)
	rm -f ours theirs own made
	for i in $(seq "$runs"); do
		if [ $((i % 2)) -eq 0 ]; then
			clone_ours
			clone_by_hand
		else
			clone_by_hand
			clone_ours
		fi
	done
	row "$1, memory $2, disk $3" ours theirs "<= 1.15"
	part "by hand: files" made
	part "processor time of vm-clone" own
	vm-rm -R "$root" proto >/dev/null
	snap-rm -R "$root" s >/dev/null
}

clone_part()
{
	head_line "clone to running"
	clone_row "$1" 256M 100M 128
	clone_row "$1" 1G 100M 512
	clone_row "$1" 256M 10G 128
	clone_row "$1" 1G 10G 512
}

# save_ours VM
save_ours()
{
	settle
	snap-save -R "$root" -n t -p pause_ms "$1" >out
	awk '{ print int($1 * 1000) }' out >>ours
	snap-rm -R "$root" t >/dev/null
}

# save_by_hand VM file|template|dump FILE
save_by_hand()
{
	settle
	./ch_bench save "$2" "$(vm-ls -R "$root" -p dir "$1")" \
	    "$(vm-ls -R "$root" -p pid "$1")" >out
	cut -d ' ' -f 1 out >>"$3"
	cut -d ' ' -f 2 out >>"$3.state"
	cut -d ' ' -f 3 out >>"$3.memory"
	cut -d ' ' -f 4 out >>"$3.disk"
}

# pause_row FS file|template MEMORY DISK FILL RATE
pause_row()
{
	make_vm "$3" "$4" "$5" "dirty=16 rate=$6"
	vm=a
	if [ "$2" = template ]; then
		snap-save -R "$root" -n s a >/dev/null
		drop_vm a
		vm-clone -R "$root" -n c s >/dev/null
		vm=c
		sleep 1
	fi
	rm -f ours theirs* dump*
	for i in $(seq "$runs"); do
		if [ $((i % 2)) -eq 0 ]; then
			save_ours $vm
			sleep 0.2
			save_by_hand $vm "$2" theirs
		else
			save_by_hand $vm "$2" theirs
			sleep 0.2
			save_ours $vm
		fi
		sleep 0.2
	done
	row "$1, $2, memory $3, disk $4, $6 MB/s" ours theirs "<= 1.20"
	part "by hand: pause and state" theirs.state
	part "by hand: memory" theirs.memory
	part "by hand: disk" theirs.disk
	if [ "$2" = template ]; then
		for i in 1 2 3; do
			save_by_hand $vm dump dump
		done
		row "    its pages as ours, all dumped by hand" ours dump
		snap-rm -R "$root" s >/dev/null
	fi
	drop_vm $vm
}

pause_part()
{
	head_line "pause of a save: pause_ms"
	for memory in file template; do
		pause_row "$1" $memory 256M 100M 128 20
		pause_row "$1" $memory 1G 100M 512 20
		pause_row "$1" $memory 256M 10G 128 20
		pause_row "$1" $memory 1G 10G 512 20
	done
}

# on FS: every part, in a root on this filesystem.
on()
{
	fs=$work/$1
	hands=0
	dropped=0
	root=$fs/root
	mkdir -p "$fs"
	if [ "$2" = loop ]; then
		truncate -s 40G "$1.img"
		case $1 in
		ext4) mkfs.ext4 -q -F -m 0 "$1.img" ;;
		*) "mkfs.$1" -q -f "$1.img" ;;
		esac
		mount -t "$1" -o loop "$1.img" "$fs"
	fi
	for part in $parts; do
		"${part}_part" "$1"
	done
}

PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" -eq 0 ]; then
	for f in ${FILESYSTEMS:-ext4 xfs}; do
		on "$f" loop
	done
else
	on "$(stat -f -c %T .)" here
fi
