'use strict';

/* n samples of mu-law: 400 Hz; one period is 20 samples. */
module.exports = function tone(n) {
    const period = [];
    for (let i = 0; i < 20; i++) {
        const pcm = Math.round(6000 * Math.sin(2 * Math.PI * i / 20));
        const magnitude = Math.abs(pcm) + 132;
        const segment = 24 - Math.clz32(magnitude);
        period.push(~((pcm < 0 ? 0x80 : 0) | segment << 4 |
                      (magnitude >> (segment + 3) & 15)) & 255);
    }
    return Buffer.alloc(n, Buffer.from(period));
};
