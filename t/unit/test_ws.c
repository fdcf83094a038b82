/*
 * The frame reader against RFC 6455, case by case.  Every case is run with its
 * input whole, cut in two at each byte, and byte by byte.
 */
#include "wire/va_ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_PIECES 8
#define DEFAULT_LIMIT 131072
#define LOG_MAX 4096
#define EVERY_SPLIT                                                            \
    700 /* longer inputs are cut at both ends and in strides                   \
         */

typedef enum { NONE, MASKED, BARE, RAW } kind_t;

/* A frame to build, or raw bytes. */
typedef struct {
    kind_t kind;
    uint8_t first;
    uint8_t form;     /* bytes of extended length to use, 0 for the right one */
    const char *data; /* NULL for len times the letter a */
    size_t len;
} piece_t;

typedef struct {
    const char *name;
    piece_t in[MAX_PIECES];
    const char *want;
    size_t at; /* bytes that byte by byte feeding needs to fail; 0 any */
    size_t limit;
    bool client;
} case_t;

#define S(s) s, sizeof(s) - 1
#define F(first, s)                                                            \
    {                                                                          \
        MASKED, first, 0, S(s)                                                 \
    }
#define A(first, n)                                                            \
    {                                                                          \
        MASKED, first, 0, NULL, n                                              \
    }
#define FORM(first, form, n)                                                   \
    {                                                                          \
        MASKED, first, form, NULL, n                                           \
    }
#define U(first, s)                                                            \
    {                                                                          \
        BARE, first, 0, S(s)                                                   \
    }
#define UA(first, n)                                                           \
    {                                                                          \
        BARE, first, 0, NULL, n                                                \
    }
#define R(s)                                                                   \
    {                                                                          \
        RAW, 0, 0, S(s)                                                        \
    }

/* The letter a, 123 times. */
#define A41 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A123 A41 A41 A41

#define GOOD(name, want, ...)                                                  \
    {                                                                          \
        name, {__VA_ARGS__}, want, 0, DEFAULT_LIMIT, false                     \
    }
#define BAD(name, at, want, ...)                                               \
    {                                                                          \
        name, {__VA_ARGS__}, want, at, DEFAULT_LIMIT, false                    \
    }
#define WITH_LIMIT(name, limit, at, want, ...)                                 \
    {                                                                          \
        name, {__VA_ARGS__}, want, at, limit, false                            \
    }
#define CLIENT(name, limit, at, want, ...)                                     \
    {                                                                          \
        name, {__VA_ARGS__}, want, at, limit, true                             \
    }

#include "ws_cases.h"

/* Building input and writing down what comes out. */

typedef struct {
    uint8_t *data;
    size_t len;
    size_t cap;
} bytes_t;

typedef struct {
    char text[LOG_MAX];
    size_t len;
    bool failed;
    size_t eaten; /* bytes consumed in all */
} record_t;

static void put(bytes_t *b, const void *data, size_t n)
{
    if (n == 0) {
        return;
    }
    if (n > b->cap - b->len) {
        b->cap = 2 * (b->cap + n);
        b->data = realloc(b->data, b->cap);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

static void put_frame(bytes_t *b, const piece_t *p)
{
    static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t form = p->form;
    uint8_t c;
    size_t i;

    if (form == 0 && p->len > 125) {
        form = p->len > 65535 ? 8 : 2;
    }
    put(b, &p->first, 1);
    c = form == 8 ? 127 : form == 2 ? 126 : (uint8_t)p->len;
    c |= p->kind == MASKED ? 0x80 : 0;
    put(b, &c, 1);
    for (i = form; i > 0; i--) {
        c = (uint8_t)((uint64_t)p->len >> (8 * (i - 1)));
        put(b, &c, 1);
    }
    if (p->kind == MASKED) {
        put(b, key, 4);
    }
    for (i = 0; i < p->len; i++) {
        c = p->data != NULL ? (uint8_t)p->data[i] : 'a';
        c ^= p->kind == MASKED ? key[i % 4] : 0;
        put(b, &c, 1);
    }
}

static bytes_t build(const case_t *c)
{
    bytes_t b = {0};
    size_t i;

    for (i = 0; i < MAX_PIECES && c->in[i].kind != NONE; i++) {
        if (c->in[i].kind == RAW) {
            put(&b, c->in[i].data, c->in[i].len);
        } else {
            put_frame(&b, &c->in[i]);
        }
    }
    return b;
}

static void record(record_t *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void record(record_t *r, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(r->text + r->len, LOG_MAX - r->len, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < LOG_MAX - r->len);
    r->len += (size_t)n;
}

static void record_payload(record_t *r, const uint8_t *data, size_t len)
{
    size_t i;

    for (i = 0; i < len && data[i] == 'a'; i++) {
    }
    if (len > 1 && i == len) {
        record(r, "%zu*a", len);
        return;
    }
    assert_true(len < 200);
    for (i = 0; i < len; i++) {
        if (data[i] >= 0x20 && data[i] < 0x7f) {
            record(r, "%c", data[i]);
        } else {
            record(r, "<%02x>", data[i]);
        }
    }
}

static void record_event(record_t *r, const va_ws_event_t *ev)
{
    static const char *const names[] = {
        [VA_WS_TEXT] = "text",   [VA_WS_BINARY] = "binary",
        [VA_WS_CLOSE] = "close", [VA_WS_PING] = "ping",
        [VA_WS_PONG] = "pong",
    };

    assert_true(ev->opcode < sizeof(names) / sizeof(names[0]));
    assert_non_null(names[ev->opcode]);
    assert_non_null(ev->data);
    record(r, "%s%s(", r->len != 0 ? " " : "", names[ev->opcode]);
    if (ev->opcode == VA_WS_CLOSE) {
        record(r, "%u%s", ev->close_code, ev->len != 0 ? "," : "");
    }
    record_payload(r, ev->data, ev->len);
    record(r, ")");
}

static void record_failure(record_t *r, va_ws_t *ws, va_rc_t rc)
{
    uint8_t more[2] = {0x81, 0x80};
    size_t n;
    va_ws_event_t ev;

    record(r, "%s%u %s", r->len != 0 ? " !" : "!", va_ws_close_code(ws),
           va_ws_error(ws));
    r->failed = true;
    assert_int_equal(rc, va_ws_close_code(ws) == 1009 ? VA_LIMIT : VA_INVALID);
    assert_int_equal(va_ws_parse(ws, more, 2, &n, &ev), rc);
    assert_int_equal(n, 0);
    assert_int_equal(va_ws_parse(ws, more, 0, &n, &ev), rc);
}

/* Feeds a piece from memory of exactly its size, so that over-reads show. */
static void feed(record_t *r, va_ws_t *ws, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    size_t at = 0;
    size_t n;
    va_ws_event_t ev;
    va_rc_t rc;

    assert_non_null(copy);
    if (len != 0) {
        memcpy(copy, data, len);
    }
    while (!r->failed) {
        rc = va_ws_parse(ws, copy + at, len - at, &n, &ev);
        assert_true(n <= len - at);
        at += n;
        if (rc == VA_AGAIN) {
            assert_int_equal(at, len);
            break;
        }
        if (rc == VA_OK) {
            record_event(r, &ev);
        } else {
            record_failure(r, ws, rc);
        }
    }
    r->eaten += at;
    free(copy);
}

/* Feeds in pieces of step bytes after a first one of cut bytes. */
static void run(record_t *r, const case_t *c, bytes_t b, size_t cut,
                size_t step)
{
    va_ws_t *ws = va_ws_new(c->client ? VA_WS_CLIENT : VA_WS_SERVER, c->limit);
    size_t at, n;

    assert_non_null(ws);
    r->len = 0;
    r->text[0] = '\0';
    r->failed = false;
    r->eaten = 0;
    feed(r, ws, b.data, cut);
    for (at = cut; at < b.len && !r->failed; at += n) {
        n = step < b.len - at ? step : b.len - at;
        feed(r, ws, b.data + at, n);
    }
    assert_true(va_ws_memory(ws) <= 256 + 2 * c->limit + 256);
    va_ws_free(ws);
}

static void test_case(void **state)
{
    const case_t *c = *state;
    bytes_t b = build(c);
    record_t r;
    size_t i;

    run(&r, c, b, b.len, 1);
    assert_string_equal(r.text, c->want);

    for (i = 0; i <= b.len; i++) {
        if (b.len > EVERY_SPLIT && i > 40 && b.len - i > 40 && i % 1999 != 0) {
            continue;
        }
        run(&r, c, b, i, b.len);
        assert_string_equal(r.text, c->want);
    }

    run(&r, c, b, 0, 1);
    assert_string_equal(r.text, c->want);
    if (c->at != 0) {
        assert_true(r.failed);
        assert_int_equal(r.eaten, c->at);
    } else {
        assert_true(r.failed || r.eaten == b.len);
    }
    free(b.data);
}

static void test_in_place(void **state)
{
    case_t c = {.in = {F(0x81, "Hello"), F(0x89, "you"), F(0x01, ""),
                       F(0x80, "World")}};
    bytes_t b = build(&c);
    va_ws_t *ws = va_ws_new(VA_WS_SERVER, 100);
    size_t born = va_ws_memory(ws);
    size_t at = 0;
    size_t n;
    va_ws_event_t ev;
    int events;

    (void)state;
    assert_true(born <= 256);
    for (events = 0; at < b.len; events++) {
        assert_int_equal(va_ws_parse(ws, b.data + at, b.len - at, &n, &ev),
                         VA_OK);
        at += n;
        assert_ptr_equal(ev.data + ev.len, b.data + at);
    }
    assert_int_equal(events, 3);
    assert_int_equal(va_ws_memory(ws), born);
    va_ws_free(ws);
    free(b.data);
}

/* Feeds one message of n bytes in two pieces; returns the memory after it. */
static size_t memory_after_split(va_ws_t *ws, size_t size)
{
    case_t c = {.in = {A(0x82, size), F(0x8a, "")}};
    bytes_t b = build(&c);
    size_t pong = b.len - 6;
    size_t n, held;
    va_ws_event_t ev;

    assert_int_equal(va_ws_parse(ws, b.data, 40, &n, &ev), VA_AGAIN);
    /* What was announced is not allocated before it comes. */
    assert_true(va_ws_memory(ws) <= 256 + 512);
    assert_int_equal(va_ws_parse(ws, b.data + 40, b.len - 40, &n, &ev), VA_OK);
    assert_int_equal(ev.len, size);
    assert_int_equal(n, pong - 40);
    held = va_ws_memory(ws);
    assert_true(held >= size);
    assert_int_equal(va_ws_parse(ws, b.data + pong, 6, &n, &ev), VA_OK);
    assert_int_equal(ev.opcode, VA_WS_PONG);
    free(b.data);
    return va_ws_memory(ws);
}

static void test_memory(void **state)
{
    va_ws_t *ws = va_ws_new(VA_WS_SERVER, 65536);
    size_t born = va_ws_memory(ws);

    (void)state;
    assert_true(memory_after_split(ws, 400) <= born + 512);
    assert_int_equal(memory_after_split(ws, 60000), born);
    assert_true(memory_after_split(ws, 3000) <= born + 4096);
    va_ws_free(ws);
}

static void test_free_unfinished(void **state)
{
    case_t c = {.in = {A(0x02, 5000), A(0x80, 5000)}};
    bytes_t b = build(&c);
    va_ws_t *ws = va_ws_new(VA_WS_SERVER, 65536);
    size_t n;
    va_ws_event_t ev;

    (void)state;
    assert_int_equal(va_ws_parse(ws, b.data, b.len - 1, &n, &ev), VA_AGAIN);
    assert_int_equal(va_ws_close_code(ws), 0);
    assert_string_equal(va_ws_error(ws), "");
    va_ws_free(ws);
    va_ws_free(NULL);
    free(b.data);
}

/* A failed reader holds nothing of the message that it was gathering. */
static void test_failure_frees(void **state)
{
    case_t c = {.in = {A(0x02, 5000), F(0x81, "x")}};
    bytes_t b = build(&c);
    va_ws_t *ws = va_ws_new(VA_WS_SERVER, 65536);
    size_t born = va_ws_memory(ws);
    size_t n;
    va_ws_event_t ev;

    (void)state;
    assert_int_equal(va_ws_parse(ws, b.data, b.len, &n, &ev), VA_INVALID);
    assert_int_equal(va_ws_memory(ws), born);
    va_ws_free(ws);
    free(b.data);
}

/* A long conversation, cut by a small generator of pseudo-random numbers. */
static void test_random_cuts(void **state)
{
    static const case_t c = {
        .in = {F(0x01, "\xce"), A(0x89, 125), F(0x80, "\xba"), A(0x82, 300),
               F(0x8a, ""), F(0x01, "aa"), A(0x00, 9000), A(0x80, 1)},
        .want = "ping(125*a) text(<ce><ba>) binary(300*a) pong() "
                "text(9003*a)"};
    bytes_t b = build(&c);
    va_ws_t *ws = va_ws_new(VA_WS_SERVER, 9003);
    uint32_t seed = 1;
    record_t r;
    size_t at, n;
    int turn;

    (void)state;
    for (turn = 0; turn < 500; turn++) {
        memset(&r, 0, sizeof(r));
        for (at = 0; at < b.len; at += n) {
            seed = seed * 1664525 + 1013904223;
            n = (seed >> 16) % (turn % 2 == 0 ? 17 : 5000);
            n = n < b.len - at ? n : b.len - at;
            feed(&r, ws, b.data + at, n);
        }
        assert_string_equal(r.text, c.want);
    }
    va_ws_free(ws);
    free(b.data);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_free_unfinished),
        cmocka_unit_test(test_failure_frees),
        cmocka_unit_test(test_random_cuts),
    };
    enum { CASES = sizeof(cases) / sizeof(cases[0]) };
    struct CMUnitTest tests[CASES];
    size_t i;
    int failed;

    _Static_assert(CASES >= 100, "the table is to hold a hundred cases");
    for (i = 0; i < CASES; i++) {
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = test_case,
                                       .initial_state = (void *)&cases[i]};
    }
    failed = cmocka_run_group_tests_name("ws cases", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("ws reader", others, NULL, NULL);
    return failed != 0;
}
