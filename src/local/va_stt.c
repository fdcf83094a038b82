#include "va_stt.h"

#include <math.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "va_fold.h"

/*
 * A grammar accepts anything: what was never meant shows in a low acoustic
 * score of the words a frame.  REJECT divides the two, MARGIN is the distance
 * over which trust grows.
 */
#define REJECT (-40.0F)
#define MARGIN 5.0F

struct va_stt {
    ps_decoder_t *decoder;
};

static void log_line(void *ctx, err_lvl_t level, const char *fmt, ...)
{
    va_list args;

    (void)ctx;
    if (level < ERR_ERROR) {
        return;
    }
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

void va_stt_quiet(void)
{
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
                    va_lexicon_dict(l), "-cmn", "batch", "-mmap", "yes",
                    "-logfn", "/dev/null", NULL);
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

/* Returns the mean acoustic score of a frame inside of words. */
static float word_score(ps_decoder_t *d)
{
    ps_seg_t *seg;
    double sum = 0.0;
    long frames = 0;
    int32 acoustic, language, back;
    int first, last;

    for (seg = ps_seg_iter(d); seg != NULL; seg = ps_seg_next(seg)) {
        if (filler(ps_seg_word(seg))) {
            continue;
        }
        ps_seg_frames(seg, &first, &last);
        ps_seg_prob(seg, &acoustic, &language, &back);
        sum += acoustic;
        frames += last - first + 1;
    }
    return frames > 0 ? (float)(sum / (double)frames) : -1e6F;
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
    result->score = -1e6F;
    if (best == NULL || best[0] == '\0') {
        return;
    }
    va_str_copy(result->best, sizeof(result->best), va_str(best));
    result->score = word_score(d);
    if (result->score >= REJECT) {
        memcpy(result->text, result->best, sizeof(result->text));
        result->confidence =
            1.0F / (1.0F + expf((REJECT - result->score) / MARGIN));
    }
}

va_rc_t va_stt_run(va_stt_t *s, const char *grammar, const int16_t *pcm,
                   size_t n, va_stt_result_t *result)
{
    int16_t *wide;
    va_rc_t rc;

    if (ps_set_search(s->decoder, grammar) != 0) {
        return VA_INVALID;
    }
    wide = calloc(n + 1, 2 * sizeof(*wide));
    if (wide == NULL) {
        return VA_NOMEM;
    }
    va_fold_up(wide, pcm, n);
    rc = decode(s->decoder, wide, 2 * n);
    free(wide);
    if (rc == VA_OK) {
        judge(s->decoder, result);
    }
    return rc;
}
