#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# Everything in the root but its own directories.
left()
{
	(cd root && find . -mindepth 2 | grep -v '^./name/[a-z]*$' | sort)
}

# vm_plant PREFIX [MEMBERS]: a VM that has no files but its record.
vm_plant()
{
	snap_plant zzz
	rm -r root/snap/* root/access/*
	id=$(id_of "$1")
	mkdir -m 700 "root/vm/$id"
	printf '{"record":1,"id":"%s","name":"","hypervisor":"qemu",%s' \
	    "$id" '"config":{"cpu":1,"memory":16777216,"storage":0,
	    "kernel":false,"initrd":false,"firmware":true,
	    "memory_backing":"auto","accel":"auto"},"storage_configs":[],
	    "network_configs":[],"snapshot_ids":[],
	    "created_at":"2026-11-21T08:00:00Z",
	    "updated_at":"2026-11-21T08:00:00Z",'"${2-}"'
	    "layers":[],"frozen":[],"to_load":false,"console_from":0}' |
	    tr -d '\n\t' >"root/vm/$id/vm.json"
}

# The member `process` for process $1.
process_of()
{
	printf '"process":{"pid":%s,"start_ticks":%s,"boot_id":"%s",' \
	    "$1" "$(cut -d' ' -f22 "/proc/$1/stat")" \
	    "$(cat /proc/sys/kernel/random/boot_id)"
	printf '"pid_ns":%s},' "$(stat -L -c %i /proc/self/ns/pid)"
}

atf_test_case leftovers__nothing
leftovers__nothing_body()
{
	mkdir -p root/vm
	atf_check state-gc
	snap_plant abc web
	left >before
	atf_check state-gc
	atf_check state-gc --dry-run
	left >after
	atf_check cmp before after
}

atf_test_case leftovers__each_kind
leftovers__each_kind_body()
{
	snap_plant abc web
	left >kept
	mkdir "root/snap/.new-$(id_of b)" "root/snap/.gone-$(id_of c)" \
	    "root/vm/.new-$(id_of d)" "root/layer/.new-$(id_of e)"
	printf x >"root/snap/.new-$(id_of b)/memory.raw"
	ln -s "../../snap/$(id_of b)" root/name/snap/half
	ln -s "../../vm/$(id_of f)" root/name/vm/lost
	: >"root/access/$(id_of b)"
	cat >expected <<-END
		directory	$PWD/root/vm/.new-$(id_of d)	unfinished
		directory	$PWD/root/snap/.gone-$(id_of c)	half-removed
		directory	$PWD/root/snap/.new-$(id_of b)	unfinished
		directory	$PWD/root/layer/.new-$(id_of e)	unfinished
		name	$PWD/root/name/vm/lost	dead
		name	$PWD/root/name/snap/half	dead
		access	$PWD/root/access/$(id_of b)	dead
	END
	left >before
	atf_check -o file:expected state-gc --dry-run -p kind,path,reason
	left >after
	atf_check cmp before after
	atf_check -o file:expected state-gc -p kind,path,reason
	left >after
	atf_check cmp kept after
	atf_check state-gc
}

atf_test_case leftovers__record
leftovers__record_body()
{
	snap_plant abc web
	mkdir "root/snap/.new-$(id_of b)"
	bytes=$(($(stat -c %b "root/snap/.new-$(id_of b)") * 512))
	atf_check -o inline:"{\"kind\":\"directory\",\"path\":\"$PWD/root\
/snap/.new-$(id_of b)\",\"reason\":\"unfinished\",\"bytes\":$bytes}\n" state-gc
}

atf_test_case leftovers__being_built
leftovers__being_built_body()
{
	snap_plant abc web
	dir=root/snap/.new-$(id_of b)
	mkdir "$dir"
	ln -s "../../snap/$(id_of b)" root/name/snap/half
	: >"root/access/$(id_of b)"
	flock -F "$dir" sleep 60 &
	holder=$!
	eventually 5 sh -c "! flock -n $dir true"
	left >before
	atf_check state-gc
	left >after
	atf_check cmp before after
	kill "$holder"
	wait "$holder"
	atf_check -o inline:"directory\nname\naccess\n" state-gc -p kind
}

atf_test_case leftovers__process
leftovers__process_body()
{
	sleep 300 &
	pid=$!
	eventually 5 grep -q sleep "/proc/$pid/comm"
	vm_plant abc "$(process_of $pid)"
	# One that is there stays as it is: it may run without us.
	atf_check state-gc
	kill -0 $pid || atf_fail "a VM's process was ended"
	mv "root/vm/$(id_of abc)" "root/vm/.new-$(id_of abc)"
	atf_check -o inline:"process\ndirectory\n" state-gc --dry-run -p kind
	kill -0 $pid || atf_fail "a dry run ended a process"
	cat >expected <<-END
		process	$(id_of abc)	unfinished
		directory		unfinished
	END
	atf_check -o file:expected state-gc -p kind,id,reason
	wait $pid
	atf_check_equal 137 $?
	atf_check_equal "" "$(ls -A root/vm)"
}

atf_test_case leftovers__process_of_another_time
leftovers__process_of_another_time_body()
{
	sleep 300 &
	pid=$!
	eventually 5 grep -q sleep "/proc/$pid/comm"
	vm_plant abc "$(process_of $pid | sed 's/"start_ticks":/&1/')"
	mv "root/vm/$(id_of abc)" "root/vm/.new-$(id_of abc)"
	atf_check -o inline:"directory\n" state-gc -p kind
	kill $pid || atf_fail "another process was ended"
}

atf_test_case leftovers__temporary_files
leftovers__temporary_files_body()
{
	vm_plant abc
	dir=root/vm/$(id_of abc)
	: >"$dir/.vm.json.1234"
	: >"$dir/.hidden"
	: >"$dir/cow.1"
	flock -F "$dir" sleep 60 &
	holder=$!
	eventually 5 sh -c "! flock -n $dir true"
	atf_check state-gc
	kill "$holder"
	wait "$holder"
	atf_check -o inline:"$PWD/$dir/.vm.json.1234\ttemporary\n" \
	    state-gc -p path,reason
	atf_check -o inline:".hidden\ncow.1\nvm.json\n" ls -A "$dir"
}

# layered PREFIX HEX: the snapshot names the layer.
layered()
{
	snap_plant "$1"
	cat >"root/snap/$(id_of "$1")/snapshot.json" <<-END
		{"version":1,"config":{},"layers":{"layer0":{"size":5,
		"fsverity":"sha256:$2"}}}
	END
}

hex1=$(printf '%064d' 1)
hex2=$(printf '%064d' 2)
hex3=$(printf '%064d' 3)

atf_test_case layers__in_use
layers__in_use_body()
{
	layered abc "$hex1"
	for h in "$hex1" "$hex2" "$hex3"; do
		printf hello >"root/layer/$h"
	done
	ln "root/layer/$hex2" link
	: >root/layer/README
	atf_check -o inline:"layer\t$PWD/root/layer/$hex3\tunused\n" \
	    state-gc --dry-run -p kind,path,reason
	atf_check -o inline:"layer\t$PWD/root/layer/$hex3\tunused\n" \
	    state-gc -p kind,path,reason
	atf_check -o inline:"$hex1\n$hex2\nREADME\n" ls root/layer
	# With its snapshot evicted, nothing holds the first one.
	atf_check -o inline:"snapshot\nlayer\n" state-gc --dry-run --keep 0 \
	    -p kind
	atf_check -o inline:"snapshot\nlayer\n" state-gc --keep 0 -p kind
	atf_check -o inline:"$hex2\nREADME\n" ls root/layer
}

# A file that was linked, written to, and linked again: two digests, one inode.
atf_test_case layers__one_file_twice
layers__one_file_twice_body()
{
	snap_plant abc web
	printf hello >"root/layer/$hex1"
	ln "root/layer/$hex1" "root/layer/$hex2"
	ln "root/layer/$hex1" image
	atf_check state-gc
	rm image
	layered bcd "$hex2"
	atf_check -o inline:"layer\t$PWD/root/layer/$hex1\tunused\n" \
	    state-gc -p kind,path,reason
	atf_check snap-rm bcd
	atf_check -o inline:"layer\n" state-gc -p kind
	atf_check -o empty ls root/layer
	printf hello >"root/layer/$hex1"
	ln "root/layer/$hex1" "root/layer/$hex2"
	atf_check -o inline:"layer\nlayer\n" state-gc -p kind
	atf_check -o empty ls root/layer
}

atf_test_case layers__of_a_vm_record
layers__of_a_vm_record_body()
{
	vm_plant abc
	sed -i "s/\"layers\":\[\]/\"layers\":[{\"name\":\"layer0\",\
\"size\":5,\"fsverity\":\"sha256:$hex1\"}]/" "root/vm/$(id_of abc)/vm.json"
	printf hello >"root/layer/$hex1"
	atf_check state-gc
	atf_check test -e "root/layer/$hex1"
}

atf_test_case layers__somebody_builds
layers__somebody_builds_body()
{
	snap_plant abc
	printf hello >"root/layer/$hex1"
	mkdir "root/vm/.new-$(id_of b)"
	flock -F "root/vm/.new-$(id_of b)" sleep 60 &
	holder=$!
	eventually 5 sh -c "! flock -n root/vm/.new-$(id_of b) true"
	atf_check state-gc
	kill "$holder"
	wait "$holder"
	atf_check -o inline:"directory\nlayer\n" state-gc -p kind
}

atf_test_case layers__broken_envelope
layers__broken_envelope_body()
{
	snap_plant abc
	printf hello >"root/layer/$hex1"
	echo '{}' >"root/snap/$(id_of abc)/snapshot.json"
	atf_check -s exit:65 -e inline:"state-gc: $(id_of abc): \
snapshot.json: version 0, not 1: layers are kept\n" state-gc
	# What is wrong with it is said once, and then what follows from it.
	atf_check -s exit:65 -e inline:"state-gc: $(id_of abc): \
snapshot.json: version 0, not 1
state-gc: $(id_of abc): layers are kept\n" state-gc --keep 1
	atf_check test -e "root/layer/$hex1"
}

# accessed PREFIX NAME MINUTES: a snapshot last accessed so long ago.
accessed()
{
	snap_plant "$1" "$2"
	touch -d "$3 minutes ago" "root/access/$(id_of "$1")"
}

atf_test_case evict__limits
evict__limits_body()
{
	accessed a one 100
	accessed b two 10
	accessed c three 50
	accessed d four 200
	size=$(snap-ls -p disk_usage two)
	left >before
	atf_check -o inline:"four\tlru-keep\none\tlru-keep\n" \
	    state-gc --dry-run --keep 2 -p name,reason
	atf_check -o inline:"four\tlru-age\none\tlru-age\n" \
	    state-gc --dry-run --older-than 1h -p name,reason
	atf_check \
	    -o inline:"four\tlru-size\none\tlru-size\nthree\tlru-size\n" \
	    state-gc --dry-run --max-size $((2 * size - 1)) -p name,reason
	atf_check -o inline:"four\tlru-age+lru-keep+lru-size\n\
one\tlru-keep+lru-size\nthree\tlru-keep\n" \
	    state-gc --dry-run --keep 1 --older-than 3h \
	    --max-size $((2 * size)) -p name,reason
	atf_check state-gc --keep 4 --older-than 1d --max-size 1T
	left >after
	atf_check cmp before after
	atf_check -o inline:"$(id_of d)\tfour\n" \
	    state-gc --older-than 3h -p id,name
	atf_check -s exit:66 -e ignore snap-ls four
	atf_check -s exit:1 test -e "root/access/$(id_of d)"
	atf_check -s exit:1 test -L root/name/snap/four
	atf_check -o inline:"one\ntwo\nthree\n" snap-ls -p name
	atf_check -o ignore state-gc --keep 0
	atf_check_equal "" "$(left)"
}

atf_test_case evict__one_in_use
evict__one_in_use_body()
{
	accessed a one 100
	accessed b two 100
	flock -F -s "root/snap/$(id_of a)" sleep 60 &
	holder=$!
	eventually 5 sh -c "! flock -n root/snap/$(id_of a) true"
	atf_check -s exit:75 -o inline:"two\n" \
	    -e inline:"state-gc: $(id_of a): busy\n" state-gc --keep 0 -p name
	kill "$holder"
	atf_check -o inline:"one\n" snap-ls -p name
}

atf_test_case evict__never_accessed
evict__never_accessed_body()
{
	snap_plant a one
	rm "root/access/$(id_of a)"
	touch -d '2 days ago' "root/snap/$(id_of a)"
	atf_check -o inline:"one\tlru-age\n" \
	    state-gc --older-than 1d -p name,reason
}

atf_test_case options__malformed
options__malformed_body()
{
	for o in '--keep -1' '--keep x' '--older-than 5x' '--older-than 1y' \
	    '--max-size 1.5Q' '--max-size 99999999999T' 'operand' \
	    '--keep 1 --keep 2'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^state-gc: ' state-gc $o
	done
	atf_check -s exit:1 test -e root
}

atf_test_case report__stdout_full
report__stdout_full_body()
{
	snap_plant abc
	mkdir "root/vm/.new-$(id_of b)" "root/vm/.new-$(id_of c)"
	atf_check -s exit:74 \
	    -e inline:"state-gc: standard output: No space left on device\n" \
	    sh -c 'state-gc >/dev/full'
	# What could not be told was not begun.
	atf_check -o inline:"directory\n" state-gc -p kind
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	accessed a one 30000
	accessed b two 10
	examples_of state-gc >run
	atf_check_equal 2 "$(grep -c . run)"
	atf_check -o match:"^snapshot	one	lru-age	[0-9]+$" sh -e run
	atf_check -o empty cat gc.log
	atf_check -o inline:"one\ntwo\n" snap-ls -p name
}

atf_init_test_cases()
{
	atf_add_test_case leftovers__nothing
	atf_add_test_case leftovers__each_kind
	atf_add_test_case leftovers__record
	atf_add_test_case leftovers__being_built
	atf_add_test_case leftovers__process
	atf_add_test_case leftovers__process_of_another_time
	atf_add_test_case leftovers__temporary_files
	atf_add_test_case layers__in_use
	atf_add_test_case layers__one_file_twice
	atf_add_test_case layers__of_a_vm_record
	atf_add_test_case layers__somebody_builds
	atf_add_test_case layers__broken_envelope
	atf_add_test_case evict__limits
	atf_add_test_case evict__one_in_use
	atf_add_test_case evict__never_accessed
	atf_add_test_case options__malformed
	atf_add_test_case report__stdout_full
	atf_add_test_case examples__as_printed
}
