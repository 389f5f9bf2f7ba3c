#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Inside a guest that Debian's kernel runs, which has what this host may not have:
# an earlier Landlock, and controllers of cgroup v2.  Recorded answers are in Cloud
# Hypervisor's place there.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/cage.sh"

# put FILE AS: in the further initramfs, with the libraries that it needs.
put()
{
	mkdir -p "in/$(dirname "$2")"
	cp "$1" "in/$2"
	[ -x "$1" ] || return 0
	strip "in/$2"
	ldd "$1" | grep -o '/[^ ]*' | while read -r f; do
		mkdir -p "in$(dirname "$f")"
		[ -e "in$f" ] || cp -L "$f" "in$f"
	done
}

# in_guest: the script on stdin is run there; what it says is in the file said.
in_guest()
{
	need_linux
	cat >script
	for t in vm-create vm-start vm-clone vm-ls vm-rm snap-import snap-ls; do
		put "$top/$t/$t" usr/bin/$t
	done
	put "$(command -v mkfs.ext4)" usr/sbin/mkfs.ext4
	put "$top/tests/lib/cage_tries" trial/bin/cage_tries
	put "$top/tests/lib/replay" trial/bin/replay
	cp "$top/tests/data/ch/api.txt" in/trial/api.txt
	mkdir in/trial/bare
	zstd -dc "$top/tests/data/ch-snapshot.tar.zst" |
	    tar xf - -C in/trial/bare
	truncate -s 1M in/trial/bare/layer0.raw
	{
		cat <<-'END'
			PATH=$PATH:/usr/bin HOME=/run INSTAR_ROOT=/run/root
			export PATH HOME INSTAR_ROOT
			mkdir -m 755 /tmp /etc /dev/pts /dev/shm /dev/net
			mount -t devpts devpts /dev/pts
			[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
			echo root:x:0:0::/:/bin/sh >/etc/passwd
			# The kernel's own words would come between.
			dmesg -n 1
			cd /run
			echo "in: begin"
			( trial ) 2>&1
			echo "in: end"
			poweroff -f
		END
	} >ending
	{
		echo 'trial()'
		echo '{'
		cat script
		echo '}'
		cat ending
	} >in/provision
	(cd in && find . | cpio --quiet -o -H newc -R 0:0) >further
	cat "$initrd" further >both
	atf_check -o ignore vm-create -n host --kernel "$vmlinuz" \
	    --initrd both --memory 1G \
	    --cmdline "console=ttyS0 writer=off count=60000"
	atf_check -o ignore vm-start host
	atf_check -o ignore vm-wait --timeout 500 --console '^in: end' host
	tr -d '\r' <"$(member host console_log)" |
	    sed '1,/^in: begin$/d; /^in: end$/,$d' >said
}

atf_test_case cage__holds cleanup
cage__holds_head()
{
	atf_set require.progs "qemu-system-x86_64 cpio zstd strip mkfs.ext4"
}
cage__holds_body()
{
	in_guest <<-'END'
		export INSTAR_CLOUD_HYPERVISOR=/trial/bin/cage_tries
		export CAGE_AWAIT=config.json CAGE_PORT=9
		snap-import -q -n bare --from-dir /trial/bare >/dev/null
		echo kernel >kern
		vm-create -q -n o --hypervisor cloud-hypervisor --kernel kern \
		    --memory 16M --storage 8M >/dev/null
		mkdir home
		echo secret >home/secret
		sleep 1000 &
		export CAGE_PID=$! CAGE_HOME=/run/home CAGE_ROOT=$INSTAR_ROOT
		CAGE_OTHER=$(vm-ls -p dir o) CAGE_SNAP=$(snap-ls -p dir bare)
		export CAGE_OTHER CAGE_SNAP CAGE_MEMORY=$CAGE_SNAP/memory-ranges
		export CAGE_STATE=state.json CAGE_KERNEL=layer0 \
		    CAGE_LAYER=layer0 CAGE_DISK=cow.1.qcow2
		for how in "" --unconfined; do
			echo "begin caged$how"
			vm-clone -q --disk-mode overlay $how bare &
			until grep -qsx tried root/vm/.new-*/vmm.log ||
			    ! kill -0 $!; do
				sleep 0.1
			done
			cat root/vm/.new-*/vmm.log
			grep -o '"landlock" *: *[0-9]*' root/vm/.new-*/vm.json
			kill $!
			wait $!
			cat /trial/bare/memory-ranges >"$CAGE_MEMORY"
		done
	END
	sed -n '/^begin caged$/,/^begin caged-/p' said >caged
	sed -n '/^begin caged-/,$p' said >open
	abi=$(sed -n 's/^"landlock" *: *//p' caged)
	echo "Landlock $abi"
	grep -E '^(template-cut|layer-cut|own-move|signal|other-link)' caged
	[ "${abi:-0}" -gt 0 ] || atf_fail "no Landlock there: $(cat said)"
	tried caged
	tried open
	set -- snap-read-memory snap-write-memory template-write \
	    template-reopen socket-unix udp
	# Before 6.2 the filter refuses to cut what is opened to be read.
	[ "$abi" -lt 3 ] || set -- "$@" template-cut
	all_but caged "$@"
	mostly_open open
	# What only a later one refuses is let, as instar(7) has it.
	want=done
	[ "$abi" -lt 6 ] || want=EPERM
	atf_check -o inline:"signal 6 $want\n" grep '^signal ' caged
}
cage__holds_cleanup()
{
	vms_end
}

# The number behind the word $1 of what was said.
told()
{
	sed -n "s/^$1 //p" said | tail -n 1
}

# told_between WORD LEAST MOST
told_between()
{
	n=$(told "$1")
	[ "${n:--1}" -ge "$2" ] && [ "$n" -le "$3" ] ||
	    atf_fail "$1: ${n:-nothing}, not $2 to $3"
}

atf_test_case cgroup__limits cleanup
cgroup__limits_head()
{
	atf_set require.progs "qemu-system-x86_64 cpio zstd strip mkfs.ext4"
}
cgroup__limits_body()
{
	in_guest <<-'END'
		group=/sys/fs/cgroup
		mount -t cgroup2 cgroup2 $group
		# In the root of them all nobody has to move away.
		mkdir $group/vms
		echo "+memory +cpu +io +pids" >$group/cgroup.subtree_control
		echo "controllers: $(cat $group/vms/cgroup.controllers)"
		# What takes, and recorded answers in front of it.
		cat >vmm <<-'EOT'
			#!/bin/sh
			case $TAKES in
			cpu)
				while :; do
					:
				done &
				;;
			memory)
				dd if=/dev/urandom of=/dev/null bs=128M count=1 \
				    iflag=fullblock &
				;;
			pids)
				i=0
				while [ $i -lt 64 ]; do
					sleep 1000 &
					i=$((i + 1))
				done &
				;;
			esac
			exec /trial/bin/replay fd:10 /trial/api.txt again
		EOT
		chmod 755 vmm
		echo kernel >kern
		truncate -s 1M layer
		export INSTAR_CLOUD_HYPERVISOR=/run/vmm INSTAR_VMM_READS=/trial
		# vm NAME WHAT-IT-TAKES LIMITS: as the one that was recorded.
		vm()
		{
			rm -f layer
			dd if=/dev/zero of=layer bs=1M count=1 2>/dev/null
			echo x | dd of=layer conv=notrunc 2>/dev/null
			vm-create -q -n $1 --hypervisor cloud-hypervisor \
			    --cpu 2 --memory 16M --kernel kern \
			    --cmdline console=ttyS0 --layer layer \
			    --storage 16M --no-cidata \
			    --data-disk size=16M,name=db,fstype=none,directio=on \
			    --nic tap=tap7,mac=52:54:00:00:00:07 \
			    --cgroup $3 >/dev/null
			TAKES=$2 vm-start -q $1 >/dev/null
		}
		of()
		{
			vm-ls -p cgroup.$2 $1
		}
		vm light cpu $group/vms,cpu-weight=100,memory=256M
		vm heavy cpu $group/vms,cpu-weight=1000,memory=256M
		l=$(of light cpu_us) h=$(of heavy cpu_us)
		sleep 20
		l=$(($(of light cpu_us) - l)) h=$(($(of heavy cpu_us) - h))
		echo "cpu_us light $l heavy $h"
		echo "cpu_tenths $((h * 10 / l))"
		echo "weights $(vm-ls -p cgroup.cpu_weight light) $(of heavy cpu_weight)"
		vm-rm --force light heavy
		vm big memory $group/vms,memory=64M,io-weight=50
		n=0
		until [ "$(vm-ls -p state big)" = stopped ] || [ $n -eq 600 ]; do
			sleep 0.1
			n=$((n + 1))
		done
		echo "memory_max $(of big memory_max)"
		echo "memory_peak $(of big memory_peak)"
		echo "oom_kills $(of big oom_kills)"
		echo "io $(of big io_weight)"
		vm-ls -p state,error big
		vm many pids $group/vms,pids=24,memory=256M
		sleep 5
		echo "pids_max $(of many pids_max)"
		echo "pids $(of many pids)"
		grep -c "fork" "$(vm-ls -p dir many)/vmm.log" | sed 's/^/refused /'
		vm-rm --force big many
		vm near nothing auto,memory=96M
		echo "auto $(of near path | sed "s/$(vm-ls -p id near).*//")"
		echo "auto_max $(of near memory_max)"
		vm-rm --force near
		echo "left $(find $group/vms -mindepth 1 -type d | wc -l)"
	END
	cat said
	grep -q '^controllers:.*memory' said || atf_fail "no controllers there"
	# One of them has a thousand of eleven hundred shares of one processor.
	told_between cpu_tenths 80 120
	atf_check -o inline:"weights 100 1000\n" grep '^weights' said
	atf_check_equal 67108864 "$(told memory_max)"
	told_between memory_peak 60000000 67108864
	told_between oom_kills 1 64
	told_between io 50 50
	atf_check -o inline:"stopped\tthe hypervisor was killed: its control \
group ran out of memory\n" grep '^stopped' said
	atf_check_equal 24 "$(told pids_max)"
	told_between pids 23 24
	told_between refused 1 64
	atf_check_equal 0 "$(told left)"
	# Who is in no group of its own finds the root of them all.
	atf_check_equal /sys/fs/cgroup/instar- "$(told auto)"
	atf_check_equal 100663296 "$(told auto_max)"
}
cgroup__limits_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case cage__holds
	atf_add_test_case cgroup__limits
}
