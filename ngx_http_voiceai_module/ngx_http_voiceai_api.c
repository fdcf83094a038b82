
/*
 * Who may use the interface, and sessions to look at.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"

#include "../src/twilio/va_signature.h"
#include "../src/twilio/va_status.h"
#include "../src/wire/va_json.h"


/* calls in one answer */
#define NGX_HTTP_VOICEAI_API_SESSIONS  1000
#define NGX_HTTP_VOICEAI_API_JSON      (4 * 1024 * 1024)


static ngx_int_t ngx_http_voiceai_sessions(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_session(ngx_http_request_t *r,
    ngx_str_t *sid);


static ngx_str_t  ngx_http_voiceai_api_type = ngx_string("application/json");


ngx_int_t
ngx_http_voiceai_api_allowed(ngx_http_request_t *r)
{
    va_str_t                      key;
    ngx_int_t                     rc;
    ngx_str_t                    *value;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (vlcf->api_key.len == 0) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_FORBIDDEN,
                                       "no voiceai_api_key is configured");
    }

    if (vlcf->api_open) {
        return ngx_http_voiceai_same_site(r);
    }

    value = ngx_http_voiceai_header(r, "Authorization");

    if (value && value->len > 7
        && ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) == 0)
    {
        key.data = (char *) value->data + 7;
        key.len = value->len - 7;

        if (va_secret_eq(key, ngx_http_voiceai_view(&vlcf->api_key))) {
            return NGX_OK;
        }
    }

    rc = ngx_http_voiceai_cookie(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_voiceai_add_header(r, "WWW-Authenticate", "Bearer")
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                   "the API key is missing or wrong");
}


ngx_int_t
ngx_http_voiceai_api_send(ngx_http_request_t *r, ngx_uint_t status,
    va_buf_t *json)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_send(r, status, &ngx_http_voiceai_api_type, json);
    va_buf_free(json);

    return rc;
}


static const char *
ngx_http_voiceai_api_state(ngx_http_voiceai_record_t *rec)
{
    switch (rec->state) {

    case NGX_HTTP_VOICEAI_ANNOUNCED:
        return "announced";

    case NGX_HTTP_VOICEAI_STREAMING:
        return "streaming";

    case NGX_HTTP_VOICEAI_LOST:
        return "reconnecting";

    case NGX_HTTP_VOICEAI_DIALING:
        return "transferred";

    default:
        return "ended";
    }
}


#define ngx_http_voiceai_api_str(b, name, field, rec)                         \
    do {                                                                      \
        va_buf_puts(b, ",\"" name "\":");                                     \
        va_json_quote(b, (va_str_t) { (char *) (rec)->field,                  \
                                      (rec)->field##_len });                  \
    } while (0)


void
ngx_http_voiceai_api_call(va_buf_t *b, ngx_http_voiceai_record_t *rec)
{
    va_buf_puts(b, "\"call_sid\":");
    va_json_quote(b, (va_str_t) { (char *) rec->sid, rec->sid_len });
    ngx_http_voiceai_api_str(b, "stream_sid", stream_sid, rec);
    ngx_http_voiceai_api_str(b, "from", from, rec);
    ngx_http_voiceai_api_str(b, "to", to, rec);
    ngx_http_voiceai_api_str(b, "direction", direction, rec);

    va_buf_printf(b, ",\"mode\":\"%s\",\"state\":\"%s\",\"phase\":\"%s\","
                  "\"status\":\"%s\",\"answered_by\":\"%s\","
                  "\"started\":%ld,\"duration\":%ld,\"connections\":%lu,"
                  "\"turns\":%lu,\"interruptions\":%lu,\"failures\":%lu,"
                  "\"latency_ms\":%lu,\"worker\":%ld",
                  rec->gather ? "gather" : "stream",
                  ngx_http_voiceai_api_state(rec),
                  rec->state == NGX_HTTP_VOICEAI_STREAMING
                      ? va_call_phase_name((va_phase_t) rec->phase) : "",
                  va_status_name((va_status_t) rec->status),
                  va_answered_name((va_answered_t) rec->answered_by),
                  (long) rec->created,
                  (long) ((rec->state == NGX_HTTP_VOICEAI_ENDED
                           ? rec->updated : ngx_time()) - rec->created),
                  (unsigned long) rec->connects,
                  (unsigned long) rec->turns,
                  (unsigned long) rec->interruptions,
                  (unsigned long) rec->failures,
                  (unsigned long) rec->latency,
                  rec->state == NGX_HTTP_VOICEAI_STREAMING
                      ? (long) rec->owner : 0L);
}


ngx_int_t
ngx_http_voiceai_sessions_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        return ngx_http_voiceai_sessions(r);
    }

    return ngx_http_voiceai_answer(r, rc);
}


static ngx_int_t
ngx_http_voiceai_sessions(ngx_http_request_t *r)
{
    va_buf_t                      b;
    uint32_t                      at;
    ngx_uint_t                    n, ended;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;
    ended = (r->args.len == sizeof("ended=1") - 1
             && ngx_strncmp(r->args.data, "ended=1", r->args.len) == 0);

    va_buf_init(&b, NGX_HTTP_VOICEAI_API_JSON);
    va_buf_puts(&b, "{\"sessions\":[");

    at = 0;
    n = 0;

    while (n < NGX_HTTP_VOICEAI_API_SESSIONS
           && ngx_http_voiceai_zone_next(vlcf->zone, rec, &at) == NGX_OK)
    {
        if ((rec->state == NGX_HTTP_VOICEAI_ENDED && !ended)
            || ngx_http_voiceai_pending(rec))
        {
            continue;
        }

        va_buf_puts(&b, n++ ? ",{" : "{");
        ngx_http_voiceai_api_call(&b, rec);
        va_buf_puts(&b, "}");
    }

    va_buf_printf(&b, "],\"count\":%lu}\n", (unsigned long) n);

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}


void
ngx_http_voiceai_api_segment(ngx_http_request_t *r, ngx_str_t *segment,
    ngx_str_t *last)
{
    u_char  *p, *end;

    end = r->uri.data + r->uri.len;

    for (p = end; p > r->uri.data && p[-1] != '/'; p--) { /* void */ }

    last->data = p;
    last->len = end - p;

    end = (p > r->uri.data) ? p - 1 : p;

    for (p = end; p > r->uri.data && p[-1] != '/'; p--) { /* void */ }

    segment->data = p;
    segment->len = end - p;
}


ngx_int_t
ngx_http_voiceai_session_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  sid, segment;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        rc = ngx_http_voiceai_not_allowed(r, "GET", "use GET");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc == NGX_OK) {
        ngx_http_voiceai_api_segment(r, &segment, &sid);
        rc = ngx_http_voiceai_api_find(r, &sid);

        if (rc == NGX_OK) {
            return ngx_http_voiceai_session(r, &sid);
        }
    }

    return ngx_http_voiceai_answer(r, rc);
}


ngx_int_t
ngx_http_voiceai_api_find(ngx_http_request_t *r, ngx_str_t *sid)
{
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (sid->len && sid->len <= NGX_HTTP_VOICEAI_SID_LEN) {

        ngx_http_voiceai_set(&ctx->record, sid, sid->data, sid->len);

        if (!ngx_http_voiceai_pending(&ctx->record)
            && ngx_http_voiceai_zone_find(vlcf->zone, &ctx->record, 0)
               == NGX_OK)
        {
            ctx->known = 1;
            return NGX_OK;
        }
    }

    return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND, "no such call");
}


void
ngx_http_voiceai_api_turn(va_buf_t *b, const va_turn_t *turn)
{
    ngx_uint_t  i, comma;

    va_buf_printf(b, "{\"role\":\"%s\",\"text\":",
                  turn->role == VA_ROLE_USER ? "user" : "assistant");
    va_json_quote(b, turn->text);

    if (turn->confidence >= 0) {
        va_buf_printf(b, ",\"confidence\":%.2f", turn->confidence);
    }

    if (turn->interrupted) {
        va_buf_puts(b, ",\"interrupted\":true");
    }

    if (turn->timed) {
        va_buf_puts(b, ",\"latency_ms\":{");
        comma = 0;

        for (i = 0; i < VA_TURN_TIMES; i++) {
            if (turn->ms[i] != VA_TURN_NEVER) {
                va_buf_printf(b, "%s\"%s\":%u", comma++ ? "," : "",
                              va_turn_time_name((va_turn_time_t) i),
                              (unsigned) turn->ms[i]);
            }
        }

        va_buf_puts(b, "}");
    }

    va_buf_puts(b, "}");
}


static ngx_int_t
ngx_http_voiceai_session(ngx_http_request_t *r, ngx_str_t *sid)
{
    u_char                     *p, *last;
    size_t                      at;
    va_buf_t                    b;
    va_turn_t                   turn;
    ngx_uint_t                  comma;
    ngx_http_voiceai_ctx_t     *ctx;
    ngx_http_voiceai_record_t  *rec;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    va_buf_init(&b, NGX_HTTP_VOICEAI_API_JSON);
    va_buf_puts(&b, "{");
    ngx_http_voiceai_api_call(&b, rec);

    va_buf_puts(&b, ",\"parameters\":{");

    p = rec->params;
    last = p + rec->params_len;
    comma = 0;

    while (p < last) {
        va_buf_puts(&b, comma++ ? "," : "");
        va_json_quote(&b, va_str((char *) p));
        p += ngx_strlen(p) + 1;
        va_buf_puts(&b, ":");
        va_json_quote(&b, va_str((char *) p));
        p += ngx_strlen(p) + 1;
    }

    va_buf_puts(&b, "},\"conversation\":[");

    at = 0;
    comma = 0;

    while (va_turns_next(rec->history, rec->history_len, &at, &turn)) {
        va_buf_puts(&b, comma++ ? "," : "");
        ngx_http_voiceai_api_turn(&b, &turn);
    }

    va_buf_puts(&b, "]}\n");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}
