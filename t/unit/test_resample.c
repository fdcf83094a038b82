#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/va_resample.h"

#define OUT 8000
#define PI 3.14159265358979323846

typedef struct {
    int16_t *data;
    size_t len;
} samples_t;

static samples_t tone(unsigned rate, double hz, size_t n)
{
    samples_t s = {calloc(n, sizeof(int16_t)), n};
    size_t i;

    assert_non_null(s.data);
    for (i = 0; i < n; i++) {
        s.data[i] = (int16_t)lrint(20000 * sin(2 * PI * hz * i / rate));
    }
    return s;
}

/* Runs the whole of in through in pieces of in_piece, out in out_piece. */
static samples_t convert(unsigned in_rate, unsigned out_rate, samples_t in,
                         size_t in_piece, size_t out_piece)
{
    size_t cap = (size_t)((double)in.len * out_rate / in_rate) + 16;
    samples_t out = {calloc(cap, sizeof(int16_t)), 0};
    va_resample_t *r = va_resample_new(in_rate, out_rate);
    size_t pos = 0;
    size_t made;

    assert_non_null(out.data);
    assert_non_null(r);
    while (pos < in.len) {
        size_t used = in.len - pos < in_piece ? in.len - pos : in_piece;

        made = cap - out.len < out_piece ? cap - out.len : out_piece;
        assert_int_equal(
            va_resample_run(r, in.data + pos, &used, out.data + out.len, &made),
            VA_OK);
        assert_true(used != 0 || made != 0);
        pos += used;
        out.len += made;
    }
    do {
        made = cap - out.len < out_piece ? cap - out.len : out_piece;
        assert_int_equal(va_resample_flush(r, out.data + out.len, &made),
                         VA_OK);
        out.len += made;
    } while (made != 0);
    va_resample_free(r);
    return out;
}

/* Power of the whole and of one tone, away from the ends, in dB of 20000. */
static void measure(samples_t s, unsigned rate, double hz, double *whole,
                    double *line)
{
    double re = 0, im = 0, power = 0;
    size_t skip = rate / 10;
    size_t n = s.len - 2 * skip;
    size_t i;

    for (i = skip; i < skip + n; i++) {
        double x = s.data[i] / 20000.0;

        re += x * cos(2 * PI * hz * i / rate);
        im += x * sin(2 * PI * hz * i / rate);
        power += x * x;
    }
    *whole = 10 * log10(power / n * 2 + 1e-12);
    *line = 10 * log10((re * re + im * im) * 4 / n / n + 1e-12);
}

static void keeps_a_tone_pure(void **state)
{
    static const unsigned rates[] = {8000,  11025, 16000, 22050,
                                     24000, 32000, 44100, 48000};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        samples_t in = tone(rates[i], 1000, rates[i]);
        samples_t out = convert(rates[i], OUT, in, 480, 256);
        double whole, line, rest = 0;
        size_t k;

        measure(out, OUT, 1000, &whole, &line);
        assert_true(fabs(line) < 0.1);
        /* Also in place: the delay of the filter is gone. */
        for (k = 400; k < out.len - 400; k++) {
            double want = 20000 * sin(2 * PI * 1000.0 * k / OUT);

            rest += (out.data[k] - want) * (out.data[k] - want);
        }
        rest = 10 * log10(rest / (out.len - 800) / 2e8 + 1e-12);
        assert_true(rest < -60);
        free(in.data);
        free(out.data);
    }
}

static void keeps_the_telephone_band(void **state)
{
    static const unsigned rates[] = {16000, 22050, 24000, 44100, 48000};
    static const double tones[] = {300, 2000, 3400};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (k = 0; k < sizeof(tones) / sizeof(tones[0]); k++) {
            samples_t in = tone(rates[i], tones[k], rates[i]);
            samples_t out = convert(rates[i], OUT, in, in.len, in.len);
            double whole, line;

            measure(out, OUT, tones[k], &whole, &line);
            assert_true(fabs(line) < 0.5);
            free(in.data);
            free(out.data);
        }
    }
}

static void rejects_aliases(void **state)
{
    static const unsigned rates[] = {16000, 22050, 24000, 44100, 48000};
    static const double tones[] = {4400, 5000, 7000};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (k = 0; k < sizeof(tones) / sizeof(tones[0]); k++) {
            samples_t in = tone(rates[i], tones[k], rates[i]);
            samples_t out = convert(rates[i], OUT, in, in.len, in.len);
            double whole, line;

            measure(out, OUT, OUT - tones[k], &whole, &line);
            assert_true(whole < -60);
            free(in.data);
            free(out.data);
        }
    }
}

static void goes_up_as_well(void **state)
{
    samples_t in = tone(8000, 1000, 8000);
    samples_t out = convert(8000, 16000, in, 160, 320);
    double whole, line;

    (void)state;
    assert_int_equal(out.len, 16000);
    measure(out, 16000, 1000, &whole, &line);
    assert_true(fabs(line) < 0.1);
    measure(out, 16000, 7000, &whole, &line);
    assert_true(line < -60);
    free(in.data);
    free(out.data);
}

static void has_the_right_length(void **state)
{
    static const unsigned rates[] = {4000,  8000,  11025, 16000, 22050,
                                     24000, 44100, 48000, 192000};
    static const size_t lens[] = {0, 1, 2, 3, 50, 441, 4801, 20011};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (k = 0; k < sizeof(lens) / sizeof(lens[0]); k++) {
            samples_t in = tone(rates[i], 440, lens[k] + 1);
            samples_t out;

            in.len = lens[k];
            out = convert(rates[i], OUT, in, 100, 77);
            assert_int_equal(out.len,
                             (lens[k] * OUT + rates[i] - 1) / rates[i]);
            free(in.data);
            free(out.data);
        }
    }
}

static void any_chunking_gives_the_same(void **state)
{
    static const unsigned rates[] = {8000, 16000, 22050, 24000, 44100};
    static const size_t pieces[][2] = {{1, 1},   {1, 4096}, {7, 3},
                                       {160, 1}, {481, 53}, {70000, 70000}};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        samples_t in = tone(rates[i], 700, 9001);
        samples_t whole = convert(rates[i], OUT, in, 480, 9001);

        for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
            samples_t out =
                convert(rates[i], OUT, in, pieces[k][0], pieces[k][1]);

            assert_int_equal(out.len, whole.len);
            assert_memory_equal(out.data, whole.data,
                                whole.len * sizeof(int16_t));
            free(out.data);
        }
        free(in.data);
        free(whole.data);
    }
}

static void full_scale_does_not_wrap(void **state)
{
    samples_t in = {calloc(24000, sizeof(int16_t)), 24000};
    samples_t out;
    size_t i;

    (void)state;
    assert_non_null(in.data);
    for (i = 0; i < in.len; i++) {
        in.data[i] = (i / 240) % 2 == 0 ? INT16_MAX : INT16_MIN;
    }
    out = convert(24000, OUT, in, 480, 160);
    for (i = 0; i < out.len; i++) {
        size_t phase = i % 80;

        /* Away from the edges the sign is that of the square wave. */
        if (phase > 8 && phase < 72) {
            assert_true(((i / 80) % 2 == 0) == (out.data[i] > 0));
        }
    }
    free(in.data);
    free(out.data);
}

static void refuses_impossible_rates(void **state)
{
    static const unsigned rates[] = {0, 1, 3999, 192001, 4000000000u};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        assert_null(va_resample_new(rates[i], OUT));
        assert_null(va_resample_new(OUT, rates[i]));
    }
    va_resample_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_tone_pure),
        cmocka_unit_test(keeps_the_telephone_band),
        cmocka_unit_test(rejects_aliases),
        cmocka_unit_test(goes_up_as_well),
        cmocka_unit_test(has_the_right_length),
        cmocka_unit_test(any_chunking_gives_the_same),
        cmocka_unit_test(full_scale_does_not_wrap),
        cmocka_unit_test(refuses_impossible_rates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
