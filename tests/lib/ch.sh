# SPDX-License-Identifier: ISC
# Cloud Hypervisor, recorded and real, for the tests.
#	. "$(atf_get_srcdir)/../lib/lib.sh"

here=$top/tests
script=$here/data/ch/api.txt

# ch_plays OPTION... CALL...: in its place a program that plays these calls.
ch_plays()
{
	{
		echo '#! /bin/sh'
		printf 'exec "%s/lib/replay"' "$here"
		calls=
		while [ $# -gt 0 ]; do
			case $1 in
			-?)	printf " %s '%s'" "$1" "$2"; shift ;;
			*)	calls="$calls '$1'" ;;
			esac
			shift
		done
		echo " fd:10 '$script' $calls"
	} >cloud-hypervisor
	chmod +x cloud-hypervisor
	INSTAR_CLOUD_HYPERVISOR=$PWD/cloud-hypervisor
	# What it runs, and the script that is played.
	INSTAR_VMM_READS=$here:$script
	export INSTAR_CLOUD_HYPERVISOR INSTAR_VMM_READS
}

# The recorded snapshot, as the directory "bare".
ch_bare()
{
	mkdir bare
	zstd -dc "$here/data/ch-snapshot.tar.zst" | tar xf - -C bare
}

# The same imported as "bare", with its layer.
ch_import()
{
	ch_bare
	truncate -s 1M bare/layer0.raw
	atf_check -o ignore snap-import -n bare --from-dir bare
}

# A VM "web" with each kind of disk, and what the recorded create says of it.
ch_vm()
{
	ch_plays ping
	echo kernel >kern
	truncate -s 1M layer
	echo x | dd of=layer conv=notrunc 2>/dev/null
	atf_check -o ignore vm-create -n web --hypervisor cloud-hypervisor \
	    --cpu 2 --memory 16M --kernel kern --cmdline console=ttyS0 \
	    --layer layer --storage 16M --no-cidata \
	    --data-disk size=16M,name=db,fstype=none,directio=on \
	    --nic tap=tap7,mac=52:54:00:00:00:07
}

# Whether the VM $1 is not running.
is_stopped()
{
	[ "$(member "$1" state)" = stopped ]
}

# In a case's body: skips where the real program cannot run guests.
need_ch()
{
	program=${INSTAR_CLOUD_HYPERVISOR:-cloud-hypervisor}
	command -v "$program" >/dev/null 2>&1 ||
	    atf_skip "cloud-hypervisor is not here"
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || atf_skip "/dev/kvm is not open"
	case $("$program" --version) in
	*' v51.'*|*' v52.'*|*' v53.'*) ;;
	*)	atf_skip "cloud-hypervisor is not v51 to v53" ;;
	esac
	need_tiny
}
