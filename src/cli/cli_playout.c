#include "cli_playout.h"

#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"

typedef struct mark {
    struct mark *next;
    uint64_t at; /* due when this many bytes were played or cleared */
    char *name;
} mark_t;

struct cli_playout {
    va_buf_t audio;
    size_t off;    /* bytes of audio that were taken out already */
    uint64_t head; /* bytes ever taken out: played or cleared */
    mark_t *first;
    mark_t *last;
    size_t mark_count;
    bool ragged;     /* that audio did not end on a frame's boundary */
    bool speaking;   /* the last thing that came was audio, not mark or clear */
    uint64_t gap_ms; /* how long the queue has been dry since */
    cli_playout_stats_t stats;
};

cli_playout_t *cli_playout_new(void)
{
    cli_playout_t *p = calloc(1, sizeof(*p));

    if (p != NULL) {
        /* What was played is dropped lazily, so there is twice the room. */
        va_buf_init(&p->audio, 2 * (size_t)CLI_PLAYOUT_MAX);
    }
    return p;
}

void cli_playout_free(cli_playout_t *p)
{
    mark_t *m;

    if (p == NULL) {
        return;
    }
    while ((m = p->first) != NULL) {
        p->first = m->next;
        free(m->name);
        free(m);
    }
    va_buf_free(&p->audio);
    free(p);
}

size_t cli_playout_queued(const cli_playout_t *p)
{
    return p->audio.len - p->off;
}

/* More audio came: was the dry queue before it a gap in speech? */
static void end_gap(cli_playout_t *p)
{
    if (p->speaking && p->gap_ms > 0 && p->gap_ms < CLI_PLAYOUT_GAP_MS) {
        p->stats.underruns++;
        if (p->gap_ms > p->stats.max_gap_ms) {
            p->stats.max_gap_ms = p->gap_ms;
        }
    }
    p->gap_ms = 0;
}

va_rc_t cli_playout_media(cli_playout_t *p, const uint8_t *ulaw, size_t n)
{
    size_t queued = cli_playout_queued(p);

    if (n == 0) {
        return VA_OK;
    }
    if (n > CLI_PLAYOUT_MAX - queued) {
        p->stats.dropped += n;
        return VA_LIMIT;
    }
    if (p->off >= p->audio.len / 2) {
        va_buf_consume(&p->audio, p->off);
        p->off = 0;
    }
    if (va_buf_append(&p->audio, ulaw, n) != VA_OK) {
        return VA_NOMEM;
    }
    end_gap(p);
    p->stats.ragged += p->speaking && p->ragged;
    p->ragged = n % VA_FRAME != 0;
    p->speaking = true;
    return VA_OK;
}

va_rc_t cli_playout_mark(cli_playout_t *p, va_str_t name)
{
    mark_t *m;

    if (p->mark_count == CLI_PLAYOUT_MARKS) {
        return VA_LIMIT;
    }
    m = malloc(sizeof(*m));
    if (m == NULL) {
        return VA_NOMEM;
    }
    m->next = NULL;
    m->at = p->head + cli_playout_queued(p);
    m->name = va_str_dup(name);
    if (m->name == NULL) {
        free(m);
        return VA_NOMEM;
    }
    if (p->last != NULL) {
        p->last->next = m;
    } else {
        p->first = m;
    }
    p->last = m;
    p->mark_count++;
    p->speaking = false;
    p->gap_ms = 0;
    return VA_OK;
}

void cli_playout_clear(cli_playout_t *p)
{
    p->stats.cleared += cli_playout_queued(p);
    p->head += cli_playout_queued(p);
    va_buf_reset(&p->audio);
    p->off = 0;
    p->speaking = false;
    p->gap_ms = 0;
}

size_t cli_playout_frame(cli_playout_t *p, uint8_t out[VA_FRAME])
{
    size_t n = cli_playout_queued(p);

    n = n < VA_FRAME ? n : VA_FRAME;
    if (n > 0) {
        memcpy(out, p->audio.data + p->off, n);
        p->off += n;
        p->head += n;
        p->stats.played += n;
    }
    memset(out + n, VA_ULAW_SILENCE, VA_FRAME - n);
    if (p->speaking && n < VA_FRAME && p->gap_ms < CLI_PLAYOUT_GAP_MS) {
        p->gap_ms += VA_FRAME_MS - n * VA_FRAME_MS / VA_FRAME;
    }
    return n;
}

char *cli_playout_due(cli_playout_t *p)
{
    mark_t *m = p->first;
    char *name;

    if (m == NULL || m->at > p->head) {
        return NULL;
    }
    p->first = m->next;
    if (p->first == NULL) {
        p->last = NULL;
    }
    p->mark_count--;
    name = m->name;
    free(m);
    return name;
}

const cli_playout_stats_t *cli_playout_stats(const cli_playout_t *p)
{
    return &p->stats;
}
