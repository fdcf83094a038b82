#include "vad_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 12
#define MAX_STREAMS 100000
#define MAX_SPANS 10000
#define MAX_FRAMES 10000000

/* Cuts line at its tabs.  Returns the number of fields. */
static size_t split(char *line, char *field[MAX_FIELDS])
{
    size_t n = 0;

    line[strcspn(line, "\n")] = '\0';
    while (n < MAX_FIELDS) {
        field[n++] = line;
        line = strchr(line, '\t');
        if (!line) {
            break;
        }
        *line++ = '\0';
    }
    return n;
}

static bool copy(char *dst, size_t cap, const char *src)
{
    size_t n = strlen(src);

    if (n >= cap) {
        return false;
    }
    memcpy(dst, src, n + 1);
    return true;
}

static bool add_stream(va_vad_set_t *set, char **field, size_t n)
{
    va_vad_stream_t *grown, *s;
    char *end;

    if (n < 6 || set->count == MAX_STREAMS) {
        return false;
    }
    grown = realloc(set->streams, (set->count + 1) * sizeof(*grown));
    if (!grown) {
        return false;
    }
    set->streams = grown;
    s = &grown[set->count++];
    memset(s, 0, sizeof(*s));
    s->frames = strtoul(field[3], &end, 10);
    s->noise_only = strcmp(field[4], "noise") == 0;
    return *end == '\0' && s->frames <= MAX_FRAMES &&
           copy(s->id, sizeof(s->id), field[1]) &&
           copy(s->file, sizeof(s->file), field[2]) &&
           copy(s->noise, sizeof(s->noise), field[5]);
}

static bool add_spans(va_vad_set_t *set, char **field, size_t n)
{
    va_vad_stream_t *s = set->count ? &set->streams[set->count - 1] : NULL;
    va_vad_span_t span, *grown;
    char *p;

    if (n < 8 || !s || strcmp(s->id, field[1]) != 0) {
        return false;
    }
    p = field[7];
    for (;;) {
        span.begin = strtol(p, &p, 10);
        if (*p != '-') {
            return false;
        }
        span.end = strtol(p + 1, &p, 10);
        if (span.begin < 0 || span.end < span.begin || s->spans == MAX_SPANS) {
            return false;
        }
        grown = realloc(s->speech, (s->spans + 1) * sizeof(span));
        if (!grown) {
            return false;
        }
        s->speech = grown;
        s->speech[s->spans++] = span;
        if (*p != ',') {
            return *p == '\0';
        }
        p++;
    }
}

/* The utterances of a stream follow its row; other rows are notes. */
static bool add_row(va_vad_set_t *set, char **field, size_t n)
{
    if (strcmp(field[0], "S") == 0) {
        return add_stream(set, field, n);
    }
    return strcmp(field[0], "U") != 0 || add_spans(set, field, n);
}

bool va_vad_set_load(va_vad_set_t *set, const char *dir)
{
    char path[4096], *line = NULL, *field[MAX_FIELDS];
    size_t cap = 0, row = 0;
    bool ok = true;
    FILE *f;

    memset(set, 0, sizeof(*set));
    snprintf(path, sizeof(path), "%s/labels.tsv", dir);
    f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    while (ok && getline(&line, &cap, f) > 0) {
        row++;
        ok = add_row(set, field, split(line, field));
    }
    if (!ok) {
        fprintf(stderr, "%s: row %zu is not understood\n", path, row);
        va_vad_set_free(set);
    }
    free(line);
    fclose(f);
    return ok;
}

void va_vad_set_free(va_vad_set_t *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->streams[i].speech);
    }
    free(set->streams);
    memset(set, 0, sizeof(*set));
}

uint8_t *va_vad_set_audio(const char *dir, const va_vad_stream_t *stream)
{
    size_t want = stream->frames * VA_FRAME;
    uint8_t *ulaw = malloc(want + 1);
    char path[4096];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, stream->file);
    f = fopen(path, "rb");
    if (!ulaw || !f || fread(ulaw, 1, want, f) != want) {
        fprintf(stderr, "%s: %zu frames cannot be read\n", path,
                stream->frames);
        free(ulaw);
        ulaw = NULL;
    }
    if (f) {
        fclose(f);
    }
    return ulaw;
}
