#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "wire/va_json.h"
#include "wire/va_text.h"
#include "wire/va_utf8.h"

static char error[64];

/* Parses from a block of exactly the size of the text. */
static va_json_t *parse(va_str_t text)
{
    va_str_t copy = exact(text);
    va_json_t *v = va_json_parse(copy, error, sizeof(error));

    exact_free(copy);
    /* It failed if and only if it says why. */
    assert_true((v == NULL) == (error[0] != '\0'));
    return v;
}

static void assert_refused(va_str_t text, const char *expected)
{
    assert_null(parse(text));
    assert_null(strchr(error, '\n'));
    if (expected != NULL) {
        assert_string_equal(error, expected);
    }
}

/* The text is a JSON string whose value is expected. */
static void assert_string_value(va_str_t text, const char *expected)
{
    va_json_t *v = parse(text);

    assert_non_null(v);
    assert_non_null(va_json_str(v, "").data);
    assert_string_equal(va_json_str(v, "").data, expected);
    va_json_free(v);
}

static void reads_by_path(void **state)
{
    va_json_t *v =
        parse(VA_STR(" {\"choices\":[{\"delta\":{\"content\":\"Hi\"}},"
                     "{\"delta\":{}}],\"n\":2.5,\"s\":\"8000\",\"t\":true,"
                     "\"f\":false,\"z\":null,\"e\":{},\"a\":[],\"n\":3} "));

    (void)state;
    assert_non_null(v);
    assert_string_equal(va_json_str(v, "choices.0.delta.content").data, "Hi");
    assert_null(va_json_str(v, "choices.1.delta.content").data);
    assert_null(va_json_str(v, "n").data);
    assert_non_null(va_json_at(v, "choices.1.delta"));
    assert_null(va_json_at(v, "choices.2"));
    assert_null(va_json_at(v, "choices.x"));
    assert_null(va_json_at(v, "choices.-1"));
    assert_null(va_json_at(v, "choices.99999999999999999999"));
    assert_null(va_json_at(v, "choices..0"));
    assert_null(va_json_at(v, "s.0"));
    assert_null(va_json_at(v, "choice"));
    assert_null(va_json_at(v, "choicess"));
    assert_null(va_json_at(NULL, "a"));
    assert_ptr_equal(va_json_at(v, ""), v);
    va_json_free(v);
    va_json_free(NULL);
}

static void reads_numbers_and_booleans(void **state)
{
    va_json_t *v = parse(VA_STR(
        "{\"n\":2.5,\"i\":-7,\"s\":\"8000\",\"d\":\"-1.5e1\",\"t\":true,"
        "\"f\":false,\"z\":null,\"big\":1e999,\"w\":\" 1\",\"x\":\"0x10\","
        "\"inf\":\"inf\",\"nan\":\"nan\",\"empty\":\"\",\"two\":\"1 2\","
        "\"sbig\":\"1e999\",\"long\":123456789012345678901234567890}"));

    (void)state;
    assert_non_null(v);
    assert_true(va_json_num(v, "n", 0) == 2.5);
    assert_true(va_json_num(v, "i", 0) == -7);
    assert_true(va_json_num(v, "s", 0) == 8000);
    assert_true(va_json_num(v, "d", 0) == -15);
    assert_true(va_json_num(v, "long", 0) == 123456789012345678901234567890.0);
    assert_true(va_json_num(v, "t", 9) == 9);
    assert_true(va_json_num(v, "z", 9) == 9);
    assert_true(va_json_num(v, "none", 9) == 9);
    assert_true(va_json_num(v, "big", 9) == 9);
    assert_true(va_json_num(v, "w", 9) == 9);
    assert_true(va_json_num(v, "x", 9) == 9);
    assert_true(va_json_num(v, "inf", 9) == 9);
    assert_true(va_json_num(v, "nan", 9) == 9);
    assert_true(va_json_num(v, "empty", 9) == 9);
    assert_true(va_json_num(v, "two", 9) == 9);
    assert_true(va_json_num(v, "sbig", 9) == 9);
    assert_true(va_json_bool(v, "t", false));
    assert_false(va_json_bool(v, "f", true));
    assert_true(va_json_bool(v, "z", true));
    assert_false(va_json_bool(v, "none", false));
    va_json_free(v);
}

static void walks_objects_and_arrays(void **state)
{
    va_json_t *v = parse(VA_STR("{\"a\":\"1\",\"b\":[\"x\",\"y\"],\"a\":2}"));
    va_json_t *b;
    va_str_t name;

    (void)state;
    assert_non_null(v);
    assert_int_equal(va_json_len(v), 3);
    assert_non_null(va_json_item(v, 2, &name));
    assert_string_equal(name.data, "a");
    assert_null(va_json_item(v, 3, &name));
    assert_int_equal(name.len, 0);
    b = va_json_item(v, 1, &name);
    assert_string_equal(name.data, "b");
    assert_int_equal(va_json_len(b), 2);
    assert_string_equal(va_json_str(va_json_item(b, 1, &name), "").data, "y");
    assert_int_equal(name.len, 0);
    assert_null(va_json_item(b, 2, &name));
    assert_int_equal(va_json_len(va_json_at(v, "b.0")), 0);
    assert_int_equal(va_json_len(NULL), 0);
    assert_null(va_json_item(NULL, 0, &name));
    /* Of two members of one name the first counts. */
    assert_string_equal(va_json_str(v, "a").data, "1");
    va_json_free(v);
}

static void strings_are_always_text(void **state)
{
    (void)state;
    assert_string_value(VA_STR("\"\\u00e9\\n\\/\\\"\\\\\""), "\xc3\xa9\n/\"\\");
    assert_string_value(VA_STR("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80");
    assert_string_value(VA_STR("\"a\\u0000b\""), "a\xef\xbf\xbd"
                                                 "b");
    assert_string_value(VA_STR("\"\\ud800x\""), "\xef\xbf\xbdx");
    assert_string_value(VA_STR("\"\\udc00\""), "\xef\xbf\xbd");
    assert_string_value(VA_STR("\"\\uD800\\u0041\""), "\xef\xbf\xbd"
                                                      "A");
    assert_string_value(VA_STR("\"\\ud800\\ud800\\udc00\""),
                        "\xef\xbf\xbd\xf0\x90\x80\x80");
    assert_string_value(VA_STR("\"\\\\u0000\""), "\\u0000");
    assert_string_value(VA_STR("\"\xe2\x82\xac\""), "\xe2\x82\xac");
}

static void refuses_what_is_not_json(void **state)
{
    static const char *const broken[] = {
        "",           " ",         "{",        "}",           "[1,]",
        "{\"a\":1,}", "{a:1}",     "nul",      "01",          "1.",
        "+1",         "-",         "1 2",      "\"",          "\"\\",
        "\"\\x\"",    "\"\\u12\"", "\"\\u123", "\"\\ud800\\", "\"\t\"",
        "/**/1",      "1//x",      "\v1",      "1\f",         "[\"a\" \"b\"]",
        "{\"a\" 1}",  "{\"a\":}",  "]",        "{1:2}",       "\xef\xbb\xbf{}"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_refused(va_str(broken[i]), NULL);
    }
    assert_refused(VA_STR("{}\0"), NULL);
    assert_refused(VA_STR("\"a\0b\""), NULL);
    assert_refused(VA_STR("\"\xc0\x80\""), "not UTF-8");
    assert_refused(VA_STR("\"\xed\xa0\x80\""), "not UTF-8");
    assert_refused(VA_STR("\"\xe2\x82"), "not UTF-8");
    assert_refused(VA_STR("{\"secret\":x}"),
                   "lexical error: invalid char in json text.");
    assert_null(va_json_parse(VA_STR("x"), NULL, 0));
}

static void bounds_depth_and_number_of_values(void **state)
{
    static char text[2 * VA_JSON_VALUES + 3];
    va_json_t *v;
    size_t n;

    (void)state;
    memset(text, '[', VA_JSON_DEPTH);
    memset(text + VA_JSON_DEPTH, ']', VA_JSON_DEPTH);
    v = parse((va_str_t){text, 2 * VA_JSON_DEPTH});
    assert_non_null(v);
    va_json_free(v);

    memset(text, '[', VA_JSON_DEPTH + 1);
    memset(text + VA_JSON_DEPTH + 1, ']', VA_JSON_DEPTH + 1);
    assert_refused((va_str_t){text, 2 * VA_JSON_DEPTH + 2},
                   "nested too deeply");
    memset(text, '[', sizeof(text));
    assert_refused((va_str_t){text, sizeof(text)}, "nested too deeply");
    /* Brackets in strings are not nesting. */
    text[0] = text[sizeof(text) - 1] = '"';
    v = parse((va_str_t){text, sizeof(text)});
    assert_non_null(v);
    va_json_free(v);

    for (n = 0; n < sizeof(text); n += 2) {
        text[n] = n == 0 ? '[' : ',';
        text[n + 1 < sizeof(text) ? n + 1 : n] = '0';
    }
    text[sizeof(text) - 1] = ']';
    assert_refused((va_str_t){text, sizeof(text)}, "too many values");
}

static void every_beginning_is_safe(void **state)
{
    static const char text[] = "{\"a\":[1,-2.5e3,\"\\ud83d\\ude00\\u0000\"],"
                               "\"b\":{\"c\":null,\"d\":true}}";
    size_t n;

    (void)state;
    for (n = 0; n < strlen(text); n++) {
        assert_refused((va_str_t){text, n}, NULL);
    }
}

static void assert_quoted(va_str_t s, const char *expected)
{
    va_str_t copy = exact(s);
    va_buf_t b;

    va_buf_init(&b, 1024);
    assert_int_equal(va_json_quote(&b, copy), VA_OK);
    assert_string_equal(b.data, expected);
    assert_int_equal(b.len, strlen(expected));
    exact_free(copy);
    va_buf_free(&b);
}

static void quotes_anything(void **state)
{
    (void)state;
    assert_quoted(VA_STR(""), "\"\"");
    assert_quoted(VA_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    assert_quoted(VA_STR("\b\f\n\r\t\x01\x1f\x7f\0z"),
                  "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
    assert_quoted(VA_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
                  "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_quoted(VA_STR("a\xff"
                         "b\xc3"),
                  "\"a\xef\xbf\xbd"
                  "b\xef\xbf\xbd\"");
    /* One replacement for a cut character, one for each stray byte. */
    assert_quoted(VA_STR("\xe2\x82"
                         "x\xf0\x9f\x98\xc0\x80"),
                  "\"\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_quoted(VA_STR("\xed\xa0\x80"),
                  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* All strings of two bytes come back from yajl, as valid text. */
static void quoting_gives_json(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i < 65536; i++) {
        char bytes[2] = {(char)(i >> 8), (char)i};
        va_buf_t b;
        va_json_t *v;

        va_buf_init(&b, 64);
        assert_int_equal(va_json_quote(&b, (va_str_t){bytes, 2}), VA_OK);
        v = parse(va_buf_view(&b));
        assert_non_null(v);
        assert_true(va_utf8_valid(va_json_str(v, "")));
        if (bytes[0] != '\0' && bytes[1] != '\0' &&
            va_utf8_valid((va_str_t){bytes, 2})) {
            assert_memory_equal(va_json_str(v, "").data, bytes, 2);
        }
        va_json_free(v);
        va_buf_free(&b);
    }
}

static void quoting_stops_at_the_limit(void **state)
{
    va_buf_t b;
    size_t max;

    (void)state;
    for (max = 0; max < 9; max++) {
        va_buf_init(&b, max);
        assert_int_equal(va_json_quote(&b, VA_STR("a\n\xff"
                                                  "b")),
                         VA_LIMIT);
        va_buf_free(&b);
    }
    va_buf_init(&b, 9);
    assert_int_equal(va_json_quote(&b, VA_STR("a\n\xff"
                                              "b")),
                     VA_OK);
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_by_path),
        cmocka_unit_test(reads_numbers_and_booleans),
        cmocka_unit_test(walks_objects_and_arrays),
        cmocka_unit_test(strings_are_always_text),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(bounds_depth_and_number_of_values),
        cmocka_unit_test(every_beginning_is_safe),
        cmocka_unit_test(quotes_anything),
        cmocka_unit_test(quoting_gives_json),
        cmocka_unit_test(quoting_stops_at_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
