#include "cli_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *scheme;
    unsigned port;
    bool tls;
} schemes[] = {
    {"http", 80, false},
    {"https", 443, true},
    {"ws", 80, false},
    {"wss", 443, true},
};

static bool clean(const char *text)
{
    size_t n;

    for (n = 0; text[n] != '\0'; n++) {
        if ((unsigned char)text[n] <= ' ' || text[n] == 0x7f) {
            return false;
        }
    }
    return n > 0 && n < CLI_URL_MAX;
}

static bool parse_port(const char *text, size_t len, unsigned *port)
{
    unsigned value = 0;
    size_t i;

    if (len == 0 || len > 5) {
        return false;
    }
    for (i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = value;
    return value >= 1 && value <= 65535;
}

/* Takes host[:port] apart; *port is left alone when there is none. */
static bool parse_authority(const char *text, size_t len, char host[256],
                            unsigned *port)
{
    const char *end = text + len, *colon;
    size_t n;

    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);

        if (close == NULL || (close + 1 != end && close[1] != ':')) {
            return false;
        }
        colon = close + 1 != end ? close + 1 : NULL;
        text++;
        n = (size_t)(close - text);
    } else {
        colon = memchr(text, ':', len);
        n = colon != NULL ? (size_t)(colon - text) : len;
    }
    if (n == 0 || n >= 256) {
        return false;
    }
    memcpy(host, text, n);
    host[n] = '\0';
    return colon == NULL ||
           parse_port(colon + 1, (size_t)(end - colon - 1), port);
}

bool cli_url_parse(cli_url_t *u, const char *text)
{
    const char *sep = strstr(text, "://"), *rest;
    size_t i, n;

    memset(u, 0, sizeof(*u));
    if (!clean(text) || sep == NULL) {
        return false;
    }
    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (va_str_caseeq((va_str_t){text, (size_t)(sep - text)},
                          va_str(schemes[i].scheme))) {
            break;
        }
    }
    if (i == sizeof(schemes) / sizeof(schemes[0])) {
        return false;
    }
    strcpy(u->scheme, schemes[i].scheme);
    u->port = schemes[i].port;
    rest = sep + 3;
    n = strcspn(rest, "/?#");
    if (n >= sizeof(u->authority) || memchr(rest, '@', n) != NULL ||
        !parse_authority(rest, n, u->host, &u->port)) {
        return false;
    }
    memcpy(u->authority, rest, n);
    rest += n;
    n = strcspn(rest, "#");
    if (n + 2 > sizeof(u->path)) {
        return false;
    }
    if (rest[0] != '/') {
        u->path[0] = '/';
        memcpy(u->path + 1, rest, n);
    } else {
        memcpy(u->path, rest, n);
    }
    return true;
}

bool cli_url_tls(const cli_url_t *u)
{
    return strcmp(u->scheme, "https") == 0 || strcmp(u->scheme, "wss") == 0;
}

bool cli_url_loopback(const char *host)
{
    unsigned a, b, c, d;
    char rest;

    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0) {
        return true;
    }
    return sscanf(host, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 &&
           a == 127 && b < 256 && c < 256 && d < 256;
}

bool cli_url_text(const cli_url_t *u, char *out)
{
    int n = snprintf(out, CLI_URL_MAX, "%s://%s%s", u->scheme, u->authority,
                     u->path);

    return n > 0 && n < CLI_URL_MAX;
}

bool cli_url_resolve(const cli_url_t *base, const char *ref, char *out)
{
    size_t dir = strcspn(base->path, "?");
    int n;

    if (strstr(ref, "://") != NULL) {
        n = snprintf(out, CLI_URL_MAX, "%s", ref);
    } else if (strncmp(ref, "//", 2) == 0) {
        n = snprintf(out, CLI_URL_MAX, "%s:%s", base->scheme, ref);
    } else if (ref[0] == '/') {
        n = snprintf(out, CLI_URL_MAX, "%s://%s%s", base->scheme,
                     base->authority, ref);
    } else if (ref[0] == '\0') {
        return cli_url_text(base, out);
    } else {
        while (dir > 1 && base->path[dir - 1] != '/') {
            dir--;
        }
        n = snprintf(out, CLI_URL_MAX, "%s://%s%.*s%s", base->scheme,
                     base->authority, (int)dir, base->path, ref);
    }
    return n > 0 && n < CLI_URL_MAX;
}

bool cli_url_hostport(const char *text, char host[256], unsigned *port)
{
    *port = 0;
    return clean(text) && parse_authority(text, strlen(text), host, port) &&
           *port != 0;
}
