# SPDX-License-Identifier: ISC
# Tools killed between any two steps, by the hooks of test builds, and what must
# hold afterwards.

need()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	grep -q INSTAR_HOOK "$top/snap-save/snap-save" ||
	    atf_skip "not a build for tests"
}

# killed_at STEP COMMAND...
killed_at()
{
	echo "== $*"
	step=$1
	shift
	rc=0
	INSTAR_HOOK=$step=kill "$@" >killed.out 2>killed.err || rc=$?
	[ $rc -eq 137 ] || atf_fail "$step: exit $rc: $(cat killed.err)"
}

# soon COMMAND...: done as soon as nobody is busy: a killed tool's lock is its
# child's, too, until that is the program which it was to become.
soon()
{
	n=0
	while "$@" >soon.out 2>soon.err; rc=$?; [ $rc -eq 75 ]; do
		n=$((n + 1))
		[ $n -lt 300 ] || break
		sleep 0.1
	done
	[ $rc -eq 0 ] || atf_fail "$*: exit $rc: $(cat soon.err)"
}

# Processes that run in this root.
processes()
{
	for p in /proc/[0-9]*; do
		case $(readlink "$p/cwd") in
		"$INSTAR_ROOT"/*) echo "${p#/proc/}" ;;
		esac
	done 2>/dev/null
}

# The collector removes what is hidden, ends what runs there, and no more:
# afterwards there are $1 VMMs.
collected()
{
	inventory | grep -v '/\.' >visible
	atf_check -o save:gc state-gc -p kind,path
	inventory >now
	# Names and times of access that nobody has go, too.
	grep -Ev '^(name|access)/' visible >visible-files
	grep -Ev '^(name|access)/' now >now-files
	atf_check diff visible-files now-files
	atf_check -s exit:1 grep '/\.' now
	[ "$(processes | wc -l)" -eq "$1" ] ||
	    atf_fail "$(processes | wc -l) VMMs, not $1: $(cat gc)"
	atf_check state-gc
}

# What the record names is there.
record_is_true()
{
	vm-ls "$1" | jq -r '.storage_configs[] | .path, (.backing[]? // empty)' |
	    while read -r f; do
		[ -e "root/name/vm/$1/${f##*/}" ] || echo "$f"
	done >missing
	atf_check -o empty cat missing
}

all_verify()
{
	snaps=$(ls root/snap)
	# shellcheck disable=SC2086
	[ -z "$snaps" ] || atf_check snap-verify $snaps
}
