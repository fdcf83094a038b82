#include <string.h>

#include "va_stt.h"

#define LOOK 1024

/* Questions that "yes" or "no" answers, as they begin or end. */
static const char *const closed[] = {
    "is that right",
    "is that correct",
    "is this right",
    "is this correct",
    "is that all",
    "is that okay",
    "yes or no",
    "shall i ",
    "would you like to ",
    "do you want ",
    "are you sure",
    "can i ",
    "may i ",
    "do you have ",
    "are you still there",
    "should i ",
    "do you need ",
    "did you ",
    "is there anything",
};

/* Copies the last question of a text in lower case; false without one. */
static bool last_question(char *out, size_t cap, va_str_t said)
{
    size_t end = said.len, begin, i, n = 0;

    while (end > 0 && strchr(" \t\r\n\"", said.data[end - 1]) != NULL) {
        end--;
    }
    if (end == 0) {
        return false;
    }
    begin = end - 1;
    while (begin > 0 && strchr(".!?\n", said.data[begin - 1]) == NULL) {
        begin--;
    }
    for (i = begin; i < end && n < cap - 1; i++) {
        out[n++] = said.data[i] >= 'A' && said.data[i] <= 'Z'
                       ? (char)(said.data[i] - 'A' + 'a')
                       : said.data[i];
    }
    out[n] = '\0';
    return true;
}

const char *va_stt_state(va_str_t said_last)
{
    char question[LOOK];
    size_t i;

    if (last_question(question, sizeof(question), said_last)) {
        for (i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
            if (strstr(question, closed[i]) != NULL) {
                return "confirm";
            }
        }
    }
    return "open";
}
