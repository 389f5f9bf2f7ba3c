#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Signatures that are made, listed and taken away.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"

# signs KEY TYPE: a key of its own kind, whose signature counts and is listed.
signs()
{
	allow allowed me "$1"
	atf_check -o inline:"[\"$(fingerprint "$1")\"]\n" \
	    snap-sign -k "$1" -p signed --from-dir dir
	atf_check -o inline:"$(fingerprint "$1")\t$2\tinstar-snapshot@v1\n" \
	    snap-sign --list -p key,type,namespace --from-dir dir
	counts_as_signed --signed-by allowed
	rm dir/snapshot.sig allowed
}

atf_test_case sign__ed25519
sign__ed25519_body()
{
	need_keygen
	plant_dir dir
	key_make a
	signs a ssh-ed25519
}

atf_test_case sign__rsa
sign__rsa_body()
{
	need_keygen
	plant_dir dir
	key_make a -t rsa -b 2048
	signs a ssh-rsa
}

atf_test_case sign__ecdsa
sign__ecdsa_body()
{
	need_keygen
	plant_dir dir
	for bits in 256 384 521; do
		key_make "a$bits" -t ecdsa -b $bits
		signs "a$bits" "ecdsa-sha2-nistp$bits"
	done
}

atf_test_case sign__certificate
sign__certificate_body()
{
	need_keygen
	plant_dir dir
	key_make ca
	echo "me cert-authority $(cat ca.pub)" >allowed
	for t in "ed25519 ssh-ed25519" "ecdsa ecdsa-sha2-nistp256"; do
		key_make "a-${t% *}" -t "${t% *}"
		ssh-keygen -q -s ca -I id -n me "a-${t% *}.pub"
		mv "a-${t% *}-cert.pub" c-cert.pub
		mv "a-${t% *}" c
		atf_check -o ignore snap-sign -k c-cert.pub --from-dir dir
		# Its fingerprint is that of the key in it.
		atf_check -o inline:"$(fingerprint "a-${t% *}")\t\
${t#* }-cert-v01@openssh.com\n" \
		    snap-sign --list -p key,type --from-dir dir
		counts_as_signed --signed-by allowed
		counts_as_signed --signed-by allowed --as me
		refused "$(fingerprint_re "a-${t% *}") .* is not you's by allowed" \
		    --signed-by allowed --as you
		rm dir/snapshot.sig
	done
}

atf_test_case sign__agent cleanup
sign__agent_body()
{
	need_keygen
	plant_dir dir
	key_make a
	allow allowed me a
	eval "$(ssh-agent -s)" >/dev/null
	echo "$SSH_AGENT_PID" >agent.pid
	ssh-add -q a 2>/dev/null || atf_fail "no agent"
	rm a
	atf_check -o ignore snap-sign -k a.pub --from-dir dir
	counts_as_signed --signed-by allowed
	rm dir/snapshot.sig
	# Without the key nothing is left that could pass for signed.
	ssh-add -q -D 2>/dev/null
	atf_check -s exit:69 -e match:"^snap-sign: dir: ssh-keygen: status" \
	    snap-sign -k a.pub --from-dir dir
	atf_check -s exit:1 test -e dir/snapshot.sig
}
sign__agent_cleanup()
{
	[ ! -e agent.pid ] || kill "$(cat agent.pid)"
}

# Nobody is there to type: it is told at once, and nothing waits.
atf_test_case sign__password_and_no_terminal
sign__password_and_no_terminal_body()
{
	need_keygen
	plant_dir dir
	ssh-keygen -q -t ed25519 -N secret -f a
	unset DISPLAY SSH_ASKPASS
	atf_check -s exit:69 -e match:"^snap-sign: dir: ssh-keygen: status" \
	    setsid -w snap-sign -k a --from-dir dir
	atf_check -s exit:1 test -e dir/snapshot.sig
}

atf_test_case sign__password_at_a_terminal
sign__password_at_a_terminal_body()
{
	need_keygen
	need_terminal
	plant_dir dir
	ssh-keygen -q -t ed25519 -N secret -f a
	allow allowed me a
	unset DISPLAY SSH_ASKPASS
	# Typed when it is asked for, for what was typed before is forgotten.
	mkfifo type
	script -qefc "snap-sign -k a -p signed --from-dir dir" seen \
	    <type >/dev/null &
	exec 9>type
	eventually 20 grep -q passphrase seen || atf_fail "no question"
	printf 'secret\n' >&9
	wait $! || atf_fail "$(tr '\r\n' '  ' <seen)"
	exec 9>&-
	counts_as_signed --signed-by allowed
}

atf_test_case sign__side_by_side
sign__side_by_side_body()
{
	plant_signed
	atf_check -o inline:"[\"$(fingerprint me)\",\"$(fingerprint other)\"]\n" \
	    snap-sign -k other -p signed web
	allow others you other
	for f in allowed others; do
		stored_counts --signed-by $f web
	done
	# The same key again takes the place of its own.
	cp "$INSTAR_ROOT/name/snap/web/snapshot.sig" before
	atf_check -o inline:"[\"$(fingerprint me)\",\"$(fingerprint other)\"]\n" \
	    snap-sign -k me -p signed web
	atf_check cmp before "$INSTAR_ROOT/name/snap/web/snapshot.sig"
	# snap-ls tells them, and judges nobody.
	atf_check -o inline:"web\t[\"$(fingerprint me)\",\
\"$(fingerprint other)\"]\n" snap-ls -p name,signed
}

atf_test_case sign__too_many
sign__too_many_body()
{
	need_keygen
	plant_dir dir
	for i in $(seq 16); do
		key_make "k$i"
		signed_text dir/snapshot.json |
		    ssh-keygen -q -Y sign -n instar-snapshot@v1 -f "k$i" \
			2>/dev/null >>dir/snapshot.sig
	done
	allow allowed me k16
	counts_as_signed --signed-by allowed
	key_make k17
	cp dir/snapshot.sig before
	atf_check -s exit:65 -e inline:"snap-sign: dir: snapshot.sig: has 16 \
signatures, and more it cannot have\n" snap-sign -k k17 --from-dir dir
	atf_check cmp before dir/snapshot.sig
	# One more by hand is none of ours any more.
	signed_text dir/snapshot.json | ssh-keygen -q -Y sign \
	    -n instar-snapshot@v1 -f k17 2>/dev/null >>dir/snapshot.sig
	refused "snapshot.sig: more than 16 signatures" --signed-by allowed
}

atf_test_case sign__key_of_the_user
sign__key_of_the_user_body()
{
	need_keygen
	plant_dir dir
	mkdir -p home/.ssh
	HOME=$PWD/home
	export HOME
	atf_check -s exit:66 -e match:"^snap-sign: dir: no key in ~/.ssh" \
	    snap-sign --from-dir dir
	key_make home/.ssh/id_rsa -t rsa -b 2048
	atf_check -o inline:"[\"$(fingerprint home/.ssh/id_rsa)\"]\n" \
	    snap-sign -p signed --from-dir dir
	rm dir/snapshot.sig
	key_make home/.ssh/id_ed25519
	atf_check -o inline:"[\"$(fingerprint home/.ssh/id_ed25519)\"]\n" \
	    snap-sign -p signed --from-dir dir
}

atf_test_case sign__cannot_be
sign__cannot_be_body()
{
	need_keygen
	key_make me
	snap_plant abc web
	atf_check -s exit:65 -e inline:"snap-sign: web: cannot be signed: \
snapshot.json: memory.raw: has no digest\n" snap-sign -k me web
	plant_dir dir
	atf_check -s exit:66 -e match:"^snap-sign: dir: nokey: No such file" \
	    snap-sign -k nokey --from-dir dir
	echo "no key" >nokey
	atf_check -s exit:69 -e match:"^snap-sign: dir: ssh-keygen: status" \
	    snap-sign -k nokey --from-dir dir
	cp dir/snapshot.json was
	for change in '.later = 1.5' '.later = 9007199254740994' \
	    '.later = "a\u0001"' '.config.future = {"a\u007f": 1}'; do
		cp was dir/snapshot.json
		edit "$change"
		atf_check -s exit:65 -e inline:"snap-sign: dir: cannot be \
signed: snapshot.json: has control characters, or numbers that are not \
integers up to 2^53\n" snap-sign -k me --from-dir dir
	done
	atf_check -s exit:1 test -e dir/snapshot.sig
	atf_check -s exit:66 -e match:"no such snapshot" snap-sign -k me none
	cp was dir/snapshot.json
	atf_check -s exit:69 \
	    -e inline:"snap-sign: dir: ssh-keygen: program not found\n" \
	    env PATH="$top/snap-sign" snap-sign -k me --from-dir dir
}

atf_test_case sign__broken_file
sign__broken_file_body()
{
	plant_signed
	sig=$INSTAR_ROOT/name/snap/web/snapshot.sig
	echo mine >"$sig"
	atf_check -s exit:65 -e inline:"snap-sign: web: snapshot.sig: byte 0: \
no signature begins here\n" snap-sign -k me web
	atf_check -o inline:"mine\n" cat "$sig"
	atf_check -s exit:65 -e match:"byte 0" snap-sign --list web
	# It is left out where it would go along, and snap-ls does without.
	atf_check -o inline:"web\t\n" snap-ls -p name,signed
	atf_check -o ignore -e match:"left out: snapshot.sig: byte 0" \
	    -e match:"layer" snap-export -o x web
	atf_check -o not-match:snapshot.sig snap-export --list x
	atf_check -o ignore snap-sign --remove all web
	atf_check -s exit:1 test -e "$sig"
	atf_check -o ignore snap-sign -k me web
	stored_counts --signed-by allowed web
}

atf_test_case sign__remove
sign__remove_body()
{
	plant_signed
	atf_check -o ignore snap-sign -k other web
	atf_check -o inline:"[\"$(fingerprint other)\"]\n" \
	    snap-sign --remove "$(fingerprint me)" -p signed web
	atf_check -s exit:66 -e inline:"snap-sign: web: not signed by \
$(fingerprint me)\n" snap-sign --remove "$(fingerprint me)" web
	atf_check -o inline:"\n" \
	    snap-sign --remove "$(fingerprint other)" -p signed web
	atf_check -s exit:1 test -e "$INSTAR_ROOT/name/snap/web/snapshot.sig"
	atf_check -o empty snap-sign --list web
	atf_check -o ignore snap-sign --remove all web
}

atf_test_case sign__readers
sign__readers_body()
{
	plant_signed
	exec 8<"$(readlink -f "$INSTAR_ROOT/name/snap/web")"
	flock -s 8
	# Who reads it is waited for, and it is as it was.
	atf_check -s exit:75 -e match:"^snap-sign: web: " \
	    snap-sign -k other --wait 0s web
	atf_check -o inline:"[\"$(fingerprint me)\"]\n" snap-ls -p signed web
	atf_check -o ignore snap-sign --list web
	exec 8<&-
	atf_check -o ignore snap-sign -k other --wait 0s web
	atf_check -s exit:1 sh -c 'ls -A "$INSTAR_ROOT"/name/snap/web/ |
	    grep "^[.]"'
}

atf_test_case sign__unpacked_archive
sign__unpacked_archive_body()
{
	plant_signed
	atf_check -o ignore -e match:layer snap-export --no-compress -o x web
	mkdir un
	tar -C un -xf x
	atf_check snap-verify --from-dir un --signed-by allowed
	atf_check -s exit:65 -e inline:"snap-sign: un: an archive that was \
unpacked, whose snapshot.digests has snapshot.sig: import it first\n" \
	    snap-sign -k other --from-dir un
	# One without signatures gets its first one.
	atf_check -o ignore snap-sign --remove all web
	atf_check -o ignore -e match:layer snap-export --no-compress -o y web
	mkdir un2
	tar -C un2 -xf y
	atf_check -o ignore snap-sign -k other --from-dir un2
	atf_check snap-verify --from-dir un2
	allow others you other
	atf_check -o inline:"[\"$(fingerprint other)\"]\n" -e match:layer \
	    snap-import --signed-by others --from-dir un2 -p signed
}

atf_test_case sign__options
sign__options_body()
{
	need_keygen
	plant_dir dir
	for args in "" "--from-dir dir web" "a b" "-k a --list web" \
	    "-k a --remove all web" "--list --remove all web" \
	    "--remove me web" "-k a -k b web" "--list -p nothing web"; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e not-empty snap-sign $args
	done
}

# What is signed can be computed by anybody: instar-snapshot(5) says how.
atf_test_case text__by_hand
text__by_hand_body()
{
	plant_signed
	for e in dir/snapshot.json "$INSTAR_ROOT/name/snap/web/snapshot.json"; do
		signed_text "$e" >text
		atf_check -o match:'^Good "instar-snapshot@v1"' \
		    ssh-keygen -Y verify -f allowed -I me \
		    -n instar-snapshot@v1 -s dir/snapshot.sig <text
	done
	# In Python it is the same text.
	python3 - dir/snapshot.json >text2 <<-'END'
		import json, re, sys
		e = json.load(open(sys.argv[1]))
		for m in ("files", "created_at", "trailer"):
		    e.pop(m, None)
		for m in ("id", "name", "description"):
		    e["config"].pop(m, None)
		e["digests"] = {k: v for k, v in e["digests"].items()
		    if not re.fullmatch("snapshot[.]sig|working-set|"
		    "layer-[0-9a-f]{64}", k)}
		print("instar-snapshot@v1")
		print(json.dumps(e, sort_keys=True, ensure_ascii=False,
		    separators=(",", ":")))
	END
	atf_check cmp text text2
	# And one that was made so counts here.
	ssh-keygen -q -Y sign -n instar-snapshot@v1 -f other <text \
	    2>/dev/null >dir/snapshot.sig
	allow others you other
	counts_as_signed --signed-by others
}

atf_init_test_cases()
{
	atf_add_test_case sign__ed25519
	atf_add_test_case sign__rsa
	atf_add_test_case sign__ecdsa
	atf_add_test_case sign__certificate
	atf_add_test_case sign__agent
	atf_add_test_case sign__password_and_no_terminal
	atf_add_test_case sign__password_at_a_terminal
	atf_add_test_case sign__side_by_side
	atf_add_test_case sign__too_many
	atf_add_test_case sign__key_of_the_user
	atf_add_test_case sign__cannot_be
	atf_add_test_case sign__broken_file
	atf_add_test_case sign__remove
	atf_add_test_case sign__readers
	atf_add_test_case sign__unpacked_archive
	atf_add_test_case sign__options
	atf_add_test_case text__by_hand
}
