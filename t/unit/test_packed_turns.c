/* Turns packed into a field: what comes back, what is cut, what is rubbish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_turns.h"
#include "exact.h"

#define FIELD 256

static uint8_t *field;
static size_t len;

static int setup(void **state)
{
    (void)state;
    field = malloc(FIELD);
    len = 0;
    return field == NULL;
}

static int teardown(void **state)
{
    (void)state;
    free(field);
    return 0;
}

static void add(va_role_t role, const char *text, float confidence)
{
    va_str_t copy = exact(va_str(text));

    len = va_turns_add(
        field, len, FIELD,
        &(va_turn_t){.role = role, .text = copy, .confidence = confidence});
    assert_true(len <= FIELD);
    exact_free(copy);
}

/* Reads from a copy of exactly its size. */
static unsigned texts(char *out)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    va_turn_t turn;
    unsigned n = 0;
    size_t at = 0;

    assert_non_null(copy);
    memcpy(copy, field, len);
    for (*out = '\0'; va_turns_next(copy, len, &at, &turn); n++) {
        strncat(out, turn.role == VA_ROLE_USER ? "<" : ">", 2);
        strncat(out, turn.text.data, turn.text.len);
    }
    assert_int_equal(at, len);
    free(copy);
    return n;
}

static void test_same(void **state)
{
    va_turn_t turn = {.role = VA_ROLE_ASSISTANT,
                      .text = VA_STR("Bye."),
                      .interrupted = true,
                      .timed = true,
                      .confidence = -1,
                      .ms = {600, 700, 0, 0xfffe, VA_TURN_NEVER, 900, 1}};
    va_turn_t back;
    size_t at = 0;
    char out[FIELD];

    (void)state;
    assert_false(va_turns_next(field, 0, &at, &back));
    assert_false(va_turns_last(field, 0, &back));
    add(VA_ROLE_ASSISTANT, "Hello.", -1);
    add(VA_ROLE_USER, "", 1);
    add(VA_ROLE_USER, "Good\xc3\xa9 morning", 0.934f);
    len = va_turns_add(field, len, FIELD, &turn);
    assert_int_equal(texts(out), 4);
    assert_string_equal(out, ">Hello.<<Good\xc3\xa9 morning>Bye.");

    assert_true(va_turns_next(field, len, &at, &back));
    assert_true(back.confidence < 0);
    assert_false(back.timed || back.interrupted);
    assert_int_equal(back.ms[0], VA_TURN_NEVER);
    assert_true(va_turns_next(field, len, &at, &back));
    assert_true(back.confidence == 1);
    assert_int_equal(back.text.len, 0);
    assert_true(va_turns_next(field, len, &at, &back));
    assert_int_equal((int)(back.confidence * 100 + 0.5f), 93);
    assert_true(va_turns_last(field, len, &back));
    assert_true(back.timed && back.interrupted);
    assert_true(back.confidence < 0);
    assert_memory_equal(back.ms, turn.ms, sizeof(turn.ms));
}

static void test_oldest_goes(void **state)
{
    char out[FIELD], text[] = "turn 00, and some more words";
    unsigned n;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        text[5] = (char)('0' + i / 10);
        text[6] = (char)('0' + i % 10);
        add(i % 2 ? VA_ROLE_USER : VA_ROLE_ASSISTANT, text, -1);
        n = texts(out);
        assert_int_equal(n, i < 8 ? i + 1 : 8);
        assert_non_null(strstr(out, text));
    }
    assert_memory_equal(out, ">turn 32", 8);
}

static void test_long(void **state)
{
    char out[FIELD], text[1000];
    va_turn_t turn;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[FIELD / 2 - 1] = '\xc3';
    text[FIELD / 2] = '\xa9';
    text[sizeof(text) - 1] = '\0';
    add(VA_ROLE_USER, "First.", -1);
    add(VA_ROLE_USER, text, -1);
    assert_int_equal(texts(out), 2);
    assert_true(va_turns_last(field, len, &turn));
    assert_int_equal(turn.text.len, FIELD / 2 - 1);
    add(VA_ROLE_USER, text, -1);
    assert_int_equal(texts(out), 1);
}

/* Whatever stands in the field, nothing is read behind it. */
static void test_rubbish(void **state)
{
    uint8_t *copy;
    va_turn_t turn;
    size_t at, n;
    uint32_t r = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        n = round % 64;
        copy = malloc(n != 0 ? n : 1);
        assert_non_null(copy);
        for (size_t i = 0; i < n; i++) {
            r = r * 1664525 + 1013904223;
            copy[i] = (uint8_t)(i % 8 == 0 ? 0x10 | (r >> 28) : r >> 27);
        }
        for (at = 0; va_turns_next(copy, n, &at, &turn);) {
            assert_true(at <= n);
            assert_true(turn.text.data + turn.text.len <= (char *)copy + n);
        }
        free(copy);
    }

    /* and a new turn finds its place */
    memset(field, 0xff, FIELD);
    len = FIELD;
    add(VA_ROLE_USER, "Anew.", -1);
    assert_true(va_turns_last(field, len, &turn));
    assert_true(va_str_eq(turn.text, VA_STR("Anew.")));
    at = len + 1;
    assert_false(va_turns_next(field, len, &at, &turn));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(va_turn_time_name(VA_TURN_END), "silence");
    assert_string_equal(va_turn_time_name(VA_TURN_FIRST_HEARD), "first_heard");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_same),    TEST(test_oldest_goes), TEST(test_long),
        TEST(test_rubbish), TEST(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
