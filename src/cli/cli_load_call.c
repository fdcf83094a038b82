#include "cli_load_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../twilio/va_media.h"

#define CONNECT_US 10000000u
#define CLOSE_US 5000000u

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
        cli_load_enter(c, CLI_LOAD_IDLE);
        return;
    }
    cli_load_enter(c, CLI_LOAD_DONE);
    c->load->running--;
}

static void failed(cli_load_call_t *c, const char *why)
{
    cli_load_fault(c, why);
    done(c);
}

static void open_stream(cli_load_call_t *c, const char *ref);

static const cli_verb_t *stream_of(const cli_twiml_t *doc)
{
    for (size_t i = 0; i < doc->count; i++) {
        if (doc->verbs[i].type == CLI_VERB_STREAM) {
            return &doc->verbs[i];
        }
    }
    return NULL;
}

static void on_opened(void *ctx)
{
    cli_load_call_t *c = ctx;
    const cli_verb_t *verb = stream_of(c->doc);
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

    for (i = 0; verb != NULL && i < verb->param_count; i++) {
        start.params[i].name = va_str(verb->params[i].name);
        start.params[i].value = va_str(verb->params[i].value);
    }
    start.param_count = i;
    va_buf_init(&b, 65536);
    va_media_write_connected(&b);
    cli_load_send(c, &b);
    va_media_write_start(&b, &start);
    cli_load_send(c, &b);
    c->sequence = 1;
    cli_load_enter(c, CLI_LOAD_STREAM);
    c->quiet_us = c->begin_us;
    if (c->end_us == 0) {
        c->end_us = c->begin_us + (uint64_t)(c->load->o->seconds * 1e6);
    }
}

static void on_message(void *ctx, const va_ws_event_t *ev)
{
    cli_load_call_t *c = ctx;
    va_str_t text = {(const char *)ev->data, ev->len};
    cli_in_msg_t msg;

    c->load->stats.messages_in++;
    if (ev->opcode == VA_WS_BINARY) {
        cli_load_fault(c, "31950: a binary frame");
        return;
    }
    if (cli_inbound_read(c->inbound, text, &msg) != VA_OK) {
        cli_load_fault(c, cli_inbound_error(c->inbound));
        return;
    }
    if (msg.type == CLI_IN_CLEAR) {
        cli_playout_clear(c->playout);
    } else if (msg.type == CLI_IN_MARK) {
        if (cli_playout_mark(c->playout, msg.mark) != VA_OK) {
            cli_load_fault(c, "too many marks are pending");
        }
    } else if (cli_playout_media(c->playout, msg.audio, msg.len) != VA_OK) {
        cli_load_fault(c, "31931: more than ten minutes of audio queued");
    }
    cli_load_return_marks(c);
}

/* The server wants to go on: the same call, another stream. */
static void connect_again(cli_load_call_t *c, cli_twiml_t *doc)
{
    release(c);
    c->doc = doc;
    c->sequence = c->chunk = 0;
    c->load->stats.reconnected++;
    open_stream(c, stream_of(doc)->text);
}

static void on_last_document(void *ctx, const cli_http_reply_t *reply)
{
    cli_load_call_t *c = ctx;
    cli_twiml_t *doc;
    char error[CLI_ERROR];

    c->http = NULL;
    if (!cli_webhook_accept(reply, error)) {
        cli_load_fault(c, error);
    } else if (c->load->o->reconnect) {
        doc = cli_twiml_parse(reply->body, error);
        if (doc == NULL) {
            cli_load_fault(c, error);
        } else if (stream_of(doc) != NULL) {
            connect_again(c, doc);
            return;
        }
        cli_twiml_free(doc);
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
        cli_webhook_t w = {
            .url = url, .status = "in-progress", .get = last->get};

        c->http = cli_webhook_start(c->load->loop, &c->load->route, &c->id, &w,
                                    on_last_document, c, error);
    }
    if (c->http == NULL) {
        failed(c, error);
    } else {
        cli_load_enter(c, CLI_LOAD_REDIRECT);
    }
}

static void on_closed(void *ctx, const cli_close_t *how)
{
    cli_load_call_t *c = ctx;

    if (c->state == CLI_LOAD_STREAM && c->load->o->reconnect &&
        (how->error[0] != '\0' || how->code != VA_WS_CLOSE_NORMAL)) {
        ask_redirect(c);
    } else if (how->error[0] != '\0') {
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
    cli_load_enter(c, CLI_LOAD_CONNECT);
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
    const cli_verb_t *stream;

    c->http = NULL;
    cli_samples_add(&c->load->stats.webhook, cli_now_us() - c->begin_us);
    if (cli_webhook_accept(reply, error)) {
        c->doc = cli_twiml_parse(reply->body, error);
    }
    if (c->doc == NULL) {
        failed(c, error);
        return;
    }
    stream = stream_of(c->doc);
    if (stream == NULL) {
        failed(c, "the document has no stream");
        return;
    }
    open_stream(c, stream->text);
}

static void begin(cli_load_call_t *c)
{
    char url[CLI_URL_MAX], error[CLI_ERROR] = "the URL is too long";

    c->failure[0] = '\0';
    c->sequence = c->chunk = 0;
    c->speech = c->background = 0;
    c->speaking = c->heard_first = c->spoke = false;
    c->heard_us = c->awaiting_us = c->end_us = 0;
    cli_sid(c->id.call_sid, "CA");
    cli_load_enter(c, CLI_LOAD_WEBHOOK);
    if (cli_route_first(&c->load->route, url)) {
        cli_webhook_t w = {
            .url = url, .status = "ringing", .get = c->load->o->get};

        c->http = cli_webhook_start(c->load->loop, &c->load->route, &c->id, &w,
                                    on_document, c, error);
    }
    if (c->http == NULL) {
        failed(c, error);
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
        cli_load_stream_tick(c, due_us);
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
