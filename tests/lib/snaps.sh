# SPDX-License-Identifier: ISC
# Snapshots made by hand, for the tests of tools that need no hypervisor: as
# instar-state(5) and instar-snapshot(5) have them.

# Text of 26 characters that is an id: its first ones are $1.
id_of()
{
	printf '%.26s' "${1}aaaaaaaaaaaaaaaaaaaaaaaaaa"
}

# snap_plant PREFIX [NAME]: a snapshot of two small files, without digests.
snap_plant()
{
	id=$(id_of "$1")
	mkdir -p -m 700 root root/vm root/snap root/layer root/name \
	    root/name/vm root/name/snap root/access
	mkdir -m 700 "root/snap/$id"
	printf 'memory' >"root/snap/$id/memory.raw"
	truncate -s 1M "root/snap/$id/cow.raw"
	cat >"root/snap/$id/snapshot.json" <<-END
		{
		  "version": 1,
		  "config": {
		    "id": "$id",
		    "name": "${2-}",
		    "hypervisor": "qemu",
		    "cpu": 1,
		    "memory": 16777216
		  },
		  "files": [
		    "memory.raw",
		    "cow.raw"
		  ],
		  "created_at": "2026-11-21T08:00:00Z"
		}
	END
	: >"root/access/$id"
	[ -z "${2-}" ] || ln -s "../../snap/$id" "root/name/snap/$2"
}

# Directory sandbox, of wrenn: one page of memory, all of it in memfile, and a
# disk over base.img without changes.
sandbox_make()
{
	mkdir sandbox
	truncate -s 4096 sandbox/rootfs.cow
	printf '{"base_template":"/srv/base.img"}' >sandbox/rootfs.meta
	echo state >sandbox/snapfile
	yes page | head -c 4096 >sandbox/memfile
	{
		printf '\1\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0'
		printf '\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
		printf 'build of sandboxbuild of sandbox'
	} >sandbox/memfile.header
}

# The commands of the EXAMPLES in the page of tool $1, as they are printed.
examples_of()
{
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$top/$1/$1.1" |
	    sed -n '/^\.Bd/,/^\.Ed/p' | grep -v '^\.' | sed 's/\\e/\\/g'
}
