# SPDX-License-Identifier: ISC
# What is tried from inside of a VMM's cage, by lib/cage_tries.c.
#	. "$(atf_get_srcdir)/../lib/lib.sh"
#	. "$(atf_get_srcdir)/../lib/vms.sh"

# The version of Landlock's interface, 0 without.
landlock()
{
	perl -e 'my $v = syscall(444, 0, 0, 1); print $v < 0 ? 0 : $v'
}

need_landlock()
{
	[ "$(landlock)" -gt 0 ] || atf_skip "this kernel has no Landlock"
}

# tries_for SNAP MEMORY: the program in a VMM's place, and what it must be told: of
# another VM "o", the snapshot, and the file of its memory.
tries_for()
{
	tiny_vm o --storage 8M
	atf_check -o ignore vm-start o
	mkdir -p home bin
	echo secret >home/secret
	# Alone in a folder: what lies beside a program is not its own.
	cp "$top/tests/lib/cage_tries" bin/vmm
	CAGE_OTHER=$(member o dir) CAGE_SNAP=$(snap-ls -p dir "$1")
	CAGE_MEMORY=$CAGE_SNAP/$2
	CAGE_ROOT=$INSTAR_ROOT CAGE_HOME=$PWD/home CAGE_PID=$(member o pid)
	CAGE_PORT=9
	echo "$CAGE_PID" >other.pid
	export CAGE_OTHER CAGE_SNAP CAGE_MEMORY CAGE_ROOT CAGE_HOME CAGE_PID \
	    CAGE_PORT
}

# tries_of STATE KERNEL LAYER DISK: files that the VM that is to be started will have;
# the last one is its own to write.
tries_of()
{
	CAGE_STATE=$1 CAGE_KERNEL=$2 CAGE_LAYER=$3 CAGE_DISK=$4
	export CAGE_STATE CAGE_KERNEL CAGE_LAYER CAGE_DISK
}

# QEMU's: a clone "c" of "s" that does not run.
make_world()
{
	truncate -s 1M layer
	tiny_run a --storage 8M --layer layer
	atf_check -o ignore snap-save -n s a
	tries_for s memory.raw
	atf_check -o ignore vm-clone -n c --no-start --disk-mode overlay s
	tries_of state.qemu kernel "$(cd "$(member c dir)" && echo layer*)" \
	    cow.1.qcow2
	CAGE_MAJOR=${1:-9} INSTAR_QEMU=$PWD/bin/vmm
	export CAGE_MAJOR INSTAR_QEMU
	log=$(member c dir)/vmm.log
}

# Without the cage the other VM's record may be gone: it is ended by its pid.
world_ends()
{
	vms_end
	[ ! -e other.pid ] ||
	    case $(readlink "/proc/$(cat other.pid)/cwd") in
	    "$PWD"/*) kill -9 "$(cat other.pid)" ;;
	    esac
}

# tried FILE: all of it was.
tried()
{
	grep -q ' broken$' "$1" && atf_fail "$(grep ' broken$' "$1")"
	atf_check -o inline:"tried\n" grep -x tried "$1"
	atf_check -o inline:"own-disk 99 done\n" grep '^own-disk' "$1"
}

# tries FILE [OPTION]...: what came of each attempt of c's VMM, into FILE.
tries()
{
	out=$1
	shift
	rm -f "$log"
	atf_check -s exit:69 -e match:"^vm-start: c: (Firecracker: )?tried\$" \
	    vm-start "$@" c
	mv "$log" "$out"
	tried "$out"
}

has_tried()
{
	grep -qsx tried root/vm/.new-*/vmm.log
}

# tries_ahead FILE COMMAND...: the same of a VMM that is there before its files are,
# and goes when the command is ended.
tries_ahead()
{
	out=$1
	shift
	CAGE_AWAIT=config.json "$@" >said 2>&1 &
	tool=$!
	eventually 60 has_tried ||
	    atf_fail "not tried: $(cat said root/vm/.new-*/vmm.log)"
	cp root/vm/.new-*/vmm.log "$out"
	kill "$tool"
	wait "$tool"
	tried "$out"
}

# was_let FILE [ABI]: what a kernel with that Landlock, else this one, could have
# refused, and did not.
was_let()
{
	awk -v abi="${2:-$(landlock)}" '
	NF == 3 && $2 <= abi && $3 !~ /^(EACCES|EPERM|EXDEV|ENOSYS|EBADF)$/ {
		print $1
	}' "$1"
}

# all_but FILE NAME...: these were let, and no more, by the Landlock that $abi says or
# this kernel's; but what this host has not got.
all_but()
{
	was_let "$1" "${abi-}" >let
	shift
	printf '%s\n' "$@" | sort >want
	grep -vxE 'device-kvm' let | sort | diff want - || atf_fail "not these"
}

# mostly_open FILE: nearly all is possible without a cage, or the trial shows nothing.
mostly_open()
{
	n=$(awk 'NF == 3 && $3 == "done"' "$1" | wc -l)
	echo "$n of $(wc -l <"$1") are possible here"
	awk 'NF == 3 && $3 != "done"' "$1"
	[ "$n" -ge 70 ] || atf_fail "few are possible at all"
}
