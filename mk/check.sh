#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: check.sh check|san|long
# Builds a copy of the tree under build/, runs its tests there and ends with
# one line: "N passed, N failed[, N skipped]".  TESTS="foo_test bar_test.sh:case"
# runs these alone; with a word that is no test it does nothing and exits 64.
# FUZZ="import agent" runs these fuzzers alone, each FUZZ_SECONDS (60); with TESTS
# there are none but these.
set -u

kind=$1
top=$(pwd)
dir=$top/build/$kind
make=${MAKE:-make}
passed=0 failed=0 skipped=0
INSTAR_CACHE=${INSTAR_CACHE:-$top/.cache}
INSTAR_TEST_RUN=$$.$(date +%s)
# Snapshots that other programs made, for the tests that compare with them.
INSTAR_FIXTURES=${INSTAR_FIXTURES:-$(dirname "$top")/shared/fixtures}
# A plain user's PATH has no mkfs.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# What is known of the VMMs is kept here, not in the user's own.
XDG_CACHE_HOME=$dir/cache
export INSTAR_CACHE INSTAR_TEST_RUN INSTAR_FIXTURES PATH XDG_CACHE_HOME
unset INSTAR_ROOT INSTAR_QEMU INSTAR_HOOK INSTAR_ACCEL INSTAR_SIGNERS

finish()
{
	skips=
	[ "$skipped" -eq 0 ] || skips=", $skipped skipped"
	echo "$passed passed, $failed failed$skips"
	[ "$failed" -eq 0 ]
	exit
}

broken()
{
	echo "check: $*"
	failed=$((failed + 1))
	finish
}

# Processes of this run that are still there, by its mark in their
# environment: as "PID NAME" lines.
left_running()
{
	for p in /proc/[0-9]*; do
		if tr '\0' '\n' <"$p/environ" |
		    grep -qx "INSTAR_TEST_RUN=$INSTAR_TEST_RUN" &&
		    [ "${p#/proc/}" != $$ ]; then
			echo "${p#/proc/} $(cat "$p/comm")"
		fi
	done 2>/dev/null | grep -vE ' (check\.sh|sh|tr|grep)$'
}

# A test that fails may leave a VM behind: it is ended here, and counted.
sweep()
{
	n=0
	while [ -n "$(left_running)" ] && [ $n -lt 5 ]; do
		sleep 1
		n=$((n + 1))
	done
	left_running | while read -r pid name; do
		echo "left running: $pid $name"
		kill -9 "$pid" 2>/dev/null
	done
}

# What TESTS chooses in directory $1, as kyua's filters.  A test program's folder
# need not be said.
choose()
{
	for t in ${TESTS-}; do
		word=${t%%:*}
		case $word in
		*.sh) file=$word ;;
		*) file=$word.c ;;
		esac
		f=$(cd "$top/$1" && find . -maxdepth 2 -name '*_test.*' \
		    \( -name "$file" -o -path "./$file" \) | head -n 1)
		if [ -z "$f" ]; then
			echo "check: $word: no test in $1" >&2
			return 64
		fi
		f=${f#./}
		echo "${f%.c}${t#"$word"}"
	done
}

# Runs the Kyuafile in directory $1 and adds up what it says.
suite()
{
	results=$dir/results-$(echo "$1" | tr / -).db
	rm -f "$results"
	cd "$dir/$1" || broken "$1: no such directory"
	# Cases that must not be root's need a user whom all paths to the tree admit.
	if [ "$(id -u)" -eq 0 ] && setpriv --reuid=nobody --clear-groups \
	    test -r "$PWD/Kyuafile" 2>/dev/null; then
		set -- -v unprivileged_user=nobody test -r "$results"
	else
		set -- test -r "$results"
	fi
	# What takes long among the others is run where that or it was asked for.
	if [ "$kind" = long ] || [ -n "${TESTS-}" ]; then
		set -- -v test_suites.instar.long=yes "$@"
	fi
	# shellcheck disable=SC2086
	kyua -c none --logfile="$dir/kyua.log" -v parallelism="${JOBS:-3}" \
	    "$@" $chosen || :
	kyua -c none --logfile="$dir/kyua.log" report --verbose \
	    --results-filter=broken,failed -r "$results" >"$dir/report" 2>&1
	sed -n '/^===> /,$p' "$dir/report" | awk '
	/^===> (Execution context|Failed tests|Broken tests|Summary)/ { show = 0 }
	/^===> .*:/ { show = 1 }
	/^Metadata:/ { meta = 1 }
	/^(Standard|===>)/ { meta = 0 }
	show && !meta'
	sum=$(sed -n 's/^Test cases: //p' "$dir/report")
	[ -n "$sum" ] || broken "kyua ran nothing: $(cat "$dir/report")"
	# shellcheck disable=SC2046
	set -- $(echo "$sum" | tr -dc '0-9 ')
	# total, skipped, expected failures, broken, failed
	skipped=$((skipped + $2))
	failed=$((failed + $4 + $5))
	passed=$((passed + $1 - $2 - $4 - $5))
	cd "$top" || exit
}

# The cases among the others that `check` leaves out, for they take long.
slow()
{
	(cd tests && awk '/^atf_test_case / { name = $2 }
		/require\.config long/ { print FILENAME ":" name }' \
	    promises/*.sh tools/*.sh vmm/*.sh)
}

build()
{
	sh mk/copy.sh "$dir" || broken "the tree cannot be copied"
	chmod +x "$dir"/tests/*/*_test.sh
	case ${MAKEFLAGS-} in
	*j*) ;;
	*) set -- -j2 "$@" ;;
	esac
	(cd "$dir" && "$make" -s WERROR=-Werror HOOKS=-DTEST_HOOKS "$@" all) ||
	    broken "the build fails"
	(cd "$dir/tests" &&
	    "$make" -s WERROR=-Werror HOOKS=-DTEST_HOOKS "$@" all guests) ||
	    broken "the build of the tests fails"
}

# Each fuzz entry for FUZZ_SECONDS, with what the tests know as its seeds.
fuzz()
{
	dir=$top/build/fuzz
	san=-fsanitize=address,undefined
	sh mk/copy.sh "$dir" || broken "the tree cannot be copied"
	(cd "$dir/common" && "$make" -s -j2 CC=clang \
	    SAN="$san,fuzzer-no-link -fno-sanitize-recover=all" all) ||
	    broken "the build for fuzzing fails"
	for name in ${FUZZ:-$(cd "$dir/tests/fuzz" && ls -- *_fuzz.c)}; do
		name=${name%_fuzz*}
		corpus=$dir/corpus/$name
		mkdir -p "$corpus"
		set --
		# ch_config and ch_state have theirs in ch.
		for seeds in "$dir/tests/data/good/$name" \
		    "$dir/tests/data/good/${name%_*}" \
		    "$dir/tests/data/bad/$name"; do
			[ ! -d "$seeds" ] || set -- "$@" "$seeds"
		done
		if (cd "$dir/tests/fuzz" && "$make" -s CC=clang \
		    SAN="$san,fuzzer -fno-sanitize-recover=all" \
		    "${name}_fuzz") &&
		    "$dir/tests/fuzz/${name}_fuzz" -max_len=65536 \
		    -rss_limit_mb=1024 -timeout=10 \
		    -max_total_time="${FUZZ_SECONDS:-60}" \
		    -artifact_prefix="$dir/$name-" "$corpus" "$@" \
		    >"$dir/$name.log" 2>&1; then
			echo "${name}_fuzz  ->  passed"
			passed=$((passed + 1))
		else
			echo "${name}_fuzz  ->  failed"
			tail -n 40 "$dir/$name.log"
			failed=$((failed + 1))
		fi
	done
}

# The other systems, where this machine can have them.
other_systems()
{
	why=$dir/matrix.why
	rc=0
	if [ -n "${TESTS-}" ]; then
		echo "matrix: TESTS chooses" >"$why"
		rc=69
	else
		sh mk/matrix.sh 2>"$why" || rc=$?
	fi
	case $rc in
	0 | 1)
		cat "$why"
		sum=$(tail -n 1 "$top/build/matrix/table.txt")
		# shellcheck disable=SC2046
		set -- $(echo "$sum" | tr -dc '0-9 ')
		passed=$((passed + $1))
		failed=$((failed + $2))
		skipped=$((skipped + ${3:-0}))
		;;
	69 | 77)
		echo "matrix  ->  skipped: $(sed 's/^matrix: //' "$why")"
		skipped=$((skipped + 1))
		;;
	*)
		cat "$why"
		echo "matrix  ->  failed"
		failed=$((failed + 1))
		;;
	esac
}

case $kind in
check | san) chosen=$(choose tests) || exit ;;
long) chosen=$(choose tests/long) || exit ;;
esac
case $kind in
check)
	build
	suite tests
	;;
san)
	LSAN_OPTIONS=suppressions=$dir/tests/lsan.supp:print_suppressions=0
	UBSAN_OPTIONS=print_stacktrace=1
	export LSAN_OPTIONS UBSAN_OPTIONS
	build SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
	suite tests
	;;
long)
	build
	suite tests/long
	if [ -z "${TESTS-}" ]; then
		chosen=$(slow)
		suite tests
	fi
	if [ -z "${TESTS-}" ] || [ -n "${FUZZ-}" ]; then
		fuzz
	fi
	other_systems
	;;
*)
	echo "usage: check.sh check|san|long" >&2
	exit 64
	;;
esac
left=$(sweep)
if [ -n "$left" ]; then
	echo "$left"
	failed=$((failed + 1))
fi
finish
