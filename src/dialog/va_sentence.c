#include "va_sentence.h"

#include <ctype.h>
#include <string.h>

/* Titles and the like whose full stop is part of the word. */
static const char *const va_abbreviations[] = {
    "mr",   "mrs", "ms",   "dr",   "prof", "sr",   "jr",  "st",  "vs",
    "inc",  "ltd", "co",   "corp", "no",   "nr",   "tel", "ext", "approx",
    "dept", "est", "fig",  "gen",  "col",  "capt", "lt",  "sgt", "rev",
    "hon",  "ave", "blvd", "rd",   "etc",  "e.g",  "i.e"};

static bool va_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Returns the length of the sentence end at text[i], or 0. */
static size_t va_end_mark(va_str_t text, size_t i)
{
    static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x81",
                                       "\xef\xbc\x9f", "\xe0\xa5\xa4"};

    if (text.data[i] == '.' || text.data[i] == '!' || text.data[i] == '?') {
        return 1;
    }
    for (size_t k = 0; k < sizeof(wide) / sizeof(wide[0]); k++) {
        if (text.len - i >= 3 && memcmp(text.data + i, wide[k], 3) == 0) {
            return 3;
        }
    }
    return 0;
}

/* Returns whether the full stop at text[dot] belongs to the word before it. */
static bool va_is_abbreviation(va_str_t text, size_t dot)
{
    char word[8];
    size_t begin = dot;
    size_t len;

    while (begin > 0 && !va_is_space(text.data[begin - 1]) &&
           text.data[begin - 1] != '(' && text.data[begin - 1] != '"') {
        begin--;
    }
    len = dot - begin;
    /* A lone capital is taken for an initial: to wait one sentence longer
       after "plan B." costs less than to stop inside "J. Smith". */
    if (len == 1 && isupper((unsigned char)text.data[begin]) &&
        text.data[begin] != 'I') {
        return true;
    }
    if (len == 0 || len >= sizeof(word)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        word[i] = (char)tolower((unsigned char)text.data[begin + i]);
    }
    word[len] = '\0';
    for (size_t i = 0;
         i < sizeof(va_abbreviations) / sizeof(va_abbreviations[0]); i++) {
        if (strcmp(word, va_abbreviations[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void va_sentence_give(va_str_t text, size_t end, size_t *used,
                             va_str_t *sentence)
{
    size_t begin = 0;

    *used = end;
    while (begin < end && va_is_space(text.data[begin])) {
        begin++;
    }
    while (end > begin && va_is_space(text.data[end - 1])) {
        end--;
    }
    *sentence = (va_str_t){text.data + begin, end - begin};
}

/* Where to cut a text that found no end: after a clause, else after a word. */
static size_t va_sentence_cut(va_str_t text)
{
    size_t word = 0;
    size_t i;

    for (i = VA_SENTENCE_MAX; i > VA_SENTENCE_MAX / 2; i--) {
        char c = text.data[i - 1];

        if (va_is_space(text.data[i]) && (c == ',' || c == ';' || c == ':')) {
            return i;
        }
        if (word == 0 && va_is_space(text.data[i])) {
            word = i;
        }
    }
    if (word != 0) {
        return word;
    }
    i = VA_SENTENCE_MAX;
    while (i > 0 && ((uint8_t)text.data[i] & 0xc0) == 0x80) {
        i--;
    }
    return i != 0 ? i : VA_SENTENCE_MAX;
}

va_rc_t va_sentence_next(va_str_t text, bool final, size_t *used,
                         va_str_t *sentence)
{
    bool words = false;

    for (size_t i = 0; i < text.len; i++) {
        size_t mark = va_end_mark(text, i);
        size_t after = i + mark;

        if (text.data[i] == '\n' && words) {
            va_sentence_give(text, i + 1, used, sentence);
            return VA_OK;
        }
        if (mark == 0 || !words) {
            words = words || (mark == 0 && !va_is_space(text.data[i]));
            continue;
        }
        while (after < text.len &&
               (text.data[after] == '"' || text.data[after] == '\'' ||
                text.data[after] == ')' || va_end_mark(text, after) == 1)) {
            after++;
        }
        if (mark == 3 ||
            (after < text.len && va_is_space(text.data[after]) &&
             !(text.data[i] == '.' && va_is_abbreviation(text, i)))) {
            va_sentence_give(text, after, used, sentence);
            return VA_OK;
        }
    }
    if (text.len > VA_SENTENCE_MAX) {
        va_sentence_give(text, va_sentence_cut(text), used, sentence);
        return VA_OK;
    }
    if (final && text.len > 0) {
        va_sentence_give(text, text.len, used, sentence);
        return VA_OK;
    }
    return VA_AGAIN;
}
