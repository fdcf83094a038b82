#include "va_speakable.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../wire/va_text.h"

#define WAIT 0            /* not enough of the text is there to tell */
#define NOT_MINE SIZE_MAX /* no mark of this sort begins here */
#define ENTITY_MAX 8      /* bytes of "&nbsp;" and the like */
#define TAG_MAX 100       /* of "<span class=...>" */
#define ZERO_WIDTH_JOINER 0x200d

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static void put(va_speakable_t *s, va_buf_t *out, const char *bytes, size_t n)
{
    bool closes = s->gap && strchr(".,;:!?)", bytes[0]) != NULL;

    if (s->space && !closes && s->last != 0 && s->last != '\n') {
        va_buf_append(out, " ", 1);
    }
    s->space = false;
    s->gap = false;
    va_buf_append(out, bytes, n);
    s->last = bytes[n - 1];
}

static void put_line_end(va_speakable_t *s, va_buf_t *out)
{
    if (s->last != 0 && s->last != '\n') {
        va_buf_append(out, "\n", 1);
        s->last = '\n';
    }
    s->space = false;
    s->gap = false;
    s->on_line = false;
    s->before = ' ';
}

/* Returns how many of the held bytes from i on are in set. */
static size_t run(const va_speakable_t *s, size_t i, const char *set)
{
    size_t n = 0;

    while (i + n < s->held_len && s->held[i + n] != '\0' &&
           strchr(set, s->held[i + n]) != NULL) {
        n++;
    }
    return n;
}

static bool ends_line(const va_speakable_t *s, size_t i)
{
    return i >= s->held_len || s->held[i] == '\n' || s->held[i] == '\r';
}

/* A rule, or the marks under a heading or between the rows of a table. */
static size_t rule(va_speakable_t *s, bool more, const char *set)
{
    size_t n = run(s, 0, set);
    size_t marks = 0;
    size_t i;

    if (n == s->held_len && more) {
        return WAIT;
    }
    for (i = 0; i < n; i++) {
        marks += !is_blank(s->held[i]);
    }
    if (!ends_line(s, n) || marks < 3) {
        return NOT_MINE;
    }
    s->mode = VA_SPEAKABLE_LINE;
    return n;
}

static size_t bullet(va_speakable_t *s, bool more)
{
    static const char *const wide[] = {"\xe2\x80\xa2", "\xe2\x80\xa3",
                                       "\xe2\x97\xa6", "\xe2\x96\xaa",
                                       "\xe2\x97\x8f"};
    size_t i;

    if ((unsigned char)s->held[0] == 0xe2) {
        if (s->held_len < 3 && more) {
            return WAIT;
        }
        for (i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
            if (s->held_len >= 3 && memcmp(s->held, wide[i], 3) == 0) {
                return 3;
            }
        }
        return NOT_MINE;
    }
    if (s->held_len < 2 && more) {
        return WAIT;
    }
    return s->held_len >= 2 && is_blank(s->held[1]) ? 2 : NOT_MINE;
}

static size_t fence(va_speakable_t *s, bool more)
{
    char mark[2] = {s->held[0], '\0'};
    size_t n = mark[0] == '`' || mark[0] == '~' ? run(s, 0, mark) : 0;

    if (s->fence && is_blank(mark[0])) {
        return 1;
    }
    if (n < 3) {
        return n == s->held_len && more ? WAIT : NOT_MINE;
    }
    s->fence = !s->fence;
    s->mode = VA_SPEAKABLE_LINE;
    return n;
}

static size_t heading(va_speakable_t *s, bool more)
{
    size_t n = run(s, 0, "#");

    if (n == s->held_len && more) {
        return WAIT;
    }
    if (n > 6 || (n < s->held_len && !is_blank(s->held[n]))) {
        return NOT_MINE;
    }
    s->on_line = true;
    return n;
}

/* What may stand before the words of a line. */
static size_t line_begin(va_speakable_t *s, bool more)
{
    size_t n = NOT_MINE;

    switch (s->held[0]) {
    case ' ':
    case '\t':
    case '>':
        return 1;
    case '`':
    case '~':
        return fence(s, more);
    case '#':
        return heading(s, more);
    case '|':
    case ':':
        n = rule(s, more, "|:- \t");
        return n == NOT_MINE && s->held[0] == '|' ? 1 : n;
    case '-':
    case '*':
    case '_':
    case '=':
    case '+':
        n = rule(s, more, "-*_=|:+ \t");
        if (n != NOT_MINE || s->held[0] == '_' || s->held[0] == '=') {
            return n;
        }
        break;
    default:
        if ((unsigned char)s->held[0] != 0xe2) {
            return NOT_MINE;
        }
        break;
    }
    n = bullet(s, more);
    if (n != WAIT && n != NOT_MINE) {
        s->on_line = true;
    }
    return n;
}

/* Emphasis; but "2 * 3" and "2*3" are meant, and snake_case is two words. */
static size_t emphasis(va_speakable_t *s, bool more, va_buf_t *out)
{
    char mark[2] = {s->held[0], '\0'};
    size_t n = run(s, 0, mark);
    char next = n < s->held_len ? s->held[n] : '\n';

    if (n == s->held_len && more) {
        return WAIT;
    }
    if (mark[0] == '_' && s->before == 'a' && is_word(next)) {
        s->space = true;
    } else if (n == 1 && mark[0] == '*' &&
               ((s->before == ' ' && is_blank(next)) ||
                (isdigit((unsigned char)s->last) && !s->space &&
                 isdigit((unsigned char)next)))) {
        put(s, out, mark, 1);
    } else if (n == 1 && mark[0] == '~') {
        put(s, out, mark, 1);
    }
    return n;
}

/* "[3]" and "[^3]" are for eyes; of other brackets the words remain. */
static size_t bracket(va_speakable_t *s, bool more)
{
    size_t i = s->held_len > 1 && s->held[1] == '^' ? 2 : 1;
    size_t digits = run(s, i, "0123456789");
    size_t end = i + digits;

    if (end + 1 >= s->held_len && more &&
        (end == s->held_len || (digits != 0 && s->held[end] == ']'))) {
        return WAIT;
    }
    if (digits == 0 || end >= s->held_len || s->held[end] != ']' ||
        (end + 1 < s->held_len && s->held[end + 1] == '(')) {
        return 1;
    }
    s->gap = true;
    return end + 1;
}

static size_t bracket_end(va_speakable_t *s, bool more)
{
    if (s->held_len < 2 && more) {
        return WAIT;
    }
    if (s->held_len < 2 || s->held[1] != '(') {
        return 1;
    }
    s->mode = VA_SPEAKABLE_TARGET;
    s->depth = 1;
    return 2;
}

static bool starts(const va_speakable_t *s, size_t at, const char *with)
{
    size_t n = strlen(with);

    return s->held_len >= at + n && strncasecmp(s->held + at, with, n) == 0;
}

static size_t tag(va_speakable_t *s, bool more, va_buf_t *out)
{
    size_t n = 1;
    char next = s->held_len > 1 ? s->held[1] : '\n';

    if (s->held_len < 2 && more) {
        return WAIT;
    }
    if (!isalpha((unsigned char)next) && next != '/' && next != '!') {
        put(s, out, "<", 1);
        return 1;
    }
    while (n < s->held_len && n < TAG_MAX &&
           strchr("<>\n", s->held[n]) == NULL) {
        n++;
    }
    if (n == s->held_len && n < TAG_MAX && more) {
        return WAIT;
    }
    if (n == s->held_len || s->held[n] != '>') {
        put(s, out, "<", 1);
        return 1;
    }
    if (starts(s, 1, "http") || starts(s, 1, "www.") ||
        memchr(s->held, '@', n) != NULL) {
        s->angle = true;
        return 1;
    }
    if (starts(s, 1, "br") || starts(s, 1, "/p") || starts(s, 1, "/li") ||
        starts(s, 1, "/h") || starts(s, 1, "/div")) {
        put_line_end(s, out);
    }
    return n + 1;
}

static size_t entity(va_speakable_t *s, bool more, va_buf_t *out)
{
    static const struct {
        const char *name;
        const char *is;
    } known[] = {{"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
                 {"&quot;", "\""}, {"&apos;", "'"}, {"&#39;", "'"},
                 {"&nbsp;", NULL}};
    size_t n = 1;
    size_t i;

    while (n < s->held_len && n < ENTITY_MAX &&
           (isalnum((unsigned char)s->held[n]) || s->held[n] == '#')) {
        n++;
    }
    if (n == s->held_len && n < ENTITY_MAX && more) {
        return WAIT;
    }
    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (starts(s, 0, known[i].name)) {
            if (known[i].is != NULL) {
                put(s, out, known[i].is, 1);
            } else {
                s->space = true;
            }
            return strlen(known[i].name);
        }
    }
    put(s, out, "&", 1);
    return 1;
}

/* Between the cells of a table. */
static size_t bar(va_speakable_t *s, bool more, va_buf_t *out)
{
    size_t n = 1 + run(s, 1, " \t|");

    if (n == s->held_len && more) {
        return WAIT;
    }
    if (!ends_line(s, n) && s->last != 0 && s->last != '\n') {
        s->space = false;
        put(s, out, ",", 1);
    }
    s->space = true;
    return n;
}

static size_t address(va_speakable_t *s, bool more)
{
    static const char *const begins[] = {"https://", "http://", "www."};
    size_t i;

    for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        size_t n = strlen(begins[i]);

        if (s->held_len >= n
                ? starts(s, 0, begins[i])
                : more && strncasecmp(s->held, begins[i], s->held_len) == 0) {
            if (s->held_len < n) {
                return WAIT;
            }
            s->mode = VA_SPEAKABLE_HOST;
            s->on_host = begins[i][0] == 'w';
            return n;
        }
    }
    return NOT_MINE;
}

static size_t escape(va_speakable_t *s, bool more, va_buf_t *out)
{
    if (s->held_len < 2 && more) {
        return WAIT;
    }
    if (s->held_len < 2 || !ispunct((unsigned char)s->held[1])) {
        s->space = true;
        return 1;
    }
    put(s, out, s->held + 1, 1);
    return 2;
}

static uint32_t decode(const char *p, size_t n)
{
    uint32_t c = (unsigned char)p[0] & (0xffU >> (n + 1));
    size_t i;

    for (i = 1; i < n; i++) {
        c = c << 6 | ((unsigned char)p[i] & 0x3f);
    }
    return c;
}

static bool is_wide_space(uint32_t c)
{
    return c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f ||
           c == 0x205f || c == 0x3000 || c == 0x85;
}

/* A character that is not ASCII. */
static size_t wide(va_speakable_t *s, bool more, va_buf_t *out)
{
    bool emoji = s->emoji;
    bool valid;
    size_t n = va_text_next((va_str_t){s->held, s->held_len}, &valid);
    uint32_t c;

    if (!valid && n == s->held_len && n < 4 && more) {
        return WAIT;
    }
    s->emoji = false;
    s->before = 'a';
    if (!valid) {
        put(s, out, VA_TEXT_REPLACEMENT.data, VA_TEXT_REPLACEMENT.len);
        return n;
    }
    c = decode(s->held, n);
    if (c == 0x2028 || c == 0x2029) {
        put_line_end(s, out);
    } else if (is_wide_space(c)) {
        s->space = true;
        s->before = ' ';
    } else if (c == ZERO_WIDTH_JOINER && emoji) {
        s->emoji = true;
    } else if (!va_speakable_is_mute(c)) {
        put(s, out, s->held, n);
    } else if (c >= 0x2190 && !(c >= 0xfe00 && c <= 0xfeff)) {
        /* Two words with a picture between them are two words. */
        s->space = true;
        s->gap = true;
        s->emoji = true;
        s->before = ' ';
    } else {
        s->emoji = emoji;
    }
    return n;
}

static size_t plain(va_speakable_t *s, va_buf_t *out)
{
    char c = s->held[0];

    if (c == '\n') {
        put_line_end(s, out);
    } else if ((unsigned char)c <= ' ' || c == 0x7f) {
        s->space = true;
        s->before = ' ';
    } else if (c == '>' && s->angle) {
        s->angle = false;
    } else {
        put(s, out, &c, 1);
        s->before = isalnum((unsigned char)c) ? 'a' : '.';
    }
    return 1;
}

static size_t inside_line(va_speakable_t *s, bool more, va_buf_t *out)
{
    size_t n = NOT_MINE;

    if ((unsigned char)s->held[0] >= 0x80) {
        return wide(s, more, out);
    }
    s->emoji = s->emoji && s->held[0] == '\r';
    switch (s->held[0]) {
    case '*':
    case '_':
    case '~':
        return emphasis(s, more, out);
    case '`':
        return 1;
    case '\\':
        return escape(s, more, out);
    case '!':
        if (s->held_len < 2 && more) {
            return WAIT;
        }
        return s->held_len > 1 && s->held[1] == '[' ? 1 : plain(s, out);
    case '[':
        return bracket(s, more);
    case ']':
        return bracket_end(s, more);
    case '<':
        return tag(s, more, out);
    case '&':
        return entity(s, more, out);
    case '|':
        return bar(s, more, out);
    case 'h':
    case 'H':
    case 'w':
    case 'W':
        n = s->before != 'a' ? address(s, more) : NOT_MINE;
        return n == NOT_MINE ? plain(s, out) : n;
    default:
        return plain(s, out);
    }
}

static size_t leave(va_speakable_t *s)
{
    s->mode = VA_SPEAKABLE_TEXT;
    s->before = 'a';
    return NOT_MINE;
}

static size_t host(va_speakable_t *s, bool more, va_buf_t *out)
{
    char c = s->held[0];
    char next = s->held_len > 1 ? s->held[1] : '\n';

    if (!s->on_host) {
        if (s->held_len < 4 && more &&
            strncasecmp(s->held, "www.", s->held_len) == 0) {
            return WAIT;
        }
        s->on_host = true;
        if (starts(s, 0, "www.")) {
            return 4;
        }
    }
    if (isalnum((unsigned char)c) || c == '-') {
        put(s, out, &c, 1);
        return 1;
    }
    if (c == '/') {
        s->mode = VA_SPEAKABLE_PATH;
        return 1;
    }
    if (strchr(".?#:@", c) == NULL || c == '\0') {
        return leave(s);
    }
    if (s->held_len < 2 && more) {
        return WAIT;
    }
    if (!isalnum((unsigned char)next)) {
        return leave(s);
    }
    if (c == '.') {
        put(s, out, &c, 1);
    } else {
        s->mode = VA_SPEAKABLE_PATH;
    }
    return 1;
}

static size_t path(va_speakable_t *s, bool more)
{
    char c = s->held[0];
    char next = s->held_len > 1 ? s->held[1] : '\n';

    if ((unsigned char)c <= ' ' || (unsigned char)c >= 0x7f ||
        strchr("<>\")]|", c) != NULL) {
        return leave(s);
    }
    if (strchr(".,;:!?'*_", c) == NULL) {
        return 1;
    }
    if (s->held_len < 2 && more) {
        return WAIT;
    }
    return (unsigned char)next <= ' ' || strchr("<>\")]|*_'.", next) != NULL
               ? leave(s)
               : 1;
}

static size_t target(va_speakable_t *s)
{
    s->depth += s->held[0] == '(';
    s->depth -= s->held[0] == ')';
    if (s->held[0] == '\n' || s->depth == 0) {
        s->mode = VA_SPEAKABLE_TEXT;
        s->before = 'a';
    }
    return s->held[0] == '\n' ? NOT_MINE : 1;
}

/* Returns how many of the held bytes were dealt with, or WAIT. */
static size_t step(va_speakable_t *s, bool more, va_buf_t *out)
{
    size_t n = NOT_MINE;

    switch (s->mode) {
    case VA_SPEAKABLE_LINE:
        if (s->held[0] == '\n') {
            s->mode = VA_SPEAKABLE_TEXT;
            s->on_line = false;
        }
        return 1;
    case VA_SPEAKABLE_TARGET:
        n = target(s);
        break;
    case VA_SPEAKABLE_HOST:
        n = host(s, more, out);
        break;
    case VA_SPEAKABLE_PATH:
        n = path(s, more);
        break;
    default:
        break;
    }
    if (n != NOT_MINE) {
        return n;
    }
    if (!s->on_line) {
        n = s->fence ? fence(s, more) : line_begin(s, more);
        if (n != NOT_MINE) {
            return n;
        }
        if (s->fence) {
            s->mode = VA_SPEAKABLE_LINE;
            return step(s, more, out);
        }
        s->on_line = s->held[0] != '\n' && s->held[0] != '\r';
    }
    return inside_line(s, more, out);
}

static void work(va_speakable_t *s, bool final, va_buf_t *out)
{
    while (s->held_len != 0) {
        bool more = !final && s->held_len < VA_SPEAKABLE_HOLD;
        size_t n = step(s, more, out);

        if (n == WAIT) {
            return;
        }
        s->held_len -= n;
        memmove(s->held, s->held + n, s->held_len);
    }
}

va_rc_t va_speakable_feed(va_speakable_t *s, va_str_t piece, va_buf_t *out)
{
    size_t i;

    for (i = 0; i < piece.len; i++) {
        s->held[s->held_len++] = piece.data[i];
        work(s, false, out);
    }
    return out->rc;
}

va_rc_t va_speakable_finish(va_speakable_t *s, va_buf_t *out)
{
    work(s, true, out);
    memset(s, 0, sizeof(*s));
    return out->rc;
}
