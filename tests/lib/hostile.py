#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A registry that misbehaves, by name: registry.py's usage, and

    --fault NAME[:ARG]   what it does wrong; --faults prints the names
    --arm FILE           at each GET of /v2/ FILE is read, "N once" or
                         "N forever": N bytes later the connection is reset,
                         or that one and all that follow
    --other PORT         where another server listens, for redirects
"""
import email.utils
import itertools
import json
import os
import re
import sys
import time

import registry
from registry import Response, error

FAULTS = {}
BEFORE = {}


def fault(f):
    """Registers f(server, request, good response, ARG)."""
    FAULTS[f.__name__.replace("_", "-")] = f
    return f


def instead(f):
    """Registers f(server, request, ARG), which may answer, and nothing is done,
    or not: None."""
    BEFORE[f.__name__.replace("_", "-")] = f
    return f


def is_manifest(q, method="GET"):
    return "/manifests/" in q.path and q.method == method


def is_blob(q):
    return re.search("/blobs/sha256:", q.path) and q.method == "GET"


def is_upload(q, method):
    return "/blobs/uploads/" in q.path and q.method == method


def ranged(r, first, body, total):
    """r with other bytes, and what Content-Range says of them."""
    r.status = 206
    r.body, r.length = body, len(body)
    r.headers["Content-Range"] = "bytes %d-%d/%d" % (
        first, first + len(body) - 1, total)
    return r


def content_range(r):
    return [int(n) for n in re.findall(r"\d+", r.headers["Content-Range"])]


# Manifests.

@fault
def manifest_404(s, q, r, arg):
    return error(404, "MANIFEST_UNKNOWN", "no\n\x1b[31msuch") \
        if is_manifest(q) else r


@fault
def manifest_type(s, q, r, arg):
    if is_manifest(q):
        r.headers["Content-Type"] = "text/html; charset=utf-8"
    return r


def with_body(q, r, body):
    if is_manifest(q):
        r.body, r.length = body, len(body)
        r.headers.pop("Docker-Content-Digest", None)
    return r


@fault
def manifest_large(s, q, r, arg):
    return with_body(q, r, b"{" + b" " * (4 << 20) + b"}")


@fault
def manifest_endless(s, q, r, arg):
    r = with_body(q, r, b" " * (8 << 20))
    r.chunked = is_manifest(q)
    return r


@fault
def manifest_html(s, q, r, arg):
    return with_body(q, r, b"<html>Please log in</html>")


@fault
def manifest_empty(s, q, r, arg):
    return with_body(q, r, b"")


@fault
def manifest_none(s, q, r, arg):
    return Response(204) if is_manifest(q) else r


@fault
def manifest_deep(s, q, r, arg):
    return with_body(q, r, b"[" * 100000)


@fault
def manifest_image(s, q, r, arg):
    return with_body(q, r, b'{"schemaVersion":2,"config":{},"layers":[]}')


@fault
def manifest_index(s, q, r, arg):
    return with_body(q, r, b'{"schemaVersion":2,"manifests":[]}')


@fault
def manifest_other(s, q, r, arg):
    return with_body(q, r, r.body + b" ")


@fault
def manifest_cut(s, q, r, arg):
    if is_manifest(q):
        r.cut = len(r.body) // 2
    return r


@fault
def manifest_header(s, q, r, arg):
    if is_manifest(q):
        r.headers["Docker-Content-Digest"] = "sha256:" + "0" * 64
    return r


# Blobs: ARG is envelope, index, tree or pack.

def is_kind(s, q, kind):
    return is_blob(q) and q.path.rsplit("/", 1)[1] == s.kinds().get(kind)


@fault
def blob_flip(s, q, r, arg):
    if is_kind(s, q, arg):
        r.body = bytes([r.body[0] ^ 1]) + r.body[1:]
    return r


@fault
def blob_short(s, q, r, arg):
    if is_kind(s, q, arg) and r.status == 206:
        first, last, total = content_range(r)
        body = r.body[:total - 1 - first]
        if not body:
            return Response(416, {"Content-Range": "bytes */%d" % (total - 1)})
        return ranged(r, first, body, total - 1)
    return r


@fault
def blob_long(s, q, r, arg):
    if is_kind(s, q, arg) and r.status == 206:
        first, _, total = content_range(r)
        return ranged(r, first, r.body, total + 1)
    return r


@fault
def blob_gone(s, q, r, arg):
    return error(404, "BLOB_UNKNOWN", "gone") if is_kind(s, q, arg) else r


@fault
def blob_nothing(s, q, r, arg):
    return Response(200) if is_kind(s, q, arg) else r


@fault
def blob_forget(s, q, r, arg):
    """It is there once."""
    if is_kind(s, q, arg) and s.count("forget") > 0:
        return error(404, "BLOB_UNKNOWN", "gone")
    return r


@fault
def blob_liar(s, q, r, arg):
    """HEAD says that it is there."""
    return error(404, "BLOB_UNKNOWN", "gone") if is_kind(s, q, arg) else r


# Ranges.

@fault
def range_whole(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        r.status = 200
        r.body = s.layout.get(q.path.rsplit("/", 1)[1])
        r.length = len(r.body)
        del r.headers["Content-Range"]
    return r


@fault
def range_cold(s, q, r, arg):
    """As range_whole, until all of a blob was asked for: a cache, which has it
    ARG answers later."""
    if is_blob(q) and r.status == 200:
        s.cached.setdefault(q.path, int(arg or 0))
    elif is_blob(q) and s.cached.get(q.path, 0) > 0:
        s.cached[q.path] -= 1
    elif q.path in s.cached:
        return r
    return range_whole(s, q, r, arg)


@fault
def range_less(s, q, r, arg):
    if is_blob(q) and r.status == 206 and len(r.body) > 1:
        first, _, total = content_range(r)
        return ranged(r, first, r.body[:-1], total)
    return r


@fault
def range_shifted(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        first, last, total = content_range(r)
        return ranged(r, first + 1, r.body, total)
    return r


@fault
def range_more(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        first, _, total = content_range(r)
        return ranged(r, first, r.body + b"x", total)
    return r


@fault
def range_much_more(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        r.body += b"x" * (16 << 20)
        r.length = len(r.body)
    return r


@fault
def range_total(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        first, _, total = content_range(r)
        return ranged(r, first, r.body, total + 4096)
    return r


def saying(q, r, text):
    if is_blob(q) and r.status == 206:
        r.headers["Content-Range"] = text
    return r


@fault
def range_nonsense(s, q, r, arg):
    return saying(q, r, "bytes 18446744073709551615-1/0")


@fault
def range_star(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        r.headers["Content-Range"] = re.sub("/.*", "/*",
                                            r.headers["Content-Range"])
    return r


@fault
def range_unsaid(s, q, r, arg):
    if is_blob(q):
        r.headers.pop("Content-Range", None)
    return r


@fault
def range_multipart(s, q, r, arg):
    if is_blob(q) and r.status == 206:
        said = r.headers.pop("Content-Range")
        r.headers["Content-Type"] = "multipart/byteranges; boundary=x"
        r.body = (b"--x\r\nContent-Range: " + said.encode() +
                  b"\r\n\r\n" + r.body + b"\r\n--x--\r\n")
        r.length = len(r.body)
    return r


@fault
def range_limit(s, q, r, arg):
    """No more than ARG bytes at once, as HTTP allows."""
    if is_blob(q) and r.status == 206 and len(r.body) > int(arg):
        first, _, total = content_range(r)
        return ranged(r, first, r.body[:int(arg)], total)
    return r


@fault
def range_416(s, q, r, arg):
    return Response(416) if is_blob(q) else r


# Redirects of blobs.

def led(q, to, status=307):
    return Response(status, {"Location": to})


@fault
def redirect(s, q, r, arg):
    """To what ARG is, with OTHER for the port of --other, OWN for ours, PATH for
    what was asked for; what has "again" in it is answered."""
    if not is_blob(q) or "again" in q.query:
        return r
    to = arg.replace("OTHER", str(s.args.other)).replace("OWN", str(s.port))
    return led(q, to.replace("PATH", q.path))


@fault
def redirect_status(s, q, r, arg):
    """Once, to the same place, by that status."""
    if is_blob(q) and "again" not in q.query:
        return led(q, q.path + "?again=1", int(arg))
    return r


@fault
def redirect_endless(s, q, r, arg):
    return led(q, "%s?n=%d" % (q.path, s.count("led"))) if is_blob(q) else r


@fault
def redirect_nowhere(s, q, r, arg):
    return Response(307) if is_blob(q) else r


@fault
def redirect_manifest(s, q, r, arg):
    return led(q, arg) if is_manifest(q) and "again" not in q.query else r


# Who may do what.

def challenged(s, text):
    return error(401, "UNAUTHORIZED", "authentication required",
                 {"WWW-Authenticate": text} if text else {})


@fault
def auth_loop(s, q, r, arg):
    if q.path == "/token":
        return r
    return challenged(s, 'Bearer realm="%s",service="s"' % s.url("/token"))


@fault
def auth_mute(s, q, r, arg):
    return challenged(s, None)


@fault
def auth_said(s, q, r, arg):
    """With the challenge ARG, where TOKEN is the server's own realm."""
    return r if q.path == "/token" else \
        challenged(s, arg.replace("TOKEN", s.url("/token")))


@instead
def auth_forget(s, q, arg):
    """All tokens are forgotten before request ARG."""
    if s.count("asked") == int(arg):
        s.tokens.clear()
    return None


@fault
def auth_many(s, q, r, arg):
    return challenged(s, ['X%d realm="%s"' % (i, "x" * 1000)
                          for i in range(100)])


@fault
def token(s, q, r, arg):
    """What the server of tokens answers."""
    if q.path != "/token":
        return challenged(s, 'Bearer realm="%s"' % s.url("/token"))
    if arg.isdigit():
        return error(int(arg), "UNKNOWN", "no tokens today")
    if arg == "cut":
        r.cut = 3
        return r
    if arg == "silent":
        r.silent = True
        return r
    if arg == "redirect":
        return Response(307, {"Location": "http://127.0.0.1:%d/token" %
                              (s.args.other or 1)})
    body = {"garbage": b"\x00\xff<html>", "none": b"{}", "empty": b"",
            "large": b'{"token":"' + b"x" * (1 << 20) + b'"}',
            "long": b'{"token":"' + b"x" * 20000 + b'"}',
            "lines": b'{"token":"a\\r\\nX-Evil: 1"}',
            "number": b'{"token":1}', "expired": b'{"token":"a",'
            b'"expires_in":-1}'}[arg]
    return Response(200, {}, body)


# Not now.

def later(s, q, r, arg, status, after):
    """ARG times, for all but /v2/."""
    if q.path == "/v2/" or s.count("later") >= int(arg or 1 << 30):
        return r
    return error(status, "TOOMANYREQUESTS", "slow down",
                 {"Retry-After": after} if after else {})


@fault
def busy(s, q, r, arg):
    return later(s, q, r, arg, 429, None)


@fault
def busy_seconds(s, q, r, arg):
    return later(s, q, r, arg, 429, "1")


@fault
def busy_date(s, q, r, arg):
    now = time.time()
    r = later(s, q, r, arg, 503, email.utils.formatdate(now + 1, usegmt=True))
    r.headers["Date"] = email.utils.formatdate(now, usegmt=True)
    return r


@fault
def busy_past(s, q, r, arg):
    return later(s, q, r, arg, 503, "Thu, 01 Jan 1970 00:00:00 GMT")


@fault
def busy_absurd(s, q, r, arg):
    return later(s, q, r, arg, 503, "99999999999999999999")


@fault
def busy_nonsense(s, q, r, arg):
    return later(s, q, r, arg, 503, "in a while, -1")


@fault
def status(s, q, r, arg):
    """Always, but for /v2/."""
    return r if q.path == "/v2/" else error(int(arg), "UNKNOWN", "no")


@fault
def ping(s, q, r, arg):
    return error(int(arg), "UNKNOWN", "no") if q.path == "/v2/" else r


# Not in time, or not HTTP.

@fault
def slow(s, q, r, arg):
    if is_blob(q) or is_manifest(q):
        r.pace = float(arg or 1)
    return r


@fault
def silent(s, q, r, arg):
    r.silent = {"blob": is_blob(q), "manifest": is_manifest(q),
                "ping": q.path == "/v2/"}[arg]
    return r


@fault
def cut(s, q, r, arg):
    """Of each body ARG bytes come.  One that is not longer comes as it is: a
    reset behind its end may overtake it."""
    if is_blob(q) and len(r.body) > int(arg):
        r.cut, r.reset = int(arg), True
    return r


@fault
def ends(s, q, r, arg):
    """As cut, but what was sent comes."""
    if is_blob(q) and len(r.body) > int(arg):
        r.cut = int(arg)
    return r


@fault
def raw(s, q, r, arg):
    r.raw = {"nothing": b"", "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
             "binary": bytes(range(256)) * 16,
             "status": b"HTTP/1.1 99999 X\r\nContent-Length: 0\r\n\r\n",
             "http09": b"<html>\n" * 10,
             "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
             b"Content-Length: 2\r\n\r\nxx",
             "length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
             "line": b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n",
             "headers": b"HTTP/1.1 200 OK\r\n" +
             b"X: yyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 40000 + b"\r\n",
             "early": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10000}[arg]
    return r


# Uploads.

@fault
def unmounted(s, q, r, arg):
    """Repository ARG has but those blobs that came there."""
    if not q.path.startswith("/v2/%s/" % arg):
        return r
    if r.status == 201:
        s.mounted.add(q.one("mount") or q.one("digest"))
    if is_blob(q) and q.path.rsplit("/", 1)[1] not in s.mounted:
        return error(404, "BLOB_UNKNOWN", "not here")
    return r


@fault
def upload_nowhere(s, q, r, arg):
    if is_upload(q, "POST"):
        del r.headers["Location"]
    return r


@fault
def upload_away(s, q, r, arg):
    if is_upload(q, "POST"):
        r.headers["Location"] = arg.replace("OTHER", str(s.args.other)) \
            .replace("PATH", r.headers["Location"])
    return r


@fault
def upload_query(s, q, r, arg):
    """The session has a query of its own."""
    if "uploads/" in q.path and "Location" in r.headers and \
            r.status in (202, 204):
        r.headers["Location"] += "?_state=a%2Fb"
    return r


@instead
def upload(s, q, arg):
    """METHOD=STATUS: what is answered to that."""
    method, code = arg.split("=")
    return error(int(code), "SOME_CODE", "not that") \
        if is_upload(q, method) else None


@instead
def upload_lost(s, q, arg):
    """The first ARG chunks end all sessions."""
    if is_upload(q, "PATCH") and s.count("chunk") < int(arg):
        s.sessions.clear()
    return None


@fault
def upload_unknown(s, q, r, arg):
    """Whatever session is asked for is not known, but to a PATCH or a PUT."""
    return error(404, "BLOB_UPLOAD_UNKNOWN", "gone") \
        if is_upload(q, "GET") or is_upload(q, "HEAD") else r


@instead
def upload_little(s, q, arg):
    """ARG bytes are kept of each chunk, and the rest is asked for again."""
    if is_upload(q, "PATCH"):
        q.body = q.body[:int(arg)]
    return None


@fault
def upload_less(s, q, r, arg):
    if is_upload(q, "PATCH"):
        r.headers["Range"] = "0-0"
    return r


@fault
def upload_more(s, q, r, arg):
    if is_upload(q, "PATCH"):
        r.headers["Range"] = "0-999999999999"
    return r


@fault
def upload_reset(s, q, r, arg):
    """The answer to the first ARG chunks does not come."""
    if is_upload(q, "PATCH") and s.count("chunk") < int(arg):
        r.raw = b""
    return r


@fault
def upload_end_reset(s, q, r, arg):
    if is_upload(q, "PUT") and s.count("end") < int(arg):
        r.raw = b""
    return r


@fault
def upload_dropped(s, q, r, arg):
    """201, and what came is not kept."""
    if is_upload(q, "PUT") and r.status == 201:
        os.unlink(s.layout.name(q.one("digest")))
    return r


@fault
def upload_other(s, q, r, arg):
    if is_upload(q, "PUT"):
        r.headers["Docker-Content-Digest"] = "sha256:" + "0" * 64
    return r


@instead
def put_manifest(s, q, arg):
    return error(int(arg), "MANIFEST_INVALID", "manifest invalid") \
        if is_manifest(q, "PUT") else None


@fault
def put_manifest_other(s, q, r, arg):
    if is_manifest(q, "PUT"):
        r.headers["Docker-Content-Digest"] = "sha256:" + "0" * 64
    return r


@fault
def tag_moved(s, q, r, arg):
    """It leads elsewhere when it is looked at again."""
    if is_manifest(q) and s.count("tag") > 0:
        body = b'{"schemaVersion":2}'
        return Response(200, {"Content-Type": registry.TYPE}, body)
    return r


@fault
def tag_gone(s, q, r, arg):
    if is_manifest(q) and s.count("tag") > 0:
        return error(404, "MANIFEST_UNKNOWN")
    return r


class Hostile(registry.Registry):
    def __init__(self, args):
        super().__init__(args)
        self.counters = {}
        self.mounted = set()
        self.cached = {}  # path of a blob: answers until it has it
        self.budget = self.is_forever = None
        self.name, _, self.arg = (args.fault or "").partition(":")
        if args.fault and self.name not in FAULTS and self.name not in BEFORE:
            raise SystemExit("no such fault: " + self.name)
        self.fault = FAULTS.get(self.name)
        self.before = BEFORE.get(self.name)

    def count(self, what):
        """How often it was asked before."""
        return next(self.counters.setdefault(what, itertools.count()))

    def kinds(self):
        """What the newest manifest's blobs are."""
        out = {}
        for m in self.layout.index()["manifests"]:
            m = json.loads(self.layout.get(m["digest"]))
            out["envelope"] = m["config"]["digest"]
            for d in m["layers"]:
                out[d["mediaType"].split(".")[-2]] = d["digest"]
        return out

    def respond(self, q):
        if self.args.arm and q.path == "/v2/":
            with open(self.args.arm) as f:
                n, how = f.read().split()
            self.budget, self.is_forever = int(n), how == "forever"
        self.log(q)
        with self.lock:
            r = self.before(self, q, self.arg) if self.before else None
            if r is None:
                r = self.answer(q)
            return self.fault(self, q, r, self.arg) if self.fault else r

    def send_raw(self, conn, data):
        with self.lock:
            if self.budget is None or len(data) <= self.budget:
                if self.budget is not None:
                    self.budget -= len(data)
                n = len(data)
            else:
                n = self.budget
                self.budget = 0 if self.is_forever else None
        conn.sendall(data[:n])
        if n < len(data):
            self.reset(conn)
            raise OSError("armed")


def main():
    p = registry.arguments()
    p.add_argument("--fault")
    p.add_argument("--arm")
    p.add_argument("--other", type=int)
    if sys.argv[1:] == ["--faults"]:
        print("\n".join(sorted([*FAULTS, *BEFORE])))
        return
    Hostile(p.parse_args()).run()


if __name__ == "__main__":
    main()
