
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
    NGX_HTTP_VOICEAI_RESULT_HANGUP,
    NGX_HTTP_VOICEAI_RESULT_DONE,        /* last one: whole and successful */
    NGX_HTTP_VOICEAI_RESULT_FAILED       /* last one: data says why */
} ngx_http_voiceai_result_type_e;


typedef struct {
    ngx_http_voiceai_result_type_e  type;
    u_char                         *data;
    size_t                          len;
    float                           confidence;   /* TEXT of a recogniser */

    /* of DONE and FAILED */
    ngx_uint_t                      status;       /* HTTP, 0: no answer */
    ngx_uint_t                      late;         /* ran into a deadline */
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

    ngx_msec_t                      connect_timeout;
    ngx_msec_t                      first_timeout;  /* to the first byte */
    ngx_msec_t                      idle_timeout;   /* between bytes */
    ngx_msec_t                      timeout;        /* in all */
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
