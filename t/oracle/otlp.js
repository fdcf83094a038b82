#!/usr/bin/env node
/*
 * A collector of traces that takes nothing but what OTLP/HTTP allows.
 * See --help.
 */
'use strict';

const http = require('http');

const HELP = `Usage: otlp.js [PORT]

Takes POST /v1/traces in the JSON encoding of OTLP/HTTP on a port of the
loopback, says {"port":N}, and then a line for each request, with the fault
found in it, or else with its spans:

  {"headers":{...},"fault":"..."}
  {"headers":{...},"resource":{...},"spans":[...]}

Attributes become plain members, times milliseconds.  The first path of the URL
says what it answers: /500/v1/traces that status, /some/v1/traces that a span
was rejected, /hang/v1/traces nothing.
`;

if (process.argv.includes('--help')) {
    process.stdout.write(HELP);
    process.exit(0);
}

function must(that, what) {
    if (!that) {
        throw new Error(what);
    }
}

// An object of these members and no others.
function shape(value, name, required, optional = []) {
    must(value && typeof value === 'object' && !Array.isArray(value), `${name}: no object`);
    for (const key of required) {
        must(key in value, `${name}: lacks ${key}`);
    }
    for (const key of Object.keys(value)) {
        must(required.includes(key) || optional.includes(key), `${name}: has ${key}`);
    }
    return value;
}

function list(value, name) {
    must(Array.isArray(value) && value.length > 0, `${name}: no list`);
    return value;
}

function text(value, name) {
    must(typeof value === 'string' && value.length > 0, `${name}: no text`);
    return value;
}

const values = {
    stringValue: (v) => text(v, 'stringValue'),
    intValue: (v) => {
        must(typeof v === 'string' && /^-?\d{1,19}$/.test(v), `intValue: ${v}`);
        return Number(v);
    },
    boolValue: (v) => {
        must(typeof v === 'boolean', `boolValue: ${v}`);
        return v;
    },
};

function attributes(array, name) {
    const all = {};
    must(Array.isArray(array), `${name}: no list of attributes`);
    for (const one of array) {
        shape(one, `${name} attribute`, ['key', 'value']);
        must(/^[a-z][a-z0-9_.]*$/.test(one.key), `${name}: attribute ${one.key}`);
        must(!(one.key in all), `${name}: ${one.key} twice`);
        const [kind, ...more] = Object.keys(one.value);
        must(values[kind] && more.length === 0, `${name}: value of ${one.key}`);
        all[one.key] = values[kind](one.value[kind]);
    }
    return all;
}

function identifier(value, digits, name) {
    must(
        typeof value === 'string' &&
            new RegExp(`^[0-9a-f]{${digits}}$`).test(value) &&
            /[^0]/.test(value),
        `${name}: ${value}`
    );
    return value;
}

// Nanoseconds of this century, in decimal digits.
function time(value, name) {
    must(typeof value === 'string' && /^[12]\d{18}$/.test(value), `${name}: ${value}`);
    return Number(BigInt(value) / 1000000n);
}

function span(one) {
    shape(
        one,
        'span',
        ['traceId', 'spanId', 'name', 'kind', 'startTimeUnixNano', 'endTimeUnixNano'],
        ['parentSpanId', 'attributes', 'status']
    );
    must([1, 2, 3].includes(one.kind), `kind ${one.kind}`);
    if ('status' in one) {
        shape(one.status, 'status', ['code']);
        must([0, 1, 2].includes(one.status.code), `status ${one.status.code}`);
    }
    const result = {
        trace: identifier(one.traceId, 32, 'traceId'),
        id: identifier(one.spanId, 16, 'spanId'),
        parent: 'parentSpanId' in one ? identifier(one.parentSpanId, 16, 'parentSpanId') : null,
        name: text(one.name, 'name'),
        kind: one.kind,
        begin: time(one.startTimeUnixNano, 'begin'),
        end: time(one.endTimeUnixNano, 'end'),
        status: one.status ? one.status.code : 0,
        attributes: attributes(one.attributes || [], 'span'),
    };
    must(result.end >= result.begin, `${one.name} ends before it begins`);
    return result;
}

function read(req, body) {
    must(req.method === 'POST', req.method);
    must(/\/v1\/traces$/.test(req.url), req.url);
    must(req.headers['content-type'] === 'application/json', 'content-type');
    const [one, ...more] = list(
        shape(JSON.parse(body), 'request', ['resourceSpans']).resourceSpans,
        'resourceSpans'
    );
    must(more.length === 0, 'more than one resource');
    shape(one, 'resourceSpans', ['resource', 'scopeSpans']);
    const [scope, ...scopes] = list(one.scopeSpans, 'scopeSpans');
    must(scopes.length === 0, 'more than one scope');
    shape(scope, 'scopeSpans', ['scope', 'spans']);
    shape(scope.scope, 'scope', ['name', 'version']);
    return {
        resource: attributes(shape(one.resource, 'resource', ['attributes']).attributes, 'resource'),
        spans: list(scope.spans, 'spans').map(span),
    };
}

function answer(res, url) {
    const [, how] = url.split('/');
    if (how === 'hang') {
        return;
    }
    res.writeHead(/^\d+$/.test(how) ? Number(how) : 200, { 'content-type': 'application/json' });
    res.end(how === 'some' ? '{"partialSuccess":{"rejectedSpans":"1"}}' : '{}');
}

const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
        const line = { headers: req.headers };
        try {
            Object.assign(line, read(req, Buffer.concat(parts).toString()));
        } catch (error) {
            line.fault = error.message;
        }
        process.stdout.write(`${JSON.stringify(line)}\n`);
        answer(res, req.url);
    });
    res.on('error', () => {});
});
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => {
    process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
