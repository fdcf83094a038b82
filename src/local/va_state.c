#include <string.h>

#include "va_stt.h"

#define LOOK 1024
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What "yes" or "no" answers, wherever it stands in a question. */
static const char *const closed[] = {
    "is that right",       "is that correct",    "is this right",
    "is this correct",     "is that all",        "is that okay",
    "yes or no",           "would you like to ", "do you want ",
    "are you sure",        "is there anything",  "are you still there",
    "anything else i can",
};

/* The same where it begins the question. */
static const char *const closing[] = {
    "shall ", "should ", "can i ", "may i ", "do you ", "did you ", "is it ",
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
    while (said.data[begin] == ' ') {
        begin++;
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

    if (!last_question(question, sizeof(question), said_last)) {
        return "open";
    }
    for (i = 0; i < COUNT(closed); i++) {
        if (strstr(question, closed[i]) != NULL) {
            return "confirm";
        }
    }
    for (i = 0; i < COUNT(closing); i++) {
        if (strncmp(question, closing[i], strlen(closing[i])) == 0) {
            return "confirm";
        }
    }
    return "open";
}
