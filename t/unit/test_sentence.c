/*
 * Cutting text into sentences: what ends one and what does not, and that a
 * text which arrives in pieces is cut where the whole text is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/va_buf.h"
#include "dialog/va_sentence.h"
#include "exact.h"

/* Whether the beginning may be a clause. */
static bool first;

/* Appends the sentences of text that are complete, each between bars. */
static size_t cut(va_buf_t *out, va_str_t text, bool final)
{
    size_t done = 0;
    bool begin = out->len == 0;

    for (;;) {
        va_str_t rest = exact((va_str_t){text.data + done, text.len - done});
        va_str_t sentence = {NULL, 0};
        size_t used = 0;
        va_rc_t rc = (first && begin && done == 0
                          ? va_sentence_first
                          : va_sentence_next)(rest, final, &used, &sentence);

        if (rc == VA_OK) {
            assert_true(used > 0 && used <= rest.len);
            assert_true(sentence.len <= VA_SENTENCE_MAX);
            if (sentence.len != 0) {
                va_buf_puts(out, "|");
                va_buf_str(out, sentence);
            }
        }
        exact_free(rest);
        if (rc != VA_OK) {
            assert_int_equal(rc, VA_AGAIN);
            break;
        }
        done += used;
    }
    if (final) {
        assert_int_equal(done, text.len);
    }
    return done;
}

/* Gives the text in pieces of so many bytes. */
static void stream(va_buf_t *out, va_str_t text, size_t piece)
{
    size_t done = 0;

    for (size_t n = piece; n < text.len; n += piece) {
        done += cut(out, (va_str_t){text.data + done, n - done}, false);
    }
    cut(out, (va_str_t){text.data + done, text.len - done}, true);
}

static void check(const char *text, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 11, 64, 100000};

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        va_buf_t out;

        va_buf_init(&out, 100000);
        stream(&out, va_str(text), pieces[i]);
        va_buf_puts(&out, "|");
        assert_string_equal(out.data, expected);
        va_buf_free(&out);
    }
}

static void test_plain(void **state)
{
    (void)state;
    check("", "|");
    check("   \n\t ", "|");
    check("Hello", "|Hello|");
    check("Hello. How are you? Fine!", "|Hello.|How are you?|Fine!|");
    check("  Hello.  World.  ", "|Hello.|World.|");
    check("One\nTwo\r\n\nThree", "|One|Two|Three|");
    check("Really?! Yes.", "|Really?!|Yes.|");
    check("No space.Here", "|No space.Here|");
}

static void test_complete(void **state)
{
    va_str_t sentence;
    size_t used;

    (void)state;
    /* Whether a number goes on is not known before the next character. */
    assert_int_equal(
        va_sentence_next(VA_STR("It is 3."), false, &used, &sentence),
        VA_AGAIN);
    assert_int_equal(
        va_sentence_next(VA_STR("It is so."), false, &used, &sentence),
        VA_AGAIN);
    assert_int_equal(
        va_sentence_next(VA_STR("It is so. "), false, &used, &sentence), VA_OK);
    assert_true(va_str_eq(sentence, VA_STR("It is so.")));
    assert_int_equal(va_sentence_next(VA_STR(""), true, &used, &sentence),
                     VA_AGAIN);
    assert_int_equal(va_sentence_next(VA_STR("a\n"), false, &used, &sentence),
                     VA_OK);
    assert_int_equal(used, 2);
}

static void test_numbers(void **state)
{
    (void)state;
    check("Pi is 3.14 or so. Yes.", "|Pi is 3.14 or so.|Yes.|");
    check("It costs 1,299.50 dollars. Ok?", "|It costs 1,299.50 dollars.|Ok?|");
    check("At 5.30 p.m. we close. Bye.", "|At 5.30 p.m. we close.|Bye.|");
    check("You have 12. Anything else?", "|You have 12.|Anything else?|");
    check("1. Apples\n2. Pears\n10. Nuts", "|1. Apples|2. Pears|10. Nuts|");
    check("Version 1.22.1 is out. Get it.", "|Version 1.22.1 is out.|Get it.|");
}

static void test_abbreviations(void **state)
{
    (void)state;
    check("Dr. Smith is in. Mrs. Jones is not.",
          "|Dr. Smith is in.|Mrs. Jones is not.|");
    check("Ask J. R. R. Tolkien. Or me.", "|Ask J. R. R. Tolkien.|Or me.|");
    check("The U.S. Army and the U.K. too. Yes.",
          "|The U.S. Army and the U.K. too.|Yes.|");
    check("Fruit, e.g. apples, i.e. food. Good.",
          "|Fruit, e.g. apples, i.e. food.|Good.|");
    check("(approx. ten) and \"St. Mary\". Fine.",
          "|(approx. ten) and \"St. Mary\".|Fine.|");
    check("So do I. You too.", "|So do I.|You too.|");
    check("On Thursday. Or on Friday.", "|On Thursday.|Or on Friday.|");
}

static void test_addresses(void **state)
{
    (void)state;
    check("See https://example.com/a.b?c=d!e now. Good.",
          "|See https://example.com/a.b?c=d!e now.|Good.|");
    check("Write to me@example.com. Thanks.",
          "|Write to me@example.com.|Thanks.|");
    check("It is at 192.168.0.1. Go.", "|It is at 192.168.0.1.|Go.|");
}

static void test_quotes(void **state)
{
    (void)state;
    check("She said \"Go.\" Then left.", "|She said \"Go.\"|Then left.|");
    check("(He left.) She stayed.", "|(He left.)|She stayed.|");
    check("He said \xe2\x80\x9cno.\xe2\x80\x9d She went.",
          "|He said \xe2\x80\x9cno.\xe2\x80\x9d|She went.|");
    check("\"Why?\" 'Because.' Ok", "|\"Why?\"|'Because.'|Ok|");
}

static void test_ellipses(void **state)
{
    (void)state;
    check("Well... I think so. Yes.", "|Well...|I think so.|Yes.|");
    check("... and so on. Good.", "|... and so on.|Good.|");
    check("Wait...what? No.", "|Wait...what?|No.|");
    check("Hm\xe2\x80\xa6 yes. Ok.", "|Hm\xe2\x80\xa6 yes.|Ok.|");
}

static void test_scripts(void **state)
{
    (void)state;
    /* Chinese: no white space behind the full stop. */
    check("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x86\x8d\xe8\xa7\x81"
          "\xef\xbc\x81\xe5\x90\x97\xef\xbc\x9f",
          "|\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe5\x86\x8d\xe8\xa7\x81"
          "\xef\xbc\x81|\xe5\x90\x97\xef\xbc\x9f|");
    /* Japanese: the closing bracket belongs to the sentence. */
    check("\xe3\x80\x8c\xe3\x81\xaf\xe3\x81\x84\xe3\x80\x82\xe3\x80\x8d"
          "\xe3\x81\xa8",
          "|\xe3\x80\x8c\xe3\x81\xaf\xe3\x81\x84\xe3\x80\x82\xe3\x80\x8d|"
          "\xe3\x81\xa8|");
    check("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\" \xe5\x86\x8d",
          "|\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\"|\xe5\x86\x8d|");
    /* Hindi */
    check("\xe0\xa4\xb9\xe0\xa4\xbe\xe0\xa5\xa4 \xe0\xa4\xb9\xe0\xa4\xbe",
          "|\xe0\xa4\xb9\xe0\xa4\xbe\xe0\xa5\xa4|\xe0\xa4\xb9\xe0\xa4\xbe|");
    /* German and French letters before the full stop */
    check("Sch\xc3\xb6n. \xc3\x89t\xc3\xa9. Oui.",
          "|Sch\xc3\xb6n.|\xc3\x89t\xc3\xa9.|Oui.|");
}

/* What is not UTF-8 is not waited for longer in pieces than in the whole. */
static void test_not_utf8(void **state)
{
    (void)state;
    check("\xe4\xbd\xa0\xe3\x80\x82\xe3\nTwo.",
          "|\xe4\xbd\xa0\xe3\x80\x82|\xe3|Two.|");
    check("\xe4\xbd\xa0\xe3\x80\x82\xc2\nTwo.",
          "|\xe4\xbd\xa0\xe3\x80\x82|\xc2|Two.|");
    check("One.\xe2\x80\nTwo.", "|One.\xe2\x80|Two.|");
    check("One.\xff\xff Two", "|One.\xff\xff Two|");
    check("One.\xe2", "|One.\xe2|");
}

/* A text without an end is cut at a clause, else a word, else a character. */
static void test_long(void **state)
{
    char text[1000];
    va_str_t sentence;
    size_t used;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(va_sentence_next((va_str_t){text, VA_SENTENCE_MAX}, false,
                                      &used, &sentence),
                     VA_AGAIN);
    assert_int_equal(va_sentence_next((va_str_t){text, VA_SENTENCE_MAX + 1},
                                      false, &used, &sentence),
                     VA_OK);
    assert_int_equal(used, VA_SENTENCE_MAX);
    text[200] = ' ';
    text[230] = ' ';
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                      &used, &sentence),
                     VA_OK);
    assert_int_equal(sentence.len, 230);
    text[199] = ',';
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                      &used, &sentence),
                     VA_OK);
    assert_int_equal(sentence.len, 200);
    for (const char *c = ",;:"; *c != '\0'; c++) {
        text[199] = *c;
        assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                          &used, &sentence),
                         VA_OK);
        assert_int_equal(sentence.len, 200);
    }
    /* An end that stands beyond the bound is not waited for. */
    memset(text, 'a', sizeof(text));
    memcpy(text + 500, ". B", 3);
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, true,
                                      &used, &sentence),
                     VA_OK);
    assert_int_equal(used, VA_SENTENCE_MAX);
    /* The umlaut is not cut: its first byte would be the last. */
    memset(text, 'a', sizeof(text));
    memcpy(text + VA_SENTENCE_MAX - 1, "\xc3\xb6", 2);
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                      &used, &sentence),
                     VA_OK);
    assert_int_equal(used, VA_SENTENCE_MAX - 1);
    memset(text, '\x80', sizeof(text));
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                      &used, &sentence),
                     VA_OK);
    assert_true(used > 0);
    memset(text, ' ', sizeof(text));
    assert_int_equal(va_sentence_next((va_str_t){text, sizeof(text)}, false,
                                      &used, &sentence),
                     VA_OK);
    assert_int_equal(sentence.len, 0);
}

/* Around the bound, pieces and the whole are cut alike. */
static void test_long_streamed(void **state)
{
    static const char *const ends[] = {
        ".", "?", "?\"", "...", "\xe3\x80\x82", "\xe3\x80\x82\xe3\x80\x8d"};

    (void)state;
    for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
        for (size_t at = 225; at < 250; at++) {
            char text[600];
            va_buf_t whole, parts;

            memset(text, 'a', sizeof(text));
            for (size_t i = 7; i < sizeof(text); i += 11) {
                text[i] = ' ';
            }
            text[sizeof(text) - 1] = '\0';
            memcpy(text + at, ends[e], strlen(ends[e]));
            text[at + strlen(ends[e])] = ' ';
            va_buf_init(&whole, 2000);
            va_buf_init(&parts, 2000);
            stream(&whole, va_str(text), sizeof(text));
            stream(&parts, va_str(text), 1);
            assert_string_equal(whole.data, parts.data);
            va_buf_free(&whole);
            va_buf_free(&parts);
        }
    }
}

static void marks_of_many_scripts(void **state)
{
    (void)state;
    /* Chinese, Japanese (halfwidth), Hindi, Arabic, Urdu, Armenian, Amharic,
       Khmer, Burmese */
    check("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe5\x90\x97\xef\xbc\x9f",
          "|\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82|\xe5\x90\x97\xef\xbc\x9f|");
    check("\xef\xbd\xb1\xef\xbd\xa1\xef\xbd\xb2",
          "|\xef\xbd\xb1\xef\xbd\xa1|\xef\xbd\xb2|");
    check("\xe0\xa4\x95\xe0\xa5\xa4\xe0\xa4\x96\xe0\xa5\xa5\xe0\xa4\x97",
          "|\xe0\xa4\x95\xe0\xa5\xa4|\xe0\xa4\x96\xe0\xa5\xa5|"
          "\xe0\xa4\x97|");
    check("\xd9\x83\xd9\x8a\xd9\x81\xd8\x9f \xd9\x86\xd8\xb9\xd9\x85.",
          "|\xd9\x83\xd9\x8a\xd9\x81\xd8\x9f|\xd9\x86\xd8\xb9\xd9\x85.|");
    check("\xdb\x81\xdb\x94 \xdb\x81", "|\xdb\x81\xdb\x94|\xdb\x81|");
    check("\xd5\xa1\xd6\x89 \xd5\xa2", "|\xd5\xa1\xd6\x89|\xd5\xa2|");
    check("\xe1\x88\x80\xe1\x8d\xa2\xe1\x88\x80\xe1\x8d\xa7",
          "|\xe1\x88\x80\xe1\x8d\xa2|\xe1\x88\x80\xe1\x8d\xa7|");
    check("\xe1\x9e\x80\xe1\x9f\x94\xe1\x9e\x80",
          "|\xe1\x9e\x80\xe1\x9f\x94|\xe1\x9e\x80|");
    check("\xe1\x80\x80\xe1\x81\x8b\xe1\x80\x80",
          "|\xe1\x80\x80\xe1\x81\x8b|\xe1\x80\x80|");
    /* abbreviations of other languages */
    check("Das sind ca. 5 bzw. 6. Gut.", "|Das sind ca. 5 bzw. 6.|Gut.|");
    check("La Sra. G\xc3\xb3mez, p\xc3\xa1g. 5. S\xc3\xad.",
          "|La Sra. G\xc3\xb3mez, p\xc3\xa1g. 5.|S\xc3\xad.|");
    check("On Feb. 3 it was $1,234.56. Yes.",
          "|On Feb. 3 it was $1,234.56.|Yes.|");
}

static void the_first_clause_comes_early(void **state)
{
    (void)state;
    first = true;
    check("I have looked at your account, and all is well, thank you. Bye.",
          "|I have looked at your account,|and all is well, thank you.|Bye.|");
    /* too short, a number, a list of digits, behind an abbreviation */
    check("Yes, of course, and I think so, too.",
          "|Yes, of course, and I think so,|too.|");
    check("The whole price of it is 1,234 dollars, sir.",
          "|The whole price of it is 1,234 dollars,|sir.|");
    check("Your telephone number is 5, 5, 1, 2, right?",
          "|Your telephone number is 5, 5, 1, 2,|right?|");
    check("We open it at eight o'clock, a.m., every day.",
          "|We open it at eight o'clock,|a.m., every day.|");
    check("You may call us until 10 p.m., every day of it.",
          "|You may call us until 10 p.m., every day of it.|");
    check("Meet me at half past ten (10:30) or at 11:45 then.",
          "|Meet me at half past ten (10:30) or at 11:45 then.|");
    check("There are two things to do: first one and then two.",
          "|There are two things to do:|first one and then two.|");
    check("Short one. And this one is rather long, it is.",
          "|Short one.|And this one is rather long, it is.|");
    check("A text that ends with a comma,", "|A text that ends with a comma,|");
    /* Chinese and Arabic */
    check("\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0"
          "\xe4\xbd\xa0\xef\xbc\x8c\xe5\xa5\xbd\xe3\x80\x82",
          "|\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0\xe4\xbd\xa0"
          "\xe4\xbd\xa0\xef\xbc\x8c|\xe5\xa5\xbd\xe3\x80\x82|");
    check("\xd9\x86\xd8\xb9\xd9\x85 \xd9\x86\xd8\xb9\xd9\x85 "
          "\xd9\x86\xd8\xb9\xd9\x85 \xd9\x86\xd8\xb9\xd9\x85\xd8\x8c "
          "\xd9\x86",
          "|\xd9\x86\xd8\xb9\xd9\x85 \xd9\x86\xd8\xb9\xd9\x85 "
          "\xd9\x86\xd8\xb9\xd9\x85 \xd9\x86\xd8\xb9\xd9\x85\xd8\x8c|"
          "\xd9\x86|");
    first = false;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_of_many_scripts),
        cmocka_unit_test(the_first_clause_comes_early),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_abbreviations),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_ellipses),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_long_streamed),
    };

    return cmocka_run_group_tests_name("sentence", tests, NULL, NULL) != 0;
}
