#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The page, in a browser.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/web.sh"

lib=$(atf_get_srcdir)/../lib
# Debian's own, for it is its packages that are used.
python=/usr/bin/python3

atf_test_case tour__every_button cleanup
tour__every_button_head()
{
	atf_set timeout 300
}
tour__every_button_body()
{
	need_tiny
	command -v chromedriver >/dev/null || atf_skip "no chromedriver"
	$python -c 'import selenium' 2>/dev/null || atf_skip "no selenium"
	# A browser keeps what it knows in the user's own directories.
	HOME=$PWD/home
	mkdir home
	export HOME
	$python "$lib/web_tour.py" "$tiny" >tour 2>&1 || {
		cat tour
		atf_fail "$(tail -n 1 tour)"
	}
	cat tour
	# To be looked at: a result of the build.
	mkdir -p "$top/build/shots"
	cp shots/*.png "$top/build/shots"
}
tour__every_button_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case tour__every_button
}
