#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# mk/check.sh: which tests are run.

. "$(atf_get_srcdir)/../lib/lib.sh"

# none WORD KIND DIRECTORY TESTS: WORD behind TESTS, which there are: it is said
# at once, and nothing is built.
none()
{
	atf_check -s exit:64 -e inline:"check: $1: no test in $3\n" \
	    env TESTS="$4 $1" sh mk/check.sh "$2"
	atf_check -s exit:1 test -e build
}

atf_test_case words__no_such_test
words__no_such_test_body()
{
	here=$PWD
	(cd "$top" && find mk/check.sh tests -type f \
	    \( -name check.sh -o -name '*_test.*' \) \
	    -exec cp --parents -t "$here" {} +)
	none nosuch_test check tests "num_test check_test.sh:words"
	none nosuch_test.sh san tests base/num_test
	none num_test.c check tests num_test
	none num check tests num_test
	none num_test long tests/long kill_test.sh
}

atf_init_test_cases()
{
	atf_add_test_case words__no_such_test
}
