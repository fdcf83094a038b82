#!/usr/bin/env python3
"""Make labelled phone streams: 8 kHz mu-law with the true edges of speech.

usage: make_streams.py [options] OUT

  --root DIR      where the Debian packages are unpacked (default /)
  --seed TEXT     other text, other streams (default "train")
  --count N       streams with speech (default 80); half as many without
  --speakers A,B  voices to use (see voices.py; default: those trained on)
  --music A,B     recordings of music on hold, besides the made ones
  --effects       use the recorded noises of a game, too
  --hard          more noise over the speech
  --plain         do not change the speed of voices (for tests)

Writes OUT/audio/*.ul and OUT/labels.tsv (see src/cli/vad_set.h).  The same
options give the same streams.  Needs python3-numpy, sox, flite,
festival and espeak-ng.
"""
import argparse
import hashlib
import os
import random
import subprocess
import zlib

import numpy as np

import noises
import voices
from noises import decibel, filtered

RATE, FRAME = 8000, 160
KEPT = ("allison", "allison-es", "ivrvoice", "menardi", "july")
TRAINED = tuple(s for s in voices.RECORDED if s not in KEPT and
                not s.startswith("letters-")) + voices.SYNTHETIC
MOH = "usr/share/asterisk/moh/"
EFFECTS = ("audio/actor/singlesteps", "audio/actor/gate", "audio/actor/ship",
           "audio/actor/fauna/movement", "audio/actor/fauna/animal",
           "audio/actor/mounted/movement", "audio/actor/human/movement",
           "audio/attack", "audio/ambient/weather", "audio/ambient/water",
           "audio/resource")
SPEECH_NOISES = (
    ["white", "pink", "brown", "line", "street", "street", "brown"] * 3 +
    ["hum50", "hum60", "clicks", "clicks", "cng", "cng", "wind"] * 2 +
    ["dtmf", "ringback", "busy", "tone", "siren", "motor", "motor"] +
    ["effects"] * 4 +
    ["clean"] * 7 + ["babble"] * 7 + ["music"] * 6 + ["echo"] * 4)
ALONE_NOISES = (
    ["white", "pink", "brown", "line", "street", "street", "clicks", "cng",
     "wind", "hum50", "hum60", "dtmf", "ringback", "busy", "tone", "siren",
     "dtmf", "ringback", "busy", "wind", "brown", "motor", "effects",
     "effects", "effects"] +
    ["busy", "busy", "ringback", "tone", "tone", "dtmf", "hum50", "hum60",
     "siren", "clicks", "cng", "line"] +
    ["babble", "music", "music", "echo", "babble", "silence"])
BURSTS = ("clicks", "dtmf", "ringback", "busy", "tone", "siren", "effects")
CHANNELS = ("voip", "voip", "pstn", "pstn", "gsm", "loss", "tilt")
LEVELS = (-44, -8)
# Speech over noise, in dB.
EASY = (0, 3, 5, 8, 10, 15, 20, 30)
HARD = (-2, 0, 0, 2, 4, 5, 7, 10, 15, 20, 30)


def mulaw_table():
    codes = np.zeros(65536, np.uint8)
    for s in range(-32768, 32768):
        sign = 0x80 if s < 0 else 0
        size = min(abs(s), 32635) + 132
        power = size.bit_length() - 8
        codes[s + 32768] = ~(sign | power << 4 | size >> power + 3 & 15) & 255
    return codes


MULAW = mulaw_table()


class Studio:
    """The voices and the music that streams are made of."""

    def __init__(self, options):
        self.voices = voices.load(options.root, options.out, options.speakers)
        self.plain = options.plain
        self.hard = options.hard
        self.music = []
        for name in options.music:
            x, rate = voices.read_wave(os.path.join(
                options.root, MOH, name + ".wav"))
            self.music.append(voices.resample(x, rate, RATE))
        self.effects = []
        for folder in EFFECTS if options.effects else ():
            for path in voices.sound_files(os.path.join(options.root, folder)):
                x, _ = voices.read_wave(path)
                if len(x) > 400 and np.max(np.abs(x)) > 300:
                    self.effects.append(x)

    def speaker(self, rnd, avoid=None):
        """Whoever has more recordings is heard more, but not as much more."""
        names = [s for s in self.voices if s != avoid] or list(self.voices)
        return rnd.choices(
            names, [len(self.voices[s]) ** 0.5 for s in names])[0]

    def clip(self, rnd, speaker, factor, longest=9.0):
        pool = [c for c in self.voices[speaker]
                if (c.spans[-1][1] - c.spans[0][0]) < longest * RATE]
        clip = rnd.choice(pool or self.voices[speaker])
        return clip if factor == 1.0 else clip.faster(factor)

    def talkers(self, rnd, n, count, avoid):
        """Several people at once, each at the same level."""
        out = np.zeros(n)
        for _ in range(count):
            at = -rnd.randrange(0, RATE)
            speaker = self.speaker(rnd, avoid)
            factor = self.factor(rnd)
            while at < n:
                if rnd.random() < 0.3:
                    speaker = self.speaker(rnd, avoid)
                c = self.clip(rnd, speaker, factor)
                x = c.x[c.spans[0][0]:c.spans[-1][1]] * (1000.0 / c.rms)
                low, high = max(0, -at), min(len(x), n - at)
                if high > low:
                    out[at + low:at + high] += x[low:high]
                at += len(x) + rnd.randrange(400, 3200)
        return self.microphone(rnd, out)

    def factor(self, rnd):
        """How much faster and higher a voice is played."""
        if self.plain or rnd.random() < 0.2:
            return 1.0
        return round(rnd.uniform(0.78, 1.26), 2)

    def microphone(self, rnd, x):
        """Another throat, microphone and room: other spectra, same words."""
        if self.plain:
            return x
        knots = (0, 200, 400, 800, 1400, 2200, 3000, 4000)
        size = rnd.uniform(0, 9)
        gains = [rnd.uniform(-size, size) for _ in knots]
        if rnd.random() < 0.6:
            x = voices.warp(x, rnd.uniform(0.82, 1.2))
        x = filtered(x, lambda f: decibel(np.interp(f, knots, gains)))
        if rnd.random() < 0.2:
            x = x + noises.reverberate(
                np.random.default_rng(rnd.randrange(1 << 30)), x)
        return x


def place_speech(studio, rnd, level, seconds):
    """Return samples, utterances [(begin, end, spans)] and the speaker."""
    n = int(seconds * RATE) // FRAME * FRAME
    out, utterances = np.zeros(n), []
    speaker = studio.speaker(rnd)
    factor = studio.factor(rnd)
    at = int(rnd.choice([0.1, 0.3, 0.8, 1.5, 2.5, rnd.uniform(0, 4)]) * RATE)
    while True:
        parts = rnd.choice((1, 1, 1, 2, 2, 3))
        spans, gain, pos = [], rnd.uniform(-3, 3), at
        for k in range(parts):
            c = studio.clip(rnd, speaker, factor, 9.0 if parts < 3 else 1.5)
            first, last = c.spans[0][0], c.spans[-1][1]
            if k:
                pos += int(rnd.choice((.1, .2, .3, .45, .6, .8)) * RATE)
            if pos + last - first + 500 > n:
                break
            low, high = max(0, first - 240), min(len(c.x), last + 480)
            x = c.x[low:high] * (32768 * decibel(level + gain) / c.rms)
            x[:first - low] *= np.linspace(0, 1, first - low)
            x[last - low:] *= np.linspace(1, 0, high - last)
            start = pos - (first - low)
            skip = max(0, -start)
            x = x[skip:n - start]
            out[start + skip:start + skip + len(x)] += x
            for b, e in c.spans:
                if spans and pos + b - first - spans[-1][1] < 1600:
                    spans[-1] = (spans[-1][0], pos + e - first)
                else:
                    spans.append((pos + b - first, pos + e - first))
            pos += last - first
        if not spans:
            return studio.microphone(rnd, out), utterances, speaker
        utterances.append((spans[0][0], spans[-1][1], spans))
        at = pos + int(rnd.choice(
            (rnd.uniform(0.7, 1.6), rnd.uniform(1.6, 3.2),
             rnd.uniform(1.6, 3.2), rnd.uniform(4, 6))) * RATE)


def echo(studio, rnd, n, level):
    """The assistant's own voice, back from the far end."""
    v = studio.talkers(rnd, n, 1, None) * (32768 * decibel(level) / 1000)
    dull = np.convolve(v, (0.3, 0.4, 0.3), "same")
    late = rnd.randrange(160, 1600)
    out = np.zeros(n)
    out[late:] = dull[:n - late]
    out[late + 80:] += 0.4 * v[:n - late - 80]
    return out


def make_noise(studio, rnd, rng, kind, n, level, speaker):
    if kind in ("clean", "silence"):
        return np.zeros(n)
    if kind == "echo":
        return echo(studio, rnd, n, level) + noises.to_level(
            noises.plain(rng, n, "white"), rnd.uniform(-80, -60))
    if kind == "babble":
        return noises.to_level(
            studio.talkers(rnd, n, rnd.choice((4, 5, 6, 7, 9)), speaker), level)
    if kind == "music" and studio.music and rnd.random() < 0.4:
        x = rnd.choice(studio.music)
        at = rnd.randrange(0, len(x) - n)
        return noises.to_level(x[at:at + n], level)
    if kind == "effects":
        x = noises.effects(rng, n, studio.effects)
    else:
        x = noises.make(kind, rng, n)
    if kind in BURSTS:
        loud = x[np.abs(x) > 0.2 * np.max(np.abs(x))]
        return x * (32768 * decibel(level) / np.sqrt(np.mean(loud ** 2)))
    return noises.to_level(x, level)


def sox(x, *arguments):
    raw = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    first = subprocess.run(["sox", "-D", "-V1"] + raw + ["-"] + list(arguments),
                           input=x.astype("<i2").tobytes(),
                           stdout=subprocess.PIPE, check=True).stdout
    back = subprocess.run(["sox", "-D", "-V1"] + list(arguments[:2]) + ["-"] +
                          raw + ["-"], input=first,
                          stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(back, "<i2").astype(float)


def channel(x, kind, rnd):
    """Return the mu-law bytes that come out of a kind of line."""
    n = len(x)
    if kind == "pstn":
        x = filtered(x, lambda f: 1 / (1 + (200.0 / (f + 1)) ** 8) ** .5 /
                     (1 + (f / 3500.0) ** 40) ** .5)
    if kind == "tilt":
        tilt, edge = rnd.uniform(-6, 6), rnd.uniform(2500, 4000)
        x = filtered(x, lambda f: (np.maximum(f, 100) / 1000) ** (tilt / 6) /
                     (1 + (f / edge) ** 20) ** .5)
    x = np.clip(np.rint(x), -32768, 32767)
    if kind == "gsm":
        x = sox(x, "-t", "gsm", "-")[:n]
        x = np.pad(x, (0, n - len(x)))
    bytes_ = MULAW[x.astype(int) + 32768].reshape(-1, FRAME)
    if kind == "loss":
        k = 1
        while k < len(bytes_):
            if rnd.random() < 0.015:
                for _ in range(rnd.randint(1, 3)):
                    if k < len(bytes_):
                        bytes_[k] = 255 if rnd.random() < .5 else bytes_[k - 1]
                        k += 1
            k += 1
    return bytes_.tobytes()


def condition(rnd, alone, index, effects, hard):
    """Return noise, level of speech, SNR and the step of the noise, in dB."""
    kinds = ALONE_NOISES if alone else SPEECH_NOISES
    kind = kinds[index % len(kinds)]
    if kind == "effects" and not effects:
        kind = "street"
    level = round(rnd.uniform(*LEVELS))
    snr = rnd.choice(HARD if hard else EASY)
    if kind == "echo":
        # Louder echo cannot be told from somebody who talks softly.
        snr = rnd.choice((18, 20, 22, 25, 30))
        level = min(level, -27, snr - 49)
        snr = max(snr, level + 49)
    step = rnd.choice((10, 15, 25)) if rnd.random() < 0.12 else 0
    if alone:
        level = {"babble": round(rnd.uniform(-45, -24)),
                 "echo": round(rnd.uniform(-62, -45)),
                 "silence": -90}.get(kind, round(
                     rnd.uniform(-45, -5) if kind in BURSTS
                     else rnd.uniform(-65, -12)))
    return kind, level, snr, step


def make_stream(studio, seed, index, alone):
    rnd = random.Random("%s %d %d" % (seed, index, alone))
    rng = np.random.default_rng(
        zlib.crc32(b"%s %d %d" % (seed.encode(), index, alone)))
    kind, level, snr, step = condition(rnd, alone, index,
                                       bool(studio.effects), studio.hard)
    line = rnd.choice(CHANNELS)
    if alone:
        n, said, speaker = 20 * RATE, [], "-"
        x = np.zeros(n)
    else:
        x, said, speaker = place_speech(studio, rnd, level,
                                        rnd.uniform(18, 28))
        n = len(x)
    y = make_noise(studio, rnd, rng, kind, n, level if alone else level - snr,
                   speaker)
    if step:
        cut = int(n * rnd.uniform(0.2, 0.7))
        y[:cut] *= decibel(-step)
        if rnd.random() < 0.3:
            y = y[::-1]
    if alone and rnd.random() < 0.1:
        y = y * decibel(np.linspace(-28, 0, n))
    return (channel(x + y, line, rnd), kind, level, "clean" if kind == "clean"
            else 0 if alone else snr, line, step, said, speaker)


def write(out, labels, name, stream):
    bytes_, kind, level, snr, line, step, said, speaker = stream
    path = "audio/%s.ul" % name
    with open(os.path.join(out, path), "wb") as f:
        f.write(bytes_)
    labels.write("\t".join(str(v) for v in (
        "S", name, path, len(bytes_) // FRAME, "speech" if said else "noise",
        kind, snr, level, line, step, "cc",
        hashlib.sha1(bytes_).hexdigest()[:12])) + "\n")
    for k, (begin, end, spans) in enumerate(said):
        labels.write("U\t%s\t%d\t%d\t%d\t-\t%s\t%s\t\n" % (
            name, k, begin, end, speaker,
            ",".join("%d-%d" % s for s in spans)))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("--root", default="/")
    parser.add_argument("--seed", default="train")
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--speakers", default=",".join(TRAINED))
    parser.add_argument("--music", default="")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--effects", action="store_true")
    parser.add_argument("--hard", action="store_true")
    options = parser.parse_args()
    options.speakers = options.speakers.split(",")
    options.music = [m for m in options.music.split(",") if m]
    os.makedirs(os.path.join(options.out, "audio"), exist_ok=True)
    studio = Studio(options)
    path = os.path.join(options.out, "labels.tsv")
    with open(path + ".new", "w") as labels:
        for k in range(options.count):
            write(options.out, labels, "s%05d" % k,
                  make_stream(studio, options.seed, k, False))
            if k % 2 == 1:
                write(options.out, labels, "n%05d" % (k // 2),
                      make_stream(studio, options.seed, k // 2, True))
    os.rename(path + ".new", path)


main()
