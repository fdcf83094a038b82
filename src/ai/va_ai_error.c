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

/* Where a code may stand; of several the first is told. */
static const char *const code_paths[] = {"error.code",
                                         "error.type",
                                         "error.status",
                                         "error.details.error_code",
                                         "detail.status",
                                         "detail.code",
                                         "detail.type",
                                         "err_code",
                                         "error_code",
                                         "code",
                                         NULL};

static const struct {
    const char *code;
    va_ai_error_class_t why;
} codes[] = {
    {"insufficient_quota", VA_AI_QUOTA},
    {"billing_hard_limit_reached", VA_AI_QUOTA},
    {"billing_error", VA_AI_QUOTA},
    {"enforced_spend_limit_reached", VA_AI_QUOTA},
    {"quota_exceeded", VA_AI_QUOTA},
    {"quota_exceeded_error", VA_AI_QUOTA},
    {"asr_payment_required", VA_AI_QUOTA},
    {"payment_required", VA_AI_QUOTA},
    {"invalid_api_key", VA_AI_REFUSED},
    {"account_deactivated", VA_AI_REFUSED},
    {"authentication_error", VA_AI_REFUSED},
    {"permission_error", VA_AI_REFUSED},
    {"auth_error", VA_AI_REFUSED},
    {"invalid_auth", VA_AI_REFUSED},
    {"insufficient_permissions", VA_AI_REFUSED},
    {"unauthenticated", VA_AI_REFUSED},
    {"permission_denied", VA_AI_REFUSED},
    {"rate_limit_exceeded", VA_AI_LIMITED},
    {"rate_limit_error", VA_AI_LIMITED},
    {"rate_limited", VA_AI_LIMITED},
    {"resource_exhausted", VA_AI_LIMITED},
    {"too_many_requests", VA_AI_LIMITED},
    {"too_many_concurrent_requests", VA_AI_LIMITED},
    {"concurrency_limited", VA_AI_LIMITED},
    {"overloaded_error", VA_AI_SERVER},
    {"api_error", VA_AI_SERVER},
    {"server_error", VA_AI_SERVER},
    {"internal_server_error", VA_AI_SERVER},
    {"timeout_error", VA_AI_SERVER},
    {"system_busy", VA_AI_SERVER},
    {"unavailable", VA_AI_SERVER},
    {"invalid_request_error", VA_AI_MISUSED},
    {"invalid_argument", VA_AI_MISUSED},
    {"model_not_found", VA_AI_MISUSED},
    {"not_found_error", VA_AI_MISUSED},
    {"voice_not_found", VA_AI_MISUSED},
};

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

/* A code that says more than the status it comes with. */
static bool class_of(va_str_t code, va_ai_error_class_t *why)
{
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (va_str_caseeq(code, va_str(codes[i].code))) {
            *why = codes[i].why;
            return true;
        }
    }
    return false;
}

/* Money and keys first: they hold whatever else is said beside them. */
static void classify(struct yajl_val_s *v, va_ai_error_class_t *why)
{
    va_ai_error_class_t found;
    bool decided = false;
    size_t i;

    for (i = 0; code_paths[i] != NULL; i++) {
        if (!class_of(va_json_str(v, code_paths[i]), &found)) {
            continue;
        }
        if (found == VA_AI_QUOTA) {
            *why = found;
            return;
        }
        if (!decided) {
            *why = found;
            decided = true;
        }
    }
}

va_ai_error_class_t va_ai_status_class(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return VA_AI_REFUSED;
    case 402:
        return VA_AI_QUOTA;
    case 408:
    case 409:
    case 425:
        return VA_AI_SERVER;
    case 429:
        return VA_AI_LIMITED;
    default:
        return status >= 500 ? VA_AI_SERVER : VA_AI_MISUSED;
    }
}

bool va_ai_retryable(va_ai_error_class_t why)
{
    switch (why) {
    case VA_AI_LIMITED:
    case VA_AI_SERVER:
    case VA_AI_MALFORMED:
    case VA_AI_CUT:
    case VA_AI_EMPTY:
        return true;
    default:
        return false;
    }
}

bool va_ai_error_message(va_buf_t *b, struct yajl_val_s *v,
                         va_ai_error_class_t *why)
{
    static const char *const messages[] = {
        "error.message", "error",        "detail",  "detail.message",
        "detail.error",  "detail.0.msg", "err_msg", "message",
        "error_message", "description",  "reason",  NULL};
    va_str_t message = first_of(v, messages);
    va_str_t code = first_of(v, code_paths);

    classify(v, why);
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

bool va_ai_error_body(va_buf_t *b, va_str_t body, va_ai_error_class_t *why)
{
    char wrong[64];
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
    v = va_json_parse(body, wrong, sizeof(wrong));
    if (v == NULL) {
        return va_buf_str(b, cut(body, MESSAGE_MAX)) == VA_OK;
    }
    found = va_ai_error_message(b, v, why);
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
