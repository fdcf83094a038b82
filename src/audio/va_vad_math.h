/*
 * Arithmetic that the detector, its features and its training share.  Vectors
 * of four floats are the compiler's own extension: SSE or NEON where there is
 * one, plain code elsewhere, the same result everywhere.
 */
#ifndef VA_VAD_MATH_H
#define VA_VAD_MATH_H

#include <stdint.h>
#include <string.h>

/* A fused multiply-add rounds once instead of twice: other bits. */
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

typedef float va_v4_t __attribute__((vector_size(16)));
typedef int32_t va_v4i_t __attribute__((vector_size(16)));
typedef int16_t va_v4s_t __attribute__((vector_size(8)));

/* Picks four of the lanes of a (0..3) and b (4..7). */
#if defined(__clang__) || __GNUC__ >= 12
#define VA_V4_PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define VA_V4_PICK(a, b, i, j, k, l)                                           \
    __builtin_shuffle(a, b, (va_v4i_t){i, j, k, l})
#endif

static inline va_v4_t va_v4_load(const float *p)
{
    va_v4_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void va_v4_store(float *p, va_v4_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline va_v4_t va_v4_splat(float x)
{
    return (va_v4_t){x, x, x, x};
}

/* Lanes of a where which is all ones, of b where it is 0. */
static inline va_v4_t va_v4_choose(va_v4i_t which, va_v4_t a, va_v4_t b)
{
    va_v4i_t x, y;

    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    x = (x & which) | (y & ~which);
    memcpy(&a, &x, sizeof(a));
    return a;
}

/* Adds the four lanes. */
static inline float va_v4_sum(va_v4_t v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

/* Base-2 logarithm of positive normal numbers, error below 0.00002. */
static inline va_v4_t va_v4_log2(va_v4_t x)
{
    va_v4i_t bits, exponent;
    va_v4_t m;

    memcpy(&bits, &x, sizeof(bits));
    exponent = (bits >> 23) - 127;
    bits = (bits & 0x7fffff) | 0x3f800000;
    memcpy(&m, &bits, sizeof(m));
    return __builtin_convertvector(exponent, va_v4_t) - 2.79926933f +
           m * (5.08551408f +
                m * (-3.53904979f +
                     m * (1.62104251f + m * (-0.41248122f + m * 0.04424374f))));
}

static inline float va_vad_log2(float x)
{
    return va_v4_log2(va_v4_splat(x))[0];
}

/*
 * A rational hyperbolic tangent, flat from -3 and 3 on; its size exceeds 1 by
 * a rounding error at the most.
 */
static inline va_v4_t va_v4_tanh(va_v4_t x)
{
    va_v4_t x2, low = va_v4_splat(-3.0f), high = va_v4_splat(3.0f);

    x = va_v4_choose(x < low, low, x);
    x = va_v4_choose(x > high, high, x);
    x2 = x * x;
    return x * (27.0f + x2) / (27.0f + 9.0f * x2);
}

static inline va_v4_t va_v4_sigmoid(va_v4_t x)
{
    return 0.5f + 0.5f * va_v4_tanh(0.5f * x);
}

static inline float va_vad_tanh(float x)
{
    float x2;

    x = x < -3.0f ? -3.0f : x > 3.0f ? 3.0f : x;
    x2 = x * x;
    return x * (27.0f + x2) / (27.0f + 9.0f * x2);
}

static inline float va_vad_sigmoid(float x)
{
    return 0.5f + 0.5f * va_vad_tanh(0.5f * x);
}

#endif
