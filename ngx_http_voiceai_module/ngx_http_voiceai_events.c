
/*
 * What happens to calls, as it happens: a WebSocket, or server-sent events for
 * whoever asks without an upgrade.  A reader that is too slow is dropped.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_bus.h"

#include "../src/wire/va_json.h"
#include "../src/wire/va_utf8.h"


/* bytes of what was said that an event tells */
#define NGX_HTTP_VOICEAI_EVENTS_TEXT  1024
/* unsent bytes after which a reader is too slow */
#define NGX_HTTP_VOICEAI_EVENTS_MAX   (256 * 1024)
/* a reader that is silent is asked for a sign of life so often */
#define NGX_HTTP_VOICEAI_EVENTS_PING  15000


typedef struct {
    ngx_http_voiceai_listener_t   listener;
    ngx_http_request_t           *request;
    va_ws_t                      *ws;       /* NULL: server-sent events */
    va_buf_t                      out;
    ngx_event_t                   done_event;
    unsigned                      closing:1;
} ngx_http_voiceai_events_t;


static ngx_int_t ngx_http_voiceai_events_open(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_events_head(ngx_http_request_t *r);
static void ngx_http_voiceai_events_cleanup(void *data);
static void ngx_http_voiceai_events_read(ngx_http_request_t *r);
static void ngx_http_voiceai_events_feed(ngx_http_voiceai_events_t *e,
    u_char *data, size_t n);
static void ngx_http_voiceai_events_write(ngx_http_request_t *r);
static void ngx_http_voiceai_events_flush(ngx_http_voiceai_events_t *e);
static void ngx_http_voiceai_events_tell(void *data, ngx_str_t *event);
static void ngx_http_voiceai_events_done(ngx_http_voiceai_events_t *e);
static void ngx_http_voiceai_events_done_handler(ngx_event_t *ev);


void
ngx_http_voiceai_event(ngx_shm_zone_t *zone, ngx_http_voiceai_record_t *rec,
    const char *name)
{
    ngx_http_voiceai_event_text(zone, rec, name, va_str(NULL), NULL);
}


void
ngx_http_voiceai_event_text(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, const char *name, va_str_t text,
    const char *more)
{
    va_buf_t    b;
    va_turn_t   turn;
    ngx_time_t *now;

    ngx_http_voiceai_observe_event(rec, name);

    if (!ngx_http_voiceai_bus_listened(zone)) {
        return;
    }

    now = ngx_timeofday();

    va_buf_init(&b, NGX_HTTP_VOICEAI_BUS_EVENT_MAX);
    va_buf_printf(&b, "{\"event\":\"%s\",\"time\":%ld.%03lu,\"call\":{", name,
                  (long) now->sec, (unsigned long) now->msec);
    ngx_http_voiceai_api_call(&b, rec);
    va_buf_puts(&b, "}");

    /* the turn that was said last, unless there is something newer */

    if (text.data) {
        va_buf_puts(&b, ",\"text\":");
        va_json_quote(&b, va_utf8_cut(text, NGX_HTTP_VOICEAI_EVENTS_TEXT));

    } else if (va_turns_last(rec->history, rec->history_len, &turn)) {

        turn.text = va_utf8_cut(turn.text, NGX_HTTP_VOICEAI_EVENTS_TEXT);

        va_buf_puts(&b, ",\"last\":");
        ngx_http_voiceai_api_turn(&b, &turn);
    }

    if (more) {
        va_buf_puts(&b, ",");
        va_buf_puts(&b, more);
    }

    va_buf_puts(&b, "}");

    ngx_http_voiceai_bus_publish(zone, &b);
    va_buf_free(&b);
}


ngx_int_t
ngx_http_voiceai_events_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  key, *upgrade;

    if (r != r->main || ngx_http_voiceai_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && r->method != NGX_HTTP_GET) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK && r->http_version != NGX_HTTP_VERSION_11) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_VERSION_NOT_SUPPORTED,
                                     "events need HTTP/1.1");
    }

    if (rc != NGX_OK) {
        return ngx_http_voiceai_answer(r, rc);
    }

    upgrade = ngx_http_voiceai_header(r, "Upgrade");

    if (upgrade) {
        ngx_str_null(&key);

        rc = ngx_http_voiceai_handshake_check(r, &key);
        if (rc != NGX_OK) {
            return ngx_http_voiceai_answer(r, rc);
        }

        rc = ngx_http_voiceai_handshake_switch(r, &key);

    } else {
        rc = ngx_http_discard_request_body(r);

        if (rc == NGX_OK) {
            rc = ngx_http_voiceai_events_head(r);
        }
    }

    return (rc == NGX_OK) ? ngx_http_voiceai_events_open(r) : rc;
}


/* The head of a stream of events, which ends with the connection. */

static ngx_int_t
ngx_http_voiceai_events_head(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    static ngx_str_t  type = ngx_string("text/event-stream");

    r->keepalive = 0;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_length_n = -1;

    /* what is sent later does not go through the filters, so no chunks */

    r->http_version = NGX_HTTP_VERSION_10;

    if (ngx_http_voiceai_add_header(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    return (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR)
           ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_events_open(ngx_http_request_t *r)
{
    ngx_connection_t             *c;
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_events_t    *e;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (r->out || c->buffered) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_events_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    e = cln->data;
    ngx_memzero(e, sizeof(ngx_http_voiceai_events_t));

    e->request = r;
    va_buf_init(&e->out, NGX_HTTP_VOICEAI_EVENTS_MAX);

    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS) {
        e->ws = va_ws_new(VA_WS_SERVER, 4096);
        if (e->ws == NULL) {
            return NGX_ERROR;
        }
    }

    e->done_event.handler = ngx_http_voiceai_events_done_handler;
    e->done_event.data = c;
    e->done_event.log = c->log;

    e->listener.handler = ngx_http_voiceai_events_tell;
    e->listener.data = e;
    e->listener.zone = vlcf->zone;
    ngx_http_voiceai_bus_listen(&e->listener);

    cln->handler = ngx_http_voiceai_events_cleanup;
    ctx->socket = e;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->log->action = NULL;

    r->read_event_handler = ngx_http_voiceai_events_read;
    r->write_event_handler = ngx_http_voiceai_events_write;
    r->main->count++;

    /* a listener need not keep a worker alive that is to go */

    c->idle = 1;
    c->read->cancelable = 1;
    ngx_add_timer(c->read, NGX_HTTP_VOICEAI_EVENTS_PING);

    ngx_http_voiceai_events_read(r);

    return NGX_DONE;
}


static void
ngx_http_voiceai_events_cleanup(void *data)
{
    ngx_http_voiceai_events_t *e = data;

    ngx_http_voiceai_bus_unlisten(&e->listener);

    if (e->done_event.posted) {
        ngx_delete_posted_event(&e->done_event);
    }

    va_ws_free(e->ws);
    va_buf_free(&e->out);
}


static void
ngx_http_voiceai_events_read(ngx_http_request_t *r)
{
    ssize_t                     n;
    u_char                      buf[4096];
    ngx_event_t                *rev;
    ngx_connection_t           *c;
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_events_t  *e;

    c = r->connection;
    rev = c->read;
    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    e = ctx->socket;

    if (rev->timedout) {
        rev->timedout = 0;

        if (e->ws) {
            ngx_http_voiceai_frame(&e->out, VA_WS_PING, "", 0);

        } else {
            va_buf_puts(&e->out, ":\n\n");
        }

        ngx_add_timer(rev, NGX_HTTP_VOICEAI_EVENTS_PING);
        ngx_http_voiceai_events_flush(e);
    }

    while (rev->ready) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            ngx_http_voiceai_events_done(e);
            return;
        }

        if (e->ws) {
            ngx_http_voiceai_events_feed(e, buf, n);
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_voiceai_events_done(e);
    }
}


/* A reader has nothing to say but pings and goodbye. */

static void
ngx_http_voiceai_events_feed(ngx_http_voiceai_events_t *e, u_char *data,
    size_t n)
{
    size_t         used;
    va_rc_t        rc;
    uint8_t        payload[VA_WS_CONTROL_MAX];
    va_ws_event_t  ev;

    while (n && !e->closing) {

        rc = va_ws_parse(e->ws, data, n, &used, &ev);

        if (rc == VA_AGAIN) {
            return;
        }

        if (rc == VA_OK && ev.opcode == VA_WS_PING) {
            ngx_http_voiceai_frame(&e->out, VA_WS_PONG, ev.data, ev.len);

        } else if (rc != VA_OK || ev.opcode == VA_WS_CLOSE) {
            e->closing = 1;
            used = va_ws_close_payload(payload,
                                       rc == VA_OK ? VA_WS_CLOSE_NORMAL
                                                   : va_ws_close_code(e->ws),
                                       NULL);
            ngx_http_voiceai_frame(&e->out, VA_WS_CLOSE, payload, used);
            ngx_http_voiceai_events_flush(e);
            ngx_http_voiceai_events_done(e);
            return;
        }

        data += used;
        n -= used;
    }

    ngx_http_voiceai_events_flush(e);
}


static void
ngx_http_voiceai_events_write(ngx_http_request_t *r)
{
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_events_t  *e;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    e = ctx->socket;

    if (r->connection->write->timedout) {
        ngx_http_voiceai_events_done(e);
        return;
    }

    ngx_http_voiceai_events_flush(e);
}


static void
ngx_http_voiceai_events_flush(ngx_http_voiceai_events_t *e)
{
    size_t  sent;

    if (e->done_event.posted) {
        return;
    }

    sent = 0;

    if (e->out.rc != VA_OK) {
        ngx_log_error(NGX_LOG_INFO, e->request->connection->log, 0,
                      "voiceai: a reader of events is too slow");
        ngx_http_voiceai_events_done(e);
        return;
    }

    if (ngx_http_voiceai_send_out(e->request->connection, &e->out, &sent)
        == NGX_ERROR)
    {
        ngx_http_voiceai_events_done(e);
    }
}


static void
ngx_http_voiceai_events_tell(void *data, ngx_str_t *event)
{
    ngx_http_voiceai_events_t *e = data;

    if (e->done_event.posted || e->closing) {
        return;
    }

    if (e->ws) {
        ngx_http_voiceai_frame(&e->out, VA_WS_TEXT, event->data, event->len);

    } else {
        va_buf_puts(&e->out, "data: ");
        va_buf_append(&e->out, event->data, event->len);
        va_buf_puts(&e->out, "\n\n");
    }

    ngx_http_voiceai_events_flush(e);
}


static void
ngx_http_voiceai_events_done(ngx_http_voiceai_events_t *e)
{
    if (!e->done_event.posted) {
        ngx_post_event(&e->done_event, &ngx_posted_events);
    }
}


static void
ngx_http_voiceai_events_done_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}
