'use strict';

/*
 * TLS in front of a server, and proxies:
 *
 *   node tls.js DIR PORT
 *
 * DIR has certificates (good, other, expired, and ca.pem that signed them),
 * PORT is of the server behind.  Prints one line of JSON with ports:
 *
 *   good, other, expired   with that certificate, HTTP/1.1; fresh as good
 *   mutual, mutual12       asks for a certificate; by TLS 1.3, and by 1.2
 *   tls11, tls12           nothing newer than that
 *   h2                     HTTP/2 by itself: two deltas, "one " and "two";
 *                          below /silent nothing
 *   proxy                  takes CONNECT, and requests with absolute URLs
 *   auth                   the same for "user:very-secret" only
 *   counts                 GET tells what has been seen, POST forgets it
 */

const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const tls = require('tls');

const [dir, behind] = process.argv.slice(2);
const none = () => ({ connections: 0, resumed: 0, streams: 0, cancelled: 0,
    connects: 0, forwards: 0, refused: 0, heads: 0 });
let counts = none();

function certificate(name) {
    return { key: fs.readFileSync(`${dir}/${name}.key`),
        cert: fs.readFileSync(`${dir}/${name}.pem`) };
}

function join(a, b) {
    a.on('error', () => b.destroy());
    b.on('error', () => a.destroy());
    a.pipe(b);
    b.pipe(a);
}

function counted(socket) {
    counts.connections++;
    counts.resumed += socket.isSessionReused() ? 1 : 0;
}

function front(options) {
    return tls.createServer({ ALPNProtocols: ['http/1.1'], ...options },
        (socket) => {
            counted(socket);
            join(socket, net.connect(Number(behind), '127.0.0.1'));
        }).on('tlsClientError', () => counts.refused++);
}

const h2 = http2.createSecureServer(certificate('good'), (req, res) => {
    counts.streams++;
    counts.heads += req.method === 'HEAD' ? 1 : 0;
    req.stream.on('close', () => {
        counts.cancelled += req.stream.rstCode ? 1 : 0;
    });
    req.resume();
    req.on('end', () => {
        if (req.url.startsWith('/silent')) {
            return;
        }
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const text of req.method === 'HEAD' ? [] : ['one ', 'two']) {
            res.write(`data: {"choices":[{"index":0,"delta":{"content":"${text}"}}]}\n\n`);
        }
        res.end(req.method === 'HEAD' ? undefined
            : 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
});
h2.on('secureConnection', counted);

function proxy(secret) {
    const wanted = secret && `Basic ${Buffer.from(secret).toString('base64')}`;
    const refuses = (req) => wanted && req.headers['proxy-authorization'] !== wanted;
    const server = http.createServer((req, res) => {
        if (refuses(req)) {
            res.writeHead(407).end();
            return;
        }
        counts.forwards++;
        req.pipe(http.request(req.url, { method: req.method, headers: req.headers },
            (answer) => {
                res.writeHead(answer.statusCode, answer.headers);
                answer.pipe(res);
            }));
    });
    server.on('connect', (req, socket, head) => {
        const [host, port] = req.url.split(':');
        socket.on('error', () => {});
        if (refuses(req)) {
            socket.end('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n');
            return;
        }
        counts.connects++;
        const there = net.connect(Number(port), host, () => {
            socket.write('HTTP/1.1 200 Connected\r\n\r\n');
            there.write(head);
            join(socket, there);
        });
        there.on('error', () => socket.end('HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n'));
    });
    return server;
}

const mutual = { ...certificate('good'), requestCert: true,
    rejectUnauthorized: true, ca: fs.readFileSync(`${dir}/ca.pem`) };

const servers = {
    good: front(certificate('good')),
    fresh: front(certificate('good')),
    other: front(certificate('other')),
    expired: front(certificate('expired')),
    mutual: front(mutual),
    mutual12: front({ ...mutual, maxVersion: 'TLSv1.2' }),
    tls11: front({ ...certificate('good'), minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    tls12: front({ ...certificate('good'), maxVersion: 'TLSv1.2' }),
    h2,
    proxy: proxy(),
    auth: proxy('user:very-secret'),
    counts: http.createServer((req, res) => {
        res.end(JSON.stringify(counts));
        counts = req.method === 'POST' ? none() : counts;
    }),
};

let left = Object.keys(servers).length;

for (const server of Object.values(servers)) {
    server.listen(0, '127.0.0.1', () => {
        if (--left === 0) {
            console.log(JSON.stringify(Object.fromEntries(Object.entries(servers)
                .map(([name, one]) => [name, one.address().port]))));
        }
    });
}
