'use strict';

/*
 * Engines that take their time as hosted ones do, on the unix socket that is
 * the first argument, and that know to the microsecond what they took:
 *
 *   node paced.js SOCKET RECOGNISER FIRST TOKENS VOICE
 *
 * RECOGNISER, FIRST and VOICE are milliseconds to the transcript, the first
 * token and the first byte of audio; TOKENS come in a second.  Each utterance
 * gets a number, which goes through the transcript, the reply and the text for
 * the voice, so that the requests of one turn are known.
 *
 * GET /turns tells for each number how long the three worked: the recogniser,
 * the model up to the token after which the voice was asked (first: up to the
 * first), the voice up to its first byte; and what lay between them, which is
 * the server's.
 */

const http = require('http');
const tone = require('./lib/tone');

const [socket, ...times] = process.argv.slice(2);
const [recogniser, first, tokens, voice] = times.map(Number);
const audio = tone(60 * 8000);
const turns = new Map();
let utterances = 0;

const now = () => Number(process.hrtime.bigint()) / 1e6;

/* Calls back at a time, however late timers are: the last millisecond spins. */
function at(when, what) {
    const left = when - now();
    if (left > 1.5) {
        setTimeout(() => at(when, what), left - 1);
    } else {
        while (now() < when) { /* soon */ }
        what();
    }
}

function transcribe(res, begin) {
    const number = ++utterances;
    at(begin + recogniser, () => {
        res.setHeader('Content-Type', 'application/json');
        res.end(JSON.stringify({ text: `please tell me about number ${number}` }));
        turns.set(number, { number, recogniser: now() - begin, told: now(), tokens: [] });
    });
}

/* Words with the space before them are what models call tokens. */
function reply(number) {
    return (`I would be happy to tell you more about number ${number}. `
        + 'Shall I go on?').split(/(?= )/);
}

function chat(res, body, begin) {
    const asked = JSON.parse(body).messages.filter((m) => m.role === 'user').pop();
    const number = Number((/number (\d+)/.exec(asked.content) || [])[1] || 0);
    const turn = turns.get(number) || { tokens: [] };
    turn.asked = begin;
    const send = (delta, why) => res.write(`data: ${JSON.stringify({
        choices: [{ index: 0, delta, finish_reason: why }] })}\n\n`);
    res.setHeader('Content-Type', 'text/event-stream');
    const words = reply(number);
    const next = (i) => at(begin + first + i * 1000 / tokens, () => {
        if (res.destroyed) {
            return;
        }
        if (i === words.length) {
            send({}, 'stop');
            res.end('data: [DONE]\n\n');
            return;
        }
        send({ content: words[i] }, null);
        turn.tokens.push(now());
        next(i + 1);
    });
    next(0);
}

function speak(res, body, begin) {
    const text = JSON.parse(body).input;
    const turn = turns.get(Number((/number (\d+)/.exec(text) || [])[1] || 0));
    if (turn && turn.speak === undefined) {
        turn.speak = begin;
        turn.token = turn.tokens[turn.tokens.length - 1];
    }
    at(begin + voice, () => {
        res.setHeader('Content-Type', 'audio/basic');
        res.write(audio.subarray(0, 1600));
        if (turn && turn.sound === undefined) {
            turn.sound = now();
        }
        res.end(audio.subarray(0, text.length * 200));
    });
}

function told(turn) {
    return {
        number: turn.number,
        recogniser: turn.recogniser,
        first: turn.tokens[0] - turn.asked,
        model: turn.token - turn.asked,
        voice: turn.sound - turn.speak,
        transcript_to_model: turn.asked - turn.told,
        clause_to_voice: turn.speak - turn.token,
    };
}

http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
        const begin = now();
        const body = Buffer.concat(parts);
        if (req.url === '/turns') {
            res.end(JSON.stringify([...turns.values()].filter((t) => t.sound).map(told)));
        } else if (req.url.endsWith('/audio/transcriptions')) {
            transcribe(res, begin);
        } else if (req.url.endsWith('/chat/completions')) {
            chat(res, body, begin);
        } else {
            speak(res, body, begin);
        }
    });
}).listen(socket);
