/*
 * Records in shared memory: found by key wherever the block is mapped, grown
 * and shrunk in use, and put right after a death under the lock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/va_slots.h"

#define RECORD 40
#define BYTES 32768

static va_slots_t *table(size_t bytes, uint32_t n)
{
    va_slots_t *t = calloc(1, bytes);

    assert_non_null(t);
    assert_true(n <= va_slots_fit(bytes, RECORD));
    va_slots_init(t, RECORD, n);
    assert_true(va_slots_valid(t, bytes, RECORD));
    return t;
}

/* The record of key number i says i. */
static va_str_t key(unsigned i)
{
    static char text[32];

    snprintf(text, sizeof(text), "CA%08u", i);
    return va_str(text);
}

static void *add(va_slots_t *t, unsigned i, unsigned list)
{
    unsigned *record = va_slots_add(t, key(i), list);

    if (record != NULL) {
        memset(record, 0xa5, RECORD);
        *record = i;
        va_slots_end(record);
    }
    return record;
}

static void assert_found(va_slots_t *t, unsigned i, bool there)
{
    unsigned *record = va_slots_find(t, key(i));

    assert_int_equal(record != NULL, there);
    if (there) {
        assert_int_equal(*record, i);
    }
}

/* The numbers in a list, as a string. */
static const char *list_of(va_slots_t *t, unsigned list)
{
    static char text[256];
    unsigned *record = va_slots_first(t, list);

    for (text[0] = '\0'; record != NULL; record = va_slots_after(t, record)) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ",
                 *record);
    }
    return text;
}

static void test_fit(void **state)
{
    va_slots_t *t;
    uint32_t n;

    (void)state;
    assert_int_equal(va_slots_fit(0, RECORD), 0);
    assert_int_equal(va_slots_fit(100, RECORD), 0);
    assert_int_equal(va_slots_fit(SIZE_MAX, 1), 0x7fffffff);
    n = va_slots_fit(BYTES, RECORD);
    assert_true(n > 50 && n < BYTES / RECORD);

    /* all of an exact block can be used */
    t = table(BYTES, n);
    for (unsigned i = 0; i < n; i++) {
        assert_true(va_slots_room(t));
        assert_non_null(add(t, i, i % 2));
    }
    assert_false(va_slots_room(t));
    assert_null(add(t, n, 0));
    assert_int_equal(va_slots_taken(t), n);
    for (unsigned i = 0; i < n; i++) {
        assert_found(t, i, true);
    }
    assert_found(t, n, false);
    free(t);
}

static void test_keys(void **state)
{
    va_slots_t *t = table(BYTES, 4);
    char longest[VA_SLOTS_KEY + 1];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_null(va_slots_add(t, va_str(""), 0));
    assert_null(va_slots_add(t, (va_str_t){longest, VA_SLOTS_KEY + 1}, 0));
    assert_non_null(va_slots_add(t, (va_str_t){longest, VA_SLOTS_KEY}, 0));
    assert_non_null(va_slots_find(t, (va_str_t){longest, VA_SLOTS_KEY}));
    assert_null(va_slots_find(t, (va_str_t){longest, VA_SLOTS_KEY - 1}));
    assert_non_null(va_slots_add(t, (va_str_t){"a\0b", 3}, 0));
    assert_null(va_slots_find(t, VA_STR("a")));
    assert_non_null(va_slots_find(t, (va_str_t){"a\0b", 3}));
    free(t);
}

static void test_lists(void **state)
{
    va_slots_t *t = table(BYTES, 8);
    void *record[6];
    uint32_t at = 0;
    unsigned seen = 0, *next;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        record[i] = add(t, i, 0);
    }
    assert_string_equal(list_of(t, 0), "0 1 2 3 4 5 ");
    va_slots_move(t, record[2], 0);
    va_slots_move(t, record[0], 1);
    va_slots_move(t, record[5], 1);
    assert_string_equal(list_of(t, 0), "1 3 4 2 ");
    assert_string_equal(list_of(t, 1), "0 5 ");
    va_slots_remove(t, record[4]);
    va_slots_remove(t, record[0]);
    va_slots_remove(t, record[2]);
    assert_string_equal(list_of(t, 0), "1 3 ");
    assert_string_equal(list_of(t, 1), "5 ");
    assert_int_equal(va_slots_taken(t), 3);
    assert_found(t, 4, false);
    assert_found(t, 3, true);

    while ((next = va_slots_next(t, &at)) != NULL) {
        seen |= 1u << *next;
    }
    assert_int_equal(seen, 1u << 1 | 1u << 3 | 1u << 5);
    free(t);
}

/* The same bytes at another address are the same table. */
static void test_moved(void **state)
{
    va_slots_t *t = table(BYTES, 20), *u = calloc(1, BYTES);

    (void)state;
    assert_non_null(u);
    for (unsigned i = 0; i < 10; i++) {
        add(t, i, i % 2);
    }
    va_slots_remove(t, va_slots_find(t, key(4)));
    memcpy(u, t, BYTES);
    memset(t, 0xff, BYTES);
    free(t);
    assert_true(va_slots_valid(u, BYTES, RECORD));
    assert_string_equal(list_of(u, 0), "0 2 6 8 ");
    assert_found(u, 8, true);
    va_slots_move(u, va_slots_find(u, key(0)), 1);
    assert_non_null(add(u, 30, 0));
    assert_string_equal(list_of(u, 0), "2 6 8 30 ");
    assert_string_equal(list_of(u, 1), "1 3 5 7 9 0 ");
    free(u);
}

static void test_valid(void **state)
{
    va_slots_t *t = table(BYTES, va_slots_fit(BYTES, RECORD));

    (void)state;
    assert_false(va_slots_valid(t, BYTES, RECORD + 1));
    assert_false(va_slots_valid(t, BYTES / 2, RECORD));
    assert_false(va_slots_valid(t, 8, RECORD));
    memset(t, 0, 4);
    assert_false(va_slots_valid(t, BYTES, RECORD));
    free(t);
}

static void test_resize(void **state)
{
    va_slots_t *t = table(BYTES, 4);
    unsigned i;

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_non_null(add(t, i, 0));
    }
    assert_null(add(t, 4, 0));

    va_slots_move(t, va_slots_find(t, key(1)), 0);
    va_slots_resize(t, 50);
    assert_string_equal(list_of(t, 0), "0 2 3 1 ");
    for (i = 4; i < 50; i++) {
        assert_non_null(add(t, i, 1));
    }
    assert_null(add(t, 50, 0));
    for (i = 0; i < 50; i++) {
        assert_found(t, i, true);
    }

    /* fewer: nobody is thrown out, nobody comes in */
    va_slots_resize(t, 10);
    assert_int_equal(va_slots_count(t), 10);
    assert_int_equal(va_slots_taken(t), 50);
    for (i = 0; i < 50; i++) {
        assert_found(t, i, true);
        if (i >= 3) {
            va_slots_remove(t, va_slots_find(t, key(i)));
        }
    }
    for (i = 100; i < 107; i++) {
        assert_non_null(add(t, i, 0));
    }
    assert_null(add(t, 107, 0));
    va_slots_resize(t, 11);
    assert_non_null(add(t, 107, 0));
    assert_string_equal(list_of(t, 0),
                        "0 2 1 100 101 102 103 104 105 106 107 ");
    free(t);
}

/*
 * Somebody dies at any point of an operation: whichever bytes it had written,
 * the table is whole after the repair, and who was not touched is there.
 */
static void test_torn(void **state)
{
    va_slots_t *before = table(4096, 8), *after, *t;
    unsigned kept;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        add(before, i, i % 2);
    }
    after = malloc(4096);
    t = malloc(4096);
    assert_non_null(after);
    assert_non_null(t);

    for (unsigned what = 0; what < 3; what++) {
        memcpy(after, before, 4096);
        if (what == 0) {
            add(after, 5, 0);
        } else if (what == 1) {
            va_slots_move(after, va_slots_find(after, key(2)), 1);
        } else {
            va_slots_remove(after, va_slots_find(after, key(2)));
        }
        for (size_t cut = 0; cut <= 4096; cut += 4) {
            memcpy(t, after, cut);
            memcpy((char *)t + cut, (char *)before + cut, 4096 - cut);
            va_slots_repair(t);
            kept = va_slots_taken(t);
            assert_in_range(kept, 4, 6);
            for (unsigned i = 0; i < 5; i++) {
                if (i != 2) {
                    assert_found(t, i, true);
                }
            }
            for (unsigned i = 10; i < 10 + 8 - kept; i++) {
                assert_non_null(add(t, i, 0));
            }
            assert_false(va_slots_room(t));
        }
    }
    free(before);
    free(after);
    free(t);
}

static void test_half_written(void **state)
{
    va_slots_t *t = table(BYTES, 4);

    (void)state;
    add(t, 1, 0);
    add(t, 2, 1);
    assert_non_null(va_slots_add(t, key(3), 0));
    va_slots_begin(va_slots_find(t, key(2)));
    va_slots_begin(va_slots_find(t, key(1)));
    va_slots_end(va_slots_find(t, key(1)));
    assert_int_equal(va_slots_repair(t), 2);
    assert_found(t, 1, true);
    assert_found(t, 2, false);
    assert_null(va_slots_find(t, key(3)));
    assert_int_equal(va_slots_taken(t), 1);
    assert_int_equal(va_slots_repair(t), 0);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_lists), cmocka_unit_test(test_moved),
        cmocka_unit_test(test_valid), cmocka_unit_test(test_resize),
        cmocka_unit_test(test_torn),  cmocka_unit_test(test_half_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
