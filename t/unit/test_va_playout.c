/*
 * The clock of what the caller has heard: by time, by marks, and by marks that
 * come late, out of order, twice, from the past, or never.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_playout.h"
#include "exact.h"

static uint32_t returned(va_playout_t *p, const char *name, uint64_t now)
{
    va_str_t copy = exact(va_str(name));
    uint32_t number = va_playout_returned(p, copy, now);

    exact_free(copy);
    return number;
}

static void test_clock(void **state)
{
    va_playout_t p = {0};

    (void)state;
    va_playout_begin(&p);
    assert_false(va_playout_pending(&p, 1000));
    assert_true(va_playout_done(&p, 1000));
    assert_int_equal(va_playout_room(&p, 1000, 500), 4000);
    va_playout_send(&p, 800, 1000);
    va_playout_send(&p, 800, 1000);
    assert_int_equal(va_playout_room(&p, 1000, 500), 2400);
    assert_int_equal(va_playout_room(&p, 1100, 500), 3200);
    assert_int_equal(va_playout_room(&p, 1000, 200), 0);
    assert_int_equal(va_playout_room(&p, 1000, 100), 0);
    assert_int_equal(va_playout_heard(&p, 1000), 0);
    assert_int_equal(va_playout_heard(&p, 1050), 400);
    assert_int_equal(va_playout_heard(&p, 1200), 1600);
    assert_int_equal(va_playout_heard(&p, 9000), 1600);
    assert_true(va_playout_pending(&p, 1199));
    assert_false(va_playout_done(&p, 1199));
    assert_false(va_playout_pending(&p, 1200));
    assert_true(va_playout_done(&p, 1200));
    /* After a pause the clock starts again. */
    va_playout_send(&p, 800, 5000);
    assert_int_equal(va_playout_heard(&p, 5000), 1600);
    assert_int_equal(va_playout_heard(&p, 5100), 2400);
}

static void test_marks(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 1600, 1000);
    assert_int_equal(va_playout_mark(&p, name), 1);
    assert_string_equal(name, "g1:1");
    va_playout_send(&p, 1600, 1000);
    assert_int_equal(va_playout_mark(&p, name), 2);
    va_playout_send(&p, 1600, 1000);
    assert_int_equal(va_playout_mark(&p, name), 3);
    /* The network takes 150 ms: the clock is set by what the mark proves. */
    assert_int_equal(returned(&p, "g1:1", 1350), 1);
    assert_int_equal(va_playout_heard(&p, 1350), 1600);
    assert_int_equal(va_playout_heard(&p, 1450), 2400);
    assert_int_equal(returned(&p, "g1:1", 1360), 0);
    /* The second was lost. */
    assert_int_equal(returned(&p, "g1:3", 1760), 3);
    assert_int_equal(p.mark_count, 0);
    assert_int_equal(va_playout_heard(&p, 1760), 4800);
    assert_true(va_playout_done(&p, 1760));
    assert_int_equal(returned(&p, "g1:2", 1770), 0);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"",
                                      "g",
                                      "g1",
                                      "g1:",
                                      "g1:2",
                                      "g2:1",
                                      "g01:1",
                                      "g1:01",
                                      "g 1:1",
                                      "g1: 1",
                                      "g+1:1",
                                      "g1:1 ",
                                      "G1:1",
                                      "g-1:-1",
                                      "g1:1x",
                                      "xg1:1",
                                      "1:1",
                                      "g1:4294967297",
                                      "g4294967297:1",
                                      "g1:1g1:1g1:1g1:1g1:1g1:1g1:1g1:1"};
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 800, 0);
    va_playout_mark(&p, name);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (returned(&p, bad[i], 100) != 0) {
            fail_msg("\"%s\" was taken for a mark", bad[i]);
        }
    }
    assert_int_equal(va_playout_returned(&p, (va_str_t){"g1:1\0", 5}, 100), 0);
    assert_int_equal(p.mark_count, 1);
    assert_int_equal(returned(&p, "g1:1", 100), 1);
}

/* A peer that answers marks at once does not make us send without bound. */
static void test_early_mark(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 8000, 1000);
    va_playout_mark(&p, name);
    assert_int_equal(returned(&p, name, 1001), 1);
    assert_int_equal(va_playout_room(&p, 1001, 1000), 8);
    assert_true(va_playout_pending(&p, 1001));
}

/* A clock that a late mark has set back is set right by the next one. */
static void test_late_mark(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 800, 1000);
    va_playout_mark(&p, name);
    va_playout_send(&p, 8000, 1000);
    va_playout_mark(&p, name);
    assert_int_equal(returned(&p, "g1:1", 1900), 1);
    assert_int_equal(va_playout_heard(&p, 1900), 800);
    assert_false(va_playout_done(&p, 2200));
    assert_int_equal(returned(&p, "g1:2", 2200), 2);
    assert_true(va_playout_done(&p, 2200));
    assert_false(va_playout_pending(&p, 2200));
}

static void test_clear(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 8000, 1000);
    va_playout_mark(&p, name);
    assert_true(va_playout_pending(&p, 1500));
    va_playout_clear(&p);
    assert_false(va_playout_pending(&p, 1500));
    assert_int_equal(returned(&p, "g1:1", 1510), 0);
    va_playout_begin(&p);
    assert_int_equal(p.generation, 2);
    assert_int_equal(returned(&p, "g1:1", 1520), 0);
    va_playout_send(&p, 800, 1600);
    assert_int_equal(va_playout_heard(&p, 1650), 400);
    /* What was dropped takes no time to play. */
    va_playout_mark(&p, name);
    assert_int_equal(returned(&p, "g2:1", 1700), 1);
    assert_false(va_playout_pending(&p, 1700));
}

/* What an older generation is still playing comes first, and can be dropped. */
static void test_queued_behind(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 8000, 1000);
    va_playout_mark(&p, name);
    va_playout_begin(&p);
    assert_true(va_playout_pending(&p, 1500));
    va_playout_send(&p, 800, 1500);
    assert_int_equal(va_playout_heard(&p, 1999), 0);
    assert_int_equal(va_playout_heard(&p, 2050), 400);
    assert_true(va_playout_done(&p, 2100));
    /* Its mark is not back, so Twilio may still hold some of it. */
    assert_true(va_playout_pending(&p, 2100));
    assert_int_equal(returned(&p, "g1:1", 2110), 0);
    assert_false(va_playout_pending(&p, 2110));
    /* Forged and repeated ones do not count below nothing. */
    assert_int_equal(returned(&p, "g1:1", 2120), 0);
    assert_false(va_playout_pending(&p, 2120));
}

static void test_behind(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 800, 1000);
    va_playout_mark(&p, name);
    va_playout_clear(&p);
    va_playout_begin(&p);
    va_playout_send(&p, 800, 1000);
    va_playout_mark(&p, name);
    va_playout_begin(&p);
    /* The mark that the clear sent back is not the one that is awaited. */
    assert_int_equal(returned(&p, "g1:1", 1500), 0);
    assert_true(va_playout_pending(&p, 1500));
    /* A newer one shows that the older were lost. */
    va_playout_send(&p, 800, 1500);
    va_playout_mark(&p, name);
    assert_int_equal(returned(&p, "g3:1", 1650), 1);
    assert_false(va_playout_pending(&p, 1650));
}

static void test_overdue(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];

    (void)state;
    va_playout_begin(&p);
    va_playout_send(&p, 800, 1000);
    va_playout_mark(&p, name);
    assert_false(va_playout_done(&p, 1100));
    assert_false(va_playout_done(&p, 1099 + VA_PLAYOUT_GRACE_MS));
    assert_true(va_playout_done(&p, 1100 + VA_PLAYOUT_GRACE_MS));
}

static void test_full(void **state)
{
    va_playout_t p = {0};
    char name[VA_PLAYOUT_NAME];
    uint32_t i;

    (void)state;
    va_playout_begin(&p);
    for (i = 1; i <= VA_PLAYOUT_MARKS; i++) {
        va_playout_send(&p, 160, 1000);
        assert_int_equal(va_playout_mark(&p, name), i);
    }
    assert_int_equal(va_playout_mark(&p, name), 0);
    assert_int_equal(returned(&p, "g1:1", 1020), 1);
    assert_int_equal(va_playout_mark(&p, name), VA_PLAYOUT_MARKS + 1);
    snprintf(name, sizeof(name), "g1:%d", VA_PLAYOUT_MARKS + 1);
    assert_int_equal(returned(&p, name, 1100), VA_PLAYOUT_MARKS + 1);
    assert_int_equal(p.mark_count, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock),         cmocka_unit_test(test_marks),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_early_mark),
        cmocka_unit_test(test_late_mark),     cmocka_unit_test(test_clear),
        cmocka_unit_test(test_queued_behind), cmocka_unit_test(test_behind),
        cmocka_unit_test(test_overdue),       cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests_name("playout", tests, NULL, NULL) != 0;
}
