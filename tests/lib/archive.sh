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

# exports: good.tar, good.tar.zst, good.tar.gz of the snapshot web.
exports()
{
	atf_check -o save:good.tar snap-export --no-compress web
	atf_check -o save:good.tar.zst snap-export web
	atf_check -o save:good.tar.gz snap-export --gzip web
}

byte='byte [0-9]+ of the tar: '
# What is said without an entry's name, for there is none to say: between two
# entries, behind the last one, or in a header that cannot be read.
nowhere='before compressed byte |bytes behind the end of |compressed data end '
nowhere="$nowhere|entry without a name|more than 1 MiB behind"
nowhere="$nowhere|not a tar header|unknown kind of tar header|size of \""
nowhere="$nowhere|one zero block at the end|zeros behind the "
nowhere="$nowhere|the archive ends early|no snapshot.json in the archive"

# refused FILE: 65, one line that names entry and byte, nothing left in root r;
# within 512 MiB of addresses, where no sanitizer needs more.
refused()
{
	(
		[ -n "${LSAN_OPTIONS-}" ] || ulimit -v 524288
		exec timeout 60 snap-import -q -R r
	) <"$1" >out 2>err
	rc=$?
	[ $rc -eq 65 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] &&
	    grep -qE "^snap-import: standard input: ([^ ]+: $byte|$byte($nowhere))" \
		err &&
	    nothing_left r && return
	echo "$1: status $rc, $(cat out err)" >>wrong
	rm -rf r
}
none_wrong()
{
	[ ! -e wrong ] || atf_fail "$(wc -l <wrong) wrong: $(head -n 3 wrong)"
}

# flipped FILE GOOD: FILE, made from GOOD, is refused, or the flip changed nothing
# of what is unpacked.  Others tell which: gzip or zstd makes good.tar of it, and
# is content.
flipped()
{
	case $2 in
	*.gz) gzip -dc <"$1" ;;
	*.zst) zstd -qdc <"$1" ;;
	*) cat "$1" ;;
	esac >plain 2>/dev/null
	if [ $? -ne 0 ] || ! cmp -s plain good.tar; then
		refused "$1"
		return
	fi
	same=$((same + 1))
	snap-import -q -R r2 -p dir "$1" >dir 2>err &&
	    same_files "root/snap/$(id_of b)" "$(cat dir)" ||
	    echo "$1: $(cat err)" >>wrong
}

# unpacked COMMAND...: it unpacks into the directory out what web is.
unpacked()
{
	rm -rf out
	mkdir out
	(cd out && eval "$*") || atf_fail "$*: status $?"
	same_files "root/snap/$(id_of b)" out || atf_fail "$*: differs"
	if command -v fsverity >/dev/null; then
		(cd out && sed 's/.* //' snapshot.digests |
		    xargs fsverity digest) >digests
		cmp digests out/snapshot.digests || atf_fail "$*: digests"
	fi
}
