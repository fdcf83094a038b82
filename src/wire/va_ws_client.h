/*
 * The client's side of WebSocket's opening handshake (RFC 6455, section 4.1),
 * without I/O: the request to be sent, and a reader of the answer, which is a
 * switch of protocols or the refusal of an HTTP server with its body.
 */
#ifndef VA_WS_CLIENT_H
#define VA_WS_CLIENT_H

#include "../base/va_buf.h"

/* Bounds of the head of an answer, and of what is kept of a refusal's body. */
#define VA_WS_HEAD_MAX 16384
#define VA_WS_REFUSAL_MAX 16384

typedef struct va_ws_client va_ws_client_t;

/* A refusal; views into the reader. */
typedef struct {
    int status;
    va_str_t content_type; /* empty when there is none */
    va_str_t retry_after;
    va_str_t body; /* without its transfer coding, cut at the bound */
} va_ws_refusal_t;

VA_BEGIN_DECLS

/*
 * Returns the state of one handshake, whose key is made of those random bytes,
 * or NULL without memory.
 */
va_ws_client_t *va_ws_client_new(const uint8_t nonce[16]);

void va_ws_client_free(va_ws_client_t *c);

/*
 * Appends the request to out: target is path and query, host is what the Host
 * header says, headers are count lines "Name: value".  VA_INVALID when one of
 * them has bytes which may not stand there, otherwise out->rc.
 */
va_rc_t va_ws_client_request(va_ws_client_t *c, va_buf_t *out, va_str_t target,
                             va_str_t host, const va_buf_t *headers,
                             size_t count);

/*
 * Feeds what came back and sets *used.
 *
 * VA_AGAIN   everything was taken, more is to come
 * VA_OK      the protocol is switched; what follows *used are frames
 * VA_FAILED  the server refused, and va_ws_client_refusal tells how
 * VA_INVALID not an answer to this handshake; va_ws_client_error tells why
 * VA_LIMIT   its head is too large
 * VA_NOMEM
 *
 * Nothing may be fed after any but VA_AGAIN.
 */
va_rc_t va_ws_client_feed(va_ws_client_t *c, const uint8_t *in, size_t n,
                          size_t *used);

/* The connection has ended: VA_FAILED or VA_INVALID, as above. */
va_rc_t va_ws_client_end(va_ws_client_t *c);

void va_ws_client_refusal(const va_ws_client_t *c, va_ws_refusal_t *refusal);

/* Returns what was wrong with the answer, a constant string; "" if nothing. */
const char *va_ws_client_error(const va_ws_client_t *c);

VA_END_DECLS

#endif
