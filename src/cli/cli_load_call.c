#include "cli_load_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_media.h"

#define CONNECT_US 10000000u
#define CLOSE_US 5000000u
#define ANSWER_US 20000000u  /* no answer comes any more */
#define SILENCE_US 600000u   /* the assistant has finished */
#define GREETING_US 5000000u /* there is no greeting */

void cli_load_call_init(cli_load_call_t *c, cli_load_t *load, uint64_t begin_us,
                        unsigned repeat)
{
    memset(c, 0, sizeof(*c));
    c->load = load;
    c->left = repeat;
    c->begin_us = begin_us;
    va_str_copy(c->id.account_sid, sizeof(c->id.account_sid),
                va_str(load->o->account_sid));
    c->id.from = load->o->from;
    c->id.to = load->o->to;
    c->id.token = load->o->token;
    load->running++;
}

static void release(cli_load_call_t *c)
{
    if (c->playout != NULL) {
        cli_load_playout(&c->load->stats, cli_playout_stats(c->playout));
    }
    cli_http_cancel(c->http);
    cli_stream_free(c->ws);
    cli_inbound_free(c->inbound);
    cli_playout_free(c->playout);
    cli_twiml_free(c->doc);
    c->http = NULL;
    c->ws = NULL;
    c->inbound = NULL;
    c->playout = NULL;
    c->doc = NULL;
}

void cli_load_call_free(cli_load_call_t *c)
{
    release(c);
}

static void enter(cli_load_call_t *c, cli_load_state_t state)
{
    c->state = state;
    c->begin_us = cli_now_us();
}

/* This call is over; the next one begins with the next tick. */
static void done(cli_load_call_t *c)
{
    if (c->failure[0] != '\0') {
        cli_load_failure(&c->load->stats, c->failure);
    } else {
        c->load->stats.calls_ok++;
    }
    release(c);
    if (--c->left > 0) {
        enter(c, CLI_LOAD_IDLE);
        return;
    }
    enter(c, CLI_LOAD_DONE);
    c->load->running--;
}

static void fault(cli_load_call_t *c, const char *why)
{
    if (c->failure[0] == '\0') {
        va_str_copy(c->failure, sizeof(c->failure), va_str(why));
    }
}

static void failed(cli_load_call_t *c, const char *why)
{
    fault(c, why);
    done(c);
}

static bool send_text(cli_load_call_t *c, va_buf_t *b)
{
    bool ok = b->rc == VA_OK && cli_stream_send(c->ws, va_buf_view(b));

    va_buf_free(b);
    return ok;
}

static void on_opened(void *ctx)
{
    cli_load_call_t *c = ctx;
    const cli_verb_t *verb = NULL;
    va_media_msg_t start = {.type = VA_MEDIA_START,
                            .stream_sid = va_str(c->stream_sid),
                            .call_sid = va_str(c->id.call_sid),
                            .account_sid = va_str(c->id.account_sid),
                            .sequence = 1,
                            .encoding = VA_STR("audio/x-mulaw"),
                            .rate = VA_RATE,
                            .channels = 1};
    va_buf_t b;
    size_t i;

    for (i = 0; i < c->doc->count; i++) {
        if (c->doc->verbs[i].type == CLI_VERB_STREAM) {
            verb = &c->doc->verbs[i];
            break;
        }
    }
    for (i = 0; verb != NULL && i < verb->param_count; i++) {
        start.params[i].name = va_str(verb->params[i].name);
        start.params[i].value = va_str(verb->params[i].value);
    }
    start.param_count = i;
    va_buf_init(&b, 65536);
    va_media_write_connected(&b);
    send_text(c, &b);
    va_media_write_start(&b, &start);
    send_text(c, &b);
    c->sequence = 1;
    enter(c, CLI_LOAD_STREAM);
    c->quiet_us = c->begin_us;
}

static void return_marks(cli_load_call_t *c)
{
    char *name;
    va_buf_t b;

    while ((name = cli_playout_due(c->playout)) != NULL) {
        va_buf_init(&b, 65536);
        va_media_write_echo(&b, va_str(c->stream_sid), ++c->sequence,
                            va_str(name));
        send_text(c, &b);
        c->load->stats.marks++;
        free(name);
    }
}

static void on_message(void *ctx, const va_ws_event_t *ev)
{
    cli_load_call_t *c = ctx;
    va_str_t text = {(const char *)ev->data, ev->len};
    cli_in_msg_t msg;

    c->load->stats.messages_in++;
    if (ev->opcode == VA_WS_BINARY) {
        fault(c, "31950: a binary frame");
        return;
    }
    if (cli_inbound_read(c->inbound, text, &msg) != VA_OK) {
        fault(c, cli_inbound_error(c->inbound));
        return;
    }
    if (msg.type == CLI_IN_CLEAR) {
        cli_playout_clear(c->playout);
    } else if (msg.type == CLI_IN_MARK) {
        if (cli_playout_mark(c->playout, msg.mark) != VA_OK) {
            fault(c, "too many marks are pending");
        }
    } else if (cli_playout_media(c->playout, msg.audio, msg.len) != VA_OK) {
        fault(c, "31931: more than ten minutes of audio queued");
    }
    return_marks(c);
}

static void on_last_document(void *ctx, const cli_http_reply_t *reply)
{
    cli_load_call_t *c = ctx;
    char error[CLI_ERROR];

    c->http = NULL;
    if (!cli_webhook_accept(reply, error)) {
        fault(c, error);
    }
    done(c);
}

/* The server has closed the stream: Twilio goes on to the <Redirect>. */
static void ask_redirect(cli_load_call_t *c)
{
    char error[CLI_ERROR] = "11210: a URL is malformed";
    char first[CLI_URL_MAX], url[CLI_URL_MAX];
    const cli_verb_t *last = &c->doc->verbs[c->doc->count - 1];
    cli_url_t base;

    if (last->type != CLI_VERB_REDIRECT) {
        done(c);
        return;
    }
    if (cli_route_first(&c->load->route, first) &&
        cli_url_parse(&base, first) &&
        cli_url_resolve(&base, last->text != NULL ? last->text : "", url)) {
        c->http = cli_webhook_start(c->load->loop, &c->load->route, &c->id, url,
                                    "in-progress", last->get, on_last_document,
                                    c, error);
    }
    if (c->http == NULL) {
        failed(c, error);
    } else {
        enter(c, CLI_LOAD_REDIRECT);
    }
}

static void on_closed(void *ctx, const cli_close_t *how)
{
    cli_load_call_t *c = ctx;

    if (how->error[0] != '\0') {
        failed(c, how->error);
    } else if (c->state == CLI_LOAD_HANGUP) {
        done(c);
    } else if (how->code != VA_WS_CLOSE_NORMAL &&
               how->code != VA_WS_CLOSE_GOING_AWAY &&
               how->code != VA_WS_CLOSE_NO_STATUS) {
        failed(c, "the server closed the stream with an error code");
    } else {
        c->load->stats.ended_by_server++;
        ask_redirect(c);
    }
}

static void open_stream(cli_load_call_t *c, const char *ref)
{
    static const cli_stream_events_t events = {on_opened, on_message,
                                               on_closed};
    char error[CLI_ERROR] = "out of memory";
    char first[CLI_URL_MAX], url[CLI_URL_MAX];
    cli_url_t base;

    cli_sid(c->stream_sid, "MZ");
    c->inbound = cli_inbound_new(c->stream_sid);
    c->playout = cli_playout_new();
    if (!cli_route_first(&c->load->route, first) ||
        !cli_url_parse(&base, first)) {
        failed(c, "11210: a URL is malformed");
        return;
    }
    strcpy(base.scheme, "wss");
    enter(c, CLI_LOAD_CONNECT);
    if (c->inbound != NULL && c->playout != NULL &&
        cli_url_resolve(&base, ref, url)) {
        c->ws = cli_webhook_stream(c->load->loop, &c->load->route, &c->id, url,
                                   &events, c, error);
    }
    if (c->ws == NULL) {
        failed(c, error);
    }
}

static void on_document(void *ctx, const cli_http_reply_t *reply)
{
    cli_load_call_t *c = ctx;
    char error[CLI_ERROR];
    size_t i;

    c->http = NULL;
    cli_samples_add(&c->load->stats.webhook, cli_now_us() - c->begin_us);
    if (cli_webhook_accept(reply, error)) {
        c->doc = cli_twiml_parse(reply->body, error);
    }
    if (c->doc == NULL) {
        failed(c, error);
        return;
    }
    for (i = 0; i < c->doc->count; i++) {
        if (c->doc->verbs[i].type == CLI_VERB_STREAM) {
            open_stream(c, c->doc->verbs[i].text);
            return;
        }
    }
    failed(c, "the document has no stream");
}

static void begin(cli_load_call_t *c)
{
    char url[CLI_URL_MAX], error[CLI_ERROR] = "the URL is too long";

    c->failure[0] = '\0';
    c->sequence = c->chunk = 0;
    c->speech = c->background = 0;
    c->speaking = c->heard_first = c->spoke = false;
    c->heard_us = c->awaiting_us = 0;
    cli_sid(c->id.call_sid, "CA");
    enter(c, CLI_LOAD_WEBHOOK);
    if (cli_route_first(&c->load->route, url)) {
        c->http = cli_webhook_start(c->load->loop, &c->load->route, &c->id, url,
                                    "ringing", c->load->o->get, on_document, c,
                                    error);
    }
    if (c->http == NULL) {
        failed(c, error);
    }
}

static char *write_number(char *out, uint64_t n)
{
    char digits[20];
    size_t k = 0;

    do {
        digits[k++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    while (k > 0) {
        *out++ = digits[--k];
    }
    return out;
}

static char *write_text(char *out, const char *text)
{
    size_t n = strlen(text);

    memcpy(out, text, n);
    return out + n;
}

/*
 * The same message as va_media_write_inbound makes, from a payload that was
 * encoded once for all calls.
 */
static void send_frame(cli_load_call_t *c, const char payload[CLI_PAYLOAD])
{
    char text[512], *p = text;

    c->chunk++;
    p = write_text(p, "{\"event\":\"media\",\"sequenceNumber\":\"");
    p = write_number(p, ++c->sequence);
    p = write_text(p, "\",\"media\":{\"track\":\"inbound\",\"chunk\":\"");
    p = write_number(p, c->chunk);
    p = write_text(p, "\",\"timestamp\":\"");
    p = write_number(p, (c->chunk - 1) * VA_FRAME_MS);
    p = write_text(p, "\",\"payload\":\"");
    memcpy(p, payload, CLI_PAYLOAD);
    p = write_text(p + CLI_PAYLOAD, "\"},\"streamSid\":\"");
    p = write_text(p, c->stream_sid);
    p = write_text(p, "\"}");
    if (!cli_stream_send(c->ws, (va_str_t){text, (size_t)(p - text)})) {
        fault(c, "the server does not read");
    }
    c->load->stats.frames_sent++;
}

/* Returns the caller's next frame. */
static const char *next_payload(cli_load_call_t *c)
{
    cli_load_t *l = c->load;
    size_t at = c->speech;

    if (!c->speaking) {
        c->background = (c->background + 1) % l->background_frames;
        return l->payloads[l->speech_frames + c->background];
    }
    if (at + 1 == l->speech_frames) {
        c->speaking = !l->o->talk;
        c->quiet_us = cli_now_us();
        c->awaiting_us = l->o->talk ? c->quiet_us : 0;
        c->spoke = false;
    }
    c->speech = (at + 1) % l->speech_frames;
    return l->payloads[at];
}

static void hear(cli_load_call_t *c, uint64_t now)
{
    uint8_t frame[VA_FRAME];
    cli_load_stats_t *s = &c->load->stats;

    if (cli_playout_frame(c->playout, frame) == 0 || !cli_audible(frame)) {
        return;
    }
    c->heard_us = now;
    c->spoke = true;
    if (!c->heard_first) {
        c->heard_first = true;
        cli_samples_add(&s->first, now - c->begin_us);
    }
    if (c->awaiting_us != 0) {
        cli_samples_add(&s->answer, now - c->awaiting_us);
        c->awaiting_us = 0;
    }
}

/* Decides whether the caller begins to speak. */
static void converse(cli_load_call_t *c, uint64_t now)
{
    if (c->speaking || c->load->speech_frames == 0) {
        return;
    }
    if (!c->load->o->talk) {
        c->speaking = true;
        return;
    }
    if (c->awaiting_us != 0 && now - c->awaiting_us > ANSWER_US) {
        c->load->stats.answers_missing++;
        c->awaiting_us = 0;
        c->speaking = true;
    } else if (c->awaiting_us == 0 && cli_playout_queued(c->playout) == 0) {
        c->speaking = c->spoke ? now - c->heard_us > SILENCE_US
                               : now - c->quiet_us > GREETING_US;
    }
}

static void hang_up(cli_load_call_t *c)
{
    va_buf_t b;

    va_buf_init(&b, 4096);
    va_media_write_stop(&b, va_str(c->stream_sid), ++c->sequence,
                        va_str(c->id.account_sid), va_str(c->id.call_sid));
    send_text(c, &b);
    cli_stream_close(c->ws);
    enter(c, CLI_LOAD_HANGUP);
}

static void stream_tick(cli_load_call_t *c, uint64_t due_us)
{
    uint64_t now = cli_now_us();

    cli_load_late(&c->load->stats, now > due_us ? now - due_us : 0);
    hear(c, now);
    return_marks(c);
    converse(c, now);
    send_frame(c, next_payload(c));
    if ((double)(now - c->begin_us) >= c->load->o->seconds * 1e6) {
        hang_up(c);
    }
}

void cli_load_call_tick(cli_load_call_t *c, uint64_t due_us)
{
    switch (c->state) {
    case CLI_LOAD_IDLE:
        if (due_us >= c->begin_us) {
            begin(c);
        }
        break;
    case CLI_LOAD_CONNECT:
        if (due_us > c->begin_us + CONNECT_US) {
            failed(c, "31901: the stream did not open in time");
        }
        break;
    case CLI_LOAD_STREAM:
        stream_tick(c, due_us);
        break;
    case CLI_LOAD_HANGUP:
        if (due_us > c->begin_us + CLOSE_US) {
            failed(c, "the server did not close after stop");
        }
        break;
    case CLI_LOAD_WEBHOOK:
    case CLI_LOAD_REDIRECT:
    case CLI_LOAD_DONE:
        break;
    }
}
