
/*
 * What stands behind the stages of a conversation: engines in the order in
 * which they are tried, whether they are well, and requests that go from one
 * to the next.
 */


#ifndef _NGX_HTTP_VOICEAI_ENGINE_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_ENGINE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_voiceai_trace.h"
#include "ngx_http_voiceai_transport.h"


#define NGX_HTTP_VOICEAI_STT           0
#define NGX_HTTP_VOICEAI_LLM           1
#define NGX_HTTP_VOICEAI_TTS           2
#define NGX_HTTP_VOICEAI_STAGES        3

/* engines of one stage, and providers whose health is kept */
#define NGX_HTTP_VOICEAI_ENGINES       8
#define NGX_HTTP_VOICEAI_PROVIDERS     256


typedef struct ngx_http_voiceai_health_s  ngx_http_voiceai_health_t;


/* A provider's place in shared memory; the same provider has one place. */
typedef struct {
    ngx_str_t                      name;      /* "openai/gpt at host" */
    ngx_uint_t                     stage;
    u_char                         digest[16];  /* of what it is */
    ngx_http_voiceai_health_t     *health;    /* once the zone is there */
    ngx_slab_pool_t               *pool;      /* which has it */
} ngx_http_voiceai_place_t;


/* One engine of a stage: built in, or a provider. */
typedef struct {
    ngx_uint_t                     builtin;
    ngx_uint_t                     streams;   /* listens along */
    ngx_uint_t                     max_fails;   /* 0: never left alone */
    ngx_msec_t                     fail_timeout;
    ngx_http_voiceai_place_t      *place;     /* NULL when built in */
    ngx_http_voiceai_provider_t    provider;
} ngx_http_voiceai_engine_t;


/* What stands behind a stage. */
typedef struct {
    ngx_uint_t                     off;
    ngx_array_t                   *list;      /* ngx_http_voiceai_engine_t;
                                                 NULL: not configured */
} ngx_http_voiceai_engines_t;


typedef enum {
    NGX_HTTP_VOICEAI_WELL = 0,
    NGX_HTTP_VOICEAI_ALONE,        /* failed too often, left alone */
    NGX_HTTP_VOICEAI_PROBED        /* one request finds out */
} ngx_http_voiceai_health_e;


/* What the status pages show of a provider. */
typedef struct {
    ngx_str_t                      name;
    ngx_uint_t                     stage;
    ngx_http_voiceai_health_e      health;
    ngx_msec_t                     alone;     /* ms until it is tried again */
    ngx_uint_t                     requests;
    ngx_uint_t                     failures;
    ngx_uint_t                     row;       /* failures in a row */
    ngx_uint_t                     status;    /* HTTP, of the last failure */
    ngx_msec_t                     first;     /* to the first byte, average
                                                 of the last ones */
} ngx_http_voiceai_provider_stat_t;


/*
 * A request of a stage.  It goes to the first engine that is well, and on to
 * the next while nothing was handed out; FAILED comes when none is left.
 *
 * input fills what the request is about, for each engine anew; the views have
 * to last until it is called again or the function that called it returns.
 *
 * handler is that of a job.  DONE may bring text (of the built-in model).
 * The errand is idle when it is called with DONE or FAILED, and may be gone
 * when it returns.
 */
typedef struct ngx_http_voiceai_errand_s  ngx_http_voiceai_errand_t;

struct ngx_http_voiceai_errand_s {
    ngx_http_voiceai_engines_t    *engines;
    ngx_uint_t                     stage;
    ngx_thread_pool_t             *pool;
    ngx_str_t                      sid;       /* of the call, for the log */
    ngx_http_voiceai_trace_t      *trace;     /* NULL: none */
    ngx_log_t                     *log;
    void                          *data;
    void                         (*input)(void *data, va_ai_input_t *input);
    ngx_int_t                    (*handler)(void *data,
                                      ngx_http_voiceai_result_t *result);

    /* NULL, or NGX_OK: what was handed out is taken back, unsaid */
    ngx_int_t                    (*retract)(void *data);
    unsigned                       whole:1;   /* the input takes it back */

    /* its own */

    ngx_http_voiceai_trace_ask_t   ask;
    ngx_http_voiceai_engine_t     *engine;    /* at work, or the last */
    ngx_http_voiceai_job_t        *job;
    ngx_uint_t                     next;      /* to be tried */
    ngx_event_t                    event;

    unsigned                       given:1;   /* something was handed out */
    unsigned                       hangup:1;  /* the model wants to hang up */
    unsigned                       probe:1;
};


VA_BEGIN_DECLS


/* ngx_http_voiceai_errand.c */

/* What a stage is called in messages. */
extern const char  *ngx_http_voiceai_stages[];

/* Begins; nothing is handed out from inside this function. */
void ngx_http_voiceai_errand_start(ngx_http_voiceai_errand_t *e);

/* Gives it up, in any state, also one that was only zeroed. */
void ngx_http_voiceai_errand_cancel(ngx_http_voiceai_errand_t *e);

/* Hands out what was left by NGX_AGAIN. */
void ngx_http_voiceai_errand_resume(ngx_http_voiceai_errand_t *e);


/* ngx_http_voiceai_health.c */

ngx_http_voiceai_place_t *ngx_http_voiceai_place(ngx_conf_t *cf,
    ngx_array_t *places, ngx_http_voiceai_engine_t *engine, ngx_uint_t stage);
ngx_int_t ngx_http_voiceai_health_zone(ngx_conf_t *cf, ngx_array_t *places);

/* NGX_OK: may be asked; NGX_BUSY: is left alone.  *probe: it is being tried. */
ngx_int_t ngx_http_voiceai_health_take(ngx_http_voiceai_engine_t *engine,
    ngx_uint_t *probe);

/* How the request ended that was taken. */
void ngx_http_voiceai_health_well(ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_result_t *res, ngx_log_t *log);
void ngx_http_voiceai_health_failed(ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_result_t *res, ngx_log_t *log);
void ngx_http_voiceai_health_release(ngx_http_voiceai_engine_t *engine,
    ngx_uint_t probe);

/* Tells of the provider at a place. */
void ngx_http_voiceai_place_stat(ngx_http_voiceai_place_t *place,
    ngx_http_voiceai_provider_stat_t *stat);

/* Tells of the n-th provider; NGX_OK, or NGX_DONE after the last. */
ngx_int_t ngx_http_voiceai_provider_stat(ngx_array_t *places, ngx_uint_t n,
    ngx_http_voiceai_provider_stat_t *stat);


VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_ENGINE_H_INCLUDED_ */
