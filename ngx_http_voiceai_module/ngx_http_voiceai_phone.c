
/*
 * The browser phone: a page in Twilio's place.  It is told of a call as TwiML
 * would tell, brings a ticket to the media socket where Twilio brings its
 * signature, and asks what comes next when the stream was closed.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_web.h"

#include "../src/twilio/va_status.h"
#include "../src/wire/va_json.h"
#include "../src/wire/va_ticket.h"

#include <openssl/rand.h>


/* seconds in which a page has to open the socket */
#define NGX_HTTP_VOICEAI_TICKET_TIME  60
#define NGX_HTTP_VOICEAI_PHONE_ID     16
#define NGX_HTTP_VOICEAI_PHONE_JSON   65536


static ngx_int_t ngx_http_voiceai_phone_call(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_phone_new(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_phone_next(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_phone_decide(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_phone_connect(ngx_http_request_t *r,
    va_buf_t *b);


/* Reads the body of a command of the page; nothing is as good as {}. */

static ngx_int_t
ngx_http_voiceai_phone_command(ngx_http_request_t *r,
    ngx_int_t (*handler)(ngx_http_request_t *r))
{
    ngx_int_t  rc;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & NGX_HTTP_POST)) {
        rc = ngx_http_voiceai_not_allowed(r, "POST", "use POST");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_voiceai_read_body(r, handler);
    }

    return ngx_http_voiceai_answer(r, rc);
}


ngx_int_t
ngx_http_voiceai_phone_call_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_phone_command(r, ngx_http_voiceai_phone_call);
}


ngx_int_t
ngx_http_voiceai_phone_next_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_phone_command(r, ngx_http_voiceai_phone_next);
}


/* Copies what the page says of itself, or else what stands for it. */

#define ngx_http_voiceai_phone_set(rec, name, value, other)                   \
    do {                                                                      \
        va_str_t  s__ = (value);                                              \
                                                                              \
        if (s__.len == 0) {                                                   \
            s__ = (other);                                                    \
        }                                                                     \
                                                                              \
        ngx_http_voiceai_set(rec, name, s__.data, s__.len);                   \
    } while (0)


/* POST call {"from":"...","to":"..."}: both for maps by the number dialled. */

static ngx_int_t
ngx_http_voiceai_phone_call(ngx_http_request_t *r)
{
    char                          error[128];
    va_str_t                      from, to;
    va_json_t                    *json;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;
    json = NULL;

    if (ctx->text.len) {
        json = va_json_parse(ngx_http_voiceai_view(&ctx->text), error,
                             sizeof(error));
        if (json == NULL) {
            return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                           "the body is not JSON");
        }
    }

    from = va_json_str(json, "from");
    to = va_json_str(json, "to");

    if (from.len > NGX_HTTP_VOICEAI_ADDR_LEN
        || to.len > NGX_HTTP_VOICEAI_ADDR_LEN)
    {
        va_json_free(json);
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "\"from\" and \"to\" have at most 128 "
                                       "bytes");
    }

    ngx_http_voiceai_phone_set(rec, from, from, VA_STR("client:browser"));
    ngx_http_voiceai_phone_set(rec, to, to,
                               vlcf->number.len
                                   ? ngx_http_voiceai_view(&vlcf->number)
                                   : VA_STR("client:assistant"));
    va_json_free(json);

    return ngx_http_voiceai_phone_new(r);
}


static ngx_int_t
ngx_http_voiceai_phone_new(ngx_http_request_t *r)
{
    u_char                        id[NGX_HTTP_VOICEAI_PHONE_ID], *p;
    va_buf_t                      b;
    ngx_str_t                     say;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    if (RAND_bytes(id, sizeof(id)) != 1) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(rec->sid, NGX_HTTP_VOICEAI_BROWSER,
                   sizeof(NGX_HTTP_VOICEAI_BROWSER) - 1);
    p = ngx_hex_dump(p, id, sizeof(id));
    rec->sid_len = p - rec->sid;

    ngx_http_voiceai_set(rec, direction, "inbound", 7);
    rec->status = VA_STATUS_IN_PROGRESS;
    ctx->known = 1;

    switch (ngx_http_voiceai_zone_announce(vlcf->zone, rec, vlcf->max_calls)) {

    case NGX_OK:
        break;

    case NGX_BUSY:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "all lines are busy");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "voiceai: call %*s of a browser announced",
                  (size_t) rec->sid_len, rec->sid);

    /* without a voice the page greets, as Twilio would by <Say> */

    ngx_str_null(&say);

    if (vlcf->engines[NGX_HTTP_VOICEAI_TTS].off
        && ngx_http_voiceai_eval(r, vlcf->greeting, &say) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    va_buf_init(&b, NGX_HTTP_VOICEAI_PHONE_JSON);
    va_buf_puts(&b, "{");

    if (say.len) {
        va_buf_puts(&b, "\"say\":");
        va_json_quote(&b, ngx_http_voiceai_view(&say));
        va_buf_puts(&b, ",");
    }

    va_buf_puts(&b, "\"next\":\"connect\"");

    return ngx_http_voiceai_phone_connect(r, &b);
}


/* The rest of the JSON that tells the page where to connect, and with what. */

static ngx_int_t
ngx_http_voiceai_phone_connect(ngx_http_request_t *r, va_buf_t *b)
{
    va_ticket_t                    ticket;
    ngx_str_t                      value;
    ngx_uint_t                     i;
    va_str_t                       secret;
    ngx_http_voiceai_ctx_t        *ctx;
    ngx_http_voiceai_record_t     *rec;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_srv_conf_t   *vscf;
    ngx_http_voiceai_parameter_t  *parameter;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    secret.data = (char *) ngx_http_voiceai_zone_secret(vlcf->zone);
    secret.len = NGX_HTTP_VOICEAI_NAME_LEN;

    ticket.issued = ngx_time();
    ticket.expires = ticket.issued + NGX_HTTP_VOICEAI_TICKET_TIME;
    ticket.subject.data = (char *) rec->sid;
    ticket.subject.len = rec->sid_len;

    va_buf_puts(b, ",\"call_sid\":");
    va_json_quote(b, ticket.subject);
    va_buf_puts(b, ",\"account_sid\":");
    va_json_quote(b, ngx_http_voiceai_view(&vlcf->account_sid));
    va_buf_puts(b, ",\"media\":");
    va_json_quote(b, ngx_http_voiceai_view(&vscf->media_uri));
    va_buf_puts(b, ",\"protocols\":[\"" NGX_HTTP_VOICEAI_PROTOCOL "\",\"");
    (void) va_ticket_make(b, secret, VA_STR("phone"), &ticket);
    va_buf_puts(b, "\"],\"parameters\":{\"token\":");
    va_json_quote(b, (va_str_t) { (char *) rec->token, rec->token_len });

    parameter = vlcf->parameters ? vlcf->parameters->elts : NULL;

    for (i = 0; vlcf->parameters && i < vlcf->parameters->nelts; i++) {

        if (ngx_http_complex_value(r, &parameter[i].value, &value) != NGX_OK) {
            va_buf_free(b);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        va_buf_puts(b, ",");
        va_json_quote(b, ngx_http_voiceai_view(&parameter[i].name));
        va_buf_puts(b, ":");
        va_json_quote(b, ngx_http_voiceai_view(&value));
    }

    va_buf_puts(b, "}}\n");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, b);
}


/* POST next {"call_sid":"..."}, as Twilio follows <Redirect>. */

static ngx_int_t
ngx_http_voiceai_phone_next(ngx_http_request_t *r)
{
    char                          error[128];
    va_str_t                      sid;
    va_json_t                    *json;
    ngx_uint_t                    found;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    json = va_json_parse(ngx_http_voiceai_view(&ctx->text), error,
                         sizeof(error));
    if (json == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the body is not JSON");
    }

    sid = va_json_str(json, "call_sid");
    found = 0;

    if (sid.len && sid.len <= NGX_HTTP_VOICEAI_SID_LEN) {
        ngx_http_voiceai_set(rec, sid, sid.data, sid.len);
        found = ngx_http_voiceai_browser(rec)
                && ngx_http_voiceai_zone_find(vlcf->zone, rec, 1) == NGX_OK;
    }

    va_json_free(json);

    if (!found) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND, "no such call");
    }

    ctx->known = 1;

    return ngx_http_voiceai_phone_decide(r);
}


static ngx_int_t
ngx_http_voiceai_phone_decide(ngx_http_request_t *r)
{
    va_buf_t                      b;
    ngx_uint_t                    over;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    over = (rec->state == NGX_HTTP_VOICEAI_ENDED || rec->hangup
            || rec->transfer_len);

    va_buf_init(&b, NGX_HTTP_VOICEAI_PHONE_JSON);
    va_buf_puts(&b, "{");

    if (rec->say_len) {
        va_buf_puts(&b, "\"say\":");
        va_json_quote(&b, (va_str_t) { (char *) rec->say, rec->say_len });
        va_buf_puts(&b, ",");
    }

    if (rec->transfer_len) {
        va_buf_puts(&b, "\"transfer\":");
        va_json_quote(&b, (va_str_t) { (char *) rec->transfer,
                                       rec->transfer_len });
        va_buf_puts(&b, ",");
    }

    if (!over) {
        ngx_http_voiceai_zone_lose(vlcf->zone, rec);

        over = (ngx_http_voiceai_zone_announce(vlcf->zone, rec,
                                               vlcf->max_calls)
                != NGX_OK);
    }

    if (!over) {
        va_buf_puts(&b, "\"next\":\"connect\"");
        return ngx_http_voiceai_phone_connect(r, &b);
    }

    ngx_http_voiceai_trace_over(rec, rec->state);
    rec->state = NGX_HTTP_VOICEAI_ENDED;
    rec->status = VA_STATUS_COMPLETED;
    (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_STATE
                                       |NGX_HTTP_VOICEAI_STORE_STATUS);
    ngx_http_voiceai_event(vlcf->zone, rec, "status");

    va_buf_puts(&b, "\"next\":\"hangup\"}\n");

    return ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
}


/*
 * A page cannot sign, and what stands in a URL ends up in logs; so the ticket
 * comes as the second of two subprotocols, of which the first is agreed on.
 */

ngx_int_t
ngx_http_voiceai_phone_ticket(ngx_http_request_t *r)
{
    u_char                       *p, *last;
    size_t                        len;
    va_str_t                      text, secret;
    ngx_str_t                    *value;
    va_ticket_t                   ticket;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    value = ngx_http_voiceai_header(r, "Sec-WebSocket-Protocol");
    len = sizeof(NGX_HTTP_VOICEAI_PROTOCOL) - 1;

    if (value == NULL || value->len <= len
        || ngx_strncmp(value->data, NGX_HTTP_VOICEAI_PROTOCOL, len) != 0)
    {
        return NGX_DECLINED;
    }

    p = value->data + len;
    last = value->data + value->len;

    while (p < last && (*p == ',' || *p == ' ')) {
        p++;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    text.data = (char *) p;
    text.len = last - p;
    secret.data = (char *) ngx_http_voiceai_zone_secret(vlcf->zone);
    secret.len = NGX_HTTP_VOICEAI_NAME_LEN;

    if (va_ticket_check(&ticket, text, secret, VA_STR("phone"), ngx_time())
        != VA_OK)
    {
        return NGX_DECLINED;
    }

    return (ngx_http_voiceai_add_header(r, "Sec-WebSocket-Protocol",
                                        NGX_HTTP_VOICEAI_PROTOCOL)
            == NGX_OK)
           ? NGX_OK : NGX_DECLINED;
}
