#include "cli_hearing.h"

#include <stdlib.h>
#include <string.h>

#include "cli_words.h"

#define BEFORE (VA_RATE / 5) /* bytes kept from before the first sound */
#define AFTER (VA_RATE * 2 / 5)
#define TAIL_MS 300
#define TURN_MAX (2u * CLI_STT_SECONDS * VA_RATE)

void cli_hearing_init(cli_hearing_t *h, cli_loop_t *loop, const cli_stt_t *stt,
                      cli_report_t *report, unsigned silence_ms,
                      const uint64_t *t0_us)
{
    memset(h, 0, sizeof(*h));
    h->loop = loop;
    h->stt = stt;
    h->report = report;
    h->silence_ms = silence_ms;
    h->t0_us = t0_us;
    h->caller_end_ms = CLI_NONE;
    h->caller_line = CLI_REPORT_LINES;
    va_buf_init(&h->audio, TURN_MAX);
}

void cli_hearing_free(cli_hearing_t *h)
{
    size_t i;

    for (i = 0; i < h->turn_count; i++) {
        cli_http_cancel(h->turns[i].http);
        free(h->turns[i].text);
    }
    va_buf_free(&h->audio);
}

static uint64_t now_ms(const cli_hearing_t *h)
{
    return (cli_now_us() - *h->t0_us) / 1000;
}

static int minute_of_day(time_t t)
{
    struct tm tm;

    localtime_r(&t, &tm);
    return tm.tm_hour * 60 + tm.tm_min;
}

static bool time_told(const cli_hearing_t *h, const cli_awaited_t *a,
                      const cli_words_t *words)
{
    bool half = false;
    int told = cli_words_time(words, &half);

    return a->first < a->past &&
           cli_time_near(told, half, minute_of_day(h->turns[a->first].from),
                         minute_of_day(h->turns[a->past - 1].to));
}

static void judge(cli_hearing_t *h, cli_awaited_t *a)
{
    cli_words_t *heard = malloc(2 * sizeof(*heard));
    bool is_time = a->step->type == CLI_STEP_EXPECT_TIME, met;
    const char *wanted = is_time ? "the local time" : a->step->text;
    va_buf_t all;
    size_t i;

    a->done = true;
    va_buf_init(&all, 65536);
    for (i = a->first; i < a->past; i++) {
        va_buf_puts(&all, i > a->first ? " " : "");
        va_buf_puts(&all, h->turns[i].text != NULL ? h->turns[i].text : "");
    }
    if (heard == NULL) {
        met = false;
    } else {
        cli_words(&heard[0], va_buf_view(&all));
        cli_words(&heard[1], va_str(is_time ? "" : a->step->text));
        met = is_time ? time_told(h, a, &heard[0])
                      : cli_words_contain(&heard[0], &heard[1]);
    }
    h->unmet += !met;
    cli_report_event(h->report, now_ms(h), "expect", "%s: %s%s%s%s",
                     met ? "heard" : "NOT HEARD", wanted,
                     met ? "" : "  [heard: ",
                     met       ? ""
                     : all.len ? all.data
                               : "",
                     met ? "" : "]");
    cli_report_demand(h->report, wanted, va_str_dup(va_buf_view(&all)), met);
    va_buf_free(&all);
    free(heard);
}

/* Judges what can be judged now. */
static void settle(cli_hearing_t *h)
{
    size_t i, k;

    for (i = 0; i < h->awaited_count; i++) {
        cli_awaited_t *a = &h->awaited[i];

        for (k = a->first; k < a->past && h->turns[k].done; k++) {
        }
        if (!a->done && k >= a->past) {
            judge(h, a);
        }
    }
}

static void transcribed(void *ctx, const cli_http_reply_t *reply)
{
    cli_heard_t *t = ctx;
    cli_hearing_t *h = t->owner;
    char error[CLI_ERROR];

    t->http = NULL;
    t->done = true;
    t->text = cli_stt_text(reply, error);
    if (t->text == NULL) {
        h->deaf++;
        cli_report_ready(h->report, t->line, NULL);
        cli_report_event(h->report, now_ms(h), "stt", "%s", error);
    } else {
        cli_report_ready(h->report, t->line, va_str_dup(va_str(t->text)));
    }
    settle(h);
}

static void open_turn(cli_hearing_t *h, uint64_t ms)
{
    cli_line_t *line;
    cli_heard_t *t;

    h->open = true;
    if (h->turn_count == CLI_TURNS_MAX) {
        return;
    }
    t = &h->turns[h->turn_count++];
    t->owner = h;
    t->from = time(NULL);
    t->line = cli_report_turn(h->report, ms, false);
    line = cli_report_line(h->report, t->line);
    if (h->tail && ms < h->last_ms + TAIL_MS) {
        return; /* what is still played is no answer */
    }
    h->tail = false;
    if (h->caller_end_ms != CLI_NONE && ms >= h->caller_end_ms) {
        line->latency_ms = ms - h->caller_end_ms;
        h->caller_end_ms = CLI_NONE;
    }
}

static void close_turn(cli_hearing_t *h, bool interrupted, uint64_t stop_ms)
{
    cli_heard_t *t = &h->turns[h->turn_count - 1];
    cli_line_t *line = cli_report_line(h->report, t->line);
    size_t n = h->audible_len + AFTER;

    h->open = false;
    if (!t->done && t->http == NULL) {
        line->interrupted = interrupted;
        line->stop_ms = stop_ms;
        line->end_ms = h->last_ms;
        t->to = time(NULL);
        n = n < h->audio.len ? n : h->audio.len;
        if (h->stt != NULL) {
            t->http =
                cli_stt_start(h->stt, h->loop, (const uint8_t *)h->audio.data,
                              n, transcribed, t);
        }
        if (t->http == NULL) {
            t->done = true;
            cli_report_ready(h->report, t->line, NULL);
        }
    }
    va_buf_reset(&h->audio);
    h->audible_len = 0;
}

void cli_hearing_frame(cli_hearing_t *h, uint64_t ms,
                       const uint8_t frame[VA_FRAME], bool audible, bool queued)
{
    if (h->audio.len <= TURN_MAX - VA_FRAME) {
        va_buf_append(&h->audio, frame, VA_FRAME);
    }
    if (audible) {
        if (!h->open) {
            open_turn(h, ms);
        }
        h->last_ms = ms + VA_FRAME_MS;
        h->audible_len = h->audio.len;
    } else if (!h->open && h->audio.len > BEFORE) {
        va_buf_consume(&h->audio, h->audio.len - BEFORE);
    } else if (h->open && !queued &&
               ms + VA_FRAME_MS - h->last_ms >= h->silence_ms) {
        close_turn(h, false, CLI_NONE);
    }
}

void cli_hearing_text_begin(cli_hearing_t *h, uint64_t ms, const char *text)
{
    cli_heard_t *t;

    if (h->turn_count == CLI_TURNS_MAX) {
        return;
    }
    open_turn(h, ms);
    t = &h->turns[h->turn_count - 1];
    t->text = va_str_dup(va_str(text));
    t->done = true;
}

void cli_hearing_text_end(cli_hearing_t *h, uint64_t ms, bool cut)
{
    cli_heard_t *t;
    cli_line_t *line;

    if (!h->open) {
        return;
    }
    h->open = false;
    t = &h->turns[h->turn_count - 1];
    t->to = time(NULL);
    line = cli_report_line(h->report, t->line);
    line->end_ms = h->last_ms = ms;
    line->interrupted = cut;
    cli_report_ready(h->report, t->line,
                     va_str_dup(va_str(t->text != NULL ? t->text : "")));
}

void cli_hearing_caller_begin(cli_hearing_t *h, uint64_t ms, const char *said)
{
    h->caller_talking = true;
    h->caller_begin_ms = ms;
    h->caller_line = cli_report_turn(h->report, ms, true);
    cli_report_ready(h->report, h->caller_line, va_str_dup(va_str(said)));
}

void cli_hearing_caller_end(cli_hearing_t *h, uint64_t ms)
{
    /* A text that has begun meanwhile is an answer already. */
    bool answered = h->open && h->turns[h->turn_count - 1].done;

    h->tail = h->open && !answered;
    if (h->tail) {
        close_turn(h, false, CLI_NONE);
    }
    cli_report_line(h->report, h->caller_line)->end_ms = ms;
    h->caller_talking = false;
    h->caller_end_ms = answered ? CLI_NONE : ms;
    h->window = h->turn_count - answered;
}

void cli_hearing_cleared(cli_hearing_t *h, uint64_t ms)
{
    if (!h->open) {
        return;
    }
    close_turn(h, true, h->caller_talking ? ms - h->caller_begin_ms : CLI_NONE);
}

void cli_hearing_end(cli_hearing_t *h, uint64_t ms)
{
    (void)ms;
    if (h->open) {
        close_turn(h, false, CLI_NONE);
    }
    settle(h);
}

void cli_hearing_check(cli_hearing_t *h, const cli_step_t *step)
{
    cli_awaited_t *a;

    if (h->awaited_count == CLI_STEPS_MAX) {
        return;
    }
    a = &h->awaited[h->awaited_count++];
    a->step = step;
    a->first = h->window;
    a->past = h->turn_count;
    a->done = false;
    settle(h);
}

bool cli_hearing_busy(const cli_hearing_t *h)
{
    size_t i;

    for (i = 0; i < h->turn_count; i++) {
        if (h->turns[i].http != NULL) {
            return true;
        }
    }
    return false;
}
