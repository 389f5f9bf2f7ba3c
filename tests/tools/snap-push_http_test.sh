#! /usr/bin/env atf-sh
# SPDX-License-Identifier: ISC
# snap-push and snap-pull with a registry, Debian's docker-registry.

. "$(atf_get_srcdir)/../lib/lib.sh"
. "$(atf_get_srcdir)/../lib/snaps.sh"
. "$(atf_get_srcdir)/../lib/registry.sh"

# plant MIB: snapshot web, with so much that no compression makes smaller.
plant()
{
	need_registry
	snap_plant b web
	memory=root/snap/$(id_of b)/memory.raw
	truncate -s 64M "$memory"
	perl -e 'srand(7); for (1 .. $ARGV[0]) {
	    print pack "L*", map { int rand 4294967296 } 1 .. 262144 }' "$1" |
	    dd of="$memory" bs=1M seek=3 conv=notrunc 2>dd.err
}

# change PAGE: that page of its memory becomes another.
change()
{
	yes "page $1" | head -c 4096 |
	    dd of="$memory" bs=4096 seek="$1" conv=notrunc 2>dd.err
}

# back REF: what lies there is web.
back()
{
	atf_check -o save:back snap-pull -p id "$1"
	for f in memory.raw cow.raw; do
		atf_check cmp "root/snap/$(id_of b)/$f" \
		    "root/snap/$(cat back)/$f"
	done
}

# asked PATTERN: how many requests like this there were.
asked()
{
	grep -cE "\"($1) HTTP/" one.log
}

# soon SECONDS COMMAND...: it succeeds by then.
soon()
{
	eventually "$@" || atf_fail "after $1 s: $*"
}

# Nobody of ours is there any more.
alone()
{
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/cwd")" = "$PWD" ] || continue
		case $(tr '\0' ' ' <"$p/cmdline") in
		snap-pu*) return 1 ;;
		esac
	done 2>/dev/null
	return 0
}

atf_test_case http__round_trip cleanup
http__round_trip_head()
{
	atf_set require.progs "jq perl"
}
http__round_trip_body()
{
	plant 24
	registry_start one
	ref=$registry/team/golden
	atf_check -o save:dry snap-push --dry-run "$ref:v1" web
	atf_check_equal 0 "$(asked '(POST|PUT|PATCH) .*')"
	atf_check -o save:first snap-push "$ref:v1" web
	atf_check cmp dry first
	atf_check_equal "$ref:v1 null 0" "$(jq -r \
	    '"\(.ref) \(.parent) \(.bytes_shared)"' first)"
	# All that was moved lies there, and no other.
	atf_check_equal "$(jq .bytes_moved first)" "$(find one -name data \
	    -path '*/blobs/*' -exec cat {} + | wc -c)"
	# In chunks, and what is small in one piece.
	atf_check_equal 4 "$(asked 'POST .*')"
	atf_check test "$(asked 'PATCH .*')" -ge 1
	back "$ref:v1"
	atf_check -o inline:"$(jq .bytes_moved first)\n" \
	    snap-pull -R other -p bytes_fetched "$ref:v1"
	# The same again is nothing.
	posts=$(asked 'POST .*')
	atf_check -o inline:"0\t0\n" snap-push -p bytes_moved,blobs_moved \
	    "$ref:v1" web
	atf_check_equal "$posts" "$(asked 'POST .*')"
	change 1000
	atf_check -o save:dry snap-push --dry-run "$ref:v1" web
	atf_check -o save:second snap-push "$ref:v1" web
	atf_check cmp dry second
	atf_check_equal "true 1 $(jq -r .digest first)" "$(jq -r \
	    '"\(.bytes_moved < 30000) \(.depth) \(.parent)"' second)"
	back "$ref:v1"
	# No proxy stands before this host.
	atf_check -o ignore env http_proxy=http://127.0.0.1:1 \
	    https_proxy=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1 \
	    snap-pull "$ref:v1"
	# The one before is there by its digest; latest is another tag.
	atf_check -o ignore snap-pull -n old "$ref@$(jq -r .digest first)"
	atf_check snap-verify old
	atf_check -s exit:66 -e inline:"snap-pull: $ref: $ref: no manifest has \
tag latest\n" snap-pull "$ref"
	atf_check -o ignore snap-push "$ref" web
	back "$ref"
	soon 20 alone
}
http__round_trip_cleanup()
{
	registries_end
}

# Parts of another repository of the same registry are not moved.
atf_test_case http__mount cleanup
http__mount_head()
{
	atf_set require.progs "jq perl"
}
http__mount_body()
{
	plant 9
	registry_start one
	atf_check -o ignore snap-push "$registry/a/golden:v1" web
	change 1000
	atf_check -o save:dry snap-push --dry-run \
	    --parent "$registry/a/golden:v1" "$registry/b/web:v1" web
	atf_check -o save:record snap-push --parent "$registry/a/golden:v1" \
	    "$registry/b/web:v1" web
	atf_check cmp dry record
	atf_check_equal "true true 1" "$(jq -r '"\(.bytes_moved < 30000) \(
	    .bytes_shared > 9000000) \(.depth)"' record)"
	back "$registry/b/web:v1"
	# Out of a layout they are moved.
	atf_check -o ignore snap-push oci-layout:lay:v1 web
	change 1001
	atf_check -o save:record snap-push --parent oci-layout:lay:v1 \
	    "$registry/c/web:v1" web
	atf_check_equal "true 1" \
	    "$(jq -r '"\(.bytes_moved > 9000000) \(.depth)"' record)"
	back "$registry/c/web:v1"
	# And from a registry into one.
	atf_check -o save:record snap-push --parent "$registry/c/web:v1" \
	    oci-layout:there:v1 web
	back oci-layout:there:v1
}
http__mount_cleanup()
{
	registries_end
}

atf_test_case http__messages cleanup
http__messages_head()
{
	atf_set require.progs "jq perl"
}
http__messages_body()
{
	plant 1
	registry_start one
	r=$registry
	atf_check -o ignore snap-push "$r/golden:v1" web
	hex=$(printf '%064d' 0)
	ls -A root/snap >before
	while IFS='|' read -r status command message; do
		# shellcheck disable=SC2086
		atf_check -s exit:"$status" \
		    -e inline:"${command%% *}: $message\n" $command
	done <<-END
		64|snap-push -j 0 $r/golden web|-j: 0: less than 1
		64|snap-push -j 1 -j 2 $r/golden web|-j: given twice
		64|snap-pull -j 33 $r/golden|-j: 33: more than 32
		64|snap-pull --plain-http --cacert x $r/golden|--cacert is of no use with --plain-http
		66|snap-pull --cacert none $r/golden|none: No such file or directory
		65|snap-pull --cacert one.yml $r/golden|one.yml: has no certificate in PEM form
		69|snap-pull 127.0.0.1:1/golden|127.0.0.1:1/golden: Connection refused
		69|snap-push nowhere.invalid/golden web|nowhere.invalid/golden: no such host is known
		66|snap-pull $r/golden:v2|$r/golden:v2: $r/golden: no manifest has tag v2
		66|snap-pull $r/silver|$r/silver: $r/silver: no manifest has tag latest
		66|snap-pull $r/golden@sha256:$hex|$r/golden@sha256:$hex: $r/golden: no manifest has digest sha256:$hex
		66|snap-push --parent $r/golden:v9 $r/golden:v1 web|$r/golden:v1: parent: $r/golden: no manifest has tag v9
	END
	atf_check -o file:before ls -A root/snap
	soon 20 alone
}
http__messages_cleanup()
{
	registries_end
}

# TLS is verified, and is done without where that is said, or on loopback.
atf_test_case http__tls cleanup
http__tls_head()
{
	atf_set require.progs "jq perl openssl"
}
http__tls_body()
{
	plant 1
	registry_cert one
	registry_start one
	port=${registry#*:}
	ref=localhost:$port/golden
	atf_check -s exit:69 -e inline:"snap-push: $ref: SSL certificate \
problem: unable to get local issuer certificate\n" snap-push "$ref" web
	for host in localhost 127.0.0.1; do
		atf_check -o ignore snap-push --cacert one-ca.crt \
		    "$host:$port/golden" web
		atf_check -o ignore snap-pull --cacert one-ca.crt \
		    "$host:$port/golden"
	done
	# Of another name.
	atf_check -s exit:69 -e match:"^snap-pull: 0.0.0.0:$port/golden: SSL:" \
	    snap-pull --cacert one-ca.crt "0.0.0.0:$port/golden"
	atf_check -s exit:69 \
	    -e inline:"snap-pull: $ref: answered 400: Client sent an HTTP \
request to an HTTPS server.\n" \
	    snap-pull --plain-http "$ref"
	registry_kill one
	rm one.crt
	registry_start one "127.0.0.1:$port"
	atf_check -o ignore snap-pull "$ref"
	atf_check -o ignore snap-pull --plain-http "$ref"
	atf_check -s exit:69 -e match:"^snap-pull: $ref: .*wrong version \
number.*--plain-http" snap-pull --cacert one-ca.crt "$ref"
	# Not loopback by its name, and so it must be said.
	atf_check -s exit:69 -e match:"^snap-pull: 0.0.0.0:$port/golden: .*\
wrong version number.*--plain-http" snap-pull "0.0.0.0:$port/golden"
	atf_check -o ignore snap-pull --plain-http "0.0.0.0:$port/golden"
}
http__tls_cleanup()
{
	registries_end
}

# login USER PASSWORD: a file of logins with that one.
login()
{
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$registry" \
	    "$(printf '%s:%s' "$1" "$2" | base64)" >auth.json
}

atf_test_case http__login cleanup
http__login_head()
{
	atf_set require.progs "jq perl"
}
http__login_body()
{
	plant 9
	registry_login one me secret
	registry_start one
	ref=$registry/golden
	HOME=$PWD
	REGISTRY_AUTH_FILE=$PWD/auth.json
	export HOME REGISTRY_AUTH_FILE
	echo '{}' >auth.json
	for tool in "snap-push $ref:v1 web" "snap-pull $ref:v1"; do
		# shellcheck disable=SC2086
		atf_check -s exit:77 -e inline:"${tool%% *}: $ref:v1: $ref: \
unauthorized, and no login is known\n" $tool
	done
	login me wrong
	atf_check -s exit:77 -e inline:"snap-push: $ref:v1: $ref: \
unauthorized, with the login of $PWD/auth.json\n" snap-push "$ref:v1" web
	login me secret
	atf_check -o ignore snap-push "$ref:v1" web
	back "$ref:v1"
	change 1000
	atf_check -o ignore snap-push --parent "$ref:v1" "$registry/b:v1" web
	back "$registry/b:v1"
	# No secret is told by anybody.
	printf broken >auth.json
	atf_check -s exit:65 -e match:"auth.json" snap-pull "$ref:v1"
	unset REGISTRY_AUTH_FILE
	mkdir .docker
	login me secret
	mv auth.json .docker/config.json
	atf_check -o ignore snap-pull "$ref:v1"
}
http__login_cleanup()
{
	registries_end
}

atf_test_case http__tag_moved cleanup
http__tag_moved_head()
{
	atf_set require.progs "jq perl"
}
http__tag_moved_body()
{
	plant 1
	registry_start one
	ref=$registry/golden
	atf_check -o ignore snap-push "$ref:v1" web
	change 1000
	INSTAR_HOOK=http-blobs=stop snap-push --parent none "$ref:v1" web \
	    >late 2>late.err &
	late=$!
	soon 60 grep -q 'State:.*T' /proc/$late/status
	atf_check -o save:record snap-push "$ref:v1" web
	kill -CONT $late
	wait $late
	atf_check_equal 75 $?
	atf_check -o inline:"snap-push: $ref:v1: $ref: tag v1 was moved \
meanwhile\n" cat late.err
	atf_check -o inline:"$(jq -r .digest record)\n" \
	    snap-pull -p digest "$ref:v1"
	# One that was not there, and then was.
	INSTAR_HOOK=http-blobs=stop snap-push "$ref:v2" web >late 2>late.err &
	late=$!
	soon 60 grep -q 'State:.*T' /proc/$late/status
	atf_check -o ignore snap-push "$ref:v2" web
	kill -CONT $late
	wait $late
	atf_check_equal 75 $?
}
http__tag_moved_cleanup()
{
	registries_end
}

# Whoever is killed, the tag is as it was and nobody is left.
atf_test_case http__killed cleanup
http__killed_head()
{
	atf_set require.progs "jq perl"
}
http__killed_body()
{
	plant 20
	registry_start one
	ref=$registry/golden
	page=1000
	for step in courier-chunk http-blob courier-closed push-manifest \
	    http-blobs courier-tag; do
		case $step in
		courier-*) set -- -s exit:71 -e match:"^snap-push: $ref:v1: .*\
the process that talks to it ended by signal 9$" ;;
		*) set -- -s signal:kill ;;
		esac
		atf_check "$@" env INSTAR_HOOK=$step=kill snap-push "$ref:v1" web
		soon 20 alone
		atf_check -s exit:66 -e ignore snap-pull "$ref:v1"
		# There is something to send again.
		change $((page += 1))
	done
	atf_check -o ignore snap-push "$ref:v1" web
	atf_check -s exit:71 -e match:'^snap-pull: .*: the process that talks' \
	    env INSTAR_HOOK=courier-range=kill snap-pull -n back "$ref:v1"
	atf_check -s signal:kill env INSTAR_HOOK=pull-file=kill \
	    snap-pull -n back "$ref:v1"
	soon 20 alone
	atf_check -o ignore state-gc
	back "$ref:v1"
}
http__killed_cleanup()
{
	registries_end
}

# INT ends both, and says so.
atf_test_case http__signal cleanup
http__signal_head()
{
	atf_set require.progs "jq perl"
}
http__signal_body()
{
	plant 20
	registry_start one
	# It answers nobody.
	kill -STOP "$(cat one.registry)"
	signalled snap-push "$registry/golden:v1" web >out 2>err &
	pid=$!
	soon 60 pgrep -P $pid
	kill -INT $pid
	wait $pid
	atf_check_equal 130 $?
	atf_check -o inline:"snap-push: ended by signal 2 \
(Interrupt)\n" cat err
	soon 20 alone
	# And in the midst of an upload.
	kill -CONT "$(cat one.registry)"
	INSTAR_HOOK=courier-chunk=stop signalled \
	    snap-push "$registry/golden:v1" web >out 2>err &
	pid=$!
	soon 60 pgrep -P $pid
	courier=$(pgrep -P $pid)
	soon 60 grep -q 'State:.*T' "/proc/$courier/status"
	kill -STOP "$(cat one.registry)"
	kill -CONT "$courier"
	kill -INT $pid
	wait $pid
	atf_check_equal 130 $?
	atf_check -o inline:"snap-push: $registry/golden:v1: ended by signal 2 \
(Interrupt)\n" cat err
	soon 20 alone
	kill -CONT "$(cat one.registry)"
}
http__signal_cleanup()
{
	kill -CONT "$(cat one.registry)"
	registries_end
}

# A registry that goes down and comes back forgets its sessions.
atf_test_case http__restarted cleanup
http__restarted_head()
{
	atf_set require.progs "jq perl"
}
http__restarted_body()
{
	plant 30
	registry_start one
	ref=$registry/golden
	INSTAR_HOOK=courier-chunk=stop snap-push "$ref:v1" web >out 2>err &
	pid=$!
	courier=
	soon 60 pgrep -P $pid
	courier=$(pgrep -P $pid)
	soon 60 grep -q 'State:.*T' "/proc/$courier/status"
	registry_kill one
	mv one.log before.log
	registry_start one "$registry"
	while kill -CONT "$courier" 2>/dev/null && [ -e /proc/$pid/stat ]; do
		sleep 0.1
		case $(cat /proc/$pid/stat) in
		*') Z '*) break ;;
		esac
	done
	wait $pid || atf_fail "status $?: $(cat err)"
	back "$ref:v1"
	# What had been sent was sent once more.
	atf_check test "$(asked 'POST .*')" -ge 1
}
http__restarted_cleanup()
{
	registries_end
}

# What the registry's collector has taken away is sent again, whatever its cache
# says.
atf_test_case http__collected cleanup
http__collected_head()
{
	atf_set require.progs "jq perl curl"
}
http__collected_body()
{
	plant 9
	registry_start one
	ref=$registry/golden
	atf_check -o save:first snap-push "$ref:v1" web
	back "$ref:v1"
	atf_check -o ignore -e ignore curl -sS -X DELETE \
	    "http://$registry/v2/golden/manifests/$(jq -r .digest first)"
	atf_check -o ignore -e ignore docker-registry garbage-collect one.yml
	# All is sent, and of the manifest it says that it has it.
	atf_check -s exit:69 -e inline:"snap-push: $ref:v1: $ref: took the \
manifest and has not got it: its cache is not what it stores\n" \
	    snap-push "$ref:v1" web
	registry_kill one
	registry_start one "$registry"
	atf_check -o save:second snap-push "$ref:v1" web
	atf_check_equal "$(jq .digest first)" "$(jq .digest second)"
	back "$ref:v1"
}
http__collected_cleanup()
{
	registries_end
}

# peak PID: the most memory that it has had, in KiB.
peak()
{
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

atf_test_case http__memory cleanup
http__memory_head()
{
	atf_set require.progs "jq nm perl"
}
http__memory_body()
{
	! nm "$top/snap-push/snap-push" | grep -q __asan_init ||
	    atf_skip "built with sanitizers"
	plant 60
	registry_start one
	INSTAR_HOOK=http-blobs=stop snap-push "$registry/golden:v1" web \
	    >out 2>err &
	pid=$!
	soon 120 grep -q 'State:.*T' /proc/$pid/status
	tool=$(peak $pid) courier=$(peak "$(pgrep -P $pid)")
	kill -CONT $pid
	wait $pid || atf_fail "status $?: $(cat err)"
	atf_check test "$((tool + courier))" -lt 65536
	INSTAR_HOOK=pull-fetched=stop snap-pull "$registry/golden:v1" \
	    >out 2>err &
	pid=$!
	soon 120 grep -q 'State:.*T' /proc/$pid/status
	tool=$(peak $pid) courier=$(peak "$(pgrep -P $pid)")
	kill -CONT $pid
	wait $pid || atf_fail "status $?: $(cat err)"
	atf_check test "$((tool + courier))" -lt 65536
}
http__memory_cleanup()
{
	registries_end
}

atf_init_test_cases()
{
	atf_add_test_case http__round_trip
	atf_add_test_case http__mount
	atf_add_test_case http__messages
	atf_add_test_case http__tls
	atf_add_test_case http__login
	atf_add_test_case http__tag_moved
	atf_add_test_case http__killed
	atf_add_test_case http__signal
	atf_add_test_case http__restarted
	atf_add_test_case http__collected
	atf_add_test_case http__memory
}
