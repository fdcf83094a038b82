// One call opened: what is said, who spoke when, how long each turn took, and
// what can be done with it.

import { timeline } from "./charts.js";
import { $, ask, day, duration, el, foreign, ms, number, say, serverTime } from "./page.js";
import { text } from "./strings.js";
import { track } from "./track.js";
import { bar, latency, stages, stagesInWords, Transcript } from "./transcript.js";

const WINDOW = 60;

let sid = null;
let known = null;
let watch = 0;
const transcript = new Transcript($("transcript"), "caller");

const path = () => encodeURIComponent(sid);

function fact(key, value, long = false) {
    return el("div", long ? { class: "long" } : {},
        el("dt", {}, text(key)), el("dd", {}, value));
}

export function phaseOf(call) {
    return call.state === "streaming" ? text(`phase_${call.phase}`) ?? call.phase
        : text(`state_${call.state}`) ?? call.state;
}

function facts(call) {
    say($("opened-phase"), phaseOf(call));
    $("opened-phase").className = `phase ${call.state === "streaming" ? call.phase : ""}`;
    $("opened-title").replaceChildren(
        text(`direction_${call.direction}`) ?? text("direction_inbound"), " · ", day(call.started));
    const parameters = Object.entries(known?.parameters ?? {});
    $("facts").replaceChildren(
        fact("from", foreign(call.from || text("number_unknown"))),
        fact("to", foreign(call.to || text("number_unknown"))),
        fact("duration", duration(call.duration)),
        fact("turns", number(call.turns)),
        fact("interruptions", number(call.interruptions)),
        fact("failures", number(call.failures)),
        fact("latency", call.latency_ms ? ms(call.latency_ms) : "–"),
        fact("call_id", foreign(call.call_sid), true),
        ...(parameters.length ? [fact("parameters", el("span", {}, ...parameters.flatMap(([name, value], i) =>
            [i ? " · " : "", foreign(name), " = ", foreign(value)])), true)] : []));
    for (const card of [$("command-card"), $("at-once")]) {
        card.hidden = call.state === "ended";
    }
    const live = call.state === "streaming" || call.mode === "gather" && call.state !== "ended";
    for (const control of document.querySelectorAll("#at-once button, #command-card :is(button, input)")) {
        control.disabled = !live;
    }
}

// The turns of a call with their latencies, from wherever they are known.
function turns() {
    const told = (known?.conversation ?? []).map(latency).filter(Boolean);
    const seen = track(sid).turns;
    return told.length > seen.length ? told : seen;
}

function draw() {
    if (!sid) {
        return;
    }
    const mine = track(sid);
    const over = known?.state === "ended";
    const segments = mine.until(over ? mine.last : serverTime());
    const now = over ? mine.last : serverTime();
    const from = Math.max(now - WINDOW, Math.min(segments[0]?.from ?? now, now - WINDOW / 4));
    $("timeline-none").hidden = segments.length > 0;
    $("timeline").replaceChildren(...segments.length ? [
        timeline(segments, mine.barges, from, now, $("timeline").clientWidth),
        el("p", { class: "legend", "aria-hidden": "true" },
            ...["caller", "thinking", "assistant"].map((lane) =>
                el("span", { class: lane }, el("i"), text(`lane_${lane}`))),
            el("span", { class: "barge" }, el("i"), text("barge_in"))),
    ] : []);
    waterfall();
}

let drawn = "";

function waterfall() {
    const all = turns();
    const state = `${sid} ${all.length}`;
    if (state === drawn) {
        return;
    }
    drawn = state;
    const whole = Math.max(1000, ...all.map((times) => times.total));
    $("waterfall-none").hidden = all.length > 0;
    $("waterfall").replaceChildren(...all.length ? [
        el("ol", { class: "waterfall", tabindex: "0" }, ...all.map((times, i) => el("li", {},
            el("span", {}, text("turn", { n: i + 1 })),
            bar(times, whole),
            el("span", { class: "value", title: stagesInWords(times) }, ms(times.total),
                el("span", { class: "sr" }, ` ${stagesInWords(times)}`))))),
        el("p", { class: "legend", "aria-hidden": "true" }, ...stages.map((stage) => {
            const mark = el("i");
            mark.className = `stage ${stage}`;
            return el("span", {}, mark, text(`stage_${stage}`));
        })),
    ] : []);
}

// What the server knows of the call: as long as it lasts and shortly after it
// everything, later what the call log has kept.
async function find() {
    try {
        return await ask(`api/session/${path()}`);
    } catch (error) {
        if (error.status !== 404) {
            throw error;
        }
    }
    const past = await ask(`api/calls/${path()}`);
    return {
        state: "ended", latency_ms: past.max_latency_ms,
        duration: past.ended ? past.ended - past.started : 0, ...past,
    };
}

async function look() {
    const mine = sid;
    try {
        const session = await find();
        if (sid !== mine) {
            return;
        }
        const first = known === null;
        known = session;
        facts(session);
        if (first) {
            transcript.show(session.conversation ?? []);
            $("nothing").hidden = (session.conversation ?? []).length > 0;
        }
        draw();
    } catch (error) {
        if (sid === mine && error.status === 404 && known === null) {
            $("opened-missing").hidden = false;
            $("opened-call").hidden = true;
        }
    }
}

export function open(id) {
    close();
    sid = id;
    known = null;
    drawn = "";
    transcript.clear();
    say($("command-status"), "");
    $("nothing").hidden = false;
    $("opened-missing").hidden = true;
    $("opened-call").hidden = false;
    $("opened").hidden = false;
    look();
    watch = setInterval(draw, 500);
    $("opened-title").focus();
}

export function close() {
    clearInterval(watch);
    sid = null;
    $("opened").hidden = true;
}

// An event of any call.
export function take(event) {
    if (event.call.call_sid !== sid || known === null) {
        return;
    }
    Object.assign(known, event.call);
    facts(known);
    transcript.take(event);
    $("nothing").hidden = $("transcript").childElementCount > 0;
    if (event.event === "stream-ended" || event.event === "turn") {
        look();
    }
}

// The connection for events was away, so something was missed.
export function missed() {
    if (sid) {
        known = null;
        look();
    }
}

async function command(verb, place, body = {}) {
    try {
        await ask(place, body);
        say($("command-status"), text(`done_${verb}`));
    } catch (error) {
        say($("command-status"), text("failed", { error: error.message }));
    }
}

$("interrupt").addEventListener("click", () => command("interrupt", `api/interrupt-call/${path()}`));
$("hangup").addEventListener("click", () => {
    if (window.confirm(text("hang_up_sure"))) {
        command("hangup", `api/calls/${path()}/hangup`);
    }
});
$("say-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    await command("say", `api/calls/${path()}/say`, { text: $("say-text").value });
    $("say-text").value = "";
});
$("transfer-form").addEventListener("submit", (event) => {
    event.preventDefault();
    command("transfer", `api/calls/${path()}/transfer`, { to: $("transfer-to").value });
});
