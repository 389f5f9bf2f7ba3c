# SPDX-License-Identifier: ISC
# Guests with an agent, for the tests.
#	. "$(atf_get_srcdir)/../lib/lib.sh"

agent_initrd=$linux_cache/initrd-agent.img

# In a case's body: skips where the guest with the real agent is not there.
need_agent()
{
	need_linux
	[ -e "$agent_initrd" ] ||
	    atf_skip "the guest with an agent is not built"
}

# agent_vm NAME [ARGUMENT]...: a Linux guest with the real agent; not started.
agent_vm()
{
	need_agent
	vm=$1
	shift
	atf_check -o ignore vm-create -n "$vm" --agent --kernel "$vmlinuz" \
	    --initrd "$agent_initrd" --cmdline "console=ttyS0 quiet writer=off" \
	    --memory 192M "$@"
}

# The same, running and ready.
agent_run()
{
	agent_vm "$@"
	atf_check -o inline:"running\n" vm-start -p state "$vm"
	atf_check vm-wait --timeout 300 --console '^ready' "$vm"
}

# fake_agent NAME [vsock]: an agent of ours for the running VM, in place of a
# guest's; it runs commands in the directory "guest".
fake_agent()
{
	mkdir -p guest
	dir=$(vm-ls -p dir "$1")
	socket=$dir/${2-agent}.sock
	rm -f "$socket"
	(cd guest && exec "$top/tests/lib/agent.pl" "$socket" ${2-}) &
	echo $! >>fakes
	eventually 30 test -S "$socket" || atf_fail "no agent"
}

# In a cleanup: those of this directory.
fakes_end()
{
	[ ! -e fakes ] || while read -r p; do
		kill -9 "$p" 2>/dev/null
	done <fakes
}

agents_end()
{
	fakes_end
	vms_end
}
