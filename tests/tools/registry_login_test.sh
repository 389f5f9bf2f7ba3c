#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# Who logs in to a registry, with what, and who does not.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"
. "$(atf_get_srcdir)/../lib/hostile.sh"

INSTAR_HOOK=courier-wait=ms:1,courier-stall=ms:1000
export INSTAR_HOOK

# login FILE [KEY]: has the login of joe for KEY, else for the registry.
login()
{
	mkdir -p "$(dirname "$1")"
	printf '{"auths":{"other":{},"%s":{"auth":"%s"}}}' "${2-$at}" \
	    "$(printf joe:secret | base64)" >"$1"
}

# refused_push STATUS MESSAGE: a push is, and what is secret is not told.
refused_push()
{
	refused "$1" "snap-push: HOST/golden:v1: HOST/golden: $2" \
	    snap-push --plain-http "$at/golden:v1" web
	atf_check -s exit:1 grep -q secret err
}

none='unauthorized, and no login is known'

# Each place has it; it is the only one there.
atf_test_case login__places
login__places_head()
{
	atf_set require.progs "perl python3"
}
login__places_body()
{
	plant_small
	hostile --auth basic
	refused_push 77 "$none"
	refused 77 "snap-pull: HOST/golden:v1: HOST/golden: $none" \
	    snap-pull --plain-http "$at/golden:v1"
	while read -r file variable value; do
		login "$file"
		(
			[ -z "$variable" ] || export "$variable=$PWD/$value"
			atf_check -o ignore snap-push --plain-http \
			    --parent none "$at/golden:v1" web
			pulled --plain-http
		) || atf_fail "$file"
		rm "$file"
		refused_push 77 "$none"
	done <<-'END'
		home/.docker/config.json
		home/.config/containers/auth.json
		run/containers/auth.json XDG_RUNTIME_DIR run
		config/containers/auth.json XDG_CONFIG_HOME config
		docker/config.json DOCKER_CONFIG docker
		logins REGISTRY_AUTH_FILE logins
	END
	# By other keys.
	for key in "$at/golden" "https://$at/v1/" "http://$at"; do
		login home/.docker/config.json "$key"
		pulled --plain-http
	done
	for key in "$at/silver" 127.0.0.1 "x$at" "$at/golden/x"; do
		login home/.docker/config.json "$key"
		refused_push 77 "$none"
	done
}

atf_test_case login__wrong
login__wrong_head()
{
	atf_set require.progs "perl python3"
}
login__wrong_body()
{
	plant_small
	file=$PWD/home/.docker/config.json
	for auth in basic bearer; do
		hostile --auth $auth --user joe:other
		login "$file"
		refused_push 77 "unauthorized, with the login of $file"
		atf_check -s exit:1 test -e lay/tag
	done
	echo '{"auths":' >"$file"
	refused_push 65 "$file: not JSON: no value at byte 10"
	printf '{"auths":{"%s":{"auth":"secret"}}}' "$at" >"$file"
	refused_push 65 "$file: \"auths\": \"HOST\": \"auth\" is no name and \
password"
	printf '{"credHelpers":{"%s":"../x"}}' "$at" >"$file"
	refused_push 65 "$file: \"credHelpers\": \"HOST\": ../x: no name of a \
program"
	# Nobody asks for a login: then it does not matter.
	hostile
	pulled --plain-http
}

# A file that is not ours is told where there is no other.
atf_test_case login__not_ours
login__not_ours_head()
{
	atf_set require.progs "perl python3"
	atf_set require.user unprivileged
}
login__not_ours_body()
{
	plant_small
	hostile --auth basic
	login home/.config/containers/auth.json
	chmod 0 home/.config/containers/auth.json
	refused_push 77 "$none: $PWD/home/.config/containers/auth.json: \
Permission denied"
	REGISTRY_AUTH_FILE=$PWD/home/.config/containers/auth.json
	export REGISTRY_AUTH_FILE
	refused_push 77 "$PWD/home/.config/containers/auth.json: Permission \
denied"
	unset REGISTRY_AUTH_FILE
	login home/.docker/config.json
	pulled --plain-http
}

atf_test_case login__helper
login__helper_head()
{
	atf_set require.progs "perl python3"
}
login__helper_body()
{
	plant_small
	file=$PWD/home/.docker/config.json
	mkdir -p bin home/.docker
	PATH=$PWD/bin:$PATH
	hostile --auth bearer
	printf '{"credHelpers":{"%s":"tests"}}' "$at" >"$file"
	refused_push 69 "$file: docker-credential-tests: program not found"
	cat >bin/docker-credential-tests <<-END
		#!/bin/sh
		echo "\$# \$1 \$(cat)" >>$PWD/asked
		cat $PWD/answer
		exit \$(cat $PWD/status)
	END
	chmod +x bin/docker-credential-tests
	echo 0 >status
	echo '{"Username":"joe","Secret":"secret"}' >answer
	atf_check -o ignore snap-push --plain-http "$at/golden:v1" web
	pulled --plain-http
	printf '1 get %s\n1 get %s\n' "$at" "$at" >want
	atf_check cmp want asked
	# As a store for all registries.
	printf '{"auths":{"%s":{}},"credsStore":"tests"}' "$at" >"$file"
	pulled --plain-http
	# With an identity token.
	echo '{"Username":"<token>","Secret":"identity"}' >answer
	pulled --plain-http
	echo '{"Username":"<token>","Secret":"secret"}' >answer
	refused_push 77 "unauthorized, with the login of $file"
	echo '{"Username":"joe"}' >answer
	refused_push 65 "$file: docker-credential-tests: \"Username\" is no \
name and password"
	echo secret >answer
	refused_push 65 "$file: docker-credential-tests: not JSON: no value at \
byte 0"
	echo 3 >status
	refused_push 69 "$file: docker-credential-tests: status 3: "
	echo 'credentials not found in native keychain' >answer
	refused_push 77 "$none"
}

# What is asked of the server of tokens, and shown to whom.
atf_test_case login__token
login__token_head()
{
	atf_set require.progs "perl python3 jq"
}
login__token_body()
{
	plant_small
	hostile --auth bearer --anonymous-pull
	pulled --plain-http
	atf_check -o inline:"/token?service=tests&scope=repository%3Agolden%3A\
pull\n" jq -r 'select(.target | startswith("/token")) | .target' log
	refused 77 "snap-push: HOST/golden:v2: HOST/golden: $none" \
	    snap-push --plain-http "$at/golden:v2" web
	login home/.docker/config.json
	: >log
	atf_check -o ignore snap-push --plain-http "$at/golden:v2" web
	atf_check -o inline:"/token?service=tests&scope=repository%3Agolden%3A\
pull%2Cpush\n" jq -r 'select(.target | startswith("/token")) | .target' log
	# The password goes there alone, and nobody else is shown anything.
	jq -r 'select(.authorization) | (.target[0:6] + " " +
	    (.authorization | split(" ")[0]))' log | sort -u >shown
	atf_check -o inline:"/token Basic\n/v2/go Bearer\n" cat shown
	# By a form where there is an identity token.
	printf '{"auths":{"%s":{"identitytoken":"identity"}}}' "$at" \
	    >home/.docker/config.json
	: >log
	atf_check -o ignore snap-push --plain-http "$at/golden:v3" web
	atf_check -o inline:'POST /token grant_type=refresh_token&service=tests'\
'&client_id=instar&scope=repository%3Agolden%3Apull%2Cpush&refresh_token='\
'identity application/x-www-form-urlencoded null\n' jq -r \
	    'select(.target == "/token") | "\(.method) \(.target) \(.body) \(
	    .["content-type"]) \(.authorization)"' log
	# Out of another repository, which is to be read for it.
	hostile --auth bearer --fault unmounted:silver
	login home/.docker/config.json
	atf_check -o ignore snap-push --plain-http --parent "$at/golden:v1" \
	    "$at/silver:v4" web
	atf_check -o ignore -e ignore grep -F "scope=repository%3Asilver%3Apull\
%2Cpush&scope=repository%3Agolden%3Apull\"" log
}

# Tokens that end while they are used.
atf_test_case login__token_ends
login__token_ends_head()
{
	atf_set require.progs "perl python3"
}
login__token_ends_body()
{
	plant_small
	for n in 4 5; do
		hostile --auth bearer --fault auth-forget:$n
		login home/.docker/config.json
		pulled --plain-http
		atf_check -o inline:"2\n" grep -c '"/token' log
		atf_check -o ignore snap-push --parent none --plain-http \
		    "$at/golden:v1" web
	done
}

# wrong <TABLE: as faults, with a login.
wrong()
{
	while IFS='|' read -r status fault message; do
		hostile --other "$other" --fault "$fault"
		login home/.docker/config.json
		refused "$status" "snap-pull: HOST/golden:v1: HOST/golden: \
$message" snap-pull --plain-http "$at/golden:v1"
		atf_check -s exit:1 grep -q secret err
	done
}

atf_test_case login__faults
login__faults_head()
{
	atf_set require.config long
	atf_set require.progs "perl python3"
}
login__faults_body()
{
	plant_small
	other
	file=$PWD/home/.docker/config.json
	wrong <<-END
		69|auth-mute|unauthorized, and asks for neither Basic nor Bearer
		77|auth-loop|unauthorized, with the login of $file
		77|auth-said:Basic realm="x"|unauthorized, with the login of $file
		77|auth-said:Bearer realm="TOKEN",scope="registry:catalog:*"|unauthorized, with the login of $file
		69|auth-said:Digest realm="x", nonce="y"|unauthorized, and asks for neither Basic nor Bearer
		69|auth-said:Bearer realm="TOKEN|WWW-Authenticate: string without end at byte 42
		69|auth-said:Bearer service="x"|WWW-Authenticate: Bearer without a realm at byte 18
		69|auth-said:Bearer realm="file:///etc/passwd"|token: realm file:///etc/passwd: no URL that a token can be asked of
		69|auth-said:Bearer realm="http://joe@127.0.0.1/"|token: realm http://joe@127.0.0.1/: no URL that a token can be asked of
		77|token:401|unauthorized, with the login of $file
		77|token:403|unauthorized, with the login of $file
		69|token:404|token: answered 404: UNKNOWN: no tokens today
		75|token:429|token: answered 429: UNKNOWN: no tokens today
		75|token:500|token: answered 500: UNKNOWN: no tokens today
		75|token:cut|token: the connection was cut
		75|token:silent|token: gave no answer in time
		69|token:garbage|token: not JSON: not UTF-8, or a NUL in it
		69|token:empty|token: not JSON: no value at byte 0
		69|token:none|token: no "token"
		69|token:large|token: answered more than was asked for
		69|token:long|token: "token" is longer than 16384 bytes
		69|token:lines|token: "token" has what no header can have
		69|token:number|token: "token" is not a string
		69|token:expired|token: "expires_in" is -1, not within 0 and 31536000
		69|auth-said:Bearer realm="http://127.0.0.1:1/"|token: led to 127.0.0.1:1: Connection refused
	END
	# Led elsewhere, the login does not go along.
	hostile --other "$other" --fault token:redirect
	login home/.docker/config.json
	atf_check -s exit:77 -e ignore snap-pull --plain-http "$at/golden:v1"
	atf_check -s exit:1 grep -q authorization other.log
	atf_check -o ignore grep -q /token other.log
	printf '{"auths":{"%s":{"identitytoken":"identity"}}}' "$at" >"$file"
	rm other.log
	refused 69 "snap-pull: HOST/golden:v1: HOST/golden: token: leads a \
login to another place" snap-pull --plain-http "$at/golden:v1"
	atf_check -s exit:1 test -s other.log
}

# By https no login goes to a realm that is not.
atf_test_case login__realm_tls
login__realm_tls_head()
{
	atf_set require.progs "perl python3 openssl"
}
login__realm_tls_body()
{
	plant_small
	registry_cert one
	other
	hostile --tls one.crt one.key --auth bearer \
	    --realm "http://127.0.0.1:$other/token"
	login home/.docker/config.json
	refused 69 "snap-pull: HOST/golden:v1: HOST/golden: token: realm \
http://127.0.0.1:OTHER/token: not https, as the registry is" \
	    snap-pull --cacert one-ca.crt "$at/golden:v1"
	atf_check -s exit:1 test -s other.log
	hostile --tls one.crt one.key --auth bearer
	login home/.docker/config.json
	pulled --cacert one-ca.crt
}

# A registry that takes the tokens of another server.
atf_test_case login__registry cleanup
login__registry_head()
{
	atf_set require.progs "docker-registry jq perl python3 openssl"
}
login__registry_body()
{
	plant_small
	atf_check -o ignore -e ignore openssl req -x509 -newkey rsa:2048 \
	    -nodes -subj /CN=tokens -days 2 -keyout jwt.key -out jwt.crt
	other --auth bearer --anonymous-pull --jwt jwt.crt jwt.key
	cat >real.yml <<-END
		version: 0.1
		storage:
		  filesystem:
		    rootdirectory: $PWD/real
		http:
		  addr: 127.0.0.1:0
		auth:
		  token:
		    realm: http://127.0.0.1:$other/token
		    service: tests
		    issuer: tests
		    rootcertbundle: $PWD/jwt.crt
	END
	docker-registry serve real.yml >real.log 2>&1 &
	echo $! >real.registry
	eventually 60 grep -q 'listening on' real.log ||
	    atf_fail "$(cat real.log)"
	at=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' real.log)
	port=${at#*:}
	refused_push 77 "$none"
	login home/.docker/config.json
	atf_check -o save:record snap-push --plain-http "$at/golden:v1" web
	yes changed | head -c 4096 | dd of="$memory" conv=notrunc 2>dd.err
	atf_check -o save:record snap-push --plain-http \
	    --parent "$at/golden:v1" "$at/silver:v1" web
	atf_check -o inline:"true\n" jq '.bytes_shared > 200000' record
	# To pull is anybody's.
	rm home/.docker/config.json
	atf_check -o inline:"$(jq -r .digest record)\n" \
	    snap-pull --plain-http -p digest "$at/silver:v1"
	printf '{"auths":{"%s":{"identitytoken":"identity"}}}' "$at" \
	    >home/.docker/config.json
	atf_check -o ignore snap-push --plain-http --parent none \
	    "$at/golden:v2" web
}
login__registry_cleanup()
{
	registries_end
}

# What another program has written is read.
atf_test_case login__skopeo
login__skopeo_head()
{
	atf_set require.progs "perl python3 skopeo"
}
login__skopeo_body()
{
	plant_small
	XDG_RUNTIME_DIR=$PWD/run
	export XDG_RUNTIME_DIR
	mkdir run
	hostile --auth basic
	atf_check -o ignore -e ignore skopeo login --tls-verify=false \
	    -u joe -p secret "$at"
	atf_check -o ignore snap-push --plain-http "$at/golden:v1" web
	pulled --plain-http
	atf_check -o ignore skopeo logout "$at"
	refused_push 77 "$none"
	# To one repository alone.
	atf_check -o ignore -e ignore skopeo login --tls-verify=false \
	    -u joe -p secret "$at/golden"
	pulled --plain-http
	refused 77 "snap-pull: HOST/silver:v1: HOST/silver: $none" \
	    snap-pull --plain-http "$at/silver:v1"
}

atf_init_test_cases()
{
	atf_add_test_case login__places
	atf_add_test_case login__wrong
	atf_add_test_case login__not_ours
	atf_add_test_case login__helper
	atf_add_test_case login__token
	atf_add_test_case login__token_ends
	atf_add_test_case login__faults
	atf_add_test_case login__realm_tls
	atf_add_test_case login__registry
	atf_add_test_case login__skopeo
}
