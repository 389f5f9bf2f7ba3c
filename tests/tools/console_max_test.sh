#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# vm-create --console-max and vm-set --console-max: a log that is bounded.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

bound=16384

# The bytes of the log of the VM $1, both files.
log_bytes()
{
	stat -c %s "$(member "$1" dir)"/console.log* | {
		n=0
		while read -r bytes; do
			n=$((n + bytes))
		done
		echo $n
	}
}

# The process that serves the console of the VM $1; nothing: there is none.
console_of()
{
	dir=$(member "$1" dir)
	for p in /proc/[0-9]*; do
		[ "$(cat "$p/comm" 2>/dev/null)" != instar-console ] ||
		    [ -z "$(find "$p/fd" -lname "$dir" 2>/dev/null)" ] ||
		    echo "${p#/proc/}"
	done
}


# How far the guest of the snapshot $1 had counted, by its memory.
saved_count()
{
	od -An -tu4 -j $((0x101000)) -N 4 "$(snap-ls -p dir "$1")/memory.raw" |
	    tr -d ' '
}

# Fails as soon as the VM $1 has a larger log than $bound, until $2 ends.
watch_log()
{
	while ! is_gone "$2"; do
		n=$(log_bytes "$1")
		[ "$n" -le $bound ] || atf_fail "$n bytes"
		sleep 0.2
	done
}

atf_test_case create__sizes cleanup
create__sizes_body()
{
	for wrong in 16383 15K 1 -1 1.5 9T x ''; do
		atf_check -s exit:64 -e match:'^vm-create: --console-max: ' \
		    vm-create --kernel "$tiny" --console-max "$wrong"
	done
	atf_check -s exit:64 \
	    -e inline:"vm-create: --console-max: given twice\n" \
	    vm-create --kernel "$tiny" --console-max 16K --console-max 32K
	atf_check test ! -e "$INSTAR_ROOT"
	need_tiny
	atf_check -o inline:"65536\n" vm-create -n a --kernel "$tiny" \
	    --console-max 64K -p config.console_max
	atf_check -o inline:"\n" vm-create -n b --kernel "$tiny" \
	    --console-max 0 -p config.console_max
	for value in 1048576 '"1M"'; do
		echo "{\"kernel\": \"$tiny\", \"console_max\": $value}" >config
		atf_check -o inline:"1048576\n" \
		    vm-create --config config -p config.console_max
	done
	atf_check -o inline:"32768\n" vm-create --config config \
	    --console-max 32K -p config.console_max
}
create__sizes_cleanup()
{
	vms_end
}

atf_test_case run__bounded cleanup
run__bounded_head()
{
	atf_set require.config long
}
run__bounded_body()
{
	tiny_run web --console-max $bound
	dir=$(member web dir)
	pid=$(console_of web)
	[ -n "$pid" ] || atf_fail "nobody serves the console"
	# Whoever waits from the beginning on goes on through two rotations.
	vm-wait --timeout 120 --console '^tick 000004[0-9a-f]{2}$' web &
	waiter=$!
	watch_log web $waiter
	wait $waiter || atf_fail "vm-wait has missed it"
	atf_check -s exit:1 grep -q 'tiny boot' "$dir/console.log.1"
	# Whoever comes later has what is there, and no line was cut.
	first=$(tr -d '\r' <"$dir/console.log.1" | head -n 1)
	atf_check vm-wait --timeout 0 --console "^$first\$" web
	atf_check -s exit:75 -e ignore \
	    vm-wait --timeout 0 --console 'tiny boot' web
	atf_check -s exit:1 sh -c "tr -d '\r' <'$dir/console.log.1' |
	    grep -v '^tick [0-9a-f]\{8\}\$'"
	atf_check_equal "$pid" "$(console_of web)"
	# Small: what it has for itself alone.
	kb=$(sed -n 's/^Private_Dirty: *\([0-9]*\) kB/\1/p' \
	    "/proc/$pid/smaps_rollup")
	[ "$kb" -lt 1024 ] || atf_fail "$kb KiB"
	# The next run goes on behind it, and has a process of its own.
	atf_check -o ignore vm-stop --force web
	eventually 20 is_gone "$pid" || atf_fail "it has not ended"
	last=$(count_of web)
	[ "$last" -ge $((0x400)) ] || atf_fail "the last count is $last"
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console '^tick 00000010$' web
	atf_check -o ignore grep -q "$(printf '^tick %08x' "$last")" \
	    "$dir/console.log"
	atf_check -s exit:75 -e ignore vm-wait --timeout 0 \
	    --console "$(printf '^tick %08x' "$last")" web
	pid=$(console_of web)
	atf_check -o ignore vm-rm --force web
	eventually 20 is_gone "$pid" || atf_fail "it has not ended"
}
run__bounded_cleanup()
{
	vms_end
}

atf_test_case run__console cleanup
run__console_head()
{
	atf_set require.config long
}
run__console_body()
{
	tiny_run web --console-max $bound
	atf_check -o match:'^key 61' sh -c 'printf a | vm-console web'
	atf_check vm-wait --timeout 60 --console '^key 61$' web
	mkfifo keys
	vm-console web <keys >out &
	exec 3>keys
	eventually 20 grep -q '^tick' out || atf_fail "nothing is heard"
	atf_check -s exit:75 -e inline:"vm-console: web: console: busy: \
another client has it\n" vm-console web </dev/null
	exec 3>&-
	wait
}
run__console_cleanup()
{
	vms_end
}

# Its death does no harm to the guest, and lasts until the next start.
atf_test_case run__console_killed cleanup
run__console_killed_body()
{
	tiny_run web --console-max $bound
	pid=$(console_of web)
	kill -9 "$pid"
	eventually 20 is_gone "$pid" || atf_fail "it was not killed"
	atf_check -s exit:69 -e inline:"vm-console: web: console.sock: \
Connection refused\n" vm-console web </dev/null
	atf_check -o ignore vm-pause web
	atf_check -o ignore vm-resume web
	# It counts, as its memory tells, and hears the power button.
	atf_check -o ignore snap-save -n one web
	sleep 1
	atf_check -o ignore snap-save -n two web
	one=$(saved_count one)
	two=$(saved_count two)
	[ "$two" -gt "$one" ] || atf_fail "$one, $two: it stands still"
	atf_check -o inline:"stopped\n" vm-stop --timeout 30 -p state web
	atf_check -o ignore vm-start web
	atf_check vm-wait --timeout 60 --console '^tick 00000010$' web
	[ -n "$(console_of web)" ] || atf_fail "nobody serves the console"
}
run__console_killed_cleanup()
{
	vms_end
}

atf_test_case clone__own_log cleanup
clone__own_log_body()
{
	tiny_run web --console-max $bound
	atf_check -o inline:"16384\n" snap-save -n s -p console_max web
	# What it has printed stays where it is, however long all this takes.
	atf_check -o inline:"paused\n" vm-pause -p state web
	atf_check -o inline:"16384\n" \
	    vm-clone -n c -p config.console_max s
	atf_check vm-wait --timeout 60 --console '^tick' c
	[ "$(console_of c)" != "$(console_of web)" ] ||
	    atf_fail "both have one process"
	atf_check -s exit:1 grep -q boot "$(member c console_log)"
	# Through an archive, too.
	atf_check -o ignore sh -c "snap-export s | snap-import -n s2"
	atf_check -o inline:"16384\n" \
	    vm-clone -n d --no-start -p config.console_max s2
	# One that is to be loaded can have another one; a restore keeps it.
	atf_check -o inline:"32768\n" \
	    vm-set --console-max 32K -p config.console_max d
	atf_check -o ignore vm-start d
	atf_check vm-wait --timeout 60 --console '^tick' d
	atf_check -o inline:"32768\n" \
	    vm-restore -p config.console_max d s2
	atf_check vm-wait --timeout 60 --console '^tick' d
	[ "$(console_of d | wc -l)" -eq 1 ] || atf_fail "$(console_of d)"
	# A restore takes both files along.
	dir=$(member web dir)
	echo before >"$dir/console.log.1"
	atf_check -o ignore vm-restore web s
	atf_check -o inline:"before\n" cat "$(member web dir)/console.log.1"
	atf_check -o inline:"1\n" grep -c boot "$(member web console_log)"
	atf_check vm-wait --timeout 60 --console '^tick' web
}
clone__own_log_cleanup()
{
	vms_end
}

atf_test_case set__changes cleanup
set__changes_body()
{
	tiny_run web
	[ -z "$(console_of web)" ] || atf_fail "without a bound there is one"
	atf_check -s exit:77 -e inline:"vm-set: web: running: the bound of its \
log cannot change now; vm-stop first\n" vm-set --console-max 16K web
	atf_check -o inline:"\n" vm-ls -p config.console_max web
	atf_check -o ignore vm-stop --force web
	dir=$(member web dir)
	refused 64 "web: --console-max: 1K: less than 16384" \
	    vm-set --console-max 1K web
	# A log that has more is cut at the next start, and not before.
	seq 100000 >>"$dir/console.log"
	atf_check -o inline:"16384\n" \
	    vm-set --console-max 16K -p config.console_max web
	[ "$(log_bytes web)" -gt 500000 ] || atf_fail "it is cut already"
	atf_check -o ignore vm-start web
	[ "$(log_bytes web)" -le $bound ] || atf_fail "it is not cut"
	# The first words of the guest may have rotated it, or do so just now.
	eventually 20 sh -c "cat '$dir'/console.log* | grep -qx 100000" ||
	    atf_fail "the end is lost"
	atf_check vm-wait --timeout 60 --console '^tick 00000010$' web
	atf_check -s exit:75 -e ignore \
	    vm-wait --timeout 0 --console '^100000$' web
	[ -n "$(console_of web)" ] || atf_fail "nobody keeps the bound"
	# Without one again.
	atf_check -o ignore vm-stop --force web
	atf_check -o inline:"\n" \
	    vm-set --console-max 0 -p config.console_max web
	atf_check -o ignore vm-start web
	[ -z "$(console_of web)" ] || atf_fail "there is one still"
	# What lies beside the log is none of this run's.
	atf_check vm-wait --timeout 60 --console '^tick 00000010$' web
	atf_check -o ignore grep -x 100000 "$dir/console.log.1"
}
set__changes_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case create__sizes
	atf_add_test_case run__bounded
	atf_add_test_case run__console
	atf_add_test_case run__console_killed
	atf_add_test_case clone__own_log
	atf_add_test_case set__changes
}
