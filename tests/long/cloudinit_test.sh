#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The real cloud-init in a Debian: what a seed says is so in the guest.  Some
# minutes under emulation.  INSTAR_SUITE (bookworm) is the Debian's name.

. "$(atf_get_srcdir)/../lib/lib.sh"

suite=${INSTAR_SUITE:-bookworm}
debian=${INSTAR_CACHE:-$top/.cache}/debian-$suite
boot=1800 # seconds, at most

need_debian()
{
	sh "$guest/debian.sh" "$debian" "$suite" >made 2>&1 ||
	    atf_skip "$(tail -n 1 made)"
}

# guest VM COMMAND: the command's output, by vm-ssh, which finds port, user and
# host key.
guest()
{
	vm-ssh -i key --timeout 300 -o BatchMode=yes -o ConnectTimeout=60 \
	    "$1" "$2" </dev/null
}

booted()
{
	atf_check vm-wait --timeout $boot \
	    --console 'Cloud-init .* finished' "$1"
}

# What the seed has promised to VM $1, but its host name.
as_promised()
{
	guest "$1" 'id -un; findmnt -rno FSTYPE,TARGET /mnt/db' >got
	atf_check -o inline:"admin\next4 /mnt/db\n" cat got
	guest "$1" 'grep /mnt/ /etc/fstab | cut -f 1,2
	    lsblk -bdno SIZE /dev/disk/by-id/virtio-data1' >got
	atf_check -o inline:"/dev/disk/by-id/virtio-db\t/mnt/db\n33554432\n" \
	    cat got
	# The password is the one that was given: as login(1) looks at it.
	guest "$1" 'echo s3cret | sudo perl -lne "
@have = getpwnam(q(admin));
print crypt(\$_, \$have[1]) eq \$have[1] ? q(same) : q(another)"' >got
	atf_check -o inline:"same\n" cat got
	# Networks, as netplan has them from the seed.
	guest "$1" 'ip -4 -o addr show scope global' >got
	atf_check -o match:' 10\.0\.2\.15/24 ' cat got
}

# What ssh remembers of VM $1 is one key, and with another it does not go on.
key_is_minded()
{
	hosts=$(vm-ls -p dir "$1")/known_hosts
	atf_check -o match:' ssh-ed25519 ' cat "$hosts"
	cp "$hosts" kept
	atf_check ssh-keygen -q -t ed25519 -N '' -f other
	echo "instar-$(vm-ls -p id "$1") $(cut -d ' ' -f 1,2 other.pub)" >"$hosts"
	atf_check -s exit:255 -o empty -e match:'IDENTIFICATION HAS CHANGED' \
	    -e match:"$hosts" vm-ssh -i key --timeout 300 "$1" true
	cat kept >"$hosts"
}

# The instance id that cloud-init in VM $1 goes by, and its host name.
instance()
{
	guest "$1" 'cat /var/lib/cloud/data/instance-id; hostname'
}

atf_test_case debian__is_what_its_seed_says cleanup
debian__is_what_its_seed_says_head()
{
	atf_set require.progs "qemu-system-x86_64 jq scp ssh ssh-keygen"
	atf_set require.user root
	atf_set timeout 9000
}
debian__is_what_its_seed_says_body()
{
	need_debian
	ssh-keygen -q -t ed25519 -N '' -f key
	echo s3cret >password
	printf '#cloud-config\nruncmd:\n  - touch /etc/by-user-data\n' >own
	atf_check -o ignore vm-create -n web --memory 768M \
	    --base "$debian/root.raw" --kernel "$debian/vmlinuz" \
	    --initrd "$debian/initrd.img" --cmdline \
	    'root=/dev/disk/by-id/virtio-cocoon-cow rw console=ttyS0' \
	    --data-disk size=64M,name=db --data-disk size=32M,fstype=none \
	    --user admin --password-file password --ssh-key key.pub \
	    --user-data own --nic user,forward=0:22
	id=$(vm-ls -p id web)
	atf_check -o ignore vm-start web
	booted web
	as_promised web
	instance web >got
	atf_check -o inline:"$id\nweb\n" cat got
	guest web 'test -e /etc/by-user-data' || atf_fail "user-data"
	key_is_minded web
	# The status is the command's, and scp goes the same way.
	atf_check -s exit:7 vm-ssh -i key web -- exit 7
	atf_check scp -q -i key -S vm-ssh password web:/tmp/copied
	guest web 'cat /tmp/copied' >got
	atf_check -o file:password cat got
	guest web 'echo kept | sudo tee /mnt/db/kept; sync' >got
	guest web 'cat /etc/ssh/ssh_host_ed25519_key.pub' >web.key
	atf_check -o ignore snap-save -n s web

	# Without its seed, which is gone with the first boot.
	atf_check -o ignore vm-stop --timeout 900 web
	cmp -n 1048576 "$(vm-ls -p dir web)/cidata.img" /dev/zero ||
	    atf_fail "a seed"
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout $boot --console 'web login:' web
	eventually 300 guest web true || atf_fail "$(guest web true 2>&1)"
	as_promised web
	instance web >got
	atf_check -o inline:"$id\nweb\n" cat got
	guest web 'cat /mnt/db/kept' >got
	atf_check -o inline:"kept\n" cat got
	atf_check -o ignore vm-stop --timeout 900 web

	# A clone is its source until it boots; then it is itself.  It has the
	# same MAC: with another it would get another address then, where no
	# forward leads.
	atf_check -o ignore vm-clone -n copy s
	eventually 300 guest copy true || atf_fail "$(guest copy true 2>&1)"
	instance copy >got
	atf_check -o inline:"$id\nweb\n" cat got
	guest copy 'sudo systemctl reboot' || :
	booted copy
	eventually 300 guest copy true || atf_fail "$(guest copy true 2>&1)"
	as_promised copy
	instance copy >got
	atf_check -o inline:"$(vm-ls -p id copy)\ncopy\n" cat got
	guest copy 'cat /mnt/db/kept' >got
	atf_check -o inline:"kept\n" cat got
	guest copy 'cat /etc/ssh/ssh_host_ed25519_key.pub' >copy.key
	atf_check -s exit:1 cmp -s web.key copy.key
	guest copy 'cat /sys/class/net/e*/address' >got
	vm-ls copy | jq -r '.network_configs[0].mac' >want
	atf_check -o file:want cat got
}
debian__is_what_its_seed_says_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case debian__is_what_its_seed_says
}
