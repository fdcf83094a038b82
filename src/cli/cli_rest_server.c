#include "cli_rest_server.h"

#include <stdlib.h>
#include <string.h>

struct cli_rest_server {
    cli_serve_t *http;
    const cli_options_t *o;
    const cli_rest_ops_t *ops;
    void *ctx;
    size_t fault;    /* the next one */
    unsigned failed; /* requests that it has failed already */
};

/* Fails a request as told.  Returns whether that is its whole answer. */
static bool fail(cli_rest_server_t *s, cli_answer_t *a)
{
    static const struct {
        int status;
        unsigned code;
        const char *message;
    } answers[] = {
        [CLI_FAULT_401] = {401, 20003, "Authenticate"},
        [CLI_FAULT_404] = {404, 20404, "The requested resource was not found"},
        [CLI_FAULT_429] = {429, 20429, "Too many requests"},
        [CLI_FAULT_500] = {500, 20500, "Internal server error"},
    };
    cli_fault_t fault;

    if (s->fault == s->o->fault_count) {
        return false;
    }
    fault = s->o->faults[s->fault].what;
    if (++s->failed == s->o->faults[s->fault].count) {
        s->fault++;
        s->failed = 0;
    }
    switch (fault) {
    case CLI_FAULT_TIMEOUT:
        a->how = CLI_SEND_NEVER;
        return true;
    case CLI_FAULT_CUT:
        a->how = CLI_SEND_NOTHING;
        return true;
    case CLI_FAULT_HALF:
        a->how = CLI_SEND_HALF;
        return false; /* what was asked for is done */
    default:
        a->status = cli_rest_error(&a->body, answers[fault].status,
                                   answers[fault].code, answers[fault].message);
        a->retry_after = a->status == 429 ? 1 : 0;
        return true;
    }
}

static void create(cli_rest_server_t *s, const cli_rest_create_t *c,
                   cli_answer_t *a)
{
    const cli_rest_call_t *call;

    if (s->ops->create == NULL) {
        a->status = cli_rest_error(&a->body, 403, 20403,
                                   "This simulator only has its own call");
        return;
    }
    call = s->ops->create(s->ctx, c);
    if (call == NULL) {
        a->status = cli_rest_error(&a->body, 429, 20429, "Too many calls");
        a->retry_after = 1;
        return;
    }
    a->status = 201;
    cli_rest_call(&a->body, call, s->o->account_sid);
}

static void update(cli_rest_server_t *s, const cli_rest_request_t *r,
                   cli_answer_t *a)
{
    const cli_rest_call_t *call = s->ops->find(s->ctx, r->call_sid);

    if (call == NULL) {
        a->status = cli_rest_error(&a->body, 404, 20404,
                                   "The requested resource was not found");
    } else if (r->what == CLI_REST_UPDATE &&
               !s->ops->command(s->ctx, r->call_sid, &r->command)) {
        a->status = cli_rest_error(&a->body, 400, 21220,
                                   "Call is not in-progress. Cannot redirect.");
    } else {
        a->status = 200;
        cli_rest_call(&a->body, call, s->o->account_sid);
    }
}

static void handle(void *ctx, const cli_request_t *http, cli_answer_t *a)
{
    cli_rest_server_t *s = ctx;
    cli_rest_request_t *r;

    if (fail(s, a)) {
        return;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        a->how = CLI_SEND_NOTHING;
        return;
    }
    a->status =
        cli_rest_read(r, http, s->o->account_sid, s->o->token, &a->body);
    if (a->status == 0 && r->what == CLI_REST_CREATE) {
        create(s, &r->create, a);
    } else if (a->status == 0) {
        update(s, r, a);
    }
    cli_rest_free(r);
    free(r);
}

cli_rest_server_t *cli_rest_server_new(cli_loop_t *loop, const cli_options_t *o,
                                       const cli_rest_ops_t *ops, void *ctx,
                                       char error[CLI_ERROR])
{
    cli_rest_server_t *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        va_str_copy(error, CLI_ERROR, VA_STR("out of memory"));
        return NULL;
    }
    s->o = o;
    s->ops = ops;
    s->ctx = ctx;
    s->http = cli_serve_new(loop, o->listen, handle, s, error);
    if (s->http == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

void cli_rest_server_free(cli_rest_server_t *s)
{
    if (s != NULL) {
        cli_serve_free(s->http);
        free(s);
    }
}
