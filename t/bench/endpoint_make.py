#!/usr/bin/env python3
"""Speak turns such as those of endpoint_turns.txt.

usage: endpoint_make.py SOCKET TURNS PLAN

SOCKET is that of a voiceai-local.  Writes PLAN, NAME.tsv, which endpoint.c
describes: each turn in each voice; and NAME.ul beside it, mu-law at 8000 Hz
with a little noise.  The same input gives the same files.
"""
import json
import os
import re
import subprocess
import sys

VOICES = ("rms", "slt", "awb", "kal")
MS = 8
LOUD = 130  # linear; less is silence


def decode(byte):
    byte = ~byte & 0xff
    value = (((byte & 15) << 3) + 132 << (byte >> 4 & 7)) - 132
    return -value if byte & 0x80 else value


TABLE = [decode(b) for b in range(256)]


def speak(socket, voice, text):
    """Return the words as mu-law, without silence around them."""
    body = json.dumps({"model": "flite", "voice": voice, "input": text,
                       "response_format": "ulaw"})
    sound = subprocess.run(
        ["curl", "-sf", "--unix-socket", socket, "-H",
         "Content-Type: application/json", "-d", body,
         "http://localhost/v1/audio/speech"],
        check=True, stdout=subprocess.PIPE).stdout
    loud = [i for i, b in enumerate(sound) if abs(TABLE[b]) > LOUD]
    return sound[loud[0]:loud[-1] + 1]


class Noise:
    """Hiss at about -66 dBFS, in place of digital silence."""

    def __init__(self):
        self.seed = 1

    def __call__(self, ms):
        out = bytearray()
        for _ in range(ms * MS):
            self.seed = (self.seed * 1664525 + 1013904223) & 0xffffffff
            out.append(0xff - (self.seed >> 24 & 3)
                       - (0x80 if self.seed >> 20 & 1 else 0))
        return bytes(out)


def main():
    socket, turns, path = sys.argv[1:]
    audio = os.path.splitext(path)[0] + ".ul"
    noise = Noise()
    lines = [s.strip() for s in open(turns) if s[0] != "#"]
    with open(audio, "wb") as sound, open(path, "w") as plan:
        for voice in VOICES:
            for k, line in enumerate(lines):
                parts = re.split(r"\s*\{(\d+)\}\s*", line)
                begin = sound.tell()
                sound.write(noise(1000))
                said = []
                for i, part in enumerate(parts):
                    if i % 2:
                        # Nobody pauses twice alike.
                        ms = int(part) * (85 + (k * 7 + i * 13) % 31) // 100
                        sound.write(noise(ms))
                        continue
                    start = sound.tell() - begin
                    sound.write(speak(socket, voice, part))
                    said.append("%d-%d:%s" % (start, sound.tell() - begin,
                                              part))
                end = sound.tell()
                sound.write(noise(1000))
                plan.write("%s\t%d\t%d\t%d\t%s\n" % (
                    os.path.basename(audio), begin, end, sound.tell(),
                    "|".join(said)))


main()
