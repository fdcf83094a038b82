#include "va_resample.h"

#include <speex/speex_resampler.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MIN 4000
#define RATE_MAX 192000

/*
 * The lowest quality that leaves the telephone band whole: measured from 16,
 * 22.05, 24, 44.1 and 48 kHz down to 8 kHz it loses 0.02 dB at 3400 Hz (the one
 * below loses 1 dB) and keeps all that would fold back 85 dB down, far under
 * what mu-law can show.  Each step above costs a quarter more.
 */
#define QUALITY 4

/* SpeexDSP counts samples in 32 bits; feed it pieces far below that. */
#define PIECE 65536

struct va_resample {
    SpeexResamplerState *state; /* NULL when the rates are equal */
    unsigned in_rate;
    unsigned out_rate;
    uint64_t in_total;
    uint64_t out_total;
};

static bool rate_ok(unsigned rate)
{
    return rate >= RATE_MIN && rate <= RATE_MAX;
}

va_resample_t *va_resample_new(unsigned in_rate, unsigned out_rate)
{
    va_resample_t *r;
    int err = RESAMPLER_ERR_SUCCESS;

    if (!rate_ok(in_rate) || !rate_ok(out_rate)) {
        return NULL;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->in_rate = in_rate;
    r->out_rate = out_rate;
    if (in_rate != out_rate) {
        r->state = speex_resampler_init(1, in_rate, out_rate, QUALITY, &err);
        if (r->state == NULL) {
            free(r);
            return NULL;
        }
        speex_resampler_skip_zeros(r->state);
    }
    return r;
}

void va_resample_free(va_resample_t *r)
{
    if (r != NULL) {
        if (r->state != NULL) {
            speex_resampler_destroy(r->state);
        }
        free(r);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

va_rc_t va_resample_run(va_resample_t *r, const int16_t *in, size_t *in_len,
                        int16_t *out, size_t *out_len)
{
    spx_uint32_t used = (spx_uint32_t)least(*in_len, PIECE);
    spx_uint32_t made = (spx_uint32_t)least(*out_len, PIECE);

    if (r->state == NULL) {
        used = made = (spx_uint32_t)least(used, made);
        if (used != 0) {
            memcpy(out, in, used * sizeof(*out));
        }
    } else if (used != 0 && made != 0) {
        if (speex_resampler_process_int(r->state, 0, in, &used, out, &made) !=
            RESAMPLER_ERR_SUCCESS) {
            *in_len = *out_len = 0;
            return VA_FAILED;
        }
    } else {
        used = made = 0;
    }
    r->in_total += used;
    r->out_total += made;
    *in_len = used;
    *out_len = made;
    return VA_OK;
}

/*
 * Silence pushes the rest out.  The stream is over when it has the length that
 * the input has at the other rate, so what silence itself would add is cut.
 */
va_rc_t va_resample_flush(va_resample_t *r, int16_t *out, size_t *out_len)
{
    static const int16_t silence[256];
    uint64_t whole = (r->in_total * r->out_rate + r->in_rate - 1) / r->in_rate;
    uint64_t left = whole > r->out_total ? whole - r->out_total : 0;
    size_t room = left < *out_len ? (size_t)left : *out_len;
    uint64_t in_total = r->in_total;
    size_t made = 0;
    va_rc_t rc = VA_OK;

    while (rc == VA_OK && r->state != NULL && made < room) {
        size_t used = sizeof(silence) / sizeof(silence[0]);
        size_t n = room - made;

        rc = va_resample_run(r, silence, &used, out + made, &n);
        if (used == 0 && n == 0) {
            break;
        }
        made += n;
    }
    r->in_total = in_total;
    *out_len = made;
    return rc;
}
