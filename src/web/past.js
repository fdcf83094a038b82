// Past calls: from the call log where there is one, else those that the server
// still remembers.

import { $, ask, day, duration, el, foreign, number, say } from "./page.js";
import { text } from "./strings.js";

const PAGE = 50;

let log = false;
let rows = [];
let next = null;

const pick = (call, ...names) => names.map((name) => call[name]).find((value) => value !== undefined && value !== null);

function seconds(value) {
    return typeof value === "string" && !/^\d+(\.\d+)?$/.test(value) ? Date.parse(value) / 1000 : Number(value);
}

function show() {
    const columns = ["when", "from", "to", "duration", "turns", "outcome"];
    $("past").replaceChildren(
        el("caption", { class: "sr" }, text("past")),
        el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, text(`column_${name}`))))),
        el("tbody", {}, ...rows.map((call) => {
            const began = seconds(pick(call, "started", "started_at", "start") ?? NaN);
            const sid = pick(call, "call_sid", "sid");
            const when = Number.isFinite(began) ? day(began) : "–";
            return el("tr", {},
                el("td", {}, sid ? el("a", { href: `#/call/${encodeURIComponent(sid)}` }, when) : when),
                el("td", { class: "one" }, foreign(pick(call, "from", "from_number") ?? "", 128)),
                el("td", { class: "one" }, foreign(pick(call, "to", "to_number") ?? "", 128)),
                el("td", {}, duration(Number(pick(call, "duration", "duration_s") ?? 0))),
                el("td", {}, number(Number(pick(call, "turns", "turn_count") ?? 0))),
                el("td", { class: "one" }, foreign(pick(call, "outcome", "reason", "status", "state") ?? "", 80)));
        })));
    $("past").hidden = rows.length === 0;
    $("past-more").hidden = !next;
    say($("past-status"), !log ? text("past_unset") : rows.length ? "" : text("past_none"));
}

// Without a log: those that ended in the last two minutes.
async function recent() {
    const answer = await ask("api/sessions?ended=1").catch(() => null);
    rows = (answer?.sessions ?? []).filter((call) => call.state === "ended")
        .sort((a, b) => b.started - a.started);
    show();
}

async function search(more = false) {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if ($("past-query").value) {
        query.set("q", $("past-query").value);
    }
    if (more && next) {
        query.set("before", next);
    }
    try {
        const answer = await ask(`api/calls?${query}`);
        const found = Array.isArray(answer) ? answer : answer?.calls ?? [];
        log = true;
        rows = more ? [...rows, ...found] : found;
        next = answer?.next ?? null;
        $("past-form").hidden = false;
        show();
    } catch (error) {
        if ([404, 405, 501].includes(error.status) || error.status === 503 && !log) {
            log = false;
            await recent();
        } else {
            say($("past-status"), text("failed", { error: error.message }));
        }
    }
}

// A call is over that was live here.
export function ended() {
    setTimeout(() => log && !$("past-query").value ? search() : log ? null : recent(), 500);
}

export function begin() {
    $("past-form").addEventListener("submit", (event) => {
        event.preventDefault();
        next = null;
        search();
    });
    $("past-more").addEventListener("click", () => search(true));
    search();
}
