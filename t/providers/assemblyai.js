#!/usr/bin/env node
/*
 * Plays AssemblyAI's Universal-Streaming, version 3, from its published
 * interface.  See --help.
 */
'use strict';

const http = require('http');
const { WebSocketServer } = require('ws');
const { Ear, Script, help, listen, option, say } = require('./common');

help(`Usage: assemblyai.js [--port N] [--key KEY] [--say "first|second|..."]
                     [--fault NAME]

Listens on the loopback, says {"port":N}, and then a line for each connection.
KEY is "aai-key" unless told.

WebSocket /v3/ws   hears speech in mu-law by its loudness and finds that it was
                   the next sentence of --say

A message of less than 50 or more than 1000 ms of audio is refused with 3007,
JSON that it does not know with 3006.

--fault   error (an Error message), cut, sessions (close 3009), garbage
`);

const KEY = option('key', 'aai-key');
const FAULT = option('fault', '');
const KNOWN = {
    sample_rate: /^8000$/,
    encoding: /^pcm_mulaw$/,
    speech_model: /^[a-z0-9-]+$/,
    format_turns: /^(true|false)$/,
    end_of_turn_confidence_threshold: /^0?\.\d+$/,
    min_turn_silence: /^\d+$/,
    max_turn_silence: /^\d+$/,
    vad_threshold: /^0?\.\d+$/,
    keyterms_prompt: /./,
    inactivity_timeout: /^\d+$/,
    language_detection: /^(true|false)$/,
};

function session(ws, query) {
    const ear = new Ear();
    const script = new Script();
    const silence = Number(query.get('min_turn_silence') || 400);
    const formatted = query.get('format_turns') === 'true';
    let order = 0;
    let shown = 0;

    const send = (message) => ws.readyState === ws.OPEN && ws.send(JSON.stringify(message));
    const turn = (text, end, isFormatted) =>
        send({
            type: 'Turn',
            turn_order: order,
            turn_is_formatted: isFormatted,
            end_of_turn: end,
            end_of_turn_confidence: end ? 0.9 : 0.1,
            transcript: text,
            utterance: end ? text : '',
            words: text.split(' ').map((word, i) => ({
                text: word,
                start: i,
                end: i + 1,
                confidence: 0.9,
                word_is_final: true,
            })),
        });
    const endTurn = () => {
        const text = script.whole();

        turn(text, true, false);
        if (formatted) {
            turn(`${text[0].toUpperCase()}${text.slice(1)}.`, true, true);
        }
        order++;
        shown = 0;
        ear.forget();
    };

    send({ type: 'Begin', id: 's-1', expires_at: 1900000000 });
    if (FAULT === 'sessions') {
        ws.close(3009, 'Too many concurrent sessions');
    }
    if (FAULT === 'error') {
        send({ type: 'Error', error_code: 3005, error: 'Server error' });
        ws.close(3005, 'Server error');
    }
    ws.on('message', (data, binary) => {
        if (binary) {
            if (data.length < 400 || data.length > 8000) {
                ws.close(3007, 'Input duration violation');
                return;
            }
            ear.feed(data);
            if (ear.voiced - shown >= 500) {
                shown = ear.voiced;
                if (FAULT === 'garbage') {
                    ws.send('{"type":"Turn"');
                } else if (FAULT === 'cut') {
                    ws.terminate();
                } else {
                    turn(script.words(ear.voiced), false, false);
                }
            }
            if (ear.voiced >= 100 && ear.silent >= silence) {
                endTurn();
            }
            return;
        }
        let message = {};

        try {
            message = JSON.parse(data.toString());
        } catch {
            /* the type is missing then */
        }
        say({ control: message });
        switch (message.type) {
            case 'KeepAlive':
                break;
            case 'ForceEndpoint':
                if (ear.voiced >= 100) {
                    endTurn();
                }
                break;
            case 'Terminate':
                if (ear.voiced >= 100) {
                    endTurn();
                }
                send({ type: 'Termination', audio_duration_seconds: ear.heard / 1000 });
                ws.close(1000);
                break;
            default:
                ws.close(3006, 'Invalid message type');
        }
    });
    ws.on('close', (code) => say({ closed: code, ms: ear.heard }));
    ws.on('error', (error) => say({ error: error.message }));
}

const server = http.createServer((req, res) => res.writeHead(404).end());
const sockets = new WebSocketServer({ noServer: true, maxPayload: 1 << 20 });

server.on('upgrade', (req, socket, head) => {
    const url = new URL(req.url, 'http://x');
    const bad = [...url.searchParams].find(([name, value]) => !KNOWN[name] || !KNOWN[name].test(value));

    say({ open: req.url });
    if (url.pathname !== '/v3/ws') {
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
        return;
    }
    /* Who is refused learns it after the handshake. */
    sockets.handleUpgrade(req, socket, head, (ws) => {
        if (req.headers.authorization !== KEY) {
            ws.close(1008, 'Unauthorized Connection: Missing or invalid key');
        } else if (bad || !url.searchParams.has('encoding') || !url.searchParams.has('sample_rate')) {
            ws.close(3006, `Invalid parameter ${bad ? bad[0] : ''}`);
        } else {
            session(ws, url.searchParams);
        }
    });
});

listen(server);
