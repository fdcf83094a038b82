/*
 * The first bytes choose format, rate and sizes of pieces; the rest is audio.
 * Pieces must give what one piece gives.
 */
#include <stdlib.h>
#include <string.h>

#include "audio/va_voice.h"
#include "base/va_buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static va_rc_t collect(void *ctx, const uint8_t *ulaw, size_t n)
{
    if (n == 0) {
        abort();
    }
    return va_buf_append(ctx, ulaw, n);
}

static va_rc_t run(va_buf_t *out, va_voice_format_t format, unsigned rate,
                   const uint8_t *data, size_t size, size_t piece)
{
    va_voice_t *v;
    va_rc_t rc = VA_OK;

    va_buf_init(out, 1 << 22);
    v = va_voice_new(format, rate, collect, out);
    if (v == NULL) {
        return VA_NOMEM;
    }
    while (size != 0 && rc == VA_OK) {
        size_t n = size < piece ? size : piece;
        uint8_t *copy = malloc(n);

        if (copy == NULL) {
            break;
        }
        memcpy(copy, data, n);
        rc = va_voice_feed(v, copy, n);
        free(copy);
        data += n;
        size -= n;
    }
    if (rc == VA_OK) {
        rc = va_voice_finish(v);
    }
    if (rc == VA_INVALID && va_voice_error(v)[0] == '\0') {
        abort();
    }
    va_voice_free(v);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned rates[] = {8000, 16000, 22050, 24000, 44100, 100};
    va_voice_format_t format;
    unsigned rate;
    size_t piece;
    va_buf_t whole, parts;
    va_rc_t rc;

    if (size < 3) {
        return 0;
    }
    format = (va_voice_format_t)(data[0] % 3);
    rate = rates[data[1] % 6];
    piece = (size_t)data[2] + 1;
    rc = run(&whole, format, rate, data + 3, size - 3, size);
    if (run(&parts, format, rate, data + 3, size - 3, piece) != rc) {
        abort();
    }
    if (whole.len != parts.len ||
        (whole.len != 0 && memcmp(whole.data, parts.data, whole.len) != 0)) {
        abort();
    }
    va_buf_free(&whole);
    va_buf_free(&parts);
    return 0;
}
