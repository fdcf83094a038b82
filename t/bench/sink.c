/*
 * The least that a server can do with the same frames: accepts the handshake,
 * reads, and drops.  It walks over the headers of frames, so that it knows
 * when the peer closes.
 *
 * Arguments: port, public host.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/va_ws.h"

#define REQUEST_MAX 8192
#define READ_SIZE 65536
#define EVENTS 512

typedef struct {
    int fd;
    bool open; /* the handshake is done */
    uint8_t head[14];
    size_t head_len;
    uint64_t skip; /* bytes of payload to come */
    size_t len;
    char request[REQUEST_MAX + 1];
} sink_conn_t;

static const char *host;

static void sink_drop(sink_conn_t *c)
{
    close(c->fd);
    free(c);
}

static void sink_send(sink_conn_t *c, const void *data, size_t n)
{
    if (send(c->fd, data, n, MSG_NOSIGNAL) != (ssize_t)n) {
        perror("send");
    }
}

static void sink_document(sink_conn_t *c)
{
    char body[512], head[256];
    int n = snprintf(body, sizeof(body),
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>"
                     "<Connect><Stream url=\"wss://%s/media\"/></Connect>"
                     "</Response>",
                     host);
    int k = snprintf(head, sizeof(head),
                     "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
                     "Content-Length: %d\r\n\r\n",
                     n);

    sink_send(c, head, (size_t)k);
    sink_send(c, body, (size_t)n);
}

static void sink_upgrade(sink_conn_t *c)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char accept[VA_WS_ACCEPT_LEN + 1], head[256];
    const char *key = strcasestr(c->request, name);
    int n;

    if (key == NULL ||
        va_ws_accept((va_str_t){key + strlen(name), VA_WS_KEY_LEN}, accept) !=
            VA_OK) {
        return;
    }
    n = snprintf(head, sizeof(head),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    sink_send(c, head, (size_t)n);
    c->open = true;
}

/* Returns the size of the head that has begun to arrive. */
static size_t sink_head_size(const sink_conn_t *c)
{
    unsigned len = c->head_len > 1 ? c->head[1] & 127U : 0;

    return 6U + (len == 126 ? 2U : len == 127 ? 8U : 0U);
}

/* Returns false when the peer closes. */
static bool sink_frames(sink_conn_t *c, const uint8_t *p, size_t n)
{
    while (n > 0) {
        if (c->skip > 0) {
            size_t some = n < c->skip ? n : (size_t)c->skip;

            c->skip -= some;
            p += some;
            n -= some;
            continue;
        }
        c->head[c->head_len++] = *p++;
        n--;
        if (c->head_len < 2 || c->head_len < sink_head_size(c)) {
            continue;
        }
        c->skip = c->head[1] & 127U;
        if (c->skip >= 126) {
            size_t bytes = c->skip == 126 ? 2 : 8;

            c->skip = 0;
            for (size_t i = 0; i < bytes; i++) {
                c->skip = c->skip << 8 | c->head[2 + i];
            }
        }
        c->head_len = 0;
        if ((c->head[0] & 15U) == VA_WS_CLOSE) {
            sink_send(c, "\x88\x00", 2);
            return false;
        }
    }
    return true;
}

/* Takes requests until the connection is a WebSocket. */
static bool sink_http(sink_conn_t *c, const uint8_t *data, size_t n)
{
    char *end, *length;
    size_t whole;

    if (n > REQUEST_MAX - c->len) {
        return false;
    }
    memcpy(c->request + c->len, data, n);
    c->len += n;
    c->request[c->len] = '\0';
    end = strstr(c->request, "\r\n\r\n");
    if (end == NULL) {
        return true;
    }
    whole = (size_t)(end - c->request) + 4;
    if (strncmp(c->request, "GET /media", 10) == 0) {
        sink_upgrade(c);
        if (c->open && c->len > whole) {
            return sink_frames(c, (uint8_t *)c->request + whole,
                               c->len - whole);
        }
        return c->open;
    }
    length = strcasestr(c->request, "\r\nContent-Length:");
    if (length != NULL && length < end) {
        whole += strtoul(length + 17, NULL, 10);
    }
    if (c->len >= whole) {
        c->len = 0;
        sink_document(c);
    }
    return true;
}

static void sink_read(sink_conn_t *c)
{
    static uint8_t buf[READ_SIZE];
    ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0 || !(c->open ? sink_frames(c, buf, (size_t)n)
                            : sink_http(c, buf, (size_t)n))) {
        sink_drop(c);
    }
}

static void sink_accept(int epoll, int listener)
{
    sink_conn_t *c = calloc(1, sizeof(*c));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    if (c == NULL) {
        return;
    }
    c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c->fd < 0) {
        free(c);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        sink_drop(c);
    }
}

static int sink_listen(const char *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(fd, 512) != 0) {
        perror("sink");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], ev = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener, n, i;

    if (argc != 3) {
        fprintf(stderr, "usage: sink PORT HOST\n");
        return 2;
    }
    host = argv[2];
    listener = sink_listen(argv[1]);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        n = epoll_wait(epoll, events, EVENTS, -1);
        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL) {
                sink_accept(epoll, listener);
            } else {
                sink_read(events[i].data.ptr);
            }
        }
    }
}
