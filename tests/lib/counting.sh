# SPDX-License-Identifier: ISC
# VMs of the tiny guest, and what they tell about themselves.  A case that uses
# this calls vms_end in its cleanup.

# vm_run NAME [VM-CREATE OPTION]...: made, started, and counting.
vm_run()
{
	name=$1
	shift
	atf_check -o ignore vm-create -n "$name" --memory 32M \
	    --kernel "$tiny" "$@"
	atf_check -o ignore vm-start "$name"
	counts_on "$name"
}

# The last number that the guest has printed, 0 before the first.
ticks()
{
	hex=$(sed -n 's/^tick \(........\)$/\1/p' \
	    "$INSTAR_ROOT/name/vm/$1/console.log" | tail -n 1)
	echo $((0x${hex:-0}))
}

# The first number, and in memory file $1 the count itself.
first_tick()
{
	hex=$(sed -n 's/^tick \(........\)$/\1/p' \
	    "$INSTAR_ROOT/name/vm/$1/console.log" | head -n 1)
	echo $((0x${hex:-0}))
}

count_in()
{
	od -An -tu4 -j $((0x101000)) -N 4 "$1" | tr -d ' '
}

has_ticked()
{
	[ "$(ticks "$1")" -gt "$2" ]
}

counts_on()
{
	now=$(ticks "$1")
	eventually 60 has_ticked "$1" "$now" ||
	    atf_fail "$1 does not count: $(vm-ls "$1")"
}

stands_still()
{
	now=$(ticks "$1")
	sleep 0.2
	[ "$(ticks "$1")" -eq "$now" ] || atf_fail "$1 counts"
}

# Evaluated by eventually.
pauses()
{
	now=$(ticks "$1")
	sleep 0.3
	[ "$(ticks "$1")" -eq "$now" ]
}

vm_is()
{
	atf_check -o inline:"$2\n" vm-ls -p state "$1"
}

pid_of()
{
	vm-ls -p pid "$1"
}

id_of_vm()
{
	basename "$(readlink "$INSTAR_ROOT/name/vm/$1")"
}

id_of_snap()
{
	basename "$(readlink "$INSTAR_ROOT/name/snap/$1")"
}

# snap_save [OPTION]... VM
snap_save()
{
	atf_check -o save:saved snap-save "$@"
}

snap_file()
{
	echo "$INSTAR_ROOT/name/snap/$1/$2"
}

# A copy of a snapshot whose digests are dropped, for a case to damage.
snap_copy()
{
	rm -rf "$2"
	cp -Lr --sparse=always "$INSTAR_ROOT/name/snap/$1" "$2"
	edit "$2/snapshot.json" 'del(.digests)'
}

# edit FILE JQ-PROGRAM
edit()
{
	jq "$2" "$1" >edited || atf_fail "jq: $2"
	cat edited >"$1"
}

can_reflink()
{
	mkdir -p "$1"
	echo x >"$1/.from"
	cp --reflink=always "$1/.from" "$1/.to" 2>/dev/null
	can=$?
	rm -f "$1/.from" "$1/.to"
	return $can
}

# What root $1 holds, hidden directories and names among it: for comparisons.
inventory()
{
	(cd "${1:-$INSTAR_ROOT}" && find vm snap layer name access \
	    -mindepth 1 -maxdepth 2 ! -name '*.log' ! -name '*.sock' |
	    LC_ALL=C sort)
}

# No file of VM $1 that has a second link is open for writing in its VMM.
# (QEMU before 8.2 opens a template so, and maps it privately.)
nothing_frozen_is_open()
{
	pid=$(pid_of "$1")
	for fd in "/proc/$pid/fd"/*; do
		f=$(readlink "$fd") || continue
		case $f in
		*/template.raw) continue ;;
		"$INSTAR_ROOT"/vm/*) ;;
		*) continue ;;
		esac
		[ "$(stat -L -c %h "$fd")" -gt 1 ] || continue
		flags=$(sed -n 's/^flags:[^0-9]*//p' \
		    "/proc/$pid/fdinfo/${fd##*/}")
		case $flags in
		*0) ;;
		*) atf_fail "$f is open for writing: $flags" ;;
		esac
	done
}

# The number to which the console of VM $1 went back last, or 0.
back_to()
{
	sed -n 's/^tick \(........\)$/\1/p' "$INSTAR_ROOT/name/vm/$1/console.log" |
	    perl -ne '
		chomp;
		$to = hex if defined($last) && hex() < $last;
		$last = hex;
		END { print $to // 0, "\n" }'
}
