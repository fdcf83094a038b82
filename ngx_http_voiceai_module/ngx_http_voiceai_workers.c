
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
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    worker = ngx_http_voiceai_zone_worker(sh, ngx_pid);

    if (worker == NULL) {
        worker = ngx_http_voiceai_zone_worker(sh, 0);
    }

    if (worker) {
        ngx_memzero(worker, sizeof(ngx_http_voiceai_worker_t));
        worker->pid = ngx_pid;
        worker->master = ngx_parent;
        ngx_memcpy(worker->name, name, NGX_HTTP_VOICEAI_NAME_LEN);
    }

    ngx_http_voiceai_zone_unlock(sh);

    return worker ? NGX_OK : NGX_BUSY;
}


void
ngx_http_voiceai_zone_leave(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    worker = ngx_http_voiceai_zone_worker(sh, ngx_pid);

    if (worker) {
        worker->pid = 0;
    }

    ngx_http_voiceai_zone_unlock(sh);
}


void
ngx_http_voiceai_zone_listen(ngx_shm_zone_t *zone, ngx_int_t change)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    worker = ngx_http_voiceai_zone_worker(sh, ngx_pid);

    if (worker) {
        worker->listeners += change;
    }

    ngx_http_voiceai_zone_unlock(sh);
}


ngx_uint_t
ngx_http_voiceai_zone_socket(ngx_shm_zone_t *zone, ngx_int_t change)
{
    ngx_uint_t                    i, least, own;
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_sh_t   *sh;

    own = 0;
    least = (ngx_uint_t) -1;

    sh = ngx_http_voiceai_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        worker = &sh->workers[i];

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

    ngx_http_voiceai_zone_unlock(sh);

    return own > least ? own - least : 0;
}


void
ngx_http_voiceai_zone_exiting(ngx_shm_zone_t *zone)
{
    ngx_http_voiceai_worker_t    *worker;
    ngx_http_voiceai_zone_sh_t   *sh;

    sh = ngx_http_voiceai_zone_lock(zone);

    worker = ngx_http_voiceai_zone_worker(sh, ngx_pid);

    if (worker) {
        worker->exiting = 1;
    }

    ngx_http_voiceai_zone_unlock(sh);
}


ngx_uint_t
ngx_http_voiceai_zone_workers(ngx_shm_zone_t *zone,
    ngx_http_voiceai_worker_t *workers)
{
    ngx_uint_t                    i, n;
    ngx_http_voiceai_zone_sh_t   *sh;

    n = 0;

    sh = ngx_http_voiceai_zone_lock(zone);

    for (i = 0; i < NGX_HTTP_VOICEAI_WORKERS; i++) {
        if (sh->workers[i].pid) {
            workers[n++] = sh->workers[i];
        }
    }

    ngx_http_voiceai_zone_unlock(sh);

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
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_worker_t     workers[NGX_HTTP_VOICEAI_WORKERS], *worker;
    ngx_http_voiceai_zone_sh_t   *sh;

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

    sh = ngx_http_voiceai_zone_lock(zone);

    for (i = 0; i < dead; i++) {
        worker = ngx_http_voiceai_zone_worker(sh, pids[i]);

        if (worker) {
            worker->pid = 0;
            n++;
        }
    }

    rec = va_slots_first(ngx_http_voiceai_zone_table(sh),
                         NGX_HTTP_VOICEAI_LIST_USED);

    for ( /* void */ ;
         n && rec;
         rec = va_slots_after(ngx_http_voiceai_zone_table(sh), rec))
    {
        if (rec->state != NGX_HTTP_VOICEAI_STREAMING) {
            continue;
        }

        for (i = 0; i < dead; i++) {
            if (rec->owner == pids[i]) {
                ngx_http_voiceai_zone_state(sh, rec,
                                            NGX_HTTP_VOICEAI_LOST);
                rec->resumed = 1;
                rec->updated = ngx_time();
                break;
            }
        }
    }

    ngx_http_voiceai_zone_unlock(sh);

    return n;
}
