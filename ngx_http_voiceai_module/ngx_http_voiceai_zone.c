
/*
 * The memory of a zone: where it comes from, who inherits it, and how only one
 * process at a time works on it.
 *
 * nginx's own shared memory dies with the master that made it.  A zone lives
 * in a memory file whose descriptor a new binary inherits, named in its
 * environment as the listening sockets are, so both masters' workers see the
 * same calls.  nginx's zone of that name is but the handle of it.
 */


#include "ngx_http_voiceai_zone_sh.h"

#include <openssl/rand.h>
#include <sys/mman.h>


#define NGX_HTTP_VOICEAI_ZONE_MAGIC    0x56414932
#define NGX_HTTP_VOICEAI_ZONE_LAYOUT   3

#define NGX_HTTP_VOICEAI_ZONE_VAR      "VOICEAI_ZONES"

/* address space taken for a zone, so that it can grow while it is used */
#if (NGX_PTR_SIZE == 8)
#define NGX_HTTP_VOICEAI_ZONE_RESERVE  ((size_t) 1 << 30)
#else
#define NGX_HTTP_VOICEAI_ZONE_RESERVE  ((size_t) 1 << 26)
#endif

/* attempts at the lock, then others' turn */
#define NGX_HTTP_VOICEAI_ZONE_SPIN     256
/* and after so many turns, whether who has it lives */
#define NGX_HTTP_VOICEAI_ZONE_TURNS    64


static ngx_int_t ngx_http_voiceai_zone_init(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_voiceai_zone_make(ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_voiceai_zone_inherit(ngx_shm_zone_t *zone);
static ngx_int_t ngx_http_voiceai_zone_resize(ngx_shm_zone_t *zone);
static void ngx_http_voiceai_zone_cleanup(void *data);


/* descriptors in our environment that no zone has taken */
static u_char  *ngx_http_voiceai_zone_left;


char *
ngx_http_voiceai_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_loc_conf_t  *vlcf = conf;

    ssize_t                       size;
    ngx_str_t                    *value;
    ngx_shm_zone_t               *zone;
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (vlcf->zone != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }

        vlcf->zone = ngx_shared_memory_add(cf, &value[1], 0,
                                           &ngx_http_voiceai_module);

        return vlcf->zone ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (cf->cmd_type != NGX_HTTP_MAIN_CONF) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the size of a voiceai zone can be given on "
                           "the \"http\" level only");
        return NGX_CONF_ERROR;
    }

    if (value[1].len > NGX_HTTP_VOICEAI_ZONE_NAME) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of zone \"%V\" is too long", &value[1]);
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", &value[1]);
        return NGX_CONF_ERROR;
    }

    zone = ngx_shared_memory_add(cf, &value[1], 8 * ngx_pagesize,
                                 &ngx_http_voiceai_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_voiceai_zone_ctx_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_voiceai_zone_ctx_t));
    cln->handler = ngx_http_voiceai_zone_cleanup;

    ctx->size = size;
    zone->init = ngx_http_voiceai_zone_init;
    zone->data = ctx;

    /* the first zone is everybody's default, others go by name */

    if (vlcf->zone == NGX_CONF_UNSET_PTR) {
        vlcf->zone = zone;
    }

    return NGX_CONF_OK;
}


/* Whether a zone in memory is one of this version. */

static ngx_uint_t
ngx_http_voiceai_zone_known(ngx_http_voiceai_zone_sh_t *sh, size_t size)
{
    return sh->magic == NGX_HTTP_VOICEAI_ZONE_MAGIC
           && sh->layout == NGX_HTTP_VOICEAI_ZONE_LAYOUT
           && va_slots_valid(ngx_http_voiceai_zone_table(sh),
                             size - NGX_HTTP_VOICEAI_ZONE_HEAD,
                             sizeof(ngx_http_voiceai_record_t));
}


/*
 * Runs in the master, and on a reload while the workers of the old
 * configuration go on using the memory.
 */

static ngx_int_t
ngx_http_voiceai_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_voiceai_zone_ctx_t  *octx = data;

    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;

    if (octx) {

        if (octx->sh->magic != NGX_HTTP_VOICEAI_ZONE_MAGIC
            || !ngx_http_voiceai_zone_known(octx->sh, octx->map->reserved))
        {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "voiceai zone \"%V\" was made by another version of "
                          "the module, restart nginx or rename the zone",
                          &zone->shm.name);
            return NGX_ERROR;
        }

        ctx->sh = octx->sh;
        ctx->map = octx->map;
        ctx->map->refs++;

        return ngx_http_voiceai_zone_resize(zone);
    }

    switch (ngx_http_voiceai_zone_inherit(zone)) {

    case NGX_OK:
        return ngx_http_voiceai_zone_resize(zone);

    case NGX_DECLINED:
        return ngx_http_voiceai_zone_make(zone);

    default:
        return NGX_ERROR;
    }
}


/* Maps a file; what lies behind its end can be used when it has grown. */

static ngx_int_t
ngx_http_voiceai_zone_map(ngx_shm_zone_t *zone, ngx_fd_t fd, size_t size)
{
    void                         *p;
    size_t                        reserved;
    ngx_http_voiceai_zone_ctx_t  *ctx;
    ngx_http_voiceai_zone_map_t  *map;

    ctx = zone->data;
    reserved = ngx_max(size, NGX_HTTP_VOICEAI_ZONE_RESERVE);

    map = ngx_alloc(sizeof(ngx_http_voiceai_zone_map_t), zone->shm.log);
    if (map == NULL) {
        return NGX_ERROR;
    }

    p = mmap(NULL, reserved, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_NORESERVE,
             fd, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "mmap() of voiceai zone \"%V\" failed",
                      &zone->shm.name);
        ngx_free(map);
        return NGX_ERROR;
    }

    map->fd = fd;
    map->refs = 1;
    map->reserved = reserved;
    map->sh = p;

    ctx->map = map;
    ctx->sh = p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_zone_make(ngx_shm_zone_t *zone)
{
    uint32_t                      n;
    ngx_fd_t                      fd;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    n = va_slots_fit(ctx->size - NGX_HTTP_VOICEAI_ZONE_HEAD,
                     sizeof(ngx_http_voiceai_record_t));

    if (ctx->size < NGX_HTTP_VOICEAI_ZONE_HEAD || n == 0) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "voiceai zone \"%V\" has no room for a call, "
                      "each takes %uz bytes and the zone itself %uz",
                      &zone->shm.name, sizeof(ngx_http_voiceai_record_t),
                      (size_t) NGX_HTTP_VOICEAI_ZONE_HEAD);
        return NGX_ERROR;
    }

    /* not closed on exec: a new binary goes on with it */

    fd = memfd_create("voiceai-zone", 0);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "memfd_create() for voiceai zone \"%V\" failed",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    if (ftruncate(fd, ctx->size) == -1) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "ftruncate() of voiceai zone \"%V\" failed",
                      &zone->shm.name);
        (void) close(fd);
        return NGX_ERROR;
    }

    if (ngx_http_voiceai_zone_map(zone, fd, ctx->size) != NGX_OK) {
        (void) close(fd);
        return NGX_ERROR;
    }

    sh = ctx->sh;

    if (RAND_bytes(sh->secret, sizeof(sh->secret)) != 1) {
        return NGX_ERROR;
    }

    ngx_http_voiceai_set(sh, name, zone->shm.name.data, zone->shm.name.len);
    va_slots_init(ngx_http_voiceai_zone_table(sh),
                  sizeof(ngx_http_voiceai_record_t), n);

    sh->layout = NGX_HTTP_VOICEAI_ZONE_LAYOUT;
    sh->magic = NGX_HTTP_VOICEAI_ZONE_MAGIC;

    ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, 0,
                  "voiceai zone \"%V\" holds %uD calls", &zone->shm.name, n);

    return NGX_OK;
}


/*
 * Looks among the descriptors that an older binary gave us.  NGX_DECLINED when
 * none is this zone's.
 */

static ngx_int_t
ngx_http_voiceai_zone_inherit(ngx_shm_zone_t *zone)
{
    u_char                       *p, *start;
    ngx_fd_t                      fd;
    ngx_int_t                     rc;
    ngx_file_info_t               fi;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    static ngx_uint_t  looked;

    if (!looked) {
        looked = 1;
        ngx_http_voiceai_zone_left =
                               (u_char *) getenv(NGX_HTTP_VOICEAI_ZONE_VAR);
    }

    ctx = zone->data;
    start = ngx_http_voiceai_zone_left;

    for (p = start; p && *p; p++) {

        if (*p != ';') {
            continue;
        }

        fd = ngx_atoi(start, p - start);

        if (fd == NGX_ERROR || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
            || !ngx_is_file(&fi)
            || ngx_file_size(&fi) < (off_t) NGX_HTTP_VOICEAI_ZONE_HEAD)
        {
            start = p + 1;
            continue;
        }

        if (ngx_http_voiceai_zone_map(zone, fd, ngx_file_size(&fi))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        sh = ctx->sh;

        if (sh->magic == NGX_HTTP_VOICEAI_ZONE_MAGIC
            && sh->name_len == zone->shm.name.len
            && ngx_memcmp(sh->name, zone->shm.name.data, sh->name_len) == 0)
        {
            rc = ngx_http_voiceai_zone_known(sh, ngx_file_size(&fi))
                 ? NGX_OK : NGX_DECLINED;

            if (rc == NGX_OK) {
                ngx_memset(start, ' ', p - start);
                ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, 0,
                              "voiceai zone \"%V\" is inherited",
                              &zone->shm.name);
                return NGX_OK;
            }

            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "voiceai zone \"%V\" of the old binary has another "
                          "layout, its calls are not known here",
                          &zone->shm.name);
        }

        (void) munmap(sh, ctx->map->reserved);
        ngx_free(ctx->map);
        ctx->map = NULL;
        ctx->sh = NULL;
        start = p + 1;
    }

    return NGX_DECLINED;
}


/* Calls that are in the zone stay in it, whatever its new size. */

static ngx_int_t
ngx_http_voiceai_zone_resize(ngx_shm_zone_t *zone)
{
    uint32_t                      n;
    ngx_file_info_t               fi;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    n = 0;

    if (ctx->size > NGX_HTTP_VOICEAI_ZONE_HEAD) {
        n = va_slots_fit(ctx->size - NGX_HTTP_VOICEAI_ZONE_HEAD,
                         sizeof(ngx_http_voiceai_record_t));
    }

    if (n == va_slots_count(ngx_http_voiceai_zone_table(ctx->sh))
        || ngx_test_config)
    {
        return NGX_OK;
    }

    if (n == 0 || ctx->size > ctx->map->reserved) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "voiceai zone \"%V\" cannot be given the size %uz while "
                      "it is used, at most %uz",
                      &zone->shm.name, ctx->size, ctx->map->reserved);
        return NGX_ERROR;
    }

    if (ngx_fd_info(ctx->map->fd, &fi) == NGX_FILE_ERROR
        || (ngx_file_size(&fi) < (off_t) ctx->size
            && ftruncate(ctx->map->fd, ctx->size) == -1))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, ngx_errno,
                      "ftruncate() of voiceai zone \"%V\" failed",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    sh = ngx_http_voiceai_zone_lock(zone);
    va_slots_resize(ngx_http_voiceai_zone_table(sh), n);
    ngx_http_voiceai_zone_unlock(sh);

    ngx_log_error(NGX_LOG_NOTICE, zone->shm.log, 0,
                  "voiceai zone \"%V\" now holds %uD calls",
                  &zone->shm.name, n);

    return NGX_OK;
}


static void
ngx_http_voiceai_zone_cleanup(void *data)
{
    ngx_http_voiceai_zone_ctx_t *ctx = data;

    ngx_http_voiceai_zone_map_t  *map;

    map = ctx->map;

    if (map == NULL || --map->refs) {
        return;
    }

    (void) munmap(map->sh, map->reserved);
    (void) close(map->fd);
    ngx_free(map);
}


/*
 * Has a binary that is started from this configuration find the zones, and
 * closes those that this one has not taken.
 */

ngx_int_t
ngx_http_voiceai_zone_pass(ngx_cycle_t *cycle)
{
    u_char                       *p, *start;
    ngx_fd_t                      fd;
    ngx_str_t                    *var;
    ngx_uint_t                    i;
    ngx_list_part_t              *part;
    ngx_shm_zone_t               *zone;
    ngx_core_conf_t              *ccf;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    start = ngx_http_voiceai_zone_left;
    ngx_http_voiceai_zone_left = NULL;

    for (p = start; p && *p; p++) {

        if (*p == ';') {
            fd = ngx_atoi(start, p - start);

            if (fd != NGX_ERROR) {
                (void) close(fd);
            }

            start = p + 1;
        }
    }

    var = NULL;
    p = NULL;
    part = &cycle->shared_memory.part;
    zone = part->elts;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            zone = part->elts;
            i = 0;
        }

        if (zone[i].init != ngx_http_voiceai_zone_init) {
            continue;
        }

        ctx = zone[i].data;

        if (var == NULL) {
            var = ngx_array_push(&ccf->env);
            if (var == NULL) {
                return NGX_ERROR;
            }

            var->len = sizeof(NGX_HTTP_VOICEAI_ZONE_VAR) - 1;
            var->data = ngx_pnalloc(cycle->pool, 4096);
            if (var->data == NULL) {
                return NGX_ERROR;
            }

            p = ngx_cpymem(var->data, NGX_HTTP_VOICEAI_ZONE_VAR "=",
                           sizeof(NGX_HTTP_VOICEAI_ZONE_VAR));
        }

        p = ngx_slprintf(p, var->data + 4095, "%d;", ctx->map->fd);
        *p = '\0';
    }

    return NGX_OK;
}


ngx_http_voiceai_zone_sh_t *
ngx_http_voiceai_zone_lock(ngx_shm_zone_t *zone)
{
    uint32_t                      torn;
    ngx_uint_t                    n;
    ngx_atomic_uint_t             holder;
    ngx_http_voiceai_zone_sh_t   *sh;
    ngx_http_voiceai_zone_ctx_t  *ctx;

    ctx = zone->data;
    sh = ctx->sh;

    for (n = 1; /* void */; n++) {

        if (sh->lock == 0 && ngx_atomic_cmp_set(&sh->lock, 0, ngx_pid)) {
            break;
        }

        if (ngx_ncpu > 1 && n % NGX_HTTP_VOICEAI_ZONE_SPIN) {
            ngx_cpu_pause();
            continue;
        }

        if (n % (NGX_HTTP_VOICEAI_ZONE_SPIN * NGX_HTTP_VOICEAI_ZONE_TURNS)
            == 0)
        {
            holder = sh->lock;

            if (holder && kill((ngx_pid_t) holder, 0) == -1
                && ngx_errno == NGX_ESRCH
                && ngx_atomic_cmp_set(&sh->lock, holder, ngx_pid))
            {
                break;
            }
        }

        ngx_sched_yield();
    }

    if (sh->inside) {
        torn = va_slots_repair(ngx_http_voiceai_zone_table(sh));
        ngx_http_voiceai_zone_recount(sh);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "voiceai zone \"%V\" was left by a process that died "
                      "in it, %uD calls are lost", &zone->shm.name, torn);
    }

    sh->inside = 1;
    ngx_memory_barrier();

    return sh;
}


void
ngx_http_voiceai_zone_unlock(ngx_http_voiceai_zone_sh_t *sh)
{
    ngx_memory_barrier();
    sh->inside = 0;
    ngx_memory_barrier();
    (void) ngx_atomic_cmp_set(&sh->lock, ngx_pid, 0);
}
