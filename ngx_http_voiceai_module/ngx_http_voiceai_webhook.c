
/*
 * Twilio's webhooks, answered with TwiML, and a page that says hello.
 */


#include "ngx_http_voiceai_module.h"

#include "../src/twilio/va_status.h"
#include "../src/twilio/va_twiml.h"
#include "../src/wire/va_json.h"


static ngx_int_t ngx_http_voiceai_incoming(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_continue(ngx_http_request_t *r);
static ngx_int_t ngx_http_voiceai_connect(ngx_http_request_t *r,
    va_buf_t *twiml);
static ngx_int_t ngx_http_voiceai_transfer(ngx_http_request_t *r,
    va_buf_t *twiml);
static ngx_int_t ngx_http_voiceai_full(ngx_http_request_t *r,
    va_buf_t *twiml);
static ngx_int_t ngx_http_voiceai_resume(ngx_http_request_t *r,
    va_buf_t *twiml);
static ngx_int_t ngx_http_voiceai_open(ngx_http_request_t *r,
    va_buf_t *twiml);


static ngx_str_t  ngx_http_voiceai_xml = ngx_string("text/xml; charset=utf-8");


ngx_int_t
ngx_http_voiceai_incoming_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_read_form(r, ngx_http_voiceai_incoming);
}


ngx_int_t
ngx_http_voiceai_continue_handler(ngx_http_request_t *r)
{
    return ngx_http_voiceai_read_form(r, ngx_http_voiceai_continue);
}


/* Copies what the form says of the call into the context's record. */

ngx_int_t
ngx_http_voiceai_form_record(ngx_http_request_t *r, ngx_http_voiceai_ctx_t *ctx)
{
    va_str_t                    sid, s;
    ngx_http_voiceai_record_t  *rec;

    sid = va_form_get(ctx->form, "CallSid");

    if (sid.len == 0) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "CallSid is missing");
    }

    if (sid.len > NGX_HTTP_VOICEAI_SID_LEN) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "CallSid is too long");
    }

    rec = &ctx->record;

    ngx_http_voiceai_set(rec, sid, sid.data, sid.len);

    s = va_form_get(ctx->form, "AccountSid");
    ngx_http_voiceai_set(rec, account_sid, s.data, s.len);

    s = va_form_get(ctx->form, "From");
    ngx_http_voiceai_set(rec, from, s.data, s.len);

    s = va_form_get(ctx->form, "To");
    ngx_http_voiceai_set(rec, to, s.data, s.len);

    s = va_form_get(ctx->form, "Direction");
    ngx_http_voiceai_set(rec, direction, s.data, s.len);

    rec->status = va_status_parse(va_form_get(ctx->form, "CallStatus"));

    ctx->known = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_voiceai_incoming(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_voiceai_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_form_record(r, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_voiceai_begin(r);
}


/* Announces the call of the context's record and connects its stream. */

ngx_int_t
ngx_http_voiceai_begin(ngx_http_request_t *r)
{
    va_buf_t                      twiml;
    ngx_int_t                     rc;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (vlcf->mode == NGX_HTTP_VOICEAI_MODE_GATHER) {
        ctx->record.gather = 1;
    }

    rc = ngx_http_voiceai_zone_announce(vlcf->zone, &ctx->record,
                                        vlcf->max_calls);

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_twiml_begin(&twiml);

    switch (rc) {

    case NGX_OK:
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "voiceai: call %*s announced",
                      (size_t) ctx->record.sid_len, ctx->record.sid);
        ngx_http_voiceai_observe_event(&ctx->record, "announced");

        rc = ngx_http_voiceai_open(r, &twiml);

        break;

    case NGX_BUSY:
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "voiceai: call %*s refused, %ui calls are going on",
                      (size_t) ctx->record.sid_len, ctx->record.sid,
                      vlcf->max_calls);
        ngx_http_voiceai_observe_event(&ctx->record, "refused");

        va_twiml_reject(&twiml, 1);
        rc = NGX_OK;
        break;

    case NGX_ABORT:
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "voiceai: call %*s refused, zone \"%V\" is full",
                      (size_t) ctx->record.sid_len, ctx->record.sid,
                      &vlcf->zone->shm.name);

        rc = ngx_http_voiceai_full(r, &twiml);
        break;

    case NGX_DECLINED:
        va_twiml_hangup(&twiml);
        rc = NGX_OK;
        break;

    default:
        break;
    }

    if (rc != NGX_OK) {
        va_buf_free(&twiml);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_twiml(r, &twiml);
}


/*
 * Twilio comes here when the stream was closed: the record knows whether the
 * conversation is over.
 */

static ngx_int_t
ngx_http_voiceai_continue(ngx_http_request_t *r)
{
    va_str_t                      dial;
    va_buf_t                      twiml;
    ngx_int_t                     rc;
    ngx_str_t                     voice, language;
    ngx_uint_t                    over;
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

    va_buf_init(&twiml, VA_TWIML_MAX);
    va_twiml_begin(&twiml);

    over = 1;

    if (ngx_http_voiceai_zone_find(vlcf->zone, rec, 1) == NGX_OK) {
        dial = va_form_get(ctx->form, "DialCallStatus");

        over = (rec->state == NGX_HTTP_VOICEAI_ENDED || rec->hangup
                || va_str_eq(dial, VA_STR("completed")));

        if (rec->say_len) {
            if (ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
                || ngx_http_voiceai_eval(r, vlcf->language, &language)
                   != NGX_OK)
            {
                va_buf_free(&twiml);
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            va_twiml_say(&twiml, (va_str_t) { (char *) rec->say,
                                              rec->say_len },
                         ngx_http_voiceai_view(&voice),
                         ngx_http_voiceai_view(&language));
        }
    }

    if (rec->transfer_len > sizeof(NGX_HTTP_VOICEAI_KEYS) - 1 && !over
        && ngx_strncmp(rec->transfer, NGX_HTTP_VOICEAI_KEYS,
                       sizeof(NGX_HTTP_VOICEAI_KEYS) - 1)
           == 0)
    {
        /* keys to be pressed, and then on */

        va_twiml_play_digits(&twiml, (va_str_t) {
                             (char *) rec->transfer
                             + sizeof(NGX_HTTP_VOICEAI_KEYS) - 1,
                             rec->transfer_len
                             - (sizeof(NGX_HTTP_VOICEAI_KEYS) - 1) });

    } else if (rec->transfer_len && !over) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "voiceai: call %*s transferred",
                      (size_t) rec->sid_len, rec->sid);
        ngx_http_voiceai_observe_event(rec, "transferred");

        return ngx_http_voiceai_transfer(r, &twiml);
    }

    if (!over) {
        ngx_http_voiceai_zone_lose(vlcf->zone, rec);

        if (ngx_http_voiceai_zone_announce(vlcf->zone, rec, vlcf->max_calls)
            != NGX_OK)
        {
            over = 1;
        }
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "voiceai: call %*s %s", (size_t) rec->sid_len, rec->sid,
                  over ? "hung up" : "connected again");
    ngx_http_voiceai_observe_event(rec, over ? "hung-up" : "connected-again");

    if (over) {
        ngx_http_voiceai_trace_over(rec, rec->state);
        rec->state = NGX_HTTP_VOICEAI_ENDED;
        (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                           NGX_HTTP_VOICEAI_STORE_STATE);

        va_twiml_hangup(&twiml);

    } else if ((rec->gather ? ngx_http_voiceai_gather(r, &twiml, va_str(NULL))
                            : ngx_http_voiceai_resume(r, &twiml))
               != NGX_OK)
    {
        va_buf_free(&twiml);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_voiceai_twiml(r, &twiml);
}


/*
 * <Dial>; when that is over Twilio comes back here and, because the record
 * says so, goes on with the assistant if the other side could not be reached.
 */

static ngx_int_t
ngx_http_voiceai_transfer(ngx_http_request_t *r, va_buf_t *twiml)
{
    va_buf_t                      action;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_record_t    *rec;
    ngx_http_voiceai_loc_conf_t  *vlcf;
    ngx_http_voiceai_srv_conf_t  *vscf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);
    rec = &ctx->record;

    va_buf_init(&action, 4096);
    ngx_http_voiceai_hook(&action, vlcf, &vscf->continue_uri, NULL);

    va_twiml_dial(twiml, (va_str_t) { (char *) rec->transfer,
                                      rec->transfer_len },
                  va_str(NULL), va_buf_view(&action), 0);

    va_buf_free(&action);

    rec->transfer_len = 0;
    rec->say_len = 0;
    rec->state = NGX_HTTP_VOICEAI_DIALING;
    (void) ngx_http_voiceai_zone_store(vlcf->zone, rec,
                                       NGX_HTTP_VOICEAI_STORE_NEXT
                                       |NGX_HTTP_VOICEAI_STORE_STATE);

    return ngx_http_voiceai_twiml(r, twiml);
}


/* <Say>, of a directive's text or what stands for it; its length or -1. */

static ngx_int_t
ngx_http_voiceai_say(ngx_http_request_t *r, va_buf_t *twiml,
    ngx_http_complex_value_t *value, const char *other)
{
    va_str_t                      say;
    ngx_str_t                     text, voice, language;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (ngx_http_voiceai_eval(r, value, &text) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
        || ngx_http_voiceai_eval(r, vlcf->language, &language) != NGX_OK)
    {
        return NGX_ERROR;
    }

    say = value ? ngx_http_voiceai_view(&text) : va_str(other);

    if (say.len) {
        va_twiml_say(twiml, say, ngx_http_voiceai_view(&voice),
                     ngx_http_voiceai_view(&language));
    }

    return say.len;
}


/* There is no place for the call, which nobody meant to happen: an apology. */

static ngx_int_t
ngx_http_voiceai_full(ngx_http_request_t *r, va_buf_t *twiml)
{
    ngx_int_t                     rc;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    rc = ngx_http_voiceai_say(r, twiml, vlcf->busy, NGX_HTTP_VOICEAI_BUSY);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc) {
        va_twiml_hangup(twiml);

    } else {
        va_twiml_reject(twiml, 1);
    }

    return NGX_OK;
}


/* Without a voice of ours, Twilio tells the caller that there was a break. */

static ngx_int_t
ngx_http_voiceai_resume(ngx_http_request_t *r, va_buf_t *twiml)
{
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (ctx->record.resumed && vlcf->engines[NGX_HTTP_VOICEAI_TTS].off) {

        if (ngx_http_voiceai_say(r, twiml, vlcf->resume,
                                 NGX_HTTP_VOICEAI_RESUME)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        ctx->record.resumed = 0;
        (void) ngx_http_voiceai_zone_store(vlcf->zone, &ctx->record,
                                           NGX_HTTP_VOICEAI_STORE_RECOVERED);
    }

    return ngx_http_voiceai_connect(r, twiml);
}


/* The first words, by <Gather> or where there is no voice by <Say>. */

static ngx_int_t
ngx_http_voiceai_open(ngx_http_request_t *r, va_buf_t *twiml)
{
    va_str_t                      say;
    ngx_str_t                     text, voice, language;
    ngx_http_voiceai_ctx_t       *ctx;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    if (ngx_http_voiceai_eval(r, vlcf->greeting, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    say = ngx_http_voiceai_view(&text);

    if (ctx->record.message_len) {
        say.data = (char *) ctx->record.message;
        say.len = ctx->record.message_len;
    }

    if (ctx->record.gather) {

        /* Twilio repeats requests, the greeting is said once */

        if (say.len && ctx->record.history_len == 0) {
            ngx_http_voiceai_record_said(&ctx->record, VA_ROLE_ASSISTANT, say,
                                         -1);
            ngx_http_voiceai_observe_spoke(&ctx->record, say, 0, NULL);
            (void) ngx_http_voiceai_zone_store(vlcf->zone, &ctx->record,
                                               NGX_HTTP_VOICEAI_STORE_TURNS);
        }

        return ngx_http_voiceai_gather(r, twiml, say);
    }

    if (vlcf->engines[NGX_HTTP_VOICEAI_TTS].off) {

        if (ngx_http_voiceai_eval(r, vlcf->voice, &voice) != NGX_OK
            || ngx_http_voiceai_eval(r, vlcf->language, &language) != NGX_OK)
        {
            return NGX_ERROR;
        }

        va_twiml_say(twiml, say, ngx_http_voiceai_view(&voice),
                     ngx_http_voiceai_view(&language));
    }

    return ngx_http_voiceai_connect(r, twiml);
}


/* <Connect><Stream/></Connect><Redirect/> */

static ngx_int_t
ngx_http_voiceai_connect(ngx_http_request_t *r, va_buf_t *twiml)
{
    va_buf_t                       url;
    ngx_str_t                      value;
    ngx_uint_t                     i, n;
    va_twiml_param_t              *params;
    ngx_http_voiceai_ctx_t        *ctx;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_srv_conf_t   *vscf;
    ngx_http_voiceai_parameter_t  *parameter;

    ctx = ngx_http_get_module_ctx(r, ngx_http_voiceai_module);
    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);

    n = vlcf->parameters ? vlcf->parameters->nelts : 0;
    parameter = vlcf->parameters ? vlcf->parameters->elts : NULL;

    params = ngx_palloc(r->pool, (n + 1) * sizeof(va_twiml_param_t));
    if (params == NULL) {
        return NGX_ERROR;
    }

    params[0].name = va_str("token");
    params[0].value.data = (char *) ctx->record.token;
    params[0].value.len = ctx->record.token_len;

    for (i = 0; i < n; i++) {

        if (ngx_http_complex_value(r, &parameter[i].value, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        params[i + 1].name = ngx_http_voiceai_view(&parameter[i].name);
        params[i + 1].value = ngx_http_voiceai_view(&value);

        if (params[i + 1].name.len >= VA_TWIML_PARAM_MAX) {
            return NGX_ERROR;
        }

        if (params[i + 1].name.len + value.len > VA_TWIML_PARAM_MAX) {
            params[i + 1].value.len = VA_TWIML_PARAM_MAX
                                      - params[i + 1].name.len;

            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "voiceai: parameter \"%V\" was cut to Twilio's "
                          "limit", &parameter[i].name);
        }
    }

    /* Twilio takes wss only; http stays plain for tests on one machine */

    va_buf_init(&url, 4096);
    va_buf_puts(&url, "ws");
    va_buf_append(&url, vlcf->public_url.data + 4, vlcf->public_url.len - 4);
    va_buf_append(&url, vscf->media_uri.data, vscf->media_uri.len);
    va_twiml_connect_stream(twiml, va_buf_view(&url), params, n + 1);

    va_buf_reset(&url);
    va_buf_append(&url, vlcf->public_url.data, vlcf->public_url.len);
    va_buf_append(&url, vscf->continue_uri.data, vscf->continue_uri.len);
    va_twiml_redirect(twiml, va_buf_view(&url));

    i = (url.rc == VA_OK);
    va_buf_free(&url);

    return i ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_voiceai_twiml(ngx_http_request_t *r, va_buf_t *twiml)
{
    ngx_int_t  rc;

    va_twiml_end(twiml);

    rc = ngx_http_voiceai_send(r, NGX_HTTP_OK, &ngx_http_voiceai_xml, twiml);
    va_buf_free(twiml);

    return rc;
}


/* What old clients ask for; see ngx_http_voiceai_health_page.c. */

ngx_int_t
ngx_http_voiceai_root_handler(ngx_http_request_t *r)
{
    va_buf_t                       body;
    ngx_int_t                      rc;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_zone_stat_t   stat;

    static ngx_str_t  type = ngx_string("application/json");

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_voiceai_answer(r,
                   ngx_http_voiceai_not_allowed(r, "GET, HEAD", "use GET"));
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    ngx_http_voiceai_zone_stat(vlcf->zone, &stat);

    va_buf_init(&body, 8192);
    va_buf_printf(&body, "{\"status\":\"ok\",\"message\":\"voice AI server is "
                  "running\",\"active_sessions\":%lu,\"public_url\":",
                  (unsigned long) stat.streaming);
    va_json_quote(&body, ngx_http_voiceai_view(&vlcf->public_url));
    va_buf_printf(&body, ",\"version\":\"%s\"}\n", VA_VERSION);

    rc = ngx_http_voiceai_send(r, NGX_HTTP_OK, &type, &body);
    va_buf_free(&body);

    return rc;
}
