// Past calls: from the call log where there is one, else those that the server
// still remembers.

import { $, ask, day, duration, el, foreign, ms, number, say } from "./page.js";
import { text } from "./strings.js";

const PAGE = 50;

let log = false;
let rows = [];
let next = null;

const STATUS = /^(queued|initiated|ringing|in-progress|completed|busy|failed|no-answer|canceled)$/i;

function show() {
    const columns = ["when", "from", "to", "duration", "turns", "latency", "outcome"];
    $("past").replaceChildren(
        el("caption", { class: "sr" }, text("past")),
        el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, text(`column_${name}`))))),
        el("tbody", {}, ...rows.map((call) => {
            const long = call.duration ?? (call.ended ? call.ended - call.started : NaN);
            const latency = call.max_latency_ms ?? call.latency_ms;
            return el("tr", {},
                el("td", {}, el("a", { href: `#/call/${encodeURIComponent(call.call_sid)}` },
                    Number.isFinite(call.started) ? day(call.started) : "–")),
                el("td", { class: "one" }, foreign(call.from ?? "", 128)),
                el("td", { class: "one" }, foreign(call.to ?? "", 128)),
                el("td", {}, Number.isFinite(long) ? duration(long) : "–"),
                el("td", {}, number(call.turns ?? 0)),
                el("td", {}, latency > 0 ? ms(latency) : "–"),
                el("td", { class: "one" }, foreign(call.status || call.state || "", 80),
                    call.failures > 0 ? el("span", { class: "failed" }, ` · ${text("column_failures", { n: number(call.failures) })}`) : null));
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
    const query = new URLSearchParams();
    const wanted = $("past-query").value.trim();
    if (wanted) {
        query.set(STATUS.test(wanted) ? "status" : "number", STATUS.test(wanted) ? wanted.toLowerCase() : wanted);
    }
    if ($("past-failed").checked) {
        query.set("failed", "1");
    }
    $("past-csv").href = `api/calls.csv?${query}`;
    query.set("limit", String(PAGE));
    if (more && next) {
        query.set("cursor", next);
    }
    try {
        const answer = await ask(`api/calls?${query}`);
        log = true;
        rows = more ? [...rows, ...answer.calls] : answer.calls;
        next = answer.next ?? null;
        $("past-form").hidden = false;
        $("past-csv").hidden = false;
        show();
    } catch (error) {
        if ([404, 405, 501].includes(error.status)) {
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
    const anew = (event) => {
        event.preventDefault();
        next = null;
        search();
    };
    $("past-form").addEventListener("submit", anew);
    $("past-failed").addEventListener("change", anew);
    $("past-more").addEventListener("click", () => search(true));
    search();
}
