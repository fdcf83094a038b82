/*
 * The first byte chooses a status.  The rest is an answer to be read, and in
 * turn each text of a request, which must come back out of its form unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "twilio/va_rest.h"
#include "wire/va_form.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(const char *s, size_t room)
{
    const unsigned char *p;

    if (memchr(s, '\0', room) == NULL || !va_utf8_valid(va_str(s))) {
        abort();
    }
    for (p = (const unsigned char *)s; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f) {
            abort();
        }
    }
}

static void read_as_answer(int http, va_str_t body)
{
    va_rest_answer_t a;
    va_rc_t rc = va_rest_read(http, body, &a);
    int status = va_rest_status(&a);

    line(a.sid, sizeof(a.sid));
    line(a.status, sizeof(a.status));
    line(a.to, sizeof(a.to));
    line(a.from, sizeof(a.from));
    line(a.message, sizeof(a.message));
    line(a.more_info, sizeof(a.more_info));
    if ((rc == VA_OK) != (a.sid[0] != '\0') ||
        (rc == VA_OK) != (a.message[0] == '\0') ||
        (rc == VA_FAILED) == (http / 100 == 2) || status < 400 ||
        status > 502) {
        abort();
    }
}

static void look_for(const va_buf_t *body, const char *name, va_str_t value)
{
    va_form_t *form;

    if (va_form_parse(&form, va_buf_view(body)) != VA_OK) {
        abort();
    }
    if (!va_str_eq(va_form_get(form, name), value)) {
        abort();
    }
    va_form_free(form);
}

static void send_as_call(va_str_t s)
{
    va_rest_create_t call = {.base = va_str(VA_REST_BASE),
                             .account = s,
                             .to = s,
                             .from = s,
                             .url = VA_STR("https://v/")};
    va_buf_t url, body;

    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, 1 << 20);
    if (va_rest_create(&url, &body, &call) == VA_OK &&
        memcmp(url.data + strlen(VA_REST_BASE "/Accounts/"), s.data, s.len) !=
            0) {
        abort();
    }
    va_buf_reset(&url);
    va_buf_reset(&body);
    call.account = VA_STR("AC1");
    if (memchr(s.data, '\0', s.len) == NULL) {
        if (va_rest_create(&url, &body, &call) != VA_OK) {
            abort();
        }
        look_for(&body, "To", s);
        look_for(&body, "From", s);
    }
    va_buf_free(&url);
    va_buf_free(&body);
}

static void send_as_change(va_str_t s)
{
    va_rest_update_t change = {.base = va_str(VA_REST_BASE),
                               .account = VA_STR("AC1"),
                               .call = VA_STR("CA1"),
                               .twiml = s};
    va_buf_t url, body;

    va_buf_init(&url, VA_REST_URL_MAX);
    va_buf_init(&body, 1 << 20);
    if (va_rest_update(&url, &body, &change) == VA_OK &&
        memchr(s.data, '\0', s.len) == NULL) {
        look_for(&body, "Twiml", s);
    }
    va_buf_reset(&url);
    va_buf_reset(&body);
    change.twiml.len = 0;
    change.url = s;
    if (va_rest_update(&url, &body, &change) == VA_OK) {
        look_for(&body, "Url", s);
    }
    va_buf_free(&url);
    va_buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 201, 302, 400, 401, 404, 429, 503};
    va_str_t rest = {(const char *)data + 1, size - 1};

    if (size < 2) {
        return 0;
    }
    read_as_answer(statuses[data[0] % 8], rest);
    send_as_call(rest);
    send_as_change(rest);
    return 0;
}
