# SPDX-License-Identifier: Apache-2.0
"""The data path: the same file system by way of data/ and mounted elsewhere."""
import json
import os
import shutil

import kit
from kit import Daemon, median, path_list, probe

# As doc/DESIGN.md's own measurements: name, fio's words, what is compared.
JOBS = [
    ("random read 4k, 1 at a time", "randread", "4k", 1, True, "iops"),
    ("random read 4k, 32 at a time", "randread", "4k", 32, True, "iops"),
    ("random write 4k, 1 at a time", "randwrite", "4k", 1, True, "iops"),
    ("random write 4k, 32 at a time", "randwrite", "4k", 32, True, "iops"),
    ("sequential read 1M", "read", "1M", 8, True, "bw_bytes"),
    ("sequential write 1M", "write", "1M", 8, True, "bw_bytes"),
    ("random read 4k, cached", "randread", "4k", 1, False, "iops"),
]
NOTE = ("One ext4, mounted by volfsd and bound at data/, and mounted once "
        "more elsewhere by hand; the same file, in turn. Its image lies on "
        "tmpfs, so that no disk is measured. Speed of data/ in units of the "
        "other.")


def fio(bench, directory, rw, block, depth, direct, key):
    said = json.loads(kit.run(
        "fio", "--name=f", f"--directory={directory}", "--filename=f",
        "--size=256M" if not bench.tiny else "--size=8M", f"--rw={rw}",
        f"--bs={block}", f"--iodepth={depth}", f"--direct={int(direct)}",
        f"--ioengine={'io_uring' if direct else 'psync'}", "--time_based",
        "--runtime=" + ("200ms" if bench.tiny else "1"),
        "--output-format=json"))
    side = said["jobs"][0]["read" if "read" in rw else "write"]
    return side[key]


def mounted_volume(tmp):
    """A volume of `local` on tmpfs, mounted; and the same once more."""
    daemon = Daemon("data-volfs", kit.config(
        f"  local: {{driver: local, path: {tmp}, size: 512M}}\n"))
    daemon.start()
    os.mkdir(daemon.path("local", "db"))
    kit.wait_for("db at its service",
                 lambda: os.path.exists(daemon.path("local", "db", "id")))
    kit.write_line(daemon.path("local", "db", "mount"), "1")
    device = os.path.realpath(daemon.path("local", "db", "device"))
    elsewhere = kit.make_dir("data-elsewhere", "a", "b", "c")
    kit.run("mount", "-o", "nodev,nosuid", device, elsewhere)
    return daemon, daemon.path("local", "db", "data"), elsewhere


def data(bench, results):
    """fio, and path walks, on data/ against the same mounted elsewhere."""
    if not shutil.which("fio"):
        raise kit.Trouble("there is no fio")
    daemon, ours, theirs = mounted_volume(kit.tmpfs("data-tmpfs"))
    rounds = bench.rounds(5, 1)
    for figure, *job in JOBS[:2] if bench.tiny else JOBS:
        got = {ours: [], theirs: []}
        for i in range(rounds):
            # Each goes first in every other round.
            for where in (ours, theirs) if i % 2 else (theirs, ours):
                got[where].append(fio(bench, where, *job))
        unit = "/s" if job[-1] == "iops" else "B/s"
        results.add("data", figure, median(got[ours]), unit,
                    "mounted elsewhere, speed", median(got[theirs]),
                    least=0.95, note=NOTE, rounds=rounds)
    lists = [path_list(name, [os.path.join(at, "f")])
             for name, at in (("data", ours), ("elsewhere", theirs))]
    rounds = bench.rounds(15, 7)
    for what, figure in (("stat", "stat of a file"),
                         ("read", "open+read+close of a file")):
        t = [median(r) for r in
             probe(what, rounds, bench.calls(5000), *lists)]
        results.add("data", figure, t[0], "s", "mounted elsewhere, time",
                    t[1], rounds=rounds)
    kit.run("umount", theirs)
    kit.write_line(daemon.path("local", "db", "unmount"), "1")
    daemon.stop()
