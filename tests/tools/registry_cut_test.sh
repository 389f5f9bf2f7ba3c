#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-pull, when its connection is cut; tests/long cuts at every byte.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

atf_test_case cut__bodies
cut__bodies_head()
{
	atf_set require.progs "perl python3"
}
cut__bodies_body()
{
	plant_small
	faults --plain-http <<-'END'
		75|cut:0|envelope: HOST/golden: the connection was cut
		75|cut:1|envelope: HOST/golden: the connection was cut
		75|cut:100|envelope: HOST/golden: the connection was cut
		75|cut:600|HOST/golden: the connection was cut
		75|cut:65535|memory.raw: byte 0: HOST/golden: the connection was cut
		0|cut:4194304|
	END
}

atf_test_case cut__anywhere
cut__anywhere_head()
{
	atf_set require.progs python3
}
cut__anywhere_body()
{
	cuts 37
}

atf_init_test_cases()
{
	atf_add_test_case cut__bodies
	atf_add_test_case cut__anywhere
}
