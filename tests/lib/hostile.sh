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

# other [OPTION...]: a second one of the same layout; $other is its port, and
# other.log what it is asked.
other=
other_pid=
other()
{
	other_end
	rm -f other.port other.log
	python3 "$top/tests/lib/hostile.py" --layout lay --port other.port \
	    --log other.log "$@" 2>other.err &
	other_pid=$!
	eventually 60 test -s other.port ||
	    atf_fail "no registry: $(cat other.err)"
	other=$(cat other.port)
}

other_end()
{
	[ -z "$other_pid" ] || {
		kill "$other_pid"
		wait "$other_pid"
	} 2>kill.err
	other_pid=
}

# the_same <FILE: HOST in place of the registry, DIGEST of any digest.
the_same()
{
	sed -E "s/127\.0\.0\.1:$port/HOST/g; s/:${other:-none}/:OTHER/g
	    s/sha256:[0-9a-f]{64}/DIGEST/g"
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
	(cd root && find . ! -path './registry*' | sort) >visible
}

# There is no more in the root than there was, and nothing to be collected, but
# for the good pages of what was damaged, which are kept for a week, and notes of
# where snapshots are.
nothing_left()
{
	find root/snap -maxdepth 1 -name '.kept-*' \
	    -exec touch -d '8 days ago' {} +
	(cd root && find . ! -path './registry*' | sort) >now
	grep '/\.new-' now >hidden
	state-gc >gc.out 2>&1 || atf_fail "$1: state-gc: $(cat gc.out)"
	(cd root && find . ! -path './registry*' | sort) >now
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
	got=$(the_same <err)
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

# pulled [OPTION...]: what lies there is web.
pulled()
{
	atf_check -o save:id snap-pull "$@" -p id "$at/golden:v1"
	for f in memory.raw cow.raw; do
		atf_check cmp "root/snap/$(id_of b)/$f" "root/snap/$(cat id)/$f"
	done
	atf_check snap-rm "$(cat id)"
	nothing_left "pulled $*"
}

# faults [OPTION...] <TABLE: pulls, with these options, from a registry that does
# what a line says, "STATUS|FAULT|MESSAGE".
faults()
{
	while IFS='|' read -r status fault message; do
		hostile --other "${other:-1}" --fault "$fault"
		if [ "$status" -eq 0 ]; then
			pulled "$@"
		else
			refused "$status" \
			    "snap-pull: HOST/golden:v1: $message" \
			    snap-pull "$@" "$at/golden:v1"
		fi
	done
	hostile_end
}

# cuts STEP: a pull of a tiny snapshot, of which the connection is reset behind
# every STEP-th byte that comes: once, and it is whole all the same, but for the
# first answer; or again and again, and it is refused.
cuts()
{
	snap_plant b web
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	(cd root && find . ! -path './registry*' | sort) >visible
	n=0
	echo 0 forever >arm
	hostile --arm arm
	while
		rc=0
		snap-pull --plain-http -p id "$at/golden:v1" >new 2>err || rc=$?
		[ $rc -ne 0 ]
	do
		case "$rc $(the_same <err)" in
		'75 snap-pull: HOST/golden: '*) first=$n ;;
		'75 snap-pull: HOST/golden:v1: '*) ;;
		*) atf_fail "$n: $(cat err)" ;;
		esac
		case $(cat err) in
		*': the connection was cut' | *': gave no answer') ;;
		*) atf_fail "$n: $(cat err)" ;;
		esac
		nothing_left "$n forever"
		n=$((n + $1))
		echo $n forever >arm
	done
	atf_check snap-rm "$(cat new)"
	last=$n n=$((first + $1))
	[ "$last" -gt 2000 ] || atf_fail "a pull of $last bytes"
	while [ $n -lt "$last" ]; do
		echo $n once >arm
		snap-pull --plain-http -p id "$at/golden:v1" >new 2>err ||
		    atf_fail "$n: status $?: $(cat err)"
		for f in memory.raw cow.raw; do
			cmp "root/snap/$(id_of b)/$f" "root/snap/$(cat new)/$f" ||
			    atf_fail "$n: $f"
		done
		snap-rm "$(cat new)" || atf_fail "$n: snap-rm"
		nothing_left "$n once"
		n=$((n + $1))
	done
}
