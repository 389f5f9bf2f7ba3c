#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What goes to those who do not build: the tarball and the Debian packages.

. "$(atf_get_srcdir)/../lib/lib.sh"

tools()
{
	for d in "$top"/*/; do
		t=$(basename "$d")
		[ -e "$d$t.c" ] && echo "$t"
	done
	return 0
}

atf_test_case version__is_one
version__is_one_body()
{
	version=$(vm-ls -V | sed 's/.* //')
	atf_check -o inline:"$version\n" \
	    sed -n '1s/^instar (\(.*\)) .*/\1/p' "$top/debian/changelog"
	atf_check -o inline:"$version\n" sh -c \
	    "sed -n 's/^## //p' '$top/NEWS.md' | head -n 1"
}

# package_of PATH: the packages whose lists have it.
package_of()
{
	for list in "$top"/debian/*.install; do
		while read -r pattern; do
			# shellcheck disable=SC2254
			case $1 in
			$pattern | $pattern/*)
				echo "$(basename "$list" .install)"
				break
				;;
			esac
		done <"$list"
	done
}

# Every tool and its page is in one package, and that which needs libcurl or
# libfuse3 in the other.
atf_test_case packages__have_each_tool
packages__have_each_tool_body()
{
	for t in $(tools); do
		want=instar
		! grep -q "^$t .*\(libcurl\|libfuse3\)" "$top/mk/needs.txt" ||
		    want=instar-registry
		! grep -q "^$t .*libmicrohttpd" "$top/mk/needs.txt" ||
		    want=instar-web
		for f in usr/bin/$t usr/share/man/man1/$t.1; do
			atf_check_equal "$f: $want" "$f: $(package_of "$f")"
		done
	done
}

# The build needs what bootstrap installs, and nothing else.
atf_test_case packages__need_what_bootstrap_has
packages__need_what_bootstrap_has_body()
{
	sed -n '/^Build-Depends:/,/^[A-Z]/s/^ \(lib.*\|zlib.*\),$/\1/p' \
	    "$top/debian/control" | sort >control
	sed -n '/^build_packages="/,/"$/p' "$top/bootstrap" | tr -s ' "=\t' \
	    '\n' | grep -e '^lib' -e '^zlib' | grep -v '^libc6' | sort >needed
	atf_check -s exit:0 diff needed control
}

# The same sources elsewhere, with other times and rights, are the same bytes.
atf_test_case dist__same_bytes
dist__same_bytes_head()
{
	atf_set require.progs "tar gzip"
}
dist__same_bytes_body()
{
	mkdir one two
	(cd "$top" && tar -cf - common/base/opt.h common/base/opt.c debian mk \
	    NEWS.md vm-ls/vm-ls.c) | tar -xf - -C one
	cp -R one two/
	mv two/one two/deeper
	find two -type f -exec touch -d '2001-01-01' {} +
	chmod -R g+w,o-rwx two/deeper
	(cd one && umask 022 && atf_check -o save:../a sh mk/dist.sh ../out1)
	(cd two/deeper && umask 077 &&
	    atf_check -o save:../../b sh mk/dist.sh ../../out2)
	version=$(vm-ls -V | sed 's/.* //')
	atf_check -o match:"/instar-$version.tar.gz$" cat a
	atf_check cmp "$(cat a)" "$(cat b)"
	atf_check -o match:"^instar-$version/vm-ls/vm-ls.c$" tar -tzf "$(cat a)"
	# The time in it is one that can be said.
	(cd one && SOURCE_DATE_EPOCH=1 sh mk/dist.sh ../out3 >/dev/null)
	cmp -s "$(cat a)" "out3/instar-$version.tar.gz" &&
	    atf_fail "SOURCE_DATE_EPOCH is nothing"
	atf_check -o match:'1970-01-01' tar --utc -tvzf \
	    "out3/instar-$version.tar.gz"
}

# Where systemd is, it says that the units are right; and how they are hardened.
atf_test_case units__verified
units__verified_head()
{
	atf_set require.progs systemd-analyze
	atf_set require.config long
}
units__verified_body()
{
	atf_check -o ignore make -s -C "$top" DESTDIR= PREFIX="$PWD/i" install
	for u in "$PWD"/i/lib/systemd/system/*; do
		atf_check -o empty systemd-analyze verify --man=no "$u"
	done
	for u in instar-vm@ instar-pool@ instar-web state-gc; do
		score=$(systemd-analyze security --offline=yes --no-pager \
		    "$PWD/i/lib/systemd/system/$u.service" |
		    sed -n 's/.*exposure level.*: \([0-9.]*\).*/\1/p')
		echo "$u: $score"
		awk -v s="$score" 'BEGIN { exit !(s > 0 && s <= 3.0) }' ||
		    atf_fail "$u: $score"
	done
}

atf_init_test_cases()
{
	atf_add_test_case version__is_one
	atf_add_test_case packages__have_each_tool
	atf_add_test_case packages__need_what_bootstrap_has
	atf_add_test_case dist__same_bytes
	atf_add_test_case units__verified
}
