#!/usr/bin/env node
/*
 * Plays Deepgram: /v1/listen and /v1/speak, from its published interface.
 * See --help.
 */
'use strict';

const http = require('http');
const express = require('express');
const { WebSocketServer } = require('ws');
const { Ear, Script, help, listen, option, say, speak, ulawSpeech } = require('./common');

help(`Usage: deepgram.js [--port N] [--key KEY] [--say "first|second|..."]
                   [--idle MS] [--gap MS] [--first MS] [--fault NAME]

Listens on the loopback, says {"port":N}, and then a line for each connection
and request.  KEY is "dg-key" unless told.

WebSocket /v1/listen   hears speech in mu-law by its loudness and finds that it
                       was the next sentence of --say
POST /v1/speak         mu-law, 60 ms a character

--idle MS   without a message for so long it closes (10000)
--gap MS    between pieces of speech (2); --first MS before the first (0)
--fault     of listening: status500, status402, hang, cut, garbage, binary,
            noise (UtteranceEnd instead of speech_final), mute (no answers),
            slow (Finalize is answered after a second)
            of speaking: status500, status429, html, json, mp3, wav, empty,
            odd, hang, stall, cut, huge
`);

const KEY = option('key', 'dg-key');
const FAULT = option('fault', '');
const LISTEN = {
    model: /^[a-z0-9-]+$/,
    language: /^[a-zA-Z]{2,5}(-[A-Za-z0-9]+)?$/,
    encoding: /^mulaw$/,
    sample_rate: /^8000$/,
    channels: /^1$/,
    interim_results: /^(true|false)$/,
    punctuate: /^(true|false)$/,
    smart_format: /^(true|false)$/,
    numerals: /^(true|false)$/,
    vad_events: /^(true|false)$/,
    endpointing: /^(false|\d+)$/,
    utterance_end_ms: /^\d{4,}$/,
    keyterm: /./,
    keywords: /./,
    tag: /./,
};
const SPEAK = {
    model: /^aura-[a-z0-9-]+$/,
    encoding: /^mulaw$/,
    sample_rate: /^8000$/,
    container: /^none$/,
    tag: /./,
};

/* Returns what is wrong with a query, or null. */
function wrong(query, known, needed) {
    for (const [name, value] of query) {
        if (!known[name]) {
            return `unknown parameter ${name}`;
        }
        if (!known[name].test(value)) {
            return `bad value of ${name}`;
        }
    }
    const missing = needed.find((name) => !query.has(name));

    return missing ? `no ${missing}` : null;
}

function problem(status, code, message) {
    return {
        status,
        body: JSON.stringify({ err_code: code, err_msg: message, request_id: 'r-1' }),
    };
}

function refusal(req, query, known, needed) {
    if (req.headers.authorization !== `Token ${KEY}`) {
        return problem(401, 'INVALID_AUTH', 'Invalid credentials.');
    }
    const fault = wrong(query, known, needed);

    if (fault) {
        return problem(400, 'Bad Request', fault);
    }
    if (FAULT === 'status402') {
        return problem(402, 'ASR_PAYMENT_REQUIRED', 'Project has no credits left.');
    }
    if (FAULT === 'status429') {
        return problem(429, 'TOO_MANY_REQUESTS', 'Too many requests.');
    }
    return FAULT === 'status500' ? problem(500, 'INTERNAL', 'Something broke.') : null;
}

class Listener {
    constructor(ws, query) {
        this.ws = ws;
        this.ear = new Ear();
        this.script = new Script();
        this.endpointing = Number(query.get('endpointing') || 10) || Infinity;
        this.utteranceEnd = Number(query.get('utterance_end_ms') || 0) || Infinity;
        this.interims = query.get('interim_results') === 'true';
        this.shown = 0;
        this.bytes = 0;
        this.idle = null;
        this.rest();
    }

    rest() {
        clearTimeout(this.idle);
        this.idle = setTimeout(() => {
            this.ws.close(1011, 'NET-0001');
        }, Number(option('idle', 10000)));
    }

    send(message) {
        if (this.ws.readyState === this.ws.OPEN && FAULT !== 'mute') {
            this.ws.send(JSON.stringify(message));
        }
    }

    results(text, { final, speechFinal = false, finalize = false }) {
        if (FAULT === 'garbage') {
            this.ws.send('{"type":"Results","chan');
            return;
        }
        if (FAULT === 'binary') {
            this.ws.send(Buffer.from('RIFF'));
            return;
        }
        this.send({
            type: 'Results',
            channel_index: [0, 1],
            duration: this.ear.voiced / 1000,
            start: (this.ear.heard - this.ear.voiced) / 1000,
            is_final: final,
            speech_final: speechFinal,
            from_finalize: finalize,
            channel: {
                alternatives: [
                    {
                        transcript: text,
                        confidence: text ? 0.98 : 0,
                        words: text
                            .split(' ')
                            .filter(Boolean)
                            .map((word) => ({ word, start: 0, end: 0, confidence: 0.98 })),
                    },
                ],
            },
            metadata: { request_id: 'r-1', model_info: {}, model_uuid: 'm-1' },
        });
    }

    settle(flags) {
        const text = this.ear.voiced >= 100 ? this.script.whole() : '';

        this.results(text, { final: true, ...flags });
        this.ear.forget();
        this.shown = 0;
    }

    audio(data) {
        this.bytes += data.length;
        this.ear.feed(data);
        if (this.interims && this.ear.voiced - this.shown >= 500) {
            this.shown = this.ear.voiced;
            this.results(this.script.words(this.ear.voiced), { final: false });
            if (FAULT === 'cut') {
                this.ws.terminate();
                return;
            }
        }
        if (FAULT === 'noise') {
            if (this.ear.silent >= this.utteranceEnd) {
                this.settle({});
                this.send({ type: 'UtteranceEnd', channel: [0, 1], last_word_end: 1.5 });
            }
        } else if (this.ear.silent >= this.endpointing) {
            this.settle({ speechFinal: true });
        }
    }

    control(data) {
        let message;

        try {
            message = JSON.parse(data.toString());
        } catch {
            this.ws.close(1008, 'DATA-0000');
            return;
        }
        say({ control: message });
        switch (message.type) {
            case 'KeepAlive':
                return;
            case 'Finalize':
                setTimeout(
                    () => this.settle({ finalize: true }),
                    FAULT === 'slow' ? 1000 : 20
                );
                return;
            case 'CloseStream':
                if (this.ear.voiced >= 100) {
                    this.settle({});
                }
                this.send({
                    type: 'Metadata',
                    request_id: 'r-1',
                    duration: this.ear.heard / 1000,
                    channels: 1,
                });
                this.ws.close(1000);
                return;
            default:
                this.ws.close(1008, 'unknown message');
        }
    }
}

const app = express();
const server = http.createServer(app);
const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 });

server.on('upgrade', (req, socket, head) => {
    const url = new URL(req.url, 'http://x');
    const no =
        url.pathname === '/v1/listen'
            ? refusal(req, url.searchParams, LISTEN, ['encoding', 'sample_rate'])
            : problem(404, 'NOT_FOUND', 'No such path.');

    say({ open: req.url, refused: no ? no.status : 0 });
    if (FAULT === 'hang') {
        return;
    }
    if (no) {
        socket.end(
            `HTTP/1.1 ${no.status} No\r\nContent-Type: application/json\r\n` +
                `Content-Length: ${no.body.length}\r\nConnection: close\r\n\r\n${no.body}`
        );
        return;
    }
    sockets.handleUpgrade(req, socket, head, (ws) => {
        const listener = new Listener(ws, url.searchParams);

        ws.on('message', (data, binary) => {
            listener.rest();
            if (binary && data[0] === 0x7b && /^\{"type"/.test(data.toString())) {
                ws.close(1008, 'control in a binary frame');
            } else if (binary) {
                listener.audio(data);
            } else {
                listener.control(data);
            }
        });
        ws.on('close', (code) => {
            clearTimeout(listener.idle);
            say({ closed: code, bytes: listener.bytes });
        });
        ws.on('error', (error) => say({ error: error.message }));
    });
});

app.post('/v1/speak', express.json(), (req, res) => {
    const query = new URL(req.url, 'http://x').searchParams;
    const no = refusal(req, query, SPEAK, ['model', 'encoding', 'sample_rate', 'container']);
    const text = req.body && req.body.text;

    say({ path: req.url, body: req.body });
    if (no) {
        res.status(no.status).type('json').send(no.body);
        return;
    }
    if (typeof text !== 'string' || !text.trim() || text.length > 2000) {
        res.status(400).json({ err_code: 'Bad Request', err_msg: 'No text.' });
        return;
    }
    speak(res, 'audio/mulaw', ulawSpeech(text));
});

listen(server);
