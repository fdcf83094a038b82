/*
 * The database of the call log: SQLite or PostgreSQL behind one interface.
 *
 * A store belongs to one thread at a time.  Whatever fails, fails with a text;
 * after VA_FAILED the connection is closed and the next use opens it again.
 */
#ifndef VA_STORE_H
#define VA_STORE_H

#include "../base/va_base.h"
#include "va_record.h"

#define VA_STORE_VERSION 2 /* of the schema */

/* Asked every few ms of a wait; false gives up. */
typedef bool (*va_store_wait_pt)(void *ctx);

typedef struct {
    const char *url; /* "sqlite:PATH", "postgresql://..." or "postgres://..." */
    va_store_wait_pt wait;
    void *ctx;
} va_store_conf_t;

typedef struct va_store va_store_t;

/* Receives a row; columns that are NULL have no data.  False: no more. */
typedef bool (*va_store_row_pt)(void *ctx, const va_str_t *columns, size_t n);

VA_BEGIN_DECLS

/* Returns whether the URL is one of a store, and if not why in *why. */
bool va_store_url(va_str_t url, const char **why);

/* Writes what may be told of a URL, without a password, to name. */
void va_store_name(const char *url, char *name, size_t cap);

/* Returns a store, or NULL without memory.  Connects when it is first used. */
va_store_t *va_store_new(const va_store_conf_t *conf);

void va_store_free(va_store_t *store);

/* Closes the connection; the next use opens it again. */
void va_store_close(va_store_t *store);

/*
 * Connects and brings the schema to VA_STORE_VERSION.  VA_OK, VA_NOMEM or
 * VA_FAILED: the database is away, or of a later version.
 */
va_rc_t va_store_open(va_store_t *store);

/*
 * Writes the records of frames in one transaction.  A record that is there
 * already is not written again, and what is known of a call never gets older.
 *
 * VA_OK
 * VA_INVALID  the database refuses what stands in a record; nothing is written
 * VA_FAILED   it is away, or stopped by wait; nothing, or everything, is
 * written
 */
va_rc_t va_store_write(va_store_t *store, va_str_t frames);

/*
 * Deletes calls that began before that time (ms), and all of theirs, at most
 * max of them; *count tells how many.  VA_OK or VA_FAILED.
 */
va_rc_t va_store_delete(va_store_t *store, int64_t before, unsigned max,
                        unsigned *count);

/*
 * Runs a query whose parameters $1, $2... are args (kind INT or STR).
 * VA_OK, VA_INVALID or VA_FAILED.
 */
va_rc_t va_store_select(va_store_t *store, const char *sql,
                        const va_value_t *args, size_t n, va_store_row_pt row,
                        void *ctx);

/* Returns what the last failure was. */
const char *va_store_error(const va_store_t *store);

VA_END_DECLS

#endif
