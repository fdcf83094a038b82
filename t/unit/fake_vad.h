/*
 * A detector that stands in for the real one: a frame is speech when it is
 * loud.  Tests of the conversation's timing need to say exactly which frames
 * are speech.  Defined here, the library's own is not linked.
 */
#ifndef FAKE_VAD_H
#define FAKE_VAD_H

#include <stdlib.h>

#include "audio/va_vad.h"

#define FAKE_VOICE 0x10 /* the mu-law byte of a frame of speech */

struct va_vad {
    bool voiced;
};

va_vad_t *va_vad_new(void)
{
    return calloc(1, sizeof(va_vad_t));
}

void va_vad_free(va_vad_t *v)
{
    free(v);
}

void va_vad_reset(va_vad_t *v)
{
    v->voiced = false;
}

bool va_vad_frame(va_vad_t *v, const int16_t pcm[VA_FRAME])
{
    v->voiced = abs(pcm[VA_FRAME / 2]) > 2000;
    return v->voiced;
}

float va_vad_score(const va_vad_t *v)
{
    return v->voiced ? 1 : 0;
}

float va_vad_level(const va_vad_t *v)
{
    return v->voiced ? -10 : -60;
}

size_t va_vad_size(void)
{
    return sizeof(va_vad_t);
}

#endif
