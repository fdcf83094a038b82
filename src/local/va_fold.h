/*
 * Telephone audio for a recogniser that was trained at 16 kHz.
 *
 * Such a model expects energy above 4 kHz, where the telephone has none.  A
 * clean interpolation leaves that half of the spectrum empty, which no speech
 * of the training ever was.  So a part of the mirror image that zero stuffing
 * makes is left in: fricatives, whose energy sits at the upper edge, then
 * reach over it as they do in nature.
 */
#ifndef VA_FOLD_H
#define VA_FOLD_H

#include "../base/va_base.h"

VA_BEGIN_DECLS

/* Writes 2 * n samples of 16 kHz made of n samples of 8 kHz. */
void va_fold_up(int16_t *out, const int16_t *in, size_t n);

VA_END_DECLS

#endif
