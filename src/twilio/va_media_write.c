#include <inttypes.h>

#include "../wire/va_base64.h"
#include "../wire/va_json.h"
#include "va_media.h"

/* Appends literal text and s as a JSON string behind it. */
static void va_media_put(va_buf_t *b, const char *text, va_str_t s)
{
    va_buf_puts(b, text);
    va_json_quote(b, s);
}

static void va_media_put_payload(va_buf_t *b, const uint8_t *ulaw, size_t n)
{
    char *to;

    va_buf_puts(b, "\"payload\":\"");
    to = va_buf_reserve(b, VA_BASE64_LEN(n));
    if (to != NULL) {
        b->len += va_base64_encode(to, ulaw, n);
    }
    va_buf_puts(b, "\"");
}

static void va_media_put_sequence(va_buf_t *b, uint64_t sequence)
{
    va_buf_printf(b, ",\"sequenceNumber\":\"%" PRIu64 "\"", sequence);
}

/* Ends a message that began at start; one that does not fit leaves nothing. */
static va_rc_t va_media_end(va_buf_t *b, size_t start, const char *text)
{
    va_buf_puts(b, text);
    if (b->rc != VA_OK && b->data != NULL) {
        b->len = start;
        b->data[start] = '\0';
    }
    return b->rc;
}

va_rc_t va_media_write_media(va_buf_t *b, va_str_t stream_sid,
                             const uint8_t *ulaw, size_t n)
{
    size_t start = b->len;

    va_media_put(b, "{\"event\":\"media\",\"streamSid\":", stream_sid);
    va_buf_puts(b, ",\"media\":{");
    va_media_put_payload(b, ulaw, n);
    return va_media_end(b, start, "}}");
}

va_rc_t va_media_write_mark(va_buf_t *b, va_str_t stream_sid, va_str_t name)
{
    size_t start = b->len;

    va_media_put(b, "{\"event\":\"mark\",\"streamSid\":", stream_sid);
    va_media_put(b, ",\"mark\":{\"name\":", name);
    return va_media_end(b, start, "}}");
}

va_rc_t va_media_write_clear(va_buf_t *b, va_str_t stream_sid)
{
    size_t start = b->len;

    va_media_put(b, "{\"event\":\"clear\",\"streamSid\":", stream_sid);
    return va_media_end(b, start, "}");
}

va_rc_t va_media_write_connected(va_buf_t *b)
{
    size_t start = b->len;

    return va_media_end(b, start,
                        "{\"event\":\"connected\",\"protocol\":\"Call\","
                        "\"version\":\"1.0.0\"}");
}

va_rc_t va_media_write_start(va_buf_t *b, const va_media_msg_t *msg)
{
    size_t start = b->len;
    size_t i;

    va_buf_puts(b, "{\"event\":\"start\"");
    va_media_put_sequence(b, msg->sequence);
    va_media_put(b, ",\"start\":{\"accountSid\":", msg->account_sid);
    va_media_put(b, ",\"streamSid\":", msg->stream_sid);
    va_media_put(b, ",\"callSid\":", msg->call_sid);
    va_media_put(b, ",\"tracks\":[\"inbound\"],\"mediaFormat\":{\"encoding\":",
                 msg->encoding);
    va_buf_printf(b, ",\"sampleRate\":%u,\"channels\":%u},", msg->rate,
                  msg->channels);
    va_buf_puts(b, "\"customParameters\":{");
    for (i = 0; i < msg->param_count; i++) {
        va_media_put(b, i != 0 ? "," : "", msg->params[i].name);
        va_media_put(b, ":", msg->params[i].value);
    }
    va_media_put(b, "}},\"streamSid\":", msg->stream_sid);
    return va_media_end(b, start, "}");
}

va_rc_t va_media_write_inbound(va_buf_t *b, va_str_t stream_sid,
                               uint64_t sequence, uint64_t chunk,
                               uint64_t timestamp, const uint8_t *ulaw,
                               size_t n)
{
    size_t start = b->len;

    va_buf_puts(b, "{\"event\":\"media\"");
    va_media_put_sequence(b, sequence);
    va_buf_printf(b,
                  ",\"media\":{\"track\":\"inbound\",\"chunk\":\"%" PRIu64
                  "\",\"timestamp\":\"%" PRIu64 "\",",
                  chunk, timestamp);
    va_media_put_payload(b, ulaw, n);
    va_media_put(b, "},\"streamSid\":", stream_sid);
    return va_media_end(b, start, "}");
}

va_rc_t va_media_write_dtmf(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            char digit)
{
    size_t start = b->len;

    va_media_put(b, "{\"event\":\"dtmf\",\"streamSid\":", stream_sid);
    va_media_put_sequence(b, sequence);
    va_media_put(b, ",\"dtmf\":{\"track\":\"inbound_track\",\"digit\":",
                 (va_str_t){&digit, 1});
    return va_media_end(b, start, "}}");
}

va_rc_t va_media_write_echo(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            va_str_t name)
{
    size_t start = b->len;

    va_buf_puts(b, "{\"event\":\"mark\"");
    va_media_put_sequence(b, sequence);
    va_media_put(b, ",\"streamSid\":", stream_sid);
    va_media_put(b, ",\"mark\":{\"name\":", name);
    return va_media_end(b, start, "}}");
}

va_rc_t va_media_write_stop(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            va_str_t account_sid, va_str_t call_sid)
{
    size_t start = b->len;

    va_buf_puts(b, "{\"event\":\"stop\"");
    va_media_put_sequence(b, sequence);
    va_media_put(b, ",\"stop\":{\"accountSid\":", account_sid);
    va_media_put(b, ",\"callSid\":", call_sid);
    va_media_put(b, "},\"streamSid\":", stream_sid);
    return va_media_end(b, start, "}");
}
