#include "va_vad.h"

#include <stdlib.h>

#include "va_vad_features.h"
#include "va_vad_math.h"
#include "va_vad_sums.h"
#include "va_vad_weights.h"

_Static_assert(VAD_INPUTS == VA_VAD_FEATURES, "weights are of other features");

#define GATES (3 * VAD_UNITS)
#define UNIT (1.0f / (VAD_WEIGHT_ONE * VAD_INPUT_ONE)) /* of a sum */

_Static_assert(VAD_HIDDEN % 16 == 0 && VAD_UNITS % 16 == 0, "whole vectors");

/*
 * Logarithms of the odds above which talk begins, goes on, and begins again
 * soon after it was heard: whoever has just talked is likely to go on.
 */
#define VAD_START 0.0f
#define VAD_STAY 0.1f
#define VAD_AGAIN -0.4f
#define VAD_SOON 25 /* frames */

struct va_vad {
    va_vad_features_t features;
    float memory[VAD_NETS][VAD_UNITS]; /* of the gated recurrent units */
    va_vad_sums_t *sums;
    float score;
    uint32_t silent; /* frames since talk was heard, counted up to VAD_SOON */
};

/* out += column-major weights times in; n is a multiple of 16. */
static inline void accumulate(float *out, int n, const float *weights,
                              const float *in, int inputs)
{
    for (int j = 0; j < n; j += 16) {
        va_v4_t a = va_v4_load(out + j), b = va_v4_load(out + j + 4);
        va_v4_t c = va_v4_load(out + j + 8), d = va_v4_load(out + j + 12);
        const float *w = weights + j;

        for (int i = 0; i < inputs; i++, w += n) {
            va_v4_t x = va_v4_splat(in[i]);

            a += x * va_v4_load(w);
            b += x * va_v4_load(w + 4);
            c += x * va_v4_load(w + 8);
            d += x * va_v4_load(w + 12);
        }
        va_v4_store(out + j, a);
        va_v4_store(out + j + 4, b);
        va_v4_store(out + j + 8, c);
        va_v4_store(out + j + 12, d);
    }
}

/* To the 16 bits that the sums work with; |x| is not above 1 by much. */
static inline void narrow(int16_t *out, const float *x, int n)
{
    for (int j = 0; j < n; j++) {
        out[j] = (int16_t)(x[j] * VAD_INPUT_ONE);
    }
}

/* And back from the sums. */
static inline va_v4_t widen(const int32_t *sum)
{
    va_v4i_t s;

    memcpy(&s, sum, sizeof(s));
    return __builtin_convertvector(s, va_v4_t) * UNIT;
}

/*
 * One step of a network, with what it remembers.  Returns the logarithm of the
 * odds of speech.
 */
static float think(const vad_net_t *net, va_vad_sums_t *sums,
                   float remembered[VAD_UNITS],
                   const float features[VA_VAD_FEATURES])
{
    const int use_at = VAD_UNITS, fresh_at = 2 * VAD_UNITS;
    float hidden[VAD_HIDDEN];
    int32_t gate[GATES], recall[GATES];
    int16_t in[VAD_HIDDEN], memory[VAD_UNITS];
    va_v4_t logit = {0};

    memcpy(hidden, net->in_bias, sizeof(hidden));
    accumulate(hidden, VAD_HIDDEN, net->in, features, VAD_INPUTS);
    for (int j = 0; j < VAD_HIDDEN; j += 4) {
        va_v4_store(hidden + j, va_v4_tanh(va_v4_load(hidden + j)));
    }
    narrow(in, hidden, VAD_HIDDEN);
    narrow(memory, remembered, VAD_UNITS);
    sums(gate, GATES, net->gate, in, VAD_HIDDEN);
    sums(recall, GATES, net->recall, memory, VAD_UNITS);
    for (int j = 0; j < VAD_UNITS; j += 4) {
        va_v4_t keep = va_v4_sigmoid(va_v4_load(net->gate_bias + j) +
                                     widen(gate + j) + widen(recall + j));
        va_v4_t use = va_v4_sigmoid(va_v4_load(net->gate_bias + use_at + j) +
                                    widen(gate + use_at + j) +
                                    widen(recall + use_at + j));
        va_v4_t back =
            va_v4_load(net->recall_bias + j) + widen(recall + fresh_at + j);
        va_v4_t fresh = va_v4_tanh(va_v4_load(net->gate_bias + fresh_at + j) +
                                   widen(gate + fresh_at + j) + use * back);
        va_v4_t now = fresh + keep * (va_v4_load(remembered + j) - fresh);

        va_v4_store(remembered + j, now);
        logit += va_v4_load(net->out + j) * now;
    }
    return net->out_bias + va_v4_sum(logit);
}

va_vad_t *va_vad_new(void)
{
    va_vad_t *v = malloc(sizeof(*v));

    if (v) {
        va_vad_reset(v);
    }
    return v;
}

void va_vad_free(va_vad_t *v)
{
    free(v);
}

void va_vad_reset(va_vad_t *v)
{
    memset(v, 0, sizeof(*v));
    va_vad_features_init(&v->features);
    v->silent = VAD_SOON;
    v->sums = va_vad_sums_best();
}

static float threshold(const va_vad_t *v)
{
    if (v->silent == 0) {
        return VAD_STAY;
    }
    return v->silent > 1 && v->silent < VAD_SOON ? VAD_AGAIN : VAD_START;
}

bool va_vad_frame(va_vad_t *v, const int16_t pcm[VA_FRAME])
{
    float features[VA_VAD_FEATURES], logit = 0.0f;
    bool talking;

    va_vad_features_frame(&v->features, pcm, features);
    for (int i = 0; i < VAD_NETS; i++) {
        logit += think(&vad_nets[i], v->sums, v->memory[i], features);
    }
    logit *= 1.0f / VAD_NETS;
    v->score = va_vad_sigmoid(logit);
    v->score = v->score > 1.0f ? 1.0f : v->score < 0.0f ? 0.0f : v->score;
    talking = logit > threshold(v);
    v->silent = talking ? 0 : v->silent < VAD_SOON ? v->silent + 1 : VAD_SOON;
    return talking;
}

float va_vad_score(const va_vad_t *v)
{
    return v->score;
}

float va_vad_level(const va_vad_t *v)
{
    return v->features.level;
}

size_t va_vad_size(void)
{
    return sizeof(va_vad_t);
}
