/*
 * When nobody speaks, and when the call has lasted long enough.
 */
#include "call_world.h"

static world_t world;

static int setup(void **state)
{
    world_init(&world);
    world.conf.silence_ms = 5000;
    world.conf.silence_prompts = 2;
    world.conf.silence_prompt = VA_STR("Are you there?");
    world.conf.farewell = VA_STR("Goodbye.");
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void test_silence(void **state)
{
    world_t *w = *state;

    world_begin(w);
    world_until(w, 30000);
    world_expect(w, "speak 1 Hello there.\n"
                    "media 800\nmark g1:1\nmedia 4960\nmark g1:2\n"
                    "spoke Hello there.\n"
                    "speak 2 Are you there?\n"
                    "media 800\nmark g2:1\nmedia 5920\nmark g2:2\n"
                    "spoke Are you there?\n"
                    "speak 3 Are you there?\n"
                    "media 800\nmark g3:1\nmedia 5920\nmark g3:2\n"
                    "spoke Are you there?\n"
                    "speak 4 Goodbye.\n"
                    "media 800\nmark g4:1\nmedia 3040\nmark g4:2\n"
                    "spoke Goodbye.\nhangup\n");
    for (unsigned i = 2; i < 5; i++) {
        char line[16];

        snprintf(line, sizeof(line), "speak %u", i);
        assert_int_equal(world_when(w, line, 1),
                         world_when(w, "spoke", i - 1) + 5000);
    }
}

/* An answer begins the count anew; a click does not, nor does it end it. */
static void test_answered(void **state)
{
    static const char *const hears[] = {"Yes.", NULL};
    static const char *const replies[] = {"Good.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 3000, 20);
    world_talk(w, w->start + 5800, 60);
    world_talk(w, w->start + 13000, 600);
    world_until(w, 22000);
    assert_int_equal(world_when(w, "speak 2", 1), 5860);
    assert_int_equal(world_count(w, "heard Yes."), 1);
    assert_int_equal(world_count(w, "spoke Are you there?"), 3);
    world_until(w, 60000);
    assert_int_equal(world_count(w, "spoke Are you there?"), 4);
    assert_true(w->ended);
}

static void test_without_texts(void **state)
{
    world_t *w = *state;

    w->conf.silence_prompt.len = 0;
    w->conf.farewell.len = 0;
    world_begin(w);
    world_until(w, 60000);
    assert_int_equal(world_when(w, "hangup", 1), 860 + 15000);
}

static void test_for_ever(void **state)
{
    world_t *w = *state;

    w->conf.silence_prompts = 0;
    world_begin(w);
    world_until(w, 60000);
    assert_false(w->ended);
    assert_in_range(world_count(w, "spoke Are you there?"), 8, 10);
}

/* The model takes its time: that is no silence of the caller. */
static void test_thinking(void **state)
{
    static const char *const hears[] = {"Yes?", NULL};
    world_t *w = *state;

    w->conf.greeting.len = 0;
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_until(w, 40000);
    assert_int_equal(world_count(w, "spoke"), 0);
}

static void long_call(world_t *w)
{
    w->conf.silence_ms = 0;
    w->conf.max_ms = 20000;
    w->conf.warning_ms = 8000;
    w->conf.warning = VA_STR("We have to end soon.");
}

static void test_longest(void **state)
{
    world_t *w = *state;

    long_call(w);
    world_begin(w);
    world_until(w, 60000);
    assert_int_equal(world_when(w, "speak 2 We have", 1), 12000);
    assert_int_equal(world_when(w, "hangup", 1), 20000);
    assert_int_equal(world_count(w, "spoke We have to end soon."), 1);
}

/* Not into the caller's words, unless there would be no time left. */
static void test_warning_waits(void **state)
{
    static const char *const hears[] = {"One.", NULL};
    static const char *const replies[] = {"Two.", NULL};
    world_t *w = *state;

    long_call(w);
    w->hears = hears;
    w->replies = replies;
    world_begin(w);
    world_talk(w, w->start + 11000, 2000);
    world_until(w, 60000);
    assert_true(world_when(w, "spoke Two.", 1) <=
                world_when(w, "speak 5 We", 1));
    world_free(w);
    setup(state);
    long_call(w);
    world_begin(w);
    world_talk(w, w->start + 9000, 30000);
    world_until(w, 60000);
    assert_int_equal(world_when(w, "speak 2 We", 1), 16000);
    assert_int_equal(world_when(w, "hangup", 1), 20000);
}

/* Whatever goes on is ended, in order. */
static void test_cut_off(void **state)
{
    static const char *const hears[] = {"One.", "Two.", NULL};
    static const char *const replies[] = {"Three. Four. Five. Six.", NULL};
    world_t *w = *state;

    for (uint32_t max = 300; max < 6000; max += 130) {
        world_free(w);
        setup(state);
        w->hears = hears;
        w->replies = replies;
        w->conf.max_ms = max;
        w->conf.adaptive = max % 260 == 0;
        w->conf.preemptive = true;
        w->conf.backchannel_ms = 500;
        world_begin(w);
        world_talk(w, w->start + 1000, 600);
        world_talk(w, w->start + 3500, 300);
        world_until(w, 9000);
        assert_int_equal(world_when(w, "hangup", 1), max);
        assert_true(va_call_stat(w->call)->interruptions <= (max > 3680));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_silence),       TEST(test_answered), TEST(test_without_texts),
        TEST(test_for_ever),      TEST(test_thinking), TEST(test_longest),
        TEST(test_warning_waits), TEST(test_cut_off),
    };

    return cmocka_run_group_tests_name("silence", tests, NULL, NULL) != 0;
}
