#include "va_ai_listen.h"

#include <stdlib.h>
#include <string.h>

#include "../wire/va_json.h"

va_rc_t va_ai_begin_ws(va_ai_request_t *req, const va_ai_conf_t *conf,
                       const char *path)
{
    static const char http[] = "http";
    va_ai_conf_t rest = *conf;

    if (conf->url.len >= sizeof(http) - 1 &&
        memcmp(conf->url.data, http, sizeof(http) - 1) == 0) {
        rest.url.data += sizeof(http) - 1;
        rest.url.len -= sizeof(http) - 1;
        va_buf_puts(&req->url, "ws");
    }
    return va_ai_begin(req, &rest, path);
}

va_rc_t va_ai_listen_partial(va_ai_listen_t *l, va_str_t text)
{
    if (text.len == 0 && !l->partial) {
        return VA_OK;
    }
    l->partial = text.len != 0;
    return va_ai_emit(l->r, VA_AI_PARTIAL, text, -1);
}

va_rc_t va_ai_listen_final(va_ai_listen_t *l, va_str_t text, double confidence)
{
    if (text.len == 0) {
        return va_ai_listen_partial(l, text);
    }
    l->partial = false;
    l->words = true;
    return va_ai_emit(l->r, VA_AI_TEXT, text,
                      confidence >= 0 && confidence <= 1 ? (float)confidence
                                                         : -1.0f);
}

va_rc_t va_ai_listen_end(va_ai_listen_t *l)
{
    if (!l->words) {
        return VA_OK;
    }
    l->words = false;
    return va_ai_emit(l->r, VA_AI_SPEECH_END, VA_STR(""), -1);
}

va_rc_t va_ai_listen_flushed(va_ai_listen_t *l)
{
    return va_ai_emit(l->r, VA_AI_FLUSHED, VA_STR(""), -1);
}

void *va_ai_listen_new(va_ai_reader_t *r,
                       va_rc_t (*take)(va_ai_listen_t *l, struct yajl_val_s *v),
                       va_ai_error_class_t (*why)(unsigned code))
{
    va_ai_listen_t *l = calloc(1, sizeof(*l));

    if (l != NULL) {
        l->r = r;
        l->take = take;
        l->why = why;
        l->turn = -1;
    }
    return l;
}

void va_ai_listen_free(void *self)
{
    free(self);
}

va_rc_t va_ai_listen_head(void *self, va_str_t content_type)
{
    (void)self;
    (void)content_type;
    return VA_OK;
}

va_rc_t va_ai_listen_message(void *self, bool text, const uint8_t *data,
                             size_t n)
{
    va_ai_listen_t *l = self;
    char why[128];
    va_json_t *v;
    va_rc_t rc = VA_OK;

    if (!text) {
        return va_ai_reader_fail(l->r, VA_INVALID,
                                 "binary data instead of a transcript");
    }
    v = va_json_parse((va_str_t){(const char *)data, n}, why, sizeof(why));
    if (v == NULL) {
        return va_ai_reader_fail(l->r, VA_INVALID, "malformed JSON: %s", why);
    }
    if (va_ai_has_error(v)) {
        rc = va_ai_reader_fail_json(l->r, "", v);
    } else if (va_json_len(v) != 0) {
        rc = l->take(l, v);
    }
    va_json_free(v);
    return rc;
}

va_rc_t va_ai_listen_closed(void *self, unsigned code, va_str_t reason)
{
    va_ai_listen_t *l = self;
    va_ai_error_class_t why = l->why(code);

    if (l->done || code == 1000) {
        return VA_OK;
    }
    if (code == 0) {
        return va_ai_reader_fail_as(l->r, VA_AI_CUT, "the stream was cut");
    }
    return va_ai_reader_fail_as(
        l->r, why != VA_AI_FINE ? why : VA_AI_CUT, "closed with %u%s%.*s", code,
        reason.len != 0 ? ": " : "", (int)(reason.len < 512 ? reason.len : 512),
        reason.data);
}
