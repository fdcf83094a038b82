#!/usr/bin/env node
/*
 * Callers who read what they hear.  See --help.
 */
'use strict';

const fs = require('fs');
const WebSocket = require('ws');

const HELP = `Usage: callers.js PORT FILE

Places the calls of FILE, a JSON array of objects, all at once on the media
socket at PORT of the loopback:

  host      Host header
  call      CallSid
  turns     what to wait for before each time the caller speaks, and after the
            last one before hanging up: "TEXT" that was read, "tones", or a
            number of milliseconds
  max       milliseconds after which the caller hangs up anyway (15000)
  wav       what the caller says, a WAV file of 16 bits at 8000 Hz
  record    true for all that was heard, mu-law as base64, in "audio"; nothing of
            it is read

A voice of provider.js spells what it says between << and >>.  Prints a JSON
array: per call, what was read or "(tones)" for sound that spells nothing, in
order, and the milliseconds from the end of the caller's speech until then:

  [{"call":...,"heard":[...],"after":[...],"code":1000}]
`;

if (process.argv.includes('--help') || process.argv.length < 4) {
    process.stdout.write(HELP);
    process.exit(process.argv.includes('--help') ? 0 : 2);
}

const FRAME = 160;
const SILENCE = Buffer.alloc(FRAME, 0xff);

function encode(sample) {
    const sign = sample < 0 ? 0x80 : 0;
    const value = Math.min(Math.abs(sample), 32635) + 0x84;
    let exponent = 7;
    for (let mask = 0x4000; exponent > 0 && !(value & mask); mask >>= 1) {
        exponent--;
    }
    return ~(sign | (exponent << 4) | ((value >> (exponent + 3)) & 0x0f)) & 0xff;
}

const waves = new Map();

// The frames of a WAV file, at most a second of them.
function frames(file) {
    if (!waves.has(file)) {
        const data = fs.readFileSync(file).subarray(44, 44 + 16000);
        const ulaw = Buffer.alloc(data.length >> 1);
        for (let i = 0; i < ulaw.length; i++) {
            ulaw[i] = encode(data.readInt16LE(i * 2));
        }
        const list = [];
        for (let at = 0; at + FRAME <= ulaw.length; at += FRAME) {
            list.push(ulaw.subarray(at, at + FRAME));
        }
        waves.set(file, list);
    }
    return waves.get(file);
}

class Caller {
    constructor(port, plan) {
        Object.assign(this, plan);
        this.result = { call: plan.call, heard: [], after: [], code: 0 };
        this.text = '';
        this.recorded = [];
        this.sound = 0;
        this.queue = [];
        this.turn = 0;
        this.seen = 0;
        this.at = 0;
        this.count = 0;
        this.until = Date.now();
        this.stream = `MZ${plan.call}`;
        this.spoke = Date.now();
        this.waited = Date.now();
        this.socket = new WebSocket(`ws://127.0.0.1:${port}/media`, {
            headers: { Host: plan.host },
        });
        this.done = new Promise((resolve) => {
            this.socket.on('error', () => {});
            this.socket.on('close', (code) => {
                clearInterval(this.ticker);
                this.flush();
                this.result.code = code;
                if (this.record) {
                    this.result.audio = Buffer.concat(this.recorded).toString('base64');
                }
                resolve(this.result);
            });
        });
        this.socket.on('open', () => this.open());
        this.socket.on('message', (data) => this.message(JSON.parse(data)));
    }

    send(event, more) {
        this.socket.send(
            JSON.stringify({ event, streamSid: this.stream, ...more })
        );
    }

    open() {
        this.socket.send(
            JSON.stringify({
                event: 'connected',
                protocol: 'Call',
                version: '1.0.0',
            })
        );
        this.send('start', {
            sequenceNumber: '1',
            start: {
                streamSid: this.stream,
                accountSid: 'AC1',
                callSid: this.call,
                tracks: ['inbound'],
                mediaFormat: {
                    encoding: 'audio/x-mulaw',
                    sampleRate: 8000,
                    channels: 1,
                },
                customParameters: {},
            },
        });
        this.begun = Date.now();
        this.waited = this.begun;
        this.ticker = setInterval(() => this.tick(), 10);
    }

    // Sends the frames that are due, and speaks when it is the caller's turn.
    tick() {
        const now = Date.now();
        while (this.at < now - this.begun) {
            const frame = this.queue.shift() || SILENCE;
            if (frame !== SILENCE) {
                this.spoke = now;
            }
            this.send('media', {
                media: {
                    track: 'inbound',
                    chunk: String(++this.count),
                    timestamp: String(this.at),
                    payload: frame.toString('base64'),
                },
            });
            this.at += 20;
        }
        if (!this.queue.length && this.ready(now)) {
            this.waited = now;
            this.seen = this.result.heard.length;
            if (this.turn + 1 >= this.turns.length) {
                this.hangup();
                return;
            }
            this.turn++;
            this.queue.push(...frames(this.wav));
        }
        if (now - this.begun > (this.max || 15000)) {
            this.hangup();
        }
    }

    ready(now) {
        const what = this.turns[this.turn];
        if (typeof what === 'number') {
            return now - this.waited >= what;
        }
        const heard = this.result.heard.slice(this.seen);
        if (what === 'tones') {
            if (this.sound > 800 && now > this.until + 100) {
                this.flush();
            }
        }
        return (
            now > this.until + 150 &&
            heard.some((text) =>
                what === 'tones' ? text === '(tones)' : text.includes(what)
            )
        );
    }

    hangup() {
        clearInterval(this.ticker);
        this.send('stop', { stop: { accountSid: 'AC1', callSid: this.call } });
    }

    hear(text) {
        this.result.heard.push(text);
        this.result.after.push(Date.now() - this.spoke);
    }

    flush() {
        if (this.sound > 800) {
            this.hear('(tones)');
        }
        this.sound = 0;
    }

    message(msg) {
        if (msg.event === 'media') {
            const bytes = Buffer.from(msg.media.payload, 'base64');
            this.until = Math.max(this.until, Date.now()) + bytes.length / 8;
            if (this.record) {
                this.recorded.push(bytes);
                this.count_sound(bytes.toString('latin1'));
            } else {
                this.read(bytes);
            }
        } else if (msg.event === 'mark') {
            setTimeout(
                () => this.socket.readyState === 1 &&
                    this.send('mark', { mark: msg.mark }),
                Math.max(0, this.until - Date.now())
            );
        } else if (msg.event === 'clear') {
            this.until = Date.now();
            this.hear('(clear)');
        }
    }

    read(bytes) {
        this.text += bytes.toString('latin1');
        for (;;) {
            const begin = this.text.indexOf('<<');
            const end = this.text.indexOf('>>', begin);
            if (begin < 0 || end < 0) {
                break;
            }
            this.count_sound(this.text.slice(0, begin));
            this.flush();
            this.hear(this.text.slice(begin + 2, end));
            this.text = this.text.slice(end + 2);
        }
        if (!this.text.includes('<<')) {
            this.count_sound(this.text);
            this.text = this.text.endsWith('<') ? '<' : '';
        }
    }

    count_sound(text) {
        this.sound += text.replace(/[\xff\x7f\xfe\x7e]/g, '').length;
    }
}

const plans = JSON.parse(fs.readFileSync(process.argv[3]));
Promise.all(
    plans.map((plan) => new Caller(process.argv[2], plan).done)
).then((results) => {
    process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
});
