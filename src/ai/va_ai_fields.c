#include <ctype.h>
#include <string.h>

#include "../wire/va_form.h"
#include "../wire/va_json.h"
#include "va_ai_provider.h"

const va_str_t va_ai_no_arguments =
    VA_STR("{\"type\":\"object\",\"properties\":{}}");

va_str_t va_ai_pick(va_str_t asked, va_str_t configured)
{
    return asked.len != 0 ? asked : configured;
}

va_str_t va_ai_language(va_str_t tag, char lower[VA_AI_LANGUAGE])
{
    size_t n = 0;

    while (n < tag.len && tag.data[n] != '-' && tag.data[n] != '_') {
        char c = (char)(tag.data[n] | 0x20);

        if (n == VA_AI_LANGUAGE - 1 || c < 'a' || c > 'z') {
            return (va_str_t){NULL, 0};
        }
        lower[n++] = c;
    }
    return (va_str_t){lower, n >= 2 ? n : 0};
}

static bool is_url(va_str_t url)
{
    size_t i;

    for (i = 0; i < url.len; i++) {
        if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f) {
            return false;
        }
    }
    return url.len != 0;
}

va_rc_t va_ai_use_url(va_ai_request_t *req, const va_ai_conf_t *conf)
{
    return is_url(conf->url) ? va_buf_str(&req->url, conf->url) : VA_INVALID;
}

va_rc_t va_ai_begin(va_ai_request_t *req, const va_ai_conf_t *conf,
                    const char *path)
{
    va_str_t base = conf->url;

    if (!is_url(base)) {
        return VA_INVALID;
    }
    while (base.len != 0 && base.data[base.len - 1] == '/') {
        base.len--;
    }
    if (base.len == 0) {
        return VA_INVALID;
    }
    va_buf_str(&req->url, base);
    return va_buf_puts(&req->url, path);
}

va_rc_t va_ai_json_headers(va_ai_request_t *req, const char *accept)
{
    va_rc_t rc =
        va_ai_add_header(req, "Content-Type: ", VA_STR("application/json"));

    return rc == VA_OK && accept != NULL
               ? va_ai_add_header(req, "Accept: ", va_str(accept))
               : rc;
}

static const va_ai_param_t *find_param(const va_ai_conf_t *conf,
                                       const char *name)
{
    size_t i;

    for (i = 0; i < conf->param_count; i++) {
        if (va_str_eq(conf->params[i].name, va_str(name))) {
            return &conf->params[i];
        }
    }
    return NULL;
}

bool va_ai_has_param(const va_ai_conf_t *conf, const char *name)
{
    return find_param(conf, name) != NULL;
}

va_str_t va_ai_param(const va_ai_conf_t *conf, const char *name)
{
    const va_ai_param_t *p = find_param(conf, name);

    return p != NULL ? p->value : (va_str_t){NULL, 0};
}

static void put_name(va_buf_t *b, va_str_t name)
{
    if (b->len != 0 && b->data[b->len - 1] != '{') {
        va_buf_puts(b, ",");
    }
    va_json_quote(b, name);
    va_buf_puts(b, ":");
}

void va_ai_field(va_buf_t *b, const char *name, va_str_t value)
{
    put_name(b, va_str(name));
    va_json_quote(b, value);
}

void va_ai_member(va_buf_t *b, const va_ai_conf_t *conf, const char *name,
                  va_str_t value)
{
    if (value.len != 0 && !va_ai_has_param(conf, name)) {
        va_ai_field(b, name, value);
    }
}

void va_ai_field_json(va_buf_t *b, const char *name, va_str_t json)
{
    put_name(b, va_str(name));
    va_buf_str(b, json);
}

void va_ai_member_json(va_buf_t *b, const va_ai_conf_t *conf, const char *name,
                       va_str_t json)
{
    if (!va_ai_has_param(conf, name)) {
        va_ai_field_json(b, name, json);
    }
}

static bool is_json(va_str_t text)
{
    char why[64];
    va_json_t *v = va_json_parse(text, why, sizeof(why));

    va_json_free(v);
    return v != NULL;
}

size_t va_ai_where(va_str_t s, const char *part)
{
    size_t n = strlen(part);
    size_t i;

    for (i = 0; n <= s.len && i <= s.len - n; i++) {
        if (memcmp(s.data + i, part, n) == 0) {
            return i;
        }
    }
    return s.len;
}

bool va_ai_is_object(va_str_t text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] != '{' && text.data[i] <= ' ') {
        i++;
    }
    return i < text.len && text.data[i] == '{' && is_json(text);
}

static bool is_in(const char *const *list, va_str_t name)
{
    for (; list != NULL && *list != NULL; list++) {
        if (va_str_eq(name, va_str(*list))) {
            return true;
        }
    }
    return false;
}

void va_ai_put_params(va_buf_t *b, const va_ai_conf_t *conf,
                      const char *const *but)
{
    size_t i;

    for (i = 0; i < conf->param_count; i++) {
        const va_ai_param_t *p = &conf->params[i];

        if (is_in(but, p->name)) {
            continue;
        }
        put_name(b, p->name);
        if (is_json(p->value)) {
            va_buf_str(b, p->value);
        } else {
            va_json_quote(b, p->value);
        }
    }
}

void va_ai_query(va_buf_t *url, va_str_t name, va_str_t value)
{
    va_buf_t pair;
    va_rc_t rc;

    va_buf_init(&pair, url->max);
    rc = va_form_add(&pair, name, value);
    if (url->rc == VA_OK) {
        va_buf_puts(
            url, url->len != 0 && memchr(url->data, '?', url->len) ? "&" : "?");
        va_buf_str(url, va_buf_view(&pair));
    }
    if (rc != VA_OK && url->rc == VA_OK) {
        url->rc = rc;
    }
    va_buf_free(&pair);
}

void va_ai_argument(va_buf_t *url, const va_ai_conf_t *conf, const char *name,
                    va_str_t value)
{
    if (value.len != 0 && !va_ai_has_param(conf, name)) {
        va_ai_query(url, va_str(name), value);
    }
}

void va_ai_query_params(va_buf_t *url, const va_ai_conf_t *conf,
                        const char *const *but)
{
    size_t i;

    for (i = 0; i < conf->param_count; i++) {
        if (!is_in(but, conf->params[i].name)) {
            va_ai_query(url, conf->params[i].name, conf->params[i].value);
        }
    }
}

void va_ai_segment(va_buf_t *url, va_str_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (isalnum(c) || c == '-' || c == '_') {
            va_buf_append(url, &c, 1);
        } else {
            va_buf_printf(url, "%%%02X", c);
        }
    }
}
