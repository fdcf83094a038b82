#include "cli_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"
#include "../wire/va_base64.h"

#define REPLY_MAX 16384

typedef enum { SHAKING, OPEN, CLOSING, DONE } state_t;

struct cli_stream {
    cli_conn_t *conn;
    cli_stream_events_t events;
    void *ctx;
    state_t state;
    bool freed; /* by its owner, while data is handed out */
    bool busy;
    char key[VA_WS_KEY_LEN + 1];
    va_buf_t request;
    va_buf_t reply; /* of the handshake */
    va_ws_t *ws;
    va_buf_t frame;
    uint8_t masks[64]; /* random bytes in store */
    size_t masks_left;
    cli_close_t how;
};

static void destroy(cli_stream_t *s)
{
    cli_conn_free(s->conn);
    va_buf_free(&s->request);
    va_buf_free(&s->reply);
    va_buf_free(&s->frame);
    va_ws_free(s->ws);
    free(s);
}

void cli_stream_free(cli_stream_t *s)
{
    if (s == NULL) {
        return;
    }
    s->freed = true;
    s->state = DONE;
    if (!s->busy) {
        destroy(s);
    }
}

static void done(cli_stream_t *s)
{
    if (s->state != DONE) {
        s->state = DONE;
        s->events.closed(s->ctx, &s->how);
    }
}

static void failed(cli_stream_t *s, const char *what, const char *why)
{
    snprintf(s->how.error, sizeof(s->how.error), "%s%.200s", what, why);
    done(s);
}

static bool send_frame(cli_stream_t *s, va_ws_opcode_t opcode, const void *data,
                       size_t n)
{
    uint8_t header[VA_WS_HEADER_MAX], *mask;
    size_t len;

    if (s->masks_left == 0) {
        cli_random(s->masks, sizeof(s->masks));
        s->masks_left = sizeof(s->masks);
    }
    s->masks_left -= 4;
    mask = s->masks + s->masks_left;
    len = va_ws_header(header, opcode, n, mask);
    va_buf_reset(&s->frame);
    va_buf_append(&s->frame, header, len);
    if (va_buf_append(&s->frame, data, n) != VA_OK) {
        return false;
    }
    va_ws_mask((uint8_t *)s->frame.data + len, n, mask, 0);
    return cli_conn_send(s->conn, s->frame.data, s->frame.len);
}

bool cli_stream_send(cli_stream_t *s, va_str_t text)
{
    return s->state == OPEN && send_frame(s, VA_WS_TEXT, text.data, text.len);
}

void cli_stream_close(cli_stream_t *s)
{
    uint8_t payload[VA_WS_CONTROL_MAX];
    size_t n;

    if (s->state == OPEN) {
        n = va_ws_close_payload(payload, VA_WS_CLOSE_NORMAL, "");
        send_frame(s, VA_WS_CLOSE, payload, n);
        s->state = CLOSING;
    }
}

static void on_close_frame(cli_stream_t *s, const va_ws_event_t *ev)
{
    uint8_t payload[VA_WS_CONTROL_MAX];
    size_t n;

    s->how.code = ev->close_code;
    s->how.clean = true;
    va_str_copy(s->how.reason, sizeof(s->how.reason),
                (va_str_t){(const char *)ev->data, ev->len});
    if (s->state == OPEN) {
        s->how.by_server = true;
        n = ev->close_code == VA_WS_CLOSE_NO_STATUS
                ? 0
                : va_ws_close_payload(payload, ev->close_code, "");
        send_frame(s, VA_WS_CLOSE, payload, n);
    }
    done(s);
}

static void on_event(cli_stream_t *s, const va_ws_event_t *ev)
{
    switch (ev->opcode) {
    case VA_WS_PING:
        send_frame(s, VA_WS_PONG, ev->data, ev->len);
        break;
    case VA_WS_CLOSE:
        on_close_frame(s, ev);
        break;
    case VA_WS_TEXT:
    case VA_WS_BINARY:
        if (s->state == OPEN) {
            s->events.message(s->ctx, ev);
        }
        break;
    default:
        break;
    }
}

static void on_frames(cli_stream_t *s, uint8_t *data, size_t n)
{
    va_ws_event_t ev;
    size_t used;
    va_rc_t rc;

    while (s->state == OPEN || s->state == CLOSING) {
        rc = va_ws_parse(s->ws, data, n, &used, &ev);
        if (rc == VA_AGAIN) {
            return;
        }
        if (rc != VA_OK) {
            failed(s, "31924: ", va_ws_error(s->ws));
            return;
        }
        data += used;
        n -= used;
        on_event(s, &ev);
    }
}

/*
 * Finds a header of the reply.  Returns its value, or a view whose data is
 * NULL; *count says how often the header stands there.
 */
static va_str_t header(const cli_stream_t *s, const char *name, size_t *count)
{
    const char *p = strstr(s->reply.data, "\r\n"), *eol;
    va_str_t value = {NULL, 0};
    size_t len = strlen(name);

    *count = 0;
    for (; p != NULL && (eol = strstr(p + 2, "\r\n")) != NULL; p = eol) {
        if (strncasecmp(p + 2, name, len) == 0 && p[2 + len] == ':') {
            value.data = p + 3 + len;
            value.data += strspn(value.data, " \t");
            value.len = value.data < eol ? (size_t)(eol - value.data) : 0;
            while (value.len > 0 &&
                   strchr(" \t", value.data[value.len - 1]) != NULL) {
                value.len--;
            }
            (*count)++;
        }
    }
    return value;
}

/* Returns what is wrong with the reply to the handshake, or NULL. */
static const char *judge_reply(const cli_stream_t *s)
{
    char accept[VA_WS_ACCEPT_LEN + 1];
    size_t count;

    if (strncmp(s->reply.data, "HTTP/1.1 101", 12) != 0 ||
        (s->reply.data[12] != ' ' && s->reply.data[12] != '\r')) {
        return "the handshake was not answered with 101";
    }
    if (!va_str_caseeq(header(s, "Upgrade", &count), VA_STR("websocket"))) {
        return "the reply has no Upgrade: websocket";
    }
    if (!va_str_caseeq(header(s, "Connection", &count), VA_STR("upgrade"))) {
        return "the reply has no Connection: upgrade";
    }
    if (va_ws_accept(va_str(s->key), accept) != VA_OK ||
        !va_str_eq(header(s, "Sec-WebSocket-Accept", &count), va_str(accept))) {
        return "Sec-WebSocket-Accept is wrong";
    }
    header(s, "Sec-WebSocket-Extensions", &count);
    if (count != 0) {
        return "the server chose an extension that was not offered";
    }
    header(s, "Sec-WebSocket-Protocol", &count);
    if (count != 0) {
        return "the server chose a subprotocol that was not offered";
    }
    return NULL;
}

/* Says what came instead of the upgrade. */
static void refuse_reply(cli_stream_t *s, const char *why)
{
    size_t n = strcspn(s->reply.data, "\r\n");

    snprintf(s->how.error, sizeof(s->how.error), "31920: %s (%.*s)", why,
             (int)(n < 60 ? n : 60), s->reply.data);
    done(s);
}

static void on_reply(cli_stream_t *s, uint8_t *data, size_t n)
{
    size_t before = s->reply.len, room = REPLY_MAX - before, used;
    const char *end, *why;

    va_buf_append(&s->reply, data, n < room ? n : room);
    end = s->reply.rc == VA_OK ? strstr(s->reply.data, "\r\n\r\n") : NULL;
    if (end == NULL) {
        if (n >= room || s->reply.rc != VA_OK) {
            failed(s, "31920: ", "the reply to the handshake is not HTTP");
        }
        return;
    }
    used = (size_t)(end + 4 - s->reply.data) - before;
    s->reply.data[end + 2 - s->reply.data] = '\0';
    why = judge_reply(s);
    if (why != NULL) {
        refuse_reply(s, why);
        return;
    }
    s->state = OPEN;
    s->events.opened(s->ctx);
    if (n > used) {
        on_frames(s, data + used, n - used);
    }
}

static void on_data(void *ctx, uint8_t *data, size_t n)
{
    cli_stream_t *s = ctx;

    s->busy = true;
    if (s->state == SHAKING) {
        on_reply(s, data, n);
    } else {
        on_frames(s, data, n);
    }
    s->busy = false;
    if (s->freed) {
        destroy(s);
    }
}

static void on_opened(void *ctx)
{
    cli_stream_t *s = ctx;

    cli_conn_send(s->conn, s->request.data, s->request.len);
}

static void on_closed(void *ctx, const char *why)
{
    cli_stream_t *s = ctx;

    s->busy = true;
    if (s->state == SHAKING) {
        failed(s, "31920: ",
               why[0] != '\0' ? why : "the server closed during the handshake");
    } else if (s->state == CLOSING) {
        failed(s, "", "the server did not answer the close frame");
    } else {
        s->how.by_server = true;
        failed(s, "31903: the connection was lost without a close frame",
               why[0] != '\0' ? " (reset)" : "");
    }
    s->busy = false;
    if (s->freed) {
        destroy(s);
    }
}

static void write_request(cli_stream_t *s, const char *authority,
                          const char *path, const char *signature)
{
    uint8_t raw[16];

    cli_random(raw, sizeof(raw));
    va_base64_encode(s->key, raw, sizeof(raw));
    va_buf_init(&s->request, REPLY_MAX);
    va_buf_printf(&s->request,
                  "GET %s HTTP/1.1\r\nHost: %s\r\n"
                  "User-Agent: Twilio.TmeWs/1.0\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Key: %s\r\n"
                  "Sec-WebSocket-Version: 13\r\n",
                  path, authority, s->key);
    if (signature != NULL) {
        va_buf_printf(&s->request, "X-Twilio-Signature: %s\r\n", signature);
    }
    va_buf_puts(&s->request, "\r\n");
}

cli_stream_t *cli_stream_open(cli_loop_t *loop, const cli_target_t *target,
                              const char *authority, const char *path,
                              const char *signature,
                              const cli_stream_events_t *events, void *ctx,
                              char error[CLI_ERROR])
{
    static const cli_conn_events_t conn_events = {on_opened, on_data,
                                                  on_closed};
    cli_stream_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        snprintf(error, CLI_ERROR, "out of memory");
        return NULL;
    }
    s->events = *events;
    s->ctx = ctx;
    s->how.code = VA_WS_CLOSE_NO_STATUS;
    va_buf_init(&s->reply, REPLY_MAX);
    va_buf_init(&s->frame, CLI_CONN_QUEUE);
    write_request(s, authority, path, signature);
    s->ws = va_ws_new(VA_WS_CLIENT, CLI_STREAM_MESSAGE);
    if (s->ws == NULL || s->request.rc != VA_OK) {
        snprintf(error, CLI_ERROR, "out of memory");
        destroy(s);
        return NULL;
    }
    s->conn = cli_conn_open(loop, target, &conn_events, s, error);
    if (s->conn == NULL) {
        destroy(s);
        return NULL;
    }
    return s;
}
