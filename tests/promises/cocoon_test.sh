#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What cocoon itself imports of ours, and what it makes of that comes back:
# where its program is in PATH.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/archive.sh"

need_cocoon()
{
	command -v cocoon >/dev/null || atf_skip "no cocoon here"
}

# cocoon_snapshot WORD...: that command, in a store below the directory c.
cocoon_snapshot()
{
	cocoon --root-dir "$PWD/c/root" --run-dir "$PWD/c/run" \
	    --log-dir "$PWD/c/log" snapshot "$@" >said 2>&1
}

# taken ARCHIVE: cocoon imports it, into an empty store; every file is right,
# and no larger on the disk than the snapshot's.
taken()
{
	rm -rf c
	mkdir c
	cocoon_snapshot import "$1" || atf_fail "$1: $(cat said)"
	stored=$(echo c/root/snapshot/localfile/*)
	same_files "root/snap/$(id_of b)" "$stored" || atf_fail "$1: differs"
	[ "$(du -s "$stored" | cut -f 1)" -le \
	    "$(($(du -s "root/snap/$(id_of b)/" | cut -f 1) + 12))" ] ||
	    atf_fail "$1: not sparse any more"
}

atf_test_case import__of_every_form
import__of_every_form_body()
{
	need_cocoon
	snap_shapes b web
	for how in --cocoon "--cocoon --gzip" "--cocoon --dense" \
	    --no-compress --gzip; do
		# shellcheck disable=SC2086
		atf_check -o save:a snap-export $how web
		taken a
		cocoon_snapshot inspect web || atf_fail "$how: $(cat said)"
		atf_check -o ignore grep '"hypervisor"' said
	done
}

atf_test_case import__of_its_own_snapshots
import__of_its_own_snapshots_body()
{
	need_cocoon
	data=$(atf_get_srcdir)/../data/cocoon
	for f in "$data"/0*-sparse.tar*; do
		for how in --cocoon "--cocoon --gzip"; do
			rm -rf root
			atf_check -o save:id snap-import -p id -n web "$f"
			ln -s "$(cat id)" "root/snap/$(id_of b)"
			# shellcheck disable=SC2086
			atf_check -o save:a snap-export $how web
			taken a
			cocoon_snapshot inspect web || atf_fail "$(cat said)"
			for key in cpu memory storage image nics; do
				atf_check -o ignore grep "\"$key\":" said
			done
		done
	done
}

atf_test_case import__of_merged_overlays
import__of_merged_overlays_body()
{
	need_cocoon
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	snap_plant b web
	d=root/snap/$(id_of b)
	(cd "$d" || exit
	    qemu-img create -q -f qcow2 -b cow.raw -F raw cow.1.qcow2
	    qemu-io -f qcow2 -c 'write -P 0x61 64k 4k' cow.1.qcow2
	    printf '%s' '{"storage_configs":[{"path":"cow.1.qcow2",' \
		'"ro":false,"serial":"cocoon-cow","role":"cow",' \
		'"backing":["cow.raw"]}]}' >cocoon.json
	    sed -i 's/"cow.raw"/"cow.raw","cow.1.qcow2","cocoon.json"/' \
		snapshot.json) >ignored
	qemu-img convert -f qcow2 -O raw "$d/cow.1.qcow2" want.raw
	atf_check -o save:a snap-export --cocoon --gzip web
	mkdir c
	cocoon_snapshot import a || atf_fail "$(cat said)"
	cd c/root/snapshot/localfile/* || atf_fail "not there"
	atf_check -o inline:"cocoon.json\ncow.raw\nmemory.raw\n" ls
	atf_check cmp "$OLDPWD/want.raw" cow.raw
}

atf_test_case export__imported_again
export__imported_again_body()
{
	need_cocoon
	snap_shapes b web
	atf_check -o save:a snap-export --cocoon web
	taken a
	cocoon_snapshot export -o "$PWD/b.tar" web || atf_fail "$(cat said)"
	atf_check -o save:dir snap-import -n two -p dir b.tar
	same_files "root/snap/$(id_of b)" "$(cat dir)" || atf_fail "differs"
}

atf_init_test_cases()
{
	atf_add_test_case import__of_every_form
	atf_add_test_case import__of_its_own_snapshots
	atf_add_test_case import__of_merged_overlays
	atf_add_test_case export__imported_again
}
