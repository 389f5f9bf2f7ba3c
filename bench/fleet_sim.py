#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# usage: fleet_sim.py [--check] [--registry-mbit N] [--host-mbit N]
#            [--cores N] [--hosts-per-cache N] RESULTS
# How long HOSTS hosts, 1 to 10,000, wait until a clone of the same snapshot runs
# on each, all asking at once; reckoned from what one host took in RESULTS
# (fleet_bench.sh).  --check holds the model against the other rows there instead.
#
# The model is the bottleneck law of operational analysis: who waits for a resource
# that all share waits for the work of all, what does not overlap is added.  A host
# needs bytes of the registry's link and of its own, processor time of the registry
# and of its own:
#     T(n) = T(1) + max over resources of its demand by n - the same of 1
# A cache stands for --hosts-per-cache (40) hosts, with a link as fast as theirs
# together; one that is cold asks upstream once for each of its hosts and once
# for itself (findings/registry-cache-answers-whole.sh), one that is warm not.

import argparse
import json
import sys

HOSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 5000, 10000)
# What to add when all wait for it.
HELPS = {
    "the registry's link": "caches near the hosts, filled by one pull before",
    "the registry's processors": "caches, or registries with the same blobs",
}


def load(path):
    rows = []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                sys.exit(f"fleet_sim.py: {path}: line {n}: no JSON")
    one = {(r["kind"], r["cached"]): r for r in rows if r["hosts"] == 1}
    if not {("pull", False), ("mount", False)} <= set(one):
        sys.exit(f"fleet_sim.py: {path}: no row of one host, pulled and mounted")
    return rows, one


def rate(mbit):
    return mbit * 125000


def longest(demands):
    """The busiest resource and its seconds."""
    return max(demands.items(), key=lambda d: d[1])


def beyond_one(one, n, of_n, of_one):
    """T(n), and what it waits for."""
    name, most = longest(of_n)
    first = longest(of_one)[1]
    if most <= first or n == 1:
        return one["last_s"], "itself"
    return one["last_s"] + most - first, name


# All on one machine, as in the bench: a link and its processors are shared.
def on_one_machine(one, n):
    def demands(hosts):
        copies = hosts if not one["cached"] else hosts + 1
        base = 2 if one["cached"] else 1
        return {
            "link": one["bytes"] / base * copies / rate(one["mbit"]),
            "processors": hosts * (one["busy_s"] + one["registry_s"]) /
                one["cores"],
        }
    return beyond_one(one, n, demands(n), demands(1))


def check(rows, one):
    print(f'{"":18} {"hosts":>5} {"seen s":>8} {"model s":>8} {"ratio":>6}  '
          "bound by")
    worst = 1.0
    for r in rows:
        if r["hosts"] == 1:
            continue
        model, why = on_one_machine(one[(r["kind"], r["cached"])], r["hosts"])
        ratio = model / r["last_s"]
        worst = max(worst, ratio, 1 / ratio)
        kind = r["kind"] + (", cold cache" if r["cached"] else "")
        print(f'{kind:18} {r["hosts"]:5} {r["last_s"]:8.2f} {model:8.2f} '
              f"{ratio:6.2f}  {why}")
    print(f"off by a factor of {worst:.2f} at most")


class Fleet:
    """Hosts with machines and links of their own, and one registry."""

    def __init__(self, args):
        self.registry = rate(args.registry_mbit)
        self.host = rate(args.host_mbit)
        self.cores = args.cores
        self.per_cache = args.hosts_per_cache

    def demands(self, one, n, cached):
        caches = -(-n // self.per_cache)
        upstream = {"": n, "cold": n + caches, "warm": caches / 1e9}[cached]
        return {
            "the registry's link": one["bytes"] * upstream / self.registry,
            "the registry's processors":
                one["registry_s"] * upstream / self.cores,
            "a host's link": one["bytes"] / self.host,
            "a host's processors": one["busy_s"] / one["cores"],
        }

    def takes(self, one, n, cached):
        """Seconds, what they wait for, and GiB from the registry."""
        of_n = self.demands(one, n, cached)
        name, most = longest(of_n)
        # What one took there, with the links and processors of here.
        alone = {"link": one["bytes"] / rate(one["mbit"]),
                 "processors": (one["busy_s"] + one["registry_s"]) /
                 one["cores"]}
        rest = max(0.0, one["last_s"] - longest(alone)[1])
        caches = -(-n // self.per_cache)
        copies = {"": n, "cold": n + caches, "warm": 0}[cached]
        return rest + most, name, one["bytes"] * copies / 2 ** 30


def simulate(args, one):
    fleet = Fleet(args)
    ways = [("pull", ""), ("mount", ""), ("pull", "cold"), ("pull", "warm"),
            ("mount", "warm")]
    print(f'registry {args.registry_mbit} Mbit/s and {args.cores} processors, '
          f"hosts {args.host_mbit} Mbit/s each, {args.hosts_per_cache} to a "
          "cache")
    print(f'{"hosts":>6}' + "".join(
        f'{k + (", " + c if c else ""):>22}' for k, c in ways))
    first = {}
    for n in HOSTS:
        cells = []
        for kind, cached in ways:
            s, name, gib = fleet.takes(one[(kind, False)], n, cached)
            cells.append(f"{s:9.2f} s {gib:6.1f} GiB")
            if name.startswith("the registry"):
                first.setdefault((kind, cached), (n, name))
        print(f"{n:6}" + "".join(f"{c:>22}" for c in cells))
    for (kind, cached), (n, name) in first.items():
        print(f'{kind}{", " + cached + " cache" if cached else ""}: from {n} '
              f"hosts on all wait for {name}: {HELPS[name]}")


def main():
    p = argparse.ArgumentParser(add_help=True)
    p.add_argument("--check", action="store_true")
    p.add_argument("--registry-mbit", type=float, default=10000)
    p.add_argument("--host-mbit", type=float, default=1000)
    p.add_argument("--cores", type=int, default=8)
    p.add_argument("--hosts-per-cache", type=int, default=40)
    p.add_argument("results")
    args = p.parse_args()
    rows, one = load(args.results)
    if args.check:
        check(rows, one)
    else:
        simulate(args, one)


main()
