#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "audio/va_g711.h"

/*
 * G.711 table 2 in 16 bit units: segment s has 16 steps of 8 << s, and the
 * value of a code is the middle of its interval.  The sums are kept apart from
 * the closed formula on purpose.
 */
static int segment_start(int segment)
{
    int start = -4; /* the first interval is centred on zero */
    int s;

    for (s = 0; s < segment; s++) {
        start += 16 * (8 << s);
    }
    return start;
}

static int expected_decode(int code)
{
    int bits = 255 - code;
    int segment = (bits / 16) % 8;
    int step = 8 << segment;
    int value = segment_start(segment) + (bits % 16) * step + step / 2;

    return bits >= 128 ? -value : value;
}

/* The number of decision values of G.711 at or below the magnitude. */
static int expected_encode(int sample)
{
    int magnitude = abs(sample);
    int index = 0;
    int i;

    for (i = 1; i < 128; i++) {
        int decision = segment_start(i / 16) + (i % 16) * (8 << (i / 16));

        if (magnitude >= decision) {
            index = i;
        }
    }
    return 255 - index - (sample < 0 ? 128 : 0);
}

static int16_t decode1(uint8_t code)
{
    int16_t pcm;

    va_ulaw_decode(&pcm, &code, 1);
    return pcm;
}

static uint8_t encode1(int16_t pcm)
{
    uint8_t code;

    va_ulaw_encode(&code, &pcm, 1);
    return code;
}

static void decodes_every_code(void **state)
{
    int code;

    (void)state;
    for (code = 0; code < 256; code++) {
        assert_int_equal(decode1((uint8_t)code), expected_decode(code));
    }
}

static void knows_published_values(void **state)
{
    (void)state;
    assert_int_equal(decode1(0x00), -32124);
    assert_int_equal(decode1(0x80), 32124);
    assert_int_equal(decode1(0xff), 0);
    assert_int_equal(decode1(0x7f), 0);
    assert_int_equal(decode1(0xfe), 8);
    assert_int_equal(decode1(0x8f), 16764);
    assert_int_equal(encode1(0), VA_ULAW_SILENCE);
    assert_int_equal(encode1(INT16_MAX), 0x80);
    assert_int_equal(encode1(INT16_MIN), 0x00);
    assert_int_equal(encode1(-1), 0x7f);
}

static void encodes_every_sample(void **state)
{
    int sample;

    (void)state;
    for (sample = INT16_MIN; sample <= INT16_MAX; sample++) {
        assert_int_equal(encode1((int16_t)sample), expected_encode(sample));
    }
}

static void every_code_survives_a_round_trip(void **state)
{
    int code;

    (void)state;
    for (code = 0; code < 256; code++) {
        uint8_t back = encode1(decode1((uint8_t)code));

        /* Negative zero has no sample of its own. */
        assert_int_equal(back, code == 0x7f ? 0xff : code);
    }
}

static void runs_over_exact_buffers(void **state)
{
    size_t n = 1000;
    uint8_t *ulaw = malloc(n);
    int16_t *pcm = malloc(n * sizeof(*pcm));
    size_t i;

    (void)state;
    assert_non_null(ulaw);
    assert_non_null(pcm);
    for (i = 0; i < n; i++) {
        pcm[i] = (int16_t)(i * 61 - 30000);
    }
    va_ulaw_encode(ulaw, pcm, n);
    va_ulaw_decode(pcm, ulaw, n);
    for (i = 0; i < n; i++) {
        assert_int_equal(ulaw[i], expected_encode((int)(i * 61) - 30000));
        assert_int_equal(pcm[i], expected_decode(ulaw[i]));
    }
    va_ulaw_encode(ulaw, pcm, 0);
    va_ulaw_decode(pcm, ulaw, 0);
    free(ulaw);
    free(pcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_code),
        cmocka_unit_test(knows_published_values),
        cmocka_unit_test(encodes_every_sample),
        cmocka_unit_test(every_code_survives_a_round_trip),
        cmocka_unit_test(runs_over_exact_buffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
