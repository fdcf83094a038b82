/*
 * Server-sent events: the reader must say the same whether its input comes
 * whole or in pieces, whose size the first byte picks.
 */
#include "wire/va_sse.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 100

typedef struct {
    uint64_t hash; /* FNV-1a of the events */
    size_t events;
} outcome_t;

static void must(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void mix(outcome_t *o, va_str_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        o->hash = (o->hash ^ (uint8_t)s.data[i]) * 0x100000001b3;
    }
    o->hash = (o->hash ^ s.len) * 0x100000001b3;
}

static va_rc_t on_event(void *ctx, va_str_t event, va_str_t data)
{
    outcome_t *o = ctx;

    must(event.len != 0 && event.len <= LIMIT && data.len <= LIMIT);
    must(memchr(event.data, '\n', event.len) == NULL);
    must(memchr(event.data, '\r', event.len) == NULL);
    must(data.len == 0 || memchr(data.data, '\r', data.len) == NULL);
    must(data.data[data.len] == '\0');
    mix(o, event);
    mix(o, data);
    return ++o->events < 20 ? VA_OK : VA_FAILED;
}

/* Feeds from memory of exactly the size, so that over-reads show. */
static va_rc_t feed(va_sse_t *s, const uint8_t *data, size_t n)
{
    char *copy = malloc(n);
    va_rc_t rc;

    must(copy != NULL);
    memcpy(copy, data, n);
    rc = va_sse_feed(s, copy, n);
    free(copy);
    return rc;
}

static va_rc_t run(outcome_t *o, const uint8_t *data, size_t size, size_t piece)
{
    va_sse_t *s = va_sse_new(LIMIT, on_event, o);
    va_rc_t rc = VA_OK;
    size_t at, n;

    must(s != NULL);
    for (at = 0; at < size && rc == VA_OK; at += n) {
        n = piece < size - at ? piece : size - at;
        rc = feed(s, data + at, n);
    }
    if (rc == VA_OK) {
        rc = va_sse_finish(s);
    }
    must(rc == VA_OK || rc == VA_LIMIT || rc == VA_FAILED);
    va_sse_free(s);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    outcome_t whole = {0};
    outcome_t pieces = {0};
    va_rc_t rc;

    if (size < 2) {
        return 0;
    }
    rc = run(&whole, data + 1, size - 1, size - 1);
    must(rc == run(&pieces, data + 1, size - 1, (size_t)data[0] + 1));
    must(whole.hash == pieces.hash && whole.events == pieces.events);
    return 0;
}
