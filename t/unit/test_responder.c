/*
 * The conversation by rules: what is understood, the time and date in words,
 * and that no text or time of day can break it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dialog/va_responder.h"
#include "exact.h"

static const struct tm evening = {.tm_hour = 22,
                                  .tm_min = 42,
                                  .tm_mday = 22,
                                  .tm_mon = 10,
                                  .tm_year = 126,
                                  .tm_wday = 0};

static va_reply_t ask(va_str_t said, const struct tm *now)
{
    va_reply_t reply;
    va_str_t own = exact(said);

    memset(&reply, 0x55, sizeof(reply));
    va_responder_reply(&reply, own, now);
    exact_free(own);
    assert_non_null(memchr(reply.text, '\0', sizeof(reply.text)));
    assert_true(reply.text[0] != '\0');
    return reply;
}

static void check(const char *said, const char *expected, bool end)
{
    va_reply_t reply = ask(va_str(said), &evening);

    if (strcmp(reply.text, expected) != 0 || reply.end != end) {
        fail_msg("\"%s\" was answered \"%s\"%s, not \"%s\"%s", said, reply.text,
                 reply.end ? " (end)" : "", expected, end ? " (end)" : "");
    }
}

static void tells_time(int hour, int minute, const char *expected)
{
    struct tm now = evening;
    va_reply_t reply;

    now.tm_hour = hour;
    now.tm_min = minute;
    reply = ask(VA_STR("what time is it"), &now);
    assert_string_equal(reply.text, expected);
    assert_false(reply.end);
}

static void test_time(void **state)
{
    (void)state;
    tells_time(22, 42, "It is ten forty two p m.");
    tells_time(0, 0, "It is twelve o'clock a m.");
    tells_time(12, 0, "It is twelve o'clock p m.");
    tells_time(11, 59, "It is eleven fifty nine a m.");
    tells_time(13, 5, "It is one oh five p m.");
    tells_time(9, 10, "It is nine ten a m.");
    tells_time(9, 19, "It is nine nineteen a m.");
    tells_time(9, 20, "It is nine twenty a m.");
    tells_time(23, 50, "It is eleven fifty p m.");
    check("What time is it?", "It is ten forty two p m.", false);
    check("hello, what's the time", "It is ten forty two p m.", false);
    check("TELL ME THE TIME, please!", "It is ten forty two p m.", false);
}

/* Each minute of the day has words of its own. */
static void test_time_every_minute(void **state)
{
    char before[VA_RESPONDER_TEXT] = "";
    struct tm now = evening;
    va_reply_t reply;
    int i;

    (void)state;
    for (i = 0; i < 24 * 60; i++) {
        now.tm_hour = i / 60;
        now.tm_min = i % 60;
        reply = ask(VA_STR("what time is it"), &now);
        assert_string_not_equal(reply.text, before);
        assert_memory_equal(reply.text, "It is ", 6);
        va_str_copy(before, sizeof(before), va_str(reply.text));
    }
}

static void tells_date(const char *said, int mday, int mon, int year, int wday,
                       const char *expected)
{
    struct tm now = evening;
    va_reply_t reply;

    now.tm_mday = mday;
    now.tm_mon = mon;
    now.tm_year = year - 1900;
    now.tm_wday = wday;
    reply = ask(va_str(said), &now);
    assert_string_equal(reply.text, expected);
    assert_false(reply.end);
}

static void test_date(void **state)
{
    (void)state;
    tells_date("what day is it", 22, 10, 2026, 0,
               "Today is Sunday, November twenty second.");
    tells_date("what is the date today", 1, 0, 2026, 4,
               "Today is Thursday, January first.");
    tells_date("what day is tomorrow", 31, 11, 2026, 4,
               "Tomorrow is Friday, January first.");
    tells_date("tomorrow", 28, 1, 2026, 6, "Tomorrow is Sunday, March first.");
    tells_date("tomorrow", 28, 1, 2028, 1,
               "Tomorrow is Tuesday, February twenty ninth.");
    tells_date("tomorrow", 28, 1, 2000, 1,
               "Tomorrow is Tuesday, February twenty ninth.");
    tells_date("tomorrow", 28, 1, 2100, 0, "Tomorrow is Monday, March first.");
    tells_date("what day was yesterday", 1, 2, 2026, 0,
               "Yesterday was Saturday, February twenty eighth.");
    tells_date("yesterday", 1, 0, 2026, 4,
               "Yesterday was Wednesday, December thirty first.");
    tells_date("what's today's date", 31, 0, 2026, 6,
               "Today is Saturday, January thirty first.");
}

static void test_talk(void **state)
{
    (void)state;
    check("hello", "Hello, how can I help you?", false);
    check("Good morning!", "Hello, how can I help you?", false);
    check("how are you", "I am fine, thank you. How can I help you?", false);
    check("who are you", "I am your telephone assistant. How can I help you?",
          false);
    check("help",
          "You can ask me for the time, the date, your order, or a table.",
          false);
    check("what can you do for me",
          "You can ask me for the time, the date, your order, or a table.",
          false);
    check("yes", "Very well. What else can I do for you?", false);
    check("Yes, thank you.", "Very well. What else can I do for you?", false);
    check("no", "I am sorry. What can I do for you?", false);
    check("that is wrong", "I am sorry. What can I do for you?", false);
    check("start over", "All right. What can I do for you?", false);
    check("operator please",
          "I am sorry, there is no operator here. What else can I do for you?",
          false);
    check("can you repeat that", "I am sorry. How can I help you?", false);
}

static void test_orders(void **state)
{
    (void)state;
    check("I would like to book a table for tomorrow",
          "For which day would you like the table?", false);
    check("where is my order", "Please tell me the number of your order.",
          false);
    check("what is the balance of my account",
          "Please tell me the number of your account.", false);
    check("one two three four", "I heard one two three four. Is that right?",
          false);
    check("It's 12 34", "I heard one two three four. Is that right?", false);
    check("nine oh five", "I heard nine zero five. Is that right?", false);
    check("on friday", "I heard Friday. Is that right?", false);
    check("december", "I heard December. Is that right?", false);
}

static void test_ends(void **state)
{
    (void)state;
    check("goodbye", "Goodbye, and have a nice day.", true);
    check("Good bye.", "Goodbye, and have a nice day.", true);
    check("that's all", "Goodbye, and have a nice day.", true);
    check("That\xe2\x80\x99s all", "Goodbye, and have a nice day.", true);
    check("no thank you", "Goodbye, and have a nice day.", true);
    check("okay thank you bye", "Goodbye, and have a nice day.", true);
    check("thanks", "You are welcome. Goodbye.", true);
    check("thank you very much", "You are welcome. Goodbye.", true);
    check("thank you for your help", "You are welcome. Goodbye.", true);
    check("please do not hang up", "All right. What can I do for you?", false);
    check("thank you, what time is it", "It is ten forty two p m.", false);
}

static void test_not_understood(void **state)
{
    static const char nothing[] =
        "I am sorry, I did not hear you. Please say that again.";
    static const char strange[] =
        "I am sorry, I did not understand. Please say that again.";

    (void)state;
    check("", nothing, false);
    check(" ... \t\r\n", nothing, false);
    check("the quick brown fox", strange, false);
    /* Words inside of words are not words. */
    check("nothingness byelaw yesterdays", strange, false);
}

static void test_leave_and_repeat(void **state)
{
    (void)state;
    assert_true(va_responder_goodbye(VA_STR("Goodbye!")));
    assert_true(va_responder_goodbye(VA_STR("well, that is all")));
    assert_false(va_responder_goodbye(VA_STR("do not hang up")));
    assert_false(va_responder_goodbye(VA_STR("thank you")));
    assert_false(va_responder_goodbye(VA_STR("")));
    assert_true(va_responder_repeat(VA_STR("Say that again, please")));
    assert_true(va_responder_repeat(VA_STR("could you repeat that")));
    assert_false(va_responder_repeat(VA_STR("hello again")));
    assert_false(va_responder_repeat(VA_STR("")));
    assert_false(va_responder_repeat((va_str_t){NULL, 0}));
}

/* Long texts are looked at in part, and all bytes are taken. */
static void test_hostile(void **state)
{
    static char text[70000];
    struct tm odd = {.tm_hour = -1,
                     .tm_min = 99,
                     .tm_mday = 0,
                     .tm_mon = 77,
                     .tm_year = -2147483647 - 1,
                     .tm_wday = -5};
    static const char *const ask_clock[] = {"what time is it", "what day is it",
                                            "tomorrow", "yesterday"};
    va_reply_t reply;
    size_t i, n;

    (void)state;
    for (i = 0; i < 256; i++) {
        memset(text, (int)i, sizeof(text));
        for (n = 0; n < 70; n++) {
            ask((va_str_t){text, n * 1000 + n}, &evening);
        }
        ask((va_str_t){text, 1022 + i % 4}, &evening);
    }
    for (i = 0; i < sizeof(text); i++) {
        text[i] = "seventeen "[i % 10];
    }
    reply = ask((va_str_t){text, sizeof(text)}, &evening);
    assert_non_null(strstr(reply.text, "Is that right?"));
    for (i = 0; i < 4; i++) {
        ask(va_str(ask_clock[i]), &odd);
    }
    odd.tm_year = 2147483647;
    odd.tm_hour = 2147483647;
    odd.tm_mday = 2147483647;
    for (i = 0; i < 4; i++) {
        ask(va_str(ask_clock[i]), &odd);
    }
    odd.tm_mday = -2147483647 - 1;
    ask(VA_STR("tomorrow"), &odd);
    /* A curly apostrophe that is cut off. */
    ask((va_str_t){"that\xe2\x80", 6}, &evening);
    ask((va_str_t){"that\xe2", 5}, &evening);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_every_minute),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_not_understood),
        cmocka_unit_test(test_leave_and_repeat),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
