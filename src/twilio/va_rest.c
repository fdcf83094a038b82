#include "va_rest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../wire/va_form.h"
#include "../wire/va_json.h"
#include "../wire/va_text.h"

#define RING_MAX 600
#define AMD_TIMEOUT_MIN 3
#define AMD_TIMEOUT_MAX 59
#define TIME_LIMIT_MAX 86400
#define ERROR_CODE_MAX 999999

/* Whether a SID may stand in a path as it is, and is no "." or "..". */
static bool is_sid(va_str_t s)
{
    bool word = false;
    size_t i;

    for (i = 0; i < s.len; i++) {
        char c = s.data[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
            (c >= 'a' && c <= 'z')) {
            word = true;
        } else if (c == '\0' || strchr("-._~:", c) == NULL) {
            return false;
        }
    }
    return word && s.len <= VA_REST_SID_MAX;
}

static bool begins(va_str_t s, const char *start)
{
    size_t n = strlen(start);

    return s.len > n && strncasecmp(s.data, start, n) == 0;
}

/* Whether a URL is absolute, of http or https, and fit for a request. */
static bool is_url(va_str_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~') {
            return false;
        }
    }
    return begins(s, "http://") || begins(s, "https://");
}

static bool is_url_or_empty(va_str_t s)
{
    return s.len == 0 || is_url(s);
}

va_rc_t va_rest_url(va_buf_t *url, va_str_t base, va_str_t account,
                    va_str_t call)
{
    while (base.len != 0 && base.data[base.len - 1] == '/') {
        base.len--;
    }
    if (!is_url(base) || memchr(base.data, '?', base.len) != NULL ||
        memchr(base.data, '#', base.len) != NULL || !is_sid(account) ||
        (call.len != 0 && !is_sid(call))) {
        return VA_INVALID;
    }
    va_buf_str(url, base);
    va_buf_puts(url, "/Accounts/");
    va_buf_str(url, account);
    va_buf_puts(url, "/Calls");
    if (call.len != 0) {
        va_buf_puts(url, "/");
        va_buf_str(url, call);
    }
    return va_buf_puts(url, ".json");
}

static void add(va_buf_t *body, const char *name, va_str_t value)
{
    if (value.len != 0) {
        va_form_add(body, va_str(name), value);
    }
}

static void add_number(va_buf_t *body, const char *name, unsigned value)
{
    char text[16];

    if (value != 0) {
        snprintf(text, sizeof(text), "%u", value);
        add(body, name, va_str(text));
    }
}

static void add_amd(va_buf_t *body, const va_rest_create_t *call)
{
    if (call->amd != VA_AMD_ENABLE && call->amd != VA_AMD_MESSAGE_END) {
        return;
    }
    add(body, "MachineDetection",
        call->amd == VA_AMD_ENABLE ? VA_STR("Enable")
                                   : VA_STR("DetectMessageEnd"));
    add_number(body, "MachineDetectionTimeout", call->amd_timeout);
    if (call->amd_callback.len != 0) {
        add(body, "AsyncAmd", VA_STR("true"));
        add(body, "AsyncAmdStatusCallback", call->amd_callback);
        add(body, "AsyncAmdStatusCallbackMethod", VA_STR("POST"));
    }
}

static void add_status(va_buf_t *body, va_str_t callback)
{
    static const char *const events[] = {"initiated", "ringing", "answered",
                                         "completed"};
    size_t i;

    if (callback.len == 0) {
        return;
    }
    add(body, "StatusCallback", callback);
    add(body, "StatusCallbackMethod", VA_STR("POST"));
    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        add(body, "StatusCallbackEvent", va_str(events[i]));
    }
}

static bool is_complete(const va_rest_create_t *call)
{
    return call->to.len != 0 && call->from.len != 0 && is_url(call->url) &&
           is_url_or_empty(call->fallback_url) &&
           is_url_or_empty(call->status_callback) &&
           is_url_or_empty(call->amd_callback) &&
           is_url_or_empty(call->record_callback) &&
           call->timeout <= RING_MAX && call->time_limit <= TIME_LIMIT_MAX &&
           (call->amd_timeout == 0 || (call->amd_timeout >= AMD_TIMEOUT_MIN &&
                                       call->amd_timeout <= AMD_TIMEOUT_MAX));
}

va_rc_t va_rest_create(va_buf_t *url, va_buf_t *body,
                       const va_rest_create_t *call)
{
    va_rc_t rc;

    if (!is_complete(call)) {
        return VA_INVALID;
    }
    rc = va_rest_url(url, call->base, call->account, VA_STR(""));
    if (rc != VA_OK) {
        return rc;
    }
    add(body, "To", call->to);
    add(body, "From", call->from);
    add(body, "Url", call->url);
    add(body, "Method", VA_STR("POST"));
    if (call->fallback_url.len != 0) {
        add(body, "FallbackUrl", call->fallback_url);
        add(body, "FallbackMethod", VA_STR("POST"));
    }
    add_status(body, call->status_callback);
    add_amd(body, call);
    if (call->record) {
        add(body, "Record", VA_STR("true"));
        add(body, "RecordingStatusCallback", call->record_callback);
    }
    add_number(body, "Timeout", call->timeout);
    add_number(body, "TimeLimit", call->time_limit);
    return body->rc;
}

/* Returns the number of characters, or one more than the limit. */
static size_t twiml_length(va_str_t s)
{
    size_t length = 0;
    bool valid;
    size_t n;

    while (s.len != 0 && length <= VA_REST_TWIML_MAX) {
        n = va_text_next(s, &valid);
        /* Whether Twilio counts those beyond U+FFFF once is not told. */
        length += n == 4 ? 2 : 1;
        s.data += n;
        s.len -= n;
    }
    return length;
}

va_rc_t va_rest_update(va_buf_t *url, va_buf_t *body,
                       const va_rest_update_t *change)
{
    int things =
        change->hang_up + (change->url.len != 0) + (change->twiml.len != 0);
    va_rc_t rc;

    if (things != 1 || change->call.len == 0 || !is_url_or_empty(change->url)) {
        return VA_INVALID;
    }
    if (twiml_length(change->twiml) > VA_REST_TWIML_MAX) {
        return VA_LIMIT;
    }
    rc = va_rest_url(url, change->base, change->account, change->call);
    if (rc != VA_OK) {
        return rc;
    }
    if (change->hang_up) {
        add(body, "Status", VA_STR("completed"));
    } else if (change->url.len != 0) {
        add(body, "Url", change->url);
        add(body, "Method", VA_STR("POST"));
    } else {
        add(body, "Twiml", change->twiml);
    }
    return body->rc;
}

static bool read_call(va_rest_answer_t *a, va_json_t *v)
{
    va_str_t sid = va_json_str(v, "sid");

    if (!is_sid(sid)) {
        return false;
    }
    va_text_line(a->sid, sizeof(a->sid), sid);
    va_text_line(a->status, sizeof(a->status), va_json_str(v, "status"));
    va_text_line(a->to, sizeof(a->to), va_json_str(v, "to"));
    va_text_line(a->from, sizeof(a->from), va_json_str(v, "from"));
    return true;
}

static void read_error(va_rest_answer_t *a, va_json_t *v)
{
    double code = va_json_num(v, "code", 0);

    if (code >= 1 && code <= ERROR_CODE_MAX) {
        a->code = (unsigned)code;
    }
    va_text_line(a->message, sizeof(a->message), va_json_str(v, "message"));
    va_text_line(a->more_info, sizeof(a->more_info),
                 va_json_str(v, "more_info"));
}

va_rc_t va_rest_read(int http, va_str_t body, va_rest_answer_t *answer)
{
    bool success = http >= 200 && http <= 299;
    va_rc_t rc = success ? VA_INVALID : VA_FAILED;
    char why[64] = "";
    va_json_t *v = va_json_parse(body, why, sizeof(why));

    memset(answer, 0, sizeof(*answer));
    answer->http = http;
    if (!success) {
        read_error(answer, v);
    } else if (v != NULL && read_call(answer, v)) {
        rc = VA_OK;
    }
    if (rc == VA_INVALID) {
        snprintf(answer->message, sizeof(answer->message),
                 "the answer of HTTP %d is no call", http);
    } else if (rc == VA_FAILED && answer->message[0] == '\0') {
        snprintf(answer->message, sizeof(answer->message), "HTTP %d", http);
    }
    va_json_free(v);
    return rc;
}

bool va_rest_ended(const va_rest_answer_t *answer)
{
    return answer->http == 404 || answer->code == 20404 ||
           answer->code == 21220;
}

int va_rest_status(const va_rest_answer_t *answer)
{
    if (answer->code == 21220) {
        return 409;
    }
    switch (answer->http) {
    case 400:
    case 404:
    case 409:
    case 429:
        return answer->http;
    default:
        return 502;
    }
}
