#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: seed_bench.sh [dir]
# disk-mkdata and cidata-gen against what a user would run instead: medians of
# RUNS (11), in a directory under `dir` (/var/tmp).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
RUNS=${RUNS:-11}
. "$here/lib/turns.sh"
begin_turns seed_bench "$@"
tools disk-mkdata cidata-gen

cat >user-data <<'END'
#cloud-config
users:
  - name: admin
    sudo: 'ALL=(ALL) NOPASSWD:ALL'
END
printf 'instance-id: i-1\nlocal-hostname: web\n' >meta-data
printf 'version: 2\nethernets:\n  id0: {match: {macaddress: "52:54:00:12:34:56"}, dhcp4: true}\n' >network-config

title "data disks and seeds"
clean="rm -rf d s.img; mkdir d"
compare "100 GiB: truncate, mkfs.ext4" "$clean" \
    "disk-mkdata size=100G,name=db d" \
    "truncate -s 100G d/data-db.raw; mkfs.ext4 -F -m 0 -q -E lazy_itable_init=1,lazy_journal_init=1,discard d/data-db.raw" 1.1
blocks=$(disk-mkdata -p path size=100G,name=size d | xargs stat -c %b)
echo "100 GiB: $((blocks / 2)) KiB allocated"
compare "vfat seed: mkfs.vfat, mcopy" "$clean" \
    "cidata-gen -o s.img --instance-id i-1 -H web --user admin --nic user,mac=52:54:00:12:34:56" \
    "mkfs.vfat --invariant -i 1234abcd -n CIDATA -C s.img 1024; mcopy -i s.img user-data meta-data network-config ::" 1.2
for format in vfat iso; do
	compare "$format seed: cloud-localds" "$clean" \
	    "cidata-gen -f $format -o s.img -H web --user-data user-data -N network-config" \
	    "cloud-localds -f $format -H web -N network-config s.img user-data" 1
done
compare "vfat seed with password: openssl, mkfs.vfat, mcopy" "$clean" \
    "cidata-gen -o s.img -H web --user admin --password-file meta-data" \
    "openssl passwd -6 -stdin <meta-data; mkfs.vfat --invariant -i 1234abcd -n CIDATA -C s.img 1024; mcopy -i s.img user-data meta-data network-config ::" 1.2
