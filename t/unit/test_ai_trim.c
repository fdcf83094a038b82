#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ai/va_ai_trim.h"

static void tokens_are_estimated(void **state)
{
    (void)state;
    assert_int_equal(va_ai_tokens(VA_STR("")), 0);
    assert_int_equal(va_ai_tokens(VA_STR("a")), 1);
    assert_int_equal(va_ai_tokens(VA_STR("abcd")), 1);
    assert_int_equal(va_ai_tokens(VA_STR("abcde")), 2);
    assert_int_equal(va_ai_tokens(VA_STR("\xe4\xbd\xa0\xe5\xa5\xbd, \xc3\xa9")),
                     4);
}

/* Each text is one token, so a message is five; the prompt is five as well. */
static const va_ai_message_t messages[] = {
    {.role = VA_ROLE_ASSISTANT, .text = VA_STR("hi")},
    {.role = VA_ROLE_USER, .text = VA_STR("one")},
    {.role = VA_ROLE_ASSISTANT, .text = VA_STR("ok")},
    {.role = VA_ROLE_USER, .text = VA_STR("two")},
    {.role = VA_ROLE_USER, .text = VA_STR("more")},
    {.role = VA_ROLE_ASSISTANT,
     .tool_id = VA_STR("x"),
     .tool_name = VA_STR("f")},
    {.role = VA_ROLE_TOOL, .tool_id = VA_STR("x"), .text = VA_STR("5")},
    {.role = VA_ROLE_ASSISTANT, .text = VA_STR("five")},
    {.role = VA_ROLE_USER, .text = VA_STR("end")},
};

static size_t trim(size_t n, size_t max_tokens, size_t max_turns)
{
    return va_ai_trim(VA_STR("be"), messages, n, max_tokens, max_turns);
}

static void whole_turns_are_told(void **state)
{
    (void)state;
    assert_int_equal(trim(9, 0, 0), 0);
    assert_int_equal(trim(9, 50, 0), 0);
    assert_int_equal(trim(9, 49, 0), 1); /* the greeting goes first */
    assert_int_equal(trim(9, 44, 0), 3);
    assert_int_equal(trim(9, 35, 0), 3);
    assert_int_equal(trim(9, 34, 0), 8); /* never from inside a turn */
    assert_int_equal(trim(9, 1, 0), 8);  /* never nothing */
    assert_int_equal(trim(9, 0, 1), 8);
    assert_int_equal(trim(9, 0, 2), 3);
    assert_int_equal(trim(9, 0, 3), 0);
    assert_int_equal(trim(9, 34, 3), 8);
    /* in the middle of a turn with tools */
    assert_int_equal(trim(7, 1, 1), 3);
    assert_int_equal(trim(1, 1, 1), 0);
    assert_int_equal(trim(0, 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_estimated),
        cmocka_unit_test(whole_turns_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
