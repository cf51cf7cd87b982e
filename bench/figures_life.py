# SPDX-License-Identifier: Apache-2.0
"""The daemon's life: start-up, memory, many creates, what each verb costs."""
import http.client
import json
import os
import socket
import subprocess
import time

import kit
from kit import Daemon, config, probe, run, sim

KNOWN = ("From the store, without asking the service; the listing follows.")
LOADER = ("`volfsd --version` in the same rounds: the dynamic linker's part.")


# ---- start-up and memory ----

def many(bench):
    return 300 if bench.tiny else 100000


def start_times(daemon, rounds, fresh):
    """Seconds to READY=1, and of --version between."""
    ready, linked = [], []
    for _ in range(rounds):
        if fresh:
            daemon.forget()
        began = time.monotonic()
        run(kit.VOLFSD, "--version")
        linked.append(time.monotonic() - began)
        ready.append(daemon.start())
        daemon.stop()
    return ready, linked


def startup(bench, results):
    """From exec to READY=1: cold, and with 100,000 known volumes."""
    rounds = bench.rounds(21, 7)
    ready, linked = start_times(Daemon("start-cold"), rounds, fresh=True)
    results.add("start-up", "cold, nothing configured, new state", ready, "s",
                "volfsd --version, time", linked, most=0.050, absolute=True,
                note=LOADER)
    n = many(bench)
    daemon = Daemon("start-known", config(sim("cloud", n)))
    daemon.start()
    daemon.wait_listed("cloud", n)
    daemon.stop()
    rounds = bench.rounds(11, 5)
    ready, linked = start_times(daemon, rounds, fresh=False)
    results.add("start-up", f"with {n:,} known volumes", ready, "s",
                "volfsd --version, time", linked, most=0.300, absolute=True,
                note=KNOWN)


def settled_kb(daemon):
    """(RssAnon, RSS) once nothing has changed for half a second, KiB."""
    last = None
    for _ in range(40):
        now = daemon.memory_kb()
        if now == last:
            break
        last = now
        time.sleep(0.5)
    return now


def memory(bench, results):
    """RssAnon idle, and for each of 100,000 volumes."""
    idle = Daemon("memory-idle")
    idle.start()
    anon, rss = settled_kb(idle)
    idle.stop()
    results.add("memory", "idle, nothing configured, RssAnon", anon * 1024,
                "B", most=8 << 20, absolute=True)
    results.add("memory", "idle, RSS with all libraries", rss * 1024, "B")
    n = many(bench)
    none = Daemon("memory-none", config(sim("cloud", 0)))
    none.start()
    none.wait_listed("cloud", 0)
    base = settled_kb(none)[0]
    none.stop()
    daemon = Daemon("memory-many", config(sim("cloud", n)))
    note = (f"{n:,} volumes of the simulated cloud without tags, less the "
            "same daemon with none, by their number.")

    def each(figure):
        kb = settled_kb(daemon)[0] - base
        results.add("memory", figure, kb * 1024 / n, "B",
                    most=None if bench.tiny else 500, absolute=True, note=note)
    daemon.start()
    daemon.wait_listed("cloud", n)
    each("a volume, after a first listing")
    probe("run", 1, "ls", "-l", "{}", "--", daemon.path("cloud"))
    each("a volume, after ls -l")
    daemon.stop()
    daemon.start()
    daemon.wait_listed("cloud", n)
    each("a volume, after a restart and a listing")
    results.add("memory", f"all of it, RSS with {n:,} volumes",
                daemon.memory_kb()[1] * 1024, "B")
    daemon.stop()


# ---- creates ----

LATENCY_S = 0.050
PARALLEL = 16                    # doc/volfs.conf(5): `parallel`, the default


def cloud_requests(daemon):
    """What the simulated cloud has counted, asked of itself."""
    found = run("find", os.path.join(daemon.dir, "state"), "-type", "s",
                "-name", "socket").split("\n")[0]
    # The path of a socket may be too long for its address.
    here = os.getcwd()
    os.chdir(os.path.dirname(found))
    try:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect("socket")
    finally:
        os.chdir(here)
    c = http.client.HTTPConnection("cloud")
    c.sock = s
    c.request("GET", "/admin/counts")
    counts = json.loads(c.getresponse().read())
    c.close()
    return counts["requests"]


def creates(bench, results):
    """1,000 creates at once through .create/NAME, 50 ms a request."""
    n = 40 if bench.tiny else 1000
    daemon = Daemon("creates", config(sim("cloud", 0, latency="50ms")))
    daemon.start()
    daemon.wait_listed("cloud", 0)
    took, asked = [], 0
    rounds = bench.rounds(3, 1)
    for i in range(rounds):
        before = cloud_requests(daemon)
        said = probe("crowd", daemon.path("cloud", ".create"), f"n{i}-", n,
                     "size=64M")
        asked = cloud_requests(daemon) - before
        if said["failed"]:
            raise kit.Trouble(f"{said['failed']} of {n} creates failed, the "
                              f"first with {os.strerror(said['errno'])}")
        took.append(said["ns"] / 1e9)
    bound = -(-n // PARALLEL) * LATENCY_S
    results.add("creates", f"{n:,} at once", took, "s",
                "bound of the service, time", bound, most=1.2, 
                note=f"A service is asked {PARALLEL} things at once "
                f"(`parallel`), each takes {LATENCY_S * 1e3:.0f} ms, and a "
                f"create needs one request at the least: {n:,} need "
                f"{-(-n // PARALLEL)} times {LATENCY_S * 1e3:.0f} ms. The "
                f"cloud counted {asked:,} requests in the last round.")
    daemon.stop()


# ---- verbs on local, against the same by hand ----

HAND_NOTE = ("The steps that the verb needs, by the programs that a script "
             "would call, on the same disk: truncate, losetup, mkfs, mount, "
             "cp --reflink=auto --sparse=always ... What volfsd adds is its "
             "job in the store (fsync), the checks before mkfs and mount, and "
             "the publishing.")


class Hand:
    """The same steps by hand; the names of the methods are the verbs'."""

    def __init__(self, fstype):
        self.at = kit.make_dir("verbs-hand-" + fstype)
        self.mnt = kit.make_dir("verbs-mnt-" + fstype)
        self.image = os.path.join(self.at, "db")
        self.fstype = fstype
        self.device = None

    def create(self):
        run("truncate", "-s", "512M", self.image)

    def attach(self):
        self.device = run("losetup", "-f", "--show", self.image).strip()

    def first_mount(self):
        quick = {"ext4": ["-q", "-E", "lazy_itable_init=1,"
                          "lazy_journal_init=1,nodiscard"],
                 "xfs": ["-q", "-K"]}[self.fstype]
        # It ends with 2 where it finds nothing, as it should here.
        subprocess.run(["blkid", "-p", self.device], capture_output=True,
                       check=False)
        run("mkfs." + self.fstype, *quick, self.device)
        self.mount()

    def mount(self):
        run("mount", "-o", "nodev,nosuid", self.device, self.mnt)

    def unmount(self):
        run("umount", self.mnt)

    def grow(self):
        run("truncate", "-s", "640M", self.image)
        run("losetup", "-c", self.device)
        run("xfs_growfs", self.mnt)

    def snapshot(self):
        run("fsfreeze", "-f", self.mnt)
        try:
            run("cp", "--reflink=auto", "--sparse=always", self.image,
                self.image + "@s")
        finally:
            run("fsfreeze", "-u", self.mnt)

    def detach(self):
        run("losetup", "-d", self.device)

    def restore(self):
        # What is there is kept, as the contract has it.
        run("cp", "--reflink=auto", "--sparse=always", self.image,
            self.image + "@before")
        run("cp", "--reflink=auto", "--sparse=always", self.image + "@s",
            self.image)

    def clone(self):
        run("cp", "--reflink=auto", "--sparse=always", self.image + "@s",
            self.image + "2")

    def remove(self):
        run("rm", self.image + "2")

    def end(self):
        run("rm", self.image, self.image + "@s", self.image + "@before")


class Verbs:
    """The verbs of volfsd, each a write that returns when it is done."""

    def __init__(self, fstype):
        self.daemon = Daemon("verbs-" + fstype, kit.config(
            f"  local: {{driver: local, size: 512M, fstype: {fstype}}}\n"))
        self.daemon.start()
        self.round = 0

    def at(self, *parts):
        return self.daemon.path("local", f"db{self.round}", *parts)

    def write(self, line, *parts):
        kit.write_line(self.at(*parts), line)

    def begin(self):
        self.round += 1

    def create(self):
        kit.write_line(self.daemon.path("local", ".create",
                                        f"db{self.round}"), "1")

    def attach(self):
        self.write("1", "attach")

    def first_mount(self):
        self.write("1", "mount")

    mount = first_mount

    def unmount(self):
        self.write("1", "unmount")

    def grow(self):
        self.write("640M", "size")

    def snapshot(self):
        os.mkdir(self.at("snapshots", "s"))
        state = self.at("snapshots", "s", "state")

        def available():
            with open(state, encoding="utf-8") as f:
                return f.read() == "available\n"
        kit.wait_for("the snapshot", available, every_s=0.001)

    def detach(self):
        self.write("1", "detach")

    def restore(self):
        self.write("1", "snapshots", "s", "restore")

    def clone(self):
        kit.write_line(self.daemon.path("local", ".create",
                                        f"clone{self.round}"),
                       f"from=db{self.round}@s")

    def remove(self):
        kit.write_line(self.daemon.path("local", f"clone{self.round}",
                                        "protect"), "0")
        kit.write_line(self.daemon.path("local", ".remove",
                                        f"clone{self.round}"), "1")


# In the order of a life; the second mount is one without mkfs.
LIFE = [("create", "create"), ("attach", "attach"),
        ("first_mount", "mount, with mkfs"), ("unmount", "unmount"),
        ("mount", "mount"), ("grow", "grow, mounted"),
        ("snapshot", "snapshot, mounted"), ("unmount", "unmount"),
        ("detach", "detach"), ("restore", "restore"),
        ("clone", "create from a snapshot"), ("remove", "remove")]


def verbs_of(bench, results, fstype):
    ours, hand = Verbs(fstype), Hand(fstype)
    life = [(m, f) for m, f in LIFE if m != "grow" or fstype == "xfs"]
    times = {}
    rounds = bench.rounds(7, 3)
    for _ in range(rounds):
        ours.begin()
        for method, figure in life:
            for who, doer in (("volfs", ours), ("hand", hand)):
                began = time.monotonic()
                getattr(doer, method)()
                times.setdefault((figure, who), []).append(
                    time.monotonic() - began)
        hand.end()
    for figure in dict.fromkeys(f for _, f in life):
        results.add("verbs", f"{fstype}: {figure}", times[figure, "volfs"],
                    "s", "by hand, time", times[figure, "hand"],
                    beyond=True, note=HAND_NOTE)
    ours.daemon.stop()


def verbs(bench, results):
    """Each verb on `local`, against the same steps by hand."""
    for fstype in ("ext4",) if bench.tiny else ("ext4", "xfs"):
        verbs_of(bench, results, fstype)
