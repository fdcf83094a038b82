/*
 * The conversation that needs no model: rules that greet, tell the time and
 * the date, help, say goodbye, and ask back when they did not understand.
 */
#ifndef VA_RESPONDER_H
#define VA_RESPONDER_H

#include <time.h>

#include "../base/va_base.h"

#define VA_RESPONDER_TEXT 256

typedef struct {
    char text[VA_RESPONDER_TEXT]; /* what to say; never empty */
    bool end;                     /* hang up after it was heard */
} va_reply_t;

VA_BEGIN_DECLS

/*
 * Answers what the caller said (UTF-8, any length, possibly empty).  now is
 * the local time to tell.  Deterministic: the same words and time give the
 * same reply.
 */
void va_responder_reply(va_reply_t *reply, va_str_t said, const struct tm *now);

/* Returns whether the caller takes leave: "goodbye", "that is all", ... */
bool va_responder_goodbye(va_str_t said);

/*
 * Returns whether the caller asks to hear the last answer again.  Who keeps
 * the conversation can then say it once more; va_responder_reply, which keeps
 * nothing, asks how it can help.
 */
bool va_responder_repeat(va_str_t said);

VA_END_DECLS

#endif
