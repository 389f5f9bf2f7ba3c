#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-push, to registries that misbehave.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

# plant: snapshot web, of some pages, and nothing in the registry.
plant()
{
	plant_small
	rm -r lay
}

# plant_large: of so much that it goes out in chunks while it is read.
plant_large()
{
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 5242880' >"$memory"
	(cd root && find . | sort) >visible
}

# tag_is DIGEST: v1 leads there, or nowhere where it is "".
tag_is()
{
	[ -e lay/index.json ] || echo '{"manifests":[]}' >lay/index.json
	atf_check_equal "$1" "$(jq -r '.manifests[] |
	    select(.annotations["org.opencontainers.image.ref.name"] == "v1") |
	    .digest' lay/index.json)"
}

# pushes <TABLE: to a registry that does what a line says,
# "STATUS|FAULT|MESSAGE": what is refused has no tag, what is not is web.
pushes()
{
	while IFS='|' read -r status fault message; do
		rm -rf lay
		hostile --other "${other:-1}" --fault "$fault"
		if [ "$status" -ne 0 ]; then
			refused "$status" \
			    "snap-push: HOST/golden:v1: HOST/golden: $message" \
			    snap-push --plain-http "$at/golden:v1" web
			tag_is ''
			continue
		fi
		atf_check -o save:record snap-push --plain-http \
		    "$at/golden:v1" web
		tag_is "$(jq -r .digest record)"
		hostile
		pulled --plain-http
	done
	hostile_end
}

atf_test_case push__upload
push__upload_head()
{
	atf_set require.config long
	atf_set require.progs "jq perl python3"
}
push__upload_body()
{
	plant
	pushes <<-'END'
		0|upload-query|
		69|upload-nowhere|begins an upload and says not where
		69|upload-away:http://127.0.0.1:1/x|led to 127.0.0.1:1: Connection refused
		69|upload-away:file:///tmp/x|where it leads, "file:///tmp/x", is neither http nor https
		69|upload-away:/v2/other/blobs/uploads/1|answered 404: BLOB_UPLOAD_UNKNOWN: blob upload unknown
		77|upload:POST=403|answered 403: SOME_CODE: not that
		66|upload:POST=404|answered 404: SOME_CODE: not that
		69|upload:POST=405|answered 405: SOME_CODE: not that
		75|upload:POST=429|answered 429: SOME_CODE: not that
		75|upload:POST=500|answered 500: SOME_CODE: not that
		75|upload:POST=507|answered 507: SOME_CODE: not that
		69|upload:PUT=400|answered 400: SOME_CODE: not that
		69|upload:PUT=404|answered 404: SOME_CODE: not that
		69|upload:PUT=413|answered 413: SOME_CODE: not that
		77|upload:PUT=403|answered 403: SOME_CODE: not that
		75|upload:PUT=500|answered 500: SOME_CODE: not that
		69|upload-dropped|answered 400: MANIFEST_BLOB_UNKNOWN: blob unknown
		69|upload-other|keeps a blob under another digest
		0|upload-end-reset:1|
		0|upload-end-reset:99|
		0|range-whole|
		75|status:500|answered 500: UNKNOWN: no
	END
}

atf_test_case push__chunks
push__chunks_head()
{
	atf_set require.config long
	atf_set require.progs "jq perl python3"
}
push__chunks_body()
{
	plant_large
	pushes <<-'END'
		0|upload-query|
		69|upload-nowhere|begins an upload and says not where
		69|upload:PATCH=416|answered 416: SOME_CODE: not that
		69|upload:PATCH=404|answered 404: SOME_CODE: not that
		69|upload:PATCH=413|answered 413: SOME_CODE: not that
		75|upload:PATCH=500|answered 500: SOME_CODE: not that
		77|upload:PATCH=403|answered 403: SOME_CODE: not that
		0|upload-lost:1|
		0|upload-lost:2|
		69|upload-lost:99|answered 404: BLOB_UPLOAD_UNKNOWN: blob upload unknown
		69|upload-less|has 0 bytes of an upload, of *
		69|upload-little:2|has 10 bytes of an upload, of *
		0|upload-little:1000000|
		69|upload-more|has 1000000000000 bytes of an upload, of *
		0|upload-reset:1|
		0|upload-reset:99|
		0|upload-end-reset:1|
	END
}

atf_test_case push__manifest
push__manifest_head()
{
	atf_set require.progs "jq perl python3"
}
push__manifest_body()
{
	plant
	pushes <<-'END'
		69|put-manifest:400|answered 400: MANIFEST_INVALID: manifest invalid
		66|put-manifest:404|answered 404: MANIFEST_INVALID: manifest invalid
		77|put-manifest:403|answered 403: MANIFEST_INVALID: manifest invalid
		69|put-manifest:413|answered 413: MANIFEST_INVALID: manifest invalid
		75|put-manifest:500|answered 500: MANIFEST_INVALID: manifest invalid
		75|tag-moved|tag v1 was moved meanwhile
	END
	# It is there, they say, and is not, or as something else.
	hostile --fault manifest-404
	refused 69 "snap-push: HOST/golden:v1: HOST/golden: took the manifest \
and has not got it: its cache is not what it stores" \
	    snap-push --plain-http "$at/golden:v1" web
	rm -rf lay
	hostile --fault put-manifest-other
	refused 69 "snap-push: HOST/golden:v1: HOST/golden: keeps the manifest \
under another digest" snap-push --plain-http --parent none "$at/golden:v1" web
}

# What the tag leads to is built on, as far as it is there.
atf_test_case push__parent
push__parent_head()
{
	atf_set require.progs "jq perl python3"
}
push__parent_body()
{
	plant
	hostile
	atf_check -o save:first snap-push --plain-http "$at/golden:v1" web
	cp -R lay before
	yes changed | head -c 4096 | dd of="$memory" conv=notrunc 2>dd.err
	while IFS='|' read -r status fault message; do
		rm -rf lay
		cp -R before lay
		hostile --fault "$fault"
		refused "$status" "snap-push: HOST/golden:v1: $message \
(--parent none builds on nothing)" snap-push --plain-http "$at/golden:v1" web
		tag_is "$(jq -r .digest first)"
	done <<-'END'
		65|blob-liar:tree|parent: its part DIGEST is not there
		65|blob-liar:pack|parent: its part DIGEST is not there
		65|blob-gone:index|parent: index: HOST/golden: blob DIGEST: not there
		65|blob-flip:envelope|parent: envelope: differs from its digest
		65|blob-short:pack|parent: its part DIGEST is not there
		65|blob-flip:tree|memory.raw: leaf of group 0: says 32 pages, marks 31
		66|manifest-html|parent: HOST/golden: no manifest has digest DIGEST
		66|tag-gone|parent: HOST/golden: no manifest has digest DIGEST
		65|tag-moved|parent: HOST: the manifest differs from its digest
	END
	for fault in gone:removed moved:moved; do
		hostile --fault "tag-${fault%:*}"
		refused 75 "snap-push: HOST/golden:v1: HOST/golden: tag v1 was \
${fault#*:} meanwhile" snap-push --plain-http --parent none "$at/golden:v1" web
		tag_is "$(jq -r .digest first)"
	done
	# On nothing it goes.
	rm -rf lay
	cp -R before lay
	hostile --fault blob-liar:pack
	atf_check -o save:record snap-push --plain-http --parent none \
	    "$at/golden:v1" web
	tag_is "$(jq -r .digest record)"
	hostile
	pulled --plain-http
}

# Where there is no room for what goes out, nothing does.
atf_test_case push__no_room
push__no_room_head()
{
	atf_set require.progs "jq perl python3"
}
push__no_room_body()
{
	plant_large
	hostile
	refused 74 "snap-push: HOST/golden:v1: what is to be sent: File too \
large" sh -c "ulimit -f 4096; exec snap-push --plain-http $at/golden:v1 web"
	tag_is ''
	refused 66 "snap-push: HOST/golden: $PWD/none: No such file or \
directory" env TMPDIR="$PWD/none" snap-push --plain-http "$at/golden:v1" web
	atf_check -o save:record snap-push --plain-http "$at/golden:v1" web
	tag_is "$(jq -r .digest record)"
}

atf_init_test_cases()
{
	atf_add_test_case push__upload
	atf_add_test_case push__chunks
	atf_add_test_case push__manifest
	atf_add_test_case push__parent
	atf_add_test_case push__no_room
}
