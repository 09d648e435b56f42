#!/usr/bin/env python3
"""Draws chart.svg: what an operation costs, a line for each row, a mark for each program. `compare` does it; by itself:

  test/benchmark/chart.py     # draws it again, from results.json
"""

import html
import json
import math
import os

# Order of the legend: name, title, colour. Colours that the colour-blind can tell apart, on white and on black.
PROGRAMS = [
    ("vow", "vow", "#d55e00"),
    ("floor", "floor: by hand", "#888888"),
    ("kj", "KJ", "#0a8fd0"),
    ("asio", "Asio", "#009e73"),
    ("uv", "libuv", "#cc79a7"),
    ("node", "Node.js", "#b59b00"),
    ("asyncio", "asyncio", "#8064d8"),
]
HINT = "logarithmic; less is better; post_cross_thread: by the wall clock"
WIDTH, LEFT, RIGHT, TOP, STEP, BOTTOM = 960, 170, 40, 92, 24, 74

STYLE = """
  svg { font: 13px system-ui, sans-serif; }
  .page { fill: #ffffff; }
  text { fill: #222222; }
  .title { font-size: 17px; font-weight: 600; }
  .quiet { fill: #666666; font-size: 12px; }
  .grid { stroke: #dddddd; }
  .range { stroke: #bbbbbb; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14171a; }
    text { fill: #e6e6e6; }
    .quiet { fill: #a0a0a0; }
    .grid { stroke: #30363c; }
    .range { stroke: #555c63; }
  }
"""


def text(x, y, words, **attributes):
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{html.escape(words)}</text>'


def mark(program, colour, x, y, tip=""):
    tip = f"<title>{html.escape(tip)}</title>"
    if program == "floor":
        return f'<path d="M{x:.1f} {y - 7:.1f}v14" stroke="{colour}" stroke-width="3">{tip}</path>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{7 if program == "vow" else 4.5}" fill="{colour}">{tip}</circle>'


def duration(nanoseconds):
    return f"{nanoseconds / 1000:g} µs" if nanoseconds >= 1000 else f"{nanoseconds:g} ns"


def circumstances(results):
    """In two lines: by which command, when and on what; and what was measured."""
    versions = results["versions"]
    peers = ", ".join(f"{title} {versions[name]}" for name, title, _ in PROGRAMS[2:] if name in versions)
    yield f"{results['command']}, {results['date']}: {results['cpu']}, {results['system']}"
    yield f"{results['compiler']} {results['flags']}; {peers}"


def draw(results, path):
    values = {}  # Of each row, by program.
    for figure in results["figures"]:
        if figure["unit"] == "ns" and figure["value"] > 0:
            values.setdefault(figure["row"], {})[figure["program"]] = figure["value"]
    everything = [value for row in values.values() for value in row.values()]
    first = math.floor(math.log10(min(everything)))
    last = math.ceil(math.log10(max(everything)))
    bottom = TOP + STEP * len(values)

    def at(value):
        return LEFT + (math.log10(value) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    height = bottom + BOTTOM
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        "<title>vow and its peers: CPU time per operation</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
        text(20, 30, "vow and its peers: CPU time per operation", class_="title"),
        text(WIDTH - RIGHT, 30, HINT, class_="quiet", text_anchor="end"),
    ]
    x = 26
    for program, title, colour in PROGRAMS:
        if any(program in row for row in values.values()):
            out += [mark(program, colour, x, 52), text(x + 11, 56.5, title)]
            x += 36 + 7.5 * len(title)
    for power in range(first, last + 1):
        x = at(10**power)
        out += [
            f'<path class="grid" d="M{x:.1f} {TOP - 8}V{bottom}"/>',
            text(x, TOP - 13, duration(10**power), class_="quiet", text_anchor="middle"),
            text(x, bottom + 16, duration(10**power), class_="quiet", text_anchor="middle"),
        ]
    for index, (row, costs) in enumerate(values.items()):
        y = TOP + STEP * (index + 0.5)
        out.append(text(LEFT - 16, y + 4.5, row, text_anchor="end"))
        out.append(f'<path class="range" d="M{at(min(costs.values())):.1f} {y}H{at(max(costs.values())):.1f}"/>')
        for program, title, colour in reversed(PROGRAMS):  # vow last, on top.
            if program in costs:
                out.append(mark(program, colour, at(costs[program]), y, f"{title}: {costs[program]:.3g} ns"))
    out += [text(20, bottom + 42 + 18 * i, line, class_="quiet") for i, line in enumerate(circumstances(results))]
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    HERE = os.path.dirname(os.path.realpath(__file__))
    with open(HERE + "/results.json", encoding="utf-8") as results_file:
        draw(json.load(results_file), HERE + "/chart.svg")
