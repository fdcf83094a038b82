#include "va_tts.h"

#include <ctype.h>
#include <flite/flite.h>
#include <stdlib.h>
#include <string.h>

#include "../dialog/va_sentence.h"

/*
 * The voices come silent for a fifth of a second.  At the beginning of an
 * answer that is time the caller waits, so only LEAD_MS of it are kept.
 */
#define QUIET 64
#define LEAD_MS 20

/* A longer run of letters is not a word; the engine gets it in parts. */
#define WORD_MAX 40

/* The voice packages come without headers. */
cst_voice *register_cmu_us_rms(const char *path);
cst_voice *register_cmu_us_slt(const char *path);
cst_voice *register_cmu_us_awb(const char *path);
cst_voice *register_cmu_us_kal(const char *path);

struct va_tts_voice {
    const char *name;
    unsigned rate;
    cst_voice *(*load)(const char *path);
    cst_voice *voice;
};

static va_tts_voice_t voices[] = {
    {"rms", 16000, register_cmu_us_rms, NULL},
    {"slt", 16000, register_cmu_us_slt, NULL},
    {"awb", 16000, register_cmu_us_awb, NULL},
    {"kal", 8000, register_cmu_us_kal, NULL},
};

#define VOICES (sizeof(voices) / sizeof(voices[0]))

typedef struct {
    va_tts_out_pt out;
    void *ctx;
    unsigned rate;
    bool begun; /* something could be heard */
    bool stopped;
} speaker_t;

bool va_tts_init(void)
{
    size_t i;

    flite_init();
    for (i = 0; i < VOICES; i++) {
        voices[i].voice = voices[i].load(NULL);
        if (voices[i].voice == NULL) {
            return false;
        }
    }
    return true;
}

const va_tts_voice_t *va_tts_voice(va_str_t name)
{
    size_t i;

    for (i = 0; i < VOICES; i++) {
        if (va_str_eq(va_str(voices[i].name), name)) {
            return &voices[i];
        }
    }
    return NULL;
}

const va_tts_voice_t *va_tts_at(size_t i)
{
    return i < VOICES ? &voices[i] : NULL;
}

const char *va_tts_name(const va_tts_voice_t *v)
{
    return v->name;
}

unsigned va_tts_rate(const va_tts_voice_t *v)
{
    return v->rate;
}

bool va_tts_speakable(va_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (isalnum((unsigned char)text.data[i])) {
            return true;
        }
    }
    return false;
}

/* Returns how many of the n samples are the silence to leave out. */
static size_t silent_lead(const speaker_t *s, const int16_t *pcm, size_t n,
                          bool *heard)
{
    size_t lead = s->rate * LEAD_MS / 1000;
    size_t i = 0;

    while (i < n && pcm[i] > -QUIET && pcm[i] < QUIET) {
        i++;
    }
    *heard = i < n;
    if (!*heard) {
        return n;
    }
    return i > lead ? i - lead : 0;
}

static int on_samples(const cst_wave *w, int start, int size, int last,
                      cst_audio_streaming_info *asi)
{
    speaker_t *s = asi->userdata;
    const int16_t *pcm = w->samples + start;
    size_t n = size > 0 ? (size_t)size : 0, skip = 0;

    (void)last;
    if (!s->begun) {
        skip = silent_lead(s, pcm, n, &s->begun);
    }
    if (n > skip && !s->out(s->ctx, pcm + skip, n - skip)) {
        s->stopped = true;
    }
    return s->stopped ? CST_AUDIO_STREAM_STOP : CST_AUDIO_STREAM_CONT;
}

/*
 * Leaves what the engine's front end knows: ASCII, no endless words.  The
 * punctuation of other alphabets that changes nothing for the ear is mapped.
 */
static char *plain(va_str_t text)
{
    char *out = malloc(text.len * 2 + 1);
    size_t i, n = 0, run = 0;
    unsigned char c;

    for (i = 0; out != NULL && i < text.len; i++) {
        c = (unsigned char)text.data[i];
        if (c == 0xe2 && text.len - i >= 3 && text.data[i + 1] == '\x80' &&
            text.data[i + 2] == '\x99') {
            c = '\'';
            i += 2;
        }
        if (c == 0xe2 && text.len - i >= 3) {
            c = ' '; /* dashes, quotes, ellipses: U+2000 and on */
            i += 2;
        }
        if (c >= 0x80) {
            continue;
        }
        run = c > ' ' && c < 0x7f ? run + 1 : 0;
        if (run > WORD_MAX) {
            out[n++] = ' ';
            run = 1;
        }
        out[n++] = run != 0 ? (char)c : ' ';
    }
    if (out != NULL) {
        out[n] = '\0';
    }
    return out;
}

static va_rc_t speak_sentence(const va_tts_voice_t *v, va_str_t sentence,
                              double speed, speaker_t *s)
{
    char *text = plain(sentence);
    cst_utterance *u;
    cst_audio_streaming_info *asi;

    if (text == NULL) {
        return VA_NOMEM;
    }
    if (!va_tts_speakable(va_str(text))) {
        free(text);
        return VA_OK;
    }
    u = new_utterance();
    asi = new_audio_streaming_info();
    utt_set_input_text(u, text);
    free(text);
    asi->asc = on_samples;
    asi->userdata = s;
    /* On the utterance, not on the voice: the threads share the voice. */
    feat_set(u->features, "streaming_info", audio_streaming_info_val(asi));
    if (speed < 0.99 || speed > 1.01) {
        feat_set_float(u->features, "duration_stretch", (float)(1.0 / speed));
    }
    u = flite_do_synth(u, v->voice, utt_synth);
    if (u != NULL) {
        delete_utterance(u);
    }
    return u != NULL && !s->stopped ? VA_OK : VA_FAILED;
}

va_rc_t va_tts_speak(const va_tts_voice_t *v, va_str_t text, double speed,
                     va_tts_out_pt out, void *ctx)
{
    speaker_t s = {out, ctx, v->rate, false, false};
    va_str_t sentence;
    size_t used;
    va_rc_t rc = VA_OK;

    while (rc == VA_OK &&
           va_sentence_next(text, true, &used, &sentence) == VA_OK &&
           used != 0) {
        rc = speak_sentence(v, sentence, speed, &s);
        text.data += used;
        text.len -= used;
    }
    return rc;
}
