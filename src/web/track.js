// What the page knows of calls from their events: who spoke when, and how long
// each turn took.  Bounded, because a page may stay open for weeks.

import { latency } from "./transcript.js";

const CALLS = 200;
const SEGMENTS = 400;
const TURNS = 100;

class Track {
    segments = [];
    barges = [];
    turns = [];
    last = 0;
    #open = null;

    #close(time) {
        if (this.#open) {
            this.#open.to = Math.max(this.#open.from, time);
            this.#open = null;
        }
    }

    #begin(lane, from, to) {
        const segment = { lane, from, to: to ?? from };
        this.segments.push(segment);
        if (this.segments.length > SEGMENTS) {
            this.segments.shift();
        }
        return segment;
    }

    // The segments up to now; what goes on ends now.
    until(now) {
        if (this.#open) {
            this.#open.to = Math.max(this.#open.from, now);
        }
        return this.segments;
    }

    take(event) {
        const { time, call } = event;
        this.last = time;
        if (event.event === "utterance" && event.speech_ms > 0) {
            this.#begin("caller", time - event.speech_ms / 1000, time);
        } else if (event.event === "phase") {
            const lane = call.phase === "speaking" ? "assistant"
                : call.phase === "thinking" || call.phase === "transcribing" ? "thinking" : null;
            if (this.#open?.lane !== lane) {
                this.#close(time);
                if (lane) {
                    this.#open = this.#begin(lane, time);
                }
            }
        } else if (event.event === "said") {
            if (event.interrupted) {
                this.barges.push(time);
                this.barges.splice(0, Math.max(0, this.barges.length - SEGMENTS));
            }
            const times = latency(event);
            if (times) {
                this.turns.push(times);
                this.turns.splice(0, Math.max(0, this.turns.length - TURNS));
            }
        } else if (event.event === "stream-ended") {
            this.#close(time);
        }
    }
}

const tracks = new Map();

export function track(sid) {
    let found = tracks.get(sid);
    if (!found) {
        found = new Track();
        tracks.set(sid, found);
        if (tracks.size > CALLS) {
            tracks.delete(tracks.keys().next().value);
        }
    }
    return found;
}
