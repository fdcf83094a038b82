
/*
 * The event loop's side of the transport: jobs are born and die here, and
 * results reach their handlers.
 */


#include "ngx_http_voiceai_loop.h"
#include <ngx_channel.h>
#include <sys/eventfd.h>


/* for a thread which has not left although its pool is gone */
#define NGX_HTTP_VOICEAI_EXIT_TIME  1000

/* for a connection which is opened ahead */
#define NGX_HTTP_VOICEAI_WARM_TIME  5000


static ngx_http_voiceai_loop_t *ngx_http_voiceai_transport_loop(
    ngx_thread_pool_t *pool, ngx_log_t *log);
static ngx_int_t ngx_http_voiceai_transport_begin(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_loop_t *loop);
static ngx_uint_t ngx_http_voiceai_transport_tls(ngx_http_voiceai_job_t *job);
static ngx_int_t ngx_http_voiceai_transport_post(
    ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_transport_posted(ngx_event_t *ev);
static void ngx_http_voiceai_transport_notified(ngx_event_t *ev);
static void ngx_http_voiceai_transport_pass(ngx_event_t *ev);
static ngx_uint_t ngx_http_voiceai_transport_left(ngx_http_voiceai_job_t *job,
    ngx_uint_t budget);
static void ngx_http_voiceai_transport_arrived(ngx_http_voiceai_msg_t *msg);
static ngx_int_t ngx_http_voiceai_transport_deliver(
    ngx_http_voiceai_msg_t *msg);
static void ngx_http_voiceai_transport_free(ngx_http_voiceai_job_t *job);
static ngx_uint_t ngx_http_voiceai_transport_joined(void);


ngx_http_voiceai_transport_t  ngx_http_voiceai_transport;


ngx_int_t
ngx_http_voiceai_transport_init(ngx_cycle_t *cycle)
{
    CURLcode                       code;
    ngx_http_voiceai_transport_t  *t;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    t = &ngx_http_voiceai_transport;

    ngx_memzero(t, sizeof(ngx_http_voiceai_transport_t));

    /* never before the fork, and never on two threads at a time */

    code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "voiceai: curl_global_init() failed: %s",
                      curl_easy_strerror(code));
        return NGX_ERROR;
    }

    t->notify = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (t->notify == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "voiceai: eventfd() failed");
        return NGX_ERROR;
    }

    /* a channel is exempt from the sweep and the audit of a worker's exit */

    if (ngx_add_channel_event(cycle, t->notify, NGX_READ_EVENT,
                              ngx_http_voiceai_transport_notified)
        == NGX_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "voiceai: no event for the results of threads");
        return NGX_ERROR;
    }

    (void) pthread_mutex_init(&t->mutex, NULL);

    ngx_http_voiceai_msgs_init(&t->outbox);
    ngx_http_voiceai_msgs_init(&t->taken);
    ngx_queue_init(&t->resumed);
    ngx_queue_init(&t->jobs);

    t->log = cycle->log;
    t->event.log = cycle->log;
    t->event.handler = ngx_http_voiceai_transport_pass;

    t->ready = 1;

    return NGX_OK;
}


/*
 * Thread pools go before the modules of http, so no thread is on a loop any
 * more, and it has ended all its jobs; nobody is told of that now.
 */

void
ngx_http_voiceai_transport_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t                     i;
    ngx_queue_t                   *q;
    ngx_http_voiceai_job_t        *job;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    if (!t->ready) {
        return;
    }

    t->ready = 0;

    if (t->event.posted) {
        ngx_delete_posted_event(&t->event);
    }

    if (!ngx_http_voiceai_transport_joined()) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "voiceai: a thread has not left its transfers");
        return;
    }

    ngx_http_voiceai_take(&t->taken);
    ngx_http_voiceai_msgs_free(&t->taken);

    while (!ngx_queue_empty(&t->jobs)) {
        q = ngx_queue_head(&t->jobs);
        job = ngx_queue_data(q, ngx_http_voiceai_job_t, queue);

        ngx_http_voiceai_msgs_free(&job->left);
        ngx_http_voiceai_transport_free(job);
    }

    for (i = 0; i < t->nloops; i++) {
        ngx_http_voiceai_loop_destroy(&t->loops[i]);
    }

    (void) pthread_mutex_destroy(&t->mutex);

    if (close(t->notify) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "voiceai: close() eventfd failed");
    }

    curl_global_cleanup();
}


/*
 * A pool whose queue was full when it was destroyed has not waited for its
 * threads; then memory which they use must not be freed.
 */

static ngx_uint_t
ngx_http_voiceai_transport_joined(void)
{
    ngx_msec_t                     start;
    ngx_uint_t                     i;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;
    start = ngx_http_voiceai_msec();

    for (i = 0; i < t->nloops; i++) {

        while (ngx_http_voiceai_is_running(&t->loops[i])) {

            if (ngx_http_voiceai_msec() - start
                > NGX_HTTP_VOICEAI_EXIT_TIME)
            {
                return 0;
            }

            ngx_msleep(5);
        }
    }

    return 1;
}


ngx_http_voiceai_job_t *
ngx_http_voiceai_job_start(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input,
    ngx_http_voiceai_result_pt handler, void *data, ngx_log_t *log)
{
    ngx_http_voiceai_job_t        *job;
    ngx_http_voiceai_loop_t       *loop;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    if (!t->ready) {
        return NULL;
    }

    if (t->njobs >= NGX_HTTP_VOICEAI_JOBS) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "voiceai: %ui provider requests in flight, refused",
                      t->njobs);
        goto refused;
    }

    loop = ngx_http_voiceai_transport_loop(pool, log);
    if (loop == NULL) {
        goto refused;
    }

    job = ngx_http_voiceai_job_create(provider, input, log);
    if (job == NULL) {
        goto refused;
    }

    job->handler = handler;
    job->data = data;

    if (ngx_http_voiceai_transport_begin(job, loop) != NGX_OK) {
        goto refused;
    }

    t->stat.started++;
    t->stat.active++;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, log, 0,
                   "voiceai: job %p stage %d started, %ui in flight",
                   job, (int) input->stage, t->njobs);

    return job;

refused:

    t->stat.refused++;

    return NULL;
}


/* Gives the job to the loop, or frees it. */

static ngx_int_t
ngx_http_voiceai_transport_begin(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_loop_t *loop)
{
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    job->loop = loop;

    ngx_queue_insert_tail(&t->jobs, &job->queue);
    t->njobs++;

    if (ngx_http_voiceai_command(job, NGX_HTTP_VOICEAI_CMD_START)
        && ngx_http_voiceai_transport_post(loop) != NGX_OK)
    {
        ngx_http_voiceai_recall(job);
        ngx_http_voiceai_transport_free(job);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A job whose results nobody hears is one that was cancelled. */

void
ngx_http_voiceai_transport_warm(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_stage_t stage, ngx_log_t *log)
{
    va_ai_input_t                  input;
    ngx_http_voiceai_job_t        *job;
    ngx_http_voiceai_loop_t       *loop;
    ngx_http_voiceai_provider_t    address;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    /* a convenience, for which no request may be refused */

    if (!t->ready || t->njobs >= NGX_HTTP_VOICEAI_JOBS / 2) {
        return;
    }

    loop = ngx_http_voiceai_transport_loop(pool, log);
    if (loop == NULL) {
        return;
    }

    address = *provider;

    ngx_str_null(&address.key);

    if (address.first_timeout == 0
        || address.first_timeout > NGX_HTTP_VOICEAI_WARM_TIME)
    {
        address.first_timeout = NGX_HTTP_VOICEAI_WARM_TIME;
    }

    ngx_memzero(&input, sizeof(va_ai_input_t));

    input.stage = stage;

    job = ngx_http_voiceai_job_create(&address, &input, log);
    if (job == NULL) {
        return;
    }

    if (job->streams || !ngx_http_voiceai_transport_tls(job)) {
        ngx_http_voiceai_job_free(job);
        return;
    }

    job->warm = 1;
    job->cancelled = 1;

    (void) ngx_http_voiceai_transport_begin(job, loop);
}


static ngx_uint_t
ngx_http_voiceai_transport_tls(ngx_http_voiceai_job_t *job)
{
    const char  *url;

    url = job->conf.url.len ? job->conf.url.data
                            : va_ai_default_url(job->kind, job->stage);

    return url && ngx_strncasecmp((u_char *) url, (u_char *) "https://", 8)
                  == 0;
}


ngx_int_t
ngx_http_voiceai_job_audio(ngx_http_voiceai_job_t *job, const u_char *ulaw,
    size_t len)
{
    if (!ngx_http_voiceai_transport.ready
        || job->cancelled || job->closing || !job->streams)
    {
        return NGX_ERROR;
    }

    return ngx_http_voiceai_mic(job, ulaw, len, 0);
}


ngx_int_t
ngx_http_voiceai_job_finalize(ngx_http_voiceai_job_t *job)
{
    if (!ngx_http_voiceai_transport.ready
        || job->cancelled || job->closing || !job->streams)
    {
        return NGX_ERROR;
    }

    return ngx_http_voiceai_mic(job, NULL, 0, 1);
}


static ngx_http_voiceai_loop_t *
ngx_http_voiceai_transport_loop(ngx_thread_pool_t *pool, ngx_log_t *log)
{
    ngx_uint_t                     i;
    ngx_http_voiceai_loop_t       *loop;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    for (i = 0; i < t->nloops; i++) {
        if (t->loops[i].pool == pool) {
            return &t->loops[i];
        }
    }

    if (t->nloops == NGX_HTTP_VOICEAI_LOOPS) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "voiceai: more than %d thread pools in use",
                      NGX_HTTP_VOICEAI_LOOPS);
        return NULL;
    }

    loop = &t->loops[t->nloops];

    if (ngx_http_voiceai_loop_create(loop, log) != NGX_OK) {
        return NULL;
    }

    loop->pool = pool;
    loop->task.ctx = loop;
    loop->task.handler = ngx_http_voiceai_loop_run;
    loop->task.event.data = loop;
    loop->task.event.handler = ngx_http_voiceai_transport_posted;
    loop->task.event.log = t->log;

    t->nloops++;

    return loop;
}


/*
 * Puts the loop on a thread.  While nginx has not told us yet that the task
 * has come back, it must not be posted; what waits is seen when it does.
 */

static ngx_int_t
ngx_http_voiceai_transport_post(ngx_http_voiceai_loop_t *loop)
{
    if (loop->task.event.active) {
        return NGX_OK;
    }

    ngx_http_voiceai_running(loop, 1);

    if (ngx_thread_task_post(loop->pool, &loop->task) != NGX_OK) {
        ngx_http_voiceai_running(loop, 0);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_voiceai_transport_posted(ngx_event_t *ev)
{
    ngx_uint_t                commands;
    ngx_http_voiceai_job_t   *job;
    ngx_http_voiceai_loop_t  *loop;

    loop = ev->data;

    if (!ngx_http_voiceai_is_waiting(loop)
        || ngx_http_voiceai_transport_post(loop) == NGX_OK)
    {
        return;
    }

    while ((job = ngx_http_voiceai_next_job(loop, &commands)) != NULL) {
        job->fault = NGX_HTTP_VOICEAI_FAULT_LOCAL;
        (void) ngx_cpystrn(job->error, (u_char *) "thread pool is busy",
                           NGX_HTTP_VOICEAI_ERROR_LEN);
        ngx_http_voiceai_push_end(job, 1, 0, -1);
    }
}


void
ngx_http_voiceai_job_cancel(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    if (!t->ready || job->cancelled || job->closing) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, t->log, 0,
                   "voiceai: job %p cancelled", job);

    job->cancelled = 1;
    t->stat.cancelled++;
    t->stat.active--;

    if (job->resumed) {
        job->resumed = 0;
        ngx_queue_remove(&job->ready);
    }

    ngx_http_voiceai_msgs_free(&job->left);

    if (!job->ended) {
        (void) ngx_http_voiceai_command(job, NGX_HTTP_VOICEAI_CMD_CANCEL);

    } else if (!job->busy) {
        ngx_http_voiceai_transport_free(job);
    }
}


void
ngx_http_voiceai_job_resume(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    if (!t->ready || job->cancelled || job->closing || job->resumed) {
        return;
    }

    if (job->left.first == NULL && !job->busy) {
        return;
    }

    job->resumed = 1;
    ngx_queue_insert_tail(&t->resumed, &job->ready);

    ngx_post_event(&t->event, &ngx_posted_next_events);
}


void
ngx_http_voiceai_transport_stat(ngx_http_voiceai_transport_stat_t *stat)
{
    *stat = ngx_http_voiceai_transport.stat;
}


static void
ngx_http_voiceai_transport_notified(ngx_event_t *ev)
{
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    ngx_http_voiceai_drain(t->notify);

    ngx_http_voiceai_take(&t->taken);

    /* what is left of the last pass has its turn already */

    if (!t->event.posted) {
        ngx_http_voiceai_transport_pass(&t->event);
    }
}


/*
 * Hands out results, resumed jobs first, in a budget: what exceeds it waits
 * until the event loop has looked at everything else.
 */

static void
ngx_http_voiceai_transport_pass(ngx_event_t *ev)
{
    ngx_uint_t                     n, budget;
    ngx_queue_t                    resumed, *q;
    ngx_http_voiceai_job_t        *job;
    ngx_http_voiceai_msg_t        *msg;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;
    budget = NGX_HTTP_VOICEAI_PASS;

    /* a job resumed by its handler has its turn in the next pass */

    ngx_queue_init(&resumed);

    if (!ngx_queue_empty(&t->resumed)) {
        ngx_queue_add(&resumed, &t->resumed);
        ngx_queue_init(&t->resumed);
    }

    while (budget && !ngx_queue_empty(&resumed)) {
        q = ngx_queue_head(&resumed);
        ngx_queue_remove(q);

        job = ngx_queue_data(q, ngx_http_voiceai_job_t, ready);
        job->resumed = 0;

        n = ngx_http_voiceai_transport_left(job, budget);
        budget -= n;
    }

    while (budget && (msg = ngx_http_voiceai_msgs_shift(&t->taken)) != NULL) {
        ngx_http_voiceai_transport_arrived(msg);
        budget--;
    }

    if (!ngx_queue_empty(&resumed)) {
        ngx_queue_add(&t->resumed, &resumed);
    }

    if (t->taken.first || !ngx_queue_empty(&t->resumed)) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


/* Returns how many results the handler was called with, at most the budget. */

static ngx_uint_t
ngx_http_voiceai_transport_left(ngx_http_voiceai_job_t *job, ngx_uint_t budget)
{
    ngx_int_t                rc;
    ngx_uint_t               n;
    ngx_http_voiceai_msg_t  *msg;

    n = 0;

    while ((msg = ngx_http_voiceai_msgs_shift(&job->left)) != NULL) {

        if (n == budget) {
            ngx_http_voiceai_msgs_unshift(&job->left, msg);
            ngx_http_voiceai_job_resume(job);
            break;
        }

        n++;
        rc = ngx_http_voiceai_transport_deliver(msg);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_AGAIN) {
            ngx_http_voiceai_msgs_unshift(&job->left, msg);
            break;
        }
    }

    return n;
}


static void
ngx_http_voiceai_transport_arrived(ngx_http_voiceai_msg_t *msg)
{
    ngx_http_voiceai_job_t  *job;

    job = msg->job;

    if (msg == &job->end) {
        job->ended = 1;

        if (job->cancelled) {
            ngx_http_voiceai_transport_free(job);
            return;
        }

    } else if (job->cancelled) {
        ngx_free(msg);
        return;
    }

    if (job->left.first) {
        ngx_http_voiceai_msgs_push(&job->left, msg);
        return;
    }

    if (ngx_http_voiceai_transport_deliver(msg) == NGX_AGAIN) {
        ngx_http_voiceai_msgs_unshift(&job->left, msg);
    }
}


/*
 * NGX_OK: taken; NGX_AGAIN: the message is the caller's again; NGX_DONE: the
 * job is gone, or nobody wants to hear of it any more.
 */

static ngx_int_t
ngx_http_voiceai_transport_deliver(ngx_http_voiceai_msg_t *msg)
{
    size_t                         size;
    ngx_int_t                      rc;
    ngx_http_voiceai_job_t        *job;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;
    job = msg->job;

    if (msg == &job->end) {
        ngx_log_debug4(NGX_LOG_DEBUG_HTTP, t->log, 0,
                       "voiceai: job %p ended, status %ui, %M of %M ms",
                       job, msg->result.status, msg->result.first,
                       msg->result.total);

        job->closing = 1;
        t->stat.active--;

        if (msg->result.type == NGX_HTTP_VOICEAI_RESULT_FAILED) {
            t->stat.failed++;
        }

        (void) job->handler(job->data, job, &msg->result);

        ngx_http_voiceai_transport_free(job);

        return NGX_DONE;
    }

    job->busy = 1;
    rc = job->handler(job->data, job, &msg->result);
    job->busy = 0;

    if (job->cancelled) {
        ngx_free(msg);

        if (job->ended) {
            ngx_http_voiceai_transport_free(job);
        }

        return NGX_DONE;
    }

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    size = msg->size;
    ngx_free(msg);

    ngx_http_voiceai_taken(job, size);

    return NGX_OK;
}


static void
ngx_http_voiceai_transport_free(ngx_http_voiceai_job_t *job)
{
    if (job->resumed) {
        ngx_queue_remove(&job->ready);
    }

    /* what was dropped with the job; its thread has done with it */

    if (job->waiting) {
        ngx_http_voiceai_taken(job, job->waiting);
    }

    ngx_queue_remove(&job->queue);
    ngx_http_voiceai_transport.njobs--;

    ngx_http_voiceai_job_free(job);
}
