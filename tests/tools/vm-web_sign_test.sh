#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Signatures, made and asked for by requests.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"
. "$(atf_get_srcdir)/../lib/web.sh"

atf_test_case sign__made_and_asked_for cleanup
sign__made_and_asked_for_body()
{
	plant_signed
	allow others other other
	web_up
	says "$(fingerprint_re me)" get api/snaps/web
	post api/snaps/web/verify "{\"signed_by\":\"$PWD/allowed\"}" >said
	atf_check -o empty cat said
	says '"exit":77.*refused' \
	    post api/snaps/web/verify "{\"signed_by\":\"$PWD/others\"}"
	# By one more, who is then known, and taken away again.
	says "$(fingerprint_re other)" \
	    post api/snaps/web/sign "{\"key\":\"$PWD/other\"}"
	post api/snaps/web/verify \
	    "{\"signed_by\":\"$PWD/others\",\"as\":\"other\"}" >said
	atf_check -o empty cat said
	says '"signed":\["'"$(fingerprint_re me)" post api/snaps/web/sign \
	    "{\"remove\":\"$(fingerprint other)\"}"
	# Nobody is asked for a password, and nothing is made.
	ssh-keygen -q -t ed25519 -N secret -f locked
	says '"exit":69' post api/snaps/web/sign "{\"key\":\"$PWD/locked\"}"
	# What is taken in, and what is not.
	tar -C dir -cf archive snapshot.json snapshot.sig memory.raw cow.raw
	says '"exit":77.*is not in' get "api/snaps/import?name=b&signed_by=$PWD/others" \
	    -H 'Content-Type: application/octet-stream' -X POST \
	    --data-binary @archive
	atf_check -s exit:66 -e ignore snap-ls b
	web_down
}
sign__made_and_asked_for_cleanup()
{
	web_end
}

atf_init_test_cases()
{
	atf_add_test_case sign__made_and_asked_for
}
