#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# VMs with as many disks (26) as there may be: each is handed to the VMM, and
# one more is refused.  Firecracker's are in fc_disks_test.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

# most_vm COUNT ARGUMENT...: a VM "web" with so many data disks.
most_vm()
{
	n=$1
	shift
	while [ "$n" -gt 0 ]; do
		set -- --data-disk "size=16M,name=d$n,fstype=none" "$@"
		n=$((n - 1))
	done
	vm-create -n web --memory 16M --storage 16M --no-cidata "$@"
}

# one_too_many ARGUMENT...: it is refused with one disk more.
one_too_many()
{
	most_vm 26 "$@" >out 2>err
	atf_check_equal "$? 0" "65 $(wc -c <out)"
	atf_check -o match:'more than 26' cat err
	atf_check -o empty find root/vm root/name/vm -mindepth 1
}

atf_test_case qemu__most cleanup
qemu__most_body()
{
	need_tiny
	one_too_many --kernel "$tiny"
	most_vm 25 --kernel "$tiny" --nic user --nic user >/dev/null ||
	    atf_fail "cannot be created"
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check vm-wait --timeout 60 --console '^tick [0-9a-f]{8}$' web
	readlink "/proc/$(member web pid)"/fd/* >open
	atf_check_equal 26 "$(grep -E '/(cow|data-d[0-9]+)\.raw$' open |
	    sort -u | wc -l)"
	atf_check -o ignore snap-save -n s web
	atf_check -o inline:"running\n" vm-clone -n c -p state s
}
qemu__most_cleanup()
{
	vms_end
}

# One of the machine's disks, as Cloud Hypervisor is told of it.
ch_disk()
{
	printf '{"id":"disk%s","path":"%s","readonly":false,"direct":false,' \
	    "$1" "$2"
	printf '"num_queues":1,"image_type":"Raw","backing_files":false,'
	printf '"serial":"%s"}' "$3"
}

# The machine with 26 disks: cow.raw, then data disks.
ch_machine()
{
	printf '{"cpus":{"boot_vcpus":1,"max_vcpus":1},"memory":{"size":0,'
	printf '"zones":[{"id":"mem0","size":16777216,"file":"memory.raw",'
	printf '"shared":true}]},"payload":{"kernel":"kernel"},'
	printf '"rng":{"src":"/dev/urandom"},"serial":{"mode":"Tty"},'
	printf '"console":{"mode":"Off"},"disks":['
	ch_disk 0 cow.raw cocoon-cow
	n=1
	while [ $n -le 25 ]; do
		printf ,
		ch_disk $n data-d$n.raw d$n
		n=$((n + 1))
	done
	printf ']}'
}

atf_test_case cloud_hypervisor__most cleanup
cloud_hypervisor__most_body()
{
	echo kernel >kern
	ch_machine >machine
	{
		cat "$script"
		printf '=== 900. most\n> PUT /api/v1/vm.create HTTP/1.1\n'
		printf '> Host: localhost\n> Content-Type: application/json\n'
		printf '> Content-Length: %s\n>\n> ' "$(wc -c <machine)"
		cat machine
		printf '\n< HTTP/1.1 204 \n< Connection: keep-alive\n<\n\n'
	} >longer
	script=$PWD/longer
	ch_plays ping most boot running
	one_too_many --hypervisor cloud-hypervisor --kernel kern
	most_vm 25 --hypervisor cloud-hypervisor --kernel kern >/dev/null ||
	    atf_fail "cannot be created"
	atf_check -o inline:"running\n" vm-start -p state web
}
cloud_hypervisor__most_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case qemu__most
	atf_add_test_case cloud_hypervisor__most
}
