#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What a tool makes every tool reads: with as much as is allowed, and with one
# more it is not made.  (The records themselves: snapshot/limits_test and
# state/vm_limits_test.)

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

atf_test_case description__64_kib cleanup
description__64_kib_body()
{
	need_tiny
	vm_run a --storage 8M
	text=$(head -c 65536 /dev/zero | tr '\0' d)
	atf_check -s exit:64 -e inline:"snap-save: --description: not UTF-8, \
or above 64 KiB\n" snap-save -n s -d "${text}d" a
	atf_check -o empty snap-ls
	atf_check -o ignore snap-save -n s -d "$text" a
	[ "$(snap-ls -p description s)" = "$text" ] || atf_fail "another text"
	snap-export s >archive
	atf_check -s exit:64 -e match:"^snap-import: --description: " \
	    snap-import -d "${text}d" archive
	atf_check -o ignore snap-import -n t -d "$text" archive
	[ "$(snap-ls -p description t)" = "$text" ] || atf_fail "another text"
}
description__64_kib_cleanup()
{
	vms_end
}

# An archive of others, which lists nothing: all of its files are listed here.
atf_test_case import__files
import__files_body()
{
	mkdir d
	echo '{"version":1,"config":{}}' >d/snapshot.json
	(cd d && seq -f 'f%04.0f' 1 4096 | xargs touch)
	(cd d && { echo snapshot.json; ls | grep '^f'; } |
	    tar -cf ../most -T -)
	touch d/g
	(cd d && { echo snapshot.json; ls | grep '^[fg]'; } |
	    tar -cf ../more -T -)
	atf_check -o ignore -e ignore snap-import -n most most
	atf_check -o inline:"most\n" snap-ls -p name
	atf_check -s exit:65 -e match:"^snap-import: .*4096" \
	    snap-import -n more more
	atf_check -o inline:"most\n" snap-ls -p name
	atf_check -o empty find root/snap -name '.*'
	# And out again: with the envelope and the digests that is all that a
	# reader takes.
	snap-export --no-compress most >again
	atf_check -o inline:"4098\n" sh -c 'tar -tf again | wc -l'
}

atf_init_test_cases()
{
	atf_add_test_case description__64_kib
	atf_add_test_case import__files
}
