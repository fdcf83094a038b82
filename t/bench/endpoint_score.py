#!/usr/bin/env python3
"""Sum up how the ends of turns were found, and plot it.

usage: endpoint_score.py SVG TITLE=PLAN...

Beside each PLAN, NAME.tsv, lies what endpoint.c printed of it, in
NAME-fixed-MS.txt, NAME-adaptive-MS.txt and NAME-bare-MS.txt (no punctuation).
Prints cut-ins a hundred turns and the wait after the true end for each: of all
turns, and of the two halves into which a hash of their words splits them.
"""
import glob
import math
import os
import re
import sys
import zlib

KINDS = {"fixed": ("fixed %g s", "#c40"),
         "adaptive": ("adaptive from %g s", "#06c"),
         "bare": ("  the same, no punctuation", "#083")}
WIDE, HIGH, LEFT, LOW, TOP = 640, 300, 64, 48, 36
SHORT, LONG = 250, 5000


def half(row):
    """Return 0 or 1: the same for the same words, whoever says them."""
    spans = row.rstrip("\n").split("\t")[4].split("|")
    words = " ".join(s.split(":", 1)[1] for s in spans)
    return zlib.crc32(words.encode()) & 1


def at(values, share):
    return values[int((len(values) - 1) * share)] if values else 0


def summed(ends):
    waits = sorted(int(e) for e in ends if e.isdigit())
    return {"turns": len(ends), "never": ends.count("never"),
            "cuts": 100 * ends.count("cut") / max(1, len(ends)),
            "median": at(waits, .5), "p90": at(waits, .9)}


def read(plan):
    """Return [(kind, ms, all, first half, second half)]."""
    halves = [half(row) for row in open(plan)]
    rows = []
    for kind in KINDS:
        found = []
        for path in glob.glob("%s-%s-*.txt" % (os.path.splitext(plan)[0],
                                               kind)):
            ms = int(re.search(r"(\d+)\.txt$", path).group(1))
            ends = open(path).read().split()
            parts = [[e for e, h in zip(ends, halves) if h == k]
                     for k in (0, 1)]
            found.append((kind, ms, summed(ends), summed(parts[0]),
                          summed(parts[1])))
        rows += sorted(found, key=lambda r: r[1])
    return rows


def table(title, rows):
    print("%s: %d, halves of %d and %d" % (
        (title,) + tuple(r["turns"] for r in rows[0][2:])))
    print("%-28s %9s %9s %7s %6s   %-13s %-13s" % (
        "end of turn", "cut-ins %", "median ms", "p90 ms", "never",
        "first half", "second half"))
    for kind, ms, whole, a, b in rows:
        name = KINDS[kind][0]
        print("%-28s %9.1f %9d %7d %6d   %5.1f %6d   %5.1f %6d" % (
            name % (ms / 1000) if "%" in name else name, whole["cuts"],
            whole["median"], whole["p90"], whole["never"], a["cuts"],
            a["median"], b["cuts"], b["median"]))


def panel(title, rows, top):
    """Return the lines of one plot, top below the top of the picture."""
    most = max([10] + [r[2]["cuts"] for r in rows])
    most = math.ceil(most / 10) * 10
    floor = top + HIGH - LOW

    def x(ms):
        return LEFT + (WIDE - LEFT - 24) * math.log(ms / SHORT) / math.log(
            LONG / SHORT)

    def y(cuts):
        return floor - (HIGH - LOW - TOP) * cuts / most

    out = ['<text x="%d" y="%d" fill="#222">%s</text>' % (
        LEFT, top + 22, title)]
    for ms in (300, 500, 1000, 2000, 4000):
        out.append('<path d="M%.0f %dV%d" stroke="#ddd"/><text x="%.0f" '
                   'y="%d" text-anchor="middle" fill="#444">%g s</text>' % (
                       x(ms), top + TOP, floor, x(ms), floor + 18, ms / 1000))
    for cuts in range(0, most + 1, 10 if most <= 50 else 20):
        out.append('<path d="M%d %.0fH%d" stroke="#ddd"/><text x="%d" '
                   'y="%.0f" text-anchor="end" fill="#444">%d</text>' % (
                       LEFT, y(cuts), WIDE - 24, LEFT - 8, y(cuts) + 4, cuts))
    out.append('<text transform="translate(18 %d) rotate(-90)" text-anchor='
               '"middle" fill="#222">cut-ins a hundred turns</text>'
               % (top + HIGH // 2))
    for kind in ("fixed", "adaptive"):
        dots = [(x(max(SHORT, r[2]["median"])), y(r[2]["cuts"]), r[1])
                for r in rows if r[0] == kind]
        colour = KINDS[kind][1]
        out.append('<path d="M%s" fill="none" stroke="%s"/>' % (
            "L".join("%.1f %.1f" % d[:2] for d in dots), colour))
        for px, py, ms in dots:
            named = ms in (300, 500, 800, 4000)
            below = kind == "adaptive"
            out.append('<circle cx="%.1f" cy="%.1f" r="%d" fill="%s"/>' % (
                px, py, 5 if named else 3, colour))
            if named:
                out.append(
                    '<text x="%.0f" y="%.0f"%s font-size="11" fill="%s">%s'
                    '</text>' % (px if below else px + 8, py - 8,
                                 ' text-anchor="middle"' if below else "",
                                 colour, "%g" % (ms / 1000)))
    return out


def plot(plans, path):
    high = HIGH * len(plans) + 48
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
           'font-family="sans-serif" font-size="13">' % (WIDE, high),
           '<rect width="100%" height="100%" fill="#fff"/>']
    for k, (title, rows) in enumerate(plans):
        out += panel(title, rows, HIGH * k)
    out.append('<text x="%d" y="%d" text-anchor="middle" fill="#222">median '
               'from the end of the turn to the question to the model</text>'
               % ((LEFT + WIDE) // 2, high - 36))
    out.append('<text x="%d" y="%d" text-anchor="middle"><tspan fill="%s">'
               'fixed, by voiceai_silence_threshold</tspan><tspan dx="24" '
               'fill="%s">adaptive, by voiceai_endpointing_min</tspan>'
               '</text></svg>\n' % ((LEFT + WIDE) // 2, high - 14,
                                    KINDS["fixed"][1], KINDS["adaptive"][1]))
    with open(path, "w") as f:
        f.write("\n".join(out))


def main():
    plans = [(a.split("=", 1)[0], read(a.split("=", 1)[1]))
             for a in sys.argv[2:]]
    for title, rows in plans:
        table(title, rows)
    plot(plans, sys.argv[1])


main()
