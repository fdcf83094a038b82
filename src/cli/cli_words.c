#include "cli_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const small[] = {
    "zero",    "one",     "two",       "three",    "four",
    "five",    "six",     "seven",     "eight",    "nine",
    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"twenty", "thirty",  "forty",  "fifty",
                                   "sixty",  "seventy", "eighty", "ninety"};

static void add(cli_words_t *w, const char *word)
{
    if (w->count < CLI_WORDS_MAX) {
        va_str_copy(w->word[w->count++], CLI_WORD_LEN, va_str(word));
    }
}

static void add_number(cli_words_t *w, const char *digits)
{
    size_t len = strlen(digits);
    unsigned n;

    if (len > 2 || (len == 2 && digits[0] == '0')) {
        for (; *digits != '\0'; digits++) {
            add(w, small[*digits - '0']);
        }
        return;
    }
    n = (unsigned)atoi(digits);
    if (n < 20) {
        add(w, small[n]);
        return;
    }
    add(w, tens[n / 10 - 2]);
    if (n % 10 != 0) {
        add(w, small[n % 10]);
    }
}

static void add_word(cli_words_t *w, char *word)
{
    if (strspn(word, "0123456789") == strlen(word)) {
        add_number(w, word);
    } else if (strcmp(word, "am") == 0 && w->count > 0) {
        /* "I am" has the same letters; a time has a number before them. */
        if (strcmp(w->word[w->count - 1], "i") == 0) {
            add(w, word);
        } else {
            add(w, "a");
            add(w, "m");
        }
    } else if (strcmp(word, "pm") == 0) {
        add(w, "p");
        add(w, "m");
    } else {
        add(w, word);
    }
}

static int kind_of(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return 1;
    }
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 ? 2
                                                                         : 0;
}

void cli_words(cli_words_t *out, va_str_t text)
{
    char word[CLI_WORD_LEN];
    size_t i = 0, n;
    int kind;

    out->count = 0;
    while (i < text.len) {
        kind = kind_of((unsigned char)text.data[i]);
        if (kind == 0) {
            if (text.data[i] == '*') {
                add(out, "*");
            }
            i++;
            continue;
        }
        for (n = 0; i < text.len; i++) {
            unsigned char c = (unsigned char)text.data[i];

            if (c == '\'' && kind == 2) {
                continue;
            }
            if (kind_of(c) != kind) {
                break;
            }
            if (n + 1 < sizeof(word)) {
                word[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
            }
        }
        word[n] = '\0';
        add_word(out, word);
    }
}

bool cli_words_contain(const cli_words_t *text, const cli_words_t *pattern)
{
    size_t part = 0, at = 0, len, k;

    while (part < pattern->count) {
        if (strcmp(pattern->word[part], "*") == 0) {
            part++;
            continue;
        }
        for (len = 0; part + len < pattern->count &&
                      strcmp(pattern->word[part + len], "*") != 0;
             len++) {
        }
        /* The first place where a part fits leaves most for the others. */
        for (;; at++) {
            if (at + len > text->count) {
                return false;
            }
            for (k = 0; k < len && strcmp(text->word[at + k],
                                          pattern->word[part + k]) == 0;
                 k++) {
            }
            if (k == len) {
                break;
            }
        }
        at += len;
        part += len;
    }
    return true;
}

static const char *word_at(const cli_words_t *w, size_t i)
{
    return i < w->count ? w->word[i] : "";
}

static int find(const char *const *list, size_t count, const char *word)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(list[i], word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Reads a number from 0 to 59 at *i and moves it on; -1 and no move if none. */
static int number_at(const cli_words_t *w, size_t *i)
{
    const char *word = word_at(w, *i);
    int n = find(small, 20, word), unit;

    if (n >= 0) {
        (*i)++;
        return n;
    }
    n = find(tens, 4, word);
    if (n < 0) {
        return -1;
    }
    n = 20 + 10 * n;
    unit = find(small, 10, word_at(w, *i + 1));
    *i += unit > 0 ? 2 : 1;
    return unit > 0 ? n + unit : n;
}

/* Reads what follows the hour: "forty two", "oh five", "o clock" or nothing. */
static int minutes_at(const cli_words_t *w, size_t *i)
{
    const char *word = word_at(w, *i);
    int n;

    if (strcmp(word, "oclock") == 0 || strcmp(word, "hundred") == 0) {
        (*i)++;
        return 0;
    }
    if (strcmp(word, "o") == 0 || strcmp(word, "oh") == 0 ||
        strcmp(word, "zero") == 0) {
        (*i)++;
        if (strcmp(word_at(w, *i), "clock") == 0) {
            (*i)++;
            return 0;
        }
        n = number_at(w, i);
        return n >= 0 && n < 10 ? n : -1;
    }
    return number_at(w, i);
}

static int time_at(const cli_words_t *w, size_t i, bool *half)
{
    int hour = number_at(w, &i), minute;
    bool pm;

    *half = false;
    if (hour < 0 || hour > 23) {
        return -1;
    }
    minute = minutes_at(w, &i);
    if ((strcmp(word_at(w, i), "a") == 0 || strcmp(word_at(w, i), "p") == 0) &&
        strcmp(word_at(w, i + 1), "m") == 0) {
        pm = word_at(w, i)[0] == 'p';
        *half = true;
        minute = minute < 0 ? 0 : minute;
        if (hour < 1 || hour > 12) {
            return -1;
        }
        hour = hour % 12 + (pm ? 12 : 0);
    }
    *half = *half || hour > 12 || hour == 0;
    return minute < 0 || minute > 59 ? -1 : hour * 60 + minute;
}

int cli_words_time(const cli_words_t *text, bool *half)
{
    size_t i;
    int told;

    for (i = 0; i < text->count; i++) {
        if (strcmp(text->word[i], "noon") == 0 ||
            strcmp(text->word[i], "midnight") == 0) {
            *half = true;
            return text->word[i][0] == 'n' ? 12 * 60 : 0;
        }
        told = time_at(text, i, half);
        if (told >= 0) {
            return told;
        }
    }
    return -1;
}

bool cli_time_near(int told, bool half, int from, int to)
{
    int t, day = half ? 24 * 60 : 12 * 60;

    if (told < 0) {
        return false;
    }
    if (to < from) {
        to += 24 * 60; /* the answer was given over midnight */
    }
    for (t = from - 1; t <= to + 1; t++) {
        if ((t + 24 * 60) % day == told % day) {
            return true;
        }
    }
    return false;
}
