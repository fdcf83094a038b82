/*
 * From the queue into the database, by the journal while that is away.
 *
 * One cycle at a time, of whichever process: what they have to know of each
 * other is in shared memory, and what a process that died had not finished is
 * done by the next cycle.  Records leave the queue when they are in the
 * database or, on disk, in the journal; they are written in the order in which
 * they came.
 *
 * A database that answers late keeps no record from being safe: after
 * VA_FLUSH_LATE_MS what waits goes to the journal meanwhile.
 */
#ifndef VA_FLUSH_H
#define VA_FLUSH_H

#include "../base/va_base.h"
#include "va_ring.h"

#define VA_FLUSH_LATE_MS 400
#define VA_FLUSH_CYCLE_MS 500 /* after which a cycle makes room for others */
#define VA_FLUSH_GIVE_UP_MS 10000 /* a database that does not answer */
#define VA_FLUSH_RETRY_MS 250     /* the first time, then twice as long */
#define VA_FLUSH_RETRY_MAX_MS 4000
#define VA_FLUSH_SWEEP_MS 60000 /* between deletions of old calls */
#define VA_FLUSH_SCAN_MS 5000   /* between looks for journals of others */

/* In shared memory, zero at first; written by the cycle that is running. */
typedef struct {
    _Atomic uint64_t written;  /* records into the database */
    _Atomic uint64_t spilled;  /* records into the journal */
    _Atomic uint64_t refused;  /* records that the database does not take */
    _Atomic uint64_t deleted;  /* calls that were too old */
    _Atomic uint64_t journal;  /* bytes in it */
    _Atomic uint64_t failures; /* of the database, in a row */
    _Atomic uint64_t retry;    /* when it is asked again */
    _Atomic uint64_t scan;     /* when the journal is looked for again */
    _Atomic uint64_t sweep;    /* when old calls are looked for again */
    _Atomic uint64_t spoilt;   /* bytes of the journal that were no records */
} va_flush_shared_t;

typedef struct {
    const char *url;
    const char *journal;  /* folder */
    uint64_t journal_max; /* bytes */
    int64_t keep_ms;      /* age at which calls are deleted; 0: never */
    va_ring_t *ring;
    va_flush_shared_t *shared;
    uint64_t (*now)(void *ctx); /* ms, never goes back */
    int64_t (*wall)(void *ctx); /* ms since 1970 */
    bool (*stop)(void *ctx);    /* true: come to an end soon; may be NULL */
    void *ctx;
} va_flush_conf_t;

typedef struct va_flush va_flush_t;

VA_BEGIN_DECLS

/* Returns a flusher, or NULL without memory.  Touches no file. */
va_flush_t *va_flush_new(const va_flush_conf_t *conf);

void va_flush_free(va_flush_t *f);

/*
 * Runs a cycle.  The caller sees to it that no other one runs.  VA_OK: all is
 * done; VA_AGAIN: there is more to do, see va_flush_due.
 */
va_rc_t va_flush_run(va_flush_t *f);

/*
 * Returns when (by now) another cycle makes sense if nothing is pushed before.
 */
uint64_t va_flush_due(const va_flush_conf_t *conf);

/*
 * Returns what is to be told of the last cycle, or NULL; *bad tells whether it
 * is a fault.  What has been told is not repeated while it lasts.
 */
const char *va_flush_message(va_flush_t *f, bool *bad);

VA_END_DECLS

#endif
