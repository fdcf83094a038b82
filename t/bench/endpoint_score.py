#!/usr/bin/env python3
"""Sum up how the ends of turns were found, and plot it.

usage: endpoint_score.py [--svg FILE] NAME=RESULTS...

RESULTS is what endpoint.c printed.  Prints cut-ins a hundred turns and the
wait after the true end for each.
"""
import math
import sys


def read(path):
    lines = [s.strip() for s in open(path)]
    waits = sorted(int(s) for s in lines if s.isdigit())
    return {"turns": len(lines), "cuts": lines.count("cut"),
            "never": lines.count("never"), "waits": waits}


def at(values, share):
    return values[int((len(values) - 1) * share)] if values else 0


def plot(rows, path):
    wide, high, left, low = 640, 360, 64, 48
    most = max([5] + [100 * r["cuts"] / r["turns"] for _, r in rows])
    most = math.ceil(most / 10) * 10

    def x(ms):
        return left + (wide - left - 24) * math.log(ms / 250) / math.log(24)

    def y(cuts):
        return high - low - (high - low - 24) * cuts / most
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
           'font-family="sans-serif" font-size="13">' % (wide, high),
           '<rect width="100%" height="100%" fill="#fff"/>']
    for ms in (300, 500, 1000, 2000, 4000):
        out.append('<path d="M%.0f 24V%d" stroke="#ddd"/><text x="%.0f" '
                   'y="%d" text-anchor="middle" fill="#444">%g s</text>' % (
                       x(ms), high - low, x(ms), high - low + 18, ms / 1000))
    for cuts in range(0, most + 1, 10):
        out.append('<path d="M%d %.0fH%d" stroke="#ddd"/><text x="%d" '
                   'y="%.0f" text-anchor="end" fill="#444">%d</text>' % (
                       left, y(cuts), wide - 24, left - 8, y(cuts) + 4, cuts))
    out.append('<text x="%d" y="%d" text-anchor="middle" fill="#222">median '
               'from the end of the turn to the question to the model</text>'
               % ((left + wide) // 2, high - 10))
    out.append('<text transform="translate(18 %d) rotate(-90)" text-anchor='
               '"middle" fill="#222">cut-ins a hundred turns</text>'
               % ((high - low) // 2))
    for name, r in rows:
        ours = name.startswith("adaptive")
        px, py = x(at(r["waits"], .5)), y(100 * r["cuts"] / r["turns"])
        end = px > wide - 150
        out.append('<circle cx="%.0f" cy="%.0f" r="6" fill="%s"/><text x='
                   '"%.0f" y="%.0f"%s fill="#222">%s</text>' % (
                       px, py, "#06c" if ours else "#c40",
                       px - 10 if end else px + 10, py - 8,
                       ' text-anchor="end"' if end else "", name))
    out.append("</svg>\n")
    with open(path, "w") as f:
        f.write("\n".join(out))


def main():
    args = sys.argv[1:]
    svg = None
    if args[0] == "--svg":
        svg, args = args[1], args[2:]
    rows = [(a.split("=")[0], read(a.split("=", 1)[1])) for a in args]
    print("%-28s %6s %9s %9s %8s %6s" % (
        "end of turn", "turns", "cut-ins %", "median ms", "p90 ms", "never"))
    for name, r in rows:
        print("%-28s %6d %9.1f %9d %8d %6d" % (
            name, r["turns"], 100 * r["cuts"] / r["turns"], at(r["waits"], .5),
            at(r["waits"], .9), r["never"]))
    if svg:
        plot(rows, svg)


main()
