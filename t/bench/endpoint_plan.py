#!/usr/bin/env python3
"""Make a plan for endpoint.c of labelled streams.

usage: endpoint_plan.py DIR PLAN

DIR holds labels.tsv as src/cli/vad_set.h describes it; of its utterances those
are taken of which the words are known.  Words are shared out among the
stretches of speech by their length.  What comes after the utterance is heard
until shortly before the next one begins.
"""
import os
import sys

MS = 8


def share(words, spans):
    """Return [(begin, end, words)] of the stretches."""
    total = sum(e - b for b, e in spans)
    out, done, spoken = [], 0, 0
    for begin, end in spans:
        spoken += end - begin
        upto = round(len(words) * spoken / total)
        out.append((begin, end, " ".join(words[done:upto])))
        done = upto
    out[-1] = out[-1][:2] + (out[-1][2] + ".",)
    return out


def main():
    folder, plan = sys.argv[1:]
    streams, rows = {}, []
    for line in open(os.path.join(folder, "labels.tsv")):
        f = line.rstrip("\n").split("\t")
        if f[0] == "S":
            streams[f[1]] = (f[2], int(f[3]) * 160)
        elif f[0] == "U":
            rows.append(f)
    with open(plan, "w") as out:
        for k, f in enumerate(rows):
            if not f[8]:
                continue
            name, length = streams[f[1]]
            same = k + 1 < len(rows) and rows[k + 1][1] == f[1]
            stop = int(rows[k + 1][3]) - 300 * MS if same else length
            before = k > 0 and rows[k - 1][1] == f[1]
            begin = max(int(rows[k - 1][4]) + 400 * MS if before else 0,
                        int(f[3]) - 3000 * MS)
            spans = [tuple(map(int, s.split("-"))) for s in f[7].split(",")]
            parts = share(f[8].split(), spans)
            stop = max(stop, int(f[4]))
            begin = min(begin, int(f[3]))
            path = os.path.abspath(os.path.join(folder, name))
            out.write("%s\t%d\t%d\t%d\t%s\n" % (
                path, begin, int(f[4]), stop,
                "|".join("%d-%d:%s" % (b - begin, e - begin, w)
                         for b, e, w in parts)))


main()
