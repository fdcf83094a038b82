#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dialog/va_speakable.h"

static void says_in(const char *text, size_t first, size_t second,
                    const char *want)
{
    va_speakable_t s = {.held_len = 0};
    size_t len = strlen(text);
    va_buf_t out;

    va_buf_init(&out, 100000);
    va_buf_puts(&out, "");
    va_speakable_feed(&s, (va_str_t){text, first}, &out);
    va_speakable_feed(&s, (va_str_t){text + first, second - first}, &out);
    va_speakable_feed(&s, (va_str_t){text + second, len - second}, &out);
    assert_int_equal(va_speakable_finish(&s, &out), VA_OK);
    assert_string_equal(out.data, want);
    va_buf_free(&out);
}

static void cases(const char *const table[][2], size_t n)
{
    size_t i, first;

    for (i = 0; i < n; i++) {
        size_t len = strlen(table[i][0]);

        for (first = 0; first <= len; first++) {
            says_in(table[i][0], first, (first + len) / 2, table[i][1]);
        }
    }
}

#define CASES(table) cases(table, sizeof(table) / sizeof((table)[0]))

static void plain_text_stays(void **state)
{
    static const char *const table[][2] = {
        {"", ""},
        {"Hello, world. It is 3.14 at 10:30, isn't it?",
         "Hello, world. It is 3.14 at 10:30, isn't it?"},
        {"It costs $1,234.56 or 5 % (about -5 degrees).",
         "It costs $1,234.56 or 5 % (about -5 degrees)."},
        {"2 * 3 = 6, 2*3=6, a<b, 1 < 2 > 0, x ~ 5, A&B, R & D",
         "2 * 3 = 6, 2*3=6, a<b, 1 < 2 > 0, x ~ 5, A&B, R & D"},
        {"1. First\n2. Second", "1. First\n2. Second"},
        {"  a \t b\r\n\n\n c  ", "a b\nc"},
        {"-5 is less. C# and #1, who? what! hm",
         "-5 is less. C# and #1, who? what! hm"},
        {"caf\xc3\xa9 \xe2\x82\xac 5 na\xc3\xafve\xe2\x80\xa6",
         "caf\xc3\xa9 \xe2\x82\xac 5 na\xc3\xafve\xe2\x80\xa6"},
        /* Chinese, Arabic, Hindi with a joiner, Thai */
        {"\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe4\xbb\x8a\xe5\xa4\xa9",
         "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82\xe4\xbb\x8a\xe5\xa4\xa9"},
        {"\xd9\x83\xd9\x8a\xd9\x81\xd8\x9f",
         "\xd9\x83\xd9\x8a\xd9\x81\xd8\x9f"},
        {"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7",
         "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7"},
        {"a\xff\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
    };

    (void)state;
    CASES(table);
}

static void markdown_goes(void **state)
{
    static const char *const table[][2] = {
        {"**Bold**, *soft*, ***both***, __b__, _s_, `code`, ~~no~~",
         "Bold, soft, both, b, s, code, no"},
        {"# Title\n\nText\n### Sub ##x\n#tag", "Title\nText\nSub ##x\n#tag"},
        {"Here:\n- one\n* two\n+ three\n  - nested\n\xe2\x80\xa2 four",
         "Here:\none\ntwo\nthree\nnested\nfour"},
        {"> quoted\n>> twice", "quoted\ntwice"},
        {"a\n---\nb\n***\n* * *\n___\nc\n=====\nd", "a\nb\nc\nd"},
        {"snake_case and 5_000", "snake case and 5 000"},
        {"say \\*this\\* \\_x\\_", "say *this* _x_"},
        {"Before\n```c\nint x = 1;\n# no\niii\n  ```\nAfter", "Before\nAfter"},
        {"~~~\nx\n~~~", ""},
        {"```\nnever closed", ""},
        {"Line<br>two</p>three <b>bold</b> <span class=\"x\">s</span>",
         "Line\ntwo\nthree bold s"},
        {"a &amp; b &lt;c&gt; &quot;d&quot; &nbsp; e &unknown; &",
         "a & b <c> \"d\" e &unknown; &"},
        {"| Name | Age |\n|------|:---:|\n| Ann | 5 |\n|Bob||6|",
         "Name, Age\nAnn, 5\nBob, 6"},
        {"Name | Age\n--- | ---\nAnn | 5", "Name, Age\nAnn, 5"},
        {"True[1], really [2][^3]. [Ann] said [so].",
         "True, really. Ann said so."},
    };

    (void)state;
    CASES(table);
}

static void links_are_named(void **state)
{
    static const char *const table[][2] = {
        {"See [our page](https://example.com/a_(b)?c=d \"T\") now.",
         "See our page now."},
        {"![a cat](http://x/y.png) sits", "a cat sits"},
        {"Go to https://www.example.com/path?x=1#y.", "Go to example.com."},
        {"http://example.co.uk, or www.example.org!",
         "example.co.uk, or example.org!"},
        {"(https://example.com:8080/x) <https://a.example/b> ok",
         "(example.com) a.example ok"},
        {"HTTPS://EXAMPLE.COM? Yes. www. whether how",
         "EXAMPLE.COM? Yes. whether how"},
        {"[1](https://example.com/x)", "1"},
        {"mail <bob@example.com> or bob@example.com.",
         "mail bob@example.com or bob@example.com."},
        {"a [b](c\nd", "a b\nd"},
        {"https://example.com\xe3\x80\x82\xe5\xa5\xbd",
         "example.com\xe3\x80\x82\xe5\xa5\xbd"},
        {"https://", ""},
    };

    (void)state;
    CASES(table);
}

static void emoji_are_not_read_out(void **state)
{
    static const char *const table[][2] = {
        {"Hi \xf0\x9f\x98\x80 there\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd.",
         "Hi there."},
        {"Great!\xf0\x9f\x8e\x89Next", "Great! Next"},
        /* a family, a flag, a keycap, a heart with its selector */
        {"a \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f"
         "\x91\xa7 b \xf0\x9f\x87\xa9\xf0\x9f\x87\xaa c 1\xef\xb8\x8f\xe2\x83"
         "\xa3 d \xe2\x9d\xa4\xef\xb8\x8f e",
         "a b c 1 d e"},
        {"A \xe2\x86\x92 B", "A B"},
        {"so\xc2\xad"
         "ft\xe2\x80\x8b, \xef\xbb\xbfx\xc2\xa0y",
         "soft, x y"},
        {"\xf0\x9f\x98\x80", ""},
    };

    (void)state;
    CASES(table);
}

static void nothing_waits_for_ever(void **state)
{
    static const char *const starts[] = {"<a",      "[12", "&a", "---", "| - ",
                                         "https:/", "`",   "*",  "#"};
    size_t i, k;

    (void)state;
    for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        va_speakable_t s = {.held_len = 0};
        va_buf_t out;

        va_buf_init(&out, 100000);
        va_speakable_feed(&s, va_str(starts[i]), &out);
        for (k = 0; k < 5000; k++) {
            va_speakable_feed(
                &s, (va_str_t){starts[i] + strlen(starts[i]) - 1, 1}, &out);
            assert_true(s.held_len <= VA_SPEAKABLE_HOLD);
        }
        va_speakable_feed(&s, VA_STR(" and\nthe end"), &out);
        va_speakable_finish(&s, &out);
        assert_true(out.len == 0 || out.data[out.len - 1] == 'd');
        va_buf_free(&out);
    }
}

/* Words are put out as soon as they cannot be anything else. */
static void words_do_not_wait(void **state)
{
    va_speakable_t s = {.held_len = 0};
    va_buf_t out;

    (void)state;
    va_buf_init(&out, 1000);
    va_speakable_feed(&s, VA_STR("Good morning"), &out);
    assert_string_equal(out.data, "Good morning");
    va_speakable_feed(&s, VA_STR(", how are you?"), &out);
    assert_string_equal(out.data, "Good morning, how are you?");
    va_speakable_finish(&s, &out);
    va_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(markdown_goes),
        cmocka_unit_test(links_are_named),
        cmocka_unit_test(emoji_are_not_read_out),
        cmocka_unit_test(nothing_waits_for_ever),
        cmocka_unit_test(words_do_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
