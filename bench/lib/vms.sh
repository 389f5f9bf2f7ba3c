# SPDX-License-Identifier: ISC
# For benches that compare a hypervisor's clones and saves with those by hand:
# after bench.sh.  In `parts` are the parts to run, each a function PART_part
# that is given the filesystem's name.

# begin_vms NAME [dir]: with ./vm_bench and ./NAME.
begin_vms()
{
	unset INSTAR_ROOT
	tools vm-create vm-start vm-stop vm-rm vm-ls vm-clone snap-save snap-rm
	begin "$@"
	need_tiny
	build vm_bench
	[ "$1" = vm_bench ] || build "$1"
}

# need_program NAME VARIABLE PROGRAM WORDS: the bench NAME is skipped unless the
# hypervisor, WORDS, and KVM are there; `program` is what $VARIABLE says then.
need_program()
{
	eval "program=\${$2:-$3}"
	program=$(command -v "$program") || {
		echo "$1.sh: skipped: $4 is not installed"
		exit 0
	}
	(: <>/dev/kvm) 2>/dev/null || {
		echo "$1.sh: skipped: /dev/kvm cannot be opened"
		exit 0
	}
	export "$2=$program"
}

finish()
{
	end_vms "$work"/*/root/vm/*/vm.json
}

# hand_dir DIR: what a user prepares who clones by hand what $proto is a clone
# of: links, and his own top of the disk.
hand_dir()
{
	mkdir "$1"
	for f in "$proto"/*; do
		if [ "$(stat -c %h "$f")" -gt 1 ]; then
			ln "$f" "$1/"
		else
			cp --reflink=auto --sparse=always "$f" "$1/"
		fi
	done
}

# row LABEL OURS THEIRS [TARGET]: files of microseconds.
row()
{
	tell "$1" us "${4:-}" ours "$2" "by hand" "$3"
	awk -v l="$1" -v o="$(median "$2")" -v t="$(median "$3")" \
	    -v g="${4:-}" 'BEGIN {
		printf "%-46s %9.1f %9.1f %7.2f %s\n", l, o / 1000, t / 1000,
		    o / t, g
	}'
}

# part LABEL FILE: what of it is what.
part()
{
	(group="$group, by part" && tell "$1" us "" ours "$2")
	awk -v l="$1" -v t="$(median "$2")" 'BEGIN {
		printf "    %-42s %19.1f\n", l, t / 1000
	}'
}

head_line()
{
	group=$1
	printf '\n%-46s %9s %9s %7s %s\n' "$1" "ours" "by hand" ratio target
}

# Until the VM has begun to count, and is past its filling.
await_tick()
{
	log=$(vm-ls -R "$root" -p console_log "$1")
	while ! grep -q "tick 0000000a" "$log"; do
		sleep 0.1
	done
}

# Its files stay until the filesystem is left: ext4 takes half a millisecond
# to make a file beside many that were removed less than a minute ago.
drop_vm()
{
	vm-stop -R "$root" --force "$1" >/dev/null
	mv "$root/name/vm/$1" "$fs/dropped.$dropped"
	dropped=$((dropped + 1))
}

# A clone of s into ours and own, in microseconds.  The start of the process is
# counted, ours and the one that does it by hand.  What clone_ms tells begins when
# the process has started, which is what vm-clone -h takes; its end is an upper
# bound, too.
clone_once()
{
	./vm_bench run out vm-clone -h >start
	./vm_bench run out vm-clone -R "$root" -n c -p clone_ms s >wall
	awk -v ms="$(cat out)" -v wall="$(cut -d ' ' -f 1 wall)" '{
		to = int($1 + ms * 1000)
		print to < wall ? to : wall
	}' start >>ours
	cut -d ' ' -f 2 wall >>own
	drop_vm c
}

# settle MEMORY: before a clone or save of either kind: nothing is being written
# back, and the memory that it will fill is there (a virtual machine may get it
# as it is touched).
settle()
{
	sync -f "$fs"
	./vm_bench touch "$1"
}

# in_turn OURS THEIRS [NAP]: each command RUNS times, each first in turn.
in_turn()
{
	for i in $(seq "$runs"); do
		if [ $((i % 2)) -eq 0 ]; then
			$1
			sleep "${3:-0}"
			$2
		else
			$2
			sleep "${3:-0}"
			$1
		fi
		sleep "${3:-0}"
	done
}

# on FS here|loop: every part, in a root on this filesystem.
on()
{
	fs=$work/$1
	hands=0
	dropped=0
	root=$fs/root
	mkdir -p "$fs"
	if [ "$2" = loop ]; then
		truncate -s 40G "$1.img"
		case $1 in
		ext4) mkfs.ext4 -q -F -m 0 "$1.img" ;;
		*) "mkfs.$1" -q -f "$1.img" ;;
		esac
		mount -t "$1" -o loop "$1.img" "$fs"
	fi
	for part in $parts; do
		"${part}_part" "$1"
	done
}

# As root on filesystems of its own, else where the directory is.
run_parts()
{
	PATH=$PATH:/usr/sbin:/sbin
	if [ "$(id -u)" -eq 0 ]; then
		for f in ${FILESYSTEMS:-ext4 xfs}; do
			on "$f" loop
		done
	else
		on "$(stat -f -c %T .)" here
	fi
}
