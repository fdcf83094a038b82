#include "va_vad_fft.h"

#include "va_vad_math.h"
#include "va_vad_tables.h"

#define HALF (VA_VAD_FFT / 2)

typedef struct {
    va_v4_t re, im;
} pair_t;

static inline pair_t load(const va_vad_fft_t *d, int i)
{
    return (pair_t){va_v4_load(d->re + i), va_v4_load(d->im + i)};
}

static inline void store(va_vad_fft_t *d, int i, pair_t v)
{
    /* Each stage writes all of its output before the next one reads it. */
    /* cppcheck-suppress ctuuninitvar */
    va_v4_store(d->re + i, v.re);
    va_v4_store(d->im + i, v.im);
}

static inline pair_t add(pair_t a, pair_t b)
{
    return (pair_t){a.re + b.re, a.im + b.im};
}

static inline pair_t sub(pair_t a, pair_t b)
{
    return (pair_t){a.re - b.re, a.im - b.im};
}

static inline pair_t mul(pair_t a, va_v4_t re, va_v4_t im)
{
    return (pair_t){a.re * re - a.im * im, a.re * im + a.im * re};
}

/* Four points at a distance, before the turns of the stage are applied. */
static inline void butterfly(pair_t x[4])
{
    pair_t even = add(x[0], x[2]), even2 = sub(x[0], x[2]);
    pair_t odd = add(x[1], x[3]), odd2 = sub(x[1], x[3]);

    x[0] = add(even, odd);
    x[2] = sub(even, odd);
    x[1] = (pair_t){even2.re + odd2.im, even2.im - odd2.re};
    x[3] = (pair_t){even2.re - odd2.im, even2.im + odd2.re};
}

static inline void transpose(va_v4_t *a, va_v4_t *b, va_v4_t *c, va_v4_t *d)
{
    va_v4_t ab = VA_V4_PICK(*a, *b, 0, 4, 1, 5);
    va_v4_t ab2 = VA_V4_PICK(*a, *b, 2, 6, 3, 7);
    va_v4_t cd = VA_V4_PICK(*c, *d, 0, 4, 1, 5);
    va_v4_t cd2 = VA_V4_PICK(*c, *d, 2, 6, 3, 7);

    *a = VA_V4_PICK(ab, cd, 0, 1, 4, 5);
    *b = VA_V4_PICK(ab, cd, 2, 3, 6, 7);
    *c = VA_V4_PICK(ab2, cd2, 0, 1, 4, 5);
    *d = VA_V4_PICK(ab2, cd2, 2, 3, 6, 7);
}

static void first_stage(const va_vad_fft_t *in, va_vad_fft_t *out)
{
    pair_t x[4];

    for (int p = 0; p < 32; p += 4) {
        for (int k = 0; k < 4; k++) {
            x[k] = load(in, p + 32 * k);
        }
        butterfly(x);
        x[1] = mul(x[1], va_v4_load(vad_turn128_1_re + p),
                   va_v4_load(vad_turn128_1_im + p));
        x[2] = mul(x[2], va_v4_load(vad_turn128_2_re + p),
                   va_v4_load(vad_turn128_2_im + p));
        x[3] = mul(x[3], va_v4_load(vad_turn128_3_re + p),
                   va_v4_load(vad_turn128_3_im + p));
        transpose(&x[0].re, &x[1].re, &x[2].re, &x[3].re);
        transpose(&x[0].im, &x[1].im, &x[2].im, &x[3].im);
        for (int k = 0; k < 4; k++) {
            store(out, 4 * (p + k), x[k]);
        }
    }
}

static void second_stage(const va_vad_fft_t *in, va_vad_fft_t *out)
{
    pair_t x[4];

    for (int p = 0; p < 8; p++) {
        for (int k = 0; k < 4; k++) {
            x[k] = load(in, 4 * (p + 8 * k));
        }
        butterfly(x);
        store(out, 16 * p, x[0]);
        store(out, 16 * p + 4,
              mul(x[1], va_v4_splat(vad_turn32_1_re[p]),
                  va_v4_splat(vad_turn32_1_im[p])));
        store(out, 16 * p + 8,
              mul(x[2], va_v4_splat(vad_turn32_2_re[p]),
                  va_v4_splat(vad_turn32_2_im[p])));
        store(out, 16 * p + 12,
              mul(x[3], va_v4_splat(vad_turn32_3_re[p]),
                  va_v4_splat(vad_turn32_3_im[p])));
    }
}

/* Stages of eight and of two points at once. */
static void last_stages(const va_vad_fft_t *in, va_vad_fft_t *out)
{
    const va_v4_t h = va_v4_splat(0.70710678f);
    pair_t x[4], y[4];

    for (int q = 0; q < 16; q += 4) {
        for (int k = 0; k < 4; k++) {
            x[k] = load(in, q + 32 * k);
            y[k] = load(in, q + 32 * k + 16);
        }
        butterfly(x);
        butterfly(y);
        y[1] = mul(y[1], h, -h);
        y[2] = (pair_t){y[2].im, -y[2].re};
        y[3] = mul(y[3], -h, -h);
        for (int k = 0; k < 4; k++) {
            store(out, q + 16 * k, add(x[k], y[k]));
            store(out, q + 16 * k + 64, sub(x[k], y[k]));
        }
    }
}

static void transform(va_vad_fft_t *d)
{
    va_vad_fft_t work;

    first_stage(d, &work);
    second_stage(&work, d);
    last_stages(d, &work);
    *d = work;
}

static inline pair_t load_reversed(const va_vad_fft_t *d, int i)
{
    pair_t v = load(d, i);

    v.re = VA_V4_PICK(v.re, v.re, 3, 2, 1, 0);
    v.im = VA_V4_PICK(v.im, v.im, 3, 2, 1, 0);
    return v;
}

/*
 * The transform of the even and of the odd samples, turned, at bins k..k+3,
 * both doubled: their sum is bin k of the whole, the difference is conjugate
 * to bin 128 - k.
 */
static inline void halves(const va_vad_fft_t *d, int k, pair_t *even,
                          pair_t *odd)
{
    pair_t a = load(d, k), b = load_reversed(d, HALF - 3 - k);

    *even = (pair_t){a.re + b.re, a.im - b.im};
    *odd = mul((pair_t){a.im + b.im, b.re - a.re},
               va_v4_load(vad_unpack_re + k), va_v4_load(vad_unpack_im + k));
}

void va_vad_fft_power(va_vad_fft_t *data, float power[VA_VAD_FFT / 2 + 1])
{
    const va_v4_t quarter = va_v4_splat(0.25f);
    pair_t even, odd, low, high;
    va_v4_t p;
    float sum, difference;

    transform(data);
    for (int k = 1; k < HALF / 2; k += 4) {
        halves(data, k, &even, &odd);
        low = add(even, odd);
        high = sub(even, odd);
        va_v4_store(power + k, quarter * (low.re * low.re + low.im * low.im));
        p = quarter * (high.re * high.re + high.im * high.im);
        va_v4_store(power + HALF - 3 - k, VA_V4_PICK(p, p, 3, 2, 1, 0));
    }
    sum = data->re[0] + data->im[0];
    difference = data->re[0] - data->im[0];
    power[0] = sum * sum;
    power[HALF] = difference * difference;
}

void va_vad_fft_autocorrelation(const float power[VA_VAD_FFT / 2 + 1],
                                float lags[VA_VAD_FFT / 2])
{
    const va_v4_t half = va_v4_splat(0.5f);
    va_vad_fft_t data;
    pair_t even, odd;
    va_v4_t p;

    for (int i = 0; i < HALF / 2; i++) {
        data.re[i] = power[2 * i];
        data.im[i] = power[2 * i + 1];
        data.im[HALF - 1 - i] = power[2 * i + 1];
    }
    data.re[HALF / 2] = power[HALF];
    for (int i = 1; i < HALF / 2; i++) {
        data.re[HALF - i] = power[2 * i];
    }
    transform(&data);
    for (int k = 1; k < HALF / 2; k += 4) {
        halves(&data, k, &even, &odd);
        va_v4_store(lags + k, half * (even.re + odd.re));
        p = half * (even.re - odd.re);
        va_v4_store(lags + HALF - 3 - k, VA_V4_PICK(p, p, 3, 2, 1, 0));
    }
    lags[0] = data.re[0] + data.im[0];
}
