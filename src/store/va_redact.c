#include "va_redact.h"

#include <string.h>

#define VA_CARD_MIN 13
#define VA_CARD_MAX 19
#define VA_PHONE_MIN 7
#define VA_PHONE_MAX 15

/* RFC 5321; a bound for whoever writes long words */
#define VA_LOCAL_MAX 64
#define VA_HOST_MAX 255
#define VA_WORD_MAX 8 /* longer than any that counts */

#define VA_RUN_GROUPS 64 /* groups of digits looked at together */
#define VA_RUN_DIGITS 128

/* Digits without anything between them, or words for them. */
typedef struct {
    size_t from; /* in the text */
    size_t to;
    size_t first; /* in the digits of the run */
    size_t count;
} va_group_t;

/* Groups that only separators stand between. */
typedef struct {
    va_group_t groups[VA_RUN_GROUPS];
    size_t count;
    char digits[VA_RUN_DIGITS];
    size_t digit_count;
    bool plus; /* a plus sign stands before it */
} va_run_t;

static bool va_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

/* The digit at s, -1 if there is none; *n is its length. */
static int va_digit(va_str_t s, size_t *n)
{
    static const struct {
        const char *zero;
        size_t len;
    } scripts[] = {{"0", 1},
                   {"\xd9\xa0", 2},
                   {"\xdb\xb0", 2},
                   {"\xe0\xa5\xa6", 3},
                   {"\xef\xbc\x90", 3}};

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        size_t len = scripts[i].len;
        int digit;

        if (s.len < len || memcmp(s.data, scripts[i].zero, len - 1) != 0) {
            continue;
        }
        digit = (unsigned char)s.data[len - 1] -
                (unsigned char)scripts[i].zero[len - 1];
        if (digit >= 0 && digit <= 9) {
            *n = len;
            return digit;
        }
    }
    return -1;
}

/* The word at s: letters, and not the middle of another word. */
static va_str_t va_word(va_str_t s)
{
    size_t n = 0;

    while (n < s.len && n < VA_WORD_MAX && va_alpha(s.data[n])) {
        n++;
    }
    return (va_str_t){s.data, n};
}

/* What a word says: a digit, 10 for "double", 11 for "triple", or -1. */
static int va_spoken(va_str_t word)
{
    static const char *const words[] = {"zero",  "one",  "two",    "three",
                                        "four",  "five", "six",    "seven",
                                        "eight", "nine", "double", "triple"};

    for (int i = 0; i < 12; i++) {
        if (va_str_caseeq(word, va_str(words[i]))) {
            return i;
        }
    }
    return va_str_caseeq(word, VA_STR("oh")) ? 0 : -1;
}

static bool va_separator(char c)
{
    return c != '\0' && strchr(" -.()/,", c) != NULL;
}

static va_str_t va_rest(va_str_t text, size_t at)
{
    return (va_str_t){text.data + at, text.len - at};
}

static bool va_run_digit(va_run_t *run, int digit)
{
    if (run->digit_count == VA_RUN_DIGITS) {
        return false;
    }
    run->digits[run->digit_count++] = (char)digit;
    return true;
}

/* A word at `at` as a group; returns its end, or `at` if it says no digit. */
static size_t va_run_word(va_run_t *run, va_str_t text, size_t at)
{
    va_str_t word = va_word(va_rest(text, at));
    int digit = va_spoken(word), times = 1;
    size_t end = at + word.len;

    if (digit >= 10) {
        times = digit - 8;
        while (end < text.len && va_separator(text.data[end])) {
            end++;
        }
        word = va_word(va_rest(text, end));
        digit = va_spoken(word);
        end += word.len;
    }
    if (digit < 0 || digit > 9) {
        return at;
    }
    while (times-- > 0) {
        if (!va_run_digit(run, digit)) {
            return at;
        }
    }
    return end;
}

/* Digits at `at` as a group; returns their end. */
static size_t va_run_digits(va_run_t *run, va_str_t text, size_t at)
{
    size_t n;
    int digit;

    while (at < text.len && (digit = va_digit(va_rest(text, at), &n)) >= 0 &&
           va_run_digit(run, digit)) {
        at += n;
    }
    return at;
}

/* Reads the run that begins at `at`, if one does. */
static void va_run_read(va_run_t *run, va_str_t text, size_t at)
{
    size_t begin, separators;

    run->count = 0;
    run->digit_count = 0;
    run->plus = text.data[at] == '+';
    at += run->plus;
    while (at < text.len && run->count < VA_RUN_GROUPS) {
        va_group_t *g = &run->groups[run->count];

        for (separators = 0; at + separators < text.len &&
                             va_separator(text.data[at + separators]);
             separators++) {
        }
        if (separators > 3 || (run->count == 0 && separators != 0 &&
                               (separators > 1 || text.data[at] != '('))) {
            return;
        }
        begin = at + separators;
        g->from = begin;
        g->first = run->digit_count;
        at = va_run_digits(run, text, begin);
        if (at == begin) {
            at = va_run_word(run, text, begin);
        }
        if (at == begin) {
            return;
        }
        g->to = at;
        g->count = run->digit_count - g->first;
        run->count++;
    }
}

static bool va_luhn(const char *digits, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)digits[n - 1 - i] << (i & 1);

        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/*
 * The groups from *first to *last of the run that are a card's number, the
 * longest first: an expiry date may follow it, or words of counting stand
 * before.
 */
static bool va_run_card(const va_run_t *run, size_t *first, size_t *last)
{
    for (size_t i = 0; i < run->count; i++) {
        for (size_t k = run->count; k > i; k--) {
            const va_group_t *a = &run->groups[i], *b = &run->groups[k - 1];
            size_t n = b->first + b->count - a->first;

            if (n >= VA_CARD_MIN && n <= VA_CARD_MAX &&
                va_luhn(run->digits + a->first, n)) {
                *first = i;
                *last = k - 1;
                return true;
            }
        }
    }
    return false;
}

/* Takes a number out at `at`; returns what it took up, 0 for nothing. */
static size_t va_redact_number(va_buf_t *out, va_str_t text, size_t at,
                               unsigned what)
{
    va_run_t run;
    size_t first, last;

    va_run_read(&run, text, at);
    if (run.count == 0) {
        return 0;
    }
    if ((what & VA_REDACT_CARD) != 0 && va_run_card(&run, &first, &last)) {
        /* what stands before it may be a number of its own */
        if (first != 0) {
            va_redact_text(
                out, (va_str_t){text.data + at, run.groups[first].from - at},
                what & ~(unsigned)VA_REDACT_CARD);
        }
        va_buf_puts(out, "[card]");
        return run.groups[last].to - at;
    }
    if ((what & VA_REDACT_PHONE) != 0 && run.digit_count >= VA_PHONE_MIN &&
        (run.digit_count <= VA_PHONE_MAX || run.plus)) {
        va_buf_puts(out, "[phone]");
        return run.groups[run.count - 1].to - at;
    }
    /* all of it, so that its end is not taken for a number */
    last = run.groups[run.count - 1].to - at;
    va_buf_append(out, text.data + at, last);
    return last;
}

static bool va_local(char c)
{
    return va_alpha(c) || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._%+-'", c) != NULL);
}

static bool va_host(char c)
{
    return va_alpha(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* The length of an address that is written at `at`, or 0. */
static size_t va_email(va_str_t text, size_t at)
{
    size_t p = at, host, dot = 0;

    while (p < text.len && p - at < VA_LOCAL_MAX && va_local(text.data[p])) {
        p++;
    }
    if (p == at || p == text.len || text.data[p] != '@') {
        return 0;
    }
    host = ++p;
    while (p < text.len && p - host < VA_HOST_MAX && va_host(text.data[p])) {
        dot = text.data[p] == '.' && p > host && p + 1 < text.len &&
                      va_alpha(text.data[p + 1])
                  ? p
                  : dot;
        p++;
    }
    if (dot == 0) {
        return 0;
    }
    while (text.data[p - 1] == '.' || text.data[p - 1] == '-') {
        p--;
    }
    return p - at;
}

/* A word of an address that is spoken: letters, digits and the like. */
static va_str_t va_spoken_word(va_str_t text, size_t at, size_t *end)
{
    size_t p = at;

    while (p < text.len && p - at < VA_LOCAL_MAX && va_local(text.data[p]) &&
           text.data[p] != '.') {
        p++;
    }
    *end = p;
    return (va_str_t){text.data + at, p - at};
}

static size_t va_next_word(va_str_t text, size_t at)
{
    size_t p = at;

    while (p < text.len && text.data[p] == ' ') {
        p++;
    }
    return p == at ? text.len : p;
}

/* "john dot doe at example dot com": its length at `at`, or 0. */
static size_t va_email_spoken(va_str_t text, size_t at)
{
    size_t p = at, end = at, dots = 0;
    bool name = true;
    va_str_t word;

    for (size_t words = 0; words < 12; words++) {
        word = va_spoken_word(text, p, &end);
        if (word.len == 0) {
            return 0;
        }
        /* a word of the name, or of the host, then what joins it */
        p = va_next_word(text, end);
        if (p == text.len) {
            return dots != 0 && !name ? end - at : 0;
        }
        word = va_spoken_word(text, p, &p);
        if (va_str_caseeq(word, VA_STR("dot")) ||
            va_str_caseeq(word, VA_STR("underscore")) ||
            va_str_caseeq(word, VA_STR("dash"))) {
            dots += !name && va_str_caseeq(word, VA_STR("dot"));
        } else if (name && va_str_caseeq(word, VA_STR("at"))) {
            name = false;
        } else {
            return dots != 0 && !name ? end - at : 0;
        }
        p = va_next_word(text, p);
        if (p == text.len) {
            return 0;
        }
    }
    return 0;
}

va_rc_t va_redact_text(va_buf_t *out, va_str_t text, unsigned what)
{
    const unsigned numbers = VA_REDACT_CARD | VA_REDACT_PHONE;
    bool start = true; /* a word may begin here */
    size_t at = 0, n, skip;

    while (at < text.len && out->rc == VA_OK) {
        n = 0;
        if (start && (what & VA_REDACT_EMAIL) != 0) {
            n = va_email(text, at);
            n = n != 0 ? n : va_email_spoken(text, at);
            if (n != 0) {
                va_buf_puts(out, "[email]");
            }
        }
        if (n == 0 && (what & numbers) != 0 &&
            (start || va_digit(va_rest(text, at), &skip) >= 0)) {
            n = va_redact_number(out, text, at, what);
        }
        if (n == 0) {
            n = 1;
            va_buf_append(out, text.data + at, 1);
        }
        at += n;
        start = !va_local(text.data[at - 1]) || text.data[at - 1] == '.' ||
                text.data[at - 1] == '\'';
    }
    return out->rc;
}

va_rc_t va_redact_keys(va_buf_t *out, va_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if ((c >= '0' && c <= '9') || c == '#' || (c >= 'A' && c <= 'D')) {
            c = '*';
        }
        va_buf_append(out, &c, 1);
    }
    return out->rc;
}

va_rc_t va_redact_address(va_buf_t *out, va_str_t address)
{
    size_t keep = address.len > 4 ? address.len - 2 : address.len;

    for (size_t i = 0; i < address.len; i++) {
        bool shown = i >= keep || (i == 0 && address.data[0] == '+');

        va_buf_append(out, shown ? address.data + i : "*", 1);
    }
    return out->rc;
}
