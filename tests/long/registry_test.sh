#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What we pushed, in the hands of programs that know nothing of snapshots: other
# registries keep it, other clients carry it, and it is the same afterwards.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"

crane=github.com/google/go-containerregistry/cmd/crane@v0.20.7
distribution=github.com/distribution/distribution/v3/cmd/registry@v3.1.2
oras=oras.land/oras/cmd/oras@v1.3.6
zot=zotregistry.dev/zot/v2/cmd/zot@v2.1.20

# need_go PROGRAM MODULE: the program, built from its module where it is not
# there yet; kept, for that takes minutes.
need_go()
{
	gobin=${INSTAR_CACHE:-$top/.cache}/go
	PATH=$gobin:$PATH
	[ ! -x "$gobin/$1" ] || return 0
	command -v go >/dev/null || atf_skip "Go is not installed"
	mkdir -p "$gobin"
	# Where Go keeps its own is not the test's directory.
	GOBIN=$gobin GOFLAGS=-modcacherw GOPATH=$gobin/path \
	    GOCACHE=$gobin/cache go install "$2" >go.log 2>&1 ||
	    atf_skip "$1 cannot be built here: $(tail -n 1 go.log)"
}

# Snapshot web with 8 MiB of noise, and its successor with 64 KiB of other.
plant()
{
	command -v jq >/dev/null || atf_skip "jq is not installed"
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	dd if=/dev/urandom of="$memory" bs=1M count=8 conv=notrunc 2>dd.err
}

# same REF...: pulled from there, with options, the files are those of web.
same()
{
	atf_check -o save:pulled snap-pull -q -p id "$@"
	for f in memory.raw cow.raw; do
		atf_check cmp "root/snap/$(id_of b)/$f" \
		    "root/snap/$(cat pulled)/$f"
	done
	atf_check -o ignore snap-rm "$(cat pulled)"
}

# changed: web's memory is other in a few pages, and has no recorded digest.
change()
{
	dd if=/dev/urandom of="$memory" bs=64K count=1 seek=9 conv=notrunc \
	    2>dd.err
	jq 'del(.digests)' "root/snap/$(id_of b)/snapshot.json" >new.json
	cat new.json >"root/snap/$(id_of b)/snapshot.json"
}

atf_test_case registry__skopeo cleanup
registry__skopeo_body()
{
	command -v skopeo >/dev/null || atf_skip "skopeo is not installed"
	plant
	need_registry
	registry_start one
	atf_check -o save:digest snap-push -q -p digest "$registry/golden:v1" \
	    web
	s="skopeo --insecure-policy copy -q --src-tls-verify=false
	    --dest-tls-verify=false"
	# Out to a layout, back under another name, and to another registry.
	atf_check $s "docker://$registry/golden:v1" oci:lay:v1
	same oci-layout:lay:v1
	atf_check $s oci:lay:v1 "docker://$registry/other/name:v2"
	same "$registry/other/name:v2"
	first=$registry
	registry_start two
	atf_check $s "docker://$first/golden:v1" "docker://$registry/golden:v1"
	same "$registry/golden:v1"
	same "$registry/golden@$(cat digest)"
}
registry__skopeo_cleanup()
{
	registries_end
}

atf_test_case registry__crane cleanup
registry__crane_body()
{
	need_go crane "$crane"
	plant
	need_registry
	registry_start one
	atf_check -o save:digest snap-push -q -p digest "$registry/golden:v1" \
	    web
	atf_check -o file:digest crane digest --insecure "$registry/golden:v1"
	atf_check -e ignore crane copy --insecure "$registry/golden:v1" \
	    "$registry/copied:v1"
	same "$registry/copied:v1"
	# Its own registry gives nothing but exact ranges inside a blob.
	first=$registry
	crane registry serve --address 127.0.0.1:0 >crane.log 2>&1 &
	echo $! >crane.registry
	eventually 60 grep -q 'serving on' crane.log || atf_fail "$(cat crane.log)"
	registry=$(sed -n 's/.*serving on port \([0-9]*\).*/127.0.0.1:\1/p' \
	    crane.log)
	atf_check -e ignore crane copy --insecure "$first/golden:v1" \
	    "$registry/golden:v1"
	same "$registry/golden:v1"
	change
	atf_check -o save:record snap-push -q "$registry/golden:v1" web
	atf_check -o inline:"true\n1\n" \
	    jq '.bytes_moved < 400000, .depth' record
	same "$registry/golden:v1"
}
registry__crane_cleanup()
{
	registries_end
}

# registry_go NAME SAYS PROGRAM ARGUMENT...: another registry, which is there when
# it says so.
registry_go()
{
	name=$1 says=$2
	shift 2
	"$@" >"$name.log" 2>&1 &
	echo $! >"$name.registry"
	eventually 60 grep -q "$says" "$name.log" ||
	    atf_fail "$(tail -n 3 "$name.log")"
}

# mounted: with a mount of the tag web's files are the same, and little came.
mounted()
{
	[ -c /dev/fuse ] && command -v fusermount3 >/dev/null || return 0
	mkdir -p mnt
	atf_check -o ignore -e ignore snap-mount --on-demand \
	    --plain-http "$registry/golden:v1" mnt
	for f in memory.raw cow.raw; do
		atf_check cmp "root/snap/$(id_of b)/$f" "mnt/$f"
	done
	atf_check -o inline:"0\n" snap-mount --status -p failed mnt
	umount_it mnt
}

# walk keeps|forgets: what any registry is to do: push, pull, mount, a push of the
# difference under the same tag, and under another name without a byte of the
# parent.  What the tag led to before is there by its digest, or not at once.
walk()
{
	atf_check -o save:first snap-push -q -p digest "$registry/golden:v1" web
	same "$registry/golden:v1"
	mounted
	cp "$memory" before.raw
	change
	atf_check -o save:record snap-push -q "$registry/golden:v1" web
	atf_check -o inline:"true\n1\n" \
	    jq '.bytes_moved < 400000, .depth' record
	same "$registry/golden:v1"
	mounted
	old=$registry/golden@$(cat first)
	if [ "$1" = keeps ]; then
		atf_check -o save:old snap-pull -q -p id "$old"
		atf_check cmp before.raw "root/snap/$(cat old)/memory.raw"
		atf_check -o ignore snap-rm "$(cat old)"
	else
		atf_check -s exit:66 -e match:'no manifest has digest' \
		    snap-pull -q "$old"
	fi
	atf_check -o save:record snap-push -q --parent "$registry/golden:v1" \
	    "$registry/other/name:v1" web
	atf_check -o inline:"true\n" jq '.bytes_moved < 100000' record
	same "$registry/other/name:v1"
	# The same once more moves nothing.
	atf_check -o inline:"0\t0\n" snap-push -q -p bytes_moved,blobs_moved \
	    "$registry/golden:v1" web
}

# distribution_three: with what it collects.
distribution_three()
{
	cat >three.yml <<-END
		version: 0.1
		log:
		  level: info
		storage:
		  filesystem:
		    rootdirectory: $PWD/three
		  delete:
		    enabled: true
		http:
		  addr: ${1:-127.0.0.1:0}
	END
	OTEL_TRACES_EXPORTER=none
	export OTEL_TRACES_EXPORTER
	registry_go three 'listening on' registry serve three.yml
	registry=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' three.log)
}

atf_test_case registry__distribution cleanup
registry__distribution_body()
{
	need_go registry "$distribution"
	plant
	distribution_three
	walk keeps
	change
	atf_check -o save:record snap-push -q "$registry/golden:v1" web
	atf_check -o inline:"2\n" jq .depth record
	# What its collection leaves is all that the tag needs.
	registry_kill three
	atf_check -o save:collected -e ignore registry garbage-collect \
	    --delete-untagged three.yml
	atf_check -o ignore grep -q 'eligible for deletion' collected
	distribution_three "$registry"
	same "$registry/golden:v1"
	atf_check -s exit:66 -e ignore snap-pull -q \
	    "$registry/golden@$(cat first)"
	# And what it has forgotten is put there again.
	change
	atf_check -o ignore snap-push -q "$registry/golden:v1" web
	same "$registry/golden:v1"
}
registry__distribution_cleanup()
{
	mounts_end
	registries_end
}

# zot_start [GC-DELAY]: its port is chosen here, for it says none.
zot_start()
{
	gc=false
	[ $# -eq 0 ] || gc=true
	port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	    Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	jq -n --arg dir "$PWD/zot" --arg port "$port" --arg delay "${1-1h}" \
	    --argjson gc "$gc" '{ storage: {
	    rootDirectory: $dir, gc: $gc, gcDelay: $delay, gcInterval: $delay },
	    http: { address: "127.0.0.1", port: $port },
	    log: { level: "debug" } }' >zot.json
	registry_go zot . zot serve zot.json
	registry=127.0.0.1:$port
	eventually 60 curl -sf "http://$registry/v2/" ||
	    atf_fail "no zot: $(tail -n 3 zot.log)"
}

# Whether the index of the first push, which no manifest names, is gone.
is_collected()
{
	[ "$(curl -s -o collected -w '%{http_code}' \
	    "http://$registry/v2/golden/blobs/$(cat index)")" = 404 ]
}

atf_test_case registry__zot cleanup
registry__zot_head()
{
	atf_set require.progs "curl perl"
}
registry__zot_body()
{
	need_go zot "$zot"
	plant
	zot_start
	# It drops a manifest as its tag is moved, and its blobs later.
	atf_check -o ignore snap-push -q "$registry/golden:v1" web
	curl -sf "http://$registry/v2/golden/manifests/v1" |
	    jq -r '.layers[0].digest' >index
	is_collected && atf_fail "$(cat index) was not there"
	walk forgets
	# Collected while it runs: all that the tag needs stays.
	registry_kill zot
	zot_start 2s
	eventually 120 is_collected || atf_fail "$(tail -n 3 zot.log)"
	same "$registry/golden:v1"
	change
	atf_check -o ignore snap-push -q "$registry/golden:v1" web
	same "$registry/golden:v1"
}
registry__zot_cleanup()
{
	mounts_end
	registries_end
}

atf_test_case registry__oras cleanup
registry__oras_body()
{
	need_go oras "$oras"
	plant
	need_registry
	registry_start one
	atf_check -o save:digest snap-push -q -p digest "$registry/golden:v1" \
	    web
	atf_check -o save:manifest oras manifest fetch --plain-http \
	    "$registry/golden:v1"
	atf_check_equal "$(cat digest)" \
	    "sha256:$(sha256sum manifest | cut -d ' ' -f 1)"
	# Out to a layout, back under another name, and to another registry.
	atf_check -o ignore oras copy --from-plain-http --to-oci-layout \
	    "$registry/golden:v1" lay:v1
	same oci-layout:lay:v1
	same "oci-layout:lay@$(cat digest)"
	atf_check -o ignore oras copy --from-oci-layout --to-plain-http \
	    lay:v1 "$registry/other/name:v2"
	same "$registry/other/name:v2"
	atf_check -o inline:"v2\n" oras repo tags --plain-http \
	    "$registry/other/name"
	first=$registry
	registry_start two
	atf_check -o ignore oras copy --from-plain-http --to-plain-http \
	    "$first/golden:v1" "$registry/golden:v1"
	same "$registry/golden:v1"
	# A layout of ours is one for it, with a parent in it.
	atf_check -o ignore snap-push -q oci-layout:ours:v1 web
	change
	atf_check -o ignore snap-push -q oci-layout:ours:v1 web
	atf_check -o ignore oras copy --from-oci-layout --to-plain-http \
	    ours:v1 "$registry/ours:v1"
	same "$registry/ours:v1"
	# Every layer has a title, so it writes them all.
	atf_check -o ignore oras pull --plain-http -o out "$registry/ours:v1"
	oras manifest fetch --plain-http "$registry/ours:v1" |
	    jq -r '.layers[].digest' | sort >layers
	sha256sum out/* | sed 's/^/sha256:/; s/ .*//' | sort >got
	atf_check diff layers got
	atf_check test -s out/index
}
registry__oras_cleanup()
{
	registries_end
}

# The registry's own collection, with what lies behind a tag's older manifests.
atf_test_case registry__collection cleanup
registry__collection_body()
{
	plant
	need_registry
	registry_start one
	for n in 1 2 3; do
		atf_check -o ignore snap-push -q "$registry/golden:v1" web
		change
	done
	atf_check -o save:record snap-push -q "$registry/golden:v1" web
	atf_check -o inline:"3\n" jq .depth record
	registry_kill one
	atf_check -o ignore -e ignore docker-registry garbage-collect \
	    --delete-untagged one.yml
	registry_start one
	same "$registry/golden:v1"
}
registry__collection_cleanup()
{
	registries_end
}

atf_init_test_cases()
{
	atf_add_test_case registry__skopeo
	atf_add_test_case registry__crane
	atf_add_test_case registry__distribution
	atf_add_test_case registry__zot
	atf_add_test_case registry__oras
	atf_add_test_case registry__collection
}
