#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Cloud Hypervisor's clones with devices of their own, starts and saves that
# fail, and its ends: against recorded answers, so anywhere.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

# A guest that has let go of its seed: its clone gets one, before it runs.
atf_test_case clone__seed_added cleanup
clone__seed_added_body()
{
	ch_import
	ch_plays ping
	echo kernel >kern
	atf_check -o ignore vm-create -n seeded --user joe \
	    --hypervisor cloud-hypervisor --kernel kern
	atf_check -o ignore snap-export --to-dir good bare
	cp "$(member seeded dir)/cidata.json" good/
	atf_check -o ignore vm-rm seeded
	ch_plays ping restore 'add seed' resume running
	atf_check -o inline:"next-boot\tnext-boot\n" vm-clone -n c \
	    -p identity.instance_id,identity.hostname --from-dir good
	dir=$(member c dir)
	atf_check -o ignore grep -a "^local-hostname: 'c'\$" "$dir/cidata.img"
	# Nothing that was not saved is to be restored.
	atf_check -s exit:1 grep -q cidata.img "$dir/config.json"
	atf_check -o match:'"path":"[^"]*cidata.img"' \
	    vm-ls -p storage_configs c
	# Prepared now, added when it is loaded.
	ch_plays ping restore 'add seed' resume running
	atf_check -o inline:"created\n" \
	    vm-clone --no-start -n d -p state --from-dir good
	atf_check -o inline:"running\n" vm-start -p state d
	# Where it was saved it is one of the disks, under its own id.
	ch_plays ping restore resume running
	rm good/cidata.json
	atf_check -o inline:"inherited\n" \
	    vm-clone -n e -p identity.instance_id --from-dir good
}
clone__seed_added_cleanup()
{
	vms_end
}

# The recorded snapshot, with a NIC in it.
ch_import_nic()
{
	ch_bare
	truncate -s 1M bare/layer0.raw
	sed 's/"rng"/"net":[{"id":"_net3","tap":"tap3",'\
'"mac":"52:54:00:00:00:03"}],"rng"/' bare/config.json >new
	mv new bare/config.json
	queue='{\\"size\\":256,\\"ready\\":false}'
	sed 's/"_disk2":{"snapshots"/"_net3":{"snapshots":{},"snapshot_data":'\
'{"state":"{}"}},"_virtio-pci-_net3":{"snapshots":{},"snapshot_data":'\
'{"state":"{\\"queues\\":['"$queue,$queue,$queue"']}"}},&/' \
	    bare/state.json >new
	mv new bare/state.json
	atf_check -o ignore snap-import -n nic --from-dir bare
}

# While it stands still, one NIC is put in the other's place.
atf_test_case clone__nic_replaced cleanup
clone__nic_replaced_body()
{
	ch_import_nic
	ch_plays ping restore 'remove NIC' 'add NIC' resume running
	atf_check -o inline:"offered\n" vm-clone -n c -p identity.mac \
	    --nic tap=tap9,mac=52:54:00:00:00:09 nic
	# Until then its tap was nobody's, the source's least of all.
	atf_check -o match:"\"tap\":\"ic$(member c id | cut -c 1-9).0\"" \
	    grep -o '"net":\[[^]]*]' "$(member c dir)/config.json"
	# With the same address it is the same one, on its tap.
	ch_plays ping restore resume running
	atf_check -o inline:"inherited\n" vm-clone -n d -p identity.mac \
	    --same-mac --nic tap=tap9 nic
	atf_check -o match:'"tap":"tap9"' \
	    grep -o '"net":\[[^]]*]' "$(member d dir)/config.json"
}
clone__nic_replaced_cleanup()
{
	vms_end
}

# opens_once SNAPSHOT [OPTION]...: a clone opens each of the pair once, by the
# same one process, and starts none but that, the VMM and its console.
opens_once()
{
	snap=$1
	shift
	# A sanitizer's leak check is a tracer, too.
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace \
	    -e trace=openat,openat2,clone,clone3,fork,vfork \
	    vm-clone -p state "$@" "$snap" >said || atf_fail "strace"
	atf_check_equal running "$(cat said)"
	for file in config.json state.json; do
		grep "\"$file\"" trace >opened
		atf_check_equal "$file 1" "$file $(wc -l <opened)"
	done
	atf_check_equal 3 "$(grep -cE '(clone|clone3|fork|vfork)\(' trace)"
}

# What must be known of them is asked at once: a process for each question
# would be half of what a clone costs.
atf_test_case clone__opens_the_pair_once cleanup
clone__opens_the_pair_once_head()
{
	atf_set require.progs strace
}
clone__opens_the_pair_once_body()
{
	ch_import_nic
	ch_plays ping restore resume
	opens_once nic --same-mac --nic tap=tap9
	ch_plays ping restore 'remove NIC' 'add NIC' resume
	opens_once nic --nic tap=tap9,mac=52:54:00:00:00:09
	rm -rf bare
	ch_import
	ch_plays ping restore resume
	opens_once bare
	opens_once bare --disk-mode overlay --memory-mode copy
}
clone__opens_the_pair_once_cleanup()
{
	vms_end
}

atf_test_case clone__tap_busy cleanup
clone__tap_busy_body()
{
	ch_import_nic
	ch_plays ping restore 'remove NIC' 'tap busy'
	refused 69 "PUT /api/v1/vm.add-net: Error from API: The network \
device could not be added to the VM: Error from device manager: Cannot create \
virtio-net device: Failed to open taps: Open tap device failed: Unable to \
configure tap interface: Device or resource busy (os error 16)" \
	    vm-clone -n c --nic tap=tap9,mac=52:54:00:00:00:09 nic
}
clone__tap_busy_cleanup()
{
	vms_end
}

# A host that saved it with what is not supported.
atf_test_case clone__saved_by_another_version cleanup
clone__saved_by_another_version_body()
{
	ch_vm
	saved="snapshot without memory"
	ch_plays -c "$saved=$here/data/good/ch/config.json:handover/save.state/config.json" \
	    -c "$saved=$here/data/good/ch/state.json:handover/save.state/state.json" \
	    ping create boot running running ping pause "$saved" resume running
	atf_check -o ignore vm-start web
	atf_check -o ignore snap-save -n golden web
	for v in 50.0.0 54.1.0 x; do
		rm -rf d
		cp -r "$(snap-ls -p dir golden)" d
		sed "s/\"version\": \"53.0.0\"/\"version\": \"$v\"/" \
		    d/snapshot.json >new
		mv new d/snapshot.json
		atf_check -s exit:78 -e inline:"vm-clone: golden: saved by \
cloud-hypervisor $v, not one of v51 to v53\n" vm-clone --from-dir d
	done
}
clone__saved_by_another_version_cleanup()
{
	vms_end
}

atf_test_case create__what_it_cannot cleanup
create__what_it_cannot_body()
{
	ch_plays ping
	echo kernel >kern
	truncate -s 1M image
	set -- --hypervisor cloud-hypervisor --kernel kern
	atf_check -s exit:64 -e match:"--nic user" vm-create "$@" --nic user
	atf_check -s exit:64 -e match:"--accel tcg" vm-create "$@" --accel tcg
	atf_check -s exit:64 -e match:"--kernel or a --firmware" \
	    vm-create --hypervisor cloud-hypervisor --base image
	atf_check test ! -e root
}
create__what_it_cannot_cleanup()
{
	vms_end
}

# What it is not: too old, too new, none of its kind.
atf_test_case start__other_version cleanup
start__other_version_body()
{
	ch_vm
	for v in 50.2.0 54.0.0 0.9 x; do
		ch_plays -s "53.0.0=$v" ping
		atf_check -s exit:69 -e inline:"vm-start: web: cloud-hypervisor \
$v: not one of v51 to v53\n" vm-start web
	done
	for v in 51.2.0 52.0.0; do
		ch_plays -s "53.0.0=$v" ping create boot running
		atf_check -o inline:"running\n" vm-start -p state web
		eventually 20 is_stopped web ||
		    atf_fail "the player does not end"
	done
}
start__other_version_cleanup()
{
	vms_end
}

atf_test_case start__faults cleanup
start__faults_body()
{
	ch_vm
	for fault in cut half part garbage flood endless; do
		for at in ping create boot; do
			ch_plays -f "$fault@$at" ping create boot
			atf_check -s exit:69 -e save:said vm-start web
			atf_check_equal 1 "$(wc -l <said)"
			atf_check -o match:"^(created|stopped)	\$" \
			    vm-ls -p state,pid web
		done
	done
}
start__faults_cleanup()
{
	vms_end
}

atf_test_case start__no_program cleanup
start__no_program_body()
{
	ch_vm
	INSTAR_CLOUD_HYPERVISOR=$PWD/none
	export INSTAR_CLOUD_HYPERVISOR
	atf_check -s exit:69 -e match:"none" vm-start web
}
start__no_program_cleanup()
{
	vms_end
}

# ch_started CALL...: "web" runs, and what comes next is played.
ch_started()
{
	ch_vm
	ch_plays "$@"
	atf_check -o ignore vm-start web
	dir=$(member web dir)
	pid=$(member web pid)
}

# A guest that hears the button ends its machine, and the process with it.
atf_test_case stop__button cleanup
stop__button_body()
{
	ch_started -e 'power button=0' ping create boot running running \
	    'power button'
	atf_check -o inline:"stopped\n" vm-stop -p state web
	is_gone "$pid" || atf_fail "it lives"
	for f in api.sock console.sock memory.raw; do
		atf_check -s exit:1 test -e "$dir/$f"
	done
}
stop__button_cleanup()
{
	vms_end
}

# One that does not is ended by its VMM, and --force asks it nothing.
atf_test_case stop__shutdown cleanup
stop__shutdown_body()
{
	ch_started -e 'shutdown=0' ping create boot running running \
	    'power button' shutdown
	atf_check -o inline:"stopped\n" vm-stop --timeout 1 -p state web
	is_gone "$pid" || atf_fail "it lives"
	ch_plays -e 'shutdown=0' ping create boot running shutdown
	atf_check -o ignore vm-start web
	atf_check -o inline:"stopped\n" vm-stop --force -p state web
}
stop__shutdown_cleanup()
{
	vms_end
}

# Alive, but with nobody at its socket: signals end it.
atf_test_case stop__without_socket cleanup
stop__without_socket_body()
{
	ch_started ping create boot running running running running
	rm "$dir/api.sock"
	atf_check -s exit:69 -e match:"api.sock" vm-pause web
	atf_check -o inline:"stopped\n" vm-stop -p state web
	is_gone "$pid" || atf_fail "it lives"
}
stop__without_socket_cleanup()
{
	vms_end
}

# Found dead, with all its sockets and its memory about: it starts again.
atf_test_case start__after_a_kill cleanup
start__after_a_kill_body()
{
	ch_started ping create boot running running running running
	touch "$dir/vsock.sock" "$dir/api.sock.lock"
	kill -9 "$pid"
	eventually 10 is_stopped web || atf_fail "not found dead"
	atf_check -s exit:77 -e match:"not running" snap-save web
	ch_plays ping create boot running running
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -s exit:1 test -e "$dir/vsock.sock"
}
start__after_a_kill_cleanup()
{
	vms_end
}

# Whatever is wrong with the answer: said in a line, and the guest runs on.
atf_test_case save__faults cleanup
save__faults_body()
{
	ch_vm
	for fault in cut half part garbage flood; do
		ch_plays -f "$fault@snapshot without memory" -e 'shutdown=0' \
		    ping create boot running running ping pause \
		    'snapshot without memory' resume running shutdown
		atf_check -o ignore vm-start web
		atf_check -s exit:69 -e save:said snap-save web
		atf_check_equal 1 "$(wc -l <said)"
		atf_check -o match:"^snap-save: .*vm.snapshot: " cat said
		atf_check -o inline:"running\n" vm-ls -p state web
		atf_check -o ignore vm-stop --force web
	done
	atf_check -o empty snap-ls
}
save__faults_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__seed_added
	atf_add_test_case clone__nic_replaced
	atf_add_test_case clone__opens_the_pair_once
	atf_add_test_case clone__tap_busy
	atf_add_test_case clone__saved_by_another_version
	atf_add_test_case create__what_it_cannot
	atf_add_test_case start__other_version
	atf_add_test_case start__faults
	atf_add_test_case start__no_program
	atf_add_test_case stop__button
	atf_add_test_case stop__shutdown
	atf_add_test_case stop__without_socket
	atf_add_test_case start__after_a_kill
	atf_add_test_case save__faults
}
