
/*
 * The interface for programs and people: who may use it, and what the JSON of
 * a call looks like.
 */


#ifndef _NGX_HTTP_VOICEAI_API_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_API_H_INCLUDED_


#include "ngx_http_voiceai_module.h"


VA_BEGIN_DECLS

/*
 * Whether the request brings the API key, or none is wanted.  NGX_OK, or the
 * status of a refusal that is noted.
 */
ngx_int_t ngx_http_voiceai_api_allowed(ngx_http_request_t *r);

/* Appends what is told of a call, as the members of a JSON object. */
void ngx_http_voiceai_api_call(va_buf_t *b, ngx_http_voiceai_record_t *rec);

/* Sends JSON. */
ngx_int_t ngx_http_voiceai_api_send(ngx_http_request_t *r, ngx_uint_t status,
    va_buf_t *json);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_API_H_INCLUDED_ */
