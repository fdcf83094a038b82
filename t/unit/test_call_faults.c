/*
 * Conversations in a world that fails: engines that break, stall or answer
 * nonsense, marks that lie, audio that is missing, texts that have no end.
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

#define APOLOGY(speak, mark)                                                   \
    "speak " speak " So sorry.\nmedia 800\nmark " mark ":1\nmedia 3520\n"      \
    "mark " mark ":2\nspoke So sorry.\n"

static void test_recogniser_fails(void **state)
{
    static const char *const hears[] = {"!", "!", "!", "Hi.", NULL};
    static const char *const replies[] = {"Hello.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    for (uint64_t i = 0; i < 4; i++) {
        world_talk(w, w->start + 1000 + 4000 * i, 600);
    }
    world_until(w, 20000);
    world_expect(
        w,
        "transcribe 1\n" APOLOGY("2", "g1") "transcribe 3\n" APOLOGY(
            "4",
            "g2") "transcribe 5\n" APOLOGY("6",
                                           "g3") "transcribe 7\nheard Hi.\nask "
                                                 "8\nspeak 9 Hello.\n"
                                                 "media 800\nmark g4:1\nmedia "
                                                 "2080\nmark g4:2\n"
                                                 "spoke Hello.\n");
    assert_int_equal(va_call_stat(w->call)->failures, 3);
}

static void test_model_fails(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", "Hi.", NULL};
    static const char *const replies[] = {"!", "Well then. I!", "!", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    for (uint64_t i = 0; i < 3; i++) {
        world_talk(w, w->start + 1000 + 6000 * i, 600);
    }
    world_until(w, 20000);
    world_expect(
        w, "transcribe 1\nheard Hi.\nask 2\n" APOLOGY("3", "g2")
        /* It fails in mid-reply, before anything was heard of it. */
        "transcribe 4\nheard Hi.\nask 5\nspeak 6 Well then.\ncancel "
        "6\n" APOLOGY("7", "g4") "transcribe 8\nheard Hi.\nask 9\n" APOLOGY(
            "10", "g6"));
}

static void test_voice_fails(void **state)
{
    static const char *const hears[] = {"Hi.", "Bye.", NULL};
    static const char *const replies[] = {"One. Two.", "Bye.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->voice_fails = 1;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 4000);
    world_expect(w,
                 "transcribe 1\nheard Hi.\nask 2\n"
                 "speak 3 One.\nspeak 4 Two.\ncancel 4\n" APOLOGY("5", "g2"));
    assert_int_equal(va_call_stat(w->call)->failures, 1);
}

/* No voice at all: two tones tell the caller that the line is alive. */
static void test_apology_fails(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", NULL};
    static const char *const replies[] = {"One.", "Two.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->voice_fails = 100;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 6000, 600);
    world_until(w, 10000);
    world_expect(w, "transcribe 1\nheard Hi.\nask 2\nspeak 3 One.\n"
                    "speak 4 So sorry.\n"
                    "media 800\nmark g3:1\nmedia 3840\nmark g3:2\nspoke\n"
                    "transcribe 5\nheard Hi.\nask 6\nspeak 7 Two.\n"
                    "speak 8 So sorry.\n"
                    "media 800\nmark g6:1\nmedia 3840\nmark g6:2\nspoke\n");
    assert_int_equal(va_call_stat(w->call)->failures, 4);
    /* What could not be said is no part of the conversation. */
    assert_int_equal(va_call_history(w->call)->count, 1);
    world_turn(w, 0, VA_ROLE_USER, "Hi. Hi.", false);
    /* The tones are sound. */
    assert_int_not_equal(((uint8_t *)w->audio.data)[10],
                         ((uint8_t *)w->audio.data)[12]);
}

static void test_any_words(void **state)
{
    static const char *const hears[] = {"42", "\xe4\xbd\xa0", "OK", " z\n",
                                        NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    for (uint64_t i = 0; i < 4; i++) {
        world_talk(w, w->start + 1000 + 3000 * i, 600);
    }
    world_until(w, 15000);
    world_expect(w, "transcribe 1\nheard 42\nask 2\ncancel 2\n"
                    "transcribe 3\nheard \xe4\xbd\xa0\nask 4\ncancel 4\n"
                    "transcribe 5\nheard OK\nask 6\ncancel 6\n"
                    "transcribe 7\nheard z\nask 8\n");
}

static void test_no_apology_text(void **state)
{
    static const char *const hears[] = {"!", NULL};
    world_t *w = *state;

    w->conf.apology.len = 0;
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 5000);
    world_expect(w, "transcribe 1\n"
                    "media 800\nmark g1:1\nmedia 3840\nmark g1:2\nspoke\n");
}

static void test_tones_interrupted(void **state)
{
    static const char *const hears[] = {"!", NULL};
    world_t *w = *state;

    w->conf.apology.len = 0;
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 2480);
    world_talk(w, w->start + 2480, 600);
    world_until(w, 3200);
    world_expect(w, "transcribe 1\n"
                    "media 800\nmark g1:1\nmedia 3840\nmark g1:2\n"
                    "clear\nspoke cut\n");
}

/* The voice breaks off: what was said stays said, then comes the apology. */
static void test_voice_breaks(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static const char *const replies[] = {"Listen to what I have to say.",
                                          NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->voice_breaks = 1;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 8000);
    world_expect(w, "transcribe 1\nheard Hi.\nask 2\n"
                    "speak 3 Listen to what I have to say.\n"
                    "media 800\nmark g1:1\nmedia 3200\n"
                    "spoke Listen\n"
                    "speak 4 So sorry.\n"
                    "media 800\nmark g2:1\nmedia 3520\nmark g2:2\n"
                    "spoke So sorry.\n");
    assert_int_equal(w->played_ms, 500 + 540);
}

/* Goodbye, although the model and the voice are gone. */
static void test_farewell_fails(void **state)
{
    static const char *const hears[] = {"Goodbye.", NULL};
    static const char *const replies[] = {"!", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->voice_fails = 5;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 8000);
    assert_int_equal(world_count(w, "hangup"), 1);
    assert_int_equal(w->played_ms, 580);
}

static void test_not_understood(void **state)
{
    static const char *const hears[] = {"", " . ", "\n", "", "Hi.", "", NULL};
    static const char *const replies[] = {"Hello.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    for (uint64_t i = 0; i < 6; i++) {
        world_talk(w, w->start + 1000 + 4000 * i, 600);
    }
    world_until(w, 30000);
    world_expect(
        w, "transcribe 1\nheard\nspeak 2 Pardon?\n"
           "media 800\nmark g1:1\nmedia 2560\nmark g1:2\nspoke Pardon?\n"
           "transcribe 3\nheard\nspeak 4 Pardon?\n"
           "media 800\nmark g2:1\nmedia 2560\nmark g2:2\nspoke Pardon?\n"
           "transcribe 5\nheard\n"
           "transcribe 6\nheard\n"
           "transcribe 7\nheard Hi.\nask 8\nspeak 9 Hello.\n"
           "media 800\nmark g3:1\nmedia 2080\nmark g3:2\nspoke Hello.\n"
           "transcribe 10\nheard\nspeak 11 Pardon?\n"
           "media 800\nmark g4:1\nmedia 2560\nmark g4:2\nspoke Pardon?\n");
    assert_int_equal(va_call_stat(w->call)->user_turns, 1);
}

/* A noise stopped the thinking: the words before it are answered after all. */
static void test_noise_while_thinking(void **state)
{
    static const char *const hears[] = {"What time is it?", "", NULL};
    static const char *const replies[] = {"Late.", "Still late.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->llm_ms = 1000;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2600, 300);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard What time is it?\nask 2\ncancel 2\n"
                    "transcribe 3\nheard\nask 4\nspeak 5 Still late.\n"
                    "media 800\nmark g2:1\nmedia 4480\nmark g2:2\n"
                    "spoke Still late.\n");
    world_turn(w, 0, VA_ROLE_USER, "What time is it?", false);
}

static void test_empty_reply(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", NULL};
    static const char *const replies[] = {"", " \n |...", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 5000, 600);
    world_until(w, 9000);
    world_expect(
        w,
        "transcribe 1\nheard Hi.\nask 2\n" APOLOGY(
            "3", "g2") "transcribe 4\nheard Hi.\nask 5\n" APOLOGY("6", "g4"));
}

/* Nothing but the hang-up: nothing to say, so it ends at once. */
static void test_silent_hangup(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static const char *const replies[] = {"$", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard Hi.\nask 2\nhangup\n");
}

static void test_reply_without_end(void **state)
{
    static const char *const hears[] = {"Hi.", "Hey!", NULL};
    static const char *const replies[] = {"One. Two. Three~", "Yes.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard Hi.\nask 2\n"
                    "speak 3 One.\nspeak 4 Two.\n"
                    "media 800\nmark g1:1\nmedia 1120\nmark g1:2\n"
                    "media 1920\nmark g1:3\n");
    assert_int_equal(va_call_phase(w->call), VA_PHASE_SPEAKING);
    world_talk(w, w->start + 9000, 600);
    world_until(w, 14000);
    assert_int_equal(world_count(w, "cancel 2"), 1);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "One. Two.", true);
    world_turn(w, 3, VA_ROLE_ASSISTANT, "Yes.", false);
}

/* More than a turn holds: the rest is not said, and not remembered. */
static void test_long_reply(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static char text[VA_SPEECH_TEXT + 4000];
    const char *const replies[] = {text, NULL};
    world_t *w = *state;
    va_str_t kept;

    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        text[i] = i % 100 == 99 ? '.' : i % 10 == 0 ? ' ' : 'a';
    }
    text[sizeof(text) - 1] = '\0';
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 600000);
    assert_int_equal(world_count(w, "spoke"), 1);
    kept = va_history_last(va_call_history(w->call), VA_ROLE_ASSISTANT);
    assert_in_range(kept.len, VA_SPEECH_TEXT - 10, VA_SPEECH_TEXT);
    assert_true(va_call_memory(w->call) < 128 * 1024);
}

/* The bound of the text falls into a character. */
static void test_long_reply_cut(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static char text[VA_SPEECH_TEXT + 8];
    const char *replies[] = {text, NULL};
    world_t *w = *state;
    va_str_t kept;

    for (size_t i = 0; i < VA_SPEECH_TEXT - 1; i++) {
        text[i] = i % 100 == 99 ? '.' : i % 10 == 0 ? ' ' : 'a';
    }
    strcpy(text + VA_SPEECH_TEXT - 1, "\xc3\xb6|b");
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 600000);
    kept = va_history_last(va_call_history(w->call), VA_ROLE_ASSISTANT);
    assert_int_equal(kept.len, VA_SPEECH_TEXT - 3); /* trimmed on both sides */
    assert_int_equal(kept.data[kept.len - 1], 'a');
}

static void test_many_sentences(void **state)
{
    static const char *const hears[] = {"Count.", "Stop.", NULL};
    static char text[1000];
    const char *const replies[] = {text, "Fine.", NULL};
    world_t *w = *state;
    va_str_t kept;

    for (size_t i = 0; i + 4 < sizeof(text); i += 4) {
        memcpy(text + i, "Na. ", 4);
    }
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 60000);
    assert_int_equal(world_count(w, "speak"), VA_SPEECH_SENTENCES);
    assert_int_equal(world_count(w, "mark"), VA_SPEECH_SENTENCES + 1);
    assert_int_equal(world_count(w, "spoke"), 1);
    assert_int_equal(w->played_ms, VA_SPEECH_SENTENCES * 180);
    kept = va_history_last(va_call_history(w->call), VA_ROLE_ASSISTANT);
    assert_int_equal(kept.len, VA_SPEECH_SENTENCES * 4 - 1);
}

/* A fast voice: refused audio is asked for again, and every byte comes once
   and in order. */
static void backpressure(world_t *w, size_t piece, uint32_t ms)
{
    static const char *const hears[] = {"Tell.", NULL};
    static const char *const replies[] = {
        "Number one is a sentence that goes on and on and on, for quite long. "
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

static void test_lost_marks(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", NULL};
    static const char *const replies[] = {"One. Two.", "Three.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->lose_marks = true;
    w->quiet_line = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 8000, 600);
    world_until(w, 15000);
    assert_int_equal(world_when(w, "spoke One. Two.", 1),
                     world_when(w, "media", 1) + 480 + VA_PLAYOUT_GRACE_MS);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "One. Two.", false);
    world_turn(w, 3, VA_ROLE_ASSISTANT, "Three.", false);
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
static void feed(world_t *w, uint64_t timestamp, bool voiced, size_t n)
{
    uint8_t audio[1600];

    memset(audio, voiced ? FAKE_VOICE : VA_ULAW_SILENCE, sizeof(audio));
    va_call_audio(w->call, timestamp, audio, n, w->now);
}

static void test_gap(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    for (uint64_t t = 0; t < 400; t += 20) {
        feed(w, t, true, 160);
    }
    assert_int_equal(world_count(w, "transcribe"), 0);
    feed(w, 440, false, 160); /* 40 ms are missing */
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40);
    feed(w, 900, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440);
    assert_int_equal(world_count(w, "transcribe"), 1);
    /* Hours are nonsense, not silence. */
    feed(w, UINT64_MAX - 10, false, 160);
    feed(w, 0, false, 160);
    feed(w, 20, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440);
    feed(w, 3000000, false, 160);
    assert_int_equal(va_call_stat(w->call)->gaps_ms, 40 + 440 + 2999960);
}

/* However long a gap is, so much silence is heard at once and no more. */
static void test_long_gap(void **state)
{
    world_t *w = *state;

    w->conf.listen.silence_ms = 6000;
    world_begin(w);
    for (uint64_t t = 0; t < 400; t += 20) {
        feed(w, t, true, 160);
    }
    feed(w, 60000, false, 160);
    assert_int_equal(world_count(w, "transcribe"), 0);
    for (uint64_t t = 60020; t < 61000; t += 20) {
        feed(w, t, false, 160);
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
        feed(w, stamps[i], true, 160);
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

            feed(w, done / 8, true, n);
            done += n;
        }
        while (done < 16000) {
            size_t n = 16000 - done < sizes[k] ? 16000 - done : sizes[k];

            feed(w, done / 8, false, n);
            done += n;
        }
        assert_int_equal(va_call_stat(w->call)->gaps_ms, 0);
        world_expect(w, "transcribe 1\n");
        assert_int_equal(w->heard_bytes, 8000 + 240 * 8);
    }
}

/* Hung up at any moment: nothing leaks (the sanitizer and valgrind look). */
static void test_hang_up_any_time(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", NULL};
    static const char *const replies[] = {"One. Two. Three.", "Bye.$", NULL};
    world_t *w = *state;

    for (uint64_t at = 0; at < 7000; at += 90) {
        world_free(w);
        setup(state);
        w->conf.greeting = VA_STR("Hello.");
        w->hears = hears;
        w->replies = replies;
        world_begin(w);
        world_talk(w, w->start + 500, 600);
        world_talk(w, w->start + 3000, 600);
        world_until(w, at);
    }
}

/* Everything that comes after the end is ignored; the world would object. */
static void test_after_the_end(void **state)
{
    world_t *w = *state;

    w->conf.greeting.len = 0;
    world_begin(w);
    va_call_say(w->call, VA_STR(""), true, w->now);
    world_expect(w, "hangup\n");
    for (uint64_t t = 0; t < 3000; t += 20) {
        feed(w, t, t < 1000, 160);
    }
    va_call_start(w->call, w->now);
    va_call_dtmf(w->call, '1', w->now);
    va_call_mark(w->call, VA_STR("g1:1"), w->now);
    va_call_transcript(w->call, 1, VA_STR("x"), 1, w->now);
    va_call_reply(w->call, 1, VA_STR("x"), w->now);
    va_call_reply_end(w->call, 1, true, w->now);
    va_call_speech(w->call, 1, (const uint8_t *)"x", 1, w->now);
    va_call_speech_end(w->call, 1, w->now);
    va_call_failed(w->call, 1, w->now);
    va_call_interrupt(w->call, w->now);
    va_call_say(w->call, VA_STR("x"), false, w->now);
    va_call_tick(w->call, w->now + 100000);
    world_expect(w, "hangup\n");
}

/* The same inputs give the same actions at the same times. */
static void test_deterministic(void **state)
{
    static const char *const hears[] = {"One.", "", "!", "Two.", NULL};
    static const char *const replies[] = {"A. B. C.", "!", "Long. Longer.",
                                          NULL};
    static uint64_t times[WORLD_LINES];
    world_t *w = *state;
    va_buf_t first;
    size_t lines = 0;

    va_buf_init(&first, 1 << 20);
    for (int run = 0; run < 2; run++) {
        world_free(w);
        setup(state);
        w->conf.greeting = VA_STR("Hello. How are you?");
        w->hears = hears;
        w->replies = replies;
        w->late = true;
        world_begin(w);
        world_talk(w, w->start + 700, 600);
        world_talk(w, w->start + 3200, 400);
        world_talk(w, w->start + 6000, 900);
        world_talk(w, w->start + 9000, 220);
        world_until(w, 15000);
        if (run == 0) {
            va_buf_str(&first, va_buf_view(&w->log));
            memcpy(times, w->line_at, sizeof(times));
            lines = w->lines;
        }
    }
    assert_true(lines > 20);
    assert_string_equal(first.data, w->log.data);
    assert_memory_equal(times, w->line_at, lines * sizeof(times[0]));
    va_buf_free(&first);
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

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(va_call_phase_name(VA_PHASE_LISTENING), "listening");
    assert_string_equal(va_call_phase_name(VA_PHASE_ENDED), "ended");
    va_call_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_recogniser_fails),
        TEST(test_model_fails),
        TEST(test_voice_fails),
        TEST(test_apology_fails),
        TEST(test_any_words),
        TEST(test_no_apology_text),
        TEST(test_tones_interrupted),
        TEST(test_voice_breaks),
        TEST(test_farewell_fails),
        TEST(test_not_understood),
        TEST(test_noise_while_thinking),
        TEST(test_empty_reply),
        TEST(test_silent_hangup),
        TEST(test_reply_without_end),
        TEST(test_long_reply),
        TEST(test_long_reply_cut),
        TEST(test_many_sentences),
        TEST(test_backpressure),
        TEST(test_slow_voice),
        TEST(test_speech_bounds),
        TEST(test_late_audio),
        TEST(test_full_queue),
        TEST(test_no_sound),
        TEST(test_ended_early),
        TEST(test_lost_marks),
        TEST(test_lying_marks),
        TEST(test_short_window),
        TEST(test_gap),
        TEST(test_long_gap),
        TEST(test_backwards),
        TEST(test_odd_pieces),
        TEST(test_hang_up_any_time),
        TEST(test_after_the_end),
        TEST(test_deterministic),
        TEST(test_quiet_line),
        TEST(test_names),
    };

    return cmocka_run_group_tests_name("call faults", tests, NULL, NULL) != 0;
}
