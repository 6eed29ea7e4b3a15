"""A small bar chart in SVG: one panel per figure, one group of bars per case, one bar per program.

As a program: plot.py OUT.svg JSON...   the charts of what latency, failover (a file for each fault) or throughput (a file
for each number of partitions) have written; compare draws its own."""

import json
import pathlib
import sys
from xml.sax.saxutils import escape

COLOURS = ["#c0504d", "#f0a04b", "#e8c9a0", "#7f7f7f", "#1f6fb4", "#7ab8e6", "#9467bd", "#8c564b"]
BAR, GAP, LABEL, WIDTH, NUMBER = 11, 12, 100, 330, 70


def _text(x, y, words, anchor="start", weight="normal", size=11):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}">'
            f'{escape(words)}</text>')


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title, panels, groups, names):
    """panels: [(title, {group: {name: value}})]; a value may be missing.  Bars begin at zero.  Returns the file's text."""
    columns = LABEL + WIDTH + NUMBER
    rows = max(len(names), 1) * BAR + GAP
    height = 76 + rows * len(groups)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * len(panels)}" height="{height}" '
           'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>', _text(10, 20, title, weight="bold", size=14)]
    x = 10
    for i, name in enumerate(names):
        out.append(f'<rect x="{x}" y="30" width="11" height="11" fill="{COLOURS[i % len(COLOURS)]}"/>' + _text(x + 15, 40, name))
        x += 30 + 7 * len(name)
    for number, (head, values) in enumerate(panels):
        left = number * columns + LABEL
        out.append(_text(left, 60, head, weight="bold"))
        for place, group in enumerate(groups):
            top = 68 + place * rows
            of_group = values.get(group, {})
            # Cases differ by orders of magnitude: each has a scale of its own, and the numbers stand beside.
            most = max((value for value in of_group.values() if value), default=0)
            out.append(_text(left - 6, top + rows / 2, group, "end"))
            for i, name in enumerate(names):
                value = of_group.get(name)
                if not value:
                    continue
                wide = max(1, WIDTH * value / most)
                y = top + i * BAR
                out.append(f'<rect x="{left}" y="{y}" width="{wide:.1f}" height="{BAR - 2}" fill="{COLOURS[i % len(COLOURS)]}"/>'
                           + _text(left + wide + 4, y + BAR - 3, _number(value), size=9))
    return "\n".join(out) + "\n</svg>\n"


def _chart(title, panels, cells):
    """cells: [(group, name, {panel: value})]"""
    return bars(title, [(panel, {group: {name: values.get(panel) for at, name, values in cells if at == group}
                                 for group, _, _ in cells}) for panel in panels],
                list(dict.fromkeys(group for group, _, _ in cells)), list(dict.fromkeys(name for _, name, _ in cells)))


def _latency(files):
    return _chart("Time on the way, ms; the floor is the way to a reader at the source", ["p50", "p99", "p99.9", "floor, p50"], [
        (f"{row['rate']:,}/s", row["program"], {"p50": row["destination"]["p50_ms"], "p99": row["destination"]["p99_ms"],
                                               "p99.9": row["destination"]["p999_ms"], "floor, p50": row["source"]["p50_ms"]})
        for run in files for row in run["rows"]])


def _failover(files):
    return _chart("A process of two is lost", ["longest wait of a record, s", "records twice"], [
        (run["options"]["fault"], done["program"], {
            "longest wait of a record, s": max((loss["moved_ms"] for loss in done["losses"]), default=0) / 1000,
            "records twice": done["total"].get("duplicated")})
        for run in files for done in run["programs"]])


def _throughput(files):
    return _chart("One worker", ["CPU, us per record", "records/s", "peak memory, MiB"], [
        (f"{one['bytes']} B, {run['partitions']} p.", kind, {
            "CPU, us per record": one["cpu_us_per_record"], "records/s": one["records_per_s"], "peak memory, MiB": one["peak_mib"]})
        for run in files for row in run["rows"] for kind, one in row.items()])


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    files = [json.loads(pathlib.Path(name).read_text()) for name in sys.argv[2:]]
    chart = _failover if "programs" in files[0] else _throughput if "partitions" in files[0] else _latency
    pathlib.Path(sys.argv[1]).write_text(chart(files))


if __name__ == "__main__":
    main()
