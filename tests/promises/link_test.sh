#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# How the tools are linked: mk/libs.sh, mk/quicklink.sh, mk/link.sh.

. "$(atf_get_srcdir)/../lib/lib.sh"

# Not a jobserver's that is not ours, nor what else an outer make had to say.
unset MAKEFLAGS MFLAGS

need_plain()
{
	! nm "$top/vm-ls/vm-ls" | grep -q -e __asan_init -e __ubsan_handle ||
	    atf_skip "built with sanitizers"
}

is_static()
{
	! readelf -lW "$1" | grep -q INTERP
}

# Names of tools that are linked without a dynamic loader where that works.
quick_tools()
{
	grep -l 'QUICKLINK' "$top"/*/Makefile | sed 's|/Makefile$||; s|.*/||'
}

# Upper bounds of code and data, in bytes: a third above what gcc 12 to 16 and
# clang 14 to 21 make.  The three below also unpack.
bound()
{
	case $1 in
	snap-ls) echo 1750000 ;;
	vm-exec | vm-ls | vm-pause | vm-resume | vm-ssh | vm-start | vm-stop)
		echo 1950000 ;;
	vm-clone | vm-restore) echo 2850000 ;;
	vm-create) echo 3050000 ;;
	*) echo 0 ;;
	esac
}

# A library that drags in another would be in each of them.
atf_test_case quick__size
quick__size_head()
{
	atf_set require.progs "nm readelf size"
}
quick__size_body()
{
	need_plain
	grep -q -e -static "$top/common/quicklink.stamp" ||
	    atf_skip "no static programs can be made here"
	[ -n "$(quick_tools)" ] || atf_fail "no quick tools"
	for t in $(quick_tools); do
		is_static "$top/$t/$t" || atf_fail "$t is not static"
		n=$(size "$top/$t/$t" | awk 'NR == 2 { print $1 + $2 }')
		[ "$n" -le "$(bound "$t")" ] ||
		    atf_fail "$t: $n bytes, more than $(bound "$t")"
	done
}

# The linker has warnings that -Werror does not know.
atf_test_case link__silent
link__silent_head()
{
	atf_set require.progs "cc make nm"
}
link__silent_body()
{
	need_plain
	ln -s "$top/mk" "$top/common" .
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] || continue
		cp -Rp "$top/$t" .
		rm "$t/$t"
		atf_check make -s -C "$t"
		atf_check test -x "$t/$t"
	done
}

# An archive of zlib that wants what is nowhere: the build takes the shared
# library instead, says so, and its programs run.
atf_test_case archive__incomplete
archive__incomplete_head()
{
	atf_set require.progs "ar cc make nm readelf"
}
archive__incomplete_body()
{
	need_plain
	zlib=$(cc -print-file-name=libz.so)
	[ "${zlib#/}" != "$zlib" ] || atf_skip "no shared zlib"
	mkdir lib
	ln -s "$zlib" lib/libz.so
	echo 'int nowhere(void); int inflate(void); int inflate(void)
	    { return nowhere(); }' >part.c
	atf_check cc -c -fPIE part.c
	atf_check ar rc lib/libz.a part.o
	ln -s "$top/mk" .
	cp -Rp "$top/common" "$top/snap-import" "$top/vm-create" .
	rm snap-import/snap-import vm-create/vm-create
	set -- make -s "LDFLAGS=-L$PWD/lib" -C
	atf_check -e save:err "$@" common
	atf_check grep -qx -e 'libs.sh: no archive that links, so shared:.* -lz' \
	    err
	atf_check "$@" snap-import
	atf_check -o ignore snap-import/snap-import -V
	if grep -q -e -static "$top/common/quicklink.stamp"; then
		atf_check -e save:err "$@" vm-create
		atf_check -o inline:'1\n' sh -c 'wc -l <err'
		atf_check grep -q '^link.sh: vm-create is not static: .*undefined' \
		    err
		is_static vm-create/vm-create && atf_fail "vm-create is static"
		atf_check -o ignore vm-create/vm-create -V
	fi
}

atf_init_test_cases()
{
	atf_add_test_case quick__size
	atf_add_test_case link__silent
	atf_add_test_case archive__incomplete
}
