/*
 * Twilio's REST API, served: for one call of this program's, or for all calls
 * of the role "twilio".
 */
#ifndef CLI_REST_SERVER_H
#define CLI_REST_SERVER_H

#include "cli_rest.h"
#include "cli_serve.h"

/* Who has the calls. */
typedef struct {
    /* Makes a call.  NULL: there are too many.  May be NULL itself. */
    const cli_rest_call_t *(*create)(void *ctx, const cli_rest_create_t *c);
    /* Finds a call, or returns NULL. */
    const cli_rest_call_t *(*find)(void *ctx, const char *sid);
    /* Passes a command on; false when the call is over. */
    bool (*command)(void *ctx, const char *sid, const cli_command_t *command);
} cli_rest_ops_t;

typedef struct cli_rest_server cli_rest_server_t;

VA_BEGIN_DECLS

/*
 * Serves at o->listen for o's account, with the faults of o first.  NULL fills
 * error.
 */
cli_rest_server_t *cli_rest_server_new(cli_loop_t *loop, const cli_options_t *o,
                                       const cli_rest_ops_t *ops, void *ctx,
                                       char error[CLI_ERROR]);

void cli_rest_server_free(cli_rest_server_t *s);

VA_END_DECLS

#endif
