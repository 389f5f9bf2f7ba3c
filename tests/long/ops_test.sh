#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Random operations on VMs and snapshots, by many processes, on one state root.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"

# A number below $1.
below()
{
	echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# A snapshot that VM $1 can be restored to, where it has one; else $2.
of()
{
	id=$(vm-ls -p snapshot_ids "$1" 2>/dev/null | tr -dc 'a-z2-7\n,' |
	    tr , '\n' | tail -n 1)
	echo "${id:-$2}"
}

# A name of the kind $1 that is taken, else $2.
some()
{
	name=$(ls "$INSTAR_ROOT/name/$1" 2>/dev/null | shuf -n 1)
	echo "${name:-$2}"
}

# An operation on one of six VMs and six snapshots, as arguments.
operation()
{
	vm=v$(below 6) snap=s$(below 6) other=v$(below 6)
	# Mostly what there is, so that more than refusals is tried.
	if [ "$(below 4)" -ne 0 ]; then
		vm=$(some vm $vm) snap=$(some snap $snap)
	fi
	case $(below 20) in
	0 | 1) echo vm-create -n $vm --memory 16M --kernel "$tiny" \
	    --storage 16M ;;
	2 | 3) echo vm-start $vm ;;
	4 | 5 | 6) echo snap-save -n $snap $vm ;;
	7) echo snap-save -n $snap --stop $vm ;;
	8 | 9) echo vm-clone -n $other $snap ;;
	10 | 11) echo vm-restore $vm $snap ;;
	12) echo vm-stop --force $vm ;;
	13 | 14) echo vm-rm --force $vm ;;
	15 | 16) echo snap-rm $snap ;;
	17 | 18) echo vm-restore $vm "$(of "$vm" $snap)" ;;
	19) [ "$(below 4)" -eq 0 ] && echo state-gc --keep 3 || echo state-gc ;;
	esac
}

# Done, no such, taken, busy, refused: anything else is wrong.
worker()
{
	n=$1
	while [ "$n" -gt 0 ]; do
		op=$(operation)
		kill=
		[ "$3" -eq 0 ] || [ "$(below "$3")" -ne 0 ] ||
		    kill="timeout -s KILL 0.0$(below 10)"
		code=0
		# shellcheck disable=SC2086
		$kill $op >/dev/null 2>"err.$2" || code=$?
		echo "$code $op" >>"statuses.$2"
		case $code in
		0 | 66 | 73 | 75 | 77) ;;
		137) continue ;;
		*) echo "status $code: $op: $(cat "err.$2")" >>unexpected ;;
		esac
		[ "$(wc -l <"err.$2")" -le 1 ] ||
		    echo "$op: $(cat "err.$2")" >>unexpected
		n=$((n - 1))
	done
}

# A guest that a killed tool had paused runs soon; one whose start was killed
# before it ran stands still until vm-start is asked again.
resumed()
{
	! vm-ls -p state,started_at | grep -q '^paused	.'
}

# The processes that run in a directory of the root's VMs: "PID DIR".
residents()
{
	for p in /proc/[0-9]*; do
		dir=$(readlink "$p/cwd") || continue
		case $dir in
		"$INSTAR_ROOT"/vm/*) echo "${p#/proc/} $dir" ;;
		esac
	done 2>/dev/null | sort
}

# 1000 operations, one of $1 killed (0: none).
operations()
{
	need_tiny
	: >unexpected
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		worker 125 $i "$1" &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	cat statuses.* | awk '{ n[$1 " " $2]++ }
	    END { for (i in n) print n[i], i }' | sort -k3,3 -k2,2n
	atf_check cat unexpected
	[ "$(cat statuses.* | grep -vc ^137)" -eq 1000 ] ||
	    atf_fail "not all was done"
	for t in vm-create vm-start snap-save vm-clone vm-restore vm-stop \
	    vm-rm snap-rm state-gc; do
		[ "$(grep -c "^0 $t" statuses.1 statuses.2 statuses.3 \
		    statuses.4 statuses.5 statuses.6 statuses.7 statuses.8 |
		    awk -F: '{ n += $2 } END { print n }')" -ge 3 ] ||
		    atf_fail "$t: hardly ever done"
	done

	# What is seen is whole, and nothing else is there.
	atf_check snap-verify -q
	[ "$1" -eq 0 ] || eventually 10 resumed ||
	    atf_fail "paused: $(vm-ls -p id,state,started_at | tr '\n' ' ')"
	[ "$1" -eq 0 ] || atf_check -o ignore state-gc
	atf_check -o empty -e empty state-gc --dry-run
	vm-ls -p pid,dir | grep -v '^	' | tr '\t' ' ' | sort >told
	residents | diff told - || atf_fail "processes (>), records (<)"
	for kind in vm snap; do
		for l in root/name/$kind/*; do
			[ ! -L "$l" ] || atf_check test -d "$l"
		done
	done
	for vm in $(vm-ls -p id); do
		case $(member state "$vm") in
		running) ;;
		created | stopped | paused) atf_check -o ignore vm-start "$vm" ;;
		*) atf_fail "$vm: $(vm-ls "$vm")" ;;
		esac
		counts "$vm" || atf_fail "$vm does not count"
	done
	# Every snapshot that is left makes a VM.
	for snap in $(snap-ls -p id); do
		atf_check -o ignore vm-clone -n last "$snap"
		counts last || atf_fail "a clone of $snap does not count"
		atf_check -o ignore vm-rm --force last
	done
}

atf_test_case ops__eight_processes cleanup
ops__eight_processes_head()
{
	atf_set timeout 1200
}
ops__eight_processes_body()
{
	operations 0
}
ops__eight_processes_cleanup()
{
	vms_end
}

atf_test_case ops__eight_processes_some_killed cleanup
ops__eight_processes_some_killed_head()
{
	atf_set timeout 1200
}
ops__eight_processes_some_killed_body()
{
	operations 5
}
ops__eight_processes_some_killed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case ops__eight_processes_some_killed
	atf_add_test_case ops__eight_processes
}
