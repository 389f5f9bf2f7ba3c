#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: vm_bench.sh [dir]
# Clones and saves against QEMU driven by hand: medians of RUNS (5) runs in
# turn, each time a state root in a directory under `dir` (/var/tmp); as root on
# an ext4 and an XFS of its own there.  Times in milliseconds.  PARTS picks
# from: clone resume pause stream restore.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-5}
parts=${PARTS:-clone resume pause stream restore}
unset INSTAR_QEMU
export INSTAR_ACCEL=tcg
. "$here/lib/bench.sh"
. "$here/lib/vms.sh"
tools vm-restore vm-pause vm-resume
begin_vms vm_bench "$@"

# watch TOOL ARGS...: runs the tool; what it printed is in out, its time in
# wall and of the processor in cpu (us); its memory is noted.
watch()
{
	# shellcheck disable=SC2046
	set -- "$1" $(./vm_bench run out "$@")
	wall=$2
	cpu=$3
	echo "$1 $4" >>rss
}

# make_vm NAME MEMORY DISK CMDLINE [BACKING]: runs, and is past its filling.  By
# hand it is to open files that a caged one may not.
make_vm()
{
	vm-create -R "$root" -n "$1" --memory "$2" --storage "$3" \
	    --kernel "$tiny" --cmdline "$4" \
	    --memory-backing "${5:-auto}" >/dev/null
	watch vm-start -R "$root" --unconfined "$1"
	await_tick "$1"
}

# clone_row FS MEMORY DISK FILL: what clone_ms tells begins when the process has
# started, which is what vm-clone -h takes; its end is an upper bound, too.
clone_row()
{
	make_vm a "$2" "$3" "fill=$4"
	watch snap-save -R "$root" -n s a
	drop_vm a
	proto=$(vm-clone -R "$root" -n proto --no-start -p dir s)
	rm -f ours theirs own
	for i in $(seq "$runs"); do
		hands=$((hands + 1))
		hand=$fs/hand.$hands
		hand_dir "$hand"
		./vm_bench run out vm-clone -h >start
		watch vm-clone -R "$root" -n c -p pid,clone_ms s
		read -r pid ms <out
		awk -v ms="$ms" -v wall="$wall" '{
			to = int($1 + ms * 1000)
			print to < wall ? to : wall
		}' start >>ours
		echo "$cpu" >>own
		cat "/proc/$pid/cmdline" >vector
		drop_vm c
		./vm_bench clone "$hand" vector >>theirs
	done
	row "$1, memory $2, disk $3" ours theirs "<= 1.15"
	awk -v o="$(median own)" 'BEGIN {
		printf "%-46s %9.1f %25s\n", "    processor time of vm-clone",
		    o / 1000, "< 3"
	}'
	vm-rm -R "$root" proto >/dev/null
	snap-rm -R "$root" s >/dev/null
}

clone_part()
{
	head_line "clone to running"
	clone_row "$1" 256M 100M 128
	clone_row "$1" 1G 100M 512
	clone_row "$1" 4G 100M 512
	clone_row "$1" 1G 10G 512
}

# A tool that starts nothing is what starting a process costs.
resume_part()
{
	head_line "paused clone to running: vm-resume"
	make_vm a 256M 100M "fill=128"
	watch snap-save -R "$root" -n s a
	drop_vm a
	vm-clone -R "$root" -n c --paused s >/dev/null
	rm -f ours theirs
	for i in $(seq "$runs") 6 7 8 9 10 11; do
		watch vm-resume -R "$root" -q -p id c
		echo "$wall" >>ours
		vm-pause -R "$root" c >/dev/null
		./vm_bench run out "$top/vm-resume/vm-resume" -h |
		    cut -d ' ' -f 1 >>theirs
	done
	row "$1, start to exit (against vm-resume -h)" ours theirs "<= 3 ms"
	drop_vm c
	snap-rm -R "$root" s >/dev/null
}

save_ours()
{
	settle "$2"
	watch snap-save -R "$root" -n t -p pause_ms,phases "$3"
	awk '{ print int($1 * 1000) }' out >>ours
	cut -f 2 out >>phases
	snap-rm -R "$root" t >/dev/null
}

# What each part of our saves took: of {"part":ms,...} in `phases`.
save_parts()
{
	rm -f phase.*
	tr -d '{}"' <phases | tr , '\n' |
	    awk -F : '{ print int($2 * 1000) >("phase." $1) }'
	for f in phase.*; do
		part "${f#phase.}" "$f"
	done
}

save_by_hand()
{
	settle "$2"
	mkdir "$fs/hand"
	./vm_bench save "$(vm-ls -R "$root" -p dir "$3")" \
	    "$(vm-ls -R "$root" -p pid "$3")" "$1" "$2" "$fs/hand" >>theirs
	rm -rf "$fs/hand"
}

# save_both BACKING MEMORY VM RUN: one save of each kind, each first in turn.
save_both()
{
	if [ $(($4 % 2)) -eq 0 ]; then
		save_ours "$@"
		save_by_hand "$@"
	else
		save_by_hand "$@"
		save_ours "$@"
	fi
}

# pause_row FS BACKING MEMORY FILL RATE
pause_row()
{
	words="fill=$4"
	[ "$5" -eq 0 ] || words="$words dirty=64 rate=$5"
	rm -f ours theirs phases
	if [ "$2" = template ]; then
		make_vm a "$3" 100M "$words"
		watch snap-save -R "$root" -n s a
		drop_vm a
		for i in $(seq "$runs"); do
			watch vm-clone -R "$root" --unconfined -n c s
			sleep 0.5
			save_both "$2" "$3" c "$i"
			drop_vm c
		done
		snap-rm -R "$root" s >/dev/null
	else
		# What is saved by hand merges no layers: after three, a new one.
		for i in $(seq "$runs"); do
			if [ $((i % 3)) -eq 1 ]; then
				[ "$i" -eq 1 ] || drop_vm a
				make_vm a "$3" 100M "$words" "$2"
			fi
			save_both "$2" "$3" a "$i"
			sleep 0.2
		done
		drop_vm a
	fi
	row "$1, $2, memory $3, $5 MB/s" ours theirs "<= 1.20"
	[ "$3 $5" != "1G 20" ] || (group="$group: $1, $2, 1G" && save_parts)
}

pause_part()
{
	head_line "pause of a save: pause_ms"
	for backing in file memfd template; do
		[ "$backing" != file ] || [ "$1" = xfs ] || continue
		for rate in 0 20 200; do
			pause_row "$1" "$backing" 256M 128 "$rate"
			pause_row "$1" "$backing" 1G 512 "$rate"
		done
	done
}

stream_part()
{
	head_line "clone of 1G that wrote 50 MiB: against a stream"
	make_vm a 1G 100M "fill=512 dirty=50 rate=100"
	watch snap-save -R "$root" -n s a
	drop_vm a
	rm -f ours theirs
	for i in $(seq "$runs"); do
		vm-clone -R "$root" -n c s >/dev/null
		sleep 1
		settle 64M
		watch snap-save -R "$root" -n t -p pause_ms c
		awk '{ print int($1 * 1000) }' out >>ours
		snap-rm -R "$root" t >/dev/null
		settle 1G
		./vm_bench stream "$(vm-ls -R "$root" -p dir c)" "$fs/stream" \
		    >>theirs
		rm -f "$fs/stream"
		drop_vm c
	done
	row "$1, pause" ours theirs "<= 0.20"
	snap-rm -R "$root" s >/dev/null
}

restore_part()
{
	head_line "restore: outage_ms against clone_ms"
	make_vm a 1G 100M "fill=512"
	watch snap-save -R "$root" -n s a
	rm -f ours theirs
	for i in $(seq "$runs"); do
		watch vm-restore -R "$root" -p outage_ms a s
		awk '{ print int($1 * 1000) }' out >>ours
		watch vm-clone -R "$root" -n c -p clone_ms s
		awk '{ print int($1 * 1000) }' out >>theirs
		drop_vm c
	done
	row "$1, memory 1G" ours theirs
	drop_vm a
	snap-rm -R "$root" s >/dev/null
}

run_parts
printf '\n%-46s %9s\n' "peak memory of a tool" MiB
sort rss | awk '$2 > max[$1] { max[$1] = $2 }
END { for (t in max) printf "%-46s %9.1f %25s\n", t, max[t] / 1024, "<= 64" }'
