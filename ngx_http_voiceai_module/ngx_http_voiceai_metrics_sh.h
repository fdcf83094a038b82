
/*
 * The metrics in shared memory, for the two files that know them.
 */


#ifndef _NGX_HTTP_VOICEAI_METRICS_SH_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_METRICS_SH_H_INCLUDED_


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_metrics.h"


#define NGX_HTTP_VOICEAI_METRICS_WORKERS  256
#define NGX_HTTP_VOICEAI_METRICS_BUCKETS  18


/* Each bucket counts what was not in the one before. */
typedef struct {
    ngx_atomic_t  buckets[NGX_HTTP_VOICEAI_METRICS_BUCKETS];
    ngx_atomic_t  sum;      /* ms */
} ngx_http_voiceai_metrics_times_t;


typedef struct {
    ngx_atomic_t  pid;      /* 0: free */
    ngx_atomic_t  active;   /* requests to engines */
    ngx_atomic_t  redis;    /* whether it reaches Redis */
} ngx_http_voiceai_metrics_worker_t;


typedef struct {
    ngx_atomic_t                       counts[NGX_HTTP_VOICEAI_COUNTS];
    ngx_http_voiceai_metrics_times_t   times[NGX_HTTP_VOICEAI_TIMES];
    ngx_http_voiceai_metrics_worker_t
                                  workers[NGX_HTTP_VOICEAI_METRICS_WORKERS];
} ngx_http_voiceai_metrics_sh_t;


VA_BEGIN_DECLS

/* The upper bounds of a histogram's buckets, ms; one bucket more follows. */
const ngx_msec_t *ngx_http_voiceai_metrics_bounds(ngx_uint_t what,
    ngx_uint_t *n);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_METRICS_SH_H_INCLUDED_ */
