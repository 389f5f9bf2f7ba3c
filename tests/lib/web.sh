# SPDX-License-Identifier: ISC
# A vm-web of the case's own, and requests to it by curl.

# web_up [OPTION]...: on a free port unless told; `url`, `token`, `web_pid`.
# Run by $web_by, if that is not empty, which gives the socket.
web_up()
{
	command -v curl >/dev/null || atf_skip "curl is not installed"
	case "${web_by-}$*" in
	perl*) ;;
	*--listen* | *--socket*) ;;
	*) set -- --listen 127.0.0.1:0 "$@" ;;
	esac
	: >web.err # what the one before has said
	# shellcheck disable=SC2086
	signalled ${web_by-} vm-web "$@" >web.out 2>web.err &
	web_pid=$!
	eventually 30 grep -q '#token=' web.err ||
	    atf_fail "does not start: $(cat web.err)"
	url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' web.out)
	token=$(sed -n 's/.*#token=//p' web.err)
	echo "$web_pid" >web.pid
}

# Ends it: 143, without a process left.
web_down()
{
	kill -TERM "$web_pid"
	code=0
	wait "$web_pid" || code=$?
	atf_check_equal 143 "$code"
	rm web.pid
}

# In a case's cleanup.
web_end()
{
	[ ! -e web.pid ] || kill -9 "$(cat web.pid)" || :
}

# get PATH [CURL OPTION]...: the answer's body on stdout.
get()
{
	path=$1
	shift
	curl -sS -m 60 -H "Authorization: Bearer $token" "$@" "$url$path"
}

# post PATH [JSON]
post()
{
	get "$1" -H 'Content-Type: application/json' -d "${2-{\}}"
}

# status_of CURL OPTION...: the status alone.
status_of()
{
	curl -sS -m 60 -o /dev/null -w '%{http_code}\n' "$@"
}

# says REGEX FUNCTION...: what that prints has it.
says()
{
	regex=$1
	shift
	"$@" >says.out 2>&1
	grep -qE -- "$regex" says.out || atf_fail "$*: $(cat says.out)"
}

# silent FUNCTION...: it prints nothing.
silent()
{
	"$@" >says.out 2>&1
	[ ! -s says.out ] || atf_fail "$*: $(cat says.out)"
}
