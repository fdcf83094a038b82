/*
 * The listener on recorded voices: where speech begins and ends, that nothing
 * of it is lost, and that tones are none.  Needs the recordings of
 * asterisk-core-sounds-en-wav.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/va_wav.h"
#include "dialog/va_listener.h"

#define SOUNDS "/usr/share/asterisk/sounds/en_US_f_Allison/"
#define SECONDS_MAX 60

/* A line's audio, in which pieces are put one after the other. */
typedef struct {
    uint8_t ulaw[SECONDS_MAX * VA_RATE];
    size_t len;
    size_t begin; /* of the recording put in last: its first sound ... */
    size_t end;   /* ... and the end of its last */
} line_t;

static line_t line;

/* Faint noise, as every line has it. */
static int16_t hiss(void)
{
    static uint32_t seed = 1;

    seed = seed * 1664525U + 1013904223U;
    return (int16_t)((int)(seed >> 28) - 8);
}

static void put(const int16_t *pcm, size_t n)
{
    assert_true(line.len + n <= sizeof(line.ulaw));
    va_ulaw_encode(line.ulaw + line.len, pcm, n);
    line.len += n;
}

static void silence(uint32_t ms)
{
    for (size_t i = 0; i < (size_t)ms * VA_RATE / 1000; i++) {
        int16_t sample = hiss();

        put(&sample, 1);
    }
}

/* Two sines; 0 Hz is none. */
static void tone(float a, float b, uint32_t ms)
{
    for (size_t i = 0; i < (size_t)ms * VA_RATE / 1000; i++) {
        float t = 6.2831853F * (float)i / VA_RATE;
        int16_t sample = (int16_t)(6000 * (a != 0 ? sinf(a * t) : 0) +
                                   6000 * (b != 0 ? sinf(b * t) : 0));

        put(&sample, 1);
    }
}

/* Puts a recording in and notes where its sound begins and ends. */
static void recording(const char *name)
{
    static uint8_t file[1 << 20];
    char path[256];
    va_wav_info_t info;
    const int16_t *pcm;
    size_t n, first, last, size;
    FILE *f;

    snprintf(path, sizeof(path), SOUNDS "%s.wav", name);
    f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s is missing (asterisk-core-sounds-en-wav)", path);
        return;
    }
    size = fread(file, 1, sizeof(file), f);
    fclose(f);
    assert_int_equal(va_wav_parse(&info, file, size), VA_OK);
    assert_int_equal(info.rate, VA_RATE);
    assert_int_equal(info.bits, 16);
    assert_int_equal(info.channels, 1);
    pcm = (const int16_t *)(void *)(file + info.header_len);
    n = (size - info.header_len) / 2;
    n = info.data_len / 2 < n ? info.data_len / 2 : n;
    /* Louder than 1.2 % of full scale is sound, on recordings as clean. */
    for (first = 0; first < n && abs(pcm[first]) < 400; first++) {
    }
    for (last = n; last > first && abs(pcm[last - 1]) < 400; last--) {
    }
    line.begin = line.len + first;
    line.end = line.len + last;
    for (size_t i = 0; i < n; i++) {
        int sample = pcm[i] + hiss();
        int16_t clipped = (int16_t)(sample > 32767    ? 32767
                                    : sample < -32768 ? -32768
                                                      : sample);

        put(&clipped, 1);
    }
}

typedef struct {
    unsigned begins, ends;
    uint64_t begin_ms, end_ms, voice_end;
    uint32_t voiced;
    va_buf_t utterance; /* the last one */
} heard_t;

/* Lets the listener hear the line, whole frames of it. */
static void hear(heard_t *h, const va_listener_conf_t *conf)
{
    va_listener_t *l = va_listener_new(conf);

    assert_non_null(l);
    memset(h, 0, sizeof(*h));
    for (size_t at = 0; at + VA_FRAME <= line.len; at += VA_FRAME) {
        uint64_t now = (at + VA_FRAME) / (VA_RATE / 1000);
        uint8_t frame[VA_FRAME];

        memcpy(frame, line.ulaw + at, VA_FRAME);
        switch (va_listener_frame(l, frame, now)) {
        case VA_HEAR_BEGIN:
            h->begins++;
            h->begin_ms = now;
            assert_true(va_listener_talking(l));
            break;
        case VA_HEAR_END:
            h->ends++;
            h->end_ms = now;
            h->voiced = va_listener_voiced(l);
            h->voice_end = va_listener_voice_end(l);
            va_listener_take(l, &h->utterance);
            assert_false(va_listener_talking(l));
            break;
        default:
            break;
        }
    }
    assert_true(va_listener_memory(l) < 256 * 1024);
    va_listener_free(l);
}

/* Whether the line from `from` to `to` is in the utterance without a gap. */
static bool holds(const heard_t *h, size_t from, size_t to)
{
    return h->utterance.len >= to - from &&
           memmem(h->utterance.data, h->utterance.len, line.ulaw + from,
                  to - from) != NULL;
}

static const char *const clips[] = {
    "agent-loginok", "auth-thankyou",  "call-waiting", "vm-goodbye",
    "hello-world",   "queue-thankyou", "spy-agent",    "digits/5",
    "agent-pass",    "conf-getpin"};

static void test_recordings(void **state)
{
    static const va_listener_conf_t conf = {800, 300, 30000, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(clips) / sizeof(clips[0]); i++) {
        heard_t h;
        int64_t late;

        line.len = 0;
        silence(1500);
        recording(clips[i]);
        silence(2500);
        hear(&h, &conf);
        if (h.begins != 1 || h.ends != 1) {
            fail_msg("%s: %u begins, %u ends", clips[i], h.begins, h.ends);
        }
        late = (int64_t)h.begin_ms - (int64_t)(line.begin / 8);
        if (late < -60 || late > 300) {
            fail_msg("%s begins %d ms late", clips[i], (int)late);
        }
        late = (int64_t)h.end_ms - (int64_t)(line.end / 8) - 800;
        if (late < -150 || late > 300) {
            fail_msg("%s ends %d ms late", clips[i], (int)late);
        }
        assert_int_equal(h.end_ms, h.voice_end + 800);
        /* The first syllable and the last are there. */
        if (!holds(&h, line.begin, line.begin + 2400) ||
            !holds(&h, line.end - 2400, line.end)) {
            fail_msg("%s was clipped", clips[i]);
        }
        assert_true(h.voiced >= 200);
        va_buf_free(&h.utterance);
    }
}

static void test_thresholds(void **state)
{
    static const uint32_t thresholds[] = {200, 500, 1000, 2000, 4000};

    (void)state;
    for (size_t i = 0; i < sizeof(thresholds) / sizeof(thresholds[0]); i++) {
        va_listener_conf_t conf = {thresholds[i], 300, 30000, 0};
        heard_t h;

        line.len = 0;
        silence(1000);
        recording("vm-goodbye");
        silence(5000);
        hear(&h, &conf);
        assert_int_equal(h.begins, 1);
        assert_int_equal(h.ends, 1);
        assert_int_equal(h.end_ms, h.voice_end + thresholds[i]);
        va_buf_free(&h.utterance);
    }
}

/* A pause shorter than the threshold is part of the turn; a long one is cut
   down, but what begins after it is not. */
static void test_pause(void **state)
{
    static const va_listener_conf_t conf = {4000, 300, 30000, 0};
    size_t begin, end;
    heard_t h;

    (void)state;
    line.len = 0;
    silence(1000);
    recording("vm-goodbye");
    begin = line.begin;
    end = line.end;
    silence(3000);
    recording("spy-agent");
    silence(5000);
    hear(&h, &conf);
    assert_int_equal(h.begins, 1);
    assert_int_equal(h.ends, 1);
    assert_true(holds(&h, begin, end));
    assert_true(holds(&h, line.begin - 1600, line.end));
    assert_in_range(h.utterance.len, 0, line.end - begin - 1500 * 8);
    va_buf_free(&h.utterance);
}

/* One who goes on just when the turn was taken for over: the first syllable of
   what follows is not lost with the silence. */
static void test_resumed(void **state)
{
    static const va_listener_conf_t conf = {400, 300, 30000, 0};
    heard_t h;

    (void)state;
    for (uint32_t pause = 300; pause <= 520; pause += 20) {
        size_t lead;

        line.len = 0;
        silence(1000);
        recording("vm-goodbye");
        /* From the last sound on. */
        line.len = line.end;
        silence(pause);
        recording("spy-agent");
        silence(1000);
        hear(&h, &conf);
        lead = pause > 200 ? 200 : pause;
        if (!holds(&h, line.begin - lead * 8 / 2, line.end)) {
            fail_msg("clipped after a pause of %u ms", pause);
        }
        va_buf_free(&h.utterance);
    }
}

static void test_longest(void **state)
{
    static const va_listener_conf_t conf = {2000, 300, 3000, 0};
    heard_t h;

    (void)state;
    line.len = 0;
    silence(1000);
    recording("vm-intro");
    silence(3000);
    hear(&h, &conf);
    assert_int_equal(h.begins, 2);
    assert_int_equal(h.ends, 2);
    assert_true(h.utterance.len <= 3000 * 8);
    va_buf_free(&h.utterance);
}

static void test_tones(void **state)
{
    static const float keys[][2] = {{697, 1209}, {697, 1477}, {770, 1336},
                                    {852, 1209}, {941, 1336}, {941, 1477}};
    static const va_listener_conf_t conf = {800, 300, 30000, 0};
    heard_t h;

    (void)state;
    line.len = 0;
    silence(1000);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        tone(keys[i][0], keys[i][1], 150);
        silence(150);
    }
    silence(1500);
    hear(&h, &conf);
    assert_int_equal(h.begins, 0);
    /* Ring-back of the United States and of Europe, and a busy tone. */
    line.len = 0;
    silence(500);
    tone(440, 480, 2000);
    silence(4000);
    tone(440, 480, 2000);
    silence(1000);
    tone(425, 0, 1000);
    silence(4000);
    tone(425, 0, 1000);
    silence(1000);
    for (int i = 0; i < 8; i++) {
        tone(480, 620, 500);
        silence(500);
    }
    hear(&h, &conf);
    assert_int_equal(h.begins, 0);
    assert_null(h.utterance.data);
}

/* The carrier stops sending: the clock ends the turn, soon after. */
static void test_no_frames(void **state)
{
    static const va_listener_conf_t conf = {500, 300, 30000, 0};
    va_listener_t *l = va_listener_new(&conf);
    va_buf_t utterance;
    uint64_t now = 0;

    (void)state;
    assert_true(va_listener_deadline(l) == UINT64_MAX);
    assert_int_equal(va_listener_tick(l, 5000), VA_HEAR_NOTHING);
    line.len = 0;
    silence(500);
    recording("agent-loginok");
    for (size_t at = 0; at < line.begin + 8000; at += VA_FRAME) {
        now = (at + VA_FRAME) / 8;
        va_listener_frame(l, line.ulaw + at, now);
    }
    assert_true(va_listener_talking(l));
    assert_in_range(va_listener_deadline(l), now + 400, now + 700);
    assert_int_equal(va_listener_tick(l, va_listener_deadline(l) - 1),
                     VA_HEAR_SPEECH);
    assert_int_equal(va_listener_tick(l, va_listener_deadline(l)), VA_HEAR_END);
    va_buf_init(&utterance, 0);
    va_listener_take(l, &utterance);
    assert_true(utterance.len >= 8000);
    assert_true(va_listener_deadline(l) == UINT64_MAX);
    va_buf_free(&utterance);
    va_listener_free(l);
}

static void test_drop(void **state)
{
    static const va_listener_conf_t conf = {500, 0, 30000, 0};
    va_listener_t *l = va_listener_new(&conf);

    (void)state;
    line.len = 0;
    silence(500);
    recording("agent-loginok");
    for (size_t at = 0; at < line.begin + 8000; at += VA_FRAME) {
        va_listener_frame(l, line.ulaw + at, at / 8);
    }
    assert_true(va_listener_talking(l));
    va_listener_drop(l);
    assert_false(va_listener_talking(l));
    assert_int_equal(va_listener_tick(l, 99999), VA_HEAR_NOTHING);
    va_listener_free(l);
    va_listener_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recordings), cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_pause),      cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_longest),    cmocka_unit_test(test_tones),
        cmocka_unit_test(test_no_frames),  cmocka_unit_test(test_drop),
    };

    return cmocka_run_group_tests_name("listener", tests, NULL, NULL) != 0;
}
