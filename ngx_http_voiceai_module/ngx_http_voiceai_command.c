
/*
 * Commands to calls that are going on: to the worker that has the stream, or
 * where there is none, to Twilio.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_fleet.h"
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_rest.h"

#include "../src/twilio/va_address.h"
#include "../src/wire/va_json.h"


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_voiceai_ask_t       *ask;
    ngx_http_voiceai_rest_t      *rest;
} ngx_http_voiceai_command_t;


static ngx_int_t ngx_http_voiceai_api_command(ngx_http_request_t *r,
    ngx_str_t *sid, ngx_uint_t kind);
static ngx_int_t ngx_http_voiceai_api_commanded(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_api_text(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_api_ask(ngx_http_request_t *r,
    ngx_uint_t kind, ngx_str_t *text);
static void ngx_http_voiceai_api_answered(void *data, ngx_int_t rc);
static void ngx_http_voiceai_api_cleanup(void *data);
static ngx_int_t ngx_http_voiceai_api_redirect(ngx_http_request_t *r,
    ngx_pool_cleanup_t *cln, ngx_uint_t kind, ngx_str_t *text);
static void ngx_http_voiceai_api_redirected(void *data, va_rc_t rc,
    va_rest_answer_t *answer);


ngx_int_t
ngx_http_voiceai_interrupt_handler(ngx_http_request_t *r)
{
    ngx_str_t  sid, segment;

    ngx_http_voiceai_api_segment(r, &segment, &sid);

    return ngx_http_voiceai_answer(r,
               ngx_http_voiceai_api_command(r, &sid,
                                            NGX_HTTP_VOICEAI_BUS_INTERRUPT));
}


/* .../{sid}/hangup, .../{sid}/say, .../{sid}/transfer */

ngx_int_t
ngx_http_voiceai_calls_handler(ngx_http_request_t *r)
{
    ngx_int_t   rc;
    ngx_str_t   sid, verb;
    ngx_uint_t  kind;

    ngx_http_voiceai_api_segment(r, &sid, &verb);

    if (verb.len == 6 && ngx_strncmp(verb.data, "hangup", 6) == 0) {
        kind = NGX_HTTP_VOICEAI_BUS_HANGUP;

    } else if (verb.len == 3 && ngx_strncmp(verb.data, "say", 3) == 0) {
        kind = NGX_HTTP_VOICEAI_BUS_SAY;

    } else if (verb.len == 8 && ngx_strncmp(verb.data, "transfer", 8) == 0) {
        kind = NGX_HTTP_VOICEAI_BUS_TRANSFER;

    } else if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_voiceai_log_handler(r);

    } else {
        rc = ngx_http_voiceai_api_allowed(r);

        if (rc == NGX_OK) {
            rc = ngx_http_voiceai_refuse(r, NGX_HTTP_NOT_FOUND,
                                         "no such command");
        }

        return ngx_http_voiceai_answer(r, rc);
    }

    return ngx_http_voiceai_answer(r,
               ngx_http_voiceai_api_command(r, &sid, kind));
}


static ngx_int_t
ngx_http_voiceai_api_command(ngx_http_request_t *r, ngx_str_t *sid,
    ngx_uint_t kind)
{
    ngx_int_t                rc;
    ngx_http_voiceai_ctx_t  *ctx;

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & NGX_HTTP_POST)) {
        rc = ngx_http_voiceai_not_allowed(r, "POST", "use POST");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_voiceai_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->command = kind;

    return ngx_http_voiceai_fleet_request(r, sid,
                                          ngx_http_voiceai_api_commanded);
}


static ngx_int_t
ngx_http_voiceai_api_commanded(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                none, sid, verb;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    ngx_http_voiceai_api_segment(r, &sid, &verb);

    rc = ngx_http_voiceai_api_find(r,
                              ctx->command == NGX_HTTP_VOICEAI_BUS_INTERRUPT
                              ? &verb : &sid);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->record.state == NGX_HTTP_VOICEAI_ENDED) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_CONFLICT,
                                       "the call has ended");
    }

    if (ctx->record.state != NGX_HTTP_VOICEAI_STREAMING
        && ctx->record.state != NGX_HTTP_VOICEAI_REMOTE
        && !ctx->record.gather)
    {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_CONFLICT,
                                       "the call has no stream now");
    }

    if (ctx->command == NGX_HTTP_VOICEAI_BUS_SAY
        || ctx->command == NGX_HTTP_VOICEAI_BUS_TRANSFER)
    {
        return ngx_http_voiceai_read_body(r, ngx_http_voiceai_api_text);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(&none);

    return ngx_http_voiceai_api_ask(r, ctx->command, &none);
}


/* The body of say and transfer: {"text": "..."} or {"to": "..."} */

static ngx_int_t
ngx_http_voiceai_api_text(ngx_http_request_t *r)
{
    char                     error[128];
    va_str_t                 value;
    ngx_int_t                rc;
    ngx_str_t                text;
    va_json_t               *json;
    const char              *name, *bad;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    json = va_json_parse(ngx_http_voiceai_view(&ctx->text), error,
                         sizeof(error));
    if (json == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "the body is not JSON");
    }

    bad = NULL;
    name = (ctx->command == NGX_HTTP_VOICEAI_BUS_SAY) ? "text" : "to";
    value = va_json_str(json, name);

    if (ctx->command == NGX_HTTP_VOICEAI_BUS_SAY) {

        if (value.len == 0 || value.len > NGX_HTTP_VOICEAI_BUS_TEXT) {
            bad = "\"text\" must be a string of 1 to 4096 bytes";
        }

    } else if (value.len > NGX_HTTP_VOICEAI_ADDR_LEN
               || va_address_kind(value) == VA_ADDRESS_NONE)
    {
        bad = "\"to\" must be a number in E.164 form, a sip: or a client: "
              "address";
    }

    if (bad) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST, bad);

    } else {
        text.data = (u_char *) value.data;
        text.len = value.len;
        rc = ngx_http_voiceai_api_ask(r, ctx->command, &text);
    }

    va_json_free(json);

    return rc;
}


/* NGX_DONE: the answer comes with the owner's. */

static ngx_int_t
ngx_http_voiceai_api_ask(ngx_http_request_t *r, ngx_uint_t kind,
    ngx_str_t *text)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_command_t   *command;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_command_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    command = cln->data;
    ngx_memzero(command, sizeof(ngx_http_voiceai_command_t));
    command->request = r;

    if (ctx->record.gather) {
        return ngx_http_voiceai_api_redirect(r, cln, kind, text);
    }

    command->ask = ngx_http_voiceai_bus_ask(vlcf->zone, &ctx->record, kind,
                                            text,
                                            ngx_http_voiceai_api_answered,
                                            command);
    if (command->ask == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "too many commands are under way");
    }

    cln->handler = ngx_http_voiceai_api_cleanup;

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_voiceai_api_cleanup(void *data)
{
    ngx_http_voiceai_command_t *command = data;

    if (command->ask) {
        ngx_http_voiceai_bus_forget(command->ask);
    }

    if (command->rest) {
        ngx_http_voiceai_rest_cancel(command->rest);
    }
}


/*
 * A call without a stream is in Twilio's hands: what is to be done is written
 * into the record, and Twilio is told over REST to ask for it now.
 */

static ngx_int_t
ngx_http_voiceai_api_redirect(ngx_http_request_t *r, ngx_pool_cleanup_t *cln,
    ngx_uint_t kind, ngx_str_t *text)
{
    va_buf_t                       hook;
    ngx_http_voiceai_ctx_t        *ctx;
    ngx_http_voiceai_record_t     *rec;
    ngx_http_voiceai_command_t    *command;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_srv_conf_t   *vscf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);
    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;
    command = cln->data;

    if (vlcf->account_sid.len == 0 || vlcf->auth_token.len == 0) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "no Twilio account is configured");
    }

    va_buf_init(&hook, VA_REST_URL_MAX);

    rec->say_len = 0;
    rec->transfer_len = 0;

    switch (kind) {

    case NGX_HTTP_VOICEAI_BUS_TRANSFER:
        ngx_http_voiceai_hook(&hook, vlcf, &vscf->continue_uri, NULL);
        ngx_http_voiceai_set(rec, transfer, text->data, text->len);
        break;

    case NGX_HTTP_VOICEAI_BUS_SAY:
        ngx_http_voiceai_hook(&hook, vlcf, &vscf->speech_uri, NULL);
        va_buf_puts(&hook, "?wait=0");

        ngx_http_voiceai_set(rec, say, text->data, text->len);
        ngx_http_voiceai_record_said(rec, VA_ROLE_ASSISTANT,
                                     ngx_http_voiceai_view(text), -1);
        ngx_http_voiceai_observe_spoke(rec, ngx_http_voiceai_view(text), 0,
                                       NULL);
        rec->answered = rec->turns;
        break;

    default: /* NGX_HTTP_VOICEAI_BUS_INTERRUPT, NGX_HTTP_VOICEAI_BUS_HANGUP */
        ngx_http_voiceai_hook(&hook, vlcf, &vscf->speech_uri, NULL);
        va_buf_puts(&hook, "?again=1");
        break;
    }

    (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_TURNS
                                       |NGX_HTTP_VOICEAI_STORE_NEXT
                                       |NGX_HTTP_VOICEAI_STORE_GATHER);

    command->rest = ngx_http_voiceai_rest_update(vmcf, vlcf, rec,
                              kind == NGX_HTTP_VOICEAI_BUS_HANGUP ? NULL
                                                                  : &hook,
                              ngx_http_voiceai_api_redirected, command,
                              r->connection->log);
    va_buf_free(&hook);

    if (command->rest == NULL) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "the request could not be sent");
    }

    cln->handler = ngx_http_voiceai_api_cleanup;

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_voiceai_api_redirected(void *data, va_rc_t rc,
    va_rest_answer_t *answer)
{
    ngx_http_voiceai_command_t *command = data;

    va_buf_t             b;
    ngx_int_t            status;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = command->request;
    c = r->connection;
    command->rest = NULL;

    ngx_http_set_log_request(c->log, r);

    va_buf_init(&b, 4096);

    if (rc == VA_OK) {
        status = NGX_HTTP_OK;
        va_buf_puts(&b, "{\"success\":true,\"call_sid\":");
        va_json_quote(&b, va_str(answer->sid));
        va_buf_puts(&b, "}\n");

    } else {
        status = va_rest_ended(answer) ? NGX_HTTP_CONFLICT
                 : answer->http == 0 ? NGX_HTTP_GATEWAY_TIME_OUT
                                     : va_rest_status(answer);

        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "voiceai: a call could not be told, status %d, "
                      "code %ud: %s", answer->http, answer->code,
                      answer->message);

        va_buf_puts(&b, "{\"error\":");
        va_json_quote(&b, va_str(answer->message));
        va_buf_puts(&b, "}\n");
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_api_send(r, status, &b));
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_voiceai_api_answered(void *data, ngx_int_t rc)
{
    ngx_http_voiceai_command_t *command = data;

    va_buf_t                 b;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_voiceai_ctx_t  *ctx;

    r = command->request;
    c = r->connection;
    command->ask = NULL;

    ngx_http_set_log_request(c->log, r);

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    switch (rc) {

    case NGX_OK:
        va_buf_init(&b, 1024);
        va_buf_puts(&b, "{\"success\":true,\"call_sid\":");
        va_json_quote(&b, (va_str_t) { (char *) ctx->record.sid,
                                       ctx->record.sid_len });
        va_buf_puts(&b, "}\n");
        rc = ngx_http_voiceai_api_send(r, NGX_HTTP_OK, &b);
        break;

    case NGX_DECLINED:
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_CONFLICT,
                                     "the call has no stream now");
        break;

    case NGX_BUSY:
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "the worker that has the call is busy");
        break;

    default:
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_GATEWAY_TIME_OUT,
                              "the worker that has the call did not answer");
        break;
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_answer(r, rc));
    ngx_http_run_posted_requests(c);
}
