/*
 * Server-sent events (WHATWG HTML, section 9.2).  Every case is run with its
 * input whole, cut in two at each byte, and byte by byte.
 */
#include "wire/va_sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 64

typedef struct {
    const char *name;
    const char *in;
    size_t len;
    const char *want; /* type(data) for each event; ! for VA_LIMIT */
} case_t;

#define C(name, in, want)                                                      \
    {                                                                          \
        name, in, sizeof(in) - 1, want                                         \
    }

/* The letter a, 58 times: with "data: " a line of LIMIT bytes. */
#define A29 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A58 A29 A29

static const case_t cases[] = {
    C("nothing", "", ""),
    C("one event", "data: a\n\n", "message(a)"),
    C("two events", "data: a\n\ndata: b\n\n", "message(a) message(b)"),
    C("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "message(a) message(b)"),
    C("CR", "data: a\r\rdata: b\r\r", "message(a) message(b)"),
    C("line ends mixed", "data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\n\n",
      "message(a<0a>b<0a>c) message(d)"),
    C("CR, then an empty line of LF", "data: a\n\r\n\ndata: b\n\n",
      "message(a) message(b)"),
    C("LF CR is two ends", "data: a\n\rdata: b\n\r", "message(a) message(b)"),
    C("no space", "data:a\n\n", "message(a)"),
    C("one space is taken off", "data:  a \n\n", "message( a )"),
    C("tab is not a space", "data:\ta\n\n", "message(<09>a)"),
    C("colons in the value", "data: {\"a\":\"b:c\"}\n\n",
      "message({\"a\":\"b:c\"})"),
    C("lines are joined", "data: a\ndata: b\ndata: c\n\n",
      "message(a<0a>b<0a>c)"),
    C("empty data", "data:\n\n", "message()"),
    C("empty data with a space", "data: \n\n", "message()"),
    C("data without a colon", "data\n\n", "message()"),
    C("two empty lines of data", "data\ndata\n\n", "message(<0a>)"),
    C("empty line of data before and after", "data:\ndata: a\ndata:\n\n",
      "message(<0a>a<0a>)"),
    C("event name", "event: delta\ndata: a\n\n", "delta(a)"),
    C("event name after data", "data: a\nevent: delta\n\n", "delta(a)"),
    C("last event name counts", "event: x\nevent: yy\ndata: a\n\n", "yy(a)"),
    C("event name lasts for one event",
      "event: x\ndata: a\n\ndata: b\n\nevent: y\ndata: c\n\n",
      "x(a) message(b) y(c)"),
    C("empty event name", "event:\ndata: a\n\n", "message(a)"),
    C("empty event name takes one back", "event: x\nevent\ndata: a\n\n",
      "message(a)"),
    C("event without data", "event: ping\n\ndata: a\n\n", "message(a)"),
    C("blank lines", "\n\n\ndata: a\n\n\n\n", "message(a)"),
    C("comment", ": hello\n\n", ""),
    C("comment inside an event", "data: a\n:\n: keep alive\ndata: b\n\n",
      "message(a<0a>b)"),
    C("comment that looks like data", ":data: a\n\n", ""),
    C("ids and retry times", "id: 1\nretry: 10\ndata: a\n\nid: x\n\n",
      "message(a)"),
    C("unknown fields", "foo: bar\ndataa: x\ndat: y\nDATA: z\ndata: a\n\n",
      "message(a)"),
    C("space before the name", " data: a\n\n", ""),
    C("space before the colon", "data : a\n\n", ""),
    C("byte order mark", "\xef\xbb\277data: a\n\n", "message(a)"),
    C("byte order mark alone on its line", "\xef\xbb\xbf\ndata: a\n\n",
      "message(a)"),
    C("second byte order mark",
      "\xef\xbb\xbf\xef\xbb\277data: a\n\ndata: b\n\n", "message(b)"),
    C("byte order mark on the second line", "\n\xef\xbb\277data: a\n\n", ""),
    C("byte order mark in data", "data: \xef\xbb\xbf\n\n",
      "message(<ef><bb><bf>)"),
    C("half a byte order mark", "\xef\273data: a\n\ndata: b\n\n", "message(b)"),
    C("no blank line at the end", "data: a\n", "message(a)"),
    C("no line end at the end", "data: a", "message(a)"),
    C("no blank line at the end, CRLF", "data: a\r\n", "message(a)"),
    C("no blank line after the second", "data: a\n\nevent: x\ndata: [DONE]",
      "message(a) x([DONE])"),
    C("ends within a name", "data: a\n\ndat", "message(a)"),
    C("ends after a name", "data: a\n\ndata", "message(a) message()"),
    C("only a byte order mark", "\xef\xbb\xbf", ""),
    C("NUL in data", "data: a\0b\n\n", "message(a<00>b)"),
    C("NUL in a name", "da\0ta: a\n\ndata: b\n\n", "message(b)"),
    C("NUL in an event name", "event: a\0b\ndata: c\n\n", "a<00>b(c)"),
    C("NUL in an id", "id: \0\ndata: c\n\n", "message(c)"),
    C("NUL alone", "\0\ndata: c\n\n", "message(c)"),
    C("bytes that are not UTF-8", "data: \xff\xc3\n\n", "message(<ff><c3>)"),
    C("UTF-8", "data: \xe2\x82\xac\n\n", "message(<e2><82><ac>)"),
    C("vertical tab is no line end", "data: a\vb\n\n", "message(a<0b>b)"),
    C("longest line", "data: " A58 "\n\n", "message(" A58 ")"),
    C("line too long", "data: " A58 "a\n\n", "!"),
    C("line too long after an event", "data: a\n\ndata: " A58 "a\n\n",
      "message(a) !"),
    C("line too long without end", "data: " A58 "a", "!"),
    C("longest comment", ":" A58 "aaaaa\n\ndata: a\n\n", "message(a)"),
    C("comment too long", ":" A58 "aaaaaa\n", "!"),
    C("unknown field too long", "x" A58 "aaaaaa\n", "!"),
    C("longest event", "data:" A58 "\ndata:aaaaa\n\n",
      "message(" A58 "<0a>aaaaa)"),
    C("event too long", "data:" A58 "\ndata:aaaaaa\n\n", "!"),
    C("event too long by its newlines",
      "data:" A58 "\ndata\ndata\ndata\n"
      "data\ndata\ndata\ndata\n\n",
      "!"),
    C("limits are of each event", "data: " A58 "\n\ndata: " A58 "\n\n",
      "message(" A58 ") message(" A58 ")"),
    C("a language model",
      ": processing\n\nevent: content_block_delta\n"
      "data: {\"text\":\"Hi\"}\n\ndata: [DONE]\n\n",
      "content_block_delta({\"text\":\"Hi\"}) message([DONE])"),
};

typedef struct {
    char text[1024];
    size_t len;
    int events;
    int stop_at;
    va_rc_t stop_rc;
} record_t;

static void put(record_t *r, const char *s)
{
    assert_true(strlen(s) < sizeof(r->text) - r->len);
    strcpy(r->text + r->len, s);
    r->len += strlen(s);
}

static void put_bytes(record_t *r, va_str_t s)
{
    char one[8];
    size_t i;

    assert_non_null(s.data);
    for (i = 0; i < s.len; i++) {
        snprintf(one, sizeof(one),
                 s.data[i] >= 0x20 && s.data[i] < 0x7f ? "%c" : "<%02x>",
                 (uint8_t)s.data[i]);
        put(r, one);
    }
}

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data)
{
    record_t *r = ctx;

    put(r, r->len != 0 ? " " : "");
    put_bytes(r, event);
    put(r, "(");
    put_bytes(r, data);
    put(r, ")");
    assert_int_equal(data.data[data.len], '\0');
    return ++r->events == r->stop_at ? r->stop_rc : VA_OK;
}

static va_rc_t feed(va_sse_t *s, const char *data, size_t n)
{
    char *copy = malloc(n + (n == 0));
    va_rc_t rc;

    assert_non_null(copy);
    memcpy(copy, data, n);
    rc = va_sse_feed(s, copy, n);
    free(copy);
    return rc;
}

static void run(const case_t *c, va_sse_t *s, record_t *r, size_t cut,
                size_t step)
{
    size_t at, n;
    va_rc_t rc;

    r->len = 0;
    r->text[0] = '\0';
    rc = feed(s, c->in, cut);
    for (at = cut; at < c->len && rc == VA_OK; at += n) {
        n = step < c->len - at ? step : c->len - at;
        rc = feed(s, c->in + at, n);
    }
    if (rc == VA_OK) {
        rc = va_sse_finish(s);
    }
    if (rc != VA_OK) {
        assert_int_equal(rc, VA_LIMIT);
        assert_int_equal(feed(s, "data: x\n\n", 9), VA_LIMIT);
        assert_int_equal(va_sse_finish(s), VA_LIMIT);
        put(r, r->len != 0 ? " !" : "!");
    }
    assert_string_equal(r->text, c->want);
}

static void run_fresh(const case_t *c, size_t cut, size_t step)
{
    record_t r = {0};
    va_sse_t *s = va_sse_new(LIMIT, on_event, &r);

    assert_non_null(s);
    run(c, s, &r, cut, step);
    va_sse_free(s);
}

static void test_case(void **state)
{
    const case_t *c = *state;
    size_t cut;

    for (cut = 0; cut <= c->len; cut++) {
        run_fresh(c, cut, c->len);
    }
    run_fresh(c, 0, 1);
    run_fresh(c, 0, 3);
}

/* After its end a reader takes another stream, byte order mark and all. */
static void test_again(void **state)
{
    record_t r = {0};
    va_sse_t *s = va_sse_new(LIMIT, on_event, &r);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strchr(cases[i].want, '!') == NULL) {
            run(&cases[i], s, &r, cases[i].len, 1);
        }
    }
    assert_int_equal(va_sse_feed(s, NULL, 0), VA_OK);

    /* A carriage return of the last stream does not eat a newline of this. */
    r.len = 0;
    r.text[0] = '\0';
    assert_int_equal(feed(s, "data: a\r", 8), VA_OK);
    assert_int_equal(va_sse_finish(s), VA_OK);
    assert_int_equal(feed(s, "\n\xef\xbb\277data: b\n\n", 13), VA_OK);
    assert_string_equal(r.text, "message(a)");
    va_sse_free(s);
    va_sse_free(NULL);
}

static void test_callback_stops(void **state)
{
    static const char text[] = "data: a\n\ndata: b\n\ndata: c\n\n";
    static const va_rc_t answers[] = {VA_FAILED, VA_AGAIN, VA_NOMEM};
    record_t r;
    va_sse_t *s;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        memset(&r, 0, sizeof(r));
        r.stop_at = 2;
        r.stop_rc = answers[i];
        s = va_sse_new(LIMIT, on_event, &r);
        assert_int_equal(feed(s, text, sizeof(text) - 1), answers[i]);
        assert_int_equal(feed(s, text, sizeof(text) - 1), answers[i]);
        assert_int_equal(va_sse_finish(s), answers[i]);
        assert_string_equal(r.text, "message(a) message(b)");
        va_sse_free(s);
    }
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_callback_stops),
    };
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    struct CMUnitTest tests[CASES];
    size_t i;
    int failed;

    for (i = 0; i < CASES; i++) {
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = test_case,
                                       .initial_state = (void *)&cases[i]};
    }
    failed = cmocka_run_group_tests_name("sse cases", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("sse reader", others, NULL, NULL);
    return failed != 0;
}
