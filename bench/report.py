#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# usage: report.py RESULTS >page.html
#        report.py --readme RESULTS
#        report.py --machine
# A page of what the benches told in RESULTS, lines of JSON (lib/bench.sh, tell):
# machine and versions, a table of each bench with medians, spread and n beside
# the peers of the same run, and plots.  --readme prints the few rows that the
# README shows; --machine the line that says where it was measured.

import datetime
import html
import json
import math
import os
import re
import subprocess
import sys

COLOURS = ["#2a6fb0", "#c8641e", "#4c8f4a", "#8a5aa8"]
# What the README shows of each bench: row (a pattern), what it says there.
README = [
    ("vm_bench", r"^ext4, memory 1G, disk 100M$", "clone to running, 1 GiB"),
    ("burst_bench", r"^32$", "32 clones, until all run"),
    ("archive_bench", r"^export: bsdtar", "export of an archive"),
    ("archive_bench", r"^export, import, synced", "export and import"),
    ("registry_bench", r"^first push", "first push to a registry"),
    ("registry_bench", r"^second push", "second push, 3 % of it new"),
    ("registry_bench", r"^pull: ", "pull from a registry"),
]


def said(*argv):
    """The first line of what a program says of itself, or None."""
    try:
        out = subprocess.run(argv, stdout=subprocess.PIPE, check=False,
                             stderr=subprocess.STDOUT, text=True)
    except OSError:
        return None
    return out.stdout.splitlines()[0] if out.stdout else None


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo", encoding="utf-8") as f:
        kib = int(f.readline().split()[1])
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    programs = {
        "instar": said("git", "-C", top, "describe", "--always", "--dirty"),
        "Linux": os.uname().release,
        "QEMU": said("qemu-system-x86_64", "--version"),
        "Cloud Hypervisor": said("cloud-hypervisor", "--version"),
        "Firecracker": said("firecracker", "--version"),
        "docker-registry": said("docker-registry", "--version"),
        "curl": said("curl", "--version"),
        "tar": said("tar", "--version"),
        "cc": said(os.environ.get("CC", "cc"), "--version"),
    }
    return {"machine": {
        "date": datetime.date.today().isoformat(),
        "processor": model.group(1) if model else "unknown",
        "processors": os.cpu_count(),
        "memory_gib": round(kib / 1048576, 1),
        "load": [round(x, 2) for x in os.getloadavg()],
        "versions": {k: v for k, v in programs.items() if v},
    }}


def median(values):
    v = sorted(values)
    return v[(len(v) - 1) // 2] if v else math.nan


def load(path):
    where, rows = None, []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            try:
                record = json.loads(line)
            except ValueError:
                sys.exit(f"report.py: {path}: line {n}: no JSON")
            if "machine" in record:
                where = where or record["machine"]
            elif any(record["series"].values()):
                rows.append(record)
    if not rows:
        sys.exit(f"report.py: {path}: nothing was measured")
    return where, rows


def shown(value, unit):
    if math.isnan(value):
        return "-"
    if unit in ("us", "ms"):
        return f"{value / (1000 if unit == 'us' else 1):.1f} ms"
    if unit == "bytes":
        return f"{value / 1048576:.1f} MiB"
    return f"{value:.0f} {unit}".strip()


def ratio(row):
    """Of the first series to the second, or None where there is one."""
    series = [s for s in row["series"].values() if s]
    if len(series) < 2 or not median(series[1]):
        return None
    return median(series[0]) / median(series[1])


def table(rows):
    out = ['<table><thead><tr><th scope="col">what<th scope="col">whose'
           '<th scope="col">median<th scope="col">least to most'
           '<th scope="col">n<th scope="col">ratio<th scope="col">wanted'
           "</thead><tbody>"]
    for row in rows:
        series = [(k, v) for k, v in row["series"].items() if v]
        for i, (name, values) in enumerate(series):
            out.append("<tr>")
            if i == 0:
                out.append(f'<th scope="row" rowspan="{len(series)}">'
                           f'{html.escape(row["row"])}')
            spread = (f'{shown(min(values), row["unit"])} to '
                      f'{shown(max(values), row["unit"])}')
            out.append(f"<td>{html.escape(name)}"
                       f'<td>{shown(median(values), row["unit"])}'
                       f"<td>{spread}<td>{len(values)}")
            if i == 0:
                r = ratio(row)
                out.append(f'<td rowspan="{len(series)}">'
                           f'{"" if r is None else f"{r:.2f}"}'
                           f'<td rowspan="{len(series)}">'
                           f'{html.escape(row["target"])}')
    return "".join(out) + "</tbody></table>"


def size_of(text):
    m = re.search(r"\bmemory (\d+)([MG])\b", text)
    return int(m.group(1)) * (1024 if m.group(2) == "G" else 1) if m else None


def points(rows, x_of):
    """Series' names with their (x, median, unit), each x once."""
    found = {}
    for row in rows:
        x = x_of(row["row"])
        if x is None:
            continue
        for name, values in row["series"].items():
            if values:
                found.setdefault(name, {}).setdefault(x, median(values))
    return {k: sorted(v.items()) for k, v in found.items() if len(v) > 1}


def legend(names):
    return "".join(
        f'<rect x="{70 + 150 * i}" y="4" width="10" height="10" '
        f'fill="{COLOURS[i % 4]}"/><text x="{84 + 150 * i}" y="13">'
        f"{html.escape(n)}</text>" for i, n in enumerate(names))


def lines(title, series, unit, x_word):
    """A plot with a logarithmic axis each."""
    xs = sorted({x for p in series.values() for x, _ in p})
    ys = [y for p in series.values() for _, y in p if y > 0]
    low = 10 ** math.floor(math.log10(min(ys)))
    high = 10 ** math.ceil(math.log10(max(ys) * 1.0001))

    def at_x(x):
        return 70 + 500 * (math.log(x / xs[0]) / math.log(xs[-1] / xs[0]))

    def at_y(y):
        return 250 - 220 * math.log(y / low) / math.log(high / low)

    out = [legend(series)]
    y = low
    while y <= high:
        out.append(f'<path class="grid" d="M70 {at_y(y):.1f}H570"/>'
                   f'<text x="64" y="{at_y(y) + 4:.1f}" text-anchor="end">'
                   f"{shown(y, unit)}</text>")
        y *= 10
    for x in xs:
        out.append(f'<text x="{at_x(x):.1f}" y="268" text-anchor="middle">'
                   f"{x}</text>")
    for i, p in enumerate(series.values()):
        d = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in p if y > 0)
        out.append(f'<polyline points="{d}" fill="none" stroke-width="2" '
                   f'stroke="{COLOURS[i % 4]}"/>')
        out += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="3" '
                f'fill="{COLOURS[i % 4]}"/>' for x, y in p if y > 0]
    out.append(f'<text x="320" y="286" text-anchor="middle">{x_word}</text>')
    return figure(title, 290, out)


def bars(title, rows, unit):
    """One bar for each series of each row, by its median."""
    names = sorted({k for r in rows for k, v in r["series"].items() if v},
                   reverse=True)
    most = max(median(v) for r in rows for v in r["series"].values() if v)
    out, y = [legend(names)], 24
    for row in rows:
        out.append(f'<text x="0" y="{y + 12}">{html.escape(row["row"])}</text>')
        y += 18
        for name, values in row["series"].items():
            if not values:
                continue
            width = 440 * median(values) / (most or 1)
            out.append(f'<rect x="0" y="{y}" width="{width:.1f}" height="12" '
                       f'fill="{COLOURS[names.index(name) % 4]}"/>'
                       f'<text x="{width + 6:.1f}" y="{y + 11}">'
                       f"{shown(median(values), unit)}</text>")
            y += 15
        y += 6
    return figure(title, y, out)


def figure(title, height, parts):
    return (f"<figure><figcaption>{html.escape(title)}</figcaption>"
            f'<svg role="img" aria-label="{html.escape(title)}" '
            f'viewBox="0 0 600 {height}">' + "".join(parts) + "</svg></figure>")


def plots(bench, group, rows):
    """Those of a group: against memory, against a count, or as bars."""
    unit = rows[0]["unit"]
    out = []
    if bench == "burst_bench":
        p = points(rows, lambda t: int(t) if t.isdigit() else None)
        if p:
            out.append(lines(group, p, unit, "clones"))
    first = {}
    for row in rows:
        kind = re.sub(r"memory \d+[MG]", "memory", row["row"])
        first.setdefault(kind, []).append(row)
    for kind, same in first.items():
        p = points(same, size_of)
        if p:
            out.append(lines(f"{group}: {kind}", p, same[0]["unit"],
                             "memory, MiB"))
    moved = [r for r in rows if r["unit"] == "bytes"]
    for some in (moved, rows if group.endswith("by part") else []):
        if some:
            out.append(bars(group or bench, some, some[0]["unit"]))
    return "".join(out)


STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td { white-space: nowrap }
th, td { text-align: left; padding: .15rem .7rem; vertical-align: top;
    border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
th[scope=row] { font-weight: normal }
svg { max-width: 40rem; display: block; font-size: 11px }
svg text { fill: currentColor }
.grid { stroke: currentColor; opacity: .15 }
figure { margin: 1rem 0 } figcaption { font-weight: 600 }
"""


def page(where, rows):
    out = ['<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
           '<meta name="viewport" content="width=device-width">'
           f"<title>instar: figures</title><style>{STYLE}</style>"
           "<h1>instar: figures</h1>"]
    if where:
        versions = "".join(f"<li>{html.escape(k)}: {html.escape(v)}"
                           for k, v in where["versions"].items())
        out.append(f'<p>{where["date"]}: {html.escape(where["processor"])}, '
                   f'{where["processors"]} processors, '
                   f'{where["memory_gib"]} GiB; load at the beginning '
                   f'{where["load"][0]}.<ul>{versions}</ul>')
    out.append("<p>Ours and theirs ran in turn on the same machine; the ratio "
               "is that of the medians. <code>make bench-report</code> makes "
               "this page anew.")
    for bench in dict.fromkeys(r["bench"] for r in rows):
        out.append(f"<h2>{html.escape(bench)}</h2>")
        mine = [r for r in rows if r["bench"] == bench]
        for group in dict.fromkeys(r["group"] for r in mine):
            of_group = [r for r in mine if r["group"] == group]
            if group:
                out.append(f"<h3>{html.escape(group)}</h3>")
            out.append(table(of_group))
            out.append(plots(bench, group, of_group))
    return "".join(out) + "\n"


def readme(where, rows):
    print("| | instar | the peer | ratio | n |\n|---|--:|--:|--:|--:|")
    for bench, pattern, words in README:
        for row in rows:
            if row["bench"] != bench or not re.search(pattern, row["row"]):
                continue
            series = [(k, v) for k, v in row["series"].items() if v]
            r = ratio(row)
            if r is None:
                continue
            print(f'| {words} | {shown(median(series[0][1]), row["unit"])} '
                  f'| {shown(median(series[1][1]), row["unit"])} '
                  f"({series[1][0]}) | {r:.2f} | {len(series[0][1])} |")
            break
    if where:
        print(f'\nMeasured on {where["date"]}: {where["processor"]}, '
              f'{where["processors"]} processors.')


def main(argv):
    if argv[1:] == ["--machine"]:
        print(json.dumps(machine()))
    elif len(argv) == 3 and argv[1] == "--readme":
        readme(*load(argv[2]))
    elif len(argv) == 2 and not argv[1].startswith("-"):
        print(page(*load(argv[1])), end="")
    else:
        sys.exit("usage: report.py [--readme] RESULTS | --machine")


main(sys.argv)
