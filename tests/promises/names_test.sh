#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Names of disk files that another program would take for something else:
# refused where they come in, and harmless to qemu-img if they are there.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

# A listener on loopback that notes in the file "seen" who connects.
listen_begin()
{
	perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 5, Proto => "tcp",
		    LocalAddr => "127.0.0.1") or die "listen: $!";
		alarm 500;
		open my $p, ">", "port.new" or die; print $p $s->sockport;
		close $p; rename "port.new", "port";
		while (my $c = $s->accept) {
			open my $f, ">>", "seen"; print $f "connected\n";
			close $f; close $c;
		}' &
	echo $! >listener.pid
	eventually 20 test -s port || atf_fail "nobody listens"
	port=$(cat port)
	name="nbd:127.0.0.1:$port:exportname=x.qcow2"
}

listen_end()
{
	[ ! -e listener.pid ] || kill "$(cat listener.pid)" || :
}

# Whether the listener listens at all: asked only when all is over.
check_unseen()
{
	[ ! -e seen ] || atf_fail "$1: somebody connected"
}

check_listener()
{
	perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto => "tcp",
	    PeerAddr => "127.0.0.1:$ARGV[0]") or die' "$port"
	eventually 20 test -e seen || atf_fail "the listener sees nobody"
}

# plant NAME: a snapshot "web" whose cow disk is an overlay of that name.
plant()
{
	snap_plant b web
	d=root/snap/$(id_of b)
	qemu-img create -q -f qcow2 -b cow.raw -F raw "$d/top.qcow2"
	mv -- "$d/top.qcow2" "$d/./$1"
	sidecar "$1" cow.raw >"$d/cocoon.json"
	sed -i "s/\"cow.raw\"/\"cow.raw\",\"$1\",\"cocoon.json\"/" \
	    "$d/snapshot.json"
	chmod 600 "$d"/*
}

# sidecar TOP BACKING: of one disk.
sidecar()
{
	printf '%s' '{"storage_configs":[{"path":"' "$1" '","ro":false,' \
	    '"serial":"cocoon-cow","role":"cow","backing":["' "$2" '"]}]}'
}

# refused NAME COMMAND...: 65, and one line that names it.
refused()
{
	bad=$1
	shift
	mkdir -p r
	atf_check -s exit:65 -o empty -e save:err "$@"
	atf_check -o inline:"1\n" sh -c 'wc -l <err'
	atf_check -o ignore grep -F "\"$bad\": a disk's file has no colon in \
its name, and no dash in front" err
	check_unseen "$*"
}

atf_test_case import__name_of_a_protocol cleanup
import__name_of_a_protocol_body()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	listen_begin
	for bad in "$name" "-cow.1.qcow2" "/srv/$name" "json:{}"; do
		plant "${bad##*/}"
		sidecar "$bad" cow.raw >"$d/cocoon.json"
		cp -r "$d" dir
		tar -C "$d" -cf a.tar snapshot.json memory.raw cow.raw \
		    cocoon.json "./${bad##*/}"
		refused "$bad" snap-import -R r a.tar
		refused "$bad" snap-import -R r --from-dir dir
		nothing_left r || atf_fail "$bad: something is left"
		# As a file beneath another, too.
		sidecar cow.1.qcow2 "${bad##*/}" >dir/cocoon.json
		refused "${bad##*/}" snap-import -R r --from-dir dir
		nothing_left r || atf_fail "$bad: something is left"
		rm -r root dir r
	done
	check_listener
}
import__name_of_a_protocol_cleanup()
{
	listen_end
}

# One that is in the store already, from a time when it was taken.
atf_test_case export__name_of_a_protocol cleanup
export__name_of_a_protocol_body()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	listen_begin
	plant "$name"
	refused "$name" snap-export --cocoon -o a.tar web
	check_listener
}
export__name_of_a_protocol_cleanup()
{
	listen_end
}

# What the user himself calls so is a file, and nothing else.
atf_test_case backup__file_with_a_colon cleanup
backup__file_with_a_colon_body()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	listen_begin
	qemu-img create -q -f qcow2 top.qcow2 1M
	qemu-io -f qcow2 -c 'write -P 0x61 64k 4k' top.qcow2 >ignored
	qemu-img convert -f qcow2 -O raw top.qcow2 want.raw
	mv top.qcow2 "./$name"
	atf_check -e ignore -o ignore disk-backup --format qcow2 -o a.zst "$name"
	atf_check -e ignore -o ignore disk-restore a.zst got.raw
	atf_check cmp want.raw got.raw
	check_unseen disk-backup
	check_listener
}
backup__file_with_a_colon_cleanup()
{
	listen_end
}

# An overlay of Cloud Hypervisor's is told where its base is by qemu-img, which
# would open the data file that its header names.
atf_test_case import__data_file_elsewhere cleanup
import__data_file_elsewhere_body()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	listen_begin
	ch_bare
	bytes=$(stat -c %s bare/cow.raw)
	there=nbd:127.0.0.1:$port
	plain=$(echo "$there" | tr : _)
	(cd bare && truncate -s "$bytes" base.raw && qemu-img create -q \
	    -f qcow2 -o "data_file=$plain" -b base.raw -F raw cow.qcow2 &&
	    rm "$plain") || atf_fail "no overlay"
	export plain there
	perl -0777 -pi -e 's/\Q$ENV{plain}\E/$ENV{there}/ or die' bare/cow.qcow2
	sed 's,/cow.raw",/cow.qcow2",; s,"image_type":"Raw","image_type":"Unknown",g' \
	    bare/config.json >new
	mv new bare/config.json
	atf_check -s exit:65 -o empty \
	    -e match:"cow.1.qcow2: has an external data file" \
	    timeout 60 snap-import --from-dir bare
	check_unseen snap-import
	check_listener
}
import__data_file_elsewhere_cleanup()
{
	listen_end
}

atf_init_test_cases()
{
	atf_add_test_case import__name_of_a_protocol
	atf_add_test_case export__name_of_a_protocol
	atf_add_test_case backup__file_with_a_colon
	atf_add_test_case import__data_file_elsewhere
}
