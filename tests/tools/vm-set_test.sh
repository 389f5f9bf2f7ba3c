#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# Path of the file $2 of VM $1.
file()
{
	echo "$(vm-ls -p dir "$1")/$2"
}

# The VM counts after a start.
runs()
{
	atf_check -o inline:"running\n" vm-start -p state "$1"
	atf_check vm-wait --timeout 60 --console '^tick [0-9a-f]{8}$' "$1"
	atf_check -o ignore vm-stop --force "$1"
}

# No other file is left in the root than the VM's own.
tidy()
{
	atf_check -o empty find root/vm -name '.*'
	atf_check -o empty state-gc
}

atf_test_case set__sizes_and_name cleanup
set__sizes_and_name_body()
{
	tiny_vm web --nic user,forward=0:22
	id=$(member web id)
	atf_check -o inline:"$id	www	2	67108864\n" vm-set -n www \
	    --cpu 2 --memory 64M -p id,name,config.cpu,config.memory web
	atf_check -s exit:66 -e ignore vm-ls web
	atf_check -o inline:"$id\n" vm-ls -p id www
	tidy
	runs www
	vm-ls www >line
	atf_check -o inline:"$id	\n" vm-set -n '' -p id,name - <line
	atf_check -s exit:66 -e ignore vm-ls www
	# Nothing of it is lost to a VM that has run.
	atf_check -o inline:"128M\n" sh -c \
	    "vm-set --memory 128M -p config.memory $id | sed s/134217728/128M/"
	tidy
	runs "$id"
}
set__sizes_and_name_cleanup()
{
	vms_end
}

# Of a VM, whatever it does; a snapshot has one of its own, and so has a clone.
atf_test_case set__description cleanup
set__description_body()
{
	tiny_vm web -d 'the shop: äöü'
	atf_check -o inline:"the shop: äöü\n" vm-ls -p description web
	atf_check -o inline:"next	web\n" vm-set -d next -p description,name web
	dir=$(stat -c %i "$(file web .)")
	atf_check -o ignore vm-start web
	atf_check -o inline:"running	live\n" vm-set -d live \
	    -p state,description web
	atf_check -o inline:"$dir\n" stat -c %i "$(file web .)"
	atf_check -o inline:"saved\n" snap-save -n s -d saved -p description web
	atf_check -o inline:"\n" vm-clone -p description s
	atf_check -o inline:"mine\nmine\n" vm-clone --count 2 --no-start \
	    -d mine -p description s
	atf_check -o inline:"live\n" vm-restore -p description web s
	atf_check -o inline:"\n" vm-set -d '' -p description web
	atf_check -s exit:1 grep -q description "$(file web vm.json)"
	text=$(head -c 65536 /dev/zero | tr '\0' d)
	atf_check -o inline:"$text\n" vm-set -d "$text" -p description web
	vm-ls -p id >before
	why="--description: not UTF-8, or above 64 KiB"
	for long in "${text}d" "$(printf '\344')"; do
		for call in "set web" "clone s" "create --kernel $tiny"; do
			# shellcheck disable=SC2086
			set -- ${call#* }
			tool=vm-${call%% *}
			atf_check -s exit:64 -e inline:"$tool: $why\n" \
			    "$tool" -d "$long" "$@"
		done
	done
	printf '{"description": "of a file", "kernel": "%s"}' "$tiny" >config
	atf_check -o inline:"of a file\n" vm-create --config config \
	    -p description
	printf '{"description": "%sd", "kernel": "%s"}' "$text" "$tiny" >config
	atf_check -s exit:65 -e match:'^vm-create: --config: config: ' \
	    vm-create --config config
	atf_check_equal 5 "$(vm-ls -p id | wc -l)"
	atf_check -o inline:"$text\n" vm-ls -p description web
}
set__description_cleanup()
{
	vms_end
}

atf_test_case set__boot_files cleanup
set__boot_files_body()
{
	tiny_vm web --cmdline 'one'
	echo initrd >initrd
	cp "$tiny" kernel
	echo more >>kernel
	atf_check -o inline:"true	true\n" vm-set --kernel kernel \
	    --initrd initrd --cmdline 'two words' \
	    -p config.kernel,config.initrd web
	atf_check cmp kernel "$(file web kernel)"
	atf_check cmp initrd "$(file web initrd)"
	atf_check grep -q '"cmdline": *"two words"' "$(file web vm.json)"
	atf_check -o inline:"false\n" vm-set --initrd '' --cmdline '' \
	    -p config.initrd web
	atf_check -s exit:1 test -e "$(file web initrd)"
	atf_check -s exit:1 grep -q cmdline "$(file web vm.json)"
	tidy
	runs web
	refused 64 "web: nothing to boot: a kernel, firmware or a disk is \
needed" vm-set --kernel '' web
	refused 66 "web: none: No such file or directory" \
	    vm-set --cpu 2 --kernel none web
}
set__boot_files_cleanup()
{
	vms_end
}

# Firmware takes its variables along, and what was there goes with it.
atf_test_case set__firmware
set__firmware_body()
{
	tiny_vm web
	firmware_volume code >X_CODE.fd
	firmware_volume vars >X_VARS.fd
	head -c 65536 /dev/zero >bios.bin
	refused 64 "web: --firmware and --kernel exclude each other: '' takes \
one away" vm-set --firmware X_CODE.fd web
	has=config.kernel,config.firmware,config.firmware_vars
	atf_check -o inline:"false	true	true\n" \
	    vm-set --kernel '' --firmware X_CODE.fd -p $has web
	atf_check cmp X_CODE.fd "$(file web firmware)"
	atf_check cmp X_VARS.fd "$(file web firmware_vars)"
	cat X_VARS.fd X_CODE.fd >whole.fd
	atf_check -o inline:"false	false	true\n" \
	    vm-set --firmware whole.fd -p $has web
	atf_check -s exit:1 test -e "$(file web firmware)"
	atf_check cmp whole.fd "$(file web firmware_vars)"
	atf_check -o inline:"false	true	false\n" \
	    vm-set --firmware bios.bin -p $has web
	atf_check -s exit:1 test -e "$(file web firmware_vars)"
	refused 64 "web: --firmware-vars needs --firmware" \
	    vm-set --firmware-vars X_VARS.fd web
	printf 'QFI\373' >image.fd
	truncate -s 64K image.fd
	atf_check -s exit:65 -e match:"^vm-set: web: image.fd: .*qcow2" \
	    vm-set --firmware image.fd web
	atf_check cmp bios.bin "$(file web firmware)"
	atf_check -o inline:"true	false	false\n" \
	    vm-set --firmware '' --kernel "$tiny" -p $has web
	tidy
}

# A new disk under a removed one's name is another: no digest of the old one.
atf_test_case set__disk_in_place_of_another cleanup
set__disk_in_place_of_another_body()
{
	tiny_run web --data-disk size=16M,name=db,fstype=none --storage 16M
	atf_check -o ignore snap-save -n s1 web
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore vm-set --remove-disk db \
	    --data-disk size=16M,name=db web
	for s in s2 s3; do
		atf_check -o ignore vm-start web
		atf_check -o ignore snap-save -n $s web
		atf_check snap-verify $s
		atf_check -o ignore vm-stop --force web
	done
	snap-export s3 >archive || atf_fail "no archive"
	atf_check -o ignore snap-import -n s4 archive
}
set__disk_in_place_of_another_cleanup()
{
	vms_end
}

# A name that comes with a change that fails is not taken.
atf_test_case set__name_of_what_fails cleanup
set__name_of_what_fails_head()
{
	atf_set require.user root
}
set__name_of_what_fails_body()
{
	tiny_run web --storage 16M
	chattr +a "$(file web cow.raw)" 2>/dev/null ||
	    atf_skip "no chattr here"
	atf_check -s exit:69 -o empty -e not-empty \
	    vm-set -n www --storage 32M web
	chattr -a "$(file web cow.raw)"
	atf_check -o inline:"web	running\n" vm-ls -p name,state web
	atf_check -s exit:66 -e ignore vm-ls www
	atf_check -o empty state-gc
	atf_check -o inline:"www\n" vm-set -n www -p name web
	atf_check -o inline:"www\n" ls root/name/vm
}
set__name_of_what_fails_cleanup()
{
	chattr -R -a root 2>/dev/null
	vms_end
}

atf_test_case set__nics
set__nics_body()
{
	tiny_vm web --nic user,forward=2299:22
	mac=$(vm-ls web | grep -o '52:54:[0-9a-f:]*')
	atf_check -o match:"\"mac\":\"$mac\",.*\"port\":2298" vm-set \
	    --nic user,forward=2298:22 --nic user web
	atf_check_equal 2 "$(vm-ls web | grep -o '"mac"' | wc -l)"
	atf_check -o match:'"mac":"52:54:00:00:00:01"' vm-set \
	    --nic user,mac=52:54:00:00:00:01 web
	atf_check -o not-match:'"mac"' vm-set --no-nics web
	tidy
}

atf_test_case set__data_disks cleanup
set__data_disks_body()
{
	tiny_vm web --data-disk size=16M,name=db --storage 16M
	f=$(file web data-db.raw)
	atf_check -o ignore vm-set --data-disk size=32M,name=more,fstype=none \
	    --data-disk size=16M web
	atf_check_equal 33554432 "$(stat -c %s "$(file web data-more.raw)")"
	atf_check test -e "$(file web data-data1.raw)"
	refused 64 "web: --data-disk: size=16M,name=db: item 2, name: \"db\" \
is the name of an earlier disk" vm-set --data-disk size=16M,name=db web
	# Larger, with its filesystem and without.
	atf_check -o ignore vm-set --grow-disk db=64M --grow-fs web
	atf_check_equal 67108864 "$(stat -c %s "$f")"
	atf_check -o match:'^Block count: *(65536|16384)' sh -c \
	    "PATH=\$PATH:/usr/sbin; dumpe2fs -h '$f' 2>/dev/null"
	atf_check -o ignore -e inline:"vm-set: web: data-more.raw is larger: \
what is on it the guest must grow (growpart, resize2fs)\n" \
	    vm-set --grow-disk more=40M web
	atf_check_equal 41943040 "$(stat -c %s "$(file web data-more.raw)")"
	refused 65 "web: --grow-fs: data-more.raw has no ext4: the guest must \
grow what is on it" vm-set --grow-disk more=48M --grow-fs web
	printf '\125\252' | dd of="$(file web data-more.raw)" bs=1 seek=510 \
	    conv=notrunc 2>/dev/null
	refused 65 "web: --grow-fs: data-more.raw has a partition table: the \
guest must grow the partition, and then the filesystem (growpart, resize2fs)" \
	    vm-set --grow-disk more=48M --grow-fs web
	refused 64 "web: --grow-disk: 32M: the disk has 41943040 bytes, and \
none becomes smaller" vm-set --grow-disk more=32M web
	refused 64 "web: --grow-disk new=64M: --data-disk makes it anew, and \
says its size" vm-set --data-disk size=16M,name=new --grow-disk new=64M web
	refused 64 "web: --grow-disk none=1G: no such data disk" \
	    vm-set --cpu 2 --grow-disk none=1G web
	refused 64 "web: --remove-disk cocoon-cow: no such data disk" \
	    vm-set --remove-disk cocoon-cow web
	atf_check -o not-match:data-more vm-set --remove-disk more web
	atf_check -s exit:1 test -e "$(file web data-more.raw)"
	tidy
	runs web
}
set__data_disks_cleanup()
{
	vms_end
}

atf_test_case set__root_disk cleanup
set__root_disk_body()
{
	tiny_vm web --storage 16M
	atf_check -o inline:"33554432\n" vm-set --storage 32M --grow-fs \
	    -p config.storage web
	tidy
	runs web
	# What a snapshot has stays as it was saved.
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -o ignore snap-save -n s --stop web
	atf_check -o inline:"67108864\n" vm-set -q --storage 64M \
	    -p config.storage web
	atf_check snap-verify s
	atf_check -o inline:"running	33554432\n" \
	    vm-clone -n w1 -p state,config.storage s
	atf_check -o ignore vm-rm --force w1
	runs web
	atf_check -o ignore vm-restore web s
	atf_check -o ignore vm-stop --force web
	atf_check -o inline:"33554432\n" vm-ls -p config.storage web
	# What somebody else has made larger holds an ext4 that is not.
	tiny_vm fs --storage 16M
	mkfs.ext4 -q -F "$(file fs cow.raw)"
	truncate -s 24M "$(file fs cow.raw)"
	atf_check -o inline:"25165824\n" vm-set --storage 24M --grow-fs \
	    -p config.storage fs
	atf_check -o match:"Block count: *$((24 << 10))\$" -e ignore \
	    dumpe2fs -h "$(file fs cow.raw)"
	# Over a base it is an overlay.
	head -c 8M /dev/urandom >base
	tiny_vm over --base base
	atf_check -o inline:"16777216\n" vm-set -q --storage 16M \
	    -p config.storage over
	runs over
	if [ -e "$(file over cow.1.qcow2)" ]; then
		refused 65 "over: --grow-fs: cow.1.qcow2 is an overlay: the \
guest must grow what is on it" vm-set --storage 32M --grow-fs over
	fi
}
set__root_disk_cleanup()
{
	vms_end
}

atf_test_case set__not_now cleanup
set__not_now_body()
{
	tiny_run web --storage 16M
	running="vm-set: web: running: only its name, its description, its \
forwards and the size of its disks can change now; vm-stop first\n"
	for o in '--memory 64M' '--data-disk size=16M' '--no-nics' \
	    '--kernel x --storage 1G'; do
		# shellcheck disable=SC2086
		atf_check -s exit:77 -e inline:"$running" vm-set $o web
	done
	atf_check -s exit:77 -e inline:"vm-set: web: running: of its NICs \
only the forwards can change now; vm-stop first\n" vm-set --nic user web
	pid=$(member web pid)
	atf_check -o inline:"www	$pid	running\n" \
	    vm-set -n www -p name,pid,state web
	atf_check -o ignore snap-save -n s www
	atf_check -o ignore vm-clone --no-start -n w1 s
	atf_check -s exit:77 -e match:"^vm-set: w1: its next start loads a \
snapshot" vm-set --memory 64M w1
	atf_check -o inline:"w2\n" vm-set -n w2 -p name w1
	atf_check -s exit:73 -e inline:"vm-set: w2: www: the name is taken\n" \
	    vm-set -n www w2
	atf_check -o inline:"running\n" vm-start -p state w2
}
set__not_now_cleanup()
{
	vms_end
}

atf_test_case set__while_it_runs cleanup
set__while_it_runs_body()
{
	tiny_run web --nic user,forward=0:22 --storage 16M \
	    --data-disk size=16M,name=db,fstype=none
	pid=$(member web pid)
	port=$(forward_of web)
	atf_check -o match:"\"host_port\":$port" -e empty vm-set \
	    --nic user,forward=0:22,forward=0:80 web
	atf_check_equal "$pid" "$(listener "$port" | sort -u)"
	atf_check_equal 2 "$(vm-ls web | grep -o '"host_port":[1-9]' | wc -l)"
	# One that is taken leaves those that were.
	tiny_run other --nic user,forward=0:22
	taken=$(forward_of other)
	vm-ls -p network_configs web >before
	atf_check -s exit:69 -e match:"^vm-set: web: " vm-set \
	    --nic "user,forward=$taken:22" web
	vm-ls -p network_configs web | cmp before - || atf_fail "changed"
	atf_check_equal "$pid" "$(listener "$port" | sort -u)"
	atf_check -o ignore vm-set --nic user web
	atf_check_equal "" "$(listener "$port")"
	# Disks, which a save and a start have as they are then.
	atf_check -o inline:"33554432\n" -e match:'guest must grow' vm-set \
	    --storage 32M --grow-disk db=24M -p config.storage web
	atf_check -o ignore snap-save -n s web
	atf_check -o inline:"67108864\n" vm-set -q --storage 64M \
	    -p config.storage web
	atf_check -o ignore vm-stop --force web
	runs web
	atf_check -o inline:"67108864\n" vm-ls -p config.storage web
	atf_check snap-verify s
	atf_check -o inline:"running	33554432\n" \
	    vm-clone -n w1 -p state,config.storage s
}
set__while_it_runs_cleanup()
{
	vms_end
}

# What has grown already becomes as it was.
atf_test_case set__second_fails cleanup
set__second_fails_body()
{
	head -c 8M /dev/urandom >base
	tiny_vm web --storage 16M --data-disk size=16M,name=db
	tiny_vm over --base base --storage 16M --data-disk size=16M,name=db
	for vm in web over; do
		old=$(vm-ls -p name,config,storage_configs $vm)
		atf_check -s exit:74 \
		    -e inline:"vm-set: $vm: data-db.raw: File too large\n" \
		    env --ignore-signal=XFSZ prlimit --fsize=25000000 \
		    vm-set --storage 20M --grow-disk db=40M $vm
		[ "$old" = "$(vm-ls -p name,config,storage_configs $vm)" ] ||
		    atf_fail "$vm: changed"
		runs $vm
		# It tells the size that the disk has.
		atf_check -o inline:"16777216\n" \
		    vm-set --cpu 2 -p config.storage $vm
	done
	tidy
}
set__second_fails_cleanup()
{
	vms_end
}

# Whenever it is killed, the VM is the old or the new one, whole.
atf_test_case set__killed cleanup
set__killed_body()
{
	tiny_vm web --storage 16M --data-disk size=16M,name=db
	old=$(vm-ls -p name,config,storage_configs web)
	id=$(member web id)
	cp "$tiny" kernel
	echo more >>kernel
	for step in set-named set-copied set-built set-written; do
		atf_check -s signal:kill env INSTAR_HOOK="$step=kill" vm-set \
		    -n www --kernel kernel --cpu 2 --remove-disk db \
		    --storage 32M --grow-fs web
		[ "$old" = "$(vm-ls -p name,config,storage_configs "$id")" ] ||
		    atf_fail "$step: changed"
		atf_check cmp "$tiny" "$(file "$id" kernel)"
		atf_check -o match:former state-gc
		atf_check -s exit:66 -e ignore vm-ls www
		runs web
		old=$(vm-ls -p name,config,storage_configs web)
	done
	for step in set-exchanged set-recorded; do
		atf_check -s signal:kill env INSTAR_HOOK="$step=kill" vm-set \
		    -n www --kernel kernel --cpu 2 --memory 48M "$id"
		atf_check -o inline:"www	2	50331648\n" \
		    vm-ls -p name,config.cpu,config.memory "$id"
		atf_check cmp kernel "$(file "$id" kernel)"
		atf_check -o ignore state-gc
		runs www
		atf_check -o ignore vm-set -n web --kernel "$tiny" --cpu 1 "$id"
	done
	tidy
}
set__killed_cleanup()
{
	vms_end
}

atf_test_case set__seed
set__seed_body()
{
	tiny_vm web --user joe --password x --nic user
	sum=$(sha256sum <"$(file web cidata.img)")
	atf_check -o ignore vm-set -n www web
	grep -q www "$(file www cidata.img)" || atf_fail "the old name"
	atf_check -o ignore vm-set --data-disk size=16M,name=db www
	grep -q /mnt/db "$(file www cidata.img)" || atf_fail "no mount"
	[ "$sum" != "$(sha256sum <"$(file www cidata.img)")" ]
}

atf_test_case usage__wrong
usage__wrong_body()
{
	for o in '' web '-n x' '--cpu 2 a b' '--grow-fs --cpu 2 web' \
	    '--nic user --no-nics web' '-n -x web'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^vm-set: ' vm-set $o
	done
	atf_check -s exit:64 -e match:'^vm-set: --cpu: given twice' \
	    vm-set --cpu 2 --cpu 3 web
	mkdir -p root/vm
	atf_check -s exit:66 -e inline:"vm-set: web: no such VM in $INSTAR_ROOT\n" \
	    vm-set --cpu 2 web
	tiny_vm web
	refused 64 "web: --memory: 1500000: not a multiple of 1M" \
	    vm-set --memory 1500000 web
}

atf_init_test_cases()
{
	atf_add_test_case set__sizes_and_name
	atf_add_test_case set__description
	atf_add_test_case set__boot_files
	atf_add_test_case set__firmware
	atf_add_test_case set__disk_in_place_of_another
	atf_add_test_case set__name_of_what_fails
	atf_add_test_case set__nics
	atf_add_test_case set__data_disks
	atf_add_test_case set__root_disk
	atf_add_test_case set__not_now
	atf_add_test_case set__while_it_runs
	atf_add_test_case set__second_fails
	atf_add_test_case set__killed
	atf_add_test_case set__seed
	atf_add_test_case usage__wrong
}
