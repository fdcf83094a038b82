
/*
 * Requests to AI providers: libcurl multi handles driven by threads of an
 * nginx thread pool, results handed back on the event loop.
 */


#ifndef _NGX_HTTP_VOICEAI_TRANSPORT_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_TRANSPORT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_thread_pool.h>

#include "../src/ai/va_ai.h"


typedef enum {
    NGX_HTTP_VOICEAI_RESULT_TEXT = 0,
    NGX_HTTP_VOICEAI_RESULT_AUDIO,
    NGX_HTTP_VOICEAI_RESULT_TOOL,        /* data: arguments, JSON mostly */

    /* of a streaming recogniser, which has TEXT as well */
    NGX_HTTP_VOICEAI_RESULT_PARTIAL,     /* of a turn which goes on */
    NGX_HTTP_VOICEAI_RESULT_SPEECH_END,  /* the provider heard a turn end */
    NGX_HTTP_VOICEAI_RESULT_FLUSHED,     /* answers job_finalize() */

    NGX_HTTP_VOICEAI_RESULT_DONE,        /* last one: whole and successful */
    NGX_HTTP_VOICEAI_RESULT_FAILED       /* last one: data says why */
} ngx_http_voiceai_result_type_e;


/* Where a job failed: what another try, or another provider, may help with. */
typedef enum {
    NGX_HTTP_VOICEAI_FAULT_NONE = 0,
    NGX_HTTP_VOICEAI_FAULT_LOCAL,        /* ours: memory, descriptors, exit */
    NGX_HTTP_VOICEAI_FAULT_REQUEST,      /* cannot be asked of the provider */
    NGX_HTTP_VOICEAI_FAULT_RESOLVE,      /* no such host */
    NGX_HTTP_VOICEAI_FAULT_CONNECT,      /* nobody there, or its proxy */
    NGX_HTTP_VOICEAI_FAULT_TLS,          /* not whom we trust */
    NGX_HTTP_VOICEAI_FAULT_TIMEOUT,      /* a deadline */
    NGX_HTTP_VOICEAI_FAULT_STATUS,       /* an HTTP status other than 2xx */
    NGX_HTTP_VOICEAI_FAULT_CUT,          /* the connection was lost */
    NGX_HTTP_VOICEAI_FAULT_RESPONSE,     /* not what the provider speaks */
    NGX_HTTP_VOICEAI_FAULT_UNREAD        /* too much which nobody took */
} ngx_http_voiceai_fault_e;


typedef struct {
    ngx_http_voiceai_result_type_e  type;
    u_char                         *data;
    size_t                          len;
    float                           confidence;   /* TEXT of a recogniser */
    ngx_str_t                       id;           /* of TOOL */
    ngx_str_t                       name;

    /* of DONE and FAILED */
    ngx_uint_t                      status;       /* HTTP, 0: no answer */
    ngx_uint_t                      late;         /* ran into a deadline */
    ngx_http_voiceai_fault_e        fault;        /* of FAILED */
    va_ai_error_class_t             why;          /* and what the reader found,
                                                     VA_AI_FINE: nothing */
    ngx_msec_t                      first;        /* submit to first byte */
    ngx_msec_t                      total;        /* submit to end */
    ngx_int_t                       retry_after;  /* seconds, as the provider
                                                     asked; -1: did not */
} ngx_http_voiceai_result_t;


/* A provider as configured; strings live as long as the worker. */
typedef struct {
    ngx_str_t                       kind;         /* "openai" */
    ngx_str_t                       url;          /* http(s)://host/base */
    ngx_str_t                       socket;       /* unix socket, or empty;
                                                     null terminated */
    ngx_str_t                       key;
    ngx_str_t                       model;
    ngx_str_t                       voice;
    ngx_str_t                       language;
    ngx_str_t                       format;
    ngx_uint_t                      rate;
    ngx_array_t                    *params;       /* of ngx_keyval_t, or NULL:
                                                     va_ai_param_t */

    /* null terminated, or empty */
    ngx_str_t                       proxy;        /* http://[user:pw@]host:port;
                                                     empty: none, whatever the
                                                     environment says */
    ngx_str_t                       ca;           /* file, instead of the
                                                     system's authorities */
    ngx_str_t                       cert;         /* PEM files */
    ngx_str_t                       cert_key;     /* empty: it is in cert */
    ngx_uint_t                      tls;          /* lowest version: 12, 13;
                                                     0: 12 */

    ngx_msec_t                      connect_timeout;
    ngx_msec_t                      first_timeout;  /* to the first byte; of a
                                                       stream: to its start */
    ngx_msec_t                      idle_timeout;   /* between bytes; of a
                                                       stream: from finalize
                                                       to what it gives */
    ngx_msec_t                      timeout;        /* in all; no stream's */
} ngx_http_voiceai_provider_t;


typedef struct ngx_http_voiceai_job_s  ngx_http_voiceai_job_t;


/*
 * Called on the event loop for each result, in order.  NGX_OK takes it;
 * NGX_AGAIN leaves it, and everything after it, until
 * ngx_http_voiceai_job_resume(): the transfer is paused when too much waits.
 * DONE and FAILED are always taken; the job is gone after them.
 */
typedef ngx_int_t (*ngx_http_voiceai_result_pt)(void *data,
    ngx_http_voiceai_job_t *job, ngx_http_voiceai_result_t *result);


VA_BEGIN_DECLS

/* Per worker: after the fork, and before the worker goes. */
ngx_int_t ngx_http_voiceai_transport_init(ngx_cycle_t *cycle);
void ngx_http_voiceai_transport_exit(ngx_cycle_t *cycle);

/*
 * Starts a request on the thread pool.  Everything of provider and input is
 * copied before it returns.  NULL when the queue is full or memory is short
 * (logged).  The handler is never called from inside this function.
 */
ngx_http_voiceai_job_t *ngx_http_voiceai_job_start(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_input_t *input,
    ngx_http_voiceai_result_pt handler, void *data, ngx_log_t *log);

/*
 * Cancels at once: the handler is not called any more and the job must not be
 * touched after it.  The transfer ends on its thread soon after.
 */
void ngx_http_voiceai_job_cancel(ngx_http_voiceai_job_t *job);

/* Hands out what was left by NGX_AGAIN, from the event loop, not inside. */
void ngx_http_voiceai_job_resume(ngx_http_voiceai_job_t *job);

/*
 * A recogniser that streams (va_ai_streams() of its kind and VA_AI_STT) is a
 * job which lasts as long as the conversation.  Its input has no utterance;
 * audio may be given from the moment the job has been started, and waits for
 * the connection.  DONE says that the provider has closed the stream in
 * order, FAILED anything else; whoever wants to go on starts another job.
 *
 * job_audio: mu-law, 8000 Hz.  NGX_OK; NGX_BUSY: more than eight seconds wait
 * to be sent, and nothing of this was taken; NGX_ERROR: no memory, or the job
 * does not stream or has ended (its last result may be on its way).
 *
 * job_finalize: the provider is asked for all it has of the audio so far, and
 * RESULT_FLUSHED follows what it gives.  Two requests with nothing in between
 * are one.
 */
ngx_int_t ngx_http_voiceai_job_audio(ngx_http_voiceai_job_t *job,
    const u_char *ulaw, size_t len);
ngx_int_t ngx_http_voiceai_job_finalize(ngx_http_voiceai_job_t *job);

/*
 * Opens a connection to the provider ahead of a request, if none is idle: by
 * a HEAD request of its URL, without the key, whose answer nobody hears.  For
 * the beginning of a call.  Does nothing without TLS, where a connection costs
 * little, and for a recogniser that streams, which has one of its own.
 */
void ngx_http_voiceai_transport_warm(ngx_thread_pool_t *pool,
    ngx_http_voiceai_provider_t *provider, va_ai_stage_t stage,
    ngx_log_t *log);


/* What the status pages show. */
typedef struct {
    ngx_uint_t                      active;       /* started, not ended */
    ngx_uint_t                      started;
    ngx_uint_t                      failed;
    ngx_uint_t                      cancelled;
    ngx_uint_t                      refused;
} ngx_http_voiceai_transport_stat_t;

void ngx_http_voiceai_transport_stat(ngx_http_voiceai_transport_stat_t *stat);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_TRANSPORT_H_INCLUDED_ */
