#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What the tools that write one stream understand by -o -: standard output.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# A base of 64 chunks, a CoW file without exceptions, an image that differs.
parts()
{
	yes base | head -c 262144 >base
	head -c 65536 /dev/zero >cow
	cp base changed
	put changed 4096 ff
	snap_plant b web
}

# The calls, one a line.
calls()
{
	cat <<-'END'
		cidata-gen --instance-id i
		disk-backup --timestamp 2026-11-21T08:00:00Z base
		disk-flatten --base base --cow cow
		disk-overlay --base base --changed changed
		snap-export web
	END
}

atf_test_case output__dash_is_stdout
output__dash_is_stdout_body()
{
	parts
	calls | while read -r call; do
		atf_check -o save:want sh -c "exec $call </dev/null | cat"
		atf_check -o file:want sh -c "exec $call -o - </dev/null | cat"
		atf_check test -s want
		atf_check -s exit:64 -e match:'-o: given twice|--output: given' \
		    $call -o - -o - </dev/null
		atf_check -s exit:64 \
		    -e inline:"${call%% *}: -p needs -o file\n" \
		    $call -o - -p size </dev/null
		atf_check test ! -e ./-
	done || atf_fail 'a call'
}

atf_test_case output__dash_is_no_record
output__dash_is_no_record_body()
{
	parts
	atf_check -s exit:64 -e match:'--map and -o' \
	    disk-flatten --map --base base --cow cow -o -
	atf_check -s exit:64 -e match:'--dry-run' \
	    snap-export --dry-run -o - web
	atf_check -s exit:64 -e match:'--list' snap-export --list x -o -
	atf_check -s exit:64 -e match:'--to-dir' \
	    snap-export --to-dir x -o - web
	atf_check test ! -e x
}

atf_test_case output__to_a_terminal
output__to_a_terminal_body()
{
	need_terminal
	parts
	calls | while read -r call; do
		for o in '' ' -o -'; do
			atf_check -s exit:64 -o match:'to a terminal: use -o' \
			    script -qec "$call$o" /dev/null </dev/null
		done
	done || atf_fail 'a call'
}

# An image has holes and appears as a whole: standard output has no such thing.
atf_test_case restore__dash_refused
restore__dash_refused_body()
{
	parts
	disk-backup base >backup
	for args in - '- -' 'backup -' '--force backup -'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"disk-restore: -: an image is \
a file, not standard output\n" disk-restore $args <backup
	done
	atf_check test ! -e ./-
	atf_check -o ignore disk-restore backup ./-
	atf_check cmp base ./-
}

atf_init_test_cases()
{
	atf_add_test_case output__dash_is_stdout
	atf_add_test_case output__dash_is_no_record
	atf_add_test_case output__to_a_terminal
	atf_add_test_case restore__dash_refused
}
