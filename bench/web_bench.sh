#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: web_bench.sh [dir]
# vm-web on one processor with STREAMS (200) clients that read its events, and
# with VMS (1,000) machines, of which one is renamed CHANGES (21) times: the
# milliseconds from the end of the tool until it was told to all, and its memory.
# How long a start takes until the page is there, and the whole list.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
vms=${VMS:-1000}
. "$here/lib/bench.sh"
tools vm-create vm-ls vm-set vm-web
begin web_bench "$@"

INSTAR_ROOT=$work/root
export INSTAR_ROOT
: >kernel
head -c 4096 /dev/zero >kernel

# As many records as there are to be, of one that was made.
fill()
{
	vm-create -n a --memory 32M --kernel kernel >/dev/null
	id=$(vm-ls -p id a)
	printf '%s\n' "$id" | awk -v n="$vms" '{
		l = "abcdefghijklmnopqrstuvwxyz234567"
		for (i = 1; i < n; i++)
			print substr($1, 1, 22) substr(l, i % 32 + 1, 1) \
			    substr(l, int(i / 32) % 32 + 1, 1) "zz", i
	}' | while read -r new i; do
		[ "$new" != "$id" ] || continue
		mkdir "root/vm/$new"
		sed -e "s/$id/$new/" -e "s/\"a\"/\"m-$i\"/" \
		    "root/vm/$id/vm.json" >"root/vm/$new/vm.json"
		ln -s "../../vm/$new" "root/name/vm/m-$i"
	done
}

finish()
{
	[ -z "${pid-}" ] || kill "$pid"
}

fill
python3 "$here/web_bench.py" start
taskset -c 0 vm-web --listen 127.0.0.1:0 --token-file "$work/token" -p url,pid \
    >said 2>/dev/null &
while [ ! -s said ]; do
	sleep 0.1
done
read -r url pid <said
start=$(date +%s%N)
n=$(curl -s -H "Authorization: Bearer $(cat token)" "${url}api/vms" | wc -l)
end=$(date +%s%N)
echo "a list of $n: $(((end - start) / 1000000)) ms"
python3 "$here/web_bench.py" "$url" "$(cat token)" "$pid" "${STREAMS:-200}" \
    "${CHANGES:-21}"
