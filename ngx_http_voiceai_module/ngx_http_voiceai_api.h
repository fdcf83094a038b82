
/*
 * The interface for programs and people: who may use it, and what the JSON of
 * a call looks like.
 */


#ifndef _NGX_HTTP_VOICEAI_API_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_API_H_INCLUDED_


#include "ngx_http_voiceai_module.h"


/* before the name of what was asked for, in place of a CallSid */
#define NGX_HTTP_VOICEAI_PENDING  "pending:"

#define ngx_http_voiceai_pending(rec)                                         \
    ((rec)->sid_len > sizeof(NGX_HTTP_VOICEAI_PENDING) - 1                    \
     && ngx_strncmp((rec)->sid, NGX_HTTP_VOICEAI_PENDING,                     \
                    sizeof(NGX_HTTP_VOICEAI_PENDING) - 1)                     \
        == 0)

/* before the random name of a call of the browser phone */
#define NGX_HTTP_VOICEAI_BROWSER  "BP"

#define ngx_http_voiceai_browser(rec)                                         \
    ((rec)->sid_len > sizeof(NGX_HTTP_VOICEAI_BROWSER) - 1                    \
     && ngx_strncmp((rec)->sid, NGX_HTTP_VOICEAI_BROWSER,                     \
                    sizeof(NGX_HTTP_VOICEAI_BROWSER) - 1)                     \
        == 0)

/* what the browser phone speaks on the media socket */
#define NGX_HTTP_VOICEAI_PROTOCOL  "voiceai-phone"


VA_BEGIN_DECLS

/*
 * Whether the request brings the API key, or none is wanted.  NGX_OK, or the
 * status of a refusal that is noted.
 */
ngx_int_t ngx_http_voiceai_api_allowed(ngx_http_request_t *r);

/* Whether it does, for a page that is for everybody but tells some more. */
ngx_uint_t ngx_http_voiceai_api_known(ngx_http_request_t *r);

/* Appends what is told of a call, as the members of a JSON object. */
void ngx_http_voiceai_api_call(va_buf_t *b, ngx_http_voiceai_record_t *rec);

/* Appends a turn of a conversation, as a JSON object. */
void ngx_http_voiceai_api_turn(va_buf_t *b, const va_turn_t *turn);

/* The last segment of the path, and the one before it. */
void ngx_http_voiceai_api_segment(ngx_http_request_t *r, ngx_str_t *segment,
    ngx_str_t *last);

/* The call's record into the context; NGX_OK, or a refusal that is noted. */
ngx_int_t ngx_http_voiceai_api_find(ngx_http_request_t *r, ngx_str_t *sid);

/* Sends JSON. */
ngx_int_t ngx_http_voiceai_api_send(ngx_http_request_t *r, ngx_uint_t status,
    va_buf_t *json);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_API_H_INCLUDED_ */
