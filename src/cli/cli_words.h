/*
 * What was said, compared the way ears compare: as words, without regard to
 * case, punctuation, or whether a number is written in digits.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli.h"

#define CLI_WORDS_MAX 512 /* words of one text; more are cut */
#define CLI_WORD_LEN 32   /* room for one word; longer ones are cut */

typedef struct {
    size_t count;
    char word[CLI_WORDS_MAX][CLI_WORD_LEN];
} cli_words_t;

VA_BEGIN_DECLS

/*
 * Takes text apart into lower-case words.  Numbers up to 99 become words,
 * longer ones are read digit by digit; "am" and "pm" become two letters; an
 * apostrophe inside a word is dropped; a * standing alone stays.
 */
void cli_words(cli_words_t *out, va_str_t text);

/*
 * Returns whether text contains pattern, as whole words in a row.  A word * in
 * the pattern stands for any number of words.
 */
bool cli_words_contain(const cli_words_t *text, const cli_words_t *pattern);

/*
 * Finds a time of day that is told in words ("it is ten oh five p m", "twenty
 * two forty", "three o'clock", "noon").  Returns minutes since midnight, or
 * -1.  *half is set to whether the half of the day was told.
 */
int cli_words_time(const cli_words_t *text, bool *half);

/*
 * Returns whether a told time is at most one minute off some time from `from`
 * to `to`, minutes since midnight of the local day.  Without the half of the
 * day both halves are tried.
 */
bool cli_time_near(int told, bool half, int from, int to);

VA_END_DECLS

#endif
