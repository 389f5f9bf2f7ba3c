#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-pull, from registries that misbehave.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

# So that no case takes as long as the patience of a user.
INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

atf_test_case pull__manifest
pull__manifest_head()
{
	atf_set require.progs "perl python3"
}
pull__manifest_body()
{
	plant_small
	faults --plain-http <<-'END'
		66|manifest-404|HOST/golden: no manifest has tag v1
		0|manifest-type|
		69|manifest-large|HOST/golden: answered more than was asked for
		69|manifest-endless|HOST/golden: answered more than was asked for
		65|manifest-html|manifest: not JSON: *
		65|manifest-empty|manifest: not JSON: *
		65|manifest-none|manifest: not JSON: *
		65|manifest-deep|manifest: JSON nested deeper than 64 levels
		65|manifest-image|manifest: no snapshot: its artifactType is ""
		65|manifest-index|manifest: no snapshot: its artifactType is ""
		75|manifest-cut|HOST/golden: the connection was cut
		65|manifest-header|HOST/golden: the manifest has not the digest that it came with
		0|redirect-manifest:/v2/golden/manifests/v1?again=1|
		69|redirect-manifest:file:///etc/passwd|HOST/golden: where it leads, "file:///etc/passwd", is neither http nor https
	END
	# Another one than was asked for.
	hostile --fault manifest-other
	digest=$(sed 's/.*"digest":"\([^"]*\)".*/\1/' pushed)
	refused 65 "snap-pull: HOST/golden@DIGEST: HOST: the manifest differs \
from its digest" snap-pull --plain-http "$at/golden@$digest"
	refused 65 "snap-pull: HOST/golden:v1@DIGEST: HOST: the manifest \
differs from its digest" \
	    snap-pull --plain-http "$at/golden:v1@$digest"
	hostile
	atf_check -o ignore snap-pull --plain-http "$at/golden@$digest"
}

atf_test_case pull__blob
pull__blob_head()
{
	atf_set require.progs "perl python3"
}
pull__blob_body()
{
	plant_small
	faults --plain-http <<-'END'
		65|blob-flip:envelope|envelope: differs from its digest
		65|blob-flip:index|index: differs from its digest
		65|blob-flip:tree|memory.raw: leaf of group 0: says 32 pages, marks 31
		65|blob-flip:pack|memory.raw: byte 0: no zstd frame of 16 pages
		65|blob-short:envelope|envelope: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-short:index|index: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-short:tree|HOST/golden: blob DIGEST: not as long as it should be
		65|blob-short:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-long:envelope|envelope: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-long:index|index: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-long:tree|HOST/golden: blob DIGEST: not as long as it should be
		65|blob-long:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-gone:envelope|envelope: HOST/golden: blob DIGEST: not there
		65|blob-gone:index|index: HOST/golden: blob DIGEST: not there
		65|blob-gone:tree|HOST/golden: blob DIGEST: not there
		65|blob-gone:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not there
		65|blob-nothing:envelope|envelope: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-nothing:index|index: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-nothing:tree|HOST/golden: blob DIGEST: not as long as it should be
		65|blob-nothing:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-forget:tree|HOST/golden: blob DIGEST: not there
	END
}

atf_test_case pull__range
pull__range_head()
{
	atf_set require.progs "perl python3"
}
pull__range_body()
{
	plant_small
	faults --plain-http <<-'END'
		0|range-whole|
		69|range-less|envelope: HOST/golden: blob DIGEST: another range was answered
		69|range-shifted|envelope: HOST/golden: blob DIGEST: another range was answered
		69|range-more|envelope: HOST/golden: blob DIGEST: more than the range was answered
		69|range-much-more|envelope: HOST/golden: blob DIGEST: more than the range was answered
		65|range-total|envelope: HOST/golden: blob DIGEST: not as long as it should be
		69|range-nonsense|envelope: HOST/golden: blob DIGEST: another range was answered
		69|range-star|envelope: HOST/golden: blob DIGEST: another range was answered
		69|range-unsaid|envelope: HOST/golden: blob DIGEST: another range was answered
		69|range-multipart|envelope: HOST/golden: blob DIGEST: more than the range was answered
		65|range-416|envelope: HOST/golden: blob DIGEST: not as long as it should be
	END
}

# All of a blob of more than 4 MiB is read as it comes.
atf_test_case pull__range_whole
pull__range_whole_head()
{
	atf_set require.progs "perl python3"
}
pull__range_whole_body()
{
	snap_plant b web
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 1310720' >"root/snap/$(id_of b)/memory.raw"
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	(cd root && find . ! -path './registry*' | sort) >visible
	faults --plain-http <<-'END'
		0|range-whole|
	END
}

# Some of a blob of more than 4 MiB, from a cache that has it only a while after
# all of it went through; and from what never answers a range.
atf_test_case pull__range_of_a_cache
pull__range_of_a_cache_head()
{
	atf_set require.progs "perl python3"
}
pull__range_of_a_cache_body()
{
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 1310720' >"$memory"
	mkdir far
	atf_check -o ignore sh -c \
	    'snap-export web | INSTAR_ROOT=$PWD/far snap-import -n old'
	for n in 6 33 70; do
		atf_check dd if=/dev/urandom of="$memory" bs=64K count=1 \
		    seek=$n conv=notrunc status=none
	done
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	for answers in 0 3; do
		hostile --fault range-cold:$answers
		INSTAR_ROOT=$PWD/far atf_check -o ignore snap-pull \
		    --plain-http -n new$answers "$at/golden:v1"
		atf_check cmp "$memory" far/name/snap/new$answers/memory.raw
		atf_check snap-rm -R far new$answers
	done
	INSTAR_HOOK=$INSTAR_HOOK,courier-put-away=ms:1
	hostile --fault range-whole
	INSTAR_ROOT=$PWD/far atf_check -s exit:69 \
	    -e match:"all of it is answered where a range is asked for$" \
	    snap-pull --plain-http -n new "$at/golden:v1"
	hostile_end
}

atf_test_case pull__redirect
pull__redirect_head()
{
	atf_set require.progs "perl python3"
}
pull__redirect_body()
{
	plant_small
	other
	faults --plain-http <<-'END'
		0|redirect-status:301|
		0|redirect-status:302|
		0|redirect-status:303|
		0|redirect-status:307|
		0|redirect-status:308|
		69|redirect-status:300|envelope: HOST/golden: answered 300
		69|redirect-status:304|envelope: HOST/golden: answered 304
		0|redirect:http://127.0.0.1:OWNPATH?again=1|
		0|redirect:http://127.0.0.1:OTHERPATH|
		0|redirect://localhost:OTHERPATH|
		69|redirect:http://127.0.0.1:1/x|envelope: HOST/golden: led to 127.0.0.1:1: Connection refused
		69|redirect:file:///etc/passwd|envelope: HOST/golden: where it leads, "file:///etc/passwd", is neither http nor https
		69|redirect:gopher://127.0.0.1:OTHER/|envelope: HOST/golden: where it leads, "gopher://127.0.0.1:OTHER/", is neither http nor https
		69|redirect:http://joe:pw@127.0.0.1:OTHER/|envelope: HOST/golden: where it leads, "http://joe:pw@127.0.0.1:OTHER/", names a user
		69|redirect:http://[::1|envelope: HOST/golden: where it leads, "http://[::1", is no URL
		69|redirect-endless|envelope: HOST/golden: was redirected more than 5 times
		69|redirect-nowhere|envelope: HOST/golden: answered 307
	END
}

# Who is led elsewhere shows no login there.
atf_test_case pull__redirect_login
pull__redirect_login_head()
{
	atf_set require.progs "perl python3 jq"
}
pull__redirect_login_body()
{
	plant_small
	mkdir -p home/.docker
	for auth in basic bearer; do
		other
		hostile --auth $auth --other "$other" \
		    --fault redirect:http://127.0.0.1:OTHERPATH
		printf '{"auths":{"%s":{"username":"joe","password":"secret"}}}' \
		    "$at" >home/.docker/config.json
		pulled --plain-http
		atf_check -o inline:"true\n" jq -s \
		    'map(select(.authorization)) | length > 3' log
		atf_check -o inline:"true\n0\n" jq -s \
		    'length > 3, (map(select(.authorization)) | length)' \
		    other.log
		# The other one wants it, too: it does not get it.
		other --auth $auth
		hostile --auth $auth --other "$other" \
		    --fault redirect:http://127.0.0.1:OTHERPATH
		printf '{"auths":{"%s":{"username":"joe","password":"secret"},
		    "127.0.0.1:%s":{"username":"joe","password":"secret"}}}' \
		    "$at" "$other" >home/.docker/config.json
		refused 77 "snap-pull: HOST/golden:v1: envelope: HOST/golden: \
led to 127.0.0.1:OTHER: answered 401: UNAUTHORIZED: authentication required" \
		    snap-pull --plain-http "$at/golden:v1"
		atf_check -o inline:"1\n0\n" jq -s \
		    'length, (map(select(.authorization)) | length)' other.log
	done
}

# From https nobody is led to http, but on the same host to https.
atf_test_case pull__redirect_tls
pull__redirect_tls_head()
{
	atf_set require.progs "perl python3 openssl"
}
pull__redirect_tls_body()
{
	plant_small
	registry_cert one
	other
	hostile --tls one.crt one.key --other "$other" \
	    --fault redirect:http://localhost:OTHERPATH
	refused 69 "snap-pull: HOST/golden:v1: envelope: HOST/golden: where it \
leads, \"http://localhost:OTHER/v2/golden/blobs/DIGEST\", leads from https to \
http" snap-pull --cacert one-ca.crt "$at/golden:v1"
	atf_check -s exit:1 test -s other.log
	hostile --tls one.crt one.key --other "$other" \
	    --fault redirect:http://127.0.0.1:OTHERPATH?again=1
	pulled --cacert one-ca.crt
	atf_check -s exit:1 test -s other.log
}

# A registry in the world does not lead us to what only we can reach.
atf_test_case pull__redirect_inner
pull__redirect_inner_head()
{
	atf_set require.progs "perl python3 ip unshare"
	atf_set require.user root
}
pull__redirect_inner_body()
{
	plant_small
	cat >inside <<-'END'
		ip link set lo up && ip addr add 203.0.113.5/32 dev lo || exit 1
		python3 "$1" --layout lay --port other.port --log other.log &
		while [ ! -e other.port ]; do sleep 0.1; done
		python3 "$1" --layout lay --port port --address 203.0.113.5 \
		    --other "$(cat other.port)" \
		    --fault "redirect:http://127.0.0.1:OTHERPATH" &
		while [ ! -e port ]; do sleep 0.1; done
		snap-pull --plain-http "203.0.113.5:$(cat port)/golden:v1"
		echo $? >status
		mount --bind hosts /etc/hosts || exit 1
		snap-pull --plain-http "both:$(cat port)/golden:v1" 2>both.err
		echo $? >both.status
	END
	# One of its addresses is this host's: that makes it no part of it.
	printf '::1 both\n203.0.113.5 both\n' >hosts
	unshare -nm true 2>unshare.err || atf_skip "$(cat unshare.err)"
	atf_check -o empty -e save:err unshare -nm sh inside \
	    "$top/tests/lib/hostile.py"
	port=$(cat port) other=$(cat other.port)
	atf_check -o inline:"69\n" cat status
	atf_check -o inline:"snap-pull: 203.0.113.5:$port/golden:v1: envelope: \
203.0.113.5:$port/golden: led to 127.0.0.1:$other: was led to an address of \
this host or network\n" cat err
	atf_check -o inline:"69\n" cat both.status
	atf_check -o inline:"snap-pull: both:$port/golden:v1: envelope: \
both:$port/golden: led to 127.0.0.1:$other: was led to an address of \
this host or network\n" cat both.err
	atf_check -s exit:1 test -s other.log
	nothing_left redirect
}

atf_test_case pull__later
pull__later_head()
{
	atf_set require.progs "perl python3"
}
pull__later_body()
{
	plant_small
	faults --plain-http <<-'END'
		0|busy:2|
		0|busy-seconds:2|
		0|busy-date:2|
		0|busy-past:2|
		0|busy-absurd:2|
		0|busy-nonsense:2|
		75|busy:|HOST/golden: answered 429: TOOMANYREQUESTS: slow down
		75|busy-absurd:|HOST/golden: answered 503: TOOMANYREQUESTS: slow down
		75|status:500|HOST/golden: answered 500: UNKNOWN: no
		75|status:502|HOST/golden: answered 502: UNKNOWN: no
		69|status:400|HOST/golden: answered 400: UNKNOWN: no
		77|status:403|HOST/golden: answered 403: UNKNOWN: no
		69|status:418|HOST/golden: answered 418: UNKNOWN: no
	END
	# What is asked for in seconds is waited for.
	unset INSTAR_HOOK
	hostile --fault busy-seconds:1
	pulled --plain-http
	# Once and four times more, and no end to it is told.
	INSTAR_HOOK=courier-wait=ms:1
	export INSTAR_HOOK
	hostile --fault status:500
	refused 75 "snap-pull: HOST/golden:v1: HOST/golden: answered 500: \
UNKNOWN: no" snap-pull --plain-http "$at/golden:v1"
	atf_check -o inline:"5\n" grep -c manifests log
}

# answers <TABLE: as faults, of what is seen before anything is pulled.
answers()
{
	while IFS='|' read -r status fault message; do
		hostile --fault "$fault"
		refused "$status" "snap-pull: $message" \
		    snap-pull --plain-http "$at/golden:v1"
	done
}

atf_test_case pull__no_registry
pull__no_registry_head()
{
	atf_set require.progs "perl python3"
}
pull__no_registry_body()
{
	plant_small
	answers <<-'END'
		69|ping:404|HOST: no registry: answered 404
		75|ping:500|HOST/golden: answered 500: UNKNOWN: no
		69|ping:302|HOST/golden: answered 302: UNKNOWN: no
		75|raw:nothing|HOST/golden: gave no answer
		69|raw:ssh|HOST/golden: *
		69|raw:binary|HOST/golden: *
		69|raw:status|HOST/golden: *
		69|raw:http09|HOST/golden: *
		69|raw:length|HOST/golden: *
		69|raw:line|HOST/golden: *
		69|raw:headers|HOST/golden: answered more than was asked for
		69|raw:early|HOST/golden: answered more than was asked for
	END
	hostile_end
	refused 69 "snap-pull: HOST/golden: Connection refused" \
	    snap-pull --plain-http "$at/golden:v1"
}

atf_test_case pull__slow
pull__slow_head()
{
	atf_set require.config long
	atf_set require.progs "perl python3"
}
pull__slow_body()
{
	snap_plant b web
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	(cd root && find . ! -path './registry*' | sort) >visible
	faults --plain-http <<-'END'
		75|slow:1|HOST/golden: gave no answer in time
		75|silent:manifest|HOST/golden: gave no answer in time
		75|silent:blob|envelope: HOST/golden: gave no answer in time
		0|slow:0.0005|
	END
	answers <<-'END'
		75|silent:ping|HOST/golden: gave no answer in time
	END
}

atf_test_case pull__no_room
pull__no_room_head()
{
	atf_set require.progs "perl python3"
}
pull__no_room_body()
{
	plant_small
	hostile
	refused 74 "snap-pull: HOST/golden:v1: memory.raw: File too large" \
	    sh -c "ulimit -f 1024; exec snap-pull --plain-http $at/golden:v1"
	pulled --plain-http
}

atf_init_test_cases()
{
	atf_add_test_case pull__manifest
	atf_add_test_case pull__blob
	atf_add_test_case pull__range
	atf_add_test_case pull__range_whole
	atf_add_test_case pull__range_of_a_cache
	atf_add_test_case pull__redirect
	atf_add_test_case pull__redirect_login
	atf_add_test_case pull__redirect_tls
	atf_add_test_case pull__redirect_inner
	atf_add_test_case pull__later
	atf_add_test_case pull__no_registry
	atf_add_test_case pull__slow
	atf_add_test_case pull__no_room
}
