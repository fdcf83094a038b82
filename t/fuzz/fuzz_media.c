/* Both readers of a media message agree, and what is read holds together. */
#include <stdlib.h>
#include <string.h>

#include "../unit/media_same.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t text = {(const char *)data, size};
    va_media_t *m = va_media_new();
    va_media_msg_t msg;
    bool scanned;
    size_t i;

    if (m == NULL || media_differs(text, &scanned) != NULL) {
        abort();
    }
    if (va_media_parse(m, text, &msg) == VA_OK) {
        if (msg.param_count > VA_MEDIA_PARAMS ||
            (msg.type == VA_MEDIA_MEDIA && msg.payload.data == NULL) ||
            (msg.type == VA_MEDIA_MARK && msg.mark.data == NULL) ||
            (msg.type == VA_MEDIA_DTMF && msg.digit == '\0') ||
            !va_utf8_valid(msg.mark) || !va_utf8_valid(msg.stream_sid)) {
            abort();
        }
        for (i = 0; i < msg.param_count; i++) {
            if (!va_utf8_valid(msg.params[i].name) ||
                !va_utf8_valid(msg.params[i].value)) {
                abort();
            }
        }
    }
    va_media_free(m);
    return 0;
}
