// A call over the media socket, in Twilio's place: connected, start, 20 ms of
// mu-law at a time, marks that come back when they were played, keys and stop.

import { ask, Refused } from "./page.js";

const MOST = 50 * 60 * 20; // frames of a recording, twenty minutes
const GONE = 4; // streams that may break one after the other

const hex = (count) => [...crypto.getRandomValues(new Uint8Array(count))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const bytes = (payload) => Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));

// Tells by events: "connected", "frame" (levels), "again" (a stream was closed
// and another one follows), "over" (detail: why).  Words for which the server
// has no voice are given to speak, which resolves when they were said.
export class Call extends EventTarget {
    #context;
    #line;
    #microphone;
    #socket;
    #answer;
    #stream;
    #sequence;
    #frames;
    #breaks = 0;
    #over = false;

    recording = { caller: [], assistant: [] };
    speak = async () => {};

    get sid() {
        return this.#answer?.call_sid;
    }

    // Opens microphone and line, then asks the server for a call.
    async begin(numbers) {
        this.#microphone = await navigator.mediaDevices.getUserMedia({
            audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
        });
        try {
            await this.#openLine();
            this.#answer = await ask("call", numbers);
            if (this.#answer.say) {
                await this.speak(this.#answer.say);
            }
        } catch (error) {
            this.#close();
            throw error;
        }
        if (this.#over) {
            await this.#next();
        } else {
            this.#connect();
        }
    }

    async #openLine() {
        this.#context = new AudioContext({ latencyHint: "interactive" });
        await this.#context.audioWorklet.addModule(new URL("line.js", import.meta.url));
        await this.#context.resume();
        this.#line = new AudioWorkletNode(this.#context, "line", {
            numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1],
        });
        this.#context.createMediaStreamSource(this.#microphone).connect(this.#line);
        this.#line.connect(this.#context.destination);
        this.#line.port.onmessage = ({ data }) => this.#fromLine(data);
    }

    #connect() {
        const { media, protocols } = this.#answer;
        const url = new URL(media, location.href);
        url.protocol = url.protocol.replace("http", "ws");
        const socket = new WebSocket(url, protocols);
        this.#socket = socket;
        this.#stream = null;
        socket.addEventListener("open", () => this.#start());
        socket.addEventListener("message", ({ data }) => this.#fromServer(data));
        socket.addEventListener("close", (event) => {
            if (socket === this.#socket) {
                this.#socket = null;
                this.#stream = null;
                this.#line?.port.postMessage({ clear: true });
                this.#breaks = event.code === 1000 ? 0 : this.#breaks + 1;
                this.#next();
            }
        });
    }

    #send(event, content = {}) {
        if (this.#socket?.readyState === WebSocket.OPEN) {
            this.#socket.send(JSON.stringify({
                event, sequenceNumber: String(this.#sequence++), streamSid: this.#stream, ...content,
            }));
        }
    }

    #start() {
        this.#socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }));
        this.#stream = `MZ${hex(16)}`;
        this.#sequence = 1;
        this.#frames = 0;
        this.#send("start", {
            start: {
                accountSid: this.#answer.account_sid,
                streamSid: this.#stream,
                callSid: this.#answer.call_sid,
                tracks: ["inbound"],
                mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
                customParameters: this.#answer.parameters,
            },
        });
        this.dispatchEvent(new CustomEvent("connected"));
    }

    #fromServer(data) {
        const message = JSON.parse(data);
        if (message.event === "media") {
            this.#line?.port.postMessage({ audio: bytes(message.media.payload) });
        } else if (message.event === "mark") {
            this.#line?.port.postMessage({ mark: message.mark.name });
        } else if (message.event === "clear") {
            this.#line?.port.postMessage({ clear: true });
        }
    }

    #fromLine({ mark, frame, answer, waiting }) {
        if (mark !== undefined) {
            this.#send("mark", { mark: { name: mark } });
            return;
        }
        if (this.#stream) {
            this.#send("media", {
                media: {
                    track: "inbound",
                    chunk: String(++this.#frames),
                    timestamp: String((this.#frames - 1) * 20),
                    payload: base64(frame),
                },
            });
        }
        if (this.recording.caller.length < MOST) {
            this.recording.caller.push(frame);
            this.recording.assistant.push(answer);
        }
        this.dispatchEvent(new CustomEvent("frame", { detail: { frame, answer, waiting } }));
    }

    // Twilio follows <Redirect> when a stream was closed; so does this.
    async #next() {
        let next = { next: "hangup" };
        let why = "over";
        try {
            next = await ask("next", { call_sid: this.sid });
        } catch (error) {
            why = error instanceof Refused && error.status === 0 ? "over_lost" : "over";
        }
        if (next.say) {
            await this.speak(next.say);
        }
        if (next.next === "connect" && !this.#over && this.#breaks < GONE) {
            this.#answer = next;
            this.dispatchEvent(new CustomEvent("again"));
            setTimeout(() => this.#over ? this.#next() : this.#connect(),
                this.#breaks ? 500 * 2 ** this.#breaks : 0);
            return;
        }
        this.#close();
        this.dispatchEvent(new CustomEvent("over", {
            detail: { why: next.transfer ? "transferred" : this.#breaks ? "over_lost" : why, to: next.transfer },
        }));
    }

    press(digit) {
        this.#send("dtmf", { dtmf: { track: "inbound_track", digit } });
    }

    mute(muted) {
        this.#line?.port.postMessage({ muted });
    }

    // Says stop as Twilio does when the caller hangs up.
    hangUp() {
        this.#over = true;
        this.#send("stop", {
            stop: { accountSid: this.#answer?.account_sid, callSid: this.sid },
        });
        this.#socket?.close(1000);
    }

    #close() {
        this.#over = true;
        this.#microphone?.getTracks().forEach((track) => track.stop());
        this.#line?.port.postMessage({ close: true });
        this.#line = null;
        this.#context?.close();
        this.#context = null;
    }
}

// A recording as WAV in mu-law: the caller left, what was heard right.
export function wav({ caller, assistant }) {
    const size = caller.length * 320;
    const file = new DataView(new ArrayBuffer(58 + size));
    const put = (at, name) => [...name].forEach((c, i) => file.setUint8(at + i, c.charCodeAt(0)));
    put(0, "RIFF");
    file.setUint32(4, 50 + size, true);
    put(8, "WAVEfmt ");
    file.setUint32(16, 18, true);
    file.setUint16(20, 7, true);
    file.setUint16(22, 2, true);
    file.setUint32(24, 8000, true);
    file.setUint32(28, 16000, true);
    file.setUint16(32, 2, true);
    file.setUint16(34, 8, true);
    put(38, "fact");
    file.setUint32(42, 4, true);
    file.setUint32(46, size / 2, true);
    put(50, "data");
    file.setUint32(54, size, true);
    caller.forEach((frame, n) => {
        for (let i = 0; i < 160; i++) {
            file.setUint8(58 + n * 320 + 2 * i, frame[i]);
            file.setUint8(59 + n * 320 + 2 * i, assistant[n][i]);
        }
    });
    return new Blob([file], { type: "audio/wav" });
}
