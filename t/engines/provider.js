#!/usr/bin/env node
/*
 * A provider with the OpenAI-compatible interface that fails as it is told.
 * See --help.
 */
'use strict';

const http = require('http');

const HELP = `Usage: provider.js

Listens on a free port of the loopback, says {"port":N}, and then a line for
each request: {"name":...,"path":...,"key":...,"body":...}.

The base URL is http://127.0.0.1:PORT/NAME/v1.  A name does what it is called,
or what /set/NAME/FAULT made of it:

  well         answers: a recogniser hears "number N of call NAME", a model says
               "You said: ...", a voice gives a mu-law stream that spells the
               text between << and >>
  hang         never answers
  slow         the headers come at once, nothing more
  middle       stops after the first piece, with the connection open
  cut          is cut in the middle of the first piece
  401 429 500  that status (429 with Retry-After: 30)
  html         200 and a page of HTML
  huge         100 MB
  empty        200 and nothing
  odd          a voice: 4801 bytes of PCM; others as well
  long         a voice: three seconds of silence more; others as well

A model called NAME-ARGUMENTS calls the tool NAME with these arguments, base64url
of JSON, after "Let me see."; of two parts, NAME-_again calls it for ever.  When
it has the result it says so.

/tool/WORD?...  a tool: answers {"word":WORD,...} with what it was given; the
                words slow (1.5 s), fail (status 500) and plain (no body)
`;

if (process.argv.includes('--help')) {
    process.stdout.write(HELP);
    process.exit(0);
}

const faults = new Map();
const counts = new Map();

// mu-law that spells a text: whoever hears it can read what was said
function spell(text) {
    return Buffer.concat([Buffer.from(`<<${text}>>`), Buffer.alloc(800, 0xff)]);
}

function event(delta, reason) {
    return `data: ${JSON.stringify({
        choices: [{ index: 0, delta, finish_reason: reason || null }],
    })}\n\n`;
}

// A model that calls a tool, the arguments in two pieces.
function callTool(tool, encoded) {
    const args = encoded ? Buffer.from(encoded, 'base64url').toString() : '{}';
    const piece = (more) => event({ tool_calls: [{ index: 0, ...more }] });
    return {
        type: 'text/event-stream',
        pieces: [
            event({ content: 'Let me see.' }),
            piece({
                id: 'call_1',
                type: 'function',
                function: { name: tool, arguments: args.slice(0, 3) },
            }),
            piece({ function: { arguments: args.slice(3) } }),
            event({}, 'tool_calls'),
            'data: [DONE]\n\n',
        ],
    };
}

function serveTool(req, res, word, text) {
    const headers = Object.fromEntries(
        Object.entries(req.headers).filter(([key]) =>
            /^(voiceai|x-|authorization|traceparent)/.test(key)
        )
    );
    const said = { word, method: req.method, url: req.url, headers, text };

    process.stdout.write(`${JSON.stringify({ name: `tool-${word}`, ...said })}\n`);
    if (word === 'fail') {
        status(res, 500, '{"error":"the shop is closed"}');
    } else if (word === 'plain') {
        res.end();
    } else {
        setTimeout(
            () => status(res, 200, `{"word":"${word}"}`),
            word === 'slow' ? 1500 : 0
        );
    }
}

// The pieces of a good answer and their type.
function answer(stage, name, body) {
    if (stage === 'stt') {
        counts.set(name, (counts.get(name) || 0) + 1);
        return {
            type: 'application/json',
            pieces: ['{"text":', `"number ${counts.get(name)} of ${name}"}`],
        };
    }
    if (stage === 'tts') {
        const tail = Buffer.alloc(name === 'long' ? 24000 : 0, 0xff);
        return { type: 'audio/basic', pieces: [spell(body.input), tail] };
    }
    const last = body.messages[body.messages.length - 1];
    const call = /^(\w+)-([\w-]+)$/.exec(name);
    const said = last.content;
    if (call && (last.role !== 'tool' || call[2] === '_again')) {
        return callTool(call[1], call[2] === '_again' ? '' : call[2]);
    }
    return {
        type: 'text/event-stream',
        pieces: [
            event({ content: `You said: ${said}` }),
            event({}, 'stop'),
            'data: [DONE]\n\n',
        ],
    };
}

function status(res, code, text, headers) {
    res.writeHead(code, { 'content-type': 'application/json', ...headers });
    res.end(text);
}

function huge(res, type) {
    const piece = Buffer.alloc(1 << 20, 0x20);
    let left = 100;
    const more = () => {
        while (left-- > 0) {
            if (!res.write(piece)) {
                res.once('drain', more);
                return;
            }
        }
        res.end();
    };
    res.writeHead(200, { 'content-type': type });
    more();
}

const doing = {
    hang: () => {},
    slow: (res, good) => {
        res.writeHead(200, { 'content-type': good.type });
        res.flushHeaders();
    },
    middle: (res, good) => {
        res.writeHead(200, { 'content-type': good.type });
        res.write(good.pieces[0]);
    },
    cut: (res, good) => {
        res.writeHead(200, { 'content-type': good.type });
        res.write(good.pieces[0].slice(0, 20), () => res.destroy());
    },
    401: (res) =>
        status(res, 401, '{"error":{"message":"Incorrect API key provided"}}'),
    429: (res) =>
        status(res, 429, '{"error":{"message":"Rate limit reached"}}', {
            'retry-after': '30',
        }),
    500: (res) => status(res, 500, '{"error":{"message":"The server had an error"}}'),
    html: (res) => {
        res.writeHead(200, { 'content-type': 'text/html' });
        res.end('<!DOCTYPE html><html><body>Please log in.</body></html>');
    },
    huge: (res, good) => huge(res, good.type),
    empty: (res, good) => {
        res.writeHead(200, { 'content-type': good.type });
        res.end();
    },
    odd: (res, good, stage) => {
        if (stage !== 'tts') {
            doing.well(res, good);
            return;
        }
        res.writeHead(200, { 'content-type': 'audio/pcm' });
        res.end(Buffer.alloc(4801, 0x10));
    },
    well: (res, good) => {
        res.writeHead(200, { 'content-type': good.type });
        good.pieces.forEach((piece) => res.write(piece));
        res.end();
    },
};

const stages = [
    [/\/audio\/transcriptions$/, 'stt'],
    [/\/audio\/speech$/, 'tts'],
    [/\/chat\/completions$/, 'llm'],
];

function serve(req, res, text) {
    const set = /^\/set\/(\w+)\/(\w+)$/.exec(req.url);
    if (set) {
        faults.set(set[1], set[2]);
        status(res, 200, '{}');
        return;
    }
    const tool = /^\/tool\/(\w+)/.exec(req.url);
    if (tool) {
        serveTool(req, res, tool[1], text);
        return;
    }
    const [, name] = /^\/([^/]+)\//.exec(req.url) || [null, 'none'];
    const [, stage] = stages.find(([path]) => path.test(req.url)) || [];
    const json = /^application\/json/.test(req.headers['content-type'] || '');
    const body = json ? JSON.parse(text) : null;

    if (req.method === 'HEAD') {
        res.end();
        return;
    }
    process.stdout.write(
        `${JSON.stringify({
            name,
            method: req.method,
            path: req.url,
            key: req.headers.authorization || '',
            traceparent: req.headers.traceparent || '',
            body,
        })}\n`
    );
    if (!stage || req.method !== 'POST') {
        status(res, 404, '{"error":"no such path"}');
        return;
    }
    const fault = faults.get(name) || (doing[name] ? name : 'well');
    doing[fault](res, answer(stage, name, body), stage);
}

const server = http.createServer((req, res) => {
    const parts = [];

    req.on('data', (part) => parts.push(part));
    req.on('end', () => serve(req, res, Buffer.concat(parts).toString()));
    res.on('error', () => {});
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
