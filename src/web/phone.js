// The browser phone: one button, and what is said on the line.

import { Call, wav } from "./call.js";
import { decode } from "./g711.js";
import { $, ask, duration, el, events, say, signIn } from "./page.js";
import { text } from "./strings.js";
import { Transcript } from "./transcript.js";

let call = null;
let began = 0;
let ticking = 0;
const transcript = new Transcript($("transcript"), "you");
const levels = { you: 0, assistant: 0 };

const status = (key, values) => say($("status"), text(key, values));

// The loudness of a frame on a scale of 0 to 100, of which 0 is -60 dB.
function loudness(frame) {
    let sum = 0;
    for (const code of frame) {
        sum += decode(code) ** 2;
    }
    return Math.max(0, Math.min(100, 100 + 10 * Math.log10(sum / frame.length + 1e-9) * 100 / 60));
}

// A meter rises at once and falls slowly.
function meter(name, frame) {
    levels[name] = Math.max(loudness(frame), levels[name] - 4);
    $(`level-${name}`).value = levels[name];
}

function shown(on) {
    document.body.classList.toggle("on-call", on);
    $("call-label").textContent = text(on ? "hang_up" : transcriptEmpty() ? "call" : "new_call");
    $("mute").disabled = !on;
    $("save").disabled = on || !call?.recording.caller.length;
    $("mute").setAttribute("aria-pressed", "false");
    $("mute").textContent = text("mute");
    for (const key of $("keys").children) {
        key.disabled = !on;
    }
}

const transcriptEmpty = () => $("transcript").childElementCount === 0;

async function begin() {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
        status("no_audio");
        return;
    }
    call = new Call();
    const mine = call;
    transcript.clear();
    $("nothing").hidden = false;
    shown(true);
    status("asking_microphone");
    mine.addEventListener("connected", () => {
        if (!began) {
            began = performance.now();
            ticking = setInterval(tick, 500);
        }
        status("phase_listening");
        catchUp(mine);
    });
    mine.addEventListener("frame", ({ detail }) => {
        meter("you", detail.frame);
        meter("assistant", detail.answer);
    });
    mine.addEventListener("again", () => status("connecting_again"));
    mine.speak = aloud;
    mine.addEventListener("over", ({ detail }) => ended(detail));
    try {
        await mine.begin({
            from: $("from").value || undefined,
            to: $("to").value || undefined,
        });
        if (!began && call === mine) {
            status("connecting");
        }
    } catch (error) {
        ended({ why: null });
        if (error.name === "NotAllowedError" || error.name === "NotFoundError") {
            status("no_microphone");
        } else {
            status("failed", { error: error.message });
        }
    }
}

// Where the server has no voice of its own, the browser's speaks.
async function aloud(words) {
    transcript.saying({ text: words });
    transcript.said({ text: words });
    $("nothing").hidden = true;
    if (!window.speechSynthesis?.getVoices().length) {
        return;
    }
    status("phase_speaking");
    await new Promise((resolve) => {
        const utterance = new SpeechSynthesisUtterance(words);
        utterance.addEventListener("end", resolve);
        utterance.addEventListener("error", resolve);
        setTimeout(resolve, 2000 + 150 * words.length);
        speechSynthesis.speak(utterance);
    });
}

function tick() {
    say($("clock"), duration((performance.now() - began) / 1000));
}

function ended({ why, to }) {
    clearInterval(ticking);
    began = 0;
    levels.you = levels.assistant = 0;
    $("level-you").value = $("level-assistant").value = 0;
    if (why) {
        status(why, { to });
    }
    shown(false);
}

// What was said before the events came.
async function catchUp(mine) {
    const session = await ask(`api/session/${encodeURIComponent(mine.sid)}`).catch(() => null);
    if (session?.conversation?.length && transcriptEmpty() && call === mine) {
        transcript.show(session.conversation);
        $("nothing").hidden = true;
    }
}

function heard(event) {
    if (!call || event.call.call_sid !== call.sid) {
        return;
    }
    transcript.take(event);
    $("nothing").hidden = !transcriptEmpty();
    if (event.event === "phase" && began) {
        status(`phase_${event.call.phase}`);
    }
}

function press(digit) {
    call?.press(digit);
}

function save() {
    const url = URL.createObjectURL(wav(call.recording));
    el("a", { href: url, download: `${call.sid}.wav` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function prepare() {
    for (const digit of "123456789*0#") {
        $("keys").append(el("button", {
            type: "button", "aria-label": text("key_press", { digit }), onclick: () => press(digit),
        }, digit));
    }
    $("call").addEventListener("click", () => {
        if (document.body.classList.contains("on-call")) {
            call.hangUp();
        } else {
            begin();
        }
    });
    $("mute").addEventListener("click", () => {
        const muted = $("mute").getAttribute("aria-pressed") !== "true";
        $("mute").setAttribute("aria-pressed", String(muted));
        $("mute").textContent = text(muted ? "unmute" : "mute");
        call.mute(muted);
    });
    $("save").addEventListener("click", save);
    document.addEventListener("keydown", (event) => {
        if (/^[0-9*#]$/.test(event.key) && $("keypad").open &&
            !event.target.closest("input, textarea") && document.body.classList.contains("on-call")) {
            press(event.key);
        }
    });
    window.addEventListener("pagehide", () => call?.hangUp());
    shown(false);
    status("ready");
}

const me = await signIn();
if (me.dashboard) {
    $("other").href = me.dashboard;
    $("other").hidden = false;
}
prepare();
await events(heard, () => {});
