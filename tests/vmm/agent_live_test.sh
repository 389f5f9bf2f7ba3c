#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Debian's agent in a Linux guest, under QEMU.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

atf_test_case exec__real cleanup
exec__real_head()
{
	atf_set require.config long
}
exec__real_body()
{
	agent_run web
	atf_check vm-exec web -- true
	atf_check -s exit:7 -o inline:"out\n" -e inline:"err\n" \
	    vm-exec -i /dev/null web -- sh -c 'echo out; echo err >&2; exit 7'
	atf_check -s exit:137 vm-exec -i /dev/null web -- sh -c 'kill -9 $$'
	atf_check -s exit:127 -e match:"guest-exec: .*nosuch" \
	    vm-exec web nosuch
	atf_check -o inline:"/mnt a b\n" vm-exec --env 'A=a b' --cwd /mnt web \
	    -- sh -c 'echo "$(pwd) $A"'
	# Bytes there and back.
	head -c 100000 /dev/urandom >bytes
	atf_check -o file:bytes vm-exec -i bytes web cat
	# More than the agent keeps.
	atf_check -s exit:74 -o save:much -e inline:"vm-exec: web: of what it \
wrote the guest's agent has kept 16 MiB only\n" vm-exec -i /dev/null web -- \
	    head -c 17825792 /dev/zero
	test "$(stat -c %s much)" -ge 16777216 || atf_fail "$(wc -c much)"
	rm much
	atf_check -s exit:75 -e inline:"vm-exec: web: the time is over, and it \
was ended\n" vm-exec --timeout 2 -i /dev/null web -- sleep 1234
	atf_check -s exit:1 vm-exec -i /dev/null web -- \
	    sh -c 'ps | grep "[s]leep 1234"'
	atf_check -o match:'"pid":[0-9]+}' vm-exec --detach -i /dev/null web \
	    -- sh -c 'sleep 1; echo done >/run/detached'
	eventually 60 vm-exec web cat /run/detached ||
	    atf_fail "it did not go on"
	# The agent is started anew under a command.
	atf_check -s exit:69 -e match:"how it ended is not known: guest agent: \
guest-exec-status: " vm-exec -i /dev/null web -- \
	    sh -c 'sleep 1; kill -9 $(pidof qemu-ga); sleep 100'
	atf_check vm-exec web -- true
}
exec__real_cleanup()
{
	vms_end
}

# By busybox's tar, which knows no holes.
atf_test_case copy__real cleanup
copy__real_head()
{
	atf_set require.config long
}
copy__real_body()
{
	agent_run web --storage 32M
	mkdir -p src/sub
	echo one >src/a
	chmod 640 src/a
	head -c 100000 /dev/urandom >'src/sub/b c'
	ln -s ../a src/sub/link
	atf_check vm-copy src web:/mnt/
	atf_check -o inline:"$(sha256sum <'src/sub/b c')\n" \
	    vm-exec -i /dev/null web -- sh -c 'sha256sum <"/mnt/src/sub/b c"'
	atf_check -o inline:"640 ../a\n" vm-exec -i /dev/null web -- \
	    sh -c 'echo $(stat -c %a /mnt/src/a) $(readlink /mnt/src/sub/link)'
	atf_check vm-copy web:/mnt/src back
	atf_check diff -r src back
	atf_check -o inline:"640\n" stat -c %a back/a
	atf_check -o empty vm-exec -i /dev/null web -- \
	    sh -c 'ls -d /mnt/.instar* /tmp/.instar* 2>/dev/null; :'
}
copy__real_cleanup()
{
	vms_end
}

# A part of the machine: each clone has an agent and a channel of its own, and a
# VM that was put back has the one of then.
atf_test_case exec__clones cleanup
exec__clones_head()
{
	atf_set require.progs jq
}
exec__clones_head()
{
	atf_set require.config long
}
exec__clones_body()
{
	agent_run web --storage 32M
	atf_check vm-exec web -- sh -c 'echo before >/run/word'
	# One that runs while the guest is saved goes on in the clone, too.
	vm-exec -i /dev/null web -- sh -c 'sleep 5; echo over >/run/over' &
	long=$!
	sleep 1
	atf_check -o ignore snap-save -n golden web
	atf_check -o inline:"true\ntrue\n" jq '.agent,
	    ([.devices[] | select(.driver == "virtio-serial-pci")] |
	    length == 1)' root/name/snap/golden/cocoon.json
	atf_check -o inline:"c-1\ttrue\nc-2\ttrue\n" vm-clone -q -n c --count 2 \
	    --refresh none -p name,config.agent golden
	for vm in c-1 c-2 web; do
		atf_check -o inline:"before\n" vm-exec $vm cat /run/word
		atf_check vm-exec $vm -- sh -c "echo $vm >/run/word"
	done
	wait $long || atf_fail "the long one: exit $?"
	for vm in c-1 c-2 web; do
		atf_check -o inline:"$vm\n" vm-exec $vm cat /run/word
		eventually 60 vm-exec $vm cat /run/over ||
		    atf_fail "$vm: it did not go on"
	done
	atf_check -o ignore vm-rm --force c-2
	atf_check -o inline:"running\n" vm-restore --refresh none \
	    -p state web golden
	atf_check -o inline:"before\n" vm-exec web cat /run/word
	atf_check -o inline:"c-1\n" vm-exec c-1 cat /run/word
	# Saved by a clone, started anew, and cloned by another.
	atf_check -o ignore snap-save --stop -n second c-1
	atf_check -o ignore vm-clone -n d --refresh none second
	atf_check -o inline:"c-1\n" vm-exec d cat /run/word
	# What says another thing of it than the state is refused.
	atf_check -o ignore snap-export -q --to-dir out golden
	chmod u+w out/cocoon.json out/snapshot.json
	jq -c 'del(.digests)' out/snapshot.json >x && cat x >out/snapshot.json
	jq -c 'del(.agent)' out/cocoon.json >x && cat x >out/cocoon.json
	atf_check -s exit:65 -e match:"devices" vm-clone --from-dir out
	jq -c 'del(.devices)' out/cocoon.json >x && cat x >out/cocoon.json
	atf_check -s exit:65 -e match:"state of an unknown device" \
	    vm-clone --from-dir out
}
exec__clones_cleanup()
{
	vms_end
}

# The guest has the disk at /mnt, and counts.
atf_test_case guest__mounted cleanup
guest__mounted_head()
{
	atf_set require.config long
}
guest__mounted_body()
{
	agent_run web --storage 32M
	atf_check vm-wait --timeout 60 --console '^count [0-9]+$' web
	atf_check -o match:"^/dev/vd. on /mnt type ext4" \
	    vm-exec -i /dev/null web -- sh -c 'mount | grep /mnt'
	atf_check -o ignore vm-stop web
	atf_check -o inline:"stopped\n" vm-ls -p state web
	atf_check test ! -e "$(vm-ls -p dir web)/agent.sock"
}
guest__mounted_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case exec__real
	atf_add_test_case copy__real
	atf_add_test_case exec__clones
	atf_add_test_case guest__mounted
}
