#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Disks of every role in a Linux guest: what it sees and mounts, once its seed has
# been read.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/roles.sh"

# A seed stays away after the first boot, an empty disk in its place, and the
# disks are where they were.
atf_test_case roles__without_the_seed cleanup
roles__without_the_seed_head()
{
	atf_set require.progs "jq perl cpio"
	atf_set timeout 600
}
roles__without_the_seed_body()
{
	make_web
	ask root web fill >filled
	zeroes=$(head -c 1048576 /dev/zero | sha256sum | cut -c 1-64)
	ask root web sums | sed "s/ 1\[\]seed/ 1[]$zeroes/" >want
	atf_check -o ignore vm-stop --timeout 120 web
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 180 --console '^ready' web
	vm-ls web | roles >got
	atf_check -o inline:"layer:layer0 cow:cocoon-cow data:db data:raw cidata:\n" \
	    cat got
	ask root web seed >got
	atf_check -o inline:"seed no seed .\n" cat got
	ask root web attach >attached
	holds root web want
}
roles__without_the_seed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case roles__without_the_seed
}
