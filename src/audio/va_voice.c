#include "va_voice.h"

#include <stdlib.h>
#include <string.h>

#include "va_g711.h"
#include "va_resample.h"
#include "va_wav.h"

#define MAGIC 4      /* bytes that tell a container */
#define FRAME_MAX 16 /* bytes of a sample of 8 channels of 16 bits */
#define COMPRESSED "the audio is compressed"
#define TEXT "text instead of audio"
#define BLOCK 512 /* samples converted at a time */

typedef enum { SNIFFING, IN_HEADER, IN_SAMPLES, PASSING, ENDED } state_t;

struct va_voice {
    state_t state;
    va_voice_format_t format;
    va_voice_out_pt out;
    void *ctx;
    va_buf_t head;     /* bytes not understood yet */
    va_wav_info_t wav; /* how samples lie, for raw PCM too */
    uint64_t left;     /* bytes of samples still to come */
    size_t frame;      /* bytes of one sample of all channels */
    uint8_t part[FRAME_MAX];
    size_t part_len;
    va_resample_t *resample;
    va_rc_t rc;
    const char *error;
};

va_voice_t *va_voice_new(va_voice_format_t format, unsigned rate,
                         va_voice_out_pt out, void *ctx)
{
    va_voice_t *v = calloc(1, sizeof(*v));

    if (v == NULL) {
        return NULL;
    }
    v->format = format;
    v->out = out;
    v->ctx = ctx;
    v->error = "";
    v->wav.format = VA_WAV_PCM;
    v->wav.channels = 1;
    v->wav.bits = 16;
    v->wav.rate = rate;
    v->left = UINT64_MAX;
    va_buf_init(&v->head, VA_WAV_SEARCH);
    return v;
}

void va_voice_free(va_voice_t *v)
{
    if (v != NULL) {
        va_resample_free(v->resample);
        va_buf_free(&v->head);
        free(v);
    }
}

const char *va_voice_error(const va_voice_t *v)
{
    return v->error;
}

static va_rc_t fail(va_voice_t *v, va_rc_t rc, const char *error)
{
    v->rc = rc;
    v->error = error;
    return rc;
}

static va_rc_t send(va_voice_t *v, const uint8_t *ulaw, size_t n)
{
    if (n != 0) {
        v->rc = v->out(v->ctx, ulaw, n);
    }
    return v->rc;
}

static va_rc_t send_pcm(va_voice_t *v, const int16_t *pcm, size_t n)
{
    uint8_t ulaw[BLOCK];

    va_ulaw_encode(ulaw, pcm, n);
    return send(v, ulaw, n);
}

/* Takes at most BLOCK samples. */
static va_rc_t convert(va_voice_t *v, const int16_t *pcm, size_t n)
{
    int16_t out[BLOCK];

    while (n != 0) {
        size_t used = n;
        size_t made = BLOCK;

        if (va_resample_run(v->resample, pcm, &used, out, &made) != VA_OK ||
            (used == 0 && made == 0)) {
            return fail(v, VA_FAILED, "the sample rate cannot be converted");
        }
        if (send_pcm(v, out, made) != VA_OK) {
            return v->rc;
        }
        pcm += used;
        n -= used;
    }
    return VA_OK;
}

static int one_sample(const va_voice_t *v, const uint8_t *p)
{
    int16_t pcm;

    if (v->wav.format == VA_WAV_ULAW) {
        va_ulaw_decode(&pcm, p, 1);
        return pcm;
    }
    if (v->wav.bits == 8) {
        return ((int)p[0] - 128) * 256;
    }
    return (int16_t)(uint16_t)(p[0] | p[1] << 8);
}

/* Reads one sample of all channels and mixes it down. */
static int16_t mixed(const va_voice_t *v, const uint8_t *p)
{
    size_t step = v->wav.bits / 8;
    int sum = 0;
    unsigned c;

    for (c = 0; c < v->wav.channels; c++) {
        sum += one_sample(v, p + c * step);
    }
    return (int16_t)(sum / (int)v->wav.channels);
}

/* Takes bytes that begin at a sample; leaves what is less than one in part. */
static va_rc_t feed_whole(va_voice_t *v, const uint8_t *data, size_t n)
{
    int16_t pcm[BLOCK];

    while (n >= v->frame) {
        size_t count = n / v->frame < BLOCK ? n / v->frame : BLOCK;
        size_t i;

        for (i = 0; i < count; i++) {
            pcm[i] = mixed(v, data + i * v->frame);
        }
        if (convert(v, pcm, count) != VA_OK) {
            return v->rc;
        }
        data += count * v->frame;
        n -= count * v->frame;
    }
    if (n != 0) {
        memcpy(v->part, data, n);
    }
    v->part_len = n;
    return VA_OK;
}

static va_rc_t feed_samples(va_voice_t *v, const uint8_t *data, size_t n)
{
    size_t part_len = v->part_len;

    if (n > v->left) {
        n = (size_t)v->left;
    }
    if (v->left != UINT64_MAX) {
        v->left -= n;
    }
    if (v->state == PASSING) {
        return send(v, data, n);
    }
    if (part_len != 0) {
        size_t missing = v->frame - part_len;
        uint8_t whole[FRAME_MAX];

        missing = n < missing ? n : missing;
        memcpy(whole, v->part, part_len);
        if (missing != 0) {
            memcpy(whole + part_len, data, missing);
        }
        if (feed_whole(v, whole, part_len + missing) != VA_OK) {
            return v->rc;
        }
        if (v->part_len != 0) {
            return VA_OK;
        }
        data += missing;
        n -= missing;
    }
    return feed_whole(v, data, n);
}

/* Everything about the samples is known: makes ready and feeds the first. */
static va_rc_t begin(va_voice_t *v, size_t skip)
{
    va_buf_t head = v->head;

    if (v->wav.format == VA_WAV_ULAW && v->wav.channels == 1 &&
        v->wav.rate == VA_RATE) {
        v->state = PASSING;
    } else {
        v->state = IN_SAMPLES;
        v->frame = (size_t)v->wav.channels * v->wav.bits / 8;
        v->resample = va_resample_new(v->wav.rate, VA_RATE);
        if (v->resample == NULL) {
            return fail(v, VA_INVALID, "the sample rate is not supported");
        }
    }
    va_buf_init(&v->head, 0);
    if (head.len > skip) {
        feed_samples(v, (const uint8_t *)head.data + skip, head.len - skip);
    }
    va_buf_free(&head);
    return v->rc;
}

static va_rc_t read_header(va_voice_t *v)
{
    va_rc_t rc =
        va_wav_parse(&v->wav, (const uint8_t *)v->head.data, v->head.len);

    switch (rc) {
    case VA_OK:
        v->left = v->wav.data_len;
        return begin(v, v->wav.header_len);
    case VA_AGAIN:
        return VA_OK;
    case VA_LIMIT:
        return fail(v, rc, "the WAV header is too long");
    default:
        return fail(v, rc, "the WAV is neither PCM of 8 or 16 bits nor mu-law");
    }
}

static va_rc_t begin_raw(va_voice_t *v)
{
    if (v->format == VA_VOICE_ULAW) {
        v->wav.format = VA_WAV_ULAW;
        v->wav.bits = 8;
        v->wav.rate = VA_RATE;
    }
    return begin(v, 0);
}

/*
 * Tells what the first bytes are, as soon as they can be nothing else.  What
 * is listed would be noise to the caller; raw audio begins so less than once in
 * ten million times.
 */
static va_rc_t sniff(va_voice_t *v)
{
    static const struct {
        char magic[MAGIC + 1];
        const char *error;
    } known[] = {
        {"RIFF", NULL},      {"OggS", COMPRESSED}, {"fLaC", COMPRESSED},
        {"ID3", COMPRESSED}, {"{\"er", TEXT},      {"{\"de", TEXT},
        {"<!DO", TEXT},      {"<!do", TEXT},       {"<htm", TEXT},
        {"<HTM", TEXT},      {"<?xm", TEXT},
    };
    size_t len = v->head.len;
    bool open = false;
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t whole = strlen(known[i].magic);

        if (memcmp(v->head.data, known[i].magic, len < whole ? len : whole) !=
            0) {
            continue;
        }
        if (len < whole) {
            open = true;
        } else if (known[i].error != NULL) {
            return fail(v, VA_INVALID, known[i].error);
        } else {
            v->state = IN_HEADER;
            return read_header(v);
        }
    }
    return open ? VA_OK : begin_raw(v);
}

static va_rc_t feed_head(va_voice_t *v, const uint8_t *data, size_t n)
{
    if (n == 0) {
        return fail(v, VA_LIMIT, "the WAV header is too long");
    }
    if (va_buf_append(&v->head, data, n) != VA_OK) {
        return fail(v, v->head.rc, "out of memory");
    }
    return v->state == IN_HEADER ? read_header(v) : sniff(v);
}

va_rc_t va_voice_feed(va_voice_t *v, const uint8_t *data, size_t n)
{
    if (v->rc != VA_OK || n == 0) {
        return v->rc;
    }
    if (v->state == SNIFFING && v->format == VA_VOICE_PCM) {
        begin_raw(v);
    }
    while (n != 0 && v->rc == VA_OK &&
           (v->state == SNIFFING || v->state == IN_HEADER)) {
        size_t room = v->head.max - v->head.len;
        size_t some = n < room ? n : room;

        feed_head(v, data, some);
        data += some;
        n -= some;
    }
    if (v->rc != VA_OK || n == 0) {
        return v->rc;
    }
    if (v->state == ENDED) {
        return fail(v, VA_INVALID, "audio after its end");
    }
    return feed_samples(v, data, n);
}

static va_rc_t flush(va_voice_t *v)
{
    int16_t out[BLOCK];
    size_t made;

    do {
        made = BLOCK;
        if (va_resample_flush(v->resample, out, &made) != VA_OK) {
            return fail(v, VA_FAILED, "the sample rate cannot be converted");
        }
        send_pcm(v, out, made);
    } while (made != 0 && v->rc == VA_OK);
    return v->rc;
}

va_rc_t va_voice_finish(va_voice_t *v)
{
    if (v->rc != VA_OK || v->state == ENDED) {
        return v->rc;
    }
    if (v->state == IN_HEADER) {
        return fail(v, VA_INVALID, "the WAV ends inside its header");
    }
    if (v->state == SNIFFING && v->head.len != 0) {
        begin_raw(v);
    }
    if (v->state == IN_SAMPLES && v->rc == VA_OK) {
        flush(v);
    }
    v->state = ENDED;
    return v->rc;
}
