
/*
 * What is counted, in memory shared by all workers.
 */


#ifndef _NGX_HTTP_VOICEAI_METRICS_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../src/dialog/va_call.h"


/* Counters; ngx_http_voiceai_metrics.c has their names, in this order. */
typedef enum {
    NGX_HTTP_VOICEAI_COUNT_INBOUND = 0,   /* calls */
    NGX_HTTP_VOICEAI_COUNT_OUTBOUND,
    NGX_HTTP_VOICEAI_COUNT_REFUSED,

    NGX_HTTP_VOICEAI_COUNT_COMPLETED,     /* in the order of va_status_t */
    NGX_HTTP_VOICEAI_COUNT_BUSY,
    NGX_HTTP_VOICEAI_COUNT_FAILED,
    NGX_HTTP_VOICEAI_COUNT_NO_ANSWER,
    NGX_HTTP_VOICEAI_COUNT_CANCELED,

    NGX_HTTP_VOICEAI_COUNT_STREAMS,
    NGX_HTTP_VOICEAI_COUNT_LOST,          /* streams that ended abruptly */

    NGX_HTTP_VOICEAI_COUNT_HEARD,         /* turns */
    NGX_HTTP_VOICEAI_COUNT_SPOKEN,
    NGX_HTTP_VOICEAI_COUNT_INTERRUPTED,
    NGX_HTTP_VOICEAI_COUNT_RESUMED,       /* by mistake interrupted */
    NGX_HTTP_VOICEAI_COUNT_NOISE,         /* sounds that were no turn */
    NGX_HTTP_VOICEAI_COUNT_GAPS,          /* milliseconds */

    NGX_HTTP_VOICEAI_COUNT_RECEIVED,      /* bytes on media sockets */
    NGX_HTTP_VOICEAI_COUNT_SENT,

    NGX_HTTP_VOICEAI_COUNT_STT_DONE,      /* requests to engines */
    NGX_HTTP_VOICEAI_COUNT_STT_FAILED,
    NGX_HTTP_VOICEAI_COUNT_STT_LATE,
    NGX_HTTP_VOICEAI_COUNT_LLM_DONE,
    NGX_HTTP_VOICEAI_COUNT_LLM_FAILED,
    NGX_HTTP_VOICEAI_COUNT_LLM_LATE,
    NGX_HTTP_VOICEAI_COUNT_TTS_DONE,
    NGX_HTTP_VOICEAI_COUNT_TTS_FAILED,
    NGX_HTTP_VOICEAI_COUNT_TTS_LATE,

    NGX_HTTP_VOICEAI_COUNT_PHRASE_HIT,
    NGX_HTTP_VOICEAI_COUNT_PHRASE_MISS,

    NGX_HTTP_VOICEAI_COUNTS
} ngx_http_voiceai_count_e;


/* Histograms of times. */
typedef enum {
    NGX_HTTP_VOICEAI_TIME_RESPONSE = 0,   /* end of speech to first frame */
    NGX_HTTP_VOICEAI_TIME_ENDPOINTING,
    NGX_HTTP_VOICEAI_TIME_RECOGNISER,
    NGX_HTTP_VOICEAI_TIME_MODEL,
    NGX_HTTP_VOICEAI_TIME_VOICE,
    NGX_HTTP_VOICEAI_TIME_SENDING,

    NGX_HTTP_VOICEAI_TIME_STT_FIRST,      /* request to first byte */
    NGX_HTTP_VOICEAI_TIME_LLM_FIRST,
    NGX_HTTP_VOICEAI_TIME_TTS_FIRST,

    NGX_HTTP_VOICEAI_TIME_LAG,            /* of the event loop */
    NGX_HTTP_VOICEAI_TIME_CALL,           /* a stream, from start to end */

    NGX_HTTP_VOICEAI_TIMES
} ngx_http_voiceai_time_e;


VA_BEGIN_DECLS

/* Adds the memory to the configuration that is being read. */
ngx_int_t ngx_http_voiceai_metrics_zone(ngx_conf_t *cf);

/* Per worker. */
ngx_int_t ngx_http_voiceai_metrics_init(ngx_cycle_t *cycle);
void ngx_http_voiceai_metrics_exit(void);

void ngx_http_voiceai_count(ngx_http_voiceai_count_e what, ngx_uint_t n);
void ngx_http_voiceai_time(ngx_http_voiceai_time_e what, ngx_msec_t ms);

/* Where the time before an answer went. */
void ngx_http_voiceai_time_answer(const va_turn_times_t *t);

/* A request to an engine ended; stage is NGX_HTTP_VOICEAI_STT or another. */
void ngx_http_voiceai_count_request(ngx_uint_t stage, ngx_uint_t failed,
    ngx_uint_t late, ngx_msec_t first);

/* The directive "voiceai_metrics". */
ngx_int_t ngx_http_voiceai_metrics_handler(ngx_http_request_t *r);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_METRICS_H_INCLUDED_ */
