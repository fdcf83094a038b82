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

static void gathers(void **state)
{
    va_twiml_gather_t g = {.action = VA_STR("/voice/process-speech?a=1&b"),
                           .input = VA_STR("dtmf speech"),
                           .speech_timeout = VA_STR("auto"),
                           .timeout = 4,
                           .speech_model = VA_STR("phone_call"),
                           .hints = VA_STR("yes, no ,  the \"bill\""),
                           .language = VA_STR("de-DE"),
                           .barge_in = VA_TWIML_TRUE,
                           .num_digits = 3,
                           .finish_on_key = VA_STR("*"),
                           .action_on_empty = true,
                           .say = VA_STR("Yes & no?"),
                           .voice = VA_STR("Polly.Vicki"),
                           .say_language = VA_STR("de-DE")};
    va_buf_t b;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_gather(&b, &g), VA_OK);
    assert_written(&b,
                   "<Gather input=\"dtmf speech\""
                   " action=\"/voice/process-speech?a=1&amp;b\" timeout=\"4\""
                   " speechTimeout=\"auto\" speechModel=\"phone_call\""
                   " language=\"de-DE\" hints=\"yes,no,the &quot;bill&quot;\""
                   " numDigits=\"3\" finishOnKey=\"*\" bargeIn=\"true\""
                   " actionOnEmptyResult=\"true\">"
                   "<Say voice=\"Polly.Vicki\" language=\"de-DE\">"
                   "Yes &amp; no?</Say></Gather>");
    memset(&g, 0, sizeof(g));
    assert_int_equal(va_twiml_gather(&b, &g), VA_OK);
    assert_written(&b, "<Gather></Gather>");
    g.finish_on_key = VA_STR("");
    g.barge_in = VA_TWIML_FALSE;
    g.hints = VA_STR(" ,, \n,");
    assert_int_equal(va_twiml_gather(&b, &g), VA_OK);
    assert_written(&b, "<Gather finishOnKey=\"\" bargeIn=\"false\"></Gather>");
    va_buf_free(&b);
}

static void refuses_what_gather_does_not_know(void **state)
{
    static const char *const inputs[] = {"voice", "dtmf,speech", "Speech",
                                         "speech ", "\"><Hangup/>"};
    static const char *const timeouts[] = {"Auto", "0",  "01",  "1000",
                                           "1.5",  "-1", "1 s", "\""};
    static const char *const keys[] = {"##", "A", " ", "w", "\""};
    va_twiml_gather_t g = {0};
    va_buf_t b;
    size_t i;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        g.input = va_str(inputs[i]);
        assert_int_equal(va_twiml_gather(&b, &g), VA_INVALID);
    }
    g = (va_twiml_gather_t){0};
    for (i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        g.speech_timeout = va_str(timeouts[i]);
        assert_int_equal(va_twiml_gather(&b, &g), VA_INVALID);
    }
    g = (va_twiml_gather_t){0};
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        g.finish_on_key = va_str(keys[i]);
        assert_int_equal(va_twiml_gather(&b, &g), VA_INVALID);
    }
    g.finish_on_key = (va_str_t){"\0", 1};
    assert_int_equal(va_twiml_gather(&b, &g), VA_INVALID);
    assert_int_equal(b.len, 0);
    va_buf_free(&b);
}

/* Writes a <Gather> of n hints, each a unit repeated, and counts what came. */
static size_t hints_of(const char *unit, size_t times, size_t n, size_t *bytes)
{
    va_buf_t hints;
    va_twiml_gather_t g = {0};
    size_t count = 0;
    va_str_t copy;
    va_buf_t b;
    size_t i, j;
    char *p;

    va_buf_init(&hints, 1 << 20);
    for (i = 0; i < n; i++) {
        for (j = 0; j < times; j++) {
            va_buf_puts(&hints, unit);
        }
        va_buf_puts(&hints, i + 1 < n ? "," : "");
    }
    copy = exact(va_buf_view(&hints));
    g.hints = copy;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_gather(&b, &g), VA_OK);
    assert_true(va_utf8_valid(va_buf_view(&b)));
    p = strstr(b.data, " hints=\"");
    *bytes = 0;
    if (p != NULL) {
        p += strlen(" hints=\"");
        *bytes = strcspn(p, "\"");
        for (count = 1, i = 0; i < *bytes; i++) {
            count += p[i] == ',';
        }
    }
    assert_string_equal(b.data + b.len - 10, "></Gather>");
    va_buf_free(&b);
    va_buf_free(&hints);
    exact_free(copy);
    return count;
}

static void keeps_hints_within_limits(void **state)
{
    size_t bytes;

    (void)state;
    assert_int_equal(hints_of("x", 1, 500, &bytes), 500);
    assert_int_equal(hints_of("x", 1, 501, &bytes), 500);
    assert_int_equal(hints_of("x", 100, 2, &bytes), 2);
    assert_int_equal(hints_of("x", 101, 2, &bytes), 0);
    assert_int_equal(hints_of("\xc3\xa9", 100, 2, &bytes), 2);
    assert_int_equal(hints_of("\xf0\x9f\x98\x80", 50, 2, &bytes), 2);
    assert_int_equal(hints_of("\xf0\x9f\x98\x80", 51, 2, &bytes), 0);
    assert_int_equal(hints_of("\"", 100, 500, &bytes), 39);
    assert_true(bytes <= VA_TWIML_HINTS_BYTES);
    assert_int_equal(hints_of("\xff", 7, 3, &bytes), 0);
    assert_int_equal(hints_of("\x01", 300, 3, &bytes), 0);
}

/* The largest of everything still fits one document. */
static void a_gather_fits_a_document(void **state)
{
    static char say[2 * VA_TWIML_SAY_MAX];
    static char hints[101 * 500];
    va_twiml_gather_t g = {.say = {say, sizeof(say)},
                           .hints = {hints, sizeof(hints)}};
    va_buf_t b;
    size_t i;

    (void)state;
    memset(say, '"', sizeof(say));
    memset(hints, '"', sizeof(hints));
    for (i = 100; i < sizeof(hints); i += 101) {
        hints[i] = ',';
    }
    va_buf_init(&b, VA_TWIML_MAX);
    va_twiml_begin(&b);
    assert_int_equal(va_twiml_gather(&b, &g), VA_OK);
    assert_int_equal(va_twiml_say(&b, g.say, none, none), VA_OK);
    assert_int_equal(va_twiml_end(&b), VA_OK);
    va_buf_free(&b);
}

static void dials(void **state)
{
    static const char *const bad[] = {"", "5551234", "+1<2",
                                      "sip:", "http://a"};
    va_buf_t b;
    size_t i;

    (void)state;
    va_buf_init(&b, VA_TWIML_MAX);
    assert_int_equal(va_twiml_dial(&b, VA_STR("+15551234567"),
                                   VA_STR("+15557654321"), VA_STR("/d?a&b"),
                                   20),
                     VA_OK);
    assert_written(&b, "<Dial action=\"/d?a&amp;b\" callerId=\"+15557654321\" "
                       "timeout=\"20\"><Number>+15551234567</Number></Dial>");
    assert_int_equal(
        va_twiml_dial(&b, VA_STR("sip:a@b.example?X-A=1&X-B=2"), none, none, 0),
        VA_OK);
    assert_written(&b, "<Dial><Sip>sip:a@b.example?X-A=1&amp;X-B=2</Sip>"
                       "</Dial>");
    assert_int_equal(va_twiml_dial(&b, VA_STR("client:bob"), none, none, 0),
                     VA_OK);
    assert_written(&b, "<Dial><Client>bob</Client></Dial>");
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(va_twiml_dial(&b, va_str(bad[i]), none, none, 0),
                         VA_INVALID);
    }
    assert_int_equal(b.len, 0);
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
        cmocka_unit_test(gathers),
        cmocka_unit_test(refuses_what_gather_does_not_know),
        cmocka_unit_test(keeps_hints_within_limits),
        cmocka_unit_test(a_gather_fits_a_document),
        cmocka_unit_test(dials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
