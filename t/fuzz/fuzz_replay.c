/*
 * The bytes are the log of a conversation, as anybody may have written it.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_vad.h"
#include "dialog/va_replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t audio[8000] = {FAKE_VOICE, FAKE_VOICE, 0, 1};
    va_replay_t *r;
    va_rc_t rc = VA_OK;

    if (size > 2048) {
        return 0;
    }
    r = va_replay_new(NULL, NULL);
    va_replay_audio(r, audio, sizeof(audio));
    while (rc == VA_OK && size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end != NULL ? (size_t)(end - data) : size;
        char *line = malloc(n + 1); /* of the exact size */

        if (n > 0) {
            memcpy(line, data, n);
        }
        rc = va_replay_line(r, (va_str_t){line, n});
        free(line);
        n += end != NULL;
        data += n;
        size -= n;
    }
    if (rc == VA_OK) {
        rc = va_replay_end(r);
    }
    if (rc != VA_OK && va_replay_error(r)[0] == '\0') {
        abort();
    }
    va_replay_free(r);
    return 0;
}
