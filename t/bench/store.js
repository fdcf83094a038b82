'use strict';

/*
 * Holds conversations by webhooks, many at once, and looks every 2 ms how long
 * the health page takes meanwhile: that is how late the event loop is.
 * Arguments: port, calls, seconds.  Prints JSON.
 */

const http = require('http');

const [port, calls, seconds] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: calls });
const prober = new http.Agent({ keepAlive: true, maxSockets: 1 });
const end = Date.now() + seconds * 1000;
const late = [];
let turns = 0, failed = 0;

function post(sid, path, fields) {
    const body = new URLSearchParams({
        CallSid: sid, From: '+15550100001', To: '+15550100002',
        AccountSid: 'AC1', Direction: 'inbound', ...fields,
    }).toString();
    return new Promise((done) => {
        http.request({
            agent, port, path, host: '127.0.0.1', method: 'POST',
            headers: {
                'Content-Type': 'application/x-www-form-urlencoded',
                'Content-Length': body.length,
            },
        }, (res) => {
            res.resume().on('end', () => done(res.statusCode === 200));
        }).on('error', () => done(false)).end(body);
    });
}

async function call(n) {
    const sid = `CA${process.pid}-${n}`;
    await post(sid, '/voice/incoming', { CallStatus: 'ringing' });
    while (Date.now() < end) {
        if (await post(sid, '/voice/process-speech',
            { SpeechResult: 'what time is it', Confidence: '0.9' })) {
            turns += 2;
        } else {
            failed++;
        }
    }
}

function probe() {
    const begin = process.hrtime.bigint();
    http.get({ agent: prober, port, host: '127.0.0.1', path: '/' }, (res) => {
        res.resume().on('end', () => {
            late.push(Number(process.hrtime.bigint() - begin) / 1e6);
            if (Date.now() < end) {
                setTimeout(probe, 2);
            }
        });
    }).on('error', () => failed++);
}

if (require.main === module) {
    probe();
    Promise.all(Array.from({ length: calls }, (_, n) => call(n))).then(() => {
        late.sort((a, b) => a - b);
        const at = (q) => Number(late[Math.floor(q * (late.length - 1))].toFixed(1));
        console.log(JSON.stringify({
            turns, failed, turns_s: Math.round(turns / seconds),
            p50_ms: at(0.5), p99_ms: at(0.99), worst_ms: at(1),
        }));
        process.exit(0);
    });
}
