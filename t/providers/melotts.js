#!/usr/bin/env node
/*
 * Plays the HTTP server that people run around MeloTTS: slow, one at a time, a
 * WAV of 44.1 kHz that calls itself MP3.  See --help.
 */
'use strict';

const http = require('http');
const express = require('express');
const { help, listen, option, refuse, say, speak, wavSpeech } = require('./common');

help(`Usage: melotts.js [--port N] [--gap MS] [--first MS] [--fault NAME]

POST /convert/tts   a WAV of 44.1 kHz as audio/mpeg, 60 ms a character

Listens on the loopback, says {"port":N}, and then a line for each request.

--gap MS     between pieces of speech (2); --first MS before the first (0)
--fault NAME status401, status429, status500, html, json, mp3, wav, empty, odd,
             hang, stall, cut, huge
`);

const SPEAKERS = {
    EN: ['EN-US', 'EN-BR', 'EN_INDIA', 'EN-AU', 'EN-Default'],
    EN_V2: ['EN-US', 'EN-BR', 'EN_INDIA', 'EN-AU', 'EN-Default'],
    EN_NEWEST: ['EN-Newest'],
    ES: ['ES'],
    FR: ['FR'],
    ZH: ['ZH'],
    JP: ['JP'],
    KR: ['KR'],
};
const app = express();
let last = Promise.resolve();

function answer(req, res) {
    const { text, language = 'EN', speaker_id: speaker = 'EN-US', speed = 1 } = req.body || {};

    if (refuse(res, () => ({ detail: 'No.' }))) {
        return;
    }
    if (typeof text !== 'string' || !text.trim()) {
        res.status(422).json({ detail: [{ loc: ['body', 'text'], msg: 'Field required' }] });
    } else if (!SPEAKERS[language] || !SPEAKERS[language].includes(speaker) || !(Number(speed) > 0)) {
        res.status(500).type('text').send('Internal Server Error');
    } else {
        speak(res, 'audio/mpeg', wavSpeech(text, 44100));
    }
}

app.post('/convert/tts', express.json(), (req, res) => {
    say({ path: req.originalUrl, body: req.body });
    last = last.then(
        () =>
            new Promise((done) => {
                res.on('close', done);
                answer(req, res);
            })
    );
});

listen(http.createServer(app));
