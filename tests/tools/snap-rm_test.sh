#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# Everything in the root but its directories.
left()
{
	(cd root && find . -mindepth 1 -not -type d -o -name '.gone*' | sort)
}

atf_test_case remove__by_each_reference
remove__by_each_reference_body()
{
	snap_plant abc web
	snap_plant bcd db
	snap_plant cde
	snap_plant def kept
	echo "{\"id\":\"$(id_of cde)\"}" >lines
	atf_check snap-rm web bcd - <lines
	atf_check -o inline:"kept\n" snap-ls -p name
	cat >expected <<-END
		./access/$(id_of def)
		./name/snap/kept
		./snap/$(id_of def)/cow.raw
		./snap/$(id_of def)/memory.raw
		./snap/$(id_of def)/snapshot.json
	END
	left >found
	atf_check -o file:expected cat found
}

atf_test_case remove__some_fail
remove__some_fail_body()
{
	snap_plant abcx web
	snap_plant abcy
	snap_plant bcd db
	cat >expected <<-END
		snap-rm: abc: ambiguous: several snapshots begin so
		snap-rm: none: no such snapshot in $INSTAR_ROOT
	END
	atf_check -s exit:66 -e file:expected snap-rm abc none db
	atf_check -o inline:"$(id_of abcx)\n$(id_of abcy)\n" snap-ls -p id
}

atf_test_case remove__twice_in_one_call
remove__twice_in_one_call_body()
{
	snap_plant abc web
	atf_check snap-rm web abc "$(id_of abc)"
	atf_check_equal "" "$(left)"
	atf_check -s exit:66 -e inline:"snap-rm: web: no such snapshot \
in $INSTAR_ROOT\n" snap-rm web
}

atf_test_case remove__a_broken_one
remove__a_broken_one_body()
{
	for ref in web abc "$(id_of abc)"; do
		snap_plant abc web
		echo '{' >"root/snap/$(id_of abc)/snapshot.json"
		atf_check snap-rm "$ref"
		atf_check_equal "" "$(left)"
		snap_plant abc web
		snap_plant bcd db
		rm "root/snap/$(id_of abc)/snapshot.json"
		atf_check snap-rm "$ref"
		# Another's name is no business of it.
		atf_check -o inline:"db\n" ls root/name/snap
		atf_check snap-rm db
		atf_check_equal "" "$(left)"
	done
}

atf_test_case remove__one_in_use
remove__one_in_use_body()
{
	snap_plant abc web
	snap_plant bcd db
	flock -F -s "root/snap/$(id_of abc)" sleep 30 &
	holder=$!
	eventually 5 sh -c "! flock -n root/snap/$(id_of abc) true"
	atf_check -s exit:75 -e inline:"snap-rm: $(id_of abc): busy\n" \
	    snap-rm web db
	kill "$holder"
	atf_check -o inline:"web\n" snap-ls -p name
}

atf_test_case remove__keeps_links
remove__keeps_links_body()
{
	snap_plant abc web
	ln "root/snap/$(id_of abc)/memory.raw" template.raw
	atf_check snap-rm web
	atf_check -o inline:"memory" cat template.raw
}

atf_test_case remove__no_operand
remove__no_operand_body()
{
	atf_check -s exit:64 -e inline:"snap-rm: no snapshot is named\n" snap-rm
	atf_check -s exit:1 test -e root
	atf_check -s exit:64 -e inline:"snap-rm: standard input: names nothing \
(--allow-empty takes that)\n" snap-rm - </dev/null
	atf_check snap-rm --allow-empty - </dev/null
	atf_check -s exit:65 -e match:'line 1: no member "id"' \
	    sh -c 'echo {} | snap-rm -'
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	snap_plant a golden
	snap_plant b web
	snap_plant c db
	snap_plant d kept
	snap_plant k3q7
	snap_plant k3qa other
	examples_of snap-rm >run
	atf_check_equal 3 "$(grep -c . run)"
	atf_check sh -e run
	atf_check -o inline:"kept\nother\n" snap-ls -p name
}

atf_init_test_cases()
{
	atf_add_test_case remove__by_each_reference
	atf_add_test_case remove__some_fail
	atf_add_test_case remove__twice_in_one_call
	atf_add_test_case remove__a_broken_one
	atf_add_test_case remove__one_in_use
	atf_add_test_case remove__keeps_links
	atf_add_test_case remove__no_operand
	atf_add_test_case examples__as_printed
}
