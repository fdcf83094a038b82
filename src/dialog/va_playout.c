#include "va_playout.h"

#include <stdio.h>
#include <string.h>

#include "../audio/va_g711.h"

#define VA_SAMPLES_PER_MS (VA_RATE / 1000)

void va_playout_begin(va_playout_t *p)
{
    p->generation++;
    p->next_mark = 1;
    p->behind += p->mark_count;
    p->mark_count = 0;
    p->sent = 0;
    p->heard = 0;
}

void va_playout_clear(va_playout_t *p)
{
    p->cleared = p->generation;
    p->behind = 0;
    p->mark_count = 0;
    p->soonest = 0;
    p->end_ms = 0;
}

void va_playout_rewind(va_playout_t *p, uint64_t position)
{
    p->cleared = p->generation - 1;
    p->sent = position;
    p->heard = position;
}

void va_playout_send(va_playout_t *p, uint64_t samples, uint64_t now_ms)
{
    uint64_t ms = samples / VA_SAMPLES_PER_MS;

    p->sent += samples;
    p->soonest = (p->soonest > now_ms ? p->soonest : now_ms) + ms;
    p->end_ms = (p->end_ms > now_ms ? p->end_ms : now_ms) + ms;
}

uint64_t va_playout_room(const va_playout_t *p, uint64_t now_ms,
                         uint32_t ahead_ms)
{
    uint64_t ahead = p->end_ms > now_ms ? p->end_ms - now_ms : 0;

    return ahead < ahead_ms ? (ahead_ms - ahead) * VA_SAMPLES_PER_MS : 0;
}

uint32_t va_playout_mark(va_playout_t *p, char name[VA_PLAYOUT_NAME])
{
    va_playout_mark_t *mark;

    if (p->mark_count == VA_PLAYOUT_MARKS) {
        return 0;
    }
    mark = &p->marks[p->mark_count++];
    mark->number = p->next_mark++;
    mark->position = p->sent;
    snprintf(name, VA_PLAYOUT_NAME, "g%u:%u", p->generation, mark->number);
    return mark->number;
}

/* Reads a name exactly as it was written.  Returns whether it is one. */
static bool va_playout_parse(va_str_t name, unsigned *generation,
                             unsigned *number)
{
    char text[VA_PLAYOUT_NAME];
    char again[VA_PLAYOUT_NAME];

    if (name.len >= sizeof(text)) {
        return false;
    }
    va_str_copy(text, sizeof(text), name);
    if (sscanf(text, "g%9u:%9u", generation, number) != 2) {
        return false;
    }
    snprintf(again, sizeof(again), "g%u:%u", *generation, *number);
    return va_str_eq(name, va_str(again));
}

uint32_t va_playout_returned(va_playout_t *p, va_str_t name, uint64_t now_ms)
{
    unsigned generation;
    unsigned number;
    uint64_t end;
    size_t i;

    if (!va_playout_parse(name, &generation, &number)) {
        return 0;
    }
    if (generation != p->generation) {
        if (generation < p->generation && generation > p->cleared &&
            p->behind > 0) {
            p->behind--;
        }
        return 0;
    }
    for (i = 0; i < p->mark_count && p->marks[i].number != number; i++) {
    }
    if (i == p->mark_count) {
        return 0;
    }
    p->heard = p->marks[i].position;
    /* What follows cannot be over sooner than it takes to play all that was
       sent, whatever the mark says. */
    end = now_ms + (p->sent - p->heard) / VA_SAMPLES_PER_MS;
    p->end_ms = end > p->soonest ? end : p->soonest;
    /* Marks come back in order, so the ones before this were lost. */
    p->behind = 0;
    p->mark_count -= i + 1;
    memmove(p->marks, p->marks + i + 1, p->mark_count * sizeof(p->marks[0]));
    return number;
}

uint64_t va_playout_heard(const va_playout_t *p, uint64_t now_ms)
{
    uint64_t left =
        p->end_ms > now_ms ? (p->end_ms - now_ms) * VA_SAMPLES_PER_MS : 0;
    uint64_t heard = left < p->sent ? p->sent - left : 0;

    return heard > p->heard ? heard : p->heard;
}

bool va_playout_done(const va_playout_t *p, uint64_t now_ms)
{
    return p->mark_count == 0 ? p->end_ms <= now_ms || p->heard == p->sent
                              : now_ms >= p->end_ms + VA_PLAYOUT_GRACE_MS;
}

bool va_playout_pending(const va_playout_t *p, uint64_t now_ms)
{
    return p->mark_count != 0 || p->behind != 0 || p->end_ms > now_ms;
}
