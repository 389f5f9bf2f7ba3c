#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The page, for who does not see it, or has no mouse: axe-core's word, where npm
# has that.

. "$(atf_get_srcdir)/../lib/lib.sh"

lib=$(atf_get_srcdir)/../lib
python=/usr/bin/python3

atf_test_case page__no_serious_finding cleanup
page__no_serious_finding_head()
{
	atf_set timeout 600
}
page__no_serious_finding_body()
{
	need_tiny
	command -v chromedriver >/dev/null || atf_skip "no chromedriver"
	$python -c 'import selenium' 2>/dev/null || atf_skip "no selenium"
	command -v npm >/dev/null || atf_skip "no npm"
	HOME=$PWD/home
	mkdir home
	export HOME
	timeout 120 npm pack --silent axe-core >packed 2>npm.err ||
	    atf_skip "npm has no axe-core here"
	tar -xzf "$(tail -n 1 packed)" package/axe.min.js
	$python "$lib/web_axe.py" package/axe.min.js "$tiny" >found 2>&1 ||
	    atf_fail "$(tail -n 3 found)"
	cat found
	atf_check -o match:'^22 looks, 0 serious$' tail -n 1 found
}
page__no_serious_finding_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case page__no_serious_finding
}
