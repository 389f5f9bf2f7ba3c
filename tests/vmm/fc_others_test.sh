#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Firecracker VMs that others run: moved in, and ours moved out, with the
# program itself and curl, as instar(7) has it.
# shellcheck disable=SC2154

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"

need_taps()
{
	PATH=$PATH:/usr/sbin:/sbin
	command -v ip >/dev/null || atf_skip "ip is not installed"
	[ "$(id -u)" -eq 0 ] || atf_skip "taps are for root"
	taps=
	for t in fct0 fct1 fct2; do
		ip tuntap add dev $t mode tap 2>err ||
		    atf_skip "no tap: $(cat err)"
		echo $t >>taps
	done
}

others_end()
{
	PATH=$PATH:/usr/sbin:/sbin
	vms_end
	while read -r pid; do
		kill -9 "$pid"
	done <pids
	while read -r t; do
		ip link del "$t"
	done <taps
	return 0
} 2>/dev/null

# put METHOD PATH BODY: to the program that has $sock.
put()
{
	curl -sS --fail-with-body --unix-socket "$sock" -X "$1" \
	    "http://localhost/$2" -d "$3" || atf_fail "$1 $2"
}

# by_hand DIR: the program, started there.
by_hand()
{
	(cd "$1" && exec "$firecracker" --api-sock api.sock --id others \
	    >console.log 2>&1 </dev/null) &
	echo $! >>pids
	sock=$1/api.sock
	eventually 20 test -S "$sock" || atf_fail "it does not listen"
}

tick_of()
{
	hex=$(sed -n 's/^tick \(........\)$/\1/p' "$1" | sed -n "$2p")
	echo $((0x${hex:-0}))
}

# A machine of others: its paths are absolute, its names not ours.
others_run()
{
	mkdir others save
	truncate -s 1M others/base.raw
	truncate -s 8M others/web.raw
	echo written | dd of=others/web.raw conv=notrunc status=none
	by_hand "$PWD/others"
	put PUT machine-config '{"vcpu_count":1,"mem_size_mib":32}'
	put PUT boot-source \
	    '{"kernel_image_path":"'"$tiny"'","boot_args":"console=ttyS0"}'
	put PUT drives/base '{"drive_id":"base","is_root_device":false,
	    "is_read_only":true,"path_on_host":"'"$PWD"'/others/base.raw"}'
	put PUT drives/web '{"drive_id":"web","is_root_device":false,
	    "is_read_only":false,"path_on_host":"'"$PWD"'/others/web.raw"}'
	put PUT network-interfaces/net1 '{"iface_id":"net1",
	    "host_dev_name":"fct0","guest_mac":"06:00:ac:10:00:02"}'
	put PUT vsock '{"guest_cid":3,"uds_path":"'"$PWD"'/others/v.sock"}'
	put PUT actions '{"action_type":"InstanceStart"}'
	eventually 20 grep -q '^tick' others/console.log || atf_fail "no tick"
}

# As the manual has it.
others_save()
{
	put PATCH vm '{"state":"Paused"}'
	put PUT snapshot/create '{"snapshot_type":"Full",
	    "snapshot_path":"'"$PWD"'/save/vmstate",
	    "mem_file_path":"'"$PWD"'/save/mem"}'
	cp --reflink=auto --sparse=always others/web.raw save/
	put PATCH vm '{"state":"Resumed"}'
	cat >web.disks <<-END
		{"path":"$PWD/others/base.raw","ro":true,"serial":"base","role":"layer"}
		{"path":"$PWD/others/web.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
	END
}

# opens VM FILE: whether its process has this file of its directory open.
opens()
{
	want=$(stat -Lc %d:%i "root/name/vm/$1/$2")
	for f in "/proc/$(pid_of "$1")/fd"/*; do
		[ "$(stat -Lc %d:%i "$f")" != "$want" ] || return 0
	done
	atf_fail "$1 has not opened its own $2"
}

atf_test_case others__in_and_out cleanup
others__in_and_out_body()
{
	need_firecracker
	for p in curl jq; do
		command -v $p >/dev/null || atf_skip "$p is not installed"
	done
	need_taps
	others_run
	others_save
	atf_check -o ignore snap-import -n web --from-dir save --trust-paths \
	    --storage-config web.disks
	case $("$firecracker" --version | head -n 1) in
	"Firecracker v1.1"[345]*)
		atf_check -s exit:78 -o empty \
		    -e match:"vmstate: has a vsock, which .* cannot put elsewhere" \
		    vm-clone --nic tap=none -n c1 web
		atf_skip "Firecracker before 1.16 puts no vsock elsewhere"
		;;
	esac
	# The tap of the source is busy; its socket is in nobody's way.
	ip link set fct0 up
	for o in "" --same-mac; do
		atf_check -s exit:75 -o empty -e inline:"vm-clone: tap fct0: Device or resource busy\n" \
		    vm-clone $o --nic tap=fct0 -n c1 web
	done
	atf_check -o match:"LOWER_UP" ip -o link show fct0
	atf_check -o inline:"running	1	template\n" vm-clone --nic tap=fct1 \
	    -n c1 -p state,config.cpu,memory_backing web
	atf_check -o ignore vm-clone --nic tap=fct2 -n c2 web
	for c in c1 c2; do
		restored_from $c web
		counts_on $c
		opens $c cow.raw
		opens $c template.raw
		[ -S root/name/vm/$c/vsock.sock ] || atf_fail "$c: no vsock"
		atf_check -o inline:'["inherited","offered"]\n' jq -c \
		    '.identity | [.mac, .vmgenid]' root/name/vm/$c/vm.json
		atf_check -o inline:'["06:00:ac:10:00:02"]\n' jq -c \
		    '[.network_configs[].mac]' root/name/vm/$c/vm.json
	done
	atf_check -o inline:"written\n" head -n 1 root/name/vm/c1/cow.raw
	# The address is its source's: nothing goes through until it is said.
	atf_check -o not-match:"LOWER_UP" ip -o link show fct1
	atf_check -o ignore vm-pause c1
	atf_check -o ignore vm-resume --link-up c1
	atf_check -o match:"LOWER_UP" ip -o link show fct1
	# What a clone saves has paths no more.
	snap_save -n own c1
	grep -q "$PWD" "$(snap_file own vmstate)" && atf_fail "still others'"
	atf_check vm-rm --force c2
	atf_check -o ignore vm-clone --nic tap=fct2 -n d own
	restored_from d own
	[ -S root/name/vm/d/vsock.sock ] || atf_fail "d: no vsock"
	# Back to the first moment, over sockets that a kill left behind.
	kill -9 "$(pid_of c1)"
	eventually 20 eval '[ "$(vm-ls -p state c1)" = stopped ]' ||
	    atf_fail "it lives"
	[ -S root/name/vm/c1/vsock.sock ] || atf_fail "none was left"
	atf_check -o ignore vm-restore c1 own
	counts_on c1
	atf_check -o ignore vm-restore c1 web
	counts_on c1
	opens c1 cow.raw
	atf_check -o inline:"stopped\n" vm-stop --force -p state c1
	[ ! -e root/name/vm/c1/vsock.sock ] || atf_fail "a socket is left"
	# The source has noticed nothing.
	now=$(wc -l <others/console.log)
	eventually 20 eval '[ "$(wc -l <others/console.log)" -gt "$now" ]' ||
	    atf_fail "the source stands still"
	# And out.
	atf_check -o ignore snap-export --to-dir out own
	ln others/base.raw out/layer0
	by_hand "$PWD/out"
	put PUT snapshot/load '{"snapshot_path":"vmstate",
	    "mem_backend":{"backend_type":"File","backend_path":"mem"},
	    "network_overrides":[{"iface_id":"net1","host_dev_name":"fct1"}],
	    "resume_vm":true}'
	eventually 20 grep -q '^tick' out/console.log || atf_fail "no tick"
	saved=$(count_in out/mem)
	first=$(tick_of out/console.log 1)
	[ "$first" -eq "$saved" ] || [ "$first" -eq $((saved + 1)) ] ||
	    atf_fail "it began with $first, the snapshot has $saved"
}
others__in_and_out_cleanup()
{
	others_end
}

atf_init_test_cases()
{
	atf_add_test_case others__in_and_out
}
