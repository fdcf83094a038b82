/*
 * The WebSocket of a media stream, opened and kept as Twilio does it.
 */
#ifndef CLI_STREAM_H
#define CLI_STREAM_H

#include "../wire/va_ws.h"
#include "cli_conn.h"

#define CLI_STREAM_MESSAGE (16u * 1024 * 1024) /* longest message taken */

typedef struct cli_stream cli_stream_t;

/* How a stream ended. */
typedef struct {
    bool by_server; /* the server began the closing */
    bool clean;     /* close frames were exchanged */
    uint16_t code;  /* the server's; VA_WS_CLOSE_NO_STATUS if none */
    char reason[VA_WS_CONTROL_MAX + 1];
    char error[CLI_ERROR]; /* "" unless connection or protocol failed */
} cli_close_t;

typedef struct {
    void (*opened)(void *ctx);
    void (*message)(void *ctx, const va_ws_event_t *ev); /* text or binary */
    void (*closed)(void *ctx, const cli_close_t *how);   /* once, the last */
} cli_stream_events_t;

VA_BEGIN_DECLS

/*
 * Connects to target and asks for path with the Host and the signature given
 * (NULL: none).  Returns NULL and fills error when that fails at once.
 */
cli_stream_t *cli_stream_open(cli_loop_t *loop, const cli_target_t *target,
                              const char *authority, const char *path,
                              const char *signature,
                              const cli_stream_events_t *events, void *ctx,
                              char error[CLI_ERROR]);

/* Closes the socket and frees it; may be called from within its events. */
void cli_stream_free(cli_stream_t *s);

/* Sends a text message.  False when the connection does not take it. */
bool cli_stream_send(cli_stream_t *s, va_str_t text);

/* Begins the closing handshake with code 1000. */
void cli_stream_close(cli_stream_t *s);

VA_END_DECLS

#endif
