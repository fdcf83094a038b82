/*
 * What Twilio does with the audio that a server sends: queues it, plays it in
 * real time, returns marks when the audio before them was played, and empties
 * the queue on clear.
 * https://www.twilio.com/docs/voice/media-streams/websocket-messages
 *
 * The clock is the caller's: one cli_playout_frame is 20 ms.
 */
#ifndef CLI_PLAYOUT_H
#define CLI_PLAYOUT_H

#include "../audio/va_g711.h"
#include "cli.h"

#define CLI_PLAYOUT_MAX (600u * VA_RATE) /* bytes: Twilio keeps ten minutes */
#define CLI_PLAYOUT_MARKS 4096           /* marks that may be pending */
#define CLI_PLAYOUT_GAP_MS 2000 /* a longer silence is not a gap in speech */

typedef struct cli_playout cli_playout_t;

typedef struct {
    uint64_t played;     /* bytes of audio played */
    uint64_t cleared;    /* bytes of audio that were cleared */
    uint64_t dropped;    /* bytes beyond the ten minutes (Twilio: 31931) */
    uint64_t underruns;  /* gaps in speech: the queue ran dry behind audio that
                            no mark ended, and more audio came */
    uint64_t max_gap_ms; /* the longest of them */
    uint64_t ragged;     /* payloads in speech that were not whole frames */
} cli_playout_stats_t;

VA_BEGIN_DECLS

/* Returns an empty queue, or NULL without memory. */
cli_playout_t *cli_playout_new(void);

void cli_playout_free(cli_playout_t *p);

/*
 * Queues n bytes of mu-law.  VA_LIMIT: the queue is full and the audio was
 * dropped.
 */
va_rc_t cli_playout_media(cli_playout_t *p, const uint8_t *ulaw, size_t n);

/*
 * Queues a mark.  VA_LIMIT: too many are pending.
 */
va_rc_t cli_playout_mark(cli_playout_t *p, va_str_t name);

/* Empties the queue; every pending mark is due at once. */
void cli_playout_clear(cli_playout_t *p);

/*
 * Plays 20 ms: fills out with what the caller hears, silence where there is no
 * audio, and returns how many bytes of audio that was.
 */
size_t cli_playout_frame(cli_playout_t *p, uint8_t out[VA_FRAME]);

/*
 * Takes the next mark that is due: everything before it was played or cleared.
 * Returns its name for free(3), or NULL when none is.
 */
char *cli_playout_due(cli_playout_t *p);

/* Bytes of audio that wait to be played. */
size_t cli_playout_queued(const cli_playout_t *p);

const cli_playout_stats_t *cli_playout_stats(const cli_playout_t *p);

VA_END_DECLS

#endif
