/*
 * The URLs a simulated call meets: http, https, ws and wss.
 */
#ifndef CLI_URL_H
#define CLI_URL_H

#include "cli.h"

#define CLI_URL_MAX 2048 /* a URL and its terminator */

typedef struct {
    char scheme[8];         /* lower case */
    char host[256];         /* without the brackets of an IPv6 address */
    char authority[272];    /* host and explicit port, as in a Host header */
    unsigned port;          /* explicit or the scheme's own */
    char path[CLI_URL_MAX]; /* with the query; begins with a slash */
} cli_url_t;

VA_BEGIN_DECLS

/*
 * Reads an absolute URL; a fragment is dropped.  Credentials, control
 * characters and blanks are refused.  Returns whether it is one of the
 * schemes above and whole.
 */
bool cli_url_parse(cli_url_t *u, const char *text);

/* Returns whether the scheme is one with TLS. */
bool cli_url_tls(const cli_url_t *u);

/* Returns whether the host is this machine's own loopback by its name. */
bool cli_url_loopback(const char *host);

/* Writes the URL again; out has CLI_URL_MAX bytes.  False if it is too long. */
bool cli_url_text(const cli_url_t *u, char *out);

/*
 * Resolves ref against the document that it stood in: absolute, beginning
 * with // or /, or relative to the document's directory.  out has CLI_URL_MAX
 * bytes.
 */
bool cli_url_resolve(const cli_url_t *base, const char *ref, char *out);

/* Reads HOST:PORT ([v6]:PORT). */
bool cli_url_hostport(const char *text, char host[256], unsigned *port);

VA_END_DECLS

#endif
