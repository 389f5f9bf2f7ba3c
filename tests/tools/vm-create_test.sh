#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# Files that a VM can be made from, and that it cannot.
files()
{
	echo kernel >kernel
	echo initrd >initrd
	: >empty
	mkdir dir
}

# Nothing was made: the root is not there, or holds no VM, named or hidden.
nothing_made()
{
	if [ -e root ]; then
		atf_check -o empty ls -A root/vm
		atf_check -o empty ls -A root/name/vm
	fi
}

# refused STATUS MESSAGE ARGUMENT...
refused()
{
	code=$1 message=$2
	shift 2
	atf_check -s exit:"$code" -e inline:"vm-create: $message\n" \
	    vm-create "$@"
	nothing_made
}

atf_test_case usage__wrong
usage__wrong_body()
{
	files
	refused 64 "x: no operands are taken" x
	refused 64 "nothing to boot: --kernel, --firmware or --base is needed"
	refused 64 "--initrd needs --kernel" --initrd initrd
	refused 64 "--cmdline needs --kernel" --cmdline x
	refused 64 "--firmware and --kernel exclude each other" \
	    --kernel kernel --firmware kernel
	refused 64 "--data-disk: foo: item 1: \"foo\" is not key=value" \
	    --kernel kernel --data-disk foo
	refused 64 "--memory: given twice" --memory 64M --memory 64M
	refused 64 "--name: given twice" -n a --name b
	refused 64 "--pony: unknown option: see vm-create -h" --pony x
	refused 64 "--accel: x: not auto, kvm or tcg" \
	    --kernel kernel --accel x
	refused 64 "--memory-backing: x: not auto, file or memfd" \
	    --kernel kernel --memory-backing x
	refused 64 "--kernel: an empty name" --kernel ""
	for o in initrd firmware-vars base; do
		refused 64 "--$o: an empty name" --kernel kernel "--$o" ""
	done
	refused 64 "--firmware: an empty name" --base kernel --firmware ""
	echo '{"kernel": "kernel", "initrd": ""}' >config
	refused 64 "--initrd: an empty name" --config config
	for h in bhyve "" QEMU; do
		atf_check -s exit:64 -e match:"--hypervisor: $h: no such hypervisor" \
		    vm-create --kernel kernel --hypervisor "$h"
	done
}

atf_test_case size__table
size__table_body()
{
	files
	while read -r option value why; do
		refused 64 "--$option: $value: $why" \
		    --kernel kernel "--$option" "$value"
	done <<-TABLE
	cpu 0 less than 1
	cpu 256 more than 255
	cpu x not a number
	cpu 1K not a number
	memory 0 less than 1048576
	memory 4K less than 1048576
	memory 5000001 not a multiple of 1M
	memory 9T more than 1099511627776
	memory 99999999999999999999 not a size
	memory 17592186044417M size too large
	memory 1.1G no whole number of bytes
	memory -1 not a size
	memory 1Q not a size
	memory 1MX not a size
	storage 0 less than 1048576
	storage 4097 less than 1048576
	storage 9T more than 8796093022208
	storage 16777216T size too large
	TABLE
	refused 64 "--memory: : not a size" --kernel kernel --memory ''
}

atf_test_case name__malformed
name__malformed_body()
{
	files
	for n in '' . .. - a/b 'a b' -n "$(printf 'a%.0s' $(seq 64))" \
	    "$(printf 'a\tb')"; do
		atf_check -s exit:64 -e match:'^vm-create: --name: .*: not a name: 1 to 63 ' \
		    vm-create --kernel kernel --name "$n"
	done
	nothing_made
}

atf_test_case name__taken
name__taken_body()
{
	files
	atf_check -o ignore vm-create -n web --kernel kernel
	find root | sort >before
	atf_check -s exit:73 -e inline:"vm-create: web: the name is taken\n" \
	    vm-create -n web --kernel kernel
	find root | sort >after
	atf_check cmp before after
}

atf_test_case nic__malformed
nic__malformed_body()
{
	files
	while read -r spec why; do
		refused 64 "--nic $spec: $why" --kernel kernel --nic "$spec"
	done <<-'TABLE'
	x x: not user, tap=IF or bridge=IF
	tap tap: not user, tap=IF or bridge=IF
	tap=../x tap=../x: not an interface's name
	bridge= bridge=: not an interface's name
	user,restrict=maybe restrict=maybe: not an item of a user NIC
	user,forward=1 forward=1: not [ADDR:]PORT:GUESTPORT
	user,forward=99999:1 forward=99999:1: not [ADDR:]PORT:GUESTPORT
	user,mac=zz mac=zz: not a unicast MAC
	user,mac=01:00:00:00:00:01 mac=01:00:00:00:00:01: not a unicast MAC
	user,ip=1.2.3.4 ip=1.2.3.4: not ADDR/PREFIX
	user,foo=1 foo=1: not an item of a user NIC
	user,forward=80:1,forward=80:2 forward=127.0.0.1:80:2: port 80 of the host is that of forward=127.0.0.1:80:1
	TABLE
	refused 64 "--nic user,forward=0.0.0.0:80:2: forward=0.0.0.0:80:2: port 80 of the host is that of forward=127.0.0.1:80:1" \
	    --kernel kernel --nic user,forward=80:1 \
	    --nic user,forward=0.0.0.0:80:2
}

atf_test_case file__missing
file__missing_body()
{
	files
	for o in kernel firmware base; do
		refused 66 "none: No such file or directory" --$o none
		refused 66 "$PWD/dir: not a regular file" --$o dir
		refused 66 "empty: empty" --$o empty
	done
	refused 66 "none: No such file or directory" \
	    --kernel kernel --initrd none
	refused 66 "none: No such file or directory" \
	    --kernel kernel --layer none
	refused 66 "none: No such file or directory" \
	    --kernel kernel --config none
}

atf_test_case firmware__kinds
firmware__kinds_body()
{
	files
	firmware_volume code >X_CODE.fd
	firmware_volume vars >my.vars
	cat my.vars X_CODE.fd >whole.fd
	head -c 65536 /dev/zero >bios.bin
	makes()
	{
		want=$1
		shift
		atf_check -o inline:"$want\n" vm-create \
		    -p config.firmware,config.firmware_vars "$@"
		atf_check -o ignore sh -c \
		    "vm-ls -p id | xargs -n 1 vm-rm"
	}
	makes "true	false" --firmware bios.bin
	makes "true	true" --firmware X_CODE.fd --firmware-vars my.vars
	makes "false	true" --firmware whole.fd
	refused 66 "X_CODE.fd: no variables lie beside it: --firmware-vars \
names them" --firmware X_CODE.fd
	mv my.vars X_VARS.fd
	makes "true	true" --firmware X_CODE.fd
	refused 65 "X_VARS.fd: variables of UEFI firmware alone: --firmware \
names the code" --firmware X_VARS.fd
	refused 65 "bios.bin: holds no variables of UEFI firmware alone" \
	    --firmware X_CODE.fd --firmware-vars bios.bin
	refused 64 "--firmware-vars: bios.bin takes none" \
	    --firmware bios.bin --firmware-vars X_VARS.fd
	refused 64 "--firmware-vars needs --firmware" \
	    --kernel kernel --firmware-vars X_VARS.fd
	printf 'QFI\373' >image.fd
	truncate -s 64K image.fd
	atf_check -s exit:65 -e match:"^vm-create: image.fd: .*qcow2" \
	    vm-create --firmware image.fd
	nothing_made
	head -c 1000 /dev/zero >short
	refused 65 "short: neither a BIOS, whose size is a multiple of 64 KiB, \
nor UEFI firmware" --firmware short
	atf_check -s exit:64 -e match:"keeps no variables" \
	    vm-create --hypervisor cloud-hypervisor \
	    --firmware X_CODE.fd --firmware-vars X_VARS.fd
	# The VM's copy is its own, and in the record of --config likewise.
	echo '{"firmware":"X_CODE.fd","firmware_vars":"X_VARS.fd"}' >config
	atf_check -o save:id vm-create --config config -p id
	atf_check cmp X_VARS.fd "root/vm/$(cat id)/firmware_vars"
	atf_check -o inline:"1\n" stat -c %h "root/vm/$(cat id)/firmware_vars"
}

atf_test_case file__unreadable
file__unreadable_head()
{
	atf_set require.user unprivileged
}
file__unreadable_body()
{
	files
	chmod 0 kernel
	refused 77 "$PWD/kernel: Permission denied" --kernel kernel
}

atf_test_case config__wrong
config__wrong_body()
{
	files
	printf '{' >config
	atf_check -s exit:65 -e match:'^vm-create: .*config: not JSON: .*$' \
	    vm-create --kernel kernel --config config
	echo '{"nope":1}' >config
	refused 65 '--config: config: unknown member "nope"' \
	    --kernel kernel --config config
	nothing_made
}

atf_test_case config__overridden
config__overridden_body()
{
	files
	echo '{"name":"web","kernel":"kernel","memory":"64M"}' >config
	atf_check -o inline:"web\tcreated\n" \
	    vm-create --config config -p name,state
	atf_check -o match:'"name":"db".*"memory":33554432' \
	    vm-create --config config -n db --memory 32M
	atf_check -o match:'^\{"id":"' -o not-match:'"name"' \
	    vm-create --kernel kernel --memory 32M
	atf_check -o not-match:'"name":""' vm-ls
}

# The object comes on standard input, which nobody else can read then.
atf_test_case agent__told
agent__told_body()
{
	echo kernel >kernel
	atf_check -o inline:"true\n" vm-create -p config.agent --agent \
	    --kernel kernel
	echo '{"kernel":"kernel","agent":true}' >config
	atf_check -o inline:"true\n" vm-create -p config.agent --config config
	echo '{"kernel":"kernel","agent":false}' >config
	atf_check -o inline:"true\n\n" sh -c 'for a in --agent ""; do
	    vm-create -p config.agent --config config $a; done'
	echo '{"kernel":"kernel","agent":"yes"}' >config
	atf_check -s exit:65 -e match:"^vm-create: --config: config: .*agent" \
	    vm-create --config config
	atf_check -o inline:"\n" vm-create -p config.agent --kernel kernel
}

atf_test_case config__stdin
config__stdin_body()
{
	files
	echo '{"name":"web","kernel":"kernel"}' >in
	atf_check -o inline:"db\n" vm-create --config - -n db -p name <in
	echo '{"nope":1}' >in
	atf_check -s exit:65 -e inline:"vm-create: --config: standard input: \
unknown member \"nope\"\n" vm-create --config - <in
	echo '{' >in
	atf_check -s exit:65 \
	    -e match:'^vm-create: --config: standard input: not JSON: ' \
	    vm-create --config - <in
	echo '{"kernel":"kernel","storage_config":"-"}' >in
	atf_check -s exit:64 -e inline:"vm-create: --config - and \
--storage-config -: both read standard input\n" vm-create --config - <in
	atf_check test ! -e ./-
}

# A seed that lets nobody in is not what was asked for.
atf_test_case ssh_key__none
ssh_key__none_body()
{
	files
	printf '\n \t\n# ssh-rsa AAAA\n' >blank
	refused 66 "--ssh-key: empty: no public key in it" --kernel kernel \
	    --ssh-key empty
	refused 66 "--ssh-key: blank: no public key in it" --kernel kernel \
	    --user u --ssh-key blank
	atf_check -s exit:66 -e inline:"vm-create: --ssh-key: -: no public \
key in it\n" vm-create --kernel kernel --ssh-key - <empty
}

# The members that say what a seed holds, and that there shall be none.
atf_test_case config__seed
config__seed_body()
{
	files
	echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP me' >key
	echo '{"kernel":"kernel","user":"u","ssh_key":["key"]}' >config
	atf_check -o save:made vm-create --config config -p dir
	atf_check -o match:'ssh-ed25519 AAAA.* me' \
	    cat "$(cat made)/cidata.json"
	echo '{"kernel":"kernel","data_disk":["size=16M"],"no_cidata":true}' \
	    >config
	atf_check -o save:made vm-create --config config -p dir
	atf_check test ! -e "$(cat made)/cidata.img"
	atf_check sed -i s/true/false/ config
	atf_check -o save:made vm-create --config config -p dir
	atf_check test -e "$(cat made)/cidata.img"
	atf_check -o save:made vm-create --config config --no-cidata -p dir
	atf_check test ! -e "$(cat made)/cidata.img"
}

atf_test_case root__not_writable
root__not_writable_head()
{
	atf_set require.user unprivileged
}
root__not_writable_body()
{
	files
	mkdir locked
	chmod 555 locked
	atf_check -s exit:77 -e match:'^vm-create: .*locked/root.*denied$' \
	    vm-create -R locked/root --kernel kernel
	atf_check -s exit:77 -e match:'^vm-create: .*locked/a/root.*denied$' \
	    vm-create -R locked/a/root --kernel kernel
}

atf_test_case root__not_a_directory
root__not_a_directory_body()
{
	files
	refused 66 "$PWD/kernel: Not a directory" -R kernel --kernel kernel
}

atf_test_case qemu__missing
qemu__missing_body()
{
	files
	INSTAR_QEMU=/none/qemu
	export INSTAR_QEMU
	refused 69 "INSTAR_QEMU: /none/qemu: No such file or directory" \
	    --kernel kernel
}

atf_test_case create__as_told
create__as_told_body()
{
	files
	atf_check -o save:record vm-create -n web --kernel kernel \
	    --initrd initrd --cmdline "a b" --cpu 2 --memory 64M --storage 8M \
	    --nic user,restrict=on
	for m in '"name":"web"' '"state":"created"' '"cpu":2' \
	    '"memory":67108864' '"storage":8388608' '"cmdline":"a b"' \
	    '"restrict":true'; do
		atf_check -o ignore grep -F "$m" record
	done
	dir=$(sed 's/.*"dir":"\([^"]*\)".*/\1/' record)
	atf_check cmp kernel "$dir/kernel"
	atf_check cmp initrd "$dir/initrd"
	atf_check -o inline:"8388608\n" stat -c %s "$dir/cow.raw"
	atf_check -o ignore -e ignore e2fsck -fn "$dir/cow.raw"
	# A guest's memory holds secrets, and so does its directory.
	atf_check -o empty find root -perm /077 ! -type l
	# What went in stays out of it.
	atf_check test ! "$dir/kernel" -ef kernel
	echo other >kernel
	atf_check -s exit:1 cmp -s kernel "$dir/kernel"
}

atf_test_case create__killed
create__killed_body()
{
	files
	for s in root-hidden root-claimed files-made record-made root-publish
	do
		atf_check -s signal:9 env INSTAR_HOOK="$s=kill" \
		    vm-create -n web --kernel kernel
		# Nothing that could pass for a VM, and the name is free.
		atf_check -o empty ls root/vm
		atf_check -o ignore vm-create -n web --kernel kernel
		atf_check -o ignore vm-rm web
	done
	atf_check -s signal:9 env INSTAR_HOOK=root-published=kill \
	    vm-create -n web --kernel kernel
	atf_check -o inline:"web\tcreated\n" vm-ls -p name,state
}

atf_init_test_cases()
{
	atf_add_test_case usage__wrong
	atf_add_test_case size__table
	atf_add_test_case name__malformed
	atf_add_test_case name__taken
	atf_add_test_case nic__malformed
	atf_add_test_case file__missing
	atf_add_test_case firmware__kinds
	atf_add_test_case file__unreadable
	atf_add_test_case config__wrong
	atf_add_test_case config__overridden
	atf_add_test_case config__seed
	atf_add_test_case ssh_key__none
	atf_add_test_case agent__told
	atf_add_test_case config__stdin
	atf_add_test_case root__not_writable
	atf_add_test_case root__not_a_directory
	atf_add_test_case qemu__missing
	atf_add_test_case create__as_told
	atf_add_test_case create__killed
}
