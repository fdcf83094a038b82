#include "va_think.h"

#include <string.h>

static const char open_tag[] = "<think>";
static const char close_tag[] = "</think>";

static bool is_tag(const va_think_t *t, const char *tag)
{
    return t->held_len == strlen(tag) && memcmp(t->held, tag, t->held_len) == 0;
}

static bool may_become(const va_think_t *t, const char *tag)
{
    return t->held_len <= strlen(tag) && memcmp(t->held, tag, t->held_len) == 0;
}

static void say(va_think_t *t, char c, va_buf_t *out)
{
    bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';

    if (t->inside || (space && !t->began)) {
        return;
    }
    t->began = true;
    va_buf_append(out, &c, 1);
}

/* Lets go of the held bytes that cannot begin a tag any more. */
static void settle(va_think_t *t, va_buf_t *out)
{
    while (t->held_len != 0 && !may_become(t, open_tag) &&
           !may_become(t, close_tag)) {
        say(t, t->held[0], out);
        t->held_len--;
        memmove(t->held, t->held + 1, t->held_len);
    }
    if (is_tag(t, open_tag) || is_tag(t, close_tag)) {
        t->inside = is_tag(t, open_tag);
        t->held_len = 0;
    }
}

va_rc_t va_think_feed(va_think_t *t, va_str_t piece, va_buf_t *out)
{
    size_t i;

    for (i = 0; i < piece.len; i++) {
        t->held[t->held_len++] = piece.data[i];
        settle(t, out);
    }
    return out->rc;
}

va_rc_t va_think_finish(va_think_t *t, va_buf_t *out)
{
    size_t i;

    for (i = 0; i < t->held_len; i++) {
        say(t, t->held[i], out);
    }
    t->held_len = 0;
    return out->rc;
}
