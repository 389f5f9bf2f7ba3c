#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A pull-through cache, docker-registry's proxy mode: until it has a blob it
# answers a range with all of it.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"

# A snapshot of 9 MiB that cannot be compressed in the registry $origin, and a
# cache of it that has nothing yet, $cache.
plant_cached()
{
	need_registry
	snap_plant b web
	for f in memory cow; do
		perl -e 'srand($ARGV[0]); print pack "L*",
		    map { int rand 4294967296 } 1 .. $ARGV[1]' ${#f} \
		    "$([ $f = memory ] && echo 1835008 || echo 524288)" \
		    >"root/snap/$(id_of b)/$f.raw"
	done
	registry_start first
	origin=$registry
	atf_check -o ignore snap-push -q --plain-http "$origin/web:v1" web
	fresh_cache
}

fresh_cache()
{
	[ ! -e cached.registry ] || registry_kill cached
	rm -rf cached
	echo "http://$origin" >cached.upstream
	registry_start cached
	cache=$registry
}

same_content()
{
	for f in memory.raw cow.raw; do
		cmp "root/snap/$(id_of b)/$f" "$1/$f" || atf_fail "$1: $f"
	done
}

# How often the origin was asked for a blob of more than 4 MiB.
blobs_asked()
{
	grep 'response completed' first.log | grep '/blobs/' |
	    grep -cE 'http.response.written=[4-9][0-9]{6}' || :
}

registry_case()
{
	atf_test_case "$1" cleanup
	eval "$1_head() { atf_set require.progs 'perl'; }
	$1_cleanup() { mounts_end; registries_end; }"
}

registry_case pull__cold_cache
pull__cold_cache_body()
{
	plant_cached
	for jobs in 1 8; do
		fresh_cache
		rm -rf far
		mkdir far
		INSTAR_ROOT=$PWD/far atf_check -o ignore \
		    snap-pull -q --plain-http -j $jobs -n web "$cache/web:v1"
		same_content "far/name/snap/web"
		INSTAR_ROOT=$PWD/far atf_check snap-verify -q web
	done
	# It has all of it now: a second host asks nobody else.
	before=$(blobs_asked)
	[ "$before" -gt 0 ] || atf_fail "$(cat first.log)"
	rm -rf far
	mkdir far
	INSTAR_ROOT=$PWD/far atf_check -o ignore \
	    snap-pull -q --plain-http -n web "$cache/web:v1"
	same_content "far/name/snap/web"
	atf_check_equal "$before" "$(blobs_asked)"
}

# A cache has a large blob only some time after all of it went through.
registry_case pull__some_of_a_large_one
pull__some_of_a_large_one_head()
{
	atf_set require.progs "perl jq"
	atf_set require.config long
}
pull__some_of_a_large_one_body()
{
	need_registry
	snap_plant b web
	cow=root/snap/$(id_of b)/cow.raw
	head -c 100M /dev/urandom >"$cow"
	mkdir far
	atf_check -o ignore sh -c 'snap-export web |
	    INSTAR_ROOT=$PWD/far snap-import -n old'
	for at in 5 20 41 60 77 93; do
		atf_check dd if=/dev/urandom of="$cow" bs=64K count=1 \
		    seek=$((at * 16)) conv=notrunc status=none
	done
	registry_start first
	origin=$registry
	atf_check -o ignore snap-push -q --plain-http "$origin/web:v1" web
	fresh_cache
	INSTAR_ROOT=$PWD/far atf_check -o save:new \
	    snap-pull -q --plain-http -n new "$cache/web:v1"
	same_content far/name/snap/new
	# Not all of it was fetched to be kept.
	atf_check test "$(jq .bytes_fetched new)" -lt 10000000
}

registry_case mount__cold_cache
mount__cold_cache_body()
{
	plant_cached
	mkdir mnt far
	atf_check -o ignore snap-push -q oci-layout:lay:v1 web
	need_fuse
	INSTAR_ROOT=$PWD/far
	# Reads here and there, which stand before all else.
	atf_check -o ignore snap-mount -q --plain-http --on-demand \
	    "$cache/web:v1" mnt
	for at in 6 1 4 0 5; do
		atf_check cmp -n 4096 -i $((at * 1048576)) \
		    "root/snap/$(id_of b)/memory.raw" mnt/memory.raw
	done
	same_content mnt
	atf_check_equal 0 "$(snap-mount --status -p failed mnt)"
}

atf_init_test_cases()
{
	atf_add_test_case pull__cold_cache
	atf_add_test_case pull__some_of_a_large_one
	atf_add_test_case mount__cold_cache
}
