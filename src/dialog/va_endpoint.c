#include "va_endpoint.h"

#include "va_utterance.h"

/* Silence that ends a turn, in ms, by what its words look like. */
#define VA_NEED_FINISHED 0 /* over the minimum */
#define VA_NEED_OPEN 650
#define VA_NEED_OPEN_MAX 1000 /* for a caller who pauses long */
#define VA_NEED_EMPTY 1000
#define VA_NEED_NUMBER 1600
#define VA_NEED_HANGING 2200

#define VA_PACE_SHIFT 2 /* a new pause counts for a quarter */
#define VA_PACE_MIN_MS 100

void va_pace_note(va_pace_t *pace, uint32_t pause_ms)
{
    int32_t error;

    if (pause_ms < VA_PACE_MIN_MS) {
        return;
    }
    if (pace->count++ == 0) {
        pace->mean_ms = pause_ms;
        pace->spread_ms = pause_ms / 4;
        return;
    }
    error = (int32_t)pause_ms - (int32_t)pace->mean_ms;
    pace->mean_ms =
        (uint32_t)((int32_t)pace->mean_ms + error / (1 << VA_PACE_SHIFT));
    error = (error < 0 ? -error : error) - (int32_t)pace->spread_ms;
    pace->spread_ms =
        (uint32_t)((int32_t)pace->spread_ms + error / (1 << VA_PACE_SHIFT));
}

/* Returns what the caller's pauses within a turn seldom reach. */
static uint32_t va_pace_long(const va_pace_t *pace)
{
    return pace->count == 0 ? 0 : pace->mean_ms + 2 * pace->spread_ms;
}

uint32_t va_endpoint_need(const va_pause_t *pause, const va_pace_t *pace)
{
    uint32_t need = pause->max_ms;
    uint32_t slow = va_pace_long(pace);

    if (pause->known) {
        switch (va_utterance_class(pause->text)) {
        case VA_UTTERANCE_EMPTY:
            need = VA_NEED_EMPTY;
            break;
        case VA_UTTERANCE_FINISHED:
            need = VA_NEED_FINISHED;
            break;
        case VA_UTTERANCE_OPEN:
            need = slow < VA_NEED_OPEN_MAX ? slow : VA_NEED_OPEN_MAX;
            need = need > VA_NEED_OPEN ? need : VA_NEED_OPEN;
            break;
        case VA_UTTERANCE_NUMBER:
            need = VA_NEED_NUMBER > slow ? VA_NEED_NUMBER : slow;
            break;
        case VA_UTTERANCE_HANGING:
            need = VA_NEED_HANGING > slow ? VA_NEED_HANGING : slow;
            break;
        }
    }
    if (pause->said_over) {
        need = 0;
    }
    need = need > pause->min_ms ? need : pause->min_ms;
    return need < pause->max_ms ? need : pause->max_ms;
}

bool va_endpoint_likely(va_str_t text)
{
    va_utterance_class_t class = va_utterance_class(text);

    return class == VA_UTTERANCE_FINISHED || class == VA_UTTERANCE_OPEN;
}
