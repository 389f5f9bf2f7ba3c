# SPDX-License-Identifier: ISC
# A registry of the case's own, which does what it should (tests/lib/registry.py)
# or not (tests/lib/hostile.py).

PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
# Nobody's logins but those that a case has, and no proxy before 127.0.0.1.
unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR XDG_CONFIG_HOME DOCKER_CONFIG
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
HOME=$PWD/home
export HOME

hostile=
port=

# hostile [OPTION...]: starts it on the layout lay; $port is its port, $at what
# a reference begins with, log what it is asked, a line of JSON each.
hostile()
{
	hostile_end
	rm -f port log
	python3 "$top/tests/lib/hostile.py" --layout lay --port port \
	    --log log "$@" 2>hostile.err &
	hostile=$!
	eventually 60 test -s port ||
	    atf_fail "no registry: $(cat hostile.err)"
	port=$(cat port)
	at=127.0.0.1:$port
}

hostile_end()
{
	[ -z "$hostile" ] || {
		kill "$hostile"
		wait "$hostile"
	} 2>kill.err
	hostile=
}

# without_port <FILE: with PORT in place of the registry's.
without_port()
{
	sed "s/127\.0\.0\.1:$port/127.0.0.1:PORT/g"
}

# Snapshot web, small, of two files with three groups of data, and holes.
plant_small()
{
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 65536' >random
	dd if=random of="$memory" bs=64K count=2 2>dd.err
	dd if=random of="$memory" bs=64K skip=2 seek=8 count=1 2>dd.err
	truncate -s 2M "$memory"
	dd if=random of="root/snap/$(id_of b)/cow.raw" bs=64K skip=3 count=1 \
	    conv=notrunc 2>dd.err
	atf_check -o save:pushed snap-push oci-layout:lay:v1 web
	(cd root && find . | sort) >visible
}

# There is no more in the root than there was, and nothing to be collected, but
# for the good pages of what was damaged, which are kept for a week.
nothing_left()
{
	find root/snap -maxdepth 1 -name '.kept-*' \
	    -exec touch -d '8 days ago' {} +
	(cd root && find . | sort) >now
	grep '/\.new-' now >hidden
	state-gc >gc.out 2>&1 || atf_fail "$1: state-gc: $(cat gc.out)"
	(cd root && find . | sort) >now
	if [ -s hidden ] || ! cmp -s visible now; then
		atf_fail "$1: left behind: $(cat hidden; diff visible now)"
	fi
}

# refused STATUS MESSAGE COMMAND...: its one line is that, and nothing is left.
# What stands behind a '*' at the end of MESSAGE is the words of a library.
refused()
{
	exit=$1 line=$2
	shift 2
	rc=0
	"$@" >out 2>err || rc=$?
	got=$(without_port <err)
	case $line in
	*'*')
		case $got in
		"${line%\*}"*) got=$line ;;
		esac
		;;
	esac
	if [ $rc -ne "$exit" ] || [ "$got" != "$line" ] || [ -s out ] ||
	    [ "$(wc -l <err)" -ne 1 ]; then
		atf_fail "$*: status $rc, not $exit: $(cat out) $got, not $line"
	fi
	nothing_left "$*"
}
