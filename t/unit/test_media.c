#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exact.h"
#include "media_same.h"
#include "wire/va_base64.h"

#define SID "MZ0123456789abcdef0123456789abcdef"

static const va_str_t sid = {SID, sizeof(SID) - 1};

static va_media_t *reader;
static va_media_msg_t msg;
static va_str_t text; /* what msg points into */

static int setup(void **state)
{
    (void)state;
    reader = va_media_new();
    text = exact(VA_STR(""));
    return reader != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    va_media_free(reader);
    exact_free(text);
    return 0;
}

/* Reads a message from a block of exactly its size. */
static va_rc_t parse_str(va_str_t s)
{
    va_rc_t rc;

    exact_free(text);
    text = exact(s);
    rc = va_media_parse(reader, text, &msg);
    assert_true((rc == VA_OK) == (va_media_error(reader)[0] == '\0'));
    assert_null(strchr(va_media_error(reader), '\n'));
    return rc;
}

static va_rc_t parse(const char *s)
{
    return parse_str(va_str(s));
}

static bool scanned(const char *s)
{
    va_str_t copy = exact(va_str(s));
    va_media_msg_t m;
    bool taken;

    memset(&m, 0, sizeof(m));
    taken = va_media_scan(copy, &m);
    exact_free(copy);
    return taken;
}

static void assert_str(va_str_t s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.len != 0 ? s.data : "", expected, s.len);
}

static void reads_the_life_of_a_call(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"event\":\"connected\",\"protocol\":\"Call\","
                           "\"version\":\"1.0.0\"}"),
                     VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_CONNECTED);
    assert_int_equal(msg.stream_sid.len, 0);

    assert_int_equal(
        parse("{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{"
              "\"accountSid\":\"AC1\",\"streamSid\":\"MZ1\",\"callSid\":"
              "\"CA1\",\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":"
              "\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1},"
              "\"customParameters\":{\"token\":\"a\\u00e9\",\"x\":7,\"e\":\"\"}"
              "},\"streamSid\":\"MZ1\"}"),
        VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_START);
    assert_int_equal(msg.sequence, 1);
    assert_str(msg.stream_sid, "MZ1");
    assert_str(msg.call_sid, "CA1");
    assert_str(msg.account_sid, "AC1");
    assert_str(msg.encoding, "audio/x-mulaw");
    assert_int_equal(msg.rate, 8000);
    assert_int_equal(msg.channels, 1);
    assert_int_equal(msg.param_count, 2);
    assert_str(msg.params[0].name, "token");
    assert_str(msg.params[0].value, "a\xc3\xa9");
    assert_str(msg.params[1].name, "e");
    assert_str(msg.params[1].value, "");

    assert_int_equal(
        parse("{\"event\":\"media\",\"sequenceNumber\":\"3\",\"media\":{"
              "\"track\":\"inbound\",\"chunk\":\"2\",\"timestamp\":\"25\","
              "\"payload\":\"f39/\"},\"streamSid\":\"MZ1\"}"),
        VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_MEDIA);
    assert_int_equal(msg.sequence, 3);
    assert_int_equal(msg.timestamp, 25);
    assert_false(msg.outbound);
    assert_str(msg.payload, "f39/");
    assert_str(msg.stream_sid, "MZ1");
    assert_int_equal(msg.call_sid.len, 0);
    assert_int_equal(msg.param_count, 0);
    /* Nothing was copied. */
    assert_true(msg.payload.data > text.data &&
                msg.payload.data < text.data + text.len);

    assert_int_equal(
        parse("{\"event\":\"dtmf\",\"streamSid\":\"MZ1\",\"sequenceNumber\":"
              "\"5\",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":\"#\"}}"),
        VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_DTMF);
    assert_int_equal(msg.digit, '#');
    assert_int_equal(msg.payload.len, 0);

    assert_int_equal(
        parse("{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":"
              "\"MZ1\",\"mark\":{\"name\":\"r7:3\"}}"),
        VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_MARK);
    assert_str(msg.mark, "r7:3");

    assert_int_equal(
        parse("{\"event\":\"stop\",\"sequenceNumber\":\"5\",\"stop\":{"
              "\"accountSid\":\"AC1\",\"callSid\":\"CA1\"},\"streamSid\":"
              "\"MZ1\"}"),
        VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_STOP);
    assert_str(msg.call_sid, "CA1");
    assert_str(msg.account_sid, "AC1");
    assert_int_equal(msg.mark.len, 0);

    assert_int_equal(parse("{\"event\":\"clear\",\"streamSid\":\"MZ1\"}"),
                     VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_CLEAR);
}

static void tolerates_what_it_does_not_know(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"event\":\"transcription\",\"a\":[1,{}]}"),
                     VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_UNKNOWN);
    assert_int_equal(parse("{\"event\":\"Media\"}"), VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_UNKNOWN);
    assert_int_equal(parse("{\"event\":\"stop\"}"), VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_STOP);
    assert_int_equal(parse("{\"event\":\"media\",\"new\":{\"a\":[]},\"media\":{"
                           "\"payload\":\"QUFB\",\"extra\":null}}"),
                     VA_OK);
    assert_str(msg.payload, "QUFB");
    /* A start whose sid stands only inside, and without custom parameters. */
    assert_int_equal(parse("{\"event\":\"start\",\"start\":{\"streamSid\":"
                           "\"s\",\"callSid\":\"c\",\"customParameters\":[]}}"),
                     VA_OK);
    assert_str(msg.stream_sid, "s");
    assert_int_equal(msg.param_count, 0);
    assert_int_equal(msg.rate, 0);
}

static void reads_numbers_in_either_form(void **state)
{
    static const struct {
        const char *number;
        uint64_t value;
    } cases[] = {
        {"\"12\"", 12},
        {"12", 12},
        {"0", 0},
        {"\"007\"", 7},
        {"9999999999999999999", UINT64_C(9999999999999999999)},
        {"\"9999999999999999999\"", UINT64_C(9999999999999999999)},
        {"10000000000000000000", 0},
        {"\"99999999999999999999999\"", 0},
        {"-1", 0},
        {"1.5", 0},
        {"1e3", 0},
        {"\"\"", 0},
        {"\" 1\"", 0},
        {"\"1x\"", 0},
        {"null", 0},
        {"true", 0},
        {"{}", 0},
        {"[1]", 0},
    };
    char s[256];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(s, sizeof(s),
                 "{\"event\":\"media\",\"sequenceNumber\":%s,\"media\":{"
                 "\"timestamp\":%s,\"chunk\":%s,\"payload\":\"\"}}",
                 cases[i].number, cases[i].number, cases[i].number);
        assert_int_equal(parse(s), VA_OK);
        assert_true(msg.sequence == cases[i].value);
        assert_true(msg.timestamp == cases[i].value);
    }
    assert_int_equal(
        parse("{\"event\":\"start\",\"streamSid\":\"s\",\"start\":{\"callSid\":"
              "\"c\",\"mediaFormat\":{\"sampleRate\":\"16000\",\"channels\":"
              "4294967296}}}"),
        VA_OK);
    assert_int_equal(msg.rate, 16000);
    assert_int_equal(msg.channels, 0);
}

static void refuses_with_a_reason(void **state)
{
    static const struct {
        const char *message;
        const char *error;
    } cases[] = {
        {"", "parse error: premature EOF"},
        {"{\"event\":\"media\"", "parse error: premature EOF"},
        {"[]", "no event"},
        {"\"media\"", "no event"},
        {"{}", "no event"},
        {"{\"event\":1}", "no event"},
        {"{\"event\":\"media\"}", "media without payload"},
        {"{\"event\":\"media\",\"media\":{}}", "media without payload"},
        {"{\"event\":\"media\",\"media\":{\"payload\":1}}",
         "media without payload"},
        {"{\"event\":\"media\",\"payload\":\"QUFB\"}", "media without payload"},
        {"{\"event\":\"mark\",\"mark\":{}}", "mark without name"},
        {"{\"event\":\"mark\"}", "mark without name"},
        {"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"12\"}}",
         "dtmf without a digit"},
        {"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"\"}}",
         "dtmf without a digit"},
        {"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"w\"}}",
         "dtmf without a digit"},
        {"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":1}}", "dtmf without a digit"},
        {"{\"event\":\"start\"}", "start without streamSid or callSid"},
        {"{\"event\":\"start\",\"streamSid\":\"s\",\"start\":{}}",
         "start without streamSid or callSid"},
        {"{\"event\":\"start\",\"start\":{\"callSid\":\"c\"}}",
         "start without streamSid or callSid"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].message), VA_INVALID);
        assert_string_equal(va_media_error(reader), cases[i].error);
    }
    assert_int_equal(parse("{\"event\":\"clear\"}"), VA_OK);
    assert_string_equal(va_media_error(reader), "");
}

static void bounds_custom_parameters(void **state)
{
    va_media_msg_t start = {.stream_sid = VA_STR("s"), .call_sid = VA_STR("c")};
    va_buf_t b;
    char *more;
    size_t i;

    (void)state;
    for (i = 0; i < VA_MEDIA_PARAMS; i++) {
        start.params[i].name = VA_STR("n");
        start.params[i].value = VA_STR("v");
    }
    start.param_count = VA_MEDIA_PARAMS;
    va_buf_init(&b, 4096);
    assert_int_equal(va_media_write_start(&b, &start), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    assert_int_equal(msg.param_count, VA_MEDIA_PARAMS);
    assert_str(msg.params[VA_MEDIA_PARAMS - 1].value, "v");

    va_buf_append(&b, "      ", 6);
    more = strstr(b.data, "{\"n\"") + 1;
    memmove(more + 6, more, strlen(more) - 6);
    memcpy(more, "\"m\":1,", 6);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_LIMIT);
    va_buf_free(&b);
}

static const char *const usual[] = {
    "{\"event\":\"media\",\"sequenceNumber\":\"3\",\"media\":{\"track\":"
    "\"inbound\",\"chunk\":\"2\",\"timestamp\":\"25\",\"payload\":"
    "\"f39/f39/f39/\"},\"streamSid\":\"" SID "\"}",
    "{\"streamSid\":\"" SID "\",\"media\":{\"payload\":\"f39/f39/f39/\","
    "\"timestamp\":25,\"chunk\":2,\"track\":\"outbound\"},"
    "\"sequenceNumber\":3,\"event\":\"media\"}",
    " {\t\"event\" :\n\"media\" , \"media\":\r{ \"payload\" : \"\" } } \n",
    "{\"media\":{\"payload\":\"f39/\"},\"event\":\"media\",\"streamSid\":\"\"}",
};

#define USUAL (sizeof(usual) / sizeof(usual[0]))

static void scans_the_usual_forms(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < USUAL; i++) {
        assert_true(scanned(usual[i]));
    }
}

static void leaves_the_unusual_to_yajl(void **state)
{
    static const char *const unusual[] = {
        "",
        "{}",
        "{\"event\":\"media\",\"media\":{}}",
        "{\"event\":\"media\",\"media\":{\"chunk\":\"1\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"},}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",}}",
        "{,\"event\":\"media\",\"media\":{\"payload\":\"a\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"}} x",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"}}{}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\\/b\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"\\u0041\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"\xc3\xa4\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\nb\"}}",
        "{\"event\":\"medi\\u0061\",\"media\":{\"payload\":\"a\"}}",
        "{\"\\u0065vent\":\"media\",\"media\":{\"payload\":\"a\"}}",
        "{\"event\":\"media\",\"event\":\"media\",\"media\":{\"payload\":"
        "\"a\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"payload\":\"b\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"},\"media\":{"
        "\"payload\":\"b\"}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"},\"new\":1}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"new\":{}}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"chunk\":01}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"chunk\":1.0}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"chunk\":-1}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"chunk\":null}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\",\"track\":1}}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"}/**/}",
        "{\"event\":\"media\",\"media\":{\"payload\":\"a\"},\v\"streamSid\":"
        "\"a\"}",
        "{\"event\":\"mark\",\"media\":{\"payload\":\"a\"}}",
        "{\"media\":{\"payload\":\"a\"}}",
    };
    bool taken;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
        assert_false(scanned(unusual[i]));
        assert_null(media_differs(va_str(unusual[i]), &taken));
    }
    /* Of members of one name the first counts, in the slow way too. */
    assert_int_equal(parse(unusual[16]), VA_OK);
    assert_str(msg.payload, "a");
}

static void every_beginning_is_refused(void **state)
{
    size_t i, n;

    (void)state;
    for (i = 0; i < USUAL; i++) {
        size_t whole = strlen(usual[i]);

        while (strchr(" \n", usual[i][whole - 1]) != NULL) {
            whole--;
        }
        for (n = 0; n < whole; n++) {
            assert_int_equal(parse_str((va_str_t){usual[i], n}), VA_INVALID);
        }
    }
}

/* A byte that ends a run must be found at every place of a word. */
static void finds_every_byte_at_every_place(void **state)
{
    char s[128];
    unsigned c;
    size_t at;

    (void)state;
    for (at = 0; at < 24; at++) {
        for (c = 0; c < 256; c++) {
            int n = snprintf(s, sizeof(s),
                             "{\"event\":\"media\",\"media\":{\"payload\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAAAA\"}}");
            char *copy;
            va_media_msg_t m;
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

            s[(size_t)n - 27 + at] = (char)c;
            copy = malloc((size_t)n);
            assert_non_null(copy);
            memcpy(copy, s, (size_t)n);
            memset(&m, 0, sizeof(m));
            assert_int_equal(va_media_scan((va_str_t){copy, (size_t)n}, &m),
                             plain);
            if (plain) {
                assert_int_equal(m.payload.len, 24);
            }
            free(copy);
        }
    }
}

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

/* Changes a message a little, in ways that are likely to matter. */
static size_t mutate(char *s, size_t len, size_t cap)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         " ",
                                         "\\n",
                                         "\xc3\xa4",
                                         "\\u0061",
                                         "\"event\":\"media\",",
                                         "0",
                                         "-",
                                         ".",
                                         "e1",
                                         "null",
                                         "[]",
                                         "\"chunk\":1,",
                                         "\xff",
                                         "\v",
                                         "\"payload\":\"x\",",
                                         "\"streamSid\":\"y\",",
                                         "\t",
                                         "/",
                                         "1",
                                         "\x01"};
    uint32_t changes = draw(3) + 1;

    while (changes-- != 0) {
        const char *piece = pieces[draw(sizeof(pieces) / sizeof(pieces[0]))];
        size_t n = strlen(piece);
        size_t at = draw((uint32_t)len + 1);
        size_t drop = draw(4) != 0 ? 0 : draw(12);

        drop = drop < len - at ? drop : len - at;
        memmove(s + at, s + at + drop, len - at - drop);
        len -= drop;
        if (draw(3) != 0 && len + n <= cap) {
            memmove(s + at + n, s + at, len - at);
            memcpy(s + at, piece, n);
            len += n;
        }
    }
    return len;
}

static void agrees_with_yajl(void **state)
{
    char s[1024];
    size_t taken = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        const char *from = usual[i % USUAL];
        size_t len = strlen(from);
        va_str_t copy;
        const char *why;
        bool by_scan;

        memcpy(s, from, len);
        copy = exact((va_str_t){s, mutate(s, len, sizeof(s))});
        why = media_differs(copy, &by_scan);
        if (why != NULL) {
            print_error("%.*s\n", (int)copy.len, copy.data);
            fail_msg("%s", why);
        }
        taken += by_scan;
        exact_free(copy);
    }
    /* Both ways must have been taken often to have been compared. */
    assert_in_range(taken, 5000, 95000);
}

static void is_small_when_idle(void **state)
{
    (void)state;
    assert_int_equal(parse(usual[0]), VA_OK);
    assert_true(malloc_usable_size(reader) <= 512);
}

static void writes_what_twilio_takes(void **state)
{
    const uint8_t ulaw[] = {0xff, 0x7f, 0x00, 0x80};
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 4096);
    assert_int_equal(va_media_write_media(&b, VA_STR("MZ1"), ulaw, 4), VA_OK);
    assert_string_equal(b.data, "{\"event\":\"media\",\"streamSid\":\"MZ1\","
                                "\"media\":{\"payload\":\"/38AgA==\"}}");
    va_buf_reset(&b);
    assert_int_equal(va_media_write_mark(&b, VA_STR("MZ1"), VA_STR("r7:3")),
                     VA_OK);
    assert_string_equal(b.data, "{\"event\":\"mark\",\"streamSid\":\"MZ1\","
                                "\"mark\":{\"name\":\"r7:3\"}}");
    va_buf_reset(&b);
    assert_int_equal(va_media_write_clear(&b, VA_STR("M\"Z")), VA_OK);
    assert_string_equal(b.data,
                        "{\"event\":\"clear\",\"streamSid\":\"M\\\"Z\"}");
    /* A second message stands behind the first. */
    assert_int_equal(va_media_write_clear(&b, VA_STR("M")), VA_OK);
    assert_string_equal(b.data, "{\"event\":\"clear\",\"streamSid\":\"M\\\"Z\"}"
                                "{\"event\":\"clear\",\"streamSid\":\"M\"}");
    va_buf_free(&b);
}

static void reads_what_it_writes(void **state)
{
    va_media_msg_t start = {
        .sequence = 1,
        .stream_sid = sid,
        .call_sid = VA_STR("CA1"),
        .account_sid = VA_STR("AC1"),
        .encoding = VA_STR("audio/x-mulaw"),
        .rate = 8000,
        .channels = 1,
        .param_count = 2,
        .params = {{VA_STR("a"), VA_STR("1\"")}, {VA_STR("b"), VA_STR("")}},
    };
    va_buf_t b;

    (void)state;
    va_buf_init(&b, 4096);
    assert_int_equal(va_media_write_connected(&b), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_CONNECTED);

    va_buf_reset(&b);
    assert_int_equal(va_media_write_start(&b, &start), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    start.type = VA_MEDIA_START;
    assert_true(media_equal(&msg, &start));
    assert_str(msg.params[0].value, "1\"");
    assert_str(msg.params[1].name, "b");

    va_buf_reset(&b);
    assert_int_equal(va_media_write_dtmf(&b, sid, 7, '*'), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    assert_int_equal(msg.digit, '*');
    assert_int_equal(msg.sequence, 7);

    va_buf_reset(&b);
    assert_int_equal(
        va_media_write_echo(&b, sid, UINT64_C(1) << 60, VA_STR("r7:3")), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_MARK);
    assert_true(msg.sequence == UINT64_C(1) << 60);
    assert_str(msg.mark, "r7:3");

    va_buf_reset(&b);
    assert_int_equal(
        va_media_write_stop(&b, sid, 9, VA_STR("AC1"), VA_STR("CA1")), VA_OK);
    assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
    assert_int_equal(msg.type, VA_MEDIA_STOP);
    assert_str(msg.call_sid, "CA1");
    assert_str(msg.stream_sid, SID);
    va_buf_free(&b);
}

static void audio_comes_back(void **state)
{
    uint8_t ulaw[640];
    uint8_t back[640];
    size_t len;
    size_t n;
    va_buf_t b;

    (void)state;
    for (n = 0; n < sizeof(ulaw); n++) {
        ulaw[n] = (uint8_t)(n * 7);
    }
    va_buf_init(&b, 4096);
    for (n = 0; n <= sizeof(ulaw); n++) {
        va_buf_reset(&b);
        assert_int_equal(
            va_media_write_inbound(&b, sid, n + 2, n + 1, n * 20, ulaw, n),
            VA_OK);
        assert_true(scanned(b.data));
        assert_int_equal(parse_str(va_buf_view(&b)), VA_OK);
        assert_int_equal(msg.timestamp, n * 20);
        assert_int_equal(
            va_base64_decode(back, sizeof(back), &len, msg.payload), VA_OK);
        assert_int_equal(len, n);
        assert_memory_equal(back, ulaw, n);
    }
    va_buf_free(&b);
}

static void a_message_that_does_not_fit_leaves_nothing(void **state)
{
    uint8_t ulaw[160] = {0};
    va_buf_t b;
    size_t whole;
    size_t max;

    (void)state;
    va_buf_init(&b, 4096);
    assert_int_equal(va_media_write_media(&b, sid, ulaw, 160), VA_OK);
    whole = b.len;
    va_buf_free(&b);
    for (max = 1; max <= whole; max++) {
        va_buf_init(&b, max);
        va_buf_puts(&b, "x");
        assert_int_equal(va_media_write_media(&b, sid, ulaw, 160), VA_LIMIT);
        assert_string_equal(b.data, "x");
        assert_int_equal(b.len, 1);
        va_buf_free(&b);
    }
    va_buf_init(&b, whole);
    assert_int_equal(va_media_write_media(&b, sid, ulaw, 160), VA_OK);
    va_buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_life_of_a_call),
        cmocka_unit_test(tolerates_what_it_does_not_know),
        cmocka_unit_test(reads_numbers_in_either_form),
        cmocka_unit_test(refuses_with_a_reason),
        cmocka_unit_test(bounds_custom_parameters),
        cmocka_unit_test(scans_the_usual_forms),
        cmocka_unit_test(leaves_the_unusual_to_yajl),
        cmocka_unit_test(every_beginning_is_refused),
        cmocka_unit_test(finds_every_byte_at_every_place),
        cmocka_unit_test(agrees_with_yajl),
        cmocka_unit_test(is_small_when_idle),
        cmocka_unit_test(writes_what_twilio_takes),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(audio_comes_back),
        cmocka_unit_test(a_message_that_does_not_fit_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
