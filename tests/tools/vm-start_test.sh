#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# A program in place of QEMU: the lines of standard input are its script.
other_qemu()
{
	(echo '#! /bin/sh'; cat) >qemu
	chmod +x qemu
	INSTAR_QEMU=$PWD/qemu
	export INSTAR_QEMU
}

atf_test_case start__runs cleanup
start__runs_body()
{
	tiny_vm web
	atf_check -o save:record vm-start web
	for m in '"name":"web"' '"state":"running"' '"pid":' '"accel":"' \
	    '"machine":"pc-q35-' '"started_at":"' \
	    "\"api_socket\":\"$PWD/root/vm/" \
	    "\"console_socket\":\"$PWD/root/vm/"; do
		atf_check -o ignore grep -F "$m" record
	done
	atf_check test -d "/proc/$(member web pid)"
	atf_check vm-wait --timeout 60 --console '^tick 00000010$' web
	# Its directory is where it runs, and it has it to itself.
	atf_check_equal "$(member web dir)" \
	    "$(readlink "/proc/$(member web pid)/cwd")"
	atf_check -o empty find root -perm /077 ! -type l
}
start__runs_cleanup()
{
	vms_end
}

atf_test_case start__again cleanup
start__again_body()
{
	tiny_run web
	pid=$(member web pid)
	atf_check -o inline:"running\t$pid\n" \
	    -e inline:"vm-start: web: running already\n" \
	    vm-start -p state,pid web
	atf_check -o inline:"running\t$pid\n" vm-start -q -p state,pid web
}
start__again_cleanup()
{
	vms_end
}

atf_test_case start__after_its_end cleanup
start__after_its_end_body()
{
	tiny_run web
	eventually 60 has_counted web 20 || atf_fail "it does not count"
	atf_check -o inline:"stopped\n" vm-stop -p state web
	log=$(member web console_log)
	size=$(stat -c %s "$log")
	atf_check -o inline:"running\n" vm-start -p state web
	# The log goes on, the guest counts from the start.
	atf_check vm-wait --timeout 60 --console '^tick 00000005$' web
	tail -c +$((size + 1)) "$log" | tr -d '\r' >new
	atf_check -o inline:"tick 00000001\n" sed -n '/^tick/{p;q;}' new
}
start__after_its_end_cleanup()
{
	vms_end
}

atf_test_case start__some_fail cleanup
start__some_fail_body()
{
	tiny_vm web
	tiny_vm db
	atf_check -s exit:66 -o inline:"web\trunning\ndb\trunning\n" \
	    -e inline:"vm-start: none: no such VM in $INSTAR_ROOT\n" \
	    vm-start -p name,state none web db
}
start__some_fail_cleanup()
{
	vms_end
}

atf_test_case start__from_a_pipe cleanup
start__from_a_pipe_body()
{
	tiny_vm web
	tiny_vm db
	atf_check -o inline:"running\nrunning\n" \
	    sh -c 'vm-ls web db | vm-start -p state -'
	echo "web db" >lines
	atf_check -s exit:65 \
	    -e inline:"vm-start: standard input: line 1: neither a record nor \
an id or a name\n" \
	    vm-start - <lines
	echo '{"name":"web"}' >lines
	atf_check -s exit:65 \
	    -e inline:'vm-start: standard input: line 1: no member "id"\n' \
	    vm-start - <lines
}
start__from_a_pipe_cleanup()
{
	vms_end
}

atf_test_case start__memory_in_a_file cleanup
start__memory_in_a_file_body()
{
	tiny_run web --memory-backing file
	atf_check -o inline:"file\n" vm-ls -p memory_backing web
	dir=$(member web dir)
	# Whole from the start: a guest must not meet a full disk.
	atf_check test "$(stat -c %s "$dir/memory.raw")" -eq 33554432
	atf_check test "$(($(stat -c '%b' "$dir/memory.raw") * 512))" -ge 33554432
	atf_check -o ignore grep -F "$dir/memory.raw" \
	    "/proc/$(member web pid)/maps"
	atf_check -o ignore vm-stop web
	atf_check test ! -e "$dir/memory.raw"
}
start__memory_in_a_file_cleanup()
{
	vms_end
}

atf_test_case start__memory_in_no_file cleanup
start__memory_in_no_file_body()
{
	tiny_run web --memory-backing memfd
	atf_check -o inline:"memfd\n" vm-ls -p memory_backing web
	atf_check test ! -e "$(member web dir)/memory.raw"
	atf_check -o ignore grep -F "memfd:instar-memory" \
	    "/proc/$(member web pid)/maps"
}
start__memory_in_no_file_cleanup()
{
	vms_end
}

# The port of the host that the VM $1 has for its only forward.
port_of()
{
	member "$1" network_configs |
	    sed -n 's/.*"host_port":\([0-9]*\).*/\1/p'
}

# Whether somebody listens on the loopback port $1.
listens()
{
	grep -qi "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" \
	    /proc/net/tcp
}

atf_test_case start__forward_takes_a_free_port cleanup
start__forward_takes_a_free_port_body()
{
	tiny_vm web --nic user,restrict=on,forward=0:22
	atf_check_equal 0 "$(port_of web)"
	atf_check -o ignore vm-start web
	port=$(port_of web)
	atf_check test "$port" -gt 0
	listens "$port" || atf_fail "nobody listens on port $port"
	atf_check -o ignore grep -zF '"restrict":true' \
	    "/proc/$(member web pid)/cmdline"
	# The port is in use now: a second VM that wants it cannot start.
	tiny_vm db --nic "user,forward=$port:22"
	atf_check -s exit:69 -e inline:"vm-start: db: port 127.0.0.1:$port is \
taken by $(cat "/proc/$(member web pid)/comm") (process $(member web pid))\n" \
	    vm-start db
	atf_check -o inline:"created\n" vm-ls -p state db
	# So it is by who listens at all addresses of both kinds.
	python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6)
s.bind(("::", 0))
s.listen(1)
with open("six.new", "w") as f:
	print(s.getsockname()[1], file=f)
import os
os.rename("six.new", "six")
time.sleep(60)' &
	six=$!
	eventually 10 test -e six
	tiny_vm both --nic "user,forward=$(cat six):22"
	atf_check -s exit:69 -e inline:"vm-start: both: port \
127.0.0.1:$(cat six) is taken by python3 (process $six)\n" vm-start both
	kill $six
	atf_check -o ignore vm-stop web
	atf_check_equal 0 "$(port_of web)"
	atf_check -o inline:"running\n" vm-start -p state db
	atf_check_equal "$port" "$(port_of db)"
}
start__forward_takes_a_free_port_cleanup()
{
	vms_end
}

atf_test_case start__not_restricted cleanup
start__not_restricted_body()
{
	tiny_run web --nic user --nic user,restrict=off
	atf_check -o ignore grep -zF '"restrict":false' \
	    "/proc/$(member web pid)/cmdline"
	atf_check -s exit:1 grep -zqF '"restrict":true' \
	    "/proc/$(member web pid)/cmdline"
}
start__not_restricted_cleanup()
{
	vms_end
}

# Where KVM runs no guests that is said, once, to who has not chosen.
atf_test_case start__by_emulation cleanup
start__by_emulation_body()
{
	tiny_vm a
	tiny_vm b
	tiny_vm c --accel tcg
	INSTAR_ACCEL=auto
	atf_check -o save:accel vm-start -p accel a
	atf_check -o ignore vm-stop --force a
	if [ "$(cat accel)" = tcg ]; then
		said="vm-start: no KVM here that runs guests: by emulation, \
which is slower\n"
	else
		said=
	fi
	unset INSTAR_ACCEL
	atf_check -o ignore -e inline:"$said" vm-start a b
	atf_check -o ignore vm-start c
	atf_check -o ignore vm-stop --force a
	atf_check -o ignore vm-start -q a
}
start__by_emulation_cleanup()
{
	vms_end
}

atf_test_case qemu__missing
qemu__missing_body()
{
	tiny_vm web
	INSTAR_QEMU=/nonexistent
	export INSTAR_QEMU
	atf_check -s exit:69 \
	    -e match:'^vm-start: web: .*/nonexistent: No such file' vm-start web
	atf_check -o inline:"created\t\n" vm-ls -p state,pid web
}

atf_test_case qemu__dies_at_start
qemu__dies_at_start_body()
{
	tiny_vm web --memory-backing file
	dir=$(member web dir)
	other_qemu <<-'END'
		echo first words
		echo qemu: not today >&2
		exit 1
	END
	atf_check -s exit:69 -e inline:"vm-start: web: qemu: not today\n" \
	    vm-start web
	atf_check -o inline:"created\t\n" vm-ls -p state,pid web
	# Its logs stay; sockets and memory go.
	printf 'console.log\nkernel\nvm.json\nvmm.log\n' >expected
	atf_check -o file:expected ls "$dir"
	# Only the last words of this start count.
	other_qemu <<-'END'
		exit 1
	END
	atf_check -s exit:69 -e not-match:'not today' -e match:'^vm-start: web: ' \
	    vm-start web
	unset INSTAR_QEMU
	atf_check -o inline:"removed\n" sh -c 'vm-rm web && echo removed'
}

atf_test_case qemu__no_such_machine
qemu__no_such_machine_body()
{
	tiny_vm web
	other_qemu <<-'END'
		echo 'qemu: unsupported machine type' >&2
		exit 1
	END
	atf_check -s exit:78 \
	    -e inline:"vm-start: web: qemu: unsupported machine type\n" \
	    vm-start web
	atf_check -o inline:"created\t\n" vm-ls -p state,pid web
}

# What QEMU answers as long as it lives is the cause; that we end it is none.
atf_test_case qemu__answers_first
qemu__answers_first_body()
{
	tiny_vm web
	other_qemu <<-'END'
		exec qemu-system-x86_64 "$@" -device rocker,name=x
	END
	atf_check -s exit:69 -e match:'^vm-start: web: QEMU: migrate: .*rocker' \
	    vm-start web
	atf_check -o inline:"created\t\n" vm-ls -p state,pid web
}

# The first fault, not the advice or the further complaints behind it.
atf_test_case qemu__first_fault
qemu__first_fault_body()
{
	tiny_vm web
	other_qemu <<-'END'
		echo 'qemu: warning: this is old' >&2
		echo "qemu: no such thing" >&2
		echo "Consider another thing" >&2
		echo "qemu: giving up" >&2
		exit 1
	END
	atf_check -s exit:69 -e inline:"vm-start: web: qemu: no such thing\n" \
	    vm-start web
	# The real one, whose memory is a file that it may not open.
	other_qemu <<-'END'
		ln -sf /sys/kernel/uevent_seqnum memory.raw
		exec qemu-system-x86_64 "$@"
	END
	vm-create -q -n other --memory 32M --kernel "$tiny" \
	    --memory-backing file >/dev/null
	words='qemu-system-x86_64: .*memory.raw.*: Permission denied'
	atf_check -s exit:69 -e match:"^vm-start: other: $words\$" \
	    vm-start --unconfined other
}

# Nothing that this QEMU would drop, or warn of, is asked of it.
atf_test_case qemu__says_nothing cleanup
qemu__says_nothing_head()
{
	atf_set require.config long
}
qemu__says_nothing_body()
{
	need_linux
	vm-create -n web --kernel "$vmlinuz" --initrd "$initrd" \
	    --cmdline console=ttyS0 --memory 256M --storage 64M \
	    --nic user,forward=0:7777 --memory-backing memfd >/dev/null
	vm-create -n plain --kernel "$tiny" --memory 32M --storage 8M \
	    --memory-backing file >/dev/null
	atf_check -o ignore vm-start web plain
	atf_check vm-wait --timeout 120 --console 'count 2' web
	# Guest memory is never in the state: not that of a file, not a memfd's.
	for vm in web plain; do
		atf_check -o ignore snap-save -n s-$vm $vm
		atf_check -o ignore vm-clone -n c-$vm s-$vm
		atf_check -o ignore snap-save -n t-$vm c-$vm
		atf_check -o ignore vm-restore $vm s-$vm
	done
	for state in root/snap/*/state.qemu; do
		atf_check test "$(stat -c %s "$state")" -lt 1500000
	done
	for log in root/vm/*/vmm.log; do
		atf_check -o empty cat "$log"
	done
}
qemu__says_nothing_cleanup()
{
	vms_end
}

atf_test_case accel__unknown
accel__unknown_body()
{
	tiny_vm web
	INSTAR_ACCEL=fast
	export INSTAR_ACCEL
	atf_check -s exit:64 -e inline:"vm-start: web: INSTAR_ACCEL=fast: \
not auto, kvm or tcg\n" vm-start web
	atf_check -o inline:"created\t\n" vm-ls -p state,pid web
	printf 'kernel\nvm.json\n' >expected
	atf_check -o file:expected ls "$(member web dir)"
}

atf_test_case start__refusals
start__refusals_body()
{
	tiny_vm web
	refused 64 "no VM is named" vm-start
	refused 64 '"../web" is neither an id nor a name' vm-start ../web
	refused 64 '"" is neither an id nor a name' vm-start ''
	refused 66 "we: no such VM in $INSTAR_ROOT" vm-start we
	refused 64 '"-" is given twice' vm-start - -
	refused 64 "-p: given twice" vm-start -p id -p id web
	dir=$(member web dir)
	cp "$dir/vm.json" saved
	echo '{"record":1}' >"$dir/vm.json"
	refused 65 'web: vm.json: no member "id"' vm-start web
	sed 's/"id":"[a-z2-7]*"/"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa"/' saved \
	    >"$dir/vm.json"
	refused 65 \
	    "web: vm.json: of another VM, aaaaaaaaaaaaaaaaaaaaaaaaaa" \
	    vm-start web
	rm "$dir/vm.json"
	refused 65 "web: vm.json: No such file or directory" vm-start web
}

atf_test_case start__busy
start__busy_body()
{
	tiny_vm web
	atf_check -s exit:75 \
	    -e inline:"vm-start: web: busy: another program changes it\n" \
	    flock "$(member web dir)" vm-start web
	atf_check -o inline:"created\n" vm-ls -p state web
}

atf_test_case root__read_only
root__read_only_head()
{
	atf_set require.user root
}
root__read_only_body()
{
	tiny_vm web
	chmod 755 . root
	atf_check -s exit:77 -e match:'^vm-start: .*root: Permission denied$' \
	    setpriv --reuid=65534 --clear-groups "$(command -v vm-start)" web
	atf_check -s exit:77 -e match:'^vm-ls: .*root: vm: Permission denied$' \
	    setpriv --reuid=65534 --clear-groups "$(command -v vm-ls)"
}

atf_init_test_cases()
{
	atf_add_test_case start__runs
	atf_add_test_case start__again
	atf_add_test_case start__after_its_end
	atf_add_test_case start__some_fail
	atf_add_test_case start__from_a_pipe
	atf_add_test_case start__memory_in_a_file
	atf_add_test_case start__memory_in_no_file
	atf_add_test_case start__forward_takes_a_free_port
	atf_add_test_case start__not_restricted
	atf_add_test_case start__by_emulation
	atf_add_test_case qemu__missing
	atf_add_test_case qemu__dies_at_start
	atf_add_test_case qemu__no_such_machine
	atf_add_test_case qemu__answers_first
	atf_add_test_case qemu__first_fault
	atf_add_test_case qemu__says_nothing
	atf_add_test_case accel__unknown
	atf_add_test_case start__refusals
	atf_add_test_case start__busy
	atf_add_test_case root__read_only
}
