#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What the examples directory prints is run as printed.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

atf_test_case pipelines__run_as_printed cleanup
pipelines__run_as_printed_head()
{
	atf_set require.progs "qemu-system-x86_64 jq"
}
pipelines__run_as_printed_body()
{
	need_tiny
	# Each block becomes a step that says which line it stands in.
	awk '/^```sh$/ { block = 1; printf "echo line %d\n", NR; next }
	    /^```$/ { block = 0; next }
	    block' "$top/examples/pipelines.md" >steps
	test "$(grep -c '^echo line' steps)" -ge 15 || atf_fail "no blocks"
	KERNEL=$tiny OTHER=$PWD/other \
	    bash -eux -o pipefail steps >out 2>&1 ||
	    { cat out; atf_fail "a step fails"; }
	# Nothing is left of it.
	atf_check -o empty find root/vm root/snap -mindepth 1
}
pipelines__run_as_printed_cleanup()
{
	vms_end "$PWD/root" "$PWD/other"
}

atf_test_case golden__built_once cleanup
golden__built_once_head()
{
	atf_set require.progs "qemu-system-x86_64 cpio"
	atf_set require.config long
}
golden__built_once_body()
{
	need_linux
	golden="make -s -C $top/examples/golden OUT=$PWD \
	    KERNEL=$vmlinuz INITRD=$initrd"
	atf_check -o ignore -e ignore $golden
	id=$(cat golden.id)
	atf_check -o inline:"$id\tgolden\n" snap-ls -p id,name
	atf_check -o empty vm-ls
	# Nothing has changed: nothing is built.
	atf_check -o ignore -e ignore $golden
	atf_check_equal "$id" "$(cat golden.id)"
	vm=$($golden clone)
	atf_check -o ignore vm-wait --timeout 60 --console 'count [0-9]+' "$vm"
	atf_check -s exit:1 grep -q 'Linux version' \
	    "$(vm-ls -p console_log "$vm")"
	# An input has changed: another snapshot under the same name.
	touch -d '+2 seconds' golden.img
	atf_check -o ignore -e ignore $golden
	test "$id" != "$(cat golden.id)" || atf_fail "not built anew"
	atf_check -o inline:"golden\n" snap-ls -p name
	# A build that fails leaves the old one where it was.
	id=$(cat golden.id)
	printf 'no kernel' >broken
	atf_check -s not-exit:0 -o ignore -e ignore $golden KERNEL=broken
	atf_check_equal "$id" "$(cat golden.id)"
	atf_check -o inline:"$id\tgolden\n" snap-ls -p id,name
	atf_check -o inline:"$vm\n" vm-ls -p id
	atf_check -o ignore vm-rm --force "$vm"
	atf_check -o ignore -e ignore $golden clean
	atf_check -o empty snap-ls
}
golden__built_once_cleanup()
{
	vms_end "$PWD/root"
}

# The same by an agent, which does what is to be done, and answers in the clone.
atf_test_case golden__agent cleanup
golden__agent_head()
{
	atf_set require.progs "qemu-system-x86_64"
	atf_set require.config long
}
golden__agent_body()
{
	need_agent
	golden="make -s -C $top/examples/golden OUT=$PWD \
	    KERNEL=$vmlinuz AGENT_INITRD=$agent_initrd"
	# shellcheck disable=SC2086 # several words
	atf_check -o ignore -e ignore $golden agent
	atf_check -o inline:"golden-agent\n" snap-ls -p name
	atf_check -o empty vm-ls
	# shellcheck disable=SC2086
	vm=$($golden agent-clone)
	atf_check -o inline:"made once, served by every clone\n" vm-exec \
	    -i /dev/null "$vm" -- wget -q -O - http://127.0.0.1/
	atf_check -o ignore vm-rm --force "$vm"
	# shellcheck disable=SC2086
	atf_check -o ignore -e ignore $golden clean
	atf_check -o empty snap-ls
}
golden__agent_cleanup()
{
	vms_end "$PWD/root"
}

# A task of a scheduler: its command's status, its input and output, and its end.
atf_test_case run_in_clone cleanup
run_in_clone_head()
{
	atf_set require.progs "qemu-system-x86_64"
	atf_set require.config long
}
run_in_clone_body()
{
	run=$top/examples/run-in-clone.sh
	agent_run web
	atf_check -o ignore snap-save -n s web
	atf_check -o ignore vm-rm --force web
	export TMPDIR="$PWD"
	echo a line >in
	atf_check -s exit:7 -o inline:"a line\n" sh -c \
	    "'$run' s sh -c 'cat; exit 7' <in"
	atf_check vm-ls
	atf_check -s exit:66 -e match:'^vm-clone: none: no such snapshot' \
	    "$run" none true
	atf_check -s exit:64 -e match:'^usage: ' "$run" s
	# Ended while the command runs, and before the guest has answered.
	for started in "vm-ls -p state | grep -q running" true; do
		signalled "$run" s sleep 1000 >out 2>err &
		tool=$!
		eventually 60 sh -c "$started"
		kill -TERM $tool
		code=0
		wait $tool || code=$?
		atf_check_equal 143 "$code"
		atf_check vm-ls
	done
	atf_check -o empty find . -maxdepth 1 -name 'tmp.*'
}
run_in_clone_cleanup()
{
	vms_end "$PWD/root"
}

# A guest that does not answer, nor hears its button.
atf_test_case run_in_clone__by_force cleanup
run_in_clone__by_force_head()
{
	atf_set require.config long
}
run_in_clone__by_force_body()
{
	tiny_run web --agent --cmdline power=ignore
	atf_check -o ignore snap-save -n s web
	atf_check vm-rm --force web
	export TMPDIR="$PWD" CLONE_OPTIONS="--stop-timeout 1h"
	signalled "$top/examples/run-in-clone.sh" s true >out 2>err &
	tool=$!
	eventually 60 sh -c "vm-ls -p state | grep -q running"
	kill -TERM $tool
	sleep 1
	atf_check -o inline:"running\n" vm-ls -p state
	kill -TERM $tool
	code=0
	wait $tool || code=$?
	atf_check_equal 143 "$code"
	atf_check vm-ls
	atf_check -o empty find . -maxdepth 1 -name 'tmp.*'
}
run_in_clone__by_force_cleanup()
{
	vms_end "$PWD/root"
}

# The rules for a Debian, which takes minutes: what they would do.
atf_test_case golden__debian_rules
golden__debian_rules_body()
{
	golden="make -n -C $top/examples/golden OUT=$PWD"
	# shellcheck disable=SC2086 # several words
	atf_check -o save:said -e ignore $golden debian
	for word in mmdebstrap 'include=.*qemu-guest-agent' 'mke2fs .*-d' \
	    'vm-create .*--agent' 'user-data seed.yaml' 'ready agent' \
	    'vm-copy site' 'vm-exec .*debian.sh' snap-save 'vm-rm'; do
		atf_check -o match:"$word" tr -d '\\\n' <said
	done
	atf_check -o empty find . -name 'root*' -o -name '*.raw'
	atf_check sh -n "$top/examples/golden/debian.sh"
	if command -v shellcheck >/dev/null; then
		atf_check shellcheck -s sh "$top/examples/golden/debian.sh"
	fi
	# What is there is made no more than once.
	: >root-bookworm.tar
	: >golden-debian.raw
	: >golden-debian.id
	# shellcheck disable=SC2086
	atf_check -o not-match:'mmdebstrap|vm-create' -e ignore $golden debian
	# shellcheck disable=SC2086
	atf_check -o match:'vm-clone .*--ready agent' -e ignore $golden \
	    debian-clone
}

# What fails leaves nothing in the way of the next run.  The guest's part is a
# stand-in's, whose status is $said for what the golden machine is asked.
atf_test_case fleet__after_a_failure cleanup
fleet__after_a_failure_head()
{
	atf_set require.progs "qemu-system-x86_64 ssh-keygen"
}
fleet__after_a_failure_body()
{
	ssh-keygen -q -t ed25519 -N '' -f key
	truncate -s 16M debian.raw
	mkdir bin
	cat >bin/vm-ssh <<-'END'
		#!/bin/sh
		case $* in
		*cloud-init*)
			exit $said
			;;
		esac
		exec sh
	END
	chmod +x bin/vm-ssh
	PATH=$PWD/bin:$PATH
	for n in 1 2; do
		echo "echo job $n; exit $n" >job$n.sh
	done
	fleet="sh $top/examples/ci-fleet.sh debian.raw key job1.sh job2.sh"
	export said=1
	# shellcheck disable=SC2086 # several words
	atf_check -s exit:1 -o ignore -e ignore $fleet
	atf_check -o empty vm-ls
	# cloud-init says so of a guest that is up, and has met a thing to warn of.
	said=2
	atf_check -o match:^golden -e ignore $fleet
	atf_check -o empty vm-ls
	atf_check -o inline:"1\n2\n" cat job1.sh.status job2.sh.status
	atf_check -o inline:"job 1\njob 2\n" cat job1.sh.out job2.sh.out
	# One that cannot be cloned, as somebody has its name, who keeps it.
	rm job*.status job*.out
	atf_check -o ignore vm-clone --no-start -n job-job1 golden
	atf_check -o not-match:^golden -e match:'job-job1' $fleet
	atf_check -o inline:"job-job1\n" vm-ls -p name
	atf_check -o not-inline:"1\n" -o match:. cat job1.sh.status
	atf_check -o inline:"2\n" cat job2.sh.status
}
fleet__after_a_failure_cleanup()
{
	vms_end
}

# A task as Slurm would run it, where it cannot: it says why, and leaves nothing.
# What is done in a guest is shown by long/slurm_test.sh.
atf_test_case slurm__refuses cleanup
slurm__refuses_head()
{
	atf_set require.progs "qemu-system-x86_64 flock"
}
slurm__refuses_body()
{
	slurm=$top/examples/slurm
	if command -v shellcheck >/dev/null; then
		atf_check shellcheck -s sh "$slurm/task.sh" "$slurm/epilog.sh"
	fi
	tiny_run web
	atf_check -o ignore snap-save -n golden web
	atf_check vm-rm --force web
	atf_check -o ignore snap-export -q --to-dir golden golden
	mkdir tmp
	export INSTAR_TMP="$PWD/tmp" SLURM_JOB_ID=7 SLURM_ARRAY_JOB_ID=5 \
	    SLURM_ARRAY_TASK_ID=2
	atf_check -s exit:64 -e inline:"task.sh: task 2: usage: task.sh \
SNAPSHOT RESULTS COMMAND [ARG]...\n" sh "$slurm/task.sh" "$PWD/golden" res
	# Whatever others make there is in nobody's way.
	mkdir "tmp/instar-$(id -u)-7-0"
	for t in SLURM_MEM_PER_NODE=100 SLURM_MEM_PER_CPU=100; do
		atf_check -s exit:78 -e inline:"task.sh: task 2: the allocation \
is too small: --mem=100M --cpus-per-task=1, and the snapshot takes --mem=160M \
--cpus-per-task=1\n" env "$t" sh "$slurm/task.sh" "$PWD/golden" res true
	done
	# Enough, but nobody in the guest who could be asked.
	atf_check -s exit:69 -e match:'^vm-clone: golden: .*agent' \
	    env SLURM_MEM_PER_NODE=160 \
	    sh "$slurm/task.sh" "$PWD/golden" res true
	atf_check -s exit:66 -o ignore -e match:'^snap-pull: ' \
	    sh "$slurm/task.sh" oci-layout:nosuch res true
	rmdir "tmp/instar-$(id -u)-7-0"
	atf_check -o empty find res tmp -mindepth 1
	mkdir res/2
	atf_check -o inline:"task 2: its result is there\n" \
	    sh "$slurm/task.sh" "$PWD/golden" res true
}
slurm__refuses_cleanup()
{
	vms_end
}

# What the epilog of job 7 takes away, with who is in there, and what it leaves.
atf_test_case slurm__epilog cleanup
slurm__epilog_head()
{
	atf_set require.user root
	atf_set require.progs "setpriv flock"
}
slurm__epilog_body()
{
	epilog="env INSTAR_TMP=$PWD/tmp SLURM_JOB_ID=7 SLURM_JOB_UID=65534 \
	    sh $top/examples/slurm/epilog.sh"
	mkdir -m 1777 tmp
	for n in 65534-7-0 65534-7-1 65534-70-0 65534-8-0 65534-9-0 x; do
		mkdir -p "tmp/instar-$n/root"
	done
	chown -R 65534 tmp/instar-*
	# Not there any more, there, and made just now.
	touch -d '-2 minutes' tmp/instar-65534-70-0 tmp/instar-65534-8-0
	flock tmp/instar-65534-8-0 sleep 1000 &
	echo $! >pids
	ln -s "$PWD" tmp/instar-65534-7-2
	INSTAR_ROOT=$PWD/tmp/instar-65534-7-1/root setpriv --reuid=65534 \
	    --clear-groups sleep 1000 &
	echo $! >>pids
	ended=$!
	INSTAR_ROOT=$PWD/tmp/instar-65534-8-0/root setpriv --reuid=65534 \
	    --clear-groups sleep 1000 &
	echo $! >>pids
	# shellcheck disable=SC2086 # several words
	atf_check $epilog
	wait $ended || atf_check_equal 137 $?
	atf_check -o inline:"instar-65534-7-2\ninstar-65534-8-0\n\
instar-65534-9-0\ninstar-x\n" ls tmp
	atf_check kill -0 $!
}
slurm__epilog_cleanup()
{
	# shellcheck disable=SC2046 # several words
	kill $(cat pids) || :
}

# Of two users: what is slow to go holds up nobody else's.
atf_test_case slurm__epilog_held_up cleanup
slurm__epilog_held_up_head()
{
	atf_set require.user root
	atf_set require.progs "setpriv flock"
}
slurm__epilog_held_up_body()
{
	mkdir -m 1777 tmp held
	mkdir bin
	for n in 65533-6-0 65534-7-0; do
		mkdir -p "tmp/instar-$n/root"
		chown -R "${n%%-*}" "tmp/instar-$n"
		touch -d '-2 minutes' "tmp/instar-$n"
	done
	cat >bin/fusermount3 <<-END
		#!/bin/sh
		case "\$(id -u) \$*" in
		*-z*) exit ;;
		"65533 -u "*mnt) ;;
		*) exit ;;
		esac
		echo \$\$ >$PWD/held/pid
		exec sleep 1000
	END
	chmod +x bin/fusermount3
	INSTAR_TMP=$PWD/tmp SLURM_JOB_ID=7 SLURM_JOB_UID=65534 \
	    PATH=$PWD/bin:$PATH sh "$top/examples/slurm/epilog.sh" &
	echo $! >epilog
	eventually 25 test -s held/pid || atf_fail "it is not held up"
	eventually 25 test ! -e tmp/instar-65534-7-0 || atf_fail "held up"
	atf_check test -d tmp/instar-65533-6-0
	kill "$(cat held/pid)"
	wait "$(cat epilog)" || atf_fail "status $?"
	atf_check -o empty ls tmp
}
slurm__epilog_held_up_cleanup()
{
	[ ! -s held/pid ] || kill "$(cat held/pid)" || :
}

atf_init_test_cases()
{
	atf_add_test_case pipelines__run_as_printed
	atf_add_test_case golden__built_once
	atf_add_test_case golden__agent
	atf_add_test_case run_in_clone
	atf_add_test_case run_in_clone__by_force
	atf_add_test_case golden__debian_rules
	atf_add_test_case fleet__after_a_failure
	atf_add_test_case slurm__refuses
	atf_add_test_case slurm__epilog
	atf_add_test_case slurm__epilog_held_up
}
