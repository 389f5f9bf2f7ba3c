#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-pull, when its connection is cut behind any byte.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

atf_test_case cut__everywhere
cut__everywhere_head()
{
	atf_set require.progs python3
}
cut__everywhere_body()
{
	cuts 1
}

atf_init_test_cases()
{
	atf_add_test_case cut__everywhere
}
