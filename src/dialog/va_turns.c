#include "va_turns.h"

#include <string.h>

#include "../wire/va_utf8.h"

#define VA_TURNS_VERSION 0x10
#define VA_TURNS_VERSION_MASK 0xf0
#define VA_TURNS_USER 0x01
#define VA_TURNS_INTERRUPTED 0x02
#define VA_TURNS_TIMED 0x04
#define VA_TURNS_NO_CONFIDENCE 255
#define VA_TURNS_HEAD 4

static size_t va_turns_get(const uint8_t *p)
{
    return p[0] | (size_t)p[1] << 8;
}

static void va_turns_put(uint8_t *p, size_t n)
{
    p[0] = (uint8_t)n;
    p[1] = (uint8_t)(n >> 8);
}

bool va_turns_next(const uint8_t *field, size_t len, size_t *at,
                   va_turn_t *turn)
{
    const uint8_t *p = field + *at;
    size_t left = len - *at, text, head = VA_TURNS_HEAD;

    if (*at > len || left < head ||
        (p[0] & VA_TURNS_VERSION_MASK) != VA_TURNS_VERSION) {
        return false;
    }
    *turn = (va_turn_t){
        .role = p[0] & VA_TURNS_USER ? VA_ROLE_USER : VA_ROLE_ASSISTANT,
        .interrupted = (p[0] & VA_TURNS_INTERRUPTED) != 0,
        .timed = (p[0] & VA_TURNS_TIMED) != 0,
        .confidence = p[1] == VA_TURNS_NO_CONFIDENCE ? -1 : (float)p[1] / 100};
    memset(turn->ms, 0xff, sizeof(turn->ms));
    text = va_turns_get(p + 2);
    if (turn->timed) {
        head += 2 * VA_TURN_TIMES;
    }
    if (left < head || left - head < text) {
        return false;
    }
    for (size_t i = 0; turn->timed && i < VA_TURN_TIMES; i++) {
        turn->ms[i] = (uint16_t)va_turns_get(p + VA_TURNS_HEAD + 2 * i);
    }
    turn->text = (va_str_t){(const char *)p + head, text};
    *at += head + text;
    return true;
}

bool va_turns_last(const uint8_t *field, size_t len, va_turn_t *turn)
{
    va_turn_t next;
    bool found = false;

    for (size_t at = 0; va_turns_next(field, len, &at, &next); found = true) {
        *turn = next;
    }
    return found;
}

/* Drops the oldest turn; what cannot be read is dropped whole. */
static size_t va_turns_drop(uint8_t *field, size_t len)
{
    va_turn_t turn;
    size_t at = 0;

    if (!va_turns_next(field, len, &at, &turn)) {
        return 0;
    }
    memmove(field, field + at, len - at);
    return len - at;
}

size_t va_turns_add(uint8_t *field, size_t len, size_t max,
                    const va_turn_t *turn)
{
    size_t need, head = VA_TURNS_HEAD, n = va_utf8_cut(turn->text, max / 2).len;
    bool timed = false;
    uint8_t *p;

    for (size_t i = 0; i < VA_TURN_TIMES; i++) {
        timed = timed || (turn->timed && turn->ms[i] != VA_TURN_NEVER);
    }
    if (timed) {
        head += 2 * VA_TURN_TIMES;
    }
    need = head + n;
    while (len > max || max - len < need) {
        len = va_turns_drop(field, len);
    }
    p = field + len;
    p[0] = (uint8_t)(VA_TURNS_VERSION |
                     (turn->role == VA_ROLE_USER ? VA_TURNS_USER : 0) |
                     (turn->interrupted ? VA_TURNS_INTERRUPTED : 0) |
                     (timed ? VA_TURNS_TIMED : 0));
    p[1] = VA_TURNS_NO_CONFIDENCE;
    if (turn->confidence >= 0) {
        p[1] = turn->confidence < 1 ? (uint8_t)(turn->confidence * 100 + 0.5f)
                                    : 100;
    }
    va_turns_put(p + 2, n);
    for (size_t i = 0; timed && i < VA_TURN_TIMES; i++) {
        va_turns_put(p + VA_TURNS_HEAD + 2 * i, turn->ms[i]);
    }
    if (n != 0) {
        memcpy(p + head, turn->text.data, n);
    }
    return len + need;
}

const char *va_turn_time_name(va_turn_time_t time)
{
    static const char *const names[] = {
        "silence",     "transcript", "first_text", "first_clause",
        "first_audio", "first_sent", "first_heard"};

    return names[time];
}
