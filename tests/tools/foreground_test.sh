#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-start and vm-clone in the foreground, and what a supervisor is told.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# stays TOOL...: in the background; its pid is in `tool`.
stays()
{
	signalled "$@" >out 2>err &
	tool=$!
}

# Until the VM $1 counts.
counts()
{
	eventually 60 has_counted "$1" 0 || atf_fail "no $1: $(cat err)"
}

# ends STATUS: that of `tool`.
ends()
{
	code=0
	wait "$tool" || code=$?
	[ "$code" -eq "$1" ] || atf_fail "status $code, not $1: $(cat err)"
}

# A snapshot "s" of a guest that counts, and is gone.
have_snapshot()
{
	tiny_run source
	atf_check -o ignore snap-save -n s source
	atf_check vm-rm --force source
}

# A supervisor: each message it gets, as a line, in the file `said`.
supervise()
{
	case $1 in
	@*) NOTIFY_SOCKET=$1 ;;
	*) NOTIFY_SOCKET=$PWD/$1 ;;
	esac
	export NOTIFY_SOCKET
	python3 -c 'import os, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + name[1:] if name[0] == "@" else name)
open("said", "w").close()
while True:
	text, fds, _, _ = socket.recv_fds(s, 4096, 1)
	for fd in fds:
		os.close(fd)
	with open("said", "a") as f:
		f.write(text.decode().strip().replace("\n", " ") + "\n")' \
	    "$NOTIFY_SOCKET" &
	supervisor=$!
	eventually 20 test -e said
}

atf_test_case start__guest_says_its_end cleanup
start__guest_says_its_end_body()
{
	tiny_vm web --cmdline exit=3
	atf_check -s exit:7 -o save:out vm-start --foreground --console web
	# The console, whole, and nothing else.
	atf_check cmp out "$(member web console_log)"
	atf_check -o match:'^tick 0000000a' tail -n 1 out
	atf_check -o inline:"stopped\t\n" vm-ls -p state,pid web
	# Without it there is no such device: the guest runs on.
	atf_check -o ignore vm-start web
	eventually 60 has_counted web 12 || atf_fail "it does not count"
}
start__guest_says_its_end_cleanup()
{
	vms_end
}

atf_test_case start__signal_stops cleanup
start__signal_stops_head()
{
	atf_set require.progs python3
}
start__signal_stops_body()
{
	supervise sock
	tiny_vm web
	stays vm-start --foreground -p name,state web
	counts web
	atf_check -o inline:"web\trunning\n" cat out
	pid=$(member web pid)
	# The guest can be paused, and saved, meanwhile.
	atf_check -o ignore vm-pause web
	atf_check -o ignore snap-save -n s web
	atf_check -o ignore vm-resume web
	kill "$tool"
	ends 0
	is_gone "$pid" || atf_fail "it runs"
	atf_check -o inline:"stopped\t\n" vm-ls -p state,pid web
	tail -n 1 "$(member web console_log)" | grep -q 'tiny off' ||
	    atf_fail "the button was not pressed"
	atf_check test ! -s err
	kill "$supervisor"
	atf_check -o inline:"READY=1 STATUS=web runs\nSTOPPING=1 STATUS=stops\n" \
	    cat said
}
start__signal_stops_cleanup()
{
	vms_end
}

atf_test_case start__second_signal cleanup
start__second_signal_body()
{
	tiny_vm web --cmdline power=ignore
	stays vm-start --foreground --stop-timeout 1h web
	counts web
	# It is asked first, and has an hour; the same word again is no other.
	kill "$tool"
	kill "$tool"
	sleep 0.7
	atf_check -o inline:"running\n" vm-ls -p state web
	kill -INT "$tool"
	ends 1
	atf_check -o inline:"stopped\n" vm-ls -p state web
}
start__second_signal_cleanup()
{
	vms_end
}

atf_test_case start__vmm_killed cleanup
start__vmm_killed_body()
{
	tiny_vm web
	stays vm-start --foreground web
	counts web
	kill -9 "$(member web pid)"
	ends 1
	atf_check -o inline:"vm-start: web: its hypervisor was ended by signal 9 \
(Killed)\n" cat err
	atf_check -o inline:"stopped\n" vm-ls -p state web
}
start__vmm_killed_cleanup()
{
	vms_end
}

atf_test_case start__tool_killed cleanup
start__tool_killed_body()
{
	tiny_vm web
	tiny_vm kept
	stays vm-start --foreground --on-kill leave kept
	counts kept
	kill -9 "$tool"
	stays vm-start --foreground web
	counts web
	pid=$(member web pid)
	kill -9 "$tool"
	eventually 60 is_gone "$pid" || atf_fail "it runs"
	eventually 60 sh -c 'test "$(vm-ls -p state,pid web)" = "stopped	"' ||
	    atf_fail "not recorded"
	grep -q 'tiny off' "$(member web console_log)" ||
	    atf_fail "the button was not pressed"
	n=$(count_of kept)
	eventually 60 has_counted kept "$n" || atf_fail "it does not go on"
}
start__tool_killed_cleanup()
{
	vms_end
}

atf_test_case start__runs_already cleanup
start__runs_already_body()
{
	tiny_run web
	stays vm-start --foreground web
	eventually 20 grep -q running out
	# A stop by somebody else is the guest's own.
	atf_check -o ignore vm-stop web
	ends 0
	atf_check -o inline:"vm-start: web: running already\n" cat err
}
start__runs_already_cleanup()
{
	vms_end
}

has_grown()
{
	[ "$(wc -c <"$log")" -ge $((before + 140)) ]
}

atf_test_case start__console_nobody_reads cleanup
start__console_nobody_reads_body()
{
	tiny_vm web
	signalled vm-start --foreground --console web >/dev/full 2>err &
	tool=$!
	counts web
	kill "$tool"
	ends 74
	atf_check -o inline:"vm-start: standard output: No space left on \
device\n" cat err
	# One that takes nothing holds up neither the guest nor a signal.
	mkfifo pipe
	exec 8<>pipe
	log=$(vm-ls -p console_log web)
	before=$(wc -c <"$log")
	signalled vm-start --foreground --console web >pipe 2>err &
	tool=$!
	# Ten ticks of this run.
	eventually 60 has_grown || atf_fail "it does not count"
	kill "$tool"
	exec 9<pipe 8>&-
	cat <&9 >out &
	ends 0
}
start__console_nobody_reads_cleanup()
{
	vms_end
}

atf_test_case start__not_ready cleanup
start__not_ready_body()
{
	tiny_vm web
	atf_check -s exit:75 -o match:'"name":"web"' -e match:'web: .*time' \
	    vm-start --foreground --ready console=never --ready-timeout 1s web
	atf_check -o inline:"stopped\n" vm-ls -p state web
}
start__not_ready_cleanup()
{
	vms_end
}

# A signal that comes while that is waited for ends the VM all the same.
atf_test_case clone__ended_before_ready cleanup
clone__ended_before_ready_body()
{
	have_snapshot
	for word in TERM INT; do
		stays vm-clone --foreground --rm --ready console=never -n c s
		counts c
		pid=$(member c pid)
		kill "-$word" "$tool"
		ends $([ $word = TERM ] && echo 143 || echo 130)
		is_gone "$pid" || atf_fail "$word: it runs"
		atf_check -o empty vm-ls
		atf_check_equal 1 "$(grep -c 'ended by signal' err)"
	done
}
clone__ended_before_ready_cleanup()
{
	vms_end
}

atf_test_case restore__goes_on cleanup
restore__goes_on_body()
{
	tiny_vm web
	stays vm-start --foreground web
	counts web
	atf_check -o ignore snap-save -n s web
	pid=$(member web pid)
	atf_check -o ignore vm-restore web s
	eventually 60 is_gone "$pid" || atf_fail "it runs"
	kill -0 "$tool" || atf_fail "the tool has ended: $(cat err)"
	n=$(count_of web)
	eventually 60 has_counted web "$n" || atf_fail "it does not count"
	kill "$tool"
	ends 0
	atf_check -o inline:"stopped\n" vm-ls -p state web
}
restore__goes_on_cleanup()
{
	vms_end
}

atf_test_case clone__removed cleanup
clone__removed_body()
{
	have_snapshot
	stays vm-clone --foreground --rm --console -n c s
	counts c
	kill "$tool"
	ends 0
	atf_check -o empty vm-ls
	atf_check -o match:'^tick' cat out
	atf_check -s exit:1 grep name out
	# From a pool, and by who was killed.
	atf_check vm-clone --into-pool s
	stays vm-clone --foreground --rm --from-pool -p name,from_pool -n c s
	counts c
	atf_check -o inline:"c\ttrue\n" cat out
	pid=$(member c pid)
	kill -9 "$tool"
	eventually 60 is_gone "$pid" || atf_fail "it runs"
	eventually 60 sh -c 'test -z "$(vm-ls)"' || atf_fail "it is there"
	atf_check -o empty find root/name/vm -mindepth 1
}
clone__removed_cleanup()
{
	vms_end
}

atf_test_case notify__main_pid cleanup
notify__main_pid_head()
{
	atf_set require.progs python3
}
notify__main_pid_body()
{
	supervise "@instar/$$/test"
	tiny_vm web
	atf_check -o ignore vm-start web
	atf_check -o inline:"MAINPID=$(member web pid) READY=1 STATUS=web runs
BARRIER=1\n" cat said
	# So is that of a pool, when it is full.
	atf_check -o ignore snap-save -n s web
	signalled vm-pool s >out 2>err &
	tool=$!
	eventually 60 grep -qx 'READY=1 STATUS=full' said ||
	    atf_fail "does not fill: $(cat said err)"
	kill "$tool"
	ends 0
	atf_check -o inline:"STOPPING=1\n" tail -n 1 said
	kill "$supervisor"
	# It is not there any more; the VM runs all the same.
	atf_check -o ignore vm-stop --force web
	atf_check -o match:running -e match:'^vm-start: warning: NOTIFY_SOCKET: ' \
	    vm-start -p state web
}
notify__main_pid_cleanup()
{
	vms_end
}

atf_test_case options__wrong
options__wrong_body()
{
	for t in vm-start vm-clone; do
		for o in --console "--on-kill stop" "--stop-timeout 1s"; do
			atf_check -s exit:64 \
			    -e inline:"$t: ${o%% *} needs --foreground\n" \
			    "$t" $o x
		done
		atf_check -s exit:64 \
		    -e inline:"$t: --console and -p exclude each other\n" \
		    "$t" --foreground --console -p id x
		atf_check -s exit:64 \
		    -e inline:"$t: --on-kill: go: not stop or leave\n" \
		    "$t" --foreground --on-kill go x
	done
	atf_check -s exit:64 -e inline:"vm-clone: --rm needs --foreground\n" \
	    vm-clone --rm x
	for o in --no-start --paused --count; do
		n=
		[ $o != --count ] || n=2
		atf_check -s exit:64 -e inline:"vm-clone: --foreground and $o \
exclude each other\n" vm-clone --foreground $o $n x
	done
	atf_check -s exit:64 -e inline:"vm-clone: --into-pool and --foreground \
exclude each other\n" vm-clone --foreground --into-pool x
	atf_check -s exit:64 -e inline:"vm-start: --foreground and --all exclude \
each other\n" vm-start --foreground --all
	atf_check -s exit:64 -e inline:"vm-start: no VM is named\n" \
	    vm-start --foreground
	atf_check -s exit:64 -e inline:"vm-start: y: one VM at a time with \
--foreground\n" vm-start --foreground x y
	mkdir -p root/vm
	atf_check -s exit:66 -e match:'x: no such VM' vm-start --foreground x
	atf_check -s exit:66 -e match:'x: no such snapshot' \
	    vm-clone --foreground --rm x
}

atf_init_test_cases()
{
	atf_add_test_case start__guest_says_its_end
	atf_add_test_case start__signal_stops
	atf_add_test_case start__second_signal
	atf_add_test_case start__vmm_killed
	atf_add_test_case start__tool_killed
	atf_add_test_case start__runs_already
	atf_add_test_case start__console_nobody_reads
	atf_add_test_case start__not_ready
	atf_add_test_case clone__ended_before_ready
	atf_add_test_case restore__goes_on
	atf_add_test_case clone__removed
	atf_add_test_case notify__main_pid
	atf_add_test_case options__wrong
}
