'use strict';

/*
 * Posts signed webhooks of incoming calls, a few at a time.  Arguments: port,
 * public URL, token, how many.  Prints JSON.
 */

const crypto = require('crypto');
const http = require('http');

const [port, base, token, count] = process.argv.slice(2);
const path = '/voice/incoming';
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

function request() {
    const fields = {
        AccountSid: 'AC' + '0'.repeat(32),
        ApiVersion: '2010-04-01',
        CallSid: 'CA' + crypto.randomBytes(16).toString('hex'),
        CallStatus: 'ringing',
        Called: '+15550100002',
        Caller: '+15550100001',
        Direction: 'inbound',
        From: '+15550100001',
        FromCountry: 'US',
        To: '+15550100002',
        ToCountry: 'US',
    };
    const text = base + path + Object.keys(fields).sort()
        .map((name) => name + fields[name]).join('');
    return {
        body: new URLSearchParams(fields).toString(),
        signature: crypto.createHmac('sha1', token).update(text)
            .digest('base64'),
    };
}

const requests = Array.from({ length: Number(count) }, request);
const result = { ok: 0, failed: 0, seconds: 0 };
const begin = process.hrtime.bigint();
let left = requests.length;

function done(ok) {
    result[ok ? 'ok' : 'failed']++;
    if (--left === 0) {
        result.seconds = Number(process.hrtime.bigint() - begin) / 1e9;
        console.log(JSON.stringify(result));
        agent.destroy();
    }
}

for (const { body, signature } of requests) {
    http.request({
        agent, port, path, host: '127.0.0.1', method: 'POST',
        headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': body.length,
            'X-Twilio-Signature': signature,
        },
    }, (res) => {
        let text = '';
        res.on('data', (part) => { text += part; });
        res.on('end', () => done(res.statusCode === 200 &&
                                 text.includes('<Stream ')));
    }).on('error', () => done(false)).end(body);
}
