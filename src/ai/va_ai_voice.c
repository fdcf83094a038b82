#include "va_ai_voice.h"

#include <stdlib.h>
#include <strings.h>

#include "../audio/va_g711.h"

#define ERROR_TEXT_MAX 2048

typedef struct {
    va_ai_reader_t *r;
    va_voice_format_t format;
    unsigned rate;
    va_voice_t *voice;
    bool compressed; /* the answer says that it may be MP3 or AAC */
    bool as_text;    /* the answer is a message, not audio */
    bool held;       /* the first byte, 0xff, waits for the second */
    bool judged;     /* the first two bytes were looked at */
    bool spoken;
    va_buf_t text;
} voice_t;

void *va_ai_voice_new(va_ai_reader_t *r, va_voice_format_t format,
                      unsigned rate)
{
    voice_t *t = calloc(1, sizeof(*t));

    if (t != NULL) {
        t->r = r;
        t->rate = rate;
        t->format = format;
        va_buf_init(&t->text, ERROR_TEXT_MAX);
    }
    return t;
}

static void *new_ulaw(va_ai_reader_t *r, const va_ai_conf_t *conf,
                      const va_ai_input_t *in)
{
    (void)conf;
    (void)in;
    return va_ai_voice_new(r, VA_VOICE_ULAW, VA_RATE);
}

void va_ai_voice_free(void *self)
{
    voice_t *t = self;

    va_voice_free(t->voice);
    va_buf_free(&t->text);
    free(t);
}

static va_rc_t speak(void *ctx, const uint8_t *ulaw, size_t n)
{
    voice_t *t = ctx;

    t->spoken = true;
    return va_ai_emit(t->r, VA_AI_AUDIO, (va_str_t){(const char *)ulaw, n}, -1);
}

/* Reads the parameter of "audio/pcm;rate=22050"; 0 when there is none. */
static unsigned rate_of(va_str_t type)
{
    static const char name[] = "rate=";
    const size_t len = sizeof(name) - 1;
    unsigned rate = 0;
    size_t i;

    for (i = 1; i + len <= type.len; i++) {
        if ((type.data[i - 1] == ';' || type.data[i - 1] == ' ') &&
            strncasecmp(type.data + i, name, len) == 0) {
            break;
        }
    }
    i += len;
    if (i < type.len && type.data[i] == '"') {
        i++;
    }
    for (; i < type.len && type.data[i] >= '0' && type.data[i] <= '9'; i++) {
        rate = rate * 10 + (unsigned)(type.data[i] - '0');
        if (rate > 1000000) {
            return 0;
        }
    }
    return rate;
}

va_rc_t va_ai_voice_head(void *self, va_str_t content_type)
{
    static const char *const codecs[] = {"audio/mpeg", "audio/mp3",
                                         "audio/aac"};
    static const char *const ulaws[] = {"audio/basic", "audio/pcmu",
                                        "audio/x-mulaw"};
    voice_t *t = self;
    unsigned rate = rate_of(content_type);
    size_t i;

    t->as_text = va_ai_type_is(content_type, "application/json") ||
                 va_ai_type_is(content_type, "application/problem+json") ||
                 (content_type.len > 5 &&
                  strncasecmp(content_type.data, "text/", 5) == 0);
    for (i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        t->compressed = t->compressed || va_ai_type_is(content_type, codecs[i]);
    }
    for (i = 0; i < sizeof(ulaws) / sizeof(ulaws[0]); i++) {
        if (va_ai_type_is(content_type, ulaws[i])) {
            t->format = VA_VOICE_ULAW;
        }
    }
    t->voice = va_voice_new(t->format, rate != 0 ? rate : t->rate, speak, t);
    return t->voice != NULL
               ? VA_OK
               : va_ai_reader_fail(t->r, VA_NOMEM, "out of memory");
}

static va_rc_t feed_voice(voice_t *t, const uint8_t *data, size_t n)
{
    va_rc_t rc = va_voice_feed(t->voice, data, n);

    return rc == VA_OK
               ? VA_OK
               : va_ai_reader_fail(t->r, rc, "%s", va_voice_error(t->voice));
}

static va_rc_t feed_held(voice_t *t)
{
    static const uint8_t first = 0xff;
    bool held = t->held;

    t->held = false;
    return held ? feed_voice(t, &first, 1) : VA_OK;
}

/*
 * Looks whether the audio begins with the mark of a frame of MP3 or AAC.  A
 * first byte that may be half of it is held back, so that none of it is
 * spoken; *data and *n are then what is behind it.
 */
static va_rc_t judge(voice_t *t, const uint8_t **data, size_t *n)
{
    if (t->judged || *n == 0) {
        return VA_OK;
    }
    if (!t->held && **data == 0xff) {
        t->held = true;
        ++*data;
        --*n;
    }
    if (t->held && *n == 0) {
        return VA_OK;
    }
    t->judged = true;
    if (t->held && (**data & 0xe0) == 0xe0) {
        return va_ai_reader_fail(t->r, VA_INVALID, "the audio is compressed");
    }
    return feed_held(t);
}

va_rc_t va_ai_voice_feed(void *self, const uint8_t *data, size_t n)
{
    voice_t *t = self;
    va_rc_t rc;

    if (t->as_text) {
        size_t room = t->text.max - t->text.len;

        rc = va_buf_append(&t->text, data, n < room ? n : room);
        return rc == VA_OK ? VA_OK
                           : va_ai_reader_fail(t->r, rc, "out of memory");
    }
    rc = t->compressed ? judge(t, &data, &n) : VA_OK;
    return rc == VA_OK ? feed_voice(t, data, n) : rc;
}

static va_rc_t fail_text(voice_t *t)
{
    va_ai_error_class_t why = VA_AI_MALFORMED;
    va_buf_t message;
    bool known;

    va_buf_init(&message, ERROR_TEXT_MAX);
    known = va_ai_error_body(&message, va_buf_view(&t->text), &why);
    va_ai_reader_fail_as(t->r, why, "text instead of audio%s%s",
                         known ? ": " : "", known ? message.data : "");
    va_buf_free(&message);
    return VA_FAILED;
}

va_rc_t va_ai_voice_finish(void *self)
{
    voice_t *t = self;
    va_rc_t rc;

    if (t->as_text) {
        return fail_text(t);
    }
    rc = feed_held(t);
    if (rc != VA_OK) {
        return rc;
    }
    rc = va_voice_finish(t->voice);
    if (rc != VA_OK) {
        return va_ai_reader_fail(t->r, rc, "%s", va_voice_error(t->voice));
    }
    return t->spoken ? VA_OK
                     : va_ai_reader_fail_as(t->r, VA_AI_EMPTY,
                                            "the answer has no audio");
}

const va_ai_reader_ops_t va_ai_voice_ulaw_reader = {
    .body_max = VA_AI_VOICE_MAX,
    .create = new_ulaw,
    .destroy = va_ai_voice_free,
    .head = va_ai_voice_head,
    .feed = va_ai_voice_feed,
    .finish = va_ai_voice_finish,
};
