#include "va_status.h"

#define SEQUENCE_MAX 2147483647

/* By va_status_t. */
static const char *const statuses[] = {
    "",          "queued", "initiated", "ringing",   "in-progress",
    "completed", "busy",   "failed",    "no-answer", "canceled"};

/* By va_answered_t. */
static const char *const answers[] = {"",
                                      "human",
                                      "machine_start",
                                      "machine_end_beep",
                                      "machine_end_silence",
                                      "machine_end_other",
                                      "fax",
                                      "unknown"};

/* Returns the place of s among n words, 0 for one that is not there. */
static unsigned place_of(va_str_t s, const char *const *words, unsigned n)
{
    unsigned i;

    for (i = 1; i < n; i++) {
        if (va_str_eq(s, va_str(words[i]))) {
            return i;
        }
    }
    return 0;
}

va_status_t va_status_parse(va_str_t s)
{
    return (va_status_t)place_of(s, statuses,
                                 sizeof(statuses) / sizeof(statuses[0]));
}

const char *va_status_name(va_status_t status)
{
    return statuses[status];
}

bool va_status_final(va_status_t status)
{
    return status >= VA_STATUS_COMPLETED;
}

va_step_t va_status_step(va_status_t *current, uint32_t *seen, va_status_t next,
                         int64_t sequence)
{
    /* One more than the number, so that 0 means none. */
    uint32_t number =
        sequence >= 0 && sequence <= SEQUENCE_MAX ? (uint32_t)sequence + 1 : 0;
    bool overtaken = number != 0 && number <= *seen;

    if (next == VA_STATUS_NONE) {
        return VA_STEP_STALE;
    }
    if (number > *seen) {
        *seen = number;
    }
    if (next == *current) {
        return VA_STEP_REPEATED;
    }
    if (va_status_final(*current) || next < *current ||
        (overtaken && !va_status_final(next))) {
        return VA_STEP_STALE;
    }
    *current = next;
    return VA_STEP_CHANGED;
}

int64_t va_status_sequence(va_str_t s)
{
    int64_t value = 0;
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (s.data[i] - '0');
        if (value > SEQUENCE_MAX) {
            return -1;
        }
    }
    return s.len != 0 ? value : -1;
}

va_answered_t va_answered_parse(va_str_t s)
{
    return (va_answered_t)place_of(s, answers,
                                   sizeof(answers) / sizeof(answers[0]));
}

const char *va_answered_name(va_answered_t answered)
{
    return answers[answered];
}

bool va_answered_machine(va_answered_t answered)
{
    return answered >= VA_ANSWERED_MACHINE_START && answered <= VA_ANSWERED_FAX;
}

bool va_answered_message(va_answered_t answered)
{
    return answered >= VA_ANSWERED_MACHINE_END_BEEP &&
           answered <= VA_ANSWERED_MACHINE_END_OTHER;
}
