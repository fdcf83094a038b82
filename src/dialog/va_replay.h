/*
 * Replays a conversation from its log (va_trace.h): feeds a new conversation
 * with the inputs, at their times, and compares what it does with what the log
 * says.  Ticks stand in the log like other inputs, so nothing waits.
 *
 * An input of audio may be a run of frames: "times" of them, each 20 ms and
 * `n` samples behind the one before.
 */
#ifndef VA_REPLAY_H
#define VA_REPLAY_H

#include "../base/va_buf.h"
#include "va_call.h"

#define VA_REPLAY_ERROR 256
#define VA_REPLAY_TIMES 3000 /* frames of a run: a minute */

typedef struct va_replay va_replay_t;

/* Is given the line of each action that the conversation takes. */
typedef void (*va_replay_pt)(void *ctx, va_str_t line);

VA_BEGIN_DECLS

/* Returns a replay, or NULL without memory; decided may be NULL. */
va_replay_t *va_replay_new(va_replay_pt decided, void *ctx);

void va_replay_free(va_replay_t *r);

/*
 * Takes the next line, without its end.  VA_OK; VA_FAILED: the conversation
 * does something else than the log says; VA_INVALID: the line is none of a
 * log; VA_NOMEM.  va_replay_error then says more.
 */
va_rc_t va_replay_line(va_replay_t *r, va_str_t line);

/* No more lines: VA_OK, or VA_FAILED when actions are missing in the log. */
va_rc_t va_replay_end(va_replay_t *r);

/* Returns one line about what was wrong. */
const char *va_replay_error(const va_replay_t *r);

/*
 * Returns the file of the caller's audio that the first line named, empty when
 * there is none or that line was not read yet; given to va_replay_audio before
 * the second line.
 */
va_str_t va_replay_file(const va_replay_t *r);

/* The content of that file: n bytes of the caller's mu-law, which stay the
   owner's. */
void va_replay_audio(va_replay_t *r, const uint8_t *ulaw, size_t n);

/* Returns how many actions were compared. */
size_t va_replay_compared(const va_replay_t *r);

VA_END_DECLS

#endif
