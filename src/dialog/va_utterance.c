#include "va_utterance.h"

#include <string.h>

#define WORD_MAX 24    /* bytes of a word that is in a list */
#define BACKCHANNELS 3 /* words of agreement in a row, at most */
#define DIGITS_MAX 64
#define PLAIN_MAX 256  /* bytes that are looked at for phrases */
#define CLAUSE_WORDS 4 /* of a clause that depends on the next */

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
    " yes no yeah yep nope okay ok sure thanks thank bye goodbye stop correct "
    "exactly ja nein danke oui non merci s\xc3\xad si gracias ";

static const char closing[] =
    " you please thanks goodbye bye sure there danke bitte merci gracias ";

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

/* What is followed by what it is about, spoken with white space around. */
static const char *const announcing[] = {
    " i have a question ", " i have a problem ",   " i have one more ",
    " i am calling ",      " i have another ",     " listen ",
    " one question ",      " ich habe eine frage "};

/* By which the caller keeps the word while he looks or thinks. */
static const char *const stalling[] = {
    " let me see ", " let me check ",  " let me look ",  " let me think ",
    " hold on ",    " hang on ",       " one moment ",   " just a moment ",
    " one second ", " just a second ", " einen moment ", " moment bitte ",
    " un instant ", " un momento ",    " un moment "};

/* Clauses that begin so are followed by another. */
static const char depending[] = " if when because since while although wenn "
                                "weil falls si quand cuando ";

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
    return n == 10 || n == 11 || n == 16;
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

/* Returns the words in lower case, with one space before and after each, as
   far as they fit. */
static void va_text_plain(char *out, size_t cap, va_str_t text)
{
    size_t n = 0;

    out[n++] = ' ';
    for (size_t i = 0; i < text.len && n + 2 < cap; i++) {
        char c = text.data[i];

        if (va_byte_of_word((uint8_t)c)) {
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        } else if (out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    if (out[n - 1] != ' ') {
        out[n++] = ' ';
    }
    out[n] = '\0';
}

/* Whether plain text ends with one of n phrases. */
static bool va_plain_ends(const char *plain, const char *const *phrases,
                          size_t n)
{
    size_t had = strlen(plain);

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(phrases[i]);

        if (had >= len && strcmp(plain + had - len, phrases[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the caller asks to be waited for. */
static bool va_text_stalling(va_str_t text)
{
    char plain[PLAIN_MAX];

    va_text_plain(plain, sizeof(plain), text);
    return va_plain_ends(plain, stalling,
                         sizeof(stalling) / sizeof(stalling[0]));
}

/* Whether the sentence calls for another. */
static bool va_text_promising(va_str_t text, unsigned words)
{
    char plain[PLAIN_MAX];
    size_t n;

    va_text_plain(plain, sizeof(plain), text);
    if (va_plain_ends(plain, announcing,
                      sizeof(announcing) / sizeof(announcing[0]))) {
        return true;
    }
    n = strcspn(plain + 1, " ");
    return words <= CLAUSE_WORDS &&
           va_word_in((va_str_t){plain + 1, n}, depending);
}

/* Whether nothing has to follow: "yes", "yes, please", "no, thank you". */
static bool va_text_answer(va_str_t text, va_str_t last, unsigned words)
{
    char plain[PLAIN_MAX];
    va_str_t first;

    va_text_plain(plain, sizeof(plain), text);
    first = (va_str_t){plain + 1, strcspn(plain + 1, " ")};
    return (words == 1 && va_word_in(last, answers)) ||
           (words <= 3 && va_word_in(first, answers) &&
            va_word_in(last, closing));
}

/* Whether the recogniser writes as people do: then a full stop that is not
   there means something. */
static bool va_text_written(va_str_t text)
{
    return text.data[0] >= 'A' && text.data[0] <= 'Z';
}

/* The class by the whole sentence, when its last word says nothing. */
static va_utterance_class_t va_sentence_class(va_str_t text, unsigned words)
{
    bool question = va_ends_with(text, "?") || va_ends_with(text, "!") ||
                    va_ends_with(text, "\xef\xbc\x9f");

    if (question) {
        return VA_UTTERANCE_ANSWERED;
    }
    if (va_text_promising(text, words)) {
        return VA_UTTERANCE_PROMISING;
    }
    if (va_text_stopped(text)) {
        return VA_UTTERANCE_FINISHED;
    }
    return va_text_written(text) ? VA_UTTERANCE_PROMISING : VA_UTTERANCE_OPEN;
}

va_utterance_class_t va_utterance_class(va_str_t text)
{
    va_str_t rest, last;
    unsigned n, words;

    text = va_utterance_trim(text);
    if (text.len == 0) {
        return VA_UTTERANCE_EMPTY;
    }
    rest = text;
    last = va_word_last(&rest);
    words = va_utterance_words(text);
    if (va_text_broken_off(text)) {
        return VA_UTTERANCE_HANGING;
    }
    n = va_text_digits(text);
    if (n > 2) {
        return va_digits_whole(n) ? VA_UTTERANCE_FINISHED : VA_UTTERANCE_NUMBER;
    }
    if (va_text_answer(text, last, words)) {
        return va_text_stopped(text) ? VA_UTTERANCE_ANSWERED
                                     : VA_UTTERANCE_FINISHED;
    }
    if (!va_ends_with(text, "?") &&
        (va_word_in(last, hanging) || va_text_stalling(text))) {
        return VA_UTTERANCE_HANGING;
    }
    return va_sentence_class(text, words);
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
