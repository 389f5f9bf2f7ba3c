#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Every byte of an archive, flipped: what the quick tests do by strides.

. "$(atf_get_srcdir)/../lib.sh"
. "$(atf_get_srcdir)/../snaps.sh"
. "$(atf_get_srcdir)/../archive.sh"

atf_test_case import__every_byte_flipped
import__every_byte_flipped_body()
{
	snap_plant b web
	truncate -s 8K "root/snap/$(id_of b)/cow.raw"
	for how in --no-compress --zstd --gzip; do
		snap-export $how web >good
		n=$(stat -c %s good)
		at=0
		while [ $at -lt "$n" ]; do
			perl -e 'local $/; my $s = <STDIN>;
			    substr($s, $ARGV[0], 1) ^= chr(1 << $ARGV[0] % 8);
			    print $s' $at <good >flipped
			timeout 60 snap-import -R r <flipped >out 2>err
			rc=$?
			[ $rc -eq 65 ] && [ "$(wc -l <err)" -eq 1 ] &&
			    nothing_left r ||
			    atf_fail "$how: byte $at: $rc $(cat err)"
			at=$((at + 1))
		done
	done
}

atf_init_test_cases()
{
	atf_add_test_case import__every_byte_flipped
}
