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
	# Each name leads to the one file of completion.
	completion=dest/opt/i/share/bash-completion/completions
	atf_check grep -q 'complete -F _instar .*vm-start' $completion/vm-start
	atf_check grep -q '^#compdef .*vm-start' \
	    dest/opt/i/share/zsh/vendor-completions/_instar
	for k in system user; do
		atf_check grep -q '^ExecStart=/opt/i/bin/vm-start ' \
		    dest/opt/i/lib/systemd/$k/instar-vm@.service
		atf_check grep -q '^ExecStart=/opt/i/bin/vm-web ' \
		    dest/opt/i/lib/systemd/$k/instar-web.service
		atf_check test -s dest/opt/i/lib/systemd/$k/instar-web.socket
	done
	atf_check -s exit:1 grep -r '@[A-Z]*@' dest/opt/i/lib
	atf_check -o ignore "$@" uninstall
	atf_check -o empty find dest -type f -o -type l
}

# What a program needs of the system, and how large it is: mk/needs.txt.
atf_test_case install__needs_and_size
install__needs_and_size_head()
{
	atf_set require.progs "nm readelf strip"
}
install__needs_and_size_body()
{
	! nm "$top/vm-ls/vm-ls" | grep -q -e __asan_init -e __ubsan_handle ||
	    atf_skip "built with sanitizers"
	if grep -q -e ' -l[a-z]' -e '^-l[a-z]' "$top/common/libs.stamp" ||
	    ! grep -q -e -static "$top/common/quicklink.stamp"; then
		atf_skip "this system lacks archives of libraries"
	fi
	grep -v -e '^#' -e '^installed' -e '^one' "$top/mk/needs.txt" >stated
	sum=0
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] || continue
		libs=$(readelf -d "$d$t" |
		    sed -n 's/.*NEEDED.*\[\(.*\)\.so.*/\1/p' |
		    grep -v -x -e libc -e ld-linux-x86-64 | sort | tr '\n' ' ')
		echo "$t ${libs:--}" | sed 's/ $//'
		strip -o stripped "$d$t"
		n=$(stat -c %s stripped)
		sum=$((sum + n))
		[ "$n" -le "$(sed -n 's/^one //p' "$top/mk/needs.txt")" ] ||
		    atf_fail "$t: $n bytes"
	done >found
	atf_check diff stated found
	[ "$sum" -le "$(sed -n 's/^installed //p' "$top/mk/needs.txt")" ] ||
	    atf_fail "all: $sum bytes"
}

atf_init_test_cases()
{
	atf_add_test_case install__and_uninstall
	atf_add_test_case install__needs_and_size
}
