#include "va_flush.h"

#include "va_journal.h"
#include "va_record.h"
#include "va_store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VA_FLUSH_BATCH (256 * 1024)
#define VA_FLUSH_SEGMENT (8 * 1024 * 1024)
#define VA_FLUSH_SWEEP_CALLS 200

struct va_flush {
    va_flush_conf_t conf;
    char *url;
    va_store_t *store;
    va_journal_t *journal;
    bool scanned; /* the journal was looked at in this cycle */
    bool pending; /* and has something */
    bool blocked; /* and takes nothing */

    va_buf_t batch; /* of the queue, or of the journal */
    va_buf_t spare; /* what is put into the journal */

    /* an operation of the database that is under way */
    uint64_t began;
    bool waits;       /* the records at ring_from belong to it */
    uint64_t ring_to; /* where in the queue it ends */
    bool safe;        /* they are in the journal meanwhile */

    bool away; /* was told */
    bool full; /* was told */
    char message[512];
    bool bad;
    bool news;
};

static bool va_flush_wait(void *ctx);

static void va_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t va_load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void va_set(_Atomic uint64_t *value, uint64_t n)
{
    atomic_store_explicit(value, n, memory_order_relaxed);
}

va_flush_t *va_flush_new(const va_flush_conf_t *conf)
{
    va_flush_t *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return NULL;
    }
    f->conf = *conf;
    va_buf_init(&f->batch, VA_FLUSH_BATCH);
    va_buf_init(&f->spare, VA_FLUSH_BATCH);
    f->store = va_store_new(
        &(va_store_conf_t){.url = conf->url, .wait = va_flush_wait, .ctx = f});
    f->journal =
        va_journal_new(&(va_journal_conf_t){.dir = conf->journal,
                                            .max = conf->journal_max,
                                            .segment_max = VA_FLUSH_SEGMENT});
    f->url = va_str_dup(va_str(conf->url));
    if (f->store == NULL || f->journal == NULL || f->url == NULL) {
        va_flush_free(f);
        return NULL;
    }
    return f;
}

void va_flush_free(va_flush_t *f)
{
    if (f != NULL) {
        va_store_free(f->store);
        va_journal_free(f->journal);
        va_buf_free(&f->batch);
        va_buf_free(&f->spare);
        free(f->url);
        free(f);
    }
}

static uint64_t va_flush_now(va_flush_t *f)
{
    return f->conf.now(f->conf.ctx);
}

static bool va_flush_stop(va_flush_t *f)
{
    return f->conf.stop != NULL && f->conf.stop(f->conf.ctx);
}

static void va_flush_tell(va_flush_t *f, bool bad, const char *what,
                          const char *why)
{
    char name[128];
    size_t at = f->news ? strlen(f->message) : 0;

    va_store_name(f->url, name, sizeof(name));
    snprintf(f->message + at, sizeof(f->message) - at, "%s%s%s%s (%s)",
             at != 0 ? "; " : "", what, why != NULL ? ": " : "",
             why != NULL ? why : "", name);
    f->bad = bad || (f->news && f->bad);
    f->news = true;
}

const char *va_flush_message(va_flush_t *f, bool *bad)
{
    if (!f->news) {
        return NULL;
    }
    f->news = false;
    *bad = f->bad;
    return f->message;
}

/*
 * How much of the journal is to be done: what others have, or what cannot be
 * read, is looked at again with the next scan.
 */
static void va_flush_journal(va_flush_t *f)
{
    va_set(&f->conf.shared->journal,
           f->pending ? va_journal_bytes(f->journal) : 0);
}

/* Looks for a journal, if there may be one. */
static void va_flush_scan(va_flush_t *f)
{
    va_flush_shared_t *s = f->conf.shared;
    uint64_t now = va_flush_now(f);

    if (f->scanned || (va_load(&s->journal) == 0 && now < va_load(&s->scan))) {
        return;
    }
    va_set(&s->scan, now + VA_FLUSH_SCAN_MS);
    f->scanned = true;
    f->pending = va_journal_scan(f->journal) == VA_OK;
    va_flush_journal(f);
}

/* What the queue has before the position goes to the journal. */
static bool va_flush_spill(va_flush_t *f, va_str_t frames, size_t count,
                           uint64_t to)
{
    va_flush_shared_t *s = f->conf.shared;
    va_rc_t rc;

    if (!f->scanned) {
        f->scanned = true;
        f->pending = va_journal_scan(f->journal) == VA_OK;
    }
    rc = va_journal_append(f->journal, frames,
                           (uint64_t)f->conf.wall(f->conf.ctx));
    f->blocked = rc != VA_OK;
    if (rc != VA_OK) {
        if (!f->full) {
            f->full = true;
            va_flush_tell(f, true, "the call log's journal takes nothing",
                          va_journal_error(f->journal));
        }
        return false;
    }
    f->full = false;
    f->pending = true;
    va_flush_journal(f);
    va_add(&s->spilled, count);
    va_ring_take(f->conf.ring, to);
    return true;
}

/* Puts what is in the queue beyond *from into the journal. */
static void va_flush_spill_queue(va_flush_t *f, uint64_t from)
{
    size_t count;

    for (;;) {
        count = 0;
        va_buf_reset(&f->spare);
        if (va_ring_copy(f->conf.ring, &from, &f->spare, VA_FLUSH_BATCH,
                         &count) != VA_OK ||
            count == 0 ||
            !va_flush_spill(f, va_buf_view(&f->spare), count, from)) {
            return;
        }
    }
}

/* Asked by the store while the database keeps it waiting. */
static bool va_flush_wait(void *ctx)
{
    va_flush_t *f = ctx;
    uint64_t took = va_flush_now(f) - f->began;

    if (took >= VA_FLUSH_LATE_MS && f->waits && !f->blocked) {
        if (!f->safe) {
            /* the batch in hand first, because it is older */
            f->safe = va_flush_spill(f, va_buf_view(&f->batch), 0, f->ring_to);
        }
        if (f->safe) {
            va_flush_spill_queue(f, f->ring_to);
            f->ring_to = va_ring_taken(f->conf.ring);
        }
    }
    return took <
           (va_flush_stop(f) ? VA_FLUSH_LATE_MS * 3 : VA_FLUSH_GIVE_UP_MS);
}

static void va_flush_away(va_flush_t *f)
{
    va_flush_shared_t *s = f->conf.shared;
    uint64_t failures = va_load(&s->failures) + 1;
    uint64_t wait = VA_FLUSH_RETRY_MS;

    for (uint64_t i = 1; i < failures && wait < VA_FLUSH_RETRY_MAX_MS; i++) {
        wait *= 2;
    }
    va_set(&s->failures, failures);
    va_set(&s->retry, va_flush_now(f) + wait);
    if (!f->away) {
        f->away = true;
        va_flush_tell(f, true, "the call log's database is away",
                      va_store_error(f->store));
    }
}

static void va_flush_back(va_flush_t *f)
{
    va_set(&f->conf.shared->failures, 0);
    va_set(&f->conf.shared->retry, 0);
    if (f->away) {
        f->away = false;
        va_flush_tell(f, false, "the call log's database is back", NULL);
    }
}

/* Record by record, because one of them is what the database does not take. */
static va_rc_t va_flush_singly(va_flush_t *f, va_str_t frames)
{
    va_str_t payload;
    size_t size;
    va_rc_t rc;

    while (frames.len != 0) {
        (void)va_record_frame(frames, &size, &payload);
        rc = va_store_write(f->store, (va_str_t){frames.data, size});
        if (rc == VA_INVALID) {
            va_add(&f->conf.shared->refused, 1);
            va_flush_tell(f, true, "the call log's database refuses a record",
                          va_store_error(f->store));
        } else if (rc != VA_OK) {
            return rc;
        }
        frames.data += size;
        frames.len -= size;
    }
    return VA_OK;
}

/* Writes the batch in hand. */
static va_rc_t va_flush_write(va_flush_t *f, size_t count)
{
    va_rc_t rc;

    f->began = va_flush_now(f);
    rc = va_store_write(f->store, va_buf_view(&f->batch));
    if (rc == VA_INVALID) {
        rc = va_flush_singly(f, va_buf_view(&f->batch));
    }
    f->waits = false;
    if (rc == VA_OK) {
        va_add(&f->conf.shared->written, count);
        va_flush_back(f);
    } else {
        va_flush_away(f);
    }
    return rc;
}

/* Takes what the queue has one step further; VA_AGAIN: there was something. */
static va_rc_t va_flush_queue(va_flush_t *f)
{
    uint64_t from = va_ring_taken(f->conf.ring);
    size_t count = 0;

    va_buf_reset(&f->batch);
    if (va_ring_copy(f->conf.ring, &from, &f->batch, VA_FLUSH_BATCH, &count) !=
            VA_OK ||
        count == 0) {
        return VA_OK;
    }
    /* what is in the journal is older; and a database that is away is not
     * asked for each batch */
    if ((f->pending || va_flush_now(f) < va_load(&f->conf.shared->retry)) &&
        va_flush_spill(f, va_buf_view(&f->batch), count, from)) {
        return VA_AGAIN;
    }
    if (va_flush_now(f) < va_load(&f->conf.shared->retry)) {
        return VA_FAILED;
    }
    f->waits = true;
    f->safe = false;
    f->ring_to = from;
    if (va_flush_write(f, count) != VA_OK && !f->safe) {
        return va_flush_spill(f, va_buf_view(&f->batch), count, from)
                   ? VA_AGAIN
                   : VA_FAILED;
    }
    if (!f->safe) {
        va_ring_take(f->conf.ring, from);
    }
    return VA_AGAIN;
}

/* Takes the journal one batch further; VA_AGAIN: there was one. */
static va_rc_t va_flush_replay(va_flush_t *f)
{
    va_flush_shared_t *s = f->conf.shared;
    uint64_t spoilt = va_journal_spoilt(f->journal);
    size_t count;
    va_rc_t rc;

    if (!f->pending || va_flush_now(f) < va_load(&s->retry)) {
        return VA_OK;
    }
    va_buf_reset(&f->batch);
    rc = va_journal_read(f->journal, &f->batch, VA_FLUSH_BATCH, &count);
    va_add(&s->spoilt, va_journal_spoilt(f->journal) - spoilt);
    if (rc != VA_OK) {
        f->pending = false;
        va_flush_journal(f);
        return VA_OK;
    }
    /* new records can be saved while this one waits */
    f->waits = true;
    f->safe = true;
    f->ring_to = va_ring_taken(f->conf.ring);
    if (va_flush_write(f, count) != VA_OK) {
        return VA_OK;
    }
    va_journal_done(f->journal);
    va_flush_journal(f);
    return VA_AGAIN;
}

/* Deletes what is too old, when there is nothing better to do. */
static va_rc_t va_flush_sweep(va_flush_t *f)
{
    va_flush_shared_t *s = f->conf.shared;
    uint64_t now = va_flush_now(f);
    unsigned count;

    if (f->conf.keep_ms <= 0 || now < va_load(&s->sweep) ||
        now < va_load(&s->retry) || va_flush_stop(f)) {
        return VA_OK;
    }
    f->began = now;
    f->waits = true;
    f->safe = true;
    f->ring_to = va_ring_taken(f->conf.ring);
    if (va_store_delete(f->store, f->conf.wall(f->conf.ctx) - f->conf.keep_ms,
                        VA_FLUSH_SWEEP_CALLS, &count) != VA_OK) {
        f->waits = false;
        va_set(&s->sweep, now + VA_FLUSH_SWEEP_MS);
        va_flush_away(f);
        return VA_OK;
    }
    f->waits = false;
    va_add(&s->deleted, count);
    if (count == VA_FLUSH_SWEEP_CALLS) {
        return VA_AGAIN;
    }
    va_set(&s->sweep, now + VA_FLUSH_SWEEP_MS);
    return VA_OK;
}

va_rc_t va_flush_run(va_flush_t *f)
{
    uint64_t begin = va_flush_now(f);
    va_rc_t queue, journal, sweep;

    f->scanned = false;
    f->pending = false;
    f->blocked = false;
    va_flush_scan(f);
    do {
        queue = va_flush_queue(f);
        journal = va_flush_replay(f);
        sweep = queue != VA_AGAIN && journal != VA_AGAIN ? va_flush_sweep(f)
                                                         : VA_OK;
        if (queue != VA_AGAIN && journal != VA_AGAIN && sweep != VA_AGAIN) {
            break;
        }
    } while (va_flush_now(f) - begin < VA_FLUSH_CYCLE_MS);
    va_journal_close(f->journal);
    return va_ring_pushed(f->conf.ring) == va_ring_taken(f->conf.ring) &&
                   va_load(&f->conf.shared->journal) == 0
               ? VA_OK
               : VA_AGAIN;
}

uint64_t va_flush_due(const va_flush_conf_t *conf)
{
    uint64_t due = va_load(&conf->shared->scan);

    if (va_ring_pushed(conf->ring) != va_ring_taken(conf->ring)) {
        return 0;
    }
    if (va_load(&conf->shared->journal) != 0 &&
        va_load(&conf->shared->retry) < due) {
        due = va_load(&conf->shared->retry);
    }
    if (conf->keep_ms > 0 && va_load(&conf->shared->sweep) < due) {
        due = va_load(&conf->shared->sweep);
    }
    return due;
}
