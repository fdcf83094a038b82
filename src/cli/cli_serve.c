#include "cli_serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli_conn.h"
#include "cli_url.h"

#define IN_MAX (CLI_REQUEST_HEAD + CLI_REQUEST_BODY + 4)
#define OUT_MAX (CLI_REQUEST_BODY + 4096)

typedef struct {
    cli_watch_t watch;
    cli_serve_t *server;
    int fd; /* -1: free */
    bool answering;
    va_buf_t in;
    va_buf_t out;
} conn_t;

struct cli_serve {
    cli_watch_t watch;
    cli_loop_t *loop;
    int fd;
    cli_serve_pt handle;
    void *ctx;
    conn_t conns[CLI_SERVE_CONNECTIONS];
};

static void conn_close(conn_t *c)
{
    cli_loop_del(c->server->loop, c->fd, &c->watch);
    close(c->fd);
    c->fd = -1;
    va_buf_free(&c->in);
    va_buf_free(&c->out);
}

static void conn_send(conn_t *c)
{
    ssize_t n;

    while (c->out.len > 0) {
        n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            cli_loop_change(c->server->loop, c->fd, EPOLLOUT, &c->watch);
            return;
        }
        if (n < 0) {
            break;
        }
        va_buf_consume(&c->out, (size_t)n);
    }
    conn_close(c);
}

static void conn_answer(conn_t *c, const cli_answer_t *a)
{
    size_t n = a->body.len;

    c->answering = true;
    if (a->how == CLI_SEND_NEVER) {
        return;
    }
    if (a->how != CLI_SEND_NOTHING) {
        cli_answer_head(&c->out, a->status, n, a->retry_after);
        va_buf_append(&c->out, a->body.data,
                      a->how == CLI_SEND_HALF ? n / 2 : n);
    }
    conn_send(c);
}

static void conn_request(conn_t *c)
{
    cli_request_t req;
    cli_answer_t a = {.how = CLI_SEND_ALL};
    int rc = cli_request_read(&req, va_buf_view(&c->in));

    if (rc == 0) {
        return;
    }
    va_buf_init(&a.body, CLI_REQUEST_BODY);
    a.status = rc;
    if (rc == 1) {
        c->server->handle(c->server->ctx, &req, &a);
    } else {
        va_buf_puts(&a.body, "{}");
    }
    conn_answer(c, &a);
    va_buf_free(&a.body);
}

static void on_ready(void *ctx, uint32_t events)
{
    conn_t *c = ctx;
    char data[8192];
    ssize_t n;

    if (events & EPOLLOUT) {
        conn_send(c);
        return;
    }
    n = recv(c->fd, data, sizeof(data), 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0 ||
        (!c->answering && va_buf_append(&c->in, data, (size_t)n) != VA_OK)) {
        conn_close(c);
    } else if (!c->answering) {
        conn_request(c);
    }
}

static void on_accept(void *ctx, uint32_t events)
{
    cli_serve_t *s = ctx;
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    size_t i;

    (void)events;
    if (fd < 0) {
        return;
    }
    for (i = 0; i < CLI_SERVE_CONNECTIONS; i++) {
        conn_t *c = &s->conns[i];

        if (c->fd >= 0) {
            continue;
        }
        *c = (conn_t){.watch = {on_ready, c}, .server = s, .fd = fd};
        va_buf_init(&c->in, IN_MAX);
        va_buf_init(&c->out, OUT_MAX);
        if (!cli_loop_add(s->loop, fd, EPOLLIN, &c->watch)) {
            conn_close(c);
        }
        return;
    }
    close(fd);
}

static bool open_socket(cli_serve_t *s, const cli_target_t *t,
                        char error[CLI_ERROR])
{
    const struct sockaddr *addr = (const struct sockaddr *)&t->addr;
    int on = 1;

    s->fd =
        socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 ||
        setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(s->fd, addr, t->addr_len) != 0 || listen(s->fd, 64) != 0 ||
        !cli_loop_add(s->loop, s->fd, EPOLLIN, &s->watch)) {
        snprintf(error, CLI_ERROR, "cannot listen: %s", strerror(errno));
        return false;
    }
    return true;
}

cli_serve_t *cli_serve_new(cli_loop_t *loop, const char *listen,
                           cli_serve_pt handle, void *ctx,
                           char error[CLI_ERROR])
{
    cli_serve_t *s = calloc(1, sizeof(*s));
    cli_target_t target = {.tls = NULL};
    char host[256];
    unsigned port;
    size_t i;

    if (s == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
        return NULL;
    }
    s->watch = (cli_watch_t){on_accept, s};
    s->loop = loop;
    s->fd = -1;
    s->handle = handle;
    s->ctx = ctx;
    for (i = 0; i < CLI_SERVE_CONNECTIONS; i++) {
        s->conns[i].fd = -1;
    }
    if (!cli_url_hostport(listen, host, &port)) {
        snprintf(error, CLI_ERROR, "\"%.160s\" is not HOST:PORT", listen);
    } else if (cli_target_resolve(&target, host, port, error) &&
               open_socket(s, &target, error)) {
        return s;
    }
    cli_serve_free(s);
    return NULL;
}

void cli_serve_free(cli_serve_t *s)
{
    size_t i;

    if (s == NULL) {
        return;
    }
    for (i = 0; i < CLI_SERVE_CONNECTIONS; i++) {
        if (s->conns[i].fd >= 0) {
            conn_close(&s->conns[i]);
        }
    }
    if (s->fd >= 0) {
        cli_loop_del(s->loop, s->fd, &s->watch);
        close(s->fd);
    }
    free(s);
}
