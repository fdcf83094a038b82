#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "twilio/va_twiml.h"
#include "wire/va_utf8.h"

static const va_str_t none = {NULL, 0};

/* Compares what stands in b and empties it. */
static void assert_written(va_buf_t *b, const char *expected)
{
    assert_int_equal(b->rc, VA_OK);
    assert_string_equal(b->data != NULL ? b->data : "", expected);
    assert_int_equal(b->len, strlen(expected));
    va_buf_reset(b);
}

static void writes_a_document(void **state)
{
    va_twiml_param_t params[] = {{VA_STR("call"), VA_STR("CA1")},
                                 {VA_STR("k\"<"), VA_STR("a&b\n")}};
    va_buf_t b;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_begin(&b), VA_OK);
    assert_int_equal(va_twiml_say(&b, VA_STR("Hello & \"welcome\""),
                                  VA_STR("Polly.Joanna"), VA_STR("en-US")),
                     VA_OK);
    assert_int_equal(
        va_twiml_connect_stream(&b, VA_STR("wss://voice.example.com/media"),
                                params, 2),
        VA_OK);
    assert_int_equal(va_twiml_redirect(&b, VA_STR("/voice?a=1&b=2")), VA_OK);
    assert_int_equal(va_twiml_end(&b), VA_OK);
    assert_written(&b,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>"
                   "<Say voice=\"Polly.Joanna\" language=\"en-US\">"
                   "Hello &amp; &quot;welcome&quot;</Say>"
                   "<Connect><Stream url=\"wss://voice.example.com/media\">"
                   "<Parameter name=\"call\" value=\"CA1\"/>"
                   "<Parameter name=\"k&quot;&lt;\" value=\"a&amp;b&#10;\"/>"
                   "</Stream></Connect><Redirect>/voice?a=1&amp;b=2</Redirect>"
                   "</Response>");
    va_buf_free(&b);
}

static void writes_the_small_verbs(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_hangup(&b), VA_OK);
    assert_written(&b, "<Hangup/>");
    assert_int_equal(va_twiml_reject(&b, true), VA_OK);
    assert_written(&b, "<Reject reason=\"busy\"/>");
    assert_int_equal(va_twiml_reject(&b, false), VA_OK);
    assert_written(&b, "<Reject reason=\"rejected\"/>");
    assert_int_equal(va_twiml_pause(&b, 2), VA_OK);
    assert_written(&b, "<Pause length=\"2\"/>");
    assert_int_equal(va_twiml_say(&b, VA_STR("x"), none, none), VA_OK);
    assert_written(&b, "<Say>x</Say>");
    assert_int_equal(va_twiml_connect_stream(&b, VA_STR("wss://h/p"), NULL, 0),
                     VA_OK);
    assert_written(&b, "<Connect><Stream url=\"wss://h/p\"></Stream>"
                       "</Connect>");
    va_buf_free(&b);
}

static void assert_escaped(va_str_t s, size_t max, const char *expected)
{
    va_str_t copy = exact(s);
    va_buf_t b;

    va_buf_init(&b, 4096);
    assert_int_equal(va_xml_escape(&b, copy, max), VA_OK);
    assert_written(&b, expected);
    exact_free(copy);
    va_buf_free(&b);
}

static void escapes_and_leaves_out(void **state)
{
    (void)state;
    assert_escaped(VA_STR("<a href=\"x\">'&amp;'</a>"), 100,
                   "&lt;a href=&quot;x&quot;&gt;'&amp;amp;'&lt;/a&gt;");
    assert_escaped(VA_STR("]]>"), 100, "]]&gt;");
    assert_escaped(VA_STR("a\tb\r\nc"), 100, "a&#9;b&#13;&#10;c");
    /* What XML 1.0 has no way to write. */
    assert_escaped(VA_STR("\0\x01\x08\x0b\x0c\x0e\x1fz\x7f"), 100, "z\x7f");
    assert_escaped(VA_STR("a\xef\xbf\xbe"
                          "b\xef\xbf\xbf"
                          "c\xef\xbf\xbd"),
                   100, "abc\xef\xbf\xbd");
    assert_escaped(VA_STR("\xed\xa0\x80-\xc0\x80-\xff-\xf4\x90\x80\x80-\xe2"
                          "\x82"),
                   100, "----");
    assert_escaped(VA_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 100,
                   "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void cuts_between_characters(void **state)
{
    const va_str_t text = VA_STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80&z");
    static const char *const cut[] = {
        "",
        "a",
        "a",
        "a\xc3\xa4",
        "a\xc3\xa4",
        "a\xc3\xa4",
        "a\xc3\xa4\xe2\x82\xac",
        "a\xc3\xa4\xe2\x82\xac",
        "a\xc3\xa4\xe2\x82\xac",
        "a\xc3\xa4\xe2\x82\xac",
        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80&amp;",
        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80&amp;z",
    };
    size_t max;

    (void)state;
    for (max = 0; max < sizeof(cut) / sizeof(cut[0]); max++) {
        assert_escaped(text, max, cut[max]);
    }
    /* What is left out does not count. */
    assert_escaped(VA_STR("\x01\xff\x02"
                          "ab"),
                   1, "a");
}

/* Says n times unit and returns how many units were said. */
static size_t said(const char *unit, size_t n)
{
    size_t len = strlen(unit);
    char *text = malloc(len * n);
    va_buf_t b;
    size_t count;
    size_t i;

    assert_non_null(text);
    for (i = 0; i < n; i++) {
        memcpy(text + i * len, unit, len);
    }
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_say(&b, (va_str_t){text, len * n}, none, none),
                     VA_OK);
    assert_true(va_utf8_valid(va_buf_view(&b)));
    assert_int_equal((b.len - strlen("<Say></Say>")) % len, 0);
    count = (b.len - strlen("<Say></Say>")) / len;
    free(text);
    va_buf_free(&b);
    return count;
}

static void says_no_more_than_any_voice_takes(void **state)
{
    (void)state;
    assert_int_equal(said("a", 2999), 2999);
    assert_int_equal(said("a", 3000), VA_TWIML_SAY_MAX);
    assert_int_equal(said("a", 3001), VA_TWIML_SAY_MAX);
    /* Percent-encoded each byte of these takes three. */
    assert_int_equal(said("\xc3\xa4", 4000), VA_TWIML_SAY_ENCODED_MAX / 6);
    assert_int_equal(said("\xe2\x82\xac", 4000), VA_TWIML_SAY_ENCODED_MAX / 9);
    assert_int_equal(said("a ", 4000), VA_TWIML_SAY_ENCODED_MAX / 4);
}

static void says_nothing_for_nothing(void **state)
{
    va_buf_t b;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_say(&b, none, VA_STR("man"), none), VA_OK);
    assert_int_equal(va_twiml_say(&b, VA_STR(" \t\r\n"), none, none), VA_OK);
    assert_int_equal(va_twiml_say(&b, VA_STR("\xff\x01\0"), none, none), VA_OK);
    assert_written(&b, "");
    va_buf_free(&b);
}

static void bounds_parameters(void **state)
{
    char long_value[VA_TWIML_PARAM_MAX];
    va_twiml_param_t params[] = {{VA_STR("a"), VA_STR("b")},
                                 {VA_STR("n"), {long_value, 498}}};
    va_buf_t b;
    size_t before;

    (void)state;
    memset(long_value, 'v', sizeof(long_value));
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_begin(&b), VA_OK);
    before = b.len;
    assert_int_equal(va_twiml_connect_stream(&b, VA_STR("wss://h/"), params, 2),
                     VA_OK);
    va_buf_reset(&b);

    params[1].value.len = 499;
    assert_int_equal(va_twiml_begin(&b), VA_OK);
    assert_int_equal(va_twiml_connect_stream(&b, VA_STR("wss://h/"), params, 2),
                     VA_LIMIT);
    assert_int_equal(b.len, before);
    /* Lengths that would wrap around when added. */
    params[1].name.len = 2;
    params[1].value.len = SIZE_MAX;
    assert_int_equal(va_twiml_connect_stream(&b, VA_STR("wss://h/"), params, 2),
                     VA_LIMIT);
    params[1].name.len = SIZE_MAX;
    params[1].value.len = 2;
    assert_int_equal(va_twiml_connect_stream(&b, VA_STR("wss://h/"), params, 2),
                     VA_LIMIT);
    assert_int_equal(va_twiml_hangup(&b), VA_OK);
    va_buf_free(&b);
}

static void a_document_too_long_is_noticed(void **state)
{
    static char quotes[3000];
    va_buf_t b;
    int i;

    (void)state;
    memset(quotes, '"', sizeof(quotes));
    va_buf_init(&b, VA_TWIML_MAX);
    va_twiml_begin(&b);
    /* 1500 quotes are a <Say> of 9 kB. */
    for (i = 0; i < 7; i++) {
        assert_int_equal(
            va_twiml_say(&b, (va_str_t){quotes, sizeof(quotes)}, none, none),
            VA_OK);
    }
    va_twiml_say(&b, (va_str_t){quotes, sizeof(quotes)}, none, none);
    assert_int_equal(va_twiml_hangup(&b), VA_LIMIT);
    assert_int_equal(va_twiml_end(&b), VA_LIMIT);
    assert_true(b.len <= VA_TWIML_MAX);
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_document),
        cmocka_unit_test(writes_the_small_verbs),
        cmocka_unit_test(escapes_and_leaves_out),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(says_no_more_than_any_voice_takes),
        cmocka_unit_test(says_nothing_for_nothing),
        cmocka_unit_test(bounds_parameters),
        cmocka_unit_test(a_document_too_long_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
