'use strict';

/*
 * Makes one JSON object of a measurement:
 *
 *   row NAME=VALUE... FILE...   values, and what the simulator told in files
 *   table FILE COLUMN...        prints the rows of a file as a table
 *   turns FILE                  medians of how the server's log splits answers
 *   overhead EVENTS TURNS       what of an answer's time was the server's own:
 *                               its events, and what paced.js has told
 */

const fs = require('fs');

/* What simulators told that ran at once. */
function merged(files) {
    const all = files.map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));
    const sum = (name) => all.reduce((a, one) => a + (one[name] || 0), 0);
    const max = (pick) => Math.max(0, ...all.map((one) => pick(one) || 0));
    return {
        calls_ok: sum('calls_ok'),
        calls_failed: sum('calls_failed'),
        sim_late_p99_ms: max((one) => one.late_p99_ms),
        played_s: sum('played_ms') / 1000,
        gaps: sum('underruns'),
        max_gap_ms: max((one) => one.max_gap_ms),
        first_p50_ms: max((one) => one.first_sound.p50_ms),
        first_p99_ms: max((one) => one.first_sound.p99_ms),
        answers: all.reduce((a, one) => a + one.answer.count, 0),
        answer_p50_ms: max((one) => one.answer.p50_ms),
        answer_p99_ms: max((one) => one.answer.p99_ms),
        reasons: all.flatMap((one) => one.reasons),
    };
}

function value(text) {
    return text !== '' && isFinite(text) ? Number(text) : text;
}

function row(args) {
    const result = {};
    for (const arg of args.filter((one) => one.includes('='))) {
        const at = arg.indexOf('=');
        result[arg.slice(0, at)] = value(arg.slice(at + 1));
    }
    const files = args.filter((one) => !one.includes('='));
    return files.length ? Object.assign(result, merged(files)) : result;
}

function cell(one) {
    return one === undefined ? '' : String(one);
}

function table(file, columns) {
    const rows = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
        .map((line) => JSON.parse(line));
    const lines = [columns, ...rows.map((one) =>
        columns.map((name) => cell(one[name])))];
    const widths = columns.map((_, i) =>
        Math.max(...lines.map((line) => line[i].length)));
    for (const line of lines) {
        console.log(line.map((text, i) => i === 0
            ? text.padEnd(widths[i]) : text.padStart(widths[i]))
            .join('  ').trimEnd());
    }
}

function at(sorted, share) {
    return sorted.length
        ? sorted[Math.round(share * (sorted.length - 1))] : 0;
}

function turns(file) {
    const line = /(\d+) ms after the caller: silence (\d+), recogniser (\d+), model (\d+), voice (\d+), sending (\d+)/;
    const names = ['total', 'silence', 'recogniser', 'model', 'voice',
        'sending'];
    const found = fs.readFileSync(file, 'utf8').split('\n')
        .map((text) => line.exec(text)).filter(Boolean)
        .map((match) => match.slice(1).map(Number));
    const result = { turns: found.length };
    names.forEach((name, i) => {
        const sorted = found.map((one) => one[i]).sort((a, b) => a - b);
        result[name] = at(sorted, 0.5);
        result[`${name}_p99`] = at(sorted, 0.99);
    });
    const own = found.map((one) => one[0] - one[1]).sort((a, b) => a - b);
    result.after_silence = at(own, 0.5);
    result.after_silence_p99 = at(own, 0.99);
    return result;
}

/* Milliseconds from the end of the turn; own: less what the engines took. */
function overhead(eventsFile, turnsFile) {
    const engines = new Map(JSON.parse(fs.readFileSync(turnsFile, 'utf8'))
        .map((turn) => [turn.number, turn]));
    const rows = [];
    for (const line of fs.readFileSync(eventsFile, 'utf8').split('\n')) {
        const event = line.startsWith('data: {') ? JSON.parse(line.slice(6)) : {};
        const number = event.event === 'said' && /number (\d+)/.exec(event.text);
        const turn = number && engines.get(Number(number[1]));
        const t = event.latency_ms;
        if (!turn || !t || t.first_sent === undefined || t.silence === undefined) {
            continue;
        }
        const since = (name) => t[name] - t.silence;
        rows.push({
            silence: t.silence,
            transcript: since('transcript'),
            first_token: since('first_text'),
            first_clause: since('first_clause'),
            first_audio: since('first_audio'),
            first_sent: since('first_sent'),
            engines: turn.recogniser + turn.model + turn.voice,
            own: since('first_sent') - turn.recogniser - turn.model - turn.voice,
            to_model: turn.transcript_to_model,
            to_voice: turn.clause_to_voice,
        });
    }
    const result = { turns: rows.length };
    for (const name of Object.keys(rows[0] || {})) {
        const sorted = rows.map((one) => one[name]).sort((a, b) => a - b);
        result[name] = Math.round(at(sorted, 0.5) * 10) / 10;
        result[`${name}_p99`] = Math.round(at(sorted, 0.99) * 10) / 10;
    }
    return result;
}

const [command, ...args] = process.argv.slice(2);

if (command === 'table') {
    table(args[0], args.slice(1));
} else {
    const commands = { row: () => row(args), turns: () => turns(args[0]),
        overhead: () => overhead(args[0], args[1]) };
    console.log(JSON.stringify(commands[command]()));
}
