/* The conversation so far: what is kept, joined, cut and dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_history.h"
#include "exact.h"

static void say(va_history_t *h, va_role_t role, const char *text)
{
    va_str_t copy = exact(va_str(text));

    assert_int_equal(va_history_add(h, role, copy, -1, false), VA_OK);
    exact_free(copy);
}

static void assert_turn(const va_history_t *h, size_t i, va_role_t role,
                        const char *text)
{
    assert_true(i < h->count);
    assert_int_equal(h->turns[i].role, role);
    assert_string_equal(h->turns[i].text, text);
    assert_int_equal(h->turns[i].len, strlen(text));
}

static void test_turns(void **state)
{
    va_history_t h;
    va_ai_message_t m[4];

    (void)state;
    va_history_init(&h);
    assert_int_equal(va_history_last(&h, VA_ROLE_USER).len, 0);
    assert_int_equal(va_history_messages(&h, m, 4), 0);
    say(&h, VA_ROLE_ASSISTANT, "Hello.");
    say(&h, VA_ROLE_USER, "Hi.");
    say(&h, VA_ROLE_ASSISTANT, "");
    say(&h, VA_ROLE_ASSISTANT, "Yes?");
    assert_int_equal(h.count, 3);
    assert_turn(&h, 0, VA_ROLE_ASSISTANT, "Hello.");
    assert_turn(&h, 1, VA_ROLE_USER, "Hi.");
    assert_turn(&h, 2, VA_ROLE_ASSISTANT, "Yes?");
    assert_true(va_str_eq(va_history_last(&h, VA_ROLE_USER), VA_STR("Hi.")));
    assert_true(
        va_str_eq(va_history_last(&h, VA_ROLE_ASSISTANT), VA_STR("Yes?")));
    assert_int_equal(va_history_messages(&h, m, 4), 3);
    assert_true(va_str_eq(m[0].text, VA_STR("Hello.")));
    assert_int_equal(va_history_messages(&h, m, 2), 2);
    assert_int_equal(m[0].role, VA_ROLE_USER);
    assert_true(va_str_eq(m[1].text, VA_STR("Yes?")));
    assert_int_equal(h.bytes, 13);
    va_history_free(&h);
    assert_int_equal(h.count, 0);
}

static void test_join(void **state)
{
    va_history_t h;

    (void)state;
    va_history_init(&h);
    va_history_add(&h, VA_ROLE_USER, VA_STR("I want"), 0.9F, false);
    va_history_add(&h, VA_ROLE_USER, VA_STR("a table."), 0.4F, false);
    va_history_add(&h, VA_ROLE_USER, VA_STR("Please."), -1, false);
    assert_int_equal(h.count, 1);
    assert_turn(&h, 0, VA_ROLE_USER, "I want a table. Please.");
    assert_int_equal(h.bytes, 23);
    assert_true(h.turns[0].confidence == 0.4F);
    /* The assistant's are separate: each was a turn of its own. */
    say(&h, VA_ROLE_ASSISTANT, "One.");
    va_history_add(&h, VA_ROLE_ASSISTANT, VA_STR("Two"), -1, true);
    assert_int_equal(h.count, 3);
    assert_true(h.turns[2].interrupted);
    va_history_free(&h);
}

/* A text that is too long loses its end, never half a character. */
static void test_long_text(void **state)
{
    static char text[VA_HISTORY_BYTES + 1];
    va_history_t h;

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text + VA_HISTORY_BYTES / 2 - 1, "\xc3\xb6", 2);
    va_history_init(&h);
    say(&h, VA_ROLE_USER, text);
    assert_int_equal(h.turns[0].len, VA_HISTORY_BYTES / 2 - 1);
    assert_int_equal(strlen(h.turns[0].text), h.turns[0].len);
    /* No room for a two-byte character: the turn stays as it was. */
    say(&h, VA_ROLE_USER, "\xc3\xb6");
    assert_int_equal(h.turns[0].len, VA_HISTORY_BYTES / 2 - 1);
    for (int i = 0; i < 10; i++) {
        say(&h, VA_ROLE_USER, text);
        assert_int_equal(h.count, 1);
        assert_true(h.turns[0].len <= VA_HISTORY_BYTES / 2 + 1);
        assert_int_equal(h.bytes, h.turns[0].len);
    }
    va_history_free(&h);
}

static void test_bounds(void **state)
{
    static char text[4001];
    va_history_t h;
    unsigned i;

    (void)state;
    va_history_init(&h);
    for (i = 0; i < 3 * VA_HISTORY_TURNS; i++) {
        char one[2] = {(char)('A' + i % 26), '\0'};

        say(&h, i % 2 != 0 ? VA_ROLE_USER : VA_ROLE_ASSISTANT, one);
    }
    assert_int_equal(h.count, VA_HISTORY_TURNS);
    assert_int_equal(h.dropped, 2 * VA_HISTORY_TURNS);
    assert_int_equal(h.bytes, VA_HISTORY_TURNS);
    assert_int_equal(h.turns[0].text[0], 'A' + 2 * VA_HISTORY_TURNS % 26);
    memset(text, 'x', sizeof(text) - 1);
    for (i = 0; i < 20; i++) {
        size_t sum = 0;

        say(&h, i % 2 != 0 ? VA_ROLE_USER : VA_ROLE_ASSISTANT, text);
        for (size_t k = 0; k < h.count; k++) {
            sum += h.turns[k].len;
        }
        assert_int_equal(h.bytes, sum);
        assert_true(sum <= VA_HISTORY_BYTES);
    }
    assert_int_equal(h.count, VA_HISTORY_BYTES / 4000);
    va_history_free(&h);
}

/* What was said last is taken back, and what it was joined to stays. */
static void test_retract(void **state)
{
    va_history_t h;

    (void)state;
    va_history_init(&h);
    va_history_retract(&h);
    say(&h, VA_ROLE_ASSISTANT, "Hi.");
    va_history_retract(&h);
    assert_int_equal(h.count, 1);
    va_history_add(&h, VA_ROLE_USER, VA_STR("One"), 0.9F, false);
    va_history_add(&h, VA_ROLE_USER, VA_STR("two"), 0.2F, false);
    assert_string_equal(h.turns[1].text, "One two");
    va_history_retract(&h);
    assert_string_equal(h.turns[1].text, "One");
    assert_int_equal(h.turns[1].len, 3);
    assert_true(h.turns[1].confidence == 0.9F);
    assert_int_equal(h.bytes, 6);
    va_history_free(&h);
    say(&h, VA_ROLE_USER, "One");
    va_history_retract(&h);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.bytes, 0);
    va_history_free(&h);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),     cmocka_unit_test(test_join),
        cmocka_unit_test(test_long_text), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_retract),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL) != 0;
}
