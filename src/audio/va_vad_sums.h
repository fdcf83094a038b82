/*
 * Sums of products of 16-bit numbers, which are most of the detector's work.
 * Integers, so every way to compute them gives the same sums: with the vector
 * instructions that this machine has, or without any.
 *
 * Weights are in pairs of columns: those of row 0 for inputs 0 and 1, of row 1
 * for inputs 0 and 1, ...; then the same for inputs 2 and 3, and so on.
 */
#ifndef VA_VAD_SUMS_H
#define VA_VAD_SUMS_H

#include "../base/va_base.h"

#define VA_VAD_SUMS_ROWS 16 /* rows come in multiples of this */

/*
 * out[j] = sum over i of the weight of row j and input i, times in[i].  inputs
 * is even; no two products of a pair may exceed 31 bits together.
 */
typedef void va_vad_sums_t(int32_t *out, int rows, const int16_t *weights,
                           const int16_t *in, int inputs);

VA_BEGIN_DECLS

/* Plain C. */
va_vad_sums_t va_vad_sums_plain;

/* Returns the fastest one that this processor can run. */
va_vad_sums_t *va_vad_sums_best(void);

VA_END_DECLS

#endif
