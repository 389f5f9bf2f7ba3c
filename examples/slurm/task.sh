#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: sbatch --array=0-39%6 --mem=512M task.sh SNAPSHOT RESULTS COMMAND [ARG]...
# Each task runs COMMAND in a clone of its own of SNAPSHOT.  What it printed is
# RESULTS/TASK/out, once for each task, however often Slurm has begun it.
# README.md tells of the variables, and of what is left where.
#SBATCH --signal=B:TERM@30
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu

room_mib=128 # for the hypervisor itself

wrong()
{
	rc=$1
	trap '' TERM INT HUP
	shift
	echo "task.sh: task $task: $*" >&2
	exit "$rc"
}

# await COMMAND...: a shell hears a signal while it waits, and at no other time.
await()
{
	"$@" 9<&- &
	worker=$! code=0
	wait $worker || code=$?
	worker=
	return $code
}

# clone OPTION...: to be run in the background.
clone()
{
	if [ -n "$from" ]; then
		exec vm-clone -q "$@" --in-place --from-dir "$from"
	fi
	exec vm-clone -q "$@" pulled
}

# The clone removes itself (--rm), and is stopped with the vm-clone that stays
# with it, be that asked or killed.
leave()
{
	rc=$?
	trap '' TERM INT HUP
	trap - EXIT
	for pid in $worker $clone; do
		kill "$pid" 2>/dev/null || :
	done
	wait
	vm-rm --force --all --wait 5s 2>/dev/null || :
	fusermount3 -u "$dir/mnt" 2>/dev/null ||
	    fusermount3 -u -z "$dir/mnt" 2>/dev/null || :
	rm -rf "$dir" "$new"
	exit $rc
}

task=${SLURM_ARRAY_TASK_ID:-0}
[ $# -ge 3 ] || wrong 64 "usage: task.sh SNAPSHOT RESULTS COMMAND [ARG]..."
snapshot=$1 results=$2
shift 2
vm=task-$task
tag=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}-$task
attempt=$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}
new=$results/.$task-$attempt
worker='' clone='' from=''

if [ -e "$results/$task" ]; then
	echo "task $task: its result is there"
	exit
fi
# Of a name that nobody can take before; whoever has it locked is alive (epilog.sh).
dir=$(mktemp -d "${INSTAR_TMP:-/tmp}/instar-$(id -u)-$attempt.XXXXXX")
INSTAR_ROOT=$dir/root
export INSTAR_ROOT
exec 9<"$dir"
flock 9
trap leave EXIT
trap 'wrong 143 "ended by a signal, without a result"' TERM
trap 'wrong 130 "ended by a signal, without a result"' INT HUP
# An attempt that Slurm has given up loses its place, wherever it runs on.
rm -rf "$results/.$task-"*
mkdir -p "$new" "$dir/mnt"

# A directory that all nodes see is used where it lies.
case $snapshot in
/*)
	from=$snapshot
	;;
*)
	# shellcheck disable=SC2086 # none or several
	if await snap-mount -p digest ${REGISTRY_OPTIONS-} "$snapshot" \
	    "$dir/mnt"; then
		from=$dir/mnt
	else
		await snap-pull -q -n pulled -p digest ${REGISTRY_OPTIONS-} \
		    "$snapshot"
	fi
	;;
esac

# What was allocated, in MiB, must hold what was saved; 0: nobody counts.
await clone --no-start -n fit -p config.cpu,config.memory >"$dir/fit"
read -r cpu memory <"$dir/fit"
vm-rm fit
cpus=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}
mib=${SLURM_MEM_PER_NODE:-$((${SLURM_MEM_PER_CPU:-0} * cpus))}
want=$((memory / 1048576 + room_mib))
if [ "$cpu" -gt "$cpus" ] || { [ "$mib" -gt 0 ] && [ $want -gt "$mib" ]; }; then
	wrong 78 "the allocation is too small: --mem=${mib}M" \
	    "--cpus-per-task=$cpus, and the snapshot takes --mem=${want}M" \
	    "--cpus-per-task=$cpu"
fi

# Its record comes when the agent answers, and nothing when it cannot run.
mkfifo "$dir/up"
clone -n "$vm" --foreground --rm --stop-timeout 1s --ready agent -p name \
    9<&- >"$dir/up" &
clone=$!
await grep -q . "$dir/up" || wait $clone

await vm-exec -i /dev/null --env SLURM_ARRAY_TASK_ID="$task" "$vm" -- "$@" \
    >"$new/out" || wrong $? "$1: status $?, without a result"

# The guest as it is now, if it is wanted.
[ -z "${KEEP-}" ] || await snap-save -q -n result "$vm" >"$dir/saved"
case ${KEEP-} in
'') ;;
export)
	await snap-export -q -o "$new/guest.tar.zst" result >"$new/guest.json"
	;;
*)
	case $snapshot in
	/*) set -- ;;
	*) set -- --parent "$snapshot" ;;
	esac
	# shellcheck disable=SC2086
	await snap-push -q ${REGISTRY_OPTIONS-} "$@" "$KEEP:$tag" result \
	    >"$new/pushed.json"
	;;
esac

# In one step, and never over what is there.
if ! mv -T "$new" "$results/$task"; then
	[ -e "$results/$task" ] || wrong 74 "its result cannot be kept"
	echo "task $task: another attempt was sooner"
fi
