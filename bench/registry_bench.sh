#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: registry_bench.sh [dir]
# Push and pull against an archive that curl takes to the same registry, and
# fetches from there: Debian's docker-registry on loopback, without TLS.
# Medians of RUNS (3) in turn, of a snapshot of 1 GiB of memory with 128 MiB of
# data that halves, and a disk of 2 GiB with 640 MiB of this machine's /usr; the
# second one has changed in 3 % of its pages, in runs of 16.  Under `dir`
# (/var/tmp), which needs 8 GiB.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${RUNS:-3}
command -v docker-registry >/dev/null || {
	echo "registry_bench.sh: skipped: docker-registry is not installed"
	exit 0
}
. "$here/lib/bench.sh"
begin registry_bench "$@"
tools snap-export snap-import snap-push snap-pull snap-ls
INSTAR_ROOT=$work/root
export INSTAR_ROOT
build archive_bench bench

registry_pid=
finish()
{
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

# once COMMAND: its ms and peak KiB.
once()
{
	sync -f .
	./bench time sh -c "$1"
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
	echo "$(median ours) $(median theirs)" | awk -v l="$1" -v m="$2" '{
		printf "%-46s %8.0f %8.0f %6.2f %6s\n", l, $1, $3, $1 / $3, m
		printf "%-46s %8.1f %8.1f\n", "    peak MiB of one process",
		    $2 / 1024, $4 / 1024
	}'
}

# bytes LABEL OURS THEIRS LIMIT
bytes()
{
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
    "$whole" 1.1

in_turn "$push --parent $at/NAME:v1 $at/NAME:v2 t >record" \
    "sh upload t $at NAME" "$push $at/NAME:v1 s"
row "second push, 3 % changed: export, curl" ""
bytes "    MiB" "$(sed 's/.*"bytes_moved":\([0-9]*\).*/\1/' record)" \
    "$whole" 0.1

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
    "$whole" 0.1
