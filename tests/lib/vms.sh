# SPDX-License-Identifier: ISC
# VMs of the tiny guest, for the tests of the vm tools.

# tiny_vm NAME [ARGUMENT]...: one that is not started yet.
tiny_vm()
{
	need_tiny
	vm=$1
	shift
	atf_check -o ignore vm-create -n "$vm" --kernel "$tiny" \
	    --memory 32M "$@"
}

# tiny_run NAME [ARGUMENT]...: one that runs and has begun to count.
tiny_run()
{
	tiny_vm "$@"
	atf_check -o inline:"running\n" vm-start -p state "$vm"
	atf_check vm-wait --timeout 60 --console '^tick [0-9a-f]{8}$' "$vm"
}

# The member $2 of the VM $1.
member()
{
	vm-ls -p "$2" "$1"
}

# How far the VM $1 has counted, in decimal.
count_of()
{
	echo $((0x$(tr -d '\r' <"$(member "$1" console_log)" |
	    sed -n 's/^tick \([0-9a-f]\{8\}\)$/\1/p' | tail -n 1)))
}

# Whether the VM $1 has counted beyond $2.
has_counted()
{
	[ "$(count_of "$1")" -gt "$2" ]
}

# Whether the process $1 has ended; a zombie that nobody reaps has.
is_gone()
{
	! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" \
	    2>/dev/null
}

# Everything about the files of the root but access times.
picture()
{
	(cd "$INSTAR_ROOT" && find . -printf '%p %y %m %s %l %i\n' | sort &&
	    find . -type f ! -name '*.log' -exec sha256sum {} + | sort -k 2)
}

# refused STATUS MESSAGE COMMAND...: says exactly this, and changes nothing.
refused()
{
	code=$1 message=$2
	shift 2
	picture >before
	atf_check -s exit:"$code" -e inline:"$1: $message\n" "$@"
	picture >after
	atf_check cmp before after
}

# firmware_volume vars|code: one as UEFI has it, of 64 KiB.
firmware_volume()
{
	case $1 in
	vars)
		printf '%16s\215\053\361\377\226\166\213\114\251\205\047\107\007\133\117\120' ""
		;;
	code) printf '%32s' ""
		;;
	esac | tr ' ' '\0'
	printf '\0\0\1\0\0\0\0\0_FVH'
	head -c 65492 /dev/zero
}
