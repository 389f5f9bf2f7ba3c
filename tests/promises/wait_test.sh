#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# --wait: how long somebody else's lock is waited for.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# hold DIR SECONDS: another program has it.
hold()
{
	flock -F "$1" sleep "$2" &
	holder=$!
	eventually 5 sh -c "! flock -n '$1' true" || atf_fail "no lock"
}

atf_test_case wait__vms
wait__vms_body()
{
	tiny_vm web
	dir=$(member web dir)
	hold "$dir" 60
	busy="web: busy: another program changes it"
	for t in vm-start vm-stop vm-pause vm-resume vm-rm 'vm-set -d x' \
	    snap-save; do
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e match:": $busy\$" $t web
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e match:": $busy\$" $t --wait 50ms web
		# shellcheck disable=SC2086
		refused 64 "--wait: given twice" $t --wait 1 --wait 1 web
		# shellcheck disable=SC2086
		refused 64 "--wait: x: not a duration" $t --wait x web
	done
	kill "$holder"
	wait "$holder"
	hold "$dir" 2
	atf_check -o inline:"x\n" vm-set --wait 1m -d x -p description web
	wait "$holder"
	hold "$dir" 2
	# What it waits for is the lock: then it is refused, or done.
	atf_check -s exit:77 -e inline:"vm-pause: web: not running\n" \
	    vm-pause --wait 1m web
	wait "$holder"
	hold "$dir" 2
	atf_check vm-rm --all --wait 1m
	atf_check vm-ls
	wait "$holder"
}

atf_test_case wait__snapshots
wait__snapshots_body()
{
	snap_plant abc web
	hold "root/snap/$(id_of abc)" 60
	for t in snap-rm 'snap-set -d x'; do
		start=$(date +%s%3N)
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e match:': busy$' $t --wait 0 web
		took=$(($(date +%s%3N) - start))
		[ $took -lt 1900 ] || atf_fail "$t: $took ms"
	done
	kill "$holder"
	wait "$holder"
	hold "root/snap/$(id_of abc)" 4
	atf_check snap-rm --wait 1m web
	atf_check snap-ls
	wait "$holder"
}

atf_init_test_cases()
{
	atf_add_test_case wait__vms
	atf_add_test_case wait__snapshots
}
