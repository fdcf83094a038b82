/*
 * The input is a URL, a line end, a form, a line end, a body.  What is signed
 * is accepted, with another token it is not.
 */
#include <stdlib.h>
#include <string.h>

#include "twilio/va_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static va_str_t line(va_str_t *rest)
{
    const char *end =
        rest->len != 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    va_str_t s = *rest;

    if (end != NULL) {
        s.len = (size_t)(end - s.data);
        rest->data = end + 1;
        rest->len -= s.len + 1;
    } else {
        rest->data += rest->len;
        rest->len = 0;
    }
    return s;
}

/* Signs and checks a request whose URL is known to have scheme and host. */
static void round_trip(const va_signature_check_t *given, va_str_t path)
{
    va_signature_check_t c = *given;
    char out[VA_SIGNATURE_LEN + 1];
    bool hashed;
    va_buf_t b;

    va_buf_init(&b, path.len + 32);
    va_buf_puts(&b, c.websocket ? "wss://h/" : "https://h/");
    va_buf_str(&b, path);
    hashed = strstr(b.data, "bodySHA256=") != NULL;
    c.url = va_buf_view(&b);
    if (va_signature_sign(c.token, c.url, c.form, out) != VA_OK) {
        abort();
    }
    c.signature = va_str(out);
    if (!hashed && (c.form != NULL || c.body.len == 0) &&
        va_signature_check(&c) != VA_OK) {
        abort();
    }
    c.token = VA_STR("other");
    if (va_signature_check(&c) != VA_INVALID) {
        abort();
    }
    va_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t rest = {(const char *)data, size};
    va_signature_check_t c = {
        .token = VA_STR("12345"),
        .signature = VA_STR("RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    };
    va_form_t *form = NULL;
    va_str_t fields;

    if (size == 0) {
        return 0;
    }
    c.url = line(&rest);
    fields = line(&rest);
    c.body = rest;
    if (fields.len != 0 && va_form_parse(&form, fields) == VA_OK) {
        c.form = form;
    }
    c.websocket = (size & 1) != 0;
    if (va_signature_check(&c) == VA_FAILED) {
        abort();
    }
    if (memchr(c.url.data, '\0', c.url.len) == NULL) {
        round_trip(&c, c.url);
    }
    va_form_free(form);
    return 0;
}
