/*
 * What else than the voice takes a turn or ends one: goodbyes, keys, and what
 * the operator has said, action by action.
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

/* Words from before the stream was open are no answer to the greeting. */
static void test_caller_before_start(void **state)
{
    world_t *w = *state;
    uint8_t frame[VA_FRAME];

    w->call = va_call_new(&w->conf, world_act, w);
    for (uint64_t t = 0; t < 1200; t += VA_FRAME_MS) {
        memset(frame, t < 600 ? FAKE_VOICE : VA_ULAW_SILENCE, sizeof(frame));
        va_call_audio(w->call, t, frame, sizeof(frame), w->now);
    }
    va_call_start(w->call, w->now);
    w->start -= 1200;
    world_until(w, 4000);
    world_expect(w, "transcribe 1\ncancel 1\nspeak 2 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "spoke Hello there.\n");
}

static void test_goodbye(void **state)
{
    static const char *const hears[] = {"Thanks, goodbye.", NULL};
    static const char *const replies[] = {"Bye bye.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->net_ms = 300;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard Thanks, goodbye.\nask 2\n"
                    "speak 3 Bye bye.\n"
                    "media 800\nmark g1:1\nmedia 3040\nmark g1:2\n"
                    "spoke Bye bye.\nhangup\n");
    assert_int_equal(world_when(w, "hangup", 1),
                     world_when(w, "media", 1) + 480 + 300);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_ENDED);
    assert_true(va_call_deadline(w->call, w->now) == UINT64_MAX);
}

/* The model may decide it, too; a lost mark does not hold the line forever. */
static void test_model_hangs_up(void **state)
{
    static const char *const hears[] = {"Enough.", NULL};
    static const char *const replies[] = {"So be it.$", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    w->lose_marks = true;
    w->quiet_line = true;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 9000);
    assert_int_equal(world_when(w, "hangup", 1),
                     world_when(w, "media", 1) + 540 + VA_PLAYOUT_GRACE_MS);
}

static void test_farewell_interrupted(void **state)
{
    static const char *const hears[] = {"Goodbye.", "One more thing.", NULL};
    static const char *const replies[] = {"Goodbye and have a nice day.",
                                          "Which one?", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 3300, 600);
    world_until(w, 20000);
    assert_false(w->ended);
    assert_int_equal(world_count(w, "clear"), 1);
    assert_int_equal(world_count(w, "spoke Which one?"), 1);
    assert_int_equal(world_count(w, "hangup"), 0);
}

static void test_keys(void **state)
{
    static const char *const replies[] = {"Thank you.", "Right.", NULL};
    world_t *w = *state;

    w->replies = replies;
    world_begin(w);
    world_until(w, 500);
    va_call_dtmf(w->call, '1', w->now); /* interrupts */
    world_until(w, 700);
    va_call_dtmf(w->call, '2', w->now);
    world_until(w, 6000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "clear\nspoke cut Hello\n"
                    "heard 12\nask 2\nspeak 3 Thank you.\n"
                    "media 800\nmark g2:1\nmedia 4000\nmark g2:2\n"
                    "spoke Thank you.\n");
    assert_int_equal(world_when(w, "heard", 1), 2700);
    world_turn(w, 1, VA_ROLE_USER, "12", false);
    /* The number sign ends an entry at once, and is a key when alone. */
    va_call_dtmf(w->call, '7', w->now);
    va_call_dtmf(w->call, '#', w->now);
    assert_int_equal(world_count(w, "heard 7"), 1);
    world_until(w, 9000);
    va_call_dtmf(w->call, '#', w->now);
    assert_int_equal(world_count(w, "heard #"), 0);
    world_until(w, 12000);
    assert_int_equal(world_count(w, "heard #"), 1);
}

static void test_many_keys(void **state)
{
    world_t *w = *state;

    w->conf.greeting.len = 0;
    world_begin(w);
    for (int i = 0; i < 40; i++) {
        va_call_dtmf(w->call, (char)('0' + i % 10), w->now);
    }
    world_until(w, 3000);
    assert_int_equal(world_count(w, "heard 01234567890123456789012345678901"),
                     1);
    assert_int_equal(world_count(w, "heard 23456789\n"), 1);
}

/* A key while the recogniser works, whose answer comes before the entry is
   over: one turn at a time, and no request is lost. */
static void test_keys_and_words(void **state)
{
    static const char *const hears[] = {"My number is", NULL};
    static const char *const replies[] = {"Go ahead, I am all ears now.",
                                          "Thanks.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    w->conf.greeting.len = 0;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 2200);
    va_call_dtmf(w->call, '5', w->now);
    world_until(w, 9000);
    world_expect(w, "transcribe 1\nheard My number is\nask 2\n"
                    "speak 3 Go ahead, I am all ears now.\n"
                    "media 800\nmark g1:1\nmedia 12640\nmark g1:2\n"
                    "clear\nspoke cut Go ahead, I am all ears\n"
                    "heard 5\nask 4\nspeak 5 Thanks.\n"
                    "media 800\nmark g2:1\nmedia 2560\nmark g2:2\n"
                    "spoke Thanks.\n");
}

static void test_interrupt(void **state)
{
    world_t *w = *state;

    world_begin(w);
    world_until(w, 500);
    va_call_interrupt(w->call, w->now);
    va_call_interrupt(w->call, w->now);
    world_until(w, 2000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "clear\nspoke cut Hello\n");
}

static void test_say(void **state)
{
    world_t *w = *state;

    world_begin(w);
    world_until(w, 500);
    va_call_say(w->call, VA_STR("We close. Bye."), true, w->now);
    world_until(w, 5000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "clear\nspoke cut Hello\n"
                    "speak 2 We close.\nspeak 3 Bye.\n"
                    "media 800\nmark g2:1\nmedia 3520\nmark g2:2\nresume 3\n"
                    "media 1920\nmark g2:3\n"
                    "spoke We close. Bye.\nhangup\n");
}

/* What has to be said before the stream is open takes the greeting's place. */
static void test_say_before_start(void **state)
{
    world_t *w = *state;

    w->call = va_call_new(&w->conf, world_act, w);
    va_call_say(w->call, VA_STR("We are closed."), true, w->now);
    va_call_start(w->call, w->now);
    world_until(w, 5000);
    world_expect(w, "speak 1 We are closed.\n"
                    "media 800\nmark g1:1\nmedia 5920\nmark g1:2\n"
                    "spoke We are closed.\nhangup\n");
}

/* At every stage of a turn; no request may be lost. */
static void test_say_at_any_time(void **state)
{
    static const char *const hears[] = {"Hello?", "Hello?", "Hello?", NULL};
    static const char *const replies[] = {"Hi.", "Hi.", "Hi.", NULL};
    world_t *w = *state;

    for (uint64_t at = 0; at < 4000; at += 70) {
        world_free(w);
        world_init(w);
        w->hears = hears;
        w->replies = replies;
        w->late = at % 140 == 0;
        world_begin(w);
        world_talk(w, w->start + 1000, 600);
        world_until(w, at);
        va_call_say(w->call, VA_STR("Now hear this."), false, w->now);
        world_until(w, at + 20000);
        for (uint32_t i = 1; i <= w->request_count; i++) {
            assert_false(w->requests[i].open);
        }
        if (at > 1700) {
            assert_int_equal(world_count(w, "spoke Now hear this."), 1);
        }
    }
}

static void test_restored(void **state)
{
    static const char *const hears[] = {"Where were we?", NULL};
    const va_history_turn_t *turns;
    world_t *w = *state;

    w->conf.greeting.len = 0;
    w->hears = hears;
    w->call = va_call_new(&w->conf, world_act, w);
    va_call_restore(w->call, &(va_turn_t){.role = VA_ROLE_ASSISTANT,
                                          .text = VA_STR("Hello."),
                                          .interrupted = true,
                                          .confidence = -1,
                                          .ms = {1, 2, 3, 4, 5, 6, 7}});
    va_call_restore(w->call, &(va_turn_t){.role = VA_ROLE_USER,
                                          .text = VA_STR("Hi."),
                                          .confidence = 0.5f});
    va_call_restore(w->call, &(va_turn_t){.role = VA_ROLE_ASSISTANT,
                                          .text = VA_STR("Yes?"),
                                          .confidence = -1});
    turns = va_call_history(w->call)->turns;
    assert_true(turns[0].interrupted);
    assert_int_equal(turns[0].ms[VA_TURN_FIRST_HEARD], 7);
    assert_true(turns[1].confidence == 0.5f);
    assert_false(turns[2].interrupted);
    va_call_start(w->call, w->now);
    va_call_start(w->call, w->now);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 3000);
    world_expect(w, "transcribe 1\nheard Where were we?\nask 2\n");
    world_turn(w, 3, VA_ROLE_USER, "Where were we?", false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_goodbye),
        TEST(test_model_hangs_up),
        TEST(test_farewell_interrupted),
        TEST(test_keys),
        TEST(test_many_keys),
        TEST(test_keys_and_words),
        TEST(test_interrupt),
        TEST(test_say),
        TEST(test_say_before_start),
        TEST(test_say_at_any_time),
        TEST(test_restored),
        TEST(test_caller_before_start),
    };

    return cmocka_run_group_tests_name("call turns", tests, NULL, NULL) != 0;
}
