
/*
 * A media socket; shared by what moves its bytes and what reads its messages.
 */


#ifndef _NGX_HTTP_VOICEAI_SOCKET_H_INCLUDED_
#define _NGX_HTTP_VOICEAI_SOCKET_H_INCLUDED_


#include "ngx_http_voiceai_fleet.h"


typedef struct {
    ngx_http_request_t        *request;
    ngx_http_voiceai_ctx_t    *ctx;
    ngx_http_voiceai_call_t   *call;
    ngx_shm_zone_t            *zone;
    va_ws_t                   *ws;
    va_media_t                *media;
    va_buf_t                   out;
    ngx_event_t                done_event;
    ngx_http_voiceai_fetch_t  *fetch;        /* the record, elsewhere */
    va_buf_t                   held;         /* messages meanwhile */

    unsigned                   fetched:1;
    unsigned                   started:1;    /* a start was accepted */
    unsigned                   closing:1;    /* our close frame is out */
} ngx_http_voiceai_socket_t;


VA_BEGIN_DECLS

/* ngx_http_voiceai_media.c: ends the call and begins the closing handshake. */
void ngx_http_voiceai_media_end(ngx_http_voiceai_socket_t *s,
    ngx_http_voiceai_state_e state, ngx_uint_t code, const char *reason);

/* ngx_http_voiceai_messages.c: a whole text message. */
void ngx_http_voiceai_media_message(ngx_http_voiceai_socket_t *s,
    va_str_t text);

VA_END_DECLS


#endif /* _NGX_HTTP_VOICEAI_SOCKET_H_INCLUDED_ */
