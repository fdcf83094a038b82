
/*
 * Whether providers are well, in memory shared by all workers: one that fails
 * several times in a row is left alone for a while, and then one request finds
 * out whether it has recovered.
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_engine.h"

#include <ngx_md5.h>


#define NGX_HTTP_VOICEAI_HEALTH_SIZE   (128 * 1024)

/* while it goes on failing the pause doubles up to this, in ms */
#define NGX_HTTP_VOICEAI_ALONE_MAX     60000
/* a key that was refused, or money that is spent, takes a person to mend */
#define NGX_HTTP_VOICEAI_ALONE_REFUSED 60000
/* no provider's wish to be left alone counts for longer, in seconds */
#define NGX_HTTP_VOICEAI_ALONE_ASKED   3600


struct ngx_http_voiceai_health_s {
    u_char                         digest[16];
    ngx_uint_t                     cycle;     /* the last that had it */
    ngx_http_voiceai_health_e      state;
    ngx_uint_t                     row;       /* failures in a row */
    ngx_uint_t                     pauses;    /* in a row */
    ngx_msec_t                     until;     /* of the pause, or the probe */
    ngx_uint_t                     requests;
    ngx_uint_t                     failures;
    ngx_uint_t                     status;
    ngx_msec_t                     first;
};


typedef struct {
    ngx_uint_t                     cycle;
    ngx_uint_t                     n;
    ngx_http_voiceai_health_t      list[NGX_HTTP_VOICEAI_PROVIDERS];
} ngx_http_voiceai_healths_t;


static ngx_int_t ngx_http_voiceai_health_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_http_voiceai_health_t *ngx_http_voiceai_health_slot(
    ngx_http_voiceai_healths_t *t, u_char *digest);
static ngx_msec_t ngx_http_voiceai_health_pause(
    ngx_http_voiceai_engine_t *engine, ngx_http_voiceai_health_t *h,
    ngx_http_voiceai_result_t *res);


static void
ngx_http_voiceai_digest(ngx_http_voiceai_provider_t *p, ngx_uint_t stage,
    u_char *digest)
{
    ngx_md5_t    md5;
    ngx_uint_t   i;
    ngx_str_t   *parts[] = {
        &p->kind, &p->url, &p->socket, &p->key, &p->model
    };

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, &stage, sizeof(stage));

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        ngx_md5_update(&md5, &parts[i]->len, sizeof(size_t));
        ngx_md5_update(&md5, parts[i]->data, parts[i]->len);
    }

    ngx_md5_final(digest, &md5);
}


/* "openai/MODEL at HOST"; a path or a query may hold what is secret */

static ngx_int_t
ngx_http_voiceai_place_name(ngx_conf_t *cf, ngx_http_voiceai_provider_t *p,
    ngx_str_t *name)
{
    u_char     *last, *end;
    ngx_str_t   host;

    host = p->url;

    if (p->socket.len) {
        host = p->socket;

    } else if ((last = (u_char *) ngx_strstr(host.data, "://")) != NULL) {
        end = host.data + host.len;
        host.data = last + 3;
        host.len = end - host.data;

        for (last = host.data; last < end; last++) {
            if (*last == '/' || *last == '?') {
                break;
            }
        }

        host.len = last - host.data;
    }

    name->data = ngx_pnalloc(cf->pool, p->kind.len + p->model.len + host.len
                                       + sizeof("/ at "));
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    name->len = ngx_sprintf(name->data, "%V%s%V at %V", &p->kind,
                            p->model.len ? "/" : "", &p->model, &host)
                - name->data;

    return NGX_OK;
}


ngx_http_voiceai_place_t *
ngx_http_voiceai_place(ngx_conf_t *cf, ngx_array_t *places,
    ngx_http_voiceai_engine_t *engine, ngx_uint_t stage)
{
    u_char                      digest[16];
    ngx_uint_t                  i;
    ngx_http_voiceai_place_t   *place, **list;

    ngx_http_voiceai_digest(&engine->provider, stage, digest);

    if (places->elts == NULL
        && ngx_array_init(places, cf->pool, 4,
                          sizeof(ngx_http_voiceai_place_t *))
           != NGX_OK)
    {
        return NULL;
    }

    list = places->elts;

    for (i = 0; i < places->nelts; i++) {
        if (ngx_memcmp(list[i]->digest, digest, 16) == 0) {
            return list[i];
        }
    }

    if (places->nelts == NGX_HTTP_VOICEAI_PROVIDERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d engines are configured",
                           NGX_HTTP_VOICEAI_PROVIDERS);
        return NULL;
    }

    place = ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_place_t));
    list = ngx_array_push(places);

    if (place == NULL || list == NULL
        || ngx_http_voiceai_place_name(cf, &engine->provider, &place->name)
           != NGX_OK)
    {
        return NULL;
    }

    place->stage = stage;
    ngx_memcpy(place->digest, digest, 16);
    *list = place;

    return place;
}


ngx_int_t
ngx_http_voiceai_health_zone(ngx_conf_t *cf, ngx_array_t *places)
{
    size_t           size;
    ngx_str_t        name = ngx_string("voiceai_providers");
    ngx_shm_zone_t  *zone;

    size = ngx_max(NGX_HTTP_VOICEAI_HEALTH_SIZE, 8 * ngx_pagesize);

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_http_voiceai_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of zone \"%V\" is taken", &name);
        return NGX_ERROR;
    }

    zone->init = ngx_http_voiceai_health_init;
    zone->data = places;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_health_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_uint_t                   i;
    ngx_array_t                 *places;
    ngx_slab_pool_t             *shpool;
    ngx_http_voiceai_place_t   **list;
    ngx_http_voiceai_healths_t  *t;

    places = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data == NULL && !zone->shm.exists) {
        t = ngx_slab_calloc(shpool, sizeof(ngx_http_voiceai_healths_t));
        if (t == NULL) {
            return NGX_ERROR;
        }

        shpool->data = t;
    }

    t = shpool->data;
    list = places->elts;

    ngx_shmtx_lock(&shpool->mutex);

    t->cycle++;

    for (i = 0; i < places->nelts; i++) {
        list[i]->health = ngx_http_voiceai_health_slot(t, list[i]->digest);
        list[i]->pool = shpool;
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}


/* What was known of it before a reload, or the place of one long gone. */

static ngx_http_voiceai_health_t *
ngx_http_voiceai_health_slot(ngx_http_voiceai_healths_t *t, u_char *digest)
{
    ngx_uint_t                  i;
    ngx_http_voiceai_health_t  *h, *oldest;

    oldest = &t->list[0];

    for (i = 0; i < t->n; i++) {
        h = &t->list[i];

        if (ngx_memcmp(h->digest, digest, 16) == 0) {
            h->cycle = t->cycle;
            return h;
        }

        if (h->cycle < oldest->cycle) {
            oldest = h;
        }
    }

    h = (t->n < NGX_HTTP_VOICEAI_PROVIDERS) ? &t->list[t->n++] : oldest;

    ngx_memzero(h, sizeof(ngx_http_voiceai_health_t));
    ngx_memcpy(h->digest, digest, 16);
    h->cycle = t->cycle;

    return h;
}


ngx_int_t
ngx_http_voiceai_health_take(ngx_http_voiceai_engine_t *engine,
    ngx_uint_t *probe)
{
    ngx_int_t                   rc;
    ngx_http_voiceai_health_t  *h;

    *probe = 0;

    if (engine->place == NULL) {
        return NGX_OK;
    }

    h = engine->place->health;
    rc = NGX_OK;

    ngx_shmtx_lock(&engine->place->pool->mutex);

    if (h->state != NGX_HTTP_VOICEAI_WELL) {

        if ((ngx_msec_int_t) (h->until - ngx_current_msec) > 0) {
            rc = NGX_BUSY;

        } else {

            /* a probe whose worker died is over some time, too */

            *probe = 1;
            h->state = NGX_HTTP_VOICEAI_PROBED;
            h->until = ngx_current_msec + engine->provider.timeout;
        }
    }

    if (rc == NGX_OK) {
        h->requests++;
    }

    ngx_shmtx_unlock(&engine->place->pool->mutex);

    return rc;
}


/* Nobody knows how it would have ended: the next request finds out. */

void
ngx_http_voiceai_health_release(ngx_http_voiceai_engine_t *engine,
    ngx_uint_t probe)
{
    ngx_http_voiceai_health_t  *h;

    if (engine->place == NULL || !probe) {
        return;
    }

    h = engine->place->health;

    ngx_shmtx_lock(&engine->place->pool->mutex);

    if (h->state == NGX_HTTP_VOICEAI_PROBED) {
        h->until = ngx_current_msec;
    }

    ngx_shmtx_unlock(&engine->place->pool->mutex);
}


void
ngx_http_voiceai_health_well(ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_result_t *res, ngx_log_t *log)
{
    ngx_uint_t                  again;
    ngx_http_voiceai_health_t  *h;

    if (engine->place == NULL) {
        return;
    }

    h = engine->place->health;

    ngx_shmtx_lock(&engine->place->pool->mutex);

    /* what was asked before a pause and ends well in it does not end it */

    again = (h->state == NGX_HTTP_VOICEAI_PROBED);

    if (again || h->state == NGX_HTTP_VOICEAI_WELL) {
        h->state = NGX_HTTP_VOICEAI_WELL;
        h->row = 0;
        h->pauses = 0;
    }

    if (res) {
        h->first = h->first ? (h->first * 7 + res->first) / 8 : res->first;
    }

    ngx_shmtx_unlock(&engine->place->pool->mutex);

    if (again) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "voiceai: %s \"%V\" is well again",
                      ngx_http_voiceai_stages[engine->place->stage],
                      &engine->place->name);
    }
}


void
ngx_http_voiceai_health_failed(ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_result_t *res, ngx_log_t *log)
{
    ngx_msec_t                  pause;
    ngx_uint_t                  row, first;
    ngx_http_voiceai_health_t  *h;

    if (engine->place == NULL) {
        return;
    }

    if (res->fault == NGX_HTTP_VOICEAI_FAULT_LOCAL
        || res->fault == NGX_HTTP_VOICEAI_FAULT_UNREAD)
    {
        /* that is our fault and not the provider's */
        ngx_http_voiceai_health_release(engine, 1);
        return;
    }

    h = engine->place->health;

    ngx_shmtx_lock(&engine->place->pool->mutex);

    h->failures++;
    h->row++;
    h->status = res->status;

    pause = 0;
    first = (h->state != NGX_HTTP_VOICEAI_ALONE);

    if (first) {
        pause = ngx_http_voiceai_health_pause(engine, h, res);

        if (pause) {
            h->state = NGX_HTTP_VOICEAI_ALONE;
            h->until = ngx_current_msec + pause;
            h->pauses++;
        }
    }

    row = h->row;

    ngx_shmtx_unlock(&engine->place->pool->mutex);

    if (pause) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "voiceai: %s \"%V\" is left alone for %M ms, "
                      "failures in a row: %ui, last status: %ui",
                      ngx_http_voiceai_stages[engine->place->stage],
                      &engine->place->name, pause, row, res->status);
    }
}


/* For how long it is to be left alone; 0: not yet. */

static ngx_msec_t
ngx_http_voiceai_health_pause(ngx_http_voiceai_engine_t *engine,
    ngx_http_voiceai_health_t *h, ngx_http_voiceai_result_t *res)
{
    ngx_msec_t  pause;

    if (engine->max_fails == 0) {
        return 0;
    }

    if (res->status == 401 || res->status == 402 || res->status == 403) {
        return ngx_max(engine->fail_timeout, NGX_HTTP_VOICEAI_ALONE_REFUSED);
    }

    if (res->retry_after > 0) {
        return ngx_min(res->retry_after, NGX_HTTP_VOICEAI_ALONE_ASKED) * 1000;
    }

    if (h->row < engine->max_fails && res->status != 429
        && h->state != NGX_HTTP_VOICEAI_PROBED)
    {
        return 0;
    }

    pause = engine->fail_timeout << ngx_min(h->pauses, 8);

    return ngx_min(pause, ngx_max(engine->fail_timeout,
                                  NGX_HTTP_VOICEAI_ALONE_MAX));
}


ngx_int_t
ngx_http_voiceai_provider_stat(ngx_array_t *places, ngx_uint_t n,
    ngx_http_voiceai_provider_stat_t *stat)
{
    ngx_http_voiceai_place_t  **list;

    if (n >= places->nelts) {
        return NGX_DONE;
    }

    list = places->elts;
    ngx_http_voiceai_place_stat(list[n], stat);

    return NGX_OK;
}


void
ngx_http_voiceai_place_stat(ngx_http_voiceai_place_t *place,
    ngx_http_voiceai_provider_stat_t *stat)
{
    ngx_http_voiceai_health_t  *h;

    h = place->health;

    ngx_memzero(stat, sizeof(ngx_http_voiceai_provider_stat_t));

    stat->name = place->name;
    stat->stage = place->stage;

    ngx_shmtx_lock(&place->pool->mutex);

    stat->health = h->state;
    stat->requests = h->requests;
    stat->failures = h->failures;
    stat->row = h->row;
    stat->status = h->status;
    stat->first = h->first;

    if (h->state != NGX_HTTP_VOICEAI_WELL
        && (ngx_msec_int_t) (h->until - ngx_current_msec) > 0)
    {
        stat->alone = h->until - ngx_current_msec;
    }

    ngx_shmtx_unlock(&place->pool->mutex);
}
