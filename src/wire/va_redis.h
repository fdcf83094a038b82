/*
 * One connection to a Redis server, without its socket: commands become bytes
 * to send, received bytes become replies in the order of the commands.
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2)
 */
#ifndef VA_REDIS_H
#define VA_REDIS_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_REDIS_PENDING 1024 /* commands without their reply, at most */
#define VA_REDIS_OUT_MAX (4 * 1024 * 1024)   /* bytes to be sent, at most */
#define VA_REDIS_REPLY_MAX (8 * 1024 * 1024) /* bytes of one reply, at most */

typedef enum {
    VA_REPLY_NIL,
    VA_REPLY_STRING, /* a status too */
    VA_REPLY_ERROR,
    VA_REPLY_INTEGER,
    VA_REPLY_ARRAY
} va_reply_type_t;

/* A view of a reply, valid inside the callback. */
typedef struct va_reply va_reply_t;

typedef struct va_redis va_redis_t;

/*
 * Receives the reply of a command, or NULL if there will be none because the
 * connection is given up.  It may give new commands, but neither feed nor free
 * the connection.
 */
typedef void (*va_redis_pt)(void *data, const va_reply_t *reply);

/* Receives a message of a channel that was subscribed to. */
typedef void (*va_redis_message_pt)(void *data, va_str_t channel,
                                    va_str_t message);

VA_BEGIN_DECLS

/* Returns a connection, or NULL without memory; message may be NULL. */
va_redis_t *va_redis_new(va_redis_message_pt message, void *data);

/* Gives up what waits for a reply, and frees. */
void va_redis_free(va_redis_t *r);

/*
 * Gives up what waits for a reply and forgets all bytes, for the next
 * connection.
 */
void va_redis_reset(va_redis_t *r);

/*
 * Appends a command of argc strings.  reply may be NULL.  VA_OK, VA_LIMIT when
 * too much waits, VA_NOMEM; nothing was appended then, and reply is not called.
 */
va_rc_t va_redis_command(va_redis_t *r, const va_str_t *argv, size_t argc,
                         va_redis_pt reply, void *data);

/* Returns the bytes to be sent; whoever sends consumes them. */
va_buf_t *va_redis_out(va_redis_t *r);

/*
 * Feeds received bytes.  VA_INVALID if they are no protocol, or a reply to
 * nothing; VA_LIMIT for a reply that is too large.  The connection is of no use
 * then.
 */
va_rc_t va_redis_feed(va_redis_t *r, const uint8_t *data, size_t n);

/* Returns how many commands wait for their reply. */
size_t va_redis_pending(const va_redis_t *r);

/* Returns how many replies have come since the last va_redis_reset. */
uint64_t va_redis_answered(const va_redis_t *r);

va_reply_type_t va_reply_type(const va_reply_t *reply);

/* Returns the text of a string or an error; empty for others. */
va_str_t va_reply_str(const va_reply_t *reply);

/* Returns the number of an integer; 0 for others. */
int64_t va_reply_integer(const va_reply_t *reply);

/* Returns how many elements an array has; 0 for others. */
size_t va_reply_count(const va_reply_t *reply);

/* Returns element i of an array, which must have it. */
const va_reply_t *va_reply_at(const va_reply_t *reply, size_t i);

VA_END_DECLS

#endif
