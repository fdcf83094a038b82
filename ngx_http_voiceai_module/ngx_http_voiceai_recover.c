
/*
 * Calls whose worker died.  Twilio may come by itself, through the <Redirect>
 * behind the stream, but does not promise it after an abrupt loss; so a call
 * that is still lost after a while is asked for over REST, once.
 */


#include "ngx_http_voiceai_api.h"
#include "ngx_http_voiceai_rest.h"


/* seconds in which Twilio may come by itself */
#define NGX_HTTP_VOICEAI_RECOVER_AFTER  2
/* requests sent at one look */
#define NGX_HTTP_VOICEAI_RECOVER_MANY   64


static void
ngx_http_voiceai_recover_answer(void *data, va_rc_t rc,
    va_rest_answer_t *answer)
{
    if (rc == VA_OK || va_rest_ended(answer)) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "voiceai: a lost call could not be connected again, "
                  "status %d, code %ud: %s",
                  answer->http, answer->code, answer->message);
}


static ngx_int_t
ngx_http_voiceai_recover_call(ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_used_zone_t *used, ngx_http_voiceai_record_t *rec)
{
    va_buf_t                  hook;
    ngx_http_voiceai_rest_t  *rest;

    va_buf_init(&hook, VA_REST_URL_MAX);
    ngx_http_voiceai_hook(&hook, used->conf, &used->srv->continue_uri, NULL);

    rest = ngx_http_voiceai_rest_update(vmcf, used->conf, rec, &hook,
                                        ngx_http_voiceai_recover_answer, NULL,
                                        ngx_cycle->log);
    va_buf_free(&hook);

    return rest ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_voiceai_recover(ngx_http_voiceai_main_conf_t *vmcf,
    ngx_http_voiceai_used_zone_t *used)
{
    uint32_t                          at;
    ngx_uint_t                        sent, left;
    static ngx_http_voiceai_record_t  rec;

    if (used->conf == NULL) {
        return 0;
    }

    sent = 0;
    left = 0;
    at = 0;

    while (ngx_http_voiceai_zone_next(used->zone, &rec, &at) == NGX_OK) {

        if (rec.state != NGX_HTTP_VOICEAI_LOST || !rec.resumed
            || rec.recovered || ngx_http_voiceai_browser(&rec))
        {
            continue;
        }

        if (ngx_time() - rec.updated < NGX_HTTP_VOICEAI_RECOVER_AFTER
            || sent == NGX_HTTP_VOICEAI_RECOVER_MANY)
        {
            left++;
            continue;
        }

        /* marked first, so that no other worker asks too */

        rec.recovered = 1;

        if (ngx_http_voiceai_zone_store(used->zone, &rec,
                                        NGX_HTTP_VOICEAI_STORE_RECOVERED)
            == NGX_OK
            && ngx_http_voiceai_recover_call(vmcf, used, &rec) == NGX_OK)
        {
            sent++;

            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "voiceai: call %*s was lost, Twilio is asked to "
                          "connect it again", (size_t) rec.sid_len, rec.sid);
        }
    }

    return left;
}
