
/*
 * What the workers do for the call log: records go into the shared queue, and
 * a task on a thread carries them on, in whichever worker has the role.
 *
 * A worker that has queued something starts its task; finding the role taken
 * is fine, because its holder looks once more after it has given it up, and
 * each worker looks from time to time for what a dead one left.
 */


#include "ngx_http_voiceai_log.h"

#include <stdatomic.h>


/* how often a worker looks whether there is something to do, ms */
#define NGX_HTTP_VOICEAI_LOG_TICK   100
/* how long a request waits for records to be safe, and how often it looks */
#define NGX_HTTP_VOICEAI_LOG_WAIT   2000
#define NGX_HTTP_VOICEAI_LOG_LOOK   5
/* what the end of a worker waits for */
#define NGX_HTTP_VOICEAI_LOG_END    5000
/* one record's frame */
#define NGX_HTTP_VOICEAI_LOG_FRAME  VA_RECORD_MAX


typedef struct {
    va_flush_t                  *flush;
    ngx_http_voiceai_log_sh_t   *sh;
    ngx_uint_t                   busy;      /* another one has the role */
} ngx_http_voiceai_log_task_t;


typedef struct {
    ngx_http_request_t          *request;
    ngx_event_t                  timer;
    ngx_msec_t                   until;
    uint64_t                     position;
    ngx_int_t                  (*handler)(ngx_http_request_t *r);
} ngx_http_voiceai_log_waiter_t;


static uint64_t ngx_http_voiceai_log_now(void *ctx);
static int64_t ngx_http_voiceai_log_wall(void *ctx);
static bool ngx_http_voiceai_log_stop(void *ctx);
static void ngx_http_voiceai_log_run(void *data, ngx_log_t *log);
static void ngx_http_voiceai_log_done(ngx_event_t *ev);
static void ngx_http_voiceai_log_kick(ngx_event_t *ev);
static void ngx_http_voiceai_log_tick(ngx_event_t *ev);
static void ngx_http_voiceai_log_tell(void);
static void ngx_http_voiceai_log_look(ngx_event_t *ev);
static void ngx_http_voiceai_log_cleanup(void *data);


/* of the cycle that runs; without it nothing is logged */
static ngx_http_voiceai_log_conf_t  *ngx_http_voiceai_log_used;
static ngx_http_voiceai_log_sh_t    *ngx_http_voiceai_log_sh;
static ngx_slab_pool_t              *ngx_http_voiceai_log_slab;

static va_flush_conf_t               ngx_http_voiceai_log_flush;
static ngx_thread_task_t            *ngx_http_voiceai_log_task;
static ngx_uint_t                    ngx_http_voiceai_log_running;
static ngx_event_t                   ngx_http_voiceai_log_kick_event;
static ngx_event_t                   ngx_http_voiceai_log_timer;
static ngx_connection_t              ngx_http_voiceai_log_dumb;
static va_buf_t                      ngx_http_voiceai_log_frame;
static time_t                        ngx_http_voiceai_log_told_time;


ngx_int_t
ngx_http_voiceai_log_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf)
{
    va_flush_conf_t              *fc;
    ngx_event_t                  *ev;
    ngx_http_voiceai_log_conf_t  *log;
    ngx_http_voiceai_log_task_t  *task;

    log = vmcf->log;

    if (log == NULL) {
        return NGX_OK;
    }

    ngx_http_voiceai_log_sh = log->zone->data;
    ngx_http_voiceai_log_slab = (ngx_slab_pool_t *) log->zone->shm.addr;

    fc = &ngx_http_voiceai_log_flush;
    fc->url = (const char *) log->url.data;
    fc->journal = (const char *) log->journal->name.data;
    fc->journal_max = log->journal_max;
    fc->keep_ms = (int64_t) log->keep * 1000;
    fc->ring = ngx_http_voiceai_log_sh->ring;
    fc->shared = &ngx_http_voiceai_log_sh->flush;
    fc->now = ngx_http_voiceai_log_now;
    fc->wall = ngx_http_voiceai_log_wall;
    fc->stop = ngx_http_voiceai_log_stop;

    ngx_http_voiceai_log_task = ngx_thread_task_alloc(cycle->pool,
                                        sizeof(ngx_http_voiceai_log_task_t));
    if (ngx_http_voiceai_log_task == NULL) {
        return NGX_ERROR;
    }

    task = ngx_http_voiceai_log_task->ctx;
    task->sh = ngx_http_voiceai_log_sh;
    task->flush = va_flush_new(fc);

    if (task->flush == NULL) {
        return NGX_ERROR;
    }

    ngx_http_voiceai_log_task->handler = ngx_http_voiceai_log_run;
    ngx_http_voiceai_log_task->event.handler = ngx_http_voiceai_log_done;
    ngx_http_voiceai_log_task->event.log = cycle->log;

    va_buf_init(&ngx_http_voiceai_log_frame, NGX_HTTP_VOICEAI_LOG_FRAME);

    ev = &ngx_http_voiceai_log_kick_event;
    ev->handler = ngx_http_voiceai_log_kick;
    ev->log = cycle->log;

    /* timers of a debug build print the descriptor of what data points to */

    ngx_http_voiceai_log_dumb.fd = (ngx_socket_t) -1;

    ev = &ngx_http_voiceai_log_timer;
    ev->handler = ngx_http_voiceai_log_tick;
    ev->data = &ngx_http_voiceai_log_dumb;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_LOG_TICK);

    ngx_http_voiceai_log_used = log;

    return NGX_OK;
}


/*
 * The threads have ended: what is still queued is carried on here, unless
 * another worker does.
 */

void
ngx_http_voiceai_log_exit(void)
{
    uint64_t                      begin, taken;
    va_ring_t                    *ring;
    ngx_uint_t                    vain;
    ngx_http_voiceai_log_task_t  *task;

    if (ngx_http_voiceai_log_used == NULL) {
        return;
    }

    ngx_http_voiceai_log_read_exit();

    task = ngx_http_voiceai_log_task->ctx;
    ring = ngx_http_voiceai_log_sh->ring;
    begin = ngx_http_voiceai_log_now(NULL);
    vain = 0;

    while (va_ring_taken(ring) != va_ring_pushed(ring) && vain < 3
           && ngx_http_voiceai_log_now(NULL) - begin
              < NGX_HTTP_VOICEAI_LOG_END)
    {
        taken = va_ring_taken(ring);
        ngx_http_voiceai_log_run(task, NULL);
        ngx_http_voiceai_log_tell();

        if (task->busy) {
            ngx_msleep(10);

        } else if (taken == va_ring_taken(ring)) {
            vain++;
        }
    }

    if (vain == 3 && !ngx_exiting) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "voiceai: %uL bytes of the call log found no place",
                      va_ring_pushed(ring) - va_ring_taken(ring));
    }

    if (ngx_http_voiceai_log_timer.timer_set) {
        ngx_del_timer(&ngx_http_voiceai_log_timer);
    }

    if (ngx_http_voiceai_log_kick_event.posted) {
        ngx_delete_posted_event(&ngx_http_voiceai_log_kick_event);
    }

    va_flush_free(task->flush);
    va_buf_free(&ngx_http_voiceai_log_frame);
    ngx_http_voiceai_log_used = NULL;
}


ngx_http_voiceai_log_conf_t *
ngx_http_voiceai_log_conf(void)
{
    return ngx_http_voiceai_log_used;
}


static uint64_t
ngx_http_voiceai_log_now(void *ctx)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static int64_t
ngx_http_voiceai_log_wall(void *ctx)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static bool
ngx_http_voiceai_log_stop(void *ctx)
{
    return ngx_terminate || ngx_exiting;
}


/* On a thread, or at the end of the worker. */

static void
ngx_http_voiceai_log_run(void *data, ngx_log_t *log)
{
    ngx_http_voiceai_log_task_t *task = data;

    switch (pthread_mutex_trylock(&task->sh->role)) {

    case 0:
        break;

    case EOWNERDEAD:
        (void) pthread_mutex_consistent(&task->sh->role);
        break;

    default:
        task->busy = 1;
        return;
    }

    task->busy = 0;

    (void) va_flush_run(task->flush);
    (void) pthread_mutex_unlock(&task->sh->role);
}


static void
ngx_http_voiceai_log_post(void)
{
    if (ngx_http_voiceai_log_running) {
        return;
    }

    if (ngx_thread_task_post(ngx_http_voiceai_log_used->pool,
                             ngx_http_voiceai_log_task)
        == NGX_OK)
    {
        ngx_http_voiceai_log_running = 1;
    }
}


static void
ngx_http_voiceai_log_done(ngx_event_t *ev)
{
    ngx_http_voiceai_log_task_t  *task;

    ngx_http_voiceai_log_running = 0;

    if (ngx_http_voiceai_log_used == NULL) {
        return;
    }

    ngx_http_voiceai_log_tell();

    /* what came meanwhile, unless nothing can be done about it now */

    task = ngx_http_voiceai_log_task->ctx;

    if (!task->busy
        && va_ring_taken(task->sh->ring) != va_ring_pushed(task->sh->ring)
        && task->sh->flush.failures == 0)
    {
        ngx_http_voiceai_log_post();
    }
}


/* What a cycle has to say, and how many records found no room. */

static void
ngx_http_voiceai_log_tell(void)
{
    bool                          bad;
    uint64_t                      lost, told;
    ngx_uint_t                    level;
    const char                   *text;
    ngx_http_voiceai_log_task_t  *task;

    task = ngx_http_voiceai_log_task->ctx;

    text = va_flush_message(task->flush, &bad);

    if (text) {
        level = bad ? NGX_LOG_ERR : NGX_LOG_NOTICE;
        ngx_log_error(level, ngx_cycle->log, 0, "voiceai: %s", text);
    }

    /* by one worker, once in a second */

    lost = atomic_load(&ngx_http_voiceai_log_sh->lost);
    told = atomic_load(&ngx_http_voiceai_log_sh->told);

    if (lost != told && ngx_time() != ngx_http_voiceai_log_told_time
        && atomic_compare_exchange_strong(&ngx_http_voiceai_log_sh->told,
                                          &told, lost))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "voiceai: %uL records of the call log were lost, its "
                      "queue is full", lost - told);

        ngx_http_voiceai_log_told_time = ngx_time();
    }
}


static void
ngx_http_voiceai_log_kick(ngx_event_t *ev)
{
    ngx_http_voiceai_log_post();
}


static void
ngx_http_voiceai_log_tick(ngx_event_t *ev)
{
    /* the thread owns the message while it runs */

    if (!ngx_http_voiceai_log_running) {
        ngx_http_voiceai_log_tell();
    }

    if (va_flush_due(&ngx_http_voiceai_log_flush)
        <= ngx_http_voiceai_log_now(NULL))
    {
        ngx_http_voiceai_log_post();
    }

    ngx_add_timer(ev, NGX_HTTP_VOICEAI_LOG_TICK);
}


/*
 * An id begins with the time, so that ids of a call rise over machines and
 * restarts, and never goes back when the clock does.
 */

static int64_t
ngx_http_voiceai_log_id(int64_t at)
{
    uint64_t                    last, next;
    ngx_http_voiceai_log_sh_t  *sh;

    sh = ngx_http_voiceai_log_sh;
    last = atomic_load(&sh->id);

    do {
        next = ((uint64_t) at << 20) | (last & 0xfffff);

        if (next <= last) {
            next = last + 1;
        }

    } while (!atomic_compare_exchange_weak(&sh->id, &last, next));

    return (int64_t) next;
}


void
ngx_http_voiceai_log_push(va_record_t *rec)
{
    va_rc_t     rc;
    va_buf_t   *b;
    ngx_time_t *now;

    if (ngx_http_voiceai_log_used == NULL) {
        return;
    }

    now = ngx_timeofday();
    b = &ngx_http_voiceai_log_frame;

    rec->at = (int64_t) now->sec * 1000 + now->msec;
    rec->id = ngx_http_voiceai_log_id(rec->at);

    va_buf_reset(b);
    rc = va_record_write(b, rec);

    if (rc == VA_OK) {
        ngx_shmtx_lock(&ngx_http_voiceai_log_slab->mutex);
        rc = va_ring_push(ngx_http_voiceai_log_sh->ring, va_buf_view(b));
        ngx_shmtx_unlock(&ngx_http_voiceai_log_slab->mutex);
    }

    if (rc != VA_OK) {
        (void) atomic_fetch_add(&ngx_http_voiceai_log_sh->lost, 1);
    }

    /* once for all that this turn of the loop has to log */

    if (!ngx_http_voiceai_log_kick_event.posted) {
        ngx_post_event(&ngx_http_voiceai_log_kick_event, &ngx_posted_events);
    }
}


ngx_int_t
ngx_http_voiceai_log_wait(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    va_ring_t                      *ring;
    ngx_pool_cleanup_t             *cln;
    ngx_http_voiceai_log_waiter_t  *w;

    if (ngx_http_voiceai_log_used == NULL) {
        return handler(r);
    }

    ring = ngx_http_voiceai_log_sh->ring;

    if (va_ring_taken(ring) == va_ring_pushed(ring)) {
        return handler(r);
    }

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_voiceai_log_waiter_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_http_voiceai_log_waiter_t));
    cln->handler = ngx_http_voiceai_log_cleanup;

    w->request = r;
    w->handler = handler;
    w->position = va_ring_pushed(ring);
    w->until = ngx_current_msec + NGX_HTTP_VOICEAI_LOG_WAIT;
    w->timer.handler = ngx_http_voiceai_log_look;
    w->timer.data = r->connection;
    w->timer.log = r->connection->log;

    ngx_add_timer(&w->timer, NGX_HTTP_VOICEAI_LOG_LOOK);

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_voiceai_log_cleanup(void *data)
{
    ngx_http_voiceai_log_waiter_t *w = data;

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }
}


static void
ngx_http_voiceai_log_look(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_voiceai_log_waiter_t  *w;

    w = (ngx_http_voiceai_log_waiter_t *)
        ((u_char *) ev - offsetof(ngx_http_voiceai_log_waiter_t, timer));

    r = w->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (va_ring_taken(ngx_http_voiceai_log_sh->ring) < w->position) {

        if ((ngx_msec_int_t) (w->until - ngx_current_msec) > 0) {
            ngx_add_timer(ev, NGX_HTTP_VOICEAI_LOG_LOOK);
            return;
        }

        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "voiceai: a status was answered before the call log "
                      "was safe");
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r, w->handler(r)));
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_voiceai_log_stat(ngx_http_voiceai_log_stat_t *stat)
{
    va_flush_shared_t  *s;

    if (ngx_http_voiceai_log_used == NULL) {
        return NGX_DECLINED;
    }

    s = &ngx_http_voiceai_log_sh->flush;

    stat->written = s->written;
    stat->spilled = s->spilled;
    stat->refused = s->refused;
    stat->deleted = s->deleted;
    stat->journal = s->journal;
    stat->away = (s->failures != 0);
    stat->lost = ngx_http_voiceai_log_sh->lost;
    stat->waiting = va_ring_pushed(ngx_http_voiceai_log_sh->ring)
                    - va_ring_taken(ngx_http_voiceai_log_sh->ring);

    return NGX_OK;
}
