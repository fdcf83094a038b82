// The telephone line inside the audio thread: what the microphone hears becomes
// frames of mu-law, what arrives as mu-law is played, and marks come back when
// the audio before them was played.

import { decode, encode, Resampler } from "./g711.js";

const RATE = 8000;
const FRAME = RATE / 50;
const MOST = RATE * 120;

class Line extends AudioWorkletProcessor {
    constructor() {
        super();
        this.heard = new Resampler(sampleRate, RATE);
        this.played = new Resampler(RATE, sampleRate);
        this.queue = [];
        this.offset = 0;
        this.waiting = 0;
        this.frame = new Uint8Array(FRAME);
        this.answer = new Uint8Array(FRAME);
        this.filled = 0;
        this.answered = [];
        this.muted = false;
        this.open = true;
        this.port.onmessage = ({ data }) => this.told(data);
    }

    told(data) {
        if (data.audio && this.waiting + data.audio.length <= MOST) {
            this.queue.push(data.audio);
            this.waiting += data.audio.length;
        } else if (data.mark !== undefined) {
            this.queue.push(data.mark);
            this.marks();
        } else if (data.clear) {
            const marks = this.queue.filter((item) => typeof item === "string");
            this.queue = [];
            this.offset = 0;
            this.waiting = 0;
            marks.forEach((mark) => this.port.postMessage({ mark }));
        } else if (data.muted !== undefined) {
            this.muted = data.muted;
        } else if (data.close) {
            this.open = false;
        }
    }

    // Gives back the marks that nothing stands before.
    marks() {
        while (typeof this.queue[0] === "string") {
            this.port.postMessage({ mark: this.queue.shift() });
        }
    }

    // The next sample for the ear: of what arrived, or silence.
    next() {
        if (this.queue.length === 0) {
            this.answered.push(0xff);
            return 0;
        }
        const code = this.queue[0][this.offset++];
        this.waiting--;
        if (this.offset === this.queue[0].length) {
            this.queue.shift();
            this.offset = 0;
            this.marks();
        }
        this.answered.push(code);
        return decode(code);
    }

    process([input], [output]) {
        const microphone = input[0];
        const ear = output[0];
        for (let i = 0; i < ear.length; i++) {
            while (!this.played.ready) {
                this.played.push(this.next());
            }
            ear[i] = this.played.pull();
            this.heard.push(microphone && !this.muted ? microphone[i] : 0);
            while (this.heard.ready) {
                this.take(this.heard.pull());
            }
        }
        for (let channel = 1; channel < output.length; channel++) {
            output[channel].set(ear);
        }
        return this.open;
    }

    take(sample) {
        this.frame[this.filled++] = encode(sample);
        if (this.filled < FRAME) {
            return;
        }
        this.filled = 0;
        this.answer.fill(0xff);
        this.answer.set(this.answered.splice(0, FRAME));
        this.port.postMessage({
            frame: this.frame.slice(),
            answer: this.answer.slice(),
            waiting: this.waiting,
        });
    }
}

registerProcessor("line", Line);
