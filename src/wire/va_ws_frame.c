/*
 * What of WebSocket has no state: the handshake, masking and writing frames.
 */
#include "va_base64.h"
#include "va_ws.h"

#include <openssl/sha.h>
#include <string.h>

#define VA_WS_FIN 0x80
#define VA_WS_MASKED 0x80
#define VA_WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

size_t va_ws_header(uint8_t out[VA_WS_HEADER_MAX], va_ws_opcode_t opcode,
                    uint64_t len, const uint8_t mask[4])
{
    size_t n = 2;
    unsigned extended = 0; /* bytes of length after the second byte */

    out[0] = (uint8_t)(VA_WS_FIN | opcode);
    if (len < 126) {
        out[1] = (uint8_t)len;
    } else if (len <= UINT16_MAX) {
        out[1] = 126;
        extended = 2;
    } else {
        out[1] = 127;
        extended = 8;
    }
    for (; extended > 0; extended--) {
        out[n++] = (uint8_t)(len >> (8 * (extended - 1)));
    }
    if (mask != NULL) {
        out[1] |= VA_WS_MASKED;
        memcpy(out + n, mask, 4);
        n += 4;
    }
    return n;
}

void va_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], size_t phase)
{
    uint8_t turned[8];
    uint64_t k, a, b;
    size_t i;

    for (i = 0; i < 8; i++) {
        turned[i] = key[(phase + i) % 4];
    }
    memcpy(&k, turned, 8);

    /* memcpy is a plain load and store to the compiler at any alignment. */
    for (; len >= 16; data += 16, len -= 16) {
        memcpy(&a, data, 8);
        memcpy(&b, data + 8, 8);
        a ^= k;
        b ^= k;
        memcpy(data, &a, 8);
        memcpy(data + 8, &b, 8);
    }
    for (i = 0; i < len; i++) {
        data[i] ^= turned[i % 4];
    }
}

size_t va_ws_close_payload(uint8_t out[VA_WS_CONTROL_MAX], uint16_t code,
                           const char *reason)
{
    va_str_t text = va_str(reason);
    size_t n = text.len;

    if (code == VA_WS_CLOSE_NO_STATUS) {
        return 0;
    }
    out[0] = (uint8_t)(code >> 8);
    out[1] = (uint8_t)code;
    if (n > VA_WS_CONTROL_MAX - 2) {
        n = VA_WS_CONTROL_MAX - 2;
        while (n > 0 && ((uint8_t)text.data[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    if (n != 0) {
        memcpy(out + 2, text.data, n);
    }
    return n + 2;
}

va_rc_t va_ws_accept(va_str_t key, char out[VA_WS_ACCEPT_LEN + 1])
{
    uint8_t nonce[VA_BASE64_ROOM(VA_WS_KEY_LEN)];
    uint8_t digest[SHA_DIGEST_LENGTH];
    uint8_t text[VA_WS_KEY_LEN + sizeof(VA_WS_GUID) - 1];
    size_t len;

    out[0] = '\0';
    if (key.len != VA_WS_KEY_LEN ||
        va_base64_decode(nonce, sizeof(nonce), &len, key) != VA_OK ||
        len != 16) {
        return VA_INVALID;
    }
    memcpy(text, key.data, VA_WS_KEY_LEN);
    memcpy(text + VA_WS_KEY_LEN, VA_WS_GUID, sizeof(VA_WS_GUID) - 1);
    if (SHA1(text, sizeof(text), digest) == NULL) {
        return VA_FAILED;
    }
    len = va_base64_encode(out, digest, sizeof(digest));
    out[len] = '\0';
    return VA_OK;
}
