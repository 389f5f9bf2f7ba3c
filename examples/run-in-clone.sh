#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: run-in-clone.sh SNAP COMMAND [ARGUMENT]...
# What a scheduler is given as a task: makes a clone of SNAP, whose guest has an
# agent, runs the command in it, ends and removes it, and leaves with the
# command's status.  INT, TERM and HUP end it early; a second one, by force.  The
# store is that of $INSTAR_ROOT; CLONE_OPTIONS are further options of vm-clone.
# What it needs of the host: vm-clone and vm-exec, in PATH.
set -eu

[ $# -ge 2 ] || {
	echo "usage: run-in-clone.sh SNAP COMMAND [ARGUMENT]..." >&2
	exit 64
}
snap=$1
shift
dir=""
vm=""
job=""
# A job in the background has no standard input but another descriptor.
exec 3<&0

leave()
{
	rc=$?
	[ -z "$job" ] || kill "$job" || :
	[ -z "$vm" ] || kill "$vm" || :
	# A second signal, which is passed on, ends the wait, and not its end.
	while [ -n "$vm" ] && kill -0 "$vm"; do
		wait "$vm" || :
	done
	[ -z "$dir" ] || rm -rf "$dir"
	exit "$rc"
} 2>/dev/null

# By a signal, which a shell takes while it waits, and not while a program runs.
ended()
{
	trap '[ -z "$vm" ] || kill "$vm"' INT TERM HUP
	exit $((128 + $1))
}
trap leave EXIT
trap 'ended 1' HUP
trap 'ended 2' INT
trap 'ended 15' TERM
dir=$(mktemp -d)
mkfifo "$dir/up"

# shellcheck disable=SC2086
vm-clone --foreground --rm --ready agent -p id ${CLONE_OPTIONS-} "$snap" \
    >"$dir/up" &
vm=$!
read -r id <"$dir/up" || {
	rc=0
	wait "$vm" || rc=$?
	vm=""
	exit "$rc"
}
vm-exec "$id" -- "$@" <&3 &
job=$!
rc=0
wait "$job" || rc=$?
job=""
exit "$rc"
