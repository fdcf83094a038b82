#include "va_ai_reply.h"

#include <stdlib.h>
#include <string.h>

#include "../wire/va_json.h"
#include "../wire/va_text.h"

#define EVENT_MAX (256 * 1024) /* of one event, or an answer in one piece */
#define TEXT_MAX (64 * 1024)   /* of the words themselves */

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data);

void va_ai_reply_free(void *self)
{
    va_ai_reply_t *a = self;

    va_sse_free(a->sse);
    va_buf_free(&a->body);
    va_buf_free(&a->text);
    va_ai_calls_free(&a->calls);
    free(a);
}

va_ai_reply_t *va_ai_reply_new(va_ai_reader_t *r,
                               va_rc_t (*take)(va_ai_reply_t *a,
                                               struct yajl_val_s *v,
                                               bool whole))
{
    va_ai_reply_t *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        return NULL;
    }
    a->r = r;
    a->take = take;
    va_buf_init(&a->body, EVENT_MAX);
    va_buf_init(&a->text, EVENT_MAX);
    a->sse = va_sse_new(EVENT_MAX, on_event, a);
    if (a->sse == NULL) {
        va_ai_reply_free(a);
        return NULL;
    }
    return a;
}

va_rc_t va_ai_reply_head(void *self, va_str_t content_type)
{
    va_ai_reply_t *a = self;

    if (va_ai_type_is(content_type, "text/html")) {
        return va_ai_reader_fail(a->r, VA_INVALID, "a page instead of a reply");
    }
    /* Whoever may answer with text says when it is a stream. */
    a->plain = a->plain && !va_ai_type_is(content_type, "text/event-stream");
    return VA_OK;
}

void va_ai_reply_say(va_ai_reply_t *a, va_str_t words)
{
    va_think_feed(&a->think, words, &a->text);
}

va_rc_t va_ai_reply_call(va_ai_reply_t *a, double index, va_str_t id,
                         va_str_t name, va_str_t args)
{
    va_rc_t rc = va_ai_calls_add(&a->calls,
                                 index >= 0 && index <= 1000 ? (long)index : -1,
                                 id, name, args);

    return rc == VA_OK
               ? VA_OK
               : va_ai_reader_fail(a->r, rc, "too many or too long calls");
}

/* Hands out what has gathered. */
static va_rc_t tell(va_ai_reply_t *a)
{
    va_rc_t rc = VA_OK;

    if (a->text.rc != VA_OK) {
        return va_ai_reader_fail(a->r, a->text.rc, "no room for the reply");
    }
    if (a->text.len > TEXT_MAX - a->said) {
        return va_ai_reader_fail(a->r, VA_LIMIT, "the reply is too long");
    }
    if (a->text.len != 0) {
        a->said += a->text.len;
        rc = va_ai_emit(a->r, VA_AI_TEXT, va_buf_view(&a->text), -1);
    }
    va_buf_reset(&a->text);
    return rc;
}

static va_rc_t take_text(va_ai_reply_t *a, va_str_t data, bool whole)
{
    char why[128];
    va_json_t *v = va_json_parse(data, why, sizeof(why));
    va_rc_t rc;

    if (v == NULL) {
        return va_ai_reader_fail(a->r, VA_INVALID, "malformed JSON: %s", why);
    }
    rc = va_ai_has_error(v) ? va_ai_reader_fail_json(a->r, "", v)
                            : a->take(a, v, whole);
    va_json_free(v);
    return rc == VA_OK ? tell(a) : rc;
}

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data)
{
    static const char end[] = "[DONE]";
    va_ai_reply_t *a = ctx;

    (void)event;
    if (a->done || data.len == 0) {
        return VA_OK;
    }
    if (data.len >= sizeof(end) - 1 &&
        memcmp(data.data, end, sizeof(end) - 1) == 0) {
        a->done = true;
        return VA_OK;
    }
    if (a->words && data.data[0] != '{') {
        va_ai_reply_say(a, data);
        return tell(a);
    }
    return take_text(a, data, false);
}

/*
 * Says the text itself.  A character that may be cut at the end waits for its
 * other bytes; what cannot become one is replaced.
 */
static va_rc_t feed_plain(va_ai_reply_t *a, bool last)
{
    va_str_t s = va_buf_view(&a->body);
    size_t used = 0;

    while (used < s.len) {
        va_str_t rest = {s.data + used, s.len - used};
        bool valid;
        size_t n = va_text_next(rest, &valid);

        if (!valid && !last && n == rest.len && n < 4) {
            break;
        }
        va_ai_reply_say(a,
                        valid ? (va_str_t){rest.data, n} : VA_TEXT_REPLACEMENT);
        used += n;
    }
    va_buf_consume(&a->body, used);
    return tell(a);
}

/*
 * Tells a JSON answer from a stream by its first byte, not by its type.
 * Returns how much white space stands before it.
 */
static size_t find_shape(va_ai_reply_t *a, const uint8_t *data, size_t n)
{
    size_t i = 0;

    while (i < n && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' ||
                     data[i] == '\n')) {
        i++;
    }
    if (i < n) {
        a->shape = data[i] == '{' ? VA_AI_WHOLE
                   : a->plain     ? VA_AI_PLAIN
                                  : VA_AI_STREAM;
    }
    return i;
}

va_rc_t va_ai_reply_feed(void *self, const uint8_t *data, size_t n)
{
    va_ai_reply_t *a = self;
    va_rc_t rc = VA_OK;

    if (a->shape == VA_AI_NOTHING_YET) {
        size_t skip = find_shape(a, data, n);

        data += skip;
        n -= skip;
    }
    if (a->shape == VA_AI_WHOLE || a->shape == VA_AI_PLAIN) {
        rc = va_buf_append(&a->body, data, n);
    } else if (a->shape == VA_AI_STREAM) {
        rc = va_sse_feed(a->sse, (const char *)data, n);
    }
    if (rc != VA_OK) {
        return va_ai_reader_fail(a->r, rc, "a piece of the reply is too big");
    }
    return a->shape == VA_AI_PLAIN ? feed_plain(a, false) : VA_OK;
}

static va_rc_t read_rest(va_ai_reply_t *a)
{
    va_rc_t rc = VA_OK;

    if (a->shape == VA_AI_WHOLE) {
        rc = take_text(a, va_buf_view(&a->body), true);
        a->over = true;
    } else if (a->shape == VA_AI_STREAM) {
        rc = va_sse_finish(a->sse);
    } else if (a->shape == VA_AI_PLAIN) {
        rc = feed_plain(a, true);
        a->over = true;
    }
    if (rc != VA_OK) {
        return va_ai_reader_fail(a->r, rc, "a piece of the reply is too big");
    }
    va_think_finish(&a->think, &a->text);
    return tell(a);
}

va_rc_t va_ai_reply_finish(void *self)
{
    va_ai_reply_t *a = self;
    va_rc_t rc = read_rest(a);

    if (rc != VA_OK) {
        return rc;
    }
    if (!a->over && !a->done) {
        return va_ai_reader_fail_as(a->r, VA_AI_CUT, "the stream was cut");
    }
    if (a->stopped != NULL) {
        return va_ai_reader_fail_as(a->r, VA_AI_EMPTY, "%s", a->stopped);
    }
    if (va_ai_calls_any(&a->calls)) {
        return va_ai_calls_emit(&a->calls, a->r);
    }
    return a->said != 0 || a->silent
               ? VA_OK
               : va_ai_reader_fail_as(a->r, VA_AI_EMPTY, "the reply is empty");
}
