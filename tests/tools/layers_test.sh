#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Snapshots of VMs with a base image on their way to another store.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# shellcheck disable=SC2086 # $there is a command of two words

# Snapshot "golden" of a VM over base.img in the store "here"; $hex is the
# layer's digest.  What comes next happens in the store "there", on a host where
# the image is nowhere.
golden()
{
	need_tiny
	INSTAR_ROOT=$PWD/here
	there="env INSTAR_ROOT=$PWD/there"
	head -c 3000000 /dev/urandom >base.img
	truncate -s 4M base.img
	tiny_run web --base base.img
	atf_check -o ignore snap-save -n golden --stop web
	mv base.img image
	hex=$(ls here/layer)
	size=4194304
	gone="layer base.raw (sha256:$hex, $size bytes) is not in $PWD/there"
}

# A clone of snapshot "golden" counts there.
runs_there()
{
	INSTAR_ROOT=$PWD/there
	atf_check -o inline:"running\n" vm-clone -n w1 -p state "$@"
	atf_check vm-wait --timeout 60 --console '^tick [0-9a-f]{8}$' w1
	atf_check cmp image "there/layer/$hex"
	atf_check -o ignore vm-rm --force w1
	INSTAR_ROOT=$PWD/here
}

atf_test_case export__with_layers
export__with_layers_body()
{
	golden
	atf_check -o ignore snap-export --with-layers -o a.tar.zst golden
	atf_check -o inline:"layer-$hex\n" sh -c \
	    "snap-export -p name --list a.tar.zst | grep layer"
	atf_check -o inline:"golden	\n" $there snap-import -n golden \
	    -p name,layers_missing a.tar.zst
	# In the store it is a layer, and no file of the snapshot.
	atf_check cmp image "there/layer/$hex"
	atf_check -s exit:1 -o empty sh -c "ls there/snap/* | grep layer"
	atf_check $there snap-verify --complete golden
	atf_check $there state-gc
	runs_there golden
	# The same bytes each time, from either store.
	atf_check cp a.tar.zst b.tar.zst
	atf_check -o ignore snap-export --with-layers -o b.tar.zst golden
	atf_check cmp a.tar.zst b.tar.zst
	# A clone needs no store that has it.
	rm -rf there
	runs_there --from-archive a.tar.zst
}
export__with_layers_cleanup()
{
	vms_end here there
}

atf_test_case export__without_layers
export__without_layers_body()
{
	golden
	atf_check -o ignore -e inline:"snap-export: warning: layer base.raw \
($size bytes) is not in the archive: --with-layers takes it along\n" \
	    snap-export -o a.tar.zst golden
	atf_check -e inline:"snap-import: warning: $gone\n" -o inline:"\
golden	[{\"name\":\"base.raw\",\"size\":$size,\"digest\":\"sha256:$hex\"}]\n" \
	    $there snap-import -n golden -p name,layers_missing a.tar.zst
	atf_check -e inline:"snap-verify: golden: warning: $gone\n" \
	    $there snap-verify golden
	atf_check -s exit:78 -e inline:"snap-verify: golden: $gone\n" \
	    $there snap-verify --complete golden
	atf_check -s exit:78 -e inline:"vm-clone: golden: $gone\n" \
	    $there vm-clone golden
	atf_check -o inline:"[{\"name\":\"base.raw\",\"size\":$size,\
\"digest\":\"sha256:$hex\",\"here\":false,\"path\":\"$PWD/base.img\"}]\n" \
	    $there snap-ls --layers -p layers golden
	# What cannot be taken along is said before a byte is written.
	for to in '-o b.tar' '--to-dir b'; do
		atf_check -s exit:66 -e match:"^snap-export: [a-z0-9]*: layer base.raw .* is not in .*/there\$" \
		    $there snap-export --with-layers $to golden
		atf_check -s exit:1 test -e "${to#* }"
	done
	# It comes by itself.
	head -c $size /dev/zero >other
	atf_check -s exit:65 -e inline:"snap-import: other: no layer of a \
snapshot here\n" $there snap-import --layer other
	atf_check -s exit:65 -e inline:"snap-import: a.tar.zst: no layer of a \
snapshot here\n" $there snap-import --layer a.tar.zst
	atf_check -o inline:"golden	\n" $there snap-import \
	    -p name,layers_missing --layer image
	atf_check $there snap-verify --complete golden
	runs_there golden
}
export__without_layers_cleanup()
{
	vms_end here there
}

atf_test_case import__layer_beside
import__layer_beside_body()
{
	golden
	atf_check -o ignore -e ignore snap-export -o a.tar.zst golden
	head -c 4096 /dev/zero >other
	atf_check -s exit:65 -e inline:"snap-import: standard input: --layer \
other: no layer of this snapshot\n" -x \
	    "INSTAR_ROOT=$PWD/there snap-import --layer other - <a.tar.zst"
	atf_check -o empty $there snap-ls
	atf_check -o inline:"golden	\n" $there snap-import -n golden \
	    -p name,layers_missing --layer image a.tar.zst
	runs_there golden
	for o in '-n x' '-d x' --require-digests '--layer x'; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:'^snap-import: --layer' \
		    snap-import --layer image $o
	done
}
import__layer_beside_cleanup()
{
	vms_end here there
}

atf_test_case export__directory_stands_alone
export__directory_stands_alone_body()
{
	golden
	atf_check -o ignore snap-export --to-dir dir golden
	atf_check cmp image "dir/layer-$hex"
	atf_check snap-verify --complete --from-dir dir
	runs_there --from-dir dir
	rm -rf there
	atf_check -o ignore $there snap-import -n golden --from-dir dir
	runs_there golden
	# One that has been written to is found.
	rm -rf there
	printf X | dd of="dir/layer-$hex" conv=notrunc 2>/dev/null
	atf_check -s exit:65 -e inline:"snap-import: dir: layer-$hex: differs \
from its digest\n" $there snap-import --from-dir dir
	atf_check -s exit:65 -e match:"layer-$hex: differs from its digest" \
	    $there vm-clone --from-dir dir
	rm "dir/layer-$hex"
	atf_check -s exit:65 -e match:"layer-$hex: missing" \
	    snap-verify --from-dir dir
}
export__directory_stands_alone_cleanup()
{
	vms_end here there
}

# Who does not know of layers in archives has them as files of the snapshot,
# as they come: from there, too, they go on and are found.
atf_test_case export__of_one_that_has_them_as_files
export__of_one_that_has_them_as_files_body()
{
	golden
	atf_check -o ignore snap-export --to-dir dir golden
	mkdir -p there/snap
	id=$(snap-ls -p id golden)
	cp -R dir "there/snap/$id"
	atf_check $there snap-verify --complete "$id"
	# What is a hole of a layer, the filesystem says.
	atf_check -o save:b $there snap-export --with-layers --dense "$id"
	atf_check -o save:a snap-export --with-layers --dense golden
	atf_check cmp a b
	runs_there "$id"
}
export__of_one_that_has_them_as_files_cleanup()
{
	vms_end here there
}

# What is refused leaves no layer behind that nobody names.
atf_test_case import__refused_leaves_none cleanup
import__refused_leaves_none_body()
{
	golden
	head -c 4194304 /dev/urandom >other.img
	atf_check -o ignore snap-export --with-layers -o a.tar golden
	atf_check -s exit:65 -e match:"--layer other.img: no layer of this" \
	    $there snap-import --layer other.img a.tar
	atf_check -o empty ls there/layer
	atf_check -o ignore $there snap-import -n golden --layer image a.tar
	atf_check cmp image "there/layer/$hex"
	atf_check -s exit:65 -e match:"other.img: no layer of a snapshot" \
	    $there snap-import --layer other.img
	atf_check -o inline:"$hex\n" ls there/layer
	# A good layer with a snapshot that breaks the form.
	rm -rf there
	mkdir d && tar -xf a.tar -C d --strip-components=0
	dir=$(dirname "$(find d -name snapshot.json)")
	echo '{}' >"$dir/cocoon.json"
	sed -i -e '/"digests": {/,/^  },\{0,1\}$/d' "$dir/snapshot.json"
	rm -f "$dir/snapshot.digests"
	atf_check -s exit:65 -e not-empty \
	    $there snap-import --from-dir "$dir"
	atf_check -o empty ls there/layer
}
import__refused_leaves_none_cleanup()
{
	vms_end here there
}

# A layer that was written to goes nowhere, and a good copy takes its place.
atf_test_case export__layer_written_to cleanup
export__layer_written_to_body()
{
	golden
	atf_check -o ignore snap-export --with-layers -o a.tar golden
	printf xx | dd of="here/layer/$hex" conv=notrunc status=none
	for to in "--with-layers -o b.tar" "--to-dir dir"; do
		# shellcheck disable=SC2086
		atf_check -s exit:65 -o empty \
		    -e match:"layer/$hex has been written to" \
		    snap-export $to golden
	done
	atf_check -s exit:1 test -e b.tar
	atf_check -s exit:1 test -e dir
	atf_check -o ignore snap-import -n again a.tar
	# Who has the file still has it; the store has the good one.
	atf_check snap-verify --complete again
	atf_check -o ignore snap-export --with-layers -o b.tar golden
	atf_check cmp a.tar b.tar
}
export__layer_written_to_cleanup()
{
	vms_end here there
}

# For cocoon, which knows no layers under an overlay, the base is in the image.
atf_test_case export__cocoon_with_base
export__cocoon_with_base_body()
{
	command -v qemu-img >/dev/null || atf_skip "no qemu-img here"
	golden
	atf_check -o ignore snap-export --cocoon -o a.tar golden
	mkdir x
	tar -C x -xf a.tar
	top=$(cd here/snap/* && ls | grep '^cow.*qcow2$' | tail -n 1)
	[ -n "$top" ] || atf_skip "the disk is no overlay here"
	(cd here/snap/* && ln "../../layer/$hex" base.raw &&
	    qemu-img convert -f qcow2 -O raw "$top" ../../../want &&
	    rm base.raw) || atf_fail "convert"
	atf_check cmp want x/cow.raw
	atf_check -s exit:1 grep -q backing x/cocoon.json
	atf_check_equal "" "$(ls -A here/snap | grep '^\.')"
	# It stands alone.
	atf_check -o inline:"golden\t\n" $there snap-import -n golden \
	    -p name,layers_missing a.tar
	atf_check $there snap-verify --complete golden
	atf_check -o inline:"running\n" $there vm-clone -n w1 -p state golden
	atf_check -o ignore $there vm-rm --force w1
	# And without its layer, it is told which one is wanted.
	rm -f "here/layer/$hex"
	atf_check -s exit:66 -e match:"^snap-export: .*layer base.raw \
\(sha256:$hex, $size bytes\) is not in $PWD/here\$" \
	    snap-export --cocoon -o b.tar golden
	atf_check test ! -e b.tar
}

atf_init_test_cases()
{
	atf_add_test_case export__cocoon_with_base
	atf_add_test_case import__refused_leaves_none
	atf_add_test_case export__layer_written_to
	atf_add_test_case export__with_layers
	atf_add_test_case export__without_layers
	atf_add_test_case import__layer_beside
	atf_add_test_case export__directory_stands_alone
	atf_add_test_case export__of_one_that_has_them_as_files
}
