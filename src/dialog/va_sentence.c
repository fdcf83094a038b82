#include "va_sentence.h"

#include <ctype.h>
#include <string.h>

#define VA_UNDECIDED SIZE_MAX
#define VA_CLAUSE_MIN 25      /* bytes before a first clause may end */
#define VA_CLAUSE_MIN_WIDE 18 /* the same where a character is a syllable */

/* Titles and the like whose full stop is part of the word.  "No." is not one
   of them: it is an answer far more often than a number's name. */
static const char *const va_abbreviations[] = {
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "inc", "ltd", "co",
    "corp", "tel", "ext", "approx", "dept", "est", "fig", "gen", "col", "capt",
    "lt", "sgt", "rev", "hon", "ave", "blvd", "rd", "etc",
    /* months */
    "jan", "feb", "aug", "sept", "oct", "nov", "dec",
    /* German, French, Spanish, Portuguese, Italian */
    "bzw", "ca", "evtl", "ggf", "nr", "str", "usw", "vgl", "mme", "mlle", "sra",
    "dra", "ud", "uds",
    "n\xc3\xba"
    "m",
    "p\xc3\xa1"
    "g",
    "sig", "dott"};

/* The marks that end a sentence without white space behind them: Chinese and
   Japanese, Hindi, Arabic, Urdu, Armenian, Amharic, Khmer, Burmese. */
static const char *const va_wide_marks[] = {
    "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", "\xef\xbd\xa1",
    "\xe0\xa5\xa4", "\xe0\xa5\xa5", "\xd8\x9f",     "\xdb\x94",
    "\xd6\x89",     "\xe1\x8d\xa2", "\xe1\x8d\xa7", "\xe1\x9f\x94",
    "\xe1\x81\x8b"};

/* The marks between the clauses of scripts that write no space behind them. */
static const char *const va_wide_commas[] = {"\xef\xbc\x8c", "\xe3\x80\x81",
                                             "\xef\xbc\x9b", "\xef\xbc\x9a"};

/* Those that have: Arabic comma and semicolon and dashes among them. */
static const char *const va_commas[] = {
    ",", ";", ":", "\xd8\x8c", "\xd8\x9b", "\xe2\x80\x94", "\xe2\x80\x93"};

/* What may stand between the mark and the white space. */
static const char *const va_closers[] = {"\"",
                                         "'",
                                         ")",
                                         "]",
                                         ".",
                                         "!",
                                         "?",
                                         "\xc2\xbb",
                                         "\xe2\x80\x9d",
                                         "\xe2\x80\x99",
                                         "\xe3\x80\x8d",
                                         "\xe3\x80\x8f",
                                         "\xef\xbc\x89",
                                         "\xe3\x80\x82",
                                         "\xef\xbc\x81",
                                         "\xef\xbc\x9f"};

static bool va_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool va_is_letter(char c)
{
    return isalpha((unsigned char)c) || (uint8_t)c >= 0x80;
}

/* Returns the length of the one of n strings that stands at text, or 0. */
static size_t va_one_of(va_str_t text, const char *const *list, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(list[k]);

        if (text.len >= len && memcmp(text.data, list[k], len) == 0) {
            return len;
        }
    }
    return 0;
}

/* Returns whether the text breaks off inside a closing mark. */
static bool va_is_part_of_closer(va_str_t text)
{
    for (size_t k = 0; k < sizeof(va_closers) / sizeof(va_closers[0]); k++) {
        if (text.len != 0 && text.len < strlen(va_closers[k]) &&
            memcmp(text.data, va_closers[k], text.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns the length of the sentence end at text[i], or 0. */
static size_t va_end_mark(va_str_t text, size_t i)
{
    if (text.data[i] == '.' || text.data[i] == '!' || text.data[i] == '?') {
        return 1;
    }
    if ((uint8_t)text.data[i] < 0xc0) {
        return 0;
    }
    return va_one_of((va_str_t){text.data + i, text.len - i}, va_wide_marks,
                     sizeof(va_wide_marks) / sizeof(va_wide_marks[0]));
}

/*
 * Returns where the closing marks from text[at] on have ended, not beyond
 * limit, or VA_UNDECIDED when the text breaks off before that is known.
 */
static size_t va_skip_closers(va_str_t text, size_t at, size_t limit)
{
    size_t n;

    while (at < limit) {
        va_str_t rest = {text.data + at, limit - at};

        /* A lead byte alone does not tell: what follows may not be UTF-8. */
        if (limit == text.len && va_is_part_of_closer(rest)) {
            return VA_UNDECIDED;
        }
        n = va_one_of(rest, va_closers,
                      sizeof(va_closers) / sizeof(va_closers[0]));
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at < text.len ? at : VA_UNDECIDED;
}

/* Returns whether the word is letters with full stops between: "p.m", "U.S". */
static bool va_is_dotted(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % 2 == 0 ? !isalpha((unsigned char)word[i]) : word[i] != '.') {
            return false;
        }
    }
    return len >= 3 && len % 2 == 1;
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
    if (va_is_dotted(text.data + begin, len)) {
        return true;
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

/* Returns whether there is anything to pronounce in s. */
static bool va_is_speakable(va_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (va_is_letter(s.data[i]) || isdigit((unsigned char)s.data[i]) ||
            strchr("$%&+=@", s.data[i]) != NULL) {
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
    if (!va_is_speakable(*sentence)) {
        sentence->len = 0;
    }
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

/*
 * Returns where the sentence ends that has a mark of n bytes at text[i], or
 * VA_UNDECIDED: it does not end there, or not enough of the text is there.
 */
static size_t va_sentence_end(va_str_t text, size_t i, size_t n, size_t limit)
{
    size_t after = va_skip_closers(text, i + n, limit);

    if (after == VA_UNDECIDED || n > 1 ||
        (va_is_space(text.data[after]) &&
         !(text.data[i] == '.' && va_is_abbreviation(text, i)))) {
        return after;
    }
    return VA_UNDECIDED;
}

/* Whether a digit stands on both sides of the comma and white space at i. */
static bool va_is_in_number(va_str_t text, size_t i, size_t after)
{
    return isdigit((unsigned char)text.data[i - 1]) &&
           isdigit((unsigned char)text.data[after]);
}

/*
 * Returns where the clause ends that has its mark at text[i], 0 if none ends
 * there, or VA_UNDECIDED.
 */
static size_t va_clause_end(va_str_t text, size_t i, size_t limit)
{
    va_str_t rest = {text.data + i, limit - i};
    size_t n;

    if (i < VA_CLAUSE_MIN_WIDE) {
        return 0;
    }
    n = va_one_of(rest, va_wide_commas,
                  sizeof(va_wide_commas) / sizeof(va_wide_commas[0]));

    if (n != 0) {
        return i + n;
    }
    n = va_one_of(rest, va_commas, sizeof(va_commas) / sizeof(va_commas[0]));
    if (n == 0 || i < VA_CLAUSE_MIN || text.data[i - 1] == '.') {
        return 0;
    }
    /* The character behind the white space tells a list of digits. */
    if (i + n + 1 >= limit) {
        return VA_UNDECIDED;
    }
    return va_is_space(text.data[i + n]) && !va_is_in_number(text, i, i + n + 1)
               ? i + n
               : 0;
}

va_rc_t va_sentence_first(va_str_t text, bool final, size_t *used,
                          va_str_t *sentence)
{
    size_t limit = text.len < VA_SENTENCE_MAX ? text.len : VA_SENTENCE_MAX;
    va_rc_t rc = va_sentence_next(text, final, used, sentence);

    for (size_t i = 1; i < limit && (rc != VA_OK || i < *used); i++) {
        size_t end = va_clause_end(text, i, limit);

        if (end == VA_UNDECIDED) {
            break;
        }
        if (end != 0 && (rc != VA_OK || end < *used)) {
            va_sentence_give(text, end, used, sentence);
            return VA_OK;
        }
    }
    return rc;
}

va_rc_t va_sentence_next(va_str_t text, bool final, size_t *used,
                         va_str_t *sentence)
{
    /* No sentence is longer, so that what is decided does not depend on how
       much more of the text happens to be there. */
    size_t limit = text.len < VA_SENTENCE_MAX ? text.len : VA_SENTENCE_MAX;
    bool words = false;
    bool letters = false;

    for (size_t i = 0; i < limit; i++) {
        size_t mark = va_end_mark(text, i);
        size_t end;

        if (text.data[i] == '\n' && words) {
            va_sentence_give(text, i + 1, used, sentence);
            return VA_OK;
        }
        if (mark == 0 || mark > limit - i || !words ||
            (text.data[i] == '.' && !letters)) {
            words = words || (mark == 0 && !va_is_space(text.data[i]));
            letters = letters || va_is_letter(text.data[i]);
            continue;
        }
        end = va_sentence_end(text, i, mark, limit);
        if (end != VA_UNDECIDED) {
            va_sentence_give(text, end, used, sentence);
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
