#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Clones in place of what Cloud Hypervisor and Firecracker wrote: against
# recorded answers, and as far as nothing is started, so anywhere.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"
. "$(atf_get_srcdir)/../lib/loopfs.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"

# What may not change in a directory that is only read.
looks()
{
	(cd "$1" && find . -printf '%p %y %m %n %s %T@ %C@\n' | sort &&
	    cat ./* | cksum)
}

# The links of VM $1, and where they lead.
links()
{
	find "$(member "$1" dir)/" -type l -printf '%f %l\n' | sort
}

atf_test_case cloud_hypervisor__plays cleanup
cloud_hypervisor__plays_body()
{
	ch_import
	atf_check -o ignore snap-export --to-dir good bare
	looks good >before
	ch_plays ping restore resume running
	atf_check -o inline:"template\tmapped\t$PWD/good\n" vm-clone -n c \
	    -p memory_backing,memory_from,depends_on --in-place --from-dir good
	dir=$(member c dir)
	# To the program it is as any other clone with overlays.
	atf_check -o ignore vm-clone --no-start -n s --disk-mode overlay bare
	for f in config.json state.json cow.1.qcow2; do
		atf_check cmp "$(member s dir)/$f" "$dir/$f"
	done
	cat >want <<-END
		cow.raw $PWD/good/cow.raw
		data-data1.raw $PWD/good/data-data1.raw
		template.raw $PWD/good/memory-ranges
	END
	links c >got
	atf_check diff want got
	atf_check -o ignore vm-rm --force c
	looks good >after
	atf_check diff before after
}
cloud_hypervisor__plays_cleanup()
{
	vms_end
}

# On a mount it is so without a word, for a root that has nothing of it.
mounted()
{
	atf_check -o ignore snap-push -q oci-layout:lay:v1 "$1"
	mkdir mnt
	need_fuse
	INSTAR_ROOT=$PWD/far
	mount_it --on-demand
}

atf_test_case cloud_hypervisor__mount cleanup
cloud_hypervisor__mount_head()
{
	atf_set require.files "/dev/fuse"
}
cloud_hypervisor__mount_body()
{
	ch_import
	mounted bare
	ch_plays ping restore resume running
	atf_check -o inline:"template\tmapped\t$PWD/mnt\n" vm-clone -n c \
	    -p memory_backing,memory_from,depends_on --from-dir mnt
	cat >want <<-END
		cow.raw $PWD/mnt/cow.raw
		data-data1.raw $PWD/mnt/data-data1.raw
		layer0 $(echo "$PWD"/mnt/layer-*)
		template.raw $PWD/mnt/memory-ranges
	END
	links c >got
	atf_check diff want got
	atf_check_equal 0 "$(status failed)"
	atf_check -o ignore vm-rm --force c
	umount_it mnt
}
cloud_hypervisor__mount_cleanup()
{
	vms_end "$PWD/root" "$PWD/far"
	mounts_end
}

# fc_import: what Firecracker wrote, as "fc", with its layer.
fc_import()
{
	mkdir pair
	zstd -qdc "$here/data/fc-snapshot.tar.zst" | tar -xf - -C pair
	truncate -s 1M pair/layer0.raw
	cat >disks <<-END
		{"path":"/srv/image/layer0.raw","ro":true,"serial":"layer0","role":"layer"}
		{"path":"/srv/vm/web/cow.raw","ro":false,"serial":"cocoon-cow","role":"cow"}
		{"path":"/srv/vm/web/data-data1.raw","ro":false,"serial":"data1","role":"data","fstype":"ext4"}
	END
	atf_check -o ignore snap-import -n fc --from-dir pair \
	    --storage-config disks
}

atf_test_case firecracker__mount cleanup
firecracker__mount_head()
{
	atf_set require.files "/dev/fuse"
	atf_set require.user root
}
firecracker__mount_body()
{
	script=$INSTAR_FIXTURES/fc-api.txt
	[ -e "$script" ] || atf_skip "$script: not here"
	ip tuntap add dev icplace mode tap 2>/dev/null ||
	    atf_skip "no tap can be made"
	fc_import
	mounted fc
	# Its drives are told where they lie now, as one of them was recorded.
	cp "$script" script
	n=200
	for drive in drive_0:layer0 drive_1:cow.raw drive_2:data-data1.raw; do
		body='{"drive_id":"'${drive%:*}'","path_on_host":"'${drive#*:}'"}'
		printf '\n=== %s. drive\n> PATCH /drives/%s HTTP/1.1\n%s\n>\n> %s\n' \
		    $n "${drive%:*}" "> Content-Length: ${#body}" "$body"
		printf '< HTTP/1.1 204 \n< Server: Firecracker API\n<\n'
		n=$((n + 1))
	done >>script
	cat >firecracker <<-END
		#! /bin/sh
		[ "\$1" = --api-sock ] || exec echo "Firecracker v1.16.1"
		exec "$here/lib/replay" -s /srv/snap/golden/vmstate=vmstate \
		    -s /srv/snap/golden/mem=template.raw \
		    -s /srv/vm/c1.vsock=vsock.sock -s instar1=icplace \
		    -s '"resume_vm":false="track_dirty_pages":true,"resume_vm":false' \
		    "\$2" "$PWD/script" 2 74 76 76 200 201 202 77 75
	END
	chmod 755 firecracker
	export INSTAR_FIRECRACKER="$PWD/firecracker"
	export INSTAR_VMM_READS="$here:$PWD/script"
	atf_check -o inline:"mapped\t$PWD/mnt\n" vm-clone -n f \
	    --nic tap=icplace -p memory_from,depends_on --from-dir mnt
	# Its memory alone is in place, and layers, which it only reads.
	cat >want <<-END
		layer0 $(echo "$PWD"/mnt/layer-*)
		template.raw $PWD/mnt/mem
	END
	links f >got
	atf_check diff want got
	atf_check cmp mnt/cow.raw "$(member f dir)/cow.raw"
	atf_check_equal 0 "$(status failed)"
	atf_check -o ignore vm-rm --force f
	umount_it mnt
}
firecracker__mount_cleanup()
{
	ip link del icplace 2>/dev/null
	vms_end "$PWD/root" "$PWD/far"
	mounts_end
}

# It opens a memory that it maps for writing, too; Firecracker does not.
atf_test_case both__read_only cleanup
both__read_only_body()
{
	loopfs_make ext4 128M other
	ch_import
	atf_check -o ignore snap-export --to-dir good bare
	cp -R --sparse=always good other/ch
	fc_import
	atf_check -o ignore snap-export --to-dir fc fc
	cp -R --sparse=always fc other/fc
	mount -o remount,ro other
	picture >before
	atf_check -s exit:69 -e inline:"vm-clone: bare: memory-ranges: cannot \
be mapped in place: cloud-hypervisor here opens it for writing, too, which is \
not allowed there\n" vm-clone --no-start --in-place --from-dir other/ch
	picture >after
	atf_check cmp before after
	atf_check -o inline:"mapped\n" vm-clone --no-start -n f --nic tap=none0 \
	    -p memory_from --in-place --from-dir other/fc
	# It reads no overlay: the disks that it writes are its own.
	atf_check_equal "template.raw $PWD/other/fc/mem" "$(links f)"
	atf_check cmp fc/cow.raw "$(member f dir)/cow.raw"
}
both__read_only_cleanup()
{
	vms_end
	loopfs_clean
}

atf_init_test_cases()
{
	atf_add_test_case cloud_hypervisor__plays
	atf_add_test_case cloud_hypervisor__mount
	atf_add_test_case firecracker__mount
	atf_add_test_case both__read_only
}
