#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: registry_bench.sh [dir]
# Push and pull against an archive that curl takes to the same registry, and
# fetches from there: Debian's docker-registry on loopback, without TLS.
# Medians of RUNS (3) in turn, of a snapshot of 1 GiB of memory with 128 MiB of
# data that halves, and a disk of 2 GiB with 640 MiB of this machine's /usr; the
# second one has changed in 3 % of its pages, in runs of 16.  Then two saves of a
# Linux guest of MEMORY (1G) with FILL (384) MiB in use that ran on for SECONDS_ON
# (60) between them.  Under `dir` (/var/tmp), which needs 8 GiB.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-3}
command -v docker-registry >/dev/null || {
	echo "registry_bench.sh: skipped: docker-registry is not installed"
	exit 0
}
. "$here/lib/bench.sh"
begin registry_bench "$@"
tools snap-export snap-import snap-push snap-pull snap-ls vm-create vm-start \
    vm-stop vm-wait vm-console snap-save
memory=${MEMORY:-1G} fill=${FILL:-384} seconds=${SECONDS_ON:-60}
linux=${INSTAR_CACHE:-$top/.cache}/linux
[ -e "$linux/initrd.img" ] || make -s -C "$top/tests/guest" linux
export INSTAR_ACCEL=tcg
INSTAR_ROOT=$work/root
export INSTAR_ROOT
build archive_bench bench

registry_pid=
finish()
{
	end_vms "$work"/root/vm/*/vm.json
	[ -z "$registry_pid" ] || kill "$registry_pid"
}

cat >registry.yml <<END
version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: $work/registry
  cache:
    blobdescriptor: inmemory
http:
  addr: 127.0.0.1:0
END
docker-registry serve registry.yml >registry.log 2>&1 &
registry_pid=$!
until grep -q 'listening on' registry.log; do
	kill -0 "$registry_pid"
	sleep 0.1
done
at=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' registry.log)

# Snapshots s and t, which have digests, as a save leaves them.
mkdir s
./bench make s/memory.raw 1073741824 65536 524288
find /usr -xdev -type f -size +4k -print0 | sort -z |
    xargs -0 cat 2>/dev/null | head -c 671088640 >s/cow.raw || :
truncate -s 2G s/cow.raw
echo '{"version":1,"config":{"name":""}}' >s/snapshot.json
take_in()
{
	(cd s && bsdtar --format=pax -cf - ./*) | snap-import -q -n "$1" >/dev/null
}
take_in s
perl -e 'srand(3); for (["s/memory.raw", 2048, 19], ["s/cow.raw", 10240, 16]) {
	my ($file, $runs, $every) = @$_;
	open(F, "+<", $file) or die;
	for (1 .. $runs * 0.03) {
		seek(F, int(rand($runs)) << $every, 0);
		print F pack("L*", map { $_ % 3 ? int(rand(1 << 32)) : 7 }
		    1 .. 16384);
	}
}'
take_in t
rm -rf s

# once COMMAND: its ms, its peak KiB and how much the registry was asked.
once()
{
	sync -f .
	asked=$(grep -c 'response completed' registry.log) || :
	took=$(./bench time sh -c "$1")
	echo "$took $(($(grep -c 'response completed' registry.log) - asked))"
}

# A name of an own for each push: what is there is not moved.
n=0
next_name()
{
	n=$((n + 1))
	name=n$n
}

# What a user would run: an upload of one blob, whose digest is known at its end.
cat >upload <<'END'
# usage: upload SNAP HOST NAME
rm -f sum.pipe
mkfifo sum.pipe
sha256sum <sum.pipe >sum &
to=$(curl -fsS -X POST -D - -o /dev/null "http://$2/v2/$3/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
to=$(snap-export -q "$1" | tee sum.pipe | curl -fsS -X PATCH -T - \
    -H 'Content-Type: application/octet-stream' -D - -o /dev/null "$to" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
wait
case $to in *\?*) and='&' ;; *) and='?' ;; esac
curl -fsS -X PUT "$to${and}digest=sha256:$(cut -c 1-64 sum)"
END

# in_turn OURS THEIRS [PREPARE]: each is a command in which NAME is a new name.
in_turn()
{
	: >ours
	: >theirs
	i=0
	while [ $i -lt "$runs" ]; do
		next_name
		[ -z "${3-}" ] || prepare "$3"
		once "$(echo "$1" | sed "s/NAME/$name/g")" >>ours
		next_name
		rm -rf x
		once "$(echo "$2" | sed "s/NAME/$name/g")" >>theirs
		i=$((i + 1))
	done
}

prepare()
{
	sh -c "$(echo "$1" | sed "s/NAME/$name/g")" >/dev/null
}

# row LABEL LIMIT
row()
{
	group=time
	tell "$1" ms "${2:+at most $2}" ours ours theirs theirs
	echo "$(median ours) $(median theirs)" | awk -v l="$1" -v m="$2" '{
		printf "%-46s %8.0f %8.0f %6.2f %6s\n", l, $1, $4, $1 / $4, m
		printf "%-46s %8.1f %8.1f\n", "    peak MiB of one process",
		    $2 / 1024, $5 / 1024
		printf "%-46s %8d %8d\n", "    requests", $3, $6
	}'
}

# bytes LABEL OURS THEIRS LIMIT WHOSE: what was moved, and of which row.
bytes()
{
	group="bytes moved"
	echo "$2" >ours.bytes
	echo "$3" >theirs.bytes
	tell "$5" bytes "${4:+at most $4}" ours ours.bytes theirs theirs.bytes
	awk -v l="$1" -v o="$2" -v t="$3" -v m="$4" 'BEGIN {
		printf "%-46s %8.1f %8.1f %6.2f %6s\n", l, o / 1048576,
		    t / 1048576, o / t, m
	}'
}

push="snap-push -q --plain-http"
pull="rm -rf x && snap-pull -q --plain-http -R x"
printf '%-46s %8s %8s %6s %6s\n' "registry: against an archive by curl" \
    "ours ms" "their ms" ratio limit

in_turn "$push $at/NAME:v1 s >record" "sh upload s $at NAME"
row "first push: export, curl" 1.1
whole=$(snap-export -q s | wc -c)
bytes "    MiB" "$(sed 's/.*"bytes_moved":\([0-9]*\).*/\1/' record)" \
    "$whole" 1.1 "first push: export, curl"

in_turn "$push --parent $at/NAME:v1 $at/NAME:v2 t >record" \
    "sh upload t $at NAME" "$push $at/NAME:v1 s"
row "second push, 3 % changed: export, curl" ""
bytes "    MiB" "$(sed 's/.*"bytes_moved":\([0-9]*\).*/\1/' record)" \
    "$whole" 0.1 "second push, 3 % changed: export, curl"

# Both are there under names that stay.
$push "$at/kept:v1" s >/dev/null
$push --parent "$at/kept:v1" "$at/kept:v2" t >/dev/null
sh upload s "$at" kept
first=sha256:$(cut -c 1-64 sum)
sh upload t "$at" kept
second=sha256:$(cut -c 1-64 sum)
import="rm -rf x && curl -fsS http://$at/v2/kept/blobs/"

in_turn "$pull $at/kept:v1 >record" \
    "$import$first | snap-import -q -R x >/dev/null"
row "pull: curl, import" 1.1

in_turn "snap-pull -q --plain-http -R y $at/kept:v2 >record" \
    "$import$second | snap-import -q -R x >/dev/null" \
    "rm -rf y && snap-pull -q --plain-http -R y $at/kept:v1"
row "pull where the parent is: curl, import" ""
bytes "    MiB" "$(sed 's/.*"bytes_fetched":\([0-9]*\).*/\1/' record)" \
    "$whole" 0.1 "pull where the parent is: curl, import"

# A guest that ran on: what the second push takes against the first.
vm-create -n a --memory "$memory" --storage 1G --kernel "$linux/vmlinuz" \
    --initrd "$linux/initrd.img" --cmdline "console=ttyS0 quiet" >/dev/null
vm-start a >/dev/null
vm-wait --timeout 600 --console '^count ' a
printf 'mem %s\n' "$fill" | vm-console a >/dev/null
vm-wait --timeout 1800 --console "^mem $fill" a
snap-save -n g1 a >/dev/null
sleep "$seconds"
snap-save -n g2 a >/dev/null
vm-stop --force a >/dev/null
in_turn "$push --parent $at/NAME:v1 $at/NAME:v2 g2 >record" \
    "$push $at/NAME:v1 g1 >first" "$push $at/NAME:v1 g1"
row "push after the guest ran on: the first push" 0.15
bytes "    MiB" "$(sed 's/.*"bytes_moved":\([0-9]*\).*/\1/' record)" \
    "$(sed 's/.*"bytes_moved":\([0-9]*\).*/\1/' first)" 0.05 \
    "push after the guest ran on: the first push"
