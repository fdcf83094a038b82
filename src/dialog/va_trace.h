/*
 * The log of a conversation: a line of JSON for its configuration, for each
 * input and for each action, with the time of each.  va_replay reads it.
 *
 *   {"trace":1,"audio":"call.wav","conf":{"silence":4000,...}}
 *   {"t":20,"in":"audio","ts":0,"n":160,"at":0}
 *   {"t":3080,"act":"transcribe","request":1,"n":24000,"sum":2166136261}
 *
 * Times are milliseconds from the first line on.  Audio of an input is named
 * by its place in a file ("at", in samples of the caller's channel), or is so
 * many times one byte ("fill"), or stands in the line ("data", base64).  Of an
 * action's audio only the length and a sum are written.
 */
#ifndef VA_TRACE_H
#define VA_TRACE_H

#include "../base/va_buf.h"
#include "va_call.h"

#define VA_TRACE_INLINE UINT64_MAX /* the audio stands in the line */

VA_BEGIN_DECLS

/* Appends the first line; audio names the file of the caller's audio. */
va_rc_t va_trace_begin(va_buf_t *out, const va_call_conf_t *conf,
                       va_str_t audio);

/*
 * Appends an input.  begin_ms is the clock at the first line, at where its
 * audio is in the file, or VA_TRACE_INLINE.
 */
va_rc_t va_trace_input(va_buf_t *out, const va_input_t *in, uint64_t begin_ms,
                       uint64_t at);

/* Appends an action. */
va_rc_t va_trace_action(va_buf_t *out, const va_action_t *act, uint64_t now_ms,
                        uint64_t begin_ms);

VA_END_DECLS

#endif
