/*
 * Texts that want to be more than texts: nothing of them runs, and the pages
 * keep their form.
 */
'use strict';

const path = require('path');
const { shoot, watch } = require('./checks.js');
const { is, like, ok } = require('./support.js');

const SCRIPT = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
const BIDI = '\u202e\u2066gnp.exe\u2069\u200f';
const LONG = 'W'.repeat(10000);

// Answers as the server would if its callers were all hostile.
function session(n, words) {
    return {
        call_sid: `CA"'<b>${n}</b>${BIDI}`, stream_sid: SCRIPT, from: `${SCRIPT}${n}`, to: BIDI + LONG,
        direction: '__proto__', mode: 'stream', state: 'streaming', phase: 'constructor', status: SCRIPT,
        answered_by: '', started: 1700000000, duration: 12, connections: 1, turns: 2, interruptions: 0,
        failures: 0, latency_ms: 640, worker: 1,
        parameters: { [SCRIPT]: LONG, ['__proto__']: BIDI, [LONG]: SCRIPT },
        conversation: [words, SCRIPT, BIDI, LONG, '\u0000\u001b[31m'].flatMap((text) => [
            { role: 'user', text, confidence: 0.5 },
            { role: 'assistant', text, interrupted: true },
        ]),
    };
}

module.exports = async (chromium, { home, key, shots }) => {
    const context = await chromium.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-US', reducedMotion: 'reduce' });
    const weight = new Map();
    await context.request.post(`${home}/dashboard/login`, { data: { key } });

    // through the server itself: what a caller can put into a record
    const made = await context.request.post(`${home}/phone/call`, {
        headers: { 'X-Voiceai-Page': '1' }, data: { from: `${SCRIPT}<b>`, to: `${BIDI}${'9'.repeat(90)}` },
    });
    is(made.status(), 200, 'the server takes a call from a number that is none');

    const page = await context.newPage();
    const wrong = watch(page, home, weight);
    await page.goto(`${home}/dashboard/`);
    await page.waitForSelector('#live a');
    like(await page.textContent('#live'), /<img src=x onerror/, 'a number is shown as the text that it is');
    is(await page.$$eval('#live img, #live script, #live b', (all) => all.length), 0, 'and makes no element');
    is(await page.$eval('#live bdi', (bdi) => getComputedStyle(bdi).unicodeBidi), 'isolate', 'and turns nothing around it');

    // and whatever a server could tell
    await page.route('**/api/sessions*', (route) => route.fulfill({
        json: { sessions: [1, 2, 3].map((n) => ({ ...session(n, 'x'), state: 'streaming' })), count: 3 },
    }));
    await page.route('**/api/session/*', (route) => route.fulfill({ json: session(1, SCRIPT) }));
    await page.route('**/api/health', (route) => route.fulfill({
        json: { status: SCRIPT, [SCRIPT]: { [LONG]: { a: [SCRIPT] } }, deep: { er: { and: { deeper: LONG } } } },
    }));
    await page.route('**/api/calls?*', (route) => route.fulfill({
        json: { calls: [1, 2, 3].map((n) => ({ ...session(n, 'x'), status: SCRIPT + LONG, started: SCRIPT })), next: SCRIPT },
    }));
    await page.reload();
    await page.waitForSelector('#live li:nth-child(3)');
    await page.waitForSelector('#past tbody tr');
    await page.waitForSelector('#health div');
    await shoot(page, path.join(shots), 'hostile-list', false);
    await page.click('#live a');
    await page.waitForSelector('#transcript .turn');
    await shoot(page, path.join(shots), 'hostile-call', false);
    is(await page.$$eval('#page img, #page script, #page b', (all) => all.length), 0, 'no text becomes an element');
    ok(await page.evaluate(() => ({}).polluted === undefined), 'nor reaches a prototype');
    const high = await page.evaluate(() => Math.max(...[...document.querySelectorAll('#transcript .words')]
        .map((words) => words.getBoundingClientRect().height)));
    ok(high < 300, 'a text of 10,000 characters takes no more room than others', { high });
    is(wrong.join('\n'), '', 'nothing ran');
    await context.close();
};
