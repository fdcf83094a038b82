#include "va_openai.h"

#include "../wire/va_json.h"

va_str_t va_openai_pick(va_str_t asked, va_str_t configured)
{
    return asked.len != 0 ? asked : configured;
}

va_rc_t va_openai_begin(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const char *path)
{
    va_str_t base = conf->url;
    va_rc_t rc = VA_OK;
    size_t i;

    for (i = 0; i < base.len; i++) {
        if ((unsigned char)base.data[i] <= ' ' || base.data[i] == 0x7f) {
            return VA_INVALID;
        }
    }
    while (base.len != 0 && base.data[base.len - 1] == '/') {
        base.len--;
    }
    if (base.len == 0) {
        return VA_INVALID;
    }
    va_buf_str(&req->url, base);
    va_buf_puts(&req->url, path);
    if (conf->key.len != 0) {
        rc = va_ai_add_header(req, "Authorization: Bearer ", conf->key);
    }
    return rc;
}

void va_openai_field(va_buf_t *b, const char *name, va_str_t value)
{
    if (b->len != 0 && b->data[b->len - 1] != '{') {
        va_buf_puts(b, ",");
    }
    va_buf_printf(b, "\"%s\":", name);
    va_json_quote(b, value);
}
