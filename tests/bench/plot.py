"""A small bar chart in SVG: one panel per figure, one group of bars per case, one bar per program."""

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
