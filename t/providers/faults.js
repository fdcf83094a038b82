'use strict';

/*
 * An AI provider with a fault, for every stage:
 *
 *   node faults.js [PORT]
 *
 * It listens on 127.0.0.1 and prints one line of JSON: "port", and "refused", a
 * port on which nobody listens.  The first part of the path is the fault, what
 * follows says the stage as the OpenAI interface does, or any path with an
 * upgrade to WebSocket, which is a recogniser that speaks as Deepgram does:
 *
 *   http://127.0.0.1:PORT/FAULT/v1     as the URL of a provider
 *   ws://127.0.0.1:PORT/FAULT/v1/listen
 *
 *   ok          a good answer: "All is well.", or a second of audio
 *   silent      takes the request and never answers
 *   headers     a head, and no body; WebSocket: half the head of the answer
 *   middle      half of a good answer, and then nothing
 *   cut         half of a good answer, in the middle of a line or a sample,
 *               and the connection is reset
 *   short       the same with an orderly end, where the protocol allows it
 *   401 403 404 408 429 500 502 503 ...   that status, with an error in JSON
 *               (429 asks to come back after 7 seconds)
 *   quota       429 for want of money
 *   html        a page with status 200; WebSocket: the same instead of 101
 *   json        half of an object, as if it were all
 *   huge        100 MB of what begins as a good answer
 *   empty       a good answer of nothing: no text, no audio
 *   odd         audio with half a sample at its end
 *   error       200, and an error in the body, or as a message
 *   drip        a good answer, a byte at a time
 *   later       a good answer after a second
 *
 * WebSocket only:
 *
 *   accept      a wrong Sec-WebSocket-Accept
 *   masked      a frame that is masked
 *   close/CODE  closes with that code as soon as there is audio
 *   deaf        answers pings, reads audio, says nothing
 *   dead        takes nothing from the connection any more, not even its end
 *
 * The key "sk-good" is not asked for, but a request that brings a key which is
 * neither that nor empty is answered with 401 and the key in the message, as
 * some providers do.  GET /counts tells what was asked, and how many WebSockets are
 * open; /reset forgets it.
 */

const http = require('http');
const net = require('net');
const path = require('path');

let WebSocketServer;
for (const dir of [path.join(__dirname, '..'), process.cwd()]) {
    try {
        ({ WebSocketServer } = require(require.resolve('ws', { paths: [dir] })));
        break;
    } catch (e) { /* the next place */ }
}

const HUGE = 100 * 1024 * 1024;
const TEXT = 'All is well.';
const GOOD_KEY = 'sk-good';

const none = () => ({ requests: {}, aborted: 0, sent: 0, audio: 0 });
let counts = none();
let open = 0;

/* ---- good answers, in pieces */

function delta(text) {
    return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk',
        choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`;
}

function stageOf(url) {
    if (url.endsWith('/audio/transcriptions')) {
        return 'stt';
    }
    return url.endsWith('/audio/speech') ? 'tts' : 'llm';
}

/* A second of a tone, 24000 Hz, 16 bits. */
function speech() {
    const audio = Buffer.alloc(48000);
    for (let i = 0; i < 24000; i++) {
        audio.writeInt16LE(Math.round(8000 * Math.sin(i / 12)), 2 * i);
    }
    return audio;
}

const good = {
    stt: { type: 'application/json', body: () => JSON.stringify({ text: TEXT }) },
    tts: { type: 'application/octet-stream', body: speech },
    llm: {
        type: 'text/event-stream',
        body: () => TEXT.split(/(?<= )/).map(delta).join('')
            + `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`
            + 'data: [DONE]\n\n',
    },
};

const empty = {
    stt: () => '{"text":""}',
    tts: () => Buffer.alloc(0),
    llm: () => `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`,
};

const error = {
    stt: () => '{"error":{"message":"the model fell over","type":"server_error"}}',
    tts: () => '{"error":{"message":"the model fell over","type":"server_error"}}',
    llm: () => `${delta('All ')}data: {"error":{"message":"the model fell over","type":"server_error"}}\n\n`,
};

const filler = {
    stt: () => `{"text":"${'all is well '.repeat(5000)}`,
    tts: () => Buffer.alloc(65536, 1),
    llm: () => delta('all is well '.repeat(5000)),
};

/* Half of a body, with no regard to lines or samples. */
function half(body) {
    const bytes = Buffer.from(body);
    return bytes.subarray(0, Math.floor(bytes.length / 2) | 1);
}

/* ---- answers over HTTP */

function json(res, status, body, headers) {
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(JSON.stringify(body));
}

function page(res) {
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    res.end('<!DOCTYPE html><html><head><title>Welcome</title></head>'
        + '<body>Please sign in.</body></html>');
}

function huge(res, piece) {
    let left = HUGE;
    function more() {
        while (left > 0 && !res.destroyed) {
            left -= piece.length;
            counts.sent += piece.length;
            if (!res.write(piece)) {
                res.once('drain', more);
                return;
            }
        }
        res.end();
    }
    more();
}

function drip(res, body) {
    const bytes = Buffer.from(body);
    let at = 0;
    function next() {
        if (at >= bytes.length) {
            res.end();
        } else if (!res.destroyed) {
            res.write(bytes.subarray(at, ++at));
            setImmediate(next);
        }
    }
    next();
}

const faults = {
    ok: (res, stage) => res.end(good[stage].body()),
    headers: (res) => res.flushHeaders(),
    middle: (res, stage) => res.write(half(good[stage].body())),
    cut: (res, stage) => {
        res.write(half(good[stage].body()));
        setTimeout(() => res.socket.resetAndDestroy(), 20);
    },
    short: (res, stage) => res.end(half(good[stage].body())),
    json: (res) => res.end('{"text": "all is w'),
    huge: (res, stage) => huge(res, Buffer.from(filler[stage]())),
    empty: (res, stage) => res.end(empty[stage]()),
    odd: (res, stage) => res.end(stage === 'tts'
        ? Buffer.concat([speech(), Buffer.from([1])]) : good[stage].body()),
    error: (res, stage) => res.end(error[stage]()),
    later: (res, stage) => setTimeout(() => res.end(good[stage].body()), 1000),
    drip: (res, stage) => drip(res, good[stage].body()),
};

function refusal(fault) {
    if (fault === 'quota') {
        return [429, { error: { message: 'You exceeded your current quota.',
            type: 'insufficient_quota', code: 'insufficient_quota' } }, {}];
    }
    return [Number(fault), { error: { message: `told to say ${fault}` } },
        fault === '429' ? { 'retry-after': '7' } : {}];
}

/* The key that a request should not have brought, or an empty string. */
function badKey(req) {
    const value = (req.headers.authorization || '').split(' ').pop();
    return value === GOOD_KEY ? '' : value;
}

function answer(req, res, fault, stage) {
    if (fault === 'silent') {
        return;
    }
    if (/^\d{3}$/.test(fault) || fault === 'quota') {
        json(res, ...refusal(fault));
    } else if (fault === 'html') {
        page(res);
    } else if (badKey(req)) {
        json(res, 401, { error: { message: `Incorrect API key provided: ${badKey(req)}.` } });
    } else if (faults[fault]) {
        res.writeHead(200, { 'content-type':
            (fault === 'json' || fault === 'error') && stage !== 'llm'
                ? 'application/json' : good[stage].type });
        faults[fault](res, stage);
    } else {
        json(res, 404, { error: { message: `no fault is called ${fault}` } });
    }
}

function handle(req, res) {
    const parts = req.url.split('?')[0].split('/').slice(1);
    if (parts[0] === 'counts' || parts[0] === 'reset') {
        json(res, 200, { ...counts, open });
        if (parts[0] === 'reset') {
            counts = none();
        }
        return;
    }
    counts.requests[parts[0]] = (counts.requests[parts[0]] || 0) + 1;
    res.on('close', () => {
        counts.aborted += res.writableFinished ? 0 : 1;
    });
    req.resume();
    req.on('error', () => {});
    req.on('end', () => answer(req, res, parts[0], stageOf(req.url.split('?')[0])));
}

/* ---- the recogniser that streams */

function results(text, more) {
    return JSON.stringify({ type: 'Results', channel_index: [0, 1], start: 0,
        duration: 1, is_final: false, speech_final: false, ...more,
        channel: { alternatives: [{ transcript: text, confidence: 0.98, words: [] }] } });
}

function frame(opcode, payload, length) {
    const bytes = Buffer.from(payload);
    const n = length === undefined ? bytes.length : length;
    const head = Buffer.alloc(10);
    head[0] = 0x80 | opcode;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(n), 2);
    if (n < 126) {
        return Buffer.concat([Buffer.from([0x80 | opcode, n]), bytes]);
    }
    if (n < 65536) {
        return Buffer.concat([Buffer.from([0x80 | opcode, 126, n >> 8, n & 0xff]), bytes]);
    }
    return Buffer.concat([head, bytes]);
}

const wss = WebSocketServer && new WebSocketServer({ noServer: true });

/* Tells what it hears: a partial for the first audio, the end at "Finalize". */
function recognise(ws, text) {
    let heard = 0;
    ws.on('message', (data, binary) => {
        if (binary) {
            counts.audio += data.length;
            if (heard === 0) {
                ws.send(results(text.split(' ')[0]));
            }
            heard += data.length;
            return;
        }
        const type = JSON.parse(data.toString()).type;
        counts[type] = (counts[type] || 0) + 1;
        if (type === 'Finalize') {
            ws.send(results(text, { is_final: true, speech_final: true, from_finalize: true }));
            heard = 0;
        } else if (type === 'CloseStream') {
            ws.send(JSON.stringify({ type: 'Metadata', request_id: 'r' }));
            ws.close(1000);
        }
    });
}

const sockets = {
    ok: (ws) => recognise(ws, TEXT),
    empty: (ws) => recognise(ws, ''),
    deaf: (ws) => ws.on('message', (data, binary) => {
        counts.audio += binary ? data.length : 0;
    }),
    dead: (ws, socket) => socket.pause(),
    close: (ws, socket, code) => ws.on('message', () => {
        ws.close(Number(code), 'NET-0001 told to close');
    }),
};

/* What is wrong with the bytes that follow the handshake. */
const wire = {
    middle: (socket) => socket.write(half(frame(1, results(TEXT)))),
    cut: (socket) => {
        socket.write(half(frame(1, results(TEXT))));
        setTimeout(() => socket.resetAndDestroy(), 20);
    },
    short: (socket) => socket.end(half(frame(1, results(TEXT)))),
    huge: (socket) => {
        const piece = Buffer.alloc(65536, 0x20);
        socket.write(frame(1, '{', HUGE));
        let left = HUGE;
        const more = () => {
            while (left > 0 && !socket.destroyed) {
                left -= piece.length;
                counts.sent += piece.length;
                if (!socket.write(piece)) {
                    socket.once('drain', more);
                    return;
                }
            }
        };
        more();
    },
    json: (socket) => socket.write(frame(1, '{"type": "Resu')),
    odd: (socket) => socket.write(frame(2, Buffer.from([1, 2, 3]))),
    error: (socket) => socket.write(frame(1,
        '{"type":"Error","description":"the model fell over","code":"X"}')),
    masked: (socket) => {
        socket.write(Buffer.from([0x81, 0x81, 1, 2, 3, 4, 5]));
    },
};

function refuse(socket, status, type, body, headers) {
    socket.end(`HTTP/1.1 ${status} No\r\nContent-Type: ${type}\r\n`
        + Object.entries(headers).map(([n, v]) => `${n}: ${v}\r\n`).join('')
        + `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

function raw(req, socket, fault) {
    const crypto = require('crypto');
    const accept = crypto.createHash('sha1').update(
        `${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
        + 'Connection: Upgrade\r\n';
    if (fault === 'headers') {
        socket.write(head);
    } else if (fault === 'accept') {
        socket.write(`${head}Sec-WebSocket-Accept: AAAA${accept.slice(4)}\r\n\r\n`);
    } else {
        socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
        wire[fault](socket);
    }
}

function upgrade(req, socket, head) {
    const [fault, arg] = req.url.split('?')[0].split('/').slice(1);
    counts.requests[fault] = (counts.requests[fault] || 0) + 1;
    if (fault !== 'dead') {
        open++;
        socket.on('close', () => open--);
    }
    socket.on('error', () => {});
    if (!sockets[fault]) {
        socket.on('end', () => socket.end());
        socket.resume();
    }
    if (fault === 'silent') {
        return;
    }
    if (/^\d{3}$/.test(fault) || fault === 'quota') {
        const [status, body, headers] = refusal(fault);
        refuse(socket, status, 'application/json', JSON.stringify(body), headers);
    } else if (fault === 'html') {
        refuse(socket, 200, 'text/html', '<html>Welcome</html>', {});
    } else if (badKey(req)) {
        refuse(socket, 401, 'application/json', JSON.stringify(
            { err_code: 'INVALID_AUTH', err_msg: `Invalid credentials: ${badKey(req)}.` }), {});
    } else if (sockets[fault]) {
        wss.handleUpgrade(req, socket, head, (ws) => {
            ws.on('error', () => {});
            sockets[fault](ws, socket, arg);
        });
    } else if (wire[fault] || fault === 'headers' || fault === 'accept') {
        raw(req, socket, fault);
    } else {
        refuse(socket, 404, 'text/plain', `no fault is called ${fault}`, {});
    }
}

/* ---- */

const server = http.createServer(handle);

server.keepAliveTimeout = 60000;
server.on('upgrade', upgrade);

function tell() {
    const nobody = net.createServer();
    nobody.listen(0, '127.0.0.1', () => {
        const refused = nobody.address().port;
        nobody.close(() => console.log(JSON.stringify(
            { port: server.address().port, refused })));
    });
}

server.listen(Number(process.argv[2] || 0), '127.0.0.1', 4096, tell);
