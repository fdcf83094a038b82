
/*
 * Requests to Twilio's REST API, by the transport that carries those to
 * engines.
 */


#ifndef _NGX_HTTP_VOICEAI_REST_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_REST_H_INCLUDED_


#include "ngx_http_voiceai_module.h"

#include "../src/twilio/va_rest.h"


typedef struct ngx_http_voiceai_rest_s  ngx_http_voiceai_rest_t;

/*
 * Called once, on the event loop.  rc is what va_rest_read() says of the
 * answer, or VA_FAILED with http 0 when there was none; answer->message says
 * why.  The request is gone afterwards.
 */
typedef void (*ngx_http_voiceai_rest_pt)(void *data, va_rc_t rc,
    va_rest_answer_t *answer);


VA_BEGIN_DECLS

/*
 * Sends a form to a URL with the credentials of conf.  A 429 is tried again,
 * after Retry-After or a second, at most three times.  NULL when it cannot be
 * sent; otherwise the handler is called later.
 */
ngx_http_voiceai_rest_t *ngx_http_voiceai_rest_send(
    ngx_http_voiceai_main_conf_t *vmcf, ngx_http_voiceai_loc_conf_t *conf,
    va_buf_t *url, va_buf_t *body, ngx_http_voiceai_rest_pt handler,
    void *data, ngx_log_t *log);

/*
 * Changes the call of a record: Twilio is to ask for the TwiML at hook, or
 * (NULL) to hang up.  Otherwise as above.
 */
ngx_http_voiceai_rest_t *ngx_http_voiceai_rest_update(
    ngx_http_voiceai_main_conf_t *vmcf, ngx_http_voiceai_loc_conf_t *conf,
    ngx_http_voiceai_record_t *rec, va_buf_t *hook,
    ngx_http_voiceai_rest_pt handler, void *data, ngx_log_t *log);

/* Gives it up: the handler is not called any more. */
void ngx_http_voiceai_rest_cancel(ngx_http_voiceai_rest_t *rest);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_REST_H_INCLUDED_ */
