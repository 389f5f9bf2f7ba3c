#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: demo.sh, by way of `make demo`
# A running Linux guest is saved, sent through a pipe into another store, cloned
# there three times, and restored.  Each step is printed as you would type it,
# with its time.  Everything is below the cache directory, and goes at the end.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/examples/steps.sh"
cache=${INSTAR_CACHE:-$top/.cache}
demo=$cache/demo
# Plain names from here on: the kernel is here, the two stores are beside it.
cd "$cache/linux"
INSTAR_ROOT=../demo/here
there=../demo/there
export INSTAR_ROOT

end_vms()
{
	for root in "$INSTAR_ROOT" "$there"; do
		[ -d "$root" ] || continue
		vm-ls -R "$root" -p id | xargs -r vm-rm -q --force -R "$root"
	done >/dev/null
}

leave()
{
	rc=$?
	trap '' INT TERM HUP
	trap - EXIT
	end_vms || :
	rm -rf "$demo"
	exit $rc
}

wrong()
{
	echo "demo: $*" >&2
	exit 70
}

# The random numbers behind the second count of VM $2 in root $1.  What a clone
# prints first may have been on its way to the console when its source was
# saved: the rest of a line, and numbers that are the same in all clones.
own_random()
{
	lines "$1" "$2" | awk '
	/^count / { n++ }
	n > 1 && /^random / { print $2; exit }'
}

# The first count of VM $2 in root $1 from byte $3 of its console on that is
# below count $4, or below the one before it.
count_again()
{
	counts "$1" "$2" "$3" |
	    awk -v last="$4" '$1 < last { print $1; exit } { last = $1 }'
}

trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
end_vms
rm -rf "$demo"
mkdir -p "$demo"

echo "# In $PWD, with INSTAR_ROOT=$INSTAR_ROOT"
run "vm-create -n web --kernel vmlinuz --initrd initrd.img \\
      --cmdline 'console=ttyS0 panic=1 random=4' \\
      --memory 512M --storage 1G -p id"
run "vm-start -p name,state,pid web"
run "vm-wait --console 'disk ok' web"
boot_ms=$took_ms

before=$(counts "$INSTAR_ROOT" web | tail -n 1)
run "snap-save -n golden -p name,pause_ms web >../demo/saved"
pause_ms=$(cut -f 2 ../demo/saved)
save_ms=$took_ms
after=$(counts "$INSTAR_ROOT" web | tail -n 1)
echo "  It stood still for $pause_ms ms, at count $before to $after, and runs on."

run "snap-export golden | snap-import -R $there -n golden -p name,memory,size"
ship_ms=$took_ms
run "snap-export golden | wc -c >../demo/bytes"
export_ms=$took_ms
bytes=$(cat ../demo/bytes)
run "snap-verify -q -R $there golden"

run "vm-clone -R $there -n clone --count 3 -p name,clone_ms golden \\
      | tee ../demo/clones"
clones_ms=$took_ms
for c in clone-1 clone-2 clone-3; do
	run "vm-wait -R $there --console 'random [0-9a-f]{64}' $c"
	own=$(eventually own_random "$there" $c) ||
	    wrong "$c draws no random numbers"
	echo "  random numbers: $own"
	echo "$own" >>../demo/random
	first=$(counts "$there" $c | head -n 1)
	echo "  Its first count: $first."
	log=$(vm-ls -R "$there" -p console_log $c)
	! grep -q 'Linux version' "$log" || wrong "$c was booted"
	[ "$first" -ge "$before" ] && [ "$first" -le $((after + 1)) ] ||
	    wrong "$c does not go on from $before"
done
[ "$(sort -u ../demo/random | wc -l)" -eq 3 ] ||
    wrong "clones draw the same random numbers"

size=$(($(wc -c <"$(vm-ls -p console_log web)") + 1))
late=$(counts "$INSTAR_ROOT" web | tail -n 1)
run "vm-restore -p name,state web golden"
restore_ms=$took_ms
# Until it was stopped the old guest has counted on.
first=$(eventually count_again "$INSTAR_ROOT" web $size "$late") ||
    wrong "web was not put back"
echo "  Its count was $late, and is $first again."

run "vm-wait --console 'disk ok' web"
for root in "$INSTAR_ROOT" "$there"; do
	for id in $(vm-ls -R "$root" -p id); do
		! grep -q 'DISK TORN' "$(vm-ls -R "$root" -p console_log "$id")" ||
		    wrong "a disk is torn"
	done
done

run "vm-ls -p id | xargs vm-rm --force"
run "vm-ls -R $there -p id | xargs vm-rm --force -R $there"
run "snap-rm golden && snap-rm -R $there golden"

printf '\nTimes\n'
row "boot to a full disk check" "$(seconds $boot_ms)"
row "save" "$(seconds "$save_ms")"
row "  of it, guest stood still" "$pause_ms ms"
row "export" "$(seconds "$export_ms")"
row "export, import and checks" "$(seconds "$ship_ms")"
row "  bytes moved" "$((bytes / 1048576)) MiB of 512 MiB and 1 GiB"
row "three clones to running" "$(seconds "$clones_ms")"
while read -r name ms; do
	row "  $name" "$ms ms"
done <../demo/clones
row "restore" "$(seconds "$restore_ms")"
