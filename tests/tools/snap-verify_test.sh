#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"

# The digests of 6 bytes "memory" and of 1 MiB of zeros, as fsverity(1) has
# them.
memory=sha256:501529cdad91a54118f99bc44e57c7d4d8d0eef4173aebe162f09c94454330eb
zeros=sha256:feb19a23e72cb1b8f935d668a09ecaad0bf7c5b9cdfa6dbba7c88a9998ed2b87

# sealed_plant PREFIX [NAME [LAYER]]: a snapshot with digests.
sealed_plant()
{
	snap_plant "$1" "${2-}"
	layers=
	[ -z "${3-}" ] || layers="\"layers\":{\"layer0\":{\"size\":5,
	    \"fsverity\":\"sha256:$3\"}},"
	cat >"root/snap/$(id_of "$1")/snapshot.json" <<-END
		{"version":1,"config":{"name":"${2-}"},$layers
		"files":["memory.raw","cow.raw"],"digests":{
		"memory.raw":{"size":6,"fsverity":"$memory"},
		"cow.raw":{"size":1048576,"fsverity":"$zeros"}}}
	END
}

atf_test_case verify__good
verify__good_body()
{
	sealed_plant abc web
	sealed_plant bcd
	atf_check snap-verify web
	atf_check snap-verify
	atf_check snap-verify --from-dir "root/snap/$(id_of abc)"
	snap-ls bcd >line
	atf_check snap-verify - <line
}

atf_test_case verify__each_fault
verify__each_fault_body()
{
	sealed_plant abc web
	sealed_plant bcd good
	dir=root/snap/$(id_of abc)
	printf 'memorY' >"$dir/memory.raw"
	: >"$dir/more"
	atf_check -s exit:65 -e inline:"\
snap-verify: web: memory.raw: differs from its digest
snap-verify: web: more: extra: not among its files
" snap-verify web good
	printf 'memory\n' >"$dir/memory.raw"
	rm "$dir/cow.raw" "$dir/more"
	atf_check -s exit:65 -e inline:"\
snap-verify: $dir: memory.raw: 7 bytes, not 6
snap-verify: $dir: cow.raw: missing
" snap-verify --from-dir "$dir"
	ln -s /etc/passwd "$dir/cow.raw"
	rm "$dir/memory.raw"
	mkdir "$dir/memory.raw"
	atf_check -s exit:65 -e inline:"\
snap-verify: web: memory.raw: not a regular file
snap-verify: web: cow.raw: not a regular file
" snap-verify web
}

atf_test_case verify__one_flipped_bit
verify__one_flipped_bit_body()
{
	sealed_plant abc web
	printf '\001' | dd of="root/snap/$(id_of abc)/cow.raw" bs=1 \
	    seek=1048575 conv=notrunc 2>/dev/null
	atf_check -s exit:65 \
	    -e inline:"snap-verify: web: cow.raw: differs from its digest\n" \
	    snap-verify web
}

atf_test_case verify__layers
verify__layers_body()
{
	hex=555b589c26ee43b7a2510e6c67ced9fb3190b6da6e9e683984551f5d77a763de
	sealed_plant abc web $hex
	sealed_plant bcd db $hex
	# Where the layer is not here, that is not the snapshot's fault.
	gone="layer layer0 (sha256:$hex, 5 bytes) is not in $INSTAR_ROOT"
	atf_check -e inline:"snap-verify: web: warning: $gone\n" \
	    snap-verify web
	dir=root/snap/$(id_of abc)
	atf_check -s exit:78 -e inline:"\
snap-verify: web: $gone
snap-verify: db: $gone
" snap-verify --complete web db
	atf_check -s exit:78 -e inline:"snap-verify: $dir: ${gone% in *} here\n" \
	    snap-verify --complete --from-dir "$dir"
	printf hello >root/layer/$hex
	atf_check snap-verify --complete web db
	printf hellO >root/layer/$hex
	atf_check -s exit:65 -e inline:"\
snap-verify: web: layer layer0: differs from its digest
snap-verify: db: layer layer0: differs from its digest
" snap-verify web db
	atf_check snap-verify --from-dir "root/snap/$(id_of abc)"
}

atf_test_case verify__no_digests
verify__no_digests_body()
{
	snap_plant abc web
	atf_check snap-verify web
	for e in '{"version":1,"config":{}}' \
	    '{"version":1,"config":{},"files":[]}'; do
		echo "$e" >"root/snap/$(id_of abc)/snapshot.json"
		atf_check snap-verify web
		atf_check -o inline:'["cow.raw","memory.raw"]\n' \
		    snap-ls -p files web
	done
}

atf_test_case verify__some_fail
verify__some_fail_body()
{
	sealed_plant abc web
	sealed_plant bcd db
	echo '[]' >"root/snap/$(id_of bcd)/snapshot.json"
	atf_check -s exit:66 -e inline:"\
snap-verify: none: no such snapshot in $INSTAR_ROOT
snap-verify: db: snapshot.json: not an object
" snap-verify none db web
}

atf_test_case verify__bad_directory
verify__bad_directory_body()
{
	mkdir dir
	atf_check -s exit:66 \
	    -e inline:"snap-verify: dir: snapshot.json: envelope missing\n" \
	    snap-verify --from-dir dir
	atf_check -s exit:66 \
	    -e inline:"snap-verify: none: No such file or directory\n" \
	    snap-verify --from-dir none
	atf_check -s exit:64 -e match:"exclude each other" \
	    snap-verify --from-dir dir web
	# A directory needs no state root.
	atf_check -s exit:1 test -e root
}

atf_test_case examples__as_printed
examples__as_printed_body()
{
	sealed_plant abc golden
	ssh-keygen -q -t ed25519 -N '' -f ann
	atf_check -o ignore snap-sign -k ann golden
	examples_of snap-verify >run
	atf_check_equal 5 "$(grep -c . run)"
	atf_check sh -e run
	printf X >copy/memory.raw
	atf_check -s exit:65 -e match:"copy: memory.raw: [0-9]* bytes, not" \
	    sh -e -c "$(sed -n 3p run)"
}

atf_init_test_cases()
{
	atf_add_test_case verify__good
	atf_add_test_case verify__each_fault
	atf_add_test_case verify__one_flipped_bit
	atf_add_test_case verify__layers
	atf_add_test_case verify__no_digests
	atf_add_test_case verify__some_fail
	atf_add_test_case verify__bad_directory
	atf_add_test_case examples__as_printed
}
