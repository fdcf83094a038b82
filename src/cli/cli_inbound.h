/*
 * Messages from the server, judged as Twilio judges them: exactly the fields
 * that the documentation names, the right stream, text frames only.
 * https://www.twilio.com/docs/voice/media-streams/websocket-messages
 */
#ifndef CLI_INBOUND_H
#define CLI_INBOUND_H

#include "cli.h"

typedef enum { CLI_IN_MEDIA, CLI_IN_MARK, CLI_IN_CLEAR } cli_in_type_t;

typedef struct cli_inbound cli_inbound_t;

typedef struct {
    cli_in_type_t type;
    const uint8_t *audio; /* media: decoded payload */
    size_t len;
    va_str_t mark;
} cli_in_msg_t;

VA_BEGIN_DECLS

/* Returns a reader for one stream, or NULL without memory. */
cli_inbound_t *cli_inbound_new(const char *stream_sid);

void cli_inbound_free(cli_inbound_t *in);

/*
 * Reads one message.  Views in *msg are valid until the next call.
 *
 * VA_OK      *msg is filled
 * VA_INVALID Twilio would ignore the message (31951); cli_inbound_error says
 *            why
 * VA_NOMEM
 */
va_rc_t cli_inbound_read(cli_inbound_t *in, va_str_t text, cli_in_msg_t *msg);

/* Returns what was wrong with the last message, in one line. */
const char *cli_inbound_error(const cli_inbound_t *in);

VA_END_DECLS

#endif
