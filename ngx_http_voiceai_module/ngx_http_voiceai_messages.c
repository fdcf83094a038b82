
/*
 * Media Streams messages: which of them may come when, and to which call a
 * stream belongs.
 */


#include "ngx_http_voiceai_socket.h"


static ngx_uint_t ngx_http_voiceai_media_hold(ngx_http_voiceai_socket_t *s,
    va_str_t text);
static ngx_uint_t ngx_http_voiceai_media_fetch(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, va_str_t text);
static void ngx_http_voiceai_media_fetched(void *data);
static void ngx_http_voiceai_media_start(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg);
static ngx_int_t ngx_http_voiceai_media_attach(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, ngx_str_t *token);
static void ngx_http_voiceai_media_params(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, ngx_str_t *token);
static void ngx_http_voiceai_media_merge(ngx_http_voiceai_record_t *rec,
    u_char *params, size_t len);


void
ngx_http_voiceai_media_message(ngx_http_voiceai_socket_t *s, va_str_t text)
{
    va_rc_t         rc;
    va_media_msg_t  msg;

    if (s->fetch) {
        (void) ngx_http_voiceai_media_hold(s, text);
        return;
    }

    rc = va_media_parse(s->media, text, &msg);

    if (rc != VA_OK) {
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                   rc == VA_NOMEM ? VA_WS_CLOSE_INTERNAL
                                                  : VA_WS_CLOSE_BAD_DATA,
                                   va_media_error(s->media));
        return;
    }

    switch (msg.type) {

    case VA_MEDIA_UNKNOWN:
    case VA_MEDIA_CONNECTED:
        return;

    case VA_MEDIA_START:
        if (!ngx_http_voiceai_media_fetch(s, &msg, text)) {
            ngx_http_voiceai_media_start(s, &msg);
        }

        return;

    default:
        break;
    }

    if (!s->started) {
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                   VA_WS_CLOSE_POLICY,
                                   "a message came before start");
        return;
    }

    if (msg.type == VA_MEDIA_STOP) {
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_ENDED,
                                   VA_WS_CLOSE_NORMAL, "the caller hung up");
        return;
    }

    ngx_http_voiceai_call_message(s->call, &msg);
}


/*
 * The webhook of this call may have been answered by another machine.  Returns
 * whether the start has to wait for what that one wrote.
 */

static ngx_uint_t
ngx_http_voiceai_media_fetch(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, va_str_t text)
{
    ngx_str_t  sid;

    if (s->fetched || s->started) {
        return 0;
    }

    s->fetched = 1;

    sid.data = (u_char *) msg->call_sid.data;
    sid.len = msg->call_sid.len;

    s->fetch = ngx_http_voiceai_fleet_fetch(s->zone, &sid,
                                            ngx_http_voiceai_media_fetched, s);

    return s->fetch && ngx_http_voiceai_media_hold(s, text);
}


/* Keeps a message, behind its length, until the record is there. */

static ngx_uint_t
ngx_http_voiceai_media_hold(ngx_http_voiceai_socket_t *s, va_str_t text)
{
    uint32_t  len;

    len = text.len;
    va_buf_append(&s->held, &len, sizeof(len));
    va_buf_str(&s->held, text);

    if (s->held.rc != VA_OK) {
        ngx_http_voiceai_fleet_forget(s->fetch);
        s->fetch = NULL;
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                   VA_WS_CLOSE_TOO_BIG,
                                   "too much came before the call was known");
    }

    return 1;
}


static void
ngx_http_voiceai_media_fetched(void *data)
{
    ngx_http_voiceai_socket_t *s = data;

    size_t             at;
    va_buf_t           held;
    va_str_t           text;
    uint32_t           len;
    ngx_connection_t  *c;

    c = s->request->connection;
    ngx_http_set_log_request(c->log, s->request);

    s->fetch = NULL;
    held = s->held;
    va_buf_init(&s->held, held.max);

    for (at = 0; at < held.len && !s->closing && !s->done_event.posted;
         at += text.len)
    {
        ngx_memcpy(&len, held.data + at, sizeof(len));
        at += sizeof(len);
        text.data = held.data + at;
        text.len = len;
        ngx_http_voiceai_media_message(s, text);
    }

    va_buf_free(&held);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_voiceai_media_start(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg)
{
    ngx_str_t                     token;
    ngx_uint_t                    code;
    const char                   *refused;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_voiceai_module);
    code = VA_WS_CLOSE_POLICY;
    refused = NULL;

    if (s->started) {
        refused = "a second start came";

    } else if (msg->call_sid.len == 0
               || msg->call_sid.len > NGX_HTTP_VOICEAI_SID_LEN
               || msg->stream_sid.len == 0
               || msg->stream_sid.len > NGX_HTTP_VOICEAI_SID_LEN)
    {
        refused = "start without usable callSid and streamSid";

    } else if (!va_str_eq(msg->encoding, VA_STR("audio/x-mulaw"))
               || msg->rate != VA_RATE || msg->channels != 1)
    {
        code = VA_WS_CLOSE_UNSUPPORTED;
        refused = "the media format must be mu-law, 8000 Hz, one channel";
    }

    if (refused == NULL) {
        ngx_http_voiceai_media_params(s, msg, &token);

        if (ngx_http_voiceai_media_attach(s, msg, &token) != NGX_OK) {
            refused = "the stream fits no announced call";
        }
    }

    if (refused) {
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST, code, refused);
        return;
    }

    s->started = 1;
    s->ctx->known = 1;
    s->ctx->start = ngx_current_msec;

    ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                  "voiceai: call %*s stream %*s started, connection %ui",
                  (size_t) s->ctx->record.sid_len, s->ctx->record.sid,
                  msg->stream_sid.len, msg->stream_sid.data,
                  s->ctx->record.connects);

    s->call = ngx_http_voiceai_call_create(s->request, s->ctx, &s->out);

    if (s->call == NULL) {
        s->ctx->record.state = NGX_HTTP_VOICEAI_LOST;
        ngx_http_voiceai_zone_detach(vlcf->zone, &s->ctx->record);
        ngx_http_voiceai_media_end(s, NGX_HTTP_VOICEAI_LOST,
                                   VA_WS_CLOSE_INTERNAL, "no memory");
        return;
    }

    ngx_http_voiceai_call_start(s->call);
}


/* Custom parameters into the record; the token is not one of them. */

static void
ngx_http_voiceai_media_params(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, ngx_str_t *token)
{
    size_t                      i, len;
    u_char                     *p;
    va_media_param_t           *param;
    ngx_http_voiceai_record_t  *rec;

    rec = &s->ctx->record;
    rec->params_len = 0;
    ngx_str_null(token);

    for (i = 0; i < msg->param_count; i++) {
        param = &msg->params[i];

        if (va_str_eq(param->name, VA_STR("token"))) {
            token->data = (u_char *) param->value.data;
            token->len = param->value.len;
            continue;
        }

        len = param->name.len + param->value.len + 2;

        if (len > sizeof(rec->params) - rec->params_len
            || memchr(param->name.data, '\0', param->name.len)
            || (param->value.len
                && memchr(param->value.data, '\0', param->value.len)))
        {
            ngx_log_error(NGX_LOG_WARN, s->request->connection->log, 0,
                          "voiceai: custom parameter %uz was dropped", i);
            continue;
        }

        p = rec->params + rec->params_len;
        p = ngx_cpymem(p, param->name.data, param->name.len);
        *p++ = '\0';
        p = ngx_cpymem(p, param->value.data, param->value.len);
        *p = '\0';
        rec->params_len += len;
    }
}


static ngx_int_t
ngx_http_voiceai_media_attach(ngx_http_voiceai_socket_t *s,
    va_media_msg_t *msg, ngx_str_t *token)
{
    u_char                        params[NGX_HTTP_VOICEAI_PARAMS_LEN];
    u_short                       len;
    ngx_int_t                     rc;
    ngx_str_t                     sid;
    ngx_uint_t                    checked;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(s->request, ngx_http_voiceai_module);
    rec = &s->ctx->record;
    checked = (vlcf->stream_token || s->ctx->browser);

    len = rec->params_len;
    ngx_memcpy(params, rec->params, len);

    ngx_http_voiceai_set(rec, sid, msg->call_sid.data, msg->call_sid.len);

    sid.data = (u_char *) msg->stream_sid.data;
    sid.len = msg->stream_sid.len;

    rc = ngx_http_voiceai_zone_attach(vlcf->zone, rec,
                                      checked ? token : NULL,
                                      &sid);

    if (rc == NGX_DECLINED && !checked) {

        ngx_http_voiceai_set(rec, account_sid, msg->account_sid.data,
                             msg->account_sid.len);

        rc = ngx_http_voiceai_zone_announce(vlcf->zone, rec, vlcf->max_calls);

        if (rc == NGX_OK) {
            rc = ngx_http_voiceai_zone_attach(vlcf->zone, rec, NULL, &sid);
        }
    }

    if (rc == NGX_OK) {
        ngx_http_voiceai_media_merge(rec, params, len);
        (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                           NGX_HTTP_VOICEAI_STORE_OPTIONS);
    }

    return rc;
}


/*
 * Puts the stream's parameters before those that the record has from elsewhere,
 * and drops what has been there under the same name.
 */

static void
ngx_http_voiceai_media_merge(ngx_http_voiceai_record_t *rec, u_char *params,
    size_t len)
{
    size_t   n, kept;
    u_char  *p, *last, *q, *end, old[NGX_HTTP_VOICEAI_PARAMS_LEN];

    kept = rec->params_len;
    ngx_memcpy(old, rec->params, kept);
    ngx_http_voiceai_set(rec, params, params, len);

    last = old + kept;
    end = params + len;

    for (p = old; p < last; p += n) {
        n = ngx_strlen(p) + 1;
        n += ngx_strlen(p + n) + 1;

        for (q = params; q < end && ngx_strcmp(p, q) != 0; /* void */ ) {
            q += ngx_strlen(q) + 1;
            q += ngx_strlen(q) + 1;
        }

        if (q == end && n <= sizeof(rec->params) - rec->params_len) {
            ngx_memcpy(rec->params + rec->params_len, p, n);
            rec->params_len += n;
        }
    }
}
