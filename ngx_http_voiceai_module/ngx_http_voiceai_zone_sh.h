
/*
 * What stands in a zone; for the two files that work on it.
 */


#ifndef _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_


#include "ngx_http_voiceai_module.h"


typedef struct {
    ngx_rbtree_node_t           node;     /* must be first */
    ngx_queue_t                 queue;
    ngx_http_voiceai_record_t   record;
} ngx_http_voiceai_slot_t;


typedef struct {
    uint32_t                    magic;
    uint32_t                    layout;
    size_t                      slot_size;

    ngx_rbtree_t                tree;
    ngx_rbtree_node_t           sentinel;
    ngx_queue_t                 free;
    ngx_queue_t                 used;     /* calls that are not over */
    ngx_queue_t                 ended;    /* and those that are, oldest first */

    ngx_uint_t                  slots;
    ngx_uint_t                  taken;
    ngx_uint_t                  live;
    ngx_uint_t                  streaming;
    ngx_uint_t                  refused;

    u_char                      secret[NGX_HTTP_VOICEAI_NAME_LEN];
    ngx_http_voiceai_worker_t   workers[NGX_HTTP_VOICEAI_WORKERS];
} ngx_http_voiceai_zone_sh_t;


typedef struct {
    ngx_http_voiceai_zone_sh_t  *sh;
    ngx_slab_pool_t             *shpool;
} ngx_http_voiceai_zone_ctx_t;


VA_BEGIN_DECLS

/* All under the zone's mutex. */

/* The entry of a worker; of pid 0, a free one. */
ngx_http_voiceai_worker_t *ngx_http_voiceai_zone_worker(
    ngx_http_voiceai_zone_sh_t *sh, ngx_pid_t pid);

/* Changes the state of a record and what is counted by it. */
void ngx_http_voiceai_zone_state(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec, ngx_http_voiceai_state_e state);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_ */
