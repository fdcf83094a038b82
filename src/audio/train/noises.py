"""What is heard on the phone and is not the caller's speech."""
import numpy as np

RATE = 8000
DTMF_ROWS = (697, 770, 852, 941)
DTMF_COLUMNS = (1209, 1336, 1477, 1633)
# Tones of the network: frequencies, then seconds on and off in turn.
RINGBACK = (((440, 480), (2, 4)), ((425,), (1, 4)), ((425,), (1, 5)),
            ((400, 450), (.4, .2, .4, 2)), ((400, 425), (.4, .2, .4, 2)),
            ((425, 400), (1, 4)), ((450,), (1.2, 4.6)))
BUSY = (((480, 620), (.5, .5)), ((480, 620), (.25, .25)), ((425,), (.5, .5)),
        ((425,), (.25, .25)), ((400,), (.375, .375)), ((425,), (.2, .2)),
        ((440,), (.5, .5)), ((425,), (.48, .48)))
OTHER_TONES = (((350, 440), (9, .1)), ((425,), (9, .1)), ((1100,), (.5, 3)),
               ((2100,), (3, .1)), ((1400,), (.5, 4)), ((1000,), (1, 1)),
               ((950,), (.33, .03)), ((1004,), (9, .1)), ((440,), (.3, 9)))


def decibel(x):
    return 10.0 ** (x / 20.0)


def to_level(x, level):
    """Scale to an RMS of level dB below full scale."""
    rms = np.sqrt(np.mean(x * x)) if len(x) else 0.0
    return x * (32768 * decibel(level) / rms) if rms > 0 else x


def quick_size(n):
    """A size of at least n whose transform is fast."""
    size = 1 << max(8, (n - 1).bit_length())
    return size * 3 // 4 if n <= size * 3 // 4 else size


def filtered(x, gain):
    """Multiply the spectrum by gain(frequencies)."""
    size = quick_size(len(x) + RATE // 10)
    f = np.fft.rfftfreq(size, 1.0 / RATE)
    return np.fft.irfft(np.fft.rfft(x, size) * gain(f), size)[:len(x)]


def coloured(rng, n, shape):
    """Gaussian noise whose spectrum is shape(frequencies)."""
    x = rng.standard_normal(quick_size(n))
    return filtered(x, lambda f: shape(np.maximum(f, 20.0)))[:n]


def slow(rng, n, seconds, low, high):
    """A smooth random curve between low and high."""
    knots = int(n / (RATE * seconds)) + 3
    values = rng.uniform(low, high, knots)
    at = np.arange(n) / (RATE * seconds)
    return np.interp(at, np.arange(knots), values)


def plain(rng, n, kind):
    power = {"white": 0.0, "pink": -0.5, "brown": -1.0}[kind]

    least = rng.uniform(20, 150) if kind == "brown" else 0

    def shape(f):
        return f ** power * (f > least)
    x = coloured(rng, n, shape)
    if rng.random() < 0.3:
        swing = rng.uniform(2, 12)
        x = x * decibel(slow(rng, n, rng.uniform(0.2, 4), -swing, 0))
    return x


def street(rng, n):
    """Engines, wind, rooms: any smooth spectrum, louder and softer."""
    knots = np.concatenate([[0.0], np.sort(rng.uniform(50, 4000, 7)), [4000]])
    gains = rng.uniform(-25, 0, 9)

    def shape(f):
        return decibel(np.interp(f, knots, gains)) * f ** rng.uniform(-1, 0)
    swing = rng.choice([0.0, 3.0, 8.0, 14.0])
    return coloured(rng, n, shape) * decibel(
        slow(rng, n, rng.uniform(0.15, 3.0), -swing, 0))


def hum(rng, n, base):
    t = np.arange(n) / RATE
    out = np.zeros(n)
    rough = rng.uniform(0.2, 1.0)
    for h in range(1, 24):
        gain = 1.0 if h == 1 else rough * rng.uniform(0, 1.5) / h ** rng.uniform(0.3, 1.2)
        if h % 2 == 0:
            gain *= rng.uniform(0, 1)
        out += gain * np.sin(2 * np.pi * base * h * t + rng.uniform(0, 6.28))
    out *= decibel(slow(rng, n, 1.0, -rng.choice([0.0, 2.0]), 0))
    out /= np.sqrt(np.mean(out ** 2))
    floor = coloured(rng, n, lambda f: f ** rng.choice([0.0, -0.5]))
    return out + floor / np.std(floor) * decibel(rng.uniform(-40, -15))


def clicks(rng, n):
    """Keys, knocks and crackle over a low floor."""
    out = rng.standard_normal(n) * decibel(rng.uniform(-60, -35))
    pace = rng.uniform(0.8, 8.0)
    at = 0
    while True:
        at += int(rng.exponential(1 / pace) * RATE) + 2
        m = int(rng.choice([2, 5, 12, 30, 80, 160, 320, 700]))
        if at + m >= n:
            return out
        i = np.arange(m)
        ring = np.sin(2 * np.pi * rng.uniform(150, 3500) * i / RATE)
        body = rng.uniform(0, 1) * ring + rng.uniform(0, 1) * rng.standard_normal(m)
        out[at:at + m] += 6 * rng.uniform(0.2, 1) * np.exp(-rng.uniform(2, 6) * i / m) * body


def line(rng, n):
    """An old line: hiss that swells, a little hum, crackle."""
    out = plain(rng, n, "white") * slow(rng, n, 1.5, 0.7, 1.3)
    out += hum(rng, n, rng.choice([50, 60])) * decibel(rng.uniform(-20, -5))
    for at in rng.integers(0, max(1, n - 20), int(n / RATE * rng.uniform(1, 8))):
        m = int(rng.integers(4, 16))
        out[at:at + m] += rng.choice([-1, 1]) * rng.uniform(2, 8) * np.exp(
            -np.arange(m) / 2.0)[:n - at] * (-1.0) ** np.arange(m)
    return out


def comfort(rng, n):
    """Discontinuous transmission: the floor changes, and is gone at times."""
    out = np.zeros(n)
    room = plain(rng, n, "pink")
    made = plain(rng, n, "white")
    room, made = room / np.std(room), made / np.std(made)
    other = decibel(rng.uniform(-8, -1))
    at = 0
    while at < n:
        m = int(rng.uniform(0.15, 3.0) * RATE)
        kind = rng.integers(0, 4)
        if kind < 3:
            out[at:at + m] = (room if kind == 0 else made * other)[at:at + m]
        at += m
    return out


def reverberate(rng, x):
    """What a room adds to a voice near its microphone."""
    m = int(rng.uniform(0.1, 0.35) * RATE)
    tail = rng.standard_normal(m) * np.exp(-6.9 * np.arange(m) / m)
    tail *= decibel(rng.uniform(-22, -10)) / np.sqrt(np.sum(tail ** 2))
    size = quick_size(len(x) + m)
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)
    return y[:len(x)]


def beep(out, at, seconds, tones, rng=None):
    m = min(int(seconds * RATE), len(out) - at)
    if m <= 0:
        return
    i = np.arange(m)
    ramp = np.minimum(1.0, np.minimum(i, m - 1 - i) / 40.0)
    for f in tones:
        out[at:at + m] += ramp * np.sin(2 * np.pi * f * i / RATE)


def dtmf(rng, n):
    """Keys as people press them, or one key again and again."""
    out = np.zeros(n)
    if rng.random() < 0.35:
        key = (rng.choice(DTMF_ROWS), rng.choice(DTMF_COLUMNS))
        on, off = rng.uniform(0.05, 0.4), rng.uniform(0.05, 1.0)
        for at in range(0, n, int((on + off) * RATE)):
            beep(out, at, on, key)
        return out
    at = int(rng.uniform(0.2, 1.5) * RATE)
    while at < n:
        for _ in range(rng.integers(1, 7)):
            seconds = rng.uniform(0.05, 0.4)
            beep(out, at, seconds,
                 (rng.choice(DTMF_ROWS), rng.choice(DTMF_COLUMNS)))
            at += int((seconds + rng.uniform(0.04, 0.2)) * RATE)
        at += int(rng.uniform(0.5, 3.0) * RATE)
    return out


def cadence(rng, n, choices):
    tones, times = choices[rng.integers(len(choices))]
    tones = [f * rng.uniform(0.985, 1.015) for f in tones]
    out = np.zeros(n)
    at, k = int(rng.uniform(0, 2) * RATE), 0
    while at < n:
        if k % 2 == 0:
            beep(out, at, times[k % len(times)], tones)
        at += int(times[k % len(times)] * RATE)
        k += 1
    return out


def information(rng, n):
    """Three rising tones, sweeps and sirens."""
    out = np.zeros(n)
    at = int(rng.uniform(0, 2) * RATE)
    if rng.random() < 0.5:
        while at < n:
            for f in (950, 1400, 1800):
                beep(out, at, 0.33, (f,))
                at += int(0.34 * RATE)
            at += int(rng.uniform(1, 4) * RATE)
        return out
    pitch = slow(rng, n, rng.uniform(0.2, 2.0), 300, 1800)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE)


def effects(rng, n, sounds):
    """Steps, doors, animals, tools, rain: recordings, one after another."""
    out = rng.standard_normal(n) * decibel(rng.uniform(-65, -35))
    bed = sounds[rng.integers(len(sounds))]
    if len(bed) > 4 * RATE and rng.random() < 0.7:
        at = rng.integers(0, len(bed))
        out += decibel(rng.uniform(-25, 0)) * 3 * np.resize(
            np.roll(bed, -at), n) / (np.std(bed) + 1e-9) * 0.2
    pace = rng.uniform(0.3, 2.5)
    at = int(rng.uniform(0, 1) * RATE)
    while at < n:
        x = sounds[rng.integers(len(sounds))][:3 * RATE]
        for _ in range(rng.integers(1, 5)):
            m = min(len(x), n - at)
            if m > 0:
                out[at:at + m] += rng.uniform(0.2, 1) * x[:m] / (
                    np.max(np.abs(x)) + 1e-9)
            at += int(len(x) + rng.uniform(0.05, 0.5) * RATE)
        at += int(rng.exponential(1 / pace) * RATE)
    return out


def motor(rng, n):
    """A fan, a lift, an engine: lines that slide, over broad noise."""
    speed = slow(rng, n, rng.uniform(1, 5), 0.7, 1.4) * rng.uniform(15, 160)
    phase = 2 * np.pi * np.cumsum(speed) / RATE
    out = np.zeros(n)
    for h in range(1, 16):
        out += rng.uniform(0, 1) / h ** rng.uniform(0.3, 1.5) * np.sin(
            h * phase + rng.uniform(0, 6.28))
    body = street(rng, n)
    return out / np.std(out) * decibel(rng.uniform(-18, 3)) + body / np.std(body)


def with_floor(rng, x, low=-50, high=-25):
    peak = np.max(np.abs(x)) or 1.0
    return x / peak + rng.standard_normal(len(x)) * decibel(
        rng.uniform(low, high))


def made_music(rng, n):
    """Chords, a tune and a beat: not great art, but on hold for ever."""
    beat = rng.uniform(0.2, 0.6)
    root = rng.uniform(90, 220)
    scale = (0, 2, 4, 5, 7, 9, 11) if rng.random() < .5 else (0, 2, 3, 5, 7, 8, 10)
    decay = rng.uniform(0.5, 5.0)
    partials = rng.integers(1, 9)
    fall = rng.uniform(0.5, 1.6)
    vibrato = rng.choice([0.0, 0.0, 0.006])
    drums, chords = rng.uniform(0, 1.2), rng.uniform(0, 1)
    out = np.zeros(n + 4 * RATE)
    step = 0
    degree = 0
    for at in range(0, n, int(beat * RATE)):
        notes = []
        if rng.random() < 0.75:
            degree = int(np.clip(degree + rng.integers(-3, 4), -3, 10))
            notes.append((degree, rng.integers(1, 4) * beat, 1.0, 2))
        if step % 4 == 0:
            base = int(rng.choice([0, 3, 4, 5]))
            notes += [(base + k, 4 * beat, 0.5 * chords, 1) for k in (0, 2, 4)]
            notes.append((base, 2 * beat, 0.6 * chords, 0.5))
        for d, seconds, gain, octave in notes:
            semis = 12 * (d // 7) + scale[d % 7]
            f = root * octave * 2 ** (semis / 12)
            m = int(min(seconds, 3) * RATE)
            t = np.arange(m) / RATE
            phase = 2 * np.pi * f * t + vibrato * f / 5 * np.sin(2 * np.pi * 5 * t)
            shape = np.exp(-decay * t) * np.minimum(1, t / 0.01) * np.minimum(1, (m - np.arange(m)) / 200)
            for h in range(1, partials + 1):
                if f * h < 3800:
                    out[at:at + m] += gain * h ** -fall * shape * np.sin(h * phase)
        m = 800
        hit = rng.standard_normal(m) * np.exp(-np.arange(m) / rng.uniform(60, 250))
        if step % 2 == 0:
            hit = 2 * np.sin(2 * np.pi * 80 * np.arange(m) / RATE) * np.exp(-np.arange(m) / 200.0)
        out[at:at + m] += drums * hit
        step += 1
    return with_floor(rng, out[:n], -60, -40)


def wind(rng, n):
    """Breath and wind on the microphone: low bursts."""
    cut = rng.uniform(150, 700)
    x = coloured(rng, n, lambda f: 1 / (1 + (f / cut) ** 2))
    gust = np.maximum(0, slow(rng, n, rng.uniform(0.08, 0.5), -1.0, 1.0)) ** 2
    steady = rng.choice([0.01, 0.01, 0.2])
    return with_floor(rng, x * (gust + steady), -60, -25)


SIMPLE = {
    "street": street, "clicks": clicks, "line": line, "cng": comfort,
    "wind": wind, "motor": motor, "music": made_music,
    "dtmf": lambda rng, n: with_floor(rng, dtmf(rng, n), -70),
    "ringback": lambda rng, n: with_floor(rng, cadence(rng, n, RINGBACK), -70),
    "busy": lambda rng, n: with_floor(rng, cadence(rng, n, BUSY), -70),
    "tone": lambda rng, n: with_floor(rng, cadence(rng, n, OTHER_TONES), -70),
    "siren": lambda rng, n: with_floor(rng, information(rng, n)),
    "hum50": lambda rng, n: hum(rng, n, 50),
    "hum60": lambda rng, n: hum(rng, n, 60),
}


def make(kind, rng, n):
    """Return n samples of a kind of noise, at no particular level."""
    if kind in ("white", "pink", "brown"):
        return plain(rng, n, kind)
    return SIMPLE[kind](rng, n)
