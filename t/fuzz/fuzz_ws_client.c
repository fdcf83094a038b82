/*
 * The answer to a WebSocket handshake, whole and in pieces: the same verdict,
 * the same bytes taken, the same refusal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/va_ws_client.h"

typedef struct {
    va_rc_t rc;
    size_t used;
    char *body;
    va_ws_refusal_t refusal;
} verdict_t;

static verdict_t judge(const uint8_t *data, size_t size, size_t piece)
{
    va_ws_client_t *c = va_ws_client_new((const uint8_t *)"the sample nonce");
    verdict_t v = {.rc = VA_AGAIN};
    size_t n, used;

    while (v.rc == VA_AGAIN && v.used < size) {
        n = size - v.used < piece ? size - v.used : piece;
        v.rc = va_ws_client_feed(c, data + v.used, n, &used);
        v.used += used;
    }
    if (v.rc == VA_AGAIN) {
        v.rc = va_ws_client_end(c);
    }
    if (v.rc == VA_FAILED) {
        va_ws_client_refusal(c, &v.refusal);
        v.body = calloc(1, v.refusal.body.len + 1);
        memcpy(v.body, v.refusal.body.data != NULL ? v.refusal.body.data : "",
               v.refusal.body.len);
    }
    va_ws_client_free(c);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    verdict_t whole = judge(data, size, size + 1);
    verdict_t pieces = judge(data, size, 1);

    if (whole.rc != pieces.rc || whole.used != pieces.used ||
        whole.refusal.status != pieces.refusal.status ||
        whole.refusal.body.len != pieces.refusal.body.len ||
        (whole.body != NULL &&
         memcmp(whole.body, pieces.body, whole.refusal.body.len) != 0)) {
        abort();
    }
    free(whole.body);
    free(pieces.body);
    return 0;
}
