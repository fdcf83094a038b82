#include "va_redis.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    va_redis_pt reply;
    void *data;
} waiting_t;

struct va_redis {
    redisReader *reader;
    va_buf_t out;
    waiting_t waiting[VA_REDIS_PENDING];
    size_t first;
    size_t count;
    size_t unread; /* bytes fed since the last whole reply */
    uint64_t answered;
    bool broken;
    va_redis_message_pt message;
    void *data;
};

va_redis_t *va_redis_new(va_redis_message_pt message, void *data)
{
    va_redis_t *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->reader = redisReaderCreate();
    if (r->reader == NULL) {
        free(r);
        return NULL;
    }
    r->message = message;
    r->data = data;
    va_buf_init(&r->out, VA_REDIS_OUT_MAX);
    return r;
}

static void give_up(va_redis_t *r)
{
    size_t n;

    /* Callbacks may give new commands; those are given up as well. */
    for (n = 0; r->count > 0 && n < 2 * (size_t)VA_REDIS_PENDING; n++) {
        waiting_t w = r->waiting[r->first];

        r->first = (r->first + 1) % VA_REDIS_PENDING;
        r->count--;
        if (w.reply) {
            w.reply(w.data, NULL);
        }
    }
}

void va_redis_free(va_redis_t *r)
{
    if (r == NULL) {
        return;
    }
    r->broken = true;
    give_up(r);
    redisReaderFree(r->reader);
    va_buf_free(&r->out);
    free(r);
}

void va_redis_reset(va_redis_t *r)
{
    redisReader *fresh;

    r->broken = true;
    give_up(r);

    va_buf_free(&r->out);
    r->first = 0;
    r->unread = 0;
    r->answered = 0;

    fresh = redisReaderCreate();
    if (fresh) {
        redisReaderFree(r->reader);
        r->reader = fresh;
        r->broken = false;
    }
}

va_rc_t va_redis_command(va_redis_t *r, const va_str_t *argv, size_t argc,
                         va_redis_pt reply, void *data)
{
    size_t i, begin = r->out.len;
    va_rc_t rc;

    if (r->broken) {
        return VA_FAILED;
    }
    if (r->count == VA_REDIS_PENDING) {
        return VA_LIMIT;
    }

    va_buf_printf(&r->out, "*%zu\r\n", argc);
    for (i = 0; i < argc; i++) {
        va_buf_printf(&r->out, "$%zu\r\n", argv[i].len);
        va_buf_str(&r->out, argv[i]);
        va_buf_puts(&r->out, "\r\n");
    }

    rc = r->out.rc;
    if (rc != VA_OK) {
        /* Half a command must not stay, and those before it must. */
        r->out.len = begin;
        r->out.rc = VA_OK;
        return rc;
    }

    r->waiting[(r->first + r->count) % VA_REDIS_PENDING] =
        (waiting_t){reply, data};
    r->count++;
    return VA_OK;
}

va_buf_t *va_redis_out(va_redis_t *r)
{
    return &r->out;
}

/* What comes by itself on a connection that has subscribed. */
static bool take_message(va_redis_t *r, const redisReply *reply)
{
    const redisReply *kind;

    if (r->message == NULL || reply->type != REDIS_REPLY_ARRAY ||
        reply->elements != 3) {
        return false;
    }

    kind = reply->element[0];
    if (kind->type != REDIS_REPLY_STRING ||
        !va_str_eq((va_str_t){kind->str, kind->len}, VA_STR("message")) ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[2]->type != REDIS_REPLY_STRING) {
        return false;
    }

    r->message(r->data,
               (va_str_t){reply->element[1]->str, reply->element[1]->len},
               (va_str_t){reply->element[2]->str, reply->element[2]->len});
    return true;
}

static va_rc_t take_reply(va_redis_t *r, const redisReply *reply)
{
    waiting_t w;

    if (take_message(r, reply)) {
        return VA_OK;
    }
    if (r->count == 0) {
        return VA_INVALID;
    }

    w = r->waiting[r->first];
    r->first = (r->first + 1) % VA_REDIS_PENDING;
    r->count--;
    r->answered++;
    if (w.reply) {
        w.reply(w.data, (const va_reply_t *)reply);
    }
    return VA_OK;
}

va_rc_t va_redis_feed(va_redis_t *r, const uint8_t *data, size_t n)
{
    va_rc_t rc = VA_OK;
    void *reply = NULL;

    if (r->broken) {
        return VA_INVALID;
    }
    if (n > VA_REDIS_REPLY_MAX - r->unread) {
        r->broken = true;
        return VA_LIMIT;
    }
    r->unread += n;

    if (redisReaderFeed(r->reader, (const char *)data, n) != REDIS_OK) {
        r->broken = true;
        return VA_NOMEM;
    }

    while (rc == VA_OK) {
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            rc = VA_INVALID;
            break;
        }
        if (reply == NULL) {
            break;
        }
        r->unread = r->reader->len - r->reader->pos;
        rc = take_reply(r, reply);
        freeReplyObject(reply);
    }

    if (rc != VA_OK) {
        r->broken = true;
    }
    return rc;
}

size_t va_redis_pending(const va_redis_t *r)
{
    return r->count;
}

uint64_t va_redis_answered(const va_redis_t *r)
{
    return r->answered;
}

static const redisReply *inner(const va_reply_t *reply)
{
    return (const redisReply *)reply;
}

va_reply_type_t va_reply_type(const va_reply_t *reply)
{
    switch (inner(reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return VA_REPLY_STRING;
    case REDIS_REPLY_ERROR:
        return VA_REPLY_ERROR;
    case REDIS_REPLY_INTEGER:
        return VA_REPLY_INTEGER;
    case REDIS_REPLY_ARRAY:
        return VA_REPLY_ARRAY;
    default:
        return VA_REPLY_NIL;
    }
}

va_str_t va_reply_str(const va_reply_t *reply)
{
    va_reply_type_t type = va_reply_type(reply);

    if (type != VA_REPLY_STRING && type != VA_REPLY_ERROR) {
        return (va_str_t){"", 0};
    }
    return (va_str_t){inner(reply)->str, inner(reply)->len};
}

int64_t va_reply_integer(const va_reply_t *reply)
{
    return va_reply_type(reply) == VA_REPLY_INTEGER ? inner(reply)->integer : 0;
}

size_t va_reply_count(const va_reply_t *reply)
{
    return va_reply_type(reply) == VA_REPLY_ARRAY ? inner(reply)->elements : 0;
}

const va_reply_t *va_reply_at(const va_reply_t *reply, size_t i)
{
    return (const va_reply_t *)inner(reply)->element[i];
}
