#!/usr/bin/env node
/*
 * Plays the voices of ElevenLabs, from its published interface.  See --help.
 */
'use strict';

const http = require('http');
const express = require('express');
const { help, listen, option, refuse, say, speak, ulawSpeech } = require('./common');

help(`Usage: elevenlabs.js [--port N] [--key KEY] [--gap MS] [--first MS]
                     [--fault NAME]

POST /v1/text-to-speech/{voice}/stream   mu-law, 60 ms a character

Listens on the loopback, says {"port":N}, and then a line for each request.
KEY is "el-key" unless told.  A voice "nobody" does not exist.

--gap MS     between pieces of speech (2); --first MS before the first (0)
--fault NAME status401, status429, status500, html, json, mp3, wav, empty, odd,
             hang, stall, cut, huge
`);

const KEY = option('key', 'el-key');
const BODY = {
    text: (v) => typeof v === 'string' && v.trim() !== '',
    model_id: (v) => /^eleven_[a-z0-9_]+$/.test(v),
    language_code: (v) => /^[a-z]{2}$/.test(v),
    voice_settings: (v) => typeof v === 'object',
    seed: Number.isInteger,
    previous_text: (v) => typeof v === 'string',
    next_text: (v) => typeof v === 'string',
    apply_text_normalization: (v) => ['auto', 'on', 'off'].includes(v),
};
const app = express();

function no(res, status, code, message) {
    res.status(status).json({ detail: { status: code, message } });
}

app.post('/v1/text-to-speech/:voice/stream', express.json(), (req, res) => {
    const body = req.body || {};
    const odd = Object.keys(body).find((name) => !BODY[name] || !BODY[name](body[name]));

    say({ path: req.originalUrl, voice: req.params.voice, body });
    if (req.headers['xi-api-key'] !== KEY) {
        no(res, 401, 'invalid_api_key', 'Invalid API key');
    } else if (refuse(res, () => ({ detail: { status: 'quota_exceeded', message: 'No.' } }))) {
        return;
    } else if (req.query.output_format !== 'ulaw_8000') {
        no(res, 400, 'output_format_not_allowed', 'Only ulaw_8000 is played here.');
    } else if (odd || !body.text) {
        res.status(422).json({ detail: [{ loc: ['body', odd || 'text'], msg: 'Not valid' }] });
    } else if (body.language_code && !/v2_5|v3/.test(body.model_id)) {
        no(res, 400, 'unsupported_language', 'This model takes no language_code.');
    } else if (req.params.voice === 'nobody') {
        no(res, 404, 'voice_not_found', 'A voice with that id was not found.');
    } else {
        speak(res, 'audio/basic', ulawSpeech(body.text));
    }
});

listen(http.createServer(app));
