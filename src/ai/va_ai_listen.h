/*
 * What recognisers that stream have in common: one WebSocket, messages of JSON
 * in text frames, pieces that are final and pieces that are not.
 */
#ifndef VA_AI_LISTEN_H
#define VA_AI_LISTEN_H

#include "va_ai_provider.h"

#define VA_AI_LISTEN_MAX 262144 /* bytes of one message */

struct yajl_val_s;

/* The beginning of a reader of this sort. */
typedef struct va_ai_listen {
    va_ai_reader_t *r;
    /* Takes one message; what is not an object does not come here. */
    va_rc_t (*take)(struct va_ai_listen *l, struct yajl_val_s *v);
    /* Says why it was closed with that status, or VA_AI_FINE. */
    va_ai_error_class_t (*why)(unsigned code);
    bool partial; /* the latest piece was not final */
    bool words;   /* the turn has words */
    bool done;    /* the recogniser said that there is no more */
    long turn;    /* the number of the latest turn that ended */
} va_ai_listen_t;

VA_BEGIN_DECLS

/*
 * va_ai_begin for a WebSocket: of a base of http:// or https:// the scheme
 * becomes ws:// or wss://.
 */
va_rc_t va_ai_begin_ws(va_ai_request_t *req, const va_ai_conf_t *conf,
                       const char *path);

/* Tells what was understood.  An empty text takes the piece before away. */
va_rc_t va_ai_listen_partial(va_ai_listen_t *l, va_str_t text);
va_rc_t va_ai_listen_final(va_ai_listen_t *l, va_str_t text, double confidence);

/* Tells that the turn is over, if anything was said in it. */
va_rc_t va_ai_listen_end(va_ai_listen_t *l);

va_rc_t va_ai_listen_flushed(va_ai_listen_t *l);

/* Members of va_ai_reader_ops_t; create is the provider's. */
void *va_ai_listen_new(va_ai_reader_t *r,
                       va_rc_t (*take)(va_ai_listen_t *l, struct yajl_val_s *v),
                       va_ai_error_class_t (*why)(unsigned code));
void va_ai_listen_free(void *self);
va_rc_t va_ai_listen_head(void *self, va_str_t content_type);
va_rc_t va_ai_listen_message(void *self, bool text, const uint8_t *data,
                             size_t n);
va_rc_t va_ai_listen_closed(void *self, unsigned code, va_str_t reason);

VA_END_DECLS

#endif
