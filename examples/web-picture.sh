#!/bin/sh
# SPDX-License-Identifier: ISC
# usage: web-picture.sh FILE.png [VIEW [WIDTH,HEIGHT]]
# A picture of vm-web's page as it is for the root in $INSTAR_ROOT: the view vms
# (or snaps, pictures, log), by Chromium, without a screen.
set -eu

[ $# -ge 1 ] || {
	echo "usage: web-picture.sh file.png [view [width,height]]" >&2
	exit 64
}
command -v chromium >/dev/null || {
	echo "web-picture: chromium is not installed" >&2
	exit 69
}
tmp=$(mktemp -d)
vm-web --read-only --listen 127.0.0.1:0 --token-file "$tmp/token" -p url \
    >"$tmp/url" 2>"$tmp/said" &
web=$!
leave()
{
	rc=$?
	kill $web 2>/dev/null || :
	rm -rf "$tmp"
	exit $rc
}
trap leave EXIT
trap 'exit 130' INT TERM HUP
while [ ! -s "$tmp/url" ]; do
	kill -0 $web 2>/dev/null || {
		cat "$tmp/said" >&2
		exit 69
	}
	sleep 0.1
done
# By a file of ours: arguments are seen by everybody on this host.
cat >"$tmp/go.html" <<END
<meta http-equiv="refresh"
content="0;url=$(cat "$tmp/url")#token=$(cat "$tmp/token")&amp;view=${2:-vms}">
END
# A browser of root's has no sandbox of its own.
more=
[ "$(id -u)" -ne 0 ] || more=--no-sandbox
HOME=$tmp chromium --headless=new $more --disable-gpu --hide-scrollbars \
    --window-size="${3:-1200,800}" --virtual-time-budget=10000 --screenshot="$1" \
    "file://$tmp/go.html" \
    >"$tmp/browser" 2>&1 || {
	cat "$tmp/browser" >&2
	exit 69
}
[ -s "$1" ]
