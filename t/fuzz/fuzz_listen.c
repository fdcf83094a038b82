/*
 * Messages of a recogniser that streams: the first byte chooses whose, lines
 * are messages, and one that begins with 0x01 is binary.
 */
#include <stdlib.h>
#include <string.h>

#include "ai/va_ai.h"

typedef struct {
    size_t events;
    bool ended; /* since the last words */
} heard_t;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static va_rc_t on_event(void *ctx, const va_ai_event_t *event)
{
    heard_t *h = ctx;

    h->events++;
    if (!(event->confidence <= 1) || event->type == VA_AI_AUDIO ||
        event->type == VA_AI_TOOL ||
        (event->type == VA_AI_TEXT && event->data.len == 0) ||
        (event->type == VA_AI_SPEECH_END && h->ended)) {
        abort();
    }
    if (event->type == VA_AI_TEXT) {
        h->ended = false;
    }
    if (event->type == VA_AI_SPEECH_END) {
        h->ended = true;
    }
    return VA_OK;
}

static va_rc_t feed(va_ai_reader_t *r, const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n != 0 ? n : 1);
    va_rc_t rc;

    if (copy == NULL) {
        abort();
    }
    if (n != 0) {
        memcpy(copy, data, n);
    }
    rc = va_ai_reader_message(r, n == 0 || data[0] != 1, copy, n);
    free(copy);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t kind = size != 0 && data[0] % 2 != 0 ? VA_STR("assemblyai")
                                                  : VA_STR("deepgram");
    va_ai_conf_t conf = {.key = VA_STR("secret-of-the-fuzzer")};
    va_ai_input_t in = {.stage = VA_AI_STT};
    heard_t heard = {0, true};
    va_ai_reader_t *r = va_ai_reader_new(kind, &conf, &in, on_event, &heard);
    va_rc_t rc;

    if (r == NULL) {
        abort();
    }
    rc = va_ai_reader_head(r, 101, VA_STR(""));
    while (size > 1 && rc == VA_OK) {
        const uint8_t *end = memchr(data + 1, '\n', size - 1);
        size_t n = end != NULL ? (size_t)(end - data - 1) : size - 1;

        rc = feed(r, data + 1, n);
        data += n + 1;
        size -= n + 1;
    }
    if (rc == VA_OK) {
        rc = va_ai_reader_closed(r, size != 0 ? data[0] * 16U : 0, VA_STR("x"));
    }
    if ((rc == VA_OK) != (va_ai_reader_error(r)[0] == '\0') ||
        (rc == VA_OK) != (va_ai_reader_class(r) == VA_AI_FINE) ||
        strstr(va_ai_reader_error(r), "secret-o") != NULL) {
        abort();
    }
    va_ai_reader_free(r);
    return 0;
}
