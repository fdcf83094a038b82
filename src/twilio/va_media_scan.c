#include "va_media_scan.h"

#include <string.h>

#define VA_BYTES(c) (UINT64_C(0x0101010101010101) * (c))

#define VA_DIGITS_MAX 19 /* that many always fit into 64 bits */

typedef struct {
    const char *p;
    const char *end;
    va_media_msg_t *msg;
} va_media_scan_t;

/* Members that were seen. */
enum {
    VA_SEEN_EVENT = 1,
    VA_SEEN_SEQUENCE = 2,
    VA_SEEN_STREAM = 4,
    VA_SEEN_MEDIA = 8,
    VA_SEEN_TRACK = 16,
    VA_SEEN_CHUNK = 32,
    VA_SEEN_TIMESTAMP = 64,
    VA_SEEN_PAYLOAD = 128
};

/* Reads the value of the member name; returns its VA_SEEN, or 0 to give up. */
typedef unsigned (*va_media_member_pt)(va_media_scan_t *s, va_str_t name);

static inline bool va_scan_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Returns the first place in [p, end) that ends a run of plain characters. */
static inline const char *va_scan_run(const char *p, const char *end)
{
    uint64_t w, special;

    while (end - p >= 8) {
        memcpy(&w, p, 8);
        /*
         * The high bit of a byte gets set by a byte that has it, is a control
         * character, a quote or a backslash.  A borrow can only spoil bytes
         * behind one that is found.
         */
        special =
            (w | (w - VA_BYTES(0x20)) | ((w ^ VA_BYTES('"')) - VA_BYTES(1)) |
             ((w ^ VA_BYTES('\\')) - VA_BYTES(1))) &
            VA_BYTES(0x80);
        if (special != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return p + (__builtin_ctzll(special) >> 3);
#else
            break;
#endif
        }
        p += 8;
    }
    while (p < end && va_scan_plain((unsigned char)*p)) {
        p++;
    }
    return p;
}

static inline void va_scan_space(va_media_scan_t *s)
{
    while (s->p < s->end &&
           (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')) {
        s->p++;
    }
}

static inline bool va_scan_char(va_media_scan_t *s, char c)
{
    if (s->p == s->end || *s->p != c) {
        return false;
    }
    s->p++;
    return true;
}

static inline bool va_scan_string(va_media_scan_t *s, va_str_t *out)
{
    const char *begin;

    if (!va_scan_char(s, '"')) {
        return false;
    }
    begin = s->p;
    s->p = va_scan_run(begin, s->end);
    *out = (va_str_t){begin, (size_t)(s->p - begin)};
    return va_scan_char(s, '"');
}

bool va_media_digits(va_str_t s, uint64_t *value)
{
    uint64_t v = 0;
    size_t i;

    if (s.len == 0 || s.len > VA_DIGITS_MAX) {
        return false;
    }
    for (i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';

        if (digit > 9) {
            return false;
        }
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

/* Reads a whole number, bare or in a string. */
static inline bool va_scan_number(va_media_scan_t *s, uint64_t *value)
{
    const char *begin = s->p;
    va_str_t text;

    if (s->p < s->end && *s->p == '"') {
        return va_scan_string(s, &text) && va_media_digits(text, value);
    }
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
        s->p++;
    }
    text = (va_str_t){begin, (size_t)(s->p - begin)};
    /* Outside of strings JSON has no leading zeros. */
    return (text.len < 2 || *begin != '0') && va_media_digits(text, value);
}

/* Reads an object; returns the members seen, or 0 when it is not as usual. */
static inline unsigned va_scan_object(va_media_scan_t *s,
                                      va_media_member_pt member)
{
    unsigned seen = 0;
    unsigned one;
    va_str_t name;

    if (!va_scan_char(s, '{')) {
        return 0;
    }
    do {
        va_scan_space(s);
        if (!va_scan_string(s, &name)) {
            return 0;
        }
        va_scan_space(s);
        if (!va_scan_char(s, ':')) {
            return 0;
        }
        va_scan_space(s);
        one = member(s, name);
        if (one == 0 || (seen & one) != 0) {
            return 0;
        }
        seen |= one;
        va_scan_space(s);
    } while (va_scan_char(s, ','));
    return va_scan_char(s, '}') ? seen : 0;
}

/* Compares with a literal, whose length the compiler knows. */
#define VA_SCAN_IS(s, literal)                                                 \
    ((s).len == sizeof(literal) - 1 &&                                         \
     memcmp((s).data, literal, sizeof(literal) - 1) == 0)

static unsigned va_scan_media_member(va_media_scan_t *s, va_str_t name)
{
    uint64_t chunk;
    va_str_t track;

    if (VA_SCAN_IS(name, "payload")) {
        return va_scan_string(s, &s->msg->payload) ? VA_SEEN_PAYLOAD : 0;
    }
    if (VA_SCAN_IS(name, "timestamp")) {
        return va_scan_number(s, &s->msg->timestamp) ? VA_SEEN_TIMESTAMP : 0;
    }
    if (VA_SCAN_IS(name, "chunk")) {
        return va_scan_number(s, &chunk) ? VA_SEEN_CHUNK : 0;
    }
    if (VA_SCAN_IS(name, "track") && va_scan_string(s, &track)) {
        s->msg->outbound = VA_SCAN_IS(track, "outbound");
        return VA_SEEN_TRACK;
    }
    return 0;
}

static unsigned va_scan_member(va_media_scan_t *s, va_str_t name)
{
    va_str_t event;

    if (VA_SCAN_IS(name, "media")) {
        unsigned seen = va_scan_object(s, va_scan_media_member);

        return (seen & VA_SEEN_PAYLOAD) != 0 ? VA_SEEN_MEDIA : 0;
    }
    if (VA_SCAN_IS(name, "event")) {
        return va_scan_string(s, &event) && VA_SCAN_IS(event, "media")
                   ? VA_SEEN_EVENT
                   : 0;
    }
    if (VA_SCAN_IS(name, "streamSid")) {
        return va_scan_string(s, &s->msg->stream_sid) ? VA_SEEN_STREAM : 0;
    }
    if (VA_SCAN_IS(name, "sequenceNumber")) {
        return va_scan_number(s, &s->msg->sequence) ? VA_SEEN_SEQUENCE : 0;
    }
    return 0;
}

bool va_media_scan(va_str_t text, va_media_msg_t *msg)
{
    const unsigned needed = VA_SEEN_EVENT | VA_SEEN_MEDIA;
    va_media_scan_t s = {text.data, text.data, msg};

    if (text.len == 0) {
        return false;
    }
    s.end = text.data + text.len;
    va_scan_space(&s);
    if ((va_scan_object(&s, va_scan_member) & needed) != needed) {
        return false;
    }
    va_scan_space(&s);
    msg->type = VA_MEDIA_MEDIA;
    return s.p == s.end;
}
