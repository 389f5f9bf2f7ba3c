#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The real Cloud Hypervisor, where it is found: proved by the guest's count.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

# ch_run NAME OPTION...: a VM of the counting guest that runs.
ch_run()
{
	vm=$1
	shift
	atf_check -o ignore vm-create -n "$vm" --hypervisor cloud-hypervisor \
	    --kernel "$tiny" --memory 32M --storage 16M "$@"
	atf_check -o inline:"running\n" vm-start -p state "$vm"
	counts "$vm" 3
}

# counts VM N: it gets beyond N.
counts()
{
	eventually 60 has_counted "$1" "$2" || {
		cat "$(member "$1" dir)/vmm.log"
		atf_fail "$1 does not count beyond $2"
	}
}

# How far the guest of the snapshot had counted: the number in its memory.
saved_count()
{
	od -An -tu4 -j $((0x101000)) -N 4 \
	    "$(snap-ls -p dir "$1")/${2:-memory.raw}" | tr -d ' '
}

# The first number that the VM printed.
first_count()
{
	echo $((0x$(tr -d '\r' <"$(member "$1" console_log)" |
	    sed -n 's/^tick \([0-9a-f]\{8\}\)$/\1/p' | head -n 1)))
}

# goes_on VM SNAPSHOT: it does so where the snapshot was, and was not booted.
goes_on()
{
	want=$(saved_count "$2" "$3")
	counts "$1" "$((want + 2))"
	first=$(first_count "$1")
	[ "$first" -ge "$want" ] && [ "$first" -le $((want + 1)) ] ||
	    atf_fail "$1 began with $first, the snapshot has $want"
}

atf_test_case round__all cleanup
round__all_body()
{
	need_ch
	ch_run web --data-disk size=16M,name=db,fstype=none
	atf_check -o save:record snap-save -n golden web
	counts web "$(($(saved_count golden) + 2))"
	atf_check -o ignore vm-clone --count 3 -n c golden
	for vm in c-1 c-2 c-3; do
		atf_check_equal template "$(member "$vm" memory_backing)"
		goes_on "$vm" golden
	done
	# Nobody has written to what they share.
	atf_check -o ignore snap-verify golden
	# A clone's own pages are in its snapshot.
	atf_check -o ignore snap-save -n second c-2
	[ "$(saved_count second)" -gt "$(saved_count golden)" ] ||
	    atf_fail "the clone's pages were not saved"
	atf_check -o ignore vm-clone -n d second
	goes_on d second
	# Its memory was not dumped.
	atf_check -s exit:1 test -e "$(snap-ls -p dir second)/memory-ranges"
	# Back to where it was, with the rest of the log.
	was=$(count_of web)
	want=$(saved_count golden)
	atf_check -o inline:"running\n" vm-restore -p state web golden
	next=$(printf 'tick %08x' $((want + 1)))
	atf_check vm-wait --timeout 60 --console "^$next" web
	atf_check -o ignore grep -q "$(printf 'tick %08x' "$was")" \
	    "$(member web console_log)"
	# Through an archive into another root.
	atf_check -o save:golden.tar snap-export --no-compress golden
	INSTAR_ROOT=$PWD/other
	atf_check -o ignore snap-import -n golden golden.tar
	atf_check -o ignore vm-clone -n e golden
	goes_on e golden
	atf_check -o inline:"stopped\n" vm-stop --force -p state e
}
round__all_cleanup()
{
	vms_end "$PWD/root" "$PWD/other"
}

# Disks without reflinks go on in overlays, which a second save keeps.
atf_test_case clone__overlays cleanup
clone__overlays_body()
{
	need_ch
	ch_run web
	atf_check -o ignore snap-save -n golden web
	atf_check -o ignore vm-clone -n c --disk-mode overlay golden
	goes_on c golden
	dir=$(member c dir)
	atf_check test -e "$dir/cow.1.qcow2"
	atf_check -o match:'"cow.1.qcow2".*"backing_files":true' \
	    grep -o '"path":"cow[^}]*' "$dir/config.json"
	atf_check -o ignore snap-save -n deeper c
	atf_check -o ignore vm-clone -n d --disk-mode overlay deeper
	goes_on d deeper
	atf_check test -e "$(member d dir)/cow.2.qcow2"
}
clone__overlays_cleanup()
{
	vms_end
}

atf_test_case memory__memfd cleanup
memory__memfd_body()
{
	need_ch
	ch_run web --memory-backing memfd
	atf_check_equal memfd "$(member web memory_backing)"
	atf_check -s exit:1 test -e "$(member web dir)/memory.raw"
	atf_check -o ignore snap-save -n golden web
	atf_check -o ignore vm-clone -n c --memory-mode copy golden
	goes_on c golden
	atf_check -o ignore snap-save -n again c
	atf_check -o ignore vm-clone -n d again
	goes_on d again
}
memory__memfd_cleanup()
{
	vms_end
}

atf_test_case save__stopped_and_paused cleanup
save__stopped_and_paused_body()
{
	need_ch
	ch_run web
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o ignore snap-save -n paused web
	atf_check -o inline:"paused\n" vm-ls -p state web
	atf_check -o inline:"running\n" vm-resume -p state web
	counts web "$(($(saved_count paused) + 2))"
	atf_check -o ignore snap-save -n ended --stop web
	atf_check -o inline:"stopped\n" vm-ls -p state web
	atf_check -o inline:"paused\n" vm-clone -n c --paused -p state ended
	atf_check -o inline:"running\n" vm-resume -p state c
	goes_on c ended
}
save__stopped_and_paused_cleanup()
{
	vms_end
}

# Whoever saves is killed: the guest does not stay still.
atf_test_case save__killed cleanup
save__killed_body()
{
	need_ch
	ch_run web
	for at in paused state-saved memory-saved; do
		was=$(count_of web)
		INSTAR_HOOK=$at=kill snap-save web >/dev/null 2>&1
		counts web $((was + 5))
	done
	atf_check -o empty snap-ls
	# What it left in the way does not trouble the next.
	atf_check -o ignore snap-save -n golden web
	atf_check -o ignore vm-clone -n c golden
	goes_on c golden
}
save__killed_cleanup()
{
	vms_end
}

atf_test_case restore__undone cleanup
restore__undone_body()
{
	need_ch
	ch_run web
	atf_check -o ignore snap-save -n golden web
	was=$(count_of web)
	# The program that is to take over refuses: the old guest runs on.
	INSTAR_CLOUD_HYPERVISOR=false atf_check -s exit:69 -e ignore \
	    vm-restore web golden
	counts web $((was + 5))
}
restore__undone_cleanup()
{
	vms_end
}

# api ACTION [BODY]: one call to the VM that was started by hand.
api()
{
	curl -sf --unix-socket hand/api.sock -X PUT ${2:+-d "$2"} \
	    -H 'Content-Type: application/json' "http://x/api/v1/$1" ||
	    atf_fail "$1"
}

# What others run, with memory of the program's own and absolute paths.
atf_test_case import__by_hand cleanup
import__by_hand_body()
{
	need_ch
	command -v curl >/dev/null || atf_skip "no curl"
	mkdir hand snap
	truncate -s 16M hand/disk.img
	truncate -s 1M layer.img
	truncate -s 4M base.img
	qemu-img create -q -f qcow2 -b "$PWD/base.img" -F raw hand/over.qcow2 ||
	    atf_skip "no qemu-img"
	cp "$tiny" hand/vmlinux
	(cd hand && exec "$program" --api-socket path=api.sock \
	    >vmm.log 2>&1) &
	echo $! >pid
	eventually 20 test -S hand/api.sock
	api vm.create '{"cpus":{"boot_vcpus":1,"max_vcpus":1},"memory":
	    {"size":33554432},"payload":{"kernel":"'"$PWD"'/hand/vmlinux"},
	    "disks":[{"path":"'"$PWD"'/hand/disk.img"},
	    {"path":"'"$PWD"'/hand/over.qcow2","image_type":"Qcow2",
	    "backing_files":true},
	    {"path":"'"$PWD"'/layer.img","readonly":true}],
	    "serial":{"mode":"File","file":"'"$PWD"'/hand/serial.log"},
	    "console":{"mode":"Off"}}'
	api vm.boot
	eventually 60 grep -q 'tick 0000000[5-9]' hand/serial.log
	api vm.pause
	api vm.snapshot '{"destination_url":"file://'"$PWD"'/snap"}'
	cp hand/disk.img hand/over.qcow2 snap/
	api vm.resume
	atf_check -o ignore -e empty \
	    snap-import -n moved --trust-paths --from-dir snap
	atf_check -o ignore vm-clone --count 3 -n c moved
	for vm in c-1 c-2 c-3; do
		goes_on "$vm" moved memory-ranges
	done
	atf_check -o match:'^backing file: base.raw' \
	    qemu-img info -U "$(snap-ls -p dir moved)/data-data1.1.qcow2"
	size=$(stat -c %s hand/serial.log)
	[ "$size" -gt 0 ] || atf_fail "the source's log was emptied"
	atf_check -o ignore snap-save -n ours c-1
	atf_check -o ignore vm-clone -n d ours
	goes_on d ours
	# And back out: the program takes our directory as it is.
	atf_check -o ignore snap-export --to-dir out ours
	cp layer.img out/layer2
	cp base.img out/base.raw
	api vmm.shutdown
	wait
	(cd out && exec "$program" --api-socket path=../hand/api.sock \
	    --restore source_url=file://. >../serial 2>&1) &
	echo $! >pid
	# Only v52 and later resume by themselves.
	until curl -sf --unix-socket hand/api.sock http://x/api/v1/vm.info |
	    grep -q '"state":"Paused"'; do
		kill -0 "$(cat pid)" || atf_fail "it ended: $(cat serial)"
		sleep 0.1
	done
	api vm.resume
	want=$(printf 'tick %08x' $(($(saved_count ours) + 1)))
	eventually 60 grep -aq "$want" serial || {
		cat serial
		atf_fail "it does not run"
	}
	api vmm.shutdown
	wait
}
import__by_hand_cleanup()
{
	[ ! -e pid ] || kill -9 "$(cat pid)" 2>/dev/null
	vms_end
}

# A guest that has read its seed and let go of it; its clones have theirs.
atf_test_case clone__seeds cleanup
clone__seeds_body()
{
	need_ch
	ch_run web --user joe
	atf_check -o ignore vm-stop --force web
	echo 'Cloud-init v. 24.1 finished at noon' >>"$(member web console_log)"
	atf_check -o not-match:cidata vm-start -p storage_configs web
	counts web 3
	atf_check -o ignore snap-save -n golden web
	atf_check -o inline:"next-boot\n" \
	    vm-clone -n c -p identity.instance_id golden
	goes_on c golden
	atf_check -o ignore grep -aq "local-hostname: 'c'" \
	    "$(member c dir)/cidata.img"
	# It is saved with the clone, and made anew for the clone's clones.
	atf_check -o ignore snap-save -n second c
	atf_check -o ignore vm-clone --count 2 -n d second
	for vm in d-1 d-2; do
		goes_on "$vm" second
		atf_check -o ignore grep -aq "local-hostname: '$vm'" \
		    "$(member "$vm" dir)/cidata.img"
	done
	# Back to where it has none.
	atf_check -o not-match:cidata vm-restore -p storage_configs web golden
	counts web "$(($(saved_count golden) + 2))"
}
clone__seeds_cleanup()
{
	vms_end
}

# A machine such as cocoon makes: its balloon never gets at what is shared.
atf_test_case clone__of_cocoons_devices cleanup
clone__of_cocoons_devices_body()
{
	need_ch
	command -v curl >/dev/null || atf_skip "no curl"
	mkdir hand snap
	truncate -s 16M hand/cow.raw
	(cd hand && exec "$program" --api-socket path=api.sock \
	    >vmm.log 2>&1) &
	echo $! >pid
	eventually 20 test -S hand/api.sock
	api vm.create '{"cpus":{"boot_vcpus":1,"max_vcpus":1},"memory":
	    {"size":33554432,"mergeable":true,"prefault":true},
	    "payload":{"kernel":"'"$tiny"'"},
	    "disks":[{"path":"'"$PWD"'/hand/cow.raw","serial":"cocoon-cow"}],
	    "balloon":{"size":8388608,"deflate_on_oom":true,
	    "free_page_reporting":true},"watchdog":true,
	    "vsock":{"cid":3,"socket":"'"$PWD"'/hand/vsock"},
	    "serial":{"mode":"File","file":"'"$PWD"'/hand/serial.log"},
	    "console":{"mode":"Pty"}}'
	api vm.boot
	eventually 60 grep -q 'tick 0000000[5-9]' hand/serial.log
	api vm.pause
	api vm.snapshot '{"destination_url":"file://'"$PWD"'/snap"}'
	cp hand/cow.raw snap/
	api vm.resume
	# Its kernel is not followed: the guest runs, and can never boot again.
	atf_check -o ignore snap-import -n moved --from-dir snap
	atf_check -o ignore vm-clone --count 2 -n c moved
	for vm in c-1 c-2; do
		atf_check_equal memfd "$(member "$vm" memory_backing)"
		atf_check test -S "$(member "$vm" dir)/vsock.sock"
		goes_on "$vm" moved memory-ranges
	done
	atf_check -o ignore snap-save -n ours c-1
	# The killed one's vsock socket is in nobody's way.
	atf_check -o inline:"running\n" vm-restore -p state c-1 ours
	atf_check -o ignore vm-clone -n d ours
	atf_check_equal memfd "$(member d memory_backing)"
	goes_on d ours
	atf_check -o ignore snap-verify moved ours
	api vmm.shutdown
	wait
}
clone__of_cocoons_devices_cleanup()
{
	[ ! -e pid ] || kill -9 "$(cat pid)" 2>/dev/null
	vms_end
}

bridge_is_bare()
{
	[ -z "$(ls /sys/class/net/ichbr/brif)" ]
}

# A NIC with another address is another NIC; the same one only moves its tap.
atf_test_case clone__nics cleanup
clone__nics_body()
{
	need_ch
	[ "$(id -u)" = 0 ] && ip tuntap add dev ichtest0 mode tap 2>/dev/null ||
	    atf_skip "no tap can be made"
	ip tuntap add dev ichtest1 mode tap
	ip tuntap add dev ichtest2 mode tap
	ch_run web --nic tap=ichtest0,mac=52:54:00:00:00:10
	atf_check -o ignore snap-save -n golden web
	atf_check -s exit:64 -e match:"say with --nic" vm-clone golden
	atf_check -o ignore vm-clone -n c \
	    --nic tap=ichtest1,mac=52:54:00:00:00:11 golden
	goes_on c golden
	atf_check -o inline:"offered\n" vm-ls -p identity.mac c
	atf_check -o ignore vm-clone -n d --same-mac --nic tap=ichtest2 golden
	goes_on d golden
	atf_check -o inline:"inherited\n" vm-ls -p identity.mac d
	# One on a bridge is made for it, and goes with it.
	ip link add ichbr type bridge
	ip link set ichbr up
	atf_check -o ignore vm-clone -n b \
	    --nic bridge=ichbr,mac=52:54:00:00:00:13 golden
	goes_on b golden
	atf_check_equal 1 "$(ls /sys/class/net/ichbr/brif | wc -l)"
	atf_check -o ignore snap-save -n bridged b
	atf_check -o ignore vm-restore b bridged
	atf_check -o ignore vm-stop --force b
	atf_check -o ignore vm-start b
	counts b 3
	atf_check_equal 1 "$(ls /sys/class/net/ichbr/brif | wc -l)"
	atf_check -o ignore vm-rm --force b
	eventually 20 bridge_is_bare || atf_fail "a tap stays"
	atf_check -o ignore snap-save -n second c
	atf_check -o ignore vm-rm --force c
	atf_check -o ignore vm-clone -n e \
	    --nic tap=ichtest1,mac=52:54:00:00:00:12 second
	goes_on e second
}
clone__nics_cleanup()
{
	vms_end
	for i in test0 test1 test2 br; do
		ip link del "ich$i" 2>/dev/null
	done
	return 0
}

atf_init_test_cases()
{
	atf_add_test_case round__all
	atf_add_test_case clone__overlays
	atf_add_test_case memory__memfd
	atf_add_test_case save__stopped_and_paused
	atf_add_test_case save__killed
	atf_add_test_case restore__undone
	atf_add_test_case import__by_hand
	atf_add_test_case clone__of_cocoons_devices
	atf_add_test_case clone__seeds
	atf_add_test_case clone__nics
}
