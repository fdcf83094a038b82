#include "va_vad.h"

#include <stdlib.h>

#include "va_vad_features.h"
#include "va_vad_math.h"
#include "va_vad_weights.h"

_Static_assert(VAD_INPUTS == VA_VAD_FEATURES, "weights are of other features");

#define GATES (3 * VAD_UNITS)

/* Logarithms of the odds at which talk begins, and below which it ends. */
#define VAD_START 0.0f
#define VAD_STAY -0.4f

struct va_vad {
    va_vad_features_t features;
    float memory[VAD_UNITS]; /* of the gated recurrent unit */
    float score;
    bool talking;
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

/* One step of the network.  Returns the logarithm of the odds of speech. */
static float think(va_vad_t *v, const float features[VA_VAD_FEATURES])
{
    float hidden[VAD_HIDDEN], gate[GATES], recall[GATES] = {0};
    float logit = vad_out_bias;

    memcpy(hidden, vad_in_bias, sizeof(hidden));
    accumulate(hidden, VAD_HIDDEN, vad_in_weights, features, VAD_INPUTS);
    for (int j = 0; j < VAD_HIDDEN; j++) {
        hidden[j] = va_vad_tanh(hidden[j]);
    }
    memcpy(gate, vad_gate_bias, sizeof(gate));
    memcpy(recall + 2 * VAD_UNITS, vad_recall_bias, sizeof(vad_recall_bias));
    accumulate(gate, GATES, vad_gate_weights, hidden, VAD_HIDDEN);
    accumulate(recall, GATES, vad_recall_weights, v->memory, VAD_UNITS);
    for (int j = 0; j < VAD_UNITS; j++) {
        float keep = va_vad_sigmoid(gate[j] + recall[j]);
        float use = va_vad_sigmoid(gate[VAD_UNITS + j] + recall[VAD_UNITS + j]);
        float fresh = va_vad_tanh(gate[2 * VAD_UNITS + j] +
                                  use * recall[2 * VAD_UNITS + j]);

        v->memory[j] = fresh + keep * (v->memory[j] - fresh);
        logit += vad_out_weights[j] * v->memory[j];
    }
    return logit;
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
}

bool va_vad_frame(va_vad_t *v, const int16_t pcm[VA_FRAME])
{
    float features[VA_VAD_FEATURES], logit;

    va_vad_features_frame(&v->features, pcm, features);
    logit = think(v, features);
    v->score = va_vad_sigmoid(logit);
    v->score = v->score > 1.0f ? 1.0f : v->score < 0.0f ? 0.0f : v->score;
    v->talking = logit > (v->talking ? VAD_STAY : VAD_START);
    return v->talking;
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
