
/*
 * What the two sides of the transport share: the event loop of the worker
 * and the loops which drive libcurl on threads of a pool.
 */


#ifndef _NGX_HTTP_VOICEAI_LOOP_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_LOOP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include <pthread.h>
#include <curl/curl.h>

#include "ngx_http_voiceai_transport.h"


/* of a worker: jobs in its memory, and thread pools it may use */
#define NGX_HTTP_VOICEAI_JOBS         4096
#define NGX_HTTP_VOICEAI_LOOPS        8

/* results of a job which wait in memory: where it is paused and resumed */
#define NGX_HTTP_VOICEAI_JOB_HIGH     (256 * 1024)
#define NGX_HTTP_VOICEAI_JOB_LOW      (128 * 1024)

/*
 * With HTTP/2 libcurl goes on reading for a paused stream, since the others
 * need the connection, and keeps tens of megabytes of it.  There results wait
 * here instead, and this is where a job fails: by its own bytes, or by those
 * of all jobs once it is above the mark.
 */
#define NGX_HTTP_VOICEAI_JOB_MAX      (4 * 1024 * 1024)
#define NGX_HTTP_VOICEAI_WAITING_MAX  (256 * 1024 * 1024)

/* results handed out before the event loop gets to its other work */
#define NGX_HTTP_VOICEAI_PASS         256

/* one message never grows beyond this by coalescing */
#define NGX_HTTP_VOICEAI_MSG_SIZE     4096

#define NGX_HTTP_VOICEAI_ERROR_LEN    256
#define NGX_HTTP_VOICEAI_PEER_LEN     128

/* no provider's wish to be left alone counts for longer, in seconds */
#define NGX_HTTP_VOICEAI_RETRY_MAX    86400

/* easy handles kept for reuse */
#define NGX_HTTP_VOICEAI_SPARE        64

/* audio of a stream which waits for the thread: eight seconds */
#define NGX_HTTP_VOICEAI_MIC_MAX      64000


/* what the event loop asks a thread to do with a job */
#define NGX_HTTP_VOICEAI_CMD_START    1
#define NGX_HTTP_VOICEAI_CMD_CANCEL   2
#define NGX_HTTP_VOICEAI_CMD_RESUME   4
#define NGX_HTTP_VOICEAI_CMD_AUDIO    8


typedef struct ngx_http_voiceai_msg_s     ngx_http_voiceai_msg_t;
typedef struct ngx_http_voiceai_loop_s    ngx_http_voiceai_loop_t;
typedef struct ngx_http_voiceai_stream_s  ngx_http_voiceai_stream_t;


struct ngx_http_voiceai_msg_s {
    ngx_http_voiceai_msg_t     *next;
    ngx_http_voiceai_job_t     *job;
    ngx_http_voiceai_result_t   result;
    size_t                      size;     /* of data, and the struct itself */
};


typedef struct {
    ngx_http_voiceai_msg_t     *first;
    ngx_http_voiceai_msg_t    **last;
} ngx_http_voiceai_msgs_t;


#define ngx_http_voiceai_msgs_init(list)                                      \
    (list)->first = NULL;                                                     \
    (list)->last = &(list)->first


/*
 * A job is allocated and freed by the event loop; the thread works on it
 * between CMD_START and its last message, which is a part of the job, so that
 * the end of a job never lacks memory.  Each group of fields below belongs to
 * one side, or to whoever holds the mutex; bit fields of different groups
 * must not be neighbours.
 */

struct ngx_http_voiceai_job_s {

    /* set by ngx_http_voiceai_job_start(), only read later */

    ngx_http_voiceai_loop_t    *loop;

    ngx_msec_t                  submitted;
    ngx_msec_t                  connect_timeout;
    ngx_msec_t                  first_timeout;
    ngx_msec_t                  idle_timeout;
    ngx_msec_t                  timeout;
    ngx_uint_t                  streams;  /* audio is given while it runs */
    ngx_uint_t                  warm;     /* opens a connection, no more */

    /* event loop */

    ngx_http_voiceai_result_pt  handler;
    void                       *data;

    ngx_http_voiceai_msgs_t     left;     /* by NGX_AGAIN, and all after it */
    ngx_queue_t                 queue;    /* of all jobs */
    ngx_queue_t                 ready;    /* of resumed jobs */

    unsigned                    busy:1;   /* inside the handler */
    unsigned                    resumed:1;
    unsigned                    cancelled:1;
    unsigned                    ended:1;  /* the last message has come */
    unsigned                    closing:1;  /* and is with the handler */

    /* mutex */

    ngx_queue_t                 inbox;
    ngx_uint_t                  commands;  /* not empty: is in the inbox */
    ngx_uint_t                  finished;  /* no commands any more */
    ngx_uint_t                  paused;    /* waits for CMD_RESUME */
    size_t                      waiting;   /* bytes of results not taken */
    ngx_http_voiceai_msg_t     *tail;      /* may grow, if of this batch */
    ngx_uint_t                  batch;
    va_buf_t                    mic;      /* audio to be sent */
    size_t                      flush;    /* finalize after so much of it */
    ngx_uint_t                  flush_set;

    /* thread, or the event loop when the job has not been started */

    va_ai_stage_t               stage;
    va_str_t                    kind;
    va_str_t                    socket;
    va_str_t                    proxy;
    va_str_t                    ca;
    va_str_t                    cert;
    va_str_t                    cert_key;
    ngx_uint_t                  tls;
    va_ai_conf_t                conf;
    va_ai_input_t               input;

    u_char                     *copy;     /* what those above point to */
    size_t                      copy_len;

    ngx_queue_t                 active;
    ngx_msec_t                  first;    /* time of the first body byte */
    ngx_msec_t                  last;     /* and of the latest one */

    CURL                       *easy;
    struct curl_slist          *headers;
    curl_mime                  *mime;
    va_ai_request_t             request;
    va_ai_reader_t             *reader;
    ngx_http_voiceai_stream_t  *stream;

    ngx_http_voiceai_fault_e    fault;
    va_ai_error_class_t         why;
    u_char                      peer[NGX_HTTP_VOICEAI_PEER_LEN];

    unsigned                    started:1;
    unsigned                    headed:1;
    unsigned                    answered:1;
    unsigned                    rejected:1;  /* by the reader */
    unsigned                    shared:1;  /* connection, by HTTP/2 */
    unsigned                    held:1;   /* paused, as the thread knows */
    unsigned                    late:1;   /* ran into a deadline */
    unsigned                    given_up:1;  /* by the event loop */

    /* the thread's, and with the last message the event loop's */

    ngx_http_voiceai_msg_t      end;
    u_char                      error[NGX_HTTP_VOICEAI_ERROR_LEN];
    char                        reason[CURL_ERROR_SIZE];
};


/*
 * A libcurl multi handle.  Streams have one of their own: libcurl closes what
 * it takes for an idle connection of old age, and its handles for streams do
 * not look busy.
 */

typedef struct {
    CURLM                      *curl;
    int                         epoll;
    ngx_msec_t                  due;      /* timer of libcurl */
    ngx_uint_t                  due_set;
} ngx_http_voiceai_multi_t;


/* A transfer without a job: see ngx_http_voiceai_transport_nudge.c. */

typedef struct {
    CURL                       *easy;
    ngx_uint_t                  pass;     /* of the loop, which began it */
    u_char                      peer[NGX_HTTP_VOICEAI_PEER_LEN];
} ngx_http_voiceai_nudge_t;


#define NGX_HTTP_VOICEAI_NUDGES        8


#define NGX_HTTP_VOICEAI_MULTI_HTTP    0
#define NGX_HTTP_VOICEAI_MULTI_STREAM  1
#define NGX_HTTP_VOICEAI_MULTIS        2


/* One per thread pool: libcurl's handles, and the task which drives them. */

struct ngx_http_voiceai_loop_s {
    ngx_thread_pool_t          *pool;
    ngx_thread_task_t           task;

    int                         epoll;    /* of the three below, and HTTP */
    int                         wake;     /* eventfd */
    int                         dials;    /* epoll: streams that connect */
    int                         streams;  /* epoll: those that are */

    /* mutex */

    ngx_queue_t                 inbox;
    ngx_uint_t                  running;  /* will look into the inbox */
    ngx_uint_t                  ping;     /* the worker owes an answer */

    /* thread */

    ngx_http_voiceai_multi_t    multis[NGX_HTTP_VOICEAI_MULTIS];
    CURLSH                     *share;    /* of TLS sessions */
    ngx_queue_t                 active;
    ngx_queue_t                 again;    /* streams with more to be read */
    ngx_uint_t                  nspare;
    CURL                       *spare[NGX_HTTP_VOICEAI_SPARE];

    ngx_uint_t                  pass;
    ngx_http_voiceai_nudge_t    nudges[NGX_HTTP_VOICEAI_NUDGES];

    ngx_msec_t                  now;
    ngx_msec_t                  tick;
    ngx_msec_t                  idle;     /* since when without a job */
    ngx_msec_t                  pinged;   /* and when that was answered */
    ngx_msec_t                  heard;
    ngx_uint_t                  more;     /* commands, than were done */
};


#define ngx_http_voiceai_multi(job)                                           \
    (job)->loop->multis[(job)->streams ? NGX_HTTP_VOICEAI_MULTI_STREAM        \
                                       : NGX_HTTP_VOICEAI_MULTI_HTTP].curl


typedef struct {
    ngx_uint_t                  ready;

    pthread_mutex_t             mutex;

    /* mutex */

    ngx_http_voiceai_msgs_t     outbox;
    ngx_uint_t                  batch;    /* how often it has been emptied */
    size_t                      waiting;  /* bytes, of all jobs */

    /* event loop; the eventfd is written by threads */

    int                         notify;
    ngx_log_t                  *log;
    ngx_event_t                 event;
    ngx_http_voiceai_msgs_t     taken;
    ngx_queue_t                 resumed;

    ngx_queue_t                 jobs;
    ngx_uint_t                  njobs;
    ngx_http_voiceai_transport_stat_t  stat;

    ngx_uint_t                  nloops;
    ngx_http_voiceai_loop_t     loops[NGX_HTTP_VOICEAI_LOOPS];
} ngx_http_voiceai_transport_t;


VA_BEGIN_DECLS


extern ngx_http_voiceai_transport_t  ngx_http_voiceai_transport;


/* ngx_http_voiceai_transport_queue.c: between event loop and thread */

ngx_msec_t ngx_http_voiceai_msec(void);
ngx_uint_t ngx_http_voiceai_command(ngx_http_voiceai_job_t *job,
    ngx_uint_t command);
void ngx_http_voiceai_recall(ngx_http_voiceai_job_t *job);
ngx_http_voiceai_job_t *ngx_http_voiceai_next_job(ngx_http_voiceai_loop_t *loop,
    ngx_uint_t *commands);
ngx_int_t ngx_http_voiceai_push(ngx_http_voiceai_job_t *job,
    const va_ai_event_t *event);
void ngx_http_voiceai_push_end(ngx_http_voiceai_job_t *job, ngx_uint_t failed,
    ngx_uint_t status, ngx_int_t retry_after);
ngx_uint_t ngx_http_voiceai_pause(ngx_http_voiceai_job_t *job);
ngx_uint_t ngx_http_voiceai_excess(ngx_http_voiceai_job_t *job);
ngx_int_t ngx_http_voiceai_mic(ngx_http_voiceai_job_t *job, const u_char *ulaw,
    size_t len, ngx_uint_t flush);
ngx_uint_t ngx_http_voiceai_mic_take(ngx_http_voiceai_job_t *job,
    va_buf_t *audio, ssize_t *flush);
void ngx_http_voiceai_take(ngx_http_voiceai_msgs_t *list);
void ngx_http_voiceai_taken(ngx_http_voiceai_job_t *job, size_t size);
ngx_uint_t ngx_http_voiceai_ping(ngx_http_voiceai_loop_t *loop);
void ngx_http_voiceai_running(ngx_http_voiceai_loop_t *loop,
    ngx_uint_t running);
ngx_uint_t ngx_http_voiceai_leave(ngx_http_voiceai_loop_t *loop);
ngx_uint_t ngx_http_voiceai_is_running(ngx_http_voiceai_loop_t *loop);
ngx_uint_t ngx_http_voiceai_is_waiting(ngx_http_voiceai_loop_t *loop);
void ngx_http_voiceai_signal(int fd);
void ngx_http_voiceai_drain(int fd);

/* ngx_http_voiceai_transport_loop.c: the task, on a thread of the pool */

ngx_int_t ngx_http_voiceai_loop_create(ngx_http_voiceai_loop_t *loop,
    ngx_log_t *log);
void ngx_http_voiceai_loop_destroy(ngx_http_voiceai_loop_t *loop);
void ngx_http_voiceai_loop_run(void *data, ngx_log_t *log);

/* ngx_http_voiceai_transport_curl.c: one transfer, on that thread */

void ngx_http_voiceai_transfer_start(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_transfer_done(ngx_http_voiceai_job_t *job, CURLcode code);
void ngx_http_voiceai_transfer_resume(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_transfer_spare(ngx_http_voiceai_loop_t *loop,
    CURL *easy);
size_t ngx_http_voiceai_transfer_write(char *data, size_t size, size_t count,
    void *arg);
void ngx_http_voiceai_transfer_end(ngx_http_voiceai_job_t *job,
    ngx_uint_t failed);

/* ngx_http_voiceai_transport_setup.c: the request, in an easy handle */

CURLcode ngx_http_voiceai_transfer_setup(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_transfer_peer(ngx_http_voiceai_job_t *job, va_str_t url);

/* ngx_http_voiceai_transport_nudge.c: after a cancelled transfer */

ngx_uint_t ngx_http_voiceai_nudge(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_nudge_done(ngx_http_voiceai_loop_t *loop, CURL *easy);

/* ngx_http_voiceai_transport_error.c: why a transfer failed */

void ngx_http_voiceai_transfer_error(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_fault_e fault, const char *fmt, ...);
void ngx_http_voiceai_transfer_fail(ngx_http_voiceai_job_t *job,
    ngx_http_voiceai_fault_e fault, const char *fmt, ...);
void ngx_http_voiceai_transfer_rejected(ngx_http_voiceai_job_t *job,
    va_rc_t rc);
void ngx_http_voiceai_transfer_explain(ngx_http_voiceai_job_t *job,
    CURLcode code);

/* ngx_http_voiceai_transport_stream.c: a WebSocket; NGX_DONE: job is gone */

ngx_uint_t ngx_http_voiceai_stream_create(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_stream_close(ngx_http_voiceai_job_t *job);
ngx_int_t ngx_http_voiceai_stream_connected(ngx_http_voiceai_job_t *job);
ngx_int_t ngx_http_voiceai_stream_ready(ngx_http_voiceai_job_t *job,
    ngx_uint_t events);
ngx_int_t ngx_http_voiceai_stream_again(ngx_http_voiceai_job_t *job);
ngx_http_voiceai_job_t *ngx_http_voiceai_stream_next(
    ngx_http_voiceai_loop_t *loop);
ngx_int_t ngx_http_voiceai_stream_command(ngx_http_voiceai_job_t *job,
    ngx_uint_t commands);
ngx_int_t ngx_http_voiceai_stream_tick(ngx_http_voiceai_job_t *job,
    ngx_msec_t now);
void ngx_http_voiceai_stream_event(ngx_http_voiceai_job_t *job,
    va_ai_event_type_t type);
void ngx_http_voiceai_stream_answer(ngx_http_voiceai_job_t *job,
    ngx_uint_t *status, ngx_int_t *retry_after);

/* ngx_http_voiceai_transport_job.c: memory of a job, and its copies */

ngx_http_voiceai_job_t *ngx_http_voiceai_job_create(
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input,
    ngx_log_t *log);
void ngx_http_voiceai_job_forget(ngx_http_voiceai_job_t *job);
void ngx_http_voiceai_job_free(ngx_http_voiceai_job_t *job);


/* ngx_http_voiceai_transport_queue.c: lists of messages */
ngx_http_voiceai_msg_t *ngx_http_voiceai_msgs_shift(
    ngx_http_voiceai_msgs_t *list);
void ngx_http_voiceai_msgs_unshift(ngx_http_voiceai_msgs_t *list,
    ngx_http_voiceai_msg_t *msg);
void ngx_http_voiceai_msgs_push(ngx_http_voiceai_msgs_t *list,
    ngx_http_voiceai_msg_t *msg);
void ngx_http_voiceai_msgs_free(ngx_http_voiceai_msgs_t *list);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_LOOP_H_INCLUDED_ */
