#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A store that PID namespaces share, as containers on one host may.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# elsewhere COMMAND...: the first process of another PID namespace.
elsewhere()
{
	exec unshare --user --map-root-user --pid --fork --mount-proc \
	    --kill-child "$@"
}

# A snapshot "s" of a tiny guest, which is gone.
have_snapshot()
{
	tiny_run source
	atf_check -o ignore snap-save -n s source
	atf_check vm-rm --force source
}

# A clone "job" of it in another PID namespace, which lasts as long as `outer`.
job_elsewhere()
{
	elsewhere vm-clone -n job "$@" s >out 2>err &
	outer=$!
	eventually 60 has_counted job 0 || atf_fail "no job: $(cat err)"
}

# That namespace ends, and all that is in it.
end_elsewhere()
{
	kill -KILL "$outer"
	wait "$outer" || :
	eventually 20 sh -c '[ "$(vm-ls -p state job)" = stopped ]'
}

needs_namespaces()
{
	unshare --user --map-root-user --pid --fork --mount-proc true ||
	    atf_skip "no PID namespaces here"
}

atf_test_case runs
runs_head()
{
	atf_set require.progs unshare
}
runs_body()
{
	needs_namespaces
	have_snapshot
	job_elsewhere --foreground --rm
	atf_check -o inline:"running\n" vm-ls -p state job
	atf_check -o inline:"\n" vm-ls -p pid job
	mkfifo console
	exec 9<>console
	words="job: runs in another PID namespace: only there it can be changed"
	for refused in "vm-rm job" "vm-rm --force job" "vm-stop --force job" \
	    "vm-start job" "vm-restore job s" "vm-pause job" "vm-resume job" \
	    "vm-set --description a job" "snap-save job"; do
		# shellcheck disable=SC2086
		atf_check -s exit:77 -e inline:"${refused%% *}: $words\n" $refused
	done
	atf_check state-gc
	# Who only talks with it may.
	signalled vm-console job <console >seen 2>&1 &
	console=$!
	eventually 20 grep -q tick seen
	kill -TERM $console
	wait $console || :
	count=$(count_of job)
	eventually 60 has_counted job "$count"

	end_elsewhere
	# Others may look at its log, and that each as it likes.
	atf_check -o inline:"stopped\n" flock -x "$(vm-ls -p dir job)/vmm.log" \
	    vm-ls -p state job
	atf_check -o inline:"true\n" vm-ls -p auto_remove job
	atf_check -s exit:73 -e inline:"vm-clone: job: the name is taken\n" \
	    vm-clone -n job s
	picture >before
	atf_check -o inline:"directory	ended	job\n" \
	    state-gc --dry-run -p kind,reason,name
	picture >after
	atf_check cmp before after
	atf_check -o inline:"directory	ended	job\n" \
	    state-gc -p kind,reason,name
	atf_check vm-ls
	atf_check -o match:'^job$' vm-clone -p name -n job s
	atf_check vm-rm --force job
}

# Who starts it anew wants it, and one that is left is nobody's to remove.
atf_test_case wanted
wanted_head()
{
	atf_set require.progs unshare
	atf_set require.config long
}
wanted_body()
{
	needs_namespaces
	have_snapshot
	job_elsewhere --foreground --rm
	end_elsewhere
	atf_check -o inline:"running\n" vm-start -p state job
	atf_check -o ignore vm-stop --force job
	atf_check state-gc
	atf_check -o inline:"stopped	\n" vm-ls -p state,auto_remove job
	atf_check vm-rm job

	job_elsewhere --foreground --rm
	end_elsewhere
	atf_check -o inline:"running\n" vm-restore -p state job s
	atf_check -o ignore vm-stop --force job
	atf_check state-gc
	atf_check -o inline:"stopped	\n" vm-ls -p state,auto_remove job
	atf_check vm-rm job

	job_elsewhere --foreground --rm --on-kill leave
	end_elsewhere
	atf_check state-gc
	atf_check -o inline:"\n" vm-ls -p auto_remove job
}

# Numbers of processes are others' in another namespace.
atf_test_case memory_use
memory_use_head()
{
	atf_set require.progs "unshare jq"
}
memory_use_body()
{
	needs_namespaces
	have_snapshot
	job_elsewhere --foreground --rm
	pid=$(jq .process.pid "$(vm-ls -p dir job)/vm.json")
	cat >look <<'END'
i=0
while [ "$i" -lt "$1" ]; do
	sleep 100 &
	i=$((i + 1))
done
grep -c Private_Dirty "/proc/$1/smaps_rollup"
vm-ls --memory job >record
END
	(elsewhere sh look "$pid" >out 2>err)
	atf_check -o inline:"1\n" cat out
	atf_check -o inline:"running null\n" \
	    jq -r '"\(.state) \(.memory_use)"' record
	end_elsewhere
}

# What waits in a pool is taken where its VMM is.
atf_test_case pool
pool_head()
{
	atf_set require.progs "unshare jq"
}
pool_body()
{
	needs_namespaces
	have_snapshot
	pool=root/pool/$(snap-ls -p id s)
	cat >keep <<'END'
vm-pool --keep 1 s >pool.out &
until [ -e over ]; do
	sleep 0.05
done
kill -KILL $!
wait
exec sleep 1000
END
	(elsewhere sh keep) &
	outer=$!
	eventually 60 grep -q '"ready":1' pool.out
	ls "$pool" >before
	atf_check -o inline:"[true,1,null]\n" sh -c \
	    "vm-pool --list s | jq -c '[.kept, .ready, .waiting[].pid]'"
	atf_check -o inline:"running	false\n" \
	    vm-clone --from-pool -n ours -p state,from_pool s
	atf_check -o file:before ls "$pool"
	touch over
	eventually 20 sh -c '[ "$(vm-pool --list -p kept s)" = false ]'

	# One that nobody keeps there is in nobody's way here.
	signalled vm-pool --keep 1 s >own.out 2>own.err &
	keeper=$!
	eventually 60 grep -q '"ready":1' own.out ||
	    atf_fail "does not fill: $(cat own.err)"
	atf_check -o inline:"true\n" vm-clone --from-pool -n own -p from_pool s
	kill -TERM $keeper
	wait $keeper || atf_fail "the pool ends with $?: $(cat own.err)"
	atf_check state-gc
	atf_check -o file:before ls "$pool"
	kill -KILL "$outer"
	wait "$outer" || :
	eventually 20 sh -c \
	    'state-gc -p kind,reason | grep -qx "directory	unkept"'
	atf_check test ! -e "$pool"
	atf_check -o ignore vm-rm --force ours own
}

atf_init_test_cases()
{
	atf_add_test_case runs
	atf_add_test_case wanted
	atf_add_test_case memory_use
	atf_add_test_case pool
}
