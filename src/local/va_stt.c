#include "va_stt.h"

#include <math.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../audio/va_g711.h"
#include "va_denoise.h"
#include "va_fold.h"

/*
 * A grammar accepts anything: what was never meant shows in a low acoustic
 * score of the words a frame, and in pauses that are none and score low as
 * pauses.  REJECT divides the two, MARGIN is the distance over which trust
 * grows, and PAUSE is what true pauses reach.
 */
#define REJECT (-48.0F)
#define MARGIN 5.0F
#define PAUSE (-20.0F)

#define NOTHING (-1000.0F)

struct va_stt {
    ps_decoder_t *decoder;
};

#define SILENCE (VA_RATE / 5) /* samples before a second attempt */

/*
 * What was measured to serve short commands best: words cost something, so
 * that no noise becomes a short one; pauses cost less than by default; and the
 * recogniser's own cut of silence wants a bit more evidence of speech.
 */
#define WORD_COST "0.05"
#define PAUSE_COST "0.05"
#define SPEECH_DB "3.0"

static atomic_int lowest = ERR_ERROR;

static void log_line(void *ctx, err_lvl_t level, const char *fmt, ...)
{
    va_list args;

    (void)ctx;
    if ((int)level < atomic_load(&lowest)) {
        return;
    }
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

void va_stt_log(bool errors)
{
    atomic_store(&lowest, errors ? ERR_ERROR : ERR_FATAL);
    err_set_callback(log_line, NULL);
}

va_stt_t *va_stt_new(const va_stt_conf_t *conf)
{
    const va_lexicon_t *l = conf->lexicon;
    va_stt_t *s = calloc(1, sizeof(*s));
    cmd_ln_t *c;
    size_t i;
    bool ok;

    c = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", conf->model_dir, "-dict",
                    va_lexicon_dict(l), "-cmn", "batch", "-mmap", "yes", "-wip",
                    WORD_COST, "-silprob", PAUSE_COST, "-vad_threshold",
                    SPEECH_DB, "-logfn", "/dev/null", NULL);
    if (c != NULL && conf->mllr != NULL) {
        cmd_ln_set_str_r(c, "-mllr", conf->mllr);
    }
    if (s != NULL && c != NULL) {
        s->decoder = ps_init(c);
    }
    if (c != NULL) {
        cmd_ln_free_r(c);
    }
    ok = s != NULL && s->decoder != NULL;
    for (i = 0; ok && i < va_lexicon_count(l); i++) {
        ok = ps_set_jsgf_file(s->decoder, va_lexicon_name(l, i),
                              va_lexicon_path(l, i)) == 0;
    }
    if (!ok) {
        va_stt_free(s);
        return NULL;
    }
    return s;
}

void va_stt_free(va_stt_t *s)
{
    if (s != NULL) {
        if (s->decoder != NULL) {
            ps_free(s->decoder);
        }
        free(s);
    }
}

static bool filler(const char *word)
{
    return word[0] == '<' || word[0] == '[' || strcmp(word, "(NULL)") == 0;
}

typedef struct {
    double sum;
    long frames;
} mean_t;

static float mean(const mean_t *m, float none)
{
    return m->frames > 0 ? (float)(m->sum / (double)m->frames) : none;
}

/* Returns how well the best path fits, as acoustic score a frame. */
static float path_score(ps_decoder_t *d)
{
    mean_t words = {0.0, 0}, pauses = {0.0, 0};
    int32 acoustic, language, back;
    int first, last;
    float surplus;
    mean_t *m;
    ps_seg_t *seg;

    for (seg = ps_seg_iter(d); seg != NULL; seg = ps_seg_next(seg)) {
        m = filler(ps_seg_word(seg)) ? &pauses : &words;
        ps_seg_frames(seg, &first, &last);
        ps_seg_prob(seg, &acoustic, &language, &back);
        m->sum += acoustic;
        m->frames += last - first + 1;
    }
    surplus = mean(&pauses, 0.0F) - PAUSE;
    return mean(&words, NOTHING) + (surplus < 0.0F ? surplus : 0.0F);
}

static va_rc_t decode(ps_decoder_t *d, const int16_t *pcm, size_t n)
{
    bool ok = ps_start_stream(d) == 0 && ps_start_utt(d) == 0;

    if (!ok) {
        return VA_FAILED;
    }
    ok = ps_process_raw(d, pcm, n, FALSE, TRUE) >= 0;
    return ps_end_utt(d) == 0 && ok ? VA_OK : VA_FAILED;
}

static void judge(ps_decoder_t *d, va_stt_result_t *result)
{
    int32 path;
    const char *best = ps_get_hyp(d, &path);

    memset(result, 0, sizeof(*result));
    result->score = NOTHING;
    if (best == NULL || best[0] == '\0') {
        return;
    }
    va_str_copy(result->best, sizeof(result->best), va_str(best));
    result->score = path_score(d);
    if (result->score >= REJECT) {
        memcpy(result->text, result->best, sizeof(result->text));
        result->confidence =
            1.0F / (1.0F + expf((REJECT - result->score) / MARGIN));
    }
}

/*
 * The recogniser judges what is speech by what it heard first.  Where that was
 * speech already it may cut a soft ending off, and then no path is left;
 * silence before the utterance makes it listen more closely.
 */
static va_rc_t attempt(ps_decoder_t *d, const int16_t *pcm, size_t n,
                       size_t silence, va_stt_result_t *result)
{
    size_t total = silence + n;
    int16_t *narrow = calloc(total + 1, sizeof(*narrow));
    int16_t *wide = calloc(total + 1, 2 * sizeof(*wide));
    va_rc_t rc = VA_NOMEM;

    if (narrow != NULL && wide != NULL) {
        memcpy(narrow + silence, pcm, n * sizeof(*narrow));
        rc = va_denoise(narrow + silence, n);
    }
    if (rc == VA_OK) {
        va_fold_up(wide, narrow, total);
        rc = decode(d, wide, 2 * total);
    }
    if (rc == VA_OK) {
        judge(d, result);
    }
    free(narrow);
    free(wide);
    return rc;
}

va_rc_t va_stt_run(va_stt_t *s, const char *grammar, const int16_t *pcm,
                   size_t n, va_stt_result_t *result)
{
    va_stt_result_t second;
    va_rc_t rc;

    if (ps_set_search(s->decoder, grammar) != 0) {
        return VA_INVALID;
    }
    rc = attempt(s->decoder, pcm, n, 0, result);
    if (rc == VA_OK && result->text[0] == '\0') {
        rc = attempt(s->decoder, pcm, n, SILENCE, &second);
        if (rc == VA_OK && second.score > result->score) {
            *result = second;
        }
    }
    return rc;
}
