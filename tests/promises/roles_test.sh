#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Disks of every role in a Linux guest: what it sees and mounts, and that each
# has what belongs on it after every way that a VM can go.  The checksums are
# the guest's own.

. "$(atf_get_srcdir)/../lib/lib.sh"

log_of()
{
	echo "$1/name/vm/$2/console.log"
}

# How many lines of VM $2 in root $1 begin with $3.
lines()
{
	tr -d '\r' <"$(log_of "$1" "$2")" | grep -ac "^$3"
}

more_lines()
{
	[ "$(lines "$1" "$2" "$3")" -gt "$4" ]
}

# What VM $2 of root $1 has said last: three lines that begin with $3, and most
# of them are right.
said()
{
	tr -d '\r' <"$(log_of "$1" "$2")" | grep -a "^$3" | tail -n 3 | sort |
	    uniq -c | sort -n | tail -n 1 | sed 's/^ *[0-9]* //'
}

# typed ROOT VM LINE: on its console.
typed()
{
	printf '%s\n' "$3" | perl -e '
	use IO::Socket::UNIX;
	chdir($ARGV[0]) or die "$ARGV[0]: $!";
	my $s = IO::Socket::UNIX->new(Peer => "console.sock") or die $!;
	print $s <STDIN>;
	$s->flush;
	select(undef, undef, undef, 0.5);
	' "$1/name/vm/$2" || atf_fail "console of $2"
}

# ask ROOT VM COMMAND: runs a command of tests/guest/seeded; its line, which
# begins with the command's name (fill: filled), on stdout.  Once more when a
# letter was lost on the way.
ask()
{
	word=$3
	case $3 in
	fill | attach) word=${3}ed ;;
	esac
	was=$(($(lines "$1" "$2" "$word") + 2))
	typed "$1" "$2" "run $3"
	eventually 40 more_lines "$1" "$2" "$word" "$was" || {
		typed "$1" "$2" "run $3"
		eventually 40 more_lines "$1" "$2" "$word" "$was"
	} || atf_fail "$2: $3: $(tail -n 3 "$(log_of "$1" "$2")")"
	said "$1" "$2" "$word"
}

# holds ROOT VM FILE: the sums in FILE are what this guest finds.
holds()
{
	ask "$1" "$2" sums >got
	atf_check -o file:"$3" cat got
}

# The seed that VM $2 of root $1 sees names it ($3: its host name).
is_named()
{
	ask "$1" "$2" seed >got
	atf_check -o inline:"seed instance-id: '$(vm-ls -R "$1" -p id \
	    "$2")' local-hostname: '$3' .\n" cat got
}

# The roles of a snapshot's or VM's list, and the serials.
roles()
{
	jq -r '.storage_configs[] | .role + ":" + .serial' | paste -sd ' '
}

# A guest "web" with a disk of every role, and two data disks.
make_web()
{
	need_linux
	mkdir extra
	cp "$guest/seeded" extra/provision
	chmod 755 extra/provision
	(cd extra && echo provision | cpio --quiet -o -H newc) >extra.cpio
	cat "$initrd" extra.cpio >initrd.img
	dd if=/dev/urandom of=layer bs=64k count=16 2>/dev/null
	echo s3cret >password
	atf_check -o ignore vm-create -n web --memory 256M --kernel "$vmlinuz" \
	    --initrd initrd.img --cmdline \
	    'console=ttyS0 panic=1 writer=off count=2000' --layer layer \
	    --storage 32M --data-disk size=24M,name=db \
	    --data-disk size=16M,name=raw,fstype=none \
	    --user admin --password-file password --nic user
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 180 --console '^ready' web
}

atf_test_case roles__all_the_way cleanup
roles__all_the_way_head()
{
	atf_set require.progs "jq perl cpio"
	atf_set timeout 600
}
roles__all_the_way_body()
{
	make_web
	all='layer:layer0 cow:cocoon-cow data:db data:raw cidata:'
	# What the seed says is done, by serial; the disk with none is left.
	said root web mounted >got
	atf_check -o inline:"mounted db /mnt/db\n" cat got
	is_named root web web
	ask root web fill >filled
	ask root web sums >first
	layer=$(sha256sum <layer)
	atf_check -o match:"^sums 1\[layer0\]${layer%% *} 0\[cocoon-cow\][0-9a-f]{64} \
0\[db\][0-9a-f]{64} 0\[raw\][0-9a-f]{64} 1\[\]seed \.\$" cat first

	# Saved, shipped, and cloned elsewhere.
	atf_check -o ignore snap-save -n s web
	roles <"$(snap-ls -p dir s)/cocoon.json" >got
	atf_check -o inline:"$all\n" cat got
	ask root web fill >filled
	snap-export s >s.tar.zst
	atf_check -o ignore -e match:'layer layer0 .* is not in /' \
	    snap-import -R there -n s s.tar.zst
	atf_check -o ignore vm-clone -R there -n c s
	holds there c first
	is_named there c c
	vm-ls -R there c | roles >got
	atf_check -o inline:"$all\n" cat got

	# The clone's own contents, saved and come back to.
	ask there c fill >filled
	ask there c sums >second
	atf_check -s exit:1 cmp -s first second
	atf_check -o ignore snap-save -R there -n t c
	ask there c fill >filled
	atf_check -o ignore vm-restore -R there c t
	holds there c second
	is_named there c c
	atf_check -o ignore vm-restore -R there c s
	holds there c first

	# Back home as a directory, beside the source and onto it.
	atf_check -o ignore snap-export -R there --to-dir dir s
	atf_check -o ignore vm-clone -n d --from-dir dir
	holds root d first
	is_named root d d
	# It boots as itself, every device reset.
	typed root d 'run reboot -f'
	atf_check vm-wait --timeout 180 --console '^ready' d
	said root d mounted >got
	atf_check -o inline:"mounted db /mnt/db\n" cat got
	holds root d first
	is_named root d d
	ask root web sums >third
	atf_check -s exit:1 cmp -s first third
	atf_check -o ignore vm-restore web s
	holds root web first
	is_named root web web
	atf_check -o ignore snap-verify s
	atf_check -o ignore snap-verify -R there
}
roles__all_the_way_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

# A seed stays away after the first boot, an empty disk in its place, and the
# disks are where they were.
atf_test_case roles__without_the_seed cleanup
roles__without_the_seed_head()
{
	atf_set require.progs "jq perl cpio"
	atf_set timeout 600
}
roles__without_the_seed_body()
{
	make_web
	ask root web fill >filled
	zeroes=$(head -c 1048576 /dev/zero | sha256sum | cut -c 1-64)
	ask root web sums | sed "s/ 1\[\]seed/ 1[]$zeroes/" >want
	atf_check -o ignore vm-stop --timeout 120 web
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 180 --console '^ready' web
	vm-ls web | roles >got
	atf_check -o inline:"layer:layer0 cow:cocoon-cow data:db data:raw cidata:\n" \
	    cat got
	ask root web seed >got
	atf_check -o inline:"seed no seed .\n" cat got
	ask root web attach >attached
	holds root web want
}
roles__without_the_seed_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case roles__all_the_way
	atf_add_test_case roles__without_the_seed
}
