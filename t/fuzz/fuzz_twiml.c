/* Whatever is said, the document stays XML and within the limits. */
#include <stdlib.h>
#include <string.h>

#include "twilio/va_twiml.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The escaped text holds nothing that XML gives a meaning but references. */
static void look(va_str_t s)
{
    static const char *const references[] = {"&amp;", "&lt;",  "&gt;", "&quot;",
                                             "&#9;",  "&#10;", "&#13;"};
    const char *p;
    size_t i;

    if (!va_utf8_valid(s)) {
        abort();
    }
    for (p = s.data; p < s.data + s.len; p++) {
        if ((unsigned char)*p < 0x20 || strchr("<>\"", *p) != NULL) {
            abort();
        }
        for (i = 0; *p == '&' && i < 7; i++) {
            if (strncmp(p, references[i], strlen(references[i])) == 0) {
                break;
            }
        }
        if (i == 7) {
            abort();
        }
    }
}

/* A verb is written within its bounds, or not at all. */
static void look_at_verbs(va_str_t s)
{
    va_twiml_gather_t g = {.action = s, .hints = s, .language = s, .say = s};
    size_t before;
    va_buf_t b;

    va_buf_init(&b, VA_TWIML_MAX + 12 * s.len);
    if (va_twiml_gather(&b, &g) != VA_OK || !va_utf8_valid(va_buf_view(&b)) ||
        b.len >
            12 * s.len + VA_TWIML_HINTS_BYTES + 6 * VA_TWIML_SAY_MAX + 200) {
        abort();
    }
    g.input = g.speech_timeout = g.finish_on_key = s;
    before = b.len;
    if (va_twiml_gather(&b, &g) == VA_OK || b.len != before) {
        abort();
    }
    if (va_twiml_dial(&b, s, s, s, 1) != VA_OK && b.len != before) {
        abort();
    }
    va_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t s = {(const char *)data, size};
    va_twiml_param_t param = {s, s};
    size_t max = size / 2;
    va_rc_t rc;
    va_buf_t b;

    if (size == 0) {
        return 0;
    }
    va_buf_init(&b, 6 * size);
    if (va_xml_escape(&b, s, max) != VA_OK || b.len > 6 * max) {
        abort();
    }
    if (b.len != 0) {
        look(va_buf_view(&b));
    }
    va_buf_free(&b);

    look_at_verbs(s);

    va_buf_init(&b, VA_TWIML_MAX);
    va_twiml_begin(&b);
    if (va_twiml_say(&b, s, VA_STR(""), VA_STR("")) != VA_OK ||
        b.len > 6 * VA_TWIML_SAY_MAX + 128) {
        abort();
    }
    rc = va_twiml_connect_stream(&b, VA_STR("wss://h/"), &param, 1);
    if ((rc == VA_LIMIT) != (2 * size > VA_TWIML_PARAM_MAX)) {
        abort();
    }
    if (va_twiml_end(&b) != VA_OK || !va_utf8_valid(va_buf_view(&b))) {
        abort();
    }
    va_buf_free(&b);
    return 0;
}
