/*
 * How soon the end of a turn is found, and how often too soon: plays each turn
 * of a plan to a conversation on a clock of its own.
 *
 *   endpoint PLAN min-ms silence-ms [punctuation]
 *
 * min-ms 0 is a fixed threshold of silence-ms, else the end is adaptive.  A row
 * of PLAN: file of mu-law (beside PLAN), the turn's begin, true end and the end
 * of its audio in bytes, and its stretches of speech, "begin-end:words" with
 * bars between them, counted from the turn's begin.
 *
 * The recogniser is one that makes no mistake in words, answers after 200 ms
 * and 3 % of the audio's length, and punctuates as the plan does, but that it
 * leaves one full stop in ten out at the true end, and puts one in ten behind
 * words that go on.  With "none" it punctuates nothing.
 *
 * Prints for each turn "cut", when the model was asked before its true end,
 * else the milliseconds from then to the question.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialog/va_call.h"

#define TURN_MAX (1 << 20)
#define WAIT_MS 9000
#define PARTS 32

typedef struct {
    va_call_t *call;
    uint64_t now;
    unsigned turn;
    bool punctuate;
    size_t begin[PARTS];
    size_t end[PARTS];
    char *words[PARTS];
    size_t parts;
    size_t heard; /* stretches of which words were heard */
    uint64_t true_end;
    uint32_t request; /* at the recogniser */
    uint64_t answer_at;
    char answer[1024];
    uint64_t asked; /* when the model was; 0: not yet */
} bench_t;

static const char *plan_dir;

/* Returns whether it is one of ten, by chance that is always the same. */
static bool one_in_ten(const bench_t *b, size_t part)
{
    uint32_t x = (uint32_t)(b->turn * 131U + part * 29U + 7U) * 2654435761U;

    return (x >> 16) % 10 == 0;
}

/* Returns how much of a stretch's words was said by now. */
static size_t said(const bench_t *b, size_t part)
{
    uint64_t begin = b->begin[part] / 8, end = b->end[part] / 8;
    size_t len = strlen(b->words[part]), first, last;

    if (b->now + 60 >= end) {
        return len;
    }
    if (b->now <= begin) {
        return 0;
    }
    len = len * (b->now - begin) / (end - begin);
    first = last = len;
    while (first > 0 && b->words[part][first - 1] != ' ') {
        first--;
    }
    last += strcspn(b->words[part] + last, " ");
    /* Of a word the end may be missing, and its last sound is often faint. */
    if ((len - first) * 4 >= (last - first) * 3) {
        return last;
    }
    return first > 0 ? first - 1 : 0;
}

/* Punctuates what ends with a stretch, or does not. */
static void punctuate(const bench_t *b, char *text, size_t room, bool last)
{
    size_t len = strlen(text), part = b->heard;
    bool stop = len > 0 && strchr(".?!", text[len - 1]) != NULL;

    if (len == 0) {
        return;
    }
    if (!b->punctuate) {
        text[len - 1] =
            (char)(stop || text[len - 1] == ',' ? '\0' : text[len - 1]);
    } else if (one_in_ten(b, part)) {
        if (stop) {
            text[len - 1] = '\0';
        } else if (!last && text[len - 1] != ',') {
            snprintf(text + len, room - len, ".");
        }
    }
}

/* What the recogniser makes of the audio so far. */
static void hear(bench_t *b, size_t length)
{
    char *out = b->answer;
    size_t n, room = sizeof(b->answer);

    out[0] = '\0';
    for (size_t i = 0; i < b->parts && (n = said(b, i)) > 0; i++) {
        size_t at = strlen(out);

        snprintf(out + at, room - at, "%s%.*s", i > 0 ? " " : "", (int)n,
                 b->words[i]);
        b->heard = i + 1;
    }
    punctuate(b, out, room, b->heard == b->parts);
    b->answer_at = b->now + 200 + length / 8 * 3 / 100;
}

static void act(void *ctx, const va_action_t *a)
{
    bench_t *b = ctx;

    switch (a->type) {
    case VA_ACT_TRANSCRIBE:
        b->request = a->request;
        hear(b, a->len);
        break;
    case VA_ACT_CANCEL:
        b->request = a->request == b->request ? 0 : b->request;
        break;
    case VA_ACT_ASK:
        b->asked = b->asked != 0 ? b->asked : b->now;
        break;
    default:
        break;
    }
}

static void play(bench_t *b, const uint8_t *sound, size_t n)
{
    uint8_t silence[VA_FRAME];

    memset(silence, VA_ULAW_SILENCE, sizeof(silence));
    for (size_t at = 0; b->asked == 0 && at / 8 < n / 8 + WAIT_MS;
         at += VA_FRAME) {
        b->now += VA_FRAME_MS;
        va_call_audio(b->call, at / 8,
                      at + VA_FRAME <= n ? sound + at : silence, VA_FRAME,
                      b->now);
        if (b->request != 0 && b->now >= b->answer_at) {
            uint32_t request = b->request;

            b->request = 0;
            va_call_transcript(b->call, request, va_str(b->answer), 0.9F,
                               b->now);
        }
    }
}

static void split(bench_t *b, char *text)
{
    for (char *part = strtok(text, "|\n"); part != NULL && b->parts < PARTS;
         part = strtok(NULL, "|\n")) {
        char *colon = strchr(part, ':');

        if (colon != NULL) {
            b->begin[b->parts] = strtoul(part, &part, 10);
            b->end[b->parts] = strtoul(part + 1, NULL, 10);
            b->words[b->parts++] = colon + 1;
        }
    }
}

static void turn(bench_t *b, const va_call_conf_t *conf, char *row)
{
    static uint8_t sound[TURN_MAX];
    char name[256], path[1024];
    unsigned long begin, end, stop;
    int used = 0;
    size_t n;
    FILE *f;

    if (sscanf(row, "%255[^\t]\t%lu\t%lu\t%lu\t%n", name, &begin, &end, &stop,
               &used) != 4 ||
        stop < begin || stop - begin > TURN_MAX) {
        fprintf(stderr, "endpoint: not a turn: %.80s\n", row);
        exit(1);
    }
    b->parts = 0;
    b->heard = 0;
    split(b, row + used);
    snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : plan_dir,
             name[0] == '/' ? "" : "/", name);
    f = fopen(path, "rb");
    n = stop - begin;
    if (f == NULL || fseek(f, (long)begin, SEEK_SET) != 0 ||
        fread(sound, 1, n, f) != n) {
        perror(path);
        exit(1);
    }
    fclose(f);
    b->now = 0;
    b->asked = 0;
    b->request = 0;
    b->true_end = (end - begin) / 8;
    b->call = va_call_new(conf, act, b);
    va_call_start(b->call, 0);
    play(b, sound, n);
    va_call_free(b->call);
    if (b->asked == 0) {
        puts("never");
    } else if (b->asked < b->true_end) {
        puts("cut");
        fprintf(stderr, "cut %lu ms early: %s\n",
                (unsigned long)(b->true_end - b->asked), b->answer);
    } else {
        printf("%lu\n", (unsigned long)(b->asked - b->true_end));
    }
    b->turn++;
}

int main(int argc, char **argv)
{
    static char row[65536];
    static bench_t b;
    char *slash;
    va_call_conf_t conf = {.listen = {0, 300, 60000, 0},
                           .min_speech_ms = 100,
                           .barge_in_ms = 200,
                           .ahead_ms = 1000};
    FILE *plan;

    if (argc < 4 || (plan = fopen(argv[1], "r")) == NULL) {
        fprintf(stderr, "usage: endpoint PLAN min-ms silence-ms [none]\n");
        return 2;
    }
    conf.endpoint_min_ms = (uint32_t)strtoul(argv[2], NULL, 10);
    conf.adaptive = conf.endpoint_min_ms != 0;
    conf.listen.silence_ms = (uint32_t)strtoul(argv[3], NULL, 10);
    b.punctuate = argc < 5 || strcmp(argv[4], "none") != 0;
    slash = strrchr(argv[1], '/');
    plan_dir = slash != NULL ? (*slash = '\0', argv[1]) : ".";
    while (fgets(row, sizeof(row), plan) != NULL) {
        turn(&b, &conf, row);
    }
    fclose(plan);
    return 0;
}
