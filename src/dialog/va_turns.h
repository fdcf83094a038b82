/*
 * The turns of a conversation packed into a field of bounded size, so that
 * they outlive the process that has the call.
 *
 * A turn is a byte of version and flags, one of confidence in hundredths (255:
 * none), the text's length in two bytes, lowest first, seven times of two
 * bytes each if a flag says so, and the text.
 */
#ifndef VA_TURNS_H
#define VA_TURNS_H

#include "../base/va_base.h"
#include "va_history.h"

typedef struct {
    va_role_t role; /* VA_ROLE_USER or VA_ROLE_ASSISTANT */
    bool interrupted;
    bool timed;       /* any of ms is known */
    float confidence; /* negative: not known */
    va_str_t text;
    uint16_t ms[VA_TURN_TIMES]; /* VA_TURN_NEVER: not known */
} va_turn_t;

VA_BEGIN_DECLS

/*
 * Adds a turn to the len bytes in field, which has room for max (at least 64).
 * The oldest turns make room, and a text is cut at a character where it would
 * take over half of the field.  Returns the new length.
 */
size_t va_turns_add(uint8_t *field, size_t len, size_t max,
                    const va_turn_t *turn);

/*
 * Reads the turn at *at (0 at first) and steps over it; the text is a view
 * into the field.  Returns false at the end, and for what is no turn.
 */
bool va_turns_next(const uint8_t *field, size_t len, size_t *at,
                   va_turn_t *turn);

/* Reads the last turn.  Returns false when there is none. */
bool va_turns_last(const uint8_t *field, size_t len, va_turn_t *turn);

/* Returns the name of a time for JSON, such as "first_audio". */
const char *va_turn_time_name(va_turn_time_t time);

VA_END_DECLS

#endif
