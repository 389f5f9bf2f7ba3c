#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Snapshot directories that are wrong, given to every tool that takes one.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/dirs.sh"

bad=$(atf_get_srcdir)/../data/bad/dirs

# rows COLUMN: name, exit code of that tool, pattern.
rows()
{
	sed -e '/^#/d' -e 's/[[:blank:]][[:blank:]]*/ /g' "$bad/list" |
	    while read -r name clone restore import pattern; do
		case $1 in
		clone) echo "$name $clone $pattern" ;;
		restore) echo "$name $restore $pattern" ;;
		import) echo "$name $import ." ;;
		esac
	done
}

# try NAME CODE PATTERN COMMAND...: its code, and one line that says why.
try()
{
	name=$1 want=$2 pattern=$3
	shift 3
	code=0
	"$@" >out 2>err || code=$?
	cat out err
	[ "$code" -eq "$want" ] ||
	    wrong="$wrong $name: exit $code, not $want: $(head -c 300 err);"
	if [ "$want" -eq 0 ]; then
		return 0
	fi
	[ ! -s out ] || wrong="$wrong $name: stdout;"
	[ "$(wc -l <err)" -eq 1 ] && grep -qE "^$1: .*($pattern)" err ||
	    wrong="$wrong $name: said: $(head -c 300 err);"
}

# The case is over: every row was tried, and none was wrong.
tried()
{
	[ -z "$wrong" ] || atf_fail "$wrong"
	[ "$n" -ge 100 ] || atf_fail "only $n directories"
}

atf_test_case clone__of_a_wrong_directory cleanup
clone__of_a_wrong_directory_body()
{
	need_tiny
	good_make
	names >before
	wrong='' n=0
	rows clone >rows
	while read -r name code pattern; do
		"$bad/make.sh" good "$name" d || atf_fail "$name: not made"
		try "$name" "$code" "$pattern" vm-clone -n new --from-dir d
		[ "$code" -ne 0 ] ||
		    atf_check -o ignore vm-rm --force new
		rm -rf d
		names | diff before - || wrong="$wrong $name: left something;"
		n=$((n + 1))
	done <rows
	tried
}
clone__of_a_wrong_directory_cleanup()
{
	vms_end
}

atf_test_case restore__from_a_wrong_directory cleanup
restore__from_a_wrong_directory_body()
{
	need_tiny
	good_make
	names >before
	pid=$(member pid w)
	counts w || atf_fail "w does not count"
	wrong='' n=0
	rows restore >rows
	while read -r name code pattern; do
		"$bad/make.sh" good "$name" d || atf_fail "$name: not made"
		at=$(ticks w)
		try "$name" "$code" "$pattern" vm-restore w --from-dir d
		rm -rf d
		[ "$(member pid,state w)" = "$pid	running" ] ||
		    wrong="$wrong $name: $(member pid,state w);"
		eventually 10 has_counted w "$at" ||
		    wrong="$wrong $name: does not count;"
		names | diff before - || wrong="$wrong $name: left something;"
		n=$((n + 1))
	done <rows
	tried
	# And the good one is taken.
	atf_check -o save:restored vm-restore -p pid,restored_from w --from-dir good
	atf_check -o not-inline:"$pid\n" vm-ls -p pid w
	counts w || atf_fail "w does not count"
}
restore__from_a_wrong_directory_cleanup()
{
	vms_end
}

atf_test_case import__of_a_wrong_directory cleanup
import__of_a_wrong_directory_body()
{
	need_tiny
	good_make
	atf_check -o ignore vm-stop --force w
	names >before
	wrong='' n=0
	rows import >rows
	while read -r name code pattern; do
		"$bad/make.sh" good "$name" d || atf_fail "$name: not made"
		try "$name" "$code" "$pattern" snap-import -n new --from-dir d
		if [ "$code" -eq 0 ]; then
			case $name in
			layer-*) ;;
			*)
				# What no host can clone it may tell of, too.
				clones=$(awk -v "n=$name" '$1 == n { print $2 }' \
				    "$bad/list")
				snap-verify -q new || [ "$clones" != 0 ] ||
				    wrong="$wrong $name: verify;"
				;;
			esac
			atf_check snap-rm new
		fi
		rm -rf d
		names | diff before - || wrong="$wrong $name: left something;"
		n=$((n + 1))
	done <rows
	tried
}
import__of_a_wrong_directory_cleanup()
{
	vms_end
}

# A flipped bit in a large file is found by who reads it all.
atf_test_case memory__differs cleanup
memory__differs_body()
{
	need_tiny
	good_make
	pid=$(member pid w)
	cp -R --sparse=always good d
	printf '\377' | dd of=d/memory.raw bs=1 seek=9000000 conv=notrunc 2>/dev/null
	why='memory.raw: differs from its digest\n'
	atf_check -s exit:65 -e inline:"vm-clone: good: $why" \
	    vm-clone --verify --from-dir d
	atf_check -s exit:65 -e inline:"vm-restore: w: $why" \
	    vm-restore --verify w --from-dir d
	atf_check -s exit:65 -e inline:"snap-import: d: $why" \
	    snap-import --from-dir d
	atf_check -s exit:65 -e match:'memory.raw: differs from its digest' \
	    snap-verify --from-dir d
	atf_check -o inline:"$pid\n" vm-ls -p pid w
	counts w || atf_fail "w does not count"
	# So is one in the layer that all share.
	printf '\377' | dd of="$(echo root/layer/*)" bs=1 seek=9000 \
	    conv=notrunc 2>/dev/null
	why='layer layer0: differs from its digest\n'
	atf_check -s exit:65 -e inline:"vm-clone: good: $why" \
	    vm-clone --verify --from-dir good
	atf_check -s exit:65 -e inline:"vm-restore: w: $why" \
	    vm-restore --verify w --from-dir good
}
memory__differs_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__of_a_wrong_directory
	atf_add_test_case restore__from_a_wrong_directory
	atf_add_test_case import__of_a_wrong_directory
	atf_add_test_case memory__differs
}
