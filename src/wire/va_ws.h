/*
 * WebSocket framing (RFC 6455) for both ends, without I/O.
 *
 * The reader is given bytes as they come, in pieces of any size, and answers
 * with whole messages and control frames.  It unmasks in place, and a message
 * that lies in one piece of input in one frame is handed out where it lies;
 * only what is split is gathered, up to the limit given at birth.
 */
#ifndef VA_WS_H
#define VA_WS_H

#include "../base/va_base.h"

typedef enum {
    VA_WS_CONTINUATION = 0,
    VA_WS_TEXT = 1,
    VA_WS_BINARY = 2,
    VA_WS_CLOSE = 8,
    VA_WS_PING = 9,
    VA_WS_PONG = 10
} va_ws_opcode_t;

/* Close codes of RFC 6455, section 7.4.1. */
enum {
    VA_WS_CLOSE_NORMAL = 1000,
    VA_WS_CLOSE_GOING_AWAY = 1001,
    VA_WS_CLOSE_PROTOCOL = 1002,
    VA_WS_CLOSE_UNSUPPORTED = 1003,
    VA_WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
    VA_WS_CLOSE_BAD_DATA = 1007,
    VA_WS_CLOSE_POLICY = 1008,
    VA_WS_CLOSE_TOO_BIG = 1009,
    VA_WS_CLOSE_INTERNAL = 1011
};

typedef enum { VA_WS_SERVER, VA_WS_CLIENT } va_ws_role_t;

/*
 * One event: a whole text or binary message, a ping, a pong or a close.
 * data is unmasked, never NULL and valid until the next call with the same
 * reader; it lies in the input or in the reader.
 */
typedef struct {
    va_ws_opcode_t opcode; /* never VA_WS_CONTINUATION */
    uint8_t *data;         /* of a close: the reason, UTF-8 */
    size_t len;
    uint16_t close_code; /* of a close; VA_WS_CLOSE_NO_STATUS if none */
} va_ws_event_t;

typedef struct va_ws va_ws_t;

#define VA_WS_HEADER_MAX 14
#define VA_WS_CONTROL_MAX 125
#define VA_WS_ACCEPT_LEN 28 /* characters of Sec-WebSocket-Accept */
#define VA_WS_KEY_LEN 24    /* characters of Sec-WebSocket-Key */

VA_BEGIN_DECLS

/*
 * Returns a reader for the end that `role` plays (a server takes masked frames
 * only, a client unmasked ones only), or NULL without memory.  Messages over
 * max_message bytes are refused.
 */
va_ws_t *va_ws_new(va_ws_role_t role, size_t max_message);

void va_ws_free(va_ws_t *ws);

/*
 * Feeds in[0..len), which is changed by unmasking, and sets *consumed.
 *
 * VA_OK      *ev is filled; call again with the bytes after *consumed
 * VA_AGAIN   everything was taken in, no event is complete
 * VA_INVALID the peer broke the protocol
 * VA_LIMIT   a message is over the limit
 * VA_NOMEM   a split message could not be gathered
 *
 * After an error nothing more is read: va_ws_close_code is the code to close
 * with and va_ws_error says why.  After a close event further input is
 * VA_INVALID, for nothing may follow it (RFC 6455, section 5.5.1).
 *
 * Control frames do not count against max_message.  The memory of a gathered
 * message is given back by the next call, which may feed nothing; a buffer of
 * up to 4 KiB is kept for the next one.
 */
va_rc_t va_ws_parse(va_ws_t *ws, uint8_t *in, size_t len, size_t *consumed,
                    va_ws_event_t *ev);

/* Returns the code to close with after an error: 1002, 1007, 1009 or 1011. */
uint16_t va_ws_close_code(const va_ws_t *ws);

/* Returns what the peer did wrong, a constant string; "" if nothing. */
const char *va_ws_error(const va_ws_t *ws);

/* Returns the bytes of heap that the reader holds, itself included. */
size_t va_ws_memory(const va_ws_t *ws);

/*
 * Writes the header of a final frame of len payload bytes and returns its
 * length.  mask is NULL for a server; a client gives four fresh random bytes
 * and masks the payload with va_ws_mask.  Fragments are never written.
 */
size_t va_ws_header(uint8_t out[VA_WS_HEADER_MAX], va_ws_opcode_t opcode,
                    uint64_t len, const uint8_t mask[4]);

/*
 * XORs data with the key, whose first byte used is key[phase % 4].  Masking
 * and unmasking are the same (RFC 6455, section 5.3).
 */
void va_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t phase);

/*
 * Writes the payload of a close frame: the code and as much of reason as fits
 * into a control frame without cutting a character.  Returns its length, 0 for
 * VA_WS_CLOSE_NO_STATUS, which is said by saying nothing.  reason may be NULL.
 */
size_t va_ws_close_payload(uint8_t out[VA_WS_CONTROL_MAX], uint16_t code,
                           const char *reason);

/*
 * Makes the value of Sec-WebSocket-Accept for a client's Sec-WebSocket-Key,
 * terminated (RFC 6455, section 4.2.2).  Returns VA_INVALID when the key is
 * not the base64 of 16 bytes, VA_FAILED when there is no SHA-1 to be had.
 */
va_rc_t va_ws_accept(va_str_t key, char out[VA_WS_ACCEPT_LEN + 1]);

VA_END_DECLS

#endif
