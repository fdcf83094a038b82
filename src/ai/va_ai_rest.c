#include "va_ai_rest.h"

#include <stdlib.h>
#include <string.h>

#include "../wire/va_base64.h"
#include "va_webhook.h"

#define KEY_MAX 4096

typedef struct {
    va_ai_reader_t *r;
    va_buf_t body;
} rest_t;

/* Adds the credentials, and leaves no copy of them but the header. */
static va_rc_t add_basic(va_ai_request_t *req, va_str_t key)
{
    static const char start[] = "Basic ";
    const size_t begins = sizeof(start) - 1;
    char *value;
    size_t len;
    va_rc_t rc;

    if (key.len > KEY_MAX || memchr(key.data, ':', key.len) == NULL) {
        return VA_INVALID;
    }
    len = begins + VA_BASE64_LEN(key.len);
    value = malloc(len);
    if (value == NULL) {
        return VA_NOMEM;
    }
    memcpy(value, start, begins);
    va_base64_encode(value + begins, (const uint8_t *)key.data, key.len);
    rc = va_ai_add_header(req, "Authorization: ", (va_str_t){value, len});
    explicit_bzero(value, len);
    free(value);
    return rc;
}

va_rc_t va_ai_rest_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in)
{
    va_rc_t rc = VA_OK;
    size_t i;

    for (i = 0; i < conf->url.len; i++) {
        if (conf->url.data[i] <= ' ' || conf->url.data[i] > '~') {
            return VA_INVALID;
        }
    }
    if (conf->url.len == 0) {
        return VA_INVALID;
    }
    va_buf_str(&req->url, conf->url);
    if (conf->key.len != 0) {
        rc = add_basic(req, conf->key);
    }
    if (rc == VA_OK) {
        rc = va_ai_add_header(req, "Accept: ", VA_STR("application/json"));
    }
    if (rc == VA_OK && in->text.len != 0) {
        va_buf_str(&req->body, in->text);
        rc = va_ai_add_header(
            req, "Content-Type: ", VA_STR("application/x-www-form-urlencoded"));
    }
    return rc;
}

static void *rest_create(va_ai_reader_t *r, const va_ai_conf_t *conf,
                         const va_ai_input_t *in)
{
    rest_t *t = calloc(1, sizeof(*t));

    (void)conf;
    (void)in;
    if (t != NULL) {
        t->r = r;
        va_buf_init(&t->body, VA_AI_REST_MAX);
    }
    return t;
}

static void rest_destroy(void *self)
{
    rest_t *t = self;

    va_buf_free(&t->body);
    free(t);
}

static va_rc_t rest_head(void *self, va_str_t content_type)
{
    (void)self;
    (void)content_type;
    return VA_OK;
}

static va_rc_t rest_feed(void *self, const uint8_t *data, size_t n)
{
    rest_t *t = self;
    va_rc_t rc = va_buf_append(&t->body, data, n);

    return rc == VA_OK ? VA_OK : va_ai_reader_fail(t->r, rc, "out of memory");
}

static va_rc_t rest_finish(void *self)
{
    rest_t *t = self;

    if (t->body.len == 0) {
        return VA_OK;
    }
    return va_ai_emit(t->r, VA_AI_TEXT, va_buf_view(&t->body), -1);
}

const va_ai_reader_ops_t va_tool_reader = {
    .body_max = VA_AI_REST_MAX,
    .create = rest_create,
    .destroy = rest_destroy,
    .head = rest_head,
    .feed = rest_feed,
    .finish = rest_finish,
};

const va_ai_reader_ops_t va_ai_rest_reader = {
    .body_max = VA_AI_REST_MAX,
    .any_status = true,
    .create = rest_create,
    .destroy = rest_destroy,
    .head = rest_head,
    .feed = rest_feed,
    .finish = rest_finish,
};
