#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Filesystems that Debian's agent freezes in a Linux guest, under QEMU, and guests
# that are told by it who they are.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

# live_case NAME: the body is NAME_body.
live_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_head()
	{
		atf_set require.config long
		atf_set require.progs 'jq qemu-img e2fsck dumpe2fs'
	}
	$1_cleanup() { vms_end; }"
}

# live_vm NAME INITRD WORDS: runs, with these words for its kernel.
live_vm()
{
	atf_check -o ignore vm-create -n "$1" --agent --kernel "$vmlinuz" \
	    --initrd "$2" --cmdline "console=ttyS0 quiet count=1000 $3" \
	    --memory 256M --storage 32M
	atf_check -o ignore vm-start -q --ready agent --ready-timeout 900 "$1"
}

# The root disk of snapshot $1 as raw.img.
disk_of()
{
	dir=$(snap-ls -p dir "$1")
	name=$(jq -r '.storage_configs[] | select(.role == "cow") | .path' \
	    "$dir/cocoon.json")
	rm -f raw.img
	atf_check qemu-img convert -O raw "$dir/${name##*/}" raw.img
}

# What is asked of the filesystem in raw.img: nothing is left in its journal.
is_at_rest()
{
	! dumpe2fs -h raw.img 2>/dev/null | grep -q needs_recovery
}

in_guest()
{
	vm=$1
	shift
	vm-exec -i /dev/null "$vm" -- sh -c "$*"
}

# The same, which is to succeed.
guest_does()
{
	in_guest "$@" >did 2>&1 || atf_fail "$*: exit $?: $(cat did)"
}

# A writer keeps the journal busy all the time.
live_case freeze__nothing_to_replay
freeze__nothing_to_replay_body()
{
	need_agent
	live_vm web "$agent_initrd" writer=on
	atf_check -o ignore vm-exec --detach -i /dev/null web -- sh -c \
	    'while :; do echo x >>/mnt/more; sync /mnt/more; done'
	for i in 1 2 3; do
		atf_check -o inline:"filesystem\n" snap-save --freeze \
		    --freeze-timeout 120 -n s$i -p consistent web
		disk_of s$i
		is_at_rest || atf_fail "s$i: a journal is to be replayed"
		atf_check -o ignore -e ignore e2fsck -fn raw.img
	done
	# Without a freeze there is something to replay, sooner or later.
	found=
	for i in 1 2 3 4 5; do
		atf_check -o inline:"crash\n" snap-save -n c$i -p consistent web
		disk_of c$i
		is_at_rest || found=y
		atf_check -o ignore snap-rm c$i
	done
	test -n "$found" || atf_fail "nothing was to be replayed in a crash"
	# A backup of the disk alone.
	atf_check -o ignore disk-backup -q --freeze --freeze-timeout 120 \
	    --vm web -o b.mirn cow
	rm raw.img
	atf_check -o ignore -x "disk-restore -q raw.img <b.mirn"
	is_at_rest || atf_fail "backup: a journal is to be replayed"
	guest_does web 'echo alive >/mnt/alive'
	# Killed with the guest frozen: it writes on.
	for step in frozen paused going-on; do
		rc=0
		INSTAR_HOOK=$step=kill snap-save --freeze --freeze-timeout 120 \
		    -n k web 2>err || rc=$?
		[ $rc -eq 137 ] || atf_fail "$step: exit $rc: $(cat err)"
		eventually 300 in_guest web 'echo alive >/mnt/alive' ||
		    atf_fail "$step: it stays frozen"
	done
	atf_check -o ignore vm-stop --force --wait 200 web
	# A clone is thawed before its record is printed, and writes.
	atf_check -o save:out -e ignore vm-clone -q -n c \
	    --refresh-timeout 300 s3
	jq -e '.identity.refresh.thaw.result == "confirmed"' out >/dev/null ||
	    atf_fail "$(cat out)"
	guest_does c 'echo alive >/mnt/alive'
	# So is one that is put back, and one that stood still at first.
	atf_check -o inline:"confirmed\n" -e ignore vm-restore -q \
	    --refresh-timeout 300 -p identity.refresh.thaw.result c s3
	guest_does c 'echo alive >/mnt/alive'
	atf_check -o ignore vm-stop --force c
	atf_check -o ignore vm-clone -q -n p --paused s3
	atf_check -o inline:"confirmed\n" \
	    vm-resume -p identity.refresh.thaw.result p
	guest_does p 'echo alive >/mnt/alive'
}

# Programs of the host's with their libraries, in a further initramfs.
with_programs()
{
	mkdir -p more/bin more/etc/ssh more/root
	for p in "$@"; do
		f=$(command -v "$p") || atf_skip "no $p here"
		cp -L "$f" "more/bin/$p"
		for lib in $(ldd "$f" | grep -o '/[^ ]*'); do
			mkdir -p "more$(dirname "$lib")"
			cp -L "$lib" "more$lib"
		done
	done
	# What takes minutes by emulation is left out of it.
	mv more/bin/ssh-keygen more/bin/ssh-keygen.real
	cat >more/bin/ssh-keygen <<'END'
#!/bin/sh
[ "$1" != -A ] || set -- -q -t ed25519 -N '' -f "$3/etc/ssh/ssh_host_ed25519_key"
exec ssh-keygen.real "$@"
END
	chmod 755 more/bin/ssh-keygen
	echo root:x:0:0:root:/root:/bin/sh >more/etc/passwd
	printf '127.0.0.1\tlocalhost\n127.0.1.1\tgolden.example.org golden\n' \
	    >more/etc/hosts
	echo golden >more/etc/hostname
	echo 0123456789abcdef0123456789abcdef >more/etc/machine-id
	cp "$agent_initrd" agent.img
	(cd more && find . | cpio --quiet -o -H newc -R 0:0) >>agent.img
}

# Without the driver that sees that the machine is another one: such clones draw
# the same numbers at first, unless somebody tells them.
live_case refresh__real
refresh__real_body()
{
	need_agent
	with_programs perl ssh-keygen
	live_vm web "$PWD/agent.img" \
	    "writer=off initcall_blacklist=vmgenid_driver_init"
	guest_does web 'hostname golden
	    ssh-keygen -A -f / && date -u -s "2026-01-01 00:00:00"'
	atf_check -o ignore snap-save -n golden web
	atf_check -o ignore vm-stop --force web
	for c in c d; do
		atf_check -o save:out-$c vm-clone -q -n $c --refresh \
		    clock,random,hostname,machine-id,ssh-keys \
		    --refresh-timeout 900 golden
		jq -e '[.identity.refresh[].result] == ["confirmed", "reseeded",
		    "confirmed", "confirmed", "confirmed"] and
		    .identity.hostname == "confirmed" and
		    ([.identity.refresh[].ms] | min > 0)' out-$c >/dev/null ||
		    atf_fail "$(cat out-$c)"
		# And it is recorded.
		jq -S .identity out-$c >printed
		vm-ls $c | jq -S .identity >recorded
		atf_check cmp printed recorded
		in_guest $c 'hostname; cat /etc/hostname /etc/hosts' >name-$c
		in_guest $c 'cat /etc/machine-id' >id-$c
		in_guest $c 'cat /etc/ssh/ssh_host_ed25519_key.pub' >key-$c
		in_guest $c 'head -c 32 /dev/urandom | xxd -p -c 64' >bytes-$c
		# Late by what it takes to ask.
		before=$(date +%s)
		guest=$(in_guest $c 'date +%s')
		after=$(date +%s)
		[ "$guest" -ge $((before - 5)) ] &&
		    [ "$guest" -le $((after + 5)) ] ||
		    atf_fail "$c: $guest is not between $before and $after"
		atf_check -o ignore vm-stop --force $c
	done
	atf_check -o inline:"c
c
127.0.0.1	localhost
127.0.1.1	golden.example.org c\n" cat name-c
	grep -qx d name-d || atf_fail "$(cat name-d)"
	for f in id key bytes; do
		test -s $f-c || atf_fail "no $f"
		atf_check -s exit:1 -o ignore cmp -s $f-c $f-d
	done
	grep -qx '[0-9a-f]\{12\}4[0-9a-f]\{3\}[89ab][0-9a-f]\{15\}' id-c ||
	    atf_fail "$(cat id-c)"
	# What cannot be is told, and the clone runs; a script of the user's.
	printf '#!/bin/sh\necho "I am $(hostname)"; echo bad >&2; exit 3\n' >run
	atf_check -s exit:69 -o save:out -e inline:"vm-clone: e: network: nothing \
in it renews a lease\n" vm-clone -q -n e --refresh network,hostname \
	    --run run --refresh-timeout 900 golden
	jq -e '.state == "running" and .run.status == 3 and
	    .run.stdout == "I am e\n" and .run.stderr == "bad\n" and
	    .identity.refresh.network.result == "failed"' out >/dev/null ||
	    atf_fail "$(cat out)"
	atf_check -s exit:69 -o ignore -e inline:"vm-restore: e: --run: status 3\n" \
	    vm-restore -q --refresh none --run run --refresh-timeout 900 e golden
}

atf_init_test_cases()
{
	atf_add_test_case freeze__nothing_to_replay
	atf_add_test_case refresh__real
}
