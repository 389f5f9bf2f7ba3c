# SPDX-License-Identifier: ISC
# Registries for tests: Debian's docker-registry, on a free port of loopback.
# A case that starts one calls registries_end in its cleanup.

need_registry()
{
	command -v docker-registry >/dev/null ||
	    atf_skip "docker-registry is not installed"
}

# registry_start NAME [ADDRESS]: one that keeps its blobs in the directory NAME
# and says what it does in NAME.log; by TLS where there is a NAME.crt (and .key),
# and for those in NAME.htpasswd where there is one; a pull-through cache where there
# is a NAME.upstream, a URL.  $registry is HOST:PORT afterwards.
registry_start()
{
	cat >"$1.yml" <<-END
		version: 0.1
		log:
		  level: info
		storage:
		  filesystem:
		    rootdirectory: $PWD/$1
		  cache:
		    blobdescriptor: inmemory
		  delete:
		    enabled: true
		http:
		  addr: ${2:-127.0.0.1:0}
	END
	[ ! -e "$1.crt" ] || cat >>"$1.yml" <<-END
		  tls:
		    certificate: $PWD/$1.crt
		    key: $PWD/$1.key
	END
	[ ! -e "$1.htpasswd" ] || cat >>"$1.yml" <<-END
		auth:
		  htpasswd:
		    realm: the realm
		    path: $PWD/$1.htpasswd
	END
	[ ! -e "$1.upstream" ] || cat >>"$1.yml" <<-END
		proxy:
		  remoteurl: $(cat "$1.upstream")
	END
	: >"$1.log" # which tells of one before
	docker-registry serve "$1.yml" >"$1.log" 2>&1 &
	echo $! >"$1.registry"
	eventually 60 grep -q 'listening on' "$1.log" ||
	    atf_fail "$(cat "$1.log")"
	registry=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$1.log")
}

# registry_login NAME USER PASSWORD: who is let in.
registry_login()
{
	perl -e 'print "$ARGV[0]:", crypt($ARGV[1],
	    q($2y$05$abcdefghijklmnopqrstuu)), "\n"' "$2" "$3" >"$1.htpasswd"
}

# registry_kill NAME: at once, as a machine that goes down.
registry_kill()
{
	kill -9 "$(cat "$1.registry")"
	wait "$(cat "$1.registry")" || :
	rm "$1.registry"
}

registries_end()
{
	for r in *.registry; do
		[ ! -e "$r" ] || kill "$(cat "$r")"
	done 2>/dev/null
	return 0
}

# registry_cert NAME: NAME.crt and NAME.key for 127.0.0.1 and localhost, by an
# authority of its own, NAME-ca.crt.
registry_cert()
{
	cat >"$1.cnf" <<-END
		[req]
		distinguished_name = dn
		[dn]
		[ca]
		basicConstraints = critical, CA:TRUE
		[server]
		subjectAltName = DNS:localhost, IP:127.0.0.1
	END
	{
		openssl req -x509 -newkey rsa:2048 -nodes -config "$1.cnf" \
		    -extensions ca -subj "/CN=authority of $1" -days 2 \
		    -keyout "$1-ca.key" -out "$1-ca.crt" &&
		    openssl req -newkey rsa:2048 -nodes -config "$1.cnf" \
		    -subj /CN=localhost -keyout "$1.key" -out "$1.csr" &&
		    openssl x509 -req -in "$1.csr" -CA "$1-ca.crt" \
		    -CAkey "$1-ca.key" -CAcreateserial -days 2 \
		    -extfile "$1.cnf" -extensions server -out "$1.crt"
	} >"$1.openssl" 2>&1 || atf_fail "$(cat "$1.openssl")"
}
