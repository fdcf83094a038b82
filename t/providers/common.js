/*
 * What the servers that play a provider have in common.
 */
'use strict';

const RATE = 8000;

function option(name, other) {
    const at = process.argv.indexOf(`--${name}`);

    return at >= 0 && at + 1 < process.argv.length ? process.argv[at + 1] : other;
}

/* One line of JSON for each thing that happens. */
function say(what) {
    process.stdout.write(`${JSON.stringify(what)}\n`);
}

function help(text) {
    if (process.argv.includes('--help')) {
        process.stdout.write(text);
        process.exit(0);
    }
}

function listen(server) {
    server.listen(Number(option('port', 0)), '127.0.0.1', () =>
        say({ port: server.address().port })
    );
}

/* G.711: a mu-law byte as a linear sample. */
function linear(byte) {
    const u = ~byte & 0xff;
    const t = (((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4);

    return u & 0x80 ? 0x84 - t : t - 0x84;
}

function ulaw(sample) {
    const sign = sample < 0 ? 0x80 : 0;
    let value = Math.min(Math.abs(Math.round(sample)), 32635) + 0x84;
    let exponent = 7;

    while (exponent > 0 && !(value & (0x80 << exponent))) {
        exponent--;
    }
    value = sign | (exponent << 4) | ((value >> (exponent + 3)) & 0x0f);
    return ~value & 0xff;
}

/* A voice as far as it matters: a buzz whose loudness follows syllables. */
function buzz(ms, rate) {
    const n = Math.floor((ms * rate) / 1000);
    const samples = new Int16Array(n);

    for (let i = 0; i < n; i++) {
        const t = i / rate;
        const loud = 0.35 + 0.65 * Math.abs(Math.sin(Math.PI * 4 * t));

        samples[i] =
            loud *
            (5000 * Math.sin(2 * Math.PI * 140 * t) +
                3000 * Math.sin(2 * Math.PI * 700 * t) +
                1500 * Math.sin(2 * Math.PI * 1200 * t));
    }
    return samples;
}

/* 60 ms a character, as people speak. */
function spoken(text) {
    return Math.max(200, 60 * text.length);
}

function ulawSpeech(text) {
    return Buffer.from(Array.from(buzz(spoken(text), RATE), ulaw));
}

function wavSpeech(text, rate) {
    const samples = buzz(spoken(text), rate);
    const data = Buffer.from(samples.buffer);
    const head = Buffer.alloc(44);

    head.write('RIFF', 0);
    head.writeUInt32LE(36 + data.length, 4);
    head.write('WAVEfmt ', 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt32LE(2 * rate, 28);
    head.writeUInt16LE(2, 32);
    head.writeUInt16LE(16, 34);
    head.write('data', 36);
    head.writeUInt32LE(data.length, 40);
    return Buffer.concat([head, data]);
}

/* Sends audio in uneven pieces, as a network does. */
function stream(res, audio, gap) {
    const sizes = [1, 777, 1600, 4096, 333];
    let at = 0;
    let piece = 0;

    (function next() {
        if (res.destroyed) {
            return;
        }
        if (at >= audio.length) {
            res.end();
            return;
        }
        const n = sizes[piece++ % sizes.length];

        res.write(audio.subarray(at, at + n));
        at += n;
        setTimeout(next, gap);
    })();
}

/*
 * Answers with speech as --fault, --first and --gap say: milliseconds before
 * the first piece, and between pieces.
 */
function speak(res, type, audio) {
    const half = audio.subarray(0, 800);
    const faults = {
        html: () => res.type('html').send('<!DOCTYPE html><h1>Welcome</h1>'),
        json: () => res.json({ error: { message: 'Not today.' } }),
        mp3: () => res.type('audio/mpeg').send(Buffer.from('ID3\u0004then more')),
        wav: () => res.type('audio/wav').send(Buffer.from('RIFF1234WAVEjunk')),
        empty: () => res.type(type).end(),
        odd: () => res.type(type).send(audio.subarray(0, 1601)),
        hang: () => {},
        stall: () => res.type(type).write(half),
        cut: () => {
            res.setHeader('content-length', audio.length);
            res.type(type).write(half);
            setTimeout(() => res.destroy(), 50);
        },
        huge: () => {
            const piece = Buffer.alloc(1 << 20, 0x90);
            const more = () => {
                while (!res.destroyed && res.write(piece));
            };

            res.type(type).on('drain', more);
            more();
        },
    };
    const fault = faults[option('fault', '')];

    if (fault) {
        fault();
        return;
    }
    setTimeout(() => {
        res.type(type);
        stream(res, audio, Number(option('gap', 2)));
    }, Number(option('first', 0)));
}

/* Refuses with --fault status429 or status500, in the provider's own words. */
function refuse(res, bodies) {
    const status = Number((/^status(\d+)$/.exec(option('fault', '')) || [])[1]);

    if (status) {
        if (status === 429) {
            res.setHeader('retry-after', '2');
        }
        res.status(status).json(bodies(status));
    }
    return Boolean(status);
}

/*
 * Listens to mu-law as a recogniser does: `onSpeech` when words begin,
 * `onSilence(ms)` with the length of a silence that grows after them.
 */
class Ear {
    constructor() {
        this.frame = [];
        this.heard = 0; /* ms of all audio */
        this.voiced = 0; /* ms of voice since the last forget() */
        this.silent = 0; /* ms of silence after it */
    }

    feed(data) {
        for (const byte of data) {
            this.frame.push(Math.abs(linear(byte)));
            if (this.frame.length === 160) {
                const mean = this.frame.reduce((a, b) => a + b) / 160;

                this.heard += 20;
                if (mean > 400) {
                    this.voiced += 20;
                    this.silent = 0;
                } else if (this.voiced > 0) {
                    this.silent += 20;
                }
                this.frame = [];
            }
        }
    }

    forget() {
        this.voiced = 0;
        this.silent = 0;
    }
}

/* What the caller says, utterance after utterance: --say "one|two". */
class Script {
    constructor() {
        this.lines = option('say', 'what time is it').split('|');
        this.at = 0;
    }

    /* As many of the words as fit into that time. */
    words(ms) {
        const all = this.lines[this.at % this.lines.length].split(' ');

        return all.slice(0, Math.max(1, Math.floor(ms / 250))).join(' ');
    }

    whole() {
        return this.lines[this.at++ % this.lines.length];
    }
}

module.exports = {
    RATE,
    Ear,
    Script,
    help,
    listen,
    option,
    refuse,
    say,
    speak,
    ulawSpeech,
    wavSpeech,
};
