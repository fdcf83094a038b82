#include "va_endpoint.h"

#include "va_utterance.h"

/* Silence that ends a turn, in ms over the minimum, by what its words look
   like. */
static const uint32_t va_needs[] = {
    [VA_UTTERANCE_EMPTY] = 700,    [VA_UTTERANCE_ANSWERED] = 0,
    [VA_UTTERANCE_FINISHED] = 250, /* people go on after one */
    [VA_UTTERANCE_OPEN] = 500,     [VA_UTTERANCE_PROMISING] = 900,
    [VA_UTTERANCE_NUMBER] = 1700,  [VA_UTTERANCE_HANGING] = 1900,
};

/* So few words that are no answer are more often a begin than a turn; and a
   recogniser puts its full stop behind whatever it is given. */
#define VA_FEW_WORDS 2
#define VA_FEW_FINISHED_MS 300
#define VA_OPEN_MAX_MS 900 /* few words, or a caller who pauses long */
#define VA_PACE_SHIFT 2    /* a new pause counts for a quarter */
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

/* Returns the silence over min_ms that the words call for; slow is how long
   this caller's pauses get, over min_ms too. */
static uint32_t va_endpoint_words(va_str_t text, uint32_t slow)
{
    va_utterance_class_t class = va_utterance_class(text);
    bool few = va_utterance_words(text) <= VA_FEW_WORDS;
    uint32_t need = va_needs[class];

    switch (class) {
    case VA_UTTERANCE_FINISHED:
        return few ? VA_FEW_FINISHED_MS : need;
    case VA_UTTERANCE_OPEN:
        slow = few || slow > VA_OPEN_MAX_MS ? VA_OPEN_MAX_MS : slow;
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
    uint32_t slow = va_pace_long(pace);

    if (pause->said_over) {
        need = pause->min_ms;
    } else if (pause->known) {
        slow = slow > pause->min_ms ? slow - pause->min_ms : 0;
        need = pause->min_ms + va_endpoint_words(pause->text, slow);
    }
    return need < pause->max_ms ? need : pause->max_ms;
}

bool va_endpoint_likely(va_str_t text)
{
    va_utterance_class_t class = va_utterance_class(text);

    return class == VA_UTTERANCE_ANSWERED || class == VA_UTTERANCE_FINISHED ||
           class == VA_UTTERANCE_OPEN;
}
