#!/usr/bin/env python3
"""Score voice activity decisions against labelled streams.

usage: score_vad.py [--hang MS] DIR NAME=DECISIONS...

DIR holds labels.tsv as src/cli/vad_set.h describes it.  DECISIONS is a file
of lines "STREAM 0110...", a digit for each 20 ms, and notes that begin with
"#" ("#us_per_frame 1.9").  Prints a row of figures for each detector.

A frame is speech when half of it lies within a labelled stretch.  Not judged
are the frames at a stretch's begin (one before and the first), those of the
100 ms after its end, and pauses up to 300 ms.  The turn begins when three of
the last five frames are speech and ends HANG ms (500) after the last one that
was.  Times are those of a frame's end.

  F1 core     of the frames of all streams but those with babble, music, echo
  F1 all      of all frames
  false/min   turns that begin in core streams while nobody talks, a minute
  tones       share of frames taken for speech where only tones are heard
  start       begin of the turn after the true begin, median and 90 %, ms
  end         end of the turn after the true end, median and 90 %, ms
  good        ends within -60..300 ms of the true end and HANG
  missed      utterances during which no turn was open
  cut         utterances whose pauses are shorter than HANG by 80 ms, but in
              which the turn ended
"""
import argparse
import os
import sys

FRAME = 20.0
HARD = ("babble", "music", "echo")
TONES = ("dtmf", "ringback", "busy", "tone")
COLUMNS = ("F1 core", "F1 all", "false/min", "tones %", "start", "p90", "end",
           "p90", "good %", "missed %", "cut %", "us/frame")


class Stream:
    def __init__(self, fields):
        self.name, self.frames = fields[1], int(fields[3])
        self.noise = fields[5]
        self.utterances = []

    def truth(self):
        """1 speech, 0 none, None where opinions may differ."""
        out = [0] * self.frames
        doubtful = []
        for _, _, spans in self.utterances:
            for begin, end in spans:
                first, last = int(begin // FRAME), int(end // FRAME)
                for k in range(first, min(last + 1, self.frames)):
                    covered = min(end, (k + 1) * FRAME) - max(begin, k * FRAME)
                    if covered >= FRAME / 2:
                        out[k] = 1
                doubtful += [(begin - FRAME, begin + 1), (end - 10, end + 100)]
            for before, after in zip(spans, spans[1:]):
                if after[0] - before[1] <= 300:
                    doubtful.append((before[1], after[0]))
        for begin, end in doubtful:
            first, last = max(0, int(begin // FRAME)), int(end // FRAME)
            for k in range(first, min(last + 1, self.frames)):
                out[k] = None
        return out


def read_labels(folder):
    streams = {}
    with open(os.path.join(folder, "labels.tsv")) as f:
        for line in f:
            fields = line.rstrip("\n").split("\t")
            if fields[0] == "S":
                streams[fields[1]] = Stream(fields)
            elif fields[0] == "U":
                spans = [tuple(int(v) / 8.0 for v in s.split("-"))
                         for s in fields[7].split(",")]
                streams[fields[1]].utterances.append(
                    (int(fields[3]) / 8.0, int(fields[4]) / 8.0, spans))
    return list(streams.values())


def read_decisions(path):
    decisions, cost = {}, None
    with open(path) as f:
        for line in f:
            words = line.split()
            if words and words[0] == "#us_per_frame":
                cost = float(words[1])
            elif words and not words[0].startswith("#"):
                decisions[words[0]] = words[1] if len(words) > 1 else ""
    return decisions, cost


def turns(flags, hang):
    """Return [(begin, end)] of the turns in ms; an open one ends never."""
    out, begin, last, since = [], None, 0, 0
    for k, speech in enumerate(flags):
        sure = sum(flags[max(since, k - 4):k + 1]) >= 3
        now = (k + 1) * FRAME
        if sure and speech:
            last = k
        if begin is None:
            begin = now if sure else None
        elif (k - last) * FRAME >= hang:
            out.append((begin, now))
            begin, since = None, k + 1
    if begin is not None:
        out.append((begin, float("inf")))
    return out


class Tally:
    def __init__(self):
        self.hit, self.wrong, self.lost = [0, 0], [0, 0], [0, 0]
        self.tones = self.tones_wrong = 0
        self.false, self.quiet = 0, 0.0
        self.starts, self.ends = [], []
        self.utterances = self.missed = 0
        self.whole = self.cut = self.due = self.good = 0

    def frames(self, stream, flags):
        hard = stream.noise in HARD
        only_tones = stream.noise in TONES and not stream.utterances
        for true, said in zip(stream.truth(), flags):
            if true is None:
                continue
            for kind in (0, 1) if not hard else (1,):
                self.hit[kind] += true and said
                self.wrong[kind] += said and not true
                self.lost[kind] += true and not said
            if only_tones and not true:
                self.tones += 1
                self.tones_wrong += said

    def turns(self, stream, found, hang):
        length = stream.frames * FRAME
        near = [(b - 100, e + 200) for b, e, _ in stream.utterances]
        if stream.noise not in HARD:
            self.quiet += length - sum(min(length, e) - max(0, b)
                                       for b, e in near)
            self.false += sum(not any(b <= at <= e for b, e in near)
                              for at, _ in found)
        for k, (begin, end, spans) in enumerate(stream.utterances):
            after = stream.utterances[k + 1][0] if k + 1 < len(
                stream.utterances) else length
            self.utterance(begin, end, spans, after, found, hang)

    def utterance(self, begin, end, spans, after, found, hang):
        self.utterances += 1
        open_before = any(b < begin - 100 < e for b, e in found)
        begun = [b for b, _ in found if begin - 100 <= b <= end + 200]
        if begun and not open_before:
            self.starts.append(begun[0] - begin)
        elif not open_before:
            self.missed += 1
        early = [e for _, e in found if begin < e < end]
        pause = max([y[0] - x[1] for x, y in zip(spans, spans[1:])] or [0])
        if pause <= hang - 80:
            self.whole += 1
            self.cut += bool(early)
        if after - end < hang + 300:
            return
        self.due += 1
        late = [e for b, e in found if end <= e < after and b < end + 200]
        held = any(b < end + 200 and e >= after for b, e in found)
        if late or (early and not held):
            self.ends.append((late[0] if late else early[-1]) - end)
            self.good += -60 <= self.ends[-1] - hang <= 300


def percentile(values, share):
    if not values:
        return float("nan")
    values = sorted(values)
    at = (len(values) - 1) * share
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def score(streams, decisions, hang):
    tally = Tally()
    for s in streams:
        digits = decisions.get(s.name, "")
        if len(digits) < s.frames:
            print("%s: %d of %d frames" % (s.name, len(digits), s.frames),
                  file=sys.stderr)
        flags = [int(d == "1") for d in digits[:s.frames]]
        flags += [0] * (s.frames - len(flags))
        tally.frames(s, flags)
        tally.turns(s, turns(flags, hang), hang)
    return tally


def figures(t, cost):
    def f1(kind):
        total = 2 * t.hit[kind] + t.wrong[kind] + t.lost[kind]
        return "%.3f" % (2 * t.hit[kind] / total if total else 1)

    def percent(part, whole):
        return "%.1f" % (100.0 * part / max(1, whole))
    return (f1(0), f1(1), "%.2f" % (t.false / max(1e-9, t.quiet / 60000)),
            percent(t.tones_wrong, t.tones),
            "%.0f" % percentile(t.starts, .5),
            "%.0f" % percentile(t.starts, .9),
            "%.0f" % percentile(t.ends, .5), "%.0f" % percentile(t.ends, .9),
            percent(t.good, t.due), percent(t.missed, t.utterances),
            percent(t.cut, t.whole), "-" if cost is None else "%.2f" % cost)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--hang", type=int, default=500)
    parser.add_argument("folder")
    parser.add_argument("detectors", nargs="+")
    options = parser.parse_args()
    streams = read_labels(options.folder)
    row = "%-22s" + " %8s" * len(COLUMNS)
    print(row % (("detector",) + COLUMNS))
    for detector in options.detectors:
        name, path = detector.split("=", 1)
        decisions, cost = read_decisions(path)
        print(row % ((name,) + figures(
            score(streams, decisions, options.hang), cost)))


main()
