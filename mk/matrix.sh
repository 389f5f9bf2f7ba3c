#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: matrix.sh, from the top of the tree, as root
# Tries the tree on the systems that users have, in a root of each, and clones
# with each QEMU there what each other one saved.  Ends with one line: "N passed,
# N failed[, N skipped]".  Below build/matrix/ are the roots, which are kept;
# table.txt, with the tables above that line; and log/, what the steps printed.
#	SUITES	bookworm bookworm-backports trixie forky: Debian's, made by
#		mmdebstrap.  X-backports, behind X, is a copy of that root with
#		the QEMU of that suite; of the steps it has states alone
#	STEPS	demo check deb install states, or some of them:
#		demo	sh ./bootstrap demo; also done where no QEMU is yet
#		check	sh ./bootstrap check
#		deb	the Debian packages: built twice, compared, looked at by
#			lintian, installed and tried (mk/deb_here.sh)
#		install	make install, and the commands of README.md's "Two
#			minutes" as printed there
#		states	what one QEMU saved is cloned by the others
#	INSTAR_MIRROR	the URI of a mirror; else that which apt has Debian's
#		packages from on this machine, else what mmdebstrap takes
#	MATRIX_DAYS	7: a root of that age is made anew
# Needs root, and with all steps 10 GiB and half an hour for each system.  Exit
# status 69 and 77: this machine lacks a program or a right, which is said.
set -u

suites=${SUITES:-bookworm bookworm-backports trixie forky}
steps=${STEPS:-demo check deb install states}
top=$(pwd)
dir=$top/build/matrix
states=$dir/states
passed=0 failed=0 skipped=0 guest_words=

cannot()
{
	echo "matrix: $2" >&2
	exit "$1"
}

# wrong WORDS: counts what failed without being a step.
wrong()
{
	echo "$*"
	failed=$((failed + 1))
	return 1
}

finish()
{
	skips=
	[ "$skipped" -eq 0 ] || skips=", $skipped skipped"
	echo "$passed passed, $failed failed$skips" | tee -a "$dir/table.txt"
	[ "$failed" -eq 0 ]
	exit
}

wants()
{
	case " $steps " in
	*" $1 "*) return 0 ;;
	*) return 1 ;;
	esac
}

# note SUITE FACT WORDS keeps them for the tables; fact SUITE FACT tells them.
note()
{
	printf '%s\n' "$3" >"$dir/facts/$1.$2"
}

fact()
{
	cat "$dir/facts/$1.$2" 2>/dev/null || echo "${3--}"
}

# shellcheck disable=SC2317 # called by way of step
# inside SECONDS COMMAND [ARGUMENT]...: runs it in the root of the step.
inside()
{
	sh mk/inside.sh "$dir/$suite" "$states" "$@" 9>&-
}

# step SUITE NAME COMMAND [ARGUMENT]...: runs it, its output in a log, and notes
# how it went.
step()
{
	suite=$1 name=$2
	shift 2
	log=$dir/log/$suite.$name
	began=$(date +%s)
	rc=0
	"$@" >"$log" 2>&1 || rc=$?
	took="$(($(date +%s) - began)) s"
	[ $rc -ne 124 ] || echo "out of time" >>"$log"
	last=$(tail -n 1 "$log" | tr -s " ")
	note "$suite" "$name.last" "$last"
	note "$suite" "$name.took" "$took"
	if [ $rc -eq 0 ]; then
		passed=$((passed + 1))
		note "$suite" "$name" "$took"
		echo "$suite $name  ->  passed${last:+: $last}  [$took]"
	else
		failed=$((failed + 1))
		note "$suite" "$name" FAILED
		tail -n 20 "$log"
		echo "$suite $name  ->  failed: status $rc  [$took]"
	fi
	return $rc
}

. mk/roots.sh

# The version in the head of a bzImage (Linux Documentation/arch/x86/boot.rst,
# kernel_version).
kernel_of()
{
	at=$(od -An -tu2 -j526 -N2 "$1" | tr -d ' ')
	tail -c "+$((at + 513))" "$1" | head -c 80 | tr '\0' '\n' |
	    sed -n '1s/ .*//p'
}

# In a tree where no program is built only the installed ones can be found.
readme()
{
	tree=$dir/$1/srv/readme
	put_tree "$1" readme || return
	awk '/^## / { on = $0 == "## Two minutes" }
	    on && sub(/^    /, "")' README.md >"$tree/pasted"
	if [ -d "$dir/$1/srv/instar/.cache/linux" ]; then
		mkdir -p "$tree/.cache"
		cp -a "$dir/$1/srv/instar/.cache/linux" "$tree/.cache/"
	fi
	# shellcheck disable=SC2016
	step "$1" readme inside 1800 sh -c 'cd /srv/readme && test -s pasted &&
	    ! test -e vm-create/vm-create &&
	    test "$(command -v vm-create)" = /usr/local/bin/vm-create &&
	    sh -ex ./pasted'
	rm -rf "$tree"
}

# All steps of root $1 but the states.
try_root()
{
	put_tree "$1" instar || return
	base=${1%-backports}
	if [ "$base" != "$1" ]; then
		copy_tools "$1" "$base" && ready="$ready $1"
	else
		if wants demo || [ ! -e "$dir/$1/usr/bin/qemu-img" ]; then
			step "$1" demo inside 3600 \
			    sh /srv/instar/bootstrap demo
		fi
		! wants check ||
		    step "$1" check inside 14400 sh /srv/instar/bootstrap check
		! wants deb ||
		    step "$1" deb inside 7200 sh /srv/instar/mk/deb_here.sh
		if wants install || wants states; then
			install_tools "$1" && ready="$ready $1" &&
			    wants install && readme "$1"
		fi
	fi
	vmlinuz=$dir/$1/srv/instar/.cache/linux/vmlinuz
	[ ! -e "$vmlinuz" ] || note "$1" kernel "$(kernel_of "$vmlinuz")"
	note "$1" debian "$(cat "$dir/$1/etc/debian_version")"
	note "$1" gcc "$(chroot "$dir/$1" gcc -dumpfullversion)"
	note "$1" qemu "$(chroot "$dir/$1" qemu-system-x86_64 --version |
	    sed -n '1s/.*version \([^ ]*\).*/\1/p')"
}

# The guest of all states is that of the first root, so that they differ in
# nothing but the QEMU.
# shellcheck disable=SC2317 # called by way of step
take_guest()
{
	inside 1800 sh /srv/instar/tests/guest/linux.sh /srv/guest &&
	    cp "$dir/$suite/srv/guest/vmlinuz" \
		"$dir/$suite/srv/guest/initrd.img" "$states/"
}

# What root $1 saved is cloned in root $2.
try_cell()
{
	case " $ready " in
	*" $2 "*)
		if [ -e "$states/$1.counts" ]; then
			step "$2" "loads.$1" inside 1800 \
			    sh /srv/instar/mk/states.sh load "$1"
			return
		fi
		;;
	esac
	echo "$2 loads.$1  ->  skipped"
	skipped=$((skipped + 1))
}

try_states()
{
	for s in $ready; do
		if step "$s" guest take_guest; then
			guest_words="$(kernel_of "$states/vmlinuz"), of $s"
			break
		fi
	done
	for s in ${guest_words:+$ready}; do
		step "$s" saves inside 1800 \
		    sh /srv/instar/mk/states.sh save "$s" ||
		    rm -f "$states/$s".*
	done
	for s in $suites; do
		for l in $suites; do
			[ "$s" = "$l" ] || try_cell "$s" "$l"
		done
	done
}

root_table()
{
	line='%-19s %-12s %-6s %-24s %-8s %-8s %-7s %-7s %-8s %-7s %s\n'
	# shellcheck disable=SC2059
	printf "$line" system Debian root "guest's kernel" gcc QEMU demo \
	    deb install README check
	for s in $suites; do
		check=$(fact "$s" check.last)
		[ "$check" = - ] ||
		    check="$check [$(fact "$s" check.took)]"
		# shellcheck disable=SC2059
		printf "$line" "$s" "$(fact "$s" debian)" \
		    "$(fact "$s" root kept)" "$(fact "$s" kernel)" \
		    "$(fact "$s" gcc)" "$(fact "$s" qemu)" \
		    "$(fact "$s" demo)" "$(fact "$s" deb)" \
		    "$(fact "$s" install)" \
		    "$(fact "$s" readme)" "$check"
	done
}

# What is in the cell of saver $1 and loader $2: one or two words.
cell()
{
	case $(fact "$2" "loads.$1") in
	-) echo - ;;
	FAILED) echo FAILED ;;
	*) fact "$2" "loads.$1.last" | cut -d ' ' -f 1,2 ;;
	esac
}

state_table()
{
	printf '\nGuest: %s\n%-19s' "$guest_words" "saved by, cloned by"
	# shellcheck disable=SC2086
	printf ' %-19s' $suites
	echo
	for s in $suites; do
		printf '%-19s' "$s"
		for l in $suites; do
			printf ' %-19s' "$(cell "$s" "$l")"
		done
		echo
	done
	for s in $suites; do
		for l in $suites; do
			case $(cell "$s" "$l") in
			- | runs) ;;
			*)
				echo "$s to $l:" \
				    "$(fact "$l" "loads.$s.last")"
				;;
			esac
		done
	done
}

for s in $steps; do
	case $s in
	demo | check | deb | install | states) ;;
	*) cannot 64 "STEPS: $s: not demo, check, deb, install or states" ;;
	esac
done
for s in $suites; do
	case $s in
	*[!a-z0-9-]*) cannot 64 "SUITES: $s: not a suite's name" ;;
	esac
done
[ "$(id -u)" -eq 0 ] || cannot 77 "not root, who alone makes and mounts roots"
for p in mmdebstrap:mmdebstrap setpriv:util-linux unshare:util-linux; do
	command -v "${p%:*}" >/dev/null ||
	    cannot 69 "${p%:*} is missing: apt-get install ${p#*:}"
done
unshare --mount --pid --fork true 2>/dev/null ||
    cannot 77 "namespaces for mounts and processes are not allowed here"
mkdir -p "$dir"
exec 9>"$dir/lock"
flock -n 9 || cannot 75 "another run uses build/matrix"
rm -rf "$dir/facts" "$dir/log" "$states" "$dir/table.txt"
mkdir "$dir/facts" "$dir/log" "$states"

ready=
for s in $suites; do
	if want_root "$s"; then
		try_root "$s"
	else
		note "$s" root FAILED
	fi
done
! wants states || try_states
{
	root_table
	! wants states || state_table
} >"$dir/table.txt"
echo
cat "$dir/table.txt"
finish
