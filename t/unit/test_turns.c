/*
 * When the caller's turn is over: by its words, by what the recogniser says,
 * by the caller's pace; and what is done ahead while it may still go on.
 */
#include "call_world.h"

static world_t world;

static int setup(void **state)
{
    world_init(&world);
    world.conf.greeting.len = 0;
    world.conf.adaptive = true;
    world.conf.endpoint_min_ms = 300;
    world.conf.listen.silence_ms = 4000;
    world.stt_ms = 100;
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* The caller's only turn, of 1000 to 2000; what ended it, and when. */
static uint64_t turn_end(world_t *w, const char *text)
{
    const char *hears[] = {text, NULL};

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 1000);
    world_until(w, 9000);
    assert_int_equal(world_count(w, "transcribe"), 1);
    return world_when(w, "ask", 1);
}

static void test_words(void **state)
{
    static const struct {
        const char *text;
        uint64_t silence;
    } cases[] = {
        {"What time is it?", 300},
        {"Yes.", 300},
        {"No, thank you.", 300},
        {"Yes", 600},
        {"no thank you", 550},
        {"Hello.", 600},
        {"Hello?", 300},
        {"Too late.", 600},
        {"It is late.", 550},
        {"i want a pizza", 800},
        {"I want a pizza", 1200},
        {"two", 1200},
        {"a pizza", 1200},
        {"I have a question.", 1200},
        {"if it rains", 1200},
        {"I want a pizza and", 2200},
        {"I want to.", 2200},
        {"Well, um", 2200},
        {"First,", 2200},
        {"Let me see.", 2200},
        {"please hold on", 2200},
        {"Can you hold on?", 300},
        {"So what?", 300},
        {"My number is five five five", 2000},
        {"555 01", 2000},
        {"five five five one two three four five six seven", 550},
        {"\xe4\xbd\xa0\xe5\xa5\xbd\xe5\x90\x97\xef\xbc\x9f", 300},
    };
    world_t *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        world_free(w);
        setup(state);
        /* The last frame of speech is at 1980. */
        assert_int_equal(turn_end(w, cases[i].text),
                         1980 + (cases[i].silence + 19) / 20 * 20);
        assert_int_equal(world_when(w, "transcribe", 1), 1980 + 160);
    }
}

/* Waiting and recognising overlap, but nothing is decided without words. */
static void test_slow_recogniser(void **state)
{
    world_t *w = *state;

    w->stt_ms = 1000;
    assert_int_equal(turn_end(w, "What time is it?"), 1980 + 160 + 1000);
    world_free(w);
    setup(state);
    w->stt_ms = 6000;
    assert_int_equal(turn_end(w, "What time is it?"), 1980 + 160 + 6000);
    assert_int_equal(w->times.turn_end, 0);
}

static void test_bounds(void **state)
{
    world_t *w = *state;

    w->conf.listen.silence_ms = 500;
    assert_int_equal(turn_end(w, "I want and"), 1980 + 500);
    world_free(w);
    setup(state);
    w->conf.endpoint_min_ms = 1000;
    assert_int_equal(turn_end(w, "Yes."), 1980 + 1000);
    world_free(w);
    setup(state);
    w->conf.endpoint_min_ms = 1000;
    assert_int_equal(turn_end(w, "I want and"), 1980 + 1000 + 1900);
}

/* What may be a voice when the silence is long enough is waited for: it is
   one, or just a click. */
static void test_stirring(void **state)
{
    static const char *const hears[] = {"It is late.", "It is late, is it?",
                                        NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 1000);
    world_talk(w, w->start + 1980 + 540, 600);
    world_until(w, 6000);
    assert_int_equal(world_count(w, "heard"), 1);
    assert_int_equal(world_count(w, "heard It is late, is it?"), 1);
    world_free(w);
    setup(state);
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 1000);
    world_talk(w, w->start + 1980 + 560, 20);
    world_until(w, 6000);
    assert_in_range(world_when(w, "ask", 1), 1980 + 560, 1980 + 620);
}

/* He goes on: what was recognised of the first part is thrown away. */
static void goes_on(world_t *w, uint32_t stt_ms, const char *log)
{
    static const char *const hears[] = {"I want", "I want a pizza.", NULL};

    w->hears = hears;
    w->stt_ms = stt_ms;
    w->late = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2000, 600);
    world_until(w, 6000);
    world_expect(w, log);
    world_turn(w, 0, VA_ROLE_USER, "I want a pizza.", false);
    /* Pre-roll, speech, the pause, speech, a tail. */
    assert_in_range(w->heard_bytes, (300 + 600 + 400 + 600) * 8,
                    (380 + 600 + 400 + 600 + 240) * 8);
}

static void test_goes_on(void **state)
{
    world_t *w = *state;

    goes_on(w, 100,
            "transcribe 1\ntranscribe 2\nheard I want a pizza.\n"
            "ask 3\n");
    world_free(w);
    setup(state);
    goes_on(w, 400,
            "transcribe 1\ncancel 1\ntranscribe 2\n"
            "heard I want a pizza.\nask 3\n");
}

/* Who pauses long is given longer. */
static void test_pace(void **state)
{
    static const char *const hears[] = {"I want", "I want the big",
                                        "i want the big pizza", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2200, 600);
    world_talk(w, w->start + 3400, 600);
    world_until(w, 8000);
    assert_int_equal(world_count(w, "transcribe"), 3);
    assert_int_equal(world_count(w, "ask"), 1);
    assert_in_range(world_when(w, "ask", 1), 3980 + 700, 3980 + 1000);
}

/* The recogniser fails on the unfinished turn: it is asked when it is over. */
static void test_recogniser_fails(void **state)
{
    static const char *const hears[] = {"!", "Yes.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->conf.listen.silence_ms = 800;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 4000);
    world_expect(w, "transcribe 1\ntranscribe 2\nheard Yes.\nask 3\n");
    assert_int_equal(world_when(w, "transcribe", 2), 1580 + 800);
}

static void test_nothing_understood(void **state)
{
    static const char *const hears[] = {" ... ", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 4000);
    assert_int_equal(world_count(w, "heard\n"), 1);
    assert_int_equal(world_when(w, "heard", 1), 1580 + 1000);
    assert_int_equal(world_count(w, "spoke Pardon?"), 1);
}

/* A line on which silence is not sent ends the turn by the clock. */
static void test_quiet_line(void **state)
{
    world_t *w = *state;

    w->quiet_line = true;
    w->conf.preemptive = true;
    assert_int_equal(turn_end(w, "i want a pizza"), 1980 + 160 + 200 + 100);
    assert_int_equal(world_when(w, "commit", 1), 1980 + 800 + 200);
}

static void test_partials(void **state)
{
    static const char *const hears[] = {"I want a pizza.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->stt_ms = 3000;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    va_call_partial(w->call, VA_STR("nothing is being said"), w->now);
    world_until(w, 1500);
    va_call_partial(w->call, VA_STR("I want a"), w->now);
    world_until(w, 2500);
    assert_int_equal(va_call_stat(w->call)->user_turns, 0);
    va_call_partial(w->call, VA_STR("I want a pizza."), w->now);
    assert_true(va_call_phase(w->call) == VA_PHASE_TRANSCRIBING);
    world_until(w, 6000);
    assert_int_equal(w->times_set, false);
    world_expect(w, "transcribe 1\nheard I want a pizza.\nask 2\n");
}

static void test_said_over(void **state)
{
    static const char *const hears[] = {"I want a", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    va_call_endpoint(w->call, w->now);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 2000);
    va_call_endpoint(w->call, w->now);
    assert_int_equal(world_when(w, "ask", 1), 2000);
    world_until(w, 3000);
}

/* The model is asked ahead, and nothing is heard of it before the end. */
static void test_preemptive(void **state)
{
    static const char *const hears[] = {"i want a pizza", NULL};
    static const char *const replies[] = {"Sure. Which one? Tell me.", NULL};
    world_t *w = *state;

    w->conf.preemptive = true;
    w->hears = hears;
    w->replies = replies;
    w->llm_ms = 50;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 2200);
    world_expect(w, "transcribe 1\nask 2 guess\nspeak 3 Sure.\n");
    assert_int_equal(va_call_phase(w->call), VA_PHASE_LISTENING);
    assert_int_equal(va_call_stat(w->call)->user_turns, 0);
    world_until(w, 6000);
    world_expect(w, "transcribe 1\nask 2 guess\nspeak 3 Sure.\n"
                    "heard i want a pizza\n"
                    "speak 4 Which one?\nspeak 5 Tell me.\n"
                    "media 800\nmark g1:1\nmedia 1600\nmark g1:2\n"
                    "media 4800\nmark g1:3\nresume 5\n"
                    "media 3840\nmark g1:4\n"
                    "spoke Sure. Which one? Tell me.\n");
    assert_int_equal(world_when(w, "media", 1), 1580 + 800);
    assert_int_equal(w->times.speech_end, w->start + 1580);
    assert_int_equal(w->times.turn_end, w->start + 1580 + 800);
    world_turn(w, 0, VA_ROLE_USER, "i want a pizza", false);
    assert_int_equal(va_call_history(w->call)->count, 2);
}

/* The turn is over while the model writes: what it calls for may be done. */
static void test_commit(void **state)
{
    static const char *const hears[] = {"I want a pizza, goodbye.", NULL};
    static const char *const replies[] = {"Bye.", NULL};
    world_t *w = *state;

    w->conf.preemptive = true;
    w->hears = hears;
    w->replies = replies;
    w->llm_ms = 700;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 6000);
    world_expect(w, "transcribe 1\nask 2 guess\n"
                    "heard I want a pizza, goodbye.\ncommit 2\n"
                    "speak 3 Bye.\nmedia 800\nmark g1:1\nmedia 1120\n"
                    "mark g1:2\nspoke Bye.\nhangup\n");
}

/* He goes on: the model's answer, and that it was asked, leave no trace. */
static void test_guess_wrong(void **state)
{
    static const char *const hears[] = {"i want a pizza", "And a beer.", NULL};
    static const char *const replies[] = {"A pizza.", "Both.", NULL};
    world_t *w = *state;

    w->conf.preemptive = true;
    w->hears = hears;
    w->replies = replies;
    w->late = true;
    for (uint32_t llm_ms = 20; llm_ms <= 420; llm_ms += 200) {
        world_free(w);
        setup(state);
        w->conf.preemptive = true;
        w->hears = hears;
        w->replies = replies;
        w->late = true;
        w->llm_ms = llm_ms;
        world_begin(w);
        va_call_restore(w->call, &(va_turn_t){.role = VA_ROLE_USER,
                                              .text = VA_STR("Hello.")});
        world_talk(w, w->start + 1000, 600);
        world_talk(w, w->start + 2000, 600);
        world_until(w, 2100);
        assert_int_equal(world_count(w, "ask 2 guess"), 1);
        assert_int_equal(w->requests[2].open, false);
        assert_string_equal(va_call_history(w->call)->turns[0].text, "Hello.");
        world_until(w, 8000);
        assert_int_equal(world_count(w, "heard"), 1);
        assert_int_equal(world_count(w, "spoke Both."), 1);
        assert_int_equal(world_count(w, "spoke"), 1);
        world_turn(w, 0, VA_ROLE_USER, "Hello. And a beer.", false);
        for (uint32_t i = 1; i <= w->request_count; i++) {
            assert_false(w->requests[i].open);
        }
    }
}

/* An engine fails the guess: no word of it, and it is asked again. */
static void test_guess_fails(void **state)
{
    static const char *const hears[] = {"i want a pizza", NULL};
    static const char *const replies[] = {"!", "A pizza.", NULL};
    world_t *w = *state;

    w->conf.preemptive = true;
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 6000);
    assert_int_equal(world_count(w, "ask 2 guess"), 1);
    assert_int_equal(world_count(w, "ask 3\n"), 1);
    assert_int_equal(world_count(w, "spoke A pizza."), 1);
    assert_int_equal(va_call_stat(w->call)->failures, 1);
}

/* What has to be said now, at any time: no request is lost, no turn doubled. */
static void test_say_at_any_time(void **state)
{
    static const char *const hears[] = {"i want a pizza", "Yes.", "No.", NULL};
    static const char *const replies[] = {"A pizza.", "Hi.", "Hi.", NULL};
    world_t *w = *state;

    for (uint64_t at = 900; at < 4000; at += 50) {
        world_free(w);
        setup(state);
        w->conf.preemptive = true;
        w->hears = hears;
        w->replies = replies;
        w->late = at % 100 == 0;
        world_begin(w);
        world_talk(w, w->start + 1000, 600);
        world_until(w, at);
        if (at % 150 == 0) {
            va_call_dtmf(w->call, '4', w->now);
        } else {
            va_call_say(w->call, VA_STR("Now hear this."), false, w->now);
        }
        world_until(w, at + 20000);
        for (uint32_t i = 1; i <= w->request_count; i++) {
            assert_false(w->requests[i].open);
        }
        assert_int_equal(va_call_phase(w->call), VA_PHASE_LISTENING);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_words),
        TEST(test_slow_recogniser),
        TEST(test_bounds),
        TEST(test_stirring),
        TEST(test_goes_on),
        TEST(test_pace),
        TEST(test_recogniser_fails),
        TEST(test_nothing_understood),
        TEST(test_quiet_line),
        TEST(test_partials),
        TEST(test_said_over),
        TEST(test_preemptive),
        TEST(test_commit),
        TEST(test_guess_wrong),
        TEST(test_guess_fails),
        TEST(test_say_at_any_time),
    };

    return cmocka_run_group_tests_name("turns", tests, NULL, NULL) != 0;
}
