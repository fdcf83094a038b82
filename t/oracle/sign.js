#!/usr/bin/env node
/*
 * Twilio's own library signs requests and checks signatures.  See --help.
 */
'use strict';

const fs = require('fs');
const querystring = require('querystring');
const { parseArgs } = require('util');
const webhooks = require('twilio/lib/webhooks/webhooks');

const HELP = `Usage: sign.js sign|validate|hash [OPTION]...

  sign       print the X-Twilio-Signature of a request
  validate   print "valid" (exit 0) or "invalid" (exit 1)
  hash       print the URL with the bodySHA256 of the body added

Options:
  --token TOKEN          auth token
  --url URL              the URL that is signed; wss://... for a handshake
  --form a=1&b=2         body of a POST, urlencoded
  --body TEXT            body that is not a form
  --signature SIGNATURE  the header to validate
  --help

What is not given as an option is taken from a JSON object on standard input
with the members token, url, form, body, signature, or params: an object whose
values are strings, or arrays of strings for a name that comes several times.
Standard input is read only if --token or --url is missing.

A body that is no form is not signed itself: first add its hash to the URL
("hash"), then sign that URL.  "validate" with a body checks both.

Exit status: 0 done or valid, 1 invalid, 2 wrong usage.

Example:
  sign.js sign --token 12345 --url https://example.com/voice \\
      --form 'CallSid=CA1&Digits=1'
`;

const OPTIONS = {
    token: { type: 'string' },
    url: { type: 'string' },
    form: { type: 'string' },
    body: { type: 'string' },
    signature: { type: 'string' },
    help: { type: 'boolean' },
};

class UsageError extends Error {}

function readRequest(values) {
    if (values.token !== undefined && values.url !== undefined) {
        return values;
    }
    const given = JSON.parse(fs.readFileSync(0, 'utf8'));
    return Object.assign(given, values);
}

function need(request, ...names) {
    for (const name of names) {
        if (typeof request[name] !== 'string') {
            throw new UsageError(`${name} is missing`);
        }
    }
}

function paramsOf(request) {
    if (typeof request.form !== 'string') {
        return request.params || {};
    }
    // querystring gives a name that comes several times as an array.
    return { ...querystring.parse(request.form, '&', '=', { maxKeys: 0 }) };
}

function sign(request) {
    need(request, 'token', 'url');
    console.log(
        webhooks.getExpectedTwilioSignature(
            request.token,
            request.url,
            paramsOf(request)
        )
    );
    return 0;
}

function validate(request) {
    need(request, 'token', 'url', 'signature');
    const { token, url, signature, body } = request;
    const valid =
        typeof body === 'string'
            ? webhooks.validateRequestWithBody(token, signature, url, body)
            : webhooks.validateRequest(token, signature, url, paramsOf(request));

    console.log(valid ? 'valid' : 'invalid');
    return valid ? 0 : 1;
}

function hash(request) {
    need(request, 'url', 'body');
    const digest = webhooks.getExpectedBodyHash(request.body);
    const join = request.url.includes('?') ? '&' : '?';

    console.log(`${request.url}${join}bodySHA256=${digest}`);
    return 0;
}

function main() {
    const commands = { sign, validate, hash };
    const { values, positionals } = parseArgs({
        options: OPTIONS,
        allowPositionals: true,
    });

    if (values.help) {
        process.stdout.write(HELP);
        return 0;
    }
    if (positionals.length !== 1 || !Object.hasOwn(commands, positionals[0])) {
        throw new UsageError('one of sign, validate, hash is wanted');
    }
    if (positionals[0] === 'hash') {
        values.token = values.token || '';
    }
    return commands[positionals[0]](readRequest(values));
}

try {
    process.exitCode = main();
} catch (error) {
    console.error(`sign.js: ${error.message} (see --help)`);
    process.exitCode = 2;
}
