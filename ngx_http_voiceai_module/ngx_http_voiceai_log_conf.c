
/*
 * The directives of the call log, and its shared memory.
 */


#include "ngx_http_voiceai_log.h"

#include "../src/store/va_redact.h"
#include "../src/store/va_store.h"


#define NGX_HTTP_VOICEAI_LOG_QUEUE    (1024 * 1024)
#define NGX_HTTP_VOICEAI_LOG_JOURNAL  (1024 * 1024 * 1024)


static ngx_int_t ngx_http_voiceai_log_argument(ngx_conf_t *cf,
    ngx_http_voiceai_log_conf_t *log, ngx_str_t *value, ngx_str_t *journal);
static ngx_int_t ngx_http_voiceai_log_sqlite(ngx_conf_t *cf,
    ngx_http_voiceai_log_conf_t *log, ngx_str_t *journal);
static ngx_int_t ngx_http_voiceai_log_zone_init(ngx_shm_zone_t *zone,
    void *data);


static ngx_conf_bitmask_t  ngx_http_voiceai_redactions[] = {
    { ngx_string("card"), VA_REDACT_CARD },
    { ngx_string("email"), VA_REDACT_EMAIL },
    { ngx_string("phone"), VA_REDACT_PHONE },
    { ngx_string("dtmf"), VA_REDACT_DTMF },
    { ngx_null_string, 0 }
};


static ngx_http_voiceai_log_conf_t *
ngx_http_voiceai_log_get(ngx_conf_t *cf, ngx_http_voiceai_main_conf_t *vmcf)
{
    if (vmcf->log == NULL) {
        vmcf->log = ngx_pcalloc(cf->pool,
                                sizeof(ngx_http_voiceai_log_conf_t));
    }

    return vmcf->log;
}


char *
ngx_http_voiceai_log_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                    *value, journal;
    ngx_uint_t                    i;
    const char                   *why;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_log_get(cf, conf);
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    if (log->journal) {
        return "is duplicate";
    }

    value = cf->args->elts;
    log->url = value[1];

    if (ngx_http_voiceai_secret(cf, &log->url) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!va_store_url(ngx_http_voiceai_view(&log->url), &why)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the call log's database cannot be used, %s", why);
        return NGX_CONF_ERROR;
    }

    log->queue = NGX_HTTP_VOICEAI_LOG_QUEUE;
    log->journal_max = NGX_HTTP_VOICEAI_LOG_JOURNAL;
    ngx_str_null(&journal);

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_voiceai_log_argument(cf, log, &value[i], &journal)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_strncmp(log->url.data, "sqlite:", 7) == 0) {

        if (ngx_http_voiceai_log_sqlite(cf, log, &journal) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (journal.len == 0) {
        return "needs \"journal=\", a folder for when PostgreSQL is away";
    }

    if (ngx_conf_full_name(cf->cycle, &journal, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    log->journal = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (log->journal == NULL) {
        return NGX_CONF_ERROR;
    }

    log->journal->name = journal;
    log->journal->conf_file = cf->conf_file->file.name.data;
    log->journal->line = cf->conf_file->line;

    /* the master makes it, and gives it to the user of the workers */

    return ngx_add_path(cf, &log->journal) == NGX_OK ? NGX_CONF_OK
                                                     : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_voiceai_log_argument(ngx_conf_t *cf,
    ngx_http_voiceai_log_conf_t *log, ngx_str_t *value, ngx_str_t *journal)
{
    off_t      size;
    ngx_str_t  s;

    if (value->len > 8 && ngx_strncmp(value->data, "journal=", 8) == 0) {
        journal->data = value->data + 8;
        journal->len = value->len - 8;
        return NGX_OK;
    }

    if (value->len > 6 && ngx_strncmp(value->data, "queue=", 6) == 0) {
        s.data = value->data + 6;
        s.len = value->len - 6;
        size = ngx_parse_size(&s);

        if (size >= 128 * 1024 && size <= 1024 * 1024 * 1024) {
            log->queue = size;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\", the queue is 128k to 1g", value);
        return NGX_ERROR;
    }

    if (value->len > 13 && ngx_strncmp(value->data, "journal_size=", 13) == 0)
    {
        s.data = value->data + 13;
        s.len = value->len - 13;
        size = ngx_parse_offset(&s);

        if (size >= 128 * 1024) {
            log->journal_max = size;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\", the journal is 128k or more",
                           value);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\"",
                       value);

    return NGX_ERROR;
}


/* The path becomes a full one, and the journal is beside it unless told. */

static ngx_int_t
ngx_http_voiceai_log_sqlite(ngx_conf_t *cf, ngx_http_voiceai_log_conf_t *log,
    ngx_str_t *journal)
{
    u_char           *p;
    ngx_str_t         path, folder;
    ngx_file_info_t   fi;

    path.data = log->url.data + 7;
    path.len = log->url.len - 7;

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    for (p = path.data + path.len; p[-1] != '/'; p--) { /* void */ }

    folder.len = p - path.data;
    folder.data = ngx_pnalloc(cf->pool, folder.len + 1);
    log->url.data = ngx_pnalloc(cf->pool, 7 + path.len + 1);

    if (folder.data == NULL || log->url.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(folder.data, path.data, folder.len + 1);
    log->url.len = ngx_sprintf(log->url.data, "sqlite:%V%Z", &path)
                   - log->url.data - 1;

    if (ngx_file_info(folder.data, &fi) == NGX_FILE_ERROR
        || !ngx_is_dir(&fi))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "there is no folder \"%V\" for the call log",
                           &folder);
        return NGX_ERROR;
    }

    if (journal->len) {
        return NGX_OK;
    }

    journal->data = ngx_pnalloc(cf->pool, path.len + sizeof(".journal"));
    if (journal->data == NULL) {
        return NGX_ERROR;
    }

    journal->len = ngx_sprintf(journal->data, "%V.journal%Z", &path)
                   - journal->data - 1;

    return NGX_OK;
}


char *
ngx_http_voiceai_log_redact(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i, m;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_log_get(cf, conf);
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (m = 0; ngx_http_voiceai_redactions[m].name.len; m++) {
            if (ngx_strcmp(ngx_http_voiceai_redactions[m].name.data,
                           value[i].data)
                == 0)
            {
                log->redact |= ngx_http_voiceai_redactions[m].mask;
                break;
            }
        }

        if (ngx_http_voiceai_redactions[m].name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\", there are card, email, "
                               "phone and dtmf", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_voiceai_log_keep(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                    *value;
    ngx_http_voiceai_log_conf_t  *log;

    log = ngx_http_voiceai_log_get(cf, conf);
    if (log == NULL) {
        return NGX_CONF_ERROR;
    }

    if (log->keep) {
        return "is duplicate";
    }

    value = cf->args->elts;
    log->keep = ngx_parse_time(&value[1], 1);

    if (log->keep == (time_t) NGX_ERROR || log->keep == 0) {
        return "invalid value, a time such as 30d is wanted";
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_voiceai_log_setup(ngx_conf_t *cf, ngx_http_voiceai_main_conf_t *vmcf)
{
    ngx_http_voiceai_log_conf_t  *log;

    static ngx_str_t  name = ngx_string("voiceai_call_log");

    log = vmcf->log;

    if (log == NULL || log->journal == NULL) {
        vmcf->log = NULL;
        return NGX_OK;
    }

    log->pool = ngx_http_voiceai_own_pool(cf, &name, "threads=2");
    if (log->pool == NULL) {
        return NGX_ERROR;
    }

    /* pages have descriptors beside them, and the slab a head */

    log->zone = ngx_shared_memory_add(cf, &name,
                                      log->queue + log->queue / 64
                                      + 16 * ngx_pagesize,
                                      &ngx_http_voiceai_module);
    if (log->zone == NULL) {
        return NGX_ERROR;
    }

    log->zone->init = ngx_http_voiceai_log_zone_init;

    return NGX_OK;
}


/* zone->data is the shared struct itself. */

static ngx_int_t
ngx_http_voiceai_log_zone_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                      size;
    uint64_t                    node;
    ngx_slab_pool_t            *shpool;
    pthread_mutexattr_t         attr;
    ngx_http_voiceai_log_sh_t  *sh;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    size = zone->shm.size - zone->shm.size / 64 - 15 * ngx_pagesize;

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_voiceai_log_sh_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->ring = ngx_slab_alloc(shpool, size);

    if (sh->ring == NULL || va_ring_init(sh->ring, size) == NULL) {
        return NGX_ERROR;
    }

    /* ids of two machines differ although their clocks are the same */

    node = ((uint64_t) ngx_random() & 0x3ff) << 10;
    sh->id = ((uint64_t) ngx_time() * 1000 << 20) | node;

    if (pthread_mutexattr_init(&attr) != 0
        || pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0
        || pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0
        || pthread_mutex_init(&sh->role, &attr) != 0)
    {
        return NGX_ERROR;
    }

    (void) pthread_mutexattr_destroy(&attr);

    shpool->data = sh;
    zone->data = sh;

    return NGX_OK;
}
