/* Any beginning of a header must agree with what the whole of it says. */
#include <stdlib.h>
#include <string.h>

#include "audio/va_wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_wav_info_t info;
    va_wav_info_t part;
    va_rc_t whole = va_wav_parse(&info, data, size);
    va_rc_t rc;
    uint8_t *copy;

    if (whole == VA_OK) {
        if (info.header_len > size || info.header_len > VA_WAV_SEARCH ||
            info.channels < 1 || info.channels > 8 || info.rate == 0 ||
            (info.bits != 8 && info.bits != 16) || info.data_len == 0) {
            abort();
        }
    }
    copy = malloc(size / 2 + 1);
    if (copy == NULL) {
        return 0;
    }
    if (size / 2 != 0) {
        memcpy(copy, data, size / 2);
    }
    rc = va_wav_parse(&part, copy, size / 2);
    if (rc != VA_AGAIN && rc != whole) {
        abort();
    }
    free(copy);
    return 0;
}
