#include "va_sse.h"

#include "../base/va_buf.h"

#include <stdlib.h>
#include <string.h>

#define VA_SSE_BOM VA_STR("\xef\xbb\xbf")

struct va_sse {
    va_sse_event_pt on_event;
    void *ctx;
    va_buf_t line;  /* the beginning of a line that is split */
    va_buf_t event; /* its type, if named */
    va_buf_t data;
    bool has_data; /* a data line was seen, perhaps an empty one */
    bool after_cr; /* a newline that comes now belongs to that line end */
    bool began;    /* the first line is over, no byte order mark any more */
    va_rc_t rc;
};

va_sse_t *va_sse_new(size_t max_event, va_sse_event_pt on_event, void *ctx)
{
    va_sse_t *s = calloc(1, sizeof(*s));

    if (s != NULL) {
        s->on_event = on_event;
        s->ctx = ctx;
        va_buf_init(&s->line, max_event);
        va_buf_init(&s->event, max_event);
        va_buf_init(&s->data, max_event);
    }
    return s;
}

void va_sse_free(va_sse_t *s)
{
    if (s != NULL) {
        va_buf_free(&s->line);
        va_buf_free(&s->event);
        va_buf_free(&s->data);
        free(s);
    }
}

static va_rc_t va_sse_dispatch(va_sse_t *s)
{
    va_rc_t rc = VA_OK;
    va_str_t event = VA_STR("message");

    if (s->has_data) {
        if (s->event.len != 0) {
            event = va_buf_view(&s->event);
        }
        rc = s->on_event(s->ctx, event, va_buf_view(&s->data));
    }
    va_buf_reset(&s->event);
    va_buf_reset(&s->data);
    s->has_data = false;
    return rc;
}

static va_rc_t va_sse_field(va_sse_t *s, va_str_t name, va_str_t value)
{
    if (va_str_eq(name, VA_STR("data"))) {
        if (s->has_data) {
            va_buf_puts(&s->data, "\n");
        }
        s->has_data = true;
        return va_buf_str(&s->data, value);
    }
    if (va_str_eq(name, VA_STR("event"))) {
        va_buf_reset(&s->event);
        return va_buf_str(&s->event, value);
    }
    /*
     * Comments come here with an empty name.  Ids and retry times matter to a
     * client that reconnects; we never do.
     */
    return VA_OK;
}

/* Takes a whole line without its end. */
static va_rc_t va_sse_line(va_sse_t *s, va_str_t line)
{
    va_str_t value = {"", 0};
    const char *colon;

    if (!s->began) {
        s->began = true;
        if (line.len >= VA_SSE_BOM.len &&
            memcmp(line.data, VA_SSE_BOM.data, VA_SSE_BOM.len) == 0) {
            line.data += VA_SSE_BOM.len;
            line.len -= VA_SSE_BOM.len;
        }
    }
    if (line.len == 0) {
        return va_sse_dispatch(s);
    }
    colon = memchr(line.data, ':', line.len);
    if (colon != NULL) {
        value.data = colon + 1;
        value.len = line.len - (size_t)(value.data - line.data);
        line.len = (size_t)(colon - line.data);
        if (value.len != 0 && value.data[0] == ' ') {
            value.data++;
            value.len--;
        }
    }
    return va_sse_field(s, line, value);
}

/* Takes the last piece of a line. */
static va_rc_t va_sse_line_end(va_sse_t *s, va_str_t piece)
{
    va_rc_t rc;

    if (s->line.len == 0) {
        return piece.len > s->line.max ? VA_LIMIT : va_sse_line(s, piece);
    }
    rc = va_buf_str(&s->line, piece);
    if (rc == VA_OK) {
        rc = va_sse_line(s, va_buf_view(&s->line));
        va_buf_reset(&s->line);
    }
    return rc;
}

va_rc_t va_sse_feed(va_sse_t *s, const char *data, size_t n)
{
    size_t at = 0;
    size_t from;

    while (at < n && s->rc == VA_OK) {
        if (s->after_cr) {
            s->after_cr = false;
            if (data[at] == '\n') {
                at++;
                continue;
            }
        }
        from = at;
        while (at < n && data[at] != '\n' && data[at] != '\r') {
            at++;
        }
        if (at == n) {
            s->rc = va_buf_append(&s->line, data + from, n - from);
            break;
        }
        s->after_cr = data[at] == '\r';
        s->rc = va_sse_line_end(s, (va_str_t){data + from, at - from});
        at++;
    }
    return s->rc;
}

va_rc_t va_sse_finish(va_sse_t *s)
{
    if (s->rc == VA_OK && s->line.len != 0) {
        s->rc = va_sse_line_end(s, (va_str_t){"", 0});
    }
    if (s->rc == VA_OK) {
        s->rc = va_sse_dispatch(s);
    }
    s->began = false;
    s->after_cr = false;
    return s->rc;
}
