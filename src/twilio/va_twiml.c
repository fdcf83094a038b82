#include "va_twiml.h"

#include <string.h>

#include "../wire/va_text.h"
#include "va_address.h"

/* Appends name="value" with a space before it. */
static void va_twiml_attribute(va_buf_t *b, const char *name, va_str_t value)
{
    va_buf_printf(b, " %s=\"", name);
    va_xml_escape(b, value, value.len);
    va_buf_puts(b, "\"");
}

/* Writes an attribute unless it is empty. */
static void va_twiml_optional(va_buf_t *b, const char *name, va_str_t value)
{
    if (value.len != 0) {
        va_twiml_attribute(b, name, value);
    }
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
    va_twiml_optional(b, "voice", voice);
    va_twiml_optional(b, "language", language);
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

va_rc_t va_twiml_play_digits(va_buf_t *b, va_str_t digits)
{
    va_buf_puts(b, "<Play");
    va_twiml_optional(b, "digits", digits);
    return va_buf_puts(b, "/>");
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

static void va_twiml_number(va_buf_t *b, const char *name, unsigned value)
{
    if (value != 0) {
        va_buf_printf(b, " %s=\"%u\"", name, value);
    }
}

static bool va_twiml_is_seconds(va_str_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return false;
        }
    }
    return s.len != 0 && s.len <= 3 && s.data[0] != '0';
}

static bool va_twiml_gather_valid(const va_twiml_gather_t *g)
{
    static const char *const inputs[] = {"", "dtmf", "speech", "dtmf speech",
                                         "speech dtmf"};
    va_str_t key = g->finish_on_key;
    size_t i = 0;

    while (!va_str_eq(g->input, va_str(inputs[i]))) {
        if (++i == sizeof(inputs) / sizeof(inputs[0])) {
            return false;
        }
    }
    if (g->speech_timeout.len != 0 &&
        !va_str_eq(g->speech_timeout, VA_STR("auto")) &&
        !va_twiml_is_seconds(g->speech_timeout)) {
        return false;
    }
    return key.len == 0 ||
           (key.len == 1 && memchr("0123456789#*", key.data[0], 12) != NULL);
}

/* Takes the next hint, without blanks around it, off the front of hints. */
static va_str_t va_twiml_next_hint(va_str_t *hints)
{
    const char *comma = memchr(hints->data, ',', hints->len);
    size_t len = comma != NULL ? (size_t)(comma - hints->data) : hints->len;
    size_t taken = comma != NULL ? len + 1 : len;
    va_str_t hint = {hints->data, len};

    hints->data += taken;
    hints->len -= taken;
    while (hint.len != 0 && memchr(" \t\r\n", hint.data[0], 4) != NULL) {
        hint.data++;
        hint.len--;
    }
    while (hint.len != 0 &&
           memchr(" \t\r\n", hint.data[hint.len - 1], 4) != NULL) {
        hint.len--;
    }
    return hint;
}

/* Returns the length of s as Twilio may count it: in units of UTF-16. */
static size_t va_twiml_length(va_str_t s)
{
    size_t length = 0;
    const char *at;
    size_t n;

    while ((n = va_xml_next(&s, &at)) != 0) {
        length += n == 4 ? 2 : 1;
    }
    return length;
}

static void va_twiml_hints(va_buf_t *b, va_str_t hints)
{
    size_t begin = 0;
    unsigned count = 0;

    while (hints.len != 0 && count < VA_TWIML_HINTS && b->rc == VA_OK) {
        va_str_t hint = va_twiml_next_hint(&hints);
        size_t length = va_twiml_length(hint);
        size_t before = b->len;

        if (length == 0 || length > VA_TWIML_HINT_MAX) {
            continue;
        }
        va_buf_puts(b, count == 0 ? " hints=\"" : ",");
        begin = count == 0 ? b->len : begin;
        va_xml_escape(b, hint, hint.len);
        if (b->rc == VA_OK && b->len - begin > VA_TWIML_HINTS_BYTES) {
            b->len = before;
            b->data[before] = '\0';
            break;
        }
        count++;
    }
    if (count != 0) {
        va_buf_puts(b, "\"");
    }
}

va_rc_t va_twiml_gather(va_buf_t *b, const va_twiml_gather_t *g)
{
    if (!va_twiml_gather_valid(g)) {
        return VA_INVALID;
    }
    va_buf_puts(b, "<Gather");
    va_twiml_optional(b, "input", g->input);
    va_twiml_optional(b, "action", g->action);
    va_twiml_number(b, "timeout", g->timeout);
    va_twiml_optional(b, "speechTimeout", g->speech_timeout);
    va_twiml_optional(b, "speechModel", g->speech_model);
    va_twiml_optional(b, "language", g->language);
    va_twiml_hints(b, g->hints);
    va_twiml_number(b, "numDigits", g->num_digits);
    if (g->finish_on_key.data != NULL) {
        va_twiml_attribute(b, "finishOnKey", g->finish_on_key);
    }
    if (g->barge_in != VA_TWIML_UNSET) {
        va_buf_puts(b, g->barge_in == VA_TWIML_TRUE ? " bargeIn=\"true\""
                                                    : " bargeIn=\"false\"");
    }
    if (g->action_on_empty) {
        va_buf_puts(b, " actionOnEmptyResult=\"true\"");
    }
    va_buf_puts(b, ">");
    va_twiml_say(b, g->say, g->voice, g->say_language);
    return va_buf_puts(b, "</Gather>");
}

va_rc_t va_twiml_dial(va_buf_t *b, va_str_t to, va_str_t caller_id,
                      va_str_t action, unsigned timeout)
{
    static const char *const nouns[] = {
        [VA_ADDRESS_NUMBER] = "Number",
        [VA_ADDRESS_SIP] = "Sip",
        [VA_ADDRESS_CLIENT] = "Client",
    };
    static const size_t scheme = sizeof("client:") - 1;
    va_address_t kind = va_address_kind(to);

    if (kind == VA_ADDRESS_NONE) {
        return VA_INVALID;
    }
    if (kind == VA_ADDRESS_CLIENT) {
        to.data += scheme;
        to.len -= scheme;
    }
    va_buf_puts(b, "<Dial");
    va_twiml_optional(b, "action", action);
    va_twiml_optional(b, "callerId", caller_id);
    va_twiml_number(b, "timeout", timeout);
    va_buf_printf(b, "><%s>", nouns[kind]);
    va_xml_escape(b, to, to.len);
    return va_buf_printf(b, "</%s></Dial>", nouns[kind]);
}
