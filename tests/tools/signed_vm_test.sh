#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# VMs from what somebody has signed who counts, and from nothing else.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/signing.sh"

# signed_make: VM v, stopped, and its snapshot s, which me has signed.
signed_make()
{
	need_tiny
	need_keygen
	key_make me
	key_make other
	allow allowed me me
	allow others you other
	atf_check -o ignore vm-create -n v --memory 16M --kernel "$tiny"
	atf_check -o ignore vm-start v
	atf_check -o ignore snap-save -n s --stop v
	atf_check -o ignore snap-sign -k me s
	why="refused: $(fingerprint_re me) .ssh-ed25519. is not in others"
}

# no_vm STATUS WHY COMMAND...: it is refused, and leaves no VM.
no_vm()
{
	status=$1 text=$2
	shift 2
	vm-ls -p id | sort >before
	atf_check -s "exit:$status" -e match:"$text" "$@"
	vm-ls -p id | sort >after
	atf_check cmp before after
}

atf_test_case clone__of_the_store cleanup
clone__of_the_store_body()
{
	signed_make
	atf_check -o inline:"running\n" vm-clone --signed-by allowed -p state s
	no_vm 77 "^vm-clone: s: $why" vm-clone --signed-by others s
	no_vm 77 "^vm-clone: s: $why" env INSTAR_SIGNERS=others vm-clone s
	# A pool has none made of it either.
	atf_check -s exit:77 -e match:"^vm-clone: .*: $why" \
	    env INSTAR_SIGNERS=others vm-pool --keep 1 s
	# One that waits is no way around it, and waits on.
	atf_check -o ignore vm-clone --into-pool s
	no_vm 77 "^vm-clone: s: $why" vm-clone --from-pool --signed-by others s
	atf_check -o inline:"true\n" vm-clone --from-pool --signed-by allowed \
	    -p from_pool s
	# A VM is put back to it, or stays as it is.
	atf_check -s exit:77 -e match:"^vm-restore: s: $why" \
	    vm-restore --signed-by others v s
	atf_check -o inline:"stopped\n" vm-ls -p state v
	atf_check -o inline:"running\n" vm-restore --signed-by allowed \
	    --as me -p state v s
}
clone__of_the_store_cleanup()
{
	vms_end
}

atf_test_case clone__of_a_directory cleanup
clone__of_a_directory_body()
{
	signed_make
	atf_check -o ignore snap-export --to-dir d s
	atf_check -o inline:"running\n" \
	    vm-clone --signed-by allowed -p state --from-dir d
	no_vm 77 "^vm-clone: d: $why" vm-clone --signed-by others --from-dir d
	# What nobody has signed does not come in by its side.
	echo '{}' >d/cidata.json
	no_vm 77 "^vm-clone: d: refused: cidata.json is not among the files" \
	    vm-clone --signed-by allowed --from-dir d
	atf_check -s exit:77 -e match:"^vm-restore: d: refused: cidata.json" \
	    vm-restore --force --signed-by allowed v --from-dir d
	rm d/cidata.json
	# Nor what somebody else can change behind it.
	for who in o g; do
		chmod $who+w d/memory.raw
		no_vm 77 \
		    "^vm-clone: d: refused: memory.raw: others may change it" \
		    vm-clone --signed-by allowed --from-dir d
		chmod $who-w d/memory.raw
	done
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534 d
		no_vm 77 "^vm-clone: d: refused: others may change it" \
		    vm-clone --signed-by allowed --from-dir d
		atf_check -s exit:77 -e match:"d: refused: others may change" \
		    vm-restore --force --signed-by allowed v --from-dir d
		chown 0 d
	fi
	# Nor a byte that was changed, in a file too large to be read always.
	printf x | dd of=d/memory.raw bs=1 seek=12000000 conv=notrunc \
	    status=none
	no_vm 65 "memory.raw: " vm-clone --signed-by allowed --from-dir d
	no_vm 65 "memory.raw: " vm-restore --force --signed-by allowed v \
	    --from-dir d
	atf_check -o inline:"stopped\n" vm-ls -p state v
}
clone__of_a_directory_cleanup()
{
	vms_end
}

atf_test_case clone__of_an_archive cleanup
clone__of_an_archive_body()
{
	signed_make
	atf_check -o ignore snap-export -o a s
	atf_check -o inline:"running\n" \
	    vm-clone --signed-by allowed -p state --from-archive a
	no_vm 77 "^vm-clone: a: $why" vm-clone --signed-by others \
	    --from-archive a
	no_vm 77 "^vm-clone: standard input: $why" vm-clone \
	    --signed-by others --from-archive - <a
	atf_check -o ignore snap-sign --remove all s
	atf_check -o ignore snap-export -o b s
	no_vm 77 "^vm-clone: b: refused: not signed" vm-clone \
	    --signed-by allowed --from-archive b
	atf_check -s exit:77 -e match:"^vm-restore: b: refused: not signed" \
	    vm-restore --force --signed-by allowed v --from-archive b
	# What was unpacked of it is gone.
	atf_check_equal 1 "$(ls -A root/snap | wc -l)"
}
clone__of_an_archive_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case clone__of_the_store
	atf_add_test_case clone__of_a_directory
	atf_add_test_case clone__of_an_archive
}
