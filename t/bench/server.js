'use strict';

/*
 * The lean server that one writes with Node and ws: parses the messages,
 * decodes the audio, and with the third argument answers each so many frames
 * with as much audio, and a mark each second.
 *
 * Arguments: port, public host, frames in one message of ours (0: says
 * nothing).
 */

const http = require('http');
const { WebSocketServer } = require('ws');

const [port, host, packet] = process.argv.slice(2);
const every = Number(packet);
const FRAME = 160;
const speech = Buffer.alloc(60 * 8000, 0x9a);

const server = http.createServer((req, res) => {
    req.resume();
    res.setHeader('Content-Type', 'text/xml');
    res.end('<?xml version="1.0" encoding="UTF-8"?><Response><Connect>' +
            `<Stream url="wss://${host}/media"/></Connect></Response>`);
});

function speak(call) {
    const n = every * FRAME;
    const at = call.said % (speech.length - n);
    call.ws.send(JSON.stringify({
        event: 'media',
        streamSid: call.sid,
        media: { payload: speech.subarray(at, at + n).toString('base64') },
    }));
    call.said += n;
    if (call.said % 8000 < n) {
        call.ws.send(JSON.stringify({
            event: 'mark',
            streamSid: call.sid,
            mark: { name: `m${call.said}` },
        }));
    }
}

new WebSocketServer({ server, path: '/media' }).on('connection', (ws) => {
    const call = { ws, sid: '', heard: 0, said: 0, frames: 0, marks: 0 };
    ws.on('message', (data) => {
        const message = JSON.parse(data);
        switch (message.event) {
        case 'start':
            call.sid = message.start.streamSid;
            break;
        case 'media':
            call.heard += Buffer.from(message.media.payload, 'base64').length;
            call.frames++;
            if (every && call.frames % every === 0) {
                speak(call);
            }
            break;
        case 'mark':
            call.marks++;
            break;
        default:
            break;
        }
    });
    ws.on('error', () => {});
});

server.listen(Number(port), '127.0.0.1');
