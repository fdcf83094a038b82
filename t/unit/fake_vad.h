/*
 * A detector that stands in for the real one: a frame is speech when it is
 * loud.  Tests of the conversation's timing need to say exactly which frames
 * are speech.  Defined here, the library's own is not linked.
 */
#ifndef FAKE_VAD_H
#define FAKE_VAD_H

#include <stdlib.h>

#include "audio/va_echo.h"
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

/* Nor do frames that are said to be speech turn out to be an echo, unless the
   test says so. */
struct va_echo {
    int unused;
};

static bool fake_echo;

va_echo_t *va_echo_new(void)
{
    return calloc(1, sizeof(va_echo_t));
}

void va_echo_free(va_echo_t *e)
{
    free(e);
}

void va_echo_sent(va_echo_t *e, const uint8_t *ulaw, size_t n, uint64_t play_ms)
{
    (void)e, (void)ulaw, (void)n, (void)play_ms;
}

void va_echo_cleared(va_echo_t *e, uint64_t now_ms)
{
    (void)e, (void)now_ms;
}

bool va_echo_frame(va_echo_t *e, const uint8_t ulaw[VA_FRAME], uint64_t now_ms)
{
    (void)e, (void)ulaw, (void)now_ms;
    return fake_echo;
}

int va_echo_delay(const va_echo_t *e)
{
    (void)e;
    return -1;
}

size_t va_echo_size(void)
{
    return sizeof(va_echo_t);
}

void va_level_init(va_level_t *l)
{
    l->speech = 0;
}

bool va_level_frame(va_level_t *l, float dbfs, bool speech)
{
    (void)l, (void)dbfs, (void)speech;
    return false;
}

#endif
