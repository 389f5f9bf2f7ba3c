#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The OpenSSH of another Debian: what the one signs, the other one verifies.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"

# other_keygen SUITE: that of this suite as the directory SUITE.bin, which goes in
# front of PATH; it is run by its own loader, so that it needs no root.
other_keygen()
{
	dir=$PWD
	uri=$(. "$top/mk/roots.sh" && mirror)
	mmdebstrap --variant=extract --include=openssh-client \
	    --aptopt='Acquire::Check-Valid-Until "false"' \
	    "$1" "$1.tar" ${uri:+"$uri"} >"$1.log" 2>&1 ||
	    atf_skip "no root of $1: $(tail -n 1 "$1.log")"
	mkdir "$1" "$1.bin"
	tar -C "$1" -xf "$1.tar" ./usr ./lib ./lib64 2>/dev/null || :
	rm "$1.tar"
	[ -x "$1/usr/bin/ssh-keygen" ] || atf_fail "$1 has no ssh-keygen"
	! cmp -s "$1/usr/bin/ssh-keygen" /usr/bin/ssh-keygen ||
	    atf_fail "$1 has the same as this one"
	ld=$(find "$dir/$1/" -name 'ld-linux-x86-64.so.2' | head -n 1)
	libs=$(find "$dir/$1/" -type d -name x86_64-linux-gnu | tr '\n' :)
	cat >"$1.bin/ssh-keygen" <<-END
		#!/bin/sh
		exec "$ld" --library-path "$libs" \
		    "$dir/$1/usr/bin/ssh-keygen" "\$@"
	END
	chmod +x "$1.bin/ssh-keygen"
	"$1.bin/ssh-keygen" '-?' >"$1.usage" 2>&1
	grep -q 'Y sign' "$1.usage" || atf_fail "$1: $(cat "$1.usage")"
}

# Each kind of key, signed by the ssh-keygen in $1, counts by that in $2; times,
# principals and what is revoked, too.
there()
{
	for key in ed25519 ecdsa rsa; do
		rm -f dir/snapshot.sig
		atf_check -o ignore env PATH="$1$PATH" \
		    snap-sign -k $key --from-dir dir
		atf_check env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by allowed --as $key
		fp=$(fingerprint_re $key)
		atf_check -s exit:77 \
		    -e match:"refused: $fp .* is not you's by allowed" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by allowed --as you
		atf_check -s exit:77 -e match:"refused: $fp .* is revoked by" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by allowed --revoked $key.pub
		atf_check -s exit:77 -e match:"refused: $fp .* key has expired" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by old
		atf_check -s exit:77 -e match:"$fp .* key is not permitted for" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by files
		atf_check -s exit:77 -e match:"refused: $fp .* is not in nobody" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by nobody
		cp dir/snapshot.json was
		edit '.config.cpu = 7'
		atf_check -s exit:77 \
		    -e match:"refused: $fp .* Signature verification failed" \
		    env PATH="$2$PATH" snap-verify --from-dir dir \
		    --signed-by allowed
		cp was dir/snapshot.json
	done
}

atf_test_case openssh__of_another_debian
openssh__of_another_debian_head()
{
	atf_set require.progs "mmdebstrap jq fsverity"
	atf_set require.user root
	atf_set timeout 1200
}
openssh__of_another_debian_body()
{
	need_keygen
	plant_dir dir
	: >nobody
	for key in ed25519 ecdsa rsa; do
		key_make $key -t $key
		allow allowed $key $key
		allow old me $key 'valid-before="20200101"'
		allow files me $key 'namespaces="file"'
	done
	n=0
	here=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	for suite in bookworm trixie; do
		[ "$suite" != "$here" ] || continue
		other_keygen $suite
		there "$PWD/$suite.bin:" ""
		there "" "$PWD/$suite.bin:"
		there "$PWD/$suite.bin:" "$PWD/$suite.bin:"
		n=$((n + 1))
	done
	[ $n -gt 0 ] || atf_fail "no other one"
}

atf_init_test_cases()
{
	atf_add_test_case openssh__of_another_debian
}
