/*
 * Drives a reader of va_ai.h with a whole answer in pieces and keeps what it
 * told, for the unit tests of the providers.
 */
#ifndef AI_READER_H
#define AI_READER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/va_ai.h"

#define KEY "sk-test-0123456789abcdef"

typedef struct {
    va_buf_t text; /* all texts or all audio */
    size_t events;
    size_t hang_ups; /* calls of hang_up */
    va_buf_t calls;  /* "id name arguments" of each call, on a line */
    float confidence;
    size_t stop_after; /* events; 0: never */
    va_rc_t rc;
    va_ai_error_class_t why;
    char error[256];
} told_t;

typedef struct {
    va_ai_stage_t stage;
    va_ai_conf_t conf;
    int status;
    const char *type;
    const char *kind; /* NULL: "openai", or "rest" */
} answer_t;

static inline va_rc_t ai_collect(void *ctx, const va_ai_event_t *event)
{
    told_t *told = ctx;

    told->events++;
    told->confidence = event->confidence;
    if (event->type == VA_AI_TOOL) {
        assert_int_not_equal(event->id.len, 0);
        told->hang_ups += va_str_eq(event->name, VA_STR("hang_up"));
        va_buf_printf(&told->calls, "%.*s %.*s %.*s\n", (int)event->id.len,
                      event->id.data, (int)event->name.len, event->name.data,
                      (int)event->data.len, event->data.data);
    } else {
        assert_int_equal(told->calls.len, 0);
        assert_int_equal(va_buf_str(&told->text, event->data), VA_OK);
    }
    return told->stop_after != 0 && told->events >= told->stop_after ? VA_FAILED
                                                                     : VA_OK;
}

static inline va_ai_reader_t *ai_start(told_t *told, const answer_t *a)
{
    va_ai_conf_t conf = a->conf;
    va_ai_input_t in = {.stage = a->stage};
    va_ai_reader_t *r;
    size_t stop_after = told->stop_after;

    memset(told, 0, sizeof(*told));
    told->stop_after = stop_after;
    va_buf_init(&told->text, 1 << 24);
    va_buf_init(&told->calls, 1 << 20);
    conf.key = VA_STR(KEY);
    r = va_ai_reader_new(va_str(a->kind != NULL          ? a->kind
                                : a->stage == VA_AI_REST ? "rest"
                                                         : "openai"),
                         &conf, &in, ai_collect, told);
    assert_non_null(r);
    return r;
}

static inline void ai_end(told_t *told, va_ai_reader_t *r)
{
    const char *error = va_ai_reader_error(r);

    assert_true((told->rc == VA_OK) == (error[0] == '\0'));
    assert_true(strlen(error) <= 255);
    assert_null(strpbrk(error, "\r\n\t"));
    assert_null(strstr(error, "0123456789"));
    strcpy(told->error, error);
    told->why = va_ai_reader_class(r);
    assert_true((told->rc == VA_OK) == (told->why == VA_AI_FINE));
    if (told->rc != VA_OK) {
        /* An error is final. */
        assert_int_equal(va_ai_reader_feed(r, (const uint8_t *)"x", 1),
                         told->rc);
        assert_int_equal(va_ai_reader_finish(r), told->rc);
    }
    va_ai_reader_free(r);
}

/* Feeds pieces of `piece` bytes, the first of `first`, from exact copies. */
static inline void ai_run(told_t *told, const answer_t *a, const void *body,
                          size_t len, size_t first, size_t piece)
{
    va_ai_reader_t *r = ai_start(told, a);
    size_t pos = 0;

    told->rc = va_ai_reader_head(r, a->status, va_str(a->type));
    while (pos < len && told->rc == VA_OK) {
        size_t n = pos == 0 && first != 0 ? first : piece;
        uint8_t *copy;

        n = len - pos < n ? len - pos : n;
        copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, (const char *)body + pos, n);
        told->rc = va_ai_reader_feed(r, copy, n);
        free(copy);
        pos += n;
    }
    if (told->rc == VA_OK) {
        told->rc = va_ai_reader_finish(r);
    }
    ai_end(told, r);
}

static inline void ai_forget(told_t *told)
{
    va_buf_free(&told->text);
    va_buf_free(&told->calls);
}

/*
 * Runs the answer whole, then byte by byte, then in two pieces split at each
 * byte, and asserts that it always tells the same.  The caller forgets told.
 */
static inline void ai_run_split(told_t *told, const answer_t *a,
                                const void *body, size_t len)
{
    size_t first;

    ai_run(told, a, body, len, 0, len + 1);
    for (first = 0; first < len; first++) {
        told_t other = {0};

        ai_run(&other, a, body, len, first, first == 0 ? 1 : len);
        assert_int_equal(other.rc, told->rc);
        assert_string_equal(other.error, told->error);
        assert_int_equal(other.hang_ups, told->hang_ups);
        assert_int_equal(other.why, told->why);
        assert_int_equal(other.calls.len, told->calls.len);
        if (told->calls.len != 0) {
            assert_string_equal(other.calls.data, told->calls.data);
        }
        assert_int_equal(other.text.len, told->text.len);
        if (told->text.len != 0) {
            assert_memory_equal(other.text.data, told->text.data,
                                told->text.len);
        }
        ai_forget(&other);
    }
}

/* Asserts that such an answer, split anywhere, fails with that text. */
static inline void ai_fails(const answer_t *a, const char *body, va_rc_t rc,
                            const char *error)
{
    told_t told = {0};

    ai_run_split(&told, a, body, strlen(body));
    assert_int_equal(told.rc, rc);
    assert_non_null(strstr(told.error, error));
    ai_forget(&told);
}

/* Feeds 100 MB; asserts that a bound stops it. */
static inline void ai_refuses_100_mb(const answer_t *a, const char *start)
{
    static uint8_t filler[1 << 20];
    told_t told = {0};
    va_ai_reader_t *r = ai_start(&told, a);
    size_t mb;

    memset(filler, ' ', sizeof(filler));
    assert_int_equal(va_ai_reader_head(r, a->status, va_str(a->type)), VA_OK);
    told.rc = va_ai_reader_feed(r, (const uint8_t *)start, strlen(start));
    for (mb = 0; mb < 100 && told.rc == VA_OK; mb++) {
        va_buf_reset(&told.text);
        told.rc = va_ai_reader_feed(r, filler, sizeof(filler));
    }
    assert_int_equal(told.rc, VA_LIMIT);
    ai_end(&told, r);
    ai_forget(&told);
}

#endif
