#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Archives of random files against libarchive and GNU tar: the seeds that
# the quick tests leave out.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"
. "$(atf_get_srcdir)/../lib/oracle.sh"

random_files=$(atf_get_srcdir)/../lib/random_files.pl

atf_test_case export__unpacked_by_others
export__unpacked_by_others_body()
{
	# shellcheck disable=SC2046
	exports_unpack $(seq 2 14)
}

atf_test_case import__packed_by_others
import__packed_by_others_body()
{
	# shellcheck disable=SC2046
	packed_imports $(seq 2 14)
}

atf_test_case import__of_what_was_exported
import__of_what_was_exported_body()
{
	# shellcheck disable=SC2046
	exports_import $(seq 2 14)
}

atf_init_test_cases()
{
	atf_add_test_case export__unpacked_by_others
	atf_add_test_case import__packed_by_others
	atf_add_test_case import__of_what_was_exported
}
