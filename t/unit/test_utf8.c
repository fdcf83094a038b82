/*
 * UTF-8 against a decoder that knows only the definition (RFC 3629).
 */
#include "wire/va_text.h"
#include "wire/va_utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Encodes any number of up to 21 bits in a form of n bytes, valid or not. */
static void encode(uint8_t *out, uint32_t point, size_t n)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t i;

    for (i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (uint8_t)(lead[n] | point);
}

static size_t shortest(uint32_t point)
{
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

static bool valid(const uint8_t *data, size_t n)
{
    return va_utf8_valid((va_str_t){(const char *)data, n});
}

/* Every number in every form that can hold it: right in the shortest only. */
static void test_every_code_point(void **state)
{
    static const uint32_t ends[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    uint8_t out[4];
    uint32_t point;
    size_t n;
    bool right;

    (void)state;
    for (n = 1; n <= 4; n++) {
        for (point = 0; point < ends[n]; point++) {
            encode(out, point, n);
            right = n == shortest(point) && point <= 0x10ffff &&
                    (point < 0xd800 || point > 0xdfff);
            if (valid(out, n) != right) {
                fail_msg("U+%04X in %zu bytes", point, n);
            }
        }
    }
}

static void test_every_pair(void **state)
{
    uint8_t out[2];
    int a, b;
    bool right;

    (void)state;
    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            out[0] = (uint8_t)a;
            out[1] = (uint8_t)b;
            right = (a < 0x80 && b < 0x80) ||
                    (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf);
            assert_int_equal(valid(out, 2), right);
        }
    }
}

/* Finds the first byte at which feeding byte by byte gives up; n if none. */
static size_t gives_up(const char *text, size_t n)
{
    va_utf8_t u = {0};
    size_t i;
    uint8_t *one = malloc(1);

    for (i = 0; i < n; i++) {
        *one = (uint8_t)text[i];
        if (!va_utf8_feed(&u, one, 1)) {
            break;
        }
    }
    free(one);
    return i;
}

static void test_first_impossible_byte(void **state)
{
    (void)state;
    assert_int_equal(gives_up("a\x80", 2), 1);
    assert_int_equal(gives_up("\xc0\x80", 2), 0);
    assert_int_equal(gives_up("\xc3(", 2), 1);
    assert_int_equal(gives_up("\xe0\x9f\xbf", 3), 1);
    assert_int_equal(gives_up("\xed\xa0\x80", 3), 1);
    assert_int_equal(gives_up("\xe2\x82(", 3), 2);
    assert_int_equal(gives_up("\xf0\x8f\xbf\xbf", 4), 1);
    assert_int_equal(gives_up("\xf4\x90\x80\x80", 4), 1);
    assert_int_equal(gives_up("\xf0\x9f\x93(", 4), 3);
    assert_int_equal(gives_up("\xf5\x80\x80\x80", 4), 0);
    assert_int_equal(gives_up("\xf0\x9f\x93\x9e", 4), 4);
}

static void test_split_at_each_byte(void **state)
{
    static const char text[] = "0123456789abcdefg\xc3\xa9 \xe2\x82\xac "
                               "\xf0\x9f\x93\x9e 0123456789abcdef";
    size_t n = sizeof(text) - 1;
    size_t cut;
    va_utf8_t u;
    uint8_t *a, *b;

    (void)state;
    for (cut = 0; cut <= n; cut++) {
        a = malloc(cut + (cut == 0));
        b = malloc(n - cut + (cut == n));
        memcpy(a, text, cut);
        memcpy(b, text + cut, n - cut);
        u = (va_utf8_t){0};
        assert_true(va_utf8_feed(&u, a, cut));
        assert_int_equal(va_utf8_done(&u), valid((const uint8_t *)text, cut));
        assert_true(va_utf8_feed(&u, b, n - cut));
        assert_true(va_utf8_done(&u));
        free(a);
        free(b);
    }
}

/* A bad byte at each place of a text that is skipped in words. */
static void test_bad_byte_at_each_place(void **state)
{
    size_t n, at;
    uint8_t *text;

    (void)state;
    for (n = 1; n <= 50; n++) {
        text = malloc(n);
        memset(text, 'a', n);
        assert_true(valid(text, n));
        for (at = 0; at < n; at++) {
            text[at] = 0x80;
            assert_false(valid(text, n));
            text[at] = 0xc3;
            assert_false(valid(text, n));
            text[at] = 'a';
        }
        free(text);
    }
}

static void test_empty(void **state)
{
    va_utf8_t u = {0};

    (void)state;
    assert_true(va_utf8_valid((va_str_t){NULL, 0}));
    assert_true(va_utf8_feed(&u, NULL, 0));
    assert_true(va_utf8_done(&u));
    assert_true(va_utf8_feed(&u, (const uint8_t *)"\xe2", 1));
    assert_true(va_utf8_feed(&u, NULL, 0));
    assert_false(va_utf8_done(&u));
}

static void assert_line(va_str_t s, size_t cap, const char *expected)
{
    char *out = malloc(cap);

    assert_non_null(out);
    va_text_line(out, cap, s);
    assert_string_equal(out, expected);
    free(out);
}

static void test_one_line(void **state)
{
    (void)state;
    assert_line(VA_STR("a\r\n\tb\x7f\x1b"), 16, "a   b  ");
    assert_line(VA_STR("x\xc2\x85y\xc2\xa0z"), 16, "x y\xc2\xa0z");
    assert_line(VA_STR("\xff\xc3"
                       "x\xe2\x82"),
                16, "??x?");
    assert_line((va_str_t){"a\0b", 3}, 16, "a b");
    assert_line(VA_STR("\xe2\x82\xac\xe2\x82\xac"), 7,
                "\xe2\x82\xac\xe2\x82\xac");
    assert_line(VA_STR("\xe2\x82\xac\xe2\x82\xac"), 6, "\xe2\x82\xac");
    assert_line(VA_STR("abc"), 1, "");
    assert_line((va_str_t){NULL, 0}, 1, "");
}

static void test_cut(void **state)
{
    va_str_t s = VA_STR("a\xc3\xa9\xe2\x82\xac");

    (void)state;
    assert_int_equal(va_utf8_cut(s, 7).len, 6);
    assert_int_equal(va_utf8_cut(s, 6).len, 6);
    assert_int_equal(va_utf8_cut(s, 5).len, 3);
    assert_int_equal(va_utf8_cut(s, 4).len, 3);
    assert_int_equal(va_utf8_cut(s, 2).len, 1);
    assert_int_equal(va_utf8_cut(s, 1).len, 1);
    assert_int_equal(va_utf8_cut(s, 0).len, 0);
    assert_int_equal(va_utf8_cut(VA_STR("\x80\x80\x80"), 2).len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_first_impossible_byte),
        cmocka_unit_test(test_split_at_each_byte),
        cmocka_unit_test(test_bad_byte_at_each_place),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL) != 0;
}
