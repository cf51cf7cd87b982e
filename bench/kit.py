# SPDX-License-Identifier: Apache-2.0
"""What the figures are measured with: daemons, bare servers, probes, a table.

Everything lies in the cell's directory ($VOLFS_CELL) and ends with the cell
(tests/lib/cell.c): nothing here cleans up after a failure.
"""
import glob
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import time

CELL = os.environ["VOLFS_CELL"]
BUILD = os.environ["VOLFS_BUILD"]
PROBE = os.path.join(BUILD, "bench", "probe")
BARE = os.path.join(BUILD, "bench", "bare")
VOLFSD = os.path.join(BUILD, "volfsd")

# A start or a listing that takes longer than this has failed, seconds.
PATIENCE_S = 120


class Trouble(Exception):
    """The bench cannot go on; its text is for whoever runs it."""


def median(values):
    return statistics.median(values)


def make_dir(*parts):
    path = os.path.join(CELL, *parts)
    os.makedirs(path, exist_ok=True)
    return path


def wait_for(what, condition, patience_s=PATIENCE_S, every_s=0.02):
    """Asks again and again until it is true; returns what it said."""
    end = time.monotonic() + patience_s
    while True:
        said = condition()
        if said:
            return said
        if time.monotonic() > end:
            raise Trouble(f"not within {patience_s} s: {what}")
        time.sleep(every_s)


def run(*command, **more):
    """A command that must succeed; returns its output."""
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          text=True, check=False, **more)
    if done.returncode:
        raise Trouble(f"'{' '.join(map(str, command))}' ended with "
                      f"{done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def probe(*arguments, prefix=()):
    """See bench/probe.c. Nanoseconds become seconds."""
    said = json.loads(run(*prefix, PROBE, *arguments))
    if isinstance(said, list):
        return [[ns / 1e9 for ns in rounds] for rounds in said]
    return said


def path_list(name, paths):
    """A file of paths for probe."""
    at = os.path.join(make_dir("lists"), name)
    with open(at, "w", encoding="utf-8") as f:
        f.write("".join(p + "\n" for p in paths))
    return at


def write_line(path, line):
    """One write(2), as the tree wants it."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def memory_kb(pid):
    """(RssAnon, RSS) of a process, KiB."""
    lines = {}
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(":")
            lines[key] = value.split()
    return int(lines["RssAnon"][0]), int(lines["VmRSS"][0])


def logs_end():
    """The last lines of the daemon that was started last."""
    logs = glob.glob(os.path.join(CELL, "*", "volfsd.out"))
    if not logs:
        return ""
    with open(max(logs, key=os.path.getmtime), encoding="utf-8") as f:
        return "\n  " + "  ".join(f.readlines()[-10:])


def ends(process, patience_s=30):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Daemon:
    """A volfsd with directories of its own, kept from start to start."""

    def __init__(self, name, config=None, prefix=()):
        self.dir = make_dir(name)
        self.tree = make_dir(name, "volumes")
        self.log = os.path.join(self.dir, "volfsd.out")
        self.ready = None
        self.config = None
        self.prefix = list(prefix)
        self.process = None
        if config is not None:
            self.config = os.path.join(self.dir, "config.yml")
            with open(self.config, "w", encoding="utf-8") as f:
                f.write(config)

    def forget(self):
        """The next start is a first one."""
        shutil.rmtree(os.path.join(self.dir, "state"), ignore_errors=True)

    def start(self):
        """Returns the seconds until it said READY=1."""
        at = os.path.join(self.dir, "notify")
        if os.path.exists(at):
            os.unlink(at)
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(at)
        self.ready.settimeout(PATIENCE_S)
        command = self.prefix + [
            VOLFSD, "-f", "--state", os.path.join(self.dir, "state"),
            "--run", os.path.join(self.dir, "run")]
        if self.config:
            command += ["--config", self.config]
        began = time.monotonic()
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command + [self.tree], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=dict(os.environ, NOTIFY_SOCKET=at))
        try:
            while b"READY=1" not in self.ready.recv(4096):
                pass
        except socket.timeout:
            raise Trouble("volfsd does not start") from None
        return time.monotonic() - began

    def stop(self):
        if self.process:
            ends(self.process)
            self.ready.close()
        self.process = None

    def status(self, service):
        try:
            with open(os.path.join(self.tree, service, ".status"),
                      encoding="utf-8") as f:
                return json.load(f)
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def wait_listed(self, service, volumes):
        """Until the service has been asked since the start."""
        def listed():
            s = self.status(service)
            return s and not s["stale"] and s["counts"]["volumes"] >= volumes
        wait_for(f"{volumes} volumes in '{service}'", listed)

    def memory_kb(self):
        return memory_kb(self.process.pid)

    def path(self, *parts):
        return os.path.join(self.tree, *parts)


class Bare:
    """The server that does nothing but answer, see bench/bare.c."""

    def __init__(self, name, volumes, shape=None, keep_cache=False,
                 prefix=()):
        self.tree = make_dir(name, "volumes")
        self.command = list(prefix) + [BARE, "-n", str(volumes)]
        if shape:
            self.command += ["-s", shape]
        if keep_cache:
            self.command += ["-k"]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command + [self.tree],
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Trouble(f"the bare server does not start: {self.command}")

    def stop(self):
        if self.process:
            ends(self.process)
            self.process.stdout.close()
        self.process = None

    def path(self, *parts):
        return os.path.join(self.tree, *parts)


def shape_of(directory, name):
    """What a volume's directory holds, for Bare: names and sizes."""
    at = os.path.join(make_dir("lists"), name)
    with open(at, "w", encoding="utf-8") as f, os.scandir(directory) as them:
        for e in sorted(them, key=lambda e: e.name):
            kind = "d" if e.is_dir(follow_symlinks=False) else "f"
            size = e.stat(follow_symlinks=False).st_size
            f.write(f"{kind} {size if kind == 'f' else 0} {e.name}\n")
    return at


def sim(name, volumes, **more):
    """A service of the simulated cloud, as lines of a configuration."""
    keys = dict(driver="sim", volumes=volumes, volumeSize="64M", refresh="1h")
    keys.update(more)
    inner = ", ".join(f"{k}: {v}" for k, v in keys.items())
    return f"  {name}: {{{inner}}}\n"


def config(*services):
    return "services:\n" + "".join(services)


def volume(number):
    """As the simulated cloud names them."""
    return f"vol-{number:06d}"


def tmpfs(name):
    at = make_dir(name, "volumes")
    run("mount", "-t", "tmpfs", "-o", "size=4G,nr_inodes=0,mode=755", "none",
        at)
    return at
