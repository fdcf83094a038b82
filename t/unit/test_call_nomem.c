/*
 * The conversation when memory runs out: at the first allocation, the second,
 * and so on, for a moment or for good.  It may lose what it was about, but
 * neither its head nor a request.
 */
#include <stdlib.h>

static void *scarce_malloc(size_t size);
static void *scarce_calloc(size_t n, size_t size);
static void *scarce_realloc(void *p, size_t size);

/* The code under test is compiled in here with allocators that may fail. */
#define malloc scarce_malloc
#define calloc scarce_calloc
#define realloc scarce_realloc
#include "base/va_base.c"
#include "base/va_buf.c"
#include "dialog/va_call.c"
#include "dialog/va_history.c"
#include "dialog/va_listener.c"
#include "dialog/va_speech.c"
#undef malloc
#undef calloc
#undef realloc

#include "call_world.h"

static bool scarce;
static long allocations;
static long fail_from;
static long fail_to;

static bool refused(void)
{
    bool no = scarce && allocations >= fail_from && allocations < fail_to;

    allocations += scarce;
    return no;
}

static void *scarce_malloc(size_t size)
{
    return refused() ? NULL : malloc(size);
}

static void *scarce_calloc(size_t n, size_t size)
{
    return refused() ? NULL : calloc(n, size);
}

static void *scarce_realloc(void *p, size_t size)
{
    return refused() ? NULL : realloc(p, size);
}

static world_t world;

/*
 * Two turns and an interruption, with the allocations from `from` to `to`
 * failing.  Returns how many there were.  The world's own books are kept in
 * memory that was had before.
 */
static long converse(long from, long to)
{
    static const char *const hears[] = {"One.", "Two",  "Two and three.",
                                        "Four", "Five", NULL};
    static const char *const replies[] = {"I see. Go on please.", "Well. Yes.",
                                          "Good. Fine. Right.", "Yes.", NULL};
    world_t *w = &world;

    world_init(w);
    scarce = false;
    va_buf_reserve(&w->log, 1 << 16);
    va_buf_reserve(&w->audio, 1 << 20);
    va_buf_reserve(&w->utterance, 1 << 19);
    w->hears = hears;
    w->replies = replies;
    w->quiet_line = from % 2 != 0;
    world_talk(w, w->start + 2000, 600);
    world_talk(w, w->start + 4200, 600);
    world_talk(w, w->start + 5500, 600);
    world_talk(w, w->start + 10000, 600);
    allocations = 0;
    fail_from = from;
    fail_to = to;
    scarce = true;
    w->call = va_call_new(&w->conf, world_act, w);
    if (w->call != NULL) {
        va_call_restore(w->call, &(va_turn_t){.role = VA_ROLE_USER,
                                              .text = VA_STR("Hello.")});
        va_call_start(w->call, w->now);
        world_until(w, 20000);
        scarce = false;
        assert_true(va_call_phase(w->call) == VA_PHASE_LISTENING ||
                    from < allocations);
    }
    scarce = false;
    return allocations;
}

static void test_once(void **state)
{
    long needed = converse(0, 0);

    (void)state;
    assert_true(needed > 20);
    assert_true(va_call_history(world.call)->count >= 7);
    world_free(&world);
    for (long n = 0; n < needed; n++) {
        converse(n, n + 1);
        /* One who is heard later is answered, whatever was lost before. */
        if (world.call != NULL) {
            assert_int_equal(va_call_phase(world.call), VA_PHASE_LISTENING);
            assert_true(world_count(&world, "spoke") >= 3);
        } else {
            assert_true(n < 4);
        }
        world_free(&world);
    }
}

static void test_for_good(void **state)
{
    long needed = converse(0, 0);

    (void)state;
    world_free(&world);
    for (long n = 0; n < needed; n++) {
        converse(n, 1L << 40);
        world_free(&world);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_for_good),
    };

    return cmocka_run_group_tests_name("call nomem", tests, NULL, NULL) != 0;
}
