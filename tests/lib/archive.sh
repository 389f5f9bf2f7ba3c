# SPDX-License-Identifier: ISC
# What the tests of archives share; after lib.sh and snaps.sh.

# snap_shapes PREFIX NAME: a snapshot whose files have every shape: empty, one
# hole, data only, ending in a hole and in data, a tail that is no block.
snap_shapes()
{
	snap_plant "$1" "$2"
	d=root/snap/$(id_of "$1")
	rm "$d/cow.raw"
	: >"$d/empty.raw"
	truncate -s 3M "$d/hole.raw"
	printf 'data' >"$d/tiny.raw"
	for at in 0 1 2 7 200; do
		printf '%4096s' "block $at" |
		    dd of="$d/ends-in-data.raw" bs=4096 seek=$at \
		    conv=notrunc status=none
	done
	cp --sparse=always "$d/ends-in-data.raw" "$d/ends-in-hole.raw"
	truncate -s 5M "$d/ends-in-hole.raw"
	cp --sparse=always "$d/ends-in-data.raw" "$d/odd-tail.raw"
	printf 'tail' >>"$d/odd-tail.raw"
	cp --sparse=always "$d/odd-tail.raw" "$d/odd-hole.raw"
	truncate -s 1234567 "$d/odd-hole.raw"
	sed 's/"cow.raw"/"empty.raw", "hole.raw", "tiny.raw",\
	    "ends-in-data.raw", "ends-in-hole.raw", "odd-tail.raw",\
	    "odd-hole.raw"/' "$d/snapshot.json" >json
	mv json "$d/snapshot.json"
	chmod 600 "$d"/*
}

# same_files DIR DIR: the same names with the same bytes, the envelope apart.
same_files()
{
	(cd "$1" && for f in *; do
		[ "$f" = snapshot.json ] || [ "$f" = snapshot.digests ] ||
		    sha256sum "$f"
	done) >sums
	sums=$PWD/sums
	(cd "$2" && sha256sum -c --quiet "$sums") || return 1
	there=$(find "$2" -type f ! -name snapshot.json ! -name snapshot.digests |
	    wc -l)
	[ "$there" -eq "$(wc -l <sums)" ]
}

# nothing_left ROOT: no snapshot, no name, nothing hidden.
nothing_left()
{
	[ -z "$(ls -A "$1/snap" "$1/name/snap" "$1/access" |
	    grep -v ":\$" | grep .)" ]
}
