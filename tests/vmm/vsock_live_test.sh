#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The channel of a guest agent under Cloud Hypervisor and Firecracker themselves,
# where they are: to a driver in a guest, whose agent knows a few words.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"

vsock=$guest/vsock.elf

need_vsock()
{
	[ -e "$vsock" ] || atf_skip "tests/guest/vsock.elf is not built"
}

# run HYPERVISOR NAME KERNEL: a VM with a channel, that counts.
run()
{
	atf_check -o ignore vm-create -n "$2" --hypervisor "$1" --agent \
	    --memory 32M --storage 16M --kernel "$3"
	atf_check -o ignore vm-start "$2"
	counts_on "$2"
}

# answers VM...: its agent does.
answers()
{
	for vm in "$@"; do
		atf_check vm-wait --timeout 60 --agent "$vm"
		atf_check -s exit:7 -o inline:"tick\n" \
		    vm-exec -i /dev/null "$vm" anything
	done
}

# says VM PORT WHAT: the program says that to who wants that port of the guest.
says()
{
	perl -MIO::Socket::UNIX -e '
		chdir $ARGV[0] or die; alarm 60;
		my $s = IO::Socket::UNIX->new("vsock.sock") or die "socket: $!";
		$s->autoflush(1);
		print $s "CONNECT $ARGV[1]\n";
		my $said = <$s> // "closed\n";
		$said =~ s/[0-9]+/N/;
		print $said' "$INSTAR_ROOT/name/vm/$1" "$2" >said
	atf_check_equal "$3" "$(cat said)"
}

# channel HYPERVISOR: what both are to do.
channel()
{
	run "$1" web "$vsock"
	answers web
	says web 1234 "OK N"
	says web 1235 closed
	# Two at once, and a third while they stay.
	answers web
	# It is saved with it, and each clone has one of its own.
	snap_save -n s web
	answers web
	# What makes it another one is asked for by the channel, too.
	atf_check -o ignore -e match:'c-1: .*: random: status 7$' \
	    -e match:'c-2: .*: random: status 7$' vm-clone -n c --count 2 s
	answers c-1 c-2 web
	[ ! root/name/vm/c-1/vsock.sock -ef root/name/vm/c-2/vsock.sock ] ||
	    atf_fail "both have the same socket"
	atf_check -o ignore vm-rm --force c-2
	answers c-1 web
	# A clone's clone, and what was put back to where it was.
	snap_save -n t c-1
	atf_check -o ignore vm-clone -n d --refresh none t
	atf_check -o ignore vm-restore --refresh none web s
	answers d web c-1
	for vm in d web c-1; do
		counts_on $vm
	done
	# Nobody is behind it where the guest has no driver.
	run "$1" deaf "$tiny"
	atf_check -s exit:75 -e inline:"vm-exec: deaf: the time is over, and \
nothing was started\n" vm-exec --timeout 1 -i /dev/null deaf true
	counts_on deaf
	atf_check -o ignore vm-stop --force deaf
	atf_check test ! -e root/name/vm/deaf/vsock.sock
	atf_check -s exit:77 -e inline:"vm-exec: deaf: not running\n" \
	    vm-exec deaf true
}

atf_test_case agent__cloud_hypervisor cleanup
agent__cloud_hypervisor_head()
{
	atf_set require.progs "perl"
}
agent__cloud_hypervisor_body()
{
	need_ch
	need_vsock
	channel cloud-hypervisor
}
agent__cloud_hypervisor_cleanup()
{
	vms_end
}

atf_test_case agent__firecracker cleanup
agent__firecracker_head()
{
	atf_set require.progs "perl"
}
agent__firecracker_body()
{
	need_firecracker
	need_vsock
	channel firecracker
}
agent__firecracker_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case agent__cloud_hypervisor
	atf_add_test_case agent__firecracker
}
