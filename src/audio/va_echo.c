#include "va_echo.h"

#include <stdlib.h>
#include <string.h>

#include "va_vad_math.h"

#define BANDS 4
#define SLOTS 512     /* of 20 ms, that the ring of what was sent holds */
#define LAGS 36       /* delays that are looked at: 0..700 ms */
#define FORGET 0.985f /* what a frame leaves of the older ones' correlation */
#define LOCK 0.5f     /* correlation at which a delay is believed */
#define UNLOCK 0.35f  /* and no longer */
#define ENOUGH 25.0f  /* frames of sound that a correlation needs */
#define HEARD 20.0f   /* dB over one step of a sample: softer is silence */
#define DEPTH 30.0f   /* dB of an envelope, down from its top, that count */
#define TAIL 2.5f     /* dB by which what a room gives back sinks in 20 ms */
#define OVER_FLOOR 6.0f
#define MARGIN 6.0f /* dB over the echo expected that are still echo */
#define LOSS_MOST 70.0f

struct va_echo {
    uint64_t newest;            /* slot up to which the ring was written */
    uint64_t now;               /* slot that was received last */
    uint8_t sent[SLOTS][BANDS]; /* dB over one step, 0: silence */
    float floor[BANDS];         /* of what is received, dB */
    float top[BANDS];           /* loudest that was played, dB, sinks */
    float mean_heard[BANDS], mean_sent[BANDS];
    float cross[LAGS], square[LAGS], heard_square;
    float sound;       /* frames that the sums above are made of */
    float loss[BANDS]; /* of the way back, dB, not below VA_ECHO_LOSS */
    float tail[BANDS]; /* echo that was expected last */
    int lag;           /* slots, or -1 */
    bool begun;
};

/* What is known of one received frame, in dB. */
typedef struct {
    float heard[BANDS];
    float sent[LAGS][BANDS]; /* by delay */
    float most[BANDS];       /* of all delays */
    bool played;             /* whether there was any sound in it */
} moment_t;

/*
 * Levels of four bands, each 1 kHz wide and upside down every other one: sums
 * and differences of neighbours, twice.  Coarse, but next to nothing to do.
 */
static void measure(const uint8_t *ulaw, size_t n, float band[BANDS])
{
    int16_t pcm[VA_FRAME];
    int32_t half[2][VA_FRAME / 2];
    float power[BANDS] = {0};

    va_ulaw_decode(pcm, ulaw, n);
    memset(pcm + n, 0, (VA_FRAME - n) * sizeof(pcm[0]));
    for (int i = 0; i < VA_FRAME / 2; i++) {
        half[0][i] = pcm[2 * i] + pcm[2 * i + 1];
        half[1][i] = pcm[2 * i] - pcm[2 * i + 1];
    }
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < VA_FRAME / 2; i += 2) {
            float sum = (float)(half[h][i] + half[h][i + 1]);
            float difference = (float)(half[h][i] - half[h][i + 1]);

            power[2 * h] += sum * sum;
            power[2 * h + 1] += difference * difference;
        }
    }
    for (int b = 0; b < BANDS; b++) {
        /* 40 values of 4 samples each. */
        band[b] = 3.0103f * va_vad_log2(power[b] * (1.0f / 640.0f) + 1.0f);
    }
}

va_echo_t *va_echo_new(void)
{
    va_echo_t *e = calloc(1, sizeof(*e));

    if (e) {
        e->lag = -1;
        for (int b = 0; b < BANDS; b++) {
            e->floor[b] = HEARD;
            e->loss[b] = VA_ECHO_LOSS;
        }
    }
    return e;
}

void va_echo_free(va_echo_t *e)
{
    free(e);
}

/* Makes room up to a slot: what was not written is silence. */
static void reach(va_echo_t *e, uint64_t slot)
{
    if (!e->begun || slot >= e->newest + SLOTS) {
        memset(e->sent, 0, sizeof(e->sent));
        e->begun = true;
        e->newest = slot;
    }
    while (e->newest < slot) {
        e->newest++;
        memset(e->sent[e->newest % SLOTS], 0, BANDS);
    }
}

void va_echo_sent(va_echo_t *e, const uint8_t *ulaw, size_t n, uint64_t play_ms)
{
    uint64_t slot = (play_ms + VA_FRAME_MS / 2) / VA_FRAME_MS;

    e->now = e->begun ? e->now : slot;
    for (size_t at = 0; at < n; at += VA_FRAME, slot++) {
        size_t part = n - at < VA_FRAME ? n - at : VA_FRAME;
        float band[BANDS];
        uint8_t *kept;

        if (slot > e->now + VA_ECHO_AHEAD_MS / VA_FRAME_MS ||
            slot + LAGS < e->now) {
            continue;
        }
        measure(ulaw + at, part, band);
        reach(e, slot);
        kept = e->sent[slot % SLOTS];
        for (int b = 0; b < BANDS; b++) {
            uint8_t level = (uint8_t)(band[b] + 0.5f);

            kept[b] = level > kept[b] ? level : kept[b];
        }
    }
}

void va_echo_cleared(va_echo_t *e, uint64_t now_ms)
{
    uint64_t slot = now_ms / VA_FRAME_MS;

    if (e->begun && e->newest > slot + SLOTS) {
        memset(e->sent, 0, sizeof(e->sent));
        e->newest = slot;
    }
    while (e->begun && e->newest > slot) {
        memset(e->sent[e->newest % SLOTS], 0, BANDS);
        e->newest--;
    }
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

static void look(va_echo_t *e, moment_t *m)
{
    memset(m->sent, 0, sizeof(m->sent));
    memset(m->most, 0, sizeof(m->most));
    m->played = false;
    for (uint64_t d = 0; d < LAGS && d <= e->now && e->begun; d++) {
        uint64_t slot = e->now - d;

        for (int b = 0; b < BANDS && slot <= e->newest; b++) {
            float level = e->sent[slot % SLOTS][b];

            m->sent[d][b] = level;
            m->most[b] = larger(m->most[b], level);
            m->played = m->played || level > HEARD;
        }
    }
    for (int b = 0; b < BANDS; b++) {
        float over = m->heard[b] - e->floor[b];

        e->floor[b] += over < 0.0f ? 0.3f * over : over < 0.02f ? over : 0.02f;
        e->top[b] = larger(e->top[b] - 0.01f, m->sent[0][b]);
    }
}

/* Moves the correlations of the envelopes, one for every delay. */
static void correlate(va_echo_t *e, const moment_t *m)
{
    float heard[BANDS];

    e->sound = e->sound * FORGET + 1.0f;
    e->heard_square *= FORGET;
    for (int b = 0; b < BANDS; b++) {
        float h = clamp(m->heard[b] - e->floor[b] - 3.0f, 0.0f, DEPTH);
        float s = clamp(m->sent[0][b] - e->top[b] + DEPTH, 0.0f, DEPTH);

        e->mean_heard[b] += 0.02f * (h - e->mean_heard[b]);
        e->mean_sent[b] += 0.02f * (s - e->mean_sent[b]);
        heard[b] = h - e->mean_heard[b];
        e->heard_square += heard[b] * heard[b];
    }
    for (int d = 0; d < LAGS; d++) {
        float cross = 0.0f, square = 0.0f;

        for (int b = 0; b < BANDS; b++) {
            float s = clamp(m->sent[d][b] - e->top[b] + DEPTH, 0.0f, DEPTH) -
                      e->mean_sent[b];

            cross += heard[b] * s;
            square += s * s;
        }
        e->cross[d] = e->cross[d] * FORGET + cross;
        e->square[d] = e->square[d] * FORGET + square;
    }
}

/* The square of the correlation at delay d, 0 when it is negative. */
static float likeness(const va_echo_t *e, int d)
{
    float squares = e->square[d] * e->heard_square;

    return e->cross[d] > 0.0f ? e->cross[d] * e->cross[d] / (squares + 1.0f)
                              : 0.0f;
}

static void find_lag(va_echo_t *e)
{
    int best = 0;

    for (int d = 1; d < LAGS; d++) {
        best = likeness(e, d) > likeness(e, best) ? d : best;
    }
    if (e->sound >= ENOUGH && likeness(e, best) > LOCK * LOCK) {
        e->lag = best;
    } else if (e->lag >= 0 && likeness(e, e->lag) < UNLOCK * UNLOCK) {
        e->lag = -1;
    }
}

/* What was played that this frame would be the echo of. */
static void find_source(const va_echo_t *e, const moment_t *m,
                        float source[BANDS])
{
    memcpy(source, m->most, sizeof(m->most));
    if (e->lag >= 0) {
        int from = e->lag > 0 ? e->lag - 1 : 0;
        int to = e->lag < LAGS - 1 ? e->lag + 1 : LAGS - 1;

        memset(source, 0, sizeof(m->most));
        for (int d = from; d <= to; d++) {
            for (int b = 0; b < BANDS; b++) {
                source[b] = larger(source[b], m->sent[d][b]);
            }
        }
    }
}

/* Returns whether a band is louder than the echo that is expected in it. */
static bool exceeds(va_echo_t *e, const moment_t *m, const float *source)
{
    float loudest = 0.0f;
    bool more = false;

    for (int b = 0; b < BANDS; b++) {
        loudest = larger(loudest, m->heard[b]);
    }
    for (int b = 0; b < BANDS; b++) {
        float echo = larger(source[b] - e->loss[b], e->tail[b] - TAIL);

        e->tail[b] = echo;
        more = more || (m->heard[b] > echo + MARGIN &&
                        m->heard[b] > e->floor[b] + OVER_FLOOR &&
                        m->heard[b] > loudest - 12.0f);
    }
    return more;
}

/*
 * Learns the loss of the way back.  With a known delay it is about the median
 * of what is seen; without one, that of the loudest tenth.  While the caller
 * talks it hardly moves.
 */
static void learn(va_echo_t *e, const moment_t *m, const float *source,
                  bool caller)
{
    bool locked = e->lag >= 0;
    float less = caller ? (locked ? 0.1f : 0.03f) : (locked ? 0.4f : 0.9f);

    for (int b = 0; b < BANDS; b++) {
        float seen = source[b] - m->heard[b];

        if (source[b] < e->top[b] - 20.0f || source[b] < HEARD + 10.0f) {
            continue;
        }
        if (seen > e->loss[b]) {
            e->loss[b] += caller ? 0.03f : locked ? 0.25f : 0.1f;
        } else if (m->heard[b] > e->floor[b] + 3.0f) {
            e->loss[b] -= less;
        }
        e->loss[b] = clamp(e->loss[b], VA_ECHO_LOSS, LOSS_MOST);
    }
}

bool va_echo_frame(va_echo_t *e, const uint8_t ulaw[VA_FRAME], uint64_t now_ms)
{
    float source[BANDS];
    moment_t m;
    bool caller;

    e->now = (now_ms + VA_FRAME_MS / 2) / VA_FRAME_MS;
    measure(ulaw, VA_FRAME, m.heard);
    look(e, &m);
    if (!m.played) {
        memset(e->tail, 0, sizeof(e->tail));
        return false;
    }
    correlate(e, &m);
    find_lag(e);
    find_source(e, &m, source);
    caller = exceeds(e, &m, source);
    learn(e, &m, source, caller);
    return !caller;
}

int va_echo_delay(const va_echo_t *e)
{
    return e->lag < 0 ? -1 : e->lag * VA_FRAME_MS;
}

size_t va_echo_size(void)
{
    return sizeof(va_echo_t);
}

#define SOFTER 12.0f /* dB below the caller's level: somebody behind */
#define KNOWN 15     /* frames of speech after which a level is believed */
#define PATIENCE 150 /* frames in a row after which the caller is softer */
#define QUIETEST -60.0f

void va_level_init(va_level_t *l)
{
    *l = (va_level_t){QUIETEST, QUIETEST, 0, 0};
}

bool va_level_frame(va_level_t *l, float dbfs, bool speech)
{
    bool behind;

    if (!speech) {
        return false;
    }
    dbfs = clamp(dbfs, QUIETEST, 0.0f);
    l->recent = l->speech ? larger(dbfs, l->recent - 2.0f) : dbfs;
    behind = l->speech >= KNOWN && l->recent < l->caller - SOFTER;
    if (behind && l->behind < PATIENCE) {
        l->behind++;
        return true;
    }
    if (behind) {
        /* Nobody else has been heard for long: this is the caller. */
        l->caller = l->recent;
    }
    l->behind = 0;
    l->caller +=
        (l->recent > l->caller ? 0.25f : 0.01f) * (l->recent - l->caller);
    l->speech += l->speech < KNOWN;
    return false;
}
