#include "va_ring.h"

#include "va_record.h"

#include <stdatomic.h>
#include <string.h>

struct va_ring {
    _Atomic uint64_t pushed;
    _Atomic uint64_t taken;
    size_t size;
    char data[];
};

va_ring_t *va_ring_init(void *memory, size_t size)
{
    va_ring_t *ring = memory;

    if (size < sizeof(*ring) + VA_RECORD_MAX) {
        return NULL;
    }
    ring->size = size - sizeof(*ring);
    atomic_init(&ring->pushed, 0);
    atomic_init(&ring->taken, 0);
    return ring;
}

size_t va_ring_size(const va_ring_t *ring)
{
    return ring->size;
}

uint64_t va_ring_pushed(const va_ring_t *ring)
{
    return atomic_load_explicit(&ring->pushed, memory_order_acquire);
}

uint64_t va_ring_taken(const va_ring_t *ring)
{
    return atomic_load_explicit(&ring->taken, memory_order_acquire);
}

va_rc_t va_ring_push(va_ring_t *ring, va_str_t frame)
{
    uint64_t at = va_ring_pushed(ring);
    size_t used = (size_t)(at - va_ring_taken(ring));
    size_t offset = (size_t)(at % ring->size);
    size_t first = ring->size - offset;

    if (frame.len > ring->size - used) {
        return VA_LIMIT;
    }
    if (first > frame.len) {
        first = frame.len;
    }
    memcpy(ring->data + offset, frame.data, first);
    memcpy(ring->data, frame.data + first, frame.len - first);
    atomic_store_explicit(&ring->pushed, at + frame.len, memory_order_release);
    return VA_OK;
}

static void va_ring_bytes(const va_ring_t *ring, uint64_t at, char *to,
                          size_t n)
{
    size_t offset = (size_t)(at % ring->size);
    size_t first = ring->size - offset < n ? ring->size - offset : n;

    memcpy(to, ring->data + offset, first);
    memcpy(to + first, ring->data, n - first);
}

va_rc_t va_ring_copy(const va_ring_t *ring, uint64_t *from, va_buf_t *out,
                     size_t max, size_t *count)
{
    uint64_t end = va_ring_pushed(ring);
    uint8_t head[VA_RECORD_HEADER];
    char *to;
    size_t n;

    while (end - *from >= VA_RECORD_HEADER) {
        va_ring_bytes(ring, *from, (char *)head, sizeof(head));
        n = head[4] | (size_t)head[5] << 8 | (size_t)head[6] << 16;
        n += VA_RECORD_HEADER;
        if (n > end - *from || n > max) {
            break;
        }
        to = va_buf_reserve(out, n);
        if (to == NULL) {
            break;
        }
        va_ring_bytes(ring, *from, to, n);
        out->len += n;
        out->data[out->len] = '\0';
        *from += n;
        max -= n;
        (*count)++;
    }
    return out->rc;
}

void va_ring_take(va_ring_t *ring, uint64_t to)
{
    atomic_store_explicit(&ring->taken, to, memory_order_release);
}
