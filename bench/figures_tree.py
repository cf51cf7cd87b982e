# SPDX-License-Identifier: Apache-2.0
"""The control path: stat, reading a status, listings, crawlers."""
import os
import shutil

import kit
from kit import Bare, Daemon, config, path_list, probe, sim, volume

SAME_FLAGS = ("The bare server opens files with DIRECT_IO, as volfsd must: a "
              "status changes with each refresh (observed_at) without a push.")
PINNED = ("Client and server on one CPU: without the wake-ups from CPU to "
          "CPU, which are most of the other figure and all of its noise.")
FIRST = ("The first one after the server's start; volfsd has what it shows "
         "from its store, and has asked the service by then.")


def copy_statuses(tree, to, volumes):
    """A tree of directories with a status in each, for tmpfs."""
    for i in range(1, volumes + 1):
        at = os.path.join(to, "cloud", volume(i))
        os.makedirs(at)
        shutil.copyfile(os.path.join(tree, "cloud", volume(i), "status"),
                        os.path.join(at, "status"))


def paths(tree, below, volumes):
    name = tree.strip("/").replace("/", "-") + below
    return path_list(name, [os.path.join(tree, "cloud", volume(i), below)
                            if below else
                            os.path.join(tree, "cloud", volume(i))
                            for i in range(1, volumes + 1)])


def measure_reads(bench, results, name, pinned):
    """stat and status, in one go, since they want the same trees."""
    n = 50 if bench.tiny else 1000
    prefix = ["taskset", "-c", "0"] if pinned else []
    daemon = Daemon(name + "-volfs", config(sim("cloud", n)), prefix=prefix)
    daemon.start()
    daemon.wait_listed("cloud", n)
    shape = kit.shape_of(daemon.path("cloud", volume(1)), name + "-shape")
    bares = [Bare(f"{name}-bare{k}", n, shape, keep_cache=k, prefix=prefix)
             for k in (False, True)]
    for b in bares:
        b.start()
    tmp = kit.tmpfs(name + "-tmpfs")
    copy_statuses(daemon.tree, tmp, n)
    trees = [daemon.tree, tmp, bares[0].tree, bares[1].tree]
    files = [paths(t, "status", n) for t in trees]
    rounds = bench.rounds(15, 7)
    if not pinned:
        dirs = [paths(t, "", n) for t in trees]
        for figure, lists in (("stat of a volume's directory", dirs),
                              ("stat of a status", files)):
            t = probe("stat", rounds, bench.calls(20000), *lists[:3])
            results.add("stat", figure, t[0], "s", "tmpfs, speed", t[1],
                        speed=True, least=0.8)
            results.add("stat", figure, t[0], "s", "bare server, time", t[2])
    rounds = bench.rounds(61, 21)
    t = probe("read", rounds, bench.calls(500), *files, prefix=prefix)
    figure = "open+read+close" + (", one CPU" if pinned else "")
    note = PINNED if pinned else SAME_FLAGS
    results.add("status", figure, t[0], "s", "bare server, time", t[2],
                most=1.2, note=note)
    if not pinned:
        results.add("status", figure, t[0], "s",
                    "bare server with page cache, time", t[3])
        results.add("status", figure, t[0], "s", "tmpfs, time", t[1])
    for server in [daemon] + bares:
        server.stop()


def stat(bench, results):
    """stat() and open+read+close of a status."""
    measure_reads(bench, results, "free", pinned=False)
    measure_reads(bench, results, "pinned", pinned=True)


def ls_round(sizes, daemon, times):
    """First and warm `ls -l` of each size, in each tree."""
    daemon.start()
    for name, n in sizes:
        daemon.wait_listed(name, n)
    for name, n in sizes:
        bare = Bare(f"ls-bare-{name}", n)
        bare.start()
        targets = [daemon.path(name), bare.path("cloud"),
                   os.path.join(kit.CELL, "ls-tmpfs", "volumes", name)]
        # Short ones are the more disturbed.
        for when, again in (("first", 1), ("warm", 3 if n > 1000 else 15)):
            said = probe("run", again, "ls", "-l", "{}", "--", *targets)
            for who, rounds in zip(("volfs", "bare", "tmpfs"), said):
                times.setdefault((when, n, who), []).extend(rounds)
        bare.stop()
    daemon.stop()


def ls(bench, results):
    """`ls -l` of services of 10 to 100,000 volumes, the first and later."""
    sizes = [(f"c{n}", n) for n in bench.sizes([10, 1000, 10000, 100000])]
    daemon = Daemon("ls-volfs", config(*[sim(name, n) for name, n in sizes]))
    tmp = kit.tmpfs("ls-tmpfs")
    for name, n in sizes:
        for i in range(1, n + 1):
            os.makedirs(os.path.join(tmp, name, volume(i)))
    # The first start only fills the store.
    daemon.start()
    for name, n in sizes:
        daemon.wait_listed(name, n)
    daemon.stop()
    times = {}
    rounds = bench.rounds(7, 3)
    for _ in range(rounds):
        ls_round(sizes, daemon, times)
    largest = sizes[-1][1]
    for _, n in sizes:
        first, warm, bare_first, bare_warm, tmp_first, tmp_warm = [
            times[when, n, who] for who in ("volfs", "bare", "tmpfs")
            for when in ("first", "warm")]
        results.add("ls -l", f"first, {n:,} volumes", first, "s",
                    "bare server, time", bare_first,
                    most=1.3 if n == largest else None, note=FIRST)
        results.add("ls -l", f"first, {n:,} volumes", first, "s",
                    "tmpfs, time", tmp_first)
        results.add("ls -l", f"warm, {n:,} volumes", warm, "s",
                    "tmpfs, speed", tmp_warm, speed=True, least=0.8)
        results.add("ls -l", f"warm, {n:,} volumes", warm, "s",
                    "bare server, time", bare_warm)


CRAWLERS = [("find", ["find", "{}"]),
            ("grep -r", ["sh", "-c", 'grep -r "no such text" "$0" || '
                         '[ $? = 1 ]', "{}"]),
            ("tar", ["sh", "-c", 'tar -cf - -C "$0" . | cat', "{}"])]


def crawl(bench, results):
    """find, grep -r and tar over 4,000 volumes, every file of them."""
    n = 20 if bench.tiny else 500 if bench.quick else 4000
    daemon = Daemon("crawl-volfs", config(sim("cloud", n)))
    daemon.start()
    daemon.wait_listed("cloud", n)
    shape = kit.shape_of(daemon.path("cloud", volume(1)), "crawl-shape")
    with open(shape, encoding="utf-8") as f:
        entries = len(f.readlines())
    note = (f"{n:,} volumes of {entries} entries each; every file read is an "
            "open, a read to its end and a close that reach the server.")
    # Fresh ones: the first walk is one that has seen nothing.
    for figure, command in CRAWLERS:
        daemon.stop()
        daemon.start()
        daemon.wait_listed("cloud", n)
        bare = Bare("crawl-bare", n, shape)
        bare.start()
        targets = [daemon.path("cloud"), bare.path("cloud")]
        t = probe("run", 1, *command, "--", *targets)
        results.add("crawlers", f"first {figure}", t[0], "s",
                    "bare server, time", t[1], note=note)
        rounds = bench.rounds(3, 1)
        t = probe("run", rounds, *command, "--", *targets)
        results.add("crawlers", f"later {figure}", t[0], "s",
                    "bare server, time", t[1], note=note)
        bare.stop()
    daemon.stop()
