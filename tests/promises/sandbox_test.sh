#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What reads foreign bytes can open nothing else: a tool tries to, by a hook,
# as soon as it has enclosed itself.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/fc.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

# Landlock's system calls are numbered alike everywhere: 444 tells the version.
need_landlock()
{
	perl -e 'exit(syscall(444, 0, 0, 1) < 1)' ||
	    atf_skip "this kernel has no Landlock"
	[ -z "${LSAN_OPTIONS-}" ] ||
	    atf_skip "a sanitizer cannot work in an enclosure"
}

# A snapshot, its archive, an image and what the disk tools make of it.
make_inputs()
{
	snap_plant b web
	snap-export --no-compress web >web.tar || atf_fail "no archive"
	head -c 65536 /dev/zero | tr '\0' x >image
	disk-backup image >image.mirn || atf_fail "no backup"
	{
		printf 'SnAp\1\0\0\0\1\0\0\0\10\0\0\0'
		head -c 8176 /dev/zero
	} >cow
	mkdir -p other
	snap-push -q oci-layout:lay web >pushed || atf_fail "no artifact"
	echo secret >outside
}

# Each line: a tool that is given what anybody may have made.
parsers()
{
	cat <<-'END'
		snap-import <web.tar
		snap-import web.tar
		snap-export --list web.tar
		snap-export web >/dev/null
		snap-verify web
		snap-verify --from-dir root/snap/$(id_of b)
		snap-ls web
		snap-push oci-layout:other web
		snap-pull oci-layout:lay
		disk-backup -o other/backup image
		disk-restore image.mirn other/restored
		disk-flatten --base image --cow cow -o other/flat
		disk-overlay --base image --changed image -o other/overlay
		cidata-gen --hostname h -o other/seed
	END
}

# try FILE COMMAND: the status when the enclosed tool tries to open FILE.
try()
{
	(
		INSTAR_HOOK=enclosed=open:$1
		export INSTAR_HOOK
		eval "$2"
	) </dev/null >/dev/null 2>&1
	echo $?
}

atf_test_case enclosed__opens_nothing_outside
enclosed__opens_nothing_outside_body()
{
	need_landlock
	make_inputs
	parsers >lines
	while read -r line; do
		for file in "$PWD/outside" /etc/passwd "$PWD/web.tar"; do
			got=$(try "$file" "$line")
			[ "$got" -eq 97 ] || atf_fail "$line: $file: $got"
		done
		# That it is no other fault: it has been given this.
		case $line in
		snap-import* | snap-pull*) inside=$PWD/root/name ;;
		snap-push*) inside=$PWD/other ;;
		*-o*other* | *other/restored) inside=$PWD/other ;;
		*) continue ;;
		esac
		got=$(try "$inside" "$line")
		[ "$got" -eq 98 ] || atf_fail "$line: $inside: $got"
	done <lines
}

# try_unpacking FILE COMMAND: as try, of the process that unpacks an archive for
# its tool, which tells how it ended.
try_unpacking()
{
	INSTAR_HOOK=enclosed=open:$1 sh -c "$2" >/dev/null 2>unpacking.err
	echo "$? $(sed 's/.*: //' unpacking.err)"
}

atf_test_case enclosed__unpacking
enclosed__unpacking_body()
{
	need_landlock
	need_tiny
	make_inputs
	atf_check -o ignore vm-create -n vm --kernel "$tiny"
	for line in "vm-clone --from-archive web.tar" \
	    "vm-clone --from-archive - <web.tar" \
	    "vm-restore vm --from-archive web.tar" \
	    "vm-restore vm --from-archive - <web.tar"; do
		for file in "$PWD/outside" /etc/passwd "$PWD/web.tar" \
		    "$PWD/root/vm" "$PWD/root/snap"; do
			atf_check_equal \
			    "$file, 71 unpacking ended with status 97" \
			    "$file, $(try_unpacking "$file" "$line")"
		done
		# That it is no other fault: one of its descriptors is of the
		# hidden directory, which it may open.
		for fd in 3 4 5 6 7 8 9 10 11 12 13 14 15; do
			try_unpacking "/proc/self/fd/$fd/." "$line"
		done >tried
		atf_check_equal "$line: 1" "$line: $(grep -c \
		    '^71 unpacking ended with status 98$' tried)"
	done
	atf_check -o inline:"$(id_of b)\n" ls -A root/snap
}

# The process that serves a mount, which tells the one that has mounted it.
atf_test_case enclosed__mount
enclosed__mount_body()
{
	need_landlock
	make_inputs
	mkdir mnt
	for file in "$PWD/outside" /etc/passwd "$PWD/root/snap" /dev/fuse; do
		atf_check -s exit:70 \
		    -e inline:"snap-mount: the server has ended: status 97\n" \
		    env INSTAR_HOOK="enclosed=open:$file" \
		    snap-mount oci-layout:lay mnt
	done
	for file in lay root/cache; do
		atf_check -s exit:70 \
		    -e inline:"snap-mount: the server has ended: status 98\n" \
		    env INSTAR_HOOK="enclosed=open:$PWD/$file" \
		    snap-mount oci-layout:lay mnt
	done
}

atf_test_case enclosed__gains_no_privileges
enclosed__gains_no_privileges_body()
{
	need_landlock
	make_inputs
	INSTAR_HOOK=enclosed=stop snap-import web.tar >out 2>&1 &
	pid=$!
	n=0
	while ! grep -q '^State:.T' "/proc/$pid/status"; do
		n=$((n + 1))
		[ $n -lt 600 ] || atf_fail "does not stop"
		sleep 0.1
	done
	atf_check -o inline:'NoNewPrivs:\t1\n' \
	    grep NoNewPrivs "/proc/$pid/status"
	kill -9 $pid
	wait $pid
	:
}

# reads_aside STEP WHAT COMMAND...: what parses at STEP is another process than
# the tool, and can open nothing; the tool says that it ended.
reads_aside()
{
	step=$1 what=$2
	shift 2
	for file in "$PWD/outside" /etc/passwd "$PWD/root/name"; do
		got=0
		INSTAR_HOOK=$step=open:$file "$@" >/dev/null 2>aside.err ||
		    got=$?
		[ $got -ne 0 ] || atf_fail "$*: does not come to $step"
		grep -q "$what ended with status 97\$" aside.err ||
		    atf_fail "$*: $file: $got: $(cat aside.err)"
	done
}

# The same, where the tool itself is enclosed.
reads_enclosed()
{
	step=$1
	shift
	for file in "$PWD/outside" /etc/passwd; do
		got=0
		INSTAR_HOOK=$step=open:$file "$@" >out 2>&1 || got=$?
		atf_check_equal "$* $file: 97" "$* $file: $got"
	done
}

atf_test_case states__qemu cleanup
states__qemu_body()
{
	need_landlock
	need_tiny
	echo secret >outside
	tiny_run w
	atf_check -o ignore snap-save -n s w
	atf_check -o ignore snap-export --to-dir dir s
	looked="a look at it"
	reads_aside parse-qemu "$looked" vm-clone -n c s
	reads_aside parse-qemu "$looked" vm-clone -n c --from-dir dir
	reads_aside parse-qemu "$looked" vm-clone -n c --no-start s
	reads_aside parse-qemu "$looked" vm-restore w s
	atf_check -o inline:"running\n" vm-clone -n c -p state s
	reads_aside parse-qemu "$looked" snap-save c
	counts_on c
}
states__qemu_cleanup()
{
	vms_end
}

atf_test_case states__cloud_hypervisor cleanup
states__cloud_hypervisor_body()
{
	need_landlock
	echo secret >outside
	looked="a look at config.json"
	ch_bare
	truncate -s 1M bare/layer0.raw
	for step in parse-ch-config parse-ch-state; do
		reads_enclosed $step snap-import -n bare --from-dir bare
	done
	atf_check -o ignore snap-import -n bare --from-dir bare
	ch_plays ping restore resume running
	for step in parse-ch-config parse-ch-state parse-ch-memory; do
		reads_aside $step "$looked" vm-clone -n c bare
		reads_aside $step "$looked" vm-clone -n c --no-start bare
	done
	atf_check -o inline:"c\n" vm-clone -n c --no-start -p name bare
	for step in parse-ch-config parse-ch-state parse-ch-memory; do
		reads_aside $step "$looked" vm-restore c bare
	done
}
states__cloud_hypervisor_cleanup()
{
	vms_end
}

atf_test_case states__firecracker cleanup
states__firecracker_body()
{
	need_landlock
	# One that is installed may be older than what was recorded.
	export INSTAR_FIRECRACKER=/bin/true
	echo secret >outside
	fc_pair
	reads_enclosed parse-firecracker snap-import -n p --from-dir pair \
	    --storage-config disks
	atf_check -o ignore snap-import -n p --from-dir pair \
	    --storage-config disks
	reads_aside parse-firecracker "a look at it" \
	    vm-clone -n c --nic tap=none0 p --no-start
	# In a chroot its paths cannot be put elsewhere: it is not started.
	! mountpoint -q / || reads_aside parse-firecracker "a look at it" \
	    vm-clone -n c --nic tap=none0 p
	export INSTAR_FIRECRACKER="$PWD/none"
	atf_check -o inline:"c\n" \
	    vm-clone -n c --no-start -p name --nic tap=none0 p
	reads_aside parse-firecracker "a look at it" vm-restore c p
}
states__firecracker_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case enclosed__opens_nothing_outside
	atf_add_test_case enclosed__unpacking
	atf_add_test_case enclosed__mount
	atf_add_test_case enclosed__gains_no_privileges
	atf_add_test_case states__qemu
	atf_add_test_case states__cloud_hypervisor
	atf_add_test_case states__firecracker
}
