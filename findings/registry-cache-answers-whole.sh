#!/bin/sh
# SPDX-License-Identifier: ISC
# A pull-through cache answers a range with the whole blob until it has it, and
# asks upstream once for each client and once more for itself.
#
# Debian's docker-registry in proxy mode serves what it has as any registry does,
# ranges by 206.  Of what it has not it passes on all of the blob by a 200, whatever
# range was asked for, while a second request of its own fetches it for the cache.
# Seen with docker-registry 2.8.2+ds1-1 (Debian 12) as cache and as upstream: the
# second MiB of a cold blob of 16 MiB came as 200 with 16 MiB from byte 0, a moment
# later as 206 with 1 MiB; eight clients that wanted a cold blob of 16 MiB at once
# had upstream send it nine times; one client that left after 1 MiB still left a
# whole blob in the cache; and when all of a blob of 64 MiB had come to the first
# client, a range of it was answered by the whole for half a second more, until the
# cache's own copy was put away.
#
# The fast answers are wrong: that a registry which answers ranges today did so
# yesterday, so that a reader may take a 200 for a fault; and that a cache in front
# of a crowd costs upstream one copy: that is so only when somebody came before the
# crowd.  Who reads layers lazily through a cache fetches each whole, once for every
# range on its way.  What helps: take a 200 for the whole and let it come, and then
# wait before the next range; one pull before the crowd's.
#
# usage: registry-cache-answers-whole.sh; takes curl and 150 MiB of /tmp.
# Exit status 0: all as told here; 1: something is different now.
set -eu

version=2.8.2+ds1-1
work=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p"; done; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

differs()
{
	echo "DIFFERENT: $*"
	exit 1
}

apt-get download -q "docker-registry=$version" >apt.log 2>&1 ||
    differs "no docker-registry $version here: $(tail -n 1 apt.log)"
dpkg-deb -x docker-registry_*.deb root
cp root/usr/bin/docker-registry registry

# serve NAME [UPSTREAM]: on the port that is in NAME.port.
serve()
{
	cat >"$1.yml" <<-END_OF_CONFIG
		version: 0.1
		log: {level: info}
		storage: {filesystem: {rootdirectory: $work/$1.store}}
		http: {addr: "127.0.0.1:0"}
	END_OF_CONFIG
	[ $# -lt 2 ] || echo "proxy: {remoteurl: \"http://$2\"}" >>"$1.yml"
	./registry serve "$1.yml" >"$1.log" 2>&1 &
	pids="$pids $!"
	for _ in $(seq 100); do
		sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' \
		    "$1.log" >"$1.port"
		[ ! -s "$1.port" ] || return 0
		sleep 0.1
	done
	differs "$1 does not listen"
}

serve upstream
upstream=http://127.0.0.1:$(cat upstream.port)/v2/a
serve cache "127.0.0.1:$(cat upstream.port)"
cache=http://127.0.0.1:$(cat cache.port)/v2/a

# A blob of 16 MiB that upstream has and the cache has not: its digest.
fresh()
{
	head -c 16777216 /dev/urandom >blob
	digest=sha256:$(sha256sum blob | cut -d ' ' -f 1)
	to=$(curl -s -D - -o /dev/null -X POST "$upstream/blobs/uploads/" |
	    tr -d '\r' | sed -n 's/^Location: //p')
	curl -fsS -o /dev/null -X PUT --data-binary @blob \
	    -H 'Content-Type: application/octet-stream' "$to&digest=$digest"
}

# ask: status and bytes of the second MiB.
ask()
{
	curl -s -o got -w '%{http_code} %{size_download}' -r 1048576-2097151 \
	    "$cache/blobs/$digest"
}

# The cache answers it by ranges: within a minute.
until_cached()
{
	for _ in $(seq 600); do
		[ "$(ask)" != "206 1048576" ] || return 0
		sleep 0.1
	done
	differs "$1: the cache never had it"
}

# How often upstream has sent all of the blob.
sent()
{
	grep 'response completed' upstream.log | grep "$digest" |
	    grep -c 'http.request.method=GET.*http.response.written=16777216' ||
	    :
}

fresh
first=$(ask)
[ "$first" = "200 16777216" ] || differs "cold: $first"
cmp blob got || differs "cold: not from byte 0"
until_cached cold
echo "a range of a cold blob: $first; then $(ask)"

fresh
curl -s -o /dev/null "$cache/blobs/$digest"
first=$(ask)
until_cached "behind the whole"
echo "a range right behind the whole: $first; then $(ask)"

fresh
clients=
for _ in 1 2 3 4 5 6 7 8; do
	curl -s -o /dev/null "$cache/blobs/$digest" &
	clients="$clients $!"
done
# shellcheck disable=SC2086
wait $clients
until_cached "eight at once"
copies=$(sent)
# Who came last may have found it there.
if [ "$copies" -lt 5 ] || [ "$copies" -gt 9 ]; then
	differs "eight at once: $copies copies"
fi
echo "eight clients at once: upstream sent it $copies times"

fresh
curl -s "$cache/blobs/$digest" | head -c 1048576 >/dev/null
until_cached "left after 1 MiB"
echo "a client that left after 1 MiB: the cache has all of it"
echo "as told: docker-registry $version"
