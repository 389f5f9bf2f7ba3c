#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Cloud Hypervisor's VMs with a guest agent, which is behind a vsock: against
# recorded answers, so anywhere.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"

atf_test_case exec__by_vsock cleanup
exec__by_vsock_head()
{
	atf_set require.progs perl
}
exec__by_vsock_body()
{
	ch_plays ping
	echo kernel >kern
	truncate -s 1M layer
	echo x | dd of=layer conv=notrunc 2>/dev/null
	atf_check -o inline:"true\n" vm-create -n web -p config.agent --agent \
	    --hypervisor cloud-hypervisor --cpu 2 --memory 16M --kernel kern \
	    --cmdline console=ttyS0 --layer layer --storage 16M --no-cidata \
	    --data-disk size=16M,name=db,fstype=none,directio=on \
	    --nic tap=tap7,mac=52:54:00:00:00:07
	vsock='"vsock":{"id":"vsock","cid":3,"socket":"vsock.sock"}'
	ch_plays -s "\"tap7\",\"mac\":\"52:54:00:00:00:07\"}]}=\
\"tap7\",\"mac\":\"52:54:00:00:00:07\"}],$vsock}" \
	    ping create boot running running running running
	atf_check -o inline:"running\n" vm-start -p state web
	dir=$(vm-ls -p dir web)
	atf_check -s exit:69 -e match:"vm-exec: web: " vm-exec web true
	fake_agent web vsock
	atf_check -s exit:3 -o inline:"hi\n" \
	    vm-exec -i /dev/null web -- sh -c 'echo hi; exit 3'
	atf_check vm-wait --timeout 60 --agent web
	ch_plays running
	atf_check -o ignore vm-stop --force web
	atf_check test ! -e "$dir/vsock.sock"
}
exec__by_vsock_cleanup()
{
	agents_end
}

# What was saved without one has none, whatever the sidecar says.
atf_test_case clone__no_vsock cleanup
clone__no_vsock_head()
{
	atf_set require.progs jq
}
clone__no_vsock_body()
{
	ch_import
	atf_check -o ignore snap-export -q --to-dir out bare
	chmod u+w out/cocoon.json out/snapshot.json
	jq -c '.agent = true' out/cocoon.json >x && cat x >out/cocoon.json
	jq -c 'del(.digests)' out/snapshot.json >x && cat x >out/snapshot.json
	ch_plays ping
	atf_check -s exit:65 -e match:"config.json: no vsock for an agent$" \
	    vm-clone --from-dir out
	atf_check -o empty vm-ls
}
clone__no_vsock_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case exec__by_vsock
	atf_add_test_case clone__no_vsock
}
