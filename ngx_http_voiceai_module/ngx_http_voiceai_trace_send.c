
/*
 * Spans on their way to the collector: a queue in the heap of the worker, and
 * one request at a time.  Nobody waits for it, and what finds no room is
 * counted and forgotten.
 */


#include "ngx_http_voiceai_trace.h"
#include "ngx_http_voiceai_module.h"

#include "../src/wire/va_json.h"


/* bytes that wait, and that are sent without more delay */
#define NGX_HTTP_VOICEAI_TRACE_WAITING  (1024 * 1024)
#define NGX_HTTP_VOICEAI_TRACE_ENOUGH   (128 * 1024)
/* how long spans wait for others, ms */
#define NGX_HTTP_VOICEAI_TRACE_DELAY    1000
/* between tries for a batch, doubled each time, and how many of them */
#define NGX_HTTP_VOICEAI_TRACE_PAUSE    2000
#define NGX_HTTP_VOICEAI_TRACE_TRIES    5
#define NGX_HTTP_VOICEAI_TRACE_ANSWER   4096


static void ngx_http_voiceai_trace_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_voiceai_trace_result(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *res);
static void ngx_http_voiceai_trace_failed(ngx_http_voiceai_result_t *res);


/* of the cycle that runs */
static ngx_http_voiceai_trace_conf_t  *ngx_http_voiceai_trace_used;
static ngx_thread_pool_t              *ngx_http_voiceai_trace_pool;

static va_buf_t                        ngx_http_voiceai_trace_waiting;
static ngx_uint_t                      ngx_http_voiceai_trace_n;
static va_buf_t                        ngx_http_voiceai_trace_batch;
static ngx_uint_t                      ngx_http_voiceai_trace_batch_n;
static va_buf_t                        ngx_http_voiceai_trace_answer;
static ngx_http_voiceai_job_t         *ngx_http_voiceai_trace_job;
static ngx_event_t                     ngx_http_voiceai_trace_event;
static ngx_connection_t                ngx_http_voiceai_trace_dummy;
static ngx_uint_t                      ngx_http_voiceai_trace_tries;
static uint64_t                        ngx_http_voiceai_trace_lost;
static ngx_uint_t                      ngx_http_voiceai_trace_away;


ngx_int_t
ngx_http_voiceai_trace_init(ngx_cycle_t *cycle, ngx_thread_pool_t *pool,
    ngx_http_voiceai_trace_conf_t *conf)
{
    ngx_event_t  *ev;

    if (conf == NULL) {
        return NGX_OK;
    }

    va_buf_init(&ngx_http_voiceai_trace_waiting,
                NGX_HTTP_VOICEAI_TRACE_WAITING);
    va_buf_init(&ngx_http_voiceai_trace_batch,
                NGX_HTTP_VOICEAI_TRACE_WAITING + 4096);
    va_buf_init(&ngx_http_voiceai_trace_answer,
                NGX_HTTP_VOICEAI_TRACE_ANSWER);

    /* timers of a debug build print the descriptor of what data points to */

    ngx_http_voiceai_trace_dummy.fd = (ngx_socket_t) -1;

    ev = &ngx_http_voiceai_trace_event;
    ev->handler = ngx_http_voiceai_trace_timer;
    ev->data = &ngx_http_voiceai_trace_dummy;
    ev->log = cycle->log;

    ngx_http_voiceai_trace_pool = pool;
    ngx_http_voiceai_trace_used = conf;

    return NGX_OK;
}


void
ngx_http_voiceai_trace_exit(void)
{
    if (ngx_http_voiceai_trace_used == NULL) {
        return;
    }

    ngx_http_voiceai_trace_used = NULL;

    if (ngx_http_voiceai_trace_job) {
        ngx_http_voiceai_job_cancel(ngx_http_voiceai_trace_job);
        ngx_http_voiceai_trace_job = NULL;
    }

    if (ngx_http_voiceai_trace_event.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_trace_event);
    }

    va_buf_free(&ngx_http_voiceai_trace_waiting);
    va_buf_free(&ngx_http_voiceai_trace_batch);
    va_buf_free(&ngx_http_voiceai_trace_answer);
}


ngx_http_voiceai_trace_conf_t *
ngx_http_voiceai_trace_conf(void)
{
    return ngx_http_voiceai_trace_used;
}


/*
 * The timer is set while something waits or is under way, and so a worker
 * that was told to quit stays until it is sent, or cannot be.
 */

static void
ngx_http_voiceai_trace_wait(ngx_msec_t delay)
{
    ngx_event_t  *ev;

    ev = &ngx_http_voiceai_trace_event;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, delay);
}


void
ngx_http_voiceai_trace_push(const va_span_t *span)
{
    if (ngx_http_voiceai_trace_used == NULL) {
        return;
    }

    if (va_span_write(&ngx_http_voiceai_trace_waiting, span) != VA_OK) {
        ngx_http_voiceai_trace_lost++;
        return;
    }

    ngx_http_voiceai_trace_n++;

    if (ngx_http_voiceai_trace_job || ngx_http_voiceai_trace_batch.len) {
        return;
    }

    if (ngx_http_voiceai_trace_waiting.len >= NGX_HTTP_VOICEAI_TRACE_ENOUGH) {
        ngx_http_voiceai_trace_wait(1);

    } else if (!ngx_http_voiceai_trace_event.timer_set) {
        ngx_http_voiceai_trace_wait(NGX_HTTP_VOICEAI_TRACE_DELAY);
    }
}


static void
ngx_http_voiceai_trace_forget(void)
{
    ngx_http_voiceai_trace_lost += ngx_http_voiceai_trace_batch_n;
    ngx_http_voiceai_trace_batch_n = 0;
    ngx_http_voiceai_trace_tries = 0;
    va_buf_reset(&ngx_http_voiceai_trace_batch);
}


/* What waits becomes the next batch. */

static void
ngx_http_voiceai_trace_pack(void)
{
    va_str_t  host, service;

    host.data = (char *) ngx_cycle->hostname.data;
    host.len = ngx_cycle->hostname.len;
    service = ngx_http_voiceai_view(&ngx_http_voiceai_trace_used->service);

    va_buf_reset(&ngx_http_voiceai_trace_batch);
    (void) va_span_request(&ngx_http_voiceai_trace_batch, service, host,
                           (long) ngx_pid,
                           va_buf_view(&ngx_http_voiceai_trace_waiting));

    ngx_http_voiceai_trace_batch_n = ngx_http_voiceai_trace_n;
    ngx_http_voiceai_trace_n = 0;
    ngx_http_voiceai_trace_tries = 0;

    /* a quiet worker keeps no megabyte */

    va_buf_free(&ngx_http_voiceai_trace_waiting);

    if (ngx_http_voiceai_trace_batch.rc != VA_OK) {
        ngx_http_voiceai_trace_forget();
    }
}


static void
ngx_http_voiceai_trace_timer(ngx_event_t *ev)
{
    va_ai_input_t  input;

    if (ngx_http_voiceai_trace_job) {

        /* stays set, for the sake of a worker that is to go */

        ngx_http_voiceai_trace_wait(NGX_HTTP_VOICEAI_TRACE_DELAY);
        return;
    }

    if (ngx_http_voiceai_trace_batch.len == 0) {

        if (ngx_http_voiceai_trace_waiting.len == 0) {
            return;
        }

        ngx_http_voiceai_trace_pack();
    }

    ngx_memzero(&input, sizeof(va_ai_input_t));
    input.stage = VA_AI_REST;
    input.text = va_buf_view(&ngx_http_voiceai_trace_batch);

    va_buf_reset(&ngx_http_voiceai_trace_answer);

    ngx_http_voiceai_trace_job = ngx_http_voiceai_job_start(
                                        ngx_http_voiceai_trace_pool,
                                        &ngx_http_voiceai_trace_used->provider,
                                        &input, ngx_http_voiceai_trace_result,
                                        NULL, ngx_cycle->log);

    if (ngx_http_voiceai_trace_job == NULL) {
        ngx_http_voiceai_trace_forget();
    }

    ngx_http_voiceai_trace_wait(NGX_HTTP_VOICEAI_TRACE_DELAY);
}


/* Spans that the collector did not want, by its own words. */

static void
ngx_http_voiceai_trace_partial(void)
{
    char        why[64];
    double      n;
    va_json_t  *v;

    if (ngx_http_voiceai_trace_answer.len == 0) {
        return;
    }

    v = va_json_parse(va_buf_view(&ngx_http_voiceai_trace_answer), why,
                      sizeof(why));
    n = va_json_num(v, "partialSuccess.rejectedSpans", 0);

    if (n >= 1) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: the collector of traces rejected %ui spans",
                      (ngx_uint_t) ngx_min(n, 1000000));
    }

    va_json_free(v);
}


static ngx_int_t
ngx_http_voiceai_trace_result(void *data, ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_result_t *res)
{
    switch (res->type) {

    case NGX_HTTP_VOICEAI_RESULT_TEXT:
        va_buf_append(&ngx_http_voiceai_trace_answer, res->data,
                      ngx_min(res->len, NGX_HTTP_VOICEAI_TRACE_ANSWER
                                    - ngx_http_voiceai_trace_answer.len));
        return NGX_OK;

    case NGX_HTTP_VOICEAI_RESULT_DONE:
        ngx_http_voiceai_trace_job = NULL;
        ngx_http_voiceai_trace_batch_n = 0;
        ngx_http_voiceai_trace_partial();
        ngx_http_voiceai_trace_forget();

        if (ngx_http_voiceai_trace_away || ngx_http_voiceai_trace_lost) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "voiceai: the collector of traces takes spans, "
                          "%uL were lost", ngx_http_voiceai_trace_lost);
            ngx_http_voiceai_trace_away = 0;
            ngx_http_voiceai_trace_lost = 0;
        }

        break;

    case NGX_HTTP_VOICEAI_RESULT_FAILED:
        ngx_http_voiceai_trace_job = NULL;
        ngx_http_voiceai_trace_failed(res);
        return NGX_OK;

    default:
        return NGX_OK;
    }

    if (ngx_http_voiceai_trace_waiting.len) {
        ngx_http_voiceai_trace_wait(NGX_HTTP_VOICEAI_TRACE_DELAY);

    } else if (ngx_http_voiceai_trace_event.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_trace_event);
    }

    return NGX_OK;
}


/* Told once.  What the protocol does not call retryable is not tried again. */

static void
ngx_http_voiceai_trace_failed(ngx_http_voiceai_result_t *res)
{
    ngx_msec_t  pause;
    ngx_uint_t  again;

    if (!ngx_http_voiceai_trace_away) {
        ngx_http_voiceai_trace_away = 1;
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: the collector of traces failed with status "
                      "%ui: %*s", res->status, res->len, res->data);
    }

    again = (res->status == 0 || res->status == 429 || res->status == 502
             || res->status == 503 || res->status == 504);

    if (!again || ngx_exiting
        || ++ngx_http_voiceai_trace_tries >= NGX_HTTP_VOICEAI_TRACE_TRIES)
    {
        ngx_http_voiceai_trace_forget();
    }

    /* who is to go does not wait for a collector that is not there */

    if (ngx_exiting) {
        ngx_http_voiceai_trace_lost += ngx_http_voiceai_trace_n;
        ngx_http_voiceai_trace_n = 0;
        va_buf_free(&ngx_http_voiceai_trace_waiting);

        if (ngx_http_voiceai_trace_event.timer_set) {
            ngx_del_timer(&ngx_http_voiceai_trace_event);
        }

        return;
    }

    pause = NGX_HTTP_VOICEAI_TRACE_PAUSE << ngx_http_voiceai_trace_tries;

    if (res->retry_after > 0) {
        pause = ngx_max(pause, (ngx_msec_t) ngx_min(res->retry_after, 60)
                               * 1000);
    }

    ngx_http_voiceai_trace_wait(pause);
}
