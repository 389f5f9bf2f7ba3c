#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-ssh up to where ssh takes over, which is a stand-in here; a login to a
# Debian is in long/cloudinit_test.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/ssh_server.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# An ssh that tells its words, one in brackets each.
stub_ssh()
{
	mkdir -p bin
	printf '#!/bin/sh\nprintf "<%%s>" "$@"; echo\n' >bin/ssh
	chmod +x bin/ssh
	PATH=$PWD/bin:$PATH
}

# web, running, with a forward to port 22.
make_web()
{
	tiny_vm web --nic user,forward=0:22 "$@"
	atf_check -o ignore vm-start web
	id=$(member web id)
	hosts="UserKnownHostsFile=\"$PWD/root/vm/$id/known_hosts\""
	alias=HostKeyAlias=instar-$id
	rest="<-o><StrictHostKeyChecking=accept-new><-o><LogLevel=ERROR>"
}

ssh_case()
{
	eval "
	atf_test_case $1 cleanup
	$1_head() { atf_set require.progs \"jq perl $2\"; }
	$1_cleanup()
	{
		vms_end \"\$PWD/root\" \"\$PWD\"/*/root
		for f in *.pid; do
			[ ! -e \$f ] || kill \$(cat \$f) 2>/dev/null
		done
		return 0
	}"
}

ssh_case login__words
login__words_body()
{
	stub_ssh
	make_web
	server ssh 'SSH-2.0-x
'
	port=$(cat ssh.port)
	lead web "$port"
	ours="<-o><Port=$port><-o><$alias><-o><$hosts>$rest"
	atf_check -o match:"<ConnectTimeout=3[01]><--><127.0.0.1>$" \
	    vm-ssh --timeout 31 web
	# Without the option it depends on how the guest is run.
	for accel in kvm:1[12] tcg:[56][90]; do
		edit "$INSTAR_ROOT/name/vm/web/vm.json" \
		    ".accel = \"${accel%%:*}\""
		atf_check -o match:"<ConnectTimeout=${accel#*:}[0-9]><--><127" \
		    vm-ssh web
	done
	# Three seconds are not enough for ssh itself.
	left="<-o><ConnectTimeout=10><--><127.0.0.1>"
	for dashes in '' --; do
		# shellcheck disable=SC2086
		atf_check -o inline:"$ours$left<ls><-l><a b><--><>\n" \
		    vm-ssh --timeout 3 web $dashes ls -l 'a b' -- ''
	done
	# What the user says goes first, and the environment's behind it.
	touch key 'two keys'
	export INSTAR_SSH_OPTS="-v  -oTCPKeepAlive=no "
	atf_check -o inline:"<-t><-4><-i><key><-i><two keys><-o><Port=1>\
<-o><LogLevel DEBUG><-v><-oTCPKeepAlive=no><-l><root><-o><Port=$port>\
<-o><$alias><-o><$hosts><-o>\
<StrictHostKeyChecking=accept-new><-o><LogLevel=QUIET><--><127.0.0.1>\
<true>\n" vm-ssh --timeout 0 -qt4 -l root -i key -oPort=1 \
	    -i 'two keys' -o 'LogLevel DEBUG' -- web true
	unset INSTAR_SSH_OPTS
	# As scp(1), sftp(1) and rsync(1) call it.
	atf_check -o inline:"<-x><-s><-o><RequestTTY=no><-l><me>\
<-o><Port=$port><-o><$alias><-o><$hosts>$rest$left<sftp>\n" \
	    vm-ssh --timeout 1 -x -oRequestTTY=no -l me -s -- web sftp
	atf_check -o inline:"<-l><me><-o><Port=$port><-o><$alias><-o>\
<$hosts>$rest$left<rsync><--server><-e.L><.>\n" \
	    vm-ssh --timeout 1 -l me web rsync --server -e.L .
	vm-ls web >line
	atf_check -o match:'<true>$' sh -c 'vm-ssh --timeout 1 - true <line'
	# The status is ssh's, and no process stands between.
	printf '#!/bin/sh\necho $$; exit 3\n' >bin/ssh
	atf_check -s exit:3 -o inline:"same\n" sh -c 'vm-ssh --timeout 1 web >pid &
	wait $!; rc=$?; [ $! -ne "$(cat pid)" ] || echo same; exit $rc'
}

ssh_case user__of_the_seed
user__of_the_seed_body()
{
	stub_ssh
	make_web --user admin
	atf_check -o match:'<-l><admin><-o>' vm-ssh --timeout 0 web
	atf_check -o match:'<-l><root><-o>' \
	    -o not-match:admin vm-ssh --timeout 0 -l root web
	# A record of before does not say it.
	edit "$INSTAR_ROOT/name/vm/web/vm.json" 'del(.user)'
	atf_check -o inline:"\n" vm-ls -p user web
	atf_check -o match:'<-l><admin><-o>' vm-ssh --timeout 0 web
	# A seed of others has what they like there: what is no user's name is none.
	for bad in -oProxyCommand=x 'a b' 'x;id' 'x\ny' '$(id)' 'Me@x' '%r'; do
		edit "$INSTAR_ROOT/name/vm/web/cidata.json" ".user = \"$bad\""
		atf_check -o not-match:'<-l>' vm-ssh --timeout 0 web
	done
	edit "$INSTAR_ROOT/name/vm/web/vm.json" '.user = "x\ny"'
	atf_check -s exit:65 -e match:': "user" is x\?y$' \
	    vm-ssh --timeout 0 web
}

# What the first login has seen is of this VM alone, and of its state.
ssh_case keys__of_clone_and_restore
keys__of_clone_and_restore_body()
{
	stub_ssh
	make_web --user admin
	key="instar-$id ssh-ed25519 AAAA"
	echo "$key" >"root/vm/$id/known_hosts"
	snap_save -n s web
	# Its next boot gives it others than its snapshot has.
	atf_check -o save:clone vm-clone -n c -p id s
	atf_check test ! -e "root/vm/$(cat clone)/known_hosts"
	atf_check -o match:"<HostKeyAlias=instar-$(cat clone)>" \
	    -o match:"<UserKnownHostsFile=/dev/null>" vm-ssh --timeout 0 c
	# On a network where others could answer they are kept.
	edit "root/name/vm/c/vm.json" \
	    '.network_configs = [{type: "tap", ifname: "t0", ip: "192.0.2.7/24",
	    mac: "52:54:00:00:00:01"}]'
	atf_check -o match:"<UserKnownHostsFile=.*/$(cat clone)/known_hosts" \
	    vm-ssh --timeout 0 c
	atf_check -o ignore vm-rm --force c
	atf_check -o ignore vm-clone -n d --no-start s
	atf_check -o ignore vm-start d
	atf_check -o ignore vm-stop --force d
	atf_check -o ignore vm-start d
	atf_check -o match:"<UserKnownHostsFile=.*/known_hosts\">" \
	    vm-ssh --timeout 0 d
	# One without a seed keeps the keys that it has.
	tiny_vm plain --nic user,forward=0:22
	atf_check -o ignore vm-start plain
	snap_save -n p plain
	atf_check -o ignore vm-clone -n e p
	atf_check -o match:"<UserKnownHostsFile=.*/known_hosts\">" \
	    vm-ssh --timeout 0 e
	# It stays through a change, and goes with what was seen.
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore vm-set -n www --cpu 2 web
	atf_check -o inline:"$key\n" cat "root/vm/$id/known_hosts"
	atf_check -o ignore vm-restore www s
	atf_check test ! -e "root/vm/$id/known_hosts"
}

# Paths as ssh reads them, and the other forms.
ssh_case print__for_others "ssh"
print__for_others_body()
{
	mkdir "a  b#%h'\"\\"
	INSTAR_ROOT="$PWD/a  b#%h'\"\\/root"
	make_web --user admin
	want=$INSTAR_ROOT/vm/$id/known_hosts
	port=$(vm-ls -p network_configs.0.forward.0.host_port web)
	atf_check -o save:line vm-ssh --print -l me@home -o Compression=yes \
	    -t web echo "it's" '$HOME'
	eval "set -- $(cat line)"
	atf_check_equal ssh "$1"
	shift $(($# - 4))
	atf_check_equal "<--><127.0.0.1><echo><it's><\$HOME>" \
	    "<--><$1><$2><$3><$4>"
	sed 's/^ssh /ssh -G -F none /' line >asked
	: >none
	atf_check -o save:told -e ignore sh asked
	atf_check grep -qxF "userknownhostsfile $want" told
	atf_check grep -qx "port $port" told
	atf_check grep -qx "user me@home" told
	atf_check grep -qx "compression yes" told
	atf_check grep -qx "hostkeyalias instar-$id" told
	# The user's own word on a thing wins.
	atf_check -o save:config vm-ssh --ssh-config -i 'my key%' \
	    -o 'LogLevel=VERBOSE' -o 'ProxyCommand nc -X connect %h=%p' web
	atf_check -o inline:"Host web $id\n" head -n 1 config
	for name in web "$id"; do
		atf_check -o save:told -e ignore ssh -G -F config "$name"
		for t in "userknownhostsfile $want" "port $port" "user admin" \
		    "hostname 127.0.0.1" "loglevel VERBOSE" \
		    "stricthostkeychecking accept-new" \
		    "identityfile $PWD/my key%%" \
		    "proxycommand nc -X connect %h=%p"; do
			grep -qxF "$t" told || atf_fail "$t: $(cat told)"
		done
	done
	# Standard output that takes nothing.
	atf_check -s exit:74 -e match:'standard output' \
	    sh -c 'vm-ssh --print web >/dev/full'
	mkdir 'x${HOME}'
	atf_check -o ignore vm-create -R 'x${HOME}/root' -n v --kernel "$tiny" \
	    --memory 32M --nic user,forward=0:22
	atf_check -o ignore vm-start -R 'x${HOME}/root' v
	atf_check -s exit:78 -e match:'^vm-ssh: v: .*and no path with [$][{] in' \
	    vm-ssh -R 'x${HOME}/root' --print v
	atf_check -o ignore vm-rm -R 'x${HOME}/root' --force v
}

ssh_case way__each
way__each_body()
{
	stub_ssh
	make_web --nic user,forward=0:22
	record=$INSTAR_ROOT/name/vm/web/vm.json
	cp "$record" whole
	to()
	{
		edit "$record" "$1"
		atf_check -o match:"<-o><Port=$3><.*<--><$2>$" \
		    vm-ssh --timeout 0 web
		cat whole >"$record"
	}
	forward='.network_configs[1].forward'
	tap='{type: "tap", ifname: "t0", mac: "52:54:00:00:00:01"}'
	bridge='{type: "bridge", ifname: "br0", mac: "52:54:00:00:00:02",
	    ip: "192.0.2.7/24"}'
	to '.network_configs[0].forward[0].guest_port = 80 |
	    '$forward'[0].host_port = 4022' 127.0.0.1 4022
	to '.network_configs[0].forward[0] |= (.addr = "0.0.0.0" |
	    .host_port = 5022)' 127.0.0.1 5022
	to '.network_configs[0].forward[0] |= (.addr = "127.0.0.9" |
	    .host_port = 6022)' 127.0.0.9 6022
	to ".network_configs = [$tap, $bridge]" 192.0.2.7 22
	to ".network_configs = [$tap] |
	    .config.cmdline = \"a=1 ip=dhcp  ip=192.0.2.8::192.0.2.1:::eth0:off\"" \
	    192.0.2.8 22
	to ".network_configs = [$tap] | .config.cmdline = \"ip=192.0.2.9\"" \
	    192.0.2.9 22
	none()
	{
		edit "$record" "$1"
		atf_check -s exit:78 -e inline:"vm-ssh: web: $2\n" \
		    vm-ssh --timeout 0 web
		cat whole >"$record"
	}
	none '.network_configs = []' "it has no NIC: vm-set --nic \
user,forward=0:22 gives it one while it is stopped"
	port="no port of this host leads to the guest's port 22: vm-set \
--nic user,forward=0:22 opens one"
	none '.network_configs[].forward[0].guest_port = 2222' "$port"
	none '.network_configs[] |= (.forward = [] | .ip = "10.0.2.15/24") |
	    .config.cmdline = "ip=10.0.2.15"' "$port"
	address="its guest's address is not known: vm-create and vm-set take \
it, as --nic tap=t0,ip=addr/prefix"
	none ".network_configs = [$tap]" "$address"
	for words in ip=dhcp ip=on:: 'xip=192.0.2.1' 'ip=192.0.2' \
	    'ip=192.0.2.1234567890::' 'ip='; do
		none ".network_configs = [$tap] | .config.cmdline = \"$words\"" \
		    "$address"
	done
	atf_check -o ignore vm-stop --force web
	atf_check -s exit:77 -e inline:"vm-ssh: web: not running\n" vm-ssh web
	atf_check -s exit:77 -e inline:"vm-ssh: web: not running\n" \
	    vm-ssh --print web
	atf_check -s exit:66 -e match:"^vm-ssh: nosuch: no such VM" \
	    vm-ssh nosuch true
	atf_check -s exit:66 -e ignore vm-ssh -R none web
}

ssh_case wait__for_an_answer
wait__for_an_answer_body()
{
	stub_ssh
	make_web
	# Other lines may come first, and the one that counts in pieces or late.
	server soon 'welcome
SSH-2.0-x
'
	server late 'SSH-' 3
	server http 'HTTP/1.1 400
not SSH-2.0
'
	lead web "$(cat late.port)"
	atf_check -o match:'<true>$' -e inline:"vm-ssh: web: waiting for an \
ssh server at 127.0.0.1:$(cat late.port)\n" vm-ssh --timeout 60 web true
	lead web "$(cat soon.port)"
	atf_check -o match:'<true>$' vm-ssh --timeout 60 web true
	lead web "$(cat http.port)"
	log=$PWD/root/vm/$id/console.log
	more="--timeout waits longer, $log tells what the guest does"
	atf_check test -e "$log"
	atf_check -s exit:75 -e inline:"vm-ssh: web: no ssh server at \
127.0.0.1:$(cat http.port) after 1 s: $more\n" vm-ssh --timeout 1 web true
	kill "$(cat http.pid)"
	atf_check -s exit:75 -e inline:"vm-ssh: web: no ssh server at \
127.0.0.1:$(cat http.port) after 1 s: Connection refused: $more\n" \
	    vm-ssh --timeout 1 web true
	# Its port may become another one.
	(sleep 1; lead web "$(cat soon.port)") &
	atf_check -o match:"<Port=$(cat soon.port)>.*<true>$" \
	    vm-ssh --timeout 1m -q web true
	wait $!
	# The guest that is there listens to nobody.
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore vm-start web
	atf_check -s exit:75 -e match:'^vm-ssh: web: no ssh .* after 3 s' \
	    vm-ssh --timeout 3 -q web true
	atf_check -o ignore vm-pause web
	atf_check -s exit:75 -e match:'is paused: waiting for vm-resume$' \
	    -e match:'after 3 s' vm-ssh --timeout 3 web true
	# The signal is ours as long as ssh is not there.
	signalled vm-ssh --timeout 60 -q web true 2>err &
	pid=$!
	sleep 1
	kill -INT $pid
	wait $pid
	atf_check_equal 130 $?
	atf_check -o match:'ended by signal 2' cat err
	(sleep 1; vm-stop --force web >stopped) &
	atf_check -s exit:69 -e inline:"vm-ssh: web: has ended\n" \
	    vm-ssh --timeout 60 -q web true
	wait $!
	atf_check -o ignore vm-start web
	(sleep 1; vm-rm --force web >removed) &
	atf_check -s not-exit:0 -e match:'removed meanwhile|has ended' \
	    vm-ssh --timeout 60 -q web true
	wait $!
}

# While a VM starts, its record tells of a forward and not yet of its port.
ssh_case wait__for_a_port
wait__for_a_port_body()
{
	stub_ssh
	make_web
	server ssh 'SSH-2.0-x
'
	port=$(cat ssh.port)
	lead web 0
	text="its port of this host is not known yet: it is starting"
	for now in --timeout\ 0 --print --ssh-config; do
		# shellcheck disable=SC2086
		atf_check -s exit:75 -e inline:"vm-ssh: web: $text\n" \
		    vm-ssh $now web
	done
	atf_check -s exit:75 -e inline:"vm-ssh: web: after 1 s: $text\n" \
	    vm-ssh --timeout 1 web
	(sleep 3; lead web "$port") &
	atf_check -o match:"<Port=$port>.*<true>$" -e inline:"vm-ssh: web: is \
starting: waiting for its port of this host\n" vm-ssh --timeout 60 web true
	wait $!
	# It may be unknown again, as of one that was started anew meanwhile.
	server mute '' 60
	lead web "$(cat mute.port)"
	(sleep 1; lead web 0; sleep 1; lead web "$port") &
	atf_check -o match:"<Port=$port>.*<true>$" \
	    vm-ssh --timeout 60 -q web true
	wait $!
	# A port that was asked for is known.
	edit "$INSTAR_ROOT/name/vm/web/vm.json" \
	    '.network_configs[0].forward[0] |= (.host_port = 0 | .port = 4022)'
	atf_check -o match:"<Port=4022>" vm-ssh --timeout 0 web
}

# A guest that listens a while after it has an address, behind the network that
# takes connections all the time.
# A user-mode network goes on with each try by itself: a guest that boots for
# long must not find hundreds of them.
ssh_case wait__is_no_flood
wait__is_no_flood_body()
{
	stub_ssh
	make_web
	server mute '' 60
	lead web "$(cat mute.port)"
	atf_check -s exit:75 -e ignore vm-ssh --timeout 5 web true
	n=$(wc -c <mute.count)
	[ "$n" -ge 2 ] && [ "$n" -le 4 ] || atf_fail "$n in five seconds"
}

ssh_case wait__behind_user_mode
wait__behind_user_mode_body()
{
	need_linux
	stub_ssh
	atf_check -o ignore vm-create -n web --memory 256M --kernel "$vmlinuz" \
	    --initrd "$initrd" --cmdline "console=ttyS0 writer=off" \
	    --nic user,forward=0:22
	atf_check -o ignore vm-start web
	(vm-wait --timeout 120 --console '^ready' web
	sleep 1
	echo 'run nc -ll -p 22 -e echo SSH-2.0-guest &' | vm-console -q web \
	    >said) &
	atf_check -o match:'<true>$' -e match:'waiting for an ssh server' \
	    vm-ssh --timeout 120 web true
	wait $!
	atf_check -o match:'<true>$' vm-ssh --timeout 60 -q web true
}

ssh_case usage__wrong
usage__wrong_body()
{
	wrong()
	{
		message=$1
		shift
		atf_check -s exit:64 -e inline:"vm-ssh: $message\n" vm-ssh "$@"
	}
	wrong "no VM is named"
	wrong "no VM is named" -- 
	wrong "-l: given twice" -l a -l b web
	wrong '-l: "-oX": not a user'"'s name" -l -oX web
	wrong '-l: "": not a user'"'s name" -l '' web
	wrong "--print and --ssh-config exclude each other" --print \
	    --ssh-config web
	wrong "true: --ssh-config takes no command" --ssh-config web true
	wrong "--timeout: x: not a duration" --timeout x web
	wrong "-p: unknown option: see vm-ssh -h" -p 22 web
	wrong "-o: needs an argument" -o
	# A key that is not there: neither.
	make_web
	atf_check -s exit:66 -e inline:"vm-ssh: -i nosuch: No such file or \
directory\n" vm-ssh -i nosuch web true
	if [ "$(id -u)" -ne 0 ]; then
		touch closed
		chmod 0 closed
		atf_check -s exit:77 -e inline:"vm-ssh: -i closed: Permission \
denied\n" vm-ssh -i closed web true
	fi
	# Such ssh looks for by itself: in its agent, or under other names.
	touch agents.pub
	for key in agents '~/key' '%d/key' '${HOME}/key'; do
		atf_check -o match:" -i " vm-ssh --print -i "$key" web
	done
	# No ssh: nothing is waited for.
	mkdir empty
	tool=$(command -v vm-ssh)
	atf_check -s exit:69 -e inline:"vm-ssh: web: ssh: program not found \
(of OpenSSH: openssh-client)\n" env PATH="$PWD/empty" "$tool" web true
}

atf_init_test_cases()
{
	atf_add_test_case login__words
	atf_add_test_case user__of_the_seed
	atf_add_test_case keys__of_clone_and_restore
	atf_add_test_case print__for_others
	atf_add_test_case way__each
	atf_add_test_case wait__for_an_answer
	atf_add_test_case wait__for_a_port
	atf_add_test_case wait__is_no_flood
	atf_add_test_case wait__behind_user_mode
	atf_add_test_case usage__wrong
}
