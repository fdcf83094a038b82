#!/usr/bin/env node
/*
 * Plays a service of the user's own in place of a model, as docs/providers.md
 * has it.  See --help.
 */
'use strict';

const crypto = require('crypto');
const http = require('http');
const express = require('express');
const { help, listen, option, say } = require('./common');

help(`Usage: webhook.js [--port N] [--key KEY]

POST /plain    answers in words, in two pieces
POST /events   as an event stream, the first half as words, the second as an object
POST /json     as one object; hangs up when the caller has spoken twice
POST /tool     calls the first tool of the list, and tells what came of it
POST /refuse   {"error":...}
GET  /whoami   a tool: tells whether its signature was right

It says "NAME heard TEXT. N messages." and so that its words are known.  Listens
on the loopback, says {"port":N}, and then a line for each request.  KEY is
"hook-key" unless told; a wrong signature is answered with 401.
`);

const KEY = option('key', 'hook-key');
const app = express();

function signed(req, what) {
    const sum = crypto.createHmac('sha256', KEY).update(what).digest('hex');
    const given = Buffer.from(req.headers['x-voiceai-signature'] || '');
    const due = Buffer.from(`sha256=${sum}`);

    return given.length === due.length && crypto.timingSafeEqual(given, due);
}

const answers = {
    plain: (res, words) => {
        const half = words.length >> 1;

        res.type('text/plain').write(words.slice(0, half));
        setTimeout(() => res.end(words.slice(half)), 20);
    },
    events: (res, words) => {
        const half = words.indexOf(' ') + 1;

        res.type('text/event-stream').write(`data: ${words.slice(0, half)}\n\n`);
        setTimeout(() => {
            res.write(`data: ${JSON.stringify({ text: words.slice(half) })}\n\n`);
            res.end('data: [DONE]\n\n');
        }, 20);
    },
    json: (res, words, body) => {
        const turns = body.messages.filter(({ role }) => role === 'user').length;

        res.json({ text: words, hang_up: turns >= 2 });
    },
    tool: (res, words, body) => {
        const last = body.messages[body.messages.length - 1];

        if (last.role === 'tool') {
            res.json({ text: `The tool ${last.tool_id} says ${JSON.parse(last.content).whoami}.` });
        } else {
            const { name } = body.tools.find(({ description }) => /who asks/.test(description));

            res.json({ tools: [{ id: 'seven', name, arguments: { of: 'you & me' } }] });
        }
    },
    refuse: (res) => res.json({ error: 'not today' }),
};

app.post('/:name', express.raw({ type: 'application/json' }), (req, res) => {
    const { name } = req.params;
    const good = signed(req, req.body);
    const body = good ? JSON.parse(req.body) : {};

    say({ path: req.originalUrl, good, body });
    if (!good) {
        res.status(401).json({ error: 'bad signature' });
    } else if (!answers[name]) {
        res.status(404).json({ error: 'no such path' });
    } else {
        const words = `${name} heard ${body.text}. ${body.messages.length} messages.`;

        answers[name](res, words, body);
    }
});

app.get('/whoami', (req, res) => {
    const good = signed(req, `http://${req.headers.host}${req.originalUrl}`);

    say({ path: req.originalUrl, good });
    res.json({ whoami: good ? 'somebody' : 'nobody' });
});

listen(http.createServer(app));
