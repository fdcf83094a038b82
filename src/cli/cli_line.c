#include "cli_line.h"

#include <string.h>

#define SAY_VOICE "kal" /* made in no time, and not the caller's own */
#define FRAME_US (VA_FRAME_MS * 1000u)
#define BEHIND_MAX 50 /* frames made up for after a stall */

typedef struct {
    cli_call_t *call;
    cli_clip_t said;
    const cli_clip_t *clip; /* what of it is being said, or NULL */
    size_t at;
    cli_gather_t *gather; /* NULL: nobody listens */
    const bool *done;
    uint64_t until_ms;
} line_t;

/* What Twilio says in the next 20 ms; returns whether it is to be heard. */
static bool hear(line_t *l, uint64_t ms, uint8_t heard[VA_FRAME])
{
    bool audible;

    if (l->clip == NULL) {
        memset(heard, VA_ULAW_SILENCE, VA_FRAME);
        return false;
    }
    va_ulaw_encode(heard, l->clip->pcm + l->at, VA_FRAME);
    l->at += VA_FRAME;
    audible = cli_audible(heard);
    if (l->at >= l->clip->len) {
        cli_hearing_text_end(&l->call->hearing, ms + VA_FRAME_MS, false);
        l->clip = NULL;
    }
    return audible;
}

/* Tells the <Gather> what the caller has done in the last 20 ms. */
static void gather(line_t *l, uint64_t ms, const cli_deed_t *deed)
{
    cli_gather_t *g = l->gather;

    if (g == NULL) {
        return;
    }
    if (deed->began) {
        cli_gather_talk(g, ms);
    }
    if (deed->ended) {
        cli_gather_said(g, ms, deed->said);
    }
    if (deed->key != '\0') {
        cli_gather_key(g, ms, deed->key);
    }
    if (l->clip != NULL && cli_gather_begun(g)) {
        cli_hearing_text_end(&l->call->hearing, ms, true);
        l->clip = NULL;
    }
}

static void tick(line_t *l)
{
    cli_call_t *c = l->call;
    uint64_t ms = cli_call_ms(c);
    uint8_t heard[VA_FRAME];
    cli_input_t in = {.now_ms = ms};
    cli_deed_t deed;

    in.audible = hear(l, ms, heard);
    cli_call_deed(c, ms, &deed);
    gather(l, ms, &deed);
    if (c->record != NULL) {
        cli_record_frame(c->record, deed.frame, heard);
    }
    in.talking = deed.talking;
    in.deaf = l->gather == NULL || !cli_gather_listens(l->gather);
    in.queued = in.deaf || l->clip != NULL;
    cli_call_act(c, &in);
}

static void run_due(line_t *l)
{
    cli_call_t *c = l->call;
    uint64_t now = cli_now_us();

    if (now > c->line_due_us + (uint64_t)BEHIND_MAX * FRAME_US) {
        c->line_due_us = now;
    }
    while (now >= c->line_due_us) {
        c->line_due_us += FRAME_US;
        tick(l);
    }
}

/* Returns whether what the line was opened for is over. */
static bool over(line_t *l)
{
    uint64_t ms = cli_call_ms(l->call);

    if (l->done != NULL) {
        return *l->done;
    }
    if (l->clip != NULL || ms < l->until_ms) {
        return l->gather != NULL && cli_gather_begun(l->gather);
    }
    return true;
}

/* Returns whether nothing more can come of the <Gather>. */
static bool gathered(line_t *l)
{
    return cli_gather_tick(l->gather, cli_call_ms(l->call));
}

static bool run(line_t *l, bool (*end)(line_t *))
{
    cli_call_t *c = l->call;

    while (cli_call_going(c) && !end(l)) {
        cli_loop_run(c->loop, c->line_due_us);
        run_due(l);
    }
    if (l->clip != NULL) {
        cli_hearing_text_end(&c->hearing, cli_call_ms(c), true);
        l->clip = NULL;
    }
    return cli_call_going(c);
}

bool cli_line_wait(cli_call_t *c, const bool *done, uint64_t ms)
{
    line_t l = {.call = c, .done = done, .until_ms = cli_call_ms(c) + ms};

    return run(&l, over);
}

static bool say(line_t *l, const char *text)
{
    cli_call_t *c = l->call;
    char error[CLI_ERROR];
    bool going;

    cli_hearing_text_begin(&c->hearing, cli_call_ms(c), text);
    l->until_ms = 0;
    l->at = 0;
    /* What has no sound, such as a lone emoji, is said in no time. */
    if (!cli_clip_say(&l->said, text, SAY_VOICE, CLI_DB_UNSET, error)) {
        cli_hearing_text_end(&c->hearing, cli_call_ms(c), false);
        return cli_call_going(c);
    }
    l->clip = &l->said;
    going = run(l, over);
    cli_clip_free(&l->said);
    return going;
}

bool cli_line_say(cli_call_t *c, const char *text)
{
    line_t l = {.call = c};

    return say(&l, text);
}

bool cli_line_gather(cli_call_t *c, const cli_verb_t *verb, cli_gather_t *g)
{
    line_t l = {.call = c, .gather = g};
    bool going = true;
    size_t i;

    cli_gather_begin(g, &verb->gather);
    for (i = 1; i <= verb->children && going && !cli_gather_begun(g); i++) {
        const cli_verb_t *v = &verb[i];

        if (v->type == CLI_VERB_SAY) {
            going = say(&l, v->text != NULL ? v->text : "");
        } else if (v->type == CLI_VERB_PAUSE) {
            l.until_ms = cli_call_ms(c) + (uint64_t)v->seconds * 1000;
            going = run(&l, over);
        }
    }
    cli_gather_prompted(g, cli_call_ms(c));
    return going && run(&l, gathered);
}
