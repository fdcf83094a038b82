/*
 * Trains the network of the voice activity detector.
 *
 *   train_vad [-e EPOCHS] [-s SEED] DIR... > va_vad_weights.h
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
#define HIDE 0.15  /* share of the inputs that are hidden */
#define SHIFT 0.6f /* largest shift, in deviations */
#define FRAME_SAMPLES ((long)VA_FRAME)
#define MS 8 /* samples of a millisecond */

typedef struct {
    float (*x)[INPUTS];
    float *target, *weight;
    size_t frames;
} sequence_t;

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

/*
 * What is asked of the frames around the edges of speech.  The first frames
 * count more, because a late start costs the caller a word; the tail counts
 * less, because where speech ends is a matter of opinion.
 */
static void mark_span(sequence_t *q, va_vad_span_t s, bool paused)
{
    for (size_t k = 0; k < q->frames; k++) {
        long from = (long)k * FRAME_SAMPLES, to = from + FRAME_SAMPLES;
        long begin = from > s.begin ? from : s.begin;
        long end = to < s.end ? to : s.end;

        if (end - begin >= FRAME_SAMPLES / 4) {
            q->target[k] = 1.0f;
            q->weight[k] = from < s.begin + 80 * MS && !paused ? 1.5f : 1.0f;
        } else if (from >= s.end - 5 * MS && from < s.end + 100 * MS) {
            q->weight[k] = 0.3f;
        } else if (to > s.begin - 40 * MS && to <= s.begin + 5 * MS) {
            q->weight[k] = 0.3f;
        }
    }
}

static void mark(sequence_t *q, const va_vad_stream_t *s)
{
    for (size_t k = 0; k < q->frames; k++) {
        q->weight[k] = 1.0f;
    }
    for (size_t i = 0; i < s->spans; i++) {
        long pause = i ? s->speech[i].begin - s->speech[i - 1].end : 1 << 20;

        mark_span(q, s->speech[i], pause < 1000 * MS);
        for (size_t k = 0; k < q->frames && pause <= 300 * MS; k++) {
            long from = (long)k * FRAME_SAMPLES;

            if (from >= s->speech[i - 1].end - 10 * MS &&
                from + FRAME_SAMPLES <= s->speech[i].begin + 10 * MS) {
                q->weight[k] = 0.05f;
            }
        }
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
    q->target = need(calloc(s->frames, sizeof(float)));
    q->weight = need(calloc(s->frames, sizeof(float)));
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
                       const size_t *order, size_t *next)
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
            steps[t].target[l] = q->target[lane->frame];
            steps[t].weight[l] = q->weight[lane->frame];
            steps[t].begun[l] = lane->frame ? 1.0f : 0.0f;
            lane->frame++;
        }
    }
}

/* One step of Adam. */
static void learn(weights_t *w, const weights_t *gradient, double scale,
                  double rate, long step)
{
    static float first[WEIGHTS], second[WEIGHTS];
    float *p = (float *)w;
    const float *g = (const float *)gradient;
    double norm = 0.0;
    float bias1 = 1.0f - powf(0.9f, (float)step);
    float bias2 = 1.0f - powf(0.999f, (float)step);

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

static void train(const corpus_t *c, weights_t *w, int epochs)
{
    static step_t steps[STEPS];
    static lane_t lanes[LANES];
    static float memory[UNITS][LANES];
    size_t *order = need(malloc(c->count * sizeof(*order))), next = 0;
    long in_epoch = (long)(c->frames / (STEPS * LANES)) + 1, step = 0;
    weights_t *gradient = need(malloc(sizeof(*gradient)));

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

            load_steps(c, steps, lanes, order, &next);
            memset(gradient, 0, sizeof(*gradient));
            net_forward(w, steps, STEPS, memory);
            loss += net_backward(w, steps, STEPS, gradient, &part);
            weight += part;
            learn(w, gradient, 1.0 / part, rate, ++step);
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

/* Prints a matrix of rows x columns so that a column's weights are together. */
static void print_array(const char *name, const float *w, int rows, int columns)
{
    int at = 0;

    printf("static const float %s[%d] = {", name, rows * columns);
    for (int i = 0; i < columns; i++) {
        for (int j = 0; j < rows; j++) {
            printf("%s%.5g,", at++ % 8 ? " " : "\n    ",
                   (double)w[j * columns + i]);
        }
    }
    printf("\n};\n\n");
}

static void print_weights(const weights_t *w)
{
    puts("/* Written by src/audio/train/train_vad: do not edit. */\n"
         "#ifndef VA_VAD_WEIGHTS_H\n#define VA_VAD_WEIGHTS_H\n");
    printf("#define VAD_INPUTS %d\n#define VAD_HIDDEN %d\n"
           "#define VAD_UNITS %d\n\n",
           INPUTS, HIDDEN, UNITS);
    print_array("vad_in_weights", w->in, HIDDEN, INPUTS);
    print_array("vad_in_bias", w->in_bias, HIDDEN, 1);
    print_array("vad_gate_weights", w->gate, GATES, HIDDEN);
    print_array("vad_gate_bias", w->gate_bias, GATES, 1);
    print_array("vad_recall_weights", w->recall, GATES, UNITS);
    print_array("vad_recall_bias", w->recall_bias, UNITS, 1);
    print_array("vad_out_weights", w->out, UNITS, 1);
    printf("static const float vad_out_bias = %.5gf;\n\n#endif\n",
           (double)w->out_bias);
}

int main(int argc, char **argv)
{
    static corpus_t corpus;
    static weights_t weights;
    int epochs = 20, option;

    while ((option = getopt(argc, argv, "e:s:")) != -1) {
        if (option == 'e') {
            epochs = atoi(optarg);
        } else if (option == 's') {
            seed = strtoul(optarg, NULL, 10);
        } else {
            optind = argc;
        }
    }
    if (optind >= argc) {
        fputs("usage: train_vad [-e EPOCHS] [-s SEED] DIR...\n", stderr);
        return 2;
    }
    if (!read_corpus(&corpus, argv + optind, argc - optind)) {
        return 1;
    }
    normalise(&corpus);
    fprintf(stderr, "%zu streams, %.0f frames, %zu weights\n", corpus.count,
            corpus.frames, WEIGHTS);
    start_weights(&weights);
    train(&corpus, &weights, epochs);
    fold(&corpus, &weights);
    print_weights(&weights);
    return 0;
}
