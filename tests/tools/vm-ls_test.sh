#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

atf_test_case list__empty_root
list__empty_root_body()
{
	atf_check -o empty sh -c ': | vm-ls --allow-empty -'
	mkdir -p root/vm
	atf_check vm-ls
	atf_check vm-ls -t
	atf_check -o empty sh -c ': | vm-ls --allow-empty -'
}

atf_test_case list__references
list__references_body()
{
	tiny_vm web
	tiny_vm db
	id=$(member web id)
	other=$(member db id)
	printf '%s\n' "$id" "$other" | sort >expected
	atf_check -o file:expected vm-ls -p id
	atf_check -o inline:"web\n" vm-ls -p name "$id"
	# A prefix of three characters, where it is the only one.
	if [ "$(printf %.3s "$id")" != "$(printf %.3s "$other")" ]; then
		atf_check -o inline:"web\n" vm-ls -p name "$(printf %.3s "$id")"
	fi
	atf_check -o inline:"web\n" vm-ls -p name "$(printf %.25s "$id")"
	atf_check -o inline:"db\nweb\nweb\n" \
	    sh -c 'vm-ls web | vm-ls -p name db - web'
	printf %.2s "$id" >two
	refused 66 "$(cat two): no such VM in $INSTAR_ROOT" vm-ls "$(cat two)"
	refused 64 '"" is neither an id nor a name' vm-ls ''
	refused 64 '"a/b" is neither an id nor a name' vm-ls a/b
	refused 66 "aaaaaaaaaaaaaaaaaaaaaaaaaa: no such VM in $INSTAR_ROOT" \
	    vm-ls aaaaaaaaaaaaaaaaaaaaaaaaaa
	# A name goes before a prefix, an id before a name.
	prefix=$(printf %.4s "$id")
	atf_check -o ignore vm-create -n "$prefix" --kernel "$tiny"
	atf_check -o inline:"$prefix\n" vm-ls -p name "$prefix"
}

atf_test_case list__ambiguous
list__ambiguous_body()
{
	tiny_vm web
	dir=$(member web dir)
	id=$(member web id)
	twin=$(printf %.25s "$id")a
	[ "$twin" != "$id" ] || twin=$(printf %.25s "$id")b
	cp -R "$dir" "root/vm/$twin"
	sed "s/$id/$twin/;s/\"name\":\"web\"/\"name\":\"\"/" "$dir/vm.json" \
	    >"root/vm/$twin/vm.json"
	prefix=$(printf %.5s "$id")
	refused 66 "$prefix: ambiguous: several VMs begin so" vm-ls "$prefix"
	atf_check -o inline:"$twin\t\n" vm-ls -p id,name "$twin"
}

atf_test_case list__some_fail
list__some_fail_body()
{
	tiny_vm web
	tiny_vm db
	echo '{' >"$(member db dir)/vm.json"
	# Names are links: they lead to it all the same.
	atf_check -s exit:66 -o inline:"web\n" \
	    -e match:'^vm-ls: none: no such VM in .*$' \
	    -e match:'^vm-ls: db: vm.json: not JSON: ' \
	    vm-ls -p name none web db
	atf_check -s exit:65 -o inline:"web\n" -e match:': vm.json: not JSON: ' \
	    vm-ls -p name
	# What is no VM's directory is not looked at.
	mkdir root/vm/.new-x root/vm/other
	atf_check -s exit:65 -o inline:"web\n" -e match:': not JSON: ' \
	    vm-ls -p name
}

atf_test_case list__members
list__members_body()
{
	tiny_vm web --cpu 3
	atf_check -o inline:"web\t3\t33554432\t\ttrue\n" \
	    vm-ls -p name,config.cpu,config.memory,cloned_from,config.kernel web
	refused 64 "-t and -p exclude each other" vm-ls -t -p id
	atf_check -s exit:74 \
	    -e inline:"vm-ls: standard output: No space left on device\n" \
	    sh -c 'vm-ls >/dev/full'
}

# What is closed stays closed: no file that is opened later takes its place.
atf_test_case list__closed_standard_descriptors
list__closed_standard_descriptors_body()
{
	tiny_vm web
	atf_check -s exit:74 \
	    -e inline:"vm-ls: standard input: line 1: read: Bad file descriptor\n" \
	    sh -c 'vm-ls - <&-'
	atf_check -s exit:74 \
	    -e inline:"vm-ls: standard output: Bad file descriptor\n" \
	    sh -c 'vm-ls <&- >&-'
	atf_check -s exit:66 sh -c 'vm-ls none <&- >&- 2>&-'
	atf_check -s exit:64 -e inline:"vm-ls: --root is empty\n" vm-ls -R ''
	printf '{"id":"a\\u0000b"}\n' >line
	atf_check -s exit:65 -e inline:"vm-ls: standard input: line 1: \
not JSON: a NUL in a string at byte 16\n" -x 'vm-ls - <line'
}

atf_test_case list__table cleanup
list__table_body()
{
	tiny_run web --nic user,forward=0:22,forward=127.0.0.1:0:80
	need_tiny
	atf_check -o ignore vm-create --kernel "$tiny" --memory 1536M --cpu 2
	atf_check -o save:table vm-ls --table
	atf_check_equal 3 "$(wc -l <table)"
	for line in \
	    '^NAME +ID +STATE +CPU +MEMORY +SINCE +HYPERVISOR +FORWARDS$' \
	    '^web +[a-z2-7]{12} +running +1 +32M +[0-9]+s +qemu +127\.0\.0\.1:[0-9]+>22,127\.0\.0\.1:[0-9]+>80$' \
	    '^- +[a-z2-7]{12} +created +2 +1\.5G +[0-9]+s +qemu +-$'; do
		atf_check -o ignore grep -E "$line" table
	done
}
list__table_cleanup()
{
	vms_end
}

# What went wrong stands behind the state.
atf_test_case list__table_says_why
list__table_says_why_body()
{
	tiny_vm web
	jq -c '.error = "it broke"' root/name/vm/web/vm.json >new
	cat new >root/name/vm/web/vm.json
	atf_check -o match:'^web +[a-z2-7]{12} +error: it broke +1 ' vm-ls -t
}

atf_test_case list__sorted cleanup
list__sorted_body()
{
	for name in web db cache; do
		tiny_vm $name
	done
	atf_check -o ignore vm-create --kernel "$tiny" --memory 32M
	atf_check -o ignore vm-start db
	atf_check -o ignore vm-start web
	# A table is by name, and who has none comes last.
	atf_check -o inline:"NAME\ncache\ndb\nweb\n-\n" \
	    sh -c "vm-ls -t | sed 's/ .*//'"
	atf_check -o inline:"cache\ndb\nweb\n\n" vm-ls --sort name -p name
	# The last that was started comes first, and who never was last.
	vm-ls --sort start -p name >got
	atf_check -o inline:"web\ndb\n" head -n 2 got
	atf_check -o inline:"web\ndb\n" \
	    sh -c "vm-ls -t --sort start db web | sed '1d; s/ .*//'"
	# What is named has the order in which it is, and lines are by id.
	atf_check -o inline:"web\ncache\n" \
	    sh -c "vm-ls -t web cache | sed '1d; s/ .*//'"
	vm-ls -p id >got
	atf_check sort -c got
	atf_check -s exit:64 \
	    -e inline:"vm-ls: --sort: age: not name or start\n" \
	    vm-ls --sort age
}
list__sorted_cleanup()
{
	vms_end
}

# Who only looks takes no lock, and changes nothing.
atf_test_case list__while_locked cleanup
list__while_locked_body()
{
	tiny_run web
	atf_check -o ignore vm-pause web
	picture >before
	atf_check -o inline:"paused\n" \
	    flock "$(member web dir)" vm-ls -p state web
	picture >after
	atf_check cmp before after
}
list__while_locked_cleanup()
{
	vms_end
}

# What the options leave out is not listed, named or not, and is no error.
atf_test_case filter__each cleanup
filter__each_body()
{
	tiny_run web
	tiny_vm db
	tiny_vm old
	sed -i 's/"created_at":"[^"]*"/"created_at":"2020-02-29T12:00:00Z"/' \
	    "$(member old dir)/vm.json"
	web="web\trunning" db="db\tcreated" old="old\tcreated"
	ls="vm-ls --sort name -p name,state"
	atf_check -o inline:"$web\n" $ls --state running
	atf_check -o inline:"$db\n$old\n" $ls --state created,paused
	atf_check -o inline:"$db\n" $ls --state created db web
	atf_check $ls --state paused
	atf_check $ls --state running db
	atf_check -o inline:"$old\n" $ls --older-than 52w
	atf_check $ls --older-than 52w --state running
	atf_check -o inline:"$db\n$old\n$web\n" $ls --older-than 0
	atf_check -o inline:"$db\n$old\n$web\n" \
	    $ls --hypervisor firecracker,qemu
	atf_check $ls --hypervisor firecracker
	atf_check -o match:'^web' -o not-match:'^(db|old)' \
	    vm-ls -t --state running
	atf_check -o match:'"name":"web"' -o not-match:'"name":"db"' \
	    vm-ls --state running
	# A damaged record is told all the same.
	echo '{' >"$(member db dir)/vm.json"
	atf_check -s exit:65 -o inline:"$web\n" -e match:'not JSON' \
	    $ls --state running
}
filter__each_cleanup()
{
	vms_end
}

atf_test_case filter__from
filter__from_body()
{
	tiny_vm web
	tiny_vm db
	snap_plant abc golden
	snap_plant b
	sed -i "s/\"created_at\"/\"cloned_from\":\"$(id_of abc)\",&/" \
	    "$(member web dir)/vm.json"
	for ref in golden abc "$(id_of abc)"; do
		atf_check -o inline:"web\n" vm-ls -p name --from "$ref"
	done
	atf_check vm-ls --from "$(id_of b)"
	atf_check vm-ls --from golden db
	refused 66 "--from: none: no such snapshot in $INSTAR_ROOT" \
	    vm-ls --from none
	# Clones of one that is gone are found by its id.
	atf_check snap-rm golden
	atf_check -o inline:"web\n" vm-ls -p name --from "$(id_of abc)"
	refused 66 "--from: golden: no such snapshot in $INSTAR_ROOT" \
	    vm-ls --from golden
}

atf_test_case filter__wrong
filter__wrong_body()
{
	states="created, running, paused, stopped, error"
	mkdir -p root/vm
	refused 64 "--state: \"up\": not one of $states" vm-ls --state up
	refused 64 "--state: \"\": not one of $states" \
	    vm-ls --state running,
	refused 64 "--state: \"run\": not one of $states" vm-ls --state run
	refused 64 '--hypervisor: "kvm": not one of qemu, cloud-hypervisor, firecracker' vm-ls --hypervisor kvm
	refused 64 "--state: given twice" vm-ls --state paused --state running
	refused 64 "--older-than: x: not a duration" vm-ls --older-than x
	refused 64 "--older-than: given twice" \
	    vm-ls --older-than 1 --older-than 1
	refused 64 "--from: \"a/b\" is neither an id nor a name" \
	    vm-ls --from a/b
}

atf_test_case list__memory cleanup
list__memory_body()
{
	need_tiny
	for vm in a b; do
		atf_check -o ignore vm-create -n "$vm" --memory 64M \
		    --kernel "$tiny" --cmdline "fill=16"
	done
	atf_check -o inline:"\t\n\t\n" vm-ls --memory \
	    -p memory_use.private,memory_use.shared
	atf_check -o inline:'{"vms":0,"memory_use":{"private":0,"shared":0,"swapped":0}}\n' \
	    vm-ls --memory=total
	atf_check -o ignore vm-start a
	has_filled()
	{
		[ "$(vm-ls --memory -p memory_use.private a)" -ge 16777216 ]
	}
	eventually 120 has_filled || atf_fail "$(vm-ls --memory a)"
	# As the kernel counts it, which goes on.
	pid=$(vm-ls -p pid a)
	want=$(awk '$1 ~ /^Private_(Clean|Dirty):/ { n += $2 }
		END { print n * 1024 }' "/proc/$pid/smaps_rollup")
	got=$(vm-ls --memory -p memory_use.private a)
	[ "$got" -ge $((want / 2)) ] && [ "$got" -le $((want * 2)) ] ||
	    atf_fail "$got is not $want"
	# Not asked for, it is not there.
	atf_check -o not-match:memory_use vm-ls a
	atf_check -o save:sum vm-ls --memory=total
	atf_check -o inline:"1\n" jq .vms sum
	# What another QEMU maps as well is no longer its own.
	[ "$(jq .memory_use.private sum)" -ge 8388608 ] ||
	    atf_fail "$(cat sum)"
	atf_check -o save:table vm-ls -t --memory
	atf_check -o match:'^NAME .* MEMORY +PRIVATE +SHARED +SWAPPED +SINCE' \
	    head -n 1 table
	atf_check -o match:'^a .* running +1 +64M +[1-9][0-9.]*[MG] ' cat table
	atf_check -o match:'^b .* created +1 +64M +- +- +- ' cat table
	atf_check -o match:'^total +- +1 running +- +- +[1-9][0-9.]*[MG] ' \
	    tail -n 1 table
	# Of those that are listed alone.
	atf_check -o match:'"vms":0' vm-ls --memory=total --state created
	atf_check -o match:'^total +- +0 running ' vm-ls -t --memory b
	atf_check -s exit:64 -e inline:"vm-ls: --memory: all: not total\n" \
	    vm-ls --memory=all
}
list__memory_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case filter__each
	atf_add_test_case filter__from
	atf_add_test_case filter__wrong
	atf_add_test_case list__empty_root
	atf_add_test_case list__references
	atf_add_test_case list__ambiguous
	atf_add_test_case list__some_fail
	atf_add_test_case list__members
	atf_add_test_case list__memory
	atf_add_test_case list__closed_standard_descriptors
	atf_add_test_case list__table
	atf_add_test_case list__table_says_why
	atf_add_test_case list__sorted
	atf_add_test_case list__while_locked
}
