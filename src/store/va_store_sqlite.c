#include "va_store_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VA_SQLITE_COLUMNS 32
#define VA_SQLITE_BUSY_MS 10
#define VA_SQLITE_STEPS 20000 /* of its machine, between looks at the clock */

typedef struct {
    sqlite3 *db;
    sqlite3_stmt *statements[VA_STORE_STATEMENTS];
    va_store_conf_t conf;
    bool failed; /* in the transaction */
    char error[256];
} va_sqlite_t;

static va_rc_t va_sqlite_rc(va_sqlite_t *s, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return VA_OK;
    case SQLITE_NOMEM:
        return VA_NOMEM;
    default:
        snprintf(s->error, sizeof(s->error), "%s",
                 s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
        break;
    }
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        return VA_INVALID;
    default:
        return VA_FAILED;
    }
}

static int va_sqlite_busy(void *ctx, int count)
{
    va_sqlite_t *s = ctx;

    (void)count;
    (void)poll(NULL, 0, VA_SQLITE_BUSY_MS);
    return s->conf.wait == NULL || s->conf.wait(s->conf.ctx);
}

static int va_sqlite_progress(void *ctx)
{
    va_sqlite_t *s = ctx;

    return s->conf.wait != NULL && !s->conf.wait(s->conf.ctx);
}

static va_rc_t va_sqlite_script(void *handle, const char *sql)
{
    va_sqlite_t *s = handle;

    return va_sqlite_rc(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static va_rc_t va_sqlite_open(void **handle, const va_store_conf_t *conf)
{
    va_sqlite_t *s = calloc(1, sizeof(*s));
    const char *path = conf->url + 7;
    int fd, rc;

    *handle = s;
    if (s == NULL) {
        return VA_NOMEM;
    }
    s->conf = *conf;
    /* what people said is not for everybody's eyes; the files that SQLite puts
     * beside it get the same mode */
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd == -1) {
        snprintf(s->error, sizeof(s->error), "%s: %s", path, strerror(errno));
        return VA_FAILED;
    }
    close(fd);
    rc = sqlite3_open_v2(path, &s->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return va_sqlite_rc(s, rc);
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_handler(s->db, va_sqlite_busy, s);
    sqlite3_progress_handler(s->db, VA_SQLITE_STEPS, va_sqlite_progress, s);
    return va_sqlite_script(s, "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;");
}

static void va_sqlite_close(void *handle)
{
    va_sqlite_t *s = handle;

    for (size_t i = 0; i < VA_STORE_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
    }
    /* a checkpoint at the end waits for nobody */
    if (s->db != NULL) {
        sqlite3_busy_handler(s->db, NULL, NULL);
        sqlite3_progress_handler(s->db, 0, NULL, NULL);
        sqlite3_close(s->db);
    }
    free(s);
}

/* The file may have been moved away, or another put in its place. */
static bool va_sqlite_moved(va_sqlite_t *s)
{
    int moved = 0;

    return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED,
                                &moved) == SQLITE_OK &&
           moved != 0;
}

static va_rc_t va_sqlite_begin(void *handle)
{
    va_sqlite_t *s = handle;

    if (va_sqlite_moved(s)) {
        snprintf(s->error, sizeof(s->error), "the file was taken away");
        return VA_FAILED;
    }
    s->failed = va_sqlite_script(s, "BEGIN IMMEDIATE;") != VA_OK;
    return s->failed ? VA_FAILED : VA_OK;
}

static va_rc_t va_sqlite_prepare(void *handle, const va_statement_t *statements)
{
    va_sqlite_t *s = handle;
    va_rc_t rc = VA_OK;

    for (size_t i = 0; i < VA_STORE_STATEMENTS && rc == VA_OK; i++) {
        if (statements[i].sql != NULL) {
            rc =
                va_sqlite_rc(s, sqlite3_prepare_v3(s->db, statements[i].sql, -1,
                                                   SQLITE_PREPARE_PERSISTENT,
                                                   &s->statements[i], NULL));
        }
    }
    return rc;
}

static int va_sqlite_bind_one(sqlite3_stmt *stmt, size_t i, const va_value_t *v)
{
    char name[24];
    int at;

    snprintf(name, sizeof(name), "$%zu", i + 1);
    at = sqlite3_bind_parameter_index(stmt, name);
    if (at == 0 || !v->known) {
        return at == 0 ? SQLITE_OK : sqlite3_bind_null(stmt, at);
    }
    switch (v->kind) {
    case VA_FIELD_INT:
        return sqlite3_bind_int64(stmt, at, v->num);
    case VA_FIELD_REAL:
        return sqlite3_bind_double(stmt, at, v->real);
    default:
        return sqlite3_bind_text64(stmt, at, v->str.data, v->str.len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
}

static int va_sqlite_bind(sqlite3_stmt *stmt, const va_value_t *args, size_t n)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        rc = va_sqlite_bind_one(stmt, i, &args[i]);
    }
    return rc;
}

static va_rc_t va_sqlite_run(void *handle, unsigned statement,
                             const va_value_t *args, size_t n)
{
    va_sqlite_t *s = handle;
    sqlite3_stmt *stmt = s->statements[statement];
    int rc = va_sqlite_bind(stmt, args, n);
    va_rc_t done;

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    done = va_sqlite_rc(s, rc);
    s->failed = s->failed || done != VA_OK;
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return done;
}

/* Ends the transaction; one in which something failed is undone. */
static va_rc_t va_sqlite_commit(void *handle)
{
    va_sqlite_t *s = handle;
    va_rc_t rc = VA_FAILED;

    if (!s->failed) {
        rc = va_sqlite_script(s, "COMMIT;");
    }
    if (!sqlite3_get_autocommit(s->db)) {
        (void)sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
    }
    return rc;
}

static va_rc_t va_sqlite_lock(void *handle)
{
    return va_sqlite_script(handle, "BEGIN IMMEDIATE;");
}

static va_rc_t va_sqlite_select(void *handle, const char *sql,
                                const va_value_t *args, size_t n,
                                va_store_row_pt row, void *ctx)
{
    va_sqlite_t *s = handle;
    va_str_t columns[VA_SQLITE_COLUMNS];
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), count;
    va_rc_t done;

    if (rc == SQLITE_OK) {
        rc = va_sqlite_bind(stmt, args, n);
    }
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW) {
            break;
        }
        count = sqlite3_column_count(stmt);
        for (int i = 0; i < count && i < VA_SQLITE_COLUMNS; i++) {
            columns[i].data = (const char *)sqlite3_column_text(stmt, i);
            columns[i].len = (size_t)sqlite3_column_bytes(stmt, i);
        }
        if (!row(ctx, columns, (size_t)count)) {
            break;
        }
    }
    done = va_sqlite_rc(s, rc);
    sqlite3_finalize(stmt);
    return done;
}

static const char *va_sqlite_error(void *handle)
{
    return ((va_sqlite_t *)handle)->error;
}

const va_backend_t va_backend_sqlite = {
    .open = va_sqlite_open,
    .close = va_sqlite_close,
    .script = va_sqlite_script,
    .lock = va_sqlite_lock,
    .begin = va_sqlite_begin,
    .run = va_sqlite_run,
    .commit = va_sqlite_commit,
    .select = va_sqlite_select,
    .prepare = va_sqlite_prepare,
    .error = va_sqlite_error,
};
