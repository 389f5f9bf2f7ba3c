#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A directory that cannot be read to its end is an error, and never one that
# has less in it.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

denied=$top/tests/lib/denied

atf_test_case save__publishes_all_or_nothing cleanup
save__publishes_all_or_nothing_body()
{
	need_tiny
	vm_run a --storage 8M
	atf_check -s exit:74 -o empty \
	    -e match:"^snap-save: .*: Input/output error$" \
	    "$denied" listing snap-save -n s a
	atf_check -o empty snap-ls
	counts_on a
	snap_save -n s a
	atf_check snap-verify s
}
save__publishes_all_or_nothing_cleanup()
{
	vms_end
}

atf_test_case find__by_prefix
find__by_prefix_body()
{
	need_tiny
	atf_check -o ignore vm-create -n a --kernel "$tiny" --memory 32M
	id=$(vm-ls -p id a)
	prefix=$(echo "$id" | cut -c 1-20)
	atf_check -o inline:"$id\n" vm-ls -p id "$prefix"
	atf_check -s exit:74 -e match:"^vm-ls: .*: Input/output error$" \
	    "$denied" listing vm-ls "$prefix"
	# By its name nothing has to be listed.
	atf_check -o inline:"$id\n" "$denied" listing vm-ls -p id a
}

# Whether a directory is empty, nobody can tell then.
atf_test_case export__to_a_directory cleanup
export__to_a_directory_body()
{
	need_tiny
	vm_run a --storage 8M
	snap_save -n s a
	mkdir full
	echo kept >full/kernel
	atf_check -s exit:74 -e match:"^snap-export: full: Input/output error$" \
	    "$denied" listing snap-export --to-dir full s
	atf_check -o inline:"kernel\n" ls -A full
	atf_check -o inline:"kept\n" cat full/kernel
}
export__to_a_directory_cleanup()
{
	vms_end
}

# Nor whether a process works in it.
atf_test_case rm__damaged cleanup
rm__damaged_body()
{
	need_tiny
	vm_run a
	dir=$(vm-ls -p dir a)
	cp "$dir/vm.json" good
	echo '{"record":' >"$dir/vm.json"
	atf_check -s exit:74 -e inline:"vm-rm: a: /proc: Input/output error\n" \
	    "$denied" listing vm-rm --force a
	cp good "$dir/vm.json"
	counts_on a
}
rm__damaged_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case save__publishes_all_or_nothing
	atf_add_test_case find__by_prefix
	atf_add_test_case export__to_a_directory
	atf_add_test_case rm__damaged
}
