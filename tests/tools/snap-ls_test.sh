#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

atf_test_case list__empty_root
list__empty_root_body()
{
	mkdir -p root/vm
	atf_check snap-ls
	atf_check snap-ls -t
}

atf_test_case list__all_sorted
list__all_sorted_body()
{
	snap_plant b web
	snap_plant a
	mkdir "root/snap/.new-$(id_of c)"
	atf_check -o inline:"$(id_of a)\t\n$(id_of b)\tweb\n" \
	    snap-ls -p id,name
}

atf_test_case list__record
list__record_body()
{
	snap_plant b web
	touch -d 2026-11-21T09:00:00Z "root/access/$(id_of b)"
	size=$((6 + 1048576 + $(stat -c %s "root/snap/$(id_of b)/snapshot.json")))
	snap-ls -p disk_usage >disk
	printf '%s' "{\"id\":\"$(id_of b)\",\"name\":\"web\"," \
	    '"hypervisor":"qemu","cpu":1,"memory":16777216,"nics":0,' \
	    '"created_at":"2026-11-21T08:00:00Z",' \
	    '"last_accessed_at":"2026-11-21T09:00:00.000000Z",' \
	    '"files":["memory.raw","cow.raw"],' \
	    "\"dir\":\"$PWD/root/snap/$(id_of b)\",\"size\":$size," \
	    "\"disk_usage\":$(cat disk)}" >expected
	echo >>expected
	atf_check -o file:expected snap-ls
	# Listing is no access.
	atf_check -o inline:"2026-11-21T09:00:00.000000Z\n" \
	    snap-ls -p last_accessed_at web
}

# Who wrote the description is not who reads the list.
atf_test_case list__control_characters
list__control_characters_body()
{
	snap_plant b web
	sed -i 's/"cpu": 1,/&"description": "a\\nb\\tc\\u001b[2J\\u007f\\u009b2J\\u00e9",/' \
	    "root/snap/$(id_of b)/snapshot.json"
	atf_check -o inline:"web\ta?b?c?[2J??2Jé\t1\n" \
	    snap-ls -p name,description,cpu
	# JSON has its own way to write them.
	atf_check -o save:line snap-ls
	atf_check -o inline:"1\n" sh -c "LC_ALL=C tr -d '\n' <line |
	    LC_ALL=C grep -c '\\\\u001B\[2J\\\\u007F\\\\u009B2J'"
	atf_check -o inline:"$(printf 'a\nb\tc\033[2J\177\302\2332Jé')\n" \
	    jq -r .description line
}

atf_test_case list__references
list__references_body()
{
	snap_plant abcx web
	snap_plant abcy
	snap_plant xyz
	echo "{\"id\":\"$(id_of xyz)\"}" >lines
	atf_check -o inline:"$(id_of abcx)\n$(id_of xyz)\n$(id_of abcy)\n" \
	    snap-ls -p id web - abcy <lines
}

atf_test_case list__some_fail
list__some_fail_body()
{
	snap_plant abcx web
	snap_plant abcy
	echo '{"version":2}' >"root/snap/$(id_of abcy)/snapshot.json"
	cat >expected <<-END
		snap-ls: none: no such snapshot in $INSTAR_ROOT
		snap-ls: abc: ambiguous: several snapshots begin so
		snap-ls: ab: no such snapshot in $INSTAR_ROOT
		snap-ls: "../x" is neither an id nor a name
		snap-ls: abcy: snapshot.json: version 2, not 1
	END
	atf_check -s exit:66 -o inline:"web\n" -e file:expected \
	    snap-ls -p name none abc ab ../x abcy web
	atf_check -s exit:64 -e match:neither snap-ls ../x
	atf_check -s exit:65 -o inline:"web\n" \
	    -e inline:"snap-ls: $(id_of abcy): snapshot.json: version 2, not 1\n" \
	    snap-ls -p name
}

atf_test_case list__no_record_on_stdin
list__no_record_on_stdin_body()
{
	snap_plant abc web
	echo 'web' >lines
	atf_check -o inline:"web\n" snap-ls -p name - <lines
	echo 'web db' >lines
	atf_check -s exit:65 -e match:"^snap-ls: standard input: line 1: " \
	    snap-ls - <lines
	atf_check -s exit:64 -e inline:'snap-ls: "-" is given twice\n' \
	    snap-ls - - </dev/null
}

atf_test_case list__exclusive
list__exclusive_body()
{
	snap_plant abc web
	dir=root/snap/$(id_of abc)
	dd if=/dev/urandom of="$dir/cow.raw" bs=64k count=1 conv=notrunc,fsync \
	    2>/dev/null
	ln "$dir/memory.raw" kept
	used=$(($(stat -c %b "$dir/cow.raw") * 512 +
	    $(stat -c %b "$dir/snapshot.json") * 512))
	atf_check -o inline:"$used\n" snap-ls --exclusive -p disk_usage web
	used=$((used + $(stat -c %b kept) * 512))
	atf_check -o inline:"$used\n" snap-ls -p disk_usage web
}

atf_test_case list__origin
list__origin_body()
{
	snap_plant abc web
	echo "{\"storage_configs\":[],\"vm_id\":\"$(id_of xyz)\"}" \
	    >"root/snap/$(id_of abc)/cocoon.json"
	atf_check -o inline:"$(id_of xyz)\n" snap-ls -p vm_id web
	atf_check -o match:' qemu        xyzaaaaaaaaa$' snap-ls -t web
	echo '[' >"root/snap/$(id_of abc)/cocoon.json"
	atf_check -o inline:"web\t\n" snap-ls -p name,vm_id web
}

atf_test_case list__by_name_or_time
list__by_name_or_time_body()
{
	n=1
	for name in db cache web; do
		snap_plant "$name" "$name"
		sed -i "s/2026-11-21/2026-11-2$n/" \
		    root/snap/"$(id_of $name)"/snapshot.json
		n=$((n + 1))
	done
	atf_check -o inline:"cache\ndb\nweb\n" \
	    sh -c "snap-ls -t | sed '1d; s/ .*//'"
	for how in "-p name" -t; do
		atf_check -o inline:"web\ncache\ndb\n" sh -c \
		    "snap-ls --sort created $how | sed '/^NAME/d; s/ .*//'"
	done
	atf_check -o inline:"web\ncache\n" \
	    sh -c "snap-ls -t web cache | sed '1d; s/ .*//'"
	atf_check -s exit:64 \
	    -e inline:"snap-ls: --sort: size: not name or created\n" \
	    snap-ls --sort size
}

atf_test_case list__table
list__table_body()
{
	snap_plant abc web
	snap_plant xyz
	atf_check -o save:table snap-ls --table
	atf_check_equal 3 "$(wc -l <table)"
	atf_check -o ignore grep -Eq \
	    '^NAME +ID +AGE +SIZE +DISK +HYPERVISOR  VM$' table
	atf_check -o ignore grep -Eq \
	    '^web   abcaaaaaaaaa  +[0-9]+[smhdw]  1\.0M  +[0-9.]+[BK]  qemu        -$' \
	    table
	atf_check -o ignore grep -Eq '^-     xyzaaaaaaaaa ' table
	atf_check -s exit:64 \
	    -e inline:"snap-ls: -t and -p exclude each other\n" \
	    snap-ls -t -p id
}

atf_test_case list__stdout_full
list__stdout_full_body()
{
	snap_plant abc web
	atf_check -s exit:74 \
	    -e inline:"snap-ls: standard output: No space left on device\n" \
	    sh -c 'snap-ls >/dev/full'
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	snap_plant abc golden
	snap_plant bcd
	examples_of snap-ls >run
	atf_check_equal 5 "$(grep -c . run)"
	atf_check -o save:out sh -e run
	atf_check_equal 3 "$(grep -c . out)"
	atf_check -o inline:"$PWD/root/snap/$(id_of abc)\n" tail -n 1 out
	# One of them has removed what has no name.
	atf_check -o inline:"golden\n" snap-ls -p name
}

# What the options leave out is not listed, named or not, and is no error.
atf_test_case filter__each
filter__each_body()
{
	snap_plant a web
	snap_plant b
	snap_plant c
	sed -i 's/"qemu"/"firecracker"/' "root/snap/$(id_of b)/snapshot.json"
	sed -i "s/2026-11-21T08:00:00Z/$(date -u +%FT%TZ)/" \
	    "root/snap/$(id_of b)/snapshot.json"
	for id in "$(id_of a)" "$(id_of c)"; do
		sed -i "s/2026-11-21T08/2020-02-29T08/" \
		    "root/snap/$id/snapshot.json"
	done
	rm "root/access/$(id_of c)"
	a=$(id_of a) b=$(id_of b) c=$(id_of c)
	atf_check -o inline:"$a\n$c\n" snap-ls -p id --older-than 1h
	atf_check snap-ls -p id --older-than 1h "$b"
	# One that was never read has its making; a was read just now.
	atf_check -o inline:"$c\n" snap-ls -p id --unused-for 1h
	touch -d '3 hours ago' "root/access/$(id_of a)"
	atf_check -o inline:"$a\n$c\n" snap-ls -p id --unused-for 2h
	atf_check -o inline:"$c\n" snap-ls -p id --unused-for 4h
	atf_check -o inline:"$a\n$b\n$c\n" snap-ls -p id --older-than 0
	atf_check snap-ls --unused-for 9999w
	atf_check -o inline:"$b\n" snap-ls -p id --hypervisor firecracker
	atf_check -o inline:"$a\n$c\n" snap-ls -p id --hypervisor qemu
	atf_check snap-ls --hypervisor qemu "$b"
	atf_check -o match:"^web" -o not-match:"$(printf %.12s "$b")" \
	    snap-ls -t --hypervisor qemu
	for o in '--hypervisor x' '--older-than 1y' '--unused-for ,'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:"^snap-ls: ${o% *}: " snap-ls $o
	done
}

atf_test_case filter__from
filter__from_body()
{
	vm=$(id_of v)
	snap_plant a
	snap_plant b
	echo "{\"storage_configs\":[],\"vm_id\":\"$vm\"}" \
	    >"root/snap/$(id_of b)/cocoon.json"
	atf_check -o inline:"$(id_of b)\n" snap-ls -p id --from "$vm"
	atf_check snap-ls --from "$vm" "$(id_of a)"
	atf_check snap-ls --from "$(id_of w)"
	atf_check -s exit:66 -e match:'^snap-ls: --from: web: no such VM' \
	    snap-ls --from web
}

atf_init_test_cases()
{
	atf_add_test_case filter__each
	atf_add_test_case filter__from
	atf_add_test_case list__empty_root
	atf_add_test_case list__all_sorted
	atf_add_test_case list__record
	atf_add_test_case list__control_characters
	atf_add_test_case list__references
	atf_add_test_case list__some_fail
	atf_add_test_case list__no_record_on_stdin
	atf_add_test_case list__exclusive
	atf_add_test_case list__origin
	atf_add_test_case list__by_name_or_time
	atf_add_test_case list__table
	atf_add_test_case list__stdout_full
	atf_add_test_case examples__as_printed
}
