#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# -p of every tool that prints records: it takes what its records can have, and
# nothing else.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/patch.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# The tools that have -p.
tools()
{
	grep -l '^\.It Fl p Ar member' "$top"/*/*.1 | sed 's|.*/||; s|\.1$||'
}

# known TOOL FILE: the tool takes every path that the records in FILE have.
known()
{
	paths=$(jq -r 'paths | map(tostring) | join(".")' "$2" | sort -u |
	    paste -sd, -)
	atf_check test -n "$paths"
	# It is called wrongly behind -p, and that is all it says.
	atf_check -s exit:64 -e not-match:'no member' "$1" -p "$paths" --nosuch
}

atf_test_case members__unknown
members__unknown_body()
{
	for t in $(tools); do
		for m in nosuch ' id' id.x config.nosuch files.0.1 \
		    network_configs.x network_configs.0.nosuch; do
			atf_check -s exit:64 \
			    -e inline:"$t: -p: \"$m\": no member of the \
record\n" "$t" -p "$m" x
		done
	done
	atf_check test "$(tools | wc -l)" -ge 20
	atf_check test ! -e root
}

# One that this record lacks is no mistake.
atf_test_case members__absent
members__absent_body()
{
	atf_check -o inline:"\t1\t\t\n" vm-create \
	    -p pid,config.cpu,network_configs.0.forward.0.port,cloned_from \
	    --kernel "$tiny"
}

atf_test_case members__paths
members__paths_body()
{
	atf_check -o inline:"user\t2222\t22\n" vm-create --kernel "$tiny" \
	    --nic user,forward=2222:22 -p "network_configs.0.type,\
network_configs.0.forward.0.port,network_configs.0.forward.0.guest_port"
	atf_check -o inline:"536870912\t{\"cpu\":1\n" sh -c \
	    'vm-ls -p config.memory,config | cut -d, -f1'
	atf_check -o inline:"\n" vm-ls -p network_configs.1.type
}

# Every member of what they print: the tables are as their writers are.
atf_test_case members__printed cleanup
members__printed_body()
{
	tiny_run web -d text --user admin --nic user,forward=0:22 --storage 8M \
	    --data-disk size=16M,mount=/srv/a,directio=on
	vm-ls web >running
	vm-stop --force web >stopped
	vm-start web >started
	snap-save -n golden -d text web >saved
	vm-clone -n two --verify golden >cloned
	vm-restore --verify web golden >restored
	vm-clone --into-pool golden
	vm-pool --list >pooled
	state-gc >/dev/null
	snap-ls >listed
	snap-export -o x golden >exported
	snap-export --dry-run golden >estimated
	snap-export --list x >entries
	snap-export --to-dir dir golden >copied
	snap-import x >imported
	snap-push oci-layout:lay golden >pushed
	snap-push --dry-run oci-layout:lay golden >tried
	snap-pull oci-layout:lay >pulled
	mkdir mnt
	# Where something can be mounted.
	! snap-mount oci-layout:lay mnt >mounted 2>/dev/null ||
	    { snap-mount --status mnt >asked && fusermount3 -u mnt; }
	snap-set -d other golden >set
	known vm-clone cloned
	known vm-restore restored
	known vm-pool pooled
	for t in vm-clone vm-restore vm-ls vm-stop vm-start vm-pause vm-resume vm-create; do
		known "$t" running
		known "$t" stopped
	done
	known snap-save saved
	known snap-push pushed
	known snap-push tried
	known snap-pull pulled
	[ ! -s mounted ] || { known snap-mount mounted && known snap-mount asked; }
	for f in exported estimated entries copied; do
		known snap-export "$f"
	done
	for t in snap-ls snap-import snap-set; do
		known "$t" listed
		known "$t" imported
		known "$t" set
	done
}
members__printed_cleanup()
{
	vms_end
}

atf_test_case members__printed_of_disks
members__printed_of_disks_body()
{
	yes base | head -c 262144 >base
	cp base changed
	put changed 4096 ff
	disk-overlay --base base --changed changed -o cow >overlay
	disk-flatten --base base --cow cow -o flat >flatten
	disk-flatten --base base --cow cow --map >map
	disk-backup -o mirn base >backup
	disk-restore mirn new >restore
	cidata-gen --instance-id i -o seed </dev/null >seeded
	disk-mkdata size=16M,name=a,mount=/srv,directio=on . >data
	vm-create -n web --kernel "$tiny" >vm
	mkdir root/vm/.new-aaaaaaaaaaaaaaaaaaaaaaaaaa
	touch -d "2 days ago" root/vm/.new-*
	state-gc --dry-run >gc
	known disk-overlay overlay
	known disk-flatten flatten
	known disk-flatten map
	known disk-backup backup
	known disk-restore restore
	known cidata-gen seeded
	known disk-mkdata data
	known vm-create vm
	known state-gc gc
}

# in_manual TABLE PAGE: every word of the table stands in the page.
in_manual()
{
	mandoc -T ascii -O width=200 "$top/$2" | sed 's/.\x08//g' |
	    tr -cs 'a-z0-9_' '\n' | sort -u >words
	sed -n "/^static const char $1\[\]/,/;/p" "$top/common/state/members.c" |
	    sed -n 's/^ *"\(.*\)".*/\1/p' | tr ' .' '\n\n' |
	    grep -v '^[*#]*$' | sort -u >members
	atf_check test -s members
	atf_check comm -23 members words
}

atf_test_case members__in_the_manuals
members__in_the_manuals_body()
{
	in_manual vm_names share/instar-state.5
	in_manual snap_names snap-ls/snap-ls.1
}

atf_init_test_cases()
{
	atf_add_test_case members__unknown
	atf_add_test_case members__absent
	atf_add_test_case members__paths
	atf_add_test_case members__printed
	atf_add_test_case members__printed_of_disks
	atf_add_test_case members__in_the_manuals
}
