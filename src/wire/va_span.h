/*
 * Spans of OpenTelemetry, written as OTLP/HTTP wants them in its JSON encoding
 * (opentelemetry-proto, trace/v1), and the trace context of W3C.
 */
#ifndef VA_SPAN_H
#define VA_SPAN_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_SPAN_TRACE 16 /* bytes of a trace id */
#define VA_SPAN_ID 8
#define VA_SPAN_PARENT 56 /* characters of a traceparent, with its end */
#define VA_SPAN_ATTRS 16
#define VA_SPAN_TEXT 256 /* bytes of a text; what is longer is cut */

typedef enum {
    VA_SPAN_INTERNAL = 1,
    VA_SPAN_SERVER = 2,
    VA_SPAN_CLIENT = 3
} va_span_kind_t;

typedef enum {
    VA_SPAN_IS_TEXT,
    VA_SPAN_IS_NUMBER,
    VA_SPAN_IS_FLAG
} va_span_type_t;

typedef struct {
    const char *name;
    va_span_type_t type;
    va_str_t text;
    int64_t number; /* or flag */
} va_span_attr_t;

/* Views, needed only while it is written. */
typedef struct {
    const uint8_t *trace;
    const uint8_t *id;
    const uint8_t *parent; /* NULL: the root */
    va_span_kind_t kind;
    va_str_t name;
    uint64_t begin_ms; /* since 1970 */
    uint64_t end_ms;   /* before the beginning: as it */
    bool failed;
    size_t count;
    va_span_attr_t attrs[VA_SPAN_ATTRS];
} va_span_t;

VA_BEGIN_DECLS

/*
 * Trace id and id of the root span of a call: a keyed hash of its CallSid, so
 * that all who have the key find the same without a word.  VA_FAILED without
 * memory.
 */
va_rc_t va_span_derive(va_str_t key, va_str_t call_sid,
                       uint8_t trace[VA_SPAN_TRACE], uint8_t root[VA_SPAN_ID]);

/*
 * Whether a trace is among those of which `parts` in 10000 are kept; the same
 * wherever it is asked.
 */
bool va_span_sampled(const uint8_t trace[VA_SPAN_TRACE], unsigned parts);

/* Writes the header's value: version 00, ids, and whether it is sampled. */
void va_span_traceparent(char out[VA_SPAN_PARENT],
                         const uint8_t trace[VA_SPAN_TRACE],
                         const uint8_t id[VA_SPAN_ID], bool sampled);

/*
 * Adds an attribute, whose name must last.  An empty text, and what is over
 * VA_SPAN_ATTRS, is left out.
 */
void va_span_text(va_span_t *s, const char *name, va_str_t value);
void va_span_number(va_span_t *s, const char *name, int64_t value);
void va_span_flag(va_span_t *s, const char *name, bool value);

/*
 * Appends a span, behind a comma if something is in b.  It is appended whole or
 * not at all: VA_LIMIT or VA_NOMEM, after which b takes the next one as ever.
 */
va_rc_t va_span_write(va_buf_t *b, const va_span_t *s);

/*
 * Appends a request for the spans that were written: those of one service, by
 * one process of a host.  Returns b->rc.
 */
va_rc_t va_span_request(va_buf_t *b, va_str_t service, va_str_t host, long pid,
                        va_str_t spans);

VA_END_DECLS

#endif
