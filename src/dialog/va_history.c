#include "va_history.h"

#include <stdlib.h>
#include <string.h>

#include "../wire/va_utf8.h"

#define VA_HISTORY_TEXT (VA_HISTORY_BYTES / 2)

void va_history_init(va_history_t *h)
{
    memset(h, 0, sizeof(*h));
}

static void va_history_drop_oldest(va_history_t *h)
{
    h->bytes -= h->turns[0].len;
    free(h->turns[0].text);
    h->count--;
    memmove(h->turns, h->turns + 1, h->count * sizeof(h->turns[0]));
    h->dropped++;
}

void va_history_free(va_history_t *h)
{
    for (size_t i = 0; i < h->count; i++) {
        free(h->turns[i].text);
    }
    va_history_init(h);
}

static va_rc_t va_history_join(va_history_t *h, va_str_t text, float confidence)
{
    va_history_turn_t *last = &h->turns[h->count - 1];
    char *joined;

    h->before = last->len;
    h->confidence = last->confidence;
    if (last->len >= VA_HISTORY_TEXT) {
        return VA_OK;
    }
    text = va_utf8_cut(text, VA_HISTORY_TEXT - last->len);
    if (text.len == 0) {
        return VA_OK;
    }
    joined = realloc(last->text, last->len + text.len + 2);
    if (joined == NULL) {
        return VA_NOMEM;
    }
    joined[last->len] = ' ';
    memcpy(joined + last->len + 1, text.data, text.len);
    last->text = joined;
    last->len += text.len + 1;
    last->text[last->len] = '\0';
    h->bytes += text.len + 1;
    if (confidence >= 0 &&
        (last->confidence < 0 || confidence < last->confidence)) {
        last->confidence = confidence;
    }
    return VA_OK;
}

va_rc_t va_history_add(va_history_t *h, va_role_t role, va_str_t text,
                       float confidence, bool interrupted)
{
    va_history_turn_t *turn;
    va_rc_t rc = VA_OK;
    char *copy;

    if (text.len == 0) {
        return VA_OK;
    }
    h->before = 0;
    if (role == VA_ROLE_USER && h->count > 0 &&
        h->turns[h->count - 1].role == VA_ROLE_USER) {
        rc = va_history_join(h, text, confidence);
    } else {
        text = va_utf8_cut(text, VA_HISTORY_TEXT);
        copy = va_str_dup(text);
        if (copy == NULL) {
            return VA_NOMEM;
        }
        if (h->count == VA_HISTORY_TURNS) {
            va_history_drop_oldest(h);
        }
        turn = &h->turns[h->count++];
        *turn = (va_history_turn_t){.role = role,
                                    .text = copy,
                                    .len = text.len,
                                    .interrupted = interrupted,
                                    .confidence = confidence};
        memset(turn->ms, 0xff, sizeof(turn->ms));
        h->bytes += text.len;
    }
    while (h->bytes > VA_HISTORY_BYTES && h->count > 1) {
        va_history_drop_oldest(h);
    }
    return rc;
}

void va_history_retract(va_history_t *h)
{
    va_history_turn_t *last;

    if (h->count == 0 || h->turns[h->count - 1].role != VA_ROLE_USER) {
        return;
    }
    last = &h->turns[h->count - 1];
    h->bytes -= last->len - h->before;
    if (h->before == 0) {
        free(last->text);
        h->count--;
    } else {
        last->len = h->before;
        last->text[last->len] = '\0';
        last->confidence = h->confidence;
    }
}

void va_history_time(va_history_t *h, const uint16_t ms[VA_TURN_TIMES])
{
    if (h->count > 0) {
        memcpy(h->turns[h->count - 1].ms, ms, sizeof(h->turns[0].ms));
    }
}

va_str_t va_history_last(const va_history_t *h, va_role_t role)
{
    for (size_t i = h->count; i > 0; i--) {
        if (h->turns[i - 1].role == role) {
            return (va_str_t){h->turns[i - 1].text, h->turns[i - 1].len};
        }
    }
    return (va_str_t){NULL, 0};
}

size_t va_history_messages(const va_history_t *h, va_ai_message_t *out,
                           size_t max)
{
    size_t first = h->count > max ? h->count - max : 0;

    for (size_t i = first; i < h->count; i++) {
        out[i - first] =
            (va_ai_message_t){.role = h->turns[i].role,
                              .text = {h->turns[i].text, h->turns[i].len}};
    }
    return h->count - first;
}
