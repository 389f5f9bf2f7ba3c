#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-push and snap-pull: a snapshot into an OCI image layout, and out of it.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# Snapshot web, of 8 MiB that no compression makes smaller, and holes.
plant()
{
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	truncate -s 16M "$memory"
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 2097152' | dd of="$memory" bs=1M seek=3 conv=notrunc 2>dd.err
	# Pages that occur again, in another file, too.
	dd if="$memory" of="$memory" bs=1M skip=4 seek=12 count=3 \
	    conv=notrunc 2>dd.err
	dd if="$memory" of="root/snap/$(id_of b)/cow.raw" bs=128K skip=64 \
	    count=6 conv=notrunc 2>dd.err
}

# same ID: its files are those of web, and as sparse.
same()
{
	for f in memory.raw cow.raw; do
		atf_check cmp "root/snap/$(id_of b)/$f" "root/snap/$1/$f"
		atf_check test "$(du -k "root/snap/$1/$f" | cut -f 1)" -le \
		    $(($(du -k "root/snap/$(id_of b)/$f" | cut -f 1) + 8))
	done
}

# lay_is DIGEST: the tag v1 leads there, and every blob is what its name says.
lay_is()
{
	atf_check -o inline:"$1\n" jq -r '.manifests[]
	    | select(.annotations["org.opencontainers.image.ref.name"] == "v1")
	    | .digest' lay/index.json
	(cd lay/blobs/sha256 && for f in *; do
		echo "$f  $f"
	done | sha256sum -c --quiet) >sums 2>&1 || atf_fail "$(cat sums)"
}

atf_test_case push__round_trip
push__round_trip_head()
{
	atf_set require.progs "jq perl"
}
push__round_trip_body()
{
	plant
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	lay_is "$(jq -r .digest record)"
	atf_check -o inline:"null\n0\n0\n" jq '.parent, .bytes_shared, .depth' \
	    record
	# Every byte that was moved lies there, and no other.
	atf_check_equal "$(jq .bytes_moved record)" \
	    "$(cat lay/blobs/sha256/* | wc -c)"
	atf_check_equal "$(jq .blobs_moved record)" \
	    "$(ls -A lay/blobs/sha256 | wc -l)"
	# Random bytes, some nine thousandths of hashes, and 48 bytes a group.
	atf_check test "$(jq .bytes_moved record)" -lt 8500000
	atf_check -o save:out snap-pull -n back -d 'once more' \
	    -p id,description,name,bytes_local oci-layout:lay:v1
	atf_check -o inline:"once more\tback\t0\n" cut -f 2- out
	same "$(cut -f 1 out)"
	atf_check snap-verify back
	# What lies there was read once.
	atf_check -o inline:"$(jq .bytes_moved record)\n" \
	    snap-pull -R other -p bytes_fetched oci-layout:lay:v1
	# By its digest, whatever has the tag.
	atf_check -o inline:"$(jq -r .digest record)\n" snap-pull -p digest \
	    "oci-layout:lay@$(jq -r .digest record)"
	# The only one there is.
	atf_check -o inline:"oci-layout:lay\n" snap-pull -p ref oci-layout:lay
	atf_check -o inline:"$(cut -f 1 out)\n" snap-pull -n back --replace=rm \
	    -p replaced oci-layout:lay
	atf_check -o inline:"700 600\n" sh -c "stat -c %a lay \
	    lay/blobs/sha256/* | sort -ru | xargs"
}

# The same again is nothing; a page that has changed is a page.
atf_test_case push__difference
push__difference_head()
{
	atf_set require.progs "jq perl"
}
push__difference_body()
{
	plant
	mkdir lay
	atf_check -o save:dry snap-push --dry-run oci-layout:lay:v1 web
	atf_check -o empty ls -A lay
	atf_check -o save:first snap-push oci-layout:lay:v1 web
	atf_check cmp dry first
	cp -R lay once
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	atf_check -o inline:"0\n0\n0\n" jq '.bytes_moved, .blobs_moved, .depth' \
	    record
	atf_check_equal "$(jq .digest first)" "$(jq .digest record)"
	atf_check diff -r lay once
	yes changed | head -c 4096 |
	    dd of="$memory" bs=4096 seek=1000 conv=notrunc 2>dd.err
	# What a dry run says is what is moved, and it moves nothing.
	atf_check -o save:dry snap-push --dry-run oci-layout:lay:v1 web
	atf_check diff -r lay once
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	atf_check cmp dry record
	atf_check -o inline:"true\n1\n" jq \
	    '.bytes_moved < 12000, .depth' record
	atf_check_equal "$(jq .digest first)" "$(jq .parent record)"
	lay_is "$(jq -r .digest record)"
	atf_check -o save:id snap-pull -p id oci-layout:lay:v1
	same "$(cat id)"
	# The one before is there by its digest.
	atf_check -o ignore snap-pull -n old \
	    "oci-layout:lay@$(jq -r .digest first)"
	atf_check snap-verify old
	atf_check -s exit:1 -o ignore cmp "$memory" root/name/snap/old/memory.raw
	# On another tag's, on nothing, and in another place.
	atf_check -o save:record snap-push --parent oci-layout:lay:v1 \
	    oci-layout:lay:v2 web
	atf_check -o inline:"true\n" jq '.bytes_moved < 3000' record
	atf_check -o save:record snap-push --parent none oci-layout:lay:v3 web
	atf_check -o inline:"true\n0\n" jq '.bytes_moved > 8000000, .depth' record
	atf_check -o save:record snap-push --parent oci-layout:lay:v1 \
	    oci-layout:there:v1 web
	atf_check -o inline:"true\n1\n" jq '.bytes_moved > 8000000, .depth' record
	atf_check -o save:id snap-pull -p id oci-layout:there:v1
	same "$(cat id)"
}

# After sixteen that build on one another everything is stored anew.
atf_test_case push__chain
push__chain_head()
{
	atf_set require.progs "jq perl"
}
push__chain_body()
{
	plant
	i=0
	while [ $i -le 17 ]; do
		printf 'push %d' $i | dd of="$memory" bs=4096 \
		    seek=$((1000 + i)) conv=notrunc 2>dd.err
		atf_check -o save:record snap-push oci-layout:lay:v1 web
		atf_check_equal $((i % 17)) "$(jq .depth record)"
		[ $((i % 17)) -eq 0 ] || atf_check_equal true \
		    "$(jq '.bytes_moved < 20000' record)"
		i=$((i + 1))
	done
	atf_check -o save:id snap-pull -p id oci-layout:lay:v1
	same "$(cat id)"
}

atf_test_case push__messages
push__messages_head()
{
	atf_set require.progs "jq perl"
}
push__messages_body()
{
	snap_plant b web
	mkdir other wrong
	touch other/file
	echo '{"schemaVersion":2,"manifests":[]}' >wrong/index.json
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	cp -R lay two
	jq -c '.manifests += .manifests' lay/index.json >two/index.json
	cp -R lay image
	text='{"schemaVersion":2,"config":{},"layers":[]}'
	sum=$(printf %s "$text" | sha256sum | cut -d ' ' -f 1)
	printf %s "$text" >"image/blobs/sha256/$sum"
	jq -c ".manifests[0].digest = \"sha256:$sum\"" lay/index.json \
	    >image/index.json
	ls -A root/snap >before
	hex=$(printf '%064d' 0)
	while IFS='|' read -r status command message; do
		# shellcheck disable=SC2086
		atf_check -s exit:"$status" \
		    -e inline:"${command%% *}: $message\n" $command
	done <<-END
		64|snap-push|no reference: where is it to be pushed?
		64|snap-push oci-layout:lay|no snapshot: what is to be pushed?
		64|snap-push oci-layout:lay web x|x: one snapshot is pushed
		64|snap-push lay web|lay: not HOST[:PORT]/NAME[:TAG], nor oci-layout:DIR[:TAG]
		64|snap-push oci-layout:lay@sha256:$hex web|oci-layout:lay@sha256:$hex: what is pushed gets a tag; its digest comes of it
		64|snap-push --parent x oci-layout:lay web|x: not HOST[:PORT]/NAME[:TAG], nor oci-layout:DIR[:TAG]
		66|snap-push oci-layout:lay none|none: no such snapshot in $PWD/root
		69|snap-push 127.0.0.1:1/golden:v3 web|127.0.0.1:1/golden: Connection refused
		69|snap-push --parent 127.0.0.1:1/golden oci-layout:lay web|127.0.0.1:1/golden: Connection refused
		73|snap-push oci-layout:other web|other: holds something that is no OCI layout
		73|snap-push --dry-run oci-layout:other web|other: holds something that is no OCI layout
		73|snap-push oci-layout:wrong web|wrong: holds something that is no OCI layout
		66|snap-push oci-layout:no/dir web|no/dir: No such file or directory
		66|snap-push --parent oci-layout:lay:v9 oci-layout:lay web|oci-layout:lay: parent: lay: no manifest has tag v9
		66|snap-push --parent oci-layout:none oci-layout:lay web|none: No such file or directory
		65|snap-push oci-layout:image:v1 web|oci-layout:image:v1: parent: manifest: no snapshot: its artifactType is "" (--parent none builds on nothing)
		65|snap-push oci-layout:two:v1 web|oci-layout:two:v1: two: index.json: two manifests have tag v1 (push to another directory)
		64|snap-pull|no reference: what is to be pulled?
		64|snap-pull oci-layout:lay x|x: one snapshot is pulled
		69|snap-pull 127.0.0.1:1/golden|127.0.0.1:1/golden: Connection refused
		66|snap-pull oci-layout:none|none: No such file or directory
		66|snap-pull oci-layout:other|other: no OCI layout: oci-layout: No such file or directory
		66|snap-pull oci-layout:lay:v2|oci-layout:lay:v2: lay: no manifest has tag v2
		66|snap-pull oci-layout:lay@sha256:$hex|oci-layout:lay@sha256:$hex: lay: $hex: No such file or directory
		73|snap-pull -n web oci-layout:lay|web: the name is taken: --replace moves it
		65|snap-pull oci-layout:image|oci-layout:image: manifest: no snapshot: its artifactType is ""
		65|snap-pull oci-layout:two|oci-layout:two: two: 2 manifests: say the tag of one
	END
	atf_check -o file:before ls -A root/snap
	# With --parent none the tag may have led anywhere.
	atf_check -o ignore snap-push --parent none oci-layout:image:v1 web
	atf_check -o ignore snap-pull -n image oci-layout:image:v1
}

# What other programs have in a layout stays there as it is.
atf_test_case push__layout_of_others
push__layout_of_others_head()
{
	atf_set require.progs "jq perl"
}
push__layout_of_others_body()
{
	snap_plant b web
	mkdir -p lay/blobs/sha256
	printf '{"imageLayoutVersion":"1.0.0"}' >lay/oci-layout
	hex=$(printf '%064d' 7)
	cat >lay/index.json <<-END
		{"schemaVersion":2,"manifests":[
		  {"mediaType":"a/b","digest":"sha256:$hex","size":7,
		   "platform":{"os":"linux"},
		   "annotations":{"org.opencontainers.image.ref.name":"v0"}},
		  {"mediaType":"a/b","digest":"sha256:$hex","size":7}],
		 "annotations":{"x":"y"}}
	END
	jq -c '.manifests, .annotations' lay/index.json >before
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	atf_check -o ignore snap-push oci-layout:lay web
	jq -c '.manifests[0:2], .annotations' lay/index.json >after
	atf_check cmp before after
	atf_check -o inline:'["v0",null,"v1","latest"]\n' jq -c '[.manifests[]
	    | .annotations["org.opencontainers.image.ref.name"]]' lay/index.json
	atf_check -o ignore snap-pull oci-layout:lay
	# And what is no index stays, too.
	echo '{"manifests":{}}' >lay/index.json
	atf_check -s exit:65 -e match:'lay: index.json: "manifests"' \
	    snap-push oci-layout:lay:v1 web
	atf_check -o inline:'{"manifests":{}}\n' cat lay/index.json
}

# What is damaged in a layout is put there anew, by a push that builds on nothing.
atf_test_case push__damaged_layout
push__damaged_layout_head()
{
	atf_set require.progs "jq perl"
}
push__damaged_layout_body()
{
	plant
	atf_check -o save:digest snap-push -q -p digest oci-layout:whole:v1 web
	manifest=whole/blobs/sha256/$(cut -d : -f 2 digest)
	cp -R root/snap/"$(id_of b)" kept
	for blob in $(jq -r '.config, .layers[] | .digest' "$manifest") \
	    "$(cat digest)"; do
		for how in gone short other; do
			rm -rf lay
			cp -R whole lay
			f=lay/blobs/sha256/${blob#*:}
			case $how in
			gone) rm "$f" ;;
			short) truncate -s -1 "$f" ;;
			other) printf '\377' | dd of="$f" bs=1 seek=3 \
			    conv=notrunc 2>dd.err ;;
			esac
			# Where it is needed it is seen, and the way out told.
			rc=0
			snap-push -q oci-layout:lay:v1 web >out 2>err || rc=$?
			case "$rc $(cat err)" in
			"0 " | 6[56]' '*' (--parent none builds on nothing)') ;;
			*) atf_fail "$blob $how: $rc $(cat err)" ;;
			esac
			[ "$blob" != "$(cat digest)" ] || [ $rc -ne 0 ] ||
			    atf_fail "$how: the manifest was not looked at"
			atf_check -o file:digest snap-push -q -p digest \
			    --parent none oci-layout:lay:v1 web
			atf_check diff -r whole/blobs lay/blobs
			atf_check -o save:id snap-pull -q -p id oci-layout:lay:v1
			atf_check cmp kept/memory.raw \
			    "root/snap/$(cat id)/memory.raw"
			atf_check snap-rm "$(cat id)"
		done
	done
}

# Where there is no room nothing half-made has a name.
atf_test_case push__no_room
push__no_room_head()
{
	atf_set require.progs "jq perl"
}
push__no_room_body()
{
	plant
	atf_check -s exit:74 -e match:'^snap-push: .*: File too large$' \
	    sh -c 'ulimit -f 4096; snap-push oci-layout:lay:v1 web'
	# Of the new layout there is an empty directory, or not even that.
	[ ! -e lay ] || atf_check -o empty ls -A lay
	mkdir -p lay
	atf_check -s exit:74 -e ignore \
	    sh -c 'ulimit -f 4096; snap-push oci-layout:lay:v1 web'
	[ ! -e lay ] || atf_check -o empty ls -A lay
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	# One that is there stays as it is.
	(cd lay && find . -ls | sort) >before
	atf_check -s exit:74 -e ignore sh -c 'ulimit -f 4096; exec snap-push \
	    --parent none oci-layout:lay:v2 web'
	(cd lay && find . -ls | sort) >after
	atf_check cmp before after
	atf_check -s exit:74 -e match:'memory.raw: File too large$' \
	    sh -c 'ulimit -f 4096; snap-pull oci-layout:lay:v1'
	atf_check -o inline:"$(id_of b)\n" ls -A root/snap
}

# A file that is not what was saved goes nowhere.
atf_test_case push__not_what_was_saved
push__not_what_was_saved_head()
{
	atf_set require.progs "jq perl"
}
push__not_what_was_saved_body()
{
	plant
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	# The pulled one has digests.
	atf_check -o save:id snap-pull -n back -p id oci-layout:lay:v1
	printf x | dd of="root/snap/$(cat id)/memory.raw" bs=1 seek=9000000 \
	    conv=notrunc 2>dd.err
	cp lay/index.json index
	atf_check -s exit:65 -e inline:"snap-push: oci-layout:lay:v1: \
memory.raw: differs from its digest\n" snap-push oci-layout:lay:v1 back
	atf_check cmp index lay/index.json
}

atf_test_case push__killed
push__killed_head()
{
	atf_set require.progs "jq perl"
}
push__killed_body()
{
	plant
	for step in layout-made layout-blob layout-blobs push-manifest; do
		rm -rf lay
		atf_check -s signal:kill env INSTAR_HOOK=$step=kill \
		    snap-push oci-layout:lay:v1 web
		atf_check -o empty find lay -name 'index.json'
		atf_check -o empty find lay/blobs -name '.*'
		atf_check -o save:record snap-push oci-layout:lay:v1 web
		lay_is "$(jq -r .digest record)"
	done
	yes changed | head -c 8192 |
	    dd of="$memory" bs=4096 seek=1000 conv=notrunc 2>dd.err
	for step in layout-blob layout-blobs push-manifest; do
		atf_check -s signal:kill env INSTAR_HOOK=$step=kill \
		    snap-push oci-layout:lay:v1 web
		lay_is "$(jq -r .digest record)"
		atf_check -o ignore snap-pull oci-layout:lay:v1
	done
	# What is there is not moved again.
	atf_check -o inline:"1\n" snap-push -p blobs_moved oci-layout:lay:v1 web
	atf_check -o save:id snap-pull -p id oci-layout:lay:v1
	same "$(cat id)"
}

# Two pushes at once: one moves the tag, the other is told.
atf_test_case push__tag_moved
push__tag_moved_head()
{
	atf_set require.progs "jq perl"
}
push__tag_moved_body()
{
	plant
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	yes changed | head -c 4096 |
	    dd of="$memory" bs=4096 seek=1000 conv=notrunc 2>dd.err
	INSTAR_HOOK=push-manifest=sleep:3000 snap-push --parent none \
	    oci-layout:lay:v1 web >late 2>late.err &
	sleep 1
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	wait $!
	atf_check_equal 75 $?
	atf_check -o inline:"snap-push: oci-layout:lay:v1: lay: tag v1 was moved \
meanwhile\n" cat late.err
	lay_is "$(jq -r .digest record)"
}

atf_test_case pull__killed
pull__killed_head()
{
	atf_set require.progs "jq perl"
}
pull__killed_body()
{
	plant
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	for step in pull-file pull-fetched import-checked; do
		atf_check -s signal:kill env INSTAR_HOOK=$step=kill \
		    snap-pull -n back oci-layout:lay:v1
		atf_check -o inline:"web\n" snap-ls -p name
		# What it has fetched is for the next one, for a week.
		touch -d '8 days ago' root/snap/.kept-*
		atf_check -o ignore state-gc
		atf_check -o inline:"$(id_of b)\n" ls -A root/snap
	done
	atf_check -o ignore snap-pull -n back oci-layout:lay:v1
}

# damaged: the pull of what has been damaged is refused, in one line, and there
# is nothing to be seen of it, but for the good pages that are kept.
damaged()
{
	snap-pull oci-layout:bad:v1 >out 2>err
	got=$?
	rm -rf root/snap/.kept-*
	[ $got -eq 65 ] || atf_fail "$1: status $got: $(cat err)"
	[ "$(wc -l <err)" -eq 1 ] || atf_fail "$1: $(cat err)"
	atf_check -o inline:"$(id_of b)\n" ls -A root/snap
}

atf_test_case pull__damaged
pull__damaged_head()
{
	atf_set require.progs "jq perl"
}
pull__damaged_body()
{
	plant
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	manifest=$(jq -r .digest record | cut -d : -f 2)
	jq -r '.config.digest, .layers[].digest' "lay/blobs/sha256/$manifest" |
	    cut -d : -f 2 >blobs
	atf_check_equal 4 "$(wc -l <blobs)"
	while read -r blob; do
		size=$(stat -c %s "lay/blobs/sha256/$blob")
		for at in 0 $((size / 2)) $((size - 1)); do
			rm -rf bad
			cp -R lay bad
			perl -e 'open(F, "+<", $ARGV[0]); seek(F, $ARGV[1], 0);
			    read(F, $c, 1); seek(F, $ARGV[1], 0);
			    print F chr(ord($c) ^ 16)' \
			    "bad/blobs/sha256/$blob" $at
			damaged "$blob: byte $at"
		done
		truncate -s -1 "bad/blobs/sha256/$blob"
		damaged "$blob: cut"
		truncate -s +2 "bad/blobs/sha256/$blob"
		damaged "$blob: longer"
		rm "bad/blobs/sha256/$blob"
		damaged "$blob: gone"
		ln -s /etc/passwd "bad/blobs/sha256/$blob"
		damaged "$blob: a link"
		rm "bad/blobs/sha256/$blob"
		mkdir "bad/blobs/sha256/$blob"
		damaged "$blob: a directory"
	done <blobs
	rm -rf bad
	cp -R lay bad
	rm "bad/blobs/sha256/$manifest"
	damaged "no manifest"
	for text in '' '[]' '{' '{"manifests":{}}' '{"manifests":[1]}' \
	    '{"manifests":[{"digest":"sha256:x"}]}' \
	    '{"manifests":[{"digest":"sha256:../../../../etc/passwd"}]}'; do
		printf %s "$text" >bad/index.json
		snap-pull oci-layout:bad >out 2>err
		[ $? -eq 65 ] || [ "$text" = '{"manifests":[1]}' ] ||
		    atf_fail "$text: $(cat err)"
		atf_check_equal 1 "$(wc -l <err)"
	done
	atf_check -o inline:"$(id_of b)\n" ls -A root/snap
}

# manifest FILTER: the artifact with another manifest, whose digests are right.
manifest()
{
	rm -rf bad
	cp -R lay bad
	jq -c "$1" "lay/blobs/sha256/$manifest" >text
	sum=$(sha256sum <text | cut -d ' ' -f 1)
	mv text "bad/blobs/sha256/$sum"
	jq -c ".manifests[0].digest = \"sha256:$sum\"" lay/index.json \
	    >bad/index.json
}

# Everything has its digest, and yet it is not what it should be.
atf_test_case pull__hostile
pull__hostile_head()
{
	atf_set require.progs "jq perl"
}
pull__hostile_body()
{
	plant
	atf_check -o save:record snap-push oci-layout:lay:v1 web
	manifest=$(jq -r .digest record | cut -d : -f 2)
	while read -r filter; do
		manifest "$filter"
		damaged "$filter"
	done <<-'END'
		.schemaVersion = 1
		.artifactType = "application/vnd.oci.image.manifest.v1+json"
		del(.artifactType)
		del(.config)
		.config.mediaType = "application/vnd.oci.empty.v1+json"
		.config.size = 0
		.config.size = 1048577
		.config.digest = .layers[0].digest
		.config = .layers[0]
		.layers = []
		.layers = .layers[1:]
		.layers = .layers[0:1]
		.layers = .layers[0:2]
		.layers |= [.[0], .[2], .[1]]
		.layers += .layers[1:2]
		.layers[0].size += 1
		.layers[1].size -= 1
		.layers[1].size = 1
		.layers[1].mediaType = "application/vnd.oci.image.layer.v1.tar"
		.layers[1].digest = .layers[2].digest
		.layers[2].digest = .layers[1].digest
		.layers[2].mediaType = .layers[1].mediaType
		.layers[2].digest = "sha512:" + .layers[2].digest[7:]
		.layers[2].digest = "sha256:../../../../etc/passwd"
		.layers[2].size = -1
		.layers = [range(1026) as $i | .layers[0]]
	END
	# Unknown members are nobody's fault.
	manifest '.subject = {"a":[1]} | .annotations.x = "y" |
	    .layers[1].urls = ["https://x/"] | .layers[0].annotations = {}'
	atf_check -o save:id snap-pull -p id oci-layout:bad:v1
	same "$(cat id)"
}

# A running guest, its layer, its clone: pushed, pulled into another root, run.
atf_test_case push__guest cleanup
push__guest_head()
{
	atf_set require.progs "qemu-system-x86_64 jq"
}
push__guest_body()
{
	head -c 1M /dev/urandom >base.img
	tiny_run web --base base.img --storage 16M
	atf_check -o ignore snap-save -n golden web
	atf_check -o save:first snap-push oci-layout:lay:v1 golden
	atf_check -o ignore snap-save -n later web
	atf_check -o save:second snap-push oci-layout:lay:v1 later
	atf_check -o inline:"true\n" jq -s \
	    '.[1].bytes_moved < .[0].bytes_moved / 4' first second
	# Nothing of the first root is needed.
	rm base.img
	atf_check -o save:pulled snap-pull -R there -n golden oci-layout:lay:v1
	atf_check -o inline:"0\nnull\n" jq '.bytes_local, .layers_missing' pulled
	atf_check snap-verify -R there --complete golden
	atf_check cmp root/name/snap/later/memory.raw \
	    there/name/snap/golden/memory.raw
	atf_check -o inline:"running\n" vm-clone -R there -n w -p state golden
	atf_check vm-wait -R there --timeout 60 --console 'tick' w
	# The layer is there by now, and so is all else.
	atf_check -o save:again snap-pull -R there oci-layout:lay:v1
	atf_check -o inline:"true\n" jq \
	    '.bytes_local > 1048576 and .bytes_fetched < 10000' again
}
push__guest_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

atf_init_test_cases()
{
	atf_add_test_case push__round_trip
	atf_add_test_case push__difference
	atf_add_test_case push__chain
	atf_add_test_case push__messages
	atf_add_test_case push__layout_of_others
	atf_add_test_case push__damaged_layout
	atf_add_test_case push__no_room
	atf_add_test_case push__not_what_was_saved
	atf_add_test_case push__killed
	atf_add_test_case push__tag_moved
	atf_add_test_case pull__killed
	atf_add_test_case pull__damaged
	atf_add_test_case pull__hostile
	atf_add_test_case push__guest
}
