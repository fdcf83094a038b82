/*
 * How much silence ends the caller's turn: a policy, from what was understood
 * so far, from what the recogniser thinks, and from the caller's own pauses.
 */
#ifndef VA_ENDPOINT_H
#define VA_ENDPOINT_H

#include "../base/va_base.h"

/* Silence after which the recogniser is asked, in ms: a first candidate. */
#define VA_ENDPOINT_CANDIDATE_MS 160

/* The caller's pace: his pauses within a turn, as a running estimate. */
typedef struct {
    uint32_t mean_ms;
    uint32_t spread_ms; /* mean deviation */
    unsigned count;
} va_pace_t;

/* What is known at a pause. */
typedef struct {
    bool known;     /* the recogniser has answered with text */
    bool said_over; /* the recogniser says that the turn is over */
    va_str_t text;  /* what was understood so far */
    uint32_t min_ms, max_ms;
} va_pause_t;

VA_BEGIN_DECLS

/* Notes a pause after which the caller went on. */
void va_pace_note(va_pace_t *pace, uint32_t pause_ms);

/* Returns how long a pause has to be to end the turn, min_ms to max_ms. */
uint32_t va_endpoint_need(const va_pause_t *pause, const va_pace_t *pace);

/* Returns whether the text looks so much like a whole turn that it is worth
   asking the model ahead of its end. */
bool va_endpoint_likely(va_str_t text);

VA_END_DECLS

#endif
