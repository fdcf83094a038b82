#!/usr/bin/env node
/*
 * The Node library ws as a reader of events.  See --help.
 */
'use strict';

const { parseArgs } = require('util');
const WebSocket = require('ws');

const HELP = `Usage: events.js --url URL [--host NAME] [--key KEY]

Opens a WebSocket and prints each message as a line, after {"open":true}; at the
end {"code":N}, or {"status":N} when the server did not take it.
`;

const { values } = parseArgs({
    options: {
        url: { type: 'string' },
        host: { type: 'string' },
        key: { type: 'string' },
        help: { type: 'boolean' },
    },
});
if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
}

const headers = {};
if (values.host) {
    headers.Host = values.host;
}
if (values.key) {
    headers.Authorization = `Bearer ${values.key}`;
}

const socket = new WebSocket(values.url, [], { headers });

function say(object) {
    process.stdout.write(`${JSON.stringify(object)}\n`);
}

socket.on('open', () => say({ open: true }));
socket.on('message', (data) => process.stdout.write(`${data}\n`));
socket.on('unexpected-response', (request, response) => {
    say({ status: response.statusCode });
    process.exit(0);
});
socket.on('error', (error) => say({ error: error.message }));
socket.on('close', (code) => {
    say({ code });
    process.exit(0);
});
process.on('SIGTERM', () => socket.close(1000));
