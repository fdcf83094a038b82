/*
 * A text is cut into the same sentences whether it comes whole or in pieces,
 * nothing of it is lost, and no sentence is longer than allowed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/va_buf.h"
#include "dialog/va_sentence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int right)
{
    if (!right) {
        abort();
    }
}

/* Cuts what is complete of text; returns how much of it was used. */
static size_t cut(va_buf_t *out, const uint8_t *text, size_t size, bool final)
{
    size_t done = 0;

    for (;;) {
        /* A block of its own, so that reading too far is noticed. */
        size_t len = size - done;
        char *copy = malloc(len + 1);
        va_str_t sentence;
        size_t used;
        va_rc_t rc;

        check(copy != NULL);
        memcpy(copy + 1, text + done, len);
        rc = va_sentence_next((va_str_t){copy + 1, len}, final, &used,
                              &sentence);
        if (rc == VA_OK) {
            check(used > 0 && used <= len);
            check(sentence.len <= VA_SENTENCE_MAX);
            check(sentence.len == 0 ||
                  (sentence.data >= copy + 1 &&
                   sentence.data + sentence.len <= copy + 1 + used));
            va_buf_append(out, "\1", 1);
            va_buf_str(out, sentence);
        }
        free(copy);
        if (rc != VA_OK) {
            check(rc == VA_AGAIN);
            check(!final || len == 0);
            check(len <= VA_SENTENCE_MAX);
            return done;
        }
        done += used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size != 0 ? data[0] % 64 + 1U : 1;
    va_buf_t whole;
    va_buf_t parts;
    size_t done = 0;

    if (size == 0 || size > 4096) {
        return 0;
    }
    data++;
    size--;
    va_buf_init(&whole, 1 << 16);
    va_buf_init(&parts, 1 << 16);
    cut(&whole, data, size, true);
    for (size_t n = piece; n < size; n += piece) {
        done += cut(&parts, data + done, n - done, false);
    }
    cut(&parts, data + done, size - done, true);
    check(whole.len == parts.len);
    check(whole.len == 0 || memcmp(whole.data, parts.data, whole.len) == 0);
    va_buf_free(&whole);
    va_buf_free(&parts);
    return 0;
}
