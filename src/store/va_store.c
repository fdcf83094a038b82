#include "va_store.h"

#include "va_store_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct va_store {
    char *url;
    va_store_conf_t conf;
    const va_backend_t *backend;
    void *handle; /* NULL: closed */
    char error[256];
};

static bool va_starts(va_str_t s, const char *with)
{
    size_t n = strlen(with);

    return s.len >= n && memcmp(s.data, with, n) == 0;
}

bool va_store_url(va_str_t url, const char **why)
{
    if (va_starts(url, "sqlite:")) {
        *why = "the path is missing after \"sqlite:\"";
        return url.len > 7;
    }
    *why = "it is neither sqlite:PATH nor postgresql://...";
    return va_starts(url, "postgresql://") || va_starts(url, "postgres://");
}

void va_store_name(const char *url, char *name, size_t cap)
{
    const char *at, *from, *end;

    if (va_starts(va_str(url), "sqlite:")) {
        va_str_copy(name, cap, va_str(url));
        return;
    }
    /* a password can stand before the last @ or among the parameters */
    from = strstr(url, "://");
    from = from != NULL ? from + 3 : url;
    end = from + strcspn(from, "?");
    for (at = end; at > from && *at != '@'; at--) {
    }
    if (*at == '@') {
        from = at + 1;
    }
    snprintf(name, cap, "postgresql://%.*s", (int)(end - from), from);
}

va_store_t *va_store_new(const va_store_conf_t *conf)
{
    va_store_t *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return NULL;
    }
    store->conf = *conf;
    store->url = va_str_dup(va_str(conf->url));
    if (store->url == NULL) {
        free(store);
        return NULL;
    }
    store->conf.url = store->url;
    store->backend = va_starts(va_str(store->url), "sqlite:")
                         ? &va_backend_sqlite
                         : &va_backend_pg;
    return store;
}

void va_store_close(va_store_t *store)
{
    if (store->handle != NULL) {
        store->backend->close(store->handle);
        store->handle = NULL;
    }
}

void va_store_free(va_store_t *store)
{
    if (store != NULL) {
        va_store_close(store);
        free(store->url);
        free(store);
    }
}

const char *va_store_error(const va_store_t *store)
{
    return store->error;
}

/* Keeps the first line of what the database says. */
static va_rc_t va_store_result(va_store_t *store, va_rc_t rc)
{
    const char *text;

    if (rc != VA_OK) {
        text = store->handle != NULL ? store->backend->error(store->handle)
                                     : "no memory";
        snprintf(store->error, sizeof(store->error), "%.*s",
                 (int)strcspn(text, "\r\n"), text);
        if (rc != VA_INVALID) {
            va_store_close(store);
        }
    }
    return rc;
}

static bool va_store_number(void *ctx, const va_str_t *columns, size_t n)
{
    if (n == 1 && columns[0].data != NULL) {
        *(long *)ctx = strtol(columns[0].data, NULL, 10);
    }
    return true;
}

static va_rc_t va_store_migrate(va_store_t *store, long *version)
{
    const va_backend_t *b = store->backend;
    char sql[96];
    va_rc_t rc;

    rc = b->script(store->handle, "CREATE TABLE IF NOT EXISTS voiceai_schema"
                                  " (version INTEGER NOT NULL);");
    if (rc == VA_OK) {
        rc = b->select(store->handle,
                       "SELECT COALESCE(max(version), 0) FROM voiceai_schema",
                       NULL, 0, va_store_number, version);
    }
    if (rc != VA_OK || *version >= VA_STORE_VERSION) {
        return rc;
    }
    while (rc == VA_OK && *version < VA_STORE_VERSION) {
        rc = b->script(store->handle, va_store_steps[*version]);
        (*version)++;
    }
    if (rc == VA_OK) {
        snprintf(sql, sizeof(sql),
                 "DELETE FROM voiceai_schema;"
                 "INSERT INTO voiceai_schema (version) VALUES (%ld);",
                 *version);
        rc = b->script(store->handle, sql);
    }
    return rc;
}

va_rc_t va_store_open(va_store_t *store)
{
    const va_backend_t *b = store->backend;
    long version = 0;
    va_rc_t rc;

    if (store->handle != NULL) {
        return VA_OK;
    }
    rc = b->open(&store->handle, &store->conf);
    if (rc == VA_OK) {
        rc = b->lock(store->handle);
    }
    if (rc == VA_OK) {
        rc = va_store_migrate(store, &version);
    }
    if (rc == VA_OK) {
        rc = b->script(store->handle, "COMMIT;");
    }
    if (rc == VA_OK && version > VA_STORE_VERSION) {
        va_store_close(store);
        snprintf(store->error, sizeof(store->error),
                 "the schema is of version %ld, this program knows %d", version,
                 VA_STORE_VERSION);
        return VA_FAILED;
    }
    if (rc == VA_OK) {
        rc = b->prepare(store->handle, va_store_statements);
    }
    rc = va_store_result(store, rc);
    if (rc == VA_INVALID) {
        va_store_close(store);
        rc = VA_FAILED;
    }
    return rc;
}

static va_rc_t va_store_run(va_store_t *store, const va_record_t *rec,
                            unsigned number)
{
    const va_statement_t *s = &va_store_statements[number];
    va_value_t args[VA_STORE_ARGS];
    size_t n = 0;

    while (s->tags[n] != VA_TAG_END) {
        args[n] = va_record_value(rec, (va_tag_t)s->tags[n]);
        n++;
    }
    return store->backend->run(store->handle, number, args, n);
}

static va_rc_t va_store_record(va_store_t *store, va_record_t *rec)
{
    va_rc_t rc;

    if (rec->type == VA_RECORD_CALL) {
        rec->started = rec->started == VA_RECORD_NONE ? rec->at : rec->started;
        rec->failed = rec->failed == 1;
    }
    if (rec->type == VA_RECORD_TURN) {
        rec->interrupted = rec->interrupted == 1;
    }
    rc = va_store_run(store, rec, (unsigned)rec->type);
    if (rc == VA_OK && rec->type == VA_RECORD_TURN) {
        rc = va_store_run(store, rec, VA_RECORD_RECORDING + 1);
    }
    return rc;
}

va_rc_t va_store_write(va_store_t *store, va_str_t frames)
{
    va_rc_t rc = va_store_open(store), done;
    va_record_t rec;
    va_str_t payload;
    size_t size;

    if (rc != VA_OK) {
        return rc;
    }
    rc = store->backend->begin(store->handle);
    while (rc == VA_OK && frames.len != 0) {
        done = va_record_frame(frames, &size, &payload);
        /* what is no record here is none anywhere */
        if (done == VA_OK && va_record_read(&rec, payload) == VA_OK) {
            rc = va_store_record(store, &rec);
        }
        frames.data += size;
        frames.len -= size;
    }
    /* what failed otherwise is undone by closing the connection */
    if (rc == VA_OK) {
        rc = store->backend->commit(store->handle);
    } else if (rc == VA_INVALID) {
        (void)store->backend->commit(store->handle);
    }
    return va_store_result(store, rc);
}

va_rc_t va_store_delete(va_store_t *store, int64_t before, unsigned max,
                        unsigned *count)
{
    static const char *const tables[] = {"turns", "events", "recordings",
                                         "calls"};
    char old[160], sql[256];
    long n = 0;
    va_rc_t rc = va_store_open(store);

    *count = 0;
    if (rc != VA_OK) {
        return rc;
    }
    snprintf(old, sizeof(old),
             "(SELECT call_sid FROM calls WHERE started_at < %lld"
             " ORDER BY started_at, call_sid LIMIT %u)",
             (long long)before, max);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s AS old", old);
    rc = store->backend->select(store->handle, sql, NULL, 0, va_store_number,
                                &n);
    if (rc == VA_OK && n != 0) {
        rc = store->backend->script(store->handle, "BEGIN;");
        for (size_t i = 0; i < 4 && rc == VA_OK; i++) {
            snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE call_sid IN %s;",
                     tables[i], old);
            rc = store->backend->script(store->handle, sql);
        }
        if (rc == VA_OK) {
            rc = store->backend->script(store->handle, "COMMIT;");
        }
    }
    *count = rc == VA_OK ? (unsigned)n : 0;
    rc = va_store_result(store, rc == VA_INVALID ? VA_FAILED : rc);
    return rc;
}

va_rc_t va_store_select(va_store_t *store, const char *sql,
                        const va_value_t *args, size_t n, va_store_row_pt row,
                        void *ctx)
{
    va_rc_t rc = va_store_open(store);

    if (rc == VA_OK) {
        rc = va_store_result(store, store->backend->select(store->handle, sql,
                                                           args, n, row, ctx));
    }
    return rc;
}
