'use strict';

/*
 * A provider that misbehaves on demand.  The first part of the path says how:
 *
 *   /sse/N/MS       N deltas, one every MS milliseconds
 *   /ulaw/N/SIZE/MS N chunks of SIZE bytes of audio, one every MS
 *   /big/BYTES      that much audio as fast as it is taken
 *   /silent         never answers
 *   /headers        a head, and no body
 *   /mid            a piece of a body, and no more
 *   /cut            promises more than it sends, and goes
 *   /drip/MS        one byte every MS, for ever
 *   /status/CODE    an error in JSON; 429 says when to come back
 *   /html           a page, with status 200
 *   /moved          a redirect
 *   /echo           a reply that describes the request
 *
 * Arguments: ports of http, of HTTP/2 over TLS, and of https with a certificate
 * that nobody trusts; directory of the certificates; path of a unix socket.
 * GET /counts tells what it has seen.
 */

const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const https = require('https');

const [port, tlsPort, badPort, dir, socket] = process.argv.slice(2);
const counts = { connections: 0, requests: 0, aborted: 0, open: 0, sent: 0 };

const seen = new WeakSet();

function delta(res, text) {
    const chunk = { choices: [{ index: 0, delta: { content: text } }] };
    res.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

function finish(res) {
    const chunk = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    res.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
}

/* Calls step(i) n times, ms apart, then end(), as long as res is open. */
function pace(res, n, ms, step, end) {
    let i = 0;
    function next() {
        if (res.destroyed) {
            return;
        }
        if (i >= n) {
            end();
            return;
        }
        step(i++);
        if (ms > 0) {
            setTimeout(next, ms);
        } else {
            setImmediate(next);
        }
    }
    next();
}

function big(res, bytes) {
    const block = Buffer.alloc(65536, 0xff);
    let left = bytes;
    function more() {
        while (left > 0) {
            const n = Math.min(left, block.length);
            left -= n;
            counts.sent = bytes - left;
            if (!res.write(block.subarray(0, n))) {
                res.once('drain', more);
                return;
            }
        }
        res.end();
    }
    more();
}

const ulaw = { 'content-type': 'audio/basic' };
const sse = { 'content-type': 'text/event-stream' };
const json = { 'content-type': 'application/json' };

const scenes = {
    sse(req, res, n, ms) {
        res.writeHead(200, sse);
        pace(res, +n, +ms, (i) => delta(res, `w${i} `), () => finish(res));
    },
    ulaw(req, res, n, size, ms) {
        res.writeHead(200, ulaw);
        pace(res, +n, +ms, (i) => res.write(Buffer.alloc(+size, i & 0xff)),
             () => res.end());
    },
    big(req, res, bytes) {
        res.writeHead(200, ulaw);
        big(res, +bytes);
    },
    silent() {
    },
    headers(req, res) {
        res.writeHead(200, sse);
        res.flushHeaders();
    },
    mid(req, res) {
        res.writeHead(200, sse);
        delta(res, 'half ');
    },
    cut(req, res) {
        res.writeHead(200, { 'content-type': 'audio/basic',
                             'content-length': 100000 });
        res.write(Buffer.alloc(1000, 0xff));
        setTimeout(() => res.socket.destroy(), 50);
    },
    drip(req, res, ms) {
        res.writeHead(200, ulaw);
        pace(res, Infinity, +ms, () => res.write('x'), () => {});
    },
    status(req, res, code) {
        res.writeHead(+code, code === '429' ? { ...json, 'retry-after': '7' } : json);
        res.end(JSON.stringify({ error: { message: `told to say ${code}` } }));
    },
    html(req, res) {
        res.writeHead(200, { 'content-type': 'text/html' });
        res.end('<html><body>It works!</body></html>');
    },
    moved(req, res) {
        res.writeHead(302, { location: `http://127.0.0.1:${port}/sse/1/0` });
        res.end();
    },
    echo(req, res, body) {
        res.writeHead(200, sse);
        delta(res, JSON.stringify({
            method: req.method, url: req.url, agent: req.headers['user-agent'],
            expect: req.headers.expect || 'none', type: req.headers['content-type'],
            key: req.headers.authorization || 'none', length: body.length,
            version: req.httpVersion,
        }));
        finish(res);
    },
};

function transcript(req, res, body) {
    res.writeHead(200, json);
    res.end(JSON.stringify({
        text: `${req.headers['content-type'].split(';')[0]} ` +
              `${body.length} ${body.includes('name="file"')}`,
    }));
}

function handle(req, res) {
    const path = req.url.split('/').slice(1);
    const body = [];
    if (req.url === '/counts') {
        res.writeHead(200, json);
        res.end(JSON.stringify(counts));
        return;
    }
    const connection = req.stream ? req.stream.session : req.socket;
    if (!seen.has(connection)) {
        seen.add(connection);
        counts.connections++;
    }
    counts.requests++;
    counts.open++;
    res.on('close', () => {
        counts.open--;
        if (!res.writableFinished) {
            counts.aborted++;
        }
    });
    req.on('data', (data) => body.push(data));
    req.on('end', () => {
        const whole = Buffer.concat(body);
        if (path[0] === 'echo' && req.url.endsWith('/audio/transcriptions')) {
            transcript(req, res, whole);
        } else if (path[0] === 'echo') {
            scenes.echo(req, res, whole);
        } else {
            scenes[path[0]](req, res, ...path.slice(1));
        }
    });
    req.on('error', () => {});
}

function tls(name) {
    return {
        key: fs.readFileSync(`${dir}/${name}.key`),
        cert: fs.readFileSync(`${dir}/${name}.pem`),
    };
}

fs.rmSync(socket, { force: true });

const servers = [
    [http.createServer(handle), [+port, '127.0.0.1', 4096]],
    [http2.createSecureServer(tls('good'), handle), [+tlsPort, '127.0.0.1']],
    [https.createServer(tls('bad'), handle), [+badPort, '127.0.0.1']],
    [http.createServer(handle), [socket]],
];

for (const [server, where] of servers) {
    server.keepAliveTimeout = 60000;
    server.listen(...where);
}
