#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "va_ai_provider.h"

#define ERROR_MAX 256        /* bytes of an error text, with its NUL */
#define ERROR_BODY_MAX 16384 /* of an error body what lies beyond is lost */
#define ERROR_RAW_MAX 2048   /* of an error text before it is cleaned */

struct va_ai_reader {
    const va_ai_reader_ops_t *ops;
    void *self;
    va_ai_event_pt out;
    void *ctx;
    char *secret;
    int status;
    size_t received;
    va_buf_t error_body; /* of a status that is not 2xx */
    bool closed;         /* of a WebSocket */
    va_rc_t rc;
    va_ai_error_class_t why;
    char error[ERROR_MAX];
};

va_ai_reader_t *va_ai_reader_new(va_str_t kind, const va_ai_conf_t *conf,
                                 const va_ai_input_t *in, va_ai_event_pt out,
                                 void *ctx)
{
    const va_ai_provider_t *p = va_ai_find(kind, in->stage);
    va_ai_reader_t *r = p != NULL ? calloc(1, sizeof(*r)) : NULL;

    if (r == NULL) {
        return NULL;
    }
    r->ops = p->reader;
    r->out = out;
    r->ctx = ctx;
    va_buf_init(&r->error_body, ERROR_BODY_MAX);
    r->secret = va_str_dup(conf->key);
    r->self = r->secret != NULL ? r->ops->create(r, conf, in) : NULL;
    if (r->self == NULL) {
        va_ai_reader_free(r);
        return NULL;
    }
    return r;
}

void va_ai_reader_free(va_ai_reader_t *r)
{
    if (r == NULL) {
        return;
    }
    if (r->self != NULL) {
        r->ops->destroy(r->self);
    }
    if (r->secret != NULL) {
        explicit_bzero(r->secret, strlen(r->secret));
        free(r->secret);
    }
    va_buf_free(&r->error_body);
    free(r);
}

static va_rc_t fail(va_ai_reader_t *r, va_rc_t rc, va_ai_error_class_t why,
                    const char *fmt, va_list args)
{
    char raw[ERROR_RAW_MAX];

    if (r->rc == VA_OK) {
        vsnprintf(raw, sizeof(raw), fmt, args);
        va_ai_error_clean(r->error, sizeof(r->error), va_str(raw),
                          va_str(r->secret));
        r->rc = rc;
        r->why = why;
    }
    return r->rc;
}

va_rc_t va_ai_reader_fail(va_ai_reader_t *r, va_rc_t rc, const char *fmt, ...)
{
    va_ai_error_class_t why = rc == VA_FAILED ? VA_AI_SERVER
                              : rc == VA_INVALID || rc == VA_LIMIT
                                  ? VA_AI_MALFORMED
                                  : VA_AI_INTERNAL;
    va_list args;

    va_start(args, fmt);
    fail(r, rc, why, fmt, args);
    va_end(args);
    return r->rc;
}

va_rc_t va_ai_reader_fail_as(va_ai_reader_t *r, va_ai_error_class_t why,
                             const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fail(r, VA_FAILED, why, fmt, args);
    va_end(args);
    return r->rc;
}

va_rc_t va_ai_reader_fail_json(va_ai_reader_t *r, const char *prefix,
                               struct yajl_val_s *v)
{
    va_ai_error_class_t why = VA_AI_SERVER;
    va_buf_t message;

    va_buf_init(&message, ERROR_RAW_MAX);
    va_ai_error_message(&message, v, &why);
    va_ai_reader_fail_as(r, why, "%s%s", prefix,
                         message.len != 0 ? message.data : "error");
    va_buf_free(&message);
    return r->rc;
}

va_rc_t va_ai_emit_event(va_ai_reader_t *r, const va_ai_event_t *event)
{
    va_rc_t rc;

    if (r->rc != VA_OK) {
        return r->rc;
    }
    rc = r->out(r->ctx, event);
    if (rc == VA_OK) {
        return VA_OK;
    }
    va_ai_reader_fail(r, rc, "stopped");
    r->why = VA_AI_INTERNAL;
    return r->rc;
}

va_rc_t va_ai_emit(va_ai_reader_t *r, va_ai_event_type_t type, va_str_t data,
                   float confidence)
{
    va_ai_event_t event = {
        .type = type, .data = data, .confidence = confidence};

    return va_ai_emit_event(r, &event);
}

static bool successful(const va_ai_reader_t *r)
{
    if (r->ops->message != NULL) {
        return r->status == 101;
    }
    return r->ops->any_status || (r->status >= 200 && r->status <= 299);
}

va_rc_t va_ai_reader_head(va_ai_reader_t *r, int status, va_str_t content_type)
{
    if (r->rc != VA_OK) {
        return r->rc;
    }
    if (r->status != 0 || status < 100 || status > 999) {
        return va_ai_reader_fail(r, VA_INVALID, "unexpected answer");
    }
    r->status = status;
    return successful(r) ? r->ops->head(r->self, content_type) : VA_OK;
}

va_rc_t va_ai_reader_feed(va_ai_reader_t *r, const uint8_t *data, size_t n)
{
    size_t room;

    if (r->rc != VA_OK || n == 0) {
        return r->rc;
    }
    if (r->status == 0) {
        return va_ai_reader_fail(r, VA_INVALID, "unexpected answer");
    }
    if (n > r->ops->body_max - r->received) {
        return va_ai_reader_fail(r, VA_LIMIT, "the answer is too large");
    }
    r->received += n;
    if (successful(r)) {
        return r->ops->message == NULL
                   ? r->ops->feed(r->self, data, n)
                   : va_ai_reader_fail(r, VA_INVALID, "unexpected answer");
    }
    room = r->error_body.max - r->error_body.len;
    if (va_buf_append(&r->error_body, data, n < room ? n : room) != VA_OK) {
        return va_ai_reader_fail(r, VA_NOMEM, "out of memory");
    }
    return VA_OK;
}

static va_rc_t fail_status(va_ai_reader_t *r)
{
    va_ai_error_class_t why = va_ai_status_class(r->status);
    va_ai_error_class_t told = VA_AI_FINE;
    va_buf_t message;
    bool known;

    va_buf_init(&message, ERROR_RAW_MAX);
    known = va_ai_error_body(&message, va_buf_view(&r->error_body), &told);
    /* A code tells money from haste; of all else the status knows more. */
    if (told == VA_AI_QUOTA ||
        (told == VA_AI_REFUSED && why == VA_AI_MISUSED)) {
        why = told;
    }
    va_ai_reader_fail_as(r, why, "HTTP %d%s%s", r->status, known ? ": " : "",
                         known ? message.data : "");
    va_buf_free(&message);
    return r->rc;
}

va_rc_t va_ai_reader_finish(va_ai_reader_t *r)
{
    if (r->rc != VA_OK) {
        return r->rc;
    }
    if (r->status == 0) {
        return va_ai_reader_fail_as(r, VA_AI_CUT, "no answer");
    }
    if (!successful(r)) {
        return fail_status(r);
    }
    return r->ops->message != NULL ? va_ai_reader_closed(r, 0, VA_STR(""))
                                   : r->ops->finish(r->self);
}

va_rc_t va_ai_reader_message(va_ai_reader_t *r, bool text, const uint8_t *data,
                             size_t n)
{
    if (r->rc != VA_OK) {
        return r->rc;
    }
    if (r->ops->message == NULL || !successful(r) || r->closed) {
        return va_ai_reader_fail(r, VA_INVALID, "unexpected message");
    }
    if (n > r->ops->body_max) {
        return va_ai_reader_fail(r, VA_LIMIT, "the answer is too large");
    }
    return r->ops->message(r->self, text, data, n);
}

va_rc_t va_ai_reader_closed(va_ai_reader_t *r, unsigned code, va_str_t reason)
{
    if (r->rc != VA_OK || r->closed) {
        return r->rc;
    }
    if (r->ops->message == NULL || !successful(r)) {
        return va_ai_reader_fail(r, VA_INVALID, "unexpected end");
    }
    r->closed = true;
    return r->ops->closed(r->self, code, reason);
}

va_ai_error_class_t va_ai_reader_class(const va_ai_reader_t *r)
{
    return r->why;
}

const char *va_ai_reader_error(const va_ai_reader_t *r)
{
    return r->error;
}
