#!/bin/sh
# SPDX-License-Identifier: ISC
# A registry answers 201 Created to a manifest that it then does not have.
#
# Debian's docker-registry comes with blob descriptors cached in memory
# (storage.cache.blobdescriptor: inmemory) and with deletion enabled.  Its
# collection (docker-registry garbage-collect) is another process, which tells
# the running one nothing.  Seen with docker-registry 2.8.2+ds1-1 (Debian 12): one
# blob and a manifest, deleted and collected while the registry ran; then,
# without a restart:
#
#	HEAD of the blob			200, Content-Length: 100000
#	GET of it				200, and no byte
#	GET of its last byte			206, and no byte
#	POST ?mount= from there			201
#	the blob uploaded once more		201, and it is there
#	the same manifest put once more		201
#	GET of that, by tag or digest		404 MANIFEST_UNKNOWN
#	after a restart				404 still
#	put once more after the restart		201, and it is there
#
# The fast answers are wrong: that a client which sends every blob again, without
# asking whether it is there, is safe (blobs are written in any case, a manifest
# that the cache knows is not); and that 201 to the manifest, which is put last,
# says that all is well.  Who pushes the same artifact twice, as a reproducible
# build does, meets it: a push says "done", and the tag leads nowhere.  What
# helps: read the manifest back, by its tag, after it was put; and restart the
# registry after a collection, or keep it read-only meanwhile.
#
# usage: registry-collected-behind-cache.sh; takes curl and 30 MiB of /tmp.
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

# is WHAT EXPECTED GOT
is()
{
	[ "$2" = "$3" ] || differs "$1: $3, not $2"
	echo "$1: $3"
}

serve()
{
	./registry serve config.yml >registry.log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' \
		    registry.log)
		[ -z "$port" ] || break
		sleep 0.1
	done
	repo=http://127.0.0.1:$port/v2/a
}

stop()
{
	kill "$pid"
	wait "$pid" || :
	pid=
}

digest_of()
{
	echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"
}

# put_blob FILE, put_manifest, get WHAT [CURL OPTION]...: the status that came.
put_blob()
{
	to=$(curl -s -D - -o /dev/null -X POST "$repo/blobs/uploads/" |
	    tr -d '\r' | sed -n 's/^Location: //p')
	curl -s -o /dev/null -w '%{http_code}' -X PUT --data-binary "@$1" \
	    -H 'Content-Type: application/octet-stream' \
	    "$to&digest=$(digest_of "$1")"
}

type=application/vnd.oci.image.manifest.v1+json

put_manifest()
{
	curl -s -o /dev/null -w '%{http_code}' -X PUT --data-binary @manifest \
	    -H "Content-Type: $type" "$repo/manifests/v1"
}

get()
{
	what=$1
	shift
	curl -s -o got -w '%{http_code} %{size_download}' \
	    -H "Accept: $type" "$@" "$repo/$what" || :
}

apt-get download -q "docker-registry=$version" >apt.log 2>&1 ||
    differs "no docker-registry $version here: $(tail -n 1 apt.log)"
dpkg-deb -x docker-registry_*.deb root
cp root/usr/bin/docker-registry registry
cat >config.yml <<END
version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: $work/store}
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
http: {addr: "127.0.0.1:0"}
END
head -c 100000 /dev/urandom >blob
printf '{}' >empty
cat >manifest <<END
{"schemaVersion":2,"mediaType":"$type",
"config":{"mediaType":"application/vnd.oci.empty.v1+json",
"digest":"$(digest_of empty)","size":2},
"layers":[{"mediaType":"application/octet-stream",
"digest":"$(digest_of blob)","size":100000}]}
END
blob=blobs/$(digest_of blob)
manifest=manifests/$(digest_of manifest)

serve
is "blob" 201 "$(put_blob blob)"
is "config" 201 "$(put_blob empty)"
is "manifest" 201 "$(put_manifest)"
is "deleted" 202 \
    "$(curl -s -o got -w '%{http_code}' -X DELETE "$repo/$manifest")"
./registry garbage-collect config.yml >collect.log 2>&1 ||
    differs "the collection: $(tail -n 1 collect.log)"
is "blobs left on disk" 0 "$(find store -name data | wc -l)"
is "HEAD of the blob" "200 0" "$(get "$blob" -I)"
grep -qi '^content-length: 100000' got || differs "HEAD tells another length"
is "GET of the blob" "200 0" "$(get "$blob")"
is "GET of its last byte" "206 0" "$(get "$blob" -r 99999-99999)"
is "mount" 201 "$(curl -s -o got -w '%{http_code}' -X POST \
    "${repo%a}b/blobs/uploads/?mount=$(digest_of blob)&from=a")"
is "blob again" 201 "$(put_blob blob)"
is "config again" 201 "$(put_blob empty)"
is "GET of the blob" "200 100000" "$(get "$blob")"
is "manifest again" 201 "$(put_manifest)"
said=$(get manifests/v1)
is "GET of the tag" 404 "${said% *}"
said=$(get "$manifest")
is "GET of the manifest" 404 "${said% *}"
stop
serve
said=$(get manifests/v1)
is "after a restart, GET of the tag" 404 "${said% *}"
is "manifest again" 201 "$(put_manifest)"
said=$(get manifests/v1)
is "GET of the tag" 200 "${said% *}"
echo "as told: docker-registry $version"
