#include <stdlib.h>
#include <string.h>

#include "../wire/va_json.h"
#include "../wire/va_sse.h"
#include "va_ai_calls.h"
#include "va_openai.h"
#include "va_think.h"

#define BODY_MAX (16 * 1024 * 1024) /* of a stream, mostly its envelopes */
#define EVENT_MAX (256 * 1024) /* of one event, or an answer in one piece */
#define TEXT_MAX (64 * 1024)   /* of the words themselves */

typedef enum { NOTHING_YET, STREAM, WHOLE } shape_t;

typedef struct {
    va_ai_reader_t *r;
    shape_t shape;
    va_sse_t *sse;
    va_buf_t body; /* of an answer in one piece */
    va_think_t think;
    va_buf_t text;
    size_t said;
    bool finished; /* a finish_reason came */
    bool done;     /* "[DONE]" came */
    bool filtered;
    va_ai_calls_t calls;
} chat_t;

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data);

static void chat_destroy(void *self)
{
    chat_t *c = self;

    va_sse_free(c->sse);
    va_buf_free(&c->body);
    va_buf_free(&c->text);
    va_ai_calls_free(&c->calls);
    free(c);
}

static void *chat_create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                         const va_ai_input_t *in)
{
    chat_t *c = calloc(1, sizeof(*c));

    (void)conf;
    (void)in;
    if (c == NULL) {
        return NULL;
    }
    c->r = r;
    va_buf_init(&c->body, EVENT_MAX);
    va_buf_init(&c->text, EVENT_MAX);
    c->sse = va_sse_new(EVENT_MAX, on_event, c);
    if (c->sse == NULL) {
        chat_destroy(c);
        return NULL;
    }
    return c;
}

static va_rc_t chat_head(void *self, va_str_t content_type)
{
    chat_t *c = self;

    if (va_ai_type_is(content_type, "text/html")) {
        return va_ai_reader_fail(c->r, VA_INVALID, "a page instead of a reply");
    }
    return VA_OK;
}

/* Hands out what has gathered in c->text. */
static va_rc_t tell(chat_t *c)
{
    va_rc_t rc = VA_OK;

    if (c->text.rc != VA_OK) {
        return va_ai_reader_fail(c->r, c->text.rc, "no room for the reply");
    }
    if (c->text.len > TEXT_MAX - c->said) {
        return va_ai_reader_fail(c->r, VA_LIMIT, "the reply is too long");
    }
    if (c->text.len != 0) {
        c->said += c->text.len;
        rc = va_ai_emit(c->r, VA_AI_TEXT, va_buf_view(&c->text), -1);
    }
    va_buf_reset(&c->text);
    return rc;
}

/* Content is a string, or (rarely) a list of parts of which some are text. */
static void read_content(chat_t *c, va_json_t *message)
{
    va_json_t *content = va_json_at(message, "content");
    va_str_t name;
    size_t i;

    va_think_feed(&c->think, va_json_str(message, "content"), &c->text);
    va_think_feed(&c->think, va_json_str(message, "refusal"), &c->text);
    for (i = 0; i < va_json_len(content); i++) {
        va_json_t *part = va_json_item(content, i, &name);

        if (va_str_eq(va_json_str(part, "type"), VA_STR("text"))) {
            va_think_feed(&c->think, va_json_str(part, "text"), &c->text);
        }
    }
}

/* Some servers number the calls only when there are several of them. */
static va_rc_t read_calls(chat_t *c, va_json_t *message)
{
    va_json_t *calls = va_json_at(message, "tool_calls");
    va_json_t *old = va_json_at(message, "function_call");
    va_rc_t rc = VA_OK;
    va_str_t name;
    size_t i;

    for (i = 0; i < va_json_len(calls) && rc == VA_OK; i++) {
        va_json_t *call = va_json_item(calls, i, &name);
        double index = va_json_num(call, "index", -1);

        rc = va_ai_calls_add(
            &c->calls, index >= 0 && index <= 1000 ? (long)index : -1,
            va_json_str(call, "id"), va_json_str(call, "function.name"),
            va_json_str(call, "function.arguments"));
    }
    if (va_json_len(old) != 0 && rc == VA_OK) {
        rc = va_ai_calls_add(&c->calls, 0, VA_STR(""), va_json_str(old, "name"),
                             va_json_str(old, "arguments"));
    }
    return rc == VA_OK
               ? VA_OK
               : va_ai_reader_fail(c->r, rc, "too many or too long calls");
}

/* Takes one object of the stream, or the whole answer. */
static va_rc_t take(chat_t *c, va_json_t *v, const char *message_path)
{
    va_json_t *choice = va_json_at(v, "choices.0");
    va_json_t *message = va_json_at(choice, message_path);
    va_str_t reason = va_json_str(choice, "finish_reason");
    va_rc_t rc = VA_OK;

    if (va_ai_has_error(v)) {
        return va_ai_reader_fail_json(c->r, "", v);
    }
    if (message != NULL) {
        read_content(c, message);
        rc = read_calls(c, message);
    }
    if (rc != VA_OK) {
        return rc;
    }
    if (reason.len != 0) {
        c->finished = true;
        c->filtered = va_str_eq(reason, VA_STR("content_filter"));
    }
    return tell(c);
}

static va_rc_t take_text(chat_t *c, va_str_t data, const char *message_path)
{
    char why[128];
    va_json_t *v = va_json_parse(data, why, sizeof(why));
    va_rc_t rc;

    if (v == NULL) {
        return va_ai_reader_fail(c->r, VA_INVALID, "malformed JSON: %s", why);
    }
    rc = take(c, v, message_path);
    va_json_free(v);
    return rc;
}

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data)
{
    static const char end[] = "[DONE]";
    chat_t *c = ctx;

    (void)event;
    if (c->done || data.len == 0) {
        return VA_OK;
    }
    if (data.len >= sizeof(end) - 1 &&
        memcmp(data.data, end, sizeof(end) - 1) == 0) {
        c->done = true;
        return VA_OK;
    }
    return take_text(c, data, "delta");
}

/*
 * Tells a JSON answer from a stream by its first byte, not by its type.
 * Returns how much white space stands before it.
 */
static size_t find_shape(chat_t *c, const uint8_t *data, size_t n)
{
    size_t i = 0;

    while (i < n && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r' ||
                     data[i] == '\n')) {
        i++;
    }
    if (i < n) {
        c->shape = data[i] == '{' ? WHOLE : STREAM;
    }
    return i;
}

static va_rc_t chat_feed(void *self, const uint8_t *data, size_t n)
{
    chat_t *c = self;
    va_rc_t rc = VA_OK;

    if (c->shape == NOTHING_YET) {
        size_t skip = find_shape(c, data, n);

        data += skip;
        n -= skip;
    }
    if (c->shape == WHOLE) {
        rc = va_buf_append(&c->body, data, n);
    } else if (c->shape == STREAM) {
        rc = va_sse_feed(c->sse, (const char *)data, n);
    }
    return rc == VA_OK
               ? VA_OK
               : va_ai_reader_fail(c->r, rc, "a piece of the reply is too big");
}

static va_rc_t read_rest(chat_t *c)
{
    va_rc_t rc = VA_OK;

    if (c->shape == WHOLE) {
        rc = take_text(c, va_buf_view(&c->body), "message");
        c->done = true;
    } else if (c->shape == STREAM) {
        rc = va_sse_finish(c->sse);
    }
    if (rc != VA_OK) {
        return va_ai_reader_fail(c->r, rc, "a piece of the reply is too big");
    }
    va_think_finish(&c->think, &c->text);
    return tell(c);
}

static va_rc_t chat_finish(void *self)
{
    chat_t *c = self;
    va_rc_t rc = read_rest(c);

    if (rc != VA_OK) {
        return rc;
    }
    if (!c->finished && !c->done) {
        return va_ai_reader_fail_as(c->r, VA_AI_CUT, "the stream was cut");
    }
    if (c->filtered) {
        return va_ai_reader_fail_as(
            c->r, VA_AI_EMPTY, "the reply was stopped by a content filter");
    }
    if (va_ai_calls_any(&c->calls)) {
        return va_ai_calls_emit(&c->calls, c->r);
    }
    return c->said != 0
               ? VA_OK
               : va_ai_reader_fail_as(c->r, VA_AI_EMPTY, "the reply is empty");
}

const va_ai_reader_ops_t va_openai_chat_reader = {
    .body_max = BODY_MAX,
    .create = chat_create,
    .destroy = chat_destroy,
    .head = chat_head,
    .feed = chat_feed,
    .finish = chat_finish,
};
