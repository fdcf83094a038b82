/*
 * Conversations in a world that fails: engines that break, stall or answer
 * nonsense, marks that never come, texts that have no end.
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

/* A model breaks off and another one is asked, if nothing was said yet. */
static void test_model_retracts(void **state)
{
    static const char *const hears[] = {"Hi.", "Hi.", NULL};
    static const char *const replies[] = {"**Well, [I|<No. Yes.",
                                          "Well then. I|< do.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 6000);
    assert_int_equal(w->retracted, 1);
    world_talk(w, w->now + 1000, 600);
    world_until(w, 16000);
    assert_int_equal(w->retracted, 1);
    world_expect(w, "transcribe 1\nheard Hi.\nask 2\nspeak 3 No.\n"
                    "speak 4 Yes.\nmedia 800\nmark g1:1\nmedia 640\n"
                    "mark g1:2\nmedia 1920\nmark g1:3\nspoke No. Yes.\n"
                    "transcribe 5\nheard Hi.\nask 6\nspeak 7 Well then.\n"
                    "speak 8 I do.\nmedia 800\nmark g2:1\nmedia 4000\n"
                    "mark g2:2\nmedia 2400\nmark g2:3\n"
                    "spoke Well then. I do.\n");
    assert_int_equal(va_call_stat(w->call)->failures, 0);
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
        text[i] = i % 100 == 99 ? '.' : i % 10 == 1 ? ' ' : 'a';
    }
    strcpy(text + VA_SPEECH_TEXT - 1, "\xc3\xb6xb");
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 600000);
    kept = va_history_last(va_call_history(w->call), VA_ROLE_ASSISTANT);
    assert_int_equal(kept.len, VA_SPEECH_TEXT - 1);
    assert_int_equal(kept.data[kept.len - 1], 'a');
}

/* What is for eyes is neither said nor kept, and the first clause is early. */
static void test_reply_for_eyes(void **state)
{
    static const char *const hears[] = {"Hi.", NULL};
    static const char *const replies[] = {
        "**Good morning** to you and to all, I am \xf0\x9f\x98\x80 fine.\n- "
        "[One](http://x/y)",
        NULL};
    world_t *w = *state;
    va_str_t kept;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 60000);
    assert_int_equal(world_count(w, "speak"), 3);
    kept = va_history_last(va_call_history(w->call), VA_ROLE_ASSISTANT);
    assert_true(va_str_eq(
        kept, VA_STR("Good morning to you and to all, I am fine.\nOne")));
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
        world_feed(w, t, t < 1000, 160);
    }
    va_call_start(w->call, w->now);
    va_call_dtmf(w->call, '1', w->now);
    va_call_mark(w->call, VA_STR("g1:1"), w->now);
    va_call_transcript(w->call, 1, VA_STR("x"), 1, w->now);
    va_call_reply(w->call, 1, VA_STR("x"), w->now);
    assert_false(va_call_retract(w->call, 1, w->now));
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
        TEST(test_model_retracts),
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
        TEST(test_reply_for_eyes),
        TEST(test_long_reply_cut),
        TEST(test_many_sentences),

        TEST(test_lost_marks),

        TEST(test_hang_up_any_time),
        TEST(test_after_the_end),
        TEST(test_deterministic),

        TEST(test_names),
    };

    return cmocka_run_group_tests_name("call faults", tests, NULL, NULL) != 0;
}
