/*
 * What the caller has heard: a clock of the audio that Twilio plays, set right
 * by the marks that come back.
 *
 * Positions are samples since the beginning of the generation.
 */
#ifndef VA_PLAYOUT_H
#define VA_PLAYOUT_H

#include "../base/va_base.h"

#define VA_PLAYOUT_MARKS 128     /* that may be outstanding */
#define VA_PLAYOUT_GRACE_MS 2000 /* a mark later than this is not awaited */

typedef struct {
    uint32_t number;
    uint64_t position;
} va_playout_mark_t;

typedef struct {
    uint32_t generation;
    uint32_t next_mark;
    uint32_t cleared; /* the newest generation that a clear ended */
    size_t behind;    /* marks of older generations that are not back */
    uint64_t sent;    /* samples handed to Twilio */
    uint64_t heard;   /* samples that a returned mark proved */
    uint64_t soonest; /* when all that was sent can have been played */
    uint64_t end_ms;  /* when it will have been: the same, or later if the
                         marks say so */
    size_t mark_count;
    va_playout_mark_t marks[VA_PLAYOUT_MARKS]; /* outstanding, in order */
} va_playout_t;

#define VA_PLAYOUT_NAME 32 /* room for the name of a mark */

VA_BEGIN_DECLS

/*
 * Begins a new generation; marks of older ones prove nothing from now on.
 * What of the old one is still being played delays the new one.
 */
void va_playout_begin(va_playout_t *p);

/* Notes that a clear was sent: nothing is being played any more. */
void va_playout_clear(va_playout_t *p);

/*
 * Notes that after a clear the generation goes on from an earlier position: so
 * much was heard, and what comes next follows it.
 */
void va_playout_rewind(va_playout_t *p, uint64_t position);

/* Notes that `samples` were sent at now_ms. */
void va_playout_send(va_playout_t *p, uint64_t samples, uint64_t now_ms);

/* Returns how many samples may be sent now to be ahead_ms ahead. */
uint64_t va_playout_room(const va_playout_t *p, uint64_t now_ms,
                         uint32_t ahead_ms);

/*
 * Makes a mark for the current position and writes its name.  Returns its
 * number, counted from 1, or 0 when too many are outstanding.
 */
uint32_t va_playout_mark(va_playout_t *p, char name[VA_PLAYOUT_NAME]);

/*
 * Takes a returned mark.  Returns its number if it is an outstanding one of
 * this generation, else 0.
 */
uint32_t va_playout_returned(va_playout_t *p, va_str_t name, uint64_t now_ms);

/* Returns how many samples the caller has heard by now_ms. */
uint64_t va_playout_heard(const va_playout_t *p, uint64_t now_ms);

/*
 * Returns whether everything sent was played: all marks are back, or are
 * overdue by VA_PLAYOUT_GRACE_MS.
 */
bool va_playout_done(const va_playout_t *p, uint64_t now_ms);

/* Returns whether Twilio may hold audio or marks that a clear would drop. */
bool va_playout_pending(const va_playout_t *p, uint64_t now_ms);

VA_END_DECLS

#endif
