#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Snapshot directories of Cloud Hypervisor that are wrong, given to every tool
# that takes one: refused before anything runs.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/ch.sh"

bad=$here/data/bad/ch

# The snapshot "bare" and the directory "good", which is what an export of it is.
good_make()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img"
	ch_import
	rm -r bare
	atf_check -o ignore snap-export --to-dir good bare
}

# In place of the program one that tells whether anybody asked it anything.
ch_is_watched()
{
	cat >watched <<-EOF
	#! /bin/sh
	exec "$here/lib/replay" -l "$PWD/asked" fd:10 "$script" any
	EOF
	chmod +x watched
	INSTAR_CLOUD_HYPERVISOR=$PWD/watched
	export INSTAR_CLOUD_HYPERVISOR
}

# rows COLUMN: name, exit code of that tool, pattern.
rows()
{
	sed -e '/^#/d' -e 's/[[:blank:]][[:blank:]]*/ /g' "$bad/list" |
	    while read -r name import clone restore pattern; do
		case $1 in
		import) echo "$name $import $pattern" ;;
		clone) echo "$name $clone $pattern" ;;
		restore) echo "$name $restore $pattern" ;;
		esac
	done
}

# Every name in the root, with what tells files apart that take each other's.
names()
{
	(cd root && find . ! -path './vm/*/*.sock' -printf '%P %y\n' | sort)
}

# try NAME CODE PATTERN COMMAND...: its code, one line that says why, and
# nothing that would be left.
try()
{
	name=$1 want=$2 pattern=$3
	shift 3
	code=0
	"$@" >out 2>err || code=$?
	cat out err
	[ "$code" -eq "$want" ] ||
	    wrong="$wrong $name: exit $code, not $want: $(head -c 300 err);"
	[ ! -s out ] || wrong="$wrong $name: stdout;"
	[ "$(wc -l <err)" -eq 1 ] &&
	    grep -qE "^$1: [a-z]+: ($pattern)\$" err ||
	    wrong="$wrong $name: said: $(head -c 300 err);"
	names | diff before - || wrong="$wrong $name: left something;"
	n=$((n + 1))
}

# The case is over: every row was tried, and none was wrong.
tried()
{
	[ -z "$wrong" ] || atf_fail "$wrong"
	[ "$n" -ge 140 ] || atf_fail "only $n directories"
}

atf_test_case import__of_a_wrong_directory cleanup
import__of_a_wrong_directory_body()
{
	good_make
	names >before
	wrong='' n=0
	rows import >rows
	while read -r name code pattern; do
		"$bad/make.sh" -b good "$name" d || atf_fail "$name: not made"
		if [ "$code" -ne 0 ]; then
			try "$name" "$code" "$pattern" \
			    snap-import -n new --from-dir d
			continue
		fi
		atf_check -o ignore -e ignore snap-import -n new --from-dir d
		atf_check snap-rm new
		n=$((n + 1))
	done <rows
	tried
	for name in good good-zone; do
		"$bad/make.sh" -b good "$name" d
		atf_check -o ignore snap-import -n "$name" --from-dir d
	done
}
import__of_a_wrong_directory_cleanup()
{
	vms_end
}

atf_test_case clone__of_a_wrong_directory cleanup
clone__of_a_wrong_directory_body()
{
	good_make
	ch_is_watched
	names >before
	wrong='' n=0
	rows clone >rows
	while read -r name code pattern; do
		"$bad/make.sh" good "$name" d || atf_fail "$name: not made"
		try "$name" "$code" "$pattern" vm-clone -n new --unconfined --from-dir d
	done <rows
	tried
	atf_check -s exit:1 test -s asked
	for name in good good-zone; do
		"$bad/make.sh" good "$name" d
		ch_plays ping restore resume running
		atf_check -o ignore vm-clone -n "$name" --from-dir d
	done
}
clone__of_a_wrong_directory_cleanup()
{
	vms_end
}

atf_test_case restore__from_a_wrong_directory cleanup
restore__from_a_wrong_directory_body()
{
	good_make
	# A VM that answers to the end, and then any program but this one.
	sed -n '/^=== .* \(ping\|restore\|pause\|resume\|running\)$/,/^$/p' "$script" \
	    >calls
	(script=$PWD/calls && ch_plays again)
	INSTAR_VMM_READS=$here:$PWD/calls
	export INSTAR_VMM_READS
	INSTAR_CLOUD_HYPERVISOR=$PWD/cloud-hypervisor \
	    atf_check -o ignore vm-clone -n w bare
	pid=$(member w pid)
	mv cloud-hypervisor plays
	printf '#! /bin/sh\necho "$@" >>%s/ran\n' "$PWD" >cloud-hypervisor
	chmod +x cloud-hypervisor
	INSTAR_CLOUD_HYPERVISOR=$PWD/cloud-hypervisor
	export INSTAR_CLOUD_HYPERVISOR
	names >before
	wrong='' n=0
	rows restore >rows
	while read -r name code pattern; do
		"$bad/make.sh" good "$name" d || atf_fail "$name: not made"
		try "$name" "$code" "$pattern" vm-restore --unconfined w --from-dir d
		[ "$(member w pid,state)" = "$pid	running" ] ||
		    wrong="$wrong $name: $(member w pid,state);"
	done <rows
	tried
	atf_check -s exit:1 test -e ran
	# The good one is taken, and the old process ends.
	for name in good good-zone; do
		"$bad/make.sh" good "$name" d
		mv plays cloud-hypervisor
		atf_check -o ignore vm-restore w --from-dir d
		mv cloud-hypervisor plays
	done
	is_gone "$pid" || atf_fail "the old one lives"
}
restore__from_a_wrong_directory_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case import__of_a_wrong_directory
	atf_add_test_case clone__of_a_wrong_directory
	atf_add_test_case restore__from_a_wrong_directory
}
