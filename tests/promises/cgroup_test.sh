#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A VMM in a control group of its own, as far as this host has controllers.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# A group to make others in: $place.
need_place()
{
	mount=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	[ -n "$mount" ] || atf_skip "no cgroup v2 is mounted"
	place=$mount/instar-test.$$
	mkdir "$place" 2>/dev/null || atf_skip "no group can be made"
	echo "$place" >place
	: 2>/dev/null >"$place/cgroup.procs" || atf_skip "none can be joined"
}

place_end()
{
	vms_end
	[ ! -e place ] || {
		eventually 20 emptied "$(cat place)"
		rmdir "$(cat place)"
	}
}

# Whether no group is beneath $1 any more.
emptied()
{
	rmdir "$1"/instar-* 2>/dev/null
	[ -z "$(find "$1" -mindepth 1 -type d)" ]
}

atf_test_case group__made_and_removed cleanup
group__made_and_removed_head()
{
	atf_set require.user root
}
group__made_and_removed_body()
{
	need_tiny
	need_place
	tiny_vm a --cgroup "$place,cpu-weight=50"
	atf_check -o ignore vm-start a
	group=$(member a cgroup.path)
	atf_check_equal "$place/instar-$(member a id)" "${group%.*}"
	atf_check -o inline:"$(member a pid)\n" cat "$group/cgroup.procs"
	[ "$(member a cgroup.cpu_us)" -gt 0 ] || atf_fail "$(vm-ls a)"
	# It says of itself where it is, whatever its cage lets it see.
	atf_check -o match:"instar-$(member a id)" \
	    grep '^0::' "/proc/$(member a pid)/cgroup"
	# A restored one has one of its own, and the old one goes.
	atf_check -o ignore snap-save -n s a
	atf_check -o ignore vm-restore a s
	[ "$(member a cgroup.path)" != "$group" ] || atf_fail "the same group"
	atf_check -s exit:1 test -e "$group"
	group=$(member a cgroup.path)
	atf_check -o inline:"\n" vm-stop --force -p cgroup a
	atf_check -s exit:1 test -e "$group"
	# One whose VMM was killed goes with what is done next.
	atf_check -o ignore vm-start a
	for next in "vm-start a" "vm-restore a s" "vm-rm --force a"; do
		group=$(member a cgroup.path)
		kill -9 "$(member a pid)"
		eventually 20 vm_is_stopped a
		# shellcheck disable=SC2086 # several words
		atf_check -o ignore $next
		atf_check -s exit:1 test -e "$group"
	done
}
group__made_and_removed_cleanup()
{
	place_end
}

# What a VMM has started, or somebody has put there, does not outlive the VM.
atf_test_case group__ends_what_is_left cleanup
group__ends_what_is_left_head()
{
	atf_set require.user root
}
group__ends_what_is_left_body()
{
	need_tiny
	need_place
	tiny_vm a --cgroup "$place"
	atf_check -o ignore vm-start a
	group=$(member a cgroup.path)
	[ -e "$group/cgroup.kill" ] || atf_skip "this kernel kills no group"
	sleep 1000 &
	left=$!
	echo $left >"$group/cgroup.procs"
	kill -9 "$(member a pid)"
	eventually 20 vm_is_stopped a
	# As long as it is there it tells what was used.
	atf_check -o inline:"$group\n" vm-ls -p cgroup.path a
	atf_check -o ignore vm-rm --force a
	eventually 20 is_gone $left || {
		kill $left
		atf_fail "what was in the group runs on"
	}
	atf_check -s exit:1 test -e "$group"
}
group__ends_what_is_left_cleanup()
{
	place_end
}

vm_is_stopped()
{
	[ "$(member "$1" state)" = stopped ]
}

atf_test_case group__refused cleanup
group__refused_body()
{
	need_tiny
	atf_check -s exit:64 -e inline:"vm-create: --cgroup: here: not auto, \
none or an absolute path\n" vm-create --cgroup here --kernel "$tiny"
	tiny_vm a --cgroup "$PWD"
	atf_check -s exit:66 -e inline:"vm-start: a: --cgroup: $PWD: no \
control group (cgroup v2)\n" vm-start a
	atf_check -o inline:"created\n" vm-ls -p state a
	# auto is wherever it can be, and else nothing.
	tiny_vm b --cgroup auto
	atf_check -o inline:"running\n" vm-start -p state b
	# Not without a word where a limit was asked for.
	tiny_vm c --cgroup auto,memory=300M
	atf_check -o inline:"running\n" -e save:err vm-start -p state c
	if [ -z "$(member c cgroup.path)" ]; then
		atf_check -o inline:"vm-start: warning: c: no control group to \
be had here: nothing limits it\n" cat err
	fi
}
group__refused_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case group__made_and_removed
	atf_add_test_case group__ends_what_is_left
	atf_add_test_case group__refused
}
