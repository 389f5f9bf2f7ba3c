# SPDX-License-Identifier: ISC
# Snapshot directories of the tiny guest, for the tests that take them.
#	. "$(atf_get_srcdir)/../lib/lib.sh"
#	. "$(atf_get_srcdir)/../lib/dirs.sh"

# member RECORD-MEMBER VM: one member of its record.
member()
{
	vm-ls -p "$1" "$2"
}

# The last number that the guest of VM $1 has printed.
ticks()
{
	log=$(member console_log "$1")
	n=$(tr -d '\r' <"$log" | grep -ao 'tick [0-9a-f]*$' | tail -n 1)
	echo $((0x0${n#tick }))
}

# Whether the guest of VM $1 goes on counting, from $2 on.
has_counted()
{
	[ "$(ticks "$1")" -gt "$2" ]
}

counts()
{
	eventually 10 has_counted "$1" "$(ticks "$1")"
}

# Every name in the root, with what tells files apart that take each other's.
names()
{
	(cd root && find . ! -path './vm/*/*.sock' -printf '%P %y\n' | sort)
}

# VM "w" with each kind of disk, saved as "good" into the directory good: an
# overlay on a raw file, a layer, a data disk, a user NIC.
good_make()
{
	truncate -s 1M layer
	echo layer | dd of=layer conv=notrunc 2>/dev/null
	atf_check -o ignore vm-create -n v --memory 16M --kernel "$tiny" \
	    --layer layer --storage 16M --nic user,forward=0:22 \
	    --data-disk size=16M,name=db,fstype=none
	atf_check -o ignore vm-start v
	atf_check -o ignore snap-save -n first --stop v
	atf_check -o ignore vm-clone -n w --disk-mode overlay first
	atf_check -o ignore snap-save -n good w
	atf_check -o ignore snap-export --to-dir good good
}
