/*
 * Voice activity detection: is a person talking in this 20 ms frame?
 *
 * A small neural rule over band energies, their noise floors and the shape of
 * the spectrum.  It is causal, allocates nothing after va_vad_new and keeps no
 * state but its own.
 */
#ifndef VA_VAD_H
#define VA_VAD_H

#include "../base/va_base.h"
#include "va_g711.h"

typedef struct va_vad va_vad_t;

VA_BEGIN_DECLS

/* Returns a detector for one stream, or NULL without memory. */
va_vad_t *va_vad_new(void);

void va_vad_free(va_vad_t *v);

/* Forgets everything heard: the next frame is the first of a stream. */
void va_vad_reset(va_vad_t *v);

/*
 * Judges the next frame of VA_FRAME samples.  Returns whether it holds speech;
 * va_vad_score tells how sure that is.
 */
bool va_vad_frame(va_vad_t *v, const int16_t pcm[VA_FRAME]);

/* Returns the score of the last frame as a probability, 0..1. */
float va_vad_score(const va_vad_t *v);

/* Returns the energy of the last frame in dBFS, -100..0. */
float va_vad_level(const va_vad_t *v);

/* Returns the bytes that one detector occupies. */
size_t va_vad_size(void);

VA_END_DECLS

#endif
