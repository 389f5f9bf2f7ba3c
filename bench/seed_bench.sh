#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: seed_bench.sh [dir]
# disk-mkdata and cidata-gen against what a user would run instead: medians of
# eleven, in a directory under `dir` (/var/tmp).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${1:-/var/tmp}/seed_bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
PATH=$here/../disk-mkdata:$here/../cidata-gen:$PATH
# shellcheck disable=SC2086
${CC:-cc} -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 \
    -I"$here/../common" -o "$work/bench" "$here/disk_bench.c" \
    "$here/../common/libcommon.a" -lcrypto -lpthread
cd "$work"

# once COMMAND: microseconds that the command takes.
once()
{
	rm -rf d s s.img
	mkdir d
	a=$(./bench clock -)
	eval "$1" >/dev/null 2>&1
	b=$(./bench clock -)
	echo $((b - a))
}

# compare LABEL MOST OURS THEIRS: runs in turn, prints the medians and the
# ratio that is wanted.
compare()
{
	: >ours
	: >theirs
	for i in 1 2 3 4 5 6 7 8 9 10 11; do
		once "$3" >>ours
		once "$4" >>theirs
	done
	o=$(sort -n ours | sed -n 6p)
	t=$(sort -n theirs | sed -n 6p)
	awk -v l="$1" -v o="$o" -v t="$t" -v m="$2" 'BEGIN {
		printf "%-44s %8.1f %8.1f %6.2f  (at most %s)\n", l, o / 1000,
		    t / 1000, o / t, m
	}'
}

cat >user-data <<'END'
#cloud-config
users:
  - name: admin
    sudo: 'ALL=(ALL) NOPASSWD:ALL'
END
printf 'instance-id: i-1\nlocal-hostname: web\n' >meta-data
printf 'version: 2\nethernets:\n  id0: {match: {macaddress: "52:54:00:12:34:56"}, dhcp4: true}\n' >network-config

printf '%-44s %8s %8s %6s\n' "data disks and seeds: against" "ours ms" \
    "their ms" ratio
compare "100 GiB: truncate, mkfs.ext4" 1.1 \
    "disk-mkdata size=100G,name=db d" \
    "truncate -s 100G d/data-db.raw; mkfs.ext4 -F -m 0 -q -E lazy_itable_init=1,lazy_journal_init=1,discard d/data-db.raw"
blocks=$(disk-mkdata -p path size=100G,name=size d | xargs stat -c %b)
echo "100 GiB: $((blocks / 2)) KiB allocated"
compare "vfat seed: mkfs.vfat, mcopy" 1.2 \
    "cidata-gen -o s.img --instance-id i-1 -H web --user admin --nic user,mac=52:54:00:12:34:56" \
    "mkfs.vfat --invariant -i 1234abcd -n CIDATA -C s.img 1024; mcopy -i s.img user-data meta-data network-config ::"
for format in vfat iso; do
	compare "$format seed: cloud-localds" 1 \
	    "cidata-gen -f $format -o s.img -H web --user-data user-data -N network-config" \
	    "cloud-localds -f $format -H web -N network-config s.img user-data"
done
compare "vfat seed with password: openssl, mkfs.vfat, mcopy" 1.2 \
    "cidata-gen -o s.img -H web --user admin --password-file meta-data" \
    "openssl passwd -6 -stdin <meta-data; mkfs.vfat --invariant -i 1234abcd -n CIDATA -C s.img 1024; mcopy -i s.img user-data meta-data network-config ::"
