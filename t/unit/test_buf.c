#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/va_base.h"
#include "base/va_buf.h"

static void strings_compare(void **state)
{
    (void)state;
    assert_true(va_str_eq(VA_STR("abc"), va_str("abc")));
    assert_false(va_str_eq(VA_STR("abc"), VA_STR("abC")));
    assert_false(va_str_eq(VA_STR("abc"), VA_STR("ab")));
    assert_true(va_str_eq(va_str(NULL), VA_STR("")));
    assert_true(va_str_caseeq(VA_STR("X-Header"), VA_STR("x-hEADER")));
    assert_false(va_str_caseeq(VA_STR("X-Header"), VA_STR("X-Heade")));
    assert_true(va_str_caseeq(va_str(NULL), VA_STR("")));
    assert_int_equal(va_str(NULL).len, 0);
    assert_false(va_str_eq(VA_STR("a\0b"), VA_STR("a\0c")));
}

static void strings_are_copied_and_cut(void **state)
{
    char small[4];
    char *copy;

    (void)state;
    assert_int_equal(va_str_copy(small, sizeof(small), VA_STR("abcdef")), 3);
    assert_string_equal(small, "abc");
    assert_int_equal(va_str_copy(small, sizeof(small), VA_STR("ab")), 2);
    assert_string_equal(small, "ab");
    assert_int_equal(va_str_copy(small, 1, VA_STR("ab")), 0);
    assert_string_equal(small, "");
    assert_int_equal(va_str_copy(small, sizeof(small), va_str(NULL)), 0);
    assert_string_equal(small, "");

    copy = va_str_dup((va_str_t){"abcdef", 3});
    assert_non_null(copy);
    assert_string_equal(copy, "abc");
    free(copy);
    copy = va_str_dup(va_str(NULL));
    assert_non_null(copy);
    assert_string_equal(copy, "");
    free(copy);
}

static void grows_and_stays_terminated(void **state)
{
    va_buf_t b;
    size_t i;

    (void)state;
    va_buf_init(&b, 100000);
    assert_null(b.data);
    assert_int_equal(va_buf_view(&b).len, 0);
    for (i = 0; i < 5000; i++) {
        assert_int_equal(va_buf_append(&b, "0123456789", i % 11), VA_OK);
        assert_int_equal(b.data[b.len], '\0');
    }
    assert_int_equal(va_buf_view(&b).len, b.len);
    va_buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.max, 100000);
}

static void fills_to_its_maximum_and_no_further(void **state)
{
    static const size_t maxima[] = {0, 1, 255, 256, 257, 511, 512, 1000};
    size_t i, n;

    (void)state;
    for (i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
        va_buf_t b;

        va_buf_init(&b, maxima[i]);
        for (n = 0; n < maxima[i]; n++) {
            assert_int_equal(va_buf_append(&b, "x", 1), VA_OK);
            assert_true(b.cap <= maxima[i] + 1);
        }
        assert_int_equal(b.len, maxima[i]);
        assert_int_equal(va_buf_append(&b, "", 0), VA_OK);
        assert_int_equal(va_buf_append(&b, "y", 1), VA_LIMIT);
        assert_int_equal(b.len, maxima[i]);
        assert_int_equal(b.data[b.len], '\0');
        va_buf_free(&b);
    }
}

static void a_failure_sticks_until_reset(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 4);
    assert_int_equal(va_buf_puts(&b, "ab"), VA_OK);
    assert_int_equal(va_buf_puts(&b, "cde"), VA_LIMIT);
    assert_int_equal(va_buf_puts(&b, "c"), VA_LIMIT);
    assert_int_equal(va_buf_str(&b, VA_STR("c")), VA_LIMIT);
    assert_int_equal(va_buf_printf(&b, "%d", 1), VA_LIMIT);
    assert_null(va_buf_reserve(&b, 0));
    assert_string_equal(b.data, "ab");
    va_buf_reset(&b);
    assert_int_equal(b.rc, VA_OK);
    assert_string_equal(b.data, "");
    assert_int_equal(va_buf_puts(&b, "wxyz"), VA_OK);
    assert_string_equal(b.data, "wxyz");
    va_buf_free(&b);
}

static void huge_requests_are_refused(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 1000);
    va_buf_puts(&b, "abc");
    assert_null(va_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(b.rc, VA_LIMIT);
    va_buf_reset(&b);
    assert_null(va_buf_reserve(&b, SIZE_MAX - 2));
    assert_int_equal(b.rc, VA_LIMIT);
    va_buf_free(&b);
}

static void reserves_then_writes(void **state)
{
    va_buf_t b;
    char *to;

    (void)state;
    va_buf_init(&b, 1000);
    va_buf_puts(&b, "head ");
    to = va_buf_reserve(&b, 300);
    assert_non_null(to);
    assert_ptr_equal(to, b.data + b.len);
    memset(to, 'x', 300);
    b.len += 300;
    assert_int_equal(va_buf_puts(&b, "!"), VA_OK);
    assert_int_equal(b.len, 306);
    assert_memory_equal(b.data, "head xxx", 8);
    assert_string_equal(b.data + 304, "x!");
    va_buf_free(&b);
}

static void formats(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 300);
    assert_int_equal(va_buf_printf(&b, "%s=%d;", "a", 42), VA_OK);
    assert_int_equal(va_buf_printf(&b, "%.*s", 3, "bcdef"), VA_OK);
    assert_string_equal(b.data, "a=42;bcd");
    assert_int_equal(va_buf_printf(&b, "%292d", 7), VA_OK);
    assert_int_equal(b.len, 300);
    assert_int_equal(va_buf_printf(&b, "x"), VA_LIMIT);
    va_buf_free(&b);
}

static void consumes_from_the_front(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 100);
    va_buf_consume(&b, 5); /* empty: nothing to do */
    va_buf_puts(&b, "hello world");
    va_buf_consume(&b, 0);
    assert_string_equal(b.data, "hello world");
    va_buf_consume(&b, 6);
    assert_string_equal(b.data, "world");
    assert_int_equal(b.len, 5);
    va_buf_consume(&b, 99);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    va_buf_puts(&b, "again");
    assert_string_equal(b.data, "again");
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(strings_are_copied_and_cut),
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(fills_to_its_maximum_and_no_further),
        cmocka_unit_test(a_failure_sticks_until_reset),
        cmocka_unit_test(huge_requests_are_refused),
        cmocka_unit_test(reserves_then_writes),
        cmocka_unit_test(formats),
        cmocka_unit_test(consumes_from_the_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
