
/*
 * A connection to Redis on the event loop.  src/wire/va_redis.c knows the
 * protocol; here are the socket, TLS, and how it comes back when it is lost.
 */


#include "ngx_http_voiceai_module.h"
#include "ngx_http_voiceai_redis.h"


#define NGX_HTTP_VOICEAI_REDIS_BUFFER   16384

/* between attempts to connect, doubled from one to the other */
#define NGX_HTTP_VOICEAI_REDIS_AGAIN    200
#define NGX_HTTP_VOICEAI_REDIS_SELDOM   5000


struct ngx_http_voiceai_redis_s {
    ngx_http_voiceai_redis_conf_t  *conf;
    ngx_str_t                       channel;
    void                          (*changed)(ngx_uint_t up);
    va_redis_t                     *core;
    ngx_connection_t               *connection;
    ngx_pool_t                     *pool;       /* of the connection */
    ngx_event_t                     timer;      /* to connect again */
    ngx_log_t                      *log;
    ngx_uint_t                      address;    /* the one in use */
    ngx_msec_t                      again;
    uint64_t                        answered;

    unsigned                        up:1;
    unsigned                        told:1;     /* that it is away */
    unsigned                        feeding:1;  /* replies are being read */
};


static void ngx_http_voiceai_redis_connect(ngx_event_t *ev);
static void ngx_http_voiceai_redis_connected(ngx_event_t *ev);
static void ngx_http_voiceai_redis_secured(ngx_connection_t *c);
static void ngx_http_voiceai_redis_greet(ngx_http_voiceai_redis_t *redis);
static void ngx_http_voiceai_redis_greeted(void *data,
    const va_reply_t *reply);
static void ngx_http_voiceai_redis_role(void *data, const va_reply_t *reply);
static void ngx_http_voiceai_redis_there(ngx_http_voiceai_redis_t *redis);
static void ngx_http_voiceai_redis_read(ngx_event_t *ev);
static void ngx_http_voiceai_redis_write(ngx_event_t *ev);
static void ngx_http_voiceai_redis_lost(ngx_http_voiceai_redis_t *redis,
    const char *why);
static void ngx_http_voiceai_redis_close(ngx_http_voiceai_redis_t *redis);


ngx_http_voiceai_redis_t *
ngx_http_voiceai_redis_create(ngx_http_voiceai_redis_conf_t *conf,
    ngx_str_t *channel, void (*changed)(ngx_uint_t up),
    va_redis_message_pt message, ngx_log_t *log)
{
    ngx_http_voiceai_redis_t  *redis;

    redis = ngx_calloc(sizeof(ngx_http_voiceai_redis_t), log);
    if (redis == NULL) {
        return NULL;
    }

    redis->core = va_redis_new(message, redis);
    if (redis->core == NULL) {
        ngx_free(redis);
        return NULL;
    }

    redis->conf = conf;
    redis->changed = changed;
    redis->log = log;
    redis->again = NGX_HTTP_VOICEAI_REDIS_AGAIN;

    if (channel) {
        redis->channel = *channel;
    }

    redis->timer.handler = ngx_http_voiceai_redis_connect;
    redis->timer.data = redis;
    redis->timer.log = log;
    redis->timer.cancelable = 1;

    ngx_post_event(&redis->timer, &ngx_posted_events);

    return redis;
}


void
ngx_http_voiceai_redis_destroy(ngx_http_voiceai_redis_t *redis)
{
    if (redis->timer.posted) {
        ngx_delete_posted_event(&redis->timer);
    }

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    redis->up = 0;
    ngx_http_voiceai_redis_close(redis);
    va_redis_free(redis->core);
    ngx_free(redis);
}


ngx_uint_t
ngx_http_voiceai_redis_up(ngx_http_voiceai_redis_t *redis)
{
    return redis && redis->up;
}


/* Tries the addresses in turn. */

static void
ngx_http_voiceai_redis_connect(ngx_event_t *ev)
{
    ngx_int_t                  rc;
    ngx_addr_t                *addr;
    ngx_connection_t          *c;
    ngx_peer_connection_t      peer;
    ngx_http_voiceai_redis_t  *redis;

    redis = (ngx_http_voiceai_redis_t *)
            ((u_char *) ev - offsetof(ngx_http_voiceai_redis_t, timer));

    addr = redis->conf->addrs.elts;
    redis->address = (redis->address + 1) % redis->conf->addrs.nelts;
    addr += redis->address;

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = addr->sockaddr;
    peer.socklen = addr->socklen;
    peer.name = &addr->name;
    peer.get = ngx_event_get_peer;
    peer.log = redis->log;
    peer.log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(&peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        if (peer.connection) {
            ngx_close_connection(peer.connection);
        }

        ngx_http_voiceai_redis_lost(redis, "it cannot be connected");
        return;
    }

    c = peer.connection;

    c->data = redis;
    c->log = redis->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_voiceai_redis_connected;
    c->write->handler = ngx_http_voiceai_redis_connected;

    redis->connection = c;
    redis->answered = 0;

    redis->pool = ngx_create_pool(1024, redis->log);
    if (redis->pool == NULL) {
        ngx_http_voiceai_redis_lost(redis, "no memory");
        return;
    }

    c->pool = redis->pool;

    ngx_add_timer(c->write, redis->conf->timeout);

    if (rc == NGX_OK) {
        ngx_http_voiceai_redis_connected(c->write);
    }
}


static void
ngx_http_voiceai_redis_connected(ngx_event_t *ev)
{
    int                        err;
    socklen_t                  len;
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_voiceai_redis_t  *redis;

    c = ev->data;
    redis = c->data;

    if (ev->timedout) {
        ngx_http_voiceai_redis_lost(redis, "it does not answer");
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1
        || err)
    {
        ngx_http_voiceai_redis_lost(redis, "it cannot be connected");
        return;
    }

    if (redis->conf->ssl == NULL) {
        ngx_http_voiceai_redis_greet(redis);
        return;
    }

    if (ngx_ssl_create_connection(redis->conf->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK
        || SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) redis->conf->host.data) == 0)
    {
        ngx_http_voiceai_redis_lost(redis, "TLS failed");
        return;
    }

    c->sendfile = 0;

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_voiceai_redis_secured;
        return;
    }

    ngx_http_voiceai_redis_secured(c);
}


static void
ngx_http_voiceai_redis_secured(ngx_connection_t *c)
{
    long                       rc;
    ngx_http_voiceai_redis_t  *redis;

    redis = c->data;

    if (!c->ssl->handshaked) {
        ngx_http_voiceai_redis_lost(redis, "TLS failed");
        return;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_http_voiceai_redis_lost(redis, X509_verify_cert_error_string(rc));
        return;
    }

    if (ngx_ssl_check_host(c, &redis->conf->host) != NGX_OK) {
        ngx_http_voiceai_redis_lost(redis,
                                    "its certificate is of another host");
        return;
    }

    ngx_http_voiceai_redis_greet(redis);
}


/* Says who it is and asks whether this server takes what is written. */

static void
ngx_http_voiceai_redis_greet(ngx_http_voiceai_redis_t *redis)
{
    va_rc_t                         rc;
    va_str_t                        argv[3];
    ngx_uint_t                      argc;
    ngx_connection_t               *c;
    ngx_http_voiceai_redis_conf_t  *conf;

    c = redis->connection;
    conf = redis->conf;
    rc = VA_OK;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->read->handler = ngx_http_voiceai_redis_read;
    c->write->handler = ngx_http_voiceai_redis_write;

    if (conf->password.len) {
        argc = 0;
        argv[argc++] = VA_STR("AUTH");

        if (conf->user.len) {
            argv[argc++] = ngx_http_voiceai_view(&conf->user);
        }

        argv[argc++] = ngx_http_voiceai_view(&conf->password);

        rc = va_redis_command(redis->core, argv, argc,
                              ngx_http_voiceai_redis_greeted, redis);
    }

    if (rc == VA_OK && conf->db.len) {
        argv[0] = VA_STR("SELECT");
        argv[1] = ngx_http_voiceai_view(&conf->db);
        rc = va_redis_command(redis->core, argv, 2,
                              ngx_http_voiceai_redis_greeted, redis);
    }

    if (rc == VA_OK && redis->channel.len) {
        argv[0] = VA_STR("SUBSCRIBE");
        argv[1] = ngx_http_voiceai_view(&redis->channel);
        rc = va_redis_command(redis->core, argv, 2,
                              ngx_http_voiceai_redis_role, redis);

    } else if (rc == VA_OK) {
        argv[0] = VA_STR("ROLE");
        rc = va_redis_command(redis->core, argv, 1,
                              ngx_http_voiceai_redis_role, redis);
    }

    if (rc != VA_OK) {
        ngx_http_voiceai_redis_lost(redis, "no memory");
        return;
    }

    ngx_post_event(c->write, &ngx_posted_events);
}


static void
ngx_http_voiceai_redis_greeted(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_redis_t *redis = data;

    va_str_t  text;

    if (reply && va_reply_type(reply) == VA_REPLY_ERROR && !redis->told) {
        text = va_reply_str(reply);
        ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                      "voiceai: Redis refused: %*s", text.len, text.data);
    }
}


static void
ngx_http_voiceai_redis_role(void *data, const va_reply_t *reply)
{
    ngx_http_voiceai_redis_t *redis = data;

    va_str_t  role;

    /* the reader of the connection notices that it did not come up */

    if (reply == NULL || va_reply_type(reply) != VA_REPLY_ARRAY
        || va_reply_count(reply) == 0)
    {
        return;
    }

    role = va_reply_str(va_reply_at(reply, 0));

    if (redis->channel.len || va_str_eq(role, VA_STR("master"))) {
        redis->up = 1;
    }
}


static void
ngx_http_voiceai_redis_there(ngx_http_voiceai_redis_t *redis)
{
    ngx_addr_t  *addr;

    addr = redis->conf->addrs.elts;
    redis->again = NGX_HTTP_VOICEAI_REDIS_AGAIN;

    if (redis->told) {
        ngx_log_error(NGX_LOG_NOTICE, redis->log, 0,
                      "voiceai: Redis at %V is there again",
                      &addr[redis->address].name);
        redis->told = 0;
    }

    redis->changed(1);
}


static void
ngx_http_voiceai_redis_read(ngx_event_t *ev)
{
    ssize_t                    n;
    va_rc_t                    rc;
    ngx_uint_t                 up;
    ngx_connection_t          *c;
    ngx_http_voiceai_redis_t  *redis;

    static u_char  buf[NGX_HTTP_VOICEAI_REDIS_BUFFER];

    c = ev->data;
    redis = c->data;

    if (ev->timedout) {
        ngx_http_voiceai_redis_lost(redis, "it does not answer");
        return;
    }

    for ( ;; ) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_http_voiceai_redis_lost(redis, "it closed the connection");
            return;
        }

        up = redis->up;

        redis->feeding = 1;
        rc = va_redis_feed(redis->core, buf, n);
        redis->feeding = 0;

        if (rc != VA_OK) {
            ngx_http_voiceai_redis_lost(redis, "it does not speak RESP");
            return;
        }

        if (redis->up && !up) {
            ngx_http_voiceai_redis_there(redis);

        } else if (!redis->up && va_redis_pending(redis->core) == 0) {
            ngx_http_voiceai_redis_lost(redis, redis->channel.len
                                               ? "it refused"
                                               : "it refused, or it is a "
                                                 "replica");
            return;
        }
    }

    if (ngx_handle_read_event(ev, 0) != NGX_OK) {
        ngx_http_voiceai_redis_lost(redis, "no memory");
        return;
    }

    /* each reply gives the next one its time */

    if (ev->timer_set && redis->answered != va_redis_answered(redis->core)) {
        ngx_del_timer(ev);
    }

    redis->answered = va_redis_answered(redis->core);

    if (va_redis_pending(redis->core) && !ev->timer_set) {
        ngx_add_timer(ev, redis->conf->timeout);
    }
}


static void
ngx_http_voiceai_redis_write(ngx_event_t *ev)
{
    ssize_t                    n;
    va_buf_t                  *out;
    ngx_connection_t          *c;
    ngx_http_voiceai_redis_t  *redis;

    c = ev->data;
    redis = c->data;
    out = va_redis_out(redis->core);

    while (out->len) {

        n = c->send(c, (u_char *) out->data, out->len);

        if (n == NGX_ERROR) {
            ngx_http_voiceai_redis_lost(redis, "the connection broke");
            return;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        va_buf_consume(out, n);
    }

    if (ngx_handle_write_event(ev, 0) != NGX_OK) {
        ngx_http_voiceai_redis_lost(redis, "no memory");
        return;
    }

    if (va_redis_pending(redis->core) && !c->read->timer_set) {
        ngx_add_timer(c->read, redis->conf->timeout);
    }
}


ngx_int_t
ngx_http_voiceai_redis_command(ngx_http_voiceai_redis_t *redis,
    va_str_t *argv, ngx_uint_t argc, va_redis_pt reply, void *data)
{
    if (!ngx_http_voiceai_redis_up(redis)
        || va_redis_command(redis->core, argv, argc, reply, data) != VA_OK)
    {
        return NGX_DECLINED;
    }

    ngx_post_event(redis->connection->write, &ngx_posted_events);

    return NGX_OK;
}


void
ngx_http_voiceai_redis_flush(ngx_http_voiceai_redis_t *redis)
{
    /* nothing may be given up while its replies are read */

    if (ngx_http_voiceai_redis_up(redis) && !redis->feeding
        && redis->connection->write->ready)
    {
        ngx_http_voiceai_redis_write(redis->connection->write);
    }
}


/* Closes what there is and comes back later. */

static void
ngx_http_voiceai_redis_lost(ngx_http_voiceai_redis_t *redis, const char *why)
{
    ngx_uint_t   up;
    ngx_addr_t  *addr;

    addr = redis->conf->addrs.elts;

    if (!redis->told) {
        ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                      "voiceai: Redis at %V is away: %s; this machine goes "
                      "on alone", &addr[redis->address].name, why);
        redis->told = 1;
    }

    up = redis->up;
    redis->up = 0;

    ngx_http_voiceai_redis_close(redis);
    va_redis_reset(redis->core);

    if (up) {
        redis->changed(0);
    }

    ngx_add_timer(&redis->timer, redis->again);

    redis->again = ngx_min(2 * redis->again, NGX_HTTP_VOICEAI_REDIS_SELDOM);
}


static void
ngx_http_voiceai_redis_close(ngx_http_voiceai_redis_t *redis)
{
    ngx_connection_t  *c;

    c = redis->connection;

    if (c) {
        redis->connection = NULL;

        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }

        ngx_close_connection(c);
    }

    if (redis->pool) {
        ngx_destroy_pool(redis->pool);
        redis->pool = NULL;
    }
}
