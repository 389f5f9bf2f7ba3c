#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: Epilog=/etc/slurm/epilog.sh and HealthCheckProgram=/etc/slurm/epilog.sh
# in slurm.conf.  Removes from a node what tasks of task.sh have left that were
# killed: that of the job whose epilog this is, and that of any that is not there
# any more, for nobody has it locked.  It always ends with 0, for slurmd takes a
# node away where the epilog fails, and what a user has in the way is no cause.
set -u

PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH

# Run by the owner, who can do nothing here that was not his to do.
# shellcheck disable=SC2016 # for another shell
clean='
cd / && dir=$1
# One that was made just now may not be locked yet.
if [ "$2" = other ]; then
	[ -n "$(find "$dir" -maxdepth 0 -mmin +1)" ] && flock -n "$dir" true ||
	    exit
fi
for p in $(grep -lsxzF "INSTAR_ROOT=$dir/root" /proc/[0-9]*/environ); do
	p=${p#/proc/}
	kill -KILL "${p%/environ}"
done
fusermount3 -u "$dir/mnt" || fusermount3 -u -z "$dir/mnt"
rm -rf "$dir"
'

for dir in "${INSTAR_TMP:-/tmp}"/instar-[0-9]*-*-*; do
	if [ ! -d "$dir" ] || [ -L "$dir" ]; then
		continue
	fi
	case ${dir##*/} in
	"instar-${SLURM_JOB_UID-}-${SLURM_JOB_ID-}-"*) whose=own ;;
	*) whose=other ;;
	esac
	ids=$(stat -c '--reuid=%u --regid=%g' "$dir") || continue
	# shellcheck disable=SC2086 # two options
	timeout 60 setpriv $ids --clear-groups env -i PATH="$PATH" \
	    sh -c "$clean" sh "$dir" "$whose"
done >/dev/null 2>&1
exit 0
