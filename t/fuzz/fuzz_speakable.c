/* In pieces it must say what it says whole, and never more than its bound. */
#include <stdlib.h>
#include <string.h>

#include "dialog/va_speakable.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(va_buf_t *out, const uint8_t *data, size_t size, size_t piece)
{
    va_speakable_t s = {.held_len = 0};

    va_buf_init(out, 1 << 20);
    while (size != 0) {
        size_t n = size < piece ? size : piece;
        char *copy = malloc(n);

        if (copy == NULL) {
            abort();
        }
        memcpy(copy, data, n);
        if (va_speakable_feed(&s, (va_str_t){copy, n}, out) != VA_OK ||
            s.held_len > VA_SPEAKABLE_HOLD) {
            abort();
        }
        free(copy);
        data += n;
        size -= n;
    }
    if (va_speakable_finish(&s, out) != VA_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_buf_t whole, parts;

    if (size == 0 || size > 4096) {
        return 0;
    }
    say(&whole, data + 1, size - 1, size);
    say(&parts, data + 1, size - 1, data[0] % 16 + 1U);
    if (whole.len != parts.len || whole.len > 4 * size ||
        (whole.len != 0 && memcmp(whole.data, parts.data, whole.len) != 0) ||
        !va_utf8_valid(va_buf_view(&whole))) {
        abort();
    }
    va_buf_free(&whole);
    va_buf_free(&parts);
    return 0;
}
