# SPDX-License-Identifier: ISC
"""usage: web_bad.py PORT TOKEN PID table|many|slow|flood

Requests that nobody should send to vm-web, from raw sockets: a line for each
whose answer is another than expected.  `many` sends 10,000 and compares the
server's descriptors and memory before and after.
"""
import os
import re
import socket
import sys
import time

port, token, pid = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
HOST = f"127.0.0.1:{port}"
AUTH = f"Authorization: Bearer {token}"
JSON = "Content-Type: application/json"
DEADLINE = 30


def dial():
    s = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def status_of(data):
    words = data.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[0][:5] == b"HTTP/" else 0


def ask(raw, cut=False):
    """The status of the first answer; 0: cut without one."""
    s = dial()
    data = b""
    try:
        s.sendall(raw)
        if cut:
            # It waits for more, for which it has no right to wait for good.
            s.shutdown(socket.SHUT_WR)
        while b"\r\n" not in data:
            part = s.recv(4096)
            if not part:
                break
            data += part
    except OSError:
        pass
    finally:
        s.close()
    return status_of(data)


def req(method, path, *headers, body=b"", host=HOST, version="HTTP/1.1"):
    lines = [f"{method} {path} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += headers
    if body and not any(h.lower().startswith(("content-length", "transfer"))
                        for h in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def post(path, body, *headers, **more):
    return req("POST", path, AUTH, JSON, *headers, body=body, **more)


def cookie_name():
    s = dial()
    s.sendall(post("/api/login", b'{"token":"%s"}' % token.encode(),
                   "Connection: close"))
    data = b""
    while part := s.recv(4096):
        data += part
    return re.search(rb"(?i)set-cookie: (vm-web-[0-9a-f]{16})=",
                     data).group(1).decode()


NAME_OF_COOKIE = cookie_name()
COOKIE = f"Cookie: {NAME_OF_COOKIE}={'0' * 64}"
NAME = "a" * 26
# name, what is sent, statuses that are right (0: cut without an answer)
TABLE = [
    # Paths.
    ("dot dot", req("GET", "/../etc/passwd", AUTH), 400),
    ("dot dot inside", req("GET", "/api/../about", AUTH), 400),
    ("dot", req("GET", "/./api/about", AUTH), 400),
    ("escaped dots", req("GET", "/%2e%2e/x", AUTH), 400),
    ("escaped slash", req("GET", "/api/vms/a%2fb", AUTH), 400),
    ("escaped nul", req("GET", "/api/vms/a%00b", AUTH), 400),
    ("escaped newline", req("GET", "/api/vms/a%0ab", AUTH), 400),
    ("escaped delete", req("GET", "/api/vms/%7f", AUTH), 400),
    ("half an escape", req("GET", "/api/vms/a%2", AUTH), 400),
    ("no hex", req("GET", "/api/vms/a%zz", AUTH), 400),
    ("not utf-8", req("GET", "/api/vms/%ff%fe", AUTH), 400),
    ("overlong utf-8", req("GET", "/api/vms/%c0%ae", AUTH), 400),
    ("empty component", req("GET", "//api/about", AUTH), 400),
    ("empty inside", req("GET", "/api//about", AUTH), 400),
    # What is behind it is cut: it is the page that is asked for.
    ("nul", b"GET /\0 HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n",
     (0, 200, 400)),
    ("long component", req("GET", "/api/vms/" + "a" * 300, AUTH), 400),
    ("many components", req("GET", "/a" * 40, AUTH), 400),
    ("no such page", req("GET", "/nope.html"), 404),
    ("no such endpoint", req("GET", "/api/nope", AUTH), 404),
    ("no slash", req("GET", "api/about", AUTH), (0, 400, 404)),
    ("a whole url", req("GET", f"http://{HOST}/api/about", AUTH),
     (0, 400, 404)),
    ("star", req("OPTIONS", "*", AUTH), (0, 400, 404, 405)),
    ("file with dots", req("GET", "/api/snaps/x/files/%2e%2e", AUTH), 400),
    # Methods.
    ("delete", req("DELETE", "/api/vms/x", AUTH), 405),
    ("put", req("PUT", "/api/vms", AUTH), 405),
    ("get of an action", req("GET", "/api/vms/x/start", AUTH), 405),
    ("head of an action", req("HEAD", "/api/vms/x/stop", AUTH), 405),
    ("head of events", req("HEAD", "/api/events", AUTH), 405),
    ("post of a list", req("POST", "/api/snaps", AUTH), 405),
    ("post of the page", req("POST", "/", AUTH), 405),
    ("trace", req("TRACE", "/api/about", AUTH), 405),
    ("connect", req("CONNECT", "/api/about", AUTH), 405),
    ("no method", req("FROBNICATE", "/api/about", AUTH), 405),
    ("small letters", req("get", "/api/about", AUTH), 405),
    # Heads.
    ("no version", b"GET /\r\n\r\n", (0, 400, 421, 505)),
    ("version 2", req("GET", "/", version="HTTP/2.0"), (0, 400, 505)),
    ("version 9", req("GET", "/", version="HTTP/9.9"), (0, 400, 505)),
    ("noise", bytes(range(1, 256)) * 4 + b"\r\n\r\n", (0, 400, 421, 505)),
    ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
     (0, 400, 421, 505)),
    ("long header", req("GET", "/api/about", AUTH, "X: " + "a" * 40000),
     (0, 413, 431)),
    ("many headers", req("GET", "/api/about", AUTH,
                         *[f"X-{i}: y" for i in range(3000)]), (0, 413, 431)),
    ("long path", req("GET", "/" + "a" * 40000, AUTH), (0, 413, 414, 431)),
    # Who it is sent to, and by whom.
    ("no host", req("GET", "/", host=None), (400, 421)),
    ("empty host", req("GET", "/", host=""), 421),
    ("foreign host", req("GET", "/", host="evil.example"), 421),
    ("foreign host and port", req("GET", "/api/vms", AUTH,
                                  host=f"evil.example:{port}"), 421),
    ("own name as a prefix", req("GET", "/", host="localhost.evil.example"),
     421),
    ("own address as a prefix",
     req("GET", "/", host="127.0.0.1.evil.example"), 421),
    ("host with a user", req("GET", "/", host=f"x@{HOST}"), 421),
    ("host with a bad port", req("GET", "/", host="localhost:80x"), 421),
    ("another address", req("GET", "/", host="10.0.0.1"), 421),
    ("foreign origin", post("/api/vms/x/start", b"{}",
                            "Origin: https://evil.example"), 403),
    ("null origin", post("/api/vms/x/start", b"{}", "Origin: null"), 403),
    ("another port's origin",
     post("/api/vms/x/start", b"{}", f"Origin: http://127.0.0.1:{port + 1}"),
     403),
    ("cross-site", req("GET", "/api/vms", AUTH, "Sec-Fetch-Site: cross-site"),
     403),
    ("same site, another origin",
     req("GET", "/api/vms", AUTH, "Sec-Fetch-Site: same-site"), 403),
    ("login from elsewhere",
     req("POST", "/api/login", JSON, "Origin: https://evil.example",
         body=b'{"token":"%s"}' % token.encode()), 403),
    # The token.
    ("no token", req("GET", "/api/vms"), 401),
    ("no token, no endpoint", req("GET", "/api/nope"), 401),
    ("no token, another method", req("PATCH", "/api/vms"), 401),
    ("wrong token", req("GET", "/api/vms",
                        "Authorization: Bearer " + "0" * 64), 401),
    ("short token", req("GET", "/api/vms",
                        "Authorization: Bearer " + token[:-1]), 401),
    ("long token", req("GET", "/api/vms",
                       "Authorization: Bearer " + token + "0"), 401),
    ("capitals", req("GET", "/api/vms",
                     "Authorization: Bearer " + token.upper()), 401),
    ("basic", req("GET", "/api/vms", "Authorization: Basic " + token), 401),
    ("the token as a cookie",
     req("GET", "/api/vms", f"Cookie: {NAME_OF_COOKIE}={token}"), 401),
    ("a cookie alone", req("GET", "/api/vms", COOKIE), 401),
    ("a wrong key", req("GET", "/api/vms", COOKIE,
                        "X-Vm-Web-Key: " + "0" * 64), 401),
    ("the token in the query", req("GET", f"/api/vms?token={token}"), 401),
    ("action without", req("POST", "/api/vms/x/start", JSON, body=b"{}"),
     401),
    ("link without", req("GET", "/link/" + "0" * 64), 401),
    ("no such link", req("GET", "/link/" + "0" * 64, AUTH), 404),
    ("login with nothing", req("POST", "/api/login"), 401),
    ("login with noise", req("POST", "/api/login", JSON, body=b"\x00{"), 401),
    ("login with another", req("POST", "/api/login", JSON,
                               body=b'{"token":"%s"}' % (b"1" * 64)), 401),
    # Bodies.
    ("a form", req("POST", "/api/vms/x/start", AUTH,
                   "Content-Type: application/x-www-form-urlencoded",
                   body=b"a=b"), 415),
    ("plain text", req("POST", "/api/vms/x/start", AUTH,
                       "Content-Type: text/plain", body=b"{}"), 415),
    ("no type", req("POST", "/api/vms/x/start", AUTH, body=b"{}"), 415),
    ("no json", post("/api/vms/x/start", b"{"), 400),
    ("an array", post("/api/vms/x/start", b"[]"), 400),
    ("no such member", post("/api/vms/x/start", b'{"nope":1}'), 400),
    ("twice the same", post("/api/vms/x/stop", b'{"force":true,"force":1}'),
     400),
    ("a word for a flag", post("/api/vms/x/stop", b'{"force":"yes"}'), 400),
    ("null", post("/api/vms/x/save", b'{"name":null}'), 400),
    ("nul in a name", post("/api/vms/x/save", b'{"name":"a\\u0000b"}'), 400),
    ("deep", post("/api/vms/x/save", b'{"name":' + b"[" * 5000 + b"]" * 5000
                  + b"}"), 400),
    ("a name like an option", post("/api/snaps/x/clone", b'{"name":"-x"}'),
     (400, 404)),
    ("a reference like an option", post("/api/vms/--all/stop", b"{}"),
     (400, 404)),
    ("the list on stdin", post("/api/vms/-/stop", b"{}"), 400),
    ("an operand like an option",
     post("/api/snaps/pull", b'{"ref":"--help"}'), 400),
    ("no operand", post("/api/snaps/pull", b"{}"), 400),
    ("a command that is none", post(f"/api/vms/{NAME}/exec", b'{"argv":[]}'),
     400),
    ("a VM like an option", post("/api/vms/--cwd/exec", b'{"argv":["a"]}'),
     400),
    ("too long", post("/api/vms/x/start", b"", "Content-Length: 99999999"),
     413),
    ("no length", post("/api/vms/x/start", b"", "Content-Length: x"),
     (0, 400)),
    ("a negative length", post("/api/vms/x/start", b"",
                               "Content-Length: -1"), (0, 400)),
    ("pieces without end",
     post("/api/vms/x/start",
          (b"4000\r\n" + b" " * 0x4000 + b"\r\n") * 8 + b"0\r\n\r\n",
          "Transfer-Encoding: chunked"), 413),
    ("no pieces", post("/api/vms/x/start", b"zz\r\n",
                       "Transfer-Encoding: chunked"), (0, 400)),
    ("keys without end", req("POST", f"/api/vms/{NAME}/keys", AUTH,
                             body=b"a" * 5000), 413),
    ("no archive", req("POST", "/api/snaps/import", AUTH,
                       body=b"no archive" * 100), 422),
    ("an archive of nothing", req("POST", "/api/snaps/import", AUTH), 422),
    ("an import's bad name",
     req("POST", "/api/snaps/import?name=a%2fb", AUTH, body=b"x"), 400),
    ("a bad form", req("GET", "/api/snaps/x/export?form=rar", AUTH), 400),
    ("no such snapshot", req("GET", "/api/snaps/nope/export", AUTH), 404),
    ("no such file", req("GET", "/api/snaps/nope/files/a", AUTH), 404),
    ("no such console", req("GET", "/api/vms/nope/output", AUTH), 404),
]


def table():
    wrong = 0
    for name, raw, want in TABLE:
        if isinstance(want, int):
            want = (want,)
        got = ask(raw, 0 in want)
        if got not in want:
            print(f"{name}: {got}, not {want}")
            wrong += 1
    print(f"{len(TABLE)} requests, {wrong} wrong")
    # Two at once: both are answered, in their order.
    s = dial()
    s.sendall(req("GET", "/api/about", AUTH) +
              req("GET", "/api/nope", AUTH, "Connection: close"))
    data = b""
    while True:
        part = s.recv(65536)
        if not part:
            break
        data += part
    if [w[:3] for w in data.split(b"HTTP/1.1 ")[1:]] != [b"200", b"404"]:
        print("pipelined:", data)


    # Who guesses is slowed; who knows is not.
    guess = req("GET", "/api/vms", "Authorization: Bearer " + "0" * 64)
    if 429 not in [ask(guess) for _ in range(700)]:
        print("guesses: not 429")
    if ask(req("GET", "/api/about", AUTH)) != 200:
        print("refused among the guesses")


def now():
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        rss = [int(x.split()[1]) for x in f if x.startswith("VmRSS")][0]
    return len(os.listdir(f"/proc/{pid}/fd")), rss


def settled(fds):
    """Once the server has seen that its clients are gone."""
    end = time.monotonic() + DEADLINE
    while now()[0] > fds and time.monotonic() < end:
        time.sleep(0.02)
    return now()


def many(n):
    # Those that run no tool: a program a request would be its cost.
    quick = [raw for name, raw, want in TABLE
             if want in (400, 401, 403, 405, 413, 415, 421) and
             len(raw) < 4096 and name not in ("too long",)
             and b"/api/snaps/import" not in raw]
    for raw in quick * 4:
        ask(raw)
    before = settled(4096)
    for i in range(n):
        ask(quick[i % len(quick)])
    after = settled(before[0])
    print(f"{n} requests")
    if after[0] > before[0] or after[1] > before[1] + 1024:
        print(f"before {before}, after {after} (descriptors, KiB)")


def slow():
    """Many that send a letter and wait: others are answered meanwhile."""
    idle = [dial() for _ in range(300)]
    for s in idle:
        s.sendall(b"GET /api/abou")
    t = time.monotonic()
    got = ask(req("GET", "/api/about", AUTH))
    print(got, "in time" if time.monotonic() - t < 5 else "late")
    for s in idle:
        s.close()


def flood():
    """More connections than are taken: those beyond are cut, and room again."""
    held, cut = [], 0
    for _ in range(560):
        s = dial()
        s.sendall(req("GET", "/api/events", AUTH))
        held.append(s)
    end = time.monotonic() + 2
    for s in held:
        s.settimeout(max(0.01, end - time.monotonic()))
        try:
            if status_of(s.recv(4096)) != 200:
                cut += 1
        except OSError:
            cut += 1
    print("some cut" if 560 - cut <= 512 and cut < 560 else f"{cut} cut")
    for s in held:
        s.close()
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if ask(req("GET", "/api/about", AUTH)) == 200:
            print("room again")
            return
        time.sleep(0.05)


if sys.argv[4] == "table":
    table()
elif sys.argv[4] == "many":
    many(int(sys.argv[5]))
elif sys.argv[4] == "slow":
    slow()
else:
    flood()
