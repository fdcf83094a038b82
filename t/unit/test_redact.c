/* What is taken out of a text before it is kept, and what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "exact.h"
#include "store/va_redact.h"

#define ALL (VA_REDACT_CARD | VA_REDACT_EMAIL | VA_REDACT_PHONE)

typedef struct {
    unsigned what;
    const char *text;
    const char *expected;
} case_t;

static void check(const case_t *c)
{
    va_str_t copy = exact(va_str(c->text));
    va_buf_t b;

    va_buf_init(&b, 4096);
    assert_int_equal(va_redact_text(&b, copy, c->what), VA_OK);
    assert_string_equal(b.data, c->expected);
    va_buf_free(&b);
    exact_free(copy);
}

static void test_cards(void **state)
{
    static const case_t cases[] = {
        {VA_REDACT_CARD, "4242424242424242", "[card]"},
        {VA_REDACT_CARD, "It is 4242 4242 4242 4242.", "It is [card]."},
        {VA_REDACT_CARD, "4242-4242-4242-4242, thanks", "[card], thanks"},
        {VA_REDACT_CARD, "3782 822463 10005 and", "[card] and"},
        {VA_REDACT_CARD, "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", "[card]"},
        {VA_REDACT_CARD, "card4242424242424242x", "card[card]x"},
        {VA_REDACT_CARD, "4242 4242 4242 4242 12/27 123", "[card] 12/27 123"},
        {VA_REDACT_CARD, "number 1: 4242424242424242", "number 1: [card]"},
        {VA_REDACT_CARD, "5 4242424242424242", "5 [card]"},
        {VA_REDACT_CARD, "4242424242424241", "4242424242424241"},
        {VA_REDACT_CARD, "424242424242", "424242424242"},
        {VA_REDACT_CARD,
         "four two four two four two four two four two four two four two four "
         "two",
         "[card]"},
        {VA_REDACT_CARD,
         "it's Four two, four two, four two, four two, four two, four two, "
         "four two, four two ok",
         "it's [card] ok"},
        {VA_REDACT_CARD,
         "double five double five 5555 5555 double four double "
         "four yes",
         "[card] yes"},
        {VA_REDACT_CARD,
         "\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2"
         "\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2\xd9\xa4\xd9\xa2",
         "[card]"},
        {VA_REDACT_CARD, "one of the four", "one of the four"},
        {VA_REDACT_CARD, "(12) is 7, 8 (9)", "(12) is 7, 8 (9)"},
        {0, "4242424242424242", "4242424242424242"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }
}

static void test_emails(void **state)
{
    static const case_t cases[] = {
        {VA_REDACT_EMAIL, "a.b+c@example.com", "[email]"},
        {VA_REDACT_EMAIL, "write to bob@mail.example.co.uk.",
         "write to [email]."},
        {VA_REDACT_EMAIL, "<bob@example.com>", "<[email]>"},
        {VA_REDACT_EMAIL, "john at example dot com", "[email]"},
        {VA_REDACT_EMAIL, "it is john dot doe at mail dot example dot org ok",
         "it is [email] ok"},
        {VA_REDACT_EMAIL, "meet me at noon", "meet me at noon"},
        {VA_REDACT_EMAIL, "bob@localhost", "bob@localhost"},
        {VA_REDACT_EMAIL, "dot com at dot", "dot com at dot"},
        {VA_REDACT_EMAIL, "at @ at", "at @ at"},
        {ALL, "7@example.com", "[email]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }
}

static void test_phones(void **state)
{
    static const case_t cases[] = {
        {VA_REDACT_PHONE, "+15550100001", "[phone]"},
        {VA_REDACT_PHONE, "call (555) 010-0001 now", "call [phone] now"},
        {VA_REDACT_PHONE, "555-0100 or 555.0101", "[phone] or [phone]"},
        {VA_REDACT_PHONE, "five five five oh one double oh", "[phone]"},
        {VA_REDACT_PHONE, "at 12:30 for 4", "at 12:30 for 4"},
        {VA_REDACT_PHONE, "order 123456", "order 123456"},
        {VA_REDACT_PHONE, "4242424242424242", "4242424242424242"},
        {ALL, "4242424242424242 or 555 0100", "[card] or [phone]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }
}

static void test_others(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 4096);
    assert_int_equal(va_redact_keys(&b, VA_STR("12#4*")), VA_OK);
    assert_string_equal(b.data, "*****");
    va_buf_reset(&b);
    assert_int_equal(va_redact_address(&b, VA_STR("+15550100001")), VA_OK);
    assert_string_equal(b.data, "+*********01");
    va_buf_reset(&b);
    assert_int_equal(va_redact_address(&b, VA_STR("911")), VA_OK);
    assert_string_equal(b.data, "***");
    va_buf_free(&b);
}

/* Whatever stands there, it is read to its end and no further. */
static void test_hostile(void **state)
{
    static const char set[] = "0 9-@.a+(dot at one double\xd9\xa0\xe0\xff";
    uint32_t seed = 1;
    char text[600];

    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)(round % 600);
        va_str_t copy;
        va_buf_t b;

        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = set[(seed >> 16) % (sizeof(set) - 1)];
        }
        copy = exact((va_str_t){text, n});
        va_buf_init(&b, 65536);
        assert_int_equal(va_redact_text(&b, copy, ALL), VA_OK);
        va_buf_free(&b);
        exact_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cards),   cmocka_unit_test(test_emails),
        cmocka_unit_test(test_phones),  cmocka_unit_test(test_others),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
