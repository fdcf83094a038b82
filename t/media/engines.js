#!/usr/bin/env node
/*
 * Engines with the OpenAI-compatible interface that do as they are told.
 * See --help.
 */
'use strict';

const http = require('http');

const HELP = `Usage: engines.js

Listens on a free port of the loopback, says {"port":N}, and then a line for
each request: {"path":...,"body":...}.

POST /v1/audio/speech          half a second of a dull voice, mu-law
POST /v1/audio/transcriptions  "what time is it"
POST /v1/chat/completions      does what the caller said last:
   "slow N ..."  answers after N milliseconds
   "fail ..."    status 500
   "leave"       calls the function hang_up and says nothing
   "long"        3000 characters
   "odd"         characters that XML makes difficult
   anything      "You said: ..."
`;

if (process.argv.includes('--help')) {
    process.stdout.write(HELP);
    process.exit(0);
}

function chat(res, said) {
    const send = (delta, reason) =>
        res.write(
            `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: reason || null }] })}\n\n`
        );

    if (/^fail/.test(said)) {
        res.writeHead(500, { 'content-type': 'application/json' });
        res.end('{"error":{"message":"no"}}');
        return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    if (/^leave/.test(said)) {
        send({
            tool_calls: [
                {
                    index: 0,
                    id: 'c1',
                    type: 'function',
                    function: { name: 'hang_up', arguments: '{}' },
                },
            ],
        });
        send({}, 'tool_calls');
    } else {
        const text = /^long/.test(said)
            ? 'word '.repeat(600)
            : /^odd/.test(said)
              ? 'a < b & "c" \u{1F600} \u0001 \u2028 ]]>'
              : `You said: ${said}`;
        send({ content: text });
        send({}, 'stop');
    }
    res.end('data: [DONE]\n\n');
}

function serve(req, res, text) {
    let body = text;

    if (req.method !== 'POST') {
        res.writeHead(404);
        res.end();
        return;
    }
    if (/^application\/json/.test(req.headers['content-type'] || '')) {
        body = JSON.parse(text);
    } else {
        body = null;
    }
    process.stdout.write(`${JSON.stringify({ path: req.url, body })}\n`);
    if (req.url.endsWith('/audio/speech')) {
        res.writeHead(200, { 'content-type': 'audio/basic' });
        res.end(Buffer.alloc(4000, 0x90));
    } else if (req.url.endsWith('/audio/transcriptions')) {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end('{"text":"what time is it"}');
    } else {
        const said = body.messages[body.messages.length - 1].content;
        const slow = /^slow (\d+)/.exec(said);
        setTimeout(() => chat(res, said), slow ? Number(slow[1]) : 0);
    }
}

const server = http.createServer((req, res) => {
    const parts = [];

    req.on('data', (part) => parts.push(part));
    req.on('end', () => serve(req, res, Buffer.concat(parts).toString()));
});
server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
