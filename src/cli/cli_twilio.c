#include "cli_twilio.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_make_call.h"
#include "cli_rest_server.h"

#define CALLS_MAX 256 /* remembered */
#define LIVE_MAX 64   /* at the same time */
#define END_US 10000000u

struct twilio;

typedef struct {
    cli_rest_call_t rest;
    struct twilio *owner;
    cli_watch_t watch;
    int fd; /* to the process that has the call, -1 when it is over */
    pid_t pid;
} entry_t;

typedef struct twilio {
    const cli_options_t *o;
    cli_loop_t *loop;
    cli_rest_server_t *server;
    cli_http_t *order; /* the call that we ask for ourselves */
    entry_t calls[CALLS_MAX];
    size_t count; /* ever; the oldest ones are forgotten */
    size_t live;
    int exit; /* the worst of all calls */
} twilio_t;

static entry_t *find_entry(twilio_t *t, const char *sid)
{
    size_t i;

    for (i = 0; i < CALLS_MAX; i++) {
        if (strcmp(t->calls[i].rest.sid, sid) == 0) {
            return &t->calls[i];
        }
    }
    return NULL;
}

static void worse(twilio_t *t, int rc)
{
    t->exit = rc > t->exit ? rc : t->exit;
}

/* The process of a call has ended. */
static void over(entry_t *e)
{
    twilio_t *t = e->owner;
    int status = 0;

    cli_loop_del(t->loop, e->fd, &e->watch);
    close(e->fd);
    e->fd = -1;
    t->live--;
    e->rest.ended = time(NULL);
    if (waitpid(e->pid, &status, 0) != e->pid || !WIFEXITED(status)) {
        va_str_copy(e->rest.status, sizeof(e->rest.status), VA_STR("failed"));
        cli_warn("the process of call %s died", e->rest.sid);
        worse(t, CLI_EXIT_BROKEN);
        return;
    }
    worse(t, WEXITSTATUS(status));
}

static void on_report(void *ctx, uint32_t events)
{
    entry_t *e = ctx;
    char status[sizeof(e->rest.status)];
    ssize_t n = recv(e->fd, status, sizeof(status) - 1, MSG_DONTWAIT);

    (void)events;
    if (n <= 0) {
        over(e);
        return;
    }
    status[n] = '\0';
    if (strcmp(status, "initiated") == 0) {
        return; /* an event, and no status of the resource */
    }
    va_str_copy(e->rest.status, sizeof(e->rest.status), va_str(status));
    if (strcmp(status, "in-progress") == 0) {
        e->rest.started = time(NULL);
    }
}

/* A place for a call: a free one, or that of the oldest call that is over. */
static entry_t *find_place(twilio_t *t)
{
    size_t i;

    for (i = 0; i < CALLS_MAX; i++) {
        entry_t *e = &t->calls[(t->count + i) % CALLS_MAX];

        if (e->fd < 0) {
            t->count += i + 1;
            return e;
        }
    }
    return NULL;
}

/* In the new process: nothing of the parent's stays open but the channel. */
static _Noreturn void child(const twilio_t *t, const cli_rest_create_t *c,
                            const char *sid, int channel)
{
    int rc;

    if (channel != STDERR_FILENO + 1) {
        dup2(channel, STDERR_FILENO + 1);
        channel = STDERR_FILENO + 1;
    }
    close_range((unsigned)channel + 1, ~0u, 0);
    rc = cli_outbound_run(t->o, c, sid, channel);
    fflush(NULL);
    _exit(rc);
}

static bool spawn(twilio_t *t, entry_t *e, const cli_rest_create_t *c)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return false;
    }
    fflush(NULL);
    e->pid = fork();
    if (e->pid == 0) {
        child(t, c, e->rest.sid, fds[1]);
    }
    close(fds[1]);
    e->fd = fds[0];
    e->owner = t;
    e->watch = (cli_watch_t){on_report, e};
    if (e->pid < 0 || !cli_loop_add(t->loop, e->fd, EPOLLIN, &e->watch)) {
        close(e->fd);
        e->fd = -1;
        return false;
    }
    return true;
}

static const cli_rest_call_t *create(void *ctx, const cli_rest_create_t *c)
{
    twilio_t *t = ctx;
    entry_t *e = t->live < LIVE_MAX ? find_place(t) : NULL;

    if (e == NULL) {
        return NULL;
    }
    memset(&e->rest, 0, sizeof(e->rest));
    cli_sid(e->rest.sid, "CA");
    va_str_copy(e->rest.to, sizeof(e->rest.to), va_str(c->to));
    va_str_copy(e->rest.from, sizeof(e->rest.from), va_str(c->from));
    va_str_copy(e->rest.status, sizeof(e->rest.status), VA_STR("queued"));
    e->rest.created = time(NULL);
    if (!spawn(t, e, c)) {
        e->rest.sid[0] = '\0';
        return NULL;
    }
    t->live++;
    return &e->rest;
}

static const cli_rest_call_t *find(void *ctx, const char *sid)
{
    entry_t *e = find_entry(ctx, sid);

    return e != NULL ? &e->rest : NULL;
}

static bool command(void *ctx, const char *sid, const cli_command_t *cmd)
{
    entry_t *e = find_entry(ctx, sid);
    bool talking = strcmp(e->rest.status, "in-progress") == 0;
    bool waiting = strcmp(e->rest.status, "queued") == 0 ||
                   strcmp(e->rest.status, "ringing") == 0;
    bool fits = cmd->type == CLI_COMMAND_END      ? talking || waiting
                : cmd->type == CLI_COMMAND_CANCEL ? waiting
                                                  : talking;

    return e->fd >= 0 && fits &&
           send(e->fd, cmd, sizeof(*cmd), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               (ssize_t)sizeof(*cmd);
}

static void on_order(void *ctx, const cli_http_reply_t *reply)
{
    twilio_t *t = ctx;
    int rc = cli_make_call_judge(t->o, reply);

    t->order = NULL;
    if (rc == CLI_EXIT_OK && t->count == 0) {
        cli_warn("make-call succeeded, but no call was asked for here");
        rc = CLI_EXIT_BROKEN;
    }
    worse(t, rc);
}

static bool start(twilio_t *t, char error[CLI_ERROR])
{
    static const cli_rest_ops_t ops = {create, find, command};

    t->loop = cli_loop_new();
    if (t->loop == NULL) {
        return false;
    }
    t->server = cli_rest_server_new(t->loop, t->o, &ops, t, error);
    if (t->server == NULL) {
        return false;
    }
    if (t->o->url != NULL) {
        t->order = cli_make_call_start(t->loop, t->o, on_order, t, error);
        return t->order != NULL;
    }
    return true;
}

/* Ends the calls that are left, and waits for their processes. */
static void stop(twilio_t *t)
{
    uint64_t until = cli_now_us() + END_US;
    size_t i;

    for (i = 0; i < CALLS_MAX; i++) {
        if (t->calls[i].fd >= 0) {
            kill(t->calls[i].pid, SIGTERM);
        }
    }
    while (t->live > 0 && cli_now_us() < until) {
        cli_loop_run(t->loop, cli_now_us() + 100000);
    }
    cli_http_cancel(t->order);
    cli_rest_server_free(t->server);
    cli_loop_free(t->loop);
}

/* Returns whether there is something left to do. */
static bool busy(const twilio_t *t)
{
    if (cli_interrupted()) {
        return false;
    }
    if (t->order != NULL || t->live > 0) {
        return true;
    }
    return t->o->url == NULL && !(t->o->once && t->count > 0);
}

int cli_twilio_run(const cli_options_t *o)
{
    twilio_t *t = calloc(1, sizeof(*t));
    char error[CLI_ERROR] = "out of memory";
    size_t i;
    int rc;

    if (t == NULL) {
        cli_warn("%s", error);
        return CLI_EXIT_BROKEN;
    }
    t->o = o;
    for (i = 0; i < CALLS_MAX; i++) {
        t->calls[i].fd = -1;
    }
    cli_catch_signals();
    if (!start(t, error)) {
        cli_warn("%s", error);
        worse(t, CLI_EXIT_USAGE);
    } else {
        while (busy(t)) {
            cli_loop_run(t->loop, cli_now_us() + 100000);
        }
    }
    if (t->loop != NULL) {
        stop(t);
    }
    rc = t->exit;
    free(t);
    return rc;
}
