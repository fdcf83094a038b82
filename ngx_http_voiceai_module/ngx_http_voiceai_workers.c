
/*
 * The workers that a zone knows: who can be told something about a call, how
 * much each has to do, and who has died.
 */


#include "ngx_http_voiceai_zone_sh.h"


ngx_http_voiceai_worker_t *
ngx_http_voiceai_zone_worker(ngx_http_voiceai_zone_sh_t *sh, ngx_pid_t pid)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        if (sh->workers[i].pid == pid) {
            return &sh->workers[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_voiceai_zone_enter(ngx_shm_zone_t *zone, u_char *name)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    worker = ngx_http_voiceai_zone_worker(ctx->sh, ngx_pid);

    if (worker == NULL) {
        worker = ngx_http_voiceai_zone_worker(ctx->sh, 0);
    }

    if (worker) {
        ngx_memzero(worker, sizeof(ngx_http_voiceai_worker_t));
        worker->pid = ngx_pid;
        ngx_memcpy(worker->name, name, NGX_HTTP_VOICEAI_NAME_LEN);
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return worker ? NGX_OK : NGX_BUSY;
}


void
ngx_http_voiceai_zone_leave(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    worker = ngx_http_voiceai_zone_worker(ctx->sh, ngx_pid);

    if (worker) {
        worker->pid = 0;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


void
ngx_http_voiceai_zone_listen(ngx_shm_zone_t *zone, ngx_int_t change)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    worker = ngx_http_voiceai_zone_worker(ctx->sh, ngx_pid);

    if (worker) {
        worker->listeners += change;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


ngx_uint_t
ngx_http_voiceai_zone_socket(ngx_shm_zone_t *zone, ngx_int_t change)
{
    ngx_uint_t                    i, least, own;
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    own = 0;
    least = (ngx_uint_t) -1;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        worker = &ctx->sh->workers[i];

        if (worker->pid == 0) {
            continue;
        }

        if (worker->pid == ngx_pid) {
            worker->sockets += change;
            own = worker->sockets;
        }

        if (!worker->exiting && worker->sockets < least) {
            least = worker->sockets;
        }
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return own > least ? own - least : 0;
}


void
ngx_http_voiceai_zone_exiting(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    worker = ngx_http_voiceai_zone_worker(ctx->sh, ngx_pid);

    if (worker) {
        worker->exiting = 1;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


ngx_uint_t
ngx_http_voiceai_zone_workers(ngx_shm_zone_t *zone,
    ngx_http_voiceai_worker_t *workers)
{
    ngx_uint_t                    i, n;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    n = 0;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        if (ctx->sh->workers[i].pid) {
            workers[n++] = ctx->sh->workers[i];
        }
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return n;
}


u_char *
ngx_http_voiceai_zone_secret(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_zone_ctx_t  *ctx;

    /* written once, before any worker runs */

    ctx = zone->data;

    return ctx->sh->secret;
}


ngx_uint_t
ngx_http_voiceai_zone_reap(ngx_shm_zone_t *zone)
{
    ngx_uint_t                    i, n, dead;
    ngx_pid_t                     pids[NGX_HTTP_VOICEAI_WORKERS];
    ngx_queue_t                  *q;
    ngx_http_voiceai_slot_t      *slot;
    ngx_http_voiceai_worker_t     workers[NGX_HTTP_VOICEAI_WORKERS], *worker;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    dead = 0;

    n = ngx_http_voiceai_zone_workers(zone, workers);

    for (i = 0; i < n; i++) {
        if (kill(workers[i].pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
            pids[dead++] = workers[i].pid;
        }
    }

    if (dead == 0) {
        return 0;
    }

    n = 0;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    for (i = 0; i < dead; i++) {
        worker = ngx_http_voiceai_zone_worker(ctx->sh, pids[i]);

        if (worker) {
            worker->pid = 0;
            n++;
        }
    }

    for (q = ngx_queue_head(&ctx->sh->used);
         n && q != ngx_queue_sentinel(&ctx->sh->used);
         q = ngx_queue_next(q))
    {
        slot = ngx_queue_data(q, ngx_http_voiceai_slot_t, queue);

        if (slot->record.state != NGX_HTTP_VOICEAI_STREAMING) {
            continue;
        }

        for (i = 0; i < dead; i++) {
            if (slot->record.owner == pids[i]) {
                ngx_http_voiceai_zone_state(ctx->sh, &slot->record,
                                            NGX_HTTP_VOICEAI_LOST);
                slot->record.resumed = 1;
                slot->record.updated = ngx_time();
                break;
            }
        }
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return n;
}
