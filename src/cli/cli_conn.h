/*
 * A TCP connection, with TLS when asked, on the event loop.
 */
#ifndef CLI_CONN_H
#define CLI_CONN_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "cli_loop.h"

#define CLI_CONN_QUEUE (1024u * 1024) /* bytes that may wait to be sent */

/* Where to connect to. */
typedef struct {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    SSL_CTX *tls;   /* NULL for none; kept by the owner */
    char host[256]; /* name for SNI and the certificate */
    bool insecure;  /* the certificate is not checked */
} cli_target_t;

typedef struct cli_conn cli_conn_t;

typedef struct {
    void (*opened)(void *ctx);
    void (*data)(void *ctx, uint8_t *data, size_t n);
    void (*closed)(void *ctx, const char *why); /* "" when the peer closed */
} cli_conn_events_t;

VA_BEGIN_DECLS

/* Resolves host and port into t, without touching the rest. */
bool cli_target_resolve(cli_target_t *t, const char *host, unsigned port,
                        char error[CLI_ERROR]);

/* Returns whether the address is a loopback one. */
bool cli_target_loopback(const cli_target_t *t);

/*
 * Makes a TLS client context that trusts the system's authorities, or those in
 * the file cacert.  NULL fills error.
 */
SSL_CTX *cli_tls_new(const char *cacert, char error[CLI_ERROR]);

/*
 * Begins to connect.  Returns NULL and fills error when that fails at once.
 * closed is called at most once; the connection is still to be freed then.
 */
cli_conn_t *cli_conn_open(cli_loop_t *loop, const cli_target_t *t,
                          const cli_conn_events_t *events, void *ctx,
                          char error[CLI_ERROR]);

/* Closes and frees it; may be called from within its own events. */
void cli_conn_free(cli_conn_t *c);

/*
 * Sends n bytes, queueing what the socket does not take.  False when the
 * queue is full or the connection is down.
 */
bool cli_conn_send(cli_conn_t *c, const void *data, size_t n);

VA_END_DECLS

#endif
