#!/bin/sh
# SPDX-License-Identifier: ISC
# A registry reads 4 MiB of a file for each range that it is asked for.
#
# Debian's docker-registry reads blobs through a buffer of 4 MiB, which is made,
# filled and thrown away for each request, however short its range is.  Seen with
# docker-registry 2.8.2+ds1-1 (Debian 12) and its storage on a filesystem: 100
# ranges of 64 KiB of a blob of 16 MiB had it read 400 MiB; the blob by one GET
# 16 MiB.  In time: 334 MB by 652 ranges of 512 KiB took 3.5 s of a processor, by
# 26 of up to 16 MiB 0.35 s.
#
# The fast answers are wrong: that ranges cost what they bring, so that short ones
# are cheap; and that several at once hide what each takes, for they share the
# processor with whoever waits for them.  Who reads a layer lazily (as images that
# start before they are there do) pays 64 times for 64 KiB.  What helps: long
# ranges, read as they come; what lies around a piece together with it.
#
# usage: registry-range-reads-4m.sh; takes curl and 60 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

version=2.8.2+ds1-1
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

# Bytes that the registry has read, of files and of connections.
has_read()
{
	sed -n 's/^rchar: //p' "/proc/$pid/io"
}

# about WHAT MIB GOT: got so many bytes, or a sixteenth more.
about()
{
	if [ "$3" -lt $(($2 << 20)) ] || [ "$3" -ge $((($2 << 16) * 17)) ]; then
		differs "$1: $3 bytes, not $2 MiB"
	fi
	echo "$1: $3 bytes"
}

apt-get download -q "docker-registry=$version" >apt.log 2>&1 ||
    differs "no docker-registry $version here: $(tail -n 1 apt.log)"
dpkg-deb -x docker-registry_*.deb root
cp root/usr/bin/docker-registry registry
cat >config.yml <<END_OF_CONFIG
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $work/store}}
http: {addr: "127.0.0.1:0"}
END_OF_CONFIG
./registry serve config.yml >registry.log 2>&1 &
pid=$!
for _ in $(seq 100); do
	port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' \
	    registry.log)
	[ -z "$port" ] || break
	sleep 0.1
done
repo=http://127.0.0.1:$port/v2/a

head -c 16777216 /dev/urandom >blob
digest=sha256:$(sha256sum blob | cut -d ' ' -f 1)
to=$(curl -s -D - -o /dev/null -X POST "$repo/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^Location: //p')
curl -fsS -o /dev/null -X PUT --data-binary @blob \
    -H 'Content-Type: application/octet-stream' "$to&digest=$digest"

before=$(has_read)
curl -fsS -o got "$repo/blobs/$digest"
cmp blob got
about "16 MiB by one GET" 16 $(($(has_read) - before))
before=$(has_read)
i=0
while [ $i -lt 100 ]; do
	curl -fsS -o got -r "$((i * 65536))-$((i * 65536 + 65535))" \
	    "$repo/blobs/$digest"
	i=$((i + 1))
done
about "6.25 MiB by 100 ranges" 400 $(($(has_read) - before))
echo "as told: docker-registry $version"
