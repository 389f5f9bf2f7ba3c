#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Who has signed a snapshot, and whether that counts, by the real ssh-keygen.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"

# plant_dir_signed: as plant_signed, without a store.
plant_dir_signed()
{
	need_keygen
	key_make me
	key_make other
	allow allowed me me
	plant_dir dir
	atf_check -o ignore snap-sign -k me --from-dir dir
	me=$(fingerprint_re me)
}

# resigned NAMESPACE KEY: what is in dir is signed by hand, and by nobody else.
resigned()
{
	signed_text dir/snapshot.json |
	    ssh-keygen -q -Y sign -n "$1" -f "$2" 2>/dev/null >sig ||
	    atf_fail "not signed"
	mv sig dir/snapshot.sig
}

atf_test_case counts__who_is_allowed
counts__who_is_allowed_body()
{
	plant_dir_signed
	counts_as_signed --signed-by allowed
	counts_as_signed --signed-by allowed --as me
	allow by_pattern '*@example.org' me
	counts_as_signed --signed-by by_pattern
	counts_as_signed --signed-by by_pattern --as you@example.org
	allow named me me 'namespaces="file,instar-snapshot@v1"'
	counts_as_signed --signed-by named
	allow in_time me me 'valid-after="20200101",valid-before="20990101"'
	counts_as_signed --signed-by in_time
	# Lines that say nothing, and a file that can be read once.
	{ echo "# text"; echo; cat allowed; } >lines
	counts_as_signed --signed-by lines
	mkfifo once
	cat allowed >once &
	counts_as_signed --signed-by once
	# Whoever was revoked, it is not this one.
	counts_as_signed --signed-by allowed --revoked other.pub
}

atf_test_case refused__expired
refused__expired_body()
{
	plant_dir_signed
	allow old me me 'valid-before="20200101"'
	refused "$me .ssh-ed25519. does not count: old:1: key has expired" \
	    --signed-by old
	refused "$me .ssh-ed25519. does not count: old:1: key has expired" \
	    --signed-by old --as me
}

atf_test_case refused__not_yet_valid
refused__not_yet_valid_body()
{
	plant_dir_signed
	allow soon me me 'valid-after="20990101"'
	refused "$me .ssh-ed25519. does not count: soon:1: key is not yet valid" \
	    --signed-by soon
}

atf_test_case refused__allowed_for_something_else
refused__allowed_for_something_else_body()
{
	plant_dir_signed
	allow files me me 'namespaces="file"'
	refused "$me .ssh-ed25519. does not count: files:1: key is not permitted \
for use in signature namespace \"instar-snapshot@v1\"" --signed-by files
}

atf_test_case refused__signed_as_something_else
refused__signed_as_something_else_body()
{
	plant_dir_signed
	for space in file instar-snapshot@v instar-snapshot@v1x \
	    instar-snapshot@v2; do
		resigned $space me
		refused "$me .ssh-ed25519. signed it as \"$space\", not as \
\"instar-snapshot@v1\"" --signed-by allowed
	done
	resigned instar-snapshot@v1 me
	counts_as_signed --signed-by allowed
}

atf_test_case refused__another_principal
refused__another_principal_body()
{
	plant_dir_signed
	allow allowed you other
	refused "$me .ssh-ed25519. is not you's by allowed" \
	    --signed-by allowed --as you
	refused "$me .ssh-ed25519. is not nobody's by allowed" \
	    --signed-by allowed --as nobody
	# An option's letter, a list and a pattern are nobody's names.
	for name in -x 'me,you' '*'; do
		refused "$me .ssh-ed25519. is not" \
		    --signed-by allowed "--as=$name"
	done
}

atf_test_case refused__unknown_key
refused__unknown_key_body()
{
	plant_dir_signed
	allow others you other
	refused "$me .ssh-ed25519. is not in others" --signed-by others
	: >nobody
	refused "$me .ssh-ed25519. is not in nobody" --signed-by nobody
	refused "$me .ssh-ed25519. is not in others" --signed-by others --as me
}

# A public key alone, where a file of allowed signers is to be.
atf_test_case refused__no_names
refused__no_names_body()
{
	plant_dir_signed
	refused "$me .ssh-ed25519. does not count: me.pub:1: invalid key \
.a line is: name, type of key, key.$" --signed-by me.pub
}

atf_test_case refused__revoked
refused__revoked_body()
{
	plant_dir_signed
	refused "$me .ssh-ed25519. is revoked by me.pub" \
	    --signed-by allowed --revoked me.pub
	cat other.pub me.pub >both
	refused "$me .ssh-ed25519. is revoked by both" \
	    --signed-by allowed --revoked both --as me
}

atf_test_case refused__revoked_by_krl
refused__revoked_by_krl_body()
{
	plant_dir_signed
	ssh-keygen -q -k -f krl me.pub
	refused "$me .ssh-ed25519. is revoked by krl" \
	    --signed-by allowed --revoked krl
	ssh-keygen -q -k -f krl other.pub
	counts_as_signed --signed-by allowed --revoked krl
}

# One that is none revokes everything rather than nothing.
atf_test_case refused__revocations_are_none
refused__revocations_are_none_body()
{
	plant_dir_signed
	echo "no keys" >krl
	atf_check -s exit:77 -e match:"^snap-verify: dir: refused: $me" \
	    snap-verify --from-dir dir --signed-by allowed --revoked krl
}

atf_test_case refused__unsigned
refused__unsigned_body()
{
	plant_dir_signed
	rm dir/snapshot.sig
	atf_check -s exit:77 -e inline:"snap-verify: dir: refused: not signed\n" \
	    snap-verify --from-dir dir --signed-by allowed
	snap_plant abc web
	atf_check -s exit:77 -e inline:"snap-verify: web: refused: not signed\n" \
	    snap-verify --signed-by allowed web
	# A file without a digest can be anything.
	cp dir/snapshot.json was
	resigned instar-snapshot@v1 me
	edit 'del(.digests["cow.raw"])'
	refused "cannot have been signed: snapshot.json: cow.raw: has no digest" \
	    --signed-by allowed
	cp was dir/snapshot.json
	counts_as_signed --signed-by allowed
}

atf_test_case refused__truncated
refused__truncated_body()
{
	plant_dir_signed
	cp dir/snapshot.sig whole
	size=$(stat -c %s whole)
	for n in 0 1 29 30 31 60 150 $((size - 30)) $((size - 27)) \
	    $((size - 26)) $((size - 1)); do
		head -c "$n" whole >dir/snapshot.sig
		refused "snapshot.sig: " --signed-by allowed
	done
	# A line of it is missing, or doubled.
	sed 3d whole >dir/snapshot.sig
	refused "snapshot.sig: signature 1: is none" --signed-by allowed
	sed 3p whole >dir/snapshot.sig
	refused "snapshot.sig: signature 1: is none" --signed-by allowed
	cp whole dir/snapshot.sig
	counts_as_signed --signed-by allowed
}

atf_test_case refused__text_around
refused__text_around_body()
{
	plant_dir_signed
	cp dir/snapshot.sig whole
	{ echo text; cat whole; } >dir/snapshot.sig
	refused "snapshot.sig: byte 0: no signature begins here" \
	    --signed-by allowed
	{ cat whole; echo text; } >dir/snapshot.sig
	refused "snapshot.sig: byte $(stat -c %s whole): no signature begins" \
	    --signed-by allowed
	{ cat whole; echo; cat whole; } >dir/snapshot.sig
	refused "snapshot.sig: byte $(stat -c %s whole): no signature begins" \
	    --signed-by allowed
	sed 's/$/\r/' whole >dir/snapshot.sig
	refused "snapshot.sig: byte 0: no signature begins" --signed-by allowed
	{ cat whole; head -c 66000 /dev/zero | tr '\0' x; } >dir/snapshot.sig
	refused "snapshot.sig: " --signed-by allowed
}

atf_test_case refused__bytes_changed
refused__bytes_changed_body()
{
	plant_dir_signed
	cp dir/snapshot.sig whole
	# A bit of the key, of the signature itself, of the form's version.
	for at in 130 260 42; do
		cp whole dir/snapshot.sig
		c=$(dd if=whole bs=1 skip=$at count=1 status=none)
		if [ "$c" = A ]; then c=B; else c=A; fi
		printf %s "$c" | dd of=dir/snapshot.sig bs=1 seek=$at \
		    conv=notrunc status=none
		atf_check -s exit:77 -e match:"^snap-verify: dir: refused: " \
		    snap-verify --from-dir dir --signed-by allowed
	done
}

atf_test_case refused__signature_of_another
refused__signature_of_another_body()
{
	plant_dir_signed
	mv dir/snapshot.sig sig
	printf other >dir/memory.raw
	edit ".digests[\"memory.raw\"] = $(digest_of dir/memory.raw)"
	cp sig dir/snapshot.sig
	refused "$me .ssh-ed25519. does not count: Signature verification failed" \
	    --signed-by allowed
	# Without the question it is as good as any.
	atf_check snap-verify --from-dir dir
}

# Each member that means anything is signed.
atf_test_case refused__envelope_changed
refused__envelope_changed_body()
{
	plant_dir_signed
	cp dir/snapshot.json was
	zero=sha256:$(printf '%064d' 0)
	for change in ".digests[\"cow.raw\"].fsverity = \"$zero\"" \
	    '.digests["cow.raw"].size = 7' \
	    '.files += ["more"] | .digests.more = .digests["cow.raw"]' \
	    '.files -= ["cow.raw"] | del(.digests["cow.raw"])' \
	    ".layers.base.fsverity = \"$zero\"" '.layers.base.size = 4096' \
	    '.layers.second = .layers.base' 'del(.layers)' \
	    '.layers.base.path = "/etc/passwd"' \
	    '.host.vmm = "other"' 'del(.host)' '.config.memory = 4096' \
	    '.config.hypervisor = "firecracker"' '.config.future = "else"' \
	    '.later = [1, false]' '.more = 1' '.consistent = "filesystem"' \
	    "(.files += [\"layer-${zero#*:}\"]) |
	    .digests[\"layer-${zero#*:}\"] = .digests[\"cow.raw\"]"; do
		cp was dir/snapshot.json
		edit "$change"
		refused "$me .ssh-ed25519. does not count: Signature" \
		    --signed-by allowed
	done
}

# What an import writes anew is not, nor what lies beside.
atf_test_case counts__envelope_of_another_store
counts__envelope_of_another_store_body()
{
	plant_dir_signed
	edit '.config.id = "x" | .config.name = "y" | del(.config.description) |
	    .created_at = "2020-01-01T00:00:00Z" | .files |= reverse'
	counts_as_signed --signed-by allowed
	edit '{later, host, layers, digests, files, config, version}'
	counts_as_signed --signed-by allowed
	# On the way it is one of the files, as a layer may be.
	sig=$(digest_of dir/snapshot.sig)
	edit ".files += [\"snapshot.sig\"] | .digests[\"snapshot.sig\"] = $sig"
	counts_as_signed --signed-by allowed
	jq -c . dir/snapshot.json >compact
	mv compact dir/snapshot.json
	counts_as_signed --signed-by allowed
}

atf_test_case counts__one_of_several
counts__one_of_several_body()
{
	plant_dir_signed
	atf_check -o ignore snap-sign -k other --from-dir dir
	key_make third
	atf_check -o ignore snap-sign -k third --from-dir dir
	allow others you other
	counts_as_signed --signed-by others
	# Of those that do not, each is told.
	: >nobody
	refused "$me .* is not in nobody; $(fingerprint_re other) .* is not in \
nobody; $(fingerprint_re third) .* is not in nobody" --signed-by nobody
	key_make fourth
	atf_check -o ignore snap-sign -k fourth --from-dir dir
	refused "$me .* and 1 more do not count" --signed-by nobody
}

atf_test_case files__cannot_be_had
files__cannot_be_had_body()
{
	plant_dir_signed
	for args in "--signed-by none" "--signed-by allowed --revoked none"; do
		# shellcheck disable=SC2086
		atf_check -s exit:66 \
		    -e inline:"snap-verify: none: No such file or directory\n" \
		    snap-verify --from-dir dir $args
	done
	mkdir folder
	atf_check -s not-exit:0 -e match:"^snap-verify: folder: " \
	    snap-verify --from-dir dir --signed-by folder
	echo "me ssh-ed25519 AAAA" >junk
	refused "$me .ssh-ed25519. does not count: junk:1: " --signed-by junk
	atf_check -s exit:69 \
	    -e inline:"snap-verify: dir: ssh-keygen: program not found\n" \
	    env PATH="$top/snap-verify" snap-verify --from-dir dir \
	    --signed-by allowed
}

# What is not a file is never waited for.
atf_test_case files__no_file
files__no_file_body()
{
	plant_dir_signed
	mv dir/snapshot.sig sig
	mkfifo dir/snapshot.sig
	refused "snapshot.sig: " --signed-by allowed
	rm dir/snapshot.sig
	ln -s ../sig dir/snapshot.sig
	refused "snapshot.sig: " --signed-by allowed
}

atf_test_case environment__rule_for_all
environment__rule_for_all_body()
{
	plant_signed
	allow others you other
	INSTAR_SIGNERS=others
	export INSTAR_SIGNERS
	why=": refused: $(fingerprint_re me) .ssh-ed25519. is not in others"
	atf_check -s exit:77 -e match:"^snap-verify: [a-z2-7]*$why" snap-verify
	atf_check -s exit:77 -e match:"^snap-import: dir$why" \
	    snap-import --from-dir dir
	atf_check -s exit:77 -e match:"^vm-clone: web$why" vm-clone web
	atf_check -s exit:77 -e match:"^vm-clone: dir$why" \
	    vm-clone --from-dir dir
	atf_check -s exit:77 -e match:"^vm-clone: web$why" \
	    vm-clone --from-pool web
	atf_check -s exit:77 -e match:"^vm-restore: web$why" vm-restore x web
	# An option is a rule of its own, and goes before it.
	stored_counts --signed-by allowed web
	atf_check -s exit:77 -e match:"is not you's by" \
	    env INSTAR_SIGNERS=allowed snap-verify --as you web
	INSTAR_SIGNERS=none
	atf_check -s exit:66 \
	    -e inline:"snap-verify: none: No such file or directory\n" \
	    snap-verify web
	INSTAR_SIGNERS=
	stored_counts web
	unset INSTAR_SIGNERS
	for option in --as --revoked; do
		atf_check -s exit:64 -e inline:"snap-verify: $option needs \
--signed-by, or \$INSTAR_SIGNERS\n" snap-verify $option me web
	done
}

# The signal that ends it ends who looks at the signatures, too.
atf_test_case ended__by_a_signal
ended__by_a_signal_body()
{
	plant_dir_signed
	mkdir slow
	printf '#!/bin/sh\nexec sleep 60\n' >slow/ssh-keygen
	chmod +x slow/ssh-keygen
	atf_check -s exit:143 -e inline:"snap-verify: dir: ended by signal 15 \
(Terminated)\n" env PATH="$PWD/slow:$PATH" timeout --preserve-status 1 \
	    snap-verify --from-dir dir --signed-by allowed
}

atf_init_test_cases()
{
	atf_add_test_case counts__who_is_allowed
	atf_add_test_case counts__envelope_of_another_store
	atf_add_test_case counts__one_of_several
	atf_add_test_case refused__expired
	atf_add_test_case refused__not_yet_valid
	atf_add_test_case refused__allowed_for_something_else
	atf_add_test_case refused__signed_as_something_else
	atf_add_test_case refused__another_principal
	atf_add_test_case refused__unknown_key
	atf_add_test_case refused__no_names
	atf_add_test_case refused__revoked
	atf_add_test_case refused__revoked_by_krl
	atf_add_test_case refused__revocations_are_none
	atf_add_test_case refused__unsigned
	atf_add_test_case refused__truncated
	atf_add_test_case refused__text_around
	atf_add_test_case refused__bytes_changed
	atf_add_test_case refused__signature_of_another
	atf_add_test_case refused__envelope_changed
	atf_add_test_case files__cannot_be_had
	atf_add_test_case files__no_file
	atf_add_test_case environment__rule_for_all
	atf_add_test_case ended__by_a_signal
}
