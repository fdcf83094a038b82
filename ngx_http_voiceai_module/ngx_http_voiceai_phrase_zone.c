
/*
 * Fixed phrases in memory shared by all workers, so that each is synthesised
 * once.  A worker that begins to synthesise one claims it, and the others wait
 * for a while.
 */


#include "ngx_http_voiceai_module.h"

#include <ngx_md5.h>


#define NGX_HTTP_VOICEAI_PHRASE_ZONE   (4 * 1024 * 1024)
#define NGX_HTTP_VOICEAI_PHRASE_HASH   256
/* nobody waits longer for whoever claimed a phrase, in ms */
#define NGX_HTTP_VOICEAI_PHRASE_CLAIM  3000


typedef struct ngx_http_voiceai_shared_s  ngx_http_voiceai_shared_t;

struct ngx_http_voiceai_shared_s {
    ngx_queue_t                   queue;    /* the least recent is last */
    ngx_http_voiceai_shared_t    *next;     /* of the same hash */
    u_char                        digest[16];
    ngx_pid_t                     pid;      /* who claims it; 0: complete */
    ngx_msec_t                    until;
    size_t                        len;
    u_char                        data[1];
};


typedef struct {
    ngx_queue_t                   queue;
    ngx_http_voiceai_shared_t    *hash[NGX_HTTP_VOICEAI_PHRASE_HASH];
} ngx_http_voiceai_shareds_t;


static ngx_int_t ngx_http_voiceai_phrase_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_http_voiceai_shared_t **ngx_http_voiceai_shared_find(
    ngx_http_voiceai_shareds_t *sh, u_char *digest);
static void ngx_http_voiceai_shared_drop(ngx_slab_pool_t *pool,
    ngx_http_voiceai_shareds_t *sh, u_char *digest);
static ngx_http_voiceai_shared_t *ngx_http_voiceai_shared_add(
    ngx_slab_pool_t *pool, ngx_http_voiceai_shareds_t *sh, u_char *digest,
    size_t len);


/* of this worker's configuration; NULL: off */
static ngx_slab_pool_t  *ngx_http_voiceai_phrase_pool;


/*
 * voiceai_phrase_cache  size | off;
 */

char *
ngx_http_voiceai_phrase_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_main_conf_t  *vmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (vmcf->phrase_set) {
        return "is duplicate";
    }

    vmcf->phrase_set = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    size = ngx_parse_size(&value[1]);

    if (size == NGX_ERROR || size < (ssize_t) (64 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\", it must be at least %uz",
                           &value[1], 64 * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    vmcf->phrase_size = size;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_voiceai_phrase_zone(ngx_conf_t *cf,
    ngx_http_voiceai_main_conf_t *vmcf)
{
    ngx_str_t  name = ngx_string("voiceai_phrases");

    if (!vmcf->phrase_set) {
        vmcf->phrase_size = NGX_HTTP_VOICEAI_PHRASE_ZONE;
    }

    if (vmcf->phrase_size == 0) {
        return NGX_OK;
    }

    vmcf->phrases = ngx_shared_memory_add(cf, &name, vmcf->phrase_size,
                                          &ngx_http_voiceai_module);
    if (vmcf->phrases == NULL) {
        return NGX_ERROR;
    }

    if (vmcf->phrases->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of zone \"%V\" is taken", &name);
        return NGX_ERROR;
    }

    vmcf->phrases->init = ngx_http_voiceai_phrase_zone_init;
    vmcf->phrases->data = vmcf;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_phrase_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t             *pool;
    ngx_http_voiceai_shareds_t  *sh;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        return NGX_OK;
    }

    sh = ngx_slab_calloc(pool, sizeof(ngx_http_voiceai_shareds_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&sh->queue);
    pool->data = sh;

    /* a full cache makes room */

    pool->log_nomem = 0;

    return NGX_OK;
}


void
ngx_http_voiceai_phrase_init(ngx_http_voiceai_main_conf_t *vmcf)
{
    if (vmcf->phrases) {
        ngx_http_voiceai_phrase_pool =
                              (ngx_slab_pool_t *) vmcf->phrases->shm.addr;
    }
}


static void
ngx_http_voiceai_phrase_digest(va_buf_t *key, u_char *digest)
{
    ngx_md5_t  md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, key->data, key->len);
    ngx_md5_final(digest, &md5);
}


static ngx_http_voiceai_shared_t **
ngx_http_voiceai_shared_find(ngx_http_voiceai_shareds_t *sh, u_char *digest)
{
    ngx_http_voiceai_shared_t  **s;

    for (s = &sh->hash[digest[0] % NGX_HTTP_VOICEAI_PHRASE_HASH];
         *s;
         s = &(*s)->next)
    {
        if (ngx_memcmp((*s)->digest, digest, 16) == 0) {
            break;
        }
    }

    return s;
}


static void
ngx_http_voiceai_shared_drop(ngx_slab_pool_t *pool,
    ngx_http_voiceai_shareds_t *sh, u_char *digest)
{
    ngx_http_voiceai_shared_t  *s, **link;

    link = ngx_http_voiceai_shared_find(sh, digest);
    s = *link;

    if (s) {
        *link = s->next;
        ngx_queue_remove(&s->queue);
        ngx_slab_free_locked(pool, s);
    }
}


static ngx_http_voiceai_shared_t *
ngx_http_voiceai_shared_add(ngx_slab_pool_t *pool,
    ngx_http_voiceai_shareds_t *sh, u_char *digest, size_t len)
{
    size_t                      size;
    ngx_queue_t                *q;
    ngx_http_voiceai_shared_t  *s, **link;

    size = offsetof(ngx_http_voiceai_shared_t, data) + len;

    for ( ;; ) {
        s = ngx_slab_alloc_locked(pool, size);

        if (s) {
            break;
        }

        if (ngx_queue_empty(&sh->queue)) {
            return NULL;
        }

        q = ngx_queue_last(&sh->queue);
        s = ngx_queue_data(q, ngx_http_voiceai_shared_t, queue);
        ngx_http_voiceai_shared_drop(pool, sh, s->digest);
    }

    link = &sh->hash[digest[0] % NGX_HTTP_VOICEAI_PHRASE_HASH];

    ngx_memcpy(s->digest, digest, 16);
    s->len = len;
    s->next = *link;
    *link = s;

    ngx_queue_insert_head(&sh->queue, &s->queue);

    return s;
}


ngx_int_t
ngx_http_voiceai_phrase_get(va_buf_t *key, va_buf_t *audio)
{
    u_char                       digest[16];
    ngx_int_t                    rc;
    ngx_slab_pool_t             *pool;
    ngx_http_voiceai_shared_t   *s;
    ngx_http_voiceai_shareds_t  *sh;

    pool = ngx_http_voiceai_phrase_pool;

    if (pool == NULL || key->rc != VA_OK) {
        return NGX_DECLINED;
    }

    ngx_http_voiceai_phrase_digest(key, digest);

    rc = NGX_DECLINED;
    sh = pool->data;

    ngx_shmtx_lock(&pool->mutex);

    s = *ngx_http_voiceai_shared_find(sh, digest);

    if (s && s->pid == 0) {
        ngx_queue_remove(&s->queue);
        ngx_queue_insert_head(&sh->queue, &s->queue);

        if (va_buf_append(audio, s->data, s->len) == VA_OK) {
            rc = NGX_OK;
        }
    }

    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}


void
ngx_http_voiceai_phrase_put(va_buf_t *key, va_buf_t *audio)
{
    u_char                      digest[16];
    ngx_slab_pool_t            *pool;
    ngx_http_voiceai_shared_t  *s;

    pool = ngx_http_voiceai_phrase_pool;

    if (pool == NULL || key->rc != VA_OK) {
        return;
    }

    ngx_http_voiceai_phrase_digest(key, digest);

    ngx_shmtx_lock(&pool->mutex);

    ngx_http_voiceai_shared_drop(pool, pool->data, digest);

    s = ngx_http_voiceai_shared_add(pool, pool->data, digest, audio->len);

    if (s) {
        s->pid = 0;
        ngx_memcpy(s->data, audio->data, audio->len);
    }

    ngx_shmtx_unlock(&pool->mutex);
}


ngx_int_t
ngx_http_voiceai_phrase_claim(va_buf_t *key)
{
    u_char                      digest[16];
    ngx_int_t                   rc;
    ngx_slab_pool_t            *pool;
    ngx_http_voiceai_shared_t  *s;

    pool = ngx_http_voiceai_phrase_pool;

    if (pool == NULL || key->rc != VA_OK) {
        return NGX_DECLINED;
    }

    ngx_http_voiceai_phrase_digest(key, digest);

    rc = NGX_OK;

    ngx_shmtx_lock(&pool->mutex);

    s = *ngx_http_voiceai_shared_find(pool->data, digest);

    if (s && (s->pid == 0
              || (ngx_msec_int_t) (s->until - ngx_current_msec) > 0))
    {
        rc = NGX_BUSY;

    } else {

        if (s == NULL) {
            s = ngx_http_voiceai_shared_add(pool, pool->data, digest, 0);
        }

        if (s) {
            s->pid = ngx_pid;
            s->until = ngx_current_msec + NGX_HTTP_VOICEAI_PHRASE_CLAIM;
        }
    }

    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}


void
ngx_http_voiceai_phrase_abandon(va_buf_t *key)
{
    u_char                      digest[16];
    ngx_slab_pool_t            *pool;
    ngx_http_voiceai_shared_t  *s;

    pool = ngx_http_voiceai_phrase_pool;

    if (pool == NULL || key->rc != VA_OK) {
        return;
    }

    ngx_http_voiceai_phrase_digest(key, digest);

    ngx_shmtx_lock(&pool->mutex);

    s = *ngx_http_voiceai_shared_find(pool->data, digest);

    if (s && s->pid == ngx_pid) {
        ngx_http_voiceai_shared_drop(pool, pool->data, digest);
    }

    ngx_shmtx_unlock(&pool->mutex);
}
