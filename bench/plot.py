# SPDX-License-Identifier: Apache-2.0
"""Pictures of the results, by gnuplot; nothing where there is none."""
import os
import re
import shutil
import subprocess

HEAD = """set terminal pngcairo size 900,540 font "sans,11"
set output "{out}"
set title "{title}"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 border -1
set boxwidth 0.9
set xtics rotate by -25 scale 0 font ",9"
set grid ytics
set key outside top right
"""


def draw(directory, name, script, data):
    """@data: the table that the script calls $d."""
    out = os.path.join(directory, name + ".png")
    text = script.replace("{out}", out).replace(
        "{data}", "$d << END\n" + data + "END\n")
    done = subprocess.run(["gnuplot"], input=text, text=True,
                          capture_output=True, check=False)
    if done.returncode or not os.path.exists(out):
        return f"no {name}.png: {done.stderr.strip()[-200:]}"
    return None


def quoted(text):
    return '"' + text.replace('"', "'") + '"'


def listings(rows, directory):
    """ls -l against the number of volumes, both axes logarithmic."""
    at = {}
    for r in rows:
        when, count = r["figure"].split(", ", 1)
        n = int(re.sub(r"\D", "", count))
        at[when, n, "volfs"] = r["value"]
        at[when, n, r["against"].split(",")[0]] = r["other"]
    sizes = sorted({key[1] for key in at})
    table = "".join(
        str(n) + "".join(f" {1e3 * at[when, n, who]:.4f}"
                         for when in ("first", "warm")
                         for who in ("volfs", "bare server", "tmpfs")) + "\n"
        for n in sizes)
    script = HEAD.replace("{title}", "ls -l, milliseconds") + """
set style data linespoints
set logscale xy
set xtics norotate
set xlabel "volumes"
{data}
plot $d u 1:2 t "volfs, first" lw 2, '' u 1:3 t "bare server, first", \\
 '' u 1:4 t "tmpfs, first", '' u 1:5 t "volfs, warm" lw 2, \\
 '' u 1:6 t "bare server, warm", '' u 1:7 t "tmpfs, warm"
"""
    return draw(directory, "listings", script, table)


def pairs(rows, directory, name, title, scale, labels):
    """Ours beside what it is held against, a cluster a figure."""
    table = "".join(f"{quoted(r['figure'])} {r['value'] * scale:.6g} "
                    f"{r['other'] * scale:.6g}\n" for r in rows)
    script = HEAD.replace("{title}", title) + """
set yrange [0:*]
{data}
plot $d u 2:xtic(1) t "%s", '' u 3 t "%s"
""" % labels
    return draw(directory, name, script, table)


def ratios(rows, directory):
    """All that has a target and a ratio: 1 is what it is held against."""
    table = "".join(f"{quoted(r['group'] + ': ' + r['figure'])} "
                    f"{r['ratio']:.4f} {r['least'] or r['most']}\n"
                    for r in rows)
    script = HEAD.replace("{title}", "Ratios, and their targets") + """
set yrange [0:*]
set xtics font ",8"
{data}
plot $d u 2:xtic(1) t "measured", '' u 0:3 w points pt 7 ps 1.2 t "target"
"""
    return draw(directory, "ratios", script, table)


def limits(rows, directory):
    """Start-up and memory, in units of what they may be."""
    table = "".join(f"{quoted(r['group'] + ': ' + r['figure'])} "
                    f"{r['value'] / r['most']:.4f}\n" for r in rows)
    script = HEAD.replace("{title}", "Start-up and memory, share of the "
                          "target") + """
set yrange [0:*]
set xtics font ",8"
{data}
plot $d u 2:xtic(1) t "measured", 1 t "target" w lines lw 2
"""
    return draw(directory, "limits", script, table)


def pictures(results, directory):
    """Returns what went wrong, as sentences."""
    if not shutil.which("gnuplot"):
        return ["no pictures: there is no gnuplot"]
    said = []
    rows = results.find("ls -l")
    if rows:
        said.append(listings(rows, directory))
    rows = [r for r in results.find("verbs") if r["other"]]
    if rows:
        said.append(pairs(rows, directory, "verbs",
                          "Verbs on local, milliseconds", 1e3,
                          ("volfs", "by hand")))
    rows = [r for r in results.find("data") if r["unit"] == "/s"]
    if rows:
        said.append(pairs(rows, directory, "data", "fio, operations a second",
                          1, ("data/", "mounted elsewhere")))
    rows = results.find("crawlers")
    if rows:
        said.append(pairs(rows, directory, "crawlers",
                          "Crawlers, seconds", 1, ("volfs", "bare server")))
    rows = [r for r in results.rows if r["ratio"] and
            (r["least"] or r["most"]) and not r["absolute"]]
    if rows:
        said.append(ratios(rows, directory))
    rows = [r for r in results.rows if r["absolute"] and r["most"]]
    if rows:
        said.append(limits(rows, directory))
    return [s for s in said if s]
