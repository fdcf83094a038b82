#include <stdlib.h>
#include <string.h>

#include "cli_rest_server.h"

/* An incoming call, and the REST API for just that call. */
typedef struct {
    cli_call_t call;
    cli_rest_call_t rest;
    cli_rest_server_t *server;
} incoming_t;

static void on_status(void *ctx, const char *status)
{
    incoming_t *in = ctx;

    if (strcmp(status, "initiated") == 0) {
        return; /* an event, and no status of the resource */
    }
    va_str_copy(in->rest.status, sizeof(in->rest.status), va_str(status));
    if (strcmp(status, "in-progress") == 0) {
        in->rest.started = time(NULL);
    } else if (strcmp(status, "ringing") != 0) {
        in->rest.ended = time(NULL);
    }
}

static const cli_rest_call_t *find(void *ctx, const char *sid)
{
    incoming_t *in = ctx;

    return strcmp(sid, in->rest.sid) == 0 ? &in->rest : NULL;
}

static bool command(void *ctx, const char *sid, const cli_command_t *cmd)
{
    incoming_t *in = ctx;

    (void)sid;
    return in->rest.ended == 0 && cli_call_command(&in->call, cmd);
}

/* Serves the REST API if that is wanted. */
static bool serve(incoming_t *in)
{
    static const cli_rest_ops_t ops = {NULL, find, command};
    const cli_call_t *c = &in->call;
    char error[CLI_ERROR];

    if (c->o->listen == NULL) {
        return true;
    }
    va_str_copy(in->rest.sid, sizeof(in->rest.sid), va_str(c->id.call_sid));
    va_str_copy(in->rest.to, sizeof(in->rest.to), va_str(c->id.to));
    va_str_copy(in->rest.from, sizeof(in->rest.from), va_str(c->id.from));
    in->rest.inbound = true;
    in->rest.created = time(NULL);
    in->call.on_status = on_status;
    in->call.status_ctx = in;
    in->server = cli_rest_server_new(c->loop, c->o, &ops, in, error);
    if (in->server == NULL) {
        cli_warn("%s", error);
    }
    return in->server != NULL;
}

int cli_call_run(const cli_options_t *o)
{
    incoming_t *in = calloc(1, sizeof(*in));
    int rc = CLI_EXIT_USAGE;

    if (in == NULL) {
        cli_warn("out of memory");
        return CLI_EXIT_BROKEN;
    }
    in->call.o = o;
    if (cli_call_prepare(&in->call) && serve(in)) {
        rc = cli_call_place(&in->call);
    }
    cli_rest_server_free(in->server);
    cli_call_release(&in->call);
    free(in);
    return rc;
}
