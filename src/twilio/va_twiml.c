#include "va_twiml.h"

#include "../wire/va_text.h"

/* Appends name="value" with a space before it. */
static void va_twiml_attribute(va_buf_t *b, const char *name, va_str_t value)
{
    va_buf_printf(b, " %s=\"", name);
    va_xml_escape(b, value, value.len);
    va_buf_puts(b, "\"");
}

va_rc_t va_twiml_begin(va_buf_t *b)
{
    return va_buf_puts(b,
                       "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>");
}

va_rc_t va_twiml_end(va_buf_t *b)
{
    return va_buf_puts(b, "</Response>");
}

/* Whether XML 1.0 has the valid character that begins at p (section 2.2). */
static bool va_xml_has(const unsigned char *p, size_t n)
{
    if (n == 1) {
        return *p >= 0x20 || *p == '\t' || *p == '\n' || *p == '\r';
    }
    /* U+FFFE and U+FFFF are EF BF BE and EF BF BF. */
    return n != 3 || p[0] != 0xef || p[1] != 0xbf || p[2] < 0xbe;
}

/* Returns what stands for c in XML, or NULL when it may stand for itself. */
static const char *va_xml_reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

/*
 * Takes the next character that XML has off the front of s.  Returns its
 * length and sets *at, or returns 0 at the end.
 */
static size_t va_xml_next(va_str_t *s, const char **at)
{
    bool valid;
    size_t n;

    while (s->len != 0) {
        *at = s->data;
        n = va_text_next(*s, &valid);
        s->data += n;
        s->len -= n;
        if (valid && va_xml_has((const unsigned char *)*at, n)) {
            return n;
        }
    }
    return 0;
}

va_rc_t va_xml_escape(va_buf_t *b, va_str_t s, size_t max)
{
    const char *reference;
    const char *at;
    size_t n;

    while (b->rc == VA_OK && (n = va_xml_next(&s, &at)) != 0 && n <= max) {
        max -= n;
        reference = va_xml_reference(*at);
        if (reference != NULL) {
            va_buf_puts(b, reference);
        } else {
            va_buf_append(b, at, n);
        }
    }
    return b->rc;
}

static bool va_twiml_url_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
}

/*
 * Returns how much of text one <Say> takes, counted in what va_xml_escape
 * counts, and sets *blank when there is nothing to be heard in it.
 */
static size_t va_twiml_say_room(va_str_t text, bool *blank)
{
    size_t room = 0;
    size_t encoded = 0;
    const char *at;
    size_t n;

    *blank = true;
    while ((n = va_xml_next(&text, &at)) != 0) {
        size_t cost = va_twiml_url_plain((unsigned char)*at) ? 1 : 3 * n;

        if (n > VA_TWIML_SAY_MAX - room ||
            cost > VA_TWIML_SAY_ENCODED_MAX - encoded) {
            break;
        }
        room += n;
        encoded += cost;
        if (*at != ' ' && *at != '\t' && *at != '\n' && *at != '\r') {
            *blank = false;
        }
    }
    return room;
}

va_rc_t va_twiml_say(va_buf_t *b, va_str_t text, va_str_t voice,
                     va_str_t language)
{
    bool blank;
    size_t room = va_twiml_say_room(text, &blank);

    if (blank) {
        return b->rc;
    }
    va_buf_puts(b, "<Say");
    if (voice.len != 0) {
        va_twiml_attribute(b, "voice", voice);
    }
    if (language.len != 0) {
        va_twiml_attribute(b, "language", language);
    }
    va_buf_puts(b, ">");
    va_xml_escape(b, text, room);
    return va_buf_puts(b, "</Say>");
}

va_rc_t va_twiml_connect_stream(va_buf_t *b, va_str_t url,
                                const va_twiml_param_t *params, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (params[i].name.len > VA_TWIML_PARAM_MAX ||
            params[i].value.len > VA_TWIML_PARAM_MAX - params[i].name.len) {
            return VA_LIMIT;
        }
    }
    va_buf_puts(b, "<Connect><Stream");
    va_twiml_attribute(b, "url", url);
    va_buf_puts(b, ">");
    for (i = 0; i < count; i++) {
        va_buf_puts(b, "<Parameter");
        va_twiml_attribute(b, "name", params[i].name);
        va_twiml_attribute(b, "value", params[i].value);
        va_buf_puts(b, "/>");
    }
    return va_buf_puts(b, "</Stream></Connect>");
}

va_rc_t va_twiml_redirect(va_buf_t *b, va_str_t url)
{
    va_buf_puts(b, "<Redirect>");
    va_xml_escape(b, url, url.len);
    return va_buf_puts(b, "</Redirect>");
}

va_rc_t va_twiml_hangup(va_buf_t *b)
{
    return va_buf_puts(b, "<Hangup/>");
}

va_rc_t va_twiml_reject(va_buf_t *b, bool busy)
{
    return va_buf_printf(b, "<Reject reason=\"%s\"/>",
                         busy ? "busy" : "rejected");
}

va_rc_t va_twiml_pause(va_buf_t *b, unsigned seconds)
{
    return va_buf_printf(b, "<Pause length=\"%u\"/>", seconds);
}
