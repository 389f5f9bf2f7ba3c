# SPDX-License-Identifier: ISC
# A Linux guest with a disk of every role, and what it says of them; behind
# lib.sh.  The checksums are the guest's own.

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
