#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Data disks of vm-create: declared, and made before.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# The data disks of VM $1, a line each.
data_of()
{
	vm-ls "$1" | jq -c '.storage_configs[] | select(.role == "data") |
	    [.path, .serial, .mount_point, .fstype, .direct_io]'
}

atf_test_case configs__ready_ones cleanup
configs__ready_ones_head()
{
	atf_set require.progs "jq debugfs"
}
configs__ready_ones_body()
{
	need_tiny
	mkdir d from
	echo hello >from/file
	disk-mkdata --from from size=16M,name=db,mount=/srv/db d >configs
	disk-mkdata size=16M,fstype=none,directio=off d >>configs
	sha256sum d/* >sums
	atf_check -o ignore vm-create -n web --kernel "$tiny" --memory 32M \
	    --no-cidata --storage 16M --data-disk size=16M --storage-config - \
	    <configs
	dir=$(member web dir)
	data_of web >got
	cat >want <<-END
	["$dir/data-db.raw","db","/srv/db","ext4",null]
	["$dir/data-data1.raw","data1",null,"none",false]
	["$dir/data-data2.raw","data2","/mnt/data2","ext4",null]
	END
	atf_check -o file:want cat got
	# Copies of its own.
	for f in db data1; do
		atf_check cmp "d/data-$f.raw" "$dir/data-$f.raw"
		atf_check -s exit:1 test "d/data-$f.raw" -ef \
		    "$dir/data-$f.raw"
		atf_check -o inline:"600\n" stat -c %a "$dir/data-$f.raw"
	done
	atf_check -o inline:"hello\n" -e ignore \
	    debugfs -R 'cat /file' "$dir/data-db.raw"
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check -o ignore vm-stop --force web
	# A file, an array, blanks, and no newline at the end.
	jq -s . configs | tr -d '\n' >array
	atf_check -o ignore vm-create -n two --kernel "$tiny" --memory 32M \
	    --no-cidata --storage-config array
	atf_check -o inline:"db\ndata1\n" sh -c "vm-ls two |
	    jq -r '.storage_configs[] | select(.role == \"data\") | .serial'"
	atf_check -o ignore sha256sum -c sums
}
configs__ready_ones_cleanup()
{
	vms_end
}

# Whether the process $1 has the file $2 open with O_DIRECT, 040000 on x86.
is_direct()
{
	for f in /proc/"$1"/fd/*; do
		[ "$(readlink "$f")" = "$2" ] || continue
		flags=$(sed -n 's/^flags:[[:space:]]*//p' \
		    "/proc/$1/fdinfo/${f##*/}")
		[ $((0$flags & 040000)) -ne 0 ]
		return
	done
	atf_fail "$2 is not open"
}

atf_test_case directio__as_told cleanup
directio__as_told_head()
{
	atf_set require.progs jq
}
directio__as_told_body()
{
	need_tiny
	dd if=/dev/zero of=probe bs=4096 count=1 oflag=direct 2>err ||
	    atf_skip "no O_DIRECT here: $(tail -n 1 err)"
	tiny_run web --no-cidata --storage 16M \
	    --data-disk size=16M,name=on,directio=on \
	    --data-disk size=16M,name=off,directio=off \
	    --data-disk size=16M,name=auto
	pid=$(member web pid)
	dir=$(readlink -f "$(member web dir)")
	is_direct "$pid" "$dir/data-on.raw" || atf_fail "on is buffered"
	for f in data-off.raw data-auto.raw cow.raw; do
		! is_direct "$pid" "$dir/$f" || atf_fail "$f is not buffered"
	done
	# Its overlays, and those of a clone, are as it was.
	atf_check -o ignore snap-save -n s web
	atf_check -o ignore vm-clone -n c s
	for vm in web c; do
		pid=$(member $vm pid)
		dir=$(readlink -f "$(member $vm dir)")
		top=$(vm-ls $vm | jq -r '.storage_configs[] |
		    select(.serial == "on") | .path')
		is_direct "$pid" "$dir/${top##*/}" ||
		    atf_fail "$vm: $top is buffered"
	done
}
directio__as_told_cleanup()
{
	vms_end
}

# "STATUS|CONFIGS|MESSAGE": %P is this directory.
configs_table()
{
	cat <<-'TABLE'
	65|{|line 1: not JSON
	65|[]x|line 1: not JSON
	65|7|disk 0: not an object
	65|[[]]|disk 0: not an object
	65|{}|disk 0: no member "role"
	65|{"role":"data","role":"data"}|line 1: not JSON
	65|{"role":"disk"}|disk 0: role "disk" is none of layer, cow, data and cidata
	65|{"role":"cow","path":"%P/d/data-db.raw","ro":false,"serial":"cocoon-cow"}|disk 0: role cow, only data disks are given
	65|{"role":"layer","path":"%P/d/data-db.raw","ro":true}|disk 0: role layer, only data disks are given
	65|{"role":"cidata","path":"%P/d/data-db.raw","ro":true}|disk 0: role cidata, only data disks are given
	65|{"role":"data","path":"%P/d/data-db.raw","ro":true}|disk 0: ro must be false for role data
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"Db"}|disk 0: serial "Db" is not
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"cocoon-x"}|disk 0: serial "cocoon-x": names that begin with cocoon- are reserved
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"abcdefghijklmnopqrstu"}|disk 0: "serial" is longer than 20 bytes
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"xfs","serial":"db"}|disk 0: fstype "xfs" is neither ext4 nor none
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"none","serial":"db","mount_point":"/mnt"}|disk 0: mount_point "/mnt" with fstype none
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"db","mount_point":"mnt"}|disk 0: mount_point "mnt" is not an absolute path
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"db","mount_point":"/a\nb"}|disk 0: mount_point "/a?b" holds a newline
	65|{"role":"data","path":"%P/d/data-db.raw","ro":false,"fstype":"ext4","serial":"db","direct_io":1}|disk 0: "direct_io" is not true or false
	65|{"role":"data","path":"%P/d/data-db.qcow2","ro":false,"fstype":"ext4","serial":"db","backing":["x"]}|disk 0: has a backing file
	66|{"role":"data","path":"%P/d/none","ro":false,"fstype":"ext4","serial":"db"}|%P/d/none: No such file or directory
	66|{"role":"data","path":"%P/d","ro":false,"fstype":"ext4","serial":"db"}|%P/d: not a regular file
	66|{"role":"data","path":"/dev/null","ro":false,"fstype":"ext4","serial":"db"}|/dev/null: not a regular file
	TABLE
}

# "SPECS|MESSAGE": specs with a blank between them, the message behind the
# option.
specs_table()
{
	cat <<-'TABLE'
	size|size: item 1: "size" is not key=value
	size=16M,ro=1|size=16M,ro=1: item 2: unknown key "ro"
	name=db|name=db: size is missing
	size=1M|size=1M: item 1, size: "1M" is less than 16777216 bytes
	size=18446744073726328832|size=18446744073726328832: item 1, size: "18446744073726328832" is more than 8796093022208 bytes
	size=16M,name=abcdefghijklmnopqrstu|size=16M,name=abcdefghijklmnopqrstu: item 2, name: serial "abcdefghijklmnopqrstu" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
	size=16M,name=Db|size=16M,name=Db: item 2, name: serial "Db" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
	size=16M,name=../x|size=16M,name=../x: item 2, name: serial "../x" is not 1 to 20 of a-z, 0-9, _ and -, the first a letter
	size=16M,name=cocoon-x|size=16M,name=cocoon-x: item 2, name: serial "cocoon-x": names that begin with cocoon- are reserved
	size=16M,fstype=xfs|size=16M,fstype=xfs: item 2, fstype: "xfs" is neither ext4 nor none
	size=16M,mount=mnt|size=16M,mount=mnt: item 2, mount: mount_point "mnt" is not an absolute path
	size=16M,fstype=none,mount=/a|size=16M,fstype=none,mount=/a: item 3, mount: "/a" with fstype none
	size=16M,directio=yes|size=16M,directio=yes: item 2, directio: "yes" is none of on, off and auto
	size=16M,name=a size=16M,name=a|size=16M,name=a: item 2, name: "a" is the name of an earlier disk
	size=16M,mount=/a size=16M,mount=/a|size=16M,mount=/a: item 2, mount: "/a" is that of disk "data1", too
	size=16M,mount=/a size=16M,mount=/a/|size=16M,mount=/a/: item 2, mount: "/a/" is that of disk "data1", too
	size=16M,name=db size=16M,mount=/mnt/db|size=16M,mount=/mnt/db: item 2, mount: "/mnt/db" is that of disk "db", too
	TABLE
}

atf_test_case specs__wrong
specs__wrong_body()
{
	need_tiny
	specs_table >rows
	while IFS='|' read -r specs message; do
		set --
		for s in $specs; do
			set -- "$@" --data-disk "$s"
		done
		atf_check -s exit:64 -e inline:"vm-create: --data-disk: $message\n" \
		    vm-create --kernel "$tiny" --memory 32M "$@"
		[ ! -e root ] ||
		    atf_check -o empty find root/vm root/name/vm -mindepth 1
	done <rows
	jq -Rn '{data_disk: [inputs | split("|")[0] | split(" ")[]]}' \
	    rows >config
	atf_check -s exit:64 \
	    -e inline:'vm-create: --data-disk: size: item 1: "size" is not key=value\n' \
	    vm-create --kernel "$tiny" --config config
}

atf_test_case configs__wrong
configs__wrong_body()
{
	need_tiny
	mkdir d
	atf_check -o ignore disk-mkdata size=16M,name=db d
	configs_table | sed "s|%P|$PWD|g" >rows
	while IFS='|' read -r code configs message; do
		printf '%s\n' "$configs" >configs
		vm-create --kernel "$tiny" --memory 32M \
		    --storage-config configs >out 2>err </dev/null
		rc=$?
		[ $rc -eq "$code" ] || atf_fail "$configs: status $rc, $(cat err)"
		grep -qF "$message" err || atf_fail "$configs: $(cat err)"
		atf_check_equal 1 "$(wc -l <err)"
		[ ! -e root ] ||
		    atf_check -o empty find root/vm root/name/vm -mindepth 1
	done <rows
	# In the second line, and twice over all.
	printf '\n%s\n{' "$(disk-mkdata -q size=16M,name=a d)" >configs
	atf_check -s exit:65 \
	    -e match:'^vm-create: --storage-config: configs: line 3: not JSON' \
	    vm-create --kernel "$tiny" --storage-config configs
	disk-mkdata size=16M,name=b d >b
	cat b b >configs
	atf_check -s exit:65 \
	    -e match:'configs: disk 1: serial "b" is that of disk 0' \
	    vm-create --kernel "$tiny" --storage-config configs
	atf_check -s exit:64 -e inline:'vm-create: --data-disk: size=16M,name=b: item 2, name: "b" is the name of an earlier disk\n' \
	    vm-create --kernel "$tiny" --data-disk size=16M,name=b \
	    --storage-config b
	atf_check -s exit:64 -e inline:'vm-create: --data-disk: size=16M,mount=/mnt/b/: item 2, mount: "/mnt/b/" is that of disk "b", too\n' \
	    vm-create --kernel "$tiny" --data-disk size=16M,mount=/mnt/b/ \
	    --storage-config b
	atf_check -s exit:64 -e inline:'vm-create: --storage-config - and --password -: both read standard input\n' \
	    vm-create --kernel "$tiny" --user u --password - \
	    --storage-config - <b
	atf_check -s exit:64 -e inline:'vm-create: --storage-config - and --ssh-key -: both read standard input\n' \
	    vm-create --kernel "$tiny" --user u --ssh-key - \
	    --storage-config - <b
	disk-mkdata size=16M,name=c,mount=/mnt/b d | cat b - >configs
	atf_check -s exit:65 -e inline:'vm-create: --storage-config: configs: disk 1: mount_point "/mnt/b" is that of disk 0, too\n' \
	    vm-create --kernel "$tiny" --storage-config configs
	atf_check -s exit:66 \
	    -e inline:"vm-create: --storage-config: none: No such file or directory\n" \
	    vm-create --kernel "$tiny" --storage-config none
	head -c 2000000 /dev/zero | tr '\0' ' ' >configs
	atf_check -s exit:65 -e match:'^vm-create: --storage-config: configs: ' \
	    vm-create --kernel "$tiny" --storage-config configs
	head -c 100000 /dev/zero | tr '\0' '[' >configs
	atf_check -s exit:65 -e match:'nested deeper than 64 levels' \
	    vm-create --kernel "$tiny" --storage-config configs
	atf_check -o empty find root/vm root/name/vm -mindepth 1
}

atf_init_test_cases()
{
	atf_add_test_case configs__ready_ones
	atf_add_test_case configs__wrong
	atf_add_test_case specs__wrong
	atf_add_test_case directio__as_told
}
