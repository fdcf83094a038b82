// A conversation as it is spoken, from the events of a call: what was heard,
// what is being said, and what of it was cut.

import { el, foreign, ms } from "./page.js";
import { text } from "./strings.js";

// Stages, and the point at which each is over.
const ends = {
    silence: "silence", stt: "transcript", llm: "first_clause", tts: "first_audio", send: "first_sent",
};

export const stages = Object.keys(ends);

// The stages of a turn: as the call log has them, or from the points in time
// at which each was over.  null when the turn was no answer to anybody.
export function latency(turn) {
    const points = turn.latency_ms;
    if (points > 0) {
        return {
            silence: turn.silence_ms ?? 0, stt: turn.recogniser_ms ?? 0, llm: turn.model_ms ?? 0,
            tts: turn.voice_ms ?? 0, send: turn.sending_ms ?? 0, total: points,
        };
    }
    if (!(points?.first_sent > 0)) {
        return null;
    }
    const result = { total: points.first_sent };
    let last = 0;
    for (const [stage, point] of Object.entries(ends)) {
        const at = Math.min(Math.max(points[point] ?? last, last), points.first_sent);
        result[stage] = at - last;
        last = at;
    }
    return result;
}

// A latency as a bar of its stages; whole is the length of the longest.
export function bar(times, whole) {
    const node = el("span", { class: "bar", "aria-hidden": "true" });
    for (const stage of stages) {
        const share = Math.min(1, times[stage] / whole);
        if (share > 0) {
            const piece = el("span", { class: `stage ${stage}` });
            piece.style.width = `${share * 100}%`;
            node.append(piece);
        }
    }
    return node;
}

export function stagesInWords(times) {
    return stages.filter((stage) => times[stage] > 0)
        .map((stage) => `${text(`stage_${stage}`)} ${ms(times[stage])}`).join(", ");
}

// What was said and not heard: heard is the beginning of said, but for blanks.
function unheard(said, heard) {
    const plain = (s) => s.replace(/\s+/g, " ").trim();
    const whole = plain(said);
    const begin = plain(heard);
    return whole.startsWith(begin) ? whole.slice(begin.length).trim() : "";
}

export class Transcript {
    #list;
    #you;
    #open = null;
    #said = "";
    #most;
    #follow = true;

    constructor(list, you, most = 400) {
        this.#list = list;
        this.#you = you;
        this.#most = most;
        const log = list.parentElement;
        log.addEventListener("scroll", () => {
            this.#follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        });
        new ResizeObserver(() => this.#scroll()).observe(log);
    }

    // Shows what was said last, unless somebody looks at what was said before.
    #scroll() {
        if (this.#follow) {
            this.#list.parentElement.scrollTop = this.#list.parentElement.scrollHeight;
        }
    }

    clear() {
        this.#list.replaceChildren();
        this.#open = null;
        this.#said = "";
    }

    #add(role, ...content) {
        const item = el("li", { class: `turn ${role}` },
            el("span", { class: "who" }, text(role === "user" ? this.#you : "assistant")),
            el("div", { class: "words" }, ...content));
        this.#list.append(item);
        while (this.#list.childElementCount > this.#most) {
            this.#list.firstElementChild.remove();
        }
        this.#scroll();
        return item;
    }

    #note(item, ...content) {
        const note = item.querySelector(".note") ?? item.appendChild(el("span", { class: "note" }));
        note.append(...note.hasChildNodes() ? [" · "] : [], ...content);
        this.#scroll();
    }

    #late(item, turn) {
        const times = latency(turn);
        if (times) {
            this.#note(item, bar(times, Math.max(2000, times.total)),
                el("span", { title: stagesInWords(times) }, text("after", { ms: times.total })));
        }
    }

    // The whole conversation as the server tells it, in place of what is here.
    show(conversation) {
        this.clear();
        for (const turn of conversation) {
            const item = this.#add(turn.role, foreign(turn.text || text("not_understood")));
            if (turn.interrupted) {
                this.#note(item, text("interrupted"));
            }
            if (turn.role === "user" && turn.confidence !== undefined) {
                this.#note(item, text("sure", { percent: Math.round(turn.confidence * 100) }));
            }
            this.#late(item, turn);
        }
    }

    heard(event) {
        this.#said = "";
        this.#open = null;
        const item = this.#add("user", event.text ? foreign(event.text) : text("not_understood"));
        if (event.confidence !== undefined && event.text) {
            this.#note(item, text("sure", { percent: Math.round(event.confidence * 100) }));
        }
    }

    saying(event) {
        this.#said = `${this.#said} ${event.text}`.trim();
        if (this.#open) {
            this.#open.querySelector(".words").replaceChildren(foreign(this.#said));
            this.#scroll();
        } else {
            this.#open = this.#add("assistant", foreign(this.#said));
            this.#open.classList.add("speaking");
        }
    }

    said(event) {
        const item = this.#open ?? this.#add("assistant", "");
        const words = item.querySelector(".words");
        const cut = event.interrupted ? unheard(this.#said, event.text ?? "") : "";
        item.classList.remove("speaking");
        words.replaceChildren(foreign(event.text ?? ""));
        if (cut) {
            const lost = el("del", { title: text("cut") }, foreign(cut));
            words.append(" ", el("span", { class: "sr" }, `${text("cut")}: `), lost);
        }
        if (event.interrupted) {
            this.#note(item, text("interrupted"));
        }
        this.#late(item, event);
        this.#open = null;
        this.#said = "";
    }

    take(event) {
        if (event.event === "heard") {
            this.heard(event);
        } else if (event.event === "saying") {
            this.saying(event);
        } else if (event.event === "said") {
            this.said(event);
        }
    }
}
