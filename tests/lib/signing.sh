# SPDX-License-Identifier: ISC
# Signed snapshots, for the tests of who signs and who counts.
#	. "$(atf_get_srcdir)/../lib/lib.sh"
#	. "$(atf_get_srcdir)/../lib/snaps.sh"
#	. "$(atf_get_srcdir)/../lib/signing.sh"

need_keygen()
{
	command -v ssh-keygen >/dev/null || atf_skip "no ssh-keygen"
	unset SSH_AUTH_SOCK
}

# key_make NAME [OPTION...]: files NAME and NAME.pub; ed25519 without options.
key_make()
{
	name=$1
	shift
	[ $# -gt 0 ] || set -- -t ed25519
	ssh-keygen -q -N '' -C "$name" -f "$name" "$@" ||
	    atf_fail "no key $name"
}

# allow FILE PRINCIPAL KEY [OPTION]: a line more in a file of allowed signers.
allow()
{
	echo "$2 ${4-} $(cat "$3.pub")" >>"$1"
}

fingerprint()
{
	ssh-keygen -lf "$1.pub" | cut -d ' ' -f 2
}

# The same for a regular expression: base64 has a plus.
fingerprint_re()
{
	fingerprint "$1" | sed 's/+/[+]/g'
}

# plant_dir DIR: a snapshot of two small files and a layer elsewhere, as a store
# has it: with digests, a host and a member that nobody knows.
plant_dir()
{
	mkdir "$1"
	printf memory >"$1/memory.raw"
	truncate -s 1M "$1/cow.raw"
	zeros=1073741824 # an empty file's digest; any will do
	cat >"$1/snapshot.json" <<-END
		{"version": 1, "config": {"id": "$(id_of b)", "name": "b",
		 "description": "text", "hypervisor": "qemu", "cpu": 2,
		 "memory": 16777216, "future": "here"},
		 "files": ["memory.raw", "cow.raw"],
		 "digests": {
		  "memory.raw": $(digest_of "$1/memory.raw"),
		  "cow.raw": $(digest_of "$1/cow.raw")},
		 "layers": {"base": {"size": $zeros,
		  "fsverity": "sha256:$(printf '%064d' 7)"}},
		 "host": {"vmm": "qemu", "version": "7.2.22", "arch": "x86_64"},
		 "created_at": "2026-11-21T08:00:00Z", "later": [1, true]}
	END
}

digest_of()
{
	echo "{\"size\": $(stat -c %s "$1"),
	    \"fsverity\": \"$(fsverity digest --compact "$1" |
	    sed 's/^/sha256:/')\"}"
}

# plant_signed: keys me and other, me allowed by the file allowed, directory dir
# signed by me, which is in the store as web.
plant_signed()
{
	need_keygen
	key_make me
	key_make other
	allow allowed me me
	plant_dir dir
	atf_check -o ignore snap-sign -k me --from-dir dir
	atf_check -o ignore -e match:'layer base' \
	    snap-import -n web --from-dir dir
}

# refused WHY ARGUMENT...: snap-verify of dir says no, in these words.
refused()
{
	why=$1
	shift
	atf_check -s exit:77 -e match:"^snap-verify: dir: refused: $why" \
	    snap-verify --from-dir dir "$@"
}

counts_as_signed()
{
	atf_check snap-verify --from-dir dir "$@"
}

# stored_counts ARGUMENT...: snap-verify of what the store has, whose layer is not
# there.
stored_counts()
{
	atf_check -e match:'warning: layer base' snap-verify "$@"
}

# The text that is signed, of an envelope, without these tools: as
# instar-snapshot(5) has it.
signed_text()
{
	echo instar-snapshot@v1
	jq -cS '[(.layers // {})[] | {size, fsverity}] as $layers |
	    del(.files, .created_at, .trailer, .config.id, .config.name,
	    .config.description) | .digests |= with_entries(select((
	    .value as $file |
	    .key == "snapshot.sig" or .key == "working-set" or
	    (.key == "layer-" + $file.fsverity[7:] and
	    any($layers[]; . == $file))) | not))' \
	    "$1"
}

# edit JQ: the envelope in dir, written anew.
edit()
{
	jq "$1" dir/snapshot.json >edited || atf_fail "jq"
	mv edited dir/snapshot.json
}
