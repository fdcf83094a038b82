
/*
 * Calls that an answering machine has answered.  The verdict can come with the
 * webhook, while the stream runs, before it is open, or in a conversation
 * without one; it stands in the record and is acted on where the call is.
 */


#include "ngx_http_voiceai_bus.h"
#include "ngx_http_voiceai_rest.h"

#include "../src/twilio/va_status.h"


ngx_int_t
ngx_http_voiceai_machine(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec, ngx_str_t *text)
{
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    ngx_str_null(text);

    if (!va_answered_machine((va_answered_t) rec->answered_by)
        || vlcf->machine == NGX_HTTP_VOICEAI_MACHINE_CONTINUE)
    {
        return NGX_DECLINED;
    }

    if (vlcf->machine == NGX_HTTP_VOICEAI_MACHINE_HANGUP) {
        return NGX_OK;
    }

    if (!va_answered_message((va_answered_t) rec->answered_by)) {
        return NGX_DECLINED;
    }

    text->data = rec->message;
    text->len = rec->message_len;

    if (text->len == 0
        && ngx_http_voiceai_eval(r, vlcf->greeting, text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_voiceai_machine_told(void *data, ngx_int_t rc)
{
    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "voiceai: a call answered by a machine could not be "
                      "reached");
    }
}


static void
ngx_http_voiceai_machine_updated(void *data, va_rc_t rc,
    va_rest_answer_t *answer)
{
    if (rc != VA_OK && !va_rest_ended(answer)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "voiceai: a call answered by a machine could not be "
                      "changed, status %d, code %ud: %s",
                      answer->http, answer->code, answer->message);
    }
}


/*
 * A call without a stream is in Twilio's hands: it is told to come for what is
 * to be said, or to hang up.
 */

static void
ngx_http_voiceai_machine_update(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec, ngx_str_t *text)
{
    va_buf_t                       hook;
    ngx_http_voiceai_loc_conf_t   *vlcf;
    ngx_http_voiceai_srv_conf_t   *vscf;
    ngx_http_voiceai_main_conf_t  *vmcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);
    vscf = ngx_http_get_module_srv_conf(r, ngx_http_voiceai_module);
    vmcf = ngx_http_get_module_main_conf(r, ngx_http_voiceai_module);

    if (vlcf->account_sid.len == 0 || vlcf->auth_token.len == 0) {
        return;
    }

    va_buf_init(&hook, VA_REST_URL_MAX);
    ngx_http_voiceai_hook(&hook, vlcf, &vscf->speech_uri, NULL);
    va_buf_puts(&hook, "?again=1");

    if (ngx_http_voiceai_rest_update(vmcf, vlcf, rec,
                                     text->len ? &hook : NULL,
                                     ngx_http_voiceai_machine_updated, NULL,
                                     ngx_cycle->log)
        == NULL)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "voiceai: call %*s was answered by a machine, Twilio "
                      "could not be told",
                      (size_t) rec->sid_len, rec->sid);
    }

    va_buf_free(&hook);
}


void
ngx_http_voiceai_machine_verdict(ngx_http_request_t *r,
    ngx_http_voiceai_record_t *rec)
{
    ngx_str_t                     text;
    ngx_http_voiceai_loc_conf_t  *vlcf;

    vlcf = ngx_http_get_module_loc_conf(r, ngx_http_voiceai_module);

    /* a stream may have been opened since the record was looked at */

    if (ngx_http_voiceai_zone_find(vlcf->zone, rec, 0) != NGX_OK
        || ngx_http_voiceai_machine(r, rec, &text) != NGX_OK)
    {
        return;
    }

    if (rec->state == NGX_HTTP_VOICEAI_STREAMING
        || rec->state == NGX_HTTP_VOICEAI_REMOTE)
    {
        (void) ngx_http_voiceai_bus_ask(vlcf->zone, rec,
                                  text.len ? NGX_HTTP_VOICEAI_BUS_SAY_HANGUP
                                           : NGX_HTTP_VOICEAI_BUS_HANGUP,
                                  &text, ngx_http_voiceai_machine_told, NULL);

    } else if (rec->gather && rec->state != NGX_HTTP_VOICEAI_ENDED) {
        ngx_http_voiceai_machine_update(r, rec, &text);
    }

    /* otherwise it is acted on when the stream starts */
}
