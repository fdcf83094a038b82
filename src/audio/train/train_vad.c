/*
 * Trains the network of the voice activity detector.
 *
 *   train_vad [-e EPOCHS] [-n NETWORKS] DIR... > va_vad_weights.h
 *
 * Each DIR holds labelled streams as src/cli/vad_set.h describes them.  The
 * features come from the library itself, so what is trained and what runs
 * cannot differ.  The same input gives the same weights.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../cli/vad_set.h"
#include "net.h"

#define LEARN 3e-3
#define AVERAGE 0.9995f /* what a step leaves of the mean of the weights */
#define HIDE 0.15       /* share of the inputs that are hidden */
#define SHIFT 0.6f      /* largest shift, in deviations */
#define FRAME_SAMPLES ((long)VA_FRAME)
#define MS 8 /* samples of a millisecond */

/* What a frame is to the one who learns. */
typedef enum {
    QUIET,
    TALK,
    ONSET,      /* talk that has just begun: a late start costs a word */
    TAIL,       /* just after talk; where that ends is a matter of opinion */
    LEAD,       /* just before */
    PAUSE,      /* too short to tell from a consonant */
    SPEECH = 8, /* set besides in frames that are to be called speech */
} kind_t;

typedef struct {
    float (*x)[INPUTS];
    uint8_t *kind; /* kind_t */
    size_t frames;
    bool noise_only, doubtful;
} sequence_t;

/*
 * What the networks are told differs, so that their mistakes do.  Other voices
 * and songs are speech, too: who must not take them for it at any cost begins
 * to doubt the caller.
 */
static const struct {
    uint64_t seed;
    int epochs;
    float doubtful; /* weight of babble, music and echo */
    float tail;
} lessons[NETS_MOST] = {
    {1, 14, 0.3f, 0.2f}, {1, 14, 0.6f, 0.3f}, {3, 14, 1.0f, 0.3f}};

typedef struct {
    sequence_t *list;
    size_t count;
    double frames;
    float mean[INPUTS], scale[INPUTS];
} corpus_t;

typedef struct {
    size_t sequence, frame; /* what the lane reads next */
} lane_t;

/*
 * What is done to a lane's inputs so that the few voices at hand are not learnt
 * by heart: some are hidden, all are shifted.
 */
typedef struct {
    float factor[INPUTS], shift[INPUTS];
} blur_t;

static uint64_t seed = 1;

/* A generator of the linear congruential kind, scrambled (PCG). */
static uint32_t draw(void)
{
    uint64_t old = seed;
    uint32_t x, turn;

    seed = old * 6364136223846793005u + 1442695040888963407u;
    x = (uint32_t)(((old >> 18) ^ old) >> 27);
    turn = (uint32_t)(old >> 59);
    return (x >> turn) | (x << ((32 - turn) & 31));
}

static float draw_even(float size)
{
    return size * ((float)draw() * 0x1p-31f - 1.0f);
}

static blur_t draw_blur(void)
{
    blur_t b;

    for (int i = 0; i < INPUTS; i++) {
        b.factor[i] = draw() < HIDE * 0x1p32 ? 0.0f : 1.0f;
        b.shift[i] = draw_even(SHIFT) * b.factor[i];
    }
    return b;
}

static void *need(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return p;
}

static void mark_span(sequence_t *q, va_vad_span_t s)
{
    for (size_t k = 0; k < q->frames; k++) {
        long from = (long)k * FRAME_SAMPLES, to = from + FRAME_SAMPLES;
        long begin = from > s.begin ? from : s.begin;
        long end = to < s.end ? to : s.end;

        if (end - begin >= FRAME_SAMPLES / 4) {
            q->kind[k] = SPEECH | (from < s.begin + 120 * MS ? ONSET : TALK);
        } else if (from >= s.end - 5 * MS && from < s.end + 100 * MS) {
            q->kind[k] = TAIL;
        } else if (to > s.begin - 40 * MS && to <= s.begin + 5 * MS) {
            q->kind[k] = LEAD;
        }
    }
}

static void mark(sequence_t *q, const va_vad_stream_t *s)
{
    q->noise_only = s->noise_only;
    q->doubtful = strcmp(s->noise, "babble") == 0 ||
                  strcmp(s->noise, "music") == 0 ||
                  strcmp(s->noise, "echo") == 0;
    memset(q->kind, QUIET, q->frames);
    for (size_t i = 0; i < s->spans; i++) {
        long pause = i ? s->speech[i].begin - s->speech[i - 1].end : 1 << 20;

        mark_span(q, s->speech[i]);
        for (size_t k = 0; k < q->frames && pause <= 300 * MS; k++) {
            long from = (long)k * FRAME_SAMPLES;

            if (from >= s->speech[i - 1].end - 10 * MS &&
                from + FRAME_SAMPLES <= s->speech[i].begin + 10 * MS) {
                q->kind[k] = (q->kind[k] & SPEECH) | PAUSE;
            }
        }
    }
}

static float weight_of(const sequence_t *q, size_t frame, int lesson)
{
    switch (q->kind[frame] & ~SPEECH) {
    case TALK:
        return 1.0f;
    case ONSET:
        return 2.0f;
    case TAIL:
        return lessons[lesson].tail;
    case LEAD:
        return 0.3f;
    case PAUSE:
        return 0.05f;
    default:
        return q->doubtful     ? lessons[lesson].doubtful
               : q->noise_only ? 0.7f
                               : 1.0f;
    }
}

static bool read_sequence(sequence_t *q, const char *dir,
                          const va_vad_stream_t *s)
{
    uint8_t *ulaw = va_vad_set_audio(dir, s);
    va_vad_features_t *f = need(malloc(sizeof(*f)));
    int16_t pcm[VA_FRAME];

    if (!ulaw) {
        return false;
    }
    q->frames = s->frames;
    q->x = need(malloc(s->frames * sizeof(*q->x)));
    q->kind = need(malloc(s->frames));
    va_vad_features_init(f);
    for (size_t k = 0; k < s->frames; k++) {
        va_ulaw_decode(pcm, ulaw + k * VA_FRAME, VA_FRAME);
        va_vad_features_frame(f, pcm, q->x[k]);
    }
    mark(q, s);
    free(f);
    free(ulaw);
    return true;
}

static bool read_corpus(corpus_t *c, char **dirs, int n)
{
    va_vad_set_t set;

    for (int d = 0; d < n; d++) {
        if (!va_vad_set_load(&set, dirs[d])) {
            return false;
        }
        c->list =
            need(realloc(c->list, (c->count + set.count) * sizeof(*c->list)));
        for (size_t i = 0; i < set.count; i++) {
            if (!read_sequence(&c->list[c->count], dirs[d], &set.streams[i])) {
                return false;
            }
            c->frames += (double)c->list[c->count].frames;
            c->count++;
        }
        va_vad_set_free(&set);
    }
    return c->count > 0;
}

/* Brings each input to mean 0 and deviation 1. */
static void normalise(corpus_t *c)
{
    for (int i = 0; i < INPUTS; i++) {
        double sum = 0.0, squares = 0.0, mean;

        for (size_t s = 0; s < c->count; s++) {
            for (size_t k = 0; k < c->list[s].frames; k++) {
                double x = c->list[s].x[k][i];

                sum += x;
                squares += x * x;
            }
        }
        mean = sum / c->frames;
        c->mean[i] = (float)mean;
        c->scale[i] =
            (float)(1.0 / sqrt(squares / c->frames - mean * mean + 1e-6));
        for (size_t s = 0; s < c->count; s++) {
            for (size_t k = 0; k < c->list[s].frames; k++) {
                float *x = &c->list[s].x[k][i];

                *x = (*x - c->mean[i]) * c->scale[i];
            }
        }
    }
}

static void shuffle(size_t *order, size_t n)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = draw() % (i + 1), t = order[i];

        order[i] = order[j];
        order[j] = t;
    }
}

/* Gives every lane its next frames; a lane that ends takes the next stream. */
static void load_steps(const corpus_t *c, step_t *steps, lane_t *lanes,
                       const size_t *order, size_t *next, int lesson)
{
    for (int l = 0; l < LANES; l++) {
        blur_t blur = draw_blur();

        for (int t = 0; t < STEPS; t++) {
            lane_t *lane = &lanes[l];
            const sequence_t *q = &c->list[lane->sequence];

            if (lane->frame >= q->frames) {
                lane->sequence = order[(*next)++ % c->count];
                lane->frame = 0;
                q = &c->list[lane->sequence];
            }
            for (int i = 0; i < INPUTS; i++) {
                steps[t].x[i][l] =
                    q->x[lane->frame][i] * blur.factor[i] + blur.shift[i];
            }
            steps[t].target[l] = (q->kind[lane->frame] & SPEECH) ? 1.0f : 0.0f;
            steps[t].weight[l] = weight_of(q, lane->frame, lesson);
            steps[t].begun[l] = lane->frame ? 1.0f : 0.0f;
            lane->frame++;
        }
    }
}

/* One step of Adam, the first of which is number 1. */
static void learn(weights_t *w, const weights_t *gradient, double scale,
                  double rate, long step)
{
    static float first[WEIGHTS], second[WEIGHTS];
    float *p = (float *)w;
    const float *g = (const float *)gradient;
    double norm = 0.0;
    float bias1 = 1.0f - powf(0.9f, (float)step);
    float bias2 = 1.0f - powf(0.999f, (float)step);

    if (step == 1) {
        memset(first, 0, sizeof(first));
        memset(second, 0, sizeof(second));
    }
    for (size_t i = 0; i < WEIGHTS; i++) {
        norm += g[i] * scale * g[i] * scale;
    }
    scale *= norm > 1.0 ? 1.0 / sqrt(norm) : 1.0;
    for (size_t i = 0; i < WEIGHTS; i++) {
        float slope = (float)(g[i] * scale);

        first[i] = 0.9f * first[i] + 0.1f * slope;
        second[i] = 0.999f * second[i] + 0.001f * slope * slope;
        p[i] -= (float)rate *
                (first[i] / bias1 / (sqrtf(second[i] / bias2) + 1e-8f) +
                 1e-3f * p[i]);
    }
}

/*
 * The weights that are kept are a mean over the last steps: what a single step
 * happens to prefer does not show.
 */
static void settle(weights_t *mean, const weights_t *w, long step)
{
    float *m = (float *)mean;
    const float *p = (const float *)w;
    float share = 1.0f - AVERAGE * (float)step / (float)(step + 100);

    for (size_t i = 0; i < WEIGHTS; i++) {
        m[i] += share * (p[i] - m[i]);
    }
}

static void start_weights(weights_t *w)
{
    memset(w, 0, sizeof(*w));
    for (int k = 0; k < HIDDEN * INPUTS; k++) {
        w->in[k] = draw_even(sqrtf(3.0f / INPUTS));
    }
    for (int k = 0; k < GATES * HIDDEN; k++) {
        w->gate[k] = draw_even(sqrtf(3.0f / HIDDEN));
    }
    for (int k = 0; k < GATES * UNITS; k++) {
        w->recall[k] = draw_even(sqrtf(1.5f / UNITS));
    }
    for (int j = 0; j < UNITS; j++) {
        w->gate_bias[j] = 1.0f + draw_even(1.0f);
        w->out[j] = draw_even(0.3f);
    }
}

static void train(const corpus_t *c, weights_t *mean, int epochs, int lesson)
{
    static step_t steps[STEPS];
    static lane_t lanes[LANES];
    static float memory[UNITS][LANES];
    static weights_t weights, *w = &weights;
    size_t *order = need(malloc(c->count * sizeof(*order))), next = 0;
    long in_epoch = (long)(c->frames / (STEPS * LANES)) + 1, step = 0;
    weights_t *gradient = need(malloc(sizeof(*gradient)));

    seed = lessons[lesson].seed;
    start_weights(w);
    memset(memory, 0, sizeof(memory));
    memset(lanes, 0, sizeof(lanes));
    for (size_t i = 0; i < c->count; i++) {
        order[i] = i;
    }
    shuffle(order, c->count);
    for (int l = 0; l < LANES; l++) {
        lanes[l].sequence = order[next++ % c->count];
    }
    for (int e = 0; e < epochs; e++) {
        double loss = 0.0, weight = 0.0, part;

        shuffle(order, c->count);
        for (long i = 0; i < in_epoch; i++) {
            double done = (double)step / (double)(in_epoch * epochs);
            double rate = LEARN * (0.5 + 0.5 * cos(3.14159265 * done)) + 1e-5;

            load_steps(c, steps, lanes, order, &next, lesson);
            memset(gradient, 0, sizeof(*gradient));
            net_forward(w, steps, STEPS, memory);
            loss += net_backward(w, steps, STEPS, gradient, &part);
            weight += part;
            learn(w, gradient, 1.0 / part, rate, ++step);
            settle(mean, w, step);
        }
        fprintf(stderr, "epoch %d loss %.5f\n", e + 1, loss / weight);
    }
    free(gradient);
    free(order);
}

/* Folds the normalisation of the inputs into the first layer. */
static void fold(const corpus_t *c, weights_t *w)
{
    for (int j = 0; j < HIDDEN; j++) {
        for (int i = 0; i < INPUTS; i++) {
            w->in[j * INPUTS + i] *= c->scale[i];
            w->in_bias[j] -= w->in[j * INPUTS + i] * c->mean[i];
        }
    }
}

int main(int argc, char **argv)
{
    static corpus_t corpus;
    static weights_t nets[NETS_MOST];
    int epochs = 0, count = NETS_MOST, option;

    while ((option = getopt(argc, argv, "e:n:")) != -1) {
        if (option == 'e') {
            epochs = atoi(optarg);
        } else if (option == 'n') {
            count = atoi(optarg);
        } else {
            optind = argc;
        }
    }
    if (optind >= argc || count < 1 || count > NETS_MOST) {
        fputs("usage: train_vad [-e EPOCHS] [-n NETWORKS] DIR...\n", stderr);
        return 2;
    }
    if (!read_corpus(&corpus, argv + optind, argc - optind)) {
        return 1;
    }
    normalise(&corpus);
    fprintf(stderr, "%zu streams, %.0f frames, %zu weights\n", corpus.count,
            corpus.frames, WEIGHTS);
    for (int i = 0; i < count; i++) {
        train(&corpus, &nets[i], epochs > 0 ? epochs : lessons[i].epochs, i);
        fold(&corpus, &nets[i]);
    }
    net_print(nets, count);
    return 0;
}
