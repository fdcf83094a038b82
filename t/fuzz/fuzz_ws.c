/*
 * Frames in any shape: the reader must say the same whether its input comes
 * whole or in pieces, and hold no more than its limit.
 *
 * The first byte picks the role and the limit, the second the size of pieces.
 */
#include "wire/va_utf8.h"
#include "wire/va_ws.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t hash; /* FNV-1a of the events */
    size_t events;
    va_rc_t rc;
    uint16_t close_code;
} outcome_t;

static void must(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void mix(outcome_t *o, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t i;

    for (i = 0; i < n; i++) {
        o->hash = (o->hash ^ p[i]) * 0x100000001b3;
    }
}

static void take(outcome_t *o, const va_ws_event_t *ev, size_t limit)
{
    bool control = ev->opcode >= VA_WS_CLOSE;

    must(ev->data != NULL);
    must(ev->len <= (control ? VA_WS_CONTROL_MAX : limit));
    must((ev->opcode != VA_WS_TEXT && ev->opcode != VA_WS_CLOSE) ||
         va_utf8_valid((va_str_t){(const char *)ev->data, ev->len}));
    mix(o, &ev->opcode, sizeof(ev->opcode));
    mix(o, &ev->close_code, sizeof(ev->close_code));
    mix(o, &ev->len, sizeof(ev->len));
    mix(o, ev->data, ev->len);
    o->events++;
}

static void feed(outcome_t *o, va_ws_t *ws, const uint8_t *data, size_t len,
                 size_t limit)
{
    uint8_t *copy = malloc(len + (len == 0));
    size_t at = 0;
    size_t n;
    va_ws_event_t ev;

    must(copy != NULL);
    memcpy(copy, data, len);
    do {
        o->rc = va_ws_parse(ws, copy + at, len - at, &n, &ev);
        must(n <= len - at);
        at += n;
        if (o->rc == VA_OK) {
            take(o, &ev, limit);
        }
    } while (o->rc == VA_OK);
    must(o->rc != VA_AGAIN || at == len);
    must(va_ws_memory(ws) <= 512 + 2 * limit);
    free(copy);
}

static outcome_t run(const uint8_t *data, size_t size, size_t piece,
                     va_ws_role_t role, size_t limit)
{
    outcome_t o = {.rc = VA_AGAIN};
    va_ws_t *ws = va_ws_new(role, limit);
    size_t at, n;

    must(ws != NULL);
    for (at = 0; at < size && o.rc == VA_AGAIN; at += n) {
        n = piece < size - at ? piece : size - at;
        feed(&o, ws, data + at, n, limit);
    }
    o.close_code = va_ws_close_code(ws);
    must((o.rc == VA_AGAIN) == (o.close_code == 0));
    must((o.rc == VA_AGAIN) == (va_ws_error(ws)[0] == '\0'));
    va_ws_free(ws);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[] = {0, 10, 125, 1000, 4095, 4096, 70000, 100};
    outcome_t whole, pieces;
    va_ws_role_t role;
    size_t limit, piece;

    if (size < 3) {
        return 0;
    }
    role = (data[0] & 1) != 0 ? VA_WS_CLIENT : VA_WS_SERVER;
    limit = limits[data[0] >> 1 & 7];
    piece = (size_t)data[1] + 1;
    data += 2;
    size -= 2;
    whole = run(data, size, size, role, limit);
    pieces = run(data, size, piece, role, limit);
    must(whole.hash == pieces.hash && whole.events == pieces.events);
    must(whole.rc == pieces.rc && whole.close_code == pieces.close_code);
    return 0;
}
