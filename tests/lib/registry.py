#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A registry for tests: an OCI image layout, read and written by HTTP (OCI
Distribution Specification 1.1) on a free port of 127.0.0.1, or of ADDRESS.  All repositories
are one.  It does what it should; hostile.py does not.

usage: registry.py --layout DIR --port FILE [--address ADDRESS] [--log FILE]
           [--tls CERT KEY] [--auth basic|bearer|none] [--user NAME:PASSWORD]
           [--refresh IDENTITY-TOKEN] [--anonymous-pull] [--realm URL]
           [--jwt CERT KEY]

FILE of --port gets the port once it listens; that of --log a line of JSON for
each request.  It ends with the process that has started it.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

HEAD_MAX = 65536
MANIFEST_MAX = 4 << 20
TYPE = "application/vnd.oci.image.manifest.v1+json"
TAG = "org.opencontainers.image.ref.name"


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target = method, target
        self.headers, self.body = headers, body
        url = urllib.parse.urlsplit(target)
        self.path = url.path
        self.query = urllib.parse.parse_qs(url.query, keep_blank_values=True)

    def one(self, key):
        return self.query.get(key, [""])[0]


class Response:
    """What is sent.  `length` may lie about the body; behind `cut` bytes of it
    the connection ends, reset or not; `pace` is the time each byte takes."""

    def __init__(self, status, headers=None, body=b""):
        self.status, self.body = status, body
        self.headers = dict(headers or {})
        self.length = len(body)
        self.cut = self.pace = self.raw = None
        self.reset = self.silent = self.close = self.chunked = False


def error(status, code, message="", headers=None):
    text = json.dumps({"errors": [{"code": code, "message": message}]})
    return Response(status, {"Content-Type": "application/json",
                             **(headers or {})}, text.encode())


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """The directory.  What is written is whole, or not there."""

    def __init__(self, path):
        self.path = path
        self.blobs = os.path.join(path, "blobs", "sha256")
        os.makedirs(self.blobs, exist_ok=True)
        if not os.path.exists(os.path.join(path, "oci-layout")):
            self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    def write(self, name, data):
        name = os.path.join(self.path, name)
        with open(name + ".new", "wb") as f:
            f.write(data)
        os.rename(name + ".new", name)

    def index(self):
        try:
            with open(os.path.join(self.path, "index.json")) as f:
                return json.load(f)
        except FileNotFoundError:
            return {"schemaVersion": 2, "manifests": []}

    def find(self, ref):
        """The digest that a tag leads to, or a digest itself."""
        if ref.startswith("sha256:"):
            return ref
        for m in self.index()["manifests"]:
            if m.get("annotations", {}).get(TAG) == ref:
                return m["digest"]
        return None

    def name(self, digest):
        if not re.fullmatch("sha256:[0-9a-f]{64}", digest or ""):
            return None
        return os.path.join(self.blobs, digest[7:])

    def get(self, digest):
        name = self.name(digest)
        if name is None or not os.path.exists(name):
            return None
        with open(name, "rb") as f:
            return f.read()

    def put(self, data):
        digest = digest_of(data)
        self.write("blobs/sha256/" + digest[7:], data)
        return digest

    def tag(self, tag, digest, size):
        index = self.index()
        rest = [m for m in index["manifests"]
                if m.get("annotations", {}).get(TAG) != tag]
        rest.append({"mediaType": TYPE, "digest": digest, "size": size,
                     "annotations": {TAG: tag}})
        index["manifests"] = rest
        self.write("index.json", json.dumps(index).encode())


class Registry:
    def __init__(self, args):
        self.args = args
        self.layout = Layout(args.layout)
        self.sessions = {}
        self.tokens = {}  # token: its scopes
        self.lock = threading.RLock()
        self.log_file = open(args.log, "a") if args.log else None
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((args.address, 0))
        self.port = self.socket.getsockname()[1]
        self.tls = None
        if args.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*args.tls)

    # What an HTTP request is answered, step by step.

    def url(self, path):
        return "%s://%s:%d%s" % ("https" if self.tls else "http",
                                 self.args.address, self.port, path)

    def log(self, q):
        if self.log_file is None:
            return
        line = {"method": q.method, "target": q.target, "port": self.port}
        for key in ("authorization", "range", "content-range", "host",
                    "user-agent", "content-type"):
            if key in q.headers:
                line[key] = q.headers[key]
        if q.path == "/token" and q.body:
            line["body"] = q.body.decode("latin-1")
        with self.lock:
            self.log_file.write(json.dumps(line) + "\n")
            self.log_file.flush()

    def respond(self, q):
        self.log(q)
        with self.lock:
            return self.answer(q)

    def answer(self, q):
        if q.path == "/token":
            return self.token(q)
        denied = self.check(q)
        if denied is not None:
            return denied
        if q.path in ("/v2/", "/v2"):
            return Response(200, {"Content-Type": "application/json"}, b"{}")
        m = re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", q.path)
        if m:
            return self.manifest(q, m[2])
        m = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", q.path)
        if m:
            return self.upload(q, m[1], m[2])
        m = re.fullmatch(r"/v2/(.+)/blobs/([^/]+)", q.path)
        if m:
            return self.blob(q, m[2])
        return error(404, "NAME_UNKNOWN", "no such place")

    def manifest(self, q, ref):
        if q.method == "PUT":
            return self.put_manifest(q, ref)
        digest = self.layout.find(ref)
        data = self.layout.get(digest)
        if data is None:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Response(200, {"Content-Type": TYPE,
                              "Docker-Content-Digest": digest}, data)

    def put_manifest(self, q, ref):
        if len(q.body) > MANIFEST_MAX:
            return error(400, "MANIFEST_INVALID", "too large")
        try:
            m = json.loads(q.body)
            wanted = [d["digest"] for d in [m["config"]] + m["layers"]]
        except (ValueError, KeyError, TypeError):
            return error(400, "MANIFEST_INVALID", "manifest invalid")
        for digest in wanted:
            if self.layout.get(digest) is None:
                return error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")
        digest = self.layout.put(q.body)
        self.layout.tag(ref, digest, len(q.body))
        return Response(201, {"Location": "/v2/x/manifests/" + digest,
                              "Docker-Content-Digest": digest})

    def blob(self, q, digest):
        data = self.layout.get(digest)
        if data is None:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = {"Content-Type": "application/octet-stream",
                   "Docker-Content-Digest": digest, "Accept-Ranges": "bytes"}
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", q.headers.get("range", ""))
        if not m:
            return Response(200, headers, data)
        first, last = int(m[1]), min(int(m[2]), len(data) - 1)
        if first > last:
            headers["Content-Range"] = "bytes */%d" % len(data)
            return Response(416, headers)
        headers["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(data))
        return Response(206, headers, data[first:last + 1])

    # Uploads.

    def session_answer(self, status, name, session):
        n = len(self.sessions[session])
        return Response(status, {
            "Location": "/v2/%s/blobs/uploads/%s" % (name, session),
            "Range": "0-%d" % max(n - 1, 0)})

    def upload(self, q, name, session):
        if q.method == "POST":
            mount = q.one("mount")
            if mount and self.layout.get(mount) is not None:
                return Response(201, {"Docker-Content-Digest": mount,
                                      "Location": "/v2/%s/blobs/%s" %
                                      (name, mount)})
            session = secrets.token_hex(8)
            self.sessions[session] = b""
            return self.session_answer(202, name, session)
        if session not in self.sessions:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown")
        if q.method == "GET":
            return self.session_answer(204, name, session)
        if q.method == "DELETE":
            del self.sessions[session]
            return Response(204)
        if q.method == "PATCH":
            m = re.fullmatch(r"(\d+)-(\d+)", q.headers.get("content-range", ""))
            if m and int(m[1]) != len(self.sessions[session]):
                return error(416, "RANGE_INVALID", "out of order")
            self.sessions[session] += q.body
            return self.session_answer(202, name, session)
        if q.method == "PUT":
            return self.end_upload(q, name, session)
        return error(405, "UNSUPPORTED")

    def end_upload(self, q, name, session):
        data = self.sessions[session] + q.body
        if digest_of(data) != q.one("digest"):
            return error(400, "DIGEST_INVALID", "digest does not match")
        del self.sessions[session]
        digest = self.layout.put(data)
        return Response(201, {"Location": "/v2/%s/blobs/%s" % (name, digest),
                              "Docker-Content-Digest": digest})

    # Who may do what.

    def realm(self):
        return self.args.realm or self.url("/token")

    def challenge(self, q):
        if self.args.auth == "basic":
            return 'Basic realm="tests"'
        m = re.match(r"/v2/(.+)/(manifests|blobs)/", q.path)
        scope = ',scope="repository:%s:%s"' % (
            m[1], "pull" if q.method in ("GET", "HEAD") else "pull,push") \
            if m else ""
        return 'Bearer realm="%s",service="tests"%s' % (self.realm(), scope)

    def is_user(self, text):
        want = "Basic " + base64.b64encode(self.args.user.encode()).decode()
        return text == want

    def check(self, q):
        """None, or the refusal."""
        if self.args.auth == "none":
            return None
        said = q.headers.get("authorization", "")
        if self.args.auth == "basic" and self.is_user(said):
            return None
        if self.args.auth == "bearer" and said.startswith("Bearer "):
            scopes = self.tokens.get(said[7:])
            if scopes is not None and self.covers(q, scopes):
                return None
        return error(401, "UNAUTHORIZED", "authentication required",
                     {"WWW-Authenticate": self.challenge(q)})

    def covers(self, q, scopes):
        m = re.match(r"/v2/(.+)/(manifests|blobs)/", q.path)
        if not m:
            return True
        what = "pull" if q.method in ("GET", "HEAD") else "push"
        return what in scopes.get(m[1], ())

    def token(self, q):
        said = q.headers.get("authorization")
        if q.method == "POST":
            form = urllib.parse.parse_qs(q.body.decode())
            if form.get("refresh_token") != [self.args.refresh]:
                return error(401, "UNAUTHORIZED", "bad refresh token")
            is_known = True
            asked = form.get("scope", [""])[0].split(" ")
        else:
            is_known = said is not None and self.is_user(said)
            if said is not None and not is_known:
                return error(401, "UNAUTHORIZED", "wrong name or password")
            asked = q.query.get("scope", [])
        scopes = {}
        for scope in asked:
            m = re.fullmatch("repository:(.+):([a-z,]+)", scope)
            if m and (is_known or self.args.anonymous_pull):
                may = m[2].split(",")
                scopes[m[1]] = may if is_known else ["pull"]
        token = self.jwt(scopes) if self.args.jwt else \
            secrets.token_urlsafe(24)
        self.tokens[token] = scopes
        key = "access_token" if q.method == "POST" else "token"
        return Response(200, {"Content-Type": "application/json"}, json.dumps(
            {key: token, "expires_in": 300}).encode())

    def jwt(self, scopes):
        """What a registry of the distribution project takes: RFC 7519."""
        def pack(raw):
            return base64.urlsafe_b64encode(raw).rstrip(b"=")

        cert, key = self.args.jwt
        with open(cert) as f:
            x5c = "".join(f.read().split("-----")[2].split())
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [x5c]}
        claims = {"iss": "tests", "aud": "tests", "sub": "", "jti": "1",
                  "iat": now, "nbf": now - 60, "exp": now + 300,
                  "access": [{"type": "repository", "name": name,
                              "actions": may}
                             for name, may in scopes.items()]}
        text = b".".join(pack(json.dumps(d).encode()) for d in (head, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key],
                                input=text, check=True,
                                stdout=subprocess.PIPE).stdout
        return (text + b"." + pack(signed)).decode()

    # Connections.

    def read_request(self, f, conn):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = f.readline(HEAD_MAX)
            if not line or len(head) > HEAD_MAX:
                return None
            head += line
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            if ":" in line:
                key, value = line.split(":", 1)
                headers[key.lower()] = value.strip()
        if headers.get("expect") == "100-continue":
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while True:
                n = int(f.readline(), 16)
                body += f.read(n)
                f.readline()
                if n == 0:
                    break
        elif "content-length" in headers:
            body = f.read(int(headers["content-length"]))
        return Request(method, target, headers, body)

    def reset(self, conn):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))

    def send_raw(self, conn, data):
        conn.sendall(data)

    def send(self, conn, q, r):
        """Whether the connection goes on."""
        if r.silent:
            time.sleep(3600)
        if r.raw is not None:
            self.send_raw(conn, r.raw)
            return False
        head = "HTTP/1.1 %d Whatever\r\n" % r.status
        if r.chunked:
            head += "Transfer-Encoding: chunked\r\n"
        elif r.status not in (204, 304):
            head += "Content-Length: %d\r\n" % r.length
        if r.close:
            head += "Connection: close\r\n"
        for key, value in r.headers.items():
            for v in value if isinstance(value, list) else [value]:
                head += "%s: %s\r\n" % (key, v)
        self.send_raw(conn, head.encode("latin-1") + b"\r\n")
        body = b"" if q.method == "HEAD" else r.body
        if r.cut is not None:
            self.send_raw(conn, body[:r.cut])
            if r.reset:
                self.reset(conn)
            return False
        if r.pace is not None:
            for i in range(len(body)):
                self.send_raw(conn, body[i:i + 1])
                time.sleep(r.pace)
        elif r.chunked:
            while body:
                self.send_raw(conn, b"%x\r\n%s\r\n" % (len(body[:65536]),
                                                      body[:65536]))
                body = body[65536:]
            self.send_raw(conn, b"0\r\n\r\n")
        else:
            self.send_raw(conn, body)
        return not r.close

    def serve(self, conn):
        try:
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            elif conn.recv(1, socket.MSG_PEEK) == b"\x16":
                return  # somebody wants TLS
            f = conn.makefile("rb")
            while True:
                q = self.read_request(f, conn)
                if q is None or not self.send(conn, q, self.respond(q)):
                    break
        except (OSError, ValueError):
            pass
        finally:
            # What a file object still holds would keep it open.
            try:
                f.close()
            except (OSError, UnboundLocalError):
                pass
            conn.close()

    def run(self):
        parent = os.getppid()
        self.socket.listen(64)
        self.socket.settimeout(1)
        with open(self.args.port + ".new", "w") as f:
            f.write("%d\n" % self.port)
        os.rename(self.args.port + ".new", self.args.port)
        while os.getppid() == parent:
            try:
                conn, _ = self.socket.accept()
            except TimeoutError:
                continue
            conn.settimeout(None)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(conn,),
                             daemon=True).start()


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--layout", required=True)
    p.add_argument("--port", required=True)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--log")
    p.add_argument("--tls", nargs=2)
    p.add_argument("--auth", choices=("none", "basic", "bearer"),
                   default="none")
    p.add_argument("--user", default="joe:secret")
    p.add_argument("--anonymous-pull", action="store_true")
    p.add_argument("--refresh", default="identity")
    p.add_argument("--realm")
    p.add_argument("--jwt", nargs=2)
    return p


if __name__ == "__main__":
    Registry(arguments().parse_args()).run()
