/*
 * Drives a reader of a recogniser that streams with messages, and writes down
 * what it tells, for the unit tests of the providers.
 */
#ifndef AI_LISTEN_H
#define AI_LISTEN_H

#include <stdlib.h>
#include <string.h>

#include "ai/va_ai.h"

#define KEY "sk-test-0123456789abcdef"

typedef struct {
    const char *kind;
    va_buf_t log; /* "partial one|text one two 0.98|end|flushed|" */
    size_t events;
    size_t stop_after; /* 0: never */
    va_rc_t rc;
    va_ai_error_class_t why;
    char error[256];
    va_ai_reader_t *r;
} heard_t;

static inline va_rc_t heard_event(void *ctx, const va_ai_event_t *e)
{
    heard_t *h = ctx;

    switch (e->type) {
    case VA_AI_TEXT:
        va_buf_printf(&h->log, "text %.*s %.2f|", (int)e->data.len,
                      e->data.data, (double)e->confidence);
        break;
    case VA_AI_PARTIAL:
        va_buf_printf(&h->log, "partial %.*s|", (int)e->data.len, e->data.data);
        break;
    case VA_AI_SPEECH_END:
        va_buf_puts(&h->log, "end|");
        break;
    case VA_AI_FLUSHED:
        va_buf_puts(&h->log, "flushed|");
        break;
    default:
        abort();
    }
    h->events++;
    return h->stop_after != 0 && h->events == h->stop_after ? VA_FAILED : VA_OK;
}

static inline void heard_begin(heard_t *h, const char *kind, int status)
{
    va_ai_conf_t conf = {.key = VA_STR(KEY)};
    va_ai_input_t in = {.stage = VA_AI_STT};
    size_t stop_after = h->stop_after;

    memset(h, 0, sizeof(*h));
    h->stop_after = stop_after;
    va_buf_init(&h->log, 1 << 20);
    va_buf_puts(&h->log, "");
    h->r = va_ai_reader_new(va_str(kind), &conf, &in, heard_event, h);
    assert_non_null(h->r);
    h->rc = va_ai_reader_head(h->r, status, VA_STR("application/json"));
}

static inline void heard_message(heard_t *h, bool text, const char *data)
{
    size_t n = strlen(data);
    uint8_t *copy = malloc(n != 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, data, n);
    h->rc = va_ai_reader_message(h->r, text, copy, n);
    free(copy);
}

/* Asserts what was told in all, and forgets everything. */
static inline void heard_end(heard_t *h, va_rc_t rc, const char *error,
                             const char *log)
{
    const char *told = va_ai_reader_error(h->r);

    assert_string_equal(h->log.data != NULL ? h->log.data : "", log);
    assert_int_equal(h->rc, rc);
    if (error[0] == '\0') {
        assert_string_equal(told, "");
    } else {
        assert_non_null(strstr(told, error));
    }
    assert_null(strstr(told, "0123456789"));
    h->why = va_ai_reader_class(h->r);
    assert_true((h->why == VA_AI_FINE) == (h->rc == VA_OK));
    va_ai_reader_free(h->r);
    va_buf_free(&h->log);
}

/* One session of messages that ends with a closing frame of 1000. */
static inline void hears(const char *kind, const char *const *messages,
                         const char *log)
{
    heard_t h = {0};

    heard_begin(&h, kind, 101);
    for (; *messages != NULL && h.rc == VA_OK; messages++) {
        heard_message(&h, true, *messages);
    }
    assert_int_equal(h.rc, VA_OK);
    h.rc = va_ai_reader_closed(h.r, 1000, VA_STR(""));
    heard_end(&h, VA_OK, "", log);
}

/* One message that fails. */
static inline void hears_wrong(const char *kind, bool text, const char *message,
                               va_rc_t rc, va_ai_error_class_t why,
                               const char *error)
{
    heard_t h = {0};

    heard_begin(&h, kind, 101);
    heard_message(&h, text, message);
    /* An error is final. */
    assert_int_equal(va_ai_reader_message(h.r, true, (const uint8_t *)"{}", 2),
                     h.rc);
    assert_int_equal(va_ai_reader_closed(h.r, 1000, VA_STR("")), h.rc);
    heard_end(&h, rc, error, "");
    assert_int_equal(h.why, why);
}

/* An end that was not orderly. */
static inline void hears_closed(const char *kind, unsigned code,
                                const char *reason, va_ai_error_class_t why,
                                const char *error)
{
    heard_t h = {0};

    heard_begin(&h, kind, 101);
    h.rc = va_ai_reader_closed(h.r, code, va_str(reason));
    heard_end(&h, why == VA_AI_FINE ? VA_OK : VA_FAILED, error, "");
    assert_int_equal(h.why, why);
}

/* A handshake that was refused. */
static inline void hears_refused(const char *kind, int status, const char *body,
                                 va_ai_error_class_t why, const char *error)
{
    heard_t h = {0};
    size_t i;

    heard_begin(&h, kind, status);
    for (i = 0; i < strlen(body) && h.rc == VA_OK; i++) {
        h.rc = va_ai_reader_feed(h.r, (const uint8_t *)body + i, 1);
    }
    if (h.rc == VA_OK) {
        h.rc = va_ai_reader_finish(h.r);
    }
    heard_end(&h, VA_FAILED, error, "");
    assert_int_equal(h.why, why);
}

#endif
