#!/usr/bin/env node
/*
 * Checks TwiML: well-formed XML, elements and attributes that Twilio's library
 * knows, in places where it would put them, within Twilio's limits.
 * See --help.
 */
'use strict';

const fs = require('fs');
const { parseArgs } = require('util');
const { SaxesParser } = require('saxes');
const { loadGrammar } = require('./twiml_grammar');

const HELP = `Usage: twiml.js [--json] [FILE]

Reads a TwiML document from FILE or standard input.  Says nothing (exit 0) when
it is right, else one line on standard error for each fault (exit 1).

  --json   also print the document as JSON: objects of name, attributes, text
           and children
  --help

Example:
  curl -s http://127.0.0.1:8080/voice | twiml.js
`;

const DOCUMENT_MAX = 65536;
const SAY_MAX = 3000;
const SAY_ENCODED_MAX = 4500;
const PARAMETER_MAX = 499;

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

// Verbs that end the document: nothing after them is ever reached.
const FINAL = new Set(['Hangup', 'Redirect', 'Reject', 'Leave']);

/* Parses strictly; returns the root element. */
function parse(text, fault) {
    const parser = new SaxesParser();
    const holder = { name: '', attributes: {}, text: '', children: [] };
    const open = [holder];

    parser.on('error', (error) => fault(error.message));
    parser.on('doctype', () => fault('a DOCTYPE'));
    parser.on('processinginstruction', () => fault('a processing instruction'));
    parser.on('opentag', (tag) => {
        const element = {
            name: tag.name,
            attributes: { ...tag.attributes },
            text: '',
            children: [],
        };
        open[open.length - 1].children.push(element);
        open.push(element);
    });
    parser.on('closetag', () => open.pop());
    for (const event of ['text', 'cdata']) {
        parser.on(event, (piece) => {
            open[open.length - 1].text += piece;
        });
    }
    parser.write(text).close();
    return holder.children[0];
}

function bytes(text) {
    return Buffer.byteLength(text, 'utf8');
}

function checkSay(element, fault) {
    const encoded = encodeURIComponent(element.text);

    if (element.text.trim() === '' && element.children.length === 0) {
        fault('<Say> says nothing');
    }
    if (bytes(element.text) > SAY_MAX) {
        fault(`<Say> of ${bytes(element.text)} bytes`);
    }
    if (encoded.length > SAY_ENCODED_MAX) {
        fault(`<Say> of ${encoded.length} bytes percent-encoded`);
    }
}

function checkStream(element, fault) {
    const url = element.attributes.url || '';

    // A relative URL is resolved by Twilio; then its scheme is not ours.
    if (/^[a-z][a-z0-9+.-]*:/i.test(url) && !url.startsWith('wss://')) {
        fault(`<Stream> to ${url}, which is not wss`);
    }
    if (url === '' && !element.attributes.connectorName) {
        fault('<Stream> without url');
    }
    if (/[?#]/.test(url)) {
        fault(`<Stream> to a URL with a query or fragment: ${url}`);
    }
}

function checkParameter(element, fault) {
    const { name = '', value = '' } = element.attributes;

    if (name === '') {
        fault('<Parameter> without name');
    }
    if ([...name].length + [...value].length > PARAMETER_MAX) {
        fault(`<Parameter> ${name} is too long`);
    }
}

function checkOneNoun(element, fault) {
    if (element.children.length !== 1) {
        fault(`<${element.name}> with ${element.children.length} nouns`);
    }
}

const CHECKS = {
    Say: checkSay,
    Stream: checkStream,
    Parameter: checkParameter,
    Connect: checkOneNoun,
};

function checkAttribute(element, name, attribute, fault) {
    const value = element.attributes[name];
    const where = `<${element.name} ${name}="${value}">`;

    if (attribute === undefined) {
        fault(`${where}: unknown attribute`);
    } else if (!attribute.accepts(value)) {
        fault(`${where}: not ${attribute.wants}`);
    }
}

/* Checks an element against its entry in the grammar, and all below it. */
function checkElement(element, entry, fault) {
    for (const name of Object.keys(element.attributes)) {
        checkAttribute(element, name, entry.attributes[name], fault);
    }
    if (!entry.text && element.text.trim() !== '') {
        fault(`text in <${element.name}>`);
    }
    for (const child of element.children) {
        const childEntry = entry.children[child.name];

        if (childEntry === undefined) {
            fault(`<${child.name}> may not stand in <${element.name}>`);
        } else {
            checkElement(child, childEntry(), fault);
        }
    }
    if (Object.hasOwn(CHECKS, element.name)) {
        CHECKS[element.name](element, fault);
    }
}

function checkReach(root, fault) {
    root.children.slice(0, -1).forEach((verb) => {
        if (FINAL.has(verb.name)) {
            fault(`what follows <${verb.name}> is never reached`);
        }
    });
}

function check(data, fault) {
    if (data.length > DOCUMENT_MAX) {
        fault(`a document of ${data.length} bytes`);
    }
    let text;
    try {
        text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
        fault('not UTF-8');
        return null;
    }
    if (!text.startsWith(DECLARATION)) {
        fault(`does not begin with ${DECLARATION}`);
    }
    const root = parse(text, fault);
    if (root === undefined || root.name !== 'Response') {
        fault('the root is not <Response>');
        return null;
    }
    checkElement(root, loadGrammar(), fault);
    checkReach(root, fault);
    return root;
}

function main() {
    const { values, positionals } = parseArgs({
        options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
        allowPositionals: true,
    });

    if (values.help) {
        process.stdout.write(HELP);
        return 0;
    }
    if (positionals.length > 1) {
        throw new Error('one FILE at most (see --help)');
    }
    const faults = [];
    const data = fs.readFileSync(positionals.length !== 0 ? positionals[0] : 0);
    const root = check(data, (fault) => faults.push(fault));

    for (const fault of faults) {
        console.error(fault);
    }
    if (values.json && root !== null) {
        console.log(JSON.stringify(root));
    }
    return faults.length === 0 ? 0 : 1;
}

try {
    process.exitCode = main();
} catch (error) {
    console.error(`twiml.js: ${error.message}`);
    process.exitCode = 2;
}
