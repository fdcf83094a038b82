
/*
 * Connections of a worker to Redis.
 */


#ifndef _NGX_HTTP_VOICEAI_REDIS_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../src/wire/va_redis.h"


typedef struct ngx_http_voiceai_redis_conf_s {
    ngx_array_t                   addrs;    /* ngx_addr_t, tried in turn */
    ngx_str_t                     host;     /* for the certificate */
    ngx_str_t                     user;
    ngx_str_t                     password;
    ngx_str_t                     db;
    ngx_str_t                     prefix;   /* of all keys */
    ngx_msec_t                    timeout;  /* for a reply */
    ngx_ssl_t                    *ssl;      /* NULL: plain */
} ngx_http_voiceai_redis_conf_t;


typedef struct ngx_http_voiceai_redis_s  ngx_http_voiceai_redis_t;


VA_BEGIN_DECLS

/* The directive "voiceai_redis url [name=value ...]". */
char *ngx_http_voiceai_redis_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Connects, now and whenever the connection is lost.  With a channel it
 * subscribes to it and message gets what comes; without one it takes commands.
 * changed is called when it is up and when it is down again.
 */
ngx_http_voiceai_redis_t *ngx_http_voiceai_redis_create(
    ngx_http_voiceai_redis_conf_t *conf, ngx_str_t *channel,
    void (*changed)(ngx_uint_t up), va_redis_message_pt message,
    ngx_log_t *log);

void ngx_http_voiceai_redis_destroy(ngx_http_voiceai_redis_t *redis);

/* Whether it takes commands. */
ngx_uint_t ngx_http_voiceai_redis_up(ngx_http_voiceai_redis_t *redis);

/* Sends what waits, now rather than at the end of the loop's turn. */
void ngx_http_voiceai_redis_flush(ngx_http_voiceai_redis_t *redis);

/*
 * Sends a command of argc strings; they are copied.  NGX_OK, or NGX_DECLINED
 * when it is down or too much waits.  On NGX_OK reply is called once, later,
 * with NULL when the connection is lost or Redis does not answer in time.
 */
ngx_int_t ngx_http_voiceai_redis_command(ngx_http_voiceai_redis_t *redis,
    va_str_t *argv, ngx_uint_t argc, va_redis_pt reply, void *data);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_REDIS_H_INCLUDED_ */
