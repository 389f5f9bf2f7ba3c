# SPDX-License-Identifier: ISC
# What a guest wrote to a disk is kept, whatever became of a tool that changed
# what lies under it.  After lib.sh, counting.sh and killing.sh.

# guest_writes VM DISK OFFSET BYTE: 4 KiB of that byte to the disk of that
# number, as the guest's device would write it.
guest_writes()
{
	perl -MIO::Socket::UNIX -e '
	my ($dir, $disk, $at, $byte) = @ARGV;
	chdir $dir or die "$dir: $!";
	my $s = IO::Socket::UNIX->new(Peer => "watch.sock") or die "watch: $!";
	sub ask {
		print $s "$_[0]\n";
		while (<$s>) {
			return $_ if /"(return|error)"/;
		}
		die "no answer";
	}
	$s->autoflush(1);
	<$s>;
	ask("{\"execute\": \"qmp_capabilities\"}");
	my $device = "/machine/peripheral/disk$disk/virtio-backend";
	my $line = "qemu-io -d $device \\\"write -P $byte $at 4k\\\"";
	my $said = ask("{\"execute\": \"human-monitor-command\"," .
	    " \"arguments\": {\"command-line\": \"$line\"}}");
	$said =~ /"return": ""/ or die $said;
	' "$INSTAR_ROOT/vm/$(id_of_vm "$1")" "$2" "$3" "$4" ||
	    atf_fail "no write"
}

# Starts VM a.  Its log has the numbers of the start before, too, and half a
# line may be seen: a whole one is waited for, or an old number is the last.
starts_anew()
{
	atf_check -o ignore vm-start a
	atf_check vm-wait --timeout 120 --console '^tick [0-9a-f]{8}$' a
	counts_on a
}

# VM a with a data disk of noise, db, which is disk 1; `want` is what it has.
kept_vm()
{
	vm_run a --storage 8M --data-disk size=16M,name=db,fstype=none
	! can_reflink root || atf_skip "disks are reflinked here"
	atf_check -o ignore vm-stop --force a
	dd if=/dev/urandom of=want bs=1M count=16 status=none
	cp want root/name/vm/a/data-db.raw
	starts_anew
	written=0
}

# The guest writes, ends, and starts: the disk has what it wrote.
disk_is_kept()
{
	written=$((written + 1))
	guest_writes a 1 $((written * 65536)) $written
	# shellcheck disable=SC2059
	dd if=/dev/zero bs=4096 count=1 status=none |
	    tr '\0' "$(printf '\\%03o' $written)" |
	    dd of=want bs=4096 seek=$((written * 16)) conv=notrunc status=none
	record_is_true a
	nothing_frozen_is_open a
	atf_check -o ignore vm-stop --force a
	record_is_true a
	atf_check -o inline:"$(sha256sum <want | cut -c1-64)\n" disk-backup \
	    --vm a -p checksum -o kept db
	starts_anew
}
