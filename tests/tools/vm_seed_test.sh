#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Data disks and cloud-init seeds, from vm-create through save, clone, restore
# and shipping.

. "$(atf_get_srcdir)/../lib/lib.sh"

# The file $2 of the seed of VM $1.
seed()
{
	mtype -i "$(vm-ls -p dir "$1")/cidata.img" "::$2" | tr -d '\r'
}

# The roles and serials of VM $1's disks, a line each.
disks()
{
	vm-ls "$1" | jq -r '.storage_configs[] | .role + " " + .serial'
}

# Whether VM $1 has an empty disk in the place of its seed.
blank()
{
	file=$(vm-ls -p dir "$1")/cidata.img
	[ -s "$file" ] && cmp -s -n "$(stat -c %s "$file")" "$file" /dev/zero
}

# A VM with a seed and two data disks that has ticked.
make_vm()
{
	need_tiny
	echo 's3cret' >password
	echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP+YbRv6SSwzIHY9DVSp/qBvHZgRDn7nxCSnsu5meX9J t' >key
	atf_check -o ignore vm-create -n web --kernel "$tiny" --memory 16M \
	    --storage 16M --data-disk size=16M,name=db --data-disk \
	    size=16M,fstype=none --user admin --password-file password \
	    --ssh-key key --nic user
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console tick web
}

atf_test_case create__told cleanup
create__told_head()
{
	atf_set require.progs "jq mtype"
}
create__told_body()
{
	make_vm
	disks web >got
	atf_check -o inline:'cow cocoon-cow\ndata db\ndata data1\ncidata \n' cat got
	id=$(vm-ls -p id web)
	seed web meta-data >got
	atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'web'\n" cat got
	seed web user-data >got
	atf_check -o match:"virtio-db', '/mnt/db', 'ext4'" \
	    -o not-match:virtio-data1 -o match:'ssh-ed25519 AAAA' \
	    -o match:"hashed_passwd: '.6." -o not-match:s3cret cat got
	seed web network-config >got
	atf_check -o match:"macaddress: '52:54:00" cat got
	# The clear text is nowhere.
	atf_check -s exit:1 grep -rq s3cret root
	atf_check -o inline:'600\n600\n' stat -c %a root/vm/"$id"/cidata.img \
	    root/vm/"$id"/cidata.json
}
create__told_cleanup()
{
	vms_end
}

atf_test_case clone__own_names cleanup
clone__own_names_head()
{
	atf_set require.progs "jq mtype"
}
clone__own_names_body()
{
	make_vm
	atf_check -o ignore snap-save -n s web
	atf_check -o ignore vm-clone -n c s
	id=$(vm-ls -p id c)
	seed c meta-data >got
	atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'c'\n" cat got
	atf_check -o inline:'next-boot next-boot\n' sh -c \
	    "vm-ls c | jq -r '.identity | .instance_id + \" \" + .hostname'"
	seed web user-data >want
	seed c user-data >got
	atf_check -o file:want cat got
	disks c >got
	atf_check -o inline:'cow cocoon-cow\ndata db\ndata data1\ncidata \n' cat got
	# Through a pipe into another store it is the same.
	snap-export s | atf_check -o ignore snap-import -R there -n s
	atf_check -o ignore vm-clone -R there -n d s
	id=$(vm-ls -R there -p id d)
	mtype -i "there/vm/$id/cidata.img" ::meta-data | tr -d '\r' >got
	atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'd'\n" cat got
	atf_check snap-verify -q s
}
clone__own_names_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

# Who can log in is told of every VM that has the seed, read by its guest or not.
atf_test_case user__in_the_record cleanup
user__in_the_record_head()
{
	atf_set require.progs "jq mtype"
}
user__in_the_record_body()
{
	make_vm
	atf_check -o inline:'admin\n' vm-ls -p user web
	atf_check -o ignore snap-save -n s web
	atf_check -o inline:'admin\n' vm-clone --no-start -p user s
	snap-export s | atf_check -o ignore snap-import -R there -n s
	atf_check -o inline:'admin\n' vm-clone -R there --no-start -p user s
	atf_check -o ignore vm-stop --timeout 60 web
	blank web || atf_fail "the seed is there"
	atf_check -o inline:'admin\n' vm-start -p user web
	atf_check vm-wait --timeout 60 --console tick web
	# The snapshot's seed is empty: what it was made from is read.
	atf_check -o ignore snap-save -n later web
	atf_check -o inline:'admin\n' vm-restore -p user web later
	atf_check -o inline:'admin\n' vm-clone --no-start -p user later
	atf_check -o inline:'\n' vm-create --kernel "$tiny" --ssh-key key \
	    -p user
	# What somebody else wrote there is no option of a program.
	snap=root/name/snap/s
	sed -i 's/"user":"admin"/"user":"-lroot"/' $snap/cidata.json
	sed -i -e '/"digests": {/,/^  },$/d' $snap/snapshot.json
	atf_check -s exit:65 -e match:'^vm-clone: cidata.json: user "-lroot"' \
	    vm-clone --no-start s
	sed -i 's/"user":"admin"/"user":"-lroot"/' \
	    "$(vm-ls -p dir web)/vm.json"
	atf_check -s exit:65 \
	    -e inline:'vm-ls: web: vm.json: "user" is -lroot\n' vm-ls web
}
user__in_the_record_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

atf_test_case restore__same_names cleanup
restore__same_names_head()
{
	atf_set require.progs "jq mtype"
}
restore__same_names_body()
{
	make_vm
	seed web meta-data >want
	atf_check -o ignore snap-save -n s web
	atf_check -o ignore vm-restore web s
	seed web meta-data >got
	atf_check -o file:want cat got
	# It has not booted since: nobody knows that it was read.
	atf_check -o ignore vm-stop --timeout 60 web
	seed web meta-data >got
	atf_check -o file:want cat got
	# The first boot is over when the guest has turned itself off.
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console tick web
	atf_check -o ignore vm-stop --timeout 60 web
	blank web || atf_fail "the seed is there"
	disks web >got
	atf_check -o inline:'cow cocoon-cow\ndata db\ndata data1\ncidata \n' cat got
	atf_check -o ignore vm-start web
	# What was saved before goes back all the same.
	atf_check -o ignore vm-restore web s
	seed web meta-data >got
	atf_check -o file:want cat got
}
restore__same_names_cleanup()
{
	vms_end
}

atf_test_case detach__told_on_the_console cleanup
detach__told_on_the_console_head()
{
	atf_set require.progs jq
}
detach__told_on_the_console_body()
{
	make_vm
	atf_check -o ignore vm-stop --force web
	blank web && atf_fail "the seed is gone"
	log=$(vm-ls -p console_log web)
	echo 'Cloud-init v. 22.4 finished at Sat. Datasource NoCloud' >>"$log"
	atf_check -o ignore vm-start web
	blank web || atf_fail "the seed is there"
}
detach__told_on_the_console_cleanup()
{
	vms_end
}

# Whatever happens in between: the seed is there, or zeroes, and it starts.
atf_test_case detach__whole cleanup
detach__whole_head()
{
	atf_set require.progs jq
}
detach__whole_body()
{
	make_vm
	sum=$(sha256sum <root/name/vm/web/cidata.img)
	atf_check -s exit:74 -e inline:"vm-stop: web: cidata.img: Input/output \
error\n" "$top/tests/lib/denied" records vm-stop web
	atf_check_equal "$sum" "$(sha256sum <root/name/vm/web/cidata.img)"
	atf_check -o inline:"running\n" vm-start -p state web
	atf_check vm-wait --timeout 60 --console tick web
	# A name or a disk that it gets now is none that a seed would tell.
	atf_check -o ignore vm-stop web
	blank web || atf_fail "the seed is there"
	atf_check -o ignore vm-set -n www --data-disk size=16M,name=more web
	blank www || atf_fail "a seed again"
	atf_check -o inline:"running\n" vm-start -p state www
}
detach__whole_cleanup()
{
	vms_end
}

# A VM that was shut down once has no seed; its clones have their own all the
# same, for their names and addresses are others.
atf_test_case clone__of_one_without cleanup
clone__of_one_without_head()
{
	atf_set require.progs "jq mtype"
}
clone__of_one_without_body()
{
	make_vm
	seed web user-data >want
	atf_check -o ignore vm-stop --timeout 60 web
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console tick web
	atf_check -o ignore snap-save -n s web
	# What the user asked for is in no image that the guest can read.
	cmp -s -n 1048576 root/name/snap/s/cidata.img /dev/zero ||
	    atf_fail "a seed in the snapshot"
	atf_check -o inline:"next-boot	next-boot	next-boot\n" vm-clone -n c \
	    --nic user,mac=new \
	    -p identity.mac,identity.instance_id,identity.hostname s
	id=$(vm-ls -p id c)
	told_c()
	{
		seed c meta-data >got
		atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'c'\n" \
		    cat got
		seed c user-data >got
		atf_check -o file:want cat got
		seed c network-config >got
		atf_check -o match:"$(vm-ls -p network_configs.0.mac c)" cat got
	}
	told_c
	# It has been shut down, and yet it has not booted.
	atf_check vm-wait --timeout 60 --console tick c
	atf_check -o ignore vm-stop --timeout 60 c
	told_c
	atf_check -o ignore vm-start c
	atf_check vm-wait --timeout 60 --console tick c
	told_c
	# Now it is its own.
	atf_check -o inline:"null\n" sh -c 'vm-ls c | jq .identity'
	atf_check -o ignore vm-stop --timeout 60 c
	blank c || atf_fail "the seed is there"
	atf_check -o ignore vm-clone --no-start -n d s
	id=$(vm-ls -p id d)
	seed d meta-data >got
	atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'd'\n" cat got
	atf_check snap-verify s
}
clone__of_one_without_cleanup()
{
	vms_end
}

# A state without a disk for a seed, as snapshots had them once: the next start
# from power-on gives it one.
atf_test_case clone__of_one_without_disk cleanup
clone__of_one_without_disk_head()
{
	atf_set require.progs "jq mtype"
}
clone__of_one_without_disk_body()
{
	make_vm
	atf_check -o ignore vm-stop --timeout 60 web
	dir=$(vm-ls -p dir web)
	jq '.storage_configs |= map(select(.role != "cidata"))' \
	    "$dir/vm.json" >new
	cat new >"$dir/vm.json"
	mv "$dir/cidata.json" "$dir/cidata.img" .
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console tick web
	cp cidata.json "$dir"
	atf_check -o ignore snap-save -n s web
	atf_check -o inline:"inherited\n" vm-clone -n c -p identity.hostname s
	disks c >got
	atf_check -o not-match:cidata cat got
	atf_check -o ignore vm-stop --force c
	atf_check -o ignore vm-start c
	seed c meta-data >got
	atf_check -o inline:"instance-id: '$(vm-ls -p id c)'
local-hostname: 'c'\n" cat got
	atf_check vm-wait --timeout 60 --console tick c
}
clone__of_one_without_disk_cleanup()
{
	vms_end
}

# Clones that are told something of their own.
atf_test_case clone__told_more cleanup
clone__told_more_head()
{
	atf_set require.progs "jq mtype"
}
clone__told_more_body()
{
	make_vm
	atf_check -o ignore snap-save -n s web
	seed web user-data >want
	echo 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC5 more' >more
	printf '#cloud-config\nruncmd: [now]\n' >own
	# Its own is told in the place of its name, which is a snapshot's; what
	# it was told goes on to its clones, but for the host's name.
	atf_check -o ignore vm-clone -n c --hostname db.example.org \
	    --ssh-key more --user-data own s
	id=$(vm-ls -p id c)
	seed c meta-data >got
	atf_check -o inline:"instance-id: '$id'
local-hostname: 'db.example.org'\n" cat got
	seed c user-data >got
	atf_check -o match:'multipart/mixed' -o match:' more' \
	    -o match:'ssh-ed25519 AAAA' -o match:"name: 'admin'" cat got
	atf_check -o ignore snap-save -n t c
	atf_check -o ignore vm-clone -n d t
	id=$(vm-ls -p id d)
	seed d meta-data >got
	atf_check -o inline:"instance-id: '$id'\nlocal-hostname: 'd'\n" cat got
	seed c user-data >want.c
	seed d user-data >got
	atf_check -o file:want.c cat got
	# Numbered, as the names are; made anew when the disks change.
	atf_check -o ignore vm-clone -n e --count 2 --hostname node s
	seed e-2 meta-data >got
	atf_check -o match:"local-hostname: 'node-2'" cat got
	seed e-2 user-data >got
	atf_check -o file:want cat got
	atf_check -o ignore vm-stop --force e-2
	atf_check -o ignore vm-set -n other --data-disk size=16M,name=x e-2
	seed other meta-data >got
	atf_check -o match:"local-hostname: 'node-2'" cat got
	# One that boots, and not with the memory that was saved.
	atf_check -o ignore vm-clone -n g --paused --hostname large s
	atf_check -o ignore vm-stop --force g
	atf_check -o ignore vm-set --memory 32M --cpu 2 g
	atf_check -o inline:'33554432	2\n' vm-start -p config.memory,config.cpu g
	seed g meta-data >got
	atf_check -o match:"local-hostname: 'large'" cat got
	# Nothing of it is in the snapshot.
	atf_check snap-verify s
	atf_check -s exit:1 grep -q node root/name/snap/s/cidata.json
	# One that has no seed gets one with the next boot.
	atf_check -o ignore vm-create -n bare --kernel "$tiny" --memory 16M
	atf_check -o ignore vm-start bare
	atf_check -o ignore snap-save -n u bare
	atf_check -o inline:"inherited\n" vm-clone -n f --hostname late \
	    -p identity.hostname u
	atf_check -o ignore vm-stop --force f
	atf_check -o ignore vm-start f
	seed f meta-data >got
	atf_check -o match:"local-hostname: 'late'" cat got
}
clone__told_more_cleanup()
{
	vms_end
}

atf_test_case clone__refused cleanup
clone__refused_body()
{
	make_vm
	atf_check -o ignore snap-save -n s web
	printf '\377' >bad
	echo nokey >nokey
	long=$(printf '%0248d' 0 | sed 's/.\{62\}/&./g; s/\.$//')
	refuse()
	{
		atf_check -s exit:"$1" -e inline:"vm-clone: $2\n" vm-clone $3 s
		atf_check -o inline:'web\n' vm-ls -p name
	}
	refuse 64 "s: --hostname: a_: not a host's name" '--hostname a_'
	refuse 64 "s: --hostname: $long: not a host's name, with a number \
behind it" "--hostname $long --count 2"
	refuse 66 's: --ssh-key: none: No such file or directory' \
	    '--ssh-key none'
	refuse 65 's: --ssh-key: nokey: line 1: not a public key of ssh' \
	    '--ssh-key nokey'
	refuse 66 's: --user-data: none: No such file or directory' \
	    '--user-data none'
	refuse 65 's: --user-data: bad: not text in UTF-8' '--user-data bad'
}
clone__refused_cleanup()
{
	vms_end
}

atf_test_case create__refused
create__refused_body()
{
	need_tiny
	mkdir -p root/vm
	refuse()
	{
		atf_check -s exit:"$1" -e inline:"vm-create: $2\n" \
		    vm-create --kernel "$tiny" --memory 16M $3
		atf_check -o empty ls -A root/vm 2>/dev/null
	}
	printf '\377' >bad
	echo nokey >nokey
	: >empty
	refuse 64 "--user: Admin: not a user's name" '--user Admin'
	refuse 64 '--password and --password-file exclude each other' \
	    '--password a --password-file bad'
	refuse 64 '--no-cidata: other options ask for a seed' \
	    '--no-cidata --user a'
	refuse 66 '--ssh-key: none: No such file or directory' '--ssh-key none'
	refuse 66 '--user-data: none: No such file or directory' \
	    '--user-data none'
	refuse 65 '--user-data: bad: not text in UTF-8' '--user-data bad'
	atf_check -s exit:65 -e match:'nokey' vm-create --kernel "$tiny" \
	    --ssh-key nokey
	atf_check -s exit:64 -e match:'--password' vm-create --kernel "$tiny" \
	    --password-file empty
	atf_check -o empty ls -A root/vm
	printf '\357\273\277#cloud-config\n' >marked
	atf_check -o ignore -e inline:"vm-create: warning: --user-data: marked: \
line 1: begins with a byte order mark: cloud-init will ignore the file\n" \
	    vm-create --kernel "$tiny" --memory 32M --user-data marked
}

atf_init_test_cases()
{
	atf_add_test_case create__told
	atf_add_test_case clone__own_names
	atf_add_test_case user__in_the_record
	atf_add_test_case restore__same_names
	atf_add_test_case detach__told_on_the_console
	atf_add_test_case detach__whole
	atf_add_test_case clone__of_one_without
	atf_add_test_case clone__of_one_without_disk
	atf_add_test_case clone__told_more
	atf_add_test_case clone__refused
	atf_add_test_case create__refused
}
