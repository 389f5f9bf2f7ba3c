#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones that wait, loaded, and those who take them.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"

# A snapshot "s" of a guest that counts, which is gone.
have_snapshot()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	vm_run a --storage 8M "$@"
	snap_save -n s a
	atf_check -o ignore vm-stop --force a
	atf_check -o ignore vm-rm a
	pool=root/pool/$(id_of_snap s)
}

# pool_run N [OPTION]...: keeps a pool of "s"; its pid is in `pool_pid`.
pool_run()
{
	n=$1
	shift
	signalled vm-pool --keep "$n" "$@" s >pool.out 2>pool.err &
	pool_pid=$!
	eventually 60 grep -q "\"ready\":$n" pool.out ||
	    atf_fail "does not fill: $(cat pool.err)"
}

waiting()
{
	[ "$(ls "$pool" 2>/dev/null | wc -l)" -eq "$1" ]
}

# pool_end SIGNAL STATUS
pool_end()
{
	kill "-$1" $pool_pid
	code=0
	wait $pool_pid || code=$?
	atf_check_equal "$1: $2" "$1: $code"
}

# VMMs whose directory is in this root.
vmms()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd") in
		"$INSTAR_ROOT"/*) echo "${p#/proc/}" ;;
		esac
	done 2>/dev/null
}

nobody_runs()
{
	[ -z "$(vmms)" ] || atf_fail "there runs $(vmms)"
}

# Those that were never taken, too.
all_end()
{
	for p in $(vmms); do
		kill -9 "$p"
	done
	vms_end
}

atf_test_case taken__runs_under_its_name cleanup
taken__runs_under_its_name_body()
{
	have_snapshot
	pool_run 2
	# Nobody sees them, and nothing of them runs.
	atf_check -o empty vm-ls
	atf_check -o empty vm-resume --all
	for d in "$pool"/*; do
		atf_check -o empty cat "$d/console.log"
	done
	ls "$pool" >before
	# But who asks for what stands ready.
	atf_check -o save:listed vm-pool --list
	atf_check -o inline:"[\"s\",true,2]\n" \
	    jq -c '[.name, .kept, .ready]' listed
	atf_check -o file:before jq -r '.waiting[].id' listed
	jq -r '.waiting[].pid' listed | sort >pids
	vmms | sort >running
	atf_check diff running pids
	atf_check -o save:record vm-clone --from-pool -n c -d "taken" s
	atf_check -o inline:"true\n" jq '.from_pool and .name == "c" and
	    .state == "running" and .description == "taken" and
	    .clone_ms > 0 and .cloned_from == "'"$(id_of_snap s)"'"' record
	grep -qx "$(jq -r .id record)" before || atf_fail "not one that waited"
	counts_on c
	vm_is c running
	atf_check -o inline:"$(jq -r .id record)\n" vm-ls -p id c
	atf_check -o match:taken vm-ls -p description c
	# What was taken is made again.
	eventually 60 waiting 2 || atf_fail "does not fill up again"
	atf_check -o inline:"paused\ttrue\n" \
	    vm-clone --from-pool --paused -p state,from_pool s
	pool_end TERM 0
	atf_check -o empty vm-pool --list
	atf_check -o inline:"false\t0\n" vm-pool --list -p kept,ready s
	atf_check -o inline:"[2,2,0]\n" \
	    sh -c "tail -n 1 pool.out | jq -c '[.keep, .taken, .ready]'"
	atf_check test ! -e root/pool
	# The clones go on; and are removed as any other.
	counts_on c
	atf_check -o ignore vm-stop --force c
	atf_check -o ignore vm-rm c
	atf_check -o empty cat pool.err
	atf_check -o empty state-gc
}
taken__runs_under_its_name_cleanup()
{
	all_end
}

atf_test_case empty__is_an_ordinary_clone cleanup
empty__is_an_ordinary_clone_body()
{
	have_snapshot
	# There was never one; and one from which all were taken.
	atf_check -o inline:"c\tfalse\trunning\n" \
	    vm-clone --from-pool -n c -p name,from_pool,state s
	counts_on c
	atf_check -o ignore vm-clone --into-pool s
	atf_check -o inline:"true\n" vm-clone --from-pool -p from_pool s
	atf_check -o inline:"false\n" vm-clone --from-pool -p from_pool s
	# A name that is taken leaves it waiting.
	atf_check -o ignore vm-clone --into-pool --count 2 s
	ls "$pool" >before
	atf_check -s exit:73 -e inline:"vm-clone: c: the name is taken\n" \
	    vm-clone --from-pool -n c s
	ls "$pool" >after
	atf_check diff before after
	# So does what it can never be.
	atf_check -s exit:69 -e match:'^vm-clone: .*agent' \
	    vm-clone --from-pool --ready agent s
	ls "$pool" >after
	atf_check diff before after
	# One whose VMM has died is removed, and the next one is taken.
	dead=$(head -n 1 before)
	kill -9 "$(sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p' \
	    "$pool/$dead/vm.json")"
	atf_check -o inline:"$(tail -n 1 before)\ttrue\n" \
	    vm-clone --from-pool -p id,from_pool s
	atf_check -o empty ls "$pool"
}
empty__is_an_ordinary_clone_cleanup()
{
	all_end
}

# Each is taken once, however many take.
atf_test_case takers__at_once cleanup
takers__at_once_body()
{
	have_snapshot
	atf_check -o ignore vm-clone --into-pool --count 6 s
	ls "$pool" >before
	for i in 1 2 3 4 5 6 7 8; do
		vm-clone --from-pool -n "w$i" -p id,from_pool s >"out.$i" \
		    2>"err.$i" &
	done
	wait
	atf_check -o empty cat err.?
	cat out.? | sort >all
	atf_check -o inline:"8\n" sh -c "cut -f 1 all | uniq | wc -l"
	awk '$2 == "true" { print $1 }' all >taken
	atf_check diff before taken
	for i in 1 2 3 4 5 6 7 8; do
		counts_on "w$i"
	done
	atf_check -o empty ls -A "$pool"
}
takers__at_once_cleanup()
{
	all_end
}

# As many as one likes; where there are fewer than takers, all are told so.
atf_test_case takers__twenty cleanup
takers__twenty_head()
{
	atf_set require.config long
}
takers__twenty_body()
{
	have_snapshot
	pool_run 20
	ls "$pool" >before
	for i in $(seq 20); do
		vm-clone --from-pool -n "w$i" -p id,from_pool s >"out.$i" \
		    2>"err.$i" &
		takers="$takers $!"
	done
	# shellcheck disable=SC2086
	wait $takers
	cat err.* >said
	atf_check -o empty cat said
	sort out.* >all
	atf_check -o inline:"20\n" sh -c "cut -f 1 all | uniq | wc -l"
	for i in $(seq 20); do
		counts_on "w$i"
	done
	# What was made anew while they took is in nobody's hands twice.
	awk '$2 == "true" { print $1 }' all >taken
	sort before | comm -12 - taken >from_first
	[ "$(wc -l <from_first)" -ge 15 ] ||
	    atf_fail "$(wc -l <from_first) of 20 were taken"
	eventually 60 waiting 20 || atf_fail "does not fill up again"
	ls "$pool" | comm -12 - taken >both
	atf_check -o empty cat both
	pool_end TERM 0
	atf_check_equal 20 "$(vmms | wc -l)"
}
takers__twenty_cleanup()
{
	all_end
}

# A pool that is killed, and one of which nobody takes care.
atf_test_case killed__is_collected cleanup
killed__is_collected_body()
{
	have_snapshot
	pool_run 2
	# While it is kept up, it is left alone, and has one keeper.
	atf_check -o empty state-gc
	waiting 2 || atf_fail "collected"
	atf_check -s exit:75 -e match:'^vm-pool: .*: it has a keeper already$' \
	    vm-pool s
	pool_end KILL 137
	atf_check -o inline:"s\tfalse\t2\n" vm-pool --list -p name,kept,ready s
	atf_check -o save:dry state-gc --dry-run -p kind,path
	waiting 2 || atf_fail "a dry run has removed them"
	atf_check -o save:gc state-gc -p kind,path
	atf_check diff dry gc
	atf_check -o inline:"2\n" grep -c '^process' gc
	atf_check -o inline:"2\n" grep -c '^directory' gc
	nobody_runs
	atf_check test ! -e root/pool
	atf_check -o empty state-gc
}
killed__is_collected_cleanup()
{
	all_end
}

atf_test_case killed__at_each_step cleanup
killed__at_each_step_head()
{
	atf_set require.config long
}
killed__at_each_step_body()
{
	have_snapshot
	grep -q INSTAR_HOOK "$top/vm-clone/vm-clone" ||
	    atf_skip "not a build for tests"
	# The taker: what it had in its hands is told and ended, and no more.
	for step in root-adopted taken running root-publish; do
		atf_check -o ignore vm-clone --into-pool --count 2 s
		signalled vm-pool --keep 2 s >pool.out 2>pool.err &
		pool_pid=$!
		eventually 60 grep -q '"ready":2' pool.out ||
		    atf_fail "does not fill"
		atf_check -s signal:9 -o ignore \
		    env INSTAR_HOOK=$step=kill vm-clone --from-pool -n t s
		eventually 60 waiting 2 || atf_fail "$step: does not fill up"
		atf_check -o save:gc state-gc -p kind,reason
		grep -q 'process.unfinished' gc ||
		    atf_fail "$step: not told: $(cat gc)"
		atf_check -o empty vm-ls
		waiting 2 || atf_fail "$step: others were collected"
		pool_end TERM 0
		nobody_runs
	done
	# The maker, and the keeper.
	for step in populated running root-hidden; do
		atf_check -s signal:9 -o ignore \
		    env INSTAR_HOOK=$step=kill vm-clone --into-pool s
		atf_check -o ignore state-gc
		nobody_runs
	done
	atf_check -s signal:9 -o ignore -e ignore \
	    env INSTAR_HOOK=pool-full=kill vm-pool s
	atf_check -o ignore state-gc
	nobody_runs
	atf_check test ! -e root/pool
	atf_check snap-verify s
}
killed__at_each_step_cleanup()
{
	all_end
}

atf_test_case kept__through_trouble cleanup
kept__through_trouble_body()
{
	have_snapshot
	pool_run 2
	# One whose VMM dies is replaced.
	victim=$(ls "$pool" | head -n 1)
	kill -9 "$(vmms | head -n 1)"
	is_replaced()
	{
		waiting 2 && [ "$(vmms | wc -l)" -eq 2 ]
	}
	eventually 60 is_replaced || atf_fail "$victim is not replaced"
	# What cannot be made now is made later.
	mv "root/snap/$(id_of_snap s)/state.qemu" kept
	atf_check -o inline:"true\n" vm-clone --from-pool -p from_pool s
	eventually 60 grep -q '^vm-clone: ' pool.err ||
	    atf_fail "no word of what failed"
	kill -0 $pool_pid || atf_fail "it has ended"
	mv kept "root/snap/$(id_of_snap s)/state.qemu"
	eventually 60 waiting 2 || atf_fail "does not fill up again"
	# The snapshot goes: what waits is gone, too.
	id=$(id_of_snap s)
	atf_check -o ignore snap-rm s
	code=0
	wait $pool_pid || code=$?
	atf_check_equal 66 "$code"
	atf_check -o inline:"vm-pool: $id: the snapshot was removed\n" \
	    tail -n 1 pool.err
	atf_check test ! -e root/pool
	atf_check -o inline:"1\n" sh -c "vm-ls -p id | wc -l"
}
kept__through_trouble_cleanup()
{
	all_end
}

# A disk that is full when one is to be replaced, and has room again later.
atf_test_case kept__disk_full cleanup
kept__disk_full_body()
{
	loopfs_make ext4 128M root
	have_snapshot
	pool_run 1
	dd if=/dev/zero of=root/filler bs=1M status=none 2>/dev/null || true
	dd if=/dev/zero of=root/more bs=4k status=none 2>/dev/null || true
	# What waits is not lost by who cannot take it.
	ls "$pool" >before
	atf_check -s exit:74 \
	    -e match:'^vm-clone: no space: [0-9]* bytes are free$' \
	    vm-clone --from-pool -n c s
	atf_check -o file:before ls "$pool"
	atf_check -o empty vm-ls
	kill -9 "$(vmms)"
	eventually 60 grep -q '^vm-clone: .*[Nn]o space' pool.err ||
	    atf_fail "no word of the disk: $(cat pool.err)"
	kill -0 $pool_pid || atf_fail "it has ended"
	nobody_runs
	rm root/filler root/more
	eventually 60 waiting 1 || atf_fail "does not fill up again"
	atf_check -o inline:"true\n" vm-clone --from-pool -n c -p from_pool s
	counts_on c
	pool_end TERM 0
	atf_check -o empty state-gc
}
kept__disk_full_cleanup()
{
	all_end
	loopfs_clean
}

atf_test_case usage__wrong cleanup
usage__wrong_body()
{
	have_snapshot
	inventory >before
	while read -r code message arguments; do
		message=$(echo "$message" | tr _ ' ')
		# shellcheck disable=SC2086
		atf_check -s exit:"$code" -e inline:"vm-pool: $message\n" \
		    vm-pool $arguments </dev/null
	done <<-TABLE
	64 no_snapshot_is_named
	64 t:_one_snapshot_at_a_time s t
	64 --keep:_0:_less_than_1 --keep 0 s
	64 --keep:_x:_not_a_number --keep x s
	64 --jobs:_0:_less_than_1 -j 0 s
	64 --list_and_--merge_exclude_each_other --list --merge
	64 --list_and_--keep_exclude_each_other --list --keep 2
	64 --list_and_--jobs_exclude_each_other -j 2 --list s
	TABLE
	while read -r message arguments; do
		message=$(echo "$message" | tr _ ' ')
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e inline:"vm-clone: $message\n" \
		    vm-clone $arguments </dev/null
	done <<-TABLE
	--into-pool_and_--from-pool_exclude_each_other --into-pool --from-pool s
	--from-pool_and_--count_exclude_each_other --from-pool --count 2 s
	--from-pool_and_--nic_exclude_each_other --from-pool --nic user s
	--from-pool_and_--verify_exclude_each_other --from-pool --verify s
	--from-pool_and_--merge_exclude_each_other --from-pool --merge s
	--no-start_and_--merge_exclude_each_other --no-start --merge s
	--into-pool_and_--name_exclude_each_other --into-pool -n x s
	--into-pool_and_--paused_exclude_each_other --into-pool --paused s
	--jobs_needs_--count -j 2 s
	TABLE
	atf_check -s exit:66 -e match:'^vm-pool: none: no such snapshot' \
	    vm-pool none
	atf_check -s exit:66 -e match:'^vm-pool: none: no such snapshot' \
	    -o inline:"s\n" vm-pool --list -p name none s
	atf_check -s exit:69 -e inline:"vm-pool: --merge: this kernel merges $(:
	    )no memory of processes: Linux 6.4 with KSM does\n" \
	    "$(atf_get_srcdir)/../lib/denied" merging vm-pool --merge s
	# What never succeeds is told once, and is the end.
	atf_check -s exit:69 -e match:'^vm-clone: ' \
	    env INSTAR_QEMU=/nonexistent vm-pool s
	atf_check -s exit:69 -e match:'^vm-pool: vm-clone: ' \
	    env PATH=/nonexistent "$top/vm-pool/vm-pool" s
	atf_check -s exit:74 -e match:'^vm-pool: standard output' \
	    -x 'vm-pool s >/dev/full'
	atf_check test ! -e root/pool
	inventory >after
	atf_check diff before after
}
usage__wrong_cleanup()
{
	all_end
}

atf_init_test_cases()
{
	atf_add_test_case taken__runs_under_its_name
	atf_add_test_case empty__is_an_ordinary_clone
	atf_add_test_case takers__at_once
	atf_add_test_case takers__twenty
	atf_add_test_case killed__is_collected
	atf_add_test_case killed__at_each_step
	atf_add_test_case kept__through_trouble
	atf_add_test_case kept__disk_full
	atf_add_test_case usage__wrong
}
