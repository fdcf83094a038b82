#!/usr/bin/env node
/*
 * Plays the voices of Cartesia, from its published interface.  See --help.
 */
'use strict';

const http = require('http');
const express = require('express');
const { help, listen, option, refuse, say, speak, ulawSpeech } = require('./common');

help(`Usage: cartesia.js [--port N] [--key KEY] [--gap MS] [--first MS] [--fault NAME]

POST /tts/bytes   mu-law, 60 ms a character

Listens on the loopback, says {"port":N}, and then a line for each request.
KEY is "ca-key" unless told.

--gap MS     between pieces of speech (2); --first MS before the first (0)
--fault NAME status401, status429, status500, html, json, mp3, wav, empty, odd,
             hang, stall, cut, huge
`);

const KEY = option('key', 'ca-key');
const BODY = {
    model_id: (v) => /^sonic/.test(v),
    transcript: (v) => typeof v === 'string' && v.trim() !== '',
    voice: (v) => v.mode === 'id' && typeof v.id === 'string' && v.id !== '',
    language: (v) => /^[a-z]{2}$/.test(v),
    output_format: (v) =>
        v.container === 'raw' && v.encoding === 'pcm_mulaw' && v.sample_rate === 8000,
    generation_config: (v) => typeof v === 'object',
    speed: (v) => ['slow', 'normal', 'fast'].includes(v),
};
const NEEDED = ['model_id', 'transcript', 'voice', 'output_format'];
const app = express();

app.post('/tts/bytes', express.json(), (req, res) => {
    const body = req.body || {};
    const odd =
        Object.keys(body).find((name) => !BODY[name] || !BODY[name](body[name])) ||
        NEEDED.find((name) => !(name in body));
    const no = (status, code, message) =>
        res.status(status).json({ error_code: code, title: 'No', message, request_id: 'r-1' });

    say({ path: req.originalUrl, version: req.headers['cartesia-version'], body });
    if (req.headers['x-api-key'] !== KEY) {
        no(401, 'unauthorized', 'Invalid API key');
    } else if (refuse(res, () => ({ error_code: 'concurrency_limited', message: 'No.' }))) {
        return;
    } else if (!/^\d{4}-\d\d-\d\d$/.test(req.headers['cartesia-version'] || '')) {
        no(400, 'version_missing', 'Cartesia-Version is missing.');
    } else if (odd) {
        no(400, 'invalid_request', `${odd} is missing or not valid`);
    } else {
        speak(res, 'audio/x-mulaw', ulawSpeech(body.transcript));
    }
});

listen(http.createServer(app));
