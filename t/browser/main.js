/*
 * The pages in a real browser: a whole conversation through the browser phone
 * with the embedded engines, the same call live in the dashboard, hostile
 * texts, accessibility and weight.  Speaks TAP; leaves screenshots in a folder.
 *
 * Usage: node main.js SCREENSHOTS
 */
'use strict';

const fs = require('fs');
const path = require('path');
const conversation = require('./conversation.js');
const hostile = require('./hostile.js');
const { browser, clean, dir, engines, faults, is, ok, plan, server, voice } = require('./support.js');

const KEY = 'a-key-for-people-27';
const shots = path.resolve(process.argv[2] || 'screenshots');

// What the caller says, and when.
const SCRIPT = [
    [6, 'what time is it'],
    [14, 'what can you do'],
    [18.2, 'what day is it today'],
    [26, 'thank you goodbye'],
];

async function main() {
    fs.mkdirSync(shots, { recursive: true });
    await engines();
    const wav = path.join(dir, 'caller.wav');
    await voice(wav, SCRIPT, 60);
    const home = await server(`
        voiceai on;
        voiceai_public_url https://voice.example.com;
        voiceai_twilio_auth_token 0123456789abcdef;
        voiceai_twilio_number +15550100002;
        voiceai_api_key ${KEY};
        voiceai_greeting "Hello, how can I help you?";
        voiceai_silence_threshold 600ms;
        voiceai_parameter colour blue;
        voiceai_stt local url=http://unix:%%DIR%%/local.sock:/v1;
        voiceai_tts local url=http://unix:%%DIR%%/local.sock:/v1;
    `);
    const chromium = await browser(wav);
    try {
        await conversation(chromium, { home, key: KEY, shots });
        await hostile(chromium, { home, key: KEY, shots });
    } finally {
        await chromium.close();
    }
    is(faults(), '', 'the server has nothing to complain of');
}

main()
    .catch((error) => ok(false, 'the test ran to its end', error.stack))
    .finally(clean)
    .then(() => process.exit(plan() ? 0 : 1));
