#include "va_store_backend.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VA_PG_COLUMNS 32
#define VA_PG_LOOK_MS 20 /* between looks at the clock */
/* of the advisory lock under which schemas are changed; any number */
#define VA_PG_LOCK "7305804401943970884"

typedef struct {
    PGconn *db;
    va_store_conf_t conf;
    char error[256];
} va_pg_t;

/* What libpq sends for a value; numbers are printed into text. */
typedef struct {
    const char *values[VA_STORE_ARGS];
    char *copies[VA_STORE_ARGS];
    char numbers[VA_STORE_ARGS][32];
} va_pg_args_t;

static va_rc_t va_pg_fail(va_pg_t *p, const char *text)
{
    snprintf(p->error, sizeof(p->error), "%s", text);
    return VA_FAILED;
}

static va_rc_t va_pg_broken(va_pg_t *p)
{
    return va_pg_fail(p, PQerrorMessage(p->db));
}

/* Waits until the socket is ready; false: given up. */
static bool va_pg_wait(va_pg_t *p, short events)
{
    struct pollfd fd = {.fd = PQsocket(p->db), .events = events};
    int n;

    do {
        n = poll(&fd, 1, VA_PG_LOOK_MS);
        if (n == -1 && errno != EINTR) {
            va_pg_fail(p, strerror(errno));
            return false;
        }
        if (p->conf.wait != NULL && !p->conf.wait(p->conf.ctx)) {
            va_pg_fail(p, "the database did not answer in time");
            return false;
        }
    } while (n <= 0);
    return true;
}

static void va_pg_quiet(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

static va_rc_t va_pg_open(void **handle, const va_store_conf_t *conf)
{
    const char *names[] = {"dbname", "fallback_application_name",
                           "client_encoding", NULL};
    const char *values[] = {conf->url, "voiceai", "UTF8", NULL};
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    va_pg_t *p = calloc(1, sizeof(*p));

    *handle = p;
    if (p == NULL) {
        return VA_NOMEM;
    }
    p->conf = *conf;
    p->db = PQconnectStartParams(names, values, 1);
    if (p->db == NULL) {
        return VA_NOMEM;
    }
    PQsetNoticeProcessor(p->db, va_pg_quiet, NULL);
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED ||
            PQstatus(p->db) == CONNECTION_BAD) {
            return va_pg_broken(p);
        }
        if (!va_pg_wait(p, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)) {
            return VA_FAILED;
        }
        state = PQconnectPoll(p->db);
    }
    return PQsetnonblocking(p->db, 1) == 0 ? VA_OK : va_pg_broken(p);
}

static void va_pg_close(void *handle)
{
    va_pg_t *p = handle;

    PQfinish(p->db);
    free(p);
}

/* What a result says; what is wrong with the data stays with the data. */
static va_rc_t va_pg_rc(va_pg_t *p, PGresult *res)
{
    const char *state;

    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_SYNC:
        return VA_OK;
    default:
        break;
    }
    va_pg_fail(p, PQresultErrorMessage(res));
    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (state != NULL &&
        (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
         strncmp(state, "54", 2) == 0)) {
        return VA_INVALID;
    }
    return VA_FAILED;
}

/* Sends what waits and reads until a result is there. */
static va_rc_t va_pg_settle(va_pg_t *p)
{
    int left = PQflush(p->db);

    while (left >= 0 && (left > 0 || PQisBusy(p->db))) {
        if (!va_pg_wait(p, left > 0 ? POLLIN | POLLOUT : POLLIN)) {
            return VA_FAILED;
        }
        if (PQconsumeInput(p->db) != 1) {
            return va_pg_broken(p);
        }
        left = PQflush(p->db);
    }
    return left < 0 ? va_pg_broken(p) : VA_OK;
}

/* Reads the results of what was sent; rows go to row. */
static va_rc_t va_pg_results(va_pg_t *p, va_store_row_pt row, void *ctx)
{
    va_str_t columns[VA_PG_COLUMNS];
    va_rc_t rc = VA_OK, one;
    PGresult *res;
    int count;

    for (;;) {
        one = va_pg_settle(p);
        if (one != VA_OK) {
            return one;
        }
        res = PQgetResult(p->db);
        if (res == NULL) {
            return rc;
        }
        one = va_pg_rc(p, res);
        rc = rc == VA_OK ? one : rc;
        count = PQnfields(res);
        for (int i = 0; row != NULL && i < PQntuples(res); i++) {
            for (int k = 0; k < count && k < VA_PG_COLUMNS; k++) {
                bool null = PQgetisnull(res, i, k);

                columns[k].data = null ? NULL : PQgetvalue(res, i, k);
                columns[k].len = (size_t)PQgetlength(res, i, k);
            }
            if (!row(ctx, columns, (size_t)count)) {
                row = NULL;
            }
        }
        PQclear(res);
    }
}

static va_rc_t va_pg_script(void *handle, const char *sql)
{
    va_pg_t *p = handle;

    return PQsendQuery(p->db, sql) ? va_pg_results(p, NULL, NULL)
                                   : va_pg_broken(p);
}

static va_rc_t va_pg_lock(void *handle)
{
    return va_pg_script(handle,
                        "BEGIN; SELECT pg_advisory_xact_lock(" VA_PG_LOCK ");");
}

static void va_pg_args_free(va_pg_args_t *a)
{
    for (size_t i = 0; i < VA_STORE_ARGS; i++) {
        free(a->copies[i]);
    }
}

static va_rc_t va_pg_args(va_pg_args_t *a, const va_value_t *args, size_t n)
{
    memset(a, 0, sizeof(*a));
    for (size_t i = 0; i < n && i < VA_STORE_ARGS; i++) {
        if (!args[i].known) {
            continue;
        }
        a->values[i] = a->numbers[i];
        if (args[i].kind == VA_FIELD_INT) {
            snprintf(a->numbers[i], sizeof(a->numbers[i]), "%lld",
                     (long long)args[i].num);
        } else if (args[i].kind == VA_FIELD_REAL) {
            snprintf(a->numbers[i], sizeof(a->numbers[i]), "%.6f",
                     args[i].real);
        } else {
            a->copies[i] = va_str_dup(args[i].str);
            a->values[i] = a->copies[i];
            if (a->copies[i] == NULL) {
                va_pg_args_free(a);
                return VA_NOMEM;
            }
        }
    }
    return VA_OK;
}

/* Everything up to the next synchronisation is one transaction. */
static va_rc_t va_pg_begin(void *handle)
{
    va_pg_t *p = handle;

    return PQenterPipelineMode(p->db) == 1 ? VA_OK : va_pg_broken(p);
}

static va_rc_t va_pg_run(void *handle, unsigned statement,
                         const va_value_t *args, size_t n)
{
    va_pg_t *p = handle;
    va_pg_args_t a;
    char name[16];
    va_rc_t rc = va_pg_args(&a, args, n);

    if (rc != VA_OK) {
        return rc;
    }
    snprintf(name, sizeof(name), "va%u", statement);
    if (!PQsendQueryPrepared(p->db, name, (int)n, a.values, NULL, NULL, 0)) {
        rc = va_pg_broken(p);
    }
    va_pg_args_free(&a);
    return rc;
}

/* Reads up to the synchronisation; between statements there is a NULL. */
static va_rc_t va_pg_pipeline(va_pg_t *p)
{
    ExecStatusType status = PGRES_EMPTY_QUERY;
    va_rc_t rc = VA_OK, one;
    PGresult *res;

    while (status != PGRES_PIPELINE_SYNC) {
        one = va_pg_settle(p);
        if (one != VA_OK) {
            return one;
        }
        res = PQgetResult(p->db);
        if (res == NULL) {
            if (PQstatus(p->db) == CONNECTION_BAD) {
                return va_pg_broken(p);
            }
            continue;
        }
        status = PQresultStatus(res);
        /* the first one tells why the others were left out */
        if (rc == VA_OK) {
            rc = va_pg_rc(p, res);
        }
        PQclear(res);
    }
    return rc;
}

static va_rc_t va_pg_commit(void *handle)
{
    va_pg_t *p = handle;
    va_rc_t rc;

    if (PQpipelineSync(p->db) != 1) {
        return va_pg_broken(p);
    }
    rc = va_pg_pipeline(p);
    if (PQexitPipelineMode(p->db) != 1 && rc == VA_OK) {
        rc = va_pg_broken(p);
    }
    return rc;
}

static va_rc_t va_pg_prepare(void *handle, const va_statement_t *statements)
{
    va_pg_t *p = handle;
    va_rc_t rc = VA_OK;
    char name[16];

    for (unsigned i = 0; i < VA_STORE_STATEMENTS && rc == VA_OK; i++) {
        if (statements[i].sql == NULL) {
            continue;
        }
        snprintf(name, sizeof(name), "va%u", i);
        rc = PQsendPrepare(p->db, name, statements[i].sql, 0, NULL)
                 ? va_pg_results(p, NULL, NULL)
                 : va_pg_broken(p);
    }
    return rc;
}

static va_rc_t va_pg_select(void *handle, const char *sql,
                            const va_value_t *args, size_t n,
                            va_store_row_pt row, void *ctx)
{
    va_pg_t *p = handle;
    va_pg_args_t a;
    va_rc_t rc = va_pg_args(&a, args, n);

    if (rc != VA_OK) {
        return rc;
    }
    rc = PQsendQueryParams(p->db, sql, (int)n, NULL, a.values, NULL, NULL, 0)
             ? va_pg_results(p, row, ctx)
             : va_pg_broken(p);
    va_pg_args_free(&a);
    return rc;
}

static const char *va_pg_error(void *handle)
{
    return ((va_pg_t *)handle)->error;
}

const va_backend_t va_backend_pg = {
    .open = va_pg_open,
    .close = va_pg_close,
    .script = va_pg_script,
    .lock = va_pg_lock,
    .begin = va_pg_begin,
    .run = va_pg_run,
    .commit = va_pg_commit,
    .select = va_pg_select,
    .prepare = va_pg_prepare,
    .error = va_pg_error,
};
