
/*
 * The directive "voiceai_redis".
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_redis.h"


#define NGX_HTTP_VOICEAI_REDIS_PORT     6379
#define NGX_HTTP_VOICEAI_REDIS_TIMEOUT  500


static char *ngx_http_voiceai_redis_parameter(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *arg, ngx_str_t *ca);
static char *ngx_http_voiceai_redis_place(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *rest);
static char *ngx_http_voiceai_redis_hosts(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *hosts);
static char *ngx_http_voiceai_redis_tls(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *ca);


char *
ngx_http_voiceai_redis_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_voiceai_main_conf_t *vmcf = conf;

    char                           *rc;
    ngx_str_t                      *value, rest, ca;
    ngx_uint_t                      i, tls;
    ngx_http_voiceai_redis_conf_t  *redis;

    if (vmcf->redis) {
        return "is duplicate";
    }

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_voiceai_redis_conf_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    vmcf->redis = redis;

    ngx_str_set(&redis->prefix, "voiceai");
    redis->timeout = NGX_HTTP_VOICEAI_REDIS_TIMEOUT;

    value = cf->args->elts;
    rest = value[1];
    tls = 0;
    ngx_str_null(&ca);

    if (rest.len > 8 && ngx_strncmp(rest.data, "redis://", 8) == 0) {
        rest.data += 8;
        rest.len -= 8;

    } else if (rest.len > 9 && ngx_strncmp(rest.data, "rediss://", 9) == 0) {
        rest.data += 9;
        rest.len -= 9;
        tls = 1;

    } else {
        return "must begin with \"redis://\" or \"rediss://\"";
    }

    rc = ngx_http_voiceai_redis_place(cf, redis, &rest);

    for (i = 2; rc == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rc = ngx_http_voiceai_redis_parameter(cf, redis, &value[i], &ca);
    }

    if (rc == NGX_CONF_OK && tls) {
        rc = ngx_http_voiceai_redis_tls(cf, redis, &ca);
    }

    if (rc == NGX_CONF_OK && !tls && ca.len) {
        return "has \"ca\", which needs \"rediss://\"";
    }

    return rc;
}


static char *
ngx_http_voiceai_redis_parameter(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *arg, ngx_str_t *ca)
{
    u_char     *p;
    ngx_int_t   n;
    ngx_str_t   name, value;

    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p == NULL || p + 1 == arg->data + arg->len) {
        goto invalid;
    }

    name.data = arg->data;
    name.len = p - arg->data;
    value.data = p + 1;
    value.len = arg->data + arg->len - value.data;

    if (name.len == 6 && ngx_strncmp(name.data, "prefix", 6) == 0) {
        conf->prefix = value;
        return NGX_CONF_OK;
    }

    if (name.len == 4 && ngx_strncmp(name.data, "user", 4) == 0) {
        conf->user = value;
        return NGX_CONF_OK;
    }

    if (name.len == 8 && ngx_strncmp(name.data, "password", 8) == 0) {
        conf->password = value;
        return ngx_http_voiceai_secret(cf, &conf->password) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (name.len == 7 && ngx_strncmp(name.data, "timeout", 7) == 0) {
        n = ngx_parse_time(&value, 0);

        if (n > 0) {
            conf->timeout = n;
            return NGX_CONF_OK;
        }
    }

    if (name.len == 2 && ngx_strncmp(name.data, "ca", 2) == 0) {
        *ca = value;
        return ngx_conf_full_name(cf->cycle, ca, 1) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of voiceai_redis", arg);

    return NGX_CONF_ERROR;
}


/* [user[:password]@]host[:port][,host[:port] ...][/db] */

static char *
ngx_http_voiceai_redis_place(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *rest)
{
    u_char     *p, *last, *at, *colon;
    ngx_int_t   db;
    ngx_str_t   hosts;

    p = rest->data;
    last = p + rest->len;

    for (at = last; at > p && at[-1] != '@'; at--) { /* void */ }

    if (at > p) {
        colon = ngx_strlchr(p, at - 1, ':');

        conf->user.data = p;
        conf->user.len = (colon ? colon : at - 1) - p;

        if (colon) {
            conf->password.data = colon + 1;
            conf->password.len = at - 1 - conf->password.data;
        }

        p = at;
    }

    hosts.data = p;
    p = ngx_strlchr(p, last, '/');
    hosts.len = (p ? p : last) - hosts.data;

    if (p && p + 1 < last) {
        db = ngx_atoi(p + 1, last - p - 1);

        if (db == NGX_ERROR) {
            return "has no number of a database behind the \"/\"";
        }

        conf->db.data = p + 1;
        conf->db.len = last - p - 1;
    }

    return ngx_http_voiceai_redis_hosts(cf, conf, &hosts);
}


static char *
ngx_http_voiceai_redis_hosts(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *hosts)
{
    u_char      *p, *last, *comma;
    ngx_url_t    u;
    ngx_uint_t   i;
    ngx_addr_t  *addr;

    if (ngx_array_init(&conf->addrs, cf->pool, 2, sizeof(ngx_addr_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    p = hosts->data;
    last = p + hosts->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url.data = p;
        u.url.len = (comma ? comma : last) - p;
        u.default_port = NGX_HTTP_VOICEAI_REDIS_PORT;

        if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in \"%V\" of voiceai_redis",
                               u.err ? u.err : "no host", &u.url);
            return NGX_CONF_ERROR;
        }

        if (conf->host.len == 0) {
            conf->host.data = ngx_pnalloc(cf->pool, u.host.len + 1);
            if (conf->host.data == NULL) {
                return NGX_CONF_ERROR;
            }

            (void) ngx_cpystrn(conf->host.data, u.host.data, u.host.len + 1);
            conf->host.len = u.host.len;
        }

        for (i = 0; i < u.naddrs; i++) {
            addr = ngx_array_push(&conf->addrs);
            if (addr == NULL) {
                return NGX_CONF_ERROR;
            }

            *addr = u.addrs[i];
        }

        if (comma == NULL) {
            return NGX_CONF_OK;
        }

        p = comma + 1;
    }
}


static char *
ngx_http_voiceai_redis_tls(ngx_conf_t *cf,
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *ca)
{
    ngx_pool_cleanup_t  *cln;

    conf->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (conf->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->ssl->log = cf->log;

    if (ngx_ssl_create(conf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(conf->ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = conf->ssl;

    if (ca->len) {
        if (ngx_ssl_trusted_certificate(cf, conf->ssl, ca, 5) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (SSL_CTX_set_default_verify_paths(conf->ssl->ctx) != 1) {
        return "cannot use the system's certificates";
    }

    return NGX_CONF_OK;
}
