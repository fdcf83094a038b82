#include "va_endpoint.h"

#include "va_utterance.h"

/* Silence that ends a turn, in ms, by what its words look like. */
static const uint32_t va_needs[] = {
    [VA_UTTERANCE_EMPTY] = 1000,
    [VA_UTTERANCE_ANSWERED] = 0, /* the minimum */
    [VA_UTTERANCE_FINISHED] = 0,
    [VA_UTTERANCE_OPEN] = 800,
    [VA_UTTERANCE_PROMISING] = 1200,
    [VA_UTTERANCE_NUMBER] = 2000,
    [VA_UTTERANCE_HANGING] = 2200,
};

#define VA_STATEMENT_MS 150 /* over the minimum: people go on after one */
#define VA_OPEN_MAX_MS 1200 /* for a caller who pauses long */
#define VA_PACE_SHIFT 2     /* a new pause counts for a quarter */
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

/* Returns the silence that the words call for; slow is how long this caller's
   pauses get. */
static uint32_t va_endpoint_words(const va_pause_t *pause, uint32_t slow)
{
    va_utterance_class_t class = va_utterance_class(pause->text);
    uint32_t need = va_needs[class];

    switch (class) {
    case VA_UTTERANCE_FINISHED:
        return pause->min_ms + VA_STATEMENT_MS;
    case VA_UTTERANCE_OPEN:
    case VA_UTTERANCE_PROMISING:
        slow = slow < VA_OPEN_MAX_MS ? slow : VA_OPEN_MAX_MS;
        return need > slow ? need : slow;
    case VA_UTTERANCE_NUMBER:
    case VA_UTTERANCE_HANGING:
        return need > slow ? need : slow;
    default:
        return need;
    }
}

uint32_t va_endpoint_need(const va_pause_t *pause, const va_pace_t *pace)
{
    uint32_t need = pause->max_ms;

    if (pause->known) {
        need = va_endpoint_words(pause, va_pace_long(pace));
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

    return class == VA_UTTERANCE_ANSWERED || class == VA_UTTERANCE_FINISHED ||
           class == VA_UTTERANCE_OPEN;
}
