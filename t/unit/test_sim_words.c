#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/cli_words.h"
#include "exact.h"

static cli_words_t a, b;

static void words(cli_words_t *w, const char *text)
{
    va_str_t copy = exact(va_str(text));

    cli_words(w, copy);
    exact_free(copy);
}

static void same(const char *text, const char *plain)
{
    char all[1024] = "";
    size_t i;

    words(&a, text);
    for (i = 0; i < a.count; i++) {
        strcat(all, i > 0 ? " " : "");
        strcat(all, a.word[i]);
    }
    assert_string_equal(all, plain);
}

static void text_becomes_words(void **state)
{
    (void)state;
    same("", "");
    same(" ?! ", "");
    same("Hello, World!", "hello world");
    same("I'm at 10:42 p.m.", "im at ten forty two p m");
    same("10:05PM", "ten zero five p m");
    same("5am, I am here", "five a m i am here");
    same("call 911 or 20", "call nine one one or twenty");
    same("it is * now", "it is * now");
    same("na\xc3\xafve", "na\xc3\xafve");
}

static void long_texts_are_cut(void **state)
{
    static char text[2 * CLI_WORDS_MAX + 100];
    size_t i;

    (void)state;
    for (i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "a ", 2);
    }
    words(&a, text);
    assert_int_equal(a.count, CLI_WORDS_MAX);
    memset(text, 'b', 99);
    text[99] = '\0';
    words(&a, text);
    assert_int_equal(a.count, 1);
    assert_int_equal(strlen(a.word[0]), CLI_WORD_LEN - 1);
    memset(text, '7', 99);
    words(&a, text);
    assert_int_equal(a.count, CLI_WORD_LEN - 1);
}

static void contains(const char *text, const char *pattern, bool yes)
{
    words(&a, text);
    words(&b, pattern);
    assert_int_equal(cli_words_contain(&a, &b), yes);
}

static void patterns(void **state)
{
    (void)state;
    contains("hello how can i help you", "how can I help", true);
    contains("hello how can i help you", "how can help", false);
    contains("hello how can i help you", "hello * help *", true);
    contains("hello how can i help you", "help * hello", false);
    contains("today is monday", "today is * ", true);
    contains("a b a c", "a c", true);
    contains("a b", "a * b", true);
    contains("a", "a * a", false);
    contains("goodbyes", "goodbye", false);
    contains("", "a", false);
    contains("", "", true);
    contains("anything", "*", true);
    contains("it is 9 p.m.", "nine p m", true);
}

static void told(const char *text, int minutes, bool half)
{
    bool got = false;

    words(&a, text);
    assert_int_equal(cli_words_time(&a, &got), minutes);
    if (minutes >= 0) {
        assert_int_equal(got, half);
    }
}

static void times_are_found(void **state)
{
    (void)state;
    told("It is ten forty two p m.", 22 * 60 + 42, true);
    told("it is twelve oh five a m", 5, true);
    told("it is twelve thirty p m", 12 * 60 + 30, true);
    told("it is three o'clock p m", 15 * 60, true);
    told("it is three o'clock", 3 * 60, false);
    told("the time is 10:05 AM", 10 * 60 + 5, true);
    told("22:40", 22 * 60 + 40, true);
    told("it is nine p m", 21 * 60, true);
    told("eleven eleven", 11 * 60 + 11, false);
    told("noon", 720, true);
    told("midnight", 0, true);
    told("hello how can i help you", -1, false);
    told("i am one", -1, false);
    told("thirteen p m", -1, false);
    told("", -1, false);
}

static void times_are_near(void **state)
{
    (void)state;
    assert_true(cli_time_near(600, true, 600, 600));
    assert_true(cli_time_near(601, true, 600, 600));
    assert_true(cli_time_near(599, true, 600, 600));
    assert_false(cli_time_near(602, true, 600, 600));
    assert_false(cli_time_near(598, true, 600, 600));
    assert_false(cli_time_near(600, true, 600 + 720, 600 + 720));
    assert_true(cli_time_near(600, false, 600 + 720, 600 + 720));
    assert_true(cli_time_near(0, true, 1439, 1439));
    assert_true(cli_time_near(1439, true, 0, 0));
    assert_true(cli_time_near(0, true, 1439, 0));
    assert_false(cli_time_near(-1, true, 0, 1439));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_words),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(patterns),
        cmocka_unit_test(times_are_found),
        cmocka_unit_test(times_are_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
