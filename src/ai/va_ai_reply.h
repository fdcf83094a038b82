/*
 * What readers of language models have in common: server-sent events, or one
 * JSON object from servers that do not stream, whatever the answer calls
 * itself; words that are told as they come, calls that are told at the end.
 */
#ifndef VA_AI_REPLY_H
#define VA_AI_REPLY_H

#include "../wire/va_sse.h"
#include "va_ai_calls.h"
#include "va_ai_provider.h"
#include "va_think.h"

#define VA_AI_REPLY_MAX (16 * 1024 * 1024) /* of a stream, mostly envelopes */

struct yajl_val_s;

typedef struct va_ai_reply {
    va_ai_reader_t *r;
    /* Takes one event's data, or the whole answer. */
    va_rc_t (*take)(struct va_ai_reply *a, struct yajl_val_s *v, bool whole);
    enum { VA_AI_NOTHING_YET, VA_AI_STREAM, VA_AI_WHOLE, VA_AI_PLAIN } shape;
    va_sse_t *sse;
    va_buf_t body; /* of an answer in one piece */
    va_think_t think;
    va_buf_t text; /* what gathers to be told */
    size_t said;
    va_ai_calls_t calls;
    bool over;           /* the reply is whole: nothing has to follow */
    bool done;           /* and nothing counts that follows */
    bool plain;          /* what is neither is the text itself */
    bool words;          /* so is an event that is not JSON */
    bool silent;         /* a reply without words is as good as another */
    const char *stopped; /* why the model would not go on, or NULL */
} va_ai_reply_t;

VA_BEGIN_DECLS

/* Adds words; those inside <think> are not told.  An empty view adds none. */
void va_ai_reply_say(va_ai_reply_t *a, va_str_t words);

/* Adds a call as va_ai_calls_add does, and fails over its bounds. */
va_rc_t va_ai_reply_call(va_ai_reply_t *a, double index, va_str_t id,
                         va_str_t name, va_str_t args);

/* Members of va_ai_reader_ops_t; create is the provider's. */
va_ai_reply_t *va_ai_reply_new(va_ai_reader_t *r,
                               va_rc_t (*take)(va_ai_reply_t *a,
                                               struct yajl_val_s *v,
                                               bool whole));
void va_ai_reply_free(void *self);
va_rc_t va_ai_reply_head(void *self, va_str_t content_type);
va_rc_t va_ai_reply_feed(void *self, const uint8_t *data, size_t n);
va_rc_t va_ai_reply_finish(void *self);

VA_END_DECLS

#endif
