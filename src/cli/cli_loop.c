#include "cli_loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cli_http.h"

#define BATCH 512
#define BATCHES 64 /* handed out before the clock is looked at again */

struct cli_loop {
    int epfd;
    CURLM *multi;
    uint64_t curl_due_us; /* when libcurl wants to be called, 0 for never */
    struct epoll_event events[BATCH];
    int count; /* events of the batch being handed out */
};

/* A descriptor of libcurl's. */
typedef struct {
    cli_watch_t watch;
    cli_loop_t *loop;
    int fd;
} curl_fd_t;

static void curl_ready(void *ctx, uint32_t events)
{
    curl_fd_t *c = ctx;
    CURLM *multi = c->loop->multi;
    int flags = 0, running;

    flags |= events & EPOLLIN ? CURL_CSELECT_IN : 0;
    flags |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
    flags |= events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
    curl_multi_socket_action(multi, c->fd, flags, &running);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
                          void *assigned)
{
    cli_loop_t *loop = ctx;
    curl_fd_t *c = assigned;
    uint32_t events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            cli_loop_del(loop, fd, &c->watch);
            free(c);
            curl_multi_assign(loop->multi, fd, NULL);
        }
        return 0;
    }
    events |= what & CURL_POLL_IN ? EPOLLIN : 0;
    events |= what & CURL_POLL_OUT ? EPOLLOUT : 0;
    if (c != NULL) {
        cli_loop_change(loop, fd, events, &c->watch);
        return 0;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return -1;
    }
    c->watch.ready = curl_ready;
    c->watch.ctx = c;
    c->loop = loop;
    c->fd = fd;
    if (!cli_loop_add(loop, fd, events, &c->watch)) {
        free(c);
        return -1;
    }
    curl_multi_assign(loop->multi, fd, c);
    return 0;
}

static int on_curl_timer(CURLM *multi, long ms, void *ctx)
{
    cli_loop_t *loop = ctx;

    (void)multi;
    loop->curl_due_us = ms < 0 ? 0 : cli_now_us() + (uint64_t)ms * 1000;
    return 0;
}

cli_loop_t *cli_loop_new(void)
{
    cli_loop_t *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return NULL;
    }
    loop->epfd = epoll_create1(EPOLL_CLOEXEC);
    loop->multi = curl_multi_init();
    if (loop->epfd < 0 || loop->multi == NULL) {
        cli_loop_free(loop);
        return NULL;
    }
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    return loop;
}

void cli_loop_free(cli_loop_t *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->multi != NULL) {
        curl_multi_cleanup(loop->multi);
    }
    if (loop->epfd >= 0) {
        close(loop->epfd);
    }
    free(loop);
}

bool cli_loop_add(cli_loop_t *loop, int fd, uint32_t events, cli_watch_t *w)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};

    return epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

void cli_loop_change(cli_loop_t *loop, int fd, uint32_t events, cli_watch_t *w)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};

    epoll_ctl(loop->epfd, EPOLL_CTL_MOD, fd, &ev);
}

void cli_loop_del(cli_loop_t *loop, int fd, const cli_watch_t *w)
{
    int i;

    epoll_ctl(loop->epfd, EPOLL_CTL_DEL, fd, NULL);
    for (i = 0; i < loop->count; i++) {
        if (loop->events[i].data.ptr == w) {
            loop->events[i].data.ptr = NULL;
        }
    }
}

CURLM *cli_loop_curl(cli_loop_t *loop)
{
    return loop->multi;
}

static void run_curl_timer(cli_loop_t *loop)
{
    int running;

    if (loop->curl_due_us != 0 && cli_now_us() >= loop->curl_due_us) {
        loop->curl_due_us = 0;
        curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

static void hand_out(cli_loop_t *loop)
{
    cli_watch_t *w;
    int i;

    for (i = 0; i < loop->count; i++) {
        w = loop->events[i].data.ptr;
        if (w != NULL) {
            w->ready(w->ctx, loop->events[i].events);
        }
    }
    loop->count = 0;
}

void cli_loop_run(cli_loop_t *loop, uint64_t due_us)
{
    uint64_t now = cli_now_us();
    struct timespec ts = {0, 0};
    unsigned batches = 0;
    bool full;

    if (loop->curl_due_us != 0 && loop->curl_due_us < due_us) {
        due_us = loop->curl_due_us;
    }
    if (due_us > now) {
        ts.tv_sec = (time_t)((due_us - now) / 1000000);
        ts.tv_nsec = (long)((due_us - now) % 1000000) * 1000;
    }
    do {
        loop->count = epoll_pwait2(loop->epfd, loop->events, BATCH, &ts, NULL);
        full = loop->count == BATCH;
        ts = (struct timespec){0, 0};
        hand_out(loop);
    } while (full && ++batches < BATCHES);
    run_curl_timer(loop);
    cli_http_reap(loop->multi);
}
