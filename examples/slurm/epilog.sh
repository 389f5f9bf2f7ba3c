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
exec >/dev/null 2>&1

# Run by each owner, who can do nothing here that was not his to do.
# shellcheck disable=SC2016 # for another shell
clean='
tmp=$1 job=$2 top=$(pwd -P)
for dir in instar-[0-9]*-*-*; do
	# It itself, and not what somebody else has put in its place meanwhile.
	cd -P "$top/$dir" && [ "$(pwd -P)" = "$top/$dir" ] && [ -O . ] ||
	    continue
	case $dir in
	"$job"*) ;;
	*)
		# One that was made just now may not be locked yet.
		[ -n "$(find . -maxdepth 0 -mmin +1)" ] && flock -n . true ||
		    continue
		;;
	esac
	for p in $(grep -lsxzF "INSTAR_ROOT=$tmp/$dir/root" \
	    /proc/[0-9]*/environ); do
		p=${p#/proc/}
		kill -KILL "${p%/environ}"
	done
	fusermount3 -u mnt || fusermount3 -u -z mnt
	cd / && rm -rf "$top/$dir"
done
'

# All owners at once, for a while: nobody holds up what is another one's, nor the
# node, for which slurmd waits; its health check has 60 seconds.
tmp=${INSTAR_TMP:-/tmp}
job=instar-${SLURM_JOB_UID-}-${SLURM_JOB_ID-}-
cd "$tmp" && timeout 20 find . -maxdepth 1 -type d \
    -name 'instar-[0-9]*-*-*' -printf '--reuid=%U --regid=%G\n' | sort -u | {
	while read -r uid gid; do
		timeout -k 5 30 setpriv "$uid" "$gid" --clear-groups \
		    env -i PATH="$PATH" sh -c "$clean" sh "$tmp" "$job" &
	done
	wait
}
exit 0
