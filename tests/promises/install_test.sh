#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"

atf_test_case install__and_uninstall
install__and_uninstall_head()
{
	atf_set require.progs mandoc
}
install__and_uninstall_body()
{
	set -- make -s -C "$top" DESTDIR="$PWD/dest" PREFIX=/opt/i
	atf_check -o ignore "$@" install
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] || continue
		atf_check -o match:"^usage: $t" "dest/opt/i/bin/$t" -h
		atf_check test -s "dest/opt/i/share/man/man1/$t.1"
	done
	atf_check test -s dest/opt/i/share/man/man7/instar.7
	atf_check -o ignore "$@" uninstall
	atf_check -o empty find dest -type f
}

atf_init_test_cases()
{
	atf_add_test_case install__and_uninstall
}
