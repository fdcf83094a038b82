/*
 * Whole conversations on a virtual clock: greeting, turns, interruptions and
 * endings, action by action.
 */
#include "call_world.h"

static world_t world;

static int setup(void **state)
{
    world_init(&world);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void test_greeting(void **state)
{
    world_t *w = *state;

    world_begin(w);
    world_until(w, 99);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_SPEAKING);
    world_expect(w, "speak 1 Hello there.\n");
    world_until(w, 3000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\n"
                    "mark g1:1\n"
                    "media 4960\n"
                    "mark g1:2\n"
                    "spoke Hello there.\n");
    assert_int_equal(w->played_ms, 720);
    /* It is over when its mark is back, and not before. */
    assert_int_equal(world_when(w, "spoke", 1), 100 + 720 + 40);
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hello there.", false);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_LISTENING);
    assert_int_equal(va_call_stat(w->call)->assistant_turns, 1);
    assert_true(va_call_deadline(w->call, w->now) == UINT64_MAX);
}

static void test_turn(void **state)
{
    static const char *const hears[] = {"What time is it?", NULL};
    static const char *const replies[] = {"It is |late. Go| to bed.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    world_begin(w);
    world_talk(w, w->start + 1000, 1000);
    world_until(w, 2600);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_TRANSCRIBING);
    world_until(w, 2800);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_THINKING);
    world_until(w, 6000);
    world_expect(w, "transcribe 1\n"
                    "heard What time is it?\n"
                    "ask 2\n"
                    "speak 3 It is late.\n"
                    "speak 4 Go to bed.\n"
                    "media 800\n"
                    "mark g1:1\n"
                    "media 4480\n"
                    "mark g1:2\n"
                    "media 4800\n"
                    "mark g1:3\n"
                    "spoke It is late. Go to bed.\n");
    /* The last frame of speech is at 1980, and 500 ms later it is over. */
    assert_int_equal(world_when(w, "transcribe", 1), 2480);
    assert_int_equal(w->times.speech_end, w->start + 1980);
    assert_int_equal(w->times.turn_end, w->start + 2480);
    assert_int_equal(w->times.transcript, w->start + 2780);
    assert_int_equal(w->times.first_text, w->start + 2980);
    assert_int_equal(w->times.first_speak, w->start + 3030);
    assert_int_equal(w->times.first_audio, w->start + 3130);
    assert_int_equal(w->times.first_sent, w->start + 3130);
    assert_int_equal(w->times.first_heard, w->start + 3270);
    /* Speech, 300 ms of pre-roll and a tail. */
    assert_in_range(w->heard_bytes, (1000 + 300) * 8, (1000 + 640) * 8);
    world_turn(w, 0, VA_ROLE_USER, "What time is it?", false);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "It is late. Go to bed.", false);
    assert_true(va_call_history(w->call)->turns[0].confidence == 0.5F);
    assert_int_equal(va_call_stat(w->call)->user_turns, 1);
}

static void test_two_turns(void **state)
{
    static const char *const hears[] = {"One?", "Two?", NULL};
    static const char *const replies[] = {"Yes, one.", "Yes, two.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 2000, 600);
    world_talk(w, w->start + 6000, 600);
    world_until(w, 12000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "spoke Hello there.\n"
                    "transcribe 2\nheard One?\nask 3\nspeak 4 Yes, one.\n"
                    "media 800\nmark g2:1\nmedia 3520\nmark g2:2\n"
                    "spoke Yes, one.\n"
                    "transcribe 5\nheard Two?\nask 6\nspeak 7 Yes, two.\n"
                    "media 800\nmark g3:1\nmedia 3520\nmark g3:2\n"
                    "spoke Yes, two.\n");
    assert_int_equal(va_call_history(w->call)->count, 5);
    assert_int_equal(va_call_stat(w->call)->assistant_turns, 3);
    assert_int_equal(va_call_stat(w->call)->interruptions, 0);
}

/* Audio is sent a bounded time ahead, without gaps, for as long as it lasts. */
static void test_pacing(void **state)
{
    static const char *const hears[] = {"Go on.", NULL};
    char text[221];
    const char *replies[] = {text, NULL};
    world_t *w = *state;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->quiet_line = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 30000);
    assert_int_equal(w->played_ms, 220 * 60);
    /* First sent, then played to the end and the mark's way back. */
    assert_int_equal(world_when(w, "spoke", 1),
                     world_when(w, "media", 1) + 220 * 60 + 40);
}

static void barge_in_greeting(world_t *w, uint64_t at, const char *log)
{
    w->conf.greeting = VA_STR("Hello to you all out there.");
    world_begin(w);
    world_talk(w, w->start + at, 600);
    world_until(w, at + 400);
    world_expect(w, log);
}

static void test_interrupted_greeting(void **state)
{
    static const char *const hears[] = {"Stop.", NULL};
    static const char *const replies[] = {"Fine.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    /* 1620 ms of audio from 100 on; 200 ms of speech stop it at 800 + 180. */
    barge_in_greeting(w, 800,
                      "speak 1 Hello to you all out there.\n"
                      "media 800\nmark g1:1\nmedia 12160\nmark g1:2\n"
                      "clear\nspoke cut Hello to you\n");
    assert_int_equal(world_when(w, "clear", 1), 980);
    assert_int_equal(w->played_ms, 880);
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hello to you", true);
    assert_int_equal(va_call_stat(w->call)->interruptions, 1);
    /* The marks come back after the clear, and prove nothing. */
    world_until(w, 9000);
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hello to you", true);
    world_turn(w, 1, VA_ROLE_USER, "Stop.", false);
    world_turn(w, 2, VA_ROLE_ASSISTANT, "Fine.", false);
    assert_int_equal(world_count(w, "clear"), 1);
}

/* A script without white space is cut between its characters. */
static void test_interrupted_chinese(void **state)
{
    world_t *w = *state;

    w->conf.greeting = VA_STR("\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x90\x97\xe4\xbd"
                              "\xa0\xe5\xa5\xbd\xe5\x90\x97\xe3\x80\x82");
    world_begin(w);
    world_talk(w, w->start + 700, 600);
    world_until(w, 1000);
    /* 780 of 1260 ms: 13 of 21 bytes, four characters. */
    world_turn(w, 0, VA_ROLE_ASSISTANT,
               "\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x90\x97\xe4\xbd\xa0", true);
}

/* The voice is still at work: it is told to stop. */
static void test_interrupted_sentence(void **state)
{
    static const char *const hears[] = {"Tell me.", "No.", NULL};
    static const char *const replies[] = {
        "First comes a rather long sentence. Then another one follows it. "
        "And a third one.",
        "Good.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->voice_ms = 400;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 3600, 600);
    world_until(w, 3900);
    world_expect(w, "transcribe 1\nheard Tell me.\nask 2\n"
                    "speak 3 First comes a rather long sentence.\n"
                    "speak 4 Then another one follows it.\n"
                    "media 800\nmark g1:1\nmedia 11200\n"
                    "cancel 3\ncancel 4\nclear\nspoke cut First comes a\n");
    world_until(w, 12000);
    assert_string_equal(va_call_history(w->call)->turns[1].text,
                        "First comes a");
}

/* Synthesis ended long ago, but the carrier still plays: clear all the same. */
static void test_interrupted_after_synthesis(void **state)
{
    static const char *const hears[] = {"Yes.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 400, 600);
    world_until(w, 560);
    assert_int_equal(world_count(w, "mark g1:2"), 1);
    assert_int_equal(w->requests[1].open, false);
    world_until(w, 1000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "clear\nspoke cut Hello\n");
}

/* All was played, but the last mark is on its way: it counts as outstanding. */
static void test_interrupted_at_the_end(void **state)
{
    world_t *w = *state;

    w->net_ms = 250;
    world_begin(w);
    world_talk(w, w->start + 800, 600);
    world_until(w, 1050);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "clear\nspoke cut Hello\n");
}

/* The turn was closed by the clock, but its mark is not back. */
static void test_interrupted_without_marks(void **state)
{
    static const char *const hears[] = {"Hello?", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->lose_marks = true;
    world_begin(w);
    world_talk(w, w->start + 4000, 600);
    world_until(w, 5000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "spoke Hello there.\n"
                    "clear\n");
    assert_int_equal(world_when(w, "spoke", 1), 820 + VA_PLAYOUT_GRACE_MS);
    assert_int_equal(va_call_stat(w->call)->interruptions, 0);
}

static void test_interrupted_thinking(void **state)
{
    static const char *const hears[] = {"I want", "a pizza.", NULL};
    static const char *const replies[] = {"What? Tell me.", "A pizza.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->llm_ms = 2000;
    w->late = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 3000, 600);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard I want\nask 2\ncancel 2\n"
                    "transcribe 3\nheard a pizza.\nask 4\nspeak 5 A pizza.\n"
                    "media 800\nmark g2:1\nmedia 3040\nmark g2:2\n"
                    "spoke A pizza.\n");
    world_turn(w, 0, VA_ROLE_USER, "I want a pizza.", false);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "A pizza.", false);
    assert_int_equal(va_call_stat(w->call)->interruptions, 0);
}

/* What was said before the pause and after it is recognised as one. */
static void going_on_transcribing(world_t *w, uint32_t barge_in)
{
    static const char *const hears[] = {"I want", "I want a pizza.", NULL};
    static const char *const replies[] = {"Yes.", NULL};

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->conf.barge_in_ms = barge_in;
    w->stt_ms = 1000;
    w->late = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2200, 600);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\ncancel 1\ntranscribe 2\n"
                    "heard I want a pizza.\nask 3\nspeak 4 Yes.\n"
                    "media 800\nmark g1:1\nmedia 1120\nmark g1:2\n"
                    "spoke Yes.\n");
    assert_int_equal(va_call_history(w->call)->count, 2);
    /* Pre-roll, speech, the pause, speech, a tail. */
    assert_in_range(w->heard_bytes, (300 + 600 + 500 + 600) * 8,
                    (380 + 600 + 600 + 600 + 240) * 8);
}

static void test_going_on_transcribing(void **state)
{
    going_on_transcribing(*state, 200);
}

/* With barge-in off too: nothing of the assistant's is interrupted by it. */
static void test_going_on_no_barge_in(void **state)
{
    going_on_transcribing(*state, UINT32_MAX);
}

static void test_noise_while_speaking(void **state)
{
    world_t *w = *state;

    w->conf.greeting = VA_STR("Hello to you all out there.");
    world_begin(w);
    world_talk(w, w->start + 500, 160);
    world_talk(w, w->start + 1200, 20);
    world_until(w, 5000);
    world_expect(w, "speak 1 Hello to you all out there.\n"
                    "media 800\nmark g1:1\nmedia 12160\nmark g1:2\n"
                    "spoke Hello to you all out there.\n");
    assert_int_equal(va_call_stat(w->call)->noises, 1);
    assert_int_equal(w->played_ms, 27 * 60);
}

/* A short "yes" into the last word is an answer. */
static void test_overlap_at_the_end(void **state)
{
    static const char *const hears[] = {"Yes.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 700, 160);
    world_until(w, 2000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "spoke Hello there.\n"
                    "transcribe 2\nheard Yes.\nask 3\n");
}

static void test_barge_in_off(void **state)
{
    static const char *const hears[] = {"And now?", NULL};
    world_t *w = *state;

    w->conf.barge_in_ms = UINT32_MAX;
    w->conf.greeting = VA_STR("Hello to you all out there.");
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 300, 600);
    world_talk(w, w->start + 3000, 600);
    world_until(w, 4400);
    world_expect(w, "speak 1 Hello to you all out there.\n"
                    "media 800\nmark g1:1\nmedia 12160\nmark g1:2\n"
                    "spoke Hello to you all out there.\n"
                    "transcribe 2\nheard And now?\nask 3\n");
    assert_int_equal(va_call_stat(w->call)->noises, 1);
}

/* What is too short for a turn does not stop the assistant either. */
static void test_barge_in_below_min_speech(void **state)
{
    world_t *w = *state;

    w->conf.barge_in_ms = 60;
    w->conf.min_speech_ms = 200;
    world_begin(w);
    world_talk(w, w->start + 300, 120);
    world_until(w, 3000);
    assert_int_equal(world_count(w, "clear"), 0);
    assert_int_equal(world_count(w, "spoke Hello there."), 1);
}

static void test_caller_first(void **state)
{
    static const char *const hears[] = {"Hello?", NULL};
    static const char *const replies[] = {"Hi.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    /* Speaks before any audio of the greeting was made. */
    w->tts_ms = 1000;
    world_begin(w);
    world_talk(w, w->start, 600);
    world_until(w, 5000);
    assert_int_equal(w->played_ms, 180);
    world_turn(w, 0, VA_ROLE_USER, "Hello?", false);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "Hi.", false);
}

/* The first sound of a turn is short and followed by a breath. */
static void test_hesitation(void **state)
{
    static const char *const hears[] = {"One.", "Er, two.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->conf.greeting.len = 0;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 5000, 60);
    world_talk(w, w->start + 5160, 600);
    world_until(w, 8000);
    world_expect(w, "transcribe 1\nheard One.\nask 2\ncancel 2\n"
                    "transcribe 3\nheard Er, two.\nask 4\n");
}

/* One who talks longer than an utterance may be loses nothing of it. */
static void test_monologue(void **state)
{
    static const char *const hears[] = {"One", "two", "three.", NULL};
    static const char *const replies[] = {"I see.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->stt_ms = 1500;
    world_begin(w);
    world_talk(w, w->start + 1000, 25000);
    world_until(w, 40000);
    world_expect(w, "transcribe 1\nheard One\n"
                    "transcribe 2\nheard two\n"
                    "transcribe 3\nheard three.\n"
                    "ask 4\nspeak 5 I see.\n"
                    "media 800\nmark g1:1\nmedia 2080\nmark g1:2\n"
                    "spoke I see.\n");
    world_turn(w, 0, VA_ROLE_USER, "One two three.", false);
}

/* The rest of it is said before the recogniser is done with the first part:
   one after the other, in order. */
static void monologue_of_two(world_t *w, const char *const *hears)
{
    static const char *const replies[] = {"I see.", NULL};

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->conf.listen.max_utterance_ms = 2000;
    w->stt_ms = 3000;
    world_begin(w);
    world_talk(w, w->start + 1000, 2500);
}

static void test_slow_recogniser(void **state)
{
    static const char *const hears[] = {"One", "two.", NULL};
    world_t *w = *state;

    monologue_of_two(w, hears);
    world_until(w, 20000);
    world_expect(w, "transcribe 1\nheard One\n"
                    "transcribe 2\nheard two.\n"
                    "ask 3\nspeak 4 I see.\n"
                    "media 800\nmark g1:1\nmedia 2080\nmark g1:2\n"
                    "spoke I see.\n");
    assert_int_equal(world_when(w, "transcribe 2", 1),
                     world_when(w, "heard One", 1));
    world_turn(w, 0, VA_ROLE_USER, "One two.", false);
}

static void test_slow_recogniser_fails(void **state)
{
    static const char *const hears[] = {"!", "two.", NULL};
    world_t *w = *state;

    monologue_of_two(w, hears);
    world_until(w, 20000);
    world_turn(w, 0, VA_ROLE_USER, "two.", false);
    world_turn(w, 1, VA_ROLE_ASSISTANT, "I see.", false);
    assert_int_equal(va_call_stat(w->call)->failures, 1);
}

/* A third part joins the second, which still waits for the recogniser. */
static void test_slow_recogniser_goes_on(void **state)
{
    static const char *const hears[] = {"One", "two and three.", NULL};
    world_t *w = *state;

    monologue_of_two(w, hears);
    world_talk(w, w->start + 4100, 400);
    world_until(w, 20000);
    assert_int_equal(world_count(w, "transcribe"), 2);
    assert_in_range(w->heard_bytes, (500 + 400) * 8, 2000 * 8);
    world_turn(w, 0, VA_ROLE_USER, "One two and three.", false);
}

/* What waits for the recogniser gives way to what has to be said now. */
static void test_slow_recogniser_say(void **state)
{
    static const char *const hears[] = {"One", "Four.", NULL};
    world_t *w = *state;

    monologue_of_two(w, hears);
    world_until(w, 4200);
    va_call_say(w->call, VA_STR("Hold."), false, w->now);
    world_talk(w, w->start + 6000, 600);
    world_until(w, 12000);
    assert_int_equal(world_count(w, "transcribe"), 2);
    assert_in_range(w->heard_bytes, 600 * 8, (600 + 300 + 340) * 8);
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hold.", false);
    world_turn(w, 1, VA_ROLE_USER, "Four.", false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_greeting),
        TEST(test_turn),
        TEST(test_two_turns),
        TEST(test_pacing),
        TEST(test_interrupted_greeting),
        TEST(test_interrupted_chinese),
        TEST(test_interrupted_sentence),
        TEST(test_interrupted_after_synthesis),
        TEST(test_interrupted_at_the_end),
        TEST(test_interrupted_without_marks),
        TEST(test_interrupted_thinking),
        TEST(test_going_on_transcribing),
        TEST(test_going_on_no_barge_in),
        TEST(test_noise_while_speaking),
        TEST(test_overlap_at_the_end),
        TEST(test_barge_in_off),
        TEST(test_barge_in_below_min_speech),
        TEST(test_caller_first),

        TEST(test_hesitation),

        TEST(test_monologue),
        TEST(test_slow_recogniser),
        TEST(test_slow_recogniser_fails),
        TEST(test_slow_recogniser_goes_on),
        TEST(test_slow_recogniser_say),
    };

    return cmocka_run_group_tests_name("call", tests, NULL, NULL) != 0;
}
