/*
 * What the tests in a browser stand on: TAP, the server with its engines, the
 * voice of a caller as WAV, and Chromium.
 */
'use strict';

const { spawn, execFileSync } = require('child_process');
const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');
const { chromium } = require('playwright-core');

const BUILD = process.env.VOICEAI_BUILD;
const NGINX = process.env.VOICEAI_NGINX;
const MODULE = path.join(BUILD, 'ngx_http_voiceai_module.so');

const children = [];
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'voiceai-browser-'));
let count = 0;
let failed = 0;

function ok(good, name, ...more) {
    count++;
    if (!good) {
        failed++;
    }
    console.log(`${good ? 'ok' : 'not ok'} ${count} - ${name}`);
    if (!good) {
        for (const line of more.map((one) => typeof one === 'string' ? one : JSON.stringify(one)).join('\n').split('\n')) {
            console.log(`#   ${line}`);
        }
    }
    return good;
}

const is = (got, wanted, name) => ok(got === wanted, name, { got, wanted });
const like = (got, pattern, name) => ok(pattern.test(got), name, `got ${JSON.stringify(got)}`, `wanted ${pattern}`);

function plan() {
    console.log(`1..${count}`);
    return failed === 0 && count > 0;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Waits until what() is true and returns it; what it was last when time is up.
async function until(what, seconds) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await what();
        if (value || Date.now() > end) {
            return value;
        }
        await sleep(50);
    }
}

function start(name, args, log) {
    const out = fs.openSync(log, 'a');
    const child = spawn(name, args, { stdio: ['ignore', out, out] });
    fs.closeSync(out);
    children.push(child);
    return child;
}

const gone = (child) => child.exitCode !== null || child.signalCode !== null;

async function stop(child) {
    if (!gone(child)) {
        child.kill('SIGTERM');
        await until(() => gone(child), 5) || child.kill('SIGKILL');
    }
}

async function clean() {
    for (const child of children.reverse()) {
        await stop(child);
    }
    fs.rmSync(dir, { recursive: true, force: true });
}

function port() {
    return new Promise((resolve) => {
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const free = server.address().port;
            server.close(() => resolve(free));
        });
    });
}

// A request to voiceai-local; returns its body.
function engine(where, type, body) {
    return new Promise((resolve, reject) => {
        const request = http.request({
            socketPath: path.join(dir, 'local.sock'), path: where, method: 'POST',
            headers: { 'content-type': type, 'content-length': body.length },
        }, (response) => {
            const pieces = [];
            response.on('data', (piece) => pieces.push(piece));
            response.on('end', () => response.statusCode === 200
                ? resolve(Buffer.concat(pieces))
                : reject(new Error(`${where}: ${response.statusCode} ${Buffer.concat(pieces)}`)));
        });
        request.on('error', reject);
        request.end(body);
    });
}

async function engines() {
    start(path.join(BUILD, 'voiceai-local'), ['--socket', path.join(dir, 'local.sock'), '--socket-mode', '666'],
        path.join(dir, 'local.log'));
    await until(() => fs.existsSync(path.join(dir, 'local.sock')), 60);
}

// Starts nginx with the settings of its server; returns the address.
async function server(settings) {
    for (let attempt = 0; attempt < 5; attempt++) {
        const at = await port();
        const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
            .map((name) => `${name}_temp_path ${dir}/${name};`).join('\n    ');
        fs.writeFileSync(path.join(dir, 'nginx.conf'), `
${fs.existsSync(MODULE) ? `load_module ${MODULE};` : ''}
${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 2;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log info;
events { }
http {
    access_log off;
    ${temporary}
    voiceai_zone calls 2m;
    voiceai_call_log sqlite:${dir}/calls.db;
    server {
        listen 127.0.0.1:${at};
        ${settings.replaceAll('%%DIR%%', dir)}
    }
}
`);
        const child = start(NGINX, ['-p', dir, '-c', path.join(dir, 'nginx.conf')], path.join(dir, 'nginx.log'));
        const up = await until(() => gone(child) ? 'gone' : fetch(`http://127.0.0.1:${at}/`)
            .then((answer) => answer.ok, () => false), 20);
        if (up === true) {
            return `http://127.0.0.1:${at}`;
        }
    }
    throw new Error(`nginx did not start:\n${fs.readFileSync(path.join(dir, 'nginx.log'))}`);
}

// The voice of a caller: [[second, text], ...] in a file of so many seconds.
async function voice(file, script, seconds) {
    const parts = [];
    for (const [i, [at, words]] of script.entries()) {
        const part = path.join(dir, `part${i}.wav`);
        fs.writeFileSync(part, await engine('/v1/audio/speech', 'application/json', Buffer.from(JSON.stringify(
            { model: 'tts-1', input: words, voice: 'rms', response_format: 'wav' }))));
        const late = path.join(dir, `late${i}.wav`);
        execFileSync('sox', [part, '-r', '48000', '-c', '1', '-b', '16', late, 'pad', String(at)]);
        parts.push(late);
    }
    execFileSync('sox', [...(parts.length > 1 ? ['-m', ...parts.flatMap((part) => ['-v', '0.9', part])] : parts),
        '-r', '48000', '-c', '1', '-b', '16', file, 'pad', '0', String(seconds)]);
    execFileSync('sox', [file, `${file}.cut.wav`, 'trim', '0', String(seconds)]);
    fs.renameSync(`${file}.cut.wav`, file);
}

// What is said in a channel (1 or 2) of a WAV, piece by piece, by a grammar of
// voiceai-local.
async function recognise(file, channel, grammar) {
    const mono = path.join(dir, `channel${channel}.wav`);
    execFileSync('sox', [file, '-e', 'signed', '-b', '16', '-r', '8000', mono, 'remix', String(channel)]);
    const samples = fs.readFileSync(mono).subarray(44);
    const loud = [];
    for (let at = 0; at + 640 <= samples.length; at += 640) {
        let sum = 0;
        for (let i = 0; i < 640; i += 2) {
            sum += samples.readInt16LE(at + i) ** 2;
        }
        loud.push(Math.sqrt(sum / 320) > 120);
    }
    const pieces = [];
    for (let i = 0, first = -1, last = -1; i <= loud.length; i++) {
        if (loud[i]) {
            first = first < 0 ? i : first;
            last = i;
        } else if (first >= 0 && (i === loud.length || i - last > 12)) {
            pieces.push([Math.max(0, first - 6), last - first + 12]);
            first = -1;
        }
    }
    const heard = [];
    for (const [i, [first, long]] of pieces.entries()) {
        const piece = path.join(dir, `piece${channel}-${i}.wav`);
        execFileSync('sox', [mono, piece, 'trim', String(first * 0.04), String(long * 0.04)]);
        const edge = 'voiceai-test-edge';
        const body = Buffer.concat([
            Buffer.from(`--${edge}\r\ncontent-disposition: form-data; name="model"\r\n\r\n${grammar}\r\n` +
                `--${edge}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n` +
                'content-type: audio/wav\r\n\r\n'),
            fs.readFileSync(piece),
            Buffer.from(`\r\n--${edge}--\r\n`),
        ]);
        const answer = await engine('/v1/audio/transcriptions', `multipart/form-data; boundary=${edge}`, body);
        heard.push({ at: first * 0.04, seconds: long * 0.04, text: JSON.parse(answer).text });
    }
    return heard;
}

function browser(wav) {
    return chromium.launch({
        executablePath: process.env.VOICEAI_CHROMIUM || '/usr/bin/chromium',
        args: [
            '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
            '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
            `--use-file-for-fake-audio-capture=${wav}%noloop`,
        ],
    });
}

// The lines of the server's log that tell of a fault.
function faults() {
    return fs.readFileSync(path.join(dir, 'error.log'), 'utf8').split('\n')
        .filter((line) => /\[(alert|emerg|crit|error)\]/.test(line)).join('\n');
}

module.exports = {
    browser, clean, dir, engines, faults, is, like, ok, plan, recognise, server, sleep, until, voice,
};
