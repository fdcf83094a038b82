/*
 * The media message has two readers, a scanner for the usual form and yajl for
 * all others.  They must agree on every text that the scanner takes.
 */
#ifndef MEDIA_SAME_H
#define MEDIA_SAME_H

#include <stdlib.h>
#include <string.h>

#include "twilio/va_media.h"
#include "twilio/va_media_scan.h"
#include "wire/va_json.h"

/* Adds a member that only yajl takes, in front of all others. */
static inline va_rc_t media_add_member(va_buf_t *b, va_str_t text)
{
    const char *brace = memchr(text.data, '{', text.len);
    size_t head = (size_t)(brace - text.data) + 1;

    va_buf_append(b, text.data, head);
    va_buf_puts(b, "\"x\":[{}],");
    return va_buf_append(b, text.data + head, text.len - head);
}

static inline bool media_equal(const va_media_msg_t *a, const va_media_msg_t *b)
{
    return a->type == b->type && va_str_eq(a->stream_sid, b->stream_sid) &&
           va_str_eq(a->call_sid, b->call_sid) &&
           va_str_eq(a->account_sid, b->account_sid) &&
           a->sequence == b->sequence && a->timestamp == b->timestamp &&
           a->outbound == b->outbound && va_str_eq(a->payload, b->payload) &&
           va_str_eq(a->mark, b->mark) && a->digit == b->digit &&
           va_str_eq(a->encoding, b->encoding) && a->rate == b->rate &&
           a->channels == b->channels && a->param_count == b->param_count;
}

/*
 * Returns NULL when text is treated the same by both readers, else what is
 * not.  *scanned says whether the scanner took it.
 */
static inline const char *media_differs(va_str_t text, bool *scanned)
{
    va_media_msg_t fast;
    va_media_msg_t slow;
    va_media_t *m = va_media_new();
    va_json_t *tree = va_json_parse(text, NULL, 0);
    const char *why = NULL;
    va_buf_t b;

    memset(&fast, 0, sizeof(fast));
    va_buf_init(&b, text.len + 64);
    *scanned = va_media_scan(text, &fast);
    if (m == NULL) {
        why = "no memory";
    } else if (!*scanned) {
        va_rc_t rc = va_media_parse(m, text, &slow);

        if ((rc == VA_OK) != (va_media_error(m)[0] == '\0')) {
            why = "refused without a reason";
        }
    } else if (tree == NULL) {
        why = "taken, but not JSON";
    } else if (media_add_member(&b, text) != VA_OK ||
               va_media_parse(m, va_buf_view(&b), &slow) != VA_OK) {
        why = "refused by yajl";
    } else if (!media_equal(&fast, &slow)) {
        why = "read differently by yajl";
    } else if (va_media_parse(m, text, &slow) != VA_OK ||
               !media_equal(&fast, &slow)) {
        why = "not what the reader says";
    }
    va_json_free(tree);
    va_buf_free(&b);
    va_media_free(m);
    return why;
}

#endif
