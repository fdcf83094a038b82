#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/va_vad.h"
#include "recording.h"

#define PI 3.14159265358979323846
#define SECOND 50 /* frames */
#define ALL (20 * SECOND)
/* Where the recording's talk begins and ends, in samples, by ear and eye. */
#define TALK_BEGIN 560
#define TALK_END 43680

static int16_t sound[ALL * VA_FRAME];
static double mixed[ALL * VA_FRAME];
static bool talk[ALL];

static uint32_t noise_state;

/* Evenly distributed, -1..1. */
static double even(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (double)noise_state / 2147483648.0 - 1.0;
}

static double bell(void)
{
    double sum = 0;

    for (int i = 0; i < 12; i++) {
        sum += even();
    }
    return sum / 2.0;
}

static double amplitude(double dbfs)
{
    return 32768 * pow(10, dbfs / 20);
}

static void silence(void)
{
    noise_state = 1;
    memset(mixed, 0, sizeof(mixed));
}

static void add_white(double dbfs)
{
    for (int i = 0; i < ALL * VA_FRAME; i++) {
        mixed[i] += amplitude(dbfs) * bell();
    }
}

/* Voss's pink noise: octaves of held random numbers. */
static void add_pink(double dbfs)
{
    double octave[10] = {0}, sum;

    for (int i = 0; i < ALL * VA_FRAME; i++) {
        sum = 0;
        for (int k = 0; k < 10; k++) {
            if (i % (1 << k) == 0) {
                octave[k] = bell();
            }
            sum += octave[k];
        }
        mixed[i] += amplitude(dbfs) * sum / sqrt(10);
    }
}

/* Two frequencies (b may be 0), on and off in turn, times in ms. */
static void add_tone(double a, double b, int on, int off, double dbfs)
{
    double size = amplitude(dbfs) * (b > 0 ? 1 : sqrt(2));

    for (int i = 0; i < ALL * VA_FRAME; i++) {
        if (i / 8 % (on + off) < on) {
            mixed[i] += size * sin(2 * PI * a * i / VA_RATE);
            mixed[i] += b > 0 ? size * sin(2 * PI * b * i / VA_RATE) : 0;
        }
    }
}

/* As the telephone network would carry it. */
static void digitise(void)
{
    uint8_t ulaw[VA_FRAME];

    for (int i = 0; i < ALL * VA_FRAME; i++) {
        double x = mixed[i];

        sound[i] = (int16_t)lrint(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
    }
    for (int k = 0; k < ALL; k++) {
        va_ulaw_encode(ulaw, sound + k * VA_FRAME, VA_FRAME);
        va_ulaw_decode(sound + k * VA_FRAME, ulaw, VA_FRAME);
    }
}

/* Fills talk.  Returns the share of frames taken for speech, in percent. */
static double judge(void)
{
    va_vad_t *v = va_vad_new();
    int frames = 0;

    assert_non_null(v);
    digitise();
    for (int k = 0; k < ALL; k++) {
        talk[k] = va_vad_frame(v, sound + k * VA_FRAME);
        frames += talk[k];
        assert_true(va_vad_score(v) >= 0 && va_vad_score(v) <= 1);
        assert_true(va_vad_level(v) >= -100 && va_vad_level(v) <= 0);
    }
    va_vad_free(v);
    return 100.0 * frames / ALL;
}

/* Adds the recorded sentence, loud dbfs, from frame at. */
static void add_speech(double dbfs, int at)
{
    static int16_t pcm[TALK_END];
    double power = 0;

    assert_int_equal(read_recording("agent-alreadyon", pcm, TALK_END),
                     TALK_END);
    for (int i = TALK_BEGIN; i < TALK_END; i++) {
        power += (double)pcm[i] * pcm[i];
    }
    power = sqrt(power / (TALK_END - TALK_BEGIN));
    for (int i = TALK_BEGIN; i < TALK_END; i++) {
        mixed[at * VA_FRAME + i - TALK_BEGIN] +=
            pcm[i] * amplitude(dbfs) / power;
    }
}

/* Returns the first (or last) frame of talk that three of five confirm. */
static int edge(bool last)
{
    int found = -1;

    for (int k = 4; k < ALL; k++) {
        int of_five =
            talk[k] + talk[k - 1] + talk[k - 2] + talk[k - 3] + talk[k - 4];

        if (of_five >= 3 && talk[k]) {
            found = k;
            if (!last) {
                break;
            }
        }
    }
    return found;
}

static void check_speech(double dbfs, double noise)
{
    const int begin = 3 * SECOND;
    const int end = begin + (TALK_END - TALK_BEGIN) / VA_FRAME;
    int first, last;

    silence();
    if (noise < 0) {
        add_white(noise);
    }
    add_speech(dbfs, begin);
    judge();
    first = edge(false);
    last = edge(true);
    print_message("%.0f dBFS over %.0f: %d ms late, ends %d ms late\n", dbfs,
                  noise, (first - begin) * 20, (last - end) * 20);
    assert_in_range(first, begin - 2, begin + 10);
    assert_in_range(last, end - 15, end + 10);
}

static void finds_speech_in_silence(void **state)
{
    (void)state;
    check_speech(-10, 0);
    check_speech(-25, 0);
    check_speech(-40, 0);
}

static void finds_speech_in_noise(void **state)
{
    (void)state;
    check_speech(-10, -30);
    check_speech(-25, -45);
    check_speech(-40, -60);
    check_speech(-25, -35);
}

static void hears_nothing_in_silence(void **state)
{
    (void)state;
    silence();
    assert_true(judge() == 0);
}

static void noise_is_not_speech(void **state)
{
    static const double levels[] = {-70, -60, -50, -40, -30, -20};

    (void)state;
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        silence();
        add_white(levels[i]);
        assert_true(judge() <= 1);
        silence();
        add_pink(levels[i]);
        assert_true(judge() <= 1);
    }
}

static void tones_are_not_speech(void **state)
{
    /* Two frequencies, ms on, ms off: keys, then tones of the network. */
    static const int tones[][4] = {
        {697, 1209, 100, 100}, {770, 1336, 200, 80}, {852, 1477, 60, 60},
        {941, 1633, 300, 900}, {941, 1336, 50, 450}, {440, 480, 2000, 4000},
        {425, 0, 1000, 4000},  {400, 450, 400, 200}, {480, 620, 500, 500},
        {480, 620, 250, 250},  {425, 0, 480, 480},   {425, 0, 200, 200},
        {350, 440, 10000, 1},  {1100, 0, 500, 3000}, {2100, 0, 3000, 500}};
    static const double levels[] = {-35, -20, -10};

    (void)state;
    for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++) {
        for (size_t k = 0; k < sizeof(levels) / sizeof(levels[0]); k++) {
            double share;

            silence();
            add_white(-62);
            add_tone(tones[i][0], tones[i][1], tones[i][2], tones[i][3],
                     levels[k]);
            share = judge();
            if (share > 2) {
                fail_msg("%d+%d Hz at %.0f dBFS: %.1f %% speech", tones[i][0],
                         tones[i][1], levels[k], share);
            }
        }
    }
}

static void hum_is_not_speech(void **state)
{
    (void)state;
    for (int base = 50; base <= 60; base += 10) {
        for (int level = -45; level <= -15; level += 10) {
            silence();
            add_white(level - 30);
            for (int h = 1; h < 16; h += 2) {
                add_tone(base * h, 0, 1000, 0, level - 3 * h);
            }
            assert_true(judge() <= 1);
        }
    }
}

static void reset_is_like_new(void **state)
{
    va_vad_t *used = va_vad_new(), *fresh = va_vad_new();

    (void)state;
    assert_true(used && fresh);
    silence();
    add_white(-50);
    add_speech(-20, SECOND);
    digitise();
    for (int k = 0; k < 3 * SECOND; k++) {
        va_vad_frame(used, sound + k * VA_FRAME);
    }
    va_vad_reset(used);
    for (int k = 0; k < 8 * SECOND; k++) {
        const int16_t *pcm = sound + k * VA_FRAME;
        float a, b;

        assert_int_equal(va_vad_frame(used, pcm), va_vad_frame(fresh, pcm));
        a = va_vad_score(used);
        b = va_vad_score(fresh);
        assert_memory_equal(&a, &b, sizeof(a));
    }
    va_vad_free(used);
    va_vad_free(fresh);
    va_vad_free(NULL);
}

/* Full-scale square waves and random words must not bring anything to NaN. */
static void survives_any_samples(void **state)
{
    va_vad_t *v = va_vad_new();
    int16_t *pcm = malloc(VA_FRAME * sizeof(*pcm));

    (void)state;
    assert_true(v && pcm);
    noise_state = 7;
    for (int k = 0; k < 40 * SECOND; k++) {
        for (int i = 0; i < VA_FRAME; i++) {
            switch (k / SECOND % 4) {
            case 0:
                pcm[i] = (int16_t)(even() * 32767);
                break;
            case 1:
                pcm[i] = i % 40 < 20 ? INT16_MIN : INT16_MAX;
                break;
            case 2:
                pcm[i] = INT16_MIN;
                break;
            default:
                pcm[i] = 0;
            }
        }
        va_vad_frame(v, pcm);
        assert_true(va_vad_score(v) >= 0 && va_vad_score(v) <= 1);
        assert_true(va_vad_level(v) >= -100 && va_vad_level(v) <= 0);
    }
    free(pcm);
    va_vad_free(v);
}

static void tells_the_level(void **state)
{
    va_vad_t *v = va_vad_new();

    (void)state;
    assert_non_null(v);
    assert_true(va_vad_level(v) == -100);
    silence();
    add_tone(1000, 0, 1000, 0, -20);
    digitise();
    for (int k = 0; k < 10; k++) {
        va_vad_frame(v, sound + k * VA_FRAME);
    }
    assert_true(fabs(va_vad_level(v) + 20) < 0.5);
    va_vad_free(v);
}

static void is_small(void **state)
{
    (void)state;
    assert_true(va_vad_size() <= 2048);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_nothing_in_silence),
        cmocka_unit_test(noise_is_not_speech),
        cmocka_unit_test(tones_are_not_speech),
        cmocka_unit_test(hum_is_not_speech),
        cmocka_unit_test(finds_speech_in_silence),
        cmocka_unit_test(finds_speech_in_noise),
        cmocka_unit_test(reset_is_like_new),
        cmocka_unit_test(survives_any_samples),
        cmocka_unit_test(tells_the_level),
        cmocka_unit_test(is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
