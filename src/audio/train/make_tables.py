#!/usr/bin/env python3
"""Write src/audio/va_vad_tables.h: the constants of the spectrum.

usage: make_tables.py > ../va_vad_tables.h
"""
import math


def table(name, values):
    print("static const float %s[%d] = {" % (name, len(values)))
    line = "   "
    for v in values:
        word = " %.9gf," % v if v != int(v) else " %d," % v
        if len(line) + len(word) > 79:
            print(line)
            line = "   "
        line += word
    print(line + "\n};\n")


def turn(k, n):
    """cos and sin of k n-ths of a turn"""
    return math.cos(2 * math.pi * k / n), -math.sin(2 * math.pi * k / n)


N = 256
print("/* Written by src/audio/train/make_tables.py: do not edit. */")
print("#ifndef VA_VAD_TABLES_H\n#define VA_VAD_TABLES_H\n")
hann = [0.5 - 0.5 * math.cos(2 * math.pi * (i + 0.5) / N) for i in range(N)]
table("vad_window", hann)
for n in (128, 32):
    for power in (1, 2, 3):
        for part, letter in ((0, "re"), (1, "im")):
            table("vad_turn%d_%d_%s" % (n, power, letter),
                  [round(turn(power * p, n)[part], 12) + 0.0
                   for p in range(n // 4)])
for part, letter in ((0, "re"), (1, "im")):
    table("vad_unpack_" + letter,
          [round(turn(k, N)[part], 12) + 0.0 for k in range(N // 4 + 4)])
# What the window alone leaves of a signal's autocorrelation at each lag.
power = sum(w * w for w in hann)
lags = []
for lag in range(N // 2):
    r = sum(hann[i] * hann[(i + lag) % N] for i in range(N))
    lags.append(power / r)
table("vad_lag_gain", lags)
print("#endif")
