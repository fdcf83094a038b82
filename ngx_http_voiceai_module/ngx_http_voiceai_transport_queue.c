
/*
 * The passage between the event loop and the threads of the transport.  All
 * that both sides touch is touched here, under the mutex.
 */


#include "ngx_http_voiceai_loop.h"


static ngx_uint_t ngx_http_voiceai_leave_command(ngx_http_voiceai_job_t *job,
    ngx_uint_t command);
static ngx_http_voiceai_msg_t *ngx_http_voiceai_msg_create(
    ngx_http_voiceai_job_t *job, const va_ai_event_t *event);
static ngx_uint_t ngx_http_voiceai_msg_grow(ngx_http_voiceai_job_t *job,
    const va_ai_event_t *event);
static ngx_uint_t ngx_http_voiceai_msg_append(ngx_http_voiceai_msg_t *msg);
static ngx_http_voiceai_result_type_e ngx_http_voiceai_result_type(
    va_ai_event_type_t type);


/*
 * Plain pthread calls: the wrappers of nginx log, and a thread must not.
 * Locking a valid mutex of the default kind does not fail.
 */

static ngx_inline void
ngx_http_voiceai_lock(void)
{
    (void) pthread_mutex_lock(&ngx_http_voiceai_transport.mutex);
}


static ngx_inline void
ngx_http_voiceai_unlock(void)
{
    (void) pthread_mutex_unlock(&ngx_http_voiceai_transport.mutex);
}


/* The clock of both sides; ngx_current_msec stands still inside a pass. */

ngx_msec_t
ngx_http_voiceai_msec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_msec_t) ts.tv_sec * 1000 + (ngx_msec_t) ts.tv_nsec / 1000000;
}


/*
 * Event loop: leaves a command in the inbox of the job's loop.  Returns
 * whether the task of that loop has to be posted for it to be seen.
 */

ngx_uint_t
ngx_http_voiceai_command(ngx_http_voiceai_job_t *job, ngx_uint_t command)
{
    ngx_uint_t                wake, post;
    ngx_http_voiceai_loop_t  *loop;

    loop = job->loop;

    ngx_http_voiceai_lock();

    post = !job->finished && !loop->running;
    wake = ngx_http_voiceai_leave_command(job, command);

    ngx_http_voiceai_unlock();

    if (wake) {
        ngx_http_voiceai_signal(loop->wake);
    }

    return post;
}


/* Returns whether the thread has to be woken. */

static ngx_uint_t
ngx_http_voiceai_leave_command(ngx_http_voiceai_job_t *job, ngx_uint_t command)
{
    ngx_uint_t                wake;
    ngx_http_voiceai_loop_t  *loop;

    if (job->finished) {
        return 0;
    }

    loop = job->loop;
    wake = loop->running && ngx_queue_empty(&loop->inbox);

    if (job->commands == 0) {
        ngx_queue_insert_tail(&loop->inbox, &job->inbox);
    }

    job->commands |= command;

    return wake;
}


/*
 * Event loop: audio of a stream for its thread, or the wish to have all of it
 * answered.  A stream is active until it ends, so its loop is running.
 */

ngx_int_t
ngx_http_voiceai_mic(ngx_http_voiceai_job_t *job, const u_char *ulaw,
    size_t len, ngx_uint_t flush)
{
    ngx_int_t   rc;
    ngx_uint_t  wake;

    wake = 0;
    rc = NGX_OK;

    ngx_http_voiceai_lock();

    if (job->finished) {
        rc = NGX_ERROR;

    } else if (len > job->mic.max - job->mic.len) {
        rc = NGX_BUSY;

    } else if (len && va_buf_append(&job->mic, ulaw, len) != VA_OK) {
        va_buf_reset(&job->mic);
        rc = NGX_ERROR;

    } else {

        if (flush) {
            job->flush = job->mic.len;
            job->flush_set = 1;
        }

        wake = ngx_http_voiceai_leave_command(job,
                                              NGX_HTTP_VOICEAI_CMD_AUDIO);
    }

    ngx_http_voiceai_unlock();

    if (wake) {
        ngx_http_voiceai_signal(job->loop->wake);
    }

    return rc;
}


/*
 * Thread: takes what has been given, into a buffer which is empty and whose
 * memory the event loop goes on with.  Returns whether there is anything;
 * *flush is where to finalize, or -1.
 */

ngx_uint_t
ngx_http_voiceai_mic_take(ngx_http_voiceai_job_t *job, va_buf_t *audio,
    ssize_t *flush)
{
    va_buf_t    empty;
    ngx_uint_t  any;

    ngx_http_voiceai_lock();

    any = job->mic.len || job->flush_set;

    if (any) {
        empty = *audio;
        *audio = job->mic;
        job->mic = empty;

        *flush = job->flush_set ? (ssize_t) job->flush : -1;
        job->flush_set = 0;
    }

    ngx_http_voiceai_unlock();

    return any;
}


/* Event loop: takes a job back whose loop is not running. */

void
ngx_http_voiceai_recall(ngx_http_voiceai_job_t *job)
{
    ngx_http_voiceai_lock();

    if (job->commands) {
        job->commands = 0;
        ngx_queue_remove(&job->inbox);
    }

    ngx_http_voiceai_unlock();
}


/* Either side: takes the next job with commands out of the inbox. */

ngx_http_voiceai_job_t *
ngx_http_voiceai_next_job(ngx_http_voiceai_loop_t *loop, ngx_uint_t *commands)
{
    ngx_queue_t             *q;
    ngx_http_voiceai_job_t  *job;

    job = NULL;

    ngx_http_voiceai_lock();

    if (!ngx_queue_empty(&loop->inbox)) {
        q = ngx_queue_head(&loop->inbox);
        ngx_queue_remove(q);

        job = ngx_queue_data(q, ngx_http_voiceai_job_t, inbox);
        *commands = job->commands;
        job->commands = 0;
    }

    ngx_http_voiceai_unlock();

    return job;
}


/* Thread: hands an event of the reader to the event loop. */

ngx_int_t
ngx_http_voiceai_push(ngx_http_voiceai_job_t *job, const va_ai_event_t *event)
{
    ngx_uint_t               grown, wake;
    ngx_http_voiceai_msg_t  *msg;

    ngx_http_voiceai_lock();
    grown = ngx_http_voiceai_msg_grow(job, event);
    ngx_http_voiceai_unlock();

    if (grown) {
        return NGX_OK;
    }

    msg = ngx_http_voiceai_msg_create(job, event);
    if (msg == NULL) {
        return NGX_ERROR;
    }

    ngx_http_voiceai_lock();

    job->waiting += msg->size;
    ngx_http_voiceai_transport.waiting += msg->size;

    job->tail = msg;
    job->batch = ngx_http_voiceai_transport.batch;

    wake = ngx_http_voiceai_msg_append(msg);

    ngx_http_voiceai_unlock();

    if (wake) {
        ngx_http_voiceai_signal(ngx_http_voiceai_transport.notify);
    }

    return NGX_OK;
}


static ngx_http_voiceai_msg_t *
ngx_http_voiceai_msg_create(ngx_http_voiceai_job_t *job,
    const va_ai_event_t *event)
{
    size_t                   size;
    u_char                  *p;
    ngx_http_voiceai_msg_t  *msg;

    size = sizeof(ngx_http_voiceai_msg_t) + event->data.len
           + event->id.len + event->name.len;

    if (event->type == VA_AI_AUDIO && size < NGX_HTTP_VOICEAI_MSG_SIZE) {
        size = NGX_HTTP_VOICEAI_MSG_SIZE;
    }

    msg = malloc(size);
    if (msg == NULL) {
        return NULL;
    }

    ngx_memzero(msg, sizeof(ngx_http_voiceai_msg_t));

    msg->job = job;
    msg->size = size;
    msg->result.type = ngx_http_voiceai_result_type(event->type);
    msg->result.data = (u_char *) (msg + 1);
    msg->result.len = event->data.len;
    msg->result.confidence = event->confidence;

    p = msg->result.data;

    if (event->data.len) {
        p = ngx_cpymem(p, event->data.data, event->data.len);
    }

    if (event->type == VA_AI_TOOL) {
        msg->result.id.data = p;
        msg->result.id.len = event->id.len;
        p = ngx_cpymem(p, event->id.data, event->id.len);

        msg->result.name.data = p;
        msg->result.name.len = event->name.len;
        ngx_memcpy(p, event->name.data, event->name.len);
    }

    return msg;
}


/*
 * Audio joins the latest message of the job while that has not been picked
 * up, so a burst from thousands of jobs is few messages to the event loop.
 */

static ngx_uint_t
ngx_http_voiceai_msg_grow(ngx_http_voiceai_job_t *job,
    const va_ai_event_t *event)
{
    size_t                   room;
    ngx_http_voiceai_msg_t  *msg;

    msg = job->tail;

    if (event->type != VA_AI_AUDIO
        || msg == NULL
        || job->batch != ngx_http_voiceai_transport.batch
        || msg->result.type != NGX_HTTP_VOICEAI_RESULT_AUDIO)
    {
        return 0;
    }

    room = msg->size - sizeof(ngx_http_voiceai_msg_t) - msg->result.len;

    if (room < event->data.len) {
        return 0;
    }

    if (event->data.len) {
        ngx_memcpy(msg->result.data + msg->result.len, event->data.data,
                   event->data.len);
        msg->result.len += event->data.len;
    }

    return 1;
}


static ngx_uint_t
ngx_http_voiceai_msg_append(ngx_http_voiceai_msg_t *msg)
{
    ngx_uint_t                empty;
    ngx_http_voiceai_msgs_t  *outbox;

    outbox = &ngx_http_voiceai_transport.outbox;
    empty = (outbox->first == NULL);

    msg->next = NULL;
    *outbox->last = msg;
    outbox->last = &msg->next;

    return empty;
}


static ngx_http_voiceai_result_type_e
ngx_http_voiceai_result_type(va_ai_event_type_t type)
{
    switch (type) {

    case VA_AI_AUDIO:
        return NGX_HTTP_VOICEAI_RESULT_AUDIO;

    case VA_AI_TOOL:
        return NGX_HTTP_VOICEAI_RESULT_TOOL;

    case VA_AI_PARTIAL:
        return NGX_HTTP_VOICEAI_RESULT_PARTIAL;

    case VA_AI_SPEECH_END:
        return NGX_HTTP_VOICEAI_RESULT_SPEECH_END;

    case VA_AI_FLUSHED:
        return NGX_HTTP_VOICEAI_RESULT_FLUSHED;

    default: /* VA_AI_TEXT */
        return NGX_HTTP_VOICEAI_RESULT_TEXT;
    }
}


/*
 * The side which has the job gives it back with the last message; job->error
 * says why it failed.  Nothing of the job may be touched after this.
 */

void
ngx_http_voiceai_push_end(ngx_http_voiceai_job_t *job, ngx_uint_t failed,
    ngx_uint_t status, ngx_int_t retry_after)
{
    ngx_msec_t               now;
    ngx_uint_t               wake;
    ngx_http_voiceai_msg_t  *msg;

    now = ngx_http_voiceai_msec();
    msg = &job->end;

    ngx_memzero(msg, sizeof(ngx_http_voiceai_msg_t));

    msg->job = job;
    msg->result.type = failed ? NGX_HTTP_VOICEAI_RESULT_FAILED
                              : NGX_HTTP_VOICEAI_RESULT_DONE;
    msg->result.data = job->error;
    msg->result.len = failed ? ngx_strlen(job->error) : 0;
    msg->result.confidence = -1;
    msg->result.status = status;
    msg->result.late = job->late;
    msg->result.fault = failed ? job->fault : NGX_HTTP_VOICEAI_FAULT_NONE;
    msg->result.why = job->why;
    msg->result.retry_after = retry_after;
    msg->result.total = now - job->submitted;
    msg->result.first = job->answered ? job->first - job->submitted : 0;

    ngx_http_voiceai_lock();

    if (job->commands) {
        job->commands = 0;
        ngx_queue_remove(&job->inbox);
    }

    job->finished = 1;
    wake = ngx_http_voiceai_msg_append(msg);

    ngx_http_voiceai_unlock();

    if (wake) {
        ngx_http_voiceai_signal(ngx_http_voiceai_transport.notify);
    }
}


/*
 * Thread: whether too much of the job waits for the event loop.  If so, a
 * CMD_RESUME is sure to come when enough of it has been taken.
 */

ngx_uint_t
ngx_http_voiceai_pause(ngx_http_voiceai_job_t *job)
{
    ngx_uint_t  paused;

    ngx_http_voiceai_lock();

    job->paused = (job->waiting >= NGX_HTTP_VOICEAI_JOB_HIGH);
    paused = job->paused;

    ngx_http_voiceai_unlock();

    return paused;
}


/* Thread: whether so much waits of a job that it has to fail. */

ngx_uint_t
ngx_http_voiceai_excess(ngx_http_voiceai_job_t *job)
{
    ngx_uint_t  excess;

    ngx_http_voiceai_lock();

    excess = job->waiting >= NGX_HTTP_VOICEAI_JOB_MAX
             || (job->waiting >= NGX_HTTP_VOICEAI_JOB_HIGH
                 && ngx_http_voiceai_transport.waiting
                    >= NGX_HTTP_VOICEAI_WAITING_MAX);

    ngx_http_voiceai_unlock();

    return excess;
}


/* Event loop: moves all results which have come to the end of the list. */

void
ngx_http_voiceai_take(ngx_http_voiceai_msgs_t *list)
{
    ngx_uint_t                     i;
    ngx_http_voiceai_transport_t  *t;

    t = &ngx_http_voiceai_transport;

    ngx_http_voiceai_lock();

    if (t->outbox.first) {
        *list->last = t->outbox.first;
        list->last = t->outbox.last;

        ngx_http_voiceai_msgs_init(&t->outbox);
        t->batch++;
    }

    for (i = 0; i < t->nloops; i++) {
        t->loops[i].ping = 0;
    }

    ngx_http_voiceai_unlock();
}


/* Event loop: a result was consumed, so its bytes wait no longer. */

void
ngx_http_voiceai_taken(ngx_http_voiceai_job_t *job, size_t size)
{
    ngx_uint_t  resume;

    ngx_http_voiceai_lock();

    job->waiting -= size;
    ngx_http_voiceai_transport.waiting -= size;

    resume = job->paused && job->waiting <= NGX_HTTP_VOICEAI_JOB_LOW;

    if (resume) {
        job->paused = 0;
    }

    ngx_http_voiceai_unlock();

    if (resume) {
        /* a paused transfer is active, so its loop is running */
        (void) ngx_http_voiceai_command(job, NGX_HTTP_VOICEAI_CMD_RESUME);
    }
}


/*
 * Thread: asks the event loop for a sign of life; returns whether it still
 * owes the one for the ping before.
 */

ngx_uint_t
ngx_http_voiceai_ping(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t  owed;

    ngx_http_voiceai_lock();

    owed = loop->ping;
    loop->ping = 1;

    ngx_http_voiceai_unlock();

    ngx_http_voiceai_signal(ngx_http_voiceai_transport.notify);

    return owed;
}


/* Event loop: the task is about to be posted, or could not be. */

void
ngx_http_voiceai_running(ngx_http_voiceai_loop_t *loop, ngx_uint_t running)
{
    ngx_http_voiceai_lock();
    loop->running = running;
    ngx_http_voiceai_unlock();
}


/* Thread: returns whether it may go, which nobody can race with. */

ngx_uint_t
ngx_http_voiceai_leave(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t  empty;

    ngx_http_voiceai_lock();

    empty = ngx_queue_empty(&loop->inbox);

    if (empty) {
        loop->running = 0;
        loop->ping = 0;
    }

    ngx_http_voiceai_unlock();

    return empty;
}


/* Event loop: whether a thread has the loop, or jobs wait for one. */

ngx_uint_t
ngx_http_voiceai_is_running(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t  running;

    ngx_http_voiceai_lock();
    running = loop->running;
    ngx_http_voiceai_unlock();

    return running;
}


ngx_uint_t
ngx_http_voiceai_is_waiting(ngx_http_voiceai_loop_t *loop)
{
    ngx_uint_t  waiting;

    ngx_http_voiceai_lock();
    waiting = !ngx_queue_empty(&loop->inbox);
    ngx_http_voiceai_unlock();

    return waiting;
}


void
ngx_http_voiceai_signal(int fd)
{
    ssize_t   n;
    uint64_t  one;

    one = 1;

    do {
        n = write(fd, &one, sizeof(uint64_t));
    } while (n == -1 && ngx_errno == NGX_EINTR);
}


void
ngx_http_voiceai_drain(int fd)
{
    ssize_t   n;
    uint64_t  count;

    do {
        n = read(fd, &count, sizeof(uint64_t));
    } while (n == -1 && ngx_errno == NGX_EINTR);
}


ngx_http_voiceai_msg_t *
ngx_http_voiceai_msgs_shift(ngx_http_voiceai_msgs_t *list)
{
    ngx_http_voiceai_msg_t  *msg;

    msg = list->first;

    if (msg) {
        list->first = msg->next;

        if (list->first == NULL) {
            list->last = &list->first;
        }
    }

    return msg;
}


void
ngx_http_voiceai_msgs_unshift(ngx_http_voiceai_msgs_t *list,
    ngx_http_voiceai_msg_t *msg)
{
    msg->next = list->first;

    if (list->first == NULL) {
        list->last = &msg->next;
    }

    list->first = msg;
}


void
ngx_http_voiceai_msgs_push(ngx_http_voiceai_msgs_t *list,
    ngx_http_voiceai_msg_t *msg)
{
    msg->next = NULL;
    *list->last = msg;
    list->last = &msg->next;
}


void
ngx_http_voiceai_msgs_free(ngx_http_voiceai_msgs_t *list)
{
    ngx_http_voiceai_msg_t  *msg;

    while ((msg = ngx_http_voiceai_msgs_shift(list)) != NULL) {

        /* the last one is a part of its job */

        if (msg != &msg->job->end) {
            ngx_free(msg);
        }
    }
}
