/*
 * The first bytes choose status, Content-Type and size of pieces, the rest is
 * the body of an answer.  In pieces it must tell what it tells whole.
 */
#ifndef FUZZ_AI_H
#define FUZZ_AI_H

#include <stdlib.h>
#include <string.h>

#include "ai/va_ai.h"

typedef struct {
    va_buf_t told;
    unsigned calls;
    va_rc_t rc;
    va_ai_error_class_t why;
    char error[256];
} fuzz_ai_t;

static const char fuzz_ai_key[] = "sk-secret-of-the-fuzzer";

/* Whether eight bytes of the key or more stand in a text. */
static int fuzz_ai_leaks(const char *text)
{
    size_t at;

    for (at = 0; at + 8 < sizeof(fuzz_ai_key); at++) {
        if (memmem(text, strlen(text), fuzz_ai_key + at, 8) != NULL) {
            return 1;
        }
    }
    return 0;
}

static va_rc_t fuzz_ai_event(void *ctx, const va_ai_event_t *event)
{
    fuzz_ai_t *f = ctx;

    /* calls are told at the end, and each has a name and an id */
    if (!(event->confidence <= 1) ||
        (event->type == VA_AI_TOOL) != (event->id.len != 0) ||
        (event->type == VA_AI_TOOL) != (event->name.len != 0) ||
        (event->type != VA_AI_TOOL && f->calls != 0)) {
        abort();
    }
    f->calls += event->type == VA_AI_TOOL;
    va_buf_str(&f->told, event->id);
    va_buf_str(&f->told, event->name);
    return va_buf_str(&f->told, event->data);
}

static void fuzz_ai_run(fuzz_ai_t *f, const char *kind, va_ai_stage_t stage,
                        const uint8_t *data, size_t size, size_t piece)
{
    static const int statuses[] = {200, 201, 401, 500};
    static const char *const types[] = {
        "application/json", "text/event-stream",       "text/html",
        "audio/pcm",        "audio/pcm;rate=16000",    "audio/mpeg",
        "audio/pcmu",       "application/octet-stream"};
    va_ai_conf_t conf = {.key = va_str(fuzz_ai_key)};
    va_ai_input_t in = {.stage = stage};
    va_ai_reader_t *r;
    const char *error;

    memset(f, 0, sizeof(*f));
    va_buf_init(&f->told, 1 << 24);
    conf.format = (data[0] & 0x40) != 0 ? VA_STR("ulaw") : VA_STR("pcm");
    r = va_ai_reader_new(va_str(kind), &conf, &in, fuzz_ai_event, f);
    if (r == NULL) {
        abort();
    }
    f->rc = va_ai_reader_head(r, statuses[data[0] % 4],
                              va_str(types[data[0] / 4 % 8]));
    data += 2;
    size -= 2;
    while (size != 0 && f->rc == VA_OK) {
        size_t n = size < piece ? size : piece;
        uint8_t *copy = malloc(n);

        if (copy == NULL) {
            abort();
        }
        memcpy(copy, data, n);
        f->rc = va_ai_reader_feed(r, copy, n);
        free(copy);
        data += n;
        size -= n;
    }
    if (f->rc == VA_OK) {
        f->rc = va_ai_reader_finish(r);
    }
    error = va_ai_reader_error(r);
    if ((f->rc == VA_OK) != (error[0] == '\0') || strlen(error) > 255 ||
        strpbrk(error, "\r\n") != NULL || fuzz_ai_leaks(error)) {
        abort();
    }
    strcpy(f->error, error);
    f->why = va_ai_reader_class(r);
    if ((f->rc == VA_OK) != (f->why == VA_AI_FINE)) {
        abort();
    }
    va_ai_reader_free(r);
}

static int fuzz_ai_kind(const char *kind, va_ai_stage_t stage,
                        const uint8_t *data, size_t size)
{
    fuzz_ai_t whole, parts;

    if (size < 2) {
        return 0;
    }
    fuzz_ai_run(&whole, kind, stage, data, size, size);
    fuzz_ai_run(&parts, kind, stage, data, size, (size_t)data[1] + 1);
    if (whole.rc != parts.rc || whole.calls != parts.calls ||
        whole.why != parts.why || strcmp(whole.error, parts.error) != 0 ||
        whole.told.len != parts.told.len ||
        (whole.told.len != 0 &&
         memcmp(whole.told.data, parts.told.data, whole.told.len) != 0)) {
        abort();
    }
    va_buf_free(&whole.told);
    va_buf_free(&parts.told);
    return 0;
}

static inline int fuzz_ai(va_ai_stage_t stage, const uint8_t *data, size_t size)
{
    return fuzz_ai_kind("openai", stage, data, size);
}

#endif
