#include <string.h>
#include <strings.h>

#include "../wire/va_json.h"
#include "../wire/va_text.h"
#include "va_ai_provider.h"

#define PIECE 8 /* bytes of a secret that may not be told */
#define CLEAN_MAX 2048
#define MESSAGE_MAX                                                            \
    1024 /* bytes of what a provider says that are looked at                   \
          */
#define MASK "***"

static va_str_t first_of(va_json_t *v, const char *const *paths)
{
    va_str_t s = {NULL, 0};

    for (; *paths != NULL && s.len == 0; paths++) {
        s = va_json_str(v, *paths);
    }
    return s;
}

static va_str_t cut(va_str_t s, size_t max)
{
    return (va_str_t){s.data, s.len < max ? s.len : max};
}

bool va_ai_has_error(struct yajl_val_s *v)
{
    return va_json_len(va_json_at(v, "error")) != 0 ||
           va_json_str(v, "error").len != 0;
}

bool va_ai_error_message(va_buf_t *b, struct yajl_val_s *v)
{
    static const char *const messages[] = {
        "error.message", "error",        "detail",  "detail.message",
        "detail.error",  "detail.0.msg", "message", NULL};
    static const char *const codes[] = {"error.code", "error.type", NULL};
    va_str_t message = first_of(v, messages);
    va_str_t code = first_of(v, codes);

    if (message.len == 0 && code.len == 0) {
        if (!va_ai_has_error(v)) {
            return false;
        }
        message = VA_STR("an error that is not explained");
    }
    va_buf_str(b, cut(message, MESSAGE_MAX));
    if (code.len != 0) {
        va_buf_puts(b, message.len != 0 ? " (" : "(");
        va_buf_str(b, cut(code, 64));
        va_buf_puts(b, ")");
    }
    return b->rc == VA_OK;
}

bool va_ai_error_body(va_buf_t *b, va_str_t body)
{
    char why[64];
    va_json_t *v;
    bool found;

    while (body.len != 0 && strchr(" \t\r\n", body.data[0]) != NULL) {
        body.data++;
        body.len--;
    }
    /* A page is for eyes; its markup would say nothing in a log line. */
    if (body.len == 0 || body.data[0] == '<') {
        return false;
    }
    v = va_json_parse(body, why, sizeof(why));
    if (v == NULL) {
        return va_buf_str(b, cut(body, MESSAGE_MAX)) == VA_OK;
    }
    found = va_ai_error_message(b, v);
    va_json_free(v);
    return found;
}

/* The longest beginning of s that occurs in the secret, if long enough. */
static size_t leaked(va_str_t s, va_str_t secret)
{
    size_t least = secret.len < PIECE ? secret.len : PIECE;
    size_t longest = 0;
    size_t at;

    for (at = 0; at < secret.len; at++) {
        size_t n = 0;

        while (n < s.len && at + n < secret.len &&
               s.data[n] == secret.data[at + n]) {
            n++;
        }
        longest = n > longest ? n : longest;
    }
    return least != 0 && longest >= least ? longest : 0;
}

static size_t mask(char *out, size_t cap, va_str_t text, va_str_t secret)
{
    size_t len = 0;

    while (text.len != 0 && len + sizeof(MASK) <= cap) {
        size_t n = leaked(text, secret);

        if (n != 0) {
            memcpy(out + len, MASK, sizeof(MASK) - 1);
            len += sizeof(MASK) - 1;
        } else {
            out[len++] = text.data[0];
            n = 1;
        }
        text.data += n;
        text.len -= n;
    }
    return len;
}

void va_ai_error_clean(char *out, size_t cap, va_str_t text, va_str_t secret)
{
    char masked[CLEAN_MAX];

    va_text_line(
        out, cap,
        (va_str_t){masked, mask(masked, sizeof(masked), text, secret)});
}

bool va_ai_type_is(va_str_t content_type, const char *type)
{
    size_t n = strlen(type);

    return content_type.len >= n &&
           strncasecmp(content_type.data, type, n) == 0 &&
           (content_type.len == n || content_type.data[n] == ';' ||
            content_type.data[n] == ' ');
}
