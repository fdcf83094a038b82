#include "va_utterance.h"

#include <string.h>

#define WORD_MAX 24    /* bytes of a word that is in a list */
#define BACKCHANNELS 3 /* words of agreement in a row, at most */
#define DIGITS_MAX 64

/* Words in lower case, each between spaces. */
static const char hanging[] =
    " and or but so because if when while that which who whose than as like "
    "with without to of for from in on at by into about between until "
    "a an the my your his her its our their this these some any no "
    "is are am was were be been will would can could should shall may might "
    "must do does did have has had i you he she we they it's i'm i'd i'll "
    "i've we're you're there's that's what's um uh er erm hmm uhm ehm well "
    "und oder aber weil dass wenn mit ohne zu von der die das den dem ein "
    "eine einen mein meine ist sind habe ich wir \xc3\xa4h \xc3\xa4hm "
    "et ou mais parce que de du des le la les un une mon ma mes je euh "
    "y pero porque para con sin el los las una mi soy es eh este ";

static const char digits[] =
    " zero oh one two three four five six seven eight nine null eins zwei drei "
    "vier f\xc3\xbcnf sechs sieben acht neun cero uno dos tres cuatro cinco "
    "seis siete ocho nueve un deux trois quatre cinq sept huit neuf ";

static const char tens[] =
    " ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety ";

static const char answers[] =
    " yes no yeah yep nope okay ok sure please thanks thank bye goodbye stop "
    "correct right wrong exactly hello hi help maybe never nothing none ja "
    "nein "
    "danke bitte oui non merci s\xc3\xad si gracias ";

static const char agreeing[] =
    " uh-huh uhuh uh huh mhm mm-hmm mm hmm mmhmm mmm hm yes yeah yep yup okay "
    "ok right sure alright all fine good great aha ah oh exactly true cool "
    "ja genau oui d'accord s\xc3\xad si vale claro ";

static bool va_byte_of_word(uint8_t c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || c == '\'' || c == '-' ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool va_byte_with_meaning(uint8_t c)
{
    return va_byte_of_word(c) && c != '\'' && c != '-';
}

/* Takes the last word off *text.  Returns it, empty when there is none. */
static va_str_t va_word_last(va_str_t *text)
{
    size_t end = text->len;
    size_t begin;

    while (end > 0 && !va_byte_with_meaning((uint8_t)text->data[end - 1])) {
        end--;
    }
    begin = end;
    while (begin > 0 && va_byte_of_word((uint8_t)text->data[begin - 1])) {
        begin--;
    }
    text->len = begin;
    return (va_str_t){text->data + begin, end - begin};
}

static bool va_word_in(va_str_t word, const char *list)
{
    char padded[WORD_MAX + 3];

    if (word.len == 0 || word.len > WORD_MAX) {
        return false;
    }
    padded[0] = ' ';
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];

        padded[i + 1] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    padded[word.len + 1] = ' ';
    padded[word.len + 2] = '\0';
    return strstr(list, padded) != NULL;
}

/* Returns how many digits a word stands for, 0 if it is no number. */
static unsigned va_word_digits(va_str_t word)
{
    unsigned n = 0;

    if (va_word_in(word, digits)) {
        return 1;
    }
    if (va_word_in(word, tens)) {
        return 2;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] >= '0' && word.data[i] <= '9') {
            n++;
        } else if (word.data[i] != '-') {
            return 0;
        }
    }
    return n;
}

/* Returns how many digits the text ends in. */
static unsigned va_text_digits(va_str_t text)
{
    unsigned sum = 0;

    while (sum < DIGITS_MAX) {
        unsigned n = va_word_digits(va_word_last(&text));

        if (n == 0) {
            break;
        }
        sum += n;
    }
    return sum;
}

/* Whether so many digits make a number that people give: of a phone, with or
   without its area and country, or of a card. */
static bool va_digits_whole(unsigned n)
{
    return n == 10 || n == 11 || n == 12 || n == 16;
}

static bool va_ends_with(va_str_t text, const char *end)
{
    size_t n = strlen(end);

    return text.len >= n && memcmp(text.data + text.len - n, end, n) == 0;
}

/* Whether the sentence has its full stop, in one of many scripts. */
static bool va_text_stopped(va_str_t text)
{
    return va_ends_with(text, ".") || va_ends_with(text, "!") ||
           va_ends_with(text, "?") || va_ends_with(text, "\xe3\x80\x82") ||
           va_ends_with(text, "\xef\xbc\x9f") ||
           va_ends_with(text, "\xef\xbc\x81") ||
           va_ends_with(text, "\xe0\xa5\xa4");
}

static bool va_text_broken_off(va_str_t text)
{
    return va_ends_with(text, ",") || va_ends_with(text, "...") ||
           va_ends_with(text, "\xe2\x80\xa6") || va_ends_with(text, "-") ||
           va_ends_with(text, "\xe2\x80\x94") || va_ends_with(text, ":") ||
           va_ends_with(text, ";") || va_ends_with(text, "\xe3\x80\x81");
}

va_str_t va_utterance_trim(va_str_t text)
{
    text = va_str_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        if (va_byte_with_meaning((uint8_t)text.data[i])) {
            return text;
        }
    }
    return (va_str_t){NULL, 0};
}

va_utterance_class_t va_utterance_class(va_str_t text)
{
    va_str_t rest, last;
    unsigned n;

    text = va_utterance_trim(text);
    if (text.len == 0) {
        return VA_UTTERANCE_EMPTY;
    }
    rest = text;
    last = va_word_last(&rest);
    if (va_text_broken_off(text)) {
        return VA_UTTERANCE_HANGING;
    }
    n = va_text_digits(text);
    if (n != 0) {
        return va_digits_whole(n) ? VA_UTTERANCE_OPEN : VA_UTTERANCE_NUMBER;
    }
    if (va_word_in(last, answers) && va_utterance_words(text) <= 3) {
        return VA_UTTERANCE_FINISHED;
    }
    if (va_word_in(last, hanging) && !va_ends_with(text, "?")) {
        return VA_UTTERANCE_HANGING;
    }
    return va_text_stopped(text) ? VA_UTTERANCE_FINISHED : VA_UTTERANCE_OPEN;
}

bool va_utterance_backchannel(va_str_t text)
{
    unsigned n = va_utterance_words(text);
    va_str_t rest = text;
    va_str_t last = va_word_last(&rest);

    if (n == 0 || n > BACKCHANNELS) {
        return false;
    }
    if (n == 2 && va_str_caseeq(last, VA_STR("see"))) {
        return va_str_caseeq(va_word_last(&rest), VA_STR("I"));
    }
    for (; last.len != 0; last = va_word_last(&rest)) {
        if (!va_word_in(last, agreeing)) {
            return false;
        }
    }
    return true;
}

unsigned va_utterance_words(va_str_t text)
{
    unsigned n = 0;

    while (va_word_last(&text).len != 0) {
        n++;
    }
    return n;
}
