#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: ci-fleet.sh IMAGE KEY JOB...
# Runs each JOB, a script, in a clone of its own of one golden machine, all side
# by side.  What it said is in JOB.out, its status in JOB.status.  The machine is
# made once, from a cloud image; KEY.pub is the key that it lets in.
set -eu
image=$1 key=$2
shift 2
if ! snap-ls golden >/dev/null 2>&1; then
	vm-create -n golden --base "$image" --memory 1G --user ci \
	    --ssh-key "$key.pub" --nic user,forward=0:22 -p name
	trap 'vm-rm --force golden' EXIT; trap 'exit 1' HUP INT TERM
	vm-start -p name golden
	vm-ssh -i "$key" golden cloud-init status --wait || [ $? -eq 2 ] # degraded
	snap-save -n golden --stop -p name,pause_ms golden
	vm-rm golden && trap - EXIT HUP INT TERM
fi
for job; do
	vm=job-$(basename "$job" .sh) rc=0
	(vm-clone -n "$vm" -p name,clone_ms golden &&
	    trap 'vm-rm --force "$vm"' EXIT &&
	    vm-ssh -q -i "$key" "$vm" sh -s <"$job" >"$job.out" 2>&1 || rc=$?
	echo "$rc" >"$job.status") &
done && wait
