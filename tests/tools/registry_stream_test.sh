#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# What lies together comes by one long request, and by short ones where a registry
# does not go along.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

# Snapshot web with 5 MiB that cannot be compressed.
plant_long()
{
	snap_plant b web
	perl -e 'srand(7); print pack "L*", map { int rand 4294967296 }
	    1 .. 1310720' >"root/snap/$(id_of b)/memory.raw"
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	(cd root && find . ! -path './registry*' | sort) >visible
	pack=$(find lay/blobs -size +5000k -exec basename {} \;)
}

# The first bytes of the ranges of the pack that were asked for, a line each.
ranges()
{
	sed -n "s,.*/blobs/sha256:$pack.*\"range\": \"bytes=\\([0-9]*\\)-.*,\\1,p" log
}

atf_test_case stream__one_request
stream__one_request_head()
{
	atf_set require.progs "perl python3"
}
stream__one_request_body()
{
	plant_long
	for jobs in 1 2 8 32; do
		hostile
		pulled --plain-http -j $jobs
		ranges >asked
		atf_check -o inline:"0\n" cat asked
	done
}

# Cut, and gone on with from where it was, never from the start.
atf_test_case stream__cut
stream__cut_head()
{
	atf_set require.progs "perl python3"
}
stream__cut_body()
{
	plant_long
	for bytes in 1100000 2200000; do
		hostile --fault "cut:$bytes"
		pulled --plain-http
		for jobs in 1 8; do
			hostile --fault "ends:$bytes"
			pulled --plain-http -j $jobs
			ranges >asked
			# None begins before the slot that was not filled.
			awk -v n="$bytes" '
			    NR > 1 && $1 <= n - 524288 || seen[$1]++ { bad = 1 }
			    END { exit bad || NR < 2 }' asked ||
			    atf_fail "$bytes, $jobs: $(tr '\n' ' ' <asked)"
		done
	done
}

atf_test_case stream__faults
stream__faults_head()
{
	atf_set require.progs "perl python3"
}
stream__faults_body()
{
	plant_long
	other
	faults --plain-http <<-'END'
		0|range-limit:524288|
		0|range-limit:600000|
		0|busy:2|
		0|redirect:http://127.0.0.1:OTHERPATH|
		65|blob-gone:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not there
		65|blob-nothing:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-short:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-long:pack|memory.raw: byte 0: HOST/golden: blob DIGEST: not as long as it should be
		65|blob-flip:pack|memory.raw: byte 0: no zstd frame of 16 pages
		75|cut:65536|memory.raw: byte 0: HOST/golden: the connection was cut
	END
}

atf_init_test_cases()
{
	atf_add_test_case stream__one_request
	atf_add_test_case stream__cut
	atf_add_test_case stream__faults
}
