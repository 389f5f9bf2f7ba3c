#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# examples/slurm, by Debian's Slurm: one slurmctld and three slurmd.  Of packages it
# takes slurmctld, slurmd, slurm-client, munge and docker-registry.  Where others
# had ten times more to do than two processors can, the forty tasks took four
# minutes, slurmd__ends_alone six, for it waits, and the other two one and two.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/slurm.sh"

script=$top/examples/slurm/task.sh

slurm_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_head()
	{
		atf_set require.progs \
		    \"$slurm_progs docker-registry curl jq qemu-system-x86_64\"
		atf_set require.files /dev/fuse
		atf_set require.user root
		atf_set timeout 3600
	}
	$1_cleanup()
	{
		slurm_end
		registries_end
		vms_end
	}"
}

# $golden: a guest with an agent, in a registry.
push_golden()
{
	need_registry
	registry_start reg
	agent_run web
	atf_check -o ignore snap-save -n golden web
	atf_check vm-rm --force web
	golden=$registry/golden:v1
	atf_check -o ignore snap-push -q "$golden" golden
}

# Fails with what the tasks have said.
lost()
{
	tail -n 20 shared/*.log
	scontrol -o show job
	atf_fail "$*"
}

# results N: so many are there.
results()
{
	[ "$(find shared/res -maxdepth 1 -name '[0-9]*' | wc -l)" -ge "$1" ]
}

# Whether task 0 of $job has its command running, in attempt $1.
has_begun()
{
	[ -e "shared/res/.0-$job-$1/out" ]
}

# begin_task COMMAND...: task 0, and it runs in the guest.
begin_task()
{
	submit --array=0 --mem=400 "$script" "$golden" "$PWD/shared/res" "$@"
	eventually 300 has_begun 0 || lost "it does not begin"
}

# ends STATE: $job does so, and leaves nothing on a node.
ends()
{
	eventually 600 job_is "$1" || lost "not $1"
	nodes_are_clean
}

# ended_with STATUS: $job has.
ended_with()
{
	scontrol -o show job "$job" | grep -q " ExitCode=$1:0 " ||
	    lost "status $1 expected"
}

# Nothing was kept, and nothing is left of what was begun.
no_result()
{
	atf_check -o empty find shared/res -mindepth 1
}

# said WORDS: the task has, once.
said()
{
	atf_check -o inline:"1\n" grep -c "$1" "shared/${job}_0.log"
}

# The digest that the tag $1 of the results leads to.
tag_digest()
{
	curl -fsSI -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
	    "http://$registry/v2/results/manifests/$1" | tr -d '\r' |
	    sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}

# Each of the forty tasks has one result, which is its own, here and in the
# registry.
all_results_once()
{
	i=0
	while [ $i -lt 40 ]; do
		echo $i
		i=$((i + 1))
	done | sort >numbers
	find shared/res -mindepth 1 -maxdepth 1 -printf '%f\n' | sort >there
	atf_check cmp numbers there
	curl -fsS "http://$registry/v2/results/tags/list?n=1000" |
	    jq -r '.tags[]' | sort >tags
	sed "s/^/$job-/" numbers | sort >wanted
	atf_check cmp wanted tags
	while read -r i; do
		atf_check -o inline:"task $i\n" cat "shared/res/$i/out"
		atf_check_equal "$(tag_digest "$job-$i")" \
		    "$(jq -r .digest "shared/res/$i/pushed.json")"
	done <numbers
}

# The number of the restarts of task $1.
restarts()
{
	scontrol -o show job "${job}_$1" | sed 's/.* Restarts=\([0-9]*\).*/\1/'
}

slurm_case array__node_taken_away
array__node_taken_away_body()
{
	push_golden
	slurm_start
	began=$(date +%s)
	export KEEP="$registry/results"
	submit --array=0-39%6 --mem=400 "$script" "$golden" "$PWD/shared/res" \
	    sh -c 'sleep 2; echo "task $SLURM_ARRAY_TASK_ID"'
	eventually 900 results 18 || lost "no 18 results"
	eventually 300 runs_on n2 || lost "n2 has no task"
	taken=$(squeue -h -w n2 -t R -o %K)
	node_away n2
	echo "n2 goes after $(($(date +%s) - began)) s, with" $taken
	eventually 300 node_is n2 down || lost "nobody sees that n2 is gone"
	test -n "$(ls n2/tmp)" || atf_fail "it has left nothing to be cleaned"
	node_up n2
	eventually 1800 job_is COMPLETED || lost "not all are complete"
	echo "all is done after $(($(date +%s) - began)) s"
	for i in $taken; do
		atf_check_equal 1 "$(restarts "$i")"
	done
	all_results_once
	nodes_are_clean
	# Each had it mounted, which was no more root's than the rest.
	atf_check -s exit:1 grep -h 'cannot be mounted' shared/*.log
	# What one that was begun anew has made is whole.
	set -- $taken
	atf_check -o ignore snap-pull -q -n back "$KEEP:$job-$1"
	atf_check -o ignore snap-verify back
}

# A slurmd ends, and what it has begun runs on, unseen by Slurm.
slurm_case slurmd__ends_alone
slurmd__ends_alone_body()
{
	push_golden
	slurm_start
	export KEEP="$registry/results"
	begin_task sh -c 'sleep 90; date'
	node=$(squeue -h -o %N)
	echo kill >"$node/do"
	eventually 300 node_is "$node" down || lost "nobody sees it"
	eventually 300 has_begun 1 || lost "it is not begun anew"
	! node_is_clean "$node" || lost "the old one has ended too early"
	# The old one comes to its end, and is not kept.
	eventually 300 node_is_clean "$node" || lost "the old one does not end"
	atf_check -o inline:"RUNNING\n" squeue -h -o %T
	eventually 300 job_is COMPLETED || lost "not complete"
	atf_check_equal "$(tag_digest "$job-0")" \
	    "$(jq -r .digest shared/res/0/pushed.json)"
	atf_check -o inline:"0\n" ls -A shared/res
	rm -r shared/res
	# When slurmd is back before that, it ends it.
	echo start >"$node/do"
	eventually 300 nodes_are "3 idle" || lost "it does not come back"
	begin_task sh -c 'sleep 90; date'
	node=$(squeue -h -o %N)
	echo kill >"$node/do"
	eventually 300 node_is "$node" down || lost "nobody sees it"
	eventually 300 has_begun 1 || lost "it is not begun anew"
	! node_is_clean "$node" || lost "the old one has ended too early"
	echo start >"$node/do"
	eventually 300 node_is_clean "$node" || lost "the old one does not end"
	ends COMPLETED
	atf_check -o inline:"0\n" ls -A shared/res
}

# By Slurm, before they are done; none can mount anything.
slurm_case task__ended
task__ended_body()
{
	push_golden
	slurm_start no-fuse
	begin_task sleep 1000
	as_user scancel "$job" || atf_fail "scancel: $?"
	ends CANCELLED
	no_result
	said 'cannot be mounted'
	said '^task.sh: task 0: .*, without a result$'
	# The time limit.
	submit --array=0 --mem=400 --time=1 "$script" "$golden" \
	    "$PWD/shared/res" sleep 1000
	ends FAILED
	no_result
	said '^task.sh: task 0: .*, without a result$'
	# The script alone, by what it does not see: the epilog is left.
	begin_task sleep 1000
	as_user scancel --batch --signal=KILL "$job" || atf_fail "scancel: $?"
	eventually 300 queue_is_empty || lost "it does not end"
	nodes_are_clean
	# Put back, and begun anew.
	begin_task sh -c 'sleep 5; echo done'
	atf_check scontrol requeue "${job}_0"
	eventually 300 has_begun 1 || lost "it is not begun anew"
	ends COMPLETED
	atf_check_equal 1 "$(restarts 0)"
	atf_check -o inline:"0\n" ls -A shared/res
	atf_check -o inline:"done\n" cat shared/res/0/out
	# Once more: its result is there.
	atf_check scontrol requeue "${job}_0"
	eventually 300 job_is PENDING || lost "it is not begun anew"
	ends COMPLETED
	said '^task 0: its result is there$'
	atf_check -o inline:"done\n" cat shared/res/0/out
}

# What cannot be done, and the other ways to what can.
slurm_case task__refused
task__refused_body()
{
	push_golden
	slurm_start
	submit --array=0 --mem=300 "$script" "$golden" "$PWD/shared/res" true
	ends FAILED
	ended_with 78
	said "^task.sh: task 0: the allocation is too small: --mem=300M \
--cpus-per-task=1, and the snapshot takes --mem=320M --cpus-per-task=1\$"
	submit --array=0 --mem=400 "$script" "$registry/golden:v2" \
	    "$PWD/shared/res" true
	ends FAILED
	ended_with 66
	submit --array=0 --mem=400 "$script" "$golden" "$PWD/shared/res" \
	    sh -c 'echo words; exit 7'
	ends FAILED
	ended_with 7
	said '^task.sh: task 0: sh: status 7, without a result$'
	submit --mem=400 "$script" "$golden" "$PWD/shared/res"
	ends FAILED
	ended_with 64
	no_result
	# A directory that all nodes see, and a file of the guest.
	atf_check -o ignore snap-export -q --to-dir shared/golden golden
	chown -R "$user" shared/golden
	export KEEP=export
	submit --mem=400 "$script" "$PWD/shared/golden" "$PWD/shared/res" \
	    echo made
	ends COMPLETED
	atf_check -o inline:"made\n" cat shared/res/0/out
	atf_check -o ignore snap-import -q -n back shared/res/0/guest.tar.zst
}

atf_init_test_cases()
{
	atf_add_test_case array__node_taken_away
	atf_add_test_case slurmd__ends_alone
	atf_add_test_case task__ended
	atf_add_test_case task__refused
}
