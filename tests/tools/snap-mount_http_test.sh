#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-mount from a registry that is reached by HTTP.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

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

# A digest's manifest is in the cache, and whatever it names may be.
atf_test_case mount__registry_gone cleanup
mount__registry_gone_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl jq"
}
mount__registry_gone_body()
{
	need_registry
	plant_layout
	need_fuse
	registry_start reg
	atf_check -o save:digest snap-push -q -p digest "$registry/golden:v1" \
	    web
	ref=$registry/golden@$(cat digest)
	atf_check -o ignore snap-mount --timeout 2s --on-demand "$ref" mnt
	same
	umount_it mnt
	registry_kill reg
	gone="snap-mount: $registry/golden: Connection refused: what is \
cached is served"
	atf_check -o inline:"0\n" -e inline:"$gone\n" \
	    snap-mount --timeout 2s -p requests "$ref" mnt
	same
	atf_check snap-verify -q --from-dir mnt
	umount_it mnt
	# What a tag leads to is not known, nor what was never here.
	atf_check -s exit:69 -e match:"^snap-mount: $registry/golden: Conn" \
	    snap-mount "$registry/golden:v1" mnt
	rm -r root/cache
	atf_check -s exit:69 -e inline:"snap-mount: $ref: $registry/golden: \
Connection refused\n" snap-mount "$ref" mnt
	atf_check -o empty ls -A mnt
	# A part of it is here, and the rest comes when the registry is back.
	registry_start reg "$registry"
	atf_check -o ignore snap-mount --timeout 2s --on-demand "$ref" mnt
	cmp dir/cow.raw mnt/cow.raw || atf_fail "differs"
	umount_it mnt
	registry_kill reg
	snap-mount -f --timeout 2s --on-demand "$ref" mnt >record 2>err &
	eventually 20 test -s record || atf_fail "$(cat err)"
	atf_check -o inline:"$gone\n" cat err
	atf_check cmp dir/cow.raw mnt/cow.raw
	atf_check -s exit:2 -o ignore -e match:'Input/output error' \
	    cmp dir/memory.raw mnt/memory.raw
	atf_check -o match:": memory.raw: byte [0-9]*: $registry/golden: \
Connection refused$" cat err
	registry_start reg "$registry"
	same
	umount_it mnt
}
mount__registry_gone_cleanup()
{
	mounts_end
	registries_end
}

# One that takes what it is asked for, and says nothing.
atf_test_case mount__registry_stalls cleanup
mount__registry_stalls_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl python3"
}
mount__registry_stalls_body()
{
	plant_layout
	need_fuse
	hostile
	atf_check -o ignore snap-mount --plain-http --timeout 2s --on-demand \
	    "$at/golden:v1" mnt
	kill -STOP "$hostile"
	atf_check -s exit:1 -e match:'Input/output error' cat mnt/state.qemu
	atf_check -o match:'mnt: state.qemu: byte 0: nothing came in time$' \
	    cat root/cache/log
	kill -CONT "$hostile"
	eventually 60 cmp dir/state.qemu mnt/state.qemu ||
	    atf_fail "it does not come"
	same
	umount_it mnt
	hostile_end
}
mount__registry_stalls_cleanup()
{
	mounts_end
}

# All of it, whatever range was asked for: until it has come once, as a cache
# does; what goes on like that is refused.
atf_test_case mount__no_ranges cleanup
mount__no_ranges_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.progs "perl python3"
}
mount__no_ranges_body()
{
	plant_layout
	need_fuse
	hostile --fault range-cold
	atf_check -o ignore snap-mount --plain-http --timeout 20s --on-demand \
	    "$at/golden:v1" mnt
	atf_check cmp dir/state.qemu mnt/state.qemu
	same
	umount_it mnt
	rm -rf root/cache
	hostile --fault range-whole
	atf_check -o ignore env INSTAR_HOOK=courier-put-away=ms:1 \
	    snap-mount --plain-http --timeout 3s --on-demand \
	    "$at/golden:v1" mnt
	atf_check -s exit:1 -e match:'Input/output error' cat mnt/state.qemu
	atf_check -o match:"state.qemu: .* answered where a range is asked for$" \
	    cat root/cache/log
	umount_it mnt
	hostile_end
}
mount__no_ranges_cleanup()
{
	mounts_end
}

atf_init_test_cases()
{
	atf_add_test_case mount__no_ranges
	atf_add_test_case mount__registry
	atf_add_test_case mount__registry_gone
	atf_add_test_case mount__registry_stalls
}
