# SPDX-License-Identifier: ISC
# A Slurm of the case's own, below its directory: munged, slurmctld and three
# slurmd.  Each node is a namespace of processes and of mounts, so that it can be
# taken away at once, as a machine that loses its power; tmp is its local disk,
# which is still there when it comes back (n1/tmp outside).  For root, who alone
# can make nodes; jobs are nobody's, who is let in.
#	. "$(atf_get_srcdir)/../lib/lib.sh"
#	. "$(atf_get_srcdir)/../lib/vms.sh"

slurm_progs="munged slurmctld slurmd sbatch scontrol squeue scancel unshare \
setpriv flock perl ps"

# Four ports that are free now.
free_ports()
{
	perl -MIO::Socket::INET -e 'print join(" ", map { $_->sockport } map {
	    IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") }
	    1 .. 4), "\n"'
}

# slurm_conf CTLD N1 N2 N3, the ports.
slurm_conf()
{
	cat <<-END
		ClusterName=test
		SlurmctldHost=localhost(127.0.0.1)
		SlurmctldPort=$1
		SlurmUser=root
		AuthInfo=socket=$PWD/munge/sock,cred_expire=5
		MailProg=/bin/true
		StateSaveLocation=$PWD/state
		SlurmctldPidFile=$PWD/state/pid
		SlurmdPidFile=$PWD/%n/pid
		SlurmdSpoolDir=$PWD/%n/spool
		SwitchType=switch/none
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		JobAcctGatherType=jobacct_gather/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core_Memory
		SlurmdParameters=config_overrides
		SlurmdTimeout=10
		KillWait=30
		ReturnToService=2
		MinJobAge=3000
		Epilog=$PWD/epilog
		HealthCheckProgram=$PWD/epilog
		HealthCheckInterval=5
	END
	for n in 1 2 3; do
		shift
		echo "NodeName=n$n NodeHostname=localhost" \
		    "NodeAddr=127.0.0.1 Port=$1 CPUs=2 RealMemory=4000"
	done
	echo "PartitionName=all Nodes=ALL Default=YES State=UP"
}

# node_up NAME: a slurmd, and what the file NAME/do says: start or kill one.
node_up()
{
	rm -f "$1/do"
	unshare --mount --pid --fork --kill-child --mount-proc sh -c '
		mount --bind "$1/tmp" tmp
		mount --bind fuse /dev/fuse
		slurmd -D -N "$1" &
		while sleep 0.2; do
			case $(cat "$1/do" 2>/dev/null) in
			start) slurmd -D -N "$1" & ;;
			kill) kill -9 $! ;;
			*) continue ;;
			esac
			rm "$1/do"
		done' sh "$1" >>"$1/log" 2>&1 &
	echo $! >"$1/node"
}

# node_away NAME: all its processes, at once.
node_away()
{
	init=$(node_init "$1")
	kill -9 "$(cat "$1/node")"
	eventually 60 is_gone "$init" || atf_fail "$1 is still there"
}

node_init()
{
	tr -d ' ' <"/proc/$(cat "$1/node")/task/$(cat "$1/node")/children"
}

nodes_are()
{
	[ "$(sinfo -h -o '%D %t')" = "$1" ]
}

# node_is NAME STATE, as sinfo has it, but for how it answers.
node_is()
{
	[ "$(sinfo -h -n "$1" -o %t | tr -d '*')" = "$2" ]
}

# Whether a task runs on node $1.
runs_on()
{
	[ -n "$(squeue -h -w "$1" -t R)" ]
}

# slurm_start [no-fuse]: all of it; with that word nothing can be mounted.
slurm_start()
{
	[ "$(id -u)" -eq 0 ] || atf_skip "not root, who alone can make nodes"
	unshare --mount --pid --fork true 2>/dev/null ||
	    atf_skip "namespaces are not allowed here"
	bed=$PWD user=nobody
	setpriv --reuid=nobody --clear-groups sh -c 'cd "$1" && test -x "$2"' \
	    sh "$PWD" "$top/vm-clone/vm-clone" 2>/dev/null || user=root
	mkdir tmp munge state
	mkdir -m 777 shared
	for n in n1 n2 n3; do
		mkdir -p $n/spool
		mkdir -m 1777 $n/tmp
	done
	# As udev has it.
	if [ "${1-}" = no-fuse ]; then
		: >fuse
	else
		mknod -m 666 fuse c 10 229 && : <fuse ||
		    atf_skip "no device can be made here"
	fi
	printf '#!/bin/sh\nINSTAR_TMP=%s/tmp exec sh %s/epilog.sh\n' \
	    "$PWD" "$top/examples/slurm" >epilog
	chmod +x epilog
	head -c 128 /dev/urandom >munge/key
	chmod 600 munge/key
	# shellcheck disable=SC2046 # four words
	slurm_conf $(free_ports) >slurm.conf
	SLURM_CONF=$PWD/slurm.conf
	export SLURM_CONF
	munged --force --foreground --socket="$PWD/munge/sock" \
	    --key-file="$PWD/munge/key" --pid-file="$PWD/munge/pid" \
	    --seed-file="$PWD/munge/seed" --log-file="$PWD/munge/log" \
	    >munge/out 2>&1 &
	echo $! >munged.daemon
	eventually 60 test -S munge/sock || atf_fail "$(cat munge/out)"
	slurmctld -D >slurmctld.log 2>&1 &
	echo $! >slurmctld.daemon
	for n in n1 n2 n3; do
		node_up $n
	done
	eventually 120 nodes_are "3 idle" || {
		cat slurmctld.log n1/log
		atf_fail "the nodes do not come: $(sinfo)"
	}
}

# as_user COMMAND...: a login on a host of the cluster.
as_user()
{
	setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \
	    env HOME="$bed/shared" XDG_CACHE_HOME="$bed/shared" \
	    TMPDIR=/tmp INSTAR_TMP="$bed/tmp" "$@"
}

# submit OPTION... SNAPSHOT RESULTS COMMAND...: task.sh; $job is its id.
submit()
{
	job=$(cd shared && as_user sbatch --parsable -o %A_%a.log "$@") ||
	    atf_fail "not submitted: $*"
}

# Whether all tasks of $job are in state $1.
job_is()
{
	[ "$(scontrol -o show job "$job" |
	    sed 's/.* JobState=\([A-Z_]*\).*/\1/' | sort -u)" = "$1" ]
}

# Whether no job is there that has not ended.
queue_is_empty()
{
	[ -z "$(squeue -h)" ]
}

# Whether node $1 has nothing of any task: files, mounts, processes.
node_is_clean()
{
	init=$(node_init "$1")
	[ -z "$(ls -A "$1/tmp")" ] || return
	! grep -q ' - fuse' "/proc/$init/mountinfo" || return
	space=$(readlink "/proc/$init/ns/pid" | tr -dc 0-9)
	! ps -eo pidns=,stat=,comm= | awk -v space="$space" '
	    $1 == space && $2 !~ /^[ZX]/ && $3 !~ /^(sh|sleep|cat|slurmd)$/' |
	    grep -q .
}

# Says what is there still.
nodes_are_clean()
{
	for n in n1 n2 n3; do
		eventually 120 node_is_clean $n || {
			find $n/tmp
			cat "/proc/$(node_init $n)/mountinfo"
			ps -eo pid,ppid,pidns,args
			atf_fail "$n is not clean"
		}
	done
}

# In a cleanup.
slurm_end()
{
	for f in n?/node *.daemon; do
		[ ! -e "$f" ] || kill -9 "$(cat "$f")"
	done 2>/dev/null
	return 0
}
