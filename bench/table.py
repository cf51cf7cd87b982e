# SPDX-License-Identifier: Apache-2.0
"""The results: a table that a stranger reads, and the same as JSON and TSV."""
import json
import os
from statistics import median

UNITS = {
    "s": [(1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")],
    "B": [(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")],
    "/s": [(1e6, "M/s"), (1e3, "k/s"), (1, "/s")],
    "B/s": [(1 << 20, "MiB/s"), (1 << 10, "KiB/s"), (1, "B/s")],
}


def show(value, unit):
    """Three digits that count, in a unit that suits."""
    if value is None:
        return ""
    for size, name in UNITS.get(unit, [(1, unit)]):
        if abs(value) >= size:
            break
    value /= size
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {name}".strip()


class Results:
    """Rows in the order they were measured."""

    def __init__(self):
        self.rows = []

    def add(self, group, figure, value, unit, against="", other=None,
            speed=False, least=None, most=None, absolute=False, beyond=False,
            note=""):
        """One figure.

        @value of volfs, @other of what it is held @against, both in @unit
        ("s", "B", "/s"): a number, or one for each round. The ratio is
        value/other; with @speed other/value, how fast the one is in units of
        the other. It is the median of the rounds' own ratios: what disturbs
        a round disturbs both. @beyond: the difference is shown too. Reached
        is judged of the ratio, or of the value itself where @absolute.
        """
        values = value if isinstance(value, list) else [value]
        others = other if isinstance(other, list) else \
            [other] * len(values) if other else []
        rounds = len(values)
        ratio = None
        if others:
            ratio = median([o / v if speed else v / o
                            for v, o in zip(values, others)])
        value, other = median(values), median(others) if others else None
        difference = None
        if beyond:
            difference = median([v - o for v, o in zip(values, others)])
        row = dict(group=group, figure=figure, value=value, unit=unit,
                   against=against, other=other, ratio=ratio,
                   difference=difference, least=least, most=most,
                   absolute=absolute, note=note, rounds=rounds)
        judged = value if absolute else ratio
        row["reached"] = None
        if (least is not None or most is not None) and judged is not None:
            row["reached"] = (least is None or judged >= least) and \
                             (most is None or judged <= most)
        self.rows.append(row)
        return row

    def find(self, group):
        return [r for r in self.rows if r["group"] == group]

    # ---- for people ----

    @staticmethod
    def _target(r):
        unit = r["unit"] if r["absolute"] else None

        def form(x):
            return show(x, unit) if unit else f"{x:.2f}"
        if r["least"] is not None and r["most"] is not None:
            return f"{form(r['least'])} to {form(r['most'])}"
        if r["least"] is not None:
            return f"at least {form(r['least'])}"
        if r["most"] is not None:
            return f"at most {form(r['most'])}"
        return ""

    def text(self):
        head = ["", "volfs", "held against", "", "ratio", "beyond", "target",
                "reached"]
        lines, notes = [], []
        group = None
        for r in self.rows:
            if r["group"] != group:
                group = r["group"]
                lines.append([group.upper()])
            mark = ""
            if r["note"]:
                if r["note"] not in notes:
                    notes.append(r["note"])
                mark = f" [{notes.index(r['note']) + 1}]"
            lines.append([
                "  " + r["figure"] + mark, show(r["value"], r["unit"]),
                r["against"], show(r["other"], r["unit"]),
                "" if r["ratio"] is None else f"{r['ratio']:.2f}",
                show(r["difference"], r["unit"]), self._target(r),
                {True: "yes", False: "NO", None: ""}[r["reached"]]])
        widths = [max(len(row[i]) for row in [head] + lines if i < len(row))
                  for i in range(len(head))]
        out = []
        for row in [head] + lines:
            if len(row) == 1:
                out.append("")
            out.append("  ".join(
                c.rjust(widths[i]) if i in (1, 3, 4, 5) else c.ljust(widths[i])
                for i, c in enumerate(row)).rstrip())
        out.append("")
        out += [f"[{i}] {n}" for i, n in enumerate(notes, 1)]
        judged = [r for r in self.rows if r["reached"] is not None]
        missed = [r["figure"] for r in judged if not r["reached"]]
        out.append(f"{len(judged) - len(missed)} of {len(judged)} targets "
                   "reached" + ("; not: " + ", ".join(missed) if missed
                                else ""))
        return "\n".join(out)

    # ---- for programs ----

    def write(self, directory, machine):
        with open(os.path.join(directory, "results.json"), "w",
                  encoding="utf-8") as f:
            json.dump(dict(machine=machine, rows=self.rows), f, indent=1)
            f.write("\n")
        keys = ["group", "figure", "value", "unit", "against", "other",
                "ratio", "difference", "least", "most", "reached"]
        with open(os.path.join(directory, "results.tsv"), "w",
                  encoding="utf-8") as f:
            f.write("\t".join(keys) + "\n")
            for r in self.rows:
                f.write("\t".join("" if r[k] is None else str(r[k])
                                  for k in keys) + "\n")
