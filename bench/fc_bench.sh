#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: fc_bench.sh [dir]
# Clones and saves of Firecracker against the same calls driven by hand (a
# program that does nothing else, and speaks HTTP itself), and a Full snapshot
# beside them: medians of RUNS (7) runs in turn, each time a state
# root in a directory under `dir` (/var/tmp); as root on an ext4 and an XFS of
# its own there.  Times in milliseconds.  PARTS picks from: clone pause.  On a
# machine that others use, too, "chrt -r 10" before it keeps them out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-7}
parts=${PARTS:-clone pause}
. "$here/lib/bench.sh"
. "$here/lib/vms.sh"
need_program fc_bench INSTAR_FIRECRACKER firecracker \
    "Firecracker"
begin_vms fc_bench "$@"

# make_vm MEMORY DISK CMDLINE: runs, and is past its filling, which is short:
# what a guest has touched counts for its first save alone.  32 MiB of its disk
# are data.
make_vm()
{
	vm-create -R "$root" -n a --hypervisor firecracker --memory "$1" \
	    --storage "$2" --kernel "$tiny" \
	    --cmdline "$3" >/dev/null
	head -c 32M /dev/urandom |
	    dd of="$root/name/vm/a/cow.raw" bs=1M conv=notrunc status=none
	vm-start -R "$root" a >/dev/null
	await_tick a
}

# A VM that was ended goes on ending for a while.
settle_now()
{
	sleep 0.3
	settle 256M
}

clone_ours()
{
	settle_now
	clone_once
}

clone_by_hand()
{
	settle_now
	hands=$((hands + 1))
	./vm_bench run out ./fc_bench start >start
	./fc_bench clone "$program" "$root/name/snap/s" "$fs/hand.$hands" >out
	cut -d ' ' -f 1 start out | awk '{ us += $1 } END { print us }' >>theirs
	cut -d ' ' -f 2 out >>made
}

# What a user without a program for it runs.
clone_by_curl()
{
	settle_now
	hands=$((hands + 1))
	./vm_bench run out sh "$work/curl.sh" "$program" "$root/name/snap/s" \
	    "$fs/hand.$hands" | cut -d ' ' -f 1 >>curl
	kill -9 "$(cat "$fs/hand.$hands/pid")"
}

cat >curl.sh <<'END'
set -e
mkdir "$3"
ln "$2/mem" "$3/template.raw"
cp --reflink=auto --sparse=always "$2/vmstate" "$2/cow.raw" "$3/"
cd "$3"
"$1" --api-sock api.sock --id hand >vmm.log 2>&1 </dev/null &
echo $! >pid
until [ -S api.sock ]; do
	sleep 0.001
done
put="curl -sS --fail-with-body --unix-socket api.sock -X"
$put PUT http://localhost/snapshot/load -d '{"snapshot_path":"vmstate",
    "mem_backend":{"backend_type":"File","backend_path":"template.raw"},
    "track_dirty_pages":true,"resume_vm":false}'
$put PATCH http://localhost/vm -d '{"state":"Resumed"}'
END

# clone_row FS MEMORY DISK
clone_row()
{
	make_vm "$2" "$3" "fill=4"
	snap-save -R "$root" -n s a >/dev/null
	drop_vm a
	rm -f ours theirs curl own made
	for i in $(seq "$runs"); do
		if [ $((i % 2)) -eq 0 ]; then
			clone_ours
			clone_by_hand
		else
			clone_by_hand
			clone_ours
		fi
		clone_by_curl
	done
	row "$1, memory $2, disk $3" ours theirs "<= 1.15"
	row "    the same calls by curl(1)" ours curl
	part "by hand: files" made
	part "processor time of vm-clone" own
	snap-rm -R "$root" s >/dev/null
}

clone_part()
{
	head_line "clone to running"
	clone_row "$1" 256M 100M
	clone_row "$1" 1G 100M
	clone_row "$1" 256M 10G
	clone_row "$1" 1G 10G
}

save_ours()
{
	settle_now
	snap-save -R "$root" -n t -p pause_ms a >out
	awk '{ print int($1 * 1000) }' out >>ours
	snap-rm -R "$root" t >/dev/null
}

# A Diff of this kind is none of ours: what it has our next one lacks.
save_by_hand()
{
	settle_now
	./fc_bench save "$1" "$root/name/vm/a" >out
	cut -d ' ' -f 1 out >>"$2"
	cut -d ' ' -f 2 out >>"$2.written"
	cut -d ' ' -f 3 out >>"$2.copied"
}

# pause_row FS MEMORY DISK RATE, in MB/s
pause_row()
{
	make_vm "$2" "$3" "fill=4 dirty=2 rate=$4"
	rm -f ours theirs* full*
	# The first has all that the guest has touched.
	save_ours
	rm -f ours
	in_turn save_ours "save_by_hand Diff theirs" 0.5
	row "$1, memory $2, disk $3, $4 MB/s" ours theirs "<= 1.20"
	part "by hand: pause and Diff" theirs.written
	part "by hand: disk" theirs.copied
	for i in 1 2 3; do
		save_by_hand Full full
	done
	row "    a Diff as ours, a Full one by hand" ours full
	drop_vm a
}

pause_part()
{
	head_line "pause of a save: pause_ms"
	pause_row "$1" 256M 100M 20
	pause_row "$1" 1G 100M 20
	pause_row "$1" 256M 10G 20
	pause_row "$1" 1G 10G 20
}

run_parts
