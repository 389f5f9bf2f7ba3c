#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Names and descriptions that are written anew, and names that move.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# Where the name $1 leads.
leads_to()
{
	basename "$(readlink "root/name/snap/$1")"
}

atf_test_case set__name_and_text
set__name_and_text_body()
{
	snap_plant abc web
	atf_check -o inline:"www\ttwo words\t\n" \
	    snap-set -n www -d "two words" -p name,description,replaced web
	atf_check -o inline:"www\ttwo words\n" snap-ls -p name,description www
	atf_check -o inline:"www\n" ls root/name/snap
	# Its other members and its files are as they were.
	atf_check -o inline:"1\t16777216\t2026-11-21T08:00:00Z\n" \
	    snap-ls -p cpu,memory,created_at www
	atf_check -o inline:"memory" cat "root/snap/$(id_of abc)/memory.raw"
	# The same again changes nothing; one of the two leaves the other.
	atf_check -o ignore snap-set -n www www
	atf_check -o ignore snap-set -n web www
	atf_check -o inline:"web\ttwo words\n" snap-ls -p name,description
	atf_check -o ignore snap-set -d "" abc
	atf_check -o inline:"web\t\n" snap-ls -p name,description
	# "" is no name.
	atf_check -o ignore snap-set -n "" web
	atf_check -o empty ls root/name/snap
	atf_check -s exit:66 -e inline:"snap-set: web: no such snapshot \
in $INSTAR_ROOT\n" snap-set -n x web
	echo "{\"id\":\"$(id_of abc)\"}" >line
	atf_check -o inline:"$(id_of abc)\n" snap-set -n y -p id - <line
}

atf_test_case set__taken
set__taken_body()
{
	snap_plant abc web
	snap_plant bcd db
	atf_check -s exit:73 -e inline:"snap-set: db: web: the name is taken: --replace moves it\n" \
	    snap-set -n web db
	atf_check_equal "$(id_of abc)" "$(leads_to web)"
	atf_check_equal "$(id_of bcd)" "$(leads_to db)"
	atf_check -o inline:"db\nweb\n" sh -c "snap-ls -p name | sort"
}

atf_test_case set__replace
set__replace_body()
{
	snap_plant abc web
	snap_plant bcd new
	atf_check -o inline:"web\t$(id_of abc)\n" \
	    snap-set -n web --replace -p name,replaced new
	atf_check_equal "$(id_of bcd)" "$(leads_to web)"
	atf_check -o inline:"web\n" ls root/name/snap
	# The old one has no name, but it is there; its envelope is not touched.
	atf_check -o inline:"$(id_of abc)\t\n$(id_of bcd)\tweb\n" \
	    sh -c "snap-ls -p id,name | sort"
	atf_check -o match:'"name": "web"' \
	    cat "root/snap/$(id_of abc)/snapshot.json"
	# It goes without taking the name along, and comes back in the same way.
	atf_check -o inline:"$(id_of bcd)\n" \
	    snap-set -n web --replace -p replaced abc
	atf_check -o inline:"$(id_of abc)\n" snap-ls -p id web
	atf_check snap-rm bcd
	atf_check -o inline:"$(id_of abc)\n" snap-ls -p id web
	# Nothing has the name: nothing is replaced.
	atf_check -o inline:"\n" \
	    snap-set -n other --replace=rm -p replaced web
	atf_check -o inline:"other\n" ls root/name/snap
}

atf_test_case set__replace_rm
set__replace_rm_body()
{
	snap_plant abc web
	snap_plant bcd new
	atf_check -o inline:"$(id_of abc)\n" \
	    snap-set -n web --replace=rm -p replaced new
	atf_check -o inline:"$(id_of bcd)\n" ls root/snap
	atf_check -o inline:"$(id_of bcd)\n" ls root/access
	atf_check -o inline:"web\n" ls root/name/snap
	# Whom somebody reads stays, and that is said.
	snap_plant cde newer
	flock -F -s "root/snap/$(id_of bcd)" sleep 60 &
	holder=$!
	eventually 5 sh -c "! flock -n root/snap/$(id_of bcd) true"
	atf_check -o inline:"$(id_of bcd)\n" \
	    -e match:"warning: $(id_of bcd), which had the name, stays: .*busy" \
	    snap-set -n web --replace=rm -p replaced newer
	kill "$holder"
	atf_check_equal "$(id_of cde)" "$(leads_to web)"
	atf_check -o inline:"$(id_of bcd)\n$(id_of cde)\n" ls root/snap
}

# The name leads to one of the two at any moment, whatever becomes of the tool.
atf_test_case set__killed
set__killed_body()
{
	grep -q INSTAR_HOOK "$top/snap-set/snap-set" ||
	    atf_skip "this build has no hooks"
	for step in root-name-beside set-named set-written set-moved; do
		rm -rf root
		snap_plant abc web
		snap_plant bcd new
		atf_check -s signal:kill \
		    env INSTAR_HOOK="$step=kill" snap-set -n web --replace new
		atf_check -o match:"^($(id_of abc)|$(id_of bcd))\$" \
		    snap-ls -p id web
		atf_check -o ignore state-gc
		atf_check -o match:"^($(id_of abc)|$(id_of bcd))\$" \
		    snap-ls -p id web
		atf_check -o inline:"2\n" sh -c "ls root/snap | wc -l"
		atf_check -o empty find root/name root/snap -name '.*'
		# As long as that name is the other's, it has its own.
		if [ "$step" = set-written ]; then
			atf_check -o inline:"$(id_of bcd)\n" snap-ls -p id new
		fi
		# And again, to the end.
		atf_check -o ignore snap-set -n web --replace bcd
		atf_check_equal "$(id_of bcd)" "$(leads_to web)"
		atf_check -o ignore state-gc
		atf_check -o inline:"web\n" ls root/name/snap
	done
	# A name that was free, and is its own by now.
	atf_check -s signal:kill \
	    env INSTAR_HOOK="set-named=kill" snap-set -n other bcd
	atf_check -o inline:"other\n" snap-set -n other -p name web
	atf_check -o inline:"other\n" ls root/name/snap
}

# What cannot be written leaves all as it was.
atf_test_case set__fails
set__fails_body()
{
	snap_plant abc web
	snap_plant bcd new
	echo '{' >"root/snap/$(id_of bcd)/snapshot.json"
	atf_check -s exit:65 -e match:"^snap-set: new: " \
	    snap-set -n web --replace new
	atf_check_equal "$(id_of abc)" "$(leads_to web)"
	snap_plant cde big
	head -c 65536 /dev/zero | tr '\0' x >text
	atf_check -o ignore snap-set -d "$(cat text)" big
	# A directory of no writer; root writes everywhere.
	[ "$(id -u)" -ne 0 ] || return 0
	chmod 500 "root/snap/$(id_of cde)"
	atf_check -s exit:77 -e ignore snap-set -n web --replace big
	atf_check_equal "$(id_of abc)" "$(leads_to web)"
	atf_check_equal "$(id_of cde)" "$(leads_to big)"
}

# Readers by name find one of them, always, while it moves and the old one goes.
atf_test_case set__beside_readers
set__beside_readers_body()
{
	snap_plant abc web
	snap_plant bcd new
	cat >reader <<-END
		until [ -e over ]; do
			snap-ls -p id web >>seen || exit 1
		done
	END
	sh -e reader 2>errors &
	reader=$!
	for i in $(seq 30); do
		atf_check -o ignore snap-set -n web --replace "$(id_of abc)"
		atf_check -o ignore snap-set -n web --replace "$(id_of bcd)"
		# Now with the old one removed, and made anew.
		atf_check -o ignore snap-set -n web --replace=rm "$(id_of abc)"
		snap_plant bcd
	done
	: >over
	wait "$reader" || atf_fail "$(cat errors)"
	atf_check test -s seen
	atf_check -s exit:1 grep -vxe "$(id_of abc)" -e "$(id_of bcd)" seen
}

atf_test_case set__usage
set__usage_body()
{
	refuses()
	{
		words=$1
		shift
		atf_check -s exit:64 -e inline:"snap-set: $words\n" snap-set "$@"
	}
	refuses "nothing to set: -n or -d is needed" web
	refuses "no snapshot is named" -n x
	refuses "b: one snapshot at a time" -n x a b
	refuses "--replace goes with -n" -d x --replace a
	refuses "--replace goes with -n" -n "" --replace a
	refuses "--replace: given twice" -n x --replace --replace=rm a
	refuses "--replace=yes: only rm can be asked for" -n x --replace=yes a
	refuses "--name: given twice" -n x -n y a
	atf_check -s exit:64 -e match:"--name: a/b: not a name" \
	    snap-set -n a/b web
	atf_check -s exit:64 -e match:"--description: not UTF-8" \
	    snap-set -d "$(printf '\377')" web
	atf_check -s exit:1 test -e root
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	snap_plant abc golden
	snap_plant bcd candidate
	examples_of snap-set >run
	atf_check_equal 2 "$(grep -c . run)"
	atf_check -o ignore sh -e run
	atf_check -o inline:"$(id_of bcd)\tgolden\tnightly, 29 November\n" \
	    snap-ls -p id,name,description
}

atf_init_test_cases()
{
	atf_add_test_case set__name_and_text
	atf_add_test_case set__taken
	atf_add_test_case set__replace
	atf_add_test_case set__replace_rm
	atf_add_test_case set__killed
	atf_add_test_case set__fails
	atf_add_test_case set__beside_readers
	atf_add_test_case set__usage
	atf_add_test_case examples__as_printed
}
