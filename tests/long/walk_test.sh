#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# From a cloud image to a fleet, as README.md has it: a disk that its boot loader
# boots, a golden snapshot, clones on another host.  Ten minutes under emulation.
# INSTAR_SUITE (bookworm) is the Debian's name.

. "$(atf_get_srcdir)/../lib/lib.sh"

suite=${INSTAR_SUITE:-bookworm}
image=${INSTAR_CACHE:-$top/.cache}/cloudimg-$suite
boot=1800 # seconds, at most

# guest VM COMMAND: the command's output, by ssh as the user of the seed.
guest()
{
	vm-ssh -i "$PWD/key" --timeout $boot "$1" "$2" </dev/null
}

# Waits until one can log in to it, and the guest has done what its seed says.
login()
{
	guest "$1" 'cloud-init status --wait' >status ||
	    atf_fail "$1: $(cat status)"
}

# is VM WANT COMMAND: what the command prints there.
is()
{
	guest "$1" "$3" </dev/null >got
	atf_check -o inline:"$2\n" cat got
}

# The guest boots by itself, and is another one then: VM $1.
reboots()
{
	guest "$1" 'cat /proc/sys/kernel/random/boot_id' >before
	guest "$1" 'sudo systemctl reboot' || :
	booted()
	{
		guest "$1" 'cat /proc/sys/kernel/random/boot_id' >now &&
		    [ -s now ] && ! cmp -s before now
	}
	eventually $boot booted "$1" || atf_fail "$1: does not come back"
	login "$1"
}

# It has its own name, id and address, and finds what was provisioned.
is_itself()
{
	is "$1" "$1" hostname
	is "$1" "$(vm-ls -p id "$1")" 'cat /var/lib/cloud/data/instance-id'
	is "$1" "$(vm-ls -p network_configs.0.mac "$1")" \
	    'cat /sys/class/net/e*/address'
	is "$1" 10.0.2.15/24 \
	    "ip -4 -o addr show scope global | tr -s ' ' | cut -d ' ' -f 4"
	is "$1" 'made once' 'cat /srv/made'
}

need_image()
{
	sh "$guest/cloudimg.sh" "$image" "$suite" >made 2>&1 ||
	    atf_skip "$(tail -n 1 made)"
	ssh-keygen -q -t ed25519 -N '' -f key
	ssh-keygen -q -t ed25519 -N '' -f key2
	ln -s "$image/disk.raw" debian.raw
	ln -s "$top/examples"
}

# What README.md has under the heading $1.
printed()
{
	awk -v title="## $1" '/^## / { on = $0 == title }
	    on && sub(/^    /, "")' "$top/README.md"
}

# What README.md says of it, as printed, vm-create with the options given.  The
# other host is another root, and whoever is there has another key; nothing of
# the first one is left then.
walks()
{
	cat >steps <<-'END'
		options=$* key=$PWD/key
		vm-create()
		{
			command vm-create $options "$@"
		}
		vm-stop()
		{
			command vm-stop --timeout 900 "$@"
		}
		vm-ssh()
		{
			command vm-ssh -i "$key" --timeout 1800 "$@"
		}
		ssh()
		{
			test "$1" = build2 && shift
			if [ $# -gt 0 ]; then
				INSTAR_ROOT=$PWD/there "$@"
			else
				rm -rf "$INSTAR_ROOT" debian.raw
				export INSTAR_ROOT=$PWD/there key=$PWD/key2
			fi
		}
	END
	printed "From a cloud image to a fleet" |
	    sed 's|~/.ssh/id_ed25519.pub|"$key.pub"|' >>steps
	bash -eux -o pipefail steps "$@" >out 2>&1 </dev/null ||
	    { cat out; atf_fail "a step fails"; }
	export INSTAR_ROOT="$PWD/there"
	atf_check_equal 2 "$(grep -c "^made once\$" out)"
}

# A clone with another address, of which the guest knows when it has booted by
# itself.  The network that was saved gives that address another IP address then,
# where the forward does not lead: the console tells.
clone_reboots()
{
	atf_check -o inline:"next-boot	next-boot\n" vm-clone -n "$1" \
	    -p identity.mac,identity.hostname \
	    --nic user,forward=0:22,mac=new "$2"
	is "$1" "$3" hostname
	guest "$1" 'sudo systemctl reboot' || :
}

rebooted()
{
	atf_check vm-wait --timeout $boot --console "True .* 10\.0\.2\.[0-9]+ .* \
$(vm-ls -p network_configs.0.mac "$1") " "$1"
	atf_check vm-wait --timeout $boot --console "^$1 login:" "$1"
}

atf_test_case walk__bios cleanup
walk__bios_head()
{
	atf_set require.progs "bash qemu-system-x86_64 ssh ssh-keygen"
	atf_set require.user root
	atf_set timeout 9000
}
walk__bios_body()
{
	need_image
	walks
	for vm in w-1 w-2 w-3; do
		is_itself $vm
		guest $vm 'cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub
		    cat /proc/sys/kernel/random/boot_id' >>ids
	done
	atf_check_equal 9 "$(sort -u ids | wc -l)"
	is w-1 pc 'test -d /sys/firmware/efi && echo efi || echo pc'
	# The disk has become larger; its seed goes when it is started anew.
	guest w-3 'df --output=size -BM / | tail -n 1' >size
	[ "$(tr -dc 0-9 <size)" -gt 2500 ] || atf_fail "$(cat size)"
	atf_check -o ignore vm-stop --timeout 900 w-3
	atf_check -o ignore vm-start w-3
	login w-3
	cmp -n 1048576 there/name/vm/w-3/cidata.img /dev/zero ||
	    atf_fail "a seed"
	# A clone of one whose seed, which is another's, is there still, and of
	# one that has let go of it.
	atf_check -o ignore snap-save -n warm w-1
	atf_check -o ignore snap-save -n second w-3
	atf_check -o ignore vm-rm --force w-1 w-2 w-3
	clone_reboots x warm w-1
	clone_reboots y second w-3
	rebooted x
	rebooted y
	atf_check -o ignore vm-rm --force x
	# What it has is its own: also when it boots without a seed.
	atf_check vm-wait --timeout $boot --console 'Cloud-init .* finished' y
	atf_check -o ignore vm-stop --timeout 900 y
	cmp -n 1048576 there/name/vm/y/cidata.img /dev/zero || atf_fail "a seed"
	atf_check -o ignore vm-start y
	is_itself y
}
walk__bios_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

atf_test_case walk__uefi cleanup
walk__uefi_head()
{
	atf_set require.progs "bash qemu-system-x86_64 ssh ssh-keygen"
	atf_set require.user root
	atf_set timeout 9000
}
walk__uefi_body()
{
	[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] ||
	    atf_skip "ovmf is not installed"
	need_image
	walks --firmware ovmf
	is_itself w-1
	is w-1 efi 'test -d /sys/firmware/efi && echo efi || echo pc'
	atf_check -o ignore vm-rm --force w-2 w-3
	reboots w-1
	is_itself w-1
}
walk__uefi_cleanup()
{
	vms_end "$PWD/root" "$PWD/there"
}

# A Debian of packages, with an agent: built, provisioned, saved, and its clones
# asked, as README.md has it.
atf_test_case golden__debian cleanup
golden__debian_head()
{
	atf_set require.progs "bash fakeroot mmdebstrap qemu-system-x86_64"
	atf_set require.user root
	atf_set timeout 9000
}
golden__debian_body()
{
	root=${INSTAR_CACHE:-$top/.cache}/golden-$suite/root.tar
	mkdir -p "${root%/*}"
	golden="make -s -C $top/examples/golden OUT=$PWD ROOT=$root SUITE=$suite"
	(
		flock 9
		# shellcheck disable=SC2086 # several words
		[ -e "$root" ] || $golden "$root" >made 2>&1
	) 9>"${root%/*}/lock" || atf_skip "$(tail -n 1 made)"
	ln -s "$top/examples"
	cat >steps <<-END
		make()
		{
			command make OUT=$PWD ROOT=$root SUITE=$suite "\$@"
		}
		vm-clone()
		{
			command vm-clone --ready-timeout $boot "\$@"
		}
	END
	printed "A golden image with an agent" >>steps
	bash -eux -o pipefail steps >out 2>&1 </dev/null ||
	    { cat out; atf_fail "a step fails"; }
	cat out
	atf_check_equal 2 "$(grep -c '"stdout":"made once, served by' out)"
	atf_check cmp "$top/examples/golden/site/index.html" copied.html
	atf_check_equal 1 "$(grep -c '^active$' out)"
	atf_check -o inline:"golden-debian\n" snap-ls -p name
	atf_check -o inline:"g-1\ng-2\n" vm-ls -p name
	# It is booted by the root's own kernel, and cloud-init has read the seed.
	vm-exec -i /dev/null g-1 -- sh -c 'uname -r; ls /lib/modules
	    cat /var/lib/cloud/data/instance-id; findmnt -no FSTYPE /
	    stat -c "%U %a" /usr/bin/su' >got
	[ "$(sed -n 1p got)" = "$(sed -n 2p got)" ] || atf_fail "$(cat got)"
	atf_check -o match:'^[a-z2-7]{26}$' sed -n 3p got
	atf_check -o inline:"ext4\nroot 4755\n" sed -n '4,$p' got
	# Nothing has changed: nothing is built.
	id=$(cat golden-debian.id)
	# shellcheck disable=SC2086
	atf_check -o ignore $golden debian
	atf_check_equal "$id" "$(cat golden-debian.id)"
	# shellcheck disable=SC2086
	vm=$($golden debian-clone)
	atf_check -o inline:"made once, served by every clone\n" \
	    vm-exec -i /dev/null "$vm" -- cat /srv/made
	atf_check -o ignore vm-rm --force g-1 g-2 "$vm"
	# shellcheck disable=SC2086
	atf_check -o ignore -e ignore $golden clean
	atf_check -o empty snap-ls
}
golden__debian_cleanup()
{
	vms_end
}

# The example of a fleet: three jobs, each in a clone of its own.
atf_test_case fleet__three_jobs cleanup
fleet__three_jobs_head()
{
	atf_set require.progs "qemu-system-x86_64 ssh ssh-keygen"
	atf_set require.user root
	atf_set timeout 9000
}
fleet__three_jobs_body()
{
	need_image
	for n in 1 2 3; do
		echo "echo job $n; hostname; cat /proc/uptime; exit $((n - 1))" \
		    >job$n.sh
	done
	# Its time to wait for a login is for guests that are not emulated.
	mkdir bin
	printf '#!/bin/sh\nexec %s --timeout %d "$@"\n' \
	    "$(command -v vm-ssh)" $boot >bin/vm-ssh
	chmod +x bin/vm-ssh
	PATH=$PWD/bin:$PATH
	atf_check -o save:said -e ignore sh "$top/examples/ci-fleet.sh" \
	    "$PWD/debian.raw" "$PWD/key" job1.sh job2.sh job3.sh
	for n in 1 2 3; do
		atf_check_equal $((n - 1)) "$(cat job$n.sh.status)"
		sed -n '1,2p' job$n.sh.out >got
		atf_check -o inline:"job $n\ngolden\n" cat got
		# It went on: nothing was booted.
		[ "$(sed -n '3s/[.].*//p' job$n.sh.out)" -gt 20 ] ||
		    atf_fail "booted"
	done
	atf_check -o empty vm-ls
	# Again, with what was made.
	rm job*.status
	atf_check -o not-match:^golden -e ignore sh \
	    "$top/examples/ci-fleet.sh" "$PWD/debian.raw" "$PWD/key" job1.sh
	atf_check_equal 0 "$(cat job1.sh.status)"
}
fleet__three_jobs_cleanup()
{
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case walk__bios
	atf_add_test_case walk__uefi
	atf_add_test_case golden__debian
	atf_add_test_case fleet__three_jobs
}
