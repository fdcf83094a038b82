#include "va_ai.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "va_ai_provider.h"
#include "va_ai_rest.h"
#include "va_openai.h"

#define ERROR_MAX 256        /* bytes of an error text, with its NUL */
#define ERROR_BODY_MAX 16384 /* of an error body what lies beyond is lost */
#define ERROR_RAW_MAX 2048   /* of an error text before it is cleaned */
#define HEADER_MAX 8192

static const va_ai_provider_t providers[] = {
    {"openai", VA_AI_STT, va_openai_stt_request, &va_openai_stt_reader},
    {"openai", VA_AI_LLM, va_openai_chat_request, &va_openai_chat_reader},
    {"openai", VA_AI_TTS, va_openai_tts_request, &va_openai_tts_reader},
    {"rest", VA_AI_REST, va_ai_rest_request, &va_ai_rest_reader},
};

struct va_ai_reader {
    const va_ai_reader_ops_t *ops;
    void *self;
    va_ai_event_pt out;
    void *ctx;
    char *secret;
    int status;
    size_t received;
    va_buf_t error_body; /* of a status that is not 2xx */
    va_rc_t rc;
    char error[ERROR_MAX];
};

static const va_ai_provider_t *find(va_str_t kind, va_ai_stage_t stage)
{
    size_t i;

    for (i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (providers[i].stage == stage &&
            va_str_eq(kind, va_str(providers[i].kind))) {
            return &providers[i];
        }
    }
    return NULL;
}

bool va_ai_known(va_str_t kind, va_ai_stage_t stage)
{
    return find(kind, stage) != NULL;
}

va_rc_t va_ai_request(va_ai_request_t *req, va_str_t kind,
                      const va_ai_conf_t *conf, const va_ai_input_t *in)
{
    const va_ai_provider_t *p = find(kind, in->stage);
    va_rc_t rc;

    memset(req, 0, sizeof(*req));
    va_buf_init(&req->url, HEADER_MAX);
    va_buf_init(&req->body, VA_AI_BODY_MAX);
    if (p == NULL) {
        return VA_INVALID;
    }
    rc = p->request(req, conf, in);
    if (rc == VA_OK) {
        rc = req->url.rc;
    }
    return rc == VA_OK ? req->body.rc : rc;
}

void va_ai_request_free(va_ai_request_t *req)
{
    size_t i;

    for (i = 0; i < req->header_count; i++) {
        if (req->headers[i].data != NULL) {
            explicit_bzero(req->headers[i].data, req->headers[i].len);
        }
        va_buf_free(&req->headers[i]);
    }
    for (i = 0; i < req->part_count; i++) {
        va_buf_free(&req->parts[i].data);
    }
    va_buf_free(&req->url);
    va_buf_free(&req->body);
    req->header_count = 0;
    req->part_count = 0;
}

va_rc_t va_ai_add_header(va_ai_request_t *req, const char *start,
                         va_str_t value)
{
    va_buf_t *b;
    size_t i;

    if (req->header_count == VA_AI_HEADERS) {
        return VA_LIMIT;
    }
    for (i = 0; i < value.len; i++) {
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f) {
            return VA_INVALID;
        }
    }
    b = &req->headers[req->header_count++];
    va_buf_init(b, HEADER_MAX);
    /* One piece, so that no copy of a secret is left by growing. */
    if (va_buf_reserve(b, strlen(start) + value.len) != NULL) {
        va_buf_puts(b, start);
        va_buf_str(b, value);
    }
    return b->rc;
}

va_buf_t *va_ai_add_part(va_ai_request_t *req, const char *name,
                         const char *filename, const char *type)
{
    va_ai_part_t *part;

    if (req->part_count == VA_AI_PARTS) {
        return NULL;
    }
    part = &req->parts[req->part_count++];
    part->name = name;
    part->filename = filename;
    part->type = type;
    va_buf_init(&part->data, VA_AI_BODY_MAX);
    return &part->data;
}

va_ai_reader_t *va_ai_reader_new(va_str_t kind, const va_ai_conf_t *conf,
                                 const va_ai_input_t *in, va_ai_event_pt out,
                                 void *ctx)
{
    const va_ai_provider_t *p = find(kind, in->stage);
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

va_rc_t va_ai_reader_fail(va_ai_reader_t *r, va_rc_t rc, const char *fmt, ...)
{
    char raw[ERROR_RAW_MAX];
    va_list args;

    if (r->rc == VA_OK) {
        va_start(args, fmt);
        vsnprintf(raw, sizeof(raw), fmt, args);
        va_end(args);
        va_ai_error_clean(r->error, sizeof(r->error), va_str(raw),
                          va_str(r->secret));
        r->rc = rc;
    }
    return r->rc;
}

va_rc_t va_ai_emit(va_ai_reader_t *r, va_ai_event_type_t type, va_str_t data,
                   float confidence)
{
    va_ai_event_t event = {type, data, confidence};
    va_rc_t rc;

    if (r->rc != VA_OK) {
        return r->rc;
    }
    rc = r->out(r->ctx, &event);
    return rc == VA_OK ? VA_OK : va_ai_reader_fail(r, rc, "stopped");
}

static bool successful(const va_ai_reader_t *r)
{
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
        return r->ops->feed(r->self, data, n);
    }
    room = r->error_body.max - r->error_body.len;
    if (va_buf_append(&r->error_body, data, n < room ? n : room) != VA_OK) {
        return va_ai_reader_fail(r, VA_NOMEM, "out of memory");
    }
    return VA_OK;
}

static va_rc_t fail_status(va_ai_reader_t *r)
{
    va_buf_t message;

    va_buf_init(&message, ERROR_RAW_MAX);
    if (va_ai_error_body(&message, va_buf_view(&r->error_body))) {
        va_ai_reader_fail(r, VA_FAILED, "HTTP %d: %s", r->status, message.data);
    } else {
        va_ai_reader_fail(r, VA_FAILED, "HTTP %d", r->status);
    }
    va_buf_free(&message);
    return r->rc;
}

va_rc_t va_ai_reader_finish(va_ai_reader_t *r)
{
    if (r->rc != VA_OK) {
        return r->rc;
    }
    if (r->status == 0) {
        return va_ai_reader_fail(r, VA_FAILED, "no answer");
    }
    return successful(r) ? r->ops->finish(r->self) : fail_status(r);
}

const char *va_ai_reader_error(const va_ai_reader_t *r)
{
    return r->error;
}
