#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: arrival_bench.sh [dir]
# How soon a clone of a snapshot that lies in a registry runs: mounted and cloned
# in place against pulled and cloned, through a link of RATE (1000) Mbit/s and
# DELAY (1000) us each way: medians of RUNS (3) runs in turn, each with a state
# root and a cache of its own in a directory under `dir` (/var/tmp).  The guest is
# a Linux of MEMORY (2G) with FILL (1024) MiB in use.  Times in milliseconds from
# the first tool's start until the guest's first new line; bytes are those that
# came through the link, requests those that the registry was asked.  Then a
# clone on a mount whose pages are all cached against one from the store.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-3}
rate=${RATE:-1000} delay=${DELAY:-1000}
memory=${MEMORY:-2G} fill=${FILL:-1024}
export INSTAR_ACCEL=tcg
unset INSTAR_ROOT
. "$here/lib/bench.sh"
tools vm-create vm-start vm-stop vm-clone vm-console vm-wait vm-rm snap-save \
    snap-push snap-pull snap-mount vm-ls
linux=${INSTAR_CACHE:-$top/.cache}/linux
for need in docker-registry fusermount3 curl; do
	command -v "$need" >/dev/null || {
		echo "arrival_bench.sh: skipped: $need is not installed"
		exit 0
	}
done
[ -e "$linux/initrd.img" ] || make -s -C "$top/tests/guest" linux

registry_pid=
link_pid=
finish()
{
	end_vms "$work"/*/vm/*/vm.json
	for m in "$work"/mnt.*; do
		! mountpoint -q "$m" || fusermount3 -uz "$m"
	done
	[ -z "$link_pid" ] || kill "$link_pid" || :
	[ -z "$registry_pid" ] || kill "$registry_pid" || :
}

begin arrival_bench "$@"
build link

serve()
{
	cat >registry.yml <<-END
		version: 0.1
		log: {level: info}
		storage:
		  filesystem: {rootdirectory: $work/registry}
		http: {addr: "127.0.0.1:0"}
	END
	docker-registry serve registry.yml >registry.log 2>&1 &
	registry_pid=$!
	until_said registry.log 'listening on'
	port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' \
	    registry.log)
}

# through COMMAND...: runs it with a link of its own, whose port is $via; the
# bytes that came are in `bytes`, the registry's requests in `requests`.
link_begin()
{
	rm -f link.out # of the one before
	./link "$port" "$rate" "$delay" >link.out &
	link_pid=$!
	until_said link.out .
	via=127.0.0.1:$(head -n 1 link.out)
	wc -l <registry.log >asked
}

link_end()
{
	kill "$link_pid"
	wait "$link_pid" || :
	link_pid=
	sed -n 2p link.out >bytes
	requests=$(sed -n "$(($(cat asked) + 1)),\$p" registry.log |
	    grep -c 'response completed') || :
}

now()
{
	date +%s%N
}

# first_line ROOT VM COUNT: when the guest has counted on.
first_line()
{
	log=$(vm-ls -R "$1" -p console_log "$2")
	until_said "$log" '^count '
}

drop_caches()
{
	sync
	echo 3 2>/dev/null >/proc/sys/vm/drop_caches || :
}

# note NAME STARTED: microseconds, bytes and requests into NAME.*
note()
{
	echo $((($(now) - $2) / 1000)) >>"$1.us"
	link_end
	cat bytes >>"$1.bytes"
	echo "$requests" >>"$1.requests"
}

pulled()
{
	rm -rf far
	drop_caches
	link_begin
	t=$(now)
	snap-pull -q -R far -n golden "$via/golden:v1" >/dev/null
	vm-clone -R far -n c golden >/dev/null
	first_line far c
	note pulled "$t"
	vm-stop -R far --force c >/dev/null
}

mounted()
{
	rm -rf near mnt.near
	mkdir mnt.near
	drop_caches
	link_begin
	t=$(now)
	# shellcheck disable=SC2086
	snap-mount -q -R near $1 "$via/golden:v1" mnt.near >/dev/null
	vm-clone -R near -n c --in-place --from-dir mnt.near >/dev/null
	first_line near c
	note "mounted$1" "$t"
	vm-stop -R near --force c >/dev/null
	fusermount3 -u mnt.near
}

# row LABEL FILE: against what was pulled.
row()
{
	group="memory $memory, $fill MiB in use, $rate Mbit/s"
	tell "$1" us "" ours "$2.us" "pulled and cloned" pulled.us
	tell "$1: through the link" bytes "" ours "$2.bytes" \
	    "pulled and cloned" pulled.bytes
	awk -v l="$1" -v t="$(median "$2.us")" -v b="$(median "$2.bytes")" \
	    -v n="$(median "$2.requests")" -v t0="$(median pulled.us)" \
	    -v b0="$(median pulled.bytes)" 'BEGIN {
		printf "%-36s %9.0f %7.2f %9.1f %7.2f %7d\n", l, t / 1000,
		    t / t0, b / 1048576, b / b0, n }'
}

serve
vm-create -R home -n a --memory "$memory" --storage 1G \
    --kernel "$linux/vmlinuz" --initrd "$linux/initrd.img" \
    --cmdline "console=ttyS0 quiet writer=off" >/dev/null
vm-start -R home a >/dev/null
vm-wait -R home --timeout 600 --console '^count ' a
printf 'mem %s\n' "$fill" | vm-console -R home a >/dev/null
vm-wait -R home --timeout 1800 --console "^mem $fill" a
snap-save -R home -n golden a >/dev/null
vm-stop -R home --force a >/dev/null
snap-push -q -R home "127.0.0.1:$port/golden:v1" golden >/dev/null

for i in $(seq "$runs"); do
	pulled
	mounted ""
	mounted --on-demand
done
printf '%-36s %9s %7s %9s %7s %7s\n' "memory $memory, $fill MiB in use" ms \
    ratio MiB ratio requests
row "pulled and cloned" pulled
row "mounted and cloned in place" mounted
row "the same, --on-demand" mounted--on-demand

# All is cached: the same clone from the mount and from the store.
rm -rf near mnt.near
mkdir mnt.near
snap-mount -q -R near "127.0.0.1:$port/golden:v1" mnt.near >/dev/null
until [ "$(snap-mount --status -p complete mnt.near)" = true ]; do
	sleep 0.2
done
cat mnt.near/* >/dev/null
for i in $(seq $((runs * 3))); do
	t=$(now)
	vm-clone -R near -n "c$i" --in-place --from-dir mnt.near >/dev/null
	first_line near "c$i"
	echo $((($(now) - t) / 1000)) >>ours
	vm-stop -R near --force "c$i" >/dev/null
	t=$(now)
	vm-clone -R home -n "c$i" golden >/dev/null
	first_line home "c$i"
	echo $((($(now) - t) / 1000)) >>theirs
	vm-stop -R home --force "c$i" >/dev/null
done
group="all cached"
tell "clone to its first line" us "" "from the mount" ours "from the store" theirs
awk -v o="$(median ours)" -v t="$(median theirs)" 'BEGIN {
	printf "%-36s %9.1f %7.2f  (from the store %.1f ms)\n",
	    "cached: clone to its first line", o / 1000, o / t, t / 1000 }'
fusermount3 -u mnt.near
