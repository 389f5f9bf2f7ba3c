#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: states.sh save NAME | load NAME, in a root of matrix.sh
# save boots the guest of /srv/states and leaves there what it saved of it:
# NAME.tar.zst, and NAME.counts, the counts between which it stood still.
# load clones it, saves the clone, and clones that.  The last line it prints is
# "runs", "refused STATUS MESSAGE" or "FAILED WHY".
set -eu

states=/srv/states
name=$2
INSTAR_ROOT=/var/tmp/states
export INSTAR_ROOT
tmp=$(mktemp -d)
message=$tmp/message

leave()
{
	trap - EXIT
	vm-ls -p id | xargs -r vm-rm -q --force
	rm -rf "$INSTAR_ROOT" "$tmp"
}

# verdict WORDS: the last line, once all else is gone.
verdict()
{
	leave
	echo "$*"
	case $1 in
	FAILED) exit 1 ;;
	*) exit 0 ;;
	esac
}

# Runs a program of ours that must succeed.
must()
{
	echo "$ $*"
	"$@" 2>"$message" || verdict "FAILED $1, $?: $(head -n 1 "$message")"
}

# may COMMAND...: it may also say that the snapshot does not fit here, by status
# 78, and before a VM's QEMU is started: a second time by way of one that tells,
# by -name, which one that is only asked what it can do does not have.
may()
{
	echo "$ $*"
	rc=0
	"$@" 2>"$message" || rc=$?
	first=$(head -n 1 "$message")
	[ $rc -ne 0 ] || return 0
	[ $rc -eq 78 ] || verdict "FAILED $1, $rc: $first"
	cat >"$tmp/qemu" <<-END
	#!/bin/sh
	case " \$* " in
	*" -name "*) : >"$tmp/started" ;;
	esac
	exec qemu-system-x86_64 "\$@"
	END
	chmod +x "$tmp/qemu"
	rc=0
	INSTAR_QEMU=$tmp/qemu "$@" || rc=$?
	[ $rc -eq 78 ] || verdict "FAILED $1, 78, then $rc: $first"
	[ ! -e "$tmp/started" ] || verdict "FAILED $1, 78, but started: $first"
	left=$(find "$INSTAR_ROOT/vm" "$INSTAR_ROOT/name/vm" -mindepth 1 \
	    2>/dev/null | head -n 1)
	[ -z "$left" ] || verdict "FAILED $1, 78, but left $left: $first"
	verdict "refused 78 $first"
}

# The numbers N of the complete lines "WORD N" that VM $1 printed, WORD being $2.
numbers()
{
	sed -n "s/^$2 \\([0-9][0-9]*\\)\\r\$/\\1/p" \
	    "$(vm-ls -p console_log "$1")"
}

# Saves VM $1 as $2.  It stood still between the counts from and to.
save()
{
	from=$(numbers "$1" count | tail -n 1)
	must snap-save -n "$2" -p pause_ms "$1"
	to=$(numbers "$1" count | tail -n 1)
}

await()
{
	must vm-wait --timeout 600 --console "$2" "$1"
}

# Whether VM $1 goes on from the counts from and to, and its disk is whole.
goes_on()
{
	await "$1" '^disk ok [0-9]+'
	ok=
	while [ -z "$ok" ]; do
		sleep 0.1
		ok=$(numbers "$1" 'disk ok' | head -n 1)
	done
	# That check may have been half done when the guest was saved; the next
	# one is a whole one.
	await "$1" "^disk ok $((ok + 16))\$"
	log=$(vm-ls -p console_log "$1")
	! grep -q 'Linux version' "$log" || verdict "FAILED $1 was booted"
	! grep 'DISK TORN' "$log" || verdict "FAILED $1: disk torn"
	first=$(numbers "$1" count | head -n 1)
	last=$(numbers "$1" count | tail -n 1)
	echo "$1: count $first to $last, saved from $from to $to"
	if [ "$first" -lt "$from" ] || [ "$first" -gt $((to + 1)) ]; then
		verdict "FAILED $1 begins at $first, saved from $from to $to"
	fi
	[ "$last" -gt "$first" ] || verdict "FAILED $1 stands at $last"
}

trap leave EXIT
trap 'exit 143' TERM
rm -rf "$INSTAR_ROOT"
case $1 in
save)
	must vm-create -n web --kernel $states/vmlinuz \
	    --initrd $states/initrd.img --cmdline 'console=ttyS0 panic=1' \
	    --memory 512M --storage 1G
	must vm-start -p name,memory_backing web
	await web '^disk ok [0-9]+'
	save web saved
	echo "$from $to" >"$states/$name.counts"
	must snap-export -o "$states/$name.tar.zst" saved
	verdict "saved at count $from"
	;;
load)
	read -r from to <"$states/$name.counts"
	may snap-import -n saved "$states/$name.tar.zst"
	may vm-clone -n clone -p name,clone_ms,memory_backing saved
	goes_on clone
	save clone again
	must vm-clone -n second -p name,clone_ms again
	goes_on second
	verdict runs
	;;
*)
	echo "usage: states.sh save NAME | load NAME" >&2
	exit 64
	;;
esac
