/* Frames and payloads of the call log's journal, as a disk may give them. */
#include <stdlib.h>
#include <string.h>

#include "store/va_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    va_str_t left = {(const char *)data, len}, payload;
    va_record_t rec, back;
    va_buf_t b;
    size_t size;

    va_buf_init(&b, VA_RECORD_MAX);
    while (left.len != 0) {
        va_rc_t rc = va_record_frame(left, &size, &payload);

        if (size == 0 || size > left.len) {
            abort();
        }
        if (rc == VA_OK && va_record_read(&rec, payload) == VA_OK) {
            va_buf_reset(&b);
            if (va_record_write(&b, &rec) == VA_OK &&
                (va_record_frame(va_buf_view(&b), &size, &payload) != VA_OK ||
                 va_record_read(&back, payload) != VA_OK)) {
                abort();
            }
            if (rc == VA_OK) {
                (void)va_record_frame(left, &size, &payload);
            }
        }
        left.data += size;
        left.len -= size;
    }
    /* without the check sum, which hardly any mutation survives */
    (void)va_record_read(&rec, (va_str_t){(const char *)data, len});
    va_buf_free(&b);
    return 0;
}
