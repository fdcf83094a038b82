#include "cli_conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../base/va_buf.h"

#define READ_SIZE 65536

typedef enum { CONNECTING, SHAKING, OPEN, DOWN } state_t;

struct cli_conn {
    cli_loop_t *loop;
    cli_watch_t watch;
    cli_conn_events_t events;
    void *ctx;
    int fd;
    SSL *ssl;
    state_t state;
    uint32_t wanted;       /* epoll events watched for */
    bool read_wants_write; /* TLS */
    unsigned busy;         /* depth of events being told */
    bool freed;            /* by its owner, while busy */
    va_buf_t out;
};

bool cli_target_resolve(cli_target_t *t, const char *host, unsigned port,
                        char error[CLI_ERROR])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    int rc;

    snprintf(service, sizeof(service), "%u", port & 0xffffU);
    rc = getaddrinfo(host, service, &hints, &found);
    if (rc != 0) {
        snprintf(error, CLI_ERROR, "%.150s: %s", host, gai_strerror(rc));
        return false;
    }
    memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
    t->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool cli_target_loopback(const cli_target_t *t)
{
    const struct sockaddr_in *v4 = (const void *)&t->addr;
    const struct sockaddr_in6 *v6 = (const void *)&t->addr;

    if (t->addr.ss_family == AF_INET) {
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    return t->addr.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

SSL_CTX *cli_tls_new(const char *cacert, char error[CLI_ERROR])
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    bool ok =
        tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1;

    if (ok && cacert != NULL) {
        ok = SSL_CTX_load_verify_locations(tls, cacert, NULL) == 1;
    } else if (ok) {
        ok = SSL_CTX_set_default_verify_paths(tls) == 1;
    }
    if (!ok) {
        snprintf(error, CLI_ERROR, "TLS: %.150s: %.80s",
                 cacert != NULL ? cacert : "set-up",
                 ERR_reason_error_string(ERR_peek_last_error()));
        SSL_CTX_free(tls);
        return NULL;
    }
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return tls;
}

static void destroy(cli_conn_t *c)
{
    if (c->fd >= 0) {
        cli_loop_del(c->loop, c->fd, &c->watch);
        close(c->fd);
    }
    SSL_free(c->ssl);
    va_buf_free(&c->out);
    free(c);
}

void cli_conn_free(cli_conn_t *c)
{
    if (c == NULL) {
        return;
    }
    c->freed = true;
    c->state = DOWN;
    if (c->busy == 0) {
        if (c->ssl != NULL) {
            SSL_shutdown(c->ssl);
        }
        destroy(c);
    }
}

static void down(cli_conn_t *c, const char *why)
{
    if (c->state == DOWN) {
        return;
    }
    c->state = DOWN;
    cli_loop_del(c->loop, c->fd, &c->watch);
    close(c->fd);
    c->fd = -1;
    c->events.closed(c->ctx, why);
}

static void tls_down(cli_conn_t *c, const char *what)
{
    char why[CLI_ERROR];
    unsigned long e = ERR_get_error();
    long verdict = SSL_get_verify_result(c->ssl);

    if (verdict != X509_V_OK) {
        snprintf(why, sizeof(why), "TLS: %s",
                 X509_verify_cert_error_string(verdict));
    } else {
        snprintf(why, sizeof(why), "TLS %s: %s", what,
                 e != 0 ? ERR_reason_error_string(e) : "connection lost");
    }
    down(c, why);
}

static void want(cli_conn_t *c, uint32_t events)
{
    if (c->state != DOWN && c->wanted != events) {
        c->wanted = events;
        cli_loop_change(c->loop, c->fd, events, &c->watch);
    }
}

/* Returns bytes written, 0 when the socket is full, -1 when it is down. */
static ssize_t write_some(cli_conn_t *c, const void *data, size_t n)
{
    ssize_t done;
    int rc;

    if (c->ssl == NULL) {
        done = send(c->fd, data, n, MSG_NOSIGNAL);
        return done >= 0 ? done : (errno == EAGAIN || errno == EINTR ? 0 : -1);
    }
    ERR_clear_error();
    rc = SSL_write(c->ssl, data, n > INT32_MAX ? INT32_MAX : (int)n);
    if (rc > 0) {
        return rc;
    }
    rc = SSL_get_error(c->ssl, rc);
    return rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/*
 * A write that fails is noticed by the read that follows, which first takes
 * in what the peer said before it left.
 */
static void flush(cli_conn_t *c)
{
    ssize_t n;

    while (c->out.len > 0) {
        n = write_some(c, c->out.data, c->out.len);
        if (n <= 0) {
            break;
        }
        va_buf_consume(&c->out, (size_t)n);
    }
    want(c, EPOLLIN | (c->out.len > 0 || c->read_wants_write ? EPOLLOUT : 0U));
}

bool cli_conn_send(cli_conn_t *c, const void *data, size_t n)
{
    ssize_t done = 0;

    if (c->state != OPEN) {
        return false;
    }
    if (c->out.len == 0) {
        done = write_some(c, data, n);
        if (done == (ssize_t)n) {
            return true;
        }
        done = done < 0 ? 0 : done;
    }
    if (va_buf_append(&c->out, (const char *)data + done, n - (size_t)done) !=
        VA_OK) {
        return false;
    }
    want(c, EPOLLIN | EPOLLOUT);
    return true;
}

/* Returns bytes read, 0 when there are none now, -1 when it went down. */
static ssize_t read_some(cli_conn_t *c, uint8_t *buf)
{
    ssize_t n;
    int rc;

    if (c->ssl == NULL) {
        n = recv(c->fd, buf, READ_SIZE, 0);
        if (n > 0) {
            return n;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return 0;
        }
        down(c, n == 0 ? "" : strerror(errno));
        return -1;
    }
    ERR_clear_error();
    rc = SSL_read(c->ssl, buf, READ_SIZE);
    if (rc > 0) {
        return rc;
    }
    rc = SSL_get_error(c->ssl, rc);
    c->read_wants_write = rc == SSL_ERROR_WANT_WRITE;
    if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    if (rc == SSL_ERROR_ZERO_RETURN) {
        down(c, "");
    } else {
        tls_down(c, "read");
    }
    return -1;
}

static void receive(cli_conn_t *c)
{
    static uint8_t buf[READ_SIZE];
    ssize_t n;

    while (c->state == OPEN) {
        n = read_some(c, buf);
        if (n <= 0) {
            break;
        }
        c->events.data(c->ctx, buf, (size_t)n);
        if (c->ssl == NULL && n < READ_SIZE) {
            break;
        }
    }
}

static void opened(cli_conn_t *c)
{
    c->state = OPEN;
    want(c, EPOLLIN);
    c->events.opened(c->ctx);
}

static void shake(cli_conn_t *c)
{
    int rc;

    ERR_clear_error();
    rc = SSL_connect(c->ssl);
    if (rc == 1) {
        opened(c);
        return;
    }
    rc = SSL_get_error(c->ssl, rc);
    if (rc == SSL_ERROR_WANT_READ) {
        want(c, EPOLLIN);
    } else if (rc == SSL_ERROR_WANT_WRITE) {
        want(c, EPOLLOUT);
    } else {
        tls_down(c, "handshake");
    }
}

static void connected(cli_conn_t *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        down(c, strerror(error));
    } else if (c->ssl != NULL) {
        c->state = SHAKING;
        shake(c);
    } else {
        opened(c);
    }
}

static void ready(void *ctx, uint32_t events)
{
    cli_conn_t *c = ctx;

    c->busy++;
    if (c->state == CONNECTING) {
        connected(c);
    } else if (c->state == SHAKING) {
        shake(c);
    } else {
        if (events & EPOLLOUT) {
            flush(c);
        }
        receive(c);
    }
    c->busy--;
    if (c->freed && c->busy == 0) {
        destroy(c);
    }
}

static bool start_tls(cli_conn_t *c, const cli_target_t *t)
{
    if (t->tls == NULL) {
        return true;
    }
    c->ssl = SSL_new(t->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, t->host) != 1) {
        return false;
    }
    if (!t->insecure) {
        SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
        return SSL_set1_host(c->ssl, t->host) == 1;
    }
    return true;
}

cli_conn_t *cli_conn_open(cli_loop_t *loop, const cli_target_t *t,
                          const cli_conn_events_t *events, void *ctx,
                          char error[CLI_ERROR])
{
    cli_conn_t *c = calloc(1, sizeof(*c));
    int one = 1;

    if (c == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
        return NULL;
    }
    c->loop = loop;
    c->events = *events;
    c->ctx = ctx;
    c->watch.ready = ready;
    c->watch.ctx = c;
    c->wanted = EPOLLOUT;
    va_buf_init(&c->out, CLI_CONN_QUEUE);
    c->fd = socket(t->addr.ss_family,
                   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || !start_tls(c, t) ||
        !cli_loop_add(loop, c->fd, c->wanted, &c->watch)) {
        snprintf(error, CLI_ERROR, "socket: %s", strerror(errno));
        destroy(c);
        return NULL;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (const struct sockaddr *)&t->addr, t->addr_len) != 0 &&
        errno != EINPROGRESS) {
        snprintf(error, CLI_ERROR, "connect: %s", strerror(errno));
        destroy(c);
        return NULL;
    }
    return c;
}
