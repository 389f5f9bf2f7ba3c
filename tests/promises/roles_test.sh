#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Disks of every role in a Linux guest: what it sees and mounts, and that each
# has what belongs on it after every way that a VM can go.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/roles.sh"

atf_test_case roles__all_the_way cleanup
roles__all_the_way_head()
{
	atf_set require.progs "jq perl cpio"
	atf_set require.config long
	atf_set timeout 600
}
roles__all_the_way_body()
{
	make_web
	all='layer:layer0 cow:cocoon-cow data:db data:raw cidata:'
	# What the seed says is done, by serial; the disk with none is left.
	said root web mounted >got
	atf_check -o inline:"mounted db /mnt/db\n" cat got
	is_named root web web
	ask root web fill >filled
	ask root web sums >first
	layer=$(sha256sum <layer)
	atf_check -o match:"^sums 1\[layer0\]${layer%% *} 0\[cocoon-cow\][0-9a-f]{64} \
0\[db\][0-9a-f]{64} 0\[raw\][0-9a-f]{64} 1\[\]seed \.\$" cat first

	# Saved, shipped, and cloned elsewhere.
	atf_check -o ignore snap-save -n s web
	roles <"$(snap-ls -p dir s)/cocoon.json" >got
	atf_check -o inline:"$all\n" cat got
	ask root web fill >filled
	snap-export s >s.tar.zst
	atf_check -o ignore -e match:'layer layer0 .* is not in /' \
	    snap-import -R there -n s s.tar.zst
	atf_check -o ignore vm-clone -R there -n c s
	holds there c first
	is_named there c c
	vm-ls -R there c | roles >got
	atf_check -o inline:"$all\n" cat got

	# The clone's own contents, saved and come back to.
	ask there c fill >filled
	ask there c sums >second
	atf_check -s exit:1 cmp -s first second
	atf_check -o ignore snap-save -R there -n t c
	ask there c fill >filled
	atf_check -o ignore vm-restore -R there c t
	holds there c second
	is_named there c c
	atf_check -o ignore vm-restore -R there c s
	holds there c first

	# Back home as a directory, beside the source and onto it.
	atf_check -o ignore snap-export -R there --to-dir dir s
	atf_check -o ignore vm-clone -n d --from-dir dir
	holds root d first
	is_named root d d
	# It boots as itself, every device reset.
	typed root d 'run reboot -f'
	atf_check vm-wait --timeout 180 --console '^ready' d
	said root d mounted >got
	atf_check -o inline:"mounted db /mnt/db\n" cat got
	holds root d first
	is_named root d d
	ask root web sums >third
	atf_check -s exit:1 cmp -s first third
	atf_check -o ignore vm-restore web s
	holds root web first
	is_named root web web
	atf_check -o ignore snap-verify s
	atf_check -o ignore snap-verify -R there
}
roles__all_the_way_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

atf_init_test_cases()
{
	atf_add_test_case roles__all_the_way
}
