
/*
 * Calls that we make: the request of a program goes to Twilio's REST API, and
 * Twilio comes back with webhooks as for a call that came in.
 *
 * What was asked for waits in the zone under a name of its own, because the
 * webhook may be faster than the answer that tells the CallSid.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_log.h"
#include "ngx_http_voiceai_rest.h"

#include "../src/twilio/va_make_call.h"
#include "../src/twilio/va_status.h"
#include "../src/twilio/va_twiml.h"
#include "../src/wire/va_json.h"

#include <openssl/rand.h>


#define NGX_HTTP_VOICEAI_ID_LEN   32


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_voiceai_rest_t      *rest;
    va_make_call_t               *call;
} ngx_http_voiceai_outbound_t;


static ngx_int_t ngx_http_voiceai_make_call(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_make_call_record(ngx_http_request_t *r,
    va_make_call_t *call);
static ngx_int_t ngx_http_voiceai_make_call_send(ngx_http_request_t *r,
    va_make_call_t *call);
static void ngx_http_voiceai_outbound_over(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec);
static void ngx_http_voiceai_make_call_answer(void *data, va_rc_t rc,
    va_rest_answer_t *answer);
static void ngx_http_voiceai_make_call_cleanup(void *data);
static ngx_int_t ngx_http_voiceai_outbound(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_status(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_status_answer(ngx_http_request_t *r);


ngx_int_t
ngx_http_voiceai_make_call_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_api_allowed(r);

    if (rc == NGX_OK && !(r->method & NGX_HTTP_POST)) {
        rc = ngx_http_voiceai_not_allowed(r, "POST", "use POST");
    }

    if (rc == NGX_OK
        && (vlcf->account_sid.len == 0 || vlcf->auth_token.len == 0))
    {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "no Twilio account is configured");
    }

    if (rc == NGX_OK && !ngx_http_voiceai_zone_takes(vlcf->zone)) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "this machine takes no new calls");
    }

    if (rc == NGX_OK) {
        rc = ngx_http_voiceai_read_body(r, ngx_http_voiceai_make_call);
    }

    return ngx_http_voiceai_answer(r, rc);
}


static ngx_int_t
ngx_http_voiceai_make_call(ngx_http_request_t *r)
{
    char                          error[256], *text;
    ngx_int_t                     rc;
    va_make_call_t               *call;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (va_make_call_parse(&call, ngx_http_voiceai_view(&ctx->text), error,
                           sizeof(error))
        != VA_OK)
    {
        text = ngx_pnalloc(r->pool, sizeof(error));
        if (text == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(text, error, sizeof(error));

        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST, text);
    }

    if (call->from.len == 0 && vlcf->number.len == 0) {
        rc = ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
              "\"from_number\" is needed, no voiceai_twilio_number is set");

    } else {
        rc = ngx_http_voiceai_make_call_record(r, call);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_voiceai_make_call_send(r, call);
    }

    if (rc != NGX_DONE) {
        va_make_call_free(call);
    }

    return rc;
}


/* What was asked for, into the zone, until Twilio tells the CallSid. */

static ngx_int_t
ngx_http_voiceai_make_call_record(ngx_http_request_t *r, va_make_call_t *call)
{
    size_t                        i, len;
    u_char                       *p, random[NGX_HTTP_VOICEAI_ID_LEN / 2];
    va_str_t                      from;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(rec->sid, NGX_HTTP_VOICEAI_PENDING,
                   sizeof(NGX_HTTP_VOICEAI_PENDING) - 1);
    p = ngx_hex_dump(p, random, sizeof(random));
    rec->sid_len = p - rec->sid;

    from = call->from.len ? call->from : ngx_http_voiceai_view(&vlcf->number);

    ngx_http_voiceai_set(rec, account_sid, vlcf->account_sid.data,
                         vlcf->account_sid.len);
    ngx_http_voiceai_set(rec, direction, "outbound-api",
                         sizeof("outbound-api") - 1);
    ngx_http_voiceai_set(rec, from, from.data, from.len);
    ngx_http_voiceai_set(rec, to, call->to.data, call->to.len);
    ngx_http_voiceai_set(rec, message, call->message.data, call->message.len);
    ngx_http_voiceai_set(rec, prompt, call->prompt.data, call->prompt.len);
    ngx_http_voiceai_set(rec, voice, call->voice.data, call->voice.len);

    rec->gather = (call->mode == VA_MAKE_CALL_GATHER);

    for (i = 0; i < call->param_count; i++) {
        len = call->params[i].name.len + call->params[i].value.len + 2;

        if (len > sizeof(rec->params) - rec->params_len) {
            return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                      "\"parameters\" hold over 2048 bytes");
        }

        p = rec->params + rec->params_len;
        p = ngx_cpymem(p, call->params[i].name.data, call->params[i].name.len);
        *p++ = '\0';
        p = ngx_cpymem(p, call->params[i].value.data,
                       call->params[i].value.len);
        *p = '\0';
        rec->params_len += len;
    }

    switch (ngx_http_voiceai_zone_announce(vlcf->zone, rec, vlcf->max_calls)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_BUSY:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "too many calls");

    case NGX_ABORT:
        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "the zone of calls is full");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static ngx_int_t
ngx_http_voiceai_make_call_send(ngx_http_request_t *r, va_make_call_t *call)
{
    va_buf_t                       url, body, hook, status;
    ngx_str_t                      id;
    va_rest_create_t               create;
    ngx_pool_cleanup_t            *cln;
    ngx_http_voiceai_ctx_t        *ctx;
    ngx_http_voiceai_record_t     *rec;
    ngx_http_voiceai_outbound_t   *out;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_srv_conf_t   *vscf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);
    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_voiceai_outbound_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out = cln->data;
    out->request = r;
    out->rest = NULL;
    out->call = NULL;
    cln->handler = ngx_http_voiceai_make_call_cleanup;

    id.data = rec->sid + sizeof(NGX_HTTP_VOICEAI_PENDING) - 1;
    id.len = NGX_HTTP_VOICEAI_ID_LEN;

    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, VA_REST_BODY_MAX);
    va_buf_init(&hook, VA_REST_URL_MAX);
    va_buf_init(&status, VA_REST_URL_MAX);

    ngx_http_voiceai_hook(&hook, vlcf, &vscf->outbound_uri, &id);
    ngx_http_voiceai_hook(&status, vlcf, &vscf->status_uri, &id);

    ngx_memzero(&create, sizeof(va_rest_create_t));

    create.base = ngx_http_voiceai_view(&vlcf->api_url);
    create.account = ngx_http_voiceai_view(&vlcf->account_sid);
    create.to = call->to;
    create.from.data = (char *) rec->from;
    create.from.len = rec->from_len;
    create.url = va_buf_view(&hook);
    create.status_callback = va_buf_view(&status);
    create.record = call->record;
    create.amd = call->machine_detection;

    /* in the background, so that a human is not met with silence */

    if (create.amd == VA_AMD_ENABLE || create.amd == VA_AMD_MESSAGE_END) {
        create.amd_callback = va_buf_view(&status);

        if (vlcf->machine == NGX_HTTP_VOICEAI_MACHINE_MESSAGE) {
            create.amd = VA_AMD_MESSAGE_END;
        }
    }

    if (va_rest_create(&url, &body, &create) == VA_OK) {
        out->rest = ngx_http_voiceai_rest_send(vmcf, vlcf, &url, &body,
                                         ngx_http_voiceai_make_call_answer,
                                         out, r->connection->log);
    }

    va_buf_free(&url);
    va_buf_free(&body);
    va_buf_free(&hook);
    va_buf_free(&status);

    if (out->rest == NULL) {
        ngx_http_voiceai_outbound_over(vlcf->zone, rec);

        return ngx_http_voiceai_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "the request could not be sent");
    }

    out->call = call;

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;

    return NGX_DONE;
}


/* URL of a webhook of ours, with the name under which the options wait. */

void
ngx_http_voiceai_hook(va_buf_t *url, ngx_http_voiceai_loc_conf_t *vlcf,
    ngx_str_t *uri, ngx_str_t *id)
{
    va_buf_append(url, vlcf->public_url.data, vlcf->public_url.len);
    va_buf_append(url, uri->data, uri->len);

    if (id) {
        va_buf_puts(url, "?id=");
        va_buf_append(url, id->data, id->len);
    }
}


static void
ngx_http_voiceai_make_call_cleanup(void *data)
{
    ngx_http_voiceai_outbound_t *out = data;

    if (out->rest) {
        ngx_http_voiceai_rest_cancel(out->rest);
    }

    va_make_call_free(out->call);
}


/* What was waiting under rec's name is done with. */

static void
ngx_http_voiceai_outbound_over(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec)
{
    ngx_http_voiceai_record_t  waiting;

    ngx_http_voiceai_set(&waiting, sid, rec->sid, rec->sid_len);
    waiting.state = NGX_HTTP_VOICEAI_ENDED;

    (void) ngx_http_voiceai_zone_store(zone, &waiting,
                                       NGX_HTTP_VOICEAI_STORE_STATE);
}


/*
 * The record under its CallSid, unless the webhook has been here already; what
 * was waiting is done with.
 */

static void
ngx_http_voiceai_outbound_adopt(ngx_shm_zone_t *zone,
    ngx_http_voiceai_record_t *rec, va_str_t sid, va_status_t status)
{
    /* first, so that there is a place even in a full zone */

    ngx_http_voiceai_outbound_over(zone, rec);

    ngx_http_voiceai_set(rec, sid, sid.data, sid.len);

    if (ngx_http_voiceai_zone_find(zone, rec, 0) != NGX_OK) {
        rec->status = status;
        (void) ngx_http_voiceai_zone_announce(zone, rec, 0);
        ngx_http_voiceai_observe_event(rec, "made");
    }
}


static void
ngx_http_voiceai_make_call_answer(void *data, va_rc_t rc,
    va_rest_answer_t *answer)
{
    ngx_http_voiceai_outbound_t *out = data;

    va_buf_t                      b;
    ngx_int_t                     status;
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    r = out->request;
    c = r->connection;
    out->rest = NULL;

    ngx_http_set_log_request(c->log, r);

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    va_buf_init(&b, 8192);

    if (rc == VA_OK) {
        ngx_http_voiceai_outbound_adopt(vlcf->zone, &ctx->record,
                                        va_str(answer->sid),
                                        va_status_parse(
                                                 va_str(answer->status)));
        ctx->known = 1;

        ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_OUTBOUND, 1);

        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "voiceai: call %s is being made", answer->sid);

        status = NGX_HTTP_OK;
        va_buf_puts(&b, "{\"success\":true,\"call_sid\":");
        va_json_quote(&b, va_str(answer->sid));
        va_buf_puts(&b, ",\"status\":");
        va_json_quote(&b, va_str(answer->status));
        va_buf_puts(&b, ",\"to\":");
        va_json_quote(&b, va_str(answer->to));
        va_buf_puts(&b, ",\"from\":");
        va_json_quote(&b, va_str(answer->from));
        va_buf_puts(&b, "}\n");

    } else {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "voiceai: a call could not be made, status %d, "
                      "code %ud: %s", answer->http, answer->code,
                      answer->message);

        /* Twilio may have made it all the same: the record can be found */

        ngx_http_voiceai_outbound_over(vlcf->zone, &ctx->record);

        status = (answer->http == NGX_HTTP_GATEWAY_TIME_OUT)
                 ? NGX_HTTP_GATEWAY_TIME_OUT : va_rest_status(answer);
        va_buf_puts(&b, "{\"error\":");
        va_json_quote(&b, va_str(answer->message));

        if (answer->code) {
            va_buf_printf(&b, ",\"code\":%u,\"more_info\":", answer->code);
            va_json_quote(&b, va_str(answer->more_info));
        }

        va_buf_puts(&b, "}\n");
    }

    ngx_http_finalize_request(r, ngx_http_voiceai_api_send(r, status, &b));
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_voiceai_outbound_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_read_form(r, ngx_http_voiceai_outbound);
}


/* The record that ?id= names, for a call whose CallSid is not known yet. */

static ngx_int_t
ngx_http_voiceai_outbound_find(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec)
{
    va_str_t                      sid;
    ngx_str_t                     id;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (ngx_http_voiceai_zone_find(vlcf->zone, rec, 0) == NGX_OK) {
        return NGX_OK;
    }

    if (ngx_http_arg(r, (u_char *) "id", 2, &id) != NGX_OK
        || id.len != NGX_HTTP_VOICEAI_ID_LEN)
    {
        return NGX_DECLINED;
    }

    sid = va_form_get(ctx->form, "CallSid");

    ngx_memcpy(rec->sid, NGX_HTTP_VOICEAI_PENDING,
               sizeof(NGX_HTTP_VOICEAI_PENDING) - 1);
    ngx_memcpy(rec->sid + sizeof(NGX_HTTP_VOICEAI_PENDING) - 1, id.data,
               id.len);
    rec->sid_len = sizeof(NGX_HTTP_VOICEAI_PENDING) - 1 + id.len;

    if (ngx_http_voiceai_zone_find(vlcf->zone, rec, 0) != NGX_OK) {
        ngx_http_voiceai_set(rec, sid, sid.data, sid.len);
        return NGX_DECLINED;
    }

    ngx_http_voiceai_outbound_adopt(vlcf->zone, rec, sid, VA_STATUS_QUEUED);

    return NGX_OK;
}


/* The callee answered: TwiML as for a call that came in. */

static ngx_int_t
ngx_http_voiceai_outbound(ngx_http_request_t *r)
{
    va_str_t                      word;
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_form_record(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    rec = &ctx->record;

    if (ngx_http_voiceai_outbound_find(r, rec) != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "voiceai: call %*s is none of ours",
                      (size_t) ctx->record.sid_len, ctx->record.sid);
    }

    /* who answered is here when detection was not in the background */

    word = va_form_get(ctx->form, "AnsweredBy");

    if (word.len) {
        rec->answered_by = va_answered_parse(word);
        (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                           NGX_HTTP_VOICEAI_STORE_STATUS);
    }

    rc = ngx_http_voiceai_machine(r, rec, &text);

    /* a stream says the message itself, with its own voice */

    if (rc == NGX_OK && (text.len == 0 || rec->gather
                         || vlcf->mode == NGX_HTTP_VOICEAI_MODE_GATHER))
    {
        return ngx_http_voiceai_bye(r, ngx_http_voiceai_view(&text));
    }

    return ngx_http_voiceai_begin(r);
}


ngx_int_t
ngx_http_voiceai_status_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_read_form(r, ngx_http_voiceai_status);
}


/* Status of a call or a stream, or the verdict of machine detection. */

static ngx_int_t
ngx_http_voiceai_status(ngx_http_request_t *r)
{
    va_str_t                      word;
    va_step_t                     step;
    ngx_int_t                     rc;
    ngx_uint_t                    what;
    va_status_t                   status;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    rc = ngx_http_voiceai_form_record(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_voiceai_outbound_find(r, rec) == NGX_OK) {

        what = 0;
        status = rec->status;

        step = va_status_step(&status, &rec->seen,
                     va_status_parse(va_form_get(ctx->form, "CallStatus")),
                     va_status_sequence(va_form_get(ctx->form,
                                                    "SequenceNumber")));

        if (step == VA_STEP_CHANGED) {
            rec->status = status;
            what = NGX_HTTP_VOICEAI_STORE_STATUS;

            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "voiceai: call %*s is %s",
                          (size_t) rec->sid_len, rec->sid,
                          va_status_name(status));

            if (va_status_final(status)) {
                ngx_http_voiceai_count(NGX_HTTP_VOICEAI_COUNT_COMPLETED
                                       + status - VA_STATUS_COMPLETED, 1);

                /* of a stream that is open its end tells */

                if (rec->state != NGX_HTTP_VOICEAI_STREAMING) {
                    ngx_http_voiceai_trace_over(rec, rec->state);
                }

                rec->state = NGX_HTTP_VOICEAI_ENDED;
                what |= NGX_HTTP_VOICEAI_STORE_STATE;
            }
        }

        word = va_form_get(ctx->form, "AnsweredBy");

        if (word.len) {
            rec->answered_by = va_answered_parse(word);
            what |= NGX_HTTP_VOICEAI_STORE_STATUS;
        }

        if (what) {
            (void) ngx_http_voiceai_zone_store(vlcf->zone, rec, what);
            ngx_http_voiceai_event(vlcf->zone, rec, "status");
        }

        if (word.len) {
            ngx_http_voiceai_machine_verdict(r, rec);
        }

        ngx_http_voiceai_observe_form(rec, ctx->form);
    }

    return ngx_http_voiceai_log_wait(r, ngx_http_voiceai_status_answer);
}


/* Nothing: what is to be done was told before. */

static ngx_int_t
ngx_http_voiceai_status_answer(ngx_http_request_t *r)
{
    va_buf_t  twiml;

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_twiml_begin(&twiml);

    return ngx_http_voiceai_twiml(r, &twiml);
}
