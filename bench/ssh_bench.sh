#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: ssh_bench.sh [dir]
# vm-ssh against ssh with port, user and key by hand, in a loop until the guest
# answers: medians of RUNS (5) logins in turn, to a Debian that runs and to
# clones of it that have just begun, in a directory under `dir` (/var/tmp).  The
# Debian is that of tests/guest/debian.sh; without it, and without ssh, nothing
# is measured.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
RUNS=${RUNS:-5}
. "$here/lib/turns.sh"
debian=${INSTAR_CACHE:-$top/.cache}/debian-${INSTAR_SUITE:-bookworm}
if ! command -v ssh-keygen >/dev/null || [ ! -e "$debian/root.raw" ]; then
	echo "ssh_bench.sh: skipped: no ssh, or no Debian in $debian" \
	    "(tests/guest/debian.sh makes it)"
	exit 0
fi
begin_turns ssh_bench "$@"
tools vm-create vm-start vm-ls vm-rm vm-wait vm-clone vm-ssh snap-save
INSTAR_ROOT=$work/root
export INSTAR_ROOT

finish()
{
	end_vms "$work"/root/vm/*/vm.json
}

# A clone that has just begun, in the place of the last one.
fresh()
{
	[ ! -e root/name/vm/c ] || vm-rm --force c
	vm-clone -n c s
	to=c
	port=$(vm-ls -p network_configs.0.forward.0.host_port c)
} >/dev/null

by_hand()
{
	until ssh -q -i key -p "$port" -o BatchMode=yes -o ConnectTimeout=10 \
	    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	    admin@127.0.0.1 "$@"; do
		sleep 0.1
	done
}

# What the network alone takes: from a connection to the guest's first byte.
first_byte()
{
	perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr =>
	    "127.0.0.1", PeerPort => shift)->sysread(my $b, 1) or exit 1' \
	    "$port"
}

ssh-keygen -q -t ed25519 -N '' -f key
vm-create -n web --memory 768M --base "$debian/root.raw" \
    --kernel "$debian/vmlinuz" --initrd "$debian/initrd.img" --cmdline \
    'root=/dev/disk/by-id/virtio-cocoon-cow rw console=ttyS0' \
    --user admin --ssh-key key.pub --nic user,forward=0:22 >/dev/null
vm-start web >/dev/null
vm-wait --timeout 1800 --console 'Cloud-init .* finished' web
vm-ssh -q -i key --timeout 600 web true
snap-save -n s web >/dev/null

title "a login that runs true"
to=web
port=$(vm-ls -p network_configs.0.forward.0.host_port web)
compare "to a Debian that runs: ssh" : \
    'vm-ssh -i key "$to" true' 'by_hand true' 1.2
compare "    --timeout 0: without asking before" : \
    'vm-ssh -i key --timeout 0 "$to" true' 'by_hand true'
finish
compare "to a clone that has just begun: ssh" fresh \
    'vm-ssh -i key "$to" true' 'by_hand true' 1.2
compare "    of both: a first byte from its sshd" fresh \
    first_byte first_byte
