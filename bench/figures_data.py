# SPDX-License-Identifier: Apache-2.0
"""The data path: the same file system by way of data/ and mounted elsewhere."""
import json
import os
import shutil

from statistics import median

import kit
from kit import Daemon, path_list, probe

# Name, fio's words, what is compared; --quick takes every second one.
JOBS = [
    ("random read 4k, 1 at a time", "randread", "4k", 1, True, "iops"),
    ("random read 4k, 32 at a time", "randread", "4k", 32, True, "iops"),
    ("random write 4k, 32 at a time", "randwrite", "4k", 32, True, "iops"),
    ("random write 4k, 1 at a time", "randwrite", "4k", 1, True, "iops"),
    ("sequential read 1M", "read", "1M", 8, True, "bw_bytes"),
    ("sequential write 1M", "write", "1M", 8, True, "bw_bytes"),
    ("random read 4k, cached", "randread", "4k", 1, False, "iops"),
]
# Above it, two runs of the same say nothing of a third.
NOISE_MAX = 0.25
TOO_NOISY = ("Two runs of the same were too far from each other to judge a "
             "third: other work runs on this machine.")
NOTE = ("One ext4, mounted by volfsd and bound at data/, and mounted once "
        "more elsewhere by hand; the same file, in turn. Its image lies on "
        "tmpfs, so that no disk is measured. Speed is what data/ reaches in "
        "units of the other. The target is 1.00 within the noise: 0.05, or "
        "twice what the runs elsewhere before and after it differ by.")


def fio(bench, directory, rw, block, depth, direct, key):
    said = json.loads(kit.run(
        "fio", "--name=f", f"--directory={directory}", "--filename=f",
        "--size=256M" if not bench.tiny else "--size=8M", f"--rw={rw}",
        f"--bs={block}", f"--iodepth={depth}", f"--direct={int(direct)}",
        f"--ioengine={'io_uring' if direct else 'psync'}", "--time_based",
        "--runtime=" + ("500ms" if not bench.quick else "300ms"),
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


def noise(a, b):
    """Twice what two series of the same thing mostly differ by."""
    return 2 * median(abs(x / y - 1) for x, y in zip(a, b))


def data(bench, results):
    """fio, and path walks, on data/ against the same mounted elsewhere."""
    if not shutil.which("fio"):
        raise kit.Trouble("there is no fio")
    daemon, ours, theirs = mounted_volume(kit.tmpfs("data-tmpfs"))
    jobs = JOBS[:2] if bench.tiny else JOBS[::2] if bench.quick else JOBS
    for figure, *job in jobs:
        got, there, again = [], [], []
        for _ in range(bench.rounds(7, 3)):
            there.append(fio(bench, theirs, *job))
            got.append(fio(bench, ours, *job))
            again.append(fio(bench, theirs, *job))
        within = max(0.05, noise(there, again))
        judged = within <= NOISE_MAX
        results.add("data", figure, got, "/s" if job[-1] == "iops" else "B/s",
                    "mounted elsewhere, speed",
                    [(a + b) / 2 for a, b in zip(there, again)],
                    least=1 - within if judged else None,
                    most=1 + within if judged else None,
                    note=NOTE if judged else TOO_NOISY)
    lists = [path_list(name, [os.path.join(at, "f")])
             for name, at in (("data", ours), ("elsewhere", theirs))]
    for what, figure in (("stat", "stat of a file"),
                         ("read", "open+read+close of a file")):
        t = probe(what, bench.rounds(15, 7), bench.calls(5000), *lists)
        results.add("data", figure, t[0], "s", "mounted elsewhere, time", t[1])
    kit.run("umount", theirs)
    kit.write_line(daemon.path("local", "db", "unmount"), "1")
    daemon.stop()
