#include "va_span.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "va_json.h"
#include "va_utf8.h"

#define SHA256 32
#define STATUS_ERROR 2 /* of the protocol */

va_rc_t va_span_derive(va_str_t key, va_str_t call_sid,
                       uint8_t trace[VA_SPAN_TRACE], uint8_t root[VA_SPAN_ID])
{
    unsigned char mac[SHA256];
    unsigned len = 0;

    if (key.len > INT32_MAX ||
        HMAC(EVP_sha256(), key.data, (int)key.len,
             (const unsigned char *)call_sid.data, call_sid.len, mac,
             &len) == NULL ||
        len != SHA256) {
        return VA_FAILED;
    }
    memcpy(trace, mac, VA_SPAN_TRACE);
    memcpy(root, mac + VA_SPAN_TRACE, VA_SPAN_ID);
    /* An id of nothing but zeroes is none. */
    trace[0] |= 1;
    root[0] |= 1;
    return VA_OK;
}

bool va_span_sampled(const uint8_t trace[VA_SPAN_TRACE], unsigned parts)
{
    const uint64_t all = (uint64_t)1 << 56;
    uint64_t r = 0;
    size_t i;

    /* W3C has the last seven bytes random. */
    for (i = VA_SPAN_TRACE - 7; i < VA_SPAN_TRACE; i++) {
        r = r << 8 | trace[i];
    }
    return parts >= 10000 || r < all / 10000 * parts;
}

static char *put_hex(char *out, const uint8_t *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t i;

    for (i = 0; i < n; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
    return out;
}

void va_span_traceparent(char out[VA_SPAN_PARENT],
                         const uint8_t trace[VA_SPAN_TRACE],
                         const uint8_t id[VA_SPAN_ID], bool sampled)
{
    memcpy(out, "00-", 3);
    out = put_hex(out + 3, trace, VA_SPAN_TRACE);
    *out++ = '-';
    out = put_hex(out, id, VA_SPAN_ID);
    memcpy(out, sampled ? "-01" : "-00", 4);
}

static va_span_attr_t *add(va_span_t *s, const char *name, va_span_type_t type)
{
    va_span_attr_t *a;

    if (s->count == VA_SPAN_ATTRS) {
        return NULL;
    }
    a = &s->attrs[s->count++];
    a->name = name;
    a->type = type;
    return a;
}

void va_span_text(va_span_t *s, const char *name, va_str_t value)
{
    va_span_attr_t *a = value.len != 0 ? add(s, name, VA_SPAN_IS_TEXT) : NULL;

    if (a != NULL) {
        a->text = value;
    }
}

void va_span_number(va_span_t *s, const char *name, int64_t value)
{
    va_span_attr_t *a = add(s, name, VA_SPAN_IS_NUMBER);

    if (a != NULL) {
        a->number = value;
    }
}

void va_span_flag(va_span_t *s, const char *name, bool value)
{
    va_span_attr_t *a = add(s, name, VA_SPAN_IS_FLAG);

    if (a != NULL) {
        a->number = value;
    }
}

static void put_id(va_buf_t *b, const char *name, const uint8_t *id, size_t n)
{
    char hex[2 * VA_SPAN_TRACE + 1];

    put_hex(hex, id, n);
    va_buf_printf(b, "\"%s\":\"%s\",", name, hex);
}

static void put_text(va_buf_t *b, va_str_t text)
{
    va_json_quote(b, va_utf8_cut(text, VA_SPAN_TEXT));
}

static void put_attr(va_buf_t *b, const va_span_attr_t *a)
{
    va_buf_printf(b, "{\"key\":\"%s\",\"value\":{", a->name);
    switch (a->type) {
    case VA_SPAN_IS_TEXT:
        va_buf_puts(b, "\"stringValue\":");
        put_text(b, a->text);
        break;
    case VA_SPAN_IS_NUMBER:
        /* 64 bits are a string where protocol buffers are JSON. */
        va_buf_printf(b, "\"intValue\":\"%" PRId64 "\"", a->number);
        break;
    default:
        va_buf_printf(b, "\"boolValue\":%s", a->number ? "true" : "false");
        break;
    }
    va_buf_puts(b, "}}");
}

static void put_attrs(va_buf_t *b, const va_span_t *s)
{
    size_t i;

    va_buf_puts(b, "\"attributes\":[");
    for (i = 0; i < s->count; i++) {
        va_buf_puts(b, i != 0 ? "," : "");
        put_attr(b, &s->attrs[i]);
    }
    va_buf_puts(b, "]");
}

static void put_span(va_buf_t *b, const va_span_t *s)
{
    uint64_t end = s->end_ms < s->begin_ms ? s->begin_ms : s->end_ms;

    va_buf_puts(b, b->len != 0 ? ",{" : "{");
    put_id(b, "traceId", s->trace, VA_SPAN_TRACE);
    put_id(b, "spanId", s->id, VA_SPAN_ID);
    if (s->parent != NULL) {
        put_id(b, "parentSpanId", s->parent, VA_SPAN_ID);
    }
    va_buf_puts(b, "\"name\":");
    put_text(b, s->name);
    va_buf_printf(b,
                  ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64
                  "000000\",\"endTimeUnixNano\":\"%" PRIu64 "000000\",",
                  (int)s->kind, s->begin_ms, end);
    put_attrs(b, s);
    if (s->failed) {
        va_buf_printf(b, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    }
    va_buf_puts(b, "}");
}

va_rc_t va_span_write(va_buf_t *b, const va_span_t *s)
{
    size_t len = b->len;
    va_rc_t rc = b->rc;

    if (rc != VA_OK) {
        return rc;
    }
    put_span(b, s);
    rc = b->rc;
    if (rc != VA_OK) {
        b->len = len;
        b->rc = VA_OK;
        if (b->data != NULL) {
            b->data[len] = '\0';
        }
    }
    return rc;
}

va_rc_t va_span_request(va_buf_t *b, va_str_t service, va_str_t host, long pid,
                        va_str_t spans)
{
    va_span_t of;

    memset(&of, 0, sizeof(of));
    va_span_text(&of, "service.name", service);
    va_span_text(&of, "service.version", VA_STR(VA_VERSION));
    va_span_text(&of, "host.name", host);
    va_span_number(&of, "process.pid", pid);

    va_buf_puts(b, "{\"resourceSpans\":[{\"resource\":{");
    put_attrs(b, &of);
    va_buf_puts(b, "},\"scopeSpans\":[{\"scope\":{\"name\":"
                   "\"ngx_http_voiceai_module\",\"version\":\"" VA_VERSION
                   "\"},\"spans\":[");
    va_buf_str(b, spans);
    return va_buf_puts(b, "]}]}]}");
}
