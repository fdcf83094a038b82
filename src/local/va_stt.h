/*
 * Speech to text with PocketSphinx and closed grammars.
 *
 * A decoder serves one utterance at a time; make one for each thread.
 */
#ifndef VA_STT_H
#define VA_STT_H

#include "../base/va_base.h"
#include "va_lexicon.h"

#define VA_STT_TEXT 1024

typedef struct {
    const char *model_dir; /* acoustic model for 16 kHz audio */
    const char *mllr;      /* speaker/channel adaptation; NULL for none */
    const va_lexicon_t *lexicon;
} va_stt_conf_t;

typedef struct {
    char text[VA_STT_TEXT]; /* "" when nothing or nothing believable was said */
    float confidence;       /* 0..1; 0 when rejected */
    float score;            /* path score a frame, for choosing the threshold */
    char best[VA_STT_TEXT]; /* the grammar's best path, rejected or not */
} va_stt_result_t;

typedef struct va_stt va_stt_t;

VA_BEGIN_DECLS

/*
 * Directs what PocketSphinx logs to stderr: its errors, as is right while
 * decoders are made, or only what ends the process.  In recognition it calls
 * an error what is none, such as that no path was found.
 */
void va_stt_log(bool errors);

/* Returns a decoder with all grammars loaded, or NULL. */
va_stt_t *va_stt_new(const va_stt_conf_t *conf);

void va_stt_free(va_stt_t *s);

/*
 * Recognises n samples of 8000 Hz with the grammar of that name.  Remembers
 * nothing of earlier utterances.  Returns VA_OK, VA_INVALID for an unknown
 * grammar, VA_NOMEM or VA_FAILED.
 */
va_rc_t va_stt_run(va_stt_t *s, const char *grammar, const int16_t *pcm,
                   size_t n, va_stt_result_t *result);

/*
 * Returns the name of the grammar for the caller's answer to what the
 * assistant said last: the state of the dialogue is in its question.
 */
const char *va_stt_state(va_str_t said_last);

VA_END_DECLS

#endif
