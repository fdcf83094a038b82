
/*
 * Traces: one of each call, with spans for its streams, turns, stages and the
 * requests to engines and tools, sent to a collector of OpenTelemetry.
 */


#ifndef _NGX_HTTP_VOICEAI_TRACE_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_TRACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_voiceai_transport.h"
#include "ngx_http_voiceai_zone.h"

#include "../src/dialog/va_call.h"
#include "../src/wire/va_span.h"


typedef struct ngx_http_voiceai_trace_conf_s {
    ngx_http_voiceai_provider_t  provider;   /* the collector */
    ngx_str_t                    service;
    ngx_uint_t                   sample;     /* of 10000 */
    u_char                       key[32];    /* of trace ids */
} ngx_http_voiceai_trace_conf_t;


/* What happens on this worker in a call: of one stream, or one answer. */
typedef struct ngx_http_voiceai_trace_s  ngx_http_voiceai_trace_t;


/* A request of a call; zeroed before its first use. */
typedef struct {
    ngx_http_voiceai_trace_t    *trace;      /* NULL: nothing under way */
    u_char                       id[VA_SPAN_ID];
    char                         parent[VA_SPAN_PARENT];
    ngx_uint_t                   stage;
    uint64_t                     began;
} ngx_http_voiceai_trace_ask_t;


/* the stage of a tool, behind those of engines */
#define NGX_HTTP_VOICEAI_TRACE_TOOL  3


VA_BEGIN_DECLS


/* ngx_http_voiceai_trace_conf.c: "voiceai_otlp url|off [name=value ...]" */
char *ngx_http_voiceai_otlp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_http_voiceai_trace.c */

/*
 * Begins to trace what happens; NULL when there are no traces, or no memory.
 * All functions take a NULL, and then do nothing.
 */
ngx_http_voiceai_trace_t *ngx_http_voiceai_trace_open(
    ngx_http_voiceai_record_t *rec);

/* It is over: a span of that name above all others; frees it. */
void ngx_http_voiceai_trace_close(ngx_http_voiceai_trace_t *t,
    const char *name, ngx_http_voiceai_record_t *rec);

/* The assistant's turn is over, which answers that turn of the caller. */
void ngx_http_voiceai_trace_turn(ngx_http_voiceai_trace_t *t,
    const va_action_t *act, ngx_uint_t number);

/*
 * A request is about to be made, and has ended: res is its last result, NULL
 * when it was given up.  ask returns the traceparent to be sent with it; who
 * is the name of the tool, or of the engine.
 */
va_str_t ngx_http_voiceai_trace_ask(ngx_http_voiceai_trace_ask_t *ask,
    ngx_http_voiceai_trace_t *t, ngx_uint_t stage);
void ngx_http_voiceai_trace_answered(ngx_http_voiceai_trace_ask_t *ask,
    ngx_http_voiceai_provider_t *provider, ngx_str_t *who,
    ngx_http_voiceai_result_t *res);

/* The context for what belongs to no turn; empty without traces. */
va_str_t ngx_http_voiceai_trace_context(ngx_http_voiceai_trace_t *t);

/*
 * The call is over, whose record had the state `was` until now: of one that
 * was over before nothing is told again.
 */
void ngx_http_voiceai_trace_over(ngx_http_voiceai_record_t *rec,
    ngx_http_voiceai_state_e was);


/* ngx_http_voiceai_trace_send.c */

ngx_int_t ngx_http_voiceai_trace_init(ngx_cycle_t *cycle,
    ngx_thread_pool_t *pool, ngx_http_voiceai_trace_conf_t *conf);
void ngx_http_voiceai_trace_exit(void);

/* The configuration in use, NULL when there are no traces. */
ngx_http_voiceai_trace_conf_t *ngx_http_voiceai_trace_conf(void);

/* Queues a span. */
void ngx_http_voiceai_trace_push(const va_span_t *span);


VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_TRACE_H_INCLUDED_ */
