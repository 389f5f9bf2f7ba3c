#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: fleet.sh, by way of `make demo`
# Four stores on this machine play four hosts, with nothing between them but a
# registry: docker-registry on a free port of loopback where it is installed,
# else an OCI image layout.  A running Linux guest is saved on the first and
# pushed.  Three more mount it, run clones of what is not there yet, save them
# and push what is new.  The first pulls one of them, and the guest goes on
# there.  Everything is below the cache directory, and goes at the end.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/examples/steps.sh"
cache=${INSTAR_CACHE:-$top/.cache}
fleet=$cache/fleet
hosts="one two three"
registry_pid=
plain=
# Plain names from here on, as in the first part.
cd "$cache/linux"
INSTAR_ROOT=../fleet/home
export INSTAR_ROOT

# Clones first: a mount that is in use stays.
end_all()
{
	for root in "$fleet"/*/; do
		[ -d "$root/vm" ] || continue
		vm-ls -R "$root" -p id | xargs -r vm-rm -q --force -R "$root"
	done
	for h in $hosts; do
		! mountpoint -q "$fleet/$h.mnt" ||
		    fusermount3 -u "$fleet/$h.mnt" ||
		    fusermount3 -u -z "$fleet/$h.mnt"
	done
	[ -z "$registry_pid" ] || kill "$registry_pid"
	registry_pid=
} >/dev/null

leave()
{
	rc=$?
	trap '' INT TERM HUP
	trap - EXIT
	end_all || :
	rm -rf "$fleet"
	exit $rc
}

wrong()
{
	echo "fleet: $*" >&2
	exit 70
}

# Where the registry listens, as soon as it does.
address()
{
	sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$fleet/registry.log"
}

# $registry: what snapshots are called there, but for their tags.
start_registry()
{
	registry=oci-layout:../fleet/registry
	command -v docker-registry >/dev/null || return 0
	cat >"$fleet/registry.yml" <<-END
		version: 0.1
		storage: { filesystem: { rootdirectory: "$fleet/registry" } }
		http: { addr: "127.0.0.1:0" }
	END
	docker-registry serve "$fleet/registry.yml" \
	    >"$fleet/registry.log" 2>&1 &
	registry_pid=$!
	registry=$(eventually address)/demo || wrong "the registry does not start"
	plain="--plain-http "
}

# mib BYTES
mib()
{
	printf '%d.%d MiB' $(($1 / 1048576)) $(($1 % 1048576 * 10 / 1048576))
}

# The first number that VM $2 of host $1 has counted.
first_count()
{
	counts "../fleet/$1" "$2" | head -n 1
}

trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
mkdir -p "$fleet"
end_all
rm -rf "$fleet"
mkdir -p "$fleet"
if [ ! -c /dev/fuse ] || ! command -v fusermount3 >/dev/null; then
	echo "fleet: nothing can be mounted here: this part is left out"
	exit 0
fi
start_registry

printf '\n# Four hosts, %s, and between them %s\n' "home $hosts" "$registry"
run "vm-create -n web --kernel vmlinuz --initrd initrd.img \\
      --cmdline 'console=ttyS0 panic=1' --memory 256M --storage 1G -p id"
run "vm-start -p name,state web"
run "vm-wait --console 'count [0-9]+' web"
run "snap-save -n golden -p name,pause_ms web"
saved=$(counts "$INSTAR_ROOT" web | tail -n 1)
run "snap-push -q $plain-p bytes_moved $registry:golden golden \\
      >../fleet/bytes"
push_ms=$took_ms
push_bytes=$(cat ../fleet/bytes)
echo "  $(mib "$push_bytes") moved."

for h in $hosts; do
	mkdir "../fleet/$h.mnt"
	rc=0
	run "snap-mount -R ../fleet/$h $plain-p digest \\
      $registry:golden ../fleet/$h.mnt" || rc=$?
	if [ $rc -eq 69 ]; then
		echo "fleet: nothing can be mounted here: the rest is left out"
		exit 0
	fi
	[ $rc -eq 0 ] || exit $rc
	asked=$(now_ms)
	run "vm-clone -R ../fleet/$h -n job -p name,memory_from,clone_ms \\
      --from-dir ../fleet/$h.mnt"
	run "vm-wait -R ../fleet/$h --console 'count [0-9]+' job"
	answered_ms=$(($(now_ms) - asked))
	first=$(eventually first_count "$h" job) || wrong "$h: the clone is silent"
	[ "$first" -le $((saved + 8)) ] || wrong "$h: it begins at $first"
	echo "  It counts on from $first, $(seconds $answered_ms) after it was asked for."
	echo "$h $answered_ms" >>../fleet/answered
done

for h in $hosts; do
	run "snap-save -R ../fleet/$h -n result -p name,pause_ms job"
	run "snap-push -q -R ../fleet/$h $plain--parent $registry:golden \\
      -p bytes_moved $registry:$h result >../fleet/bytes"
	echo "  $(mib "$(cat ../fleet/bytes)") moved."
	echo "$h $took_ms $(cat ../fleet/bytes)" >>../fleet/pushed
done

last=$(counts ../fleet/two job | tail -n 1)
run "snap-pull -q $plain-n result -p bytes_fetched $registry:two \\
      >../fleet/bytes"
pull_ms=$took_ms
pull_bytes=$(cat ../fleet/bytes)
run "vm-clone -n back -p name,clone_ms result"
run "vm-wait --console 'count [0-9]+' back"
first=$(eventually first_count home back) ||
    wrong "what came back is silent"
[ "$first" -gt "$saved" ] && [ "$first" -le $((last + 8)) ] ||
    wrong "what came back begins at $first"
echo "  It was at $saved when it left, and is at $first."

for h in $hosts; do
	run "vm-rm -R ../fleet/$h --force job && fusermount3 -u ../fleet/$h.mnt"
done
run "vm-rm --force web back"

printf '\nTimes, and what went through the registry\n'
row "push" "$(seconds "$push_ms"), $(mib "$push_bytes")"
while read -r h ms; do
	row "mounted: answer on $h" "$(seconds "$ms")"
done <../fleet/answered
while read -r h ms bytes; do
	row "save pushed by $h" "$(seconds "$ms"), $(mib "$bytes")"
done <../fleet/pushed
row "pull of two's" "$(seconds "$pull_ms"), $(mib "$pull_bytes")"
