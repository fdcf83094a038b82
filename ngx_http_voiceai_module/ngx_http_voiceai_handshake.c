
/*
 * The opening handshake of a WebSocket, RFC 6455, section 4.2.
 */


#include "ngx_http_voiceai_module.h"

#include "../src/wire/va_ws.h"


#define NGX_HTTP_VOICEAI_UPGRADE  426


/* Whether a comma separated list holds a token, whatever its case. */

static ngx_uint_t
ngx_http_voiceai_handshake_token(ngx_str_t *list, const char *token)
{
    size_t   len;
    u_char  *p, *last, *end;

    if (list == NULL) {
        return 0;
    }

    len = ngx_strlen(token);
    p = list->data;
    last = p + list->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        end = p;

        while (end < last && *end != ',' && *end != ' ' && *end != '\t') {
            end++;
        }

        if ((size_t) (end - p) == len
            && ngx_strncasecmp(p, (u_char *) token, len) == 0)
        {
            return 1;
        }

        p = end;
    }

    return 0;
}


/* 426, with the header that says what was expected, where there is one */

static ngx_int_t
ngx_http_voiceai_handshake_upgrade(ngx_http_request_t *r, const char *key,
    const char *value, const char *error)
{
#if (NGX_HTTP_V2)
    /* HTTP/2 takes a response with such a header for a broken one */

    if (r->stream) {
        key = NULL;
    }
#endif

    if (key && ngx_http_voiceai_add_header(r, key, value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");

    return ngx_http_voiceai_refuse(r, NGX_HTTP_VOICEAI_UPGRADE, error);
}


/* RFC 6455, section 4.2.1 */

ngx_int_t
ngx_http_voiceai_handshake_check(ngx_http_request_t *r, ngx_str_t *key)
{
    char        accept[VA_WS_ACCEPT_LEN + 1];
    ngx_str_t  *value;

    if (r->method != NGX_HTTP_GET) {
        return ngx_http_voiceai_not_allowed(r, "GET",
                                            "a WebSocket begins with GET");
    }

    /* what follows the headers are frames, which a body would hide */

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                                       "a WebSocket handshake has no body");
    }

    if (r->http_version != NGX_HTTP_VERSION_11
#if (NGX_HTTP_V2)
        || r->stream
#endif
        || !ngx_http_voiceai_handshake_token(
                ngx_http_voiceai_header(r, "Upgrade"), "websocket")
        || !ngx_http_voiceai_handshake_token(
                ngx_http_voiceai_header(r, "Connection"), "upgrade"))
    {
        return ngx_http_voiceai_handshake_upgrade(r, "Upgrade", "websocket",
                                "this is a WebSocket over HTTP/1.1");
    }

    value = ngx_http_voiceai_header(r, "Sec-WebSocket-Version");

    if (value == NULL || value->len != 2
        || ngx_strncmp(value->data, "13", 2) != 0)
    {
        return ngx_http_voiceai_handshake_upgrade(r, "Sec-WebSocket-Version",
                                "13", "the WebSocket version must be 13");
    }

    value = ngx_http_voiceai_header(r, "Sec-WebSocket-Key");

    if (value == NULL
        || va_ws_accept(ngx_http_voiceai_view(value), accept) != VA_OK)
    {
        return ngx_http_voiceai_refuse(r, NGX_HTTP_BAD_REQUEST,
                        "Sec-WebSocket-Key must be the base64 of 16 bytes");
    }

    *key = *value;

    return NGX_OK;
}


/* Answers 101, all of it, so that nothing of nginx is left in the socket. */

ngx_int_t
ngx_http_voiceai_handshake_switch(ngx_http_request_t *r, ngx_str_t *key)
{
    char        accept[VA_WS_ACCEPT_LEN + 1], *value;
    ngx_int_t   rc;

    (void) va_ws_accept(ngx_http_voiceai_view(key), accept);

    r->keepalive = 0;
    r->lingering_close = 0;
    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;

    value = ngx_pnalloc(r->pool, sizeof(accept));
    if (value == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(value, accept, sizeof(accept));

    if (ngx_http_voiceai_add_header(r, "Upgrade", "websocket") != NGX_OK
        || ngx_http_voiceai_add_header(r, "Sec-WebSocket-Accept", value)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return NGX_OK;
}
