#include <string.h>

#include "../wire/va_json.h"
#include "va_ai_rest.h"
#include "va_webhook.h"

#define HEADER_MAX 256 /* bytes of a name */

static const char *const methods[] = {"POST", "GET", "PUT", "PATCH", "DELETE"};

/* Values that are not texts go to a query as they are written in JSON. */
static va_rc_t put_query(va_ai_request_t *req, va_str_t arguments)
{
    char why[64];
    va_json_t *v = va_json_parse(arguments, why, sizeof(why));
    va_str_t name;
    va_buf_t text;
    size_t i;

    if (v == NULL) {
        return VA_NOMEM; /* that it is JSON is known */
    }
    va_buf_init(&text, req->url.max);
    for (i = 0; i < va_json_len(v) && req->url.rc == VA_OK; i++) {
        va_json_t *value = va_json_item(v, i, &name);
        va_str_t string = va_json_str(value, "");

        va_buf_reset(&text);
        if (string.data == NULL) {
            va_json_write(&text, value);
            string = va_buf_view(&text);
        }
        va_ai_query(&req->url, name, string);
    }
    va_buf_free(&text);
    va_json_free(v);
    return req->url.rc;
}

static const char *method_of(const va_ai_conf_t *conf)
{
    va_str_t asked = va_ai_param(conf, "method");
    size_t i;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (va_str_caseeq(asked, va_str(methods[i]))) {
            return methods[i];
        }
    }
    return asked.len == 0 ? methods[0] : NULL;
}

/* Parameters "header.NAME" are headers. */
static va_rc_t put_headers(va_ai_request_t *req, const va_ai_conf_t *conf)
{
    static const char prefix[] = "header.";
    const size_t begins = sizeof(prefix) - 1;
    char start[HEADER_MAX];
    va_rc_t rc = VA_OK;
    size_t i;

    for (i = 0; i < conf->param_count && rc == VA_OK; i++) {
        va_str_t name = conf->params[i].name;

        if (name.len <= begins || memcmp(name.data, prefix, begins) != 0) {
            continue;
        }
        name.data += begins;
        name.len -= begins;
        if (name.len + sizeof(": ") > sizeof(start)) {
            return VA_LIMIT;
        }
        memcpy(start, name.data, name.len);
        memcpy(start + name.len, ": ", sizeof(": "));
        rc = va_ai_add_header(req, start, conf->params[i].value);
    }
    return rc;
}

va_rc_t va_otlp_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const va_ai_input_t *in)
{
    va_rc_t rc = in->text.len != 0 ? va_ai_use_url(req, conf) : VA_INVALID;

    if (rc == VA_OK) {
        va_buf_str(&req->body, in->text);
        rc = va_ai_json_headers(req, "application/json");
    }
    return rc == VA_OK ? put_headers(req, conf) : rc;
}

va_rc_t va_tool_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const va_ai_input_t *in)
{
    va_str_t arguments = va_ai_pick(in->text, VA_STR("{}"));
    va_rc_t rc = va_ai_use_url(req, conf);

    req->method = method_of(conf);
    if (rc != VA_OK || req->method == NULL || !va_ai_is_object(arguments)) {
        return rc != VA_OK ? rc : VA_INVALID;
    }
    if (req->method[0] == 'G' || req->method[0] == 'D') {
        rc = put_query(req, arguments);
        if (rc == VA_OK) {
            rc = va_ai_add_header(req, "Accept: ", VA_STR("application/json"));
        }
        if (rc == VA_OK) {
            rc = va_webhook_sign(req, conf, va_buf_view(&req->url));
        }
    } else {
        va_buf_str(&req->body, arguments);
        rc = va_ai_json_headers(req, "application/json");
        if (rc == VA_OK) {
            rc = va_webhook_sign(req, conf, arguments);
        }
    }
    if (rc == VA_OK && in->call_sid.len != 0) {
        rc = va_ai_add_header(req, "X-VoiceAI-Call: ", in->call_sid);
    }
    return rc == VA_OK ? put_headers(req, conf) : rc;
}
