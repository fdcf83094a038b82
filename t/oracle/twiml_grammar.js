/*
 * The grammar of TwiML as Twilio's library has it: which elements may stand in
 * which, from the code that makes them, and their attributes, from its types.
 */
'use strict';

const fs = require('fs');
const path = require('path');

const LIBRARY = path.dirname(require.resolve('twilio/lib/twiml/VoiceResponse'));
const ROOT = 'VoiceResponse';

const MAKES =
    /new VoiceResponse\.(\w+)\(this\.\w+\.ele\("([^"]+)", attributes(, \w+)?\)/;

// Lists of these grow all the time at Twilio; the library's is never whole.
const OPEN_TYPES = /Voice$/;

/*
 * Returns, for each class of the library, the elements it can make: the name
 * in XML, the class, and whether text may be given.
 */
function readNesting() {
    const source = fs.readFileSync(path.join(LIBRARY, 'VoiceResponse.js'), 'utf8');
    const nesting = Object.create(null);
    let current = null;

    for (const line of source.split('\n')) {
        const begins = /^\s*class (\w+) extends /.exec(line);
        const makes = MAKES.exec(line);

        if (begins) {
            current = nesting[begins[1]] = [];
        } else if (makes) {
            current.push({
                childClass: makes[1],
                name: makes[2],
                text: makes[3] !== undefined,
            });
        }
    }
    return nesting;
}

/* Returns the types of the library that are lists of strings. */
function readLists(types) {
    const lists = Object.create(null);

    for (const [, name, list] of types.matchAll(/^\s*type (\w+) = ("[^;]*);/gm)) {
        lists[name] = new Set([...list.matchAll(/"([^"]*)"/g)].map((m) => m[1]));
    }
    return lists;
}

function isNumber(value) {
    return /^(0|[1-9]\d*)$/.test(value);
}

function isBoolean(value) {
    return value === 'true' || value === 'false';
}

/* Returns the test of an attribute of a type as the library writes it. */
function attributeOf(type, lists) {
    if (type === 'number') {
        return { accepts: isNumber, wants: 'a number' };
    }
    if (type === 'boolean') {
        return { accepts: isBoolean, wants: 'true or false' };
    }
    if (lists[type] !== undefined && !OPEN_TYPES.test(type)) {
        return { accepts: (v) => lists[type].has(v), wants: `a ${type}` };
    }
    return { accepts: () => true, wants: 'a string' };
}

/* Returns the attributes of each class. */
function readAttributes() {
    const types = fs.readFileSync(path.join(LIBRARY, 'VoiceResponse.d.ts'), 'utf8');
    const lists = readLists(types);
    const all = Object.create(null);

    for (const [, name, body] of types.matchAll(
        /^\s*export interface (\w+)Attributes \{([^}]*)\}/gm
    )) {
        // Some interfaces stand twice in the library and are merged.
        all[name] = all[name] || Object.create(null);
        for (const [, attribute, type] of body.matchAll(
            /^\s*"?([\w:-]+)"?\?: ([^;]+);/gm
        )) {
            all[name][attribute] = attributeOf(type, lists);
        }
    }
    return all;
}

/*
 * Returns the entry of <Response>.  An entry has attributes (name to test),
 * text (whether there may be some) and children (name to a function that
 * returns the child's entry).
 */
function loadGrammar() {
    const nesting = readNesting();
    const attributes = readAttributes();
    const say = (nesting[ROOT] || []).find((child) => child.name === 'Say');

    if (say === undefined || !say.text || attributes.Say?.voice === undefined) {
        throw new Error('this version of the library is not understood');
    }

    function entry(className, text) {
        const children = Object.create(null);

        for (const child of nesting[className] || []) {
            children[child.name] = () => entry(child.childClass, child.text);
        }
        return { attributes: attributes[className] || Object.create(null), text, children };
    }
    return entry(ROOT, false);
}

module.exports = { loadGrammar };
