/*
 * Server-sent events (WHATWG HTML, section 9.2), the form in which language
 * models stream.
 */
#ifndef VA_SSE_H
#define VA_SSE_H

#include "../base/va_base.h"

typedef struct va_sse va_sse_t;

/*
 * One event: its type ("message" unless named) and its data lines joined by
 * newlines, terminated and valid during the call; any byte but CR and LF may be
 * in it, NUL too.  Anything but VA_OK stops the reader.
 */
typedef va_rc_t (*va_sse_event_pt)(void *ctx, va_str_t event, va_str_t data);

VA_BEGIN_DECLS

/*
 * Returns a reader, or NULL without memory.  An event or line over max_event
 * bytes is refused.
 */
va_sse_t *va_sse_new(size_t max_event, va_sse_event_pt on_event, void *ctx);

void va_sse_free(va_sse_t *s);

/*
 * Feeds n bytes, split anywhere.  Returns VA_OK, VA_LIMIT, VA_NOMEM or what
 * the callback answered; an error is final.
 */
va_rc_t va_sse_feed(va_sse_t *s, const char *data, size_t n);

/*
 * Ends the stream.  An event that was not closed by a blank line is delivered,
 * because servers end streams so in practice.  Unless it failed, the reader is
 * then ready for another stream.
 */
va_rc_t va_sse_finish(va_sse_t *s);

VA_END_DECLS

#endif
