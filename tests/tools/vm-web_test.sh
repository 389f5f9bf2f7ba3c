#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# The server of the page, by curl and raw sockets.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/counting.sh"
. "$(atf_get_srcdir)/../lib/vms.sh"
. "$(atf_get_srcdir)/../lib/agent.sh"
. "$(atf_get_srcdir)/../lib/web.sh"

lib=$(atf_get_srcdir)/../lib

bad()
{
	command -v python3 >/dev/null || atf_skip "python3 is not installed"
	port=${url##*:}
	python3 "$lib/web_bad.py" "${port%%/*}" "$token" "$web_pid" "$@"
}

atf_test_case start__reports_and_ends cleanup
start__reports_and_ends_body()
{
	web_up
	atf_check_equal "$web_pid" "$(sed 's/.*"pid":\([0-9]*\).*/\1/' web.out)"
	atf_check_equal 64 "$(printf %s "$token" | wc -c)"
	says '"root":"'"$PWD"'/root"' get api/about
	atf_check -s exit:64 -e not-match:'no member' \
	    vm-web -p url,socket,pid --nosuch
	# The page is for everybody, what it shows is not.
	atf_check_equal 200 "$(status_of "$url")"
	atf_check_equal 401 "$(status_of "${url}api/vms")"
	web_down
	atf_check_equal 2 "$(wc -l <web.err)"
}
start__reports_and_ends_cleanup()
{
	web_end
}

atf_test_case start__wrong_options
start__wrong_options_body()
{
	while read -r text options; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -o empty -e match:"^vm-web: $text" \
		    vm-web $options
	done <<-'EOF'
		--listen.*not.one.like --listen nowhere
		--listen.*not.one.like --listen 127.0.0.1
		--listen.*not.one.like --listen 127.0.0.1:65536
		--listen.*not.one.like --listen 127.0.0.1:x
		--listen.*not.one.like --listen [::1:80
		--listen.*--cert --listen 0.0.0.0:0
		--listen.*--cert --listen 192.0.2.1:8006
		--listen.*--cert --listen [::]:0
		.*exclude --listen 127.0.0.1:0 --socket s
		.*together --cert c
		.*together --key c
		.*not.for.--socket --socket s --cert c --key k
		--base-path.* --base-path lab
		--base-path.* --base-path /lab/
		--base-path.* --base-path /a/../b
		--base-path.* --base-path /a"b
		--origin.* --origin lab.example
		--origin.* --origin https://lab.example/x
		--origin.* --origin ftp://lab.example
		x:.no.operands.are.taken$ x
	EOF
	long=$(printf '%0120d' 0)
	atf_check -s exit:64 -e match:longer vm-web --socket "$long"
	atf_check -s exit:66 -e match:c: \
	    vm-web --listen 127.0.0.1:0 --cert c --key k
	echo no >c
	atf_check -s exit:65 -e match:'not a certificate' \
	    vm-web --listen 127.0.0.1:0 --cert c --key c
	# Nothing is made for who may only look.
	atf_check -s exit:66 -e match:none vm-web -R none --read-only
	atf_check test ! -e none
}

atf_test_case start__token_file cleanup
start__token_file_body()
{
	web_up --token-file t
	atf_check_equal "$token" "$(cat t)"
	atf_check_equal 600 "$(stat -c %a t)"
	before=$token
	web_down
	web_up --token-file t
	atf_check_equal "$before" "$token"
	web_down
	chmod 644 t
	atf_check -s exit:77 -e match:'others may open it' \
	    vm-web --listen 127.0.0.1:0 --token-file t
	chmod 600 t
	echo short >t
	atf_check -s exit:65 -e match:'not 64 hexadecimal digits' \
	    vm-web --listen 127.0.0.1:0 --token-file t
}
start__token_file_cleanup()
{
	web_end
}

atf_test_case start__socket cleanup
start__socket_body()
{
	web_up --socket s
	atf_check_equal 600 "$(stat -c %a s)"
	atf_check -o match:version \
	    curl -sS --unix-socket s -H "Authorization: Bearer $token" \
	    http://localhost/api/about
	atf_check -s exit:73 -e match:'s: ' vm-web --socket s
	kill -9 "$web_pid"
	wait "$web_pid" || :
	# Whoever was killed does not keep the next one away; a file does.
	web_up --socket s
	web_down
	atf_check test ! -e s
	echo mine >s
	atf_check -s exit:73 -e match:'s: ' vm-web --socket s
	atf_check -o inline:"mine\n" cat s
}
start__socket_cleanup()
{
	web_end
}

# A supervisor's socket, and who is told that it is served.
atf_test_case start__socket_is_given cleanup
start__socket_is_given_body()
{
	perl -e 1 || atf_skip "no perl"
	web_by="perl $lib/give.pl 1 127.0.0.1:0"
	perl -MIO::Socket::UNIX -e '
	    $s = IO::Socket::UNIX->new(Local => "n", Type => SOCK_DGRAM);
	    $s->recv($t, 99); print $t' >said &
	told=$!
	eventually 10 test -S n
	NOTIFY_SOCKET=$PWD/n
	export NOTIFY_SOCKET
	web_up
	unset NOTIFY_SOCKET
	wait "$told"
	atf_check -o inline:"READY=1\n" cat said
	says '"version"' get api/about
	web_down
	# A path stays: the supervisor goes on to listen there.
	web_by="perl $lib/give.pl 1 $PWD/s"
	web_up
	atf_check -o match:version \
	    curl -sS --unix-socket s -H "Authorization: Bearer $token" \
	    http://localhost/api/about
	atf_check -o match:"\"socket\":\"$PWD/s\"" cat web.out
	web_down
	atf_check test -S s
	while read -r n at text options; do
		# shellcheck disable=SC2086
		atf_check -s exit:64 -e match:"^vm-web: .*$text" \
		    perl "$lib/give.pl" "$n" "$at" vm-web $options
	done <<-'EOF'
		2 127.0.0.1:0 one.socket
		1 0.0.0.0:0 --cert
		1 127.0.0.1:0 is.given --listen 127.0.0.1:0
		1 127.0.0.1:0 is.given --socket t
	EOF
	# What is meant for another is not looked at.
	LISTEN_PID=1 LISTEN_FDS=1
	export LISTEN_PID LISTEN_FDS
	web_by=
	web_up
	web_down
}
start__socket_is_given_cleanup()
{
	web_end
}

atf_test_case start__tls_and_base_path cleanup
start__tls_and_base_path_body()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
	    -keyout key -out cert 2>/dev/null || atf_skip "no openssl"
	web_up --cert cert --key key --base-path /lab \
	    --origin https://web.example
	case $url in
	https://127.0.0.1:*/lab/) ;;
	*) atf_fail "$url" ;;
	esac
	says version get api/about --cacert cert
	atf_check_equal 404 \
	    "$(status_of --cacert cert "${url%lab/}api/about")"
	for v in 1 1_1; do
		! echo | openssl s_client -tls$v -cipher ALL:@SECLEVEL=0 \
		    -connect "$(echo "$url" | cut -d / -f 3)" \
		    >tls 2>&1 || atf_fail "TLS $v: $(cat tls)"
	done
	# As a proxy passes it on, and as one does that says its own name.
	for h in 'Host: web.example' 'Origin: https://web.example'; do
		says version get api/about --cacert cert -H "$h"
	done
	curl -sS -i --cacert cert -H 'Content-Type: application/json' \
	    -d "{\"token\":\"$token\"}" "${url}api/login" >answer
	atf_check -o match:'Path=/lab/; HttpOnly; SameSite=Strict; Secure' \
	    grep -i set-cookie answer
	# The page's path without its slash, from wherever; and nothing like it.
	for h in 'Sec-Fetch-Site: cross-site' 'Origin: https://else.example'; do
		atf_check -o inline:"301 $url" curl -sS -o answer --cacert cert \
		    -H "$h" -w '%{http_code} %{redirect_url}' "${url%/}"
	done
	atf_check -o inline:200 curl -sSL -o answer --cacert cert \
	    -w '%{http_code}' "${url%/}"
	cmp answer "$top/vm-web/page/index.html"
	for p in "${url%/}x" "${url%/}x/" "${url%lab/}"; do
		atf_check_equal 404 "$(status_of --cacert cert "$p")"
	done
	atf_check_equal 404 "$(status_of --cacert cert -d x "${url%/}")"
	atf_check_equal 421 "$(status_of --cacert cert -H 'Host: else.example' \
	    "${url%/}")"
	web_down
}
start__tls_and_base_path_cleanup()
{
	web_end
}

atf_test_case login__cookie_and_key cleanup
login__cookie_and_key_body()
{
	web_up
	curl -sS -c jar -H 'Content-Type: application/json' \
	    -d "{\"token\":\"$token\"}" "${url}api/login" >key
	key=$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' key)
	atf_check_equal 401 "$(status_of -b jar "${url}api/vms")"
	atf_check_equal 401 \
	    "$(status_of -H "X-Vm-Web-Key: $key" "${url}api/vms")"
	atf_check_equal 200 \
	    "$(status_of -b jar -H "X-Vm-Web-Key: $key" "${url}api/vms")"
	# Neither of them is the token.
	atf_check -s exit:1 grep -q "$token" jar key
}
login__cookie_and_key_cleanup()
{
	web_end
}

# Two servers that a tunnel brings behind one name: cookies know no ports.
atf_test_case login__two_servers cleanup
login__two_servers_body()
{
	web_up --socket s
	first=$web_pid token1=$token
	mv web.pid first.pid
	web_up --socket t --token-file token
	for n in 1 2; do
		[ $n -eq 1 ] && at=s by=$token1 || at=t by=$token
		curl -sS -b jar -c jar --unix-socket $at \
		    -H 'Content-Type: application/json' \
		    -d "{\"token\":\"$by\"}" http://localhost/api/login |
		    sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' >key$n
	done
	for n in 1 2; do
		[ $n -eq 1 ] && at=s || at=t
		atf_check_equal "200 $n" "$(status_of -b jar --unix-socket $at \
		    -H "X-Vm-Web-Key: $(cat key$n)" \
		    http://localhost/api/about) $n"
	done
	# It is the same one after a restart.
	web_down
	web_up --socket t --token-file token
	atf_check_equal 200 "$(status_of -b jar --unix-socket t \
	    -H "X-Vm-Web-Key: $(cat key2)" http://localhost/api/about)"
	web_down
	mv first.pid web.pid
	web_pid=$first
	web_down
}
login__two_servers_cleanup()
{
	web_end
	[ ! -e first.pid ] || kill -9 "$(cat first.pid)"
}

atf_test_case page__headers cleanup
page__headers_body()
{
	web_up
	curl -sS -i "$url" >page
	for h in "Content-Security-Policy: default-src 'none'; script-src 'self'" \
	    'X-Content-Type-Options: nosniff' 'Referrer-Policy: no-referrer' \
	    'X-Frame-Options: DENY' 'Cache-Control: no-store'; do
		atf_check -o ignore grep -F "$h" page
	done
	# Everything that the page names is there; nothing stands in it that
	# its policy refuses.
	sed -n 's/.*\(src\|href\)="\([^"#]*\)".*/\2/p' page >names
	[ -s names ] || atf_fail "names nothing"
	while read -r name; do
		case $name in
		xterm.*) continue ;;
		esac
		atf_check_equal "200 $name" "$(status_of "$url$name") $name"
	done <names
	atf_check -s exit:1 grep -E '<script>|style=|onclick=|javascript:' page
	curl -sS "${url}main.js" | cmp - "$top/vm-web/page/main.js"
}
page__headers_cleanup()
{
	web_end
}

atf_test_case requests__bad_ones cleanup
requests__bad_ones_body()
{
	web_up
	says '^1[0-9][0-9] requests, 0 wrong$' bad table
	atf_check_equal 1 "$(wc -l <says.out)"
	says '^200 in time$' bad slow
	web_down
}
requests__bad_ones_cleanup()
{
	web_end
}

atf_test_case requests__nothing_grows cleanup
requests__nothing_grows_head()
{
	atf_set require.config long
}
requests__nothing_grows_body()
{
	# There what was freed is kept for a while.
	! nm "$top/vm-web/vm-web" | grep -q __asan_init ||
	    atf_skip "built with sanitizers"
	web_up
	says '^some cut$' bad flood
	atf_check_equal 'room again' "$(tail -n 1 says.out)"
	says '^10000 requests$' bad many 10000
	atf_check_equal 1 "$(wc -l <says.out)"
	web_down
}
requests__nothing_grows_cleanup()
{
	web_end
}

atf_test_case actions__read_only cleanup
actions__read_only_body()
{
	mkdir root root/vm
	web_up --read-only
	for p in vms/a/start vms/a/remove vms/a/keys snaps/a/remove \
	    snaps/import; do
		says read-only post "api/$p"
	done
	atf_check_equal 200 \
	    "$(status_of -H "Authorization: Bearer $token" "${url}api/vms")"
}
actions__read_only_cleanup()
{
	web_end
}

# line PATTERN: it comes by the stream of events.
told()
{
	eventually 30 grep -qE "$1" events ||
	    atf_fail "not told: $1: $(tail -c 2000 events)"
}

# What a list has still seen is not told behind its end.
atf_test_case events__what_is_gone_stays_so cleanup
events__what_is_gone_stays_so_body()
{
	need_tiny
	for v in a b; do
		atf_check -o ignore vm-create -n $v --memory 32M --kernel "$tiny"
	done
	LATE=$PWD
	LATE_LS=$(command -v vm-ls)
	mkdir bin
	ln -s "$lib/late_ls.sh" bin/vm-ls
	PATH=$PWD/bin:$PATH
	export LATE LATE_LS
	web_up
	get api/events -N -m 120 >events 2>/dev/null &
	eventually 30 grep -q '^:' events
	: >hold
	atf_check -o ignore vm-set -n late a
	eventually 30 grep -q -- '-- [a-z2-7]' held || atf_fail "nobody asks"
	atf_check vm-rm late
	told '^event: vm-gone$'
	rm hold
	atf_check -o ignore vm-set -n next b
	told '"name":"next"'
	atf_check -s exit:1 grep '"name":"late"' events
	web_down
}
events__what_is_gone_stays_so_cleanup()
{
	web_end
}

# It is found again, another in its place too, and followed.
atf_test_case events__another_root cleanup
events__another_root_body()
{
	need_tiny
	make()
	{
		atf_check -o ignore vm-create -n "$1" --memory 32M \
		    --kernel "$tiny"
	}
	make a
	web_up
	get api/events -N -m 120 >events 2>/dev/null &
	eventually 30 grep -q '^:' events
	mv root was
	told '^event: reset$'
	says '"status":404,"exit":66' get api/vms
	make b
	says '"name":"b"' get api/vms
	atf_check -o ignore vm-set -n bb b
	told '"name":"bb"'
	# What others make is said; the first has it, too, when it is back.
	mv root new
	says '"exit":66' get api/vms
	mv was root
	says '"name":"a"' get api/vms
	atf_check -o ignore vm-set -n aa a
	told '"name":"aa"'
	# All that is in it goes, and is made again.
	rm -rf root/*
	make c
	says '"name":"c"' get api/vms
	atf_check -o ignore vm-set -n cc c
	told '"name":"cc"'
	web_down
	# Who comes while it is away hears when it is back.
	web_up
	mv root was
	get api/events -N -m 120 >events 2>/dev/null &
	eventually 30 grep -q '^:' events
	mv was root
	says '"name":"cc"' get api/vms
	atf_check -o ignore vm-set -n late cc
	told '"name":"late"'
	web_down
}
events__another_root_cleanup()
{
	web_end
}

# Another user's is not followed: the server would be that user from then on.
atf_test_case events__anothers_root cleanup
events__anothers_root_head()
{
	atf_set require.user root
}
events__anothers_root_body()
{
	need_tiny
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny"
	web_up
	get api/events -N -m 120 >events 2>/dev/null &
	eventually 30 grep -q '^:' events
	mv root was
	mkdir -p root/vm root/snap
	chown -R nobody root
	get api/vms >answer
	says "root: another user's by now\",\"status\":403" \
	    get api/vms/a/release -X POST
	says "another user's by now" get api/snaps/s/files/f
	atf_check -o match:'^Uid:	0	0	0	0$' \
	    cat "/proc/$web_pid/status"
	mv root theirs
	mv was root
	says '"name":"a"' get api/vms
	atf_check -o ignore vm-set -n aa a
	told '"name":"aa"'
	web_down
}
events__anothers_root_cleanup()
{
	web_end
}

atf_test_case actions__a_tour cleanup
actions__a_tour_body()
{
	need_tiny
	command -v jq >/dev/null || atf_skip "jq is not installed"
	web_up
	get api/events -N -m 120 >events 2>/dev/null &
	# It begins at once, for a browser tells a page by the first bytes that it is
	# there; and the watch is set up by then.
	eventually 30 grep -q '^:' events

	post api/vms "{\"name\":\"a\",\"memory\":\"32M\",\"storage\":\"8M\",
	    \"kernel\":\"$tiny\"}" >vm
	id=$(jq -r .id vm)
	told '^data: \{"id":"'"$id"'".*"state":"created"'
	post "api/vms/$id/start" | jq -e '.state == "running"' >/dev/null ||
	    atf_fail "does not run"
	told '"state":"running"'
	counts_on a
	# What it says, as it says it.
	timeout 10 curl -sSN -H "Authorization: Bearer $token" \
	    "${url}api/vms/a/output" >said 2>/dev/null &
	eventually 30 grep -q tick said || atf_fail "says nothing"

	post "api/vms/a/pause" | jq -e '.state == "paused"' >/dev/null ||
	    atf_fail "not paused"
	told '"state":"paused"'
	post "api/vms/a/resume" | jq -e '.state == "running"' >/dev/null ||
	    atf_fail "not resumed"
	post "api/vms/a/save" '{"name":"s","description":"one & \"two\""}' \
	    >snap
	snap=$(jq -r .id snap)
	jq -e '.pause_ms >= 0 and (.phases | length) > 1' snap >/dev/null ||
	    atf_fail "$(cat snap)"
	told '^event: snap$'
	told "snap-save.*-n s -d 'one & .*two.*' -- $id|snap-save -n s -d"

	# There and back: the same bytes, with nothing beside.
	get "api/snaps/s/export?form=none" >s.tar
	snap-export --no-compress s | cmp - s.tar || atf_fail "another archive"
	get 'api/snaps/import?name=t' --data-binary @s.tar \
	    -H 'Content-Type: application/octet-stream' >import
	atf_check -o ignore jq -e '.name == "t"' import
	atf_check snap-verify -q t
	get 'api/snaps/import?name=u' -X POST -T s.tar \
	    -H 'Transfer-Encoding: chunked' >import
	atf_check -o ignore jq -e '.name == "u"' import
	head -c 100000 s.tar >cut.tar
	says '"exit":65' get 'api/snaps/import?name=v' \
	    --data-binary @cut.tar
	# A file of it, in two parts.
	file=$(snap-ls -p dir s)/memory.raw
	[ -e "$file" ] || file=$(find "$(snap-ls -p dir s)/" -size +8k | head -n 1)
	name=$(basename "$file")
	get "api/snaps/s/files/$name" -r 0-4999 >part
	get "api/snaps/s/files/$name" -r 5000- >>part
	cmp part "$file" || atf_fail "another file"
	link=$(post "api/snaps/s/link" '{"form":"none"}' | jq -r .path)
	atf_check_equal 401 "$(status_of "$url$link")"
	get "$link" | cmp - s.tar || atf_fail "another archive by the link"

	post api/snaps/s/clone '{"name":"c","count":2}' >clones
	atf_check_equal 2 "$(jq -r .clone_ms clones | wc -l)"
	told '"name":"c-2"'
	post api/vms/a/restore '{"snapshot":"s"}' >vm
	atf_check -o ignore jq -e '.state == "running"' vm
	says '"exit":69' post api/vms/a/exec '{"argv":["true"]}'
	# One that another ends is seen, too.
	kill -9 "$(vm-ls -p pid c-1)"
	told '"name":"c-1".*"state":"(stopped|error)"'
	for v in a c-1 c-2; do
		silent post "api/vms/$v/remove" '{"force":true}'
	done
	told '^event: vm-gone$'
	for s in s t u; do
		post "api/snaps/$s/remove" >removed
	done
	told '^event: snap-gone$'
	atf_check -o empty vm-ls
	atf_check -o empty snap-ls
	get api/log | jq -e -s 'map(.command) | any(startswith("vm-clone "))' \
	    >/dev/null || atf_fail "$(get api/log)"
	# The streams end with it.
	web_down
	wait
}
actions__a_tour_cleanup()
{
	web_end
	vms_end
}

# However much is still to come of it.
atf_test_case import__refusals_are_told cleanup
import__refusals_are_told_body()
{
	web_up
	truncate -s 100M noise
	send()
	{
		get "api/snaps/import?$1" -X POST -T noise -H 'Expect:' \
		    -w ' %{http_code}' >answer
	}
	# By the tool, which has read its beginning.
	send mark=one
	atf_check -o match:'"status":422,"exit":65' \
	    -o match:'"stderr":"snap-import: ' -o match:' 422$' cat answer
	says '"exit":65.*"mark":"one"' get api/log
	# By the server, before it runs.
	send "name=$(printf '%05000d' 0)"
	atf_check -o match:'"error":"name: not a text","status":400' \
	    -o match:' 400$' cat answer
	send "mark=$(printf '%050d' 0)"
	atf_check -o match:'"error":"mark: ' -o match:' 400$' cat answer
	# Who waits to be asked for it need not send it, nor who has no token.
	says ' 400 0$' get 'api/snaps/import?name=%ff' -X POST -T noise \
	    -H 'Expect: 100-continue' -w ' %{http_code} %{size_upload}'
	token=none
	get api/snaps/import -X POST -T noise -H 'Expect:' \
	    -w '%{size_upload}' -o none >sent 2>&1 || :
	[ "$(tail -n 1 sent)" -lt 50000000 ] || atf_fail "it is read"
	web_down
}
import__refusals_are_told_cleanup()
{
	web_end
}

# What a guest answers is no fault of the server's.
atf_test_case exec__guests_answers cleanup
exec__guests_answers_body()
{
	need_tiny
	tiny_run web --agent
	fake_agent web
	web_up
	post api/vms/web/exec '{"argv":["sh","-c","echo a; exit 3"]}' >answer
	atf_check -o match:'"status":3,"stdout":"a.n"' cat answer
	post api/vms/web/exec '{"argv":["nosuch"]}' >answer
	atf_check -o match:'"error":"the guest has no such command"' \
	    -o match:'"status":422,"exit":127' \
	    -o match:'vm-exec: web: guest agent: .*nosuch' cat answer
	web_down
}
exec__guests_answers_cleanup()
{
	web_end
	agents_end
}

atf_test_case end__children_end cleanup
end__children_end_body()
{
	need_tiny
	atf_check -o ignore vm-create -n a --memory 32M --kernel "$tiny"
	web_up
	# It waits for what never comes.
	post api/vms/a/start '{"ready":"console=never","ready_timeout":"60s"}' \
	    >/dev/null 2>&1 &
	eventually 30 pgrep -P "$web_pid" -x vm-start ||
	    atf_fail "no tool is run"
	tool_pid=$(pgrep -P "$web_pid" -x vm-start)
	web_down
	[ ! -e "/proc/$tool_pid" ] || atf_fail "the tool goes on"
}
end__children_end_cleanup()
{
	web_end
	vms_end
}

# by NAME [KEYS] [release]: the answers' statuses.
by()
{
	get "api/vms/a/keys?by=$1" -X POST --data-binary "${2-}" -o answer \
	    -w '%{http_code}'
	[ $# -lt 3 ] || get "api/vms/a/release?by=$1" -X POST -o answer \
	    -w ' %{http_code}'
}

atf_test_case keys__one_client cleanup
keys__one_client_body()
{
	need_tiny
	vm_run a
	web_up
	atf_check_equal 202 "$(status_of -H "Authorization: Bearer $token" \
	    -X POST --data-binary 'x' "${url}api/vms/a/keys")"
	eventually 30 pgrep -P "$web_pid" -x vm-console ||
	    atf_fail "nobody has the console"
	dir=$(vm-ls -p dir a)
	eventually 30 sh -c "! flock -n '$dir/console.lock' true" ||
	    atf_fail "it is not taken"
	atf_check -s exit:75 -e match:busy vm-console -q a </dev/null
	# Of several the last that took it types, and gives it back.
	get api/events -N -m 120 >events 2>/dev/null &
	eventually 30 grep -q '^:' events
	says '^409 409$' by one x release
	says '^202$' by one
	told '^data: .*"by":""}$'
	says '^409$' get api/vms/a/keys -X POST --data-binary x -o answer \
	    -w '%{http_code}'
	atf_check -o match:'"error":"another client types there now"' cat answer
	says '^202$' by two
	told '^data: .*"by":"one"}$'
	says '^409 409$' by one x release
	says '^202 202$' by two x release
	told '"by":"two","exit":'
	eventually 30 flock -n "$dir/console.lock" true ||
	    atf_fail "it is not given back"
	says '^400$' by "$(printf '%037d' 0)"
	says '^202$' by ''
	eventually 30 sh -c "! flock -n '$dir/console.lock' true" ||
	    atf_fail "it is not taken again"
	atf_check_equal 202 "$(status_of -H "Authorization: Bearer $token" \
	    -X POST "${url}api/vms/a/release")"
	eventually 30 flock -n "$dir/console.lock" true ||
	    atf_fail "it is not given back"
	web_down
}
keys__one_client_cleanup()
{
	web_end
	vms_end
}

atf_init_test_cases()
{
	atf_add_test_case start__reports_and_ends
	atf_add_test_case start__wrong_options
	atf_add_test_case start__token_file
	atf_add_test_case start__socket
	atf_add_test_case start__socket_is_given
	atf_add_test_case start__tls_and_base_path
	atf_add_test_case login__cookie_and_key
	atf_add_test_case login__two_servers
	atf_add_test_case page__headers
	atf_add_test_case requests__bad_ones
	atf_add_test_case requests__nothing_grows
	atf_add_test_case actions__read_only
	atf_add_test_case events__what_is_gone_stays_so
	atf_add_test_case events__another_root
	atf_add_test_case events__anothers_root
	atf_add_test_case actions__a_tour
	atf_add_test_case import__refusals_are_told
	atf_add_test_case exec__guests_answers
	atf_add_test_case end__children_end
	atf_add_test_case keys__one_client
}
