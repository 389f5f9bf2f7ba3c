#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Many processes at once on one state root.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# A number below $1, from /dev/urandom.
below()
{
	echo $(($(od -An -N2 -tu2 /dev/urandom) % $1))
}

# What one operation may end with: done, no such, taken, busy, killed.
expected()
{
	echo "$1 ${2%%:*}" >>statuses
	case $1 in
	0 | 66 | 73 | 75 | 137) ;;
	*) echo "status $1: $2" >>unexpected ;;
	esac
}

# Runs $1 random operations on three names.
worker()
{
	n=$1
	while [ "$n" -gt 0 ]; do
		name=n$(below 3)
		case $(below 9) in
		0 | 1 | 2) set -- snap-import -q -n "$name" ../golden.tar ;;
		3) set -- timeout -s KILL "0.00$(below 9)" \
		    snap-import -q -n "$name" ../golden.tar ;;
		4) set -- snap-rm "$name" ;;
		5) set -- snap-verify -q "$name" ;;
		6) set -- snap-export -q -o "out.$$.$n" "$name" ;;
		7) set -- state-gc ;;
		8) set -- state-gc --keep 2 ;;
		esac
		"$@" >/dev/null 2>err.$$.$n
		expected $? "$*: $(cat "err.$$.$n")"
		rm -f "err.$$.$n" "out.$$.$n"
		n=$((n - 1))
	done
}

atf_test_case store__eight_processes
store__eight_processes_head()
{
	atf_set timeout 600
}
store__eight_processes_body()
{
	INSTAR_ROOT=$PWD/root
	export INSTAR_ROOT
	snap_plant abc
	tar -C "root/snap/$(id_of abc)" -cf golden.tar \
	    snapshot.json memory.raw cow.raw
	snap-rm abc
	mkdir work
	cd work
	: >unexpected
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		(worker 125) &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	atf_check cat unexpected
	for t in snap-import snap-rm snap-verify snap-export state-gc; do
		[ "$(grep -c "^0 $t" statuses)" -ge 10 ] ||
		    atf_fail "$t: hardly ever done"
	done
	cut -d' ' -f1-2 statuses | sort | uniq -c
	cd ..
	# Every snapshot that is seen is whole, and every name leads to one.
	atf_check snap-verify
	atf_check -o ignore state-gc
	for l in root/name/snap/*; do
		[ -L "$l" ] || continue
		atf_check test -e "$l/snapshot.json"
		atf_check -o inline:"${l##*/}\n" snap-ls -p name "${l##*/}"
	done
	atf_check state-gc
	atf_check -o empty find root -name '.*'
	# Three names, so three snapshots at most, and a time for each.
	atf_check_equal "$(ls root/snap)" "$(ls root/access)"
	[ "$(find root/snap -mindepth 1 -maxdepth 1 | wc -l)" -le 3 ] ||
	    atf_fail "more snapshots than names"
}

atf_init_test_cases()
{
	atf_add_test_case store__eight_processes
}
