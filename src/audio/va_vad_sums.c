#include "va_vad_sums.h"

#include <string.h>

void va_vad_sums_plain(int32_t *out, int rows, const int16_t *weights,
                       const int16_t *in, int inputs)
{
    memset(out, 0, (size_t)rows * sizeof(*out));
    for (int i = 0; i < inputs; i += 2) {
        for (int j = 0; j < rows; j++, weights += 2) {
            out[j] += weights[0] * in[i] + weights[1] * in[i + 1];
        }
    }
}

#if defined(__x86_64__) || defined(__i386__)

#include <immintrin.h>

static int32_t pair_of(const int16_t *in)
{
    int32_t pair;

    memcpy(&pair, in, sizeof(pair));
    return pair;
}

__attribute__((target("sse2"))) static void sums_sse2(int32_t *out, int rows,
                                                      const int16_t *weights,
                                                      const int16_t *in,
                                                      int inputs)
{
    for (int j = 0; j < rows; j += 16) {
        const __m128i *w = (const __m128i *)(const void *)(weights + 2 * j);
        __m128i a = _mm_setzero_si128(), b = a, c = a, d = a;

        for (int i = 0; i < inputs; i += 2, w += rows / 4) {
            __m128i x = _mm_set1_epi32(pair_of(in + i));

            a = _mm_add_epi32(a, _mm_madd_epi16(x, _mm_loadu_si128(w)));
            b = _mm_add_epi32(b, _mm_madd_epi16(x, _mm_loadu_si128(w + 1)));
            c = _mm_add_epi32(c, _mm_madd_epi16(x, _mm_loadu_si128(w + 2)));
            d = _mm_add_epi32(d, _mm_madd_epi16(x, _mm_loadu_si128(w + 3)));
        }
        _mm_storeu_si128((__m128i *)(void *)(out + j), a);
        _mm_storeu_si128((__m128i *)(void *)(out + j + 4), b);
        _mm_storeu_si128((__m128i *)(void *)(out + j + 8), c);
        _mm_storeu_si128((__m128i *)(void *)(out + j + 12), d);
    }
}

/* Eight rows with the weights of one pair of inputs. */
#define ADD(sum, k)                                                            \
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_loadu_si256(w + k)))

__attribute__((target("avx2"))) static void sums_avx2(int32_t *out, int rows,
                                                      const int16_t *weights,
                                                      const int16_t *in,
                                                      int inputs)
{
    int j = 0;

    for (; j + 48 <= rows; j += 48) {
        const __m256i *w = (const __m256i *)(const void *)(weights + 2 * j);
        __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a, e = a, f = a;

        for (int i = 0; i < inputs; i += 2, w += rows / 8) {
            __m256i x = _mm256_set1_epi32(pair_of(in + i));

            ADD(a, 0);
            ADD(b, 1);
            ADD(c, 2);
            ADD(d, 3);
            ADD(e, 4);
            ADD(f, 5);
        }
        _mm256_storeu_si256((__m256i *)(void *)(out + j), a);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 8), b);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 16), c);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 24), d);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 32), e);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 40), f);
    }
    for (; j < rows; j += 16) {
        const __m256i *w = (const __m256i *)(const void *)(weights + 2 * j);
        __m256i a = _mm256_setzero_si256(), b = a;

        for (int i = 0; i < inputs; i += 2, w += rows / 8) {
            __m256i x = _mm256_set1_epi32(pair_of(in + i));

            ADD(a, 0);
            ADD(b, 1);
        }
        _mm256_storeu_si256((__m256i *)(void *)(out + j), a);
        _mm256_storeu_si256((__m256i *)(void *)(out + j + 8), b);
    }
}

va_vad_sums_t *va_vad_sums_best(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        return sums_avx2;
    }
    return __builtin_cpu_supports("sse2") ? sums_sse2 : va_vad_sums_plain;
}

#elif defined(__ARM_NEON)

#include <arm_neon.h>

static void sums_neon(int32_t *out, int rows, const int16_t *weights,
                      const int16_t *in, int inputs)
{
    for (int j = 0; j < rows; j += 8) {
        const int16_t *w = weights + 2 * j;
        int32x4_t a = vdupq_n_s32(0), b = a;

        for (int i = 0; i < inputs; i += 2, w += 2 * rows) {
            int16x8x2_t pairs = vld2q_s16(w);

            a = vmlal_n_s16(a, vget_low_s16(pairs.val[0]), in[i]);
            b = vmlal_n_s16(b, vget_high_s16(pairs.val[0]), in[i]);
            a = vmlal_n_s16(a, vget_low_s16(pairs.val[1]), in[i + 1]);
            b = vmlal_n_s16(b, vget_high_s16(pairs.val[1]), in[i + 1]);
        }
        vst1q_s32(out + j, a);
        vst1q_s32(out + j + 4, b);
    }
}

va_vad_sums_t *va_vad_sums_best(void)
{
    return sums_neon;
}

#else

va_vad_sums_t *va_vad_sums_best(void)
{
    return va_vad_sums_plain;
}

#endif
