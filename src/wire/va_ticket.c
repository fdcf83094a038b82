#include "va_ticket.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define VA_TICKET_MAC 32
#define VA_TICKET_HEX (2 * VA_TICKET_MAC)

static bool va_ticket_subject(va_str_t s)
{
    size_t i;

    if (s.len > VA_TICKET_SUBJECT_MAX) {
        return false;
    }

    for (i = 0; i < s.len; i++) {
        if (s.data[i] != '-' && !(s.data[i] >= '0' && s.data[i] <= '9') &&
            !(s.data[i] >= 'A' && s.data[i] <= 'Z') &&
            !(s.data[i] >= 'a' && s.data[i] <= 'z')) {
            return false;
        }
    }

    return true;
}

/* The MAC of "PURPOSE:BODY" in hexadecimal. */
static va_rc_t va_ticket_mac(char out[VA_TICKET_HEX], va_str_t key,
                             va_str_t purpose, va_str_t body)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    va_buf_t text;
    va_rc_t rc;
    size_t i;

    va_buf_init(&text, 2 * VA_TICKET_MAX);
    va_buf_str(&text, purpose);
    va_buf_puts(&text, ":");
    rc = va_buf_str(&text, body);

    if (rc == VA_OK &&
        (HMAC(EVP_sha256(), key.data, (int)key.len,
              (const unsigned char *)text.data, text.len, mac, &len) == NULL ||
         len != VA_TICKET_MAC)) {
        rc = VA_FAILED;
    }

    va_buf_free(&text);

    for (i = 0; rc == VA_OK && i < VA_TICKET_MAC; i++) {
        out[2 * i] = hex[mac[i] >> 4];
        out[2 * i + 1] = hex[mac[i] & 15];
    }

    return rc;
}

va_rc_t va_ticket_make(va_buf_t *out, va_str_t key, va_str_t purpose,
                       const va_ticket_t *ticket)
{
    char mac[VA_TICKET_HEX];
    va_buf_t body;
    va_rc_t rc;

    if (key.len == 0 || key.len > INT_MAX ||
        !va_ticket_subject(ticket->subject)) {
        return VA_INVALID;
    }

    va_buf_init(&body, VA_TICKET_MAX);
    va_buf_printf(&body, "%" PRIx64 ".%" PRIx64 ".", ticket->issued,
                  ticket->expires);
    rc = va_buf_str(&body, ticket->subject);

    if (rc == VA_OK) {
        rc = va_ticket_mac(mac, key, purpose, va_buf_view(&body));
    }

    if (rc == VA_OK) {
        va_buf_append(out, body.data, body.len);
        va_buf_puts(out, ".");
        rc = va_buf_append(out, mac, sizeof(mac));
    }

    va_buf_free(&body);

    return rc;
}

/* Takes a time and the point behind it from the text. */
static bool va_ticket_time(va_str_t *text, uint64_t *time)
{
    uint64_t value = 0;
    size_t i;
    char c;

    for (i = 0; i < text->len && text->data[i] != '.'; i++) {
        c = text->data[i];

        if (i == 16) {
            return false;
        } else if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }

    if (i == 0 || i == text->len) {
        return false;
    }

    text->data += i + 1;
    text->len -= i + 1;
    *time = value;

    return true;
}

static bool va_ticket_parse(va_ticket_t *ticket, va_str_t text)
{
    if (!va_ticket_time(&text, &ticket->issued) ||
        !va_ticket_time(&text, &ticket->expires)) {
        return false;
    }

    ticket->subject = text;

    return va_ticket_subject(text);
}

va_rc_t va_ticket_check(va_ticket_t *ticket, va_str_t text, va_str_t key,
                        va_str_t purpose, uint64_t now_s)
{
    char mac[VA_TICKET_HEX];
    va_rc_t rc = VA_INVALID;
    va_str_t body = text;

    memset(ticket, 0, sizeof(*ticket));

    if (key.len == 0 || key.len > INT_MAX || text.len > VA_TICKET_MAX ||
        text.len < VA_TICKET_HEX + 1 ||
        text.data[text.len - VA_TICKET_HEX - 1] != '.') {
        return VA_INVALID;
    }

    body.len = text.len - VA_TICKET_HEX - 1;

    if (va_ticket_parse(ticket, body)) {
        rc = va_ticket_mac(mac, key, purpose, body);

        if (rc == VA_OK &&
            (CRYPTO_memcmp(mac, text.data + body.len + 1, VA_TICKET_HEX) != 0 ||
             now_s < ticket->issued || now_s >= ticket->expires)) {
            rc = VA_INVALID;
        }
    }

    if (rc != VA_OK) {
        memset(ticket, 0, sizeof(*ticket));
    }

    return rc;
}
