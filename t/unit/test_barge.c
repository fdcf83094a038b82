/*
 * The caller's voice over the assistant's: what interrupts, what only shows
 * that he listens, and how a sentence goes on that nothing had to cut.
 */
#include "call_world.h"

#define GREETING "Hello to you all out there."
#define SPOKEN_MS (27 * 60)

static world_t world;

static int setup(void **state)
{
    world_init(&world);
    world.conf.greeting = VA_STR(GREETING);
    world.conf.backchannel_ms = 900;
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* Something short is said while the greeting is spoken. */
static void short_sound(world_t *w, const char *const *hears)
{
    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 600, 400);
    world_until(w, 8000);
}

/* The audio that was sent is the voice's, with the place of the cut again. */
static void same_audio(world_t *w, uint32_t request)
{
    size_t total = w->requests[request].total;
    size_t at = 0, back = 0;

    for (size_t i = 0; i < w->audio.len; i++, at++) {
        if (at == total) {
            break;
        }
        if ((uint8_t)w->audio.data[i] != world_sound(request, at)) {
            assert_int_equal(i % VA_FRAME, 0);
            assert_int_equal(back, 0);
            for (at -= at % VA_FRAME;
                 (uint8_t)w->audio.data[i] != world_sound(request, at) ||
                 (uint8_t)w->audio.data[i + 1] != world_sound(request, at + 1);
                 at -= VA_FRAME) {
                assert_true(at >= VA_FRAME);
                back += VA_FRAME;
            }
        }
    }
    assert_int_equal(at, total);
}

static void goes_on(world_t *w)
{
    assert_int_equal(world_count(w, "clear"), 1);
    assert_int_equal(world_count(w, "cancel"), 0);
    assert_int_equal(world_count(w, "ask"), 0);
    assert_int_equal(world_count(w, "spoke " GREETING), 1);
    assert_int_equal(world_count(w, "spoke cut"), 0);
    assert_in_range(w->played_ms, SPOKEN_MS, SPOKEN_MS + 620);
    same_audio(w, 1);
    assert_int_equal(va_call_stat(w->call)->resumptions, 1);
    assert_int_equal(va_call_stat(w->call)->interruptions, 0);
    assert_int_equal(va_call_history(w->call)->count, 1);
    assert_int_equal(va_call_phase(w->call), VA_PHASE_LISTENING);
}

static void test_backchannel(void **state)
{
    static const char *const hears[] = {"Uh-huh, okay.", NULL};

    short_sound(*state, hears);
    goes_on(*state);
    /* Stopped at once, not when it is known what it was; and no later than
       the pause, its recognition and a moment. */
    assert_in_range(world_when(*state, "clear", 1), 780, 800);
    assert_int_equal(world_when(*state, "transcribe", 1), 980 + 160);
}

static void test_noise(void **state)
{
    static const char *const hears[] = {"", NULL};

    short_sound(*state, hears);
    goes_on(*state);
}

/* The cut may fall anywhere, and each part be slow. */
static void test_any_cut(void **state)
{
    static const char *const hears[] = {"Yes.", NULL};
    world_t *w = *state;

    for (uint64_t at = 160; at < 1700; at += 60) {
        world_free(w);
        setup(state);
        w->hears = hears;
        w->stt_ms = at % 180 == 0 ? 1000 : 100;
        w->voice_ms = at % 120 == 0 ? 300 : 20;
        w->lose_marks = at % 240 == 0;
        world_begin(w);
        world_talk(w, w->start + at, 300);
        world_until(w, 9000);
        if (world_count(w, "ask") == 0) {
            assert_int_equal(world_count(w, "spoke " GREETING), 1);
            same_audio(w, 1);
        }
        assert_int_equal(world_count(w, "spoke"), 1);
    }
}

static void test_again(void **state)
{
    static const char *const hears[] = {"Yes.", "Mhm.", NULL};
    world_t *w = *state;

    w->hears = hears;
    w->stt_ms = 50;
    world_begin(w);
    world_talk(w, w->start + 400, 300);
    world_talk(w, w->start + 1500, 300);
    world_until(w, 9000);
    assert_int_equal(world_count(w, "clear"), 2);
    assert_int_equal(world_count(w, "spoke " GREETING), 1);
    assert_int_equal(va_call_stat(w->call)->resumptions, 2);
}

static void test_short_but_meant(void **state)
{
    static const char *const hears[] = {"Stop!", NULL};
    world_t *w = *state;

    short_sound(w, hears);
    assert_int_equal(world_count(w, "clear"), 1);
    /* What was heard before the clear, not until it was understood. */
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hello to", true);
    world_turn(w, 1, VA_ROLE_USER, "Stop!", false);
    assert_int_equal(va_call_stat(w->call)->interruptions, 1);
    assert_int_equal(world_count(w, "ask"), 1);
}

/* Who talks on means it, whatever it is. */
static void test_long(void **state)
{
    static const char *const hears[] = {"Yes yes yes.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 600, 1200);
    world_until(w, 1460);
    assert_int_equal(world_count(w, "spoke"), 0);
    world_until(w, 1500);
    assert_int_equal(world_count(w, "spoke cut Hello to"), 1);
    world_until(w, 4000);
    assert_int_equal(world_count(w, "ask"), 1);
}

/* Who was just asked something answers with a "yes". */
static void test_answer(void **state)
{
    static const char *const hears[] = {"Yes.", NULL};
    world_t *w = *state;

    w->conf.greeting = VA_STR("Hi. Is it you? I am glad to hear from you.");
    w->hears = hears;
    w->stt_ms = 50;
    world_begin(w);
    world_talk(w, w->start + 700, 300);
    world_until(w, 5000);
    world_turn(w, 0, VA_ROLE_ASSISTANT, "Hi. Is it", true);
    world_turn(w, 1, VA_ROLE_USER, "Yes.", false);
}

/* In the middle of its thinking, too; what it has thought is not lost. */
static void test_thinking(void **state)
{
    static const char *const hears[] = {"Tell me.", "Mhm.", NULL};
    static const char *const replies[] = {"All right.", NULL};
    world_t *w = *state;

    w->conf.greeting.len = 0;
    w->hears = hears;
    w->replies = replies;
    w->llm_ms = 600;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2500, 300);
    world_until(w, 3000);
    assert_int_equal(w->media, 0);
    world_until(w, 9000);
    assert_int_equal(world_count(w, "ask"), 1);
    assert_int_equal(world_count(w, "clear"), 0);
    assert_int_equal(world_count(w, "spoke All right."), 1);
    assert_int_equal(va_call_history(w->call)->count, 2);
}

/* A request that fails while the caller may be talking: no apology into it. */
static void test_fails_while_held(void **state)
{
    static const char *const hears[] = {"Tell me.", "Now.", NULL};
    static const char *const replies[] = {"!", "Yes.", NULL};
    world_t *w = *state;

    w->conf.greeting.len = 0;
    w->hears = hears;
    w->replies = replies;
    w->llm_ms = 400;
    world_begin(w);
    world_talk(w, w->start + 1000, 600);
    world_talk(w, w->start + 2400, 500);
    world_until(w, 9000);
    assert_int_equal(world_count(w, "spoke So sorry."), 0);
    assert_int_equal(world_count(w, "spoke Yes."), 1);
    assert_int_equal(va_call_stat(w->call)->failures, 1);
    world_turn(w, 0, VA_ROLE_USER, "Tell me. Now.", false);
}

/* The recogniser fails: nobody knows what was said, so it is asked for. */
static void test_recogniser_fails(void **state)
{
    static const char *const hears[] = {"!", "!", NULL};
    world_t *w = *state;

    short_sound(w, hears);
    assert_int_equal(world_count(w, "transcribe"), 2);
    assert_int_equal(world_count(w, "spoke So sorry."), 1);
}

/* With a recogniser that listens along the voice goes on until it has words. */
static void test_words(void **state)
{
    static const char *const hears[] = {"Hold on please.", NULL};
    world_t *w = *state;

    w->conf.barge_in_words = 2;
    w->hears = hears;
    world_begin(w);
    va_call_partial(w->call, VA_STR(""), w->now);
    world_talk(w, w->start + 300, 800);
    world_until(w, 600);
    va_call_partial(w->call, VA_STR("hold"), w->now);
    world_until(w, 700);
    assert_int_equal(world_count(w, "clear"), 0);
    va_call_partial(w->call, VA_STR("hold on"), w->now);
    assert_int_equal(world_count(w, "clear"), 1);
    world_until(w, 5000);
    assert_int_equal(va_call_stat(w->call)->interruptions, 1);
    assert_int_equal(world_count(w, "heard Hold on please."), 1);
}

static void test_words_of_agreement(void **state)
{
    world_t *w = *state;

    w->conf.barge_in_words = 1;
    world_begin(w);
    va_call_partial(w->call, VA_STR(""), w->now);
    world_talk(w, w->start + 300, 800);
    world_until(w, 600);
    va_call_partial(w->call, VA_STR("yes okay"), w->now);
    world_until(w, 5000);
    assert_int_equal(world_count(w, "clear"), 0);
    assert_int_equal(world_count(w, "spoke " GREETING), 1);
    assert_int_equal(va_call_stat(w->call)->noises, 1);
}

/* Held, and its words are known before the caller has finished. */
static void test_words_while_held(void **state)
{
    static const char *const hears[] = {"Stop it.", NULL};
    world_t *w = *state;

    w->hears = hears;
    world_begin(w);
    world_talk(w, w->start + 300, 600);
    world_until(w, 520);
    assert_int_equal(world_count(w, "clear"), 1);
    va_call_partial(w->call, VA_STR("yes"), w->now);
    assert_int_equal(world_count(w, "spoke"), 0);
    va_call_partial(w->call, VA_STR("stop"), w->now);
    assert_int_equal(world_count(w, "spoke cut"), 1);
}

/* Whatever else happens while the assistant is held. */
static void test_say_while_held(void **state)
{
    static const char *const hears[] = {"Yes.", "What?", NULL};
    world_t *w = *state;

    for (uint64_t at = 700; at < 1600; at += 50) {
        world_free(w);
        setup(state);
        w->hears = hears;
        world_begin(w);
        world_talk(w, w->start + 600, 400);
        world_until(w, at);
        if (at % 100 == 0) {
            va_call_say(w->call, VA_STR("Now."), false, w->now);
        } else {
            va_call_interrupt(w->call, w->now);
        }
        world_until(w, 9000);
        assert_int_equal(world_count(w, "spoke cut Hello"), 1);
        for (uint32_t i = 1; i <= w->request_count; i++) {
            assert_true(!w->requests[i].open ||
                        w->requests[i].stage == VA_ACT_ASK);
        }
    }
}

/* The assistant's own voice comes back. */
static void test_echo(void **state)
{
    world_t *w = *state;

    world_begin(w);
    world_talk(w, w->start + 300, 1000);
    fake_echo = true;
    world_until(w, 8000);
    fake_echo = false;
    assert_int_equal(world_count(w, "clear"), 0);
    assert_int_equal(world_count(w, "transcribe"), 0);
    assert_int_equal(world_count(w, "spoke " GREETING), 1);
}

static void test_keys_wait(void **state)
{
    world_t *w = *state;

    w->conf.keys_wait = true;
    world_begin(w);
    world_until(w, 500);
    va_call_dtmf(w->call, '4', w->now);
    va_call_dtmf(w->call, '2', w->now);
    va_call_dtmf(w->call, '#', w->now);
    world_until(w, 1500);
    assert_int_equal(world_count(w, "heard"), 0);
    world_until(w, 9000);
    assert_int_equal(world_count(w, "clear"), 0);
    assert_int_equal(world_when(w, "heard 42", 1), world_when(w, "spoke", 1));
    assert_int_equal(world_count(w, "ask"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_backchannel),
        TEST(test_noise),
        TEST(test_any_cut),
        TEST(test_again),
        TEST(test_short_but_meant),
        TEST(test_long),
        TEST(test_answer),
        TEST(test_thinking),
        TEST(test_fails_while_held),
        TEST(test_recogniser_fails),
        TEST(test_words),
        TEST(test_words_of_agreement),
        TEST(test_words_while_held),
        TEST(test_say_while_held),
        TEST(test_echo),
        TEST(test_keys_wait),
    };

    return cmocka_run_group_tests_name("barge-in", tests, NULL, NULL) != 0;
}
