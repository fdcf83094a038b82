#!/usr/bin/env node
/*
 * The Node library ws as Twilio's end of a stream.  See --help.
 */
'use strict';

const fs = require('fs');
const { parseArgs } = require('util');
const WebSocket = require('ws');

const HELP = `Usage: stream.js --url URL --call SID --token TOKEN [OPTION]...

Opens a stream, sends a second of silence and a ping, returns the marks that
come, and stops two seconds after the start.  Prints one JSON object: the close
code and reason, how many media and marks came, and whether the ping was
answered.

  --ca FILE           trust this authority
  --host NAME         Host header
  --signature VALUE   X-Twilio-Signature
  --subprotocol NAME  offer a subprotocol
  --deflate           offer permessage-deflate
  --help
`;

const OPTIONS = {
    url: { type: 'string' },
    call: { type: 'string' },
    token: { type: 'string' },
    ca: { type: 'string' },
    host: { type: 'string' },
    signature: { type: 'string' },
    subprotocol: { type: 'string' },
    deflate: { type: 'boolean' },
    help: { type: 'boolean' },
};

const { values } = parseArgs({ options: OPTIONS });
if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
}

const stream = `MZ${values.call}`;
const result = { media: 0, marks: 0, pong: false };
const headers = {};
if (values.host) {
    headers.Host = values.host;
}
if (values.signature) {
    headers['X-Twilio-Signature'] = values.signature;
}

const socket = new WebSocket(values.url, values.subprotocol || [], {
    headers,
    ca: values.ca ? fs.readFileSync(values.ca) : undefined,
    servername: values.ca ? 'voice.example.com' : undefined,
    perMessageDeflate: Boolean(values.deflate),
});

function send(message) {
    socket.send(JSON.stringify(message));
}

function finish(extra) {
    console.log(JSON.stringify(Object.assign(result, extra)));
    process.exit(0);
}

function speak() {
    const payload = Buffer.alloc(160, 0xff).toString('base64');

    for (let i = 0; i < 50; i++) {
        send({
            event: 'media',
            sequenceNumber: String(i + 2),
            media: {
                track: 'inbound',
                chunk: String(i + 1),
                timestamp: String(i * 20),
                payload,
            },
            streamSid: stream,
        });
    }
}

socket.on('open', () => {
    result.extensions = socket.extensions;
    result.protocol = socket.protocol;
    send({ event: 'connected', protocol: 'Call', version: '1.0.0' });
    send({
        event: 'start',
        sequenceNumber: '1',
        start: {
            accountSid: 'AC1',
            streamSid: stream,
            callSid: values.call,
            tracks: ['inbound'],
            mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
            customParameters: { token: values.token || '' },
        },
        streamSid: stream,
    });
    socket.ping('are you there');
    speak();
    setTimeout(() => {
        if (socket.readyState === WebSocket.OPEN) {
            send({
                event: 'stop',
                sequenceNumber: '99',
                stop: { accountSid: 'AC1', callSid: values.call },
                streamSid: stream,
            });
        }
    }, 2000);
});

socket.on('message', (data, binary) => {
    const message = JSON.parse(data);

    if (binary || message.streamSid !== stream) {
        finish({ fault: `not for this stream: ${data}` });
    }
    result[message.event === 'mark' ? 'marks' : 'media'] += 1;
    if (message.event === 'mark') {
        send(message);
    }
});
socket.on('pong', (data) => {
    result.pong = data.toString() === 'are you there';
});
socket.on('unexpected-response', (request, response) => {
    finish({ status: response.statusCode });
});
socket.on('error', (error) => finish({ error: error.message }));
socket.on('close', (code, reason) => finish({ code, reason: reason.toString() }));
setTimeout(() => finish({ error: 'no end in 20 s' }), 20000);
