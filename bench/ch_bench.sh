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
runs=${RUNS:-7}
parts=${PARTS:-clone pause}
. "$here/lib/bench.sh"
. "$here/lib/vms.sh"
need_program ch_bench INSTAR_CLOUD_HYPERVISOR cloud-hypervisor \
    "Cloud Hypervisor"
begin_vms ch_bench "$@"

# make_vm MEMORY DISK FILL [CMDLINE]: runs; FILL MiB of its memory are data, put
# there by us, for a KVM without VMX or SVM takes minutes to run such a loop; so
# are 32 MiB of its disk.
make_vm()
{
	vm-create -R "$root" -n a --hypervisor cloud-hypervisor \
	    --memory "$1" --storage "$2" \
	    --kernel "$tiny" --cmdline "${4:-}" >/dev/null
	head -c 32M /dev/urandom |
	    dd of="$root/name/vm/a/cow.raw" bs=1M conv=notrunc \
		iflag=fullblock status=none
	vm-start -R "$root" a >/dev/null
	head -c "$3M" /dev/urandom |
	    dd of="$root/name/vm/a/memory.raw" bs=1M seek=64 conv=notrunc \
		iflag=fullblock status=none
	await_tick a
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
	in_turn clone_once clone_by_hand
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
	settle 256M
	snap-save -R "$root" -n t -p pause_ms "$1" >out
	awk '{ print int($1 * 1000) }' out >>ours
	snap-rm -R "$root" t >/dev/null
}

# save_by_hand VM file|template|dump FILE
save_by_hand()
{
	settle 256M
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
	in_turn "save_ours $vm" "save_by_hand $vm $2 theirs" 0.2
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

run_parts
