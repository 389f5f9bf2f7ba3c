#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Signatures that go along with a snapshot, and are asked for on arrival.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/mounts.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"

# exported FILE: web, as a plain tar.
exported()
{
	atf_check -o ignore -e match:'layer base' \
	    snap-export --no-compress -o "$1" web
}

# taken WHAT ARGUMENT...: an import that counts.
taken()
{
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" -e match:'layer base' \
	    snap-import --signed-by allowed -p signed "$@"
}

# turned_away WHY ARGUMENT...: one that does not, and leaves nothing.
turned_away()
{
	why=$1
	shift
	ls -A root/snap >before
	atf_check -s exit:77 -e match:"^snap-import: .*refused: $why" \
	    snap-import "$@"
	atf_check -o file:before ls -A root/snap
}

atf_test_case archive__there_and_back
archive__there_and_back_body()
{
	plant_signed
	exported x
	atf_check -o inline:"snapshot.json\nsnapshot.sig\ncow.raw\nmemory.raw\n\
snapshot.digests\n" tar -tf x
	taken x
	taken -n other-name -d text - <x
	stored_counts --signed-by allowed other-name
	cmp root/name/snap/web/snapshot.sig \
	    root/name/snap/other-name/snapshot.sig ||
	    atf_fail "not the same signatures"
	# It lies beside the envelope, which does not name it.
	atf_check -s exit:1 grep snapshot.sig \
	    root/name/snap/other-name/snapshot.json
	# Compressed, and by a program that knows nothing of it.
	atf_check -o ignore -e ignore snap-export -o z web
	taken z
	mkdir un
	tar -xf x -C un
	taken --from-dir un
	(cd un && tar -cf ../again snapshot.json snapshot.sig cow.raw \
	    memory.raw snapshot.digests)
	taken again
	# Nobody has signed it: not a byte of it is another one.
	atf_check -o ignore snap-sign --remove all web
	exported plain
	atf_check -o inline:"snapshot.json\ncow.raw\nmemory.raw\n\
snapshot.digests\n" tar -tf plain
	turned_away "not signed, or packed in another order: cow.raw stands" \
	    --signed-by allowed plain
}

atf_test_case archive__refused
archive__refused_body()
{
	plant_signed
	exported x
	allow others you other
	turned_away "$(fingerprint_re me) .* is not in others" \
	    --signed-by others x
	turned_away "$(fingerprint_re me) .* is not in others" \
	    --signed-by others - <x
	turned_away "$(fingerprint_re me) .* is revoked by me.pub" \
	    --signed-by allowed --revoked me.pub x
	mkdir un
	tar -xf x -C un
	cd un || atf_fail "un"
	tar -cf ../cow-first cow.raw snapshot.json snapshot.sig memory.raw
	tar -cf ../sig-first snapshot.sig snapshot.json cow.raw memory.raw
	tar -cf ../sig-last snapshot.json cow.raw memory.raw snapshot.sig
	tar -cf ../envelope snapshot.json
	cd ..
	turned_away "begins with cow.raw" --signed-by allowed cow-first
	turned_away "begins with snapshot.sig" --signed-by allowed sig-first
	turned_away "not signed, or packed" --signed-by allowed sig-last
	turned_away "not signed" --signed-by allowed envelope
	# Who does not ask takes them all as they are.
	rm un/snapshot.digests
	(cd root/name/snap/web/ && tar -cf "$OLDPWD/y" memory.raw \
	    snapshot.sig cow.raw snapshot.json)
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" -e match:'layer base' \
	    snap-import -p signed y
}

# A stream that is refused is not read to its end: its writer is told.
atf_test_case archive__refused_early
archive__refused_early_body()
{
	plant_signed
	head -c 48M /dev/urandom >dir/memory.raw
	edit "del(.layers) | .config.memory = 50331648 |
	    .digests[\"memory.raw\"] = $(digest_of dir/memory.raw)"
	atf_check -o ignore snap-sign -k me --from-dir dir
	atf_check -o ignore snap-import -n large --from-dir dir
	atf_check -o ignore snap-export --no-compress -o x large
	: >nobody
	{ cat x 2>/dev/null; echo $? >status; } |
	    atf_check -s exit:77 -e match:"is not in nobody" \
		snap-import --signed-by nobody -
	atf_check_equal 141 "$(cat status)"
	# One that counts is read to its end.
	{ cat x; echo $? >status; } | atf_check -o ignore \
	    snap-import --signed-by allowed -
	atf_check_equal 0 "$(cat status)"
}

# What is in it must be what was signed, and all of it.
atf_test_case archive__not_what_was_signed
archive__not_what_was_signed_body()
{
	plant_signed
	cp -R "$(readlink -f root/name/snap/web)" un
	echo more >un/extra
	(cd un && tar -cf ../more snapshot.json snapshot.sig cow.raw \
	    memory.raw extra)
	ls -A root/snap >before
	atf_check -s exit:65 -e match:"extra: .*not in the envelope" \
	    snap-import --signed-by allowed more
	atf_check -s exit:65 -e match:"extra: has no digest" \
	    snap-import --signed-by allowed --from-dir un
	# Without the question it is taken, and nobody has signed that.
	atf_check -o inline:"\n" -e match:"left out: snapshot.sig: not of what \
was taken in" -e match:'layer base' snap-import -p signed more
	rm un/extra
	printf 'MEMORY' >un/memory.raw
	(cd un && tar -cf ../changed snapshot.json snapshot.sig cow.raw \
	    memory.raw)
	atf_check -s exit:65 -e match:"memory.raw: " \
	    snap-import --signed-by allowed changed
	atf_check -s exit:65 -e match:"memory.raw: " \
	    snap-import --signed-by allowed --from-dir un
	# The signatures of something else go along, as nobody has looked.
	atf_check_equal 2 "$(ls -A root/snap | wc -l)"
}

atf_test_case archive__signatures_are_none
archive__signatures_are_none_body()
{
	plant_signed
	cp -R "$(readlink -f root/name/snap/web)" un
	echo text >un/snapshot.sig
	(cd un && tar -cf ../bad snapshot.json snapshot.sig cow.raw memory.raw)
	turned_away "snapshot.sig: byte 0: no signature begins here" \
	    --signed-by allowed bad
	atf_check -o inline:"\n" \
	    -e match:"left out: snapshot.sig: byte 0: no signature" \
	    -e match:'layer base' snap-import -p signed bad
	atf_check -o inline:"\n" \
	    -e match:"left out: snapshot.sig: byte 0: no signature" \
	    -e match:'layer base' snap-import -p signed --from-dir un
	head -c 70000 /dev/zero >un/snapshot.sig
	(cd un && tar -cf ../large snapshot.json snapshot.sig cow.raw memory.raw)
	atf_check -s exit:65 -e match:"snapshot.sig: .*larger than 65536" \
	    snap-import large
}

atf_test_case dir__copied_by_anything
dir__copied_by_anything_body()
{
	plant_signed
	cp -R "$(readlink -f root/name/snap/web)" copy
	taken --from-dir copy
	atf_check snap-verify --from-dir copy --signed-by allowed
	mkdir unpacked
	tar -C root/name/snap/web/ -c . | tar -C unpacked -x
	taken --from-dir unpacked
	rm copy/snapshot.sig
	turned_away "not signed" --signed-by allowed --from-dir copy
	# Another program's cannot have been.
	sandbox_make
	yes base | head -c 1048576 >base.img
	turned_away "not signed: another program's" --signed-by allowed \
	    --from-dir sandbox --base base.img
}

# A layer that goes along, or stays, is the same layer: what was signed says so.
atf_test_case layers__along_and_apart
layers__along_and_apart_body()
{
	need_keygen
	key_make me
	allow allowed me me
	plant_dir dir
	yes layer | head -c 8192 >base
	edit ".layers.base = $(digest_of base)"
	hex=$(jq -r .layers.base.fsverity dir/snapshot.json)
	file=layer-${hex#sha256:}
	atf_check -o ignore snap-sign -k me --from-dir dir
	taken_whole -n apart --layer base --from-dir dir
	cp base "dir/$file"
	edit ".files += [\"$file\"] | .digests[\"$file\"] = .layers.base"
	atf_check snap-verify --from-dir dir --signed-by allowed
	taken_whole -n along --from-dir dir
	atf_check snap-verify --signed-by allowed apart along
	atf_check -o ignore snap-export --with-layers -o x apart
	atf_check -o match:"^$file\$" snap-export -p name --list x
	atf_check -o ignore snap-push -q oci-layout:lay:v1 along
	INSTAR_ROOT=$PWD/elsewhere
	taken_whole x
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" \
	    snap-pull --signed-by allowed -p signed oci-layout:lay:v1
	atf_check snap-verify --signed-by allowed --complete
	# One that is called so and is something else is not.
	yes other | head -c 8192 >"dir/$file"
	edit ".digests[\"$file\"] = $(digest_of "dir/$file")"
	atf_check -s exit:77 -e match:"Signature verification failed" \
	    snap-import --signed-by allowed --from-dir dir
}

# taken_whole ARGUMENT...: an import that counts, with its layer.
taken_whole()
{
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" \
	    snap-import --signed-by allowed -p signed "$@"
}

atf_test_case registry__push_and_pull
registry__push_and_pull_body()
{
	plant_signed
	# A layer that is not here cannot go along.
	edit 'del(.layers)'
	atf_check -o ignore snap-sign -k me --from-dir dir
	atf_check -o ignore snap-import -n plain --from-dir dir
	atf_check -o ignore snap-push -q oci-layout:lay:v1 plain
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" \
	    snap-pull -n got --signed-by allowed -p signed oci-layout:lay:v1
	atf_check snap-verify --signed-by allowed got
	atf_check -s exit:1 grep snapshot.sig root/name/snap/got/snapshot.json
	: >nobody
	ls -A root/snap >before
	atf_check -s exit:77 -e match:"^snap-pull: oci-layout:lay:v1: refused: \
$(fingerprint_re me) .* is not in nobody" \
	    snap-pull --signed-by nobody oci-layout:lay:v1
	atf_check -o file:before ls -A root/snap
	# Signed once more, nothing but the manifest is new.
	atf_check -o ignore snap-sign -k other plain
	atf_check -o inline:"1\n" \
	    snap-push -q -p blobs_moved oci-layout:lay:v1 plain
	atf_check -o inline:"[\"$(fingerprint me)\",\"$(fingerprint other)\"]\n" \
	    snap-pull -p signed oci-layout:lay:v1
	# And taken away again: as one that nobody has ever signed.
	atf_check -o ignore snap-sign --remove all plain
	atf_check -o ignore snap-push -q oci-layout:lay:v2 plain
	atf_check -s exit:77 -e match:"refused: not signed" \
	    snap-pull --signed-by allowed oci-layout:lay:v2
	atf_check -o inline:"\n" snap-pull -p signed oci-layout:lay:v2
}

atf_test_case registry__mount cleanup
registry__mount_head()
{
	atf_set require.files "/dev/fuse"
}
registry__mount_body()
{
	plant_layout
	need_fuse
	need_keygen
	key_make me
	allow allowed me me
	: >nobody
	atf_check -s exit:77 -e match:"refused: not signed" \
	    snap-mount --signed-by allowed oci-layout:lay:v1 mnt
	atf_check -s not-exit:0 mountpoint -q mnt
	atf_check -o ignore snap-sign -k me web
	atf_check -o ignore snap-push -q oci-layout:lay:v1 web
	atf_check -s exit:77 -e match:"is not in nobody" \
	    snap-mount --signed-by nobody oci-layout:lay:v1 mnt
	atf_check -s not-exit:0 mountpoint -q mnt
	mount_it --signed-by allowed
	atf_check -o inline:"cow.raw\nmemory.raw\nsnapshot.json\nsnapshot.sig\n\
state.qemu\n" ls mnt
	atf_check cmp mnt/snapshot.sig root/name/snap/web/snapshot.sig
	atf_check snap-verify --from-dir mnt --signed-by allowed
	atf_check -o match:SHA256 snap-import -n again --from-dir mnt \
	    --signed-by allowed -p name,signed
	umount_it mnt
}
registry__mount_cleanup()
{
	mounts_end
}

# A pipe through age: cut at every 64 KiB, before it or behind it, the stream is
# short, the import sees that, and nothing is left.
atf_test_case encrypted__cut_anywhere
encrypted__cut_anywhere_head()
{
	atf_set require.progs "age age-keygen"
}
encrypted__cut_anywhere_body()
{
	plant_dir dir
	edit 'del(.layers, .digests)'
	head -c 400000 /dev/urandom >dir/memory.raw
	atf_check -o ignore snap-import -n web --from-dir dir
	age-keygen -o key 2>/dev/null
	to=$(age-keygen -y key)
	snap-export web >plain 2>err || atf_fail "$(cat err)"
	age -r "$to" <plain >secret || atf_fail "age"
	# Whole, it is the one that was.
	age -d -i key secret | atf_check -o inline:"again\n" \
	    snap-import -n again -p name -
	atf_check cmp dir/memory.raw root/name/snap/again/memory.raw
	ls -A root/snap >before
	n=0
	size=$(stat -c %s secret)
	for at in $(seq 65536 65536 "$size") 0 $((size - 1)); do
		# Of what is decrypted, that many bytes and no status.
		head -c "$at" secret >cut
		age -d -i key <cut 2>/dev/null >short
		[ $? -ne 0 ] || atf_fail "age takes $at bytes for the whole"
		atf_check -s exit:65 -e not-empty -o empty snap-import - <short
		head -c "$at" plain | head -c "$(($(stat -c %s plain) - 1))" \
		    >short
		atf_check -s exit:65 -e not-empty -o empty snap-import - <short
		atf_check -o file:before ls -A root/snap
		n=$((n + 1))
	done
	[ $n -ge 8 ] || atf_fail "$n cuts"
	# A pipe tells it by its status, too.
	head -c 131072 secret >cut
	atf_check -s exit:65 -e ignore bash -c \
	    'set -o pipefail; age -d -i key <cut | snap-import -'
	# A byte that was changed ends it as well.
	cp secret bad
	printf x | dd of=bad bs=1 seek=200000 conv=notrunc status=none
	atf_check -s exit:65 -e ignore bash -c 'age -d -i key <bad | snap-import -'
	atf_check -o file:before ls -A root/snap
}

atf_init_test_cases()
{
	atf_add_test_case archive__there_and_back
	atf_add_test_case archive__refused
	atf_add_test_case archive__refused_early
	atf_add_test_case archive__not_what_was_signed
	atf_add_test_case archive__signatures_are_none
	atf_add_test_case dir__copied_by_anything
	atf_add_test_case layers__along_and_apart
	atf_add_test_case registry__push_and_pull
	atf_add_test_case registry__mount
	atf_add_test_case encrypted__cut_anywhere
}
