#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The disks of vm-create: layers, bases, the writable one.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# A file $1 of $2 MiB that is nobody else's.
noise()
{
	dd if=/dev/urandom of="$1" bs=1M count="$2" 2>/dev/null
}

# refused_and_empty STATUS MESSAGE ARGUMENT...: and no VM is left, not even
# hidden.
refused_and_empty()
{
	code=$1 message=$2
	shift 2
	atf_check -s exit:"$code" -e inline:"vm-create: $message\n" \
	    vm-create "$@"
	[ ! -e root ] ||
	    atf_check -o empty find root/vm root/name/vm -mindepth 1
}

atf_test_case layer__shared_by_digest cleanup
layer__shared_by_digest_body()
{
	need_tiny
	noise one 2
	cp one same
	noise two 1
	sha256sum one two >sums
	tiny_vm web --layer one --layer two
	tiny_vm db --layer same
	# Two contents, two layers, whatever the files were called.
	atf_check_equal 2 "$(find root/layer -type f | wc -l)"
	a=$(member web dir)/layer0
	b=$(member db dir)/layer0
	atf_check test "$a" -ef "$b"
	atf_check cmp one "$a"
	atf_check cmp two "$(member web dir)/layer1"
	atf_check -o inline:"running\nrunning\n" vm-start -p state web db
	# Nobody opens them for writing.
	for f in /proc/"$(member web pid)"/fd/*; do
		case $(readlink "$f") in
		*/layer/*|*/layer[01])
			flags=$(sed -n 's/^flags:[[:space:]]*//p' \
			    "${f%/fd/*}/fdinfo/${f##*/}")
			atf_check_equal 0 $((0$flags & 3))
			;;
		esac
	done
	atf_check -o ignore vm-stop --force web db
	atf_check vm-rm web
	atf_check cmp one "$b"
	atf_check -o ignore sha256sum -c sums
}
layer__shared_by_digest_cleanup()
{
	vms_end
}

# written_to ARGUMENT...: refused, because of layer0 or base.raw.
written_to()
{
	tool=$1
	atf_check -s exit:65 \
	    -e match:"(layer0|base.raw): layer/$hex has been written to: it differs from its digest\$" \
	    "$@"
}

# A file that layer/ has a link to, and that somebody copies another one onto.
atf_test_case layer__replaced_in_place cleanup
layer__replaced_in_place_body()
{
	need_tiny
	noise one 2
	noise two 2
	cp one good
	tiny_vm web --layer one --storage 16M
	layer=$(find root/layer -type f)
	hex=${layer##*/}
	[ one -ef "$layer" ] || atf_skip "the filesystem reflinks: no link"
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -o ignore snap-save -n gold web
	atf_check -o ignore vm-clone --no-start -n other gold
	cp two one
	written_to vm-clone --no-start gold
	written_to vm-restore web gold
	written_to snap-save web
	written_to snap-save --stop web
	atf_check -o inline:"running\n" vm-ls -p state web
	atf_check -o ignore vm-stop --force web
	written_to vm-start web
	atf_check -o inline:"stopped\n" vm-ls -p state web
	# What it was: it is read again, and that is remembered.
	cp good one
	seen=$(readlink "root/layer/.seen-$hex")
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check test "$seen" != "$(readlink "root/layer/.seen-$hex")"
	seen=$(readlink "root/layer/.seen-$hex")
	atf_check -o ignore vm-clone --no-start gold
	atf_check_equal "$seen" "$(readlink "root/layer/.seen-$hex")"
	# Of a store that knows nothing yet, the first who asks reads it.
	rm "root/layer/.seen-$hex"
	printf x | dd of=one conv=notrunc status=none
	written_to vm-clone --no-start gold
	cp good one
	atf_check -o ignore vm-clone --no-start gold
	atf_check test -L "root/layer/.seen-$hex"
}
layer__replaced_in_place_cleanup()
{
	vms_end
}

atf_test_case base__replaced_in_place cleanup
base__replaced_in_place_body()
{
	need_tiny
	noise base.img 2
	noise two 2
	tiny_vm web --base base.img
	layer=$(find root/layer -type f)
	hex=${layer##*/}
	[ base.img -ef "$layer" ] || atf_skip "the filesystem reflinks: no link"
	cp two base.img
	written_to vm-start web
	# A new file of that name is no change of the layer.
	rm base.img
	cp two base.img
	written_to vm-start web
	atf_check -o ignore vm-rm web
	atf_check -o ignore state-gc
	atf_check -o empty find root/layer -mindepth 1
}
base__replaced_in_place_cleanup()
{
	vms_end
}

atf_test_case storage__empty_ext4 cleanup
storage__empty_ext4_body()
{
	tiny_vm web --storage 16M
	disk=$(member web dir)/cow.raw
	atf_check -o inline:"16777216\n" stat -c %s "$disk"
	atf_check -o ignore -e ignore e2fsck -fn "$disk"
	atf_check test "$(($(stat -c %b "$disk") * 512))" -lt 16777216
	atf_check -o match:'"serial":"cocoon-cow"' vm-ls web
	atf_check -o inline:"running\n" vm-start -p state web
}
storage__empty_ext4_cleanup()
{
	vms_end
}

# What the guest's disk reads, by its files alone: $1 VM, $2 to this file.
flatten()
{
	dir=$(member "$1" dir)
	if [ -e "$dir/cow.raw" ]; then
		cp "$dir/cow.raw" "$2"
	else
		atf_check -o ignore qemu-img convert -O raw \
		    "$dir/cow.1.qcow2" "$2"
	fi
}

atf_test_case base__raw cleanup
base__raw_head()
{
	atf_set require.progs qemu-img
}
base__raw_body()
{
	noise base.img 4
	sha256sum base.img >sum
	tiny_vm web --base base.img
	tiny_vm big --base base.img --storage 8M
	flatten web flat
	atf_check cmp base.img flat
	flatten big flat
	atf_check -o inline:"8388608\n" stat -c %s flat
	atf_check cmp -n 4194304 base.img flat
	atf_check -o inline:"running\nrunning\n" vm-start -p state web big
	atf_check -o ignore vm-stop --force web big
	atf_check -o ignore sha256sum -c sum
}
base__raw_cleanup()
{
	vms_end
}

atf_test_case base__qcow2 cleanup
base__qcow2_head()
{
	atf_set require.config long
	atf_set require.progs qemu-img
}
base__qcow2_body()
{
	noise raw 4
	atf_check -o ignore qemu-img convert -O qcow2 raw base.img
	sha256sum base.img >sum
	tiny_vm web --base base.img
	atf_check -o match:'"storage":4194304' vm-ls web
	flatten web flat
	atf_check cmp raw flat
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -o ignore vm-stop --force web
	atf_check -o ignore sha256sum -c sum
}
base__qcow2_cleanup()
{
	vms_end
}

# A name in the image's header could be any file of the user's.
atf_test_case base__leans_on_another_file
base__leans_on_another_file_head()
{
	atf_set require.progs qemu-img
}
base__leans_on_another_file_body()
{
	need_tiny
	noise below 1
	atf_check -o ignore qemu-img create -f qcow2 -b below -F raw leaning
	atf_check -s exit:65 -e match:'^vm-create: leaning: .*below' \
	    vm-create --kernel "$tiny" --base leaning
	atf_check -o ignore qemu-img create -f qcow2 \
	    -o data_file=outside,data_file_raw=on split 1M
	atf_check -s exit:65 -e match:'^vm-create: split: ' \
	    vm-create --kernel "$tiny" --base split
	printf 'QFI\373\0\0\0\3' >short
	atf_check -s exit:65 -e match:'^vm-create: short: ' \
	    vm-create --kernel "$tiny" --base short
	atf_check -o empty find root/vm root/layer -mindepth 1
}

# What a VM can only have raw is made so, and said.
atf_test_case images__qcow2_converted cleanup
images__qcow2_converted_head()
{
	atf_set require.progs "jq qemu-img"
}
images__qcow2_converted_body()
{
	need_tiny
	noise raw 4
	# A name that qemu-img would take for a protocol.
	for f in nbd:layer.img data.img; do
		atf_check -o ignore qemu-img convert -O qcow2 -c raw "./$f"
	done
	said="a qcow2 image: converted to raw"
	echo '{"path":"'"$PWD"'/data.img","role":"data","ro":false,"serial":"db",
	    "fstype":"none"}' | tr -d '\n' >config
	atf_check -o ignore -e inline:"vm-create: nbd:layer.img: $said
vm-create: $PWD/data.img: $said\n" vm-create -n web --kernel "$tiny" \
	    --memory 32M --no-cidata --layer nbd:layer.img \
	    --storage-config config
	dir=$(member web dir)
	atf_check cmp raw "$dir/layer0"
	atf_check cmp raw "$dir/data-db.raw"
	# The disk of a layer that came as raw is the same layer.
	tiny_vm two --layer raw
	atf_check_equal 1 "$(find root/layer -type f | wc -l)"
	atf_check test "$dir/layer0" -ef "$(member two dir)/layer0"
	atf_check -o ignore vm-create -q -n three --kernel "$tiny" \
	    --memory 32M --layer nbd:layer.img
	atf_check cmp raw "$(member three dir)/layer0"
	atf_check -o inline:"running\n" vm-start -p state web
}
images__qcow2_converted_cleanup()
{
	vms_end
}

# What QEMU and qemu-img would take for a protocol or an option is a file, raw
# or qcow2; one that is not there is not looked for elsewhere.
atf_test_case images__names_of_urls cleanup
images__names_of_urls_head()
{
	atf_set require.progs qemu-img
}
images__names_of_urls_body()
{
	need_tiny
	noise raw 4
	atf_check -o ignore qemu-img convert -O qcow2 raw mapped
	n=0
	for name in nbd:127.0.0.1:1 ssh:x json:{} fat:rw:x https:x \
	    driver=raw file:raw -x -- a,b; do
		for option in layer base firmware; do
			kernel="--kernel $tiny"
			[ $option != firmware ] || kernel=
			# shellcheck disable=SC2086
			atf_check -s exit:66 -o empty \
			    -e inline:"vm-create: $name: No such file or directory\n" \
			    vm-create $kernel "--$option=$name"
			for image in raw mapped; do
				[ $option$image != firmwaremapped ] || continue
				cp $image "./$name"
				n=$((n + 1))
				# shellcheck disable=SC2086
				atf_check -o ignore vm-create -q -n "v$n" \
				    --memory 32M --no-cidata $kernel \
				    "--$option=$name"
				rm "./$name"
			done
			dir=$(member "v$n" dir)
			case $option in
			layer) atf_check cmp raw "$dir/layer0" ;;
			base) atf_check cmp mapped "$dir/base.qcow2" ;;
			firmware) atf_check cmp raw "$dir/firmware" ;;
			esac
		done
		# A storage config tells names to others, too: not these.
		case $name in
		*:*|-*)
			echo '{"path":"'"$name"'","role":"data","ro":false,
			    "serial":"db","fstype":"none"}' | tr -d '\n' >config
			atf_check -s exit:65 -e match:"no colon in its name" \
			    vm-create --kernel "$tiny" --storage-config config
			;;
		esac
	done
	# What QEMU gets are plain names in the VM's directory.
	atf_check -o inline:"running\n" vm-start -p state v3
}
images__names_of_urls_cleanup()
{
	vms_end
}

atf_test_case images__not_raw
images__not_raw_head()
{
	atf_set require.progs "qemu-img gzip"
}
images__not_raw_body()
{
	need_tiny
	noise raw 1
	# Programs of its own, where the test's table has bytes.
	for f in vmdk vdi vhdx qed; do
		atf_check -o ignore qemu-img convert -O "$f" raw "x.$f"
	done
	gzip -c raw >x.gz
	atf_check -o ignore qemu-img convert -O qcow2 raw x.qcow2
	refused_and_empty 65 "x.qcow2: a qcow2 image: qemu-img convert -O raw x.qcow2 x.raw" \
	    --firmware x.qcow2
	for f in vmdk:VMDK vdi:VDI vhdx:VHDX qed:QED gz:; do
		x=x.${f%:*}
		why="$x: a ${f#*:} image: qemu-img convert -O raw $x x.raw"
		[ "$x" != x.gz ] ||
		    why="$x: compressed by gzip: gzip -dc <$x >x"
		for o in layer base; do
			refused_and_empty 65 "$why" --kernel "$tiny" --$o "$x"
		done
		atf_check -s exit:65 -e match:"^vm-create: $x: " \
		    vm-create --firmware "$x"
		echo '{"path":"'"$x"'","role":"data","ro":false,"serial":"db",
		    "fstype":"none"}' | tr -d '\n' >config
		refused_and_empty 65 "$why" --kernel "$tiny" \
		    --storage-config config
	done
	atf_check -o empty find root/layer -mindepth 1
	# A layer leans on nothing, either.
	atf_check -o ignore qemu-img create -f qcow2 -b raw -F raw leaning
	atf_check -s exit:65 -e match:'^vm-create: leaning: .*raw' \
	    vm-create --kernel "$tiny" --layer leaning
}

# Who writes to an image leaves one that was at no time.
atf_test_case images__in_use cleanup
images__in_use_head()
{
	atf_set require.progs "flock qemu-io mkfs.ext4"
}
images__in_use_body()
{
	need_tiny
	noise raw 1
	echo '{"path":"'"$PWD"'/raw","role":"data","ro":false,"serial":"db",
	    "fstype":"none"}' | tr -d '\n' >config
	mkfifo go
	qemu-io -f raw raw <go >/dev/null 2>&1 &
	qemu=$!
	exec 7>go
	while ! grep -q ":$(stat -c %i raw) " /proc/locks; do sleep 0.1; done
	why="in use: locked by another process"
	refused_and_empty 75 "raw: $why" --kernel "$tiny" --layer raw
	refused_and_empty 75 "raw: $why" --kernel "$tiny" --base raw
	refused_and_empty 75 "$PWD/raw: $why" --kernel "$tiny" \
	    --storage-config config
	exec 7>&-
	wait $qemu
	# Others that only read do no harm.
	atf_check -o ignore flock -s raw vm-create --kernel "$tiny" \
	    --memory 32M --layer raw
	truncate -s 8M fs
	atf_check -o ignore -e ignore mkfs.ext4 -q fs
	mkdir m
	mount -o loop fs m || atf_skip "no loop devices"
	atf_check -s exit:75 \
	    -e inline:"vm-create: fs: in use: behind a loop device\n" \
	    vm-create --kernel "$tiny" --base fs
	umount m
	mount -o loop,ro fs m
	atf_check -o ignore vm-create --kernel "$tiny" --memory 32M --base fs
}
images__in_use_cleanup()
{
	umount m 2>/dev/null
	vms_end
}

atf_test_case base__larger_than_storage
base__larger_than_storage_body()
{
	need_tiny
	noise base.img 4
	refused_and_empty 64 \
	    "--storage: smaller than the base of 4194304 bytes" \
	    --kernel "$tiny" --base base.img --storage 2M
}

atf_test_case files__table
files__table_body()
{
	need_tiny
	mkdir dir
	: >empty
	ln -s nowhere dangling
	mkfifo pipe
	for o in --layer --base --initrd; do
		refused_and_empty 66 "none: No such file or directory" \
		    --kernel "$tiny" $o none
		refused_and_empty 66 "dangling: No such file or directory" \
		    --kernel "$tiny" $o dangling
		refused_and_empty 66 "$PWD/dir: not a regular file" \
		    --kernel "$tiny" $o dir
		refused_and_empty 66 "$PWD/pipe: not a regular file" \
		    --kernel "$tiny" $o pipe
		refused_and_empty 66 "empty: empty" --kernel "$tiny" $o empty
	done
	atf_check -o empty find root/layer -mindepth 1
}

atf_test_case config__of_wrong_shape
config__of_wrong_shape_body()
{
	need_tiny
	while IFS='|' read -r json why; do
		printf '%s' "$json" >config
		refused_and_empty 65 "--config: config: $why" \
		    --kernel "$tiny" --config config
	done <<-'TABLE'
	[]|not an object
	7|not an object
	{"nope":1}|unknown member "nope"
	{"password":"x"}|unknown member "password"
	{"memory":true}|"memory" is neither a string nor an integer
	{"cpu":2.5}|"cpu" is neither a string nor an integer
	{"name":null}|"name" is neither a string nor an integer
	{"layer":"one"}|"layer" is not an array
	{"layer":[1]}|layer[0] is not a string
	{"nic":{}}|"nic" is not an array
	{"nic":["user",7]}|nic[1] is not a string
	{"ssh_key":"one"}|"ssh_key" is not an array
	{"no_cidata":1}|"no_cidata" is not true or false
	TABLE
	# What is well formed is judged like the options.
	while IFS='|' read -r json why; do
		printf '%s' "$json" >config
		refused_and_empty 64 "$why" --kernel "$tiny" --config config
	done <<-'TABLE'
	{"memory":0}|--memory: 0: less than 1048576
	{"memory":"1Q"}|--memory: 1Q: not a size
	{"cpu":-1}|--cpu: -1: not a number
	{"name":"a/b"}|--name: a/b: not a name: 1 to 63 letters, digits, ".", "_" or "-", a letter or digit first
	{"firmware":"x"}|--firmware and --kernel exclude each other
	{"nic":["tap"]}|--nic tap: tap: not user, tap=IF or bridge=IF
	{"no_cidata":true,"user":"a"}|--no-cidata: other options ask for a seed
	TABLE
	mkdir dir
	atf_check -s exit:65 -e match:'^vm-create: .*dir: ' \
	    vm-create --kernel "$tiny" --config dir
	atf_check -s exit:64 -e inline:"vm-create: --config: given twice\n" \
	    vm-create --config config --config config
}

atf_init_test_cases()
{
	atf_add_test_case layer__shared_by_digest
	atf_add_test_case layer__replaced_in_place
	atf_add_test_case base__replaced_in_place
	atf_add_test_case storage__empty_ext4
	atf_add_test_case base__raw
	atf_add_test_case base__qcow2
	atf_add_test_case base__leans_on_another_file
	atf_add_test_case images__qcow2_converted
	atf_add_test_case images__names_of_urls
	atf_add_test_case images__not_raw
	atf_add_test_case images__in_use
	atf_add_test_case base__larger_than_storage
	atf_add_test_case files__table
	atf_add_test_case config__of_wrong_shape
}
