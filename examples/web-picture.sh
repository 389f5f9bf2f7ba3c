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
browser='' reader=''
leave()
{
	rc=$?
	for pid in $browser $reader $web; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
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
# It is told what to do by a pipe (Chrome DevTools Protocol): the link has a token,
# and arguments are seen by everybody on this host.
mkfifo "$tmp/ask" "$tmp/answer"
exec 7<>"$tmp/ask" 8<>"$tmp/answer"
more= # a browser of root's has no sandbox of its own
[ "$(id -u)" -ne 0 ] || more=--no-sandbox
HOME=$tmp chromium --headless=new $more --disable-gpu --hide-scrollbars \
    --window-size="${3:-1200,800}" --remote-debugging-pipe about:blank \
    3<&7 4>&8 >"$tmp/browser" 2>&1 &
browser=$!
cat <&8 >"$tmp/answers" &
reader=$!

# ask NUMBER METHOD PARAMS MEMBER: the member of the answer, a string.
ask()
{
	printf '{"id":%s,"method":"%s","params":{%s}%s}\0' "$1" "$2" "$3" \
	    "${session:+,\"sessionId\":\"$session\"}" >&7
	n=0
	until tr '\0' '\n' <"$tmp/answers" >"$tmp/lines" &&
	    grep -q "\"id\":$1,.*}\$" "$tmp/lines"; do
		n=$((n + 1))
		if [ $n -gt 300 ] || ! kill -0 $browser 2>/dev/null; then
			cat "$tmp/browser" >&2
			exit 69
		fi
		sleep 0.1
	done
	sed -n "/\"id\":$1,/s/.*\"$4\":\"\([^\"]*\)\".*/\1/p" "$tmp/answers"
}

session=
target=$(ask 1 Target.createTarget \
    "\"url\":\"$(cat "$tmp/url")#token=$(cat "$tmp/token")&view=${2:-vms}\"" \
    targetId)
session=$(ask 2 Target.attachToTarget \
    "\"targetId\":\"$target\",\"flatten\":true" sessionId)
sleep 3 # for its answers
ask 3 Page.captureScreenshot '' data | base64 -d >"$1"
[ -s "$1" ]
