#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: link.sh found flags command...
# Links a quick tool, in its directory, by `command` with the flags that
# quicklink.sh found; with `flags` if that fails, for an archive may lack what
# only this tool wants of it.  That is told in one line.
found=$1
flags=$2
shift 2
said=$(mktemp) || exit
trap 'rm -f "$said"' EXIT
# shellcheck disable=SC2086
if [ "$found" != "$flags" ]; then
	if "$@" $found 2>"$said"; then
		cat "$said" >&2
		exit
	fi
	why=$(grep -m 1 -e undefined -e 'cannot find' "$said" || sed q "$said")
	echo "link.sh: ${PWD##*/} is not static: $why" >&2
fi
# shellcheck disable=SC2086
"$@" $flags
