
/*
 * The media socket: WebSocket handshake, the connection after it, and Media
 * Streams messages.  The connection stays nginx's own: its read handler is
 * the core's, which looks after closing and logging, and memory for the call
 * comes from the heap, because the request's pool is not freed until the end.
 */


#include "ngx_http_voiceai_socket.h"
#include "ngx_http_voiceai_web.h"

#include "../src/wire/va_ws.h"


/* what one recv() takes; shared by all connections of the worker */
#define NGX_HTTP_VOICEAI_RECV          65536
/* so many of them, then other connections have their turn */
#define NGX_HTTP_VOICEAI_RECV_TURNS    4
/* unsent bytes after which a reader is too slow to be kept */
/* what a caller says while a record is fetched from another machine */
#define NGX_HTTP_VOICEAI_HELD_MAX      131072
#define NGX_HTTP_VOICEAI_OUT_MAX       (256 * 1024)
/* memory for them that is kept while the connection is idle */
#define NGX_HTTP_VOICEAI_OUT_KEEP      4096
#define NGX_HTTP_VOICEAI_SEND_TIMEOUT  10000
#define NGX_HTTP_VOICEAI_CLOSE_TIMEOUT 2000


static ngx_int_t ngx_http_voiceai_media_accept(ngx_http_request_t *r,
    ngx_str_t *key);
static ngx_http_voiceai_socket_t *ngx_http_voiceai_media_create(
    ngx_http_request_t *r, ngx_http_voiceai_ctx_t *ctx);
static void ngx_http_voiceai_media_cleanup(void *data);
static void ngx_http_voiceai_media_read(ngx_http_request_t *r);
static void ngx_http_voiceai_media_write(ngx_http_request_t *r);
static void ngx_http_voiceai_media_feed(ngx_http_voiceai_socket_t *s,
    u_char *data, size_t n);
static void ngx_http_voiceai_media_event(ngx_http_voiceai_socket_t *s,
    va_ws_event_t *ev);
static void ngx_http_voiceai_media_reason(ngx_http_voiceai_socket_t *s,
    const char *reason);
static void ngx_http_voiceai_media_done(ngx_http_voiceai_socket_t *s,
    const char *reason);
static void ngx_http_voiceai_media_done_handler(ngx_event_t *ev);


static u_char  ngx_http_voiceai_recv[NGX_HTTP_VOICEAI_RECV];


ngx_int_t
ngx_http_voiceai_media_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                key;
    ngx_http_voiceai_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_null(&key);

    rc = ngx_http_voiceai_handshake_check(r, &key);
    if (rc != NGX_OK) {
        return ngx_http_voiceai_answer(r, rc);
    }

    if (ngx_http_voiceai_phone_ticket(r) == NGX_OK) {
        ctx->browser = 1;

    } else {
        rc = ngx_http_voiceai_signed(r, NULL, va_str(NULL), 1);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED
               ? ngx_http_voiceai_answer(r,
                     ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                             "wrong signature"))
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_media_accept(r, &key);
}


static ngx_int_t
ngx_http_voiceai_media_accept(ngx_http_request_t *r, ngx_str_t *key)
{
    u_char                       *p;
    size_t                        n;
    ngx_int_t                     rc;
    ngx_connection_t             *c;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_socket_t    *s;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    s = ngx_http_voiceai_media_create(r, ctx);
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_voiceai_handshake_switch(r, key);
    if (rc != NGX_OK) {
        return rc;
    }

    /* from here on the socket is ours, so nothing of nginx may be left in it */

    if (r->out || c->buffered) {
        return NGX_ERROR;
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    c->log->action = NULL;

    r->read_event_handler = ngx_http_voiceai_media_read;
    r->write_event_handler = ngx_http_voiceai_media_write;
    r->main->count++;

    ngx_add_timer(c->read, vlcf->idle_timeout);

    /* frames that came with the handshake are in the header's buffer */

    n = r->header_in->last - r->header_in->pos;

    if (n) {
        p = r->header_in->pos;
        r->header_in->pos = r->header_in->last;
        ngx_http_voiceai_media_feed(s, p, n);
    }

    ngx_http_voiceai_media_read(r);

    return NGX_DONE;
}


static ngx_http_voiceai_socket_t *
ngx_http_voiceai_media_create(ngx_http_request_t *r,
    ngx_http_voiceai_ctx_t *ctx)
{
    ngx_http_cleanup_t           *cln;
    ngx_http_voiceai_socket_t    *s;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    /* not the pool's cleanup: the access log is written before that */

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    s = ngx_calloc(sizeof(ngx_http_voiceai_socket_t), r->connection->log);
    if (s == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_voiceai_media_cleanup;
    cln->data = s;

    s->request = r;
    s->ctx = ctx;
    s->zone = vlcf->zone;
    ctx->socket = s;

    ngx_http_voiceai_balance(s->zone, 1);

    va_buf_init(&s->out, NGX_HTTP_VOICEAI_OUT_MAX);
    va_buf_init(&s->held, NGX_HTTP_VOICEAI_HELD_MAX);

    s->done_event.handler = ngx_http_voiceai_media_done_handler;
    s->done_event.data = r->connection;
    s->done_event.log = r->connection->log;

    s->ws = va_ws_new(VA_WS_SERVER, vlcf->max_message);
    s->media = va_media_new();

    return (s->ws && s->media) ? s : NULL;
}


/* The one place where a socket and its call die. */

static void
ngx_http_voiceai_media_cleanup(void *data)
{
    ngx_http_voiceai_socket_t  *s = data;

    if (s->call) {
        ngx_http_voiceai_call_destroy(s->call, NGX_HTTP_VOICEAI_LOST);
    }

    if (s->done_event.posted) {
        ngx_delete_posted_event(&s->done_event);
    }

    if (s->fetch) {
        ngx_http_voiceai_fleet_forget(s->fetch);
    }

    va_buf_free(&s->held);

    s->ctx->socket = NULL;

    ngx_http_voiceai_balance(s->zone, -1);

    va_ws_free(s->ws);
    va_media_free(s->media);
    va_buf_free(&s->out);
    ngx_free(s);
}


static void
ngx_http_voiceai_media_read(ngx_http_request_t *r)
{
    ssize_t                       n;
    ngx_uint_t                    turns;
    ngx_event_t                  *rev;
    ngx_connection_t             *c;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_socket_t    *s;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    c = r->connection;
    rev = c->read;
    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    s = ctx->socket;

    if (rev->timedout) {
        rev->timedout = 0;

        if (s->closing) {
            ngx_http_voiceai_media_done(s, "no answer to the close");
            return;
        }

        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                   VA_WS_CLOSE_GOING_AWAY,
                                   s->started ? "no audio came"
                                              : "no start came");
        return;
    }

    for (turns = 0; rev->ready; turns++) {

        if (turns == NGX_HTTP_VOICEAI_RECV_TURNS) {
            ngx_post_event(rev, &ngx_posted_next_events);
            return;
        }

        n = c->recv(c, ngx_http_voiceai_recv, NGX_HTTP_VOICEAI_RECV);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_http_voiceai_media_done(s, n ? "the connection broke"
                                             : "the peer went");
            return;
        }

        ctx->bytes_in += n;
        ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_RECEIVED, n);

        ngx_http_voiceai_media_feed(s, ngx_http_voiceai_recv, n);

        if (!s->closing) {
            ngx_add_timer(rev, vlcf->idle_timeout);
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_voiceai_media_done(s, "internal error");
    }
}


static void
ngx_http_voiceai_media_feed(ngx_http_voiceai_socket_t *s, u_char *data,
    size_t n)
{
    size_t         used;
    va_rc_t        rc;
    va_ws_event_t  ev;

    while (n && !s->done_event.posted) {

        rc = va_ws_parse(s->ws, data, n, &used, &ev);

        if (rc == VA_OK) {
            ngx_http_voiceai_media_event(s, &ev);

        } else if (rc != VA_AGAIN) {

            /* what comes after an error is read away while we close */

            if (!s->closing) {
                ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                           va_ws_close_code(s->ws),
                                           va_ws_error(s->ws));
            }

            return;
        }

        data += used;
        n -= used;
    }
}


static void
ngx_http_voiceai_media_event(ngx_http_voiceai_socket_t *s, va_ws_event_t *ev)
{
    va_str_t  text;

    switch (ev->opcode) {

    case VA_WS_PING:
        if (!s->closing) {
            ngx_http_voiceai_frame(&s->out, VA_WS_PONG, ev->data, ev->len);
            ngx_http_voiceai_media_flush(s->request);
        }

        return;

    case VA_WS_CLOSE:
        if (!s->closing) {
            ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                  ev->close_code == VA_WS_CLOSE_NO_STATUS
                                  ? VA_WS_CLOSE_NORMAL : ev->close_code,
                                  "the peer closed");
        }

        ngx_http_voiceai_media_done(s, "the peer closed");
        return;

    case VA_WS_TEXT:
        if (!s->closing) {
            text.data = (char *) ev->data;
            text.len = ev->len;
            ngx_http_voiceai_media_message(s, text);
        }

        return;

    case VA_WS_BINARY:
        if (!s->closing) {
            ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                       VA_WS_CLOSE_UNSUPPORTED,
                                       "messages must be text");
        }

        return;

    default: /* VA_WS_PONG */
        return;
    }
}


/* Queues a frame; a failure stays in the buffer and is seen at the flush. */

void
ngx_http_voiceai_frame(va_buf_t *out, va_ws_opcode_t opcode, const void *data,
    size_t n)
{
    size_t   len;
    uint8_t  header[VA_WS_HEADER_MAX];

    len = va_ws_header(header, opcode, n, NULL);

    if (va_buf_reserve(out, len + n) != NULL) {
        va_buf_append(out, header, len);
        va_buf_append(out, data, n);
    }
}


void
ngx_http_voiceai_media_flush(ngx_http_request_t *r)
{
    size_t                      n;
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_socket_t  *s;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    s = ctx->socket;

    if (s->done_event.posted) {
        return;
    }

    if (s->out.rc != VA_OK) {
        ngx_http_voiceai_media_done(s, "the peer reads too slowly");
        return;
    }

    n = 0;
    rc = ngx_http_voiceai_send_out(c, &s->out, &n);
    ctx->bytes_out += n;
    ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_SENT, n);

    if (rc == NGX_ERROR) {
        ngx_http_voiceai_media_done(s, "the connection broke");
    }
}


/*
 * Sends what is in out, as much as the peer takes now; the write event goes on
 * with the rest, under a timer.  Adds what was sent to *sent.
 */

ngx_int_t
ngx_http_voiceai_send_out(ngx_connection_t *c, va_buf_t *out, size_t *sent)
{
    size_t        n;
    ngx_buf_t     b;
    ngx_chain_t   cl;

    if (out->len == 0 && !c->buffered) {
        return NGX_OK;
    }

    ngx_memzero(&b, sizeof(ngx_buf_t));
    b.pos = (u_char *) out->data;
    b.last = b.pos + out->len;
    b.memory = 1;
    b.flush = 1;

    cl.buf = &b;
    cl.next = NULL;

    /* TLS copies what it takes, so the rest may move between attempts */

    if (c->send_chain(c, out->len ? &cl : NULL, 0) == NGX_CHAIN_ERROR) {
        return NGX_ERROR;
    }

    if (out->len) {
        n = b.pos - (u_char *) out->data;
        *sent += n;
        va_buf_consume(out, n);
    }

    if (out->len == 0 && out->cap > NGX_HTTP_VOICEAI_OUT_KEEP) {
        va_buf_free(out);
    }

    if (out->len || c->buffered) {
        if (!c->write->timer_set) {
            ngx_add_timer(c->write, NGX_HTTP_VOICEAI_SEND_TIMEOUT);
        }

    } else if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    return ngx_handle_write_event(c->write, 0);
}


static void
ngx_http_voiceai_media_write(ngx_http_request_t *r)
{
    ngx_http_voiceai_ctx_t  *ctx;

    if (r->connection->write->timedout) {
        r->connection->write->timedout = 0;
        ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
        ngx_http_voiceai_media_done(ctx->socket, "the peer does not read");
        return;
    }

    ngx_http_voiceai_media_flush(r);
}


void
ngx_http_voiceai_media_close(ngx_http_request_t *r,
    ngx_http_voiceai_state_e state, const char *reason)
{
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    ngx_http_voiceai_media_end(ctx->socket, state, VA_WS_CLOSE_NORMAL, reason);
}


/* The peer's messages make no sense. */

void
ngx_http_voiceai_media_fail(ngx_http_request_t *r, const char *reason)
{
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    ngx_http_voiceai_media_end(ctx->socket, NGX_HTTP_VOICEAI_LOST,
                               VA_WS_CLOSE_BAD_DATA, reason);
}


/* For the access log: a copy, because a reader's own text goes with it. */

static void
ngx_http_voiceai_media_reason(ngx_http_voiceai_socket_t *s, const char *reason)
{
    size_t   size;
    u_char  *p;

    size = ngx_strlen(reason) + 1;

    p = ngx_pnalloc(s->request->pool, size);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, reason, size);
    s->ctx->reason = (char *) p;
}


/*
 * Ends the call and begins the closing handshake.  The record is written
 * before the close frame leaves, because Twilio asks what comes next as soon
 * as it has it.
 */

void
ngx_http_voiceai_media_end(ngx_http_voiceai_socket_t *s,
    ngx_http_voiceai_state_e state, ngx_uint_t code, const char *reason)
{
    size_t                    n;
    uint8_t                   payload[VA_WS_CONTROL_MAX];
    ngx_connection_t         *c;
    ngx_http_voiceai_call_t  *call;

    if (s->closing) {
        return;
    }

    c = s->request->connection;

    s->closing = 1;
    ngx_http_voiceai_media_reason(s, reason);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "voiceai: %s%*s closing with %ui: %s",
                  s->started ? "call " : "stream",
                  (size_t) (s->started ? s->ctx->record.sid_len : 0),
                  s->ctx->record.sid, code, reason);

    call = s->call;

    if (call) {
        s->call = NULL;
        ngx_http_voiceai_call_destroy(call, state);
    }

    n = va_ws_close_payload(payload, (uint16_t) code, reason);
    ngx_http_voiceai_frame(&s->out, VA_WS_CLOSE, payload, n);
    ngx_http_voiceai_media_flush(s->request);

    ngx_add_timer(c->read, NGX_HTTP_VOICEAI_CLOSE_TIMEOUT);
}


/* The connection is of no more use: finalized from the event loop. */

static void
ngx_http_voiceai_media_done(ngx_http_voiceai_socket_t *s, const char *reason)
{
    if (s->done_event.posted) {
        return;
    }

    if (!s->closing) {
        ngx_http_voiceai_media_reason(s, reason);

        ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                      "voiceai: %s%*s lost: %s",
                      s->started ? "call " : "stream",
                      (size_t) (s->started ? s->ctx->record.sid_len : 0),
                      s->ctx->record.sid, reason);
    }

    ngx_post_event(&s->done_event, &ngx_posted_events);
}


static void
ngx_http_voiceai_media_done_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}
