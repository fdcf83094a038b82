/*
 * Audio on its way in and out: refused and asked for again, in any pieces,
 * with parts missing, and a line that is silent when the caller is.
 */
#include "call_world.h"

static world_t world;

static int setup(void **state)
{
    world_init(&world);
    world.conf.greeting.len = 0;
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* A fast voice: refused audio is asked for again, and every byte comes once
   and in order. */
static void backpressure(world_t *w, size_t piece, uint32_t ms)
{
    static const char *const hears[] = {"Tell.", NULL};
    static const char *const replies[] = {
        "Number one is a sentence that goes on and on and on and quite long. "
        "Number two is shorter by some. Three. "
        "Number four is a sentence that again goes on and on and on, and on.",
        NULL};
    size_t at = 0;

    w->hears = hears;
    w->replies = replies;
    w->voice_piece = piece;
    w->voice_ms = ms;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 40000);
    assert_int_equal(world_count(w, "speak"), 4);
    assert_int_equal(world_count(w, "spoke Number one"), 1);
    for (uint32_t r = 3; r <= 6; r++) {
        size_t n = w->requests[r].total;

        assert_int_equal(w->requests[r].made, n);
        for (size_t i = 0; i < n; i++) {
            if ((uint8_t)w->audio.data[at + i] != world_sound(r, i)) {
                fail_msg("byte %zu of request %u is not what it was", i, r);
            }
        }
        at += n;
        for (; at % VA_FRAME != 0; at++) {
            assert_int_equal((uint8_t)w->audio.data[at], VA_ULAW_SILENCE);
        }
    }
    assert_int_equal(at, w->audio.len);
}

static void test_backpressure(void **state)
{
    static const size_t pieces[] = {7, 160, 999, 8000, VA_CALL_SPEECH_MAX};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        world_free(*state);
        setup(state);
        backpressure(*state, pieces[i], pieces[i] < 100 ? 0 : 1);
        if (pieces[i] == VA_CALL_SPEECH_MAX) {
            assert_true(world_count(*state, "resume") > 0);
        }
    }
}

/* A slow voice, whose audio comes in small pieces just in time. */
static void test_slow_voice(void **state)
{
    world_t *w = *state;

    w->quiet_line = true;
    backpressure(w, 300, 30);
    /* Small pieces are put together: no flood of messages. */
    assert_true(w->messages <= w->media / VA_SPEECH_PACKET + 25);
}

static void test_speech_bounds(void **state)
{
    static uint8_t sound[VA_CALL_SPEECH_MAX + 1];
    world_t *w = *state;

    w->conf.greeting = VA_STR("One. Two.");
    w->tts_ms = 100000;
    world_begin(w);
    assert_int_equal(va_call_speech(w->call, 1, sound, sizeof(sound), w->now),
                     VA_LIMIT);
    assert_int_equal(va_call_speech(w->call, 0, sound, 160, w->now), VA_OK);
    assert_int_equal(va_call_speech(w->call, 99, sound, 160, w->now), VA_OK);
    assert_int_equal(va_call_speech(w->call, 2, sound, 160, w->now), VA_AGAIN);
    assert_int_equal(w->media, 0);
    /* Two full pieces are less than the queue and what was sent ahead. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            va_call_speech(w->call, 1, sound, VA_CALL_SPEECH_MAX, w->now),
            i < 2 ? VA_OK : VA_AGAIN);
    }
    assert_int_equal(w->media, 8000);
    assert_int_equal(world_count(w, "resume"), 0);
    w->requests[1].held = true;
    w->requests[2].held = true;
    w->requests[1].total = w->requests[1].made = 0;
    world_until(w, 2000);
    assert_int_equal(world_count(w, "resume 1"), 1);
    /* What comes after the end of its request is not played. */
    assert_int_equal(va_call_speech(w->call, 1, sound, 160, w->now), VA_OK);
    va_call_failed(w->call, 1, w->now);
    va_call_failed(w->call, 0, w->now);
    assert_int_equal(va_call_stat(w->call)->failures, 0);
}

/* Time has made room that nobody had looked for yet: taken once, not twice. */
static void test_late_audio(void **state)
{
    static uint8_t sound[VA_CALL_SPEECH_MAX];
    world_t *w = *state;

    w->conf.greeting = VA_STR("One.");
    w->tts_ms = 100000;
    world_begin(w);
    va_call_speech(w->call, 1, sound, sizeof(sound), w->now);
    va_call_speech(w->call, 1, sound, sizeof(sound), w->now);
    assert_int_equal(va_call_speech(w->call, 1, sound, 8160, w->now), VA_AGAIN);
    w->now += 3000;
    assert_int_equal(va_call_speech(w->call, 1, sound, 8160, w->now), VA_OK);
    assert_int_equal(world_count(w, "resume"), 0);
    world_close(w, 1);
    va_call_speech_end(w->call, 1, w->now);
    world_until(w, 20000);
    assert_int_equal(w->media, (2 * sizeof(sound) + 8160 + 159) / 160 * 160);
}

/* The queue is full to the last byte, and has no room to fill up a frame. */
static void test_full_queue(void **state)
{
    static uint8_t sound[VA_CALL_SPEECH_MAX];
    world_t *w = *state;

    w->conf.greeting = VA_STR("One. Two.");
    w->conf.ahead_ms = 100;
    w->tts_ms = 100000;
    world_begin(w);
    memset(sound, 1, sizeof(sound));
    assert_int_equal(va_call_speech(w->call, 1, sound, sizeof(sound), w->now),
                     VA_OK);
    assert_int_equal(va_call_speech(w->call, 1, sound, sizeof(sound), w->now),
                     VA_OK);
    assert_int_equal(va_call_speech(w->call, 1, sound, 799, w->now), VA_OK);
    world_close(w, 1);
    va_call_speech_end(w->call, 1, w->now);
    world_until(w, 8000);
    assert_int_equal(w->media, 2 * sizeof(sound) + 799 + 33);
    assert_int_equal(world_count(w, "mark g1:2"), 1);
}

/* A voice that takes one request at a time gets the next when it is done. */
static void test_one_at_a_time(void **state)
{
    world_t *w = *state;

    w->conf.greeting = VA_STR("One. Two. Three.");
    w->conf.speak_alone = true;
    world_begin(w);
    assert_int_equal(w->request_count, 1);
    world_until(w, 20000);
    assert_int_equal(w->request_count, 3);
    assert_int_equal(world_count(w, "spoke One. Two. Three."), 1);
}

static void test_one_ahead(void **state)
{
    world_t *w = *state;

    w->conf.greeting = VA_STR("One. Two. Three.");
    world_begin(w);
    assert_int_equal(w->request_count, 2);
}

static void test_no_sound(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static const char *const replies[] = {"One. Two.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->voice_mute = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 9000);
    assert_int_equal(w->media, 0);
    assert_int_equal(world_count(w, "spoke One. Two."), 1);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_LISTENING);
}

/* A sentence without sound is over before its turn; it needs no cancelling. */
static void test_ended_early(void **state)
{
    world_t *w = *state;

    w->conf.greeting = VA_STR("One. Two.");
    w->tts_ms = 100000;
    world_begin(w);
    world_close(w, 2);
    va_call_speech_end(w->call, 2, w->now);
    va_call_interrupt(w->call, w->now);
    world_expect(w, "speak 1 One.\nspeak 2 Two.\ncancel 1\n");
}

/* A peer that returns marks at once: the world checks the time sent ahead. */
static void test_lying_marks(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static const char *const replies[] = {
        "This is long enough to fill the window. And so is this one, too. "
        "And this. And that. And those over there.",
        NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->echo_marks = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 20000);
    assert_int_equal(world_count(w, "spoke This is long"), 1);
}

static void test_short_window(void **state)
{
    world_t *w = *state;

    w->conf.ahead_ms = 0;
    w->conf.greeting = VA_STR("Hello there.");
    world_begin(w);
    world_until(w, 5000);
    assert_int_equal(w->played_ms, 720);
    assert_int_equal(world_count(w, "spoke Hello there."), 1);
}

/* Audio that the timestamps show to be missing is heard as silence. */
static void test_gap(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    for (uint64_t t = 0; t < 400; t += 20) {
        world_feed(w, t, true, 160);
    }
    assert_int_equal(world_count(w, "transcribe"), 0);
    world_feed(w, 440, false, 160); /* 40 ms are missing */
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40);
    world_feed(w, 900, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440);
    assert_int_equal(world_count(w, "transcribe"), 1);
    /* Hours are nonsense, not silence. */
    world_feed(w, UINT64_MAX - 10, false, 160);
    world_feed(w, 0, false, 160);
    world_feed(w, 20, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440);
    world_feed(w, 3000000, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440 + 2999960);
}

/* However long a gap is, so much silence is heard at once and no more. */
static void test_long_gap(void **state)
{
    world_t *w = *state;

    w->conf.listen.silence_ms = 6000;
    world_begin(w);
    for (uint64_t t = 0; t < 400; t += 20) {
        world_feed(w, t, true, 160);
    }
    world_feed(w, 60000, false, 160);
    assert_int_equal(world_count(w, "transcribe"), 0);
    for (uint64_t t = 60020; t < 61000; t += 20) {
        world_feed(w, t, false, 160);
    }
    assert_int_equal(world_count(w, "transcribe"), 1);
}

static void test_backwards(void **state)
{
    static const uint64_t stamps[] = {0,  20,  40,  60,  20,  80,  100, 0,
                                      90, 120, 140, 139, 160, 160, 180};
    world_t *w = *state;

    world_begin(w);
    for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
        world_feed(w, stamps[i], true, 160);
    }
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 0);
    assert_int_equal(world_count(w, "transcribe"), 0);
}

/* Audio in pieces of any size is the same audio. */
static void test_odd_pieces(void **state)
{
    static const size_t sizes[] = {1, 7, 159, 160, 161, 800, 1600};
    world_t *w = *state;

    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        size_t done = 0;

        world_free(w);
        setup(state);
        world_begin(w);
        while (done < 8000) {
            size_t n = 8000 - done < sizes[k] ? 8000 - done : sizes[k];

            world_feed(w, done / 8, true, n);
            done += n;
        }
        while (done < 16000) {
            size_t n = 16000 - done < sizes[k] ? 16000 - done : sizes[k];

            world_feed(w, done / 8, false, n);
            done += n;
        }
        assert_int_equal(va_call_stat(w->call)->gaps_ms, 0);
        world_expect(w, "transcribe 1\n");
        assert_int_equal(w->heard_bytes, 8000 + 240 * 8);
    }
}

/* A carrier that is silent when the caller is changes nothing but the time at
   which a turn ends. */
static void test_quiet_line(void **state)
{
    static const char *const hears[] = {"One.", NULL};
    static const char *const replies[] = {"This is the answer. Right?", NULL};
    world_t *w = *state;
    uint64_t end = 0;

    for (int quiet = 0; quiet < 2; quiet++) {
        world_free(w);
        setup(state);
        w->hears = hears;
        w->replies = replies;
        w->quiet_line = quiet != 0;
        world_begin(w);
        world_talk(w, w->start + 700, 600);
        world_until(w, 9000);
        assert_int_equal(world_count(w, "spoke This is the answer. Right?"), 1);
        if (quiet == 0) {
            end = world_when(w, "transcribe", 1);
        } else {
            assert_int_equal(world_when(w, "transcribe", 1), end + 200);
        }
        assert_int_equal(world_when(w, "spoke", 1),
                         world_when(w, "media", 1) + 26 * 60 - 60 + 40);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_backpressure),  TEST(test_slow_voice),
        TEST(test_speech_bounds), TEST(test_late_audio),
        TEST(test_full_queue),    TEST(test_no_sound),
        TEST(test_one_at_a_time), TEST(test_one_ahead),
        TEST(test_ended_early),   TEST(test_lying_marks),
        TEST(test_short_window),  TEST(test_gap),
        TEST(test_long_gap),      TEST(test_backwards),
        TEST(test_odd_pieces),    TEST(test_quiet_line),
    };

    return cmocka_run_group_tests_name("call audio", tests, NULL, NULL) != 0;
}
