#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# A file that is there and may not be read is no missing file: whoever names it
# is told so by exit status 77, whatever the tool and the option.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"

# Runs as an ordinary user, in a directory that is this user's.
as=
ordinary()
{
	[ "$(id -u)" -eq 0 ] || return 0
	as="setpriv --reuid=54321 --regid=54321 --clear-groups"
	chown -R 54321:54321 .
	# shellcheck disable=SC2086 # several words
	$as test -r "$tiny" -a -x . || atf_skip "nobody else can read this tree"
}

# Each line is a command that names what may not be read.
atf_test_case file__may_not_be_read
file__may_not_be_read_body()
{
	need_tiny
	snap_plant abc web
	tiny_vm vm
	truncate -s 1M image
	echo x >closed
	mkdir shut sub
	sandbox_make
	ordinary
	chmod 0 closed shut
	n=0
	while read -r command; do
		n=$((n + 1))
		tool=${command%% *}
		case $command in
		*shut*) file=shut ;;
		*) file=closed ;;
		esac
		# shellcheck disable=SC2086
		atf_check -s exit:77 -o empty \
		    -e match:"^$tool: .*$file.*: Permission denied\$" \
		    $as "$(command -v "$tool")" ${command#* }
	done <<-END
		cidata-gen --password-file closed --user u -o sub/o
		cidata-gen --ssh-key closed -o sub/o
		cidata-gen -N closed -o sub/o
		cidata-gen --user-data closed -o sub/o
		cidata-gen --vendor-data closed -o sub/o
		disk-backup -o sub/o closed
		disk-flatten --base closed --cow image -o sub/o
		disk-flatten --base image --cow closed -o sub/o
		disk-mkdata --from shut size=16M,name=x sub
		disk-mkdata size=16M,name=x shut
		disk-overlay --base closed --changed image -o sub/o
		disk-overlay --base image --changed closed -o sub/o
		disk-restore closed sub/o
		disk-restore --list closed
		disk-restore --verify closed
		disk-restore --force --to-vm vm closed cow
		snap-export --list closed
		snap-export -o shut/o web
		snap-import closed
		snap-import --layer closed
		snap-import --from-dir shut
		snap-import --from-dir sub --storage-config closed
		snap-import --from-dir sandbox --base closed
		snap-pull oci-layout:shut
		snap-push oci-layout:shut web
		snap-verify --from-dir shut
		vm-clone --from-archive closed
		vm-clone --from-dir shut
		vm-create --memory 32M --kernel closed
		vm-create --memory 32M --kernel $tiny --initrd closed
		vm-create --memory 32M --kernel $tiny --base closed
		vm-create --memory 32M --kernel $tiny --layer closed
		vm-create --memory 32M --kernel $tiny --storage-config closed
		vm-create --memory 32M --kernel $tiny --user-data closed
		vm-create --memory 32M --kernel $tiny --ssh-key closed
		vm-create --memory 32M --kernel $tiny --user u \
		    --password-file closed
		vm-create --memory 32M --firmware closed
		vm-create --memory 32M --kernel $tiny --config closed
		vm-restore --from-archive closed vm
		vm-restore --from-dir shut vm
		vm-set --kernel closed vm
		vm-set --initrd closed vm
		vm-set --firmware closed vm
		vm-ls -R shut
		vm-ls -R shut/root
		vm-create -R shut/root --memory 32M --kernel $tiny
	END
	atf_check -o empty ls sub
	atf_check_equal 46 $n
}

atf_init_test_cases()
{
	atf_add_test_case file__may_not_be_read
}
