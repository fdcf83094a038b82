// Mu-law after ITU-T G.711, and the change of rate between a browser's audio
// and a telephone's.

const table = new Float32Array(256);
for (let code = 0; code < 256; code++) {
    const bits = ~code & 0xff;
    const magnitude = (((bits & 15) << 3) + 132 << (bits >> 4 & 7)) - 132;
    table[code] = (bits & 0x80 ? -magnitude : magnitude) / 32768;
}

export const decode = (code) => table[code];

// A sample of -1 to 1 as mu-law.
export function encode(sample) {
    let value = Math.round(Math.max(-1, Math.min(1, sample)) * 32635);
    const sign = value < 0 ? 0x80 : 0;
    value = Math.abs(value) + 132;
    const exponent = Math.max(0, 31 - Math.clz32(value) - 7);
    return ~(sign | exponent << 4 | value >> exponent + 3 & 15) & 0xff;
}

const PHASES = 256;

// Changes the rate of a stream of samples by a windowed sinc, whose pass band
// ends below half of the lower rate.
export class Resampler {
    constructor(from, to) {
        this.step = from / to;
        const band = Math.min(1, to / from) * 0.92;
        this.half = Math.ceil(12 / band);
        this.length = 2 * this.half;
        this.filters = [];
        for (let phase = 0; phase <= PHASES; phase++) {
            this.filters.push(this.filter(phase / PHASES, band));
        }
        this.history = new Float32Array(this.length);
        this.at = 0;
        this.position = 0;
    }

    filter(fraction, band) {
        const taps = new Float32Array(this.length);
        let sum = 0;
        for (let i = 0; i < this.length; i++) {
            const x = i - this.half + 1 - fraction;
            const sinc = x === 0 ? band : Math.sin(Math.PI * x * band) / (Math.PI * x);
            const window = 0.5 + 0.5 * Math.cos(Math.PI * x / this.half);
            taps[i] = sinc * (Math.abs(x) > this.half ? 0 : window);
            sum += taps[i];
        }
        return taps.map((tap) => tap / sum);
    }

    // Takes a sample in.
    push(sample) {
        this.history[this.at] = sample;
        this.at = (this.at + 1) % this.length;
        this.position -= 1;
    }

    // Whether a sample can be taken out before the next one goes in.
    get ready() {
        return this.position < 1;
    }

    // Takes a sample out.
    pull() {
        const taps = this.filters[Math.round(Math.max(0, this.position) * PHASES)];
        let sum = 0;
        for (let i = 0, k = this.at; i < this.length; i++) {
            sum += this.history[k] * taps[i];
            k = k + 1 === this.length ? 0 : k + 1;
        }
        this.position += this.step;
        return sum;
    }
}
