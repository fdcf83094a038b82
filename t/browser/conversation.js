/*
 * A caller with a voice, a browser and nothing else.
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { shoot, accessible, watch } = require('./checks.js');
const { dir, is, like, ok, recognise, sleep, until } = require('./support.js');

const turns = (page) => page.$$eval('#transcript .turn', (items) => items.map((item) => ({
    role: item.classList.contains('user') ? 'user' : 'assistant',
    words: item.querySelector('.words').textContent,
    cut: item.querySelector('del')?.textContent ?? '',
    note: item.querySelector('.note')?.textContent ?? '',
})));

async function signIn(page, key) {
    await page.fill('#key', 'a wrong one');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.getElementById('key-status').textContent !== '');
    like(await page.textContent('#key-status'), /wrong/, 'a wrong key is refused');
    await page.fill('#key', key);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#page', { state: 'visible' });
    ok(true, 'the right key opens the page');
}

// The call that the phone holds, in a second page.
async function watchLive(page, shots) {
    const card = await page.waitForSelector('#live a', { timeout: 10000 });
    like(await card.textContent(), /client:browser/, 'the call is in the list of live calls');
    const sid = (await card.getAttribute('href')).split('/').pop();
    await card.focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('#opened', { state: 'visible' });
    await page.waitForFunction(() => /how can i help/i.test(document.getElementById('transcript').textContent),
        null, { timeout: 10000 });
    ok(true, 'opened, the call shows what was said before');
    await page.waitForFunction(() => /what time is it/i.test(document.getElementById('transcript').textContent),
        null, { timeout: 15000 });
    ok(true, 'what the caller says appears as it is understood');
    await page.waitForFunction(() => document.querySelectorAll('#waterfall li').length > 0, null, { timeout: 10000 });
    like(await page.textContent('#waterfall li .value'), /\d+ ms.*Silence \d+ ms/, 'a turn has its latency, stage by stage');
    const lanes = await page.$$eval('#timeline rect', (all) => all.map((one) => one.getAttribute('class')));
    is(['caller', 'thinking', 'assistant'].filter((lane) => !lanes.includes(lane)).join(), '',
        'the timeline has caller, thinking and assistant');
    await shoot(page, shots, 'dashboard-call', true);
    return sid;
}

async function checkTalk(phone) {
    const said = await turns(phone);
    const find = (role, pattern) => said.findIndex((turn) => turn.role === role && pattern.test(turn.words));
    const told = `\n${said.map((turn) => `${turn.role}: ${turn.words} [${turn.cut}] ${turn.note}`).join('\n')}`;
    ok(find('assistant', /how can I help you/) === 0, 'the page shows the greeting', told);
    const time = find('user', /what time is it/i);
    ok(time > 0 && /^it is \w+/i.test(said[time + 1]?.words), 'and the question, and the answer', told);
    like(said[time + 1]?.note ?? '', /after \d+ ms/, 'with its latency');
    const cut = said.find((turn) => turn.cut);
    ok(cut, 'what was cut is marked', told);
    like(cut?.note ?? '', /interrupted/, 'as interrupted');
    ok(find('user', /what day is it/i) > 0, 'the interruption was understood', told);
    ok(find('user', /goodbye/i) > 0, 'and the goodbye', told);
}

const sound = (bytes) => bytes.reduce((sum, code) => sum + (code !== 0xff), 0) / 8000;

async function checkAudio(phone, media) {
    const [download] = await Promise.all([phone.waitForEvent('download'), phone.click('#save')]);
    const file = path.join(dir, 'recording.wav');
    await download.saveAs(file);
    const assistant = await recognise(file, 2, 'assistant');
    const caller = await recognise(file, 1, 'whisper-1');
    const told = `\n${JSON.stringify({ assistant, caller }, null, 1)}`;
    ok(assistant.some((piece) => /how can i help you/i.test(piece.text)),
        'the audio that came is the greeting, as the recogniser hears it', told);
    ok(assistant.some((piece) => /^it is \w+/i.test(piece.text)), 'and the time', told);
    ok(assistant.some((piece) => /good ?bye/i.test(piece.text)), 'and the farewell', told);
    ok(caller.some((piece) => /what time is it/i.test(piece.text)), 'the microphone is in the recording too', told);

    // all that came was played, but for what an interruption took away
    const came = sound(Buffer.concat(media.received.filter((message) => message.event === 'media')
        .map((message) => Buffer.from(message.media.payload, 'base64'))));
    const played = sound(fs.readFileSync(file).subarray(58).filter((code, i) => i % 2 === 1));
    ok(played < came - 0.2 && played > came - 2, 'what was cleared was not played, all else was', { came, played });
}

module.exports = async (chromium, { home, key, shots }) => {
    const context = await chromium.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-US', reducedMotion: 'reduce', acceptDownloads: true });
    const weight = new Map();
    const phone = await context.newPage();
    const wrong = watch(phone, home, weight);
    const sockets = [];
    phone.on('websocket', (socket) => {
        const mine = { url: socket.url(), sent: [], received: [], closed: false };
        sockets.push(mine);
        socket.on('framesent', ({ payload }) => mine.sent.push(JSON.parse(payload)));
        socket.on('framereceived', ({ payload }) => mine.received.push(JSON.parse(payload)));
        socket.on('close', () => {
            mine.closed = true;
        });
    });

    await phone.goto(`${home}/phone`);
    is(phone.url(), `${home}/phone/`, 'the page is below its name');
    await phone.waitForSelector('#login', { state: 'visible' });
    await accessible(phone, 'signing in');
    wrong.length = 0;
    await signIn(phone, key);
    wrong.splice(0, wrong.length, ...wrong.filter((one) => !/401/.test(one)));
    await shoot(phone, shots, 'phone-ready', true);

    const cookie = (await context.cookies())[0];
    ok(cookie?.httpOnly && cookie.sameSite === 'Strict' && cookie.expires < Date.now() / 1000 + 3601,
        'the cookie is out of reach of scripts and sites, and short-lived', cookie);

    const dashboard = await context.newPage();
    const wrongThere = watch(dashboard, home, weight);
    await dashboard.goto(`${home}/dashboard/`);
    await dashboard.waitForSelector('#page', { state: 'visible' });
    ok(true, 'who signed in on one page has signed in on the other');
    await dashboard.waitForSelector('#connected.on');
    await dashboard.waitForSelector('#live-none', { state: 'visible' });
    await sleep(1200);

    await phone.focus('#call');
    const began = Date.now();
    await phone.keyboard.press('Enter');
    await phone.waitForSelector('.on-call');
    const sid = await watchLive(dashboard, shots);
    await shoot(phone, shots, 'phone-call', true);
    await dashboard.evaluate(() => {
        location.hash = '#/';
    });
    await dashboard.waitForSelector('#live a .phase');
    await shoot(dashboard, shots, 'dashboard-live', true);
    await dashboard.click('#live a');
    await dashboard.waitForFunction(() => /today is/i.test(document.getElementById('transcript').textContent),
        null, { timeout: 15000 });
    is(await dashboard.$$eval('#timeline .barge', (all) => all.length), 2, 'the barge-in is on the timeline, and in its key');
    ok(await dashboard.$$eval('#waterfall li', (all) => all.length) >= 2, 'and each turn has its latency');
    await shoot(dashboard, shots, 'dashboard-talk', false);
    await shoot(phone, shots, 'phone-talk', false);
    await dashboard.evaluate(() => {
        location.hash = '#/';
    });

    await phone.waitForFunction(() => !document.body.classList.contains('on-call'), null,
        { timeout: Math.max(1000, 55000 - (Date.now() - began)) });
    like(await phone.textContent('#status'), /is over/, 'after the goodbye the call is over by itself');
    await checkTalk(phone);
    const media = sockets.find((socket) => /\/media$/.test(socket.url));
    await checkAudio(phone, media);

    is(media.sent.slice(0, 3).map((message) => message.event).join(), 'connected,start,media', 'the page speaks as Twilio does');
    is(media.sent[1].start.customParameters.colour, 'blue', 'with the parameters of the configuration');
    const frames = media.sent.filter((message) => message.event === 'media');
    ok(frames.every((message) => Buffer.from(message.media.payload, 'base64').length === 160), '20 ms a message');
    const asked = media.received.filter((message) => message.event === 'mark').map((message) => message.mark.name);
    const back = new Set(media.sent.filter((message) => message.event === 'mark').map((message) => message.mark.name));
    ok(asked.length > 3 && asked.slice(0, -1).every((name) => back.has(name)), 'marks come back', { asked, back: [...back] });
    ok(media.received.some((message) => message.event === 'clear'), 'the interruption cleared what was queued');

    const session = await (await context.request.get(`${home}/session/${sid}`)).json();
    is(session.state, 'ended', 'the call is over for the server too');
    is(session.interruptions, 1, 'with one interruption');

    await again(phone, dashboard, sockets);
    await remembered(dashboard, sid);
    await until(async () => /[1-9]/.test(await dashboard.textContent('#tiles div:nth-child(2) dd')), 5);
    await shoot(dashboard, shots, 'dashboard', true);

    is(wrong.join('\n'), '', 'the phone has no errors and asks no other host');
    is(wrongThere.join('\n'), '', 'nor has the dashboard');
    const bytes = [...weight.values()].reduce((sum, n) => sum + n, 0);
    ok(weight.size > 10 && bytes < 200 * 1024, `both pages weigh ${bytes} bytes in all`, [...weight]);
    await signOut(dashboard);
    await context.close();
};

// A second call, which the dashboard steers.
async function again(phone, dashboard, sockets) {
    const heard = (pattern) => phone.waitForFunction((source) => new RegExp(source, 'i')
        .test(document.getElementById('transcript').textContent), pattern, { timeout: 10000 });
    is(await phone.textContent('#call-label'), 'Call again', 'one may call again');
    await phone.click('#call');
    await dashboard.click('#live a', { timeout: 10000 });
    await heard('how can I help you');
    await dashboard.fill('#say-text', 'This is a message of the operator, and it is a long one, so that it can be stopped.');
    await dashboard.press('#say-text', 'Enter');
    await heard('message of the operator');
    ok(true, 'what an operator types is said');
    await phone.waitForFunction(() => document.getElementById('level-assistant').value > 20, null, { timeout: 10000 });
    await dashboard.click('#interrupt');
    await phone.waitForSelector('#transcript del', { timeout: 5000 });
    ok(true, 'and stopped');
    await phone.click('#keypad summary');
    await phone.keyboard.press('Escape');
    await phone.click('#keys button:nth-child(5)');
    await phone.click('#mute');
    is(await phone.getAttribute('#mute', 'aria-pressed'), 'true', 'the microphone is off');
    const media = sockets.filter((socket) => /\/media$/.test(socket.url)).pop();
    ok(await until(() => media.sent.some((message) => message.dtmf?.digit === '5'), 5), 'a key is sent');
    await sleep(200);
    ok(media.sent.filter((message) => message.event === 'media').slice(-3)
        .every((message) => Buffer.from(message.media.payload, 'base64').every((code) => (code & 0x7f) > 0x7c)), 'and silence');
    dashboard.once('dialog', (dialog) => dialog.accept());
    await dashboard.click('#hangup');
    await phone.waitForFunction(() => !document.body.classList.contains('on-call'), null, { timeout: 10000 });
    ok(true, 'and the call is ended');
    await dashboard.click('a[href="#/"]');
    await dashboard.waitForSelector('#live-none', { state: 'visible' });
}

// Calls that are over, from the call log.
async function remembered(page, sid) {
    const rows = () => page.$$eval('#past tbody tr', (all) => all.map((row) => row.textContent));
    ok(await until(async () => (await rows()).length === 2, 8), 'both calls are in the log', await rows());
    await page.fill('#past-query', '+15559999999');
    await page.press('#past-query', 'Enter');
    ok(await until(async () => (await rows()).length === 0, 5), 'of which no other number is found', await rows());
    await page.fill('#past-query', 'client:browser');
    await page.press('#past-query', 'Enter');
    ok(await until(async () => (await rows()).length === 2, 5), 'and this one', await rows());
    const [csv] = await Promise.all([page.waitForEvent('download'), page.click('#past-csv')]);
    is(csv.suggestedFilename(), 'calls.csv', 'as a table too');
    await page.route('**/api/session/*', (route) => route.fulfill({ status: 404, json: { error: 'no such call' } }));
    await page.click(`#past a[href$="${sid}"]`);
    await page.waitForFunction(() => /what time is it/i.test(document.getElementById('transcript').textContent), null,
        { timeout: 5000 }).catch(() => {});
    like(await page.textContent('#transcript'), /what time is it.*after \d+ ms/i, 'a call is opened from the log when nothing else knows it');
    ok(await page.$$eval('#waterfall li', (all) => all.length) >= 3, 'with its latencies');
    ok(await page.isHidden('#hangup'), 'and nothing to do');
    await page.unroute('**/api/session/*');
    await page.click('a[href="#/"]');
    await page.fill('#make-to', '+15550100009');
    await page.press('#make-to', 'Enter');
    ok(await until(async () => /account/.test(await page.textContent('#make-status')), 5),
        'who calls out without an account is told so', await page.textContent('#make-status'));
    await page.waitForSelector('#engines', { state: 'visible' });
    like(await page.textContent('#engines'), /Recogniser[1-9]/, 'the server tells of its engines');
}

async function signOut(page) {
    await page.click('#sign-out');
    await page.waitForSelector('#login', { state: 'visible' });
    is((await page.context().cookies()).length, 0, 'signing out takes the cookie away');
}
