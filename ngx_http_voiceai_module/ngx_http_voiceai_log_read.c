
/*
 * Reading the call log back: GET on the calls of the interface.
 *
 * One query of a worker runs at a time, on a thread with a connection of its
 * own; others wait in line.  A query does not know its request: when that goes
 * away the answer is dropped.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_log.h"

#include "../src/store/va_calls.h"
#include "../src/store/va_redact.h"
#include "../src/wire/va_json.h"


#define NGX_HTTP_VOICEAI_READ_WAITING  32     /* queries in line */
#define NGX_HTTP_VOICEAI_READ_TIME     10000  /* ms that one may take */
#define NGX_HTTP_VOICEAI_READ_SID      128


typedef enum {
    NGX_HTTP_VOICEAI_READ_LIST = 0,
    NGX_HTTP_VOICEAI_READ_CALL,
    NGX_HTTP_VOICEAI_READ_TEXT
} ngx_http_voiceai_read_e;


typedef struct {
    ngx_queue_t                  queue;
    ngx_http_request_t          *request;     /* NULL: it went away */
    ngx_http_voiceai_read_e      kind;
    va_form_t                   *form;        /* that the filter looks into */
    va_calls_filter_t            filter;
    va_buf_t                     masked[3];
    u_char                       sid[NGX_HTTP_VOICEAI_READ_SID];
    size_t                       sid_len;

    va_rc_t                      rc;
    va_buf_t                     out;
    char                         cursor[VA_CALLS_CURSOR];
    char                         error[256];
} ngx_http_voiceai_read_t;


typedef struct {
    va_store_t                  *store;
    ngx_http_voiceai_read_t     *job;
    struct timespec              begin;
} ngx_http_voiceai_reader_t;


static ngx_int_t ngx_http_voiceai_read_start(ngx_http_request_t *r,
    ngx_str_t *rest);
static ngx_int_t ngx_http_voiceai_read_query(ngx_http_request_t *r,
    ngx_http_voiceai_read_t *job, ngx_uint_t csv);
static void ngx_http_voiceai_read_next(void);
static void ngx_http_voiceai_read_run(void *data, ngx_log_t *log);
static void ngx_http_voiceai_read_done(ngx_event_t *ev);
static ngx_int_t ngx_http_voiceai_read_answer(ngx_http_request_t *r,
    ngx_http_voiceai_read_t *job);
static void ngx_http_voiceai_read_free(ngx_http_voiceai_read_t *job);
static void ngx_http_voiceai_read_cleanup(void *data);


/* jobs of this worker, the one that runs first; its next is NULL at first */
static ngx_queue_t                 ngx_http_voiceai_reads;
static ngx_uint_t                  ngx_http_voiceai_read_count;
static ngx_http_voiceai_reader_t   ngx_http_voiceai_reader;
static ngx_thread_task_t          *ngx_http_voiceai_read_task;


/* What follows the place of the interface: "", "CA...", "CA.../x.txt" */

static void
ngx_http_voiceai_read_rest(ngx_http_request_t *r, ngx_str_t *rest)
{
    size_t                     n;
    ngx_uint_t                 named;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* "voiceai on" and the pages have it at the root */

    named = (clcf->handler == ngx_http_voiceai_calls_handler);
    n = named ? clcf->name.len : sizeof("/calls") - 1;

#if (NGX_PCRE)
    if (named && clcf->regex) {

        /* its name is a pattern, so the last segment has to do */

        for (n = r->uri.len; n && r->uri.data[n - 1] != '/'; n--) {
            /* void */
        }
    }
#endif

    n = ngx_min(n, r->uri.len);

    rest->data = r->uri.data + n;
    rest->len = r->uri.len - n;

    while (rest->len && rest->data[0] == '/') {
        rest->data++;
        rest->len--;
    }
}


ngx_int_t
ngx_http_voiceai_log_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  rest;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        ngx_http_voiceai_read_rest(r, &rest);
        rc = ngx_http_voiceai_read_start(r, &rest);
    }

    return ngx_http_voiceai_answer(r, rc);
}


/* NGX_DONE: the answer comes when the query is done. */

static ngx_int_t
ngx_http_voiceai_read_start(ngx_http_request_t *r, ngx_str_t *rest)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_uint_t                csv;
    ngx_pool_cleanup_t       *cln;
    ngx_http_voiceai_read_t  *job;

    if (ngx_http_voiceai_log_conf() == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND,
                                       "no voiceai_call_log is configured");
    }

    if (ngx_http_voiceai_read_count >= NGX_HTTP_VOICEAI_READ_WAITING) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "too many queries are under way");
    }

    csv = (rest->len == 4 && ngx_strncmp(rest->data, ".csv", 4) == 0);
    p = ngx_strlchr(rest->data, rest->data + rest->len, '/');

    if (p && (rest->data + rest->len - p != sizeof("/transcript.txt") - 1
              || ngx_strncmp(p, "/transcript.txt",
                             sizeof("/transcript.txt") - 1)
                 != 0))
    {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND,
                                       "there is no such page of a call");
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    job = ngx_calloc(sizeof(ngx_http_voiceai_read_t), r->connection->log);
    if (job == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_buf_init(&job->out, VA_CALLS_OUT);

    rc = NGX_OK;

    if (rest->len == 0 || csv) {
        rc = ngx_http_voiceai_read_query(r, job, csv);

    } else {
        job->kind = p ? NGX_HTTP_VOICEAI_READ_TEXT
                      : NGX_HTTP_VOICEAI_READ_CALL;
        job->sid_len = p ? (size_t) (p - rest->data) : rest->len;

        if (job->sid_len > NGX_HTTP_VOICEAI_READ_SID) {
            rc = ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND,
                                         "no such call");

        } else {
            ngx_memcpy(job->sid, rest->data, job->sid_len);
        }
    }

    if (rc != NGX_OK) {
        ngx_http_voiceai_read_free(job);
        return rc;
    }

    cln->handler = ngx_http_voiceai_read_cleanup;
    cln->data = job;
    job->request = r;

    if (ngx_http_voiceai_reads.next == NULL) {
        ngx_queue_init(&ngx_http_voiceai_reads);
    }

    ngx_queue_insert_tail(&ngx_http_voiceai_reads, &job->queue);
    ngx_http_voiceai_read_count++;

    ngx_http_voiceai_read_next();

    if (ngx_http_voiceai_reader.job == NULL) {
        ngx_queue_remove(&job->queue);
        job->queue.next = NULL;
        ngx_http_voiceai_read_count--;

        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "the query could not be started");
    }

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


/* A number is looked for as it was stored. */

static void
ngx_http_voiceai_read_mask(va_str_t *number, va_buf_t *b)
{
    if (number->data == NULL) {
        return;
    }

    va_buf_init(b, 512);
    va_redact_address(b, *number);

    if (b->len) {
        *number = va_buf_view(b);
    }
}


static ngx_int_t
ngx_http_voiceai_read_query(ngx_http_request_t *r,
    ngx_http_voiceai_read_t *job, ngx_uint_t csv)
{
    va_rc_t      rc;
    const char  *wrong;

    if (r->args.len > 4096) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the query string is too long");
    }

    rc = va_form_parse(&job->form, ngx_http_voiceai_view(&r->args));

    if (rc == VA_NOMEM) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != VA_OK) {
        job->form = NULL;
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the query string is malformed");
    }

    wrong = va_calls_filter(&job->filter, job->form);

    if (wrong) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST, wrong);
    }

    if (csv) {
        job->filter.csv = 1;
    }

    if (ngx_http_voiceai_log_conf()->redact & VA_REDACT_PHONE) {
        ngx_http_voiceai_read_mask(&job->filter.from, &job->masked[0]);
        ngx_http_voiceai_read_mask(&job->filter.to, &job->masked[1]);
        ngx_http_voiceai_read_mask(&job->filter.number, &job->masked[2]);
    }

    return NGX_OK;
}


static bool
ngx_http_voiceai_read_wait(void *ctx)
{
    struct timespec             now;
    ngx_http_voiceai_reader_t  *reader = ctx;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return !ngx_terminate
           && (now.tv_sec - reader->begin.tv_sec) * 1000
              + (now.tv_nsec - reader->begin.tv_nsec) / 1000000
              < NGX_HTTP_VOICEAI_READ_TIME;
}


/* Starts the first job in line, unless one runs. */

static void
ngx_http_voiceai_read_next(void)
{
    ngx_queue_t                  *q;
    va_store_conf_t               conf;
    ngx_http_voiceai_read_t      *job;
    ngx_http_voiceai_reader_t    *reader;
    ngx_http_voiceai_log_conf_t  *log;

    reader = &ngx_http_voiceai_reader;
    log = ngx_http_voiceai_log_conf();

    if (reader->job || ngx_queue_empty(&ngx_http_voiceai_reads)) {
        return;
    }

    if (ngx_http_voiceai_read_task == NULL) {
        ngx_http_voiceai_read_task = ngx_thread_task_alloc(ngx_cycle->pool,
                                                           0);
    }

    if (reader->store == NULL) {
        ngx_memzero(&conf, sizeof(va_store_conf_t));
        conf.url = (const char *) log->url.data;
        conf.wait = ngx_http_voiceai_read_wait;
        conf.ctx = reader;

        reader->store = va_store_new(&conf);
    }

    q = ngx_queue_head(&ngx_http_voiceai_reads);
    job = ngx_queue_data(q, ngx_http_voiceai_read_t, queue);

    if (ngx_http_voiceai_read_task && reader->store) {
        reader->job = job;

        ngx_http_voiceai_read_task->ctx = reader;
        ngx_http_voiceai_read_task->handler = ngx_http_voiceai_read_run;
        ngx_http_voiceai_read_task->event.handler = ngx_http_voiceai_read_done;
        ngx_http_voiceai_read_task->event.log = ngx_cycle->log;

        if (ngx_thread_task_post(log->pool, ngx_http_voiceai_read_task)
            == NGX_OK)
        {
            return;
        }

        reader->job = NULL;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "voiceai: a query of the call log could not be started");
}


static void
ngx_http_voiceai_read_run(void *data, ngx_log_t *log)
{
    va_str_t                    sid;
    ngx_http_voiceai_read_t    *job;
    ngx_http_voiceai_reader_t  *reader = data;

    job = reader->job;
    sid.data = (char *) job->sid;
    sid.len = job->sid_len;

    (void) clock_gettime(CLOCK_MONOTONIC, &reader->begin);

    switch (job->kind) {

    case NGX_HTTP_VOICEAI_READ_LIST:
        job->rc = va_calls_list(reader->store, &job->filter, &job->out,
                                job->cursor);
        break;

    case NGX_HTTP_VOICEAI_READ_CALL:
        job->rc = va_calls_get(reader->store, sid, &job->out);
        break;

    default:
        job->rc = va_calls_transcript(reader->store, sid, &job->out);
        break;
    }

    if (job->rc == VA_FAILED) {
        va_str_copy(job->error, sizeof(job->error),
                    va_str(va_store_error(reader->store)));
    }
}


static void
ngx_http_voiceai_read_done(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_voiceai_read_t  *job;

    job = ngx_http_voiceai_reader.job;
    ngx_http_voiceai_reader.job = NULL;

    ngx_queue_remove(&job->queue);
    ngx_http_voiceai_read_count--;

    ngx_http_voiceai_read_next();

    if (job->rc == VA_FAILED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "voiceai: the call log could not be read: %s",
                      job->error);
    }

    r = job->request;

    if (r == NULL) {
        ngx_http_voiceai_read_free(job);
        return;
    }

    c = r->connection;
    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_voiceai_read_answer(r, job);

    /* before the request, whose end would take it for one that runs */

    job->request = NULL;
    job->queue.next = NULL;

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r, rc));
    ngx_http_run_posted_requests(c);
}


/* The next page, for those who read no JSON. */

static ngx_int_t
ngx_http_voiceai_read_link(ngx_http_request_t *r,
    ngx_http_voiceai_read_t *job)
{
    u_char     *p, *value;
    va_buf_t    b;
    size_t      i, n;
    ngx_int_t   rc;

    const va_form_pair_t  *pairs;

    if (job->kind != NGX_HTTP_VOICEAI_READ_LIST || job->cursor[0] == '\0') {
        return NGX_OK;
    }

    va_buf_init(&b, 16384);
    pairs = va_form_pairs(job->form, &n);

    for (i = 0; i < n; i++) {
        if (!va_str_eq(pairs[i].name, VA_STR("cursor"))) {
            va_form_add(&b, pairs[i].name, pairs[i].value);
        }
    }

    va_form_add(&b, VA_STR("cursor"), va_str(job->cursor));

    rc = NGX_ERROR;
    value = ngx_pnalloc(r->pool, r->uri.len + b.len + sizeof("<?>; rel=next"));

    /* a path that was decoded may not stand in a header as it is */

    if (value && b.rc == VA_OK) {
        p = value;
        *p++ = '<';
        p = ngx_cpymem(p, "?", 1);
        p = ngx_cpymem(p, b.data, b.len);
        p = ngx_cpymem(p, ">; rel=next", sizeof(">; rel=next") - 1);
        *p = '\0';

        rc = ngx_http_voiceai_add_header(r, "Link", (char *) value);
    }

    va_buf_free(&b);

    return rc;
}


static ngx_int_t
ngx_http_voiceai_read_answer(ngx_http_request_t *r,
    ngx_http_voiceai_read_t *job)
{
    ngx_str_t  *type;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  csv = ngx_string("text/csv; charset=utf-8");
    static ngx_str_t  text = ngx_string("text/plain; charset=utf-8");

    switch (job->rc) {

    case VA_OK:
        break;

    case VA_AGAIN:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND, "no such call");

    case VA_LIMIT:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                 "the answer is too large, ask for less");

    case VA_NOMEM:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "the call log cannot be read at present");
    }

    type = (job->kind == NGX_HTTP_VOICEAI_READ_TEXT) ? &text
           : job->filter.csv ? &csv
                             : &json;

    if (job->filter.csv
        && ngx_http_voiceai_add_header(r, "Content-Disposition",
                                       "attachment; filename=\"calls.csv\"")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_voiceai_read_link(r, job) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_send(r, NGX_HTTP_OK, type, &job->out);
}


static void
ngx_http_voiceai_read_free(ngx_http_voiceai_read_t *job)
{
    ngx_uint_t  i;

    for (i = 0; i < 3; i++) {
        va_buf_free(&job->masked[i]);
    }

    if (job->form) {
        va_form_free(job->form);
    }

    va_buf_free(&job->out);
    ngx_free(job);
}


/* The request is over; a job in line is dropped, one that runs runs on. */

static void
ngx_http_voiceai_read_cleanup(void *data)
{
    ngx_http_voiceai_read_t *job = data;

    if (job == ngx_http_voiceai_reader.job) {
        job->request = NULL;
        return;
    }

    if (job->queue.next) {
        ngx_queue_remove(&job->queue);
        ngx_http_voiceai_read_count--;
    }

    ngx_http_voiceai_read_free(job);
}


/* The threads have ended, and no request is served any more. */

void
ngx_http_voiceai_log_read_exit(void)
{
    if (ngx_http_voiceai_reader.job
        && ngx_http_voiceai_reader.job->request == NULL)
    {
        ngx_http_voiceai_read_free(ngx_http_voiceai_reader.job);
    }

    va_store_free(ngx_http_voiceai_reader.store);
    ngx_http_voiceai_reader.store = NULL;
}
