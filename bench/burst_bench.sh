#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: burst_bench.sh [dir]
# Many clones at once, and one from a pool: medians of RUNS (9) runs in turn, of
# a Linux guest of 256 MiB that idles (INSTAR_CACHE), emulated, under `dir`
# (/var/tmp); with GUEST=tiny of one of 64 MiB that counts, which HYPERVISOR
# (qemu) may run, too, and others than QEMU by KVM.  With OLD, another tree that
# is built, its vm-clone runs in turn.  PARTS picks from: burst pool takers
# density merge idle.  Times in milliseconds.  "By hand" are QEMU's
# alone, and up to HANDS (32) of them, for those that run hold up the others.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-9}
parts=${PARTS:-burst pool takers density merge idle}
counts=${COUNTS:-1 8 32 128}
hands=${HANDS:-32}
old=${OLD:-}
hypervisor=${HYPERVISOR:-qemu}
guest=${GUEST:-linux}
[ "$hypervisor" != qemu ] || export INSTAR_ACCEL=tcg
. "$here/lib/bench.sh"
. "$here/lib/vms.sh"
tools vm-create vm-start vm-stop vm-rm vm-ls vm-clone vm-pool snap-save
begin burst_bench "$@"
build vm_bench

root=$work/here/root
mkdir "$work/here"
INSTAR_ROOT=$root
export INSTAR_ROOT
linux=${INSTAR_CACHE:-$top/.cache}/linux

# saved NAME GUEST [CPUS]: a snapshot of that guest.
saved()
{
	case $2 in
	linux) set -- "$1" 256M "${3:-1}" "^count 5" \
	    --kernel "$linux/vmlinuz" --initrd "$linux/initrd.img" \
	    --cmdline "console=ttyS0 quiet" ;;
	*) need_tiny
	    set -- "$1" 64M "${3:-1}" "^tick 0*2" --kernel "$tiny" ;;
	esac
	name=$1 memory=$2 cpus=$3 line=$4
	shift 4
	vm-create -n a --hypervisor "$hypervisor" --memory "$memory" \
	    --cpu "$cpus" "$@" >/dev/null
	vm-start a >/dev/null
	log=$(vm-ls -p console_log a)
	until grep -q "$line" "$log"; do
		sleep 0.2
	done
	snap-save -n "$name" a >/dev/null
	vm-stop --force a >/dev/null
	vm-rm a >/dev/null
}

# A clone's vector, and what its directory needs, for who starts it by hand.
snapshot()
{
	saved s "$guest"
	[ "$hypervisor" = qemu ] || return 0
	proto=$(vm-clone -n proto --no-start -p dir s)
	pid=$(vm-clone -n v -p pid s)
	cat "/proc/$pid/cmdline" >vector
	vm-stop --force v >/dev/null
	vm-rm v >/dev/null
}

prepare_hands()
{
	rm -rf hand
	mkdir hand
	for i in $(seq "$1"); do
		hand_dir "hand/$i"
	done
}

clock()
{
	date +%s%N
}

# since NANOSECONDS: microseconds from then on.
since()
{
	echo $((($(clock) - $1) / 1000))
}

# Ends and removes what the ids in the file name.
drop_all()
{
	vm-stop --force - <"$1" >/dev/null
	vm-rm - <"$1" >/dev/null
}

# by_tool TREE COUNT TO: all of them run; the processor time of vm-clone, too.
by_tool()
{
	# shellcheck disable=SC2046
	set -- "$1" "$2" "$3" $(./vm_bench run ids "$1/vm-clone/vm-clone" \
	    --count "$2" -p id s)
	echo "$4" >>"$3"
	echo "$5" >>"$3.own"
	drop_all ids
}

by_hand()
{
	[ "$hypervisor" = qemu ] && [ "$1" -le "$hands" ] || {
		echo nan >"$2"
		return
	}
	prepare_hands "$1"
	t=$(clock)
	seq "$1" | xargs -P "$(nproc)" -I N ./vm_bench leave hand/N vector \
	    >pids
	since "$t" >>"$2"
	while read -r p; do
		kill -9 "$p"
	done <pids
	sleep 0.2
	rm -rf hand
}

burst_part()
{
	group="vm-clone --count, all run"
	printf '\n%-28s %9s %9s %9s %9s %12s\n' "vm-clone --count, all run" \
	    ours before "by hand" each "own cpu each"
	for n in $counts; do
		rm -f ours before hands ours.own before.own
		for i in $(seq "$runs"); do
			by_tool "$top" "$n" ours
			[ -z "$old" ] || by_tool "$old" "$n" before
			by_hand "$n" hands
		done
		[ -e before ] || echo nan >before
		tell "$n" us "" ours ours before before "by hand" hands
		awk -v n="$n" -v o="$(median ours)" -v b="$(median before)" \
		    -v h="$(median hands)" -v c="$(median ours.own)" 'BEGIN {
			printf "%-28s %9.1f %9.1f %9.1f %9.1f %12.2f\n", n,
			    o / 1000, b / 1000, h / 1000, o / 1000 / n,
			    c / 1000 / n
		}'
	done
}

# pool_of N: filled.
pool_of()
{
	rm -f pool.out
	vm-pool --keep "$1" s >pool.out &
	pool=$!
	until [ -s pool.out ]; do
		sleep 0.1
	done
}

pool_end()
{
	kill "$pool"
	wait "$pool"
}

is_full()
{
	[ "$(ls "$root/pool/"* | wc -l)" -ge "$1" ]
}

# Start of the tool to running: what -h takes, and what the record tells.
pool_part()
{
	takes=${TAKES:-200}
	pool_of 4
	rm -f ours start ids
	for i in $(seq "$takes"); do
		until is_full 4; do
			sleep 0.05
		done
		sleep 0.1
		./vm_bench run out vm-clone -h >start
		vm-clone --from-pool -p id,from_pool,clone_ms s >out
		read -r id taken ms <out
		[ "$taken" = true ] || echo "not from the pool: $id" >&2
		awk -v ms="$ms" '{ print int($1 + ms * 1000) }' start >>ours
		echo "$id" >one
		drop_all one
	done
	pool_end
	group="vm-clone --from-pool"
	tell "start to running" us "median at most 3000" ours ours
	sort -n ours | awk '{ v[NR] = $1 } END {
		printf "\n%-46s %9.1f %9.1f %9.1f\n",
		    "from a pool, to running: median, p99, most",
		    v[int((NR + 1) / 2)] / 1000, v[int(NR * 0.99)] / 1000,
		    v[NR] / 1000 }'
}

takers_part()
{
	pool_of 20
	rm -f out.* ids
	for i in $(seq 20); do
		vm-clone --from-pool -p id,from_pool,clone_ms s >"out.$i" &
		takers="${takers:-} $!"
	done
	# shellcheck disable=SC2086
	wait $takers
	cat out.* >all
	cut -f 1 all | sort -u >ids
	awk -v ids="$(wc -l <ids)" '$2 == "true" { n++ } { print $3 * 1000 >"ms" }
	    END { printf "%-46s %d of 20 from the pool, %d ids\n",
		"20 takers at once", n, ids }' all
	printf '%-46s %9.1f\n' "    median of theirs" \
	    "$(median ms | awk '{ print $1 / 1000 }')"
	drop_all ids
	pool_end
}

# idle_clone LABEL TREE SNAPSHOT: what one has written 10 s after it runs, in KiB,
# its page tables, and the processor time that it took, in hundredths.
idle_clone()
{
	"$2/vm-clone/vm-clone" -n d -p pid "$3" >out
	read -r p <out
	sleep 10
	# shellcheck disable=SC2046
	set -- "$1" $(awk -f "$here/lib/parts.awk" "/proc/$p/smaps") \
	    "$(awk '/^VmPTE/ { print $2 }' "/proc/$p/status")" \
	    "$(sed 's/.*) //' "/proc/$p/stat" | awk '{ print $12 + $13 }')"
	printf '%-30s %7d %7d %7d %7d %7d %7d %7d\n' "$@"
	vm-stop --force d >/dev/null
	vm-rm d >/dev/null
}

# QEMU with another buffer of translated code: a program in its place.
code_buffer()
{
	cat >qemu <<-END
		#!/bin/sh
		for word; do
			shift
			case \$word in
			*,accel=tcg,*)
				word=\${word%%,accel=tcg*},\${word#*,accel=tcg,}
				;;
			esac
			set -- "\$@" "\$word"
		done
		exec qemu-system-x86_64 "\$@" -accel tcg,tb-size=$1
	END
	chmod +x qemu
}

density_part()
{
	printf '\n%-30s %7s %7s %7s %7s %7s %7s %7s\n' "idle clone, KiB written" \
	    all guest code heap loader tables "cpu/10s"
	[ -z "$old" ] || idle_clone "    before" "$old" s
	idle_clone "    as it is" "$top" s
	(export MALLOC_ARENA_MAX=1 && idle_clone "    one arena" "$top" s)
	[ "$hypervisor" = qemu ] || return 0
	for mib in 2 4 6 8 64; do
		code_buffer $mib
		(export INSTAR_QEMU="$PWD/qemu" &&
		    idle_clone "    code buffer of $mib MiB" "$top" s)
	done
	saved two "$guest" 2
	idle_clone "    two processors" "$top" two
	saved bare tiny
	idle_clone "    the tiny guest" "$top" bare
}

# What eight idle clones have to themselves each, with --merge and without, where
# the kernel looks for equal pages.
merge_part()
{
	[ "$(cat /sys/kernel/mm/ksm/run)" = 1 ] || {
		echo "merge: skipped: /sys/kernel/mm/ksm/run is not 1"
		return
	}
	echo
	for option in "" --merge; do
		# shellcheck disable=SC2086
		vm-clone $option --count 8 -p id,pid s >out
		sleep 40
		cut -f 1 out >ids
		cut -f 2 out >pids
		# shellcheck disable=SC2046
		set -- $(sum_of pids)
		printf '%-46s %9d\n' "eight idle clones, KiB each ${option:-alone}" \
		    "$(($1 / 8))"
		drop_all ids
	done
}

# sum_of FILE: KiB that the processes in it have written, and their tables.
sum_of()
{
	while read -r p; do
		awk -f "$here/lib/parts.awk" "/proc/$p/smaps"
		awk '/^VmPTE/ { print "tables", $2 }' "/proc/$p/status"
	done <"$1" | awk '$1 == "tables" { t += $2; next } { n += $1 }
	    END { print n, t }'
}

available()
{
	awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
}

# Of the tiny guest: what 50 more cost, each time, and whether all of them go on.
idle_part()
{
	saved crowd tiny
	: >ids
	: >pids
	: >logs
	before=$(available)
	printf '\n%-28s %12s %12s %12s\n' "idle clones, MiB a clone" written \
	    "page tables" "of the host"
	for n in 50 100 150 200; do
		vm-clone --count 50 -p id,pid,console_log crowd >out
		cut -f 1 out >>ids
		cut -f 2 out >>pids
		cut -f 3 out >>logs
		sleep 5
		# shellcheck disable=SC2046
		set -- $(sum_of pids)
		awk -v n="$n" -v w="$1" -v t="$2" \
		    -v h="$((before - $(available)))" 'BEGIN {
			printf "%-28d %12.2f %12.2f %12.2f\n", n, w / 1024 / n,
			    t / 1024 / n, h / 1024 / n }'
	done
	: >answered
	while read -r log; do
		wc -l <"$log"
	done <logs >earlier
	for i in $(seq 60); do
		sleep 1
		while read -r log; do
			wc -l <"$log"
		done <logs | paste earlier - | awk '$2 > $1' | wc -l >answered
		[ "$(cat answered)" -lt 200 ] || break
	done
	echo "$(cat answered) of 200 go on"
	drop_all ids
}

snapshot
for part in $parts; do
	"${part}_part"
done
