#include "va_ws.h"

#include "../base/va_buf.h"
#include "va_utf8.h"

#include <stdlib.h>
#include <string.h>

/* A gathering buffer over this is given back when its message is over. */
#define VA_WS_KEEP 4096

#define VA_WS_FIN 0x80
#define VA_WS_RSV 0x70
#define VA_WS_OPCODE 0x0f
#define VA_WS_CONTROL 0x08 /* set in the opcodes of control frames */
#define VA_WS_MASKED 0x80

typedef enum {
    VA_WS_AT_FIRST,   /* FIN, reserved bits, opcode */
    VA_WS_AT_SECOND,  /* mask bit, length */
    VA_WS_AT_LENGTH,  /* need bytes of extended length */
    VA_WS_AT_KEY,     /* need bytes of masking key */
    VA_WS_AT_PAYLOAD, /* left bytes of payload */
    VA_WS_AT_END      /* a close frame was read */
} va_ws_state_t;

struct va_ws {
    va_buf_t message; /* what was gathered of a split message */
    uint64_t left;
    const char *error;
    uint16_t close_code;
    int8_t rc;     /* VA_OK, or the error that ended the reading */
    uint8_t state; /* va_ws_state_t */
    uint8_t need;
    uint8_t length_bytes; /* 0, 2 or 8: the form of the length */
    uint8_t first;        /* first byte of this frame */
    uint8_t opcode;       /* of the message; 0 outside one */
    bool client;
    bool delivered; /* message was handed out and is to be emptied */
    va_utf8_t utf8; /* of a text message so far; done between messages */
    uint8_t key[4];
    uint8_t phase; /* of the key at the next payload byte */
    uint8_t control_len;
    uint8_t control[VA_WS_CONTROL_MAX]; /* a split control frame */
};

_Static_assert(sizeof(struct va_ws) <= 256, "one reader a call, keep it small");

/*
 * Which first bytes may stand [outside, inside] a message that was begun.
 * What is not named here is refused: reserved bits and opcodes, split control
 * frames, a continuation of nothing, a message within a message.
 */
static const bool va_ws_first_ok[256][2] = {
    [VA_WS_CONTINUATION] = {false, true},
    [VA_WS_TEXT] = {true, false},
    [VA_WS_BINARY] = {true, false},
    [VA_WS_FIN + VA_WS_CONTINUATION] = {false, true},
    [VA_WS_FIN + VA_WS_TEXT] = {true, false},
    [VA_WS_FIN + VA_WS_BINARY] = {true, false},
    [VA_WS_FIN + VA_WS_CLOSE] = {true, true},
    [VA_WS_FIN + VA_WS_PING] = {true, true},
    [VA_WS_FIN + VA_WS_PONG] = {true, true},
};

va_ws_t *va_ws_new(va_ws_role_t role, size_t max_message)
{
    va_ws_t *ws = calloc(1, sizeof(*ws));

    if (ws != NULL) {
        ws->client = role == VA_WS_CLIENT;
        ws->error = "";
        va_buf_init(&ws->message, max_message);
    }
    return ws;
}

void va_ws_free(va_ws_t *ws)
{
    if (ws != NULL) {
        va_buf_free(&ws->message);
        free(ws);
    }
}

uint16_t va_ws_close_code(const va_ws_t *ws)
{
    return ws->close_code;
}

const char *va_ws_error(const va_ws_t *ws)
{
    return ws->error;
}

size_t va_ws_memory(const va_ws_t *ws)
{
    return sizeof(*ws) + ws->message.cap;
}

static va_rc_t va_ws_fail(va_ws_t *ws, va_rc_t rc, uint16_t code,
                          const char *error)
{
    ws->rc = (int8_t)rc;
    ws->close_code = code;
    ws->error = error;
    va_buf_free(&ws->message);
    return rc;
}

static va_rc_t va_ws_broken(va_ws_t *ws, const char *error)
{
    return va_ws_fail(ws, VA_INVALID, VA_WS_CLOSE_PROTOCOL, error);
}

static va_rc_t va_ws_not_utf8(va_ws_t *ws, const char *error)
{
    return va_ws_fail(ws, VA_INVALID, VA_WS_CLOSE_BAD_DATA, error);
}

/* Says why va_ws_first_ok has no place for a first byte. */
static const char *va_ws_first_error(uint8_t first)
{
    if ((first & VA_WS_RSV) != 0) {
        return "reserved bit set";
    }
    switch (first & VA_WS_OPCODE) {
    case VA_WS_CONTINUATION:
        return "continuation without a message";
    case VA_WS_TEXT:
    case VA_WS_BINARY:
        return "new message inside a message";
    case VA_WS_CLOSE:
    case VA_WS_PING:
    case VA_WS_PONG:
        return "fragmented control frame";
    default:
        return "reserved opcode";
    }
}

static va_rc_t va_ws_take_first(va_ws_t *ws, uint8_t c)
{
    if (!va_ws_first_ok[c][ws->opcode != 0]) {
        return va_ws_broken(ws, va_ws_first_error(c));
    }
    ws->first = c;
    ws->phase = 0;
    ws->control_len = 0;
    if ((c & VA_WS_CONTROL) == 0 && ws->opcode == 0) {
        ws->opcode = c & VA_WS_OPCODE;
    }
    ws->state = VA_WS_AT_SECOND;
    return VA_AGAIN;
}

/* Judges the length, which is now known, before anything of it is read. */
static va_rc_t va_ws_take_sized(va_ws_t *ws)
{
    if ((ws->length_bytes == 2 && ws->left < 126) ||
        (ws->length_bytes == 8 && ws->left <= UINT16_MAX)) {
        return va_ws_broken(ws, "length not in its shortest form");
    }
    if ((ws->first & VA_WS_CONTROL) == 0 &&
        ws->left > ws->message.max - ws->message.len) {
        return va_ws_fail(ws, VA_LIMIT, VA_WS_CLOSE_TOO_BIG, "message too big");
    }
    ws->need = 4;
    ws->state = ws->client ? VA_WS_AT_PAYLOAD : VA_WS_AT_KEY;
    return VA_AGAIN;
}

static va_rc_t va_ws_take_second(va_ws_t *ws, uint8_t c)
{
    uint8_t len = c & (uint8_t)~VA_WS_MASKED;

    if (ws->client && (c & VA_WS_MASKED) != 0) {
        return va_ws_broken(ws, "masked frame from a server");
    }
    if (!ws->client && (c & VA_WS_MASKED) == 0) {
        return va_ws_broken(ws, "frame not masked");
    }
    if ((ws->first & VA_WS_CONTROL) != 0) {
        if (len > VA_WS_CONTROL_MAX) {
            return va_ws_broken(ws, "control frame over 125 bytes");
        }
        if (len == 1 && (ws->first & VA_WS_OPCODE) == VA_WS_CLOSE) {
            return va_ws_broken(ws, "half a close code");
        }
    }
    if (len < 126) {
        ws->length_bytes = 0;
        ws->left = len;
        return va_ws_take_sized(ws);
    }
    ws->length_bytes = len == 126 ? 2 : 8;
    ws->need = ws->length_bytes;
    ws->left = 0;
    ws->state = VA_WS_AT_LENGTH;
    return VA_AGAIN;
}

static va_rc_t va_ws_take_length(va_ws_t *ws, uint8_t c)
{
    if (ws->need == 8 && (c & 0x80) != 0) {
        return va_ws_broken(ws, "top bit of the length set");
    }
    ws->left = ws->left << 8 | c;
    return --ws->need == 0 ? va_ws_take_sized(ws) : VA_AGAIN;
}

static va_rc_t va_ws_take_header(va_ws_t *ws, uint8_t c)
{
    switch (ws->state) {
    case VA_WS_AT_FIRST:
        return va_ws_take_first(ws, c);
    case VA_WS_AT_SECOND:
        return va_ws_take_second(ws, c);
    case VA_WS_AT_LENGTH:
        return va_ws_take_length(ws, c);
    case VA_WS_AT_KEY:
        ws->key[4 - ws->need] = c;
        if (--ws->need == 0) {
            ws->state = VA_WS_AT_PAYLOAD;
        }
        return VA_AGAIN;
    default:
        return va_ws_broken(ws, "data after a close frame");
    }
}

/* RFC 6455, section 7.4, and the codes registered since (1012 to 1014). */
static bool va_ws_close_code_ok(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static va_rc_t va_ws_take_close(va_ws_t *ws, va_ws_event_t *ev)
{
    ev->close_code = VA_WS_CLOSE_NO_STATUS;
    if (ev->len != 0) {
        ev->close_code = (uint16_t)(ev->data[0] << 8 | ev->data[1]);
        ev->data += 2;
        ev->len -= 2;
        if (!va_ws_close_code_ok(ev->close_code)) {
            return va_ws_broken(ws, "close code that may not be sent");
        }
        if (!va_utf8_valid((va_str_t){(const char *)ev->data, ev->len})) {
            return va_ws_not_utf8(ws, "close reason is not UTF-8");
        }
    }
    ws->state = VA_WS_AT_END;
    return VA_OK;
}

/* Takes n unmasked bytes of a control frame, ws->left of it to come. */
static va_rc_t va_ws_take_control(va_ws_t *ws, uint8_t *p, size_t n,
                                  va_ws_event_t *ev)
{
    if (ws->left != 0 || ws->control_len != 0) {
        memcpy(ws->control + ws->control_len, p, n);
        ws->control_len += (uint8_t)n;
        if (ws->left != 0) {
            return VA_AGAIN;
        }
        p = ws->control;
        n = ws->control_len;
    }
    ws->state = VA_WS_AT_FIRST;
    ev->opcode = (va_ws_opcode_t)(ws->first & VA_WS_OPCODE);
    ev->data = p;
    ev->len = n;
    return ev->opcode == VA_WS_CLOSE ? va_ws_take_close(ws, ev) : VA_OK;
}

/* Takes n unmasked bytes of a message, ws->left of this frame to come. */
static va_rc_t va_ws_take_data(va_ws_t *ws, uint8_t *p, size_t n,
                               va_ws_event_t *ev)
{
    bool last = ws->left == 0 && (ws->first & VA_WS_FIN) != 0;

    if (ws->opcode == VA_WS_TEXT && (!va_utf8_feed(&ws->utf8, p, n) ||
                                     (last && !va_utf8_done(&ws->utf8)))) {
        return va_ws_not_utf8(ws, "text is not UTF-8");
    }
    if (n != 0 && (!last || ws->message.len != 0) &&
        va_buf_append(&ws->message, p, n) != VA_OK) {
        return va_ws_fail(ws, VA_NOMEM, VA_WS_CLOSE_INTERNAL, "out of memory");
    }
    if (ws->left == 0) {
        ws->state = VA_WS_AT_FIRST;
    }
    if (!last) {
        return VA_AGAIN;
    }
    if (ws->message.len != 0) {
        p = (uint8_t *)ws->message.data;
        n = ws->message.len;
        ws->delivered = true;
    }
    ev->opcode = (va_ws_opcode_t)ws->opcode;
    ev->data = p;
    ev->len = n;
    ws->opcode = 0;
    return VA_OK;
}

/* Takes what is there of the payload, perhaps nothing of an empty one. */
static va_rc_t va_ws_take_payload(va_ws_t *ws, uint8_t *p, size_t avail,
                                  size_t *taken, va_ws_event_t *ev)
{
    size_t n = avail < ws->left ? avail : (size_t)ws->left;

    if (!ws->client) {
        va_ws_mask(p, n, ws->key, ws->phase);
        ws->phase = (uint8_t)((ws->phase + n) % 4);
    }
    ws->left -= n;
    *taken = n;
    return (ws->first & VA_WS_CONTROL) != 0 ? va_ws_take_control(ws, p, n, ev)
                                            : va_ws_take_data(ws, p, n, ev);
}

/* Empties the gathering buffer once its message need not be valid any more. */
static void va_ws_release(va_ws_t *ws)
{
    if (ws->message.cap > VA_WS_KEEP) {
        va_buf_free(&ws->message);
    } else {
        va_buf_reset(&ws->message);
    }
    ws->delivered = false;
}

va_rc_t va_ws_parse(va_ws_t *ws, uint8_t *in, size_t len, size_t *consumed,
                    va_ws_event_t *ev)
{
    va_rc_t rc = VA_AGAIN;
    size_t at = 0;
    size_t taken;

    *consumed = 0;
    *ev = (va_ws_event_t){0};
    if (ws->rc != VA_OK) {
        return (va_rc_t)ws->rc;
    }
    if (ws->delivered) {
        va_ws_release(ws);
    }
    while (rc == VA_AGAIN && at < len) {
        if (ws->state != VA_WS_AT_PAYLOAD) {
            rc = va_ws_take_header(ws, in[at++]);
        }
        if (rc == VA_AGAIN && ws->state == VA_WS_AT_PAYLOAD) {
            rc = va_ws_take_payload(ws, in + at, len - at, &taken, ev);
            at += taken;
        }
    }
    *consumed = at;
    return rc;
}
