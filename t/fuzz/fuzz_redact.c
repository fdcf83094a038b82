/* Texts from which something is taken out before they are kept. */
#include <stdlib.h>
#include <string.h>

#include "store/va_redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    va_str_t text = {(const char *)data, len};
    va_buf_t b;

    va_buf_init(&b, 1 << 20);
    /* a replacement is at most as much longer as one digit is short */
    if (va_redact_text(&b, text,
                       VA_REDACT_CARD | VA_REDACT_EMAIL | VA_REDACT_PHONE) !=
            VA_OK ||
        b.len > len + len / 4 * 8 + 8) {
        abort();
    }
    va_buf_reset(&b);
    if (va_redact_text(&b, text, 0) != VA_OK || b.len != len ||
        (len != 0 && memcmp(b.data, data, len) != 0)) {
        abort();
    }
    va_buf_free(&b);
    return 0;
}
