#include <stdlib.h>
#include <string.h>

#include "../twilio/va_media.h"
#include "cli_call.h"
#include "cli_inbound.h"

#define FRAME_US (VA_FRAME_MS * 1000u)
#define CLOSE_US 5000000u /* how long the server may take to close */
#define CONNECT_US 10000000u
#define BEHIND_MAX 50 /* frames made up for after a stall */

/* One media stream. */
typedef struct {
    cli_call_t *call;
    cli_stream_t *ws;
    cli_inbound_t *inbound;
    cli_playout_t *playout;
    va_buf_t out;
    uint64_t due_us; /* when the next frame is to be sent */
    uint64_t opened_us;
    uint64_t sequence;
    uint64_t chunk;
    bool open;
    bool closed;
    bool ending; /* by us */
    uint64_t end_us;
    cli_close_t how;
} session_t;

static bool send_text(session_t *s)
{
    cli_call_t *c = s->call;

    if (s->out.rc != VA_OK || s->closed) {
        return false;
    }
    cli_call_log(c, ">", va_buf_view(&s->out));
    c->figures.messages_out++;
    return cli_stream_send(s->ws, va_buf_view(&s->out));
}

static va_buf_t *fresh(session_t *s)
{
    va_buf_reset(&s->out);
    return &s->out;
}

static void on_opened(void *ctx)
{
    session_t *s = ctx;
    cli_call_t *c = s->call;

    s->open = true;
    c->figures.handshake_ms = (cli_now_us() - s->opened_us) / 1000;
    cli_report_event(&c->report, cli_call_ms(c), "stream", "open %s",
                     c->stream_sid);
}

/* Returns every mark that is due. */
static void return_marks(session_t *s)
{
    cli_call_t *c = s->call;
    char *name;

    while ((name = cli_playout_due(s->playout)) != NULL) {
        va_media_write_echo(fresh(s), va_str(c->stream_sid), ++s->sequence,
                            va_str(name));
        send_text(s);
        c->figures.marks++;
        free(name);
    }
}

static void take(session_t *s, const cli_in_msg_t *msg)
{
    cli_call_t *c = s->call;
    uint64_t ms = cli_call_ms(c);

    switch (msg->type) {
    case CLI_IN_MEDIA:
        if (cli_playout_media(s->playout, msg->audio, msg->len) != VA_OK) {
            cli_report_fault(&c->report, ms,
                             "31931: more than ten minutes of audio queued");
        }
        break;
    case CLI_IN_MARK:
        if (cli_playout_mark(s->playout, msg->mark) != VA_OK) {
            cli_report_fault(&c->report, ms, "too many marks are pending");
        }
        break;
    case CLI_IN_CLEAR:
        cli_playout_clear(s->playout);
        cli_hearing_cleared(&c->hearing, ms);
        break;
    }
    return_marks(s);
}

static void on_message(void *ctx, const va_ws_event_t *ev)
{
    session_t *s = ctx;
    cli_call_t *c = s->call;
    va_str_t text = {(const char *)ev->data, ev->len};
    cli_in_msg_t msg;

    c->figures.messages_in++;
    if (ev->opcode == VA_WS_BINARY) {
        cli_report_fault(&c->report, cli_call_ms(c), "31950: a binary frame");
        return;
    }
    cli_call_log(c, "<", text);
    if (s->sequence == 0) {
        cli_report_fault(&c->report, cli_call_ms(c),
                         "31951: a message before start was sent");
    } else if (cli_inbound_read(s->inbound, text, &msg) != VA_OK) {
        cli_report_fault(&c->report, cli_call_ms(c),
                         cli_inbound_error(s->inbound));
    } else {
        take(s, &msg);
    }
}

static void on_closed(void *ctx, const cli_close_t *how)
{
    session_t *s = ctx;

    s->closed = true;
    s->how = *how;
}

static void send_start(session_t *s, const cli_verb_t *verb)
{
    cli_call_t *c = s->call;
    va_media_msg_t start = {.type = VA_MEDIA_START,
                            .stream_sid = va_str(c->stream_sid),
                            .call_sid = va_str(c->id.call_sid),
                            .account_sid = va_str(c->id.account_sid),
                            .sequence = 1,
                            .encoding = VA_STR("audio/x-mulaw"),
                            .rate = VA_RATE,
                            .channels = 1};
    size_t i;

    for (i = 0; i < verb->param_count && i < VA_MEDIA_PARAMS; i++) {
        start.params[i].name = va_str(verb->params[i].name);
        start.params[i].value = va_str(verb->params[i].value);
    }
    start.param_count = i;
    va_media_write_connected(fresh(s));
    send_text(s);
    va_media_write_start(fresh(s), &start);
    s->sequence = 1;
    send_text(s);
}

/* Ends the stream as Twilio does when the call ends or goes elsewhere. */
static void end_stream(session_t *s)
{
    cli_call_t *c = s->call;

    if (s->ending || s->closed) {
        return;
    }
    s->ending = true;
    s->end_us = cli_now_us();
    va_media_write_stop(fresh(s), va_str(c->stream_sid), ++s->sequence,
                        va_str(c->id.account_sid), va_str(c->id.call_sid));
    send_text(s);
    cli_stream_close(s->ws);
}

/* Sends the caller's next 20 ms. */
static void speak(session_t *s, cli_deed_t *deed, uint64_t ms)
{
    cli_call_t *c = s->call;

    cli_call_deed(c, ms, deed);
    s->chunk++;
    va_media_write_inbound(fresh(s), va_str(c->stream_sid), ++s->sequence,
                           s->chunk, (s->chunk - 1) * VA_FRAME_MS, deed->frame,
                           VA_FRAME);
    send_text(s);
    if (deed->key != '\0') {
        va_media_write_dtmf(fresh(s), va_str(c->stream_sid), ++s->sequence,
                            deed->key);
        send_text(s);
    }
}

/* Everything that happens every 20 ms. */
static void tick(session_t *s)
{
    cli_call_t *c = s->call;
    uint8_t heard[VA_FRAME];
    uint64_t ms = cli_call_ms(c);
    cli_input_t in = {.now_ms = ms};
    cli_deed_t deed;

    in.audible = cli_playout_frame(s->playout, heard) > 0 && cli_audible(heard);
    in.queued = cli_playout_queued(s->playout) > 0;
    cli_hearing_frame(&c->hearing, ms, heard, in.audible, in.queued);
    return_marks(s);
    speak(s, &deed, ms);
    if (c->record != NULL) {
        cli_record_frame(c->record, deed.frame, heard);
    }
    in.talking = deed.talking;
    cli_call_act(c, &in);
    if (c->hung_up) {
        end_stream(s);
    }
}

static void run_due(session_t *s)
{
    uint64_t now = cli_now_us(), late;

    while (now >= s->due_us && !s->closed && !s->ending) {
        late = now - s->due_us;
        if (late > s->call->figures.late_us) {
            s->call->figures.late_us = late;
        }
        if (late > (uint64_t)BEHIND_MAX * FRAME_US) {
            s->due_us = now; /* a stopped program does not catch up */
        }
        s->due_us += FRAME_US;
        tick(s);
    }
}

/* Waits for the handshake.  Returns whether the stream is open. */
static bool await_open(session_t *s)
{
    uint64_t until = cli_now_us() + CONNECT_US;

    while (!s->open && !s->closed && cli_now_us() < until &&
           cli_call_going(s->call)) {
        cli_loop_run(s->call->loop, cli_now_us() + 100000);
    }
    if (!s->open && !s->closed && cli_now_us() >= until) {
        cli_call_verdict(s->call, CLI_EXIT_BROKEN,
                         "31901: the stream did not open in time");
    }
    return s->open;
}

static void converse(session_t *s)
{
    cli_call_t *c = s->call;

    s->due_us = cli_now_us() + FRAME_US;
    while (!s->closed) {
        cli_loop_run(c->loop, s->ending ? s->end_us + CLOSE_US : s->due_us);
        run_due(s);
        if (s->ending) {
            if (cli_now_us() >= s->end_us + CLOSE_US) {
                cli_report_fault(&c->report, cli_call_ms(c),
                                 "the server did not close after stop");
                return;
            }
        } else if (!cli_call_going(c)) {
            end_stream(s);
        }
    }
}

/* Judges how the stream ended; returns whether the call goes on. */
static bool judge_end(session_t *s)
{
    cli_call_t *c = s->call;
    uint64_t ms = cli_call_ms(c);

    if (s->ending) {
        if (s->closed && s->how.error[0] != '\0') {
            cli_report_fault(&c->report, ms, s->how.error);
        }
        return false;
    }
    if (s->how.error[0] != '\0') {
        cli_call_verdict(c, CLI_EXIT_BROKEN, s->how.error);
        return false;
    }
    cli_report_event(&c->report, ms, "stream", "closed by the server (%u%s%s)",
                     s->how.code, s->how.reason[0] != '\0' ? " " : "",
                     s->how.reason);
    if (s->how.code != VA_WS_CLOSE_NORMAL &&
        s->how.code != VA_WS_CLOSE_GOING_AWAY &&
        s->how.code != VA_WS_CLOSE_NO_STATUS) {
        cli_call_verdict(c, CLI_EXIT_BROKEN,
                         "the server closed the stream with an error code");
    }
    return true;
}

static void add_stats(cli_playout_stats_t *sum, const cli_playout_stats_t *one)
{
    sum->played += one->played;
    sum->cleared += one->cleared;
    sum->dropped += one->dropped;
    sum->underruns += one->underruns;
    sum->ragged += one->ragged;
    if (one->max_gap_ms > sum->max_gap_ms) {
        sum->max_gap_ms = one->max_gap_ms;
    }
}

static bool run(session_t *s, const cli_verb_t *verb, const char *url)
{
    static const cli_stream_events_t events = {on_opened, on_message,
                                               on_closed};
    cli_call_t *c = s->call;
    char error[CLI_ERROR] = "out of memory";

    if (s->inbound != NULL && s->playout != NULL) {
        s->opened_us = cli_now_us();
        s->ws = cli_webhook_stream(c->loop, &c->route, &c->id, url, &events, s,
                                   error);
    }
    if (s->ws == NULL) {
        cli_call_verdict(c, CLI_EXIT_BROKEN, error);
        return false;
    }
    if (await_open(s)) {
        send_start(s, verb);
        converse(s);
        add_stats(&c->figures.playout, cli_playout_stats(s->playout));
    }
    cli_hearing_end(&c->hearing, cli_call_ms(c));
    return (s->open || s->closed) && judge_end(s);
}

bool cli_session_run(cli_call_t *c, const cli_verb_t *verb, const char *url)
{
    session_t s = {.call = c};
    bool go_on;

    if (c->o->stt == NULL &&
        (cli_scenario_has(&c->o->scenario, CLI_STEP_EXPECT) ||
         cli_scenario_has(&c->o->scenario, CLI_STEP_EXPECT_TIME))) {
        cli_call_verdict(c, CLI_EXIT_USAGE,
                         "--expect listens to the stream, so it needs --stt");
        return false;
    }

    cli_sid(c->stream_sid, "MZ");
    s.inbound = cli_inbound_new(c->stream_sid);
    s.playout = cli_playout_new();
    va_buf_init(&s.out, 65536);
    go_on = run(&s, verb, url);
    cli_stream_free(s.ws);
    cli_inbound_free(s.inbound);
    cli_playout_free(s.playout);
    va_buf_free(&s.out);
    return go_on;
}
