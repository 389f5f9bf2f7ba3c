#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The units, with systemd as the first process of a Debian: a VM that is started,
# stopped, killed, and there again at the next boot; a pool.

. "$(atf_get_srcdir)/../lib/lib.sh"

# What is done inside, in its first boot and in its second.
write_trial()
{
	cat >up/usr/bin/trial <<-'END'
	#!/bin/sh
	export INSTAR_ACCEL=auto HOME=/root
	unit=instar-vm@web.service
	fail()
	{
		systemctl --no-pager status $unit instar-pool@golden.service
		journalctl --no-pager | grep -v "vm-start.*tick" | tail -n 60
		echo "FAILED: $*"
		systemctl poweroff
		exit 1
	}
	eventually()
	{
		n=0
		while ! "$@" >/dev/null 2>&1; do
			n=$((n + 1))
			[ $n -lt 600 ] || return 1
			sleep 0.1
		done
	}
	runs()
	{
		[ "$(vm-ls -p state web)" = running ]
	}
	counts()
	{
		vm-wait --timeout 120 --console '^tick' web
	}
	# The same by the manager of a user who is not logged in.
	as_user()
	{
		useradd -m -u 1000 admin && loginctl enable-linger admin &&
		    eventually test -S /run/user/1000/systemd/private ||
		    return
		user vm-create -q -n own --kernel /tiny.elf --memory 32M \
		    >/dev/null &&
		    user systemctl -q --user enable --now instar-vm@own &&
		    [ "$(user vm-ls -p state own)" = running ] &&
		    user systemctl --user start state-gc.service &&
		    user systemctl --user stop instar-vm@own &&
		    grep -q 'tiny off' "$(user vm-ls -p console_log own)"
	}
	user()
	{
		setpriv --reuid=1000 --regid=1000 --clear-groups env \
		    HOME=/home/admin XDG_RUNTIME_DIR=/run/user/1000 "$@"
	}
	# ask METHOD PATH: the page's answer.
	ask()
	{
		bash -c 'exec 3<>/dev/tcp/127.0.0.1/8006 || exit
		    printf "%s\r\n" "$0 $1 HTTP/1.0" "Host: localhost" \
			"Content-Length: 0" "Authorization: Bearer $(cat \
			/run/instar-web/token 2>/dev/null)" "" >&3
		    cat <&3' "$@"
	}
	# The page runs once somebody comes; what was started there goes on.
	page()
	{
		systemctl start instar-web.socket || return
		! systemctl -q is-active instar-web.service || return
		ask GET / | grep -q '<title>instar' || return
		systemctl -q is-active instar-web.service || return
		ask GET /api/vms | grep -q '"name":"web"' || return
		vm-create -q -n page --kernel /tiny.elf --memory 32M >/dev/null
		ask POST /api/vms/page/start | grep '"state":"running"' || return
		systemctl stop instar-web.socket instar-web.service || return
		[ "$(vm-ls -p state page)" = running ] || return
		vm-rm --force page
	}
	if [ -e /first ]; then
		eventually systemctl -q is-active $unit || fail "not at boot"
		runs || fail "it does not run"
		eventually user systemctl -q --user is-active instar-vm@own ||
		    fail "a user's not at boot"
		echo "second boot: all is well"
		systemctl poweroff
		exit 0
	fi
	touch /first
	vm-create -q -n web --kernel /tiny.elf --memory 32M >/dev/null
	systemctl -q enable $unit || fail "enable"
	systemctl start $unit || fail "start"
	# It is there when systemd says so.
	runs || fail "it does not run"
	counts || fail "it does not count"
	pid=$(vm-ls -p pid web)
	grep -q '::/instar.slice/.*instar-vm@web.service' /proc/$pid/cgroup ||
	    fail "control group $(cat /proc/$pid/cgroup)"
	eventually sh -c "journalctl -u $unit | grep -q 'tick 0000'" ||
	    fail "its console is not in the journal"
	systemctl stop $unit || fail "stop"
	[ "$(systemctl show -p Result --value $unit)" = success ] ||
	    fail "its end is no success"
	grep -q 'tiny off' "$(vm-ls -p console_log web)" ||
	    fail "the button was not pressed"
	systemctl start $unit || fail "start again"
	kill -9 "$(vm-ls -p pid web)"
	eventually sh -c "systemctl show -p NRestarts --value $unit |
	    grep -qx 1" || fail "not started anew"
	eventually systemctl -q is-active $unit || fail "not active anew"
	counts
	snap-save -q -n golden web >/dev/null || fail "save"
	systemctl start instar-pool@golden.service || fail "pool"
	[ "$(vm-clone --from-pool -p from_pool -n c golden)" = true ] ||
	    fail "nothing in the pool"
	systemctl stop instar-pool@golden.service || fail "stop of the pool"
	[ "$(vm-ls -p state c)" = running ] || fail "what was taken has ended"
	vm-rm --force c
	# A service takes what it has started with it; a scope is its own.
	vm-clone -q -n s --no-start golden >/dev/null
	systemd-run -q --wait vm-start -q s >/dev/null || fail "in a service"
	[ "$(vm-ls -p state s)" = stopped ] || fail "it outlives its service"
	systemd-run -q --scope vm-start -q s >/dev/null || fail "in a scope"
	[ "$(vm-ls -p state s)" = running ] || fail "it does not outlive its scope"
	vm-rm --force s
	as_user || fail "of a user"
	page || {
		ask GET /
		systemctl --no-pager status instar-web.service
		journalctl --no-pager -u instar-web.service | tail -n 20
		fail "the page"
	}
	systemctl start state-gc.service || fail "gc"
	systemctl start state-gc.timer || fail "timer"
	runs || fail "it does not run any more"
	# It is turned off by the shutdown, in time.
	echo "first boot: all is well"
	: >"$(vm-ls -p console_log web)"
	systemctl poweroff
	END
	chmod +x up/usr/bin/trial
	cat >up/etc/systemd/system/trial.service <<-'END'
	[Unit]
	After=multi-user.target
	[Service]
	Type=oneshot
	ExecStart=/usr/bin/trial
	StandardOutput=append:/said
	StandardError=append:/said
	TimeoutStartSec=900
	END
	ln -s ../trial.service \
	    up/etc/systemd/system/multi-user.target.wants/trial.service
}

atf_test_case units__with_systemd cleanup
units__with_systemd_head()
{
	atf_set require.user root
	atf_set require.progs "mmdebstrap unshare"
	atf_set timeout 3600
}
units__with_systemd_body()
{
	need_tiny
	grep -q ' cgroup2 ' /proc/mounts || atf_skip "no cgroup2 is mounted"
	sh "$guest/systemd.sh" "$linux_cache" ||
	    atf_skip "no Debian with systemd can be made"
	mkdir -p up/etc/systemd/system/multi-user.target.wants up/usr/bin
	make -s -C "$top" DESTDIR="$PWD/up" PREFIX=/usr install >/dev/null ||
	    atf_fail "install"
	cp "$tiny" up/tiny.elf
	write_trial
	for boot in first second; do
		sh "$top/tests/lib/systemd_boot.sh" "$linux_cache/systemd-root" \
		    "$PWD" 1200 >"$boot.log" 2>&1 || :
		grep -qx "$boot boot: all is well" up/said ||
		    { cat "$boot.log" up/said; atf_fail "the $boot boot"; }
		atf_check grep -q 'tiny off' \
		    "$(echo up/var/lib/instar/vm/*/console.log)"
	done
}
units__with_systemd_cleanup()
{
	# Its work directory is root's alone, and in the way of a removal.
	chmod -R u+rwx work 2>/dev/null || :
}

atf_init_test_cases()
{
	atf_add_test_case units__with_systemd
}
