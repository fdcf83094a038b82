
/*
 * What stands in a zone; for the files that work on it.
 *
 * Processes of two binaries may share it, each with the memory at an address
 * of its own, so nothing in it is a pointer.
 */


#ifndef _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_web.h"

#include "../src/base/va_slots.h"


/* lists of records */
#define NGX_HTTP_VOICEAI_LIST_USED   0    /* calls that are not over */
#define NGX_HTTP_VOICEAI_LIST_ENDED  1    /* and those that are, oldest first */

#define NGX_HTTP_VOICEAI_ZONE_NAME   64


typedef struct {
    uint32_t                    magic;
    uint32_t                    layout;
    ngx_http_voiceai_field(name, NGX_HTTP_VOICEAI_ZONE_NAME);

    ngx_atomic_t                lock;     /* process that is inside, or 0 */
    ngx_uint_t                  inside;   /* and may have changed something */

    ngx_uint_t                  live;
    ngx_uint_t                  streaming;
    ngx_uint_t                  refused;

    ngx_http_voiceai_drain_t    drain;
    ngx_http_voiceai_asked_t    asked;

    u_char                      secret[NGX_HTTP_VOICEAI_NAME_LEN];
    ngx_http_voiceai_worker_t   workers[NGX_HTTP_VOICEAI_WORKERS];
    ngx_http_voiceai_web_sh_t   web;
} ngx_http_voiceai_zone_sh_t;


/* behind it, the records */

#define NGX_HTTP_VOICEAI_ZONE_HEAD                                            \
    ngx_align(sizeof(ngx_http_voiceai_zone_sh_t), 64)

#define ngx_http_voiceai_zone_table(sh)                                       \
    ((va_slots_t *) ((u_char *) (sh) + NGX_HTTP_VOICEAI_ZONE_HEAD))


/* The memory, for all configurations of a process that have the zone. */
typedef struct {
    ngx_fd_t                    fd;
    ngx_uint_t                  refs;
    size_t                      reserved; /* address space */
    ngx_http_voiceai_zone_sh_t *sh;
} ngx_http_voiceai_zone_map_t;


typedef struct {
    ngx_http_voiceai_zone_sh_t  *sh;      /* must be first: another version's
                                             configuration looks here */
    ngx_http_voiceai_zone_map_t *map;
    size_t                       size;
} ngx_http_voiceai_zone_ctx_t;


VA_BEGIN_DECLS

/*
 * Nobody else is in the zone between these two.  What a process leaves behind
 * that dies in there is put right by the next one.
 */
ngx_http_voiceai_zone_sh_t *ngx_http_voiceai_zone_lock(ngx_shm_zone_t *zone);
void ngx_http_voiceai_zone_unlock(ngx_http_voiceai_zone_sh_t *sh);

/* All under the lock. */

/* The entry of a worker; of pid 0, a free one. */
ngx_http_voiceai_worker_t *ngx_http_voiceai_zone_worker(
    ngx_http_voiceai_zone_sh_t *sh, ngx_pid_t pid);

/* Changes the state of a record and what is counted by it. */
void ngx_http_voiceai_zone_state(ngx_http_voiceai_zone_sh_t *sh,
    ngx_http_voiceai_record_t *rec, ngx_http_voiceai_state_e state);

/* Counts anew what is counted by the states of records. */
void ngx_http_voiceai_zone_recount(ngx_http_voiceai_zone_sh_t *sh);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_ZONE_SH_H_INCLUDED_ */
