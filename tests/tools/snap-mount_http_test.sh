#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-mount from a registry that is reached by HTTP.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"

atf_test_case mount__registry cleanup
mount__registry_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
mount__registry_body()
{
	need_registry
	plant_layout
	need_fuse
	registry_start reg
	atf_check -o save:pushed snap-push -q "$registry/golden:v1" web
	atf_check -o save:mounted snap-mount --timeout 2s --on-demand \
	    "$registry/golden:v1" mnt
	atf_check_equal "$(jq .digest pushed)" "$(jq .digest mounted)"
	same
	atf_check snap-verify -q --from-dir mnt
	pid=$(status pid)
	server=$(server_of "$pid")
	courier=$(server_of "$server")
	umount_it mnt
	eventually 20 has_ended "$courier" || atf_fail "$courier runs on"
	# Out of the cache, but for what the tag leads to.
	atf_check -o save:mounted snap-mount --timeout 2s "$registry/golden:v1" \
	    mnt
	atf_check -o inline:"1\n" jq .requests mounted
	same
	says "1" requests
	umount_it mnt
	# Whoever reads what it says to the end has that once it is mounted.
	atf_check -o match:'"requests": *1,' timeout 60 sh -c \
	    'snap-mount --timeout 2s "$1" mnt 2>&1 | cat' sh \
	    "$registry/golden:v1"
	umount_it mnt
	# It goes away for good: what is here serves on.
	rm -r root/cache
	atf_check -o ignore snap-mount --timeout 2s --on-demand \
	    "$registry/golden:v1" mnt
	cmp dir/cow.raw mnt/cow.raw || atf_fail "differs"
	registry_kill reg
	atf_check -s exit:2 -o ignore -e match:'Input/output error' \
	    cmp dir/memory.raw mnt/memory.raw
	atf_check -o match:"mnt: memory.raw: byte [0-9]*: " \
	    cat root/cache/log
	atf_check cmp dir/cow.raw mnt/cow.raw
	umount_it mnt
	atf_check -s exit:69 -e match:"^snap-mount: $registry/golden" \
	    snap-mount "$registry/golden:v1" mnt
	atf_check -o empty ls -A mnt
}
mount__registry_cleanup()
{
	mounts_end
	registries_end
}

atf_init_test_cases()
{
	atf_add_test_case mount__registry
}
