#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones and restores on a bridge, in a network of the case's own.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

# Runs the case again, as $1, in a network namespace with the bridge br0 and a
# tap t0; skips where there can be none.
in_a_network()
{
	need_linux
	for p in jq perl ip unshare; do
		PATH=$PATH:/usr/sbin:/sbin
		command -v $p >/dev/null || atf_skip "$p is not installed"
	done
	[ "$(id -u)" -eq 0 ] || atf_skip "network namespaces are for root"
	unshare -n true 2>err || atf_skip "unshare -n: $(cat err)"
	# Joined by tools and VMs: the namespace lives as long as this process.
	unshare -n sleep 600 &
	echo $! >holder
	eventually 5 eval '[ "$(readlink "/proc/$(cat holder)/ns/net")" != \
	    "$(readlink /proc/self/ns/net)" ]' || atf_fail "no namespace"
	net ip link set lo up
	net ip link add br0 type bridge 2>err ||
	    atf_skip "no bridge: $(cat err)"
	net ip link set br0 up
	net ip tuntap add dev t0 mode tap 2>err ||
	    atf_skip "no tap: $(cat err)"
	net ip link set t0 master br0 up
}

net()
{
	nsenter -t "$(cat holder)" -n "$@"
}

net_end()
{
	vms_end
	# They may have ended by themselves, which is no failure of the case.
	for f in listener holder; do
		[ ! -e $f ] || kill "$(cat $f)" 2>/dev/null
	done
	return 0
}

# Writes the source MAC of every frame on the bridge to the file macs.
listen()
{
	# AF_PACKET, SOCK_RAW, ETH_P_ALL; bound to the bridge.
	net perl -e '
	use Socket;
	$| = 1;
	my $all = unpack("S", pack("n", 3));
	socket(my $s, 17, SOCK_RAW, $all) or die "socket: $!";
	open(my $f, "<", "/sys/class/net/br0/ifindex");
	my $i = `ip -o link show br0`;
	$i =~ s/:.*//s;
	bind($s, pack("SSiSCCa8", 17, $all, $i, 0, 0, 0, "")) or die "bind: $!";
	while (recv($s, my $frame, 65536, 0)) {
		print join(":", unpack("(H2)6", substr($frame, 6, 6))), "\n";
	}
	' >macs 2>listen.err &
	echo $! >listener
	sleep 0.3
}

linux()
{
	name=$1
	shift
	truncate -s 64M "$name.raw"
	atf_check -o ignore vm-create -n "$name" --memory 256M \
	    --kernel "$vmlinuz" --initrd "$initrd" \
	    --cmdline "console=ttyS0 panic=1 writer=off" "$@"
	net vm-start -p id "$name" >/dev/null 2>err || atf_fail "$(cat err)"
	atf_check vm-wait --timeout 180 --console '^ready' "$name"
}

mac_of()
{
	vm-ls "$1" | jq -r '.network_configs[0].mac'
}

speaks()
{
	grep -qx "$1" macs
}

# A line typed on the console of VM $1.
typed()
{
	printf '%s\n' "$2" | perl -e '
	use IO::Socket::UNIX;
	my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!";
	print $s <STDIN>;
	$s->flush;
	select(undef, undef, undef, 0.5);
	' "root/name/vm/$1/console.sock" || atf_fail "console of $1"
}

atf_test_case bridge__clone_is_silent cleanup
bridge__clone_is_silent_head()
{
	atf_set require.config long
}
bridge__clone_is_silent_body()
{
	in_a_network
	linux a --nic bridge=br0
	# Everything that the guest does now sends something.
	typed a 'run while usleep 100000; do arping -c 1 -I eth0 10.0.2.9; \
done >/dev/null 2>&1 &'
	listen
	mac=$(mac_of a)
	eventually 20 speaks "$mac" ||
	    atf_fail "the source is silent: $(cat macs listen.err)"
	snap_save -n s a
	atf_check -o ignore vm-pause a
	sleep 0.5
	: >macs
	net vm-clone -n c --nic bridge=br0 s >out 2>err ||
	    atf_fail "$(cat err)"
	atf_check vm-wait --timeout 60 --console '^count ' c
	sleep 2
	atf_check -s exit:1 grep -x "$mac" macs
	atf_check -s exit:1 grep -x "$(mac_of c)" macs
	[ "$(mac_of c)" != "$mac" ] || atf_fail "the same MAC"
	atf_check -o ignore vm-resume --link-up c
	# The guest has the MAC that it was saved with until it changes it.
	eventually 20 speaks "$mac" || atf_fail "silent: $(cat macs)"
	atf_check -o ignore vm-rm --force c
	: >macs
	net vm-clone -n d --nic bridge=br0 --same-mac s >out 2>err ||
	    atf_fail "$(cat err)"
	[ "$(mac_of d)" = "$mac" ] || atf_fail "another MAC"
	eventually 20 speaks "$mac" || atf_fail "silent: $(cat macs)"
	# Without --nic nothing is put on a bridge.
	atf_check -s exit:64 -e inline:"vm-clone: the snapshot's NIC 0 is of \
kind bridge: say with --nic where the clone's goes\n" vm-clone -n e s
}
bridge__clone_is_silent_cleanup()
{
	net_end
}

# A tap has room for one: the old VMM ends before the new one begins.
atf_test_case tap__restored cleanup
tap__restored_body()
{
	in_a_network
	need_tiny
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny" \
	    --storage 8M --nic tap=t0
	net vm-start a >out 2>err || atf_fail "$(cat err)"
	counts_on a
	snap_save -n s a
	count=$(count_in "$(snap_file s memory.raw)")
	eventually 20 has_ticked a $((count + 20))
	for i in 1 2; do
		net vm-restore a s >out 2>err || atf_fail "$(cat err)"
		counts_on a
		vm_is a running
	done
	atf_check -o empty find root/vm -name '.*'
	INSTAR_HOOK=exchanged=kill net vm-restore a s >out 2>err
	counts_on a
	vm_is a running
	# A clone beside it finds the tap taken.
	net vm-clone -n c --nic tap=t0 s >out 2>err && atf_fail "two on a tap"
	atf_check -o match:"t0" cat err
	atf_check -o ignore vm-ls a
	counts_on a
}
tap__restored_cleanup()
{
	net_end
}

atf_test_case identity__two_clones_differ cleanup
identity__two_clones_differ_body()
{
	need_linux
	command -v jq >/dev/null || atf_skip "jq is not installed"
	atf_check -o ignore vm-create -n a --memory 256M --storage 64M \
	    --kernel "$vmlinuz" --initrd "$initrd" \
	    --cmdline "console=ttyS0 panic=1 random=8"
	atf_check -o ignore vm-start a
	atf_check vm-wait --timeout 180 --console '^random [0-9a-f]{64}' a
	snap_save -n s a
	for vm in c d; do
		atf_check -o ignore vm-clone -n $vm s
	done
	for vm in c d; do
		atf_check vm-wait --timeout 60 \
		    --console 'crng reseeded due to virtual machine fork' $vm
		atf_check vm-wait --timeout 60 \
		    --console '^random [0-9a-f]{64}' $vm
		grep -a '^random' root/name/vm/$vm/console.log | head -n 1 \
		    >random-$vm
		atf_check -s exit:1 grep -a 'Linux version' \
		    root/name/vm/$vm/console.log
	done
	atf_check -s exit:1 cmp -s random-c random-d
	atf_check -o ignore vm-restore c s
	atf_check -s exit:1 grep -a 'DISK TORN' root/name/vm/*/console.log
}
identity__two_clones_differ_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case bridge__clone_is_silent
	atf_add_test_case tap__restored
	atf_add_test_case identity__two_clones_differ
}
