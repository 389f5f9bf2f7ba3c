#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# --refresh and --run of vm-clone and vm-restore, where nobody answers.  An agent of
# the tests' own is never asked: it would run all of it here.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

atf_test_case refresh__nobody cleanup
refresh__nobody_head()
{
	atf_set require.progs jq
}
refresh__nobody_body()
{
	tiny_run bare
	atf_check -o ignore snap-save -n bare bare
	tiny_run mute --agent
	atf_check -o ignore snap-save -n mute mute
	# Without a channel, or with nobody at it, nothing is asked, or said.
	for s in bare mute; do
		atf_check -o inline:"[null,null,\"running\"]\n" -x \
		    "vm-clone -q -n c-$s $s |
		    jq -c '[.identity.refresh, .run, .state]'"
		atf_check -o inline:"null\n" -x \
		    "vm-restore -q c-$s $s | jq .identity.refresh"
		atf_check test ! -e "root/name/vm/c-$s/agent.lock"
	done
	# Who asks for it is told, before anything is made.
	ls root/vm >before
	echo true >run
	channel="has no channel for a guest agent: vm-create --agent makes a \
VM with one"
	atf_check -s exit:69 -e inline:"vm-clone: bare: $channel\n" \
	    vm-clone -n w --refresh clock bare
	atf_check -s exit:69 -e inline:"vm-clone: bare: $channel\n" \
	    vm-clone -n w --run run bare
	atf_check -s exit:69 -e inline:"vm-restore: bare: $channel\n" \
	    vm-restore --refresh clock bare bare
	ls root/vm >after
	atf_check cmp before after
	# One that could answer is waited for, and is there all the same.
	said="guest agent: no answer from the guest"
	atf_check -s exit:75 -o save:out -e save:err vm-clone -n w --count 2 \
	    --refresh clock,random --refresh-timeout 300ms mute
	atf_check -o inline:"vm-clone: w-1: clock: $said
vm-clone: w-2: clock: $said\n" sort err
	jq -e '.state == "running" and
	    .identity.refresh.clock.result == "unconfirmed" and
	    .identity.refresh.random.why == "'"$said"'"' out >/dev/null ||
	    atf_fail "$(cat out)"
	atf_check -o inline:"unconfirmed\n" \
	    vm-ls -p identity.refresh.random.result w-2
	atf_check -s exit:75 -o ignore -e inline:"vm-restore: mute: --run: $said\n" \
	    vm-restore --run run --refresh-timeout 300ms mute mute
	# A signal ends the question, and not the clones.
	signalled vm-clone -n x --count 3 --refresh clock mute >out 2>err &
	tool=$!
	eventually 60 test -e root/name/vm/x-1/agent.lock ||
	    atf_fail "it does not ask"
	kill -TERM $tool
	rc=0
	wait $tool || rc=$?
	atf_check_equal 143 $rc
	atf_check_equal 1 "$(wc -l <err)"
	atf_check_equal 3 "$(wc -l <out)"
	atf_check -o inline:"running\n" vm-ls -p state x-3
}
refresh__nobody_cleanup()
{
	vms_end
}

atf_test_case refresh__usage
refresh__usage_body()
{
	rule="not clock, random, hostname, machine-id, ssh-keys or network, \
with commas between them, or none"
	for t in "vm-clone s" "vm-restore web s"; do
		tool=${t%% *}
		# shellcheck disable=SC2086
		set -- $t
		shift
		for w in x clock,x; do
			atf_check -s exit:64 -e inline:"$tool: --refresh: \"x\": \
$rule\n" "$tool" --refresh $w "$@"
		done
		for w in '' clock, ,clock; do
			atf_check -s exit:64 -e inline:"$tool: --refresh: \"\": \
$rule\n" "$tool" --refresh "$w" "$@"
		done
		atf_check -s exit:64 -e inline:"$tool: --refresh: \"none\": \
$rule\n" "$tool" --refresh clock,none "$@"
		atf_check -s exit:64 -e inline:"$tool: --refresh given twice\n" \
		    "$tool" --refresh none --refresh clock "$@"
		atf_check -s exit:66 -e inline:"$tool: --run: nosuch: No such \
file or directory\n" "$tool" --run nosuch "$@"
		: >empty
		atf_check -s exit:65 -e inline:"$tool: --run: empty: it is \
empty\n" "$tool" --run empty "$@"
		truncate -s 1048577 large
		atf_check -s exit:65 -e inline:"$tool: --run: large: more than \
1048576 bytes\n" "$tool" --run large "$@"
	done
	for o in --paused --no-start; do
		atf_check -s exit:64 -e inline:"vm-clone: --refresh and $o \
exclude each other\n" vm-clone $o --refresh clock s
		atf_check -s exit:64 -e inline:"vm-clone: --run and $o exclude \
each other\n" vm-clone $o --run x s
	done
	atf_check test ! -e root
}

atf_init_test_cases()
{
	atf_add_test_case refresh__nobody
	atf_add_test_case refresh__usage
}
