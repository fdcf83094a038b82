/*
 * What a database has to be able to do.  Inside store/ only.
 */
#ifndef VA_STORE_BACKEND_H
#define VA_STORE_BACKEND_H

#include "va_store.h"

#define VA_STORE_ARGS 24
#define VA_STORE_STATEMENTS 8

typedef struct {
    const char *sql;
    uint8_t tags[VA_STORE_ARGS]; /* va_tag_t of $1, $2...; VA_TAG_END ends */
} va_statement_t;

typedef struct {
    /* Connects; the handle is set even if it fails. */
    va_rc_t (*open)(void **handle, const va_store_conf_t *conf);
    void (*close)(void *handle);

    /* Runs statements without results, outside or inside of a transaction. */
    va_rc_t (*script)(void *handle, const char *sql);

    /* Makes a transaction that no other process can be in, for migrations. */
    va_rc_t (*lock)(void *handle);

    /* A batch: statements by number, all of them or none. */
    va_rc_t (*begin)(void *handle);
    va_rc_t (*run)(void *handle, unsigned statement, const va_value_t *args,
                   size_t n);
    va_rc_t (*commit)(void *handle);

    va_rc_t (*select)(void *handle, const char *sql, const va_value_t *args,
                      size_t n, va_store_row_pt row, void *ctx);

    /* Prepares the statements, when the schema stands. */
    va_rc_t (*prepare)(void *handle, const va_statement_t *statements);

    const char *(*error)(void *handle);
} va_backend_t;

VA_BEGIN_DECLS

extern const va_backend_t va_backend_sqlite;
extern const va_backend_t va_backend_pg;

/* The statements of the call log, VA_STORE_STATEMENTS at most. */
extern const va_statement_t va_store_statements[];

/* Steps from one version of the schema to the next; [0] is from none to 1. */
extern const char *const va_store_steps[VA_STORE_VERSION];

VA_END_DECLS

#endif
