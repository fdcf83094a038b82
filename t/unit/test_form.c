#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "wire/va_form.h"

/* Parses from a block of exactly the size of the text. */
static va_rc_t parse(va_form_t **form, va_str_t text)
{
    va_str_t copy = exact(text);
    va_rc_t rc = va_form_parse(form, copy);

    exact_free(copy);
    return rc;
}

static void assert_str(va_str_t s, const char *expected)
{
    assert_non_null(s.data);
    assert_string_equal(s.data, expected);
    assert_int_equal(s.len, strlen(expected));
}

static void decodes_what_twilio_sends(void **state)
{
    va_form_t *form;
    const va_form_pair_t *pairs;
    size_t count;

    (void)state;
    assert_int_equal(parse(&form, VA_STR("Called=%2B491703330161&ToState=&"
                                         "SpeechResult=one+more%20time%21&"
                                         "Gr%C3%BC%c3%9fe=%3D%26%25&ToZip=")),
                     VA_OK);
    pairs = va_form_pairs(form, &count);
    assert_int_equal(count, 5);
    assert_str(pairs[0].name, "Called");
    assert_str(pairs[0].value, "+491703330161");
    assert_str(pairs[1].name, "ToState");
    assert_str(pairs[1].value, "");
    assert_str(pairs[2].value, "one more time!");
    assert_str(pairs[3].name, "Gr\xc3\xbc\xc3\x9f"
                              "e");
    assert_str(pairs[3].value, "=&%");
    assert_str(pairs[4].value, "");
    va_form_free(form);
}

static void takes_odd_but_legal_shapes(void **state)
{
    va_form_t *form;
    const va_form_pair_t *pairs;
    size_t count;

    (void)state;
    assert_int_equal(parse(&form, VA_STR("")), VA_OK);
    va_form_pairs(form, &count);
    assert_int_equal(count, 0);
    va_form_free(form);

    assert_int_equal(parse(&form, VA_STR("&&&")), VA_OK);
    va_form_pairs(form, &count);
    assert_int_equal(count, 0);
    va_form_free(form);

    assert_int_equal(va_form_parse(&form, va_str(NULL)), VA_OK);
    va_form_free(form);

    assert_int_equal(parse(&form, VA_STR("&a&=b&&c=d=e&=&a=2")), VA_OK);
    pairs = va_form_pairs(form, &count);
    assert_int_equal(count, 5);
    assert_str(pairs[0].name, "a");
    assert_str(pairs[0].value, "");
    assert_str(pairs[1].name, "");
    assert_str(pairs[1].value, "b");
    assert_str(pairs[2].name, "c");
    assert_str(pairs[2].value, "d=e");
    assert_str(pairs[3].name, "");
    assert_str(pairs[3].value, "");
    va_form_free(form);
    va_form_free(NULL);
}

static void finds_the_first_of_a_name(void **state)
{
    va_form_t *form;

    (void)state;
    assert_int_equal(parse(&form, VA_STR("Digits=1&digits=2&Digits=3&E=")),
                     VA_OK);
    assert_str(va_form_get(form, "Digits"), "1");
    assert_str(va_form_get(form, "digits"), "2");
    assert_str(va_form_get(form, "E"), "");
    assert_null(va_form_get(form, "Digit").data);
    assert_null(va_form_get(form, "Digitss").data);
    va_form_free(form);
}

static void refuses_broken_escapes_and_nul(void **state)
{
    static const char *const broken[] = {
        "a=%",    "a=%1",  "%",    "a%zz=1",  "a=%0g",    "a=%g0",
        "a=%00b", "%00=1", "a=%%", "a=1&b=%", "a=%2&b=1", "%=1"};
    va_form_t *form;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(parse(&form, va_str(broken[i])), VA_INVALID);
        assert_null(form);
    }
    assert_int_equal(parse(&form, VA_STR("a=b\0c")), VA_INVALID);
    assert_int_equal(parse(&form, VA_STR("\0")), VA_INVALID);
}

static void counts_to_its_limit(void **state)
{
    char text[2 * VA_FORM_MAX + 3];
    va_form_t *form;
    size_t count;
    size_t i;

    (void)state;
    for (i = 0; i < VA_FORM_MAX; i++) {
        memcpy(text + 2 * i, "a&", 2);
    }
    assert_int_equal(parse(&form, (va_str_t){text, 2 * VA_FORM_MAX}), VA_OK);
    va_form_pairs(form, &count);
    assert_int_equal(count, VA_FORM_MAX);
    va_form_free(form);

    memcpy(text + 2 * VA_FORM_MAX, "b=", 2);
    assert_int_equal(parse(&form, (va_str_t){text, 2 * VA_FORM_MAX + 2}),
                     VA_LIMIT);
    assert_null(form);
}

static void every_beginning_is_safe(void **state)
{
    static const char text[] = "a=%2B1&&b+c=%c3%a4&=&d&%41%42=C";
    va_form_t *form;
    size_t n;

    (void)state;
    for (n = 0; n <= strlen(text); n++) {
        va_rc_t rc = parse(&form, (va_str_t){text, n});
        const char *percent = n != 0 ? memrchr(text, '%', n) : NULL;
        bool cut = percent != NULL && n - (size_t)(percent - text) < 3;

        assert_int_equal(rc, cut ? VA_INVALID : VA_OK);
        va_form_free(form);
    }
}

static void encodes_every_byte_so_that_it_comes_back(void **state)
{
    char bytes[255];
    va_form_t *form;
    va_buf_t b;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i + 1);
    }
    va_buf_init(&b, 4096);
    assert_int_equal(va_form_add(&b, VA_STR("To"), VA_STR("+1 (a~b)*-._")),
                     VA_OK);
    assert_string_equal(b.data, "To=%2B1+%28a%7Eb%29*-._");
    assert_int_equal(va_form_add(&b, VA_STR("x"), (va_str_t){bytes, 255}),
                     VA_OK);
    assert_int_equal(va_form_add(&b, VA_STR("e"), VA_STR("")), VA_OK);
    assert_string_equal(b.data + b.len - 3, "&e=");

    assert_int_equal(parse(&form, va_buf_view(&b)), VA_OK);
    assert_int_equal(va_form_get(form, "x").len, 255);
    assert_memory_equal(va_form_get(form, "x").data, bytes, 255);
    assert_str(va_form_get(form, "To"), "+1 (a~b)*-._");
    va_form_free(form);
    va_buf_free(&b);

    va_buf_init(&b, 8);
    assert_int_equal(va_form_add(&b, VA_STR("abc"), VA_STR("++")), VA_LIMIT);
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_twilio_sends),
        cmocka_unit_test(takes_odd_but_legal_shapes),
        cmocka_unit_test(finds_the_first_of_a_name),
        cmocka_unit_test(refuses_broken_escapes_and_nul),
        cmocka_unit_test(counts_to_its_limit),
        cmocka_unit_test(every_beginning_is_safe),
        cmocka_unit_test(encodes_every_byte_so_that_it_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
