#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/va_echo.h"
#include "audio/va_vad.h"
#include "recording.h"

#define SECOND 50 /* frames */
#define ALL (24 * SECOND)
#define SAMPLES (ALL * VA_FRAME)
#define CLOCK 1700000000000 /* ms, at the first frame */

static int16_t assistant[SAMPLES], caller[SAMPLES];
static double mixed[SAMPLES];
static bool heard[ALL]; /* speech that is not echo */
static int voiced;      /* frames of speech of any kind */
static int delay_found;

static double amplitude(double db)
{
    return pow(10, db / 20);
}

/* Brings what is not silence of x to an RMS of dbfs. */
static void set_level(int16_t *x, size_t n, double dbfs)
{
    double power = 0, count = 1;

    for (size_t i = 0; i < n; i++) {
        power += abs(x[i]) > 100 ? (double)x[i] * x[i] : 0;
        count += abs(x[i]) > 100;
    }
    for (size_t i = 0; i < n; i++) {
        double y = x[i] * 32768 * amplitude(dbfs) / sqrt(power / count);

        x[i] = (int16_t)lrint(y > 32767 ? 32767 : y < -32768 ? -32768 : y);
    }
}

static int prepare(void **state)
{
    size_t from = 2 * SECOND * VA_FRAME;

    (void)state;
    assert_int_equal(read_recording("demo-instruct", assistant, SAMPLES),
                     SAMPLES);
    set_level(assistant, SAMPLES, -20);
    memset(caller, 0, sizeof(caller));
    read_recording("agent-alreadyon", caller + from, SAMPLES / 2 - from);
    read_recording("privacy-prompt", caller + SAMPLES / 2, SAMPLES / 2 - from);
    set_level(caller, SAMPLES, -20);
    return 0;
}

/* A line without anybody: hiss at -65 dBFS. */
static void quiet_line(void)
{
    uint32_t random = 1;

    for (int i = 0; i < SAMPLES; i++) {
        random = random * 1664525u + 1013904223u;
        mixed[i] =
            amplitude(-65) * sqrt(3.0) * ((double)random * 0x1p-16 - 32768.0);
    }
}

/* What the far end gives back: later, softer, dull, and once more. */
static void add_echo(double db, int ms)
{
    double y = 0;
    int late = ms * VA_RATE / 1000;

    for (int i = late; i < SAMPLES; i++) {
        y += 0.6 * (assistant[i - late] - y);
        mixed[i] += amplitude(db) * y;
        mixed[i] +=
            i < late + 200 ? 0 : amplitude(db - 8) * assistant[i - late - 200];
    }
}

static void add_caller(double db)
{
    for (int i = 0; i < SAMPLES; i++) {
        mixed[i] += amplitude(db) * caller[i];
    }
}

static void frame_of(uint8_t ulaw[VA_FRAME], int k)
{
    int16_t pcm[VA_FRAME];

    for (int i = 0; i < VA_FRAME; i++) {
        double x = mixed[k * VA_FRAME + i];

        pcm[i] = (int16_t)lrint(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
    }
    va_ulaw_encode(ulaw, pcm, VA_FRAME);
}

/* Sends the assistant's speech in packets of 60 ms, half a second ahead. */
static void send(va_echo_t *e, int k)
{
    uint8_t ulaw[3 * VA_FRAME];
    int at = k + 24;

    if (k == 0) {
        for (at = 0; at < 24; at += 3) {
            va_ulaw_encode(ulaw, assistant + at * VA_FRAME, sizeof(ulaw));
            va_echo_sent(e, ulaw, sizeof(ulaw), CLOCK + 20 * (uint64_t)at);
        }
    }
    if (k % 3 == 0 && at + 3 <= ALL) {
        va_ulaw_encode(ulaw, assistant + at * VA_FRAME, sizeof(ulaw));
        va_echo_sent(e, ulaw, sizeof(ulaw), CLOCK + 20 * (uint64_t)at);
    }
}

/* Hears what is mixed, the assistant's speech known or not. */
static void hear(bool known)
{
    va_echo_t *e = va_echo_new();
    va_vad_t *v = va_vad_new();

    assert_true(e && v);
    voiced = 0;
    for (int k = 0; k < ALL; k++) {
        uint8_t ulaw[VA_FRAME];
        int16_t pcm[VA_FRAME];
        bool speech, echo;

        if (known) {
            send(e, k);
        }
        frame_of(ulaw, k);
        va_ulaw_decode(pcm, ulaw, VA_FRAME);
        speech = va_vad_frame(v, pcm);
        echo = va_echo_frame(e, ulaw, CLOCK + 20 * (uint64_t)k);
        voiced += speech;
        heard[k] = speech && !echo;
    }
    delay_found = va_echo_delay(e);
    va_echo_free(e);
    va_vad_free(v);
}

static int count(int from, int to)
{
    int n = 0;

    for (int k = from; k < to; k++) {
        n += heard[k];
    }
    return n;
}

/* The first frame from which three of five are heard, or -1. */
static int onset(int from, int to)
{
    for (int k = from; k + 5 <= to; k++) {
        if (count(k, k + 5) >= 3) {
            return k;
        }
    }
    return -1;
}

static void echo_is_not_the_caller(void **state)
{
    static const int delays[] = {0, 30, 130, 250, 410, 600};

    (void)state;
    for (int level = -20; level >= -35; level -= 5) {
        for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
            quiet_line();
            add_echo(level, delays[i]);
            hear(true);
            print_message("echo %d dB, %d ms: %d of %d frames, found %d\n",
                          level, delays[i], count(0, ALL), voiced, delay_found);
            assert_true(level < -20 || voiced > ALL / 4);
            assert_int_equal(onset(0, ALL), -1);
            assert_true(count(0, ALL) <= voiced / 50);
        }
    }
}

static void echo_would_be_speech_unknown(void **state)
{
    (void)state;
    quiet_line();
    add_echo(-20, 130);
    hear(false);
    assert_true(onset(0, ALL) >= 0);
    assert_int_equal(count(0, ALL), voiced);
    assert_int_equal(delay_found, -1);
}

/* Loudness of the caller against the assistant, in dB, over an echo. */
static void both_talk(int softer, int echo, int delay)
{
    int first, second;

    quiet_line();
    add_echo(echo, delay);
    add_caller(softer);
    hear(true);
    first = onset(SECOND, ALL / 2) - 2 * SECOND;
    second = onset(ALL / 2 - SECOND / 2, ALL) - ALL / 2;
    print_message("caller %d dB, echo %d dB at %d ms: heard %d and %d frames "
                  "late, %d frames\n",
                  softer, echo, delay, first, second, count(0, ALL));
    assert_in_range(first, 0, 20);
    assert_in_range(second, 0, 20);
}

static void the_caller_is_heard_over_the_assistant(void **state)
{
    (void)state;
    both_talk(6, -20, 130);
    both_talk(0, -20, 130);
    both_talk(-6, -20, 0);
    both_talk(-10, -20, 410);
    both_talk(-10, -26, 600);
}

/* Where nothing comes back, soft callers interrupt as well. */
static void a_soft_caller_is_heard_without_echo(void **state)
{
    (void)state;
    both_talk(0, -90, 0);
    both_talk(-12, -90, 0);
    quiet_line();
    add_caller(-20);
    hear(true);
    assert_in_range(onset(ALL / 2 - SECOND / 2, ALL) - ALL / 2, 0, 20);
}

static void what_was_cleared_gives_no_echo(void **state)
{
    uint8_t loud[VA_FRAME * SECOND], soft[VA_FRAME];
    va_echo_t *e = va_echo_new();
    int16_t pcm[VA_FRAME];
    uint64_t now = CLOCK;

    (void)state;
    assert_non_null(e);
    va_ulaw_encode(loud, assistant + 4 * VA_FRAME * SECOND, sizeof(loud));
    for (int i = 0; i < VA_FRAME; i++) {
        pcm[i] = (int16_t)(40 * sin(i * 0.7));
    }
    va_ulaw_encode(soft, pcm, VA_FRAME);
    assert_false(va_echo_frame(e, soft, now));
    for (int k = 0; k < 8; k++) {
        va_echo_sent(e, loud, sizeof(loud), now + (uint64_t)k * 1000);
    }
    for (int k = 0; k < SECOND; k++, now += 20) {
        va_echo_frame(e, soft, now);
    }
    assert_true(va_echo_frame(e, soft, now));
    va_echo_cleared(e, now);
    for (int k = 0; k < 40; k++, now += 20) {
        va_echo_frame(e, soft, now);
    }
    assert_false(va_echo_frame(e, soft, now));
    va_echo_sent(e, loud, sizeof(loud), now);
    assert_true(va_echo_frame(e, soft, now + 200));
    va_echo_free(e);
}

/* Clocks that jump, packets of odd sizes and from long ago or far ahead. */
static void survives_any_times(void **state)
{
    static const uint64_t times[] = {
        0,          1,         19, CLOCK, 5, UINT64_MAX, UINT64_MAX - 30,
        CLOCK + 40, 1ull << 40};
    static const size_t sizes[] = {0, 1, 159, 160, 161, 4000};
    uint8_t frame[VA_FRAME];
    va_echo_t *e = va_echo_new();
    uint32_t random = 7;

    (void)state;
    assert_non_null(e);
    for (int k = 0; k < 5000; k++) {
        uint8_t *chunk;
        size_t n;

        random = random * 1664525u + 1013904223u;
        n = sizes[(random >> 8) % (sizeof(sizes) / sizeof(sizes[0]))];
        chunk = malloc(n + 1);
        assert_non_null(chunk);
        memset(chunk, (int)(random >> 24), n + 1);
        memset(frame, (int)(random >> 16), sizeof(frame));
        va_echo_sent(e, chunk + 1, n, times[(random >> 12) % 9]);
        va_echo_frame(e, frame, times[(random >> 4) % 9]);
        if (random >> 28 == 3) {
            va_echo_cleared(e, times[(random >> 20) % 9]);
        }
        free(chunk);
    }
    va_echo_free(e);
    va_echo_free(NULL);
}

/* Frames of speech at dbfs, as loud as speech is: sometimes softer. */
static int behind(va_level_t *l, double dbfs, int frames)
{
    int n = 0;

    for (int k = 0; k < frames; k++) {
        n += va_level_frame(l, (float)dbfs - (float)(k % 7), true);
        assert_false(va_level_frame(l, -5, false));
    }
    return n;
}

static void people_behind_are_told_by_their_level(void **state)
{
    va_level_t l;

    (void)state;
    va_level_init(&l);
    assert_int_equal(behind(&l, -25, 2 * SECOND), 0);
    assert_true(behind(&l, -43, SECOND) >= SECOND - 8);
    assert_int_equal(behind(&l, -25, SECOND), 0);
    assert_int_equal(behind(&l, -31, SECOND), 0);
    assert_int_equal(behind(&l, -15, SECOND), 0);
}

static void who_goes_away_is_believed_after_a_while(void **state)
{
    va_level_t l;

    (void)state;
    va_level_init(&l);
    behind(&l, -15, 2 * SECOND);
    assert_true(behind(&l, -40, 4 * SECOND) <= 3 * SECOND);
    assert_int_equal(behind(&l, -40, SECOND), 0);
    /* And when he comes back. */
    assert_int_equal(behind(&l, -15, SECOND), 0);
}

static void is_small(void **state)
{
    (void)state;
    assert_true(va_echo_size() < 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_not_the_caller),
        cmocka_unit_test(echo_would_be_speech_unknown),
        cmocka_unit_test(the_caller_is_heard_over_the_assistant),
        cmocka_unit_test(a_soft_caller_is_heard_without_echo),
        cmocka_unit_test(what_was_cleared_gives_no_echo),
        cmocka_unit_test(survives_any_times),
        cmocka_unit_test(people_behind_are_told_by_their_level),
        cmocka_unit_test(who_goes_away_is_believed_after_a_while),
        cmocka_unit_test(is_small),
    };

    return cmocka_run_group_tests(tests, prepare, NULL);
}
