# SPDX-License-Identifier: ISC
"""usage: web_bench.py start
       web_bench.py URL TOKEN PID STREAMS CHANGES

The median of 21 starts of vm-web, until it says that it listens.

STREAMS clients read vm-web's events; a machine is given another name CHANGES
times, and each is awaited by all.  Prints the medians over changes of the time
until the first, the middle and the last client had it, and the server's memory.
"""
import json
import selectors
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse

if sys.argv[1:] == ["start"]:
    took = []
    for _ in range(21):
        begin = time.monotonic()
        p = subprocess.Popen(["vm-web", "-q", "--listen", "127.0.0.1:0"],
                             stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        p.stdout.readline()
        took.append(time.monotonic() - begin)
        p.terminate()
        p.wait()
    print(f"until it listens: {statistics.median(took) * 1000:.1f} ms")
    sys.exit()

url, token, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])
streams, changes = int(sys.argv[4]), int(sys.argv[5])
at = urllib.parse.urlsplit(url)


def memory(key):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return [int(x.split()[1]) for x in f if x.startswith(key)][0]


sel = selectors.DefaultSelector()
for _ in range(streams):
    s = socket.create_connection((at.hostname, at.port))
    s.sendall(f"GET {at.path}api/events HTTP/1.1\r\nHost: {at.netloc}\r\n"
              f"Authorization: Bearer {token}\r\n\r\n".encode())
    s.recv(4096)
    s.setblocking(False)
    sel.register(s, selectors.EVENT_READ)
firsts, middles, lasts = [], [], []
for i in range(changes):
    name = f"name-{i}x"
    want = f'"name":"{name}"'.encode()
    subprocess.run(["vm-set", "-n", name, "-p", "id",
                    "a" if i == 0 else f"name-{i - 1}x"], check=True,
                   stdout=subprocess.DEVNULL)
    # The name is there for everybody once the tool has ended, or before.
    begin = time.monotonic()
    got = {}
    rest = {}
    while len(got) < streams:
        ready = sel.select(10)
        if not ready:
            sys.exit(f"{name}: {len(got)} of {streams} were told")
        for key, _ in ready:
            data = rest.get(key.fd, b"") + key.fileobj.recv(65536)
            rest[key.fd] = data[-200:]
            if want in data and key.fd not in got:
                got[key.fd] = time.monotonic() - begin
    times = sorted(got.values())
    firsts.append(times[0])
    middles.append(times[len(times) // 2])
    lasts.append(times[-1])
ms = [round(statistics.median(x) * 1000, 1) for x in (firsts, middles, lasts)]
print(json.dumps({"streams": streams, "changes": changes, "first_ms": ms[0],
                  "middle_ms": ms[1], "last_ms": ms[2],
                  "rss_mib": round(memory("VmRSS") / 1024, 1),
                  "peak_mib": round(memory("VmHWM") / 1024, 1)}))
