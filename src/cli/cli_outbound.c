#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "cli_twilio.h"

typedef struct {
    cli_call_t call;
    cli_watch_t watch;
    int channel;
    cli_options_t o;
    cli_outbound_t out;
    char real[CLI_URL_MAX + 320];
} outbound_t;

static void on_status(void *ctx, const char *status)
{
    outbound_t *t = ctx;

    send(t->channel, status, strlen(status), MSG_NOSIGNAL);
}

static void on_command(void *ctx, uint32_t events)
{
    outbound_t *t = ctx;
    cli_command_t command;

    (void)events;
    if (recv(t->channel, &command, sizeof(command), MSG_DONTWAIT) ==
        (ssize_t)sizeof(command)) {
        cli_call_command(&t->call, &command);
    } else {
        cli_loop_del(t->call.loop, t->channel, &t->watch);
    }
}

/* The verdict in the words of the kind of detection that was asked for. */
static const char *verdict(const char *by, bool message_end)
{
    if (strncmp(by, "machine_", 8) != 0) {
        return by;
    }
    if (!message_end) {
        return "machine_start";
    }
    return strcmp(by, "machine_start") == 0 ? "machine_end_beep" : by;
}

static void set_up(outbound_t *t, const cli_options_t *o,
                   const cli_rest_create_t *c, const char *sid)
{
    t->o = *o;
    t->o.call_sid = sid;
    t->o.to = c->to;
    t->o.from = c->from;
    t->o.status_callback = c->status_callback;
    t->o.status_get = c->status_get;
    t->o.status_events = c->status_events;
    if (c->limit_s != 0 && c->limit_s < t->o.max_s) {
        t->o.max_s = c->limit_s;
    }
    t->out = (cli_outbound_t){.answer = o->answer,
                              .twiml = c->twiml,
                              .get = c->get,
                              .ring_ms = o->ring_ms,
                              .ring_max_ms = c->ring_s * 1000,
                              .detect_ms = o->detect_ms,
                              .async = c->async,
                              .detect_url = c->detect_callback,
                              .detect_get = c->detect_get};
    if (c->detect) {
        t->out.answered_by = verdict(o->answered_by, c->message_end);
    }
    t->call.o = &t->o;
    t->call.outbound = &t->out;
    t->call.on_status = on_status;
    t->call.status_ctx = t;
}

/* Finds out where the server really is. */
static void locate(outbound_t *t, const cli_rest_create_t *c)
{
    const char *url = c->url != NULL ? c->url : c->status_callback;
    const char *host = t->o.webhook_host;
    cli_url_t u;

    if (url == NULL || !cli_url_parse(&u, url)) {
        url = "http://127.0.0.1/"; /* TwiML of its own, and nobody to tell */
        cli_url_parse(&u, url);
    }
    t->o.public_url = url;
    if (host == NULL) {
        snprintf(t->real, sizeof(t->real), "%s://%s%s", u.scheme, u.authority,
                 u.path);
    } else {
        snprintf(t->real, sizeof(t->real), "%s%.300s%s",
                 strstr(host, "://") != NULL ? "" : "http://", host, u.path);
    }
    t->o.url = t->real;
}

int cli_outbound_run(const cli_options_t *o, const cli_rest_create_t *create,
                     const char *sid, int channel)
{
    outbound_t *t = calloc(1, sizeof(*t));
    int rc = CLI_EXIT_BROKEN;

    if (t == NULL) {
        return rc;
    }
    t->channel = channel;
    set_up(t, o, create, sid);
    locate(t, create);
    if (cli_call_prepare(&t->call)) {
        t->watch = (cli_watch_t){on_command, t};
        if (cli_loop_add(t->call.loop, channel, EPOLLIN, &t->watch)) {
            rc = cli_call_place(&t->call);
            cli_loop_del(t->call.loop, channel, &t->watch);
        }
    }
    cli_call_release(&t->call);
    free(t);
    return rc;
}
