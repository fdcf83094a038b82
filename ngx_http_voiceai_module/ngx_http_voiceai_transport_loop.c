
/*
 * The task which drives the transfers of one thread pool: libcurl's multi
 * handle over an epoll of its own, so that the cost of a pass depends on what
 * happened and not on how many transfers there are.
 *
 * Everything here but create and destroy runs on the thread.
 */


#include "ngx_http_voiceai_loop.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>


#define NGX_HTTP_VOICEAI_EVENTS       64

/* commands carried out before transfers get their turn again */
#define NGX_HTTP_VOICEAI_COMMANDS     32

/* deadlines, and the signs of a leaving worker, are looked at this often */
#define NGX_HTTP_VOICEAI_TICK         100

/* the thread goes back to its pool after that much idleness */
#define NGX_HTTP_VOICEAI_LINGER       1000

/* a leaving worker which does not answer for so long has left its loop */
#define NGX_HTTP_VOICEAI_SILENCE      1000

/* connections which stay open for later transfers */
#define NGX_HTTP_VOICEAI_WARM         512L


static int ngx_http_voiceai_loop_add(ngx_http_voiceai_loop_t *loop, int fd);
static ngx_int_t ngx_http_voiceai_loop_multi(ngx_http_voiceai_multi_t *multi,
    int epoll);
static void ngx_http_voiceai_loop_shut(int fd);
static void ngx_http_voiceai_loop_commands(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_wait(ngx_http_voiceai_loop_t *loop);
static int ngx_http_voiceai_loop_timeout(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_action(ngx_http_voiceai_multi_t *multi,
    struct epoll_event *ee);
static void ngx_http_voiceai_loop_dials(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_streams(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_again(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_timer(ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_done(ngx_http_voiceai_loop_t *loop,
    CURLM *multi);
static void ngx_http_voiceai_loop_deadlines(ngx_http_voiceai_loop_t *loop);
static ngx_uint_t ngx_http_voiceai_loop_orphaned(
    ngx_http_voiceai_loop_t *loop);
static void ngx_http_voiceai_loop_abort(ngx_http_voiceai_loop_t *loop);
static int ngx_http_voiceai_loop_socket(CURL *easy, curl_socket_t s, int what,
    void *data, void *assigned);
static int ngx_http_voiceai_loop_due(CURLM *curl, long ms, void *data);


ngx_int_t
ngx_http_voiceai_loop_create(ngx_http_voiceai_loop_t *loop, ngx_log_t *log)
{
    ngx_memzero(loop, sizeof(ngx_http_voiceai_loop_t));

    ngx_queue_init(&loop->inbox);
    ngx_queue_init(&loop->active);
    ngx_queue_init(&loop->again);

    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->dials = epoll_create1(EPOLL_CLOEXEC);
    loop->streams = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (loop->epoll == -1 || loop->dials == -1 || loop->streams == -1
        || loop->wake == -1)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "voiceai: epoll_create1() or eventfd() failed");
        goto failed;
    }

    if (ngx_http_voiceai_loop_add(loop, loop->wake) == -1
        || ngx_http_voiceai_loop_add(loop, loop->dials) == -1
        || ngx_http_voiceai_loop_add(loop, loop->streams) == -1)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "voiceai: epoll_ctl() failed");
        goto failed;
    }

    /* one thread has it at a time, so it needs no locks */

    loop->share = curl_share_init();

    if (loop->share == NULL
        || curl_share_setopt(loop->share, CURLSHOPT_SHARE,
                             CURL_LOCK_DATA_SSL_SESSION)
           != CURLSHE_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "voiceai: curl_share_init() failed");
        goto failed;
    }

    if (ngx_http_voiceai_loop_multi(&loop->multis[NGX_HTTP_VOICEAI_MULTI_HTTP],
                                    loop->epoll)
        != NGX_OK
        || ngx_http_voiceai_loop_multi(
                                 &loop->multis[NGX_HTTP_VOICEAI_MULTI_STREAM],
                                 loop->dials)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "voiceai: curl_multi_init() failed");
        goto failed;
    }

    return NGX_OK;

failed:

    ngx_http_voiceai_loop_destroy(loop);

    return NGX_ERROR;
}


static int
ngx_http_voiceai_loop_add(ngx_http_voiceai_loop_t *loop, int fd)
{
    struct epoll_event  ee;

    ngx_memzero(&ee, sizeof(struct epoll_event));
    ee.events = EPOLLIN;
    ee.data.fd = fd;

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ee);
}


static ngx_int_t
ngx_http_voiceai_loop_multi(ngx_http_voiceai_multi_t *multi, int epoll)
{
    multi->epoll = epoll;

    multi->curl = curl_multi_init();
    if (multi->curl == NULL) {
        return NGX_ERROR;
    }

    (void) curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_voiceai_loop_socket);
    (void) curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    (void) curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION,
                             ngx_http_voiceai_loop_due);
    (void) curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    (void) curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS,
                             NGX_HTTP_VOICEAI_WARM);

    return NGX_OK;
}


void
ngx_http_voiceai_loop_destroy(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_VOICEAI_NUDGES; i++) {
        if (loop->nudges[i].easy) {
            ngx_http_voiceai_nudge_done(loop, loop->nudges[i].easy);
        }
    }

    while (loop->nspare) {
        curl_easy_cleanup(loop->spare[--loop->nspare]);
    }

    /* closes the warm connections, for which it needs the epoll */

    for (i = 0; i < NGX_HTTP_VOICEAI_MULTIS; i++) {
        if (loop->multis[i].curl) {
            (void) curl_multi_cleanup(loop->multis[i].curl);
        }
    }

    if (loop->share) {
        (void) curl_share_cleanup(loop->share);
    }

    ngx_http_voiceai_loop_shut(loop->wake);
    ngx_http_voiceai_loop_shut(loop->dials);
    ngx_http_voiceai_loop_shut(loop->streams);
    ngx_http_voiceai_loop_shut(loop->epoll);
}


static void
ngx_http_voiceai_loop_shut(int fd)
{
    if (fd != -1) {
        (void) close(fd);
    }
}


void
ngx_http_voiceai_loop_run(void *data, ngx_log_t *log)
{
    ngx_http_voiceai_loop_t *loop = data;

    loop->now = ngx_http_voiceai_msec();
    loop->tick = loop->now;
    loop->idle = loop->now;
    loop->heard = loop->now;

    for ( ;; ) {
        loop->pass++;

        ngx_http_voiceai_loop_commands(loop);

        if (ngx_http_voiceai_loop_orphaned(loop)) {
            ngx_http_voiceai_loop_abort(loop);
        }

        if (!ngx_queue_empty(&loop->active)) {
            loop->idle = loop->now;

        } else if ((ngx_exiting
                    || loop->now - loop->idle >= NGX_HTTP_VOICEAI_LINGER)
                   && ngx_http_voiceai_leave(loop))
        {
            return;
        }

        ngx_http_voiceai_loop_wait(loop);
        ngx_http_voiceai_loop_timer(loop);
        ngx_http_voiceai_loop_done(loop,
                              loop->multis[NGX_HTTP_VOICEAI_MULTI_HTTP].curl);
        ngx_http_voiceai_loop_done(loop,
                            loop->multis[NGX_HTTP_VOICEAI_MULTI_STREAM].curl);
        ngx_http_voiceai_loop_deadlines(loop);
    }
}


static void
ngx_http_voiceai_loop_commands(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t               n, commands;
    ngx_http_voiceai_job_t  *job;

    for (n = 0; n < NGX_HTTP_VOICEAI_COMMANDS; n++) {

        job = ngx_http_voiceai_next_job(loop, &commands);

        if (job == NULL) {
            loop->more = 0;
            return;
        }

        if (commands & NGX_HTTP_VOICEAI_CMD_CANCEL) {
            job->given_up = 1;
            ngx_http_voiceai_transfer_fail(job, NGX_HTTP_VOICEAI_FAULT_NONE,
                                           "cancelled");

        } else if (commands & NGX_HTTP_VOICEAI_CMD_START) {
            ngx_http_voiceai_transfer_start(job);

        } else if (job->stream) {
            (void) ngx_http_voiceai_stream_command(job, commands);

        } else {
            ngx_http_voiceai_transfer_resume(job);
        }
    }

    loop->more = 1;
}


static void
ngx_http_voiceai_loop_wait(ngx_http_voiceai_loop_t *loop)
{
    int                 i, n, fd;
    struct epoll_event  list[NGX_HTTP_VOICEAI_EVENTS];

    n = epoll_wait(loop->epoll, list, NGX_HTTP_VOICEAI_EVENTS,
                   ngx_http_voiceai_loop_timeout(loop));

    loop->now = ngx_http_voiceai_msec();

    for (i = 0; i < n; i++) {
        fd = list[i].data.fd;

        if (fd == loop->wake) {
            ngx_http_voiceai_drain(fd);

        } else if (fd == loop->streams) {
            ngx_http_voiceai_loop_streams(loop);

        } else if (fd == loop->dials) {
            ngx_http_voiceai_loop_dials(loop);

        } else {
            ngx_http_voiceai_loop_action(
                                   &loop->multis[NGX_HTTP_VOICEAI_MULTI_HTTP],
                                   &list[i]);
        }
    }

    ngx_http_voiceai_loop_again(loop);
}


static int
ngx_http_voiceai_loop_timeout(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t                 i;
    ngx_msec_t                 now, timeout;
    ngx_http_voiceai_multi_t  *multi;

    if (loop->more || !ngx_queue_empty(&loop->again)) {
        return 0;
    }

    now = ngx_http_voiceai_msec();
    timeout = NGX_HTTP_VOICEAI_TICK;

    for (i = 0; i < NGX_HTTP_VOICEAI_MULTIS; i++) {
        multi = &loop->multis[i];

        if (!multi->due_set) {
            continue;
        }

        if ((ngx_msec_int_t) (multi->due - now) <= 0) {
            return 0;
        }

        timeout = ngx_min(timeout, multi->due - now);
    }

    return (int) timeout;
}


static void
ngx_http_voiceai_loop_action(ngx_http_voiceai_multi_t *multi,
    struct epoll_event *ee)
{
    int  mask, running;

    mask = 0;

    if (ee->events & EPOLLIN) {
        mask |= CURL_CSELECT_IN;
    }

    if (ee->events & EPOLLOUT) {
        mask |= CURL_CSELECT_OUT;
    }

    if (ee->events & (EPOLLERR|EPOLLHUP)) {
        mask |= CURL_CSELECT_ERR;
    }

    (void) curl_multi_socket_action(multi->curl, ee->data.fd, mask, &running);
}


static void
ngx_http_voiceai_loop_dials(ngx_http_voiceai_loop_t *loop)
{
    int                 i, n;
    struct epoll_event  list[NGX_HTTP_VOICEAI_EVENTS];

    n = epoll_wait(loop->dials, list, NGX_HTTP_VOICEAI_EVENTS, 0);

    for (i = 0; i < n; i++) {
        ngx_http_voiceai_loop_action(
                                 &loop->multis[NGX_HTTP_VOICEAI_MULTI_STREAM],
                                 &list[i]);
    }
}


/* An event of a stream ends no stream but its own. */

static void
ngx_http_voiceai_loop_streams(ngx_http_voiceai_loop_t *loop)
{
    int                 i, n;
    struct epoll_event  list[NGX_HTTP_VOICEAI_EVENTS];

    n = epoll_wait(loop->streams, list, NGX_HTTP_VOICEAI_EVENTS, 0);

    for (i = 0; i < n; i++) {
        (void) ngx_http_voiceai_stream_ready(list[i].data.ptr, list[i].events);
    }
}


/* One more turn for those that want it now, not for those that will. */

static void
ngx_http_voiceai_loop_again(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;

    n = 0;

    for (q = ngx_queue_head(&loop->again);
         q != ngx_queue_sentinel(&loop->again);
         q = ngx_queue_next(q))
    {
        n++;
    }

    while (n--) {
        (void) ngx_http_voiceai_stream_again(
                                          ngx_http_voiceai_stream_next(loop));
    }
}


static void
ngx_http_voiceai_loop_timer(ngx_http_voiceai_loop_t *loop)
{
    int                        running;
    ngx_uint_t                 i;
    ngx_http_voiceai_multi_t  *multi;

    for (i = 0; i < NGX_HTTP_VOICEAI_MULTIS; i++) {
        multi = &loop->multis[i];

        if (multi->due_set && (ngx_msec_int_t) (multi->due - loop->now) <= 0) {
            multi->due_set = 0;
            (void) curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT,
                                            0, &running);
        }
    }
}


static void
ngx_http_voiceai_loop_done(ngx_http_voiceai_loop_t *loop, CURLM *multi)
{
    int        left;
    void      *job;
    CURLMsg   *msg;
    CURLcode   code;

    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        /* msg does not survive the end of the transfer */

        code = msg->data.result;
        job = NULL;

        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);

        if (job) {
            ngx_http_voiceai_transfer_done(job, code);

        } else {
            ngx_http_voiceai_nudge_done(loop, msg->easy_handle);
        }
    }
}


static void
ngx_http_voiceai_loop_deadlines(ngx_http_voiceai_loop_t *loop)
{
    ngx_msec_t               now;
    ngx_queue_t             *q, *next;
    ngx_http_voiceai_job_t  *job;

    now = loop->now;

    if (now - loop->tick < NGX_HTTP_VOICEAI_TICK) {
        return;
    }

    loop->tick = now;

    for (q = ngx_queue_head(&loop->active);
         q != ngx_queue_sentinel(&loop->active);
         q = next)
    {
        next = ngx_queue_next(q);
        job = ngx_queue_data(q, ngx_http_voiceai_job_t, active);

        if (job->answered && job->stream) {
            (void) ngx_http_voiceai_stream_tick(job, now);
            continue;
        }

        if (!job->answered) {
            if (job->first_timeout
                && now - job->submitted >= job->first_timeout)
            {
                job->late = 1;
                ngx_http_voiceai_transfer_fail(job,
                                               NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                               "no answer within %Mms",
                                               job->first_timeout);
            }

            continue;
        }

        /* while we do not read, silence is not the provider's */

        if (!job->held
            && job->idle_timeout
            && (ngx_msec_int_t) (now - job->last)
               >= (ngx_msec_int_t) job->idle_timeout)
        {
            job->late = 1;
            ngx_http_voiceai_transfer_fail(job,
                                           NGX_HTTP_VOICEAI_FAULT_TIMEOUT,
                                           "no data for %Mms",
                                           job->idle_timeout);
        }
    }
}


/*
 * Whether the worker will not come back to its event loop.  It does not tell:
 * pools wait for their threads before any module of http hears of the exit.
 * A worker which is shutting down gracefully keeps its calls, and so their
 * transfers, as long as it answers.
 */

static ngx_uint_t
ngx_http_voiceai_loop_orphaned(ngx_http_voiceai_loop_t *loop)
{
    if (ngx_terminate) {
        return 1;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        return ngx_quit != 0;
    }

    if (!ngx_exiting) {
        loop->heard = loop->now;
        return 0;
    }

    if (loop->now - loop->pinged >= NGX_HTTP_VOICEAI_TICK) {
        loop->pinged = loop->now;

        if (!ngx_http_voiceai_ping(loop)) {
            loop->heard = loop->now;
        }
    }

    return loop->now - loop->heard >= NGX_HTTP_VOICEAI_SILENCE;
}


static void
ngx_http_voiceai_loop_abort(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t               commands;
    ngx_queue_t             *q;
    ngx_http_voiceai_job_t  *job;

    while (!ngx_queue_empty(&loop->active)) {
        q = ngx_queue_head(&loop->active);
        job = ngx_queue_data(q, ngx_http_voiceai_job_t, active);

        ngx_http_voiceai_transfer_fail(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                       "server is shutting down");
    }

    while ((job = ngx_http_voiceai_next_job(loop, &commands)) != NULL) {
        ngx_http_voiceai_transfer_fail(job, NGX_HTTP_VOICEAI_FAULT_LOCAL,
                                       "server is shutting down");
    }

    /* no reason to linger */
    loop->idle = loop->now - NGX_HTTP_VOICEAI_LINGER;
}


static int
ngx_http_voiceai_loop_socket(CURL *easy, curl_socket_t s, int what, void *data,
    void *assigned)
{
    ngx_http_voiceai_multi_t *multi = data;

    struct epoll_event  ee;

    ngx_memzero(&ee, sizeof(struct epoll_event));
    ee.data.fd = s;

    if (what == CURL_POLL_REMOVE) {

        /* fails when the socket has been closed, which is as good */
        (void) epoll_ctl(multi->epoll, EPOLL_CTL_DEL, s, &ee);
        return 0;
    }

    if (what & CURL_POLL_IN) {
        ee.events |= EPOLLIN;
    }

    if (what & CURL_POLL_OUT) {
        ee.events |= EPOLLOUT;
    }

    /*
     * A number may be that of a new socket already.  If no event can be had
     * the transfer runs into its deadline; an error from here would end all
     * the transfers of the handle.
     */

    if (epoll_ctl(multi->epoll, EPOLL_CTL_MOD, s, &ee) == -1
        && ngx_errno == NGX_ENOENT)
    {
        (void) epoll_ctl(multi->epoll, EPOLL_CTL_ADD, s, &ee);
    }

    return 0;
}


static int
ngx_http_voiceai_loop_due(CURLM *curl, long ms, void *data)
{
    ngx_http_voiceai_multi_t *multi = data;

    multi->due_set = (ms >= 0);

    if (ms >= 0) {
        multi->due = ngx_http_voiceai_msec() + (ngx_msec_t) ms;
    }

    return 0;
}
