// The dashboard: live calls, the last hours, past calls, and the server.

import { bars, lines, percentile } from "./charts.js";
import * as opened from "./opened.js";
import { $, ask, duration, el, events, foreign, ms, number, say, signIn } from "./page.js";
import * as past from "./past.js";
import { server } from "./server.js";
import { text } from "./strings.js";
import { track } from "./track.js";

const live = new Map();
const SHOWN = 100;

const here = () => /^#\/call\/(.+)$/.exec(location.hash)?.[1];

// ---- live calls

function title(call) {
    return el("span", { class: "numbers" },
        el("span", { class: "one" }, foreign(call.from || text("number_unknown"), 128)),
        el("span", { "aria-hidden": "true" }, "→"),
        el("span", { class: "one" }, foreign(call.to || text("number_unknown"), 128)));
}

function row({ call, last }) {
    const age = call.duration + (performance.now() - call.seen) / 1000;
    return el("li", {}, el("a", { href: `#/call/${encodeURIComponent(call.call_sid)}` },
        title(call),
        el("span", { class: "time" }, duration(age)),
        el("span", { class: "last one" }, ...last
            ? [text(last.role === "user" ? "caller" : "assistant"), ": ", foreign(last.text, 300)]
            : [text("nothing_said")]),
        el("span", { class: `phase ${call.state === "streaming" ? call.phase : ""}` }, opened.phaseOf(call))));
}

let planned = 0;
let soon = 0;

// Draws the list at most so often, whatever happens.
function draw() {
    planned ||= setTimeout(() => {
        planned = 0;
        const focus = document.activeElement?.getAttribute("href");
        const calls = [...live.values()].sort((a, b) => b.call.started - a.call.started);
        $("live").replaceChildren(...calls.slice(0, SHOWN).map(row));
        $("live-none").hidden = calls.length > 0;
        tile("live", number(calls.length));
        if (focus) {
            [...$("live").querySelectorAll("a")].find((a) => a.getAttribute("href") === focus)?.focus();
        }
    }, 100);
}

function keep(call, last) {
    if (call.state === "ended") {
        if (live.delete(call.call_sid)) {
            past.ended();
        }
        return;
    }
    const old = live.get(call.call_sid);
    live.set(call.call_sid, { call: { ...call, seen: performance.now() }, last: last ?? old?.last });
}

function heard(event) {
    track(event.call.call_sid).take(event);
    let last = event.last;
    if (event.text && event.event !== "said") {
        last = { role: event.event === "heard" ? "user" : "assistant", text: event.text };
    }
    keep(event.call, last);
    opened.take(event);
    draw();
    if (["stream-started", "stream-ended", "said"].includes(event.event)) {
        soon ||= setTimeout(() => {
            soon = 0;
            hours();
        }, 1500);
    }
}

// Everything anew: events were missed before the connection was there.
async function sessions() {
    const answer = await ask("api/sessions").catch(() => null);
    if (!answer) {
        return;
    }
    const there = new Set(answer.sessions.map((call) => call.call_sid));
    for (const sid of live.keys()) {
        if (!there.has(sid)) {
            live.delete(sid);
        }
    }
    answer.sessions.forEach((call) => keep(call));
    draw();
    for (const { call, last } of [...live.values()].slice(0, 20)) {
        if (!last && call.turns) {
            const session = await ask(`api/session/${encodeURIComponent(call.call_sid)}`).catch(() => null);
            const turn = session?.conversation?.at(-1);
            const entry = live.get(call.call_sid);
            if (turn && entry) {
                entry.last ??= turn;
            }
        }
    }
    draw();
}

// ---- the last hours

const tiles = new Map();

function tile(key, value, label = text(`tile_${key}`)) {
    let node = tiles.get(key);
    if (!node) {
        node = el("div", { class: "tile" }, el("dt", {}), el("dd", {}));
        tiles.set(key, node);
        $("tiles").append(node);
    }
    say(node.querySelector("dt"), label);
    say(node.querySelector("dd"), value);
}

// Joins spans, so that a plot has no more points than it can show.
function joined({ history, span, now, spans }, many) {
    const from = (Math.floor(now / span) + 1) * span - spans * span;
    const groups = new Map();
    for (const one of history) {
        const at = from + Math.floor((one.time - from) / (span * many)) * span * many;
        const group = groups.get(at) ?? { time: at, calls: 0, failures: 0, latency: one.latency.map(() => 0) };
        group.calls += one.calls;
        group.failures += one.failures;
        one.latency.forEach((n, i) => {
            group.latency[i] += n;
        });
        groups.set(at, group);
    }
    return { from, groups: [...groups.values()] };
}

function figure(key, plot, ...more) {
    return el("figure", {}, el("figcaption", {}, el("h3", {}, text(key))), plot, ...more);
}

async function hours() {
    const past = await ask("history").catch(() => null);
    if (!past) {
        return;
    }
    const sum = (name) => past.history.reduce((all, one) => all + one[name], 0);
    const bins = past.history.reduce((all, one) => all.map((n, i) => n + one.latency[i]),
        new Array(past.bounds.length + 1).fill(0));
    const some = bins.some((n) => n > 0);
    tile("live", number(live.size));
    tile("calls", number(sum("calls")), text("tile_calls", { hours: past.span * past.spans / 3600 }));
    tile("half", some ? ms(percentile(bins, past.bounds, 0.5)) : "–");
    tile("most", some ? ms(percentile(bins, past.bounds, 0.9)) : "–");
    tile("interruptions", number(sum("interruptions")));
    tile("failures", number(sum("failures")));

    const many = 5;
    const { from, groups } = joined(past, many);
    const to = from + past.span * past.spans;
    const wide = past.span * many;
    const share = (part) => groups.filter((group) => group.latency.some((n) => n > 0))
        .map((group) => ({ time: group.time + wide / 2, value: percentile(group.latency, past.bounds, part) }));
    const key = (kind) => el("span", { class: kind === "half" ? "assistant" : "thinking" }, el("i"), text(`plot_${kind}`));
    $("plots").replaceChildren(
        figure("plot_calls", bars(text("plot_calls"), "calls",
            groups.map(({ time, calls }) => ({ time, value: calls })), from, to, wide)),
        figure("plot_latency", lines(text("plot_latency"), [["half", share(0.5)], ["most", share(0.9)]], from, to, wide),
            el("p", { class: "legend" }, key("half"), key("most"))),
        figure("plot_errors", bars(text("plot_errors"), "errors",
            groups.map(({ time, failures }) => ({ time, value: failures })), from, to, wide)));
}

// ---- a call of ours

async function make(event) {
    event.preventDefault();
    const body = { to_number: $("make-to").value };
    if ($("make-from").value) {
        body.from_number = $("make-from").value;
    }
    if ($("make-message").value) {
        body.initial_message = $("make-message").value;
    }
    try {
        const made = await ask("api/make-call", body);
        say($("make-status"), text("made", { to: made.to ?? body.to_number }));
        $("make").reset();
    } catch (error) {
        say($("make-status"), text("failed", { error: error.message }));
    }
}

// ---- the page

function route() {
    const sid = here();
    $("overview").hidden = Boolean(sid);
    if (sid) {
        let id = sid;
        try {
            id = decodeURIComponent(sid);
        } catch {
            // as it stands
        }
        opened.open(id);
    } else {
        opened.close();
    }
    window.scrollTo(0, 0);
}

function every(seconds, what) {
    what();
    setInterval(() => {
        if (!document.hidden) {
            what();
        }
    }, seconds * 1000);
}

const me = await signIn();
if (me.phone) {
    $("other").href = me.phone;
    $("other").hidden = false;
}
window.addEventListener("hashchange", route);
$("make").addEventListener("submit", make);
say($("connected"), text("not_live"));
events(heard, (on) => {
    $("connected").classList.toggle("on", on);
    say($("connected"), text(on ? "live" : "not_live"));
    if (on) {
        sessions();
        opened.missed();
    }
});
every(30, hours);
every(10, server);
setInterval(draw, 1000);
setInterval(sessions, 60000);
past.begin();
route();
