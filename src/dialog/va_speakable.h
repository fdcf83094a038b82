/*
 * Makes a text that is still being written fit to be spoken: without markdown,
 * HTML, emoji and what else is for eyes.
 *
 *   **bold**, _soft_, `code`, # heading, > quote   the words alone
 *   - item, * item, • item                         the item, on a line
 *   [text](https://...), <https://...>             the text; the host's name
 *   | a | b |                                      a, b
 *   fenced code, rules, citations such as [3]      nothing
 *
 * Numbers, currencies, times, "2 * 3", "1. First" and scripts of all kinds
 * remain as they are.  White space becomes one space, empty lines go.  What
 * comes out does not depend on the pieces in which the text arrives.
 */
#ifndef VA_SPEAKABLE_H
#define VA_SPEAKABLE_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

#define VA_SPEAKABLE_HOLD 128 /* bytes of input that may wait for more */

/* State between pieces of a text; zero at the beginning. */
typedef struct {
    char held[VA_SPEAKABLE_HOLD];
    size_t held_len;
    enum {
        VA_SPEAKABLE_TEXT,
        VA_SPEAKABLE_LINE,   /* drops the rest of the line */
        VA_SPEAKABLE_TARGET, /* drops what a link leads to */
        VA_SPEAKABLE_HOST,   /* says the host of a URL */
        VA_SPEAKABLE_PATH    /* drops the rest of it */
    } mode;
    unsigned depth; /* of parentheses in a target */
    bool fence;     /* between two lines of three backticks */
    bool on_line;   /* words or marks inside a line came */
    bool on_host;   /* the first character of a host came */
    bool angle;     /* "<" of an address came */
    bool emoji;     /* the latest character was one */
    bool space;     /* white space is due */
    bool gap;       /* where a picture was */
    char before;    /* class of the latest character: 'a', ' ' or '.' */
    char last;      /* byte that was put out last, 0 for none */
} va_speakable_t;

VA_BEGIN_DECLS

/* Feeds a piece and appends what can be said already.  Returns out->rc. */
va_rc_t va_speakable_feed(va_speakable_t *s, va_str_t piece, va_buf_t *out);

/* Ends the text; the state is then ready for another.  Returns out->rc. */
va_rc_t va_speakable_finish(va_speakable_t *s, va_buf_t *out);

/* Returns whether a character is only for eyes: emoji, arrows, formatting. */
bool va_speakable_is_mute(uint32_t c);

VA_END_DECLS

#endif
