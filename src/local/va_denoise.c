#include "va_denoise.h"

#include <math.h>
#include <speex/speex_preprocess.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_g711.h"

#define STEP 80        /* samples the suppressor takes at a time */
#define SUPPRESS_DB 12 /* more hurts consonants more than it helps */
#define CLEAN_DB 32.0F /* audio with this distance is left as it is */
#define LEARN 1600     /* samples at the beginning, before speech */
#define QUIET_PERCENT 10
#define LOUD_PERCENT 90

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

static float frame_db(const int16_t *pcm)
{
    double sum = 1.0; /* the floor is one unit, not minus infinity */
    unsigned i;

    for (i = 0; i < VA_FRAME; i++) {
        sum += (double)pcm[i] * pcm[i] / VA_FRAME;
    }
    return (float)(10.0 * log10(sum));
}

float va_denoise_snr(const int16_t *pcm, size_t n)
{
    size_t frames = n / VA_FRAME, i;
    float *db = calloc(frames + 1, sizeof(*db)), snr = 100.0F;

    if (db != NULL && frames > 0) {
        for (i = 0; i < frames; i++) {
            db[i] = frame_db(pcm + i * VA_FRAME);
        }
        qsort(db, frames, sizeof(*db), by_value);
        snr =
            db[frames * LOUD_PERCENT / 100] - db[frames * QUIET_PERCENT / 100];
    }
    free(db);
    return snr;
}

va_rc_t va_denoise(int16_t *pcm, size_t n)
{
    SpeexPreprocessState *state;
    int16_t learn[STEP];
    int on = 1, db = -SUPPRESS_DB;
    size_t i, round;

    if (n < LEARN || va_denoise_snr(pcm, n) >= CLEAN_DB) {
        return VA_OK;
    }
    state = speex_preprocess_state_init(STEP, VA_RATE);
    if (state == NULL) {
        return VA_NOMEM;
    }
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(state, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &db);
    /* An utterance begins with a pause: there the noise shows itself. */
    for (round = 0; round < 2; round++) {
        for (i = 0; i + STEP <= LEARN; i += STEP) {
            memcpy(learn, pcm + i, sizeof(learn));
            speex_preprocess_run(state, learn);
        }
    }
    for (i = 0; i + STEP <= n; i += STEP) {
        speex_preprocess_run(state, pcm + i);
    }
    speex_preprocess_state_destroy(state);
    return VA_OK;
}
