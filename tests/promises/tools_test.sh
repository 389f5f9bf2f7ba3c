#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What every tool promises: a page that lints, -h, -V, and usage errors.

. "$(atf_get_srcdir)/../lib/lib.sh"

# The tools of the tree: directories that hold a program of their own name.
tools()
{
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] && echo "$t"
	done
	return 0
}

atf_test_case manual__of_each_tool
manual__of_each_tool_head()
{
	atf_set require.progs mandoc
}
manual__of_each_tool_body()
{
	for t in $(tools); do
		atf_check test -e "$top/$t/$t.1"
		atf_check mandoc -T lint -W warning "$top/$t/$t.1"
		for s in NAME SYNOPSIS DESCRIPTION ENVIRONMENT FILES \
		    'EXIT STATUS' EXAMPLES 'SEE ALSO' CAVEATS; do
			grep -q "^\.Sh $s\$" "$top/$t/$t.1" ||
			    atf_fail "$t.1: no section $s"
		done
	done
	for page in "$top"/share/*.[1-9]; do
		[ ! -e "$page" ] || atf_check mandoc -T lint -W warning "$page"
	done
}

# What -h prints is the page's SYNOPSIS, but for blanks.
atf_test_case manual__synopsis_is_usage
manual__synopsis_is_usage_head()
{
	atf_set require.progs "mandoc col"
}
manual__synopsis_is_usage_body()
{
	for t in $(tools); do
		"$t" -h | sed 's/^usage: //' | tr -d ' \t\n' >usage
		mandoc -T ascii "$top/$t/$t.1" | col -bx |
		    sed -n '/^SYNOPSIS/,/^DESCRIPTION/s/^ //p' |
		    tr -d ' \t\n' >page
		cmp -s usage page ||
		    atf_fail "$t: -h: $(cat usage), SYNOPSIS: $(cat page)"
	done
}

atf_test_case help__on_stdout
help__on_stdout_body()
{
	for t in $(tools); do
		for o in -h --help; do
			atf_check -o match:"^usage: $t" "$t" $o
		done
		for o in -V --version; do
			atf_check -o match:"^$t.* [0-9]+\.[0-9]+" "$t" $o
		done
	done
}

atf_test_case help__nobody_gets_it
help__nobody_gets_it_body()
{
	for t in $(tools); do
		for o in -h -V; do
			atf_check -s exit:74 -e inline:"$t: standard output: \
No space left on device\n" sh -c "$t $o >/dev/full"
			atf_check -s exit:74 -e inline:"$t: standard output: \
Bad file descriptor\n" sh -c "$t $o >&-"
		done
	done
}

# A slip in a list of members is told before anything is done.
atf_test_case members__empty
members__empty_body()
{
	for t in $(tools); do
		"$t" -h | grep -q -e '-p member' || continue
		for p in '' ',' 'id,' ',id' 'id,,name' 'a..b' '.a' 'a.' 'a.,b'; do
			atf_check -s exit:64 \
			    -e inline:"$t: -p: \"$p\": an empty member\n" \
			    "$t" -p "$p"
		done
	done
	atf_check -s exit:1 test -e root
}

atf_test_case options__unknown
options__unknown_body()
{
	for t in $(tools); do
		see="unknown option: see $t -h"
		atf_check -s exit:64 -e inline:"$t: --no-such-option: $see\n" \
		    "$t" --no-such-option=x
		# An abbreviation means another option with the next release.
		for o in --hel --versio --quie; do
			atf_check -s exit:64 -e inline:"$t: $o: $see\n" \
			    "$t" $o
		done
		atf_check -s exit:64 -e inline:"$t: --quiet: takes no \
argument\n" "$t" --quiet=yes
		atf_check -s exit:64 -e inline:"$t: -Y: $see\n" "$t" -qY
	done
	for o in "--roo /x" --roo=/x; do
		atf_check -s exit:64 -e inline:"vm-ls: --roo: unknown option: \
see vm-ls -h\n" vm-ls $o
	done
	mkdir -p root/vm
	for o in -R --root; do
		atf_check -s exit:64 -e inline:"vm-ls: $o: needs an argument\n" \
		    vm-ls $o
		atf_check -s exit:66 -e match:'x: no such VM' vm-rm $o root x
	done
	atf_check -s exit:66 -e match:'x: no such VM' vm-rm --root=root x
	rm -rf root
	atf_check -s exit:64 -e inline:"vm-wait: --state: a?b?: not running, \
paused or stopped\n" vm-wait --state "$(printf 'a\nb\033')" web
	atf_check -s exit:1 test -e root
}

# Whoever was to print the lines has failed: one rule, for all that take a list.
atf_test_case list__empty
list__empty_body()
{
	n=0
	for page in "$top"/*/*.1; do
		grep -q 'Fl -allow-empty' "$page" || continue
		tool=$(basename "$page" .1)
		n=$((n + 1))
		case $tool in
		vm-wait) set -- --state running ;;
		vm-exec) set -- --all-of ;;
		*) set -- ;;
		esac
		last=
		[ "$tool" != vm-exec ] || last="-- true"
		words="standard input: names nothing (--allow-empty takes that)"
		atf_check -s exit:64 -e inline:"$tool: $words\n" \
		    "$tool" "$@" - $last </dev/null
		atf_check "$tool" "$@" --allow-empty - $last </dev/null
	done
	atf_check_equal 11 $n
	# What takes one reference takes no empty list.
	for call in "snap-save -" "snap-set -n x -" "vm-set -n x -" \
	    "vm-clone -" \
	    "snap-export -" "vm-console -" "vm-ssh -" "vm-exec - true"; do
		atf_check -s exit:64 -e not-empty -o empty \
		    sh -c "$call </dev/null"
	done
	# As in make: the first fails, and so does the last.
	atf_check -s exit:64 -e match:"vm-create: " -e match:"vm-wait: " \
	    sh -c "vm-create -n x --kernel none --memory 32M | vm-start - |
		vm-wait --state running -"
}

atf_init_test_cases()
{
	atf_add_test_case list__empty
	atf_add_test_case manual__of_each_tool
	atf_add_test_case manual__synopsis_is_usage
	atf_add_test_case help__on_stdout
	atf_add_test_case help__nobody_gets_it
	atf_add_test_case members__empty
	atf_add_test_case options__unknown
}
