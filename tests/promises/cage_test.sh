#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What a VMM that its guest has taken over can do: a program in its place tries,
# then the real one by its monitor.  Each attempt is made without the cage, too.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/cage.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"

atf_test_case program__refused cleanup
program__refused_head()
{
	atf_set require.user root
}
program__refused_body()
{
	need_landlock
	make_world
	tries caged
	# Whatever was tried, the snapshot is what it was.
	atf_check snap-verify s
	tries open --unconfined
	# What this kernel can refuse was refused; and nearly all of it is
	# possible where there is no cage, or the trial would show nothing.
	was_let caged >missed
	atf_check cat missed
	mostly_open open
	[ "$(grep -c ' E' caged)" -ge 60 ] || atf_fail "few were tried"
}
program__refused_cleanup()
{
	world_ends
}

# What a restricted NIC leaves is no way out by TCP, neither by what Landlock
# takes for none: a socket of another protocol, data with the first packet.
atf_test_case restricted__no_way_around cleanup
restricted__no_way_around_body()
{
	[ "$(landlock)" -ge 4 ] || atf_skip "this kernel has no rules for TCP"
	make_world
	tiny_vm n --nic user,restrict=on
	log=$(member n dir)/vmm.log
	for how in caged open; do
		rm -f "$log"
		[ $how = caged ] || set -- --unconfined
		atf_check -s exit:69 -e ignore vm-start "$@" n
		grep '^tcp-[cms]' "$log" >$how
	done
	atf_check -o inline:"$(awk '{ print $1, $2, "done" }' caged)\n" cat open
	atf_check -o empty awk '$3 != "EACCES" && $3 != "EPERM"' caged
}
restricted__no_way_around_cleanup()
{
	world_ends
}

# An older QEMU opens a template for writing: that, by all its names, no more.
atf_test_case program__older_qemu cleanup
program__older_qemu_body()
{
	need_landlock
	make_world 7
	tries caged
	all_but caged snap-read-memory snap-write-memory \
	    template-write template-reopen template-cut
}
program__older_qemu_cleanup()
{
	world_ends
}

# One that is started before its files are there: those that it will write, the
# template among them, which it opens so, and the sockets that it makes.
atf_test_case cloud_hypervisor__ahead cleanup
cloud_hypervisor__ahead_head()
{
	atf_set require.user root
}
cloud_hypervisor__ahead_body()
{
	need_landlock
	ch_import
	tries_for bare memory-ranges
	tries_of state.json layer0 layer0 cow.1.qcow2
	INSTAR_CLOUD_HYPERVISOR=$PWD/bin/vmm
	export INSTAR_CLOUD_HYPERVISOR
	tries_ahead caged vm-clone --disk-mode overlay bare
	all_but caged snap-read-memory snap-write-memory \
	    template-write template-reopen template-cut socket-unix udp
	atf_check -o empty find root/vm -name '.new-*'
	# By its name on the template the memory was cut.
	cat bare/memory-ranges >"$CAGE_MEMORY"
	CAGE_DISK=cow.raw
	tries_ahead copied vm-clone --disk-mode copy bare
	all_but copied snap-read-memory snap-write-memory frozen-write \
	    frozen-reopen template-write template-reopen template-cut \
	    socket-unix udp
	cat bare/memory-ranges >"$CAGE_MEMORY"
	tries_ahead open vm-clone --disk-mode overlay --unconfined bare
	mostly_open open
}
cloud_hypervisor__ahead_cleanup()
{
	world_ends
}

# One that was told to look for its disks elsewhere.
atf_test_case firecracker__loads cleanup
firecracker__loads_head()
{
	atf_set require.user root
}
firecracker__loads_body()
{
	need_landlock
	fc_import
	tries_for good mem
	tries_of vmstate layer0 layer0 cow.raw
	export INSTAR_FIRECRACKER="$PWD/none"
	atf_check -o ignore vm-clone -n c --no-start --nic tap=tap7 good
	INSTAR_FIRECRACKER=$PWD/bin/vmm
	log=$(member c dir)/vmm.log
	tries caged
	# Its disk is no frozen one, and the disks are locked for it.
	all_but caged frozen-write frozen-reopen inherited device-tun \
	    socket-unix udp
	atf_check snap-verify good
	tries open --unconfined
	mostly_open open
}
firecracker__loads_cleanup()
{
	world_ends
}

# add_file NODE READ-ONLY FILE
add_file()
{
	echo '{"execute": "blockdev-add", "arguments": {"driver": "file",' \
	    "\"node-name\": \"$1\", \"read-only\": $2, \"locking\": \"off\"," \
	    "\"filename\": \"$3\"}}"
}

# What the record says of a clone by this QEMU.
templates()
{
	set -- $("${INSTAR_QEMU:-qemu-system-x86_64}" --version |
	    sed -n 's/.* version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
	[ "$1" -gt 8 ] || { [ "$1" -eq 8 ] && [ "$2" -ge 2 ]; } &&
	    echo own || echo template-writable
}

# commands DIR SNAP HOME: what makes a QEMU open something, a line each.
commands()
{
	n=0
	for f in /etc/passwd /dev/zero "$1/cow.raw" "$1/vm.json" \
	    "$2/snapshot.json" "$2/cow.raw" "$3/secret"; do
		n=$((n + 1))
		add_file "r$n" true "$f"
	done
	for f in "$1/cow.raw" "$2/cow.raw" "$3/secret" cow.raw kernel \
	    vm.json; do
		n=$((n + 1))
		add_file "w$n" false "$f"
	done
	cat <<-END
		{"execute": "chardev-add", "arguments": {"id": "f", "backend": {"type": "file", "data": {"out": "$3/out"}}}}
		{"execute": "chardev-add", "arguments": {"id": "o", "backend": {"type": "file", "data": {"out": "vm.out"}}}}
		{"execute": "chardev-add", "arguments": {"id": "p", "backend": {"type": "pty", "data": {}}}}
		{"execute": "chardev-add", "arguments": {"id": "u", "backend": {"type": "socket", "data": {"server": false, "addr": {"type": "unix", "data": {"path": "$1/qmp.sock"}}}}}}
		{"execute": "chardev-add", "arguments": {"id": "l", "backend": {"type": "socket", "data": {"wait": false, "addr": {"type": "unix", "data": {"path": "new.sock"}}}}}}
		{"execute": "chardev-add", "arguments": {"id": "t", "backend": {"type": "socket", "data": {"wait": false, "addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}}}}}
		{"execute": "memsave", "arguments": {"val": 0, "size": 1, "filename": "$3/memsave"}}
		{"execute": "pmemsave", "arguments": {"val": 0, "size": 1, "filename": "$1/pmemsave"}}
		{"execute": "dump-guest-memory", "arguments": {"paging": false, "protocol": "file:$3/dump"}}
		{"execute": "xen-save-devices-state", "arguments": {"filename": "$2/state", "live": true}}
		{"execute": "object-add", "arguments": {"qom-type": "secret", "id": "s", "file": "$3/secret"}}
		{"execute": "object-add", "arguments": {"qom-type": "rng-random", "id": "r", "filename": "/dev/zero"}}
		{"execute": "object-add", "arguments": {"qom-type": "memory-backend-file", "id": "m", "size": 4096, "mem-path": "$2/cow.raw", "share": true}}
		{"execute": "object-add", "arguments": {"qom-type": "memory-backend-file", "id": "n", "size": 4096, "mem-path": "/dev/shm"}}
		{"execute": "netdev_add", "arguments": {"type": "tap", "id": "tap", "ifname": "icagetest", "script": "no", "downscript": "no"}}
		{"execute": "nbd-server-start", "arguments": {"addr": {"type": "inet", "data": {"host": "127.0.0.1", "port": "0"}}}}
	END
}

atf_test_case monitor__refused cleanup
monitor__refused_head()
{
	atf_set require.user root
	atf_set require.progs "qemu-system-x86_64 perl"
}
monitor__refused_body()
{
	need_landlock
	tiny_run a --storage 8M
	atf_check -o ignore snap-save -n s a
	tiny_run o --storage 8M
	mkdir home
	echo secret >home/secret
	commands "$(member o dir)" "$(snap-ls -p dir s)" "$PWD/home" >orders
	# By a clone each: what is done in one is not there for the other.
	atf_check -o ignore vm-clone -n c --disk-mode overlay s
	atf_check -o ignore vm-clone -n u --disk-mode overlay --unconfined s
	# From 8.2 on a template is one of the files that are only read.
	atf_check -o inline:"$(templates)\n" vm-ls -p confined.filesystem c
	if [ "$(templates)" = own ]; then
		add_file m false "$(snap-ls -p dir s)/memory.raw" >>orders
		add_file t false template.raw >>orders
	fi
	for vm in c u; do
		perl "$top/tests/lib/qmp.pl" "$(member $vm dir)" <orders >$vm ||
		    atf_fail "$vm: $(cat $vm)"
	done
	paste orders c | grep -vE '	.*(Permission denied|Operation not permitted)' >missed
	atf_check cat missed
	echo "$(grep -c '^done$' u) of $(wc -l <u) are possible here"
	grep -vn '^done$' u
	[ "$(grep -c '^done$' u)" -ge 24 ] || atf_fail "few are possible at all"
	rm "$(snap-ls -p dir s)/state"
	# It goes on, and so does what its tools do with it.
	counts_on c
	atf_check -o ignore snap-save -n t c
	atf_check snap-verify s t
}
monitor__refused_cleanup()
{
	vms_end
}

# What holds without Landlock, and that its absence is told, is for the filter
# and the limits: the process itself says so.
atf_test_case process__has_nothing cleanup
process__has_nothing_body()
{
	tiny_run a
	status=/proc/$(member a pid)/status
	for c in CapInh CapPrm CapEff CapAmb; do
		atf_check -o match:'0000000000000000$' grep "^$c:" "$status"
	done
	atf_check -o inline:"NoNewPrivs:	1\n" grep '^NoNewPrivs:' "$status"
	atf_check -o match:'^Max core file size *[01] *[01] ' \
	    grep '^Max core' "/proc/$(member a pid)/limits"
	atf_check -o inline:"00000000\n" \
	    cat "/proc/$(member a pid)/coredump_filter"
	atf_check -o match:'"calls":true,"capabilities":"none"' \
	    vm-ls -p confined a
	atf_check -o inline:"$(landlock)\n" vm-ls -p confined.landlock a
	# A VMM that is ended by what leaves a core leaves none.
	mkdir cores
	kill -ABRT "$(member a pid)"
	eventually 20 is_gone "$(member a pid)" || atf_fail "it lives"
	atf_check_equal "" "$(find . -name 'core*' -type f)"
}
process__has_nothing_cleanup()
{
	vms_end
}

atf_test_case unconfined__recorded cleanup
unconfined__recorded_body()
{
	open='{"landlock":0,"filesystem":"open","tcp":"open","scoped":false,"calls":false,"capabilities":"kept","unconfined":true}'
	tiny_vm a
	atf_check -o inline:"$open\n" vm-start --unconfined -p confined a
	atf_check -o inline:"$open\n" vm-ls -p confined a
	atf_check -o ignore snap-save -n s a
	atf_check -o inline:"$open\n" vm-clone -n c --unconfined -p confined s
	atf_check -o inline:"$open\n" vm-restore --unconfined -p confined a s
	# The next one is not, unless it is asked for again.
	atf_check -o inline:"true	none\n" \
	    vm-restore -p confined.calls,confined.capabilities a s
	for w in --no-start --into-pool --from-pool; do
		atf_check -s exit:64 -e match:'exclude each other' \
		    vm-clone $w --unconfined s
	done
}
unconfined__recorded_cleanup()
{
	world_ends
}

# The ports of forwards, and free ones; not another.
atf_test_case forwards__others_refused cleanup
forwards__others_refused_body()
{
	[ "$(landlock)" -ge 4 ] || atf_skip "this kernel has no rules for TCP"
	tiny_run a --nic user,restrict=on,forward=0:22
	atf_check -o inline:"forwards\n" vm-ls -p confined.tcp a
	port=$(member a network_configs.0.forward.0.host_port)
	[ "$port" -gt 0 ] || atf_fail "no forward: $(vm-ls a)"
	# Which of them is free is found by taking one, for a moment.
	other=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	    Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	atf_check -s exit:77 -e inline:"vm-set: a: port $other: the VMM that \
runs may open the ports it was started with, or a free one (0); vm-stop first\n" \
	    vm-set --nic "user,restrict=on,forward=$other:22" a
	# What it had it has again, by this port or another.
	[ "$(member a network_configs.0.forward.0.host_port)" -gt 0 ] ||
	    atf_fail "no forward: $(vm-ls a)"
	atf_check -o ignore vm-set \
	    --nic user,restrict=on,forward=0:22,forward=0:80 a
	[ "$(member a network_configs.0.forward.1.host_port)" -gt 0 ] ||
	    atf_fail "no forward: $(vm-ls a)"
}
forwards__others_refused_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case program__refused
	atf_add_test_case restricted__no_way_around
	atf_add_test_case program__older_qemu
	atf_add_test_case cloud_hypervisor__ahead
	atf_add_test_case firecracker__loads
	atf_add_test_case monitor__refused
	atf_add_test_case process__has_nothing
	atf_add_test_case unconfined__recorded
	atf_add_test_case forwards__others_refused
}
