#!/usr/bin/env node
/*
 * Twilio's REST API for calls, as an OpenAPI description has it, on the
 * loopback interface.  See --help.
 */
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { parseArgs } = require('util');
const express = require('express');
const OpenApiValidator = require('express-openapi-validator');
const yaml = require('js-yaml');

const HELP = `Usage: twilio_rest.js [OPTION]...

Creates, fetches and changes calls in memory.  Requests and its own answers are
validated against an OpenAPI description; parameters that it does not have are
refused.  Says {"port":N} on standard output when it listens on 127.0.0.1.

  --spec FILE      description, YAML or JSON (default: the environment's
                   TWILIO_OPENAPI, else calls.yaml beside this script)
  --port N         port (default: a free one)
  --account SID    account (default: AC and 32 zeros)
  --token TOKEN    its token (default: "token")
  --key SID:SECRET an API key that is accepted too
  --help

GET    /oracle/requests  all requests so far: method, path, user, form, errors
                         (of validation) and status (answered; null for none)
DELETE /oracle/requests  forgets them
GET    /oracle/calls     all calls
PUT    /oracle/calls/SID changes a call: {"status":"completed"}
PUT    /oracle/fault     spoils the answers that follow, until DELETE:
   {"status":429,"code":20429,"retry_after":3}   a refusal in Twilio's form
   {"fault":"silent"}   takes the request and never answers
   {"fault":"cut"}      closes the connection instead of answering
   {"fault":"half"}     promises a whole body, sends half and closes
   {"fault":"torn"}     a whole answer with half a JSON body
   {"fault":"page"}     a page of HTML with status 502
   {"fault":"empty"}    status 503 without a body
   {"fault":"flood"}    status 200 and a body of 1 MB
   {"fault":"slow","ms":N}   the right answer, late
   "times":N            only the next N answers
`;

const OPTIONS = {
    spec: { type: 'string' },
    port: { type: 'string', default: '0' },
    account: { type: 'string', default: `AC${'0'.repeat(32)}` },
    token: { type: 'string', default: 'token' },
    key: { type: 'string' },
    help: { type: 'boolean' },
};

const REFUSALS = {
    400: [21200, 'Bad request'],
    401: [20003, 'Authenticate'],
    403: [20403, 'Forbidden'],
    404: [20404, 'The requested resource was not found'],
    429: [20429, 'Too Many Requests'],
    500: [20500, 'Internal Server Error'],
    503: [20503, 'Service Unavailable'],
};

// Formats of Twilio's description that no standard has.
const FORMATS = {
    endpoint: /^(\+[1-9]\d{1,14}|sips?:[^@\s]+@\S+|client:\S+)$/,
    'http-method': /^(GET|POST)$/,
    twiml: /^\s*<(\?xml|Response)[^]{0,3999}$/,
    'date-time-rfc-2822': /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$/,
    currency: /^[A-Z]{3}$/,
    'uri-map': /^/,
};

const calls = new Map();
let requests = [];
let fault = null;

/* Loads a description and closes its forms to parameters it does not have. */
function loadSpec(file) {
    const spec = yaml.load(fs.readFileSync(file, 'utf8'));

    for (const operations of Object.values(spec.paths)) {
        const form = operations.post?.requestBody?.content[
            'application/x-www-form-urlencoded'
        ];
        if (form !== undefined) {
            form.schema.additionalProperties = false;
        }
    }
    return spec;
}

function refuse(res, status, code, message) {
    const [usual, text] = REFUSALS[status] || [20500, 'Error'];

    code = code || usual;
    // Not by json(), which validates; descriptions have no refusals.
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(
        JSON.stringify({
            code,
            message: message || text,
            more_info: `https://www.twilio.com/docs/errors/${code}`,
            status,
        })
    );
}

/* Takes the fault that is on, if it is still on. */
function takeFault() {
    const now = fault;

    if (fault !== null && fault.times !== undefined) {
        fault.times -= 1;
        if (fault.times <= 0) {
            fault = null;
        }
    }
    return now;
}

const FAULTS = {
    silent() {},
    cut(res) {
        res.socket.destroy();
    },
    half(res, status, body) {
        const text = JSON.stringify(body);

        res.writeHead(status, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
        });
        res.write(text.slice(0, text.length / 2), () => res.socket.destroy());
    },
    torn(res, status, body) {
        const text = JSON.stringify(body);

        res.writeHead(status, { 'content-type': 'application/json' });
        res.end(text.slice(0, text.length / 2));
    },
    page(res) {
        res.writeHead(502, { 'content-type': 'text/html' });
        res.end('<html><body><h1>502 Bad Gateway</h1></body></html>');
    },
    empty(res) {
        res.writeHead(503);
        res.end();
    },
    flood(res) {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(`{"sid":"${'x'.repeat(1 << 20)}"}`);
    },
};

/* Sends an answer, or what the fault makes of it. */
function answer(res, status, body) {
    const f = takeFault();

    if (f === null) {
        res.status(status).json(body);
    } else if (f.status !== undefined) {
        if (f.retry_after !== undefined) {
            res.set('retry-after', String(f.retry_after));
        }
        refuse(res, f.status, f.code, f.message);
    } else if (f.fault === 'slow') {
        setTimeout(() => res.status(status).json(body), f.ms);
    } else {
        FAULTS[f.fault](res, status, body);
    }
}

function createCall(req, res) {
    const sid = `CA${crypto.randomBytes(16).toString('hex')}`;
    const account = req.params.AccountSid;
    const call = {
        sid,
        account_sid: account,
        to: req.body.To,
        from: req.body.From,
        status: 'queued',
        direction: 'outbound-api',
        api_version: '2010-04-01',
        date_created: new Date().toUTCString().replace('GMT', '+0000'),
        price: null,
        uri: `/2010-04-01/Accounts/${account}/Calls/${sid}.json`,
    };

    calls.set(sid, call);
    answer(res, 201, call);
}

function fetchCall(req, res) {
    const call = calls.get(req.params.Sid);

    if (call === undefined) {
        refuse(res, 404);
    } else {
        answer(res, 200, call);
    }
}

function updateCall(req, res) {
    const call = calls.get(req.params.Sid);
    const { Status, Url, Twiml } = req.body;

    if (call === undefined) {
        refuse(res, 404);
    } else if (Url !== undefined && Twiml !== undefined) {
        refuse(res, 400, 21200, 'Url and Twiml exclude each other');
    } else if (/^(completed|busy|failed|no-answer|canceled)$/.test(call.status)) {
        refuse(res, 400, 21220, 'Call is not in-progress. Cannot redirect.');
    } else {
        if (Status !== undefined && fault?.status === undefined) {
            call.status = Status;
        }
        answer(res, 200, call);
    }
}

/* Remembers a request, and its answer when that has gone out. */
function record(req, res, next) {
    const basic = /^Basic (.*)$/.exec(req.headers.authorization || '');
    const entry = {
        method: req.method,
        path: req.originalUrl,
        user: basic ? Buffer.from(basic[1], 'base64').toString().split(':')[0] : null,
        agent: req.headers['user-agent'] || null,
        type: req.headers['content-type'] || null,
        form: { ...req.body },
        errors: [],
        status: null,
    };

    requests.push(entry);
    req.entry = entry;
    res.on('finish', () => {
        entry.status = res.statusCode;
    });
    next();
}

function authorizer(values) {
    const accepted = [`${values.account}:${values.token}`, values.key]
        .filter((pair) => pair !== undefined)
        .map((pair) => `Basic ${Buffer.from(pair).toString('base64')}`);

    return (req) => accepted.includes(req.headers.authorization);
}

function control(app) {
    app.use('/oracle', express.json());
    app.get('/oracle/requests', (req, res) => res.json(requests));
    app.delete('/oracle/requests', (req, res) => {
        requests = [];
        res.status(204).end();
    });
    app.get('/oracle/calls', (req, res) => res.json([...calls.values()]));
    app.put('/oracle/calls/:sid', (req, res) => {
        Object.assign(calls.get(req.params.sid) || {}, req.body);
        res.status(calls.has(req.params.sid) ? 204 : 404).end();
    });
    app.put('/oracle/fault', (req, res) => {
        const known =
            req.body.status !== undefined ||
            req.body.fault === 'slow' ||
            Object.hasOwn(FAULTS, req.body.fault);
        if (known) {
            fault = req.body;
        }
        res.status(known ? 204 : 400).end();
    });
    app.delete('/oracle/fault', (req, res) => {
        fault = null;
        res.status(204).end();
    });
}

function build(values) {
    const app = express().disable('x-powered-by');
    const authorized = authorizer(values);
    const spec = loadSpec(
        values.spec || process.env.TWILIO_OPENAPI || path.join(__dirname, 'calls.yaml')
    );
    const security = {};
    const formats = {};
    const base = '/2010-04-01/Accounts/:AccountSid/Calls';

    for (const [name, pattern] of Object.entries(FORMATS)) {
        formats[name] = { type: 'string', validate: (text) => pattern.test(text) };
    }
    for (const name of Object.keys(spec.components.securitySchemes)) {
        security[name] = authorized;
    }
    control(app);
    app.use(express.urlencoded({ extended: false, limit: '256kb' }), record);
    app.use(
        OpenApiValidator.middleware({
            apiSpec: spec,
            formats,
            validateRequests: { coerceTypes: 'array' },
            validateResponses: true,
            validateSecurity: { handlers: security },
        })
    );
    app.post(`${base}.json`, createCall);
    app.get(`${base}/:Sid.json`, fetchCall);
    app.post(`${base}/:Sid.json`, updateCall);
    app.use((error, req, res, next) => {
        const status = error.status || 500;

        if (req.entry !== undefined) {
            req.entry.errors = error.errors || [{ message: error.message }];
        }
        if (res.headersSent) {
            next(error);
        } else {
            refuse(res, status, undefined, error.message);
        }
    });
    return app;
}

function main() {
    const { values } = parseArgs({ options: OPTIONS });

    if (values.help) {
        process.stdout.write(HELP);
        return;
    }
    const server = build(values).listen(Number(values.port), '127.0.0.1', () => {
        console.log(JSON.stringify({ port: server.address().port }));
    });
    process.on('SIGTERM', () => process.exit(0));
}

try {
    main();
} catch (error) {
    console.error(`twilio_rest.js: ${error.message} (see --help)`);
    process.exitCode = 2;
}
