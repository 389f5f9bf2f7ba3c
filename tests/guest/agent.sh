#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: agent.sh DIR
# Makes DIR/initrd-agent.img of DIR/initrd.img, which linux.sh has made: with
# Debian's QEMU guest agent, the libraries that it needs, and a /provision that
# runs it.  What is there already is kept; nothing is installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
program=usr/sbin/qemu-ga

fail()
{
	echo "agent.sh: $*" >&2
	exit 69
}

# The agent's package, and what it depends on that may have libraries.
packages()
{
	apt-cache depends --recurse --no-recommends --no-suggests \
	    --no-conflicts --no-breaks --no-replaces --no-enhances \
	    qemu-guest-agent |
	    sed -n '/^qemu-guest-agent$/p; /^lib[^: ]*$/p' | grep -v perl
}

# The file below agent-fetch/tree that is the library $1, or the loader.
library_file()
{
	find agent-fetch/tree -name "$1" | head -n 1
}

needs()
{
	objdump -p "$1" | sed -n 's/^ *NEEDED *//p'
}

# Puts the program and all that it needs into agent/, each where it was.
take()
{
	while [ $# -gt 0 ]; do
		f=$1
		shift
		to=agent/${f#agent-fetch/tree/}
		[ ! -e "$to" ] || continue
		mkdir -p "$(dirname "$to")"
		cp -L "$f" "$to"
		for lib in $(needs "$f"); do
			found=$(library_file "$lib")
			[ -n "$found" ] || fail "$lib is in none of$packages"
			set -- "$@" "$found"
		done
	done
}

fetch()
{
	apt-cache show qemu-guest-agent >/dev/null 2>&1 ||
	    fail "apt does not know qemu-guest-agent: apt-get update first"
	packages=" $(packages | sort -u | tr '\n' ' ')"
	echo "agent.sh: fetching qemu-guest-agent and its libraries"
	rm -rf agent-fetch agent
	mkdir -p agent-fetch/tree agent
	# shellcheck disable=SC2086
	(cd agent-fetch && apt-get -qq download $packages 2>log) || {
		cat agent-fetch/log >&2
		fail "they cannot be fetched: apt-get update first"
	}
	for deb in agent-fetch/*.deb; do
		dpkg-deb -x "$deb" agent-fetch/tree
	done
	take agent-fetch/tree/$program
	# The loader is named by a path of its own.
	loader=$(tr '\0' '\n' <agent/$program | grep -a -m 1 '^/lib.*/ld-')
	found=$(library_file "${loader##*/}")
	[ -n "$found" ] || fail "$loader is in none of$packages"
	mkdir -p "agent$(dirname "$loader")"
	cp -L "$found" "agent$loader"
	rm -rf agent-fetch
	touch agent.fetched
}

# The same input makes the same bytes: no times, no owner, sorted.  A second
# archive behind the first adds to it.
pack()
{
	cp "$here/agent" agent/provision
	chmod -R u=rwX,go=rX agent
	chmod 755 agent/provision
	find agent -exec touch -h -d @0 {} +
	cp initrd.img agent.new
	(cd agent && find . | LC_ALL=C sort |
	    cpio --quiet -o -H newc --reproducible -R 0:0) >>agent.new
	mv agent.new initrd-agent.img
}

is_packed()
{
	[ -e initrd-agent.img ] || return 1
	for f in initrd.img agent.fetched "$here/agent" "$here/agent.sh"; do
		[ ! initrd-agent.img -ot "$f" ] || return 1
	done
}

exec 9>lock
flock 9
[ -e initrd.img ] || fail "no initrd.img: linux.sh first"
[ -e agent.fetched ] || fetch
is_packed || pack
