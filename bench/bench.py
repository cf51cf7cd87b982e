# SPDX-License-Identifier: Apache-2.0
"""What volfsd costs: measures, prints the table, writes results and pictures.

Run by bench/run, in a cell.
"""
import argparse
import os
import platform
import sys
import time

import figures_data
import figures_life
import figures_tree
import kit
import plot
import table

FIGURES = {
    "startup": figures_life.startup,
    "memory": figures_life.memory,
    "stat": figures_tree.stat,
    "ls": figures_tree.ls,
    "creates": figures_life.creates,
    "verbs": figures_life.verbs,
    "data": figures_data.data,
    "crawl": figures_tree.crawl,
}


class Bench:
    """How thoroughly: full, --quick, or --tiny (the test that it runs)."""

    def __init__(self, quick, tiny):
        self.quick = quick or tiny
        self.tiny = tiny

    def rounds(self, full, quick):
        return 1 if self.tiny else quick if self.quick else full

    def calls(self, full):
        return 50 if self.tiny else full

    def sizes(self, full):
        return [n for n in full if n <= 1000] if self.tiny else full


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    volfsd = kit.run(kit.VOLFSD, "--version").split("\n")[0]
    return dict(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        cpu=cpu_model(), cpus=os.cpu_count(), kernel=platform.release(),
        memory_mib=os.sysconf("SC_PHYS_PAGES") *
        os.sysconf("SC_PAGE_SIZE") >> 20,
        load=[round(x, 2) for x in os.getloadavg()], volfsd=volfsd,
        disk=kit.run("stat", "-f", "-c", "%T", kit.CELL).strip())


def introduction(m, mode):
    busy = "" if m["load"][0] < 0.5 * m["cpus"] else \
        " -- OTHER WORK RUNS: only the ratios mean something"
    return (f"{m['volfsd']}, {m['at']}, {mode}\n"
            f"{m['cpus']} x {m['cpu']}, {m['memory_mib']} MiB, "
            f"kernel {m['kernel']}, {m['disk']} below the cell, "
            f"load {m['load'][0]}{busy}")


def arguments():
    p = argparse.ArgumentParser(
        prog="bench/run", description="What volfsd costs, as ratios.",
        epilog="Figures: " + ", ".join(FIGURES) + ". Without any, all.")
    p.add_argument("--quick", action="store_true",
                   help="fewer rounds: under two minutes")
    p.add_argument("--tiny", action="store_true",
                   help="next to nothing: to see that it runs")
    p.add_argument("--output", required=True, help=argparse.SUPPRESS)
    p.add_argument("figures", nargs="*", metavar="NAME")
    a = p.parse_args()
    for name in a.figures:
        if name not in FIGURES:
            p.error(f"'{name}' is no figure: {', '.join(FIGURES)}")
    return a


def main():
    a = arguments()
    bench = Bench(a.quick, a.tiny)
    results = table.Results()
    about = machine()
    mode = "tiny" if a.tiny else "quick" if a.quick else "full"
    print(introduction(about, mode), flush=True)
    failed = []
    began = time.monotonic()
    for name in a.figures or FIGURES:
        at = time.monotonic()
        try:
            FIGURES[name](bench, results)
        except (kit.Trouble, OSError) as e:
            failed.append(name)
            print(f"{name}: {e}{kit.logs_end()}", file=sys.stderr)
        print(f"... {name}: {time.monotonic() - at:.0f} s", file=sys.stderr,
              flush=True)
    text = results.text()
    print(text)
    os.makedirs(a.output, exist_ok=True)
    results.write(a.output, dict(about, mode=mode))
    with open(os.path.join(a.output, "results.txt"), "w",
              encoding="utf-8") as f:
        f.write(introduction(about, mode) + "\n" + text + "\n")
    for said in plot.pictures(results, a.output):
        print(said, file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s; in {a.output}: "
          "results.txt, results.json, results.tsv, pictures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
