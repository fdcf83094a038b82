/*
 * The conversation so far, as it was heard: what the caller said and what of
 * the assistant's speech reached the caller.
 */
#ifndef VA_HISTORY_H
#define VA_HISTORY_H

#include "../ai/va_ai.h"
#include "../base/va_base.h"

#define VA_HISTORY_TURNS 64    /* the oldest is dropped beyond it */
#define VA_HISTORY_BYTES 16384 /* of text in all, likewise */

/*
 * How long after the caller's last voiced frame the stages of the answer were
 * reached, in ms.
 */
typedef enum {
    VA_TURN_END,         /* the silence was long enough */
    VA_TURN_TRANSCRIPT,  /* the recogniser answered */
    VA_TURN_FIRST_TEXT,  /* the model's first words */
    VA_TURN_FIRST_SPEAK, /* the first sentence went to the voice */
    VA_TURN_FIRST_AUDIO, /* the voice's first bytes */
    VA_TURN_FIRST_SENT,  /* the first frame went out */
    VA_TURN_FIRST_HEARD, /* a mark proved that it was played */
    VA_TURN_TIMES
} va_turn_time_t;

#define VA_TURN_NEVER 0xffff

typedef struct {
    va_role_t role;
    char *text;
    size_t len;
    bool interrupted; /* the assistant was cut off */
    float confidence; /* of the recogniser; negative when not known */
    uint16_t ms[VA_TURN_TIMES];
} va_history_turn_t;

typedef struct {
    va_history_turn_t turns[VA_HISTORY_TURNS];
    size_t count;
    size_t bytes;
    unsigned dropped; /* turns that had to go */
    size_t before;    /* length of the last turn before it was joined to */
    float confidence; /* and its confidence */
} va_history_t;

VA_BEGIN_DECLS

void va_history_init(va_history_t *h);

void va_history_free(va_history_t *h);

/*
 * Adds a turn.  A second turn of the caller in a row is joined to the one
 * before, because the assistant did not get to answer it.  A text over half of
 * VA_HISTORY_BYTES is cut.  Empty text adds nothing.  Returns VA_OK or
 * VA_NOMEM.
 */
va_rc_t va_history_add(va_history_t *h, va_role_t role, va_str_t text,
                       float confidence, bool interrupted);

/*
 * Takes back what the caller said last, as far as the last call of
 * va_history_add put it there.  What had to go for it does not come back.
 */
void va_history_retract(va_history_t *h);

/* Tells the times of the turn that was added last. */
void va_history_time(va_history_t *h, const uint16_t ms[VA_TURN_TIMES]);

/* Returns what that role said last, or an empty view. */
va_str_t va_history_last(const va_history_t *h, va_role_t role);

/*
 * Writes the turns as messages for a model, oldest first, at most max of the
 * newest.  Returns how many.
 */
size_t va_history_messages(const va_history_t *h, va_ai_message_t *out,
                           size_t max);

VA_END_DECLS

#endif
