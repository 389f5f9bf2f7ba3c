#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Archives of random files against libarchive and GNU tar: a few seeds.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"
. "$(atf_get_srcdir)/../lib/oracle.sh"

random_files=$(atf_get_srcdir)/../lib/random_files.pl

atf_test_case export__unpacked_by_others
export__unpacked_by_others_body()
{
	exports_unpack 1
}

atf_test_case import__packed_by_others
import__packed_by_others_body()
{
	packed_imports 1
}

atf_test_case import__of_what_was_exported
import__of_what_was_exported_body()
{
	exports_import 1
}

atf_init_test_cases()
{
	atf_add_test_case export__unpacked_by_others
	atf_add_test_case import__packed_by_others
	atf_add_test_case import__of_what_was_exported
}
