# SPDX-License-Identifier: ISC
# Tools that get no answer from QEMU: tests/lib/between stands between the two.
# After tests/lib/lib.sh and counting.sh.

# stand_between VM COMMAND HOW: until step_aside.
stand_between()
{
	between_dir=$INSTAR_ROOT/vm/$(id_of_vm "$1")
	# What the last one said is not to be taken for this one's.
	: >between.out
	"$top/tests/lib/between" "$between_dir" "$2" "$3" >between.out \
	    2>between.err &
	between=$!
	eventually 20 grep -q ready between.out ||
	    atf_fail "between: $(cat between.err)"
}

step_aside()
{
	kill $between
	wait $between 2>/dev/null || :
	mv "$between_dir/qmp.real" "$between_dir/qmp.sock"
}

# unanswered VM COMMAND HOW TOOL...: the tool runs, its COMMAND to QEMU goes
# wrong; where the connection is not cut, it is ended by a signal then.
unanswered()
{
	echo "== $*"
	stand_between "$1" "$2" "$3"
	how=$3
	shift 3
	"$@" >out 2>err &
	tool=$!
	eventually 120 grep -q 'done' between.out ||
	    atf_fail "$*: asks nothing: $(cat err between.err)"
	code=69
	case $how in
	*cut) ;;
	*)
		kill -TERM $tool
		code=143
		;;
	esac
	rc=0
	wait $tool || rc=$?
	step_aside
	[ $rc -eq $code ] || atf_fail "$how: $*: exit $rc: $(cat err)"
	[ "$(wc -l <err)" -eq 1 ] || atf_fail "$how: $*: $(cat err)"
}
