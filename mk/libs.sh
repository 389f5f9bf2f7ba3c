#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: libs.sh archive libraries others link-command...
# Prints the libraries (-lNAME ...), of which `archive` wants single functions,
# by archives of their own: to load all of these takes longer than what most
# tools do.  -lNAME stays what has no archive here, or one that lacks something,
# its own or ours, or makes the linker speak; that is told in one line.
lib=$1
shared=$2
others=$3
shift 3
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
echo 'int main(void) { return 0; }' >"$dir/try.c"

# links LIBRARIES link-command...: whether they give all that is wanted.
links()
{
	tried=$1
	shift
	# shellcheck disable=SC2086
	said=$("$@" -fPIE -o "$dir/try" "$dir/try.c" -Wl,--whole-archive "$lib" \
	    -Wl,--no-whole-archive $tried $others 2>&1) && [ -z "$said" ]
}

# The archive of lz4 takes its checksums from this one, from 1.10 on.
more=-l:libxxhash.a
links "$shared $more" "$@" || more=
chosen=$(echo "$shared" | tr ' ' '\n' | sed 's/^-l\(.*\)/-l:lib\1.a/')
if ! links "$chosen $more" "$@"; then
	# Where this does not do, the link of a tool tells what is wrong.
	links "$shared" "$@" || {
		echo "$shared"
		exit
	}
	chosen=
	left=
	rest=" $shared"
	for l in $shared; do
		rest=${rest#" $l"}
		if links "$chosen -l:lib${l#-l}.a $rest $more" "$@"; then
			chosen="$chosen -l:lib${l#-l}.a"
		else
			chosen="$chosen $l"
			left="$left $l"
		fi
	done
	echo "libs.sh: no archive that links, so shared:$left" >&2
fi
# shellcheck disable=SC2086
echo $chosen $more
