/*
 * Tickets: nothing that was not made with the key is one, and what is made
 * says what was put in.
 */
#include "wire/va_ticket.h"

#include <stdlib.h>
#include <string.h>

#define KEY VA_STR("a key")
#define PURPOSE VA_STR("a purpose")

static void must(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t text = {(const char *)data, size};
    va_ticket_t ticket = {1, UINT64_MAX, {NULL, 0}}, back;
    va_buf_t b;
    va_rc_t rc;

    /* nobody who has no key guesses a MAC */
    rc = va_ticket_check(&back, text, KEY, PURPOSE, 1000);
    must(rc == VA_INVALID && back.expires == 0 && back.subject.len == 0);

    ticket.subject = text;
    va_buf_init(&b, VA_TICKET_MAX);
    rc = va_ticket_make(&b, KEY, PURPOSE, &ticket);
    must(rc == VA_OK || (rc == VA_INVALID && b.len == 0));
    if (rc == VA_OK) {
        must(va_ticket_check(&back, va_buf_view(&b), KEY, PURPOSE, 1000) ==
             VA_OK);
        must(back.issued == 1 && back.expires == UINT64_MAX &&
             back.subject.len == size &&
             (size == 0 || memcmp(back.subject.data, data, size) == 0));
        b.data[size % b.len] ^= 1;
        must(va_ticket_check(&back, va_buf_view(&b), KEY, PURPOSE, 1000) ==
             VA_INVALID);
    }
    va_buf_free(&b);
    return 0;
}
