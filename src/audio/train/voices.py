"""Recorded and synthesised voices, cut to speech.

Recordings are those of Debian packages, unpacked below a root directory;
voices of flite, festival and espeak-ng are synthesised on the spot from
sentences made up here.
"""
import os
import random
import subprocess
import wave

import numpy as np

RATE = 8000
HOP = 40  # samples between two measurements of the level

SOUNDS = "usr/share/asterisk/sounds/"
TESTDATA = "usr/share/pocketsphinx/test/data/"
RECORDED = {
    "allison": SOUNDS + "en_US_f_Allison",
    "allison-es": SOUNDS + "es_MX_f_Allison",
    "june": SOUNDS + "fr_CA_f_June",
    "carlo": SOUNDS + "it_IT_m_Carlo",
    "menardi": SOUNDS + "it_IT_f_Menardi",
    "ivrvoice": SOUNDS + "ru_RU_f_IvrvoiceRU",
    "librivox": TESTDATA + "librivox",
    "cards": TESTDATA + "cards",
    "armelle": SOUNDS + "fr",
}
# Of the GNU GPL: to test on, not to train on.
RECORDED["july"] = SOUNDS + "es"
LETTERS = "usr/share/klettres/"
RECORDED.update(("letters-" + language, LETTERS + language + "/") for language
                in ("da", "en", "en_GB", "fr", "ru", "tn", "uk"))
GAME = "audio/voice/"
RECORDED.update(("%s-%s" % (people, who), GAME + people + "/civ/civ_" + who)
                for people in ("greek", "latin", "persian", "napatan")
                for who in ("male", "female"))
FESTIVAL = {
    "ked": "ked_diphone", "lj": "suo_fi_lj_diphone",
    "mv": "hy_fi_mv_diphone", "ona": "upc_ca_ona_hts",
    "nsh": "msu_ru_nsh_clunits",
}
FLITE = ("kal", "awb", "rms", "slt")
ESPEAK = ("de+f2", "es+m4", "pl+f5", "tr+m7")
SYNTHETIC = FLITE + tuple(FESTIVAL) + ESPEAK
RUSSIAN = ("мы хотели бы заказать", "мне нужно отменить", "я потерял",
           "когда приедет", "скажите пожалуйста где")
RUSSIAN_END = ("два билета на завтра", "машину к вокзалу", "этот счёт",
               "мой врач", "синюю папку", "новый адрес", "ужин на четверых",
               "почту до вечера")
RUSSIAN_SHORT = ("да", "нет", "спасибо", "алло", "хорошо", "четыре восемь",
                 "не сегодня", "до свидания", "минуту")
NOT_SPEECH = ("silence/", "beep", "2tone", "tt-monkeys")

WHO = ("I", "we", "they", "my sister", "the driver", "your office",
       "a neighbour", "both of us", "Mister Shaw", "nobody")
DID = ("would like", "need", "asked for", "forgot", "cannot find", "changed",
       "are waiting for", "have to cancel", "already paid", "saw")
WHAT = ("an appointment", "two large pizzas", "the invoice", "a taxi",
        "the blue folder", "this number", "a refund", "the next train",
        "her prescription", "four tickets", "that address", "some help")
WHEN = ("on Thursday", "at half past six", "before noon", "tomorrow evening",
        "this week", "in a few minutes", "by the fifth of July", "again",
        "as soon as possible", "for the children", "", "")
SHORT = ("yes", "no", "okay", "thank you", "hello?", "seven", "five six",
         "what?", "please", "uh huh", "stop", "maybe later", "goodbye",
         "right", "hold on", "sure", "I think so", "not today")


def sentences(count, rng):
    """Short answers, numbers and whole sentences."""
    out = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.25:
            out.append(rng.choice(SHORT))
        elif kind < 0.4:
            out.append(" ".join(rng.choice("0123456789")
                                for _ in range(rng.randint(2, 9))))
        else:
            out.append(" ".join(rng.choice(part)
                                for part in (WHO, DID, WHAT, WHEN)) + ".")
    return out


def russian(count, rng):
    return [rng.choice(RUSSIAN_SHORT) if rng.random() < 0.3 else
            rng.choice(RUSSIAN) + " " + rng.choice(RUSSIAN_END)
            for _ in range(count)]


def resample(x, old, new):
    """Change the rate by way of the spectrum; old and new in samples/s."""
    if old == new:
        return x
    count = max(1, int(round(len(x) * new / old)))
    spectrum = np.fft.rfft(x)
    bins = count // 2 + 1
    if bins <= len(spectrum):
        spectrum = spectrum[:bins]
    else:
        spectrum = np.pad(spectrum, (0, bins - len(spectrum)))
    return np.fft.irfft(spectrum, count) * (count / len(x))


def warp(x, factor):
    """Another vocal tract: stretch the spectrum's envelope, keep the pitch."""
    size, hop, smooth = 256, 64, 22
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    count = len(x) // hop + 4
    padded = np.pad(x, (size - hop, (count + 4) * hop - len(x)))
    at = np.arange(count)[:, None] * hop + np.arange(size)
    spectrum = np.fft.rfft(padded[at] * window, axis=1)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1.0), axis=1)
    cepstrum[:, smooth:size - smooth + 1] = 0.0
    envelope = np.fft.rfft(cepstrum, axis=1).real
    bins = np.arange(size // 2 + 1)
    source = np.clip(bins * factor, 0, size // 2)
    low = np.minimum(source.astype(int), size // 2 - 1)
    part = source - low
    moved = envelope[:, low] * (1 - part) + envelope[:, low + 1] * part
    spectrum *= np.exp(np.clip(moved - envelope, -2.5, 2.5))
    frames = np.fft.irfft(spectrum, axis=1) * window
    out = np.zeros(len(padded))
    for k in range(size // hop):
        part = np.zeros(len(padded))
        block = frames[k::size // hop]
        start = k * hop
        part[start:start + block.size] = block.reshape(-1)[:len(part) - start]
        out += part
    return out[size - hop:size - hop + len(x)] / 1.5


def levels(x):
    """Level in dB below full scale every HOP samples, over 20 ms."""
    total = np.concatenate([[0.0], np.cumsum(x * x)])
    middle = np.arange(len(x) // HOP) * HOP + HOP // 2
    low = np.clip(middle - 80, 0, len(x))
    high = np.clip(middle + 80, 0, len(x))
    power = (total[high] - total[low]) / np.maximum(1, high - low)
    return 10 * np.log10(power / 32768.0 ** 2 + 1e-12)


def find_speech(x):
    """Return the stretches of speech, [begin, end) in samples, and its RMS.

    Speech is what is within 33 dB of the loud parts and 6 dB above the
    floor; pauses below 200 ms belong to it.
    """
    e = levels(x)
    if len(e) < 8 or e.max() < -60:
        return [], 0.0
    active = 10 * np.log10(np.mean(10 ** (e[e > e.max() - 25] / 10)))
    floor = np.percentile(e, 5)
    limit = max(active - 33, min(floor + 6, active - 15), -70)
    edges = np.flatnonzero(np.diff(np.concatenate(
        [[0], (e > limit).astype(int), [0]])))
    spans = []
    for begin, end in zip(edges[::2], edges[1::2]):
        if spans and begin - spans[-1][1] < 40:
            spans[-1][1] = end
        else:
            spans.append([begin, end])
    spans = [(b * HOP, t * HOP) for b, t in spans if t - b >= 6]
    return spans, 32768 * 10 ** (active / 20)


class Clip:
    """A recording: samples, stretches of speech, level of the speech."""

    def __init__(self, speaker, x):
        self.speaker = speaker
        self.x = x
        self.spans, self.rms = find_speech(x)

    def usable(self):
        if not self.spans:
            return False
        length = (self.spans[-1][1] - self.spans[0][0]) / RATE
        return 0.2 <= length <= 9.0

    def faster(self, factor):
        """The same words by another throat: higher and faster, or lower."""
        copy = object.__new__(Clip)
        copy.speaker = self.speaker
        copy.x = resample(self.x, int(1000 * factor), 1000)
        copy.spans = [(int(b / factor), int(t / factor))
                      for b, t in self.spans]
        copy.rms = self.rms
        return copy


def read_wave(path):
    """Return samples and their rate; what is not a plain file goes by sox."""
    if path.endswith(".raw"):
        return np.fromfile(path, "<i2").astype(float), 16000
    if not path.endswith(".wav"):
        raw = subprocess.run(
            ["sox", "-D", "-V1", path, "-t", "raw", "-r", str(RATE), "-e",
             "signed", "-b", "16", "-c", "1", "-", "gain", "-h"],
            stdout=subprocess.PIPE, check=True).stdout
        return np.frombuffer(raw, "<i2").astype(float), RATE
    with wave.open(path) as w:
        x = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(float)
        return x, w.getframerate()


def sound_files(base):
    """Files below a folder, or those whose path begins so."""
    top = base if os.path.isdir(base) else os.path.dirname(base)
    for folder, _, files in sorted(os.walk(top)):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if path.startswith(base) and name.endswith(
                    (".wav", ".gsm", ".ogg")):
                yield path


def recordings(root, speaker):
    base = os.path.join(root, RECORDED[speaker])
    found = []
    for path in sound_files(base):
        if any(word in path[len(base):] for word in NOT_SPEECH):
            continue
        x, rate = read_wave(path)
        found.append(Clip(speaker, resample(x, rate, RATE)))
    if not found:
        raise SystemExit("no recordings in " + base)
    return found


def synthesiser(voice, rng):
    """The command that speaks; the text and the output's name come after."""
    if voice in FLITE:
        return ["flite", "-voice", voice, "--setf",
                "duration_stretch=%.2f" % rng.uniform(0.75, 1.25), "-t"], "-o"
    if voice in FESTIVAL:
        return ["sh", "-c", "printf '%%s' \"$1\" | text2wave -eval "
                "'(voice_%s)' -o \"$3\"" % FESTIVAL[voice], "sh"], "-o"
    return ["espeak-ng", "-v", voice, "-s", str(rng.randint(125, 220)), "-p",
            str(rng.randint(20, 80))], "-w"


def synthesised(voice, work, count=60):
    rng = random.Random("voice " + voice)
    path = os.path.join(work, "voice-%s-%d.wav" % (voice, os.getpid()))
    found = []
    texts = russian if voice == "nsh" else sentences
    for text in texts(count, rng):
        command, output = synthesiser(voice, rng)
        subprocess.run(command + [text, output, path], check=True,
                       stderr=subprocess.DEVNULL)
        x, rate = read_wave(path)
        found.append(Clip(voice, resample(x, rate, RATE)))
    os.remove(path)
    return found


def load(root, work, speakers):
    """Return {speaker: usable clips}."""
    voices = {}
    for s in speakers:
        clips = synthesised(s, work) if s in SYNTHETIC else recordings(root, s)
        clips = [c for c in clips if c.usable()]
        if clips:
            voices[s] = clips
    return voices
