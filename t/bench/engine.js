'use strict';

/*
 * Engines that answer at once, so that what is measured is the server's own:
 * an OpenAI-compatible recogniser, model and voice on the unix socket that is
 * the argument.  The voice speaks mu-law at an ordinary pace.  GET /own tells
 * how long requests took in here.
 */

const http = require('http');
const tone = require('./lib/tone');

const SAMPLES_PER_CHAR = 530;
const REPLY = 'Here is what I can tell you about it. ' +
    'There are three things that you may want to know before you decide. ' +
    'The first is that we are open every day of the week. ' +
    'Shall I go on with the second one?';

const audio = tone(600 * 8000);
const own = { requests: 0, total_ms: 0 };

function transcribe(res) {
    res.setHeader('Content-Type', 'application/json');
    res.end('{"text":"please tell me more"}');
}

function chat(res) {
    const delta = (d, why) => `data: ${JSON.stringify({
        choices: [{ index: 0, delta: d, finish_reason: why }] })}\n\n`;
    res.setHeader('Content-Type', 'text/event-stream');
    res.end(delta({ content: REPLY }, null) + delta({}, 'stop') +
            'data: [DONE]\n\n');
}

function speak(res, body) {
    const n = JSON.parse(body).input.length * SAMPLES_PER_CHAR;
    res.setHeader('Content-Type', 'audio/basic');
    res.end(audio.subarray(0, Math.min(n, audio.length)));
}

http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
        const begin = performance.now();
        const body = Buffer.concat(parts);
        if (req.url === '/own') {
            res.end(JSON.stringify(own));
            return;
        }
        if (req.url.endsWith('/audio/transcriptions')) {
            transcribe(res);
        } else if (req.url.endsWith('/chat/completions')) {
            chat(res);
        } else {
            speak(res, body);
        }
        own.requests++;
        own.total_ms += performance.now() - begin;
    });
}).listen(process.argv[2]);
