// The server's health: what its health page tells, whatever that is, and of its
// metrics the engines, the queues and the zones.

import { $, el, foreign, ms, number, say } from "./page.js";
import { text } from "./strings.js";

// Members of any kind, as deep as two levels: what is told grows with the server.
function members(object, prefix = "", depth = 0) {
    return Object.entries(object).flatMap(([name, value]) => {
        const label = prefix ? `${prefix} · ${name}` : name;
        if (Array.isArray(value) && value.every((one) => one?.name && one?.state)) {
            return value.map((one) => [`${label} · ${one.name}`, String(one.state)]);
        }
        if (value !== null && typeof value === "object" && depth < 2) {
            return members(value, label, depth + 1);
        }
        return [[label.replaceAll("_", " "), typeof value === "object" ? JSON.stringify(value) : String(value)]];
    });
}

// Samples of the text format of Prometheus: [{ name, labels, value }].
function samples(page) {
    const found = [];
    for (const line of page.split("\n")) {
        const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
        if (name) {
            found.push({
                name, value: Number(value),
                labels: Object.fromEntries([...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
                    .map(([, label, content]) => [label, content])),
            });
        }
    }
    return found;
}

function engines(all) {
    const value = (name, labels) => all.find((one) => one.name === `voiceai_engine_${name}` &&
        Object.entries(labels).every(([label, content]) => one.labels[label] === content))?.value ?? 0;
    const rows = ["recogniser", "model", "voice"].map((stage) => {
        const count = value("first_byte_seconds_count", { stage });
        const results = ["done", "failed", "late"].map((result) => value("requests_total", { stage, result }));
        return el("tr", {},
            el("th", { scope: "row" }, text(`engine_${stage}`)),
            ...results.map((n, i) => el("td", i === 1 && n > 0 ? { class: "failed" } : {}, number(n))),
            el("td", {}, count ? ms(1000 * value("first_byte_seconds_sum", { stage }) / count) : "–"));
    });
    $("engines").replaceChildren(
        el("caption", { class: "sr" }, text("engines")),
        el("thead", {}, el("tr", {}, ...["engine", "done", "failed", "late", "first"].map((name) =>
            el("th", { scope: "col" }, text(`column_${name}`))))),
        el("tbody", {}, ...rows));
    $("engines").hidden = false;
}

// Gauges: workers, requests under way, what a zone holds of what it can.
function gauges(all) {
    const facts = [];
    for (const { name, labels, value } of all) {
        if (name === "voiceai_workers") {
            facts.push([text("workers"), number(value)]);
        } else if (name === "voiceai_engine_requests_active") {
            facts.push([text("requests_active"), number(value)]);
        } else if (name === "voiceai_zone_capacity") {
            const used = all.find((one) => one.name === "voiceai_zone_records" && one.labels.zone === labels.zone);
            facts.push([text("zone", { name: labels.zone }),
                text("of", { n: number(used?.value ?? 0), all: number(value) })]);
        } else if (/queue|circuit|provider/.test(name) && !/_bucket$|_sum$|_count$/.test(name)) {
            facts.push([[name.replace(/^voiceai_/, "").replaceAll("_", " "), ...Object.values(labels)].join(" · "),
                number(value)]);
        }
    }
    return facts;
}

const fact = ([name, value]) => el("div", {}, el("dt", {}, foreign(name, 100)), el("dd", {}, foreign(value, 300)));

export async function server() {
    let told;
    try {
        // a server that takes no calls tells why with a 503
        const { message, ...rest } = await (await fetch("api/health", { cache: "no-store" })).json();
        if (!rest.status) {
            throw new Error("no health");
        }
        say($("health-status"), rest.status === "ok" ? text("health_ok") : String(message ?? rest.status));
        told = members(rest);
    } catch {
        say($("health-status"), text("health_bad"));
        return;
    }
    const page = await fetch("api/metrics", { cache: "no-store" })
        .then((answer) => answer.ok ? answer.text() : "", () => "");
    const all = samples(page);
    if (all.length) {
        engines(all);
    }
    $("health").replaceChildren(...[...gauges(all), ...told].slice(0, 60).map(fact));
}
