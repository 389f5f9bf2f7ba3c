#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-pull: what is here already, from a pull that was cut or in the store, is
# not fetched.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# Snapshot web in $INSTAR_ROOT, of 6 MiB that no compression makes smaller in
# memory.raw, and 1 MiB in cow.raw; pushed as oci-layout:lay:v1, of $full bytes.
plant()
{
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	cow=root/snap/$(id_of b)/cow.raw
	truncate -s 16M "$memory"
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 1835008' >random
	dd if=random of="$memory" bs=1M seek=3 count=6 conv=notrunc 2>dd.err
	dd if=random of="$cow" bs=1M skip=6 conv=notrunc 2>dd.err
	truncate -s 1000001 "$cow"
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	full=$(jq .bytes_moved record)
}

# What is there beneath snap/, but for empty directories that hold a name.
seen()
{
	find there/snap -mindepth 1 -maxdepth 1 ! \( -name '.new-*' -empty \) \
	    -printf '%f\n'
}

# From here on $INSTAR_ROOT is another store, without anything.
move_on()
{
	INSTAR_ROOT=$PWD/there
}

# is_back ID: its files are those of web.
is_back()
{
	atf_check cmp "$memory" "there/snap/$1/memory.raw"
	atf_check cmp "$cow" "there/snap/$1/cow.raw"
	atf_check snap-verify "$1"
	atf_check test "$(du -k "there/snap/$1/memory.raw" | cut -f 1)" -le 6200
}

# Bytes of pages with data in what a pull has left.
kept_bytes()
{
	perl -e 'for my $f (@ARGV) { open(F, "<", $f); binmode F;
	    while (read(F, $p, 4096)) { $n++ if $p =~ /[^\0]/ } }
	    print 4096 * $n, "\n"' there/snap/.kept-*/*.raw
}

# stopped PID: waits until it has stopped itself.
stopped()
{
	while [ "$(sed 's/.*) //' "/proc/$1/stat" | cut -c 1)" != T ]; do
		kill -0 "$1" || atf_fail "$(cat cut.err)"
		sleep 0.05
	done
}

# cut N: a pull that is killed once it has written N times.
cut_at()
{
	INSTAR_HOOK=pull-run=stop snap-pull oci-layout:lay:v1 >cut.out \
	    2>cut.err &
	pid=$!
	stopped $pid
	i=1
	while [ $i -lt "$1" ]; do
		kill -CONT $pid
		sleep 0.1
		stopped $pid
		i=$((i + 1))
	done
	kill -KILL $pid
	wait $pid
	atf_check_equal 137 $?
}

# What had been written is not fetched again, whenever it was killed.
atf_test_case resume__killed
resume__killed_head()
{
	atf_set require.progs "jq perl"
}
resume__killed_body()
{
	plant
	move_on
	for n in 1 4 8; do
		rm -rf there
		cut_at $n
		atf_check -o empty snap-ls
		kept=$(kept_bytes)
		atf_check test "$kept" -ge $((n * 4096))
		atf_check -o save:out snap-pull \
		    -p id,bytes_resumed,bytes_fetched,bytes_local \
		    oci-layout:lay:v1
		# shellcheck disable=SC2046
		set -- $(cat out)
		is_back "$1"
		atf_check_equal "$kept" "$2"
		atf_check_equal 0 "$4"
		# Each of its pages takes 4096 bytes; one frame may have been
		# written by half.
		atf_check test "$3" -le $((full - kept + 16 * 4200))
		atf_check_equal "$1" "$(seen)"
	done
}

# Of what was fetched as a whole nothing but the head is fetched again.
atf_test_case resume__whole
resume__whole_head()
{
	atf_set require.progs "jq perl"
}
resume__whole_body()
{
	plant
	move_on
	for step in pull-file pull-fetched import-checked root-publish; do
		rm -rf there
		atf_check -s signal:kill env INSTAR_HOOK=$step=kill \
		    snap-pull -n back oci-layout:lay:v1
		atf_check -o empty snap-ls
		atf_check -o save:out snap-pull -n back \
		    -p id,bytes_resumed,bytes_fetched oci-layout:lay:v1
		# shellcheck disable=SC2046
		set -- $(cat out)
		is_back "$1"
		atf_check_equal $(((1537 + 245) * 4096)) "$2"
		atf_check test "$3" -lt 6000
		atf_check -o inline:"back\n" snap-ls -p name
		atf_check_equal "$1" "$(seen)"
	done
}

# What was left is not believed: neither its bytes nor its files.
atf_test_case resume__torn
resume__torn_head()
{
	atf_set require.progs "jq perl"
}
resume__torn_body()
{
	plant
	move_on
	atf_check -s signal:kill env INSTAR_HOOK=pull-fetched=kill \
	    snap-pull oci-layout:lay:v1
	kept=$(echo there/snap/.kept-*)
	# In data, in a group that has some, in one that has none, behind the end.
	for at in 4000000 3000000 1000000 12000000 20000000; do
		printf torn | dd of="$kept/memory.raw" bs=1 seek=$at \
		    conv=notrunc 2>dd.err
	done
	truncate -s 500000 "$kept/cow.raw"
	mkdir "$kept/more"
	echo more >"$kept/more/file"
	atf_check -o save:out snap-pull -p id,bytes_resumed oci-layout:lay:v1
	is_back "$(cut -f 1 out)"
	atf_check_equal $(((1537 - 1 + 122) * 4096)) "$(cut -f 2 out)"
	atf_check_equal "$(cut -f 1 out)" "$(seen)"
}

# A pull that fails keeps what it has, and says so.
atf_test_case resume__failed
resume__failed_head()
{
	atf_set require.progs "jq perl"
}
resume__failed_body()
{
	plant
	move_on
	INSTAR_HOOK=pull-run=stop snap-pull oci-layout:lay:v1 2>err &
	pid=$!
	stopped $pid
	kill -TERM $pid
	kill -CONT $pid
	wait $pid
	atf_check_equal 143 $?
	atf_check -o inline:"snap-pull: oci-layout:lay:v1: what came of it is \
kept for the next pull\n" tail -n 1 err
	kept=$(kept_bytes)
	atf_check test "$kept" -gt 0
	atf_check -o save:out snap-pull -p id,bytes_resumed oci-layout:lay:v1
	is_back "$(cut -f 1 out)"
	atf_check_equal "$kept" "$(cut -f 2 out)"
	# What is damaged is not kept; what came before is.
	pack=$(jq -r '.layers[] | select(.mediaType | test("pack")).digest' \
	    "lay/blobs/sha256/$(jq -r .digest record | cut -d : -f 2)" |
	    cut -d : -f 2)
	cp -R lay whole
	printf torn | dd of="lay/blobs/sha256/$pack" bs=1 seek=5000000 \
	    conv=notrunc 2>dd.err
	rm -rf there
	atf_check -s exit:65 -e match:'memory.raw: byte [0-9]*: ' \
	    snap-pull oci-layout:lay:v1
	kept=$(kept_bytes)
	atf_check test "$kept" -gt 4000000
	atf_check -o save:out snap-pull -p id,bytes_resumed oci-layout:whole:v1
	is_back "$(cut -f 1 out)"
	atf_check_equal "$kept" "$(cut -f 2 out)"
	# Of what cannot be read at all there is nothing to keep.
	rm -rf there
	rm "lay/blobs/sha256/$pack"
	atf_check -s exit:65 -e save:err snap-pull oci-layout:lay:v1
	atf_check_equal 1 "$(wc -l <err)"
	atf_check -o empty ls -A there/snap
}

# One that fails before it has found anything throws nothing away.
atf_test_case resume__failed_early
resume__failed_early_head()
{
	atf_set require.progs "jq perl"
}
resume__failed_early_body()
{
	plant
	move_on
	cut_at 8
	truncate -s 0 there/snap/.kept-*/cow.raw
	kept=$(kept_bytes)
	atf_check test "$kept" -gt 0
	tree=$(jq -r '.layers[] | select(.mediaType | test("tree")).digest' \
	    "lay/blobs/sha256/$(jq -r .digest record | cut -d : -f 2)" |
	    cut -d : -f 2)
	mv "lay/blobs/sha256/$tree" tree
	atf_check -s exit:65 -e match:"$tree: No such file or directory$" \
	    snap-pull oci-layout:lay:v1
	atf_check_equal "$kept" "$(kept_bytes)"
	mv tree "lay/blobs/sha256/$tree"
	atf_check -o save:out snap-pull -p id,bytes_resumed oci-layout:lay:v1
	is_back "$(cut -f 1 out)"
	atf_check_equal "$kept" "$(cut -f 2 out)"
}

# Two at once: the second waits, and is told in the end.
atf_test_case resume__at_once
resume__at_once_head()
{
	atf_set require.progs "jq perl"
}
resume__at_once_body()
{
	plant
	move_on
	INSTAR_HOOK=pull-run=stop snap-pull -n one oci-layout:lay:v1 >one \
	    2>one.err &
	pid=$!
	stopped $pid
	hex=$(jq -r .digest record | cut -d : -f 2)
	atf_check -s exit:75 -e inline:"snap-pull: oci-layout:lay:v1: another \
pull of it: .kept-$hex: busy\n" snap-pull -n two oci-layout:lay:v1
	atf_check_equal ".kept-$hex" "$(seen)"
	atf_check -o inline:"one\n" ls -A there/name/snap
	# state-gc leaves it alone, however old it is.
	touch -d '8 days ago' "there/snap/.kept-$hex"
	atf_check state-gc
	kill -KILL $pid
	wait $pid
	atf_check -o match:unfinished state-gc -p kind,reason,path
	atf_check -o empty ls -A there/snap
	# What is no directory is nobody's, and is not waited for.
	touch "there/snap/.kept-$hex"
	atf_check -s exit:66 -e inline:"snap-pull: oci-layout:lay:v1: another \
pull of it: .kept-$hex: Not a directory\n" snap-pull oci-layout:lay:v1
}

# It is kept for a week.
atf_test_case resume__collected
resume__collected_head()
{
	atf_set require.progs "jq perl"
}
resume__collected_body()
{
	plant
	move_on
	atf_check -s signal:kill env INSTAR_HOOK=pull-file=kill \
	    snap-pull -n back oci-layout:lay:v1
	kept=$(echo there/snap/.kept-*)
	# The claim of the name is not.
	atf_check -o save:out state-gc -p kind,reason
	atf_check -o inline:"directory\tunfinished\nname\tdead\n" sort out
	atf_check test -d "$kept"
	touch -d '6 days ago' "$kept"
	atf_check state-gc
	touch -d '8 days ago' "$kept"
	atf_check -o inline:"directory\tunfinished\t$PWD/$kept\n" \
	    state-gc --dry-run -p kind,reason,path
	atf_check test -d "$kept"
	atf_check -o ignore state-gc
	atf_check -o empty ls -A there/snap
}

# What the store has is not fetched, page by page.
atf_test_case local__parent
local__parent_head()
{
	atf_set require.progs "jq perl"
}
local__parent_body()
{
	plant
	cp "$memory" before
	# A page, a few of a group, and a group that becomes zeros.
	for at in 1000 1200 1201 1300; do
		yes "page $at" | head -c 4096 | dd of="$memory" bs=4096 \
		    seek=$at conv=notrunc 2>dd.err
	done
	fallocate -p -o 4194304 -l 524288 "$memory"
	atf_check -o save:record2 snap-push oci-layout:lay:v2 \
	    --parent oci-layout:lay:v1 web
	move_on
	atf_check -o ignore snap-pull -n old oci-layout:lay:v1
	atf_check -o save:out snap-pull -n new --replace=rm \
	    -p id,bytes_fetched,bytes_local,bytes_resumed oci-layout:lay:v2
	# shellcheck disable=SC2046
	set -- $(cat out)
	is_back "$1"
	# Three leaves, and four pages that compress well.
	atf_check test "$2" -lt 30000
	atf_check_equal $(((1537 - 128 - 4 + 245) * 4096)) "$3"
	atf_check_equal 0 "$4"
	# And back again, while the other has the name that it takes.
	atf_check -o save:out snap-pull -n new --replace=rm \
	    -p id,bytes_fetched oci-layout:lay:v1
	atf_check cmp before "there/snap/$(cut -f 1 out)/memory.raw"
	atf_check test "$(cut -f 2 out)" -lt 8000
	# A sibling that is damaged is not believed.
	atf_check -o ignore snap-rm new
	printf torn | dd of="there/name/snap/old/memory.raw" bs=1 seek=3500000 \
	    conv=notrunc 2>dd.err
	atf_check -o save:out snap-pull -p id,bytes_local oci-layout:lay:v2
	is_back "$(cut -f 1 out)"
	atf_check_equal $(((1537 - 128 - 5 + 245) * 4096)) "$(cut -f 2 out)"
}

# change N: page N of web is another one.
change()
{
	yes "page $1" | head -c 4096 |
	    dd of="$memory" bs=4096 seek="$1" conv=notrunc 2>dd.err
}

# What was pulled, or pushed before, is built on, whatever tag is new.
atf_test_case lineage__own
lineage__own_head()
{
	atf_set require.progs "jq perl"
}
lineage__own_body()
{
	plant
	first=$(jq -r .digest record)
	atf_check -o inline:"700\n600\n" stat -c %a root/registry \
	    "root/registry/$(id_of b)"
	change 1000
	atf_check -o save:second snap-push oci-layout:lay:v2 web
	atf_check_equal "$first" "$(jq -r .parent second)"
	atf_check -o inline:"true\n" jq '.bytes_moved < 12000' second
	# By another path it is the same place; another place is not.
	ln -s lay link
	change 1001
	atf_check -o inline:"$(jq -r .digest second)\n" \
	    snap-push -p parent oci-layout:link:v3 web
	atf_check -o inline:"\n" snap-push -p parent oci-layout:other:v1 web
	# In another store, what was pulled.
	INSTAR_ROOT=$PWD/there
	atf_check -o ignore snap-pull -n old oci-layout:lay:v1
	# Only its id and its time are others, which the envelope has.
	atf_check -o save:third snap-push oci-layout:lay:v4 old
	third=$(jq -r .digest third)
	atf_check_equal "$first" "$(jq -r .parent third)"
	atf_check -o inline:"true\n2\n" jq '.bytes_moved < 4000, .blobs_moved' \
	    third
	# A dry run looks, too, and notes nothing.
	cp -R there/registry before
	atf_check -o inline:"$third\n" \
	    snap-push --dry-run -p parent oci-layout:lay:v5 old
	atf_check diff -r before there/registry
	# One that was collected since is passed over, and so is a wrong note.
	rm "lay/blobs/sha256/${third#sha256:}"
	atf_check -o inline:"\n" snap-push -p parent oci-layout:lay:v5 old
	for text in '' '{' '{"artifacts":[{}]}' '{"artifacts":{}}'; do
		printf %s "$text" >"there/registry/$(snap-ls -p id old)"
		atf_check -o inline:"\n" \
		    snap-push -p parent oci-layout:lay:v7 --dry-run old
	done
	# --parent goes first.
	atf_check -o inline:"$(jq -r .digest second)\n" snap-push -p parent \
	    --parent oci-layout:lay:v2 oci-layout:lay:v6 old
	atf_check -o inline:"\n" snap-push -p parent --parent none \
	    oci-layout:lay:v6 old
	# The note goes with the snapshot.
	id=$(snap-ls -p id old)
	atf_check -o ignore snap-rm old
	atf_check -o inline:"artifact\t$id\tdead\n" \
	    state-gc -p kind,id,reason
	atf_check -o empty ls -A there/registry
}

# And what the VM of the snapshot has come from.
atf_test_case lineage__vm
lineage__vm_head()
{
	atf_set require.progs "jq perl"
}
lineage__vm_body()
{
	need_tiny
	plant
	first=$(jq -r .digest record)
	snap_plant c next
	cp "$memory" "root/snap/$(id_of c)/memory.raw"
	memory=root/snap/$(id_of c)/memory.raw
	change 1000
	# It was saved from a VM that was cloned from web.
	atf_check -o ignore vm-create -n vm --kernel "$tiny"
	vm=$(vm-ls -p id vm)
	jq -c ".cloned_from = \"$(id_of b)\"" "root/vm/$vm/vm.json" >vm.json
	cp vm.json "root/vm/$vm/vm.json"
	echo "{\"storage_configs\":[],\"vm_id\":\"$vm\"}" \
	    >"root/snap/$(id_of c)/cocoon.json"
	atf_check -o save:second snap-push oci-layout:lay:v2 next
	atf_check_equal "$first" "$(jq -r .parent second)"
	# A later one of the same VM is built on the one before.
	snap_plant d last
	cp "$memory" "root/snap/$(id_of d)/memory.raw"
	cp "root/snap/$(id_of c)/cocoon.json" "root/snap/$(id_of d)"
	jq -c ".snapshot_ids = [\"$(id_of b)\", \"$(id_of c)\",
	    \"$(id_of d)\"]" vm.json >"root/vm/$vm/vm.json"
	atf_check -o inline:"$(jq -r .digest second)\n" \
	    snap-push -p parent oci-layout:lay:v3 last
	# Not on the one that came later.
	rm "root/registry/$(id_of c)"
	atf_check -o inline:"$first\n" snap-push -p parent \
	    oci-layout:lay:v4 next
	# Without the VM nobody knows.
	rm "root/registry/$(id_of c)"
	atf_check vm-rm vm
	atf_check -o inline:"\n" snap-push -p parent oci-layout:lay:v5 next
}

atf_init_test_cases()
{
	atf_add_test_case resume__killed
	atf_add_test_case resume__whole
	atf_add_test_case resume__torn
	atf_add_test_case resume__failed
	atf_add_test_case resume__failed_early
	atf_add_test_case resume__at_once
	atf_add_test_case resume__collected
	atf_add_test_case local__parent
	atf_add_test_case lineage__own
	atf_add_test_case lineage__vm
}
