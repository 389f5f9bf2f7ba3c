#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Disk files that somebody has changed or linked behind the tools' back: what is
# saved can be loaded, and what a snapshot has is written by nobody.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"

need()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
}

# The snapshot $1 is whole for every tool, and its disk has $2 bytes.
is_whole()
{
	atf_check -o inline:"$2\n" snap-ls -p storage "$1"
	atf_check snap-verify "$1"
	atf_check -o ignore vm-clone -n "of-$1" "$1"
	counts_on "of-$1"
	atf_check -o inline:"$2\n" vm-ls -p config.storage "of-$1"
	atf_check -o ignore vm-rm --force "of-$1"
	atf_check -o save:archive snap-export "$1"
	atf_check -o ignore snap-import -n "again-$1" archive
	atf_check -o ignore vm-clone -n "of-$1" "again-$1"
	counts_on "of-$1"
	atf_check -o ignore vm-rm --force "of-$1"
}

atf_test_case resize__while_stopped cleanup
resize__while_stopped_body()
{
	need
	vm_run a --storage 8M --cmdline "fill=4 dirty=4 rate=20"
	atf_check -o ignore vm-stop --force a
	truncate -s 16M root/name/vm/a/cow.raw
	atf_check -o inline:"16777216\n" vm-start -p config.storage a
	snap_save -n s a
	is_whole s 16777216
	atf_check -o ignore vm-restore a s
	counts_on a
	# The root disk is an overlay now, or a file of its own again.
	atf_check -o ignore vm-stop --force a
	top=$(jq -r '.storage_configs[] | select(.role == "cow").path' \
	    root/name/vm/a/vm.json)
	atf_check -o ignore qemu-img resize "root/name/vm/a/$top" 24M
	atf_check -o ignore vm-start a
	snap_save -n t a
	is_whole t 25165824
	# With the guest standing still for good.
	snap_save -n u --stop a
	is_whole u 25165824
}
resize__while_stopped_cleanup()
{
	vms_end
}

# What cannot be loaded is refused while the guest runs, and the guest runs on.
atf_test_case save__checks_itself cleanup
save__checks_itself_body()
{
	need
	vm_run a --storage 8M --data-disk name=d,size=32M,fstype=none \
	    --cmdline "fill=4 dirty=4 rate=20"
	snap_save -n s a
	chain=$(jq -r '.storage_configs[] | select(.role == "data").path' \
	    root/name/vm/a/vm.json)
	case $chain in
	*.qcow2) ;;
	*) atf_skip "this filesystem has reflinks: no chain" ;;
	esac
	# QEMU has the file open, so that the guest misses nothing.
	below=root/name/vm/a/data-d.raw
	mv "$below" kept
	for how in "" --stop; do
		# shellcheck disable=SC2086
		atf_check -s exit:65 -e inline:"snap-save: a: data-d.raw: missing\n" \
		    snap-save $how a
		vm_is a running
		counts_on a
	done
	mv kept "$below"
	snap_save --stop a
}
save__checks_itself_cleanup()
{
	vms_end
}

atf_test_case verify__form
verify__form_body()
{
	need
	vm_run a --storage 8M --cmdline "fill=4 dirty=4 rate=20"
	snap_save -n s --stop a
	# As one was saved whose disk was resized, before saves looked.
	sed 's/"storage": 8388608/"storage": 4194304/' \
	    root/name/snap/s/snapshot.json >changed
	cp changed root/name/snap/s/snapshot.json
	atf_check -s exit:65 -e match:"^snap-verify: s: .*8388608" snap-verify s
	atf_check -s exit:65 -e match:"8388608" vm-clone s
	atf_check -s exit:65 -e match:"8388608" \
	    snap-verify --from-dir "$(snap-ls -p dir s)"
}

# A second link may be a snapshot's: it keeps its bytes.
atf_test_case links__go_on_elsewhere cleanup
links__go_on_elsewhere_body()
{
	need
	vm_run a --storage 8M --cmdline "fill=4 dirty=4 rate=20"
	atf_check -o ignore vm-stop --force a
	cow=root/name/vm/a/cow.raw
	echo "of the snapshot" | dd of=$cow conv=notrunc status=none
	ln $cow kept
	sha256sum kept >sums
	atf_check -o ignore vm-start a
	# Nobody has the file with two links open to write.
	inode=$(stat -c %i kept)
	for fd in /proc/"$(pid_of a)"/fd/*; do
		[ "$(stat -L -c %i "$fd" 2>/dev/null)" != "$inode" ] ||
		    grep -q '^flags:.*0$' \
			"/proc/$(pid_of a)/fdinfo/${fd##*/}" ||
		    atf_fail "$fd is open to write"
	done
	counts_on a
	snap_save -n s a
	atf_check snap-verify s
	atf_check -o ignore sha256sum -c sums
	atf_check -o ignore vm-stop --force a
	# A copy of the whole root by links, as people make one.
	cp -al root other
	atf_check -o ignore vm-start a
	counts_on a
	find other -name 'cow*' -o -name '*.raw' | sort | xargs sha256sum >sums
	atf_check -o ignore vm-stop --force a
	atf_check -o ignore sha256sum -c sums
}
links__go_on_elsewhere_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case resize__while_stopped
	atf_add_test_case save__checks_itself
	atf_add_test_case verify__form
	atf_add_test_case links__go_on_elsewhere
}
