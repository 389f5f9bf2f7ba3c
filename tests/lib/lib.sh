# SPDX-License-Identifier: ISC
# What the shell tests share.  A test program begins with
#	. "$(atf_get_srcdir)/../lib/lib.sh"
# and finds the tools of its own tree in PATH.  A case that starts VMs calls
# vms_end in its cleanup.

top=$(cd "$(atf_get_srcdir)" && while [ ! -e mk/config.mk ]; do cd ..; done
	pwd)
for d in "$top"/*/; do
	[ -e "$d$(basename "$d").c" ] && PATH=$d:$PATH
done
export PATH

# A state root of the case's own.
INSTAR_ROOT=$PWD/root
export INSTAR_ROOT
# Without a word where guests are emulated.
INSTAR_ACCEL=${INSTAR_ACCEL:-auto}
export INSTAR_ACCEL

guest=$top/tests/guest
tiny=$guest/tiny.elf
linux_cache=${INSTAR_CACHE:-$top/.cache}/linux
vmlinuz=$linux_cache/vmlinuz
initrd=$linux_cache/initrd.img

# In a case's body: skips where a guest is not there.
need_tiny()
{
	[ -e "$tiny" ] || atf_skip "tests/guest/tiny.elf is not built"
}

need_linux()
{
	[ -e "$vmlinuz" ] && [ -e "$initrd" ] ||
	    atf_skip "the Linux guest is not built"
}

need_terminal()
{
	script -qec true /dev/null >/dev/null 2>&1 ||
	    atf_skip "no terminal can be made here"
}

# Ends every VM of the roots given (INSTAR_ROOT without any), by the pids of
# their records: a test's last resort, which trusts no tool.
vms_end()
{
	[ $# -gt 0 ] || set -- "$INSTAR_ROOT"
	for root in "$@"; do
		for r in "$root"/vm/*/vm.json "$root"/vm/.new-*/vm.json \
		    "$root"/pool/*/*/vm.json; do
			[ -e "$r" ] || continue
			pid=$(sed -n \
			    's/.*"pid" *: *\([0-9][0-9]*\).*/\1/p' "$r")
			[ -n "$pid" ] || continue
			case $(readlink "/proc/$pid/cwd") in
			"$root"/*) kill -9 "$pid" ;;
			esac
		done
	done 2>/dev/null
	return 0
}

# signalled [NAME=VALUE...] TOOL...: what a case starts in the background and
# sends a signal, for a shell has INT ignored there, and nohup(1) has HUP.
signalled()
{
	exec env --default-signal=INT,TERM,HUP "$@"
}

# Whether the QEMU here is of version $1.$2 or later.
qemu_since()
{
	qemu-system-x86_64 --version |
	    sed -n 's/^QEMU emulator version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' |
	    { read -r major minor && [ "$major" -gt "$1" ] ||
		{ [ "$major" -eq "$1" ] && [ "$minor" -ge "$2" ]; }; }
}

# eventually SECONDS COMMAND...: waits until the command succeeds.
eventually()
{
	tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

# The process that listens on TCP port $1.
listener()
{
	inode=$(awk -v p="$(printf ':%04X' "$1")" \
	    '$2 ~ p "$" && $4 == "0A" { print $10 }' /proc/net/tcp)
	[ -n "$inode" ] || return 0
	for p in $(vm-ls -p pid); do
		for fd in /proc/"$p"/fd/*; do
			[ "$(readlink "$fd")" != "socket:[$inode]" ] ||
			    echo "$p"
		done
	done
}

# The host port of the first forward of VM $1.
forward_of()
{
	vm-ls "$1" | grep -o '"host_port":[0-9]*' | head -n 1 | tr -dc 0-9
}
