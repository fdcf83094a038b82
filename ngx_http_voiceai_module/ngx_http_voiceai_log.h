
/*
 * The call log: a queue in memory shared by all workers, which tasks of a
 * thread pool carry into the database.
 */


#ifndef _NGX_HTTP_VOICEAI_LOG_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_LOG_H_INCLUDED_


#include "ngx_http_voiceai_module.h"

#include "../src/store/va_flush.h"
#include "../src/store/va_record.h"
#include "../src/wire/va_exposition.h"

#include <pthread.h>


struct ngx_http_voiceai_log_conf_s {
    ngx_str_t                     url;        /* terminated, as all here */
    ngx_path_t                   *journal;    /* NULL: no call log */
    size_t                        journal_max;
    size_t                        queue;
    ngx_uint_t                    redact;     /* VA_REDACT_* */
    time_t                        keep;       /* seconds; 0: for ever */
    ngx_shm_zone_t               *zone;
    ngx_thread_pool_t            *pool;
};


/*
 * In shared memory.  Who holds `role` moves records on; when its process dies
 * the next one gets it.
 */
typedef struct {
    pthread_mutex_t               role;
    va_flush_shared_t             flush;
    _Atomic uint64_t              id;         /* the last one given */
    _Atomic uint64_t              lost;       /* the queue was full */
    _Atomic uint64_t              told;       /* of them, in the error log */
    va_ring_t                    *ring;
} ngx_http_voiceai_log_sh_t;


typedef struct {
    uint64_t                      written;    /* records */
    uint64_t                      spilled;
    uint64_t                      refused;
    uint64_t                      lost;
    uint64_t                      deleted;    /* calls */
    uint64_t                      waiting;    /* bytes */
    uint64_t                      journal;
    ngx_uint_t                    away;       /* the database is */
} ngx_http_voiceai_log_stat_t;


VA_BEGIN_DECLS

/* ngx_http_voiceai_log_conf.c */

/* After the configuration was read: zone and threads, if there is a log. */
ngx_int_t ngx_http_voiceai_log_setup(ngx_conf_t *cf,
    ngx_http_voiceai_main_conf_t *vmcf);

/* ngx_http_voiceai_log.c */

/* Per worker. */
ngx_int_t ngx_http_voiceai_log_init(ngx_cycle_t *cycle,
    ngx_http_voiceai_main_conf_t *vmcf);
void ngx_http_voiceai_log_exit(void);

/* The configuration in use, NULL when there is no log. */
ngx_http_voiceai_log_conf_t *ngx_http_voiceai_log_conf(void);

/* Queues a record, whose id and time are set here. */
void ngx_http_voiceai_log_push(va_record_t *rec);

/*
 * Calls handler when all that is queued now is safe, or has had its time;
 * returns as a handler does.
 */
ngx_int_t ngx_http_voiceai_log_wait(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r));

/* NGX_DECLINED when there is no log. */
ngx_int_t ngx_http_voiceai_log_stat(ngx_http_voiceai_log_stat_t *stat);

/* ngx_http_voiceai_log_metrics.c */
void ngx_http_voiceai_log_metrics(va_exposition_t *e);

/* ngx_http_voiceai_log_read.c */
void ngx_http_voiceai_log_read_exit(void);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_LOG_H_INCLUDED_ */
