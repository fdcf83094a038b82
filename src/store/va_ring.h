/*
 * A queue of frames in memory that several processes share.
 *
 * Bytes are counted from the beginning of time, so that a position says by
 * itself whether what stood before it was taken.  Writers exclude each other
 * by a lock of the caller's; there is one reader at a time, which needs no
 * lock.  A writer that dies in the middle leaves nothing behind: what it wrote
 * is part of the queue only when the position moves.
 */
#ifndef VA_RING_H
#define VA_RING_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

typedef struct va_ring va_ring_t;

VA_BEGIN_DECLS

/* Makes an empty queue of size bytes of memory, or NULL if that is too few. */
va_ring_t *va_ring_init(void *memory, size_t size);

/* Returns the most bytes it holds. */
size_t va_ring_size(const va_ring_t *ring);

/* Appends a frame.  VA_OK, or VA_LIMIT when there is no room. */
va_rc_t va_ring_push(va_ring_t *ring, va_str_t frame);

/* Returns the position behind what was pushed, and what was taken. */
uint64_t va_ring_pushed(const va_ring_t *ring);
uint64_t va_ring_taken(const va_ring_t *ring);

/*
 * Copies whole frames from position *from to the end of out, as many as fit
 * into max bytes, and moves *from behind them; *count is added to.  Returns
 * out->rc.
 */
va_rc_t va_ring_copy(const va_ring_t *ring, uint64_t *from, va_buf_t *out,
                     size_t max, size_t *count);

/* Gives up everything before the position. */
void va_ring_take(va_ring_t *ring, uint64_t to);

VA_END_DECLS

#endif
