#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""usage: typed.py SHELL [ARG]... <LINES

Types each line and a tab at an interactive shell, by a terminal, and prints the
words that the command was given then, "<WORD>" each, a line for a line.  The
shell's own files define what is run: it prints "ready." when all is set, and what
it is given as "given<WORD>...end.".
"""
import os
import pty
import re
import select
import sys
import time

PATIENCE_S = 60


def read_until(fd, end):
    """What comes, up to `end`; nothing of it, when the time is over."""
    got = b""
    deadline = time.monotonic() + PATIENCE_S
    while end not in got:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            sys.exit("typed.py: nothing came: %r" % got)
        got += os.read(fd, 65536)
    return got.decode(errors="replace")


lines = sys.stdin.read().splitlines()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
read_until(fd, b"ready.")
for line in lines:
    os.write(fd, line.encode() + b"\t\n")
    said = read_until(fd, b"end.")
    # The line may be shown again as it is written: what is given comes last.
    given = said[said.rindex("given<") + 5:].split("end.")[0]
    print(re.sub(r"\r?\n", "", given))
os.close(fd)
os.waitpid(pid, 0)
