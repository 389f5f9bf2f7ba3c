#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What reads foreign bytes can open nothing else: a tool tries to, by a hook,
# as soon as it has enclosed itself.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

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
		snap-import*) inside=$PWD/root/name ;;
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

atf_init_test_cases()
{
	atf_add_test_case enclosed__opens_nothing_outside
	atf_add_test_case enclosed__unpacking
	atf_add_test_case enclosed__gains_no_privileges
}
