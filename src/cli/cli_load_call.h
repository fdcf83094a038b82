/*
 * One of many calls.
 */
#ifndef CLI_LOAD_CALL_H
#define CLI_LOAD_CALL_H

#include "cli_inbound.h"
#include "cli_load_stats.h"
#include "cli_options.h"
#include "cli_twiml.h"
#include "cli_webhook.h"

#define CLI_PAYLOAD 216 /* base64 characters of one frame */

/* What all calls have in common. */
typedef struct {
    const cli_options_t *o;
    cli_loop_t *loop;
    cli_route_t route;
    cli_load_stats_t stats;
    char (*payloads)[CLI_PAYLOAD]; /* the caller's speech, then background */
    size_t speech_frames;
    size_t background_frames; /* at least one */
    size_t running;           /* calls that are not done */
} cli_load_t;

typedef enum {
    CLI_LOAD_IDLE, /* begins at begin_us */
    CLI_LOAD_WEBHOOK,
    CLI_LOAD_CONNECT,
    CLI_LOAD_STREAM,
    CLI_LOAD_HANGUP,   /* the caller has hung up */
    CLI_LOAD_REDIRECT, /* the server has closed; the last document is asked */
    CLI_LOAD_DONE
} cli_load_state_t;

typedef struct {
    cli_load_t *load;
    cli_load_state_t state;
    unsigned left;     /* calls still to be placed */
    uint64_t begin_us; /* of this state */
    uint64_t end_us;   /* the caller hangs up then; 0 before the stream */
    cli_identity_t id;
    char stream_sid[CLI_SID_LEN + 1];
    cli_http_t *http;
    cli_stream_t *ws;
    cli_inbound_t *inbound;
    cli_playout_t *playout;
    cli_twiml_t *doc;
    uint64_t sequence;
    uint64_t chunk;
    size_t background; /* next frame of it */
    size_t speech;     /* next frame of speech */
    bool speaking;
    bool heard_first;
    bool spoke;           /* the assistant, since the caller's speech */
    uint64_t heard_us;    /* when it was last heard */
    uint64_t awaiting_us; /* an answer since then; 0 for none */
    uint64_t quiet_us;    /* since when nobody speaks */
    char failure[CLI_ERROR];
} cli_load_call_t;

VA_BEGIN_DECLS

/* Makes a call that begins at begin_us and is repeated. */
void cli_load_call_init(cli_load_call_t *c, cli_load_t *load, uint64_t begin_us,
                        unsigned repeat);

/* What happens every 20 ms; due_us is when it should have been called. */
void cli_load_call_tick(cli_load_call_t *c, uint64_t due_us);

/* The parts of it that cli_load_call.c and cli_load_talk.c share: */

/* Goes over to a state. */
void cli_load_enter(cli_load_call_t *c, cli_load_state_t state);

/* Notes the first thing that went wrong. */
void cli_load_fault(cli_load_call_t *c, const char *why);

/* Sends a message and frees b. */
bool cli_load_send(cli_load_call_t *c, va_buf_t *b);

/* Returns every mark that is due. */
void cli_load_return_marks(cli_load_call_t *c);

/* Plays, listens and speaks for 20 ms. */
void cli_load_stream_tick(cli_load_call_t *c, uint64_t due_us);

/* Gives everything up. */
void cli_load_call_free(cli_load_call_t *c);

VA_END_DECLS

#endif
