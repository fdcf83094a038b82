/*
 * Twilio Media Streams messages, read and written from both ends.
 * https://www.twilio.com/docs/voice/media-streams/websocket-messages
 */
#ifndef VA_MEDIA_H
#define VA_MEDIA_H

#include "../base/va_base.h"
#include "../base/va_buf.h"

typedef enum {
    VA_MEDIA_UNKNOWN, /* an event that is not known, to be ignored */
    VA_MEDIA_CONNECTED,
    VA_MEDIA_START,
    VA_MEDIA_MEDIA,
    VA_MEDIA_DTMF,
    VA_MEDIA_MARK,
    VA_MEDIA_STOP,
    VA_MEDIA_CLEAR /* only from server to Twilio */
} va_media_type_t;

#define VA_MEDIA_PARAMS 64 /* custom parameters of one start */

typedef struct {
    va_str_t name;
    va_str_t value;
} va_media_param_t;

/* One message; what it does not have is empty or 0.  Views into the reader or
 * the text, valid until the next message. */
typedef struct {
    va_media_type_t type;
    va_str_t stream_sid;
    va_str_t call_sid;
    va_str_t account_sid;
    uint64_t sequence;
    uint64_t timestamp; /* media: ms from the start of the stream */
    bool outbound;      /* media: track "outbound" */
    va_str_t payload;   /* media: base64 */
    va_str_t mark;
    char digit;        /* dtmf: one of 0-9 A-D * # */
    va_str_t encoding; /* start: mediaFormat, e.g. "audio/x-mulaw" */
    unsigned rate;
    unsigned channels;
    size_t param_count;
    va_media_param_t params[VA_MEDIA_PARAMS];
} va_media_msg_t;

typedef struct va_media va_media_t;

VA_BEGIN_DECLS

/* Returns a reader of messages, or NULL without memory. */
va_media_t *va_media_new(void);

void va_media_free(va_media_t *m);

/*
 * Reads one message.  A media message in the usual form is read without
 * building a tree and without copying; anything else goes through yajl.
 *
 * VA_OK      *msg is filled (type VA_MEDIA_UNKNOWN for an unknown event)
 * VA_INVALID not JSON (or no memory for it), no event, or a known event
 *            without what it must have; va_media_error says what
 * VA_LIMIT   more than VA_MEDIA_PARAMS custom parameters
 *
 * What it must have: start both sids, media a payload, dtmf a digit, mark a
 * name.  Numbers may stand in strings; one that is not whole, or of more than
 * 19 digits, counts as missing, and so does a string that is none.
 */
va_rc_t va_media_parse(va_media_t *m, va_str_t text, va_media_msg_t *msg);

/* Returns what was wrong with the last message, in one line. */
const char *va_media_error(const va_media_t *m);

/*
 * Writers.  Each appends one whole message to b, or nothing, and returns
 * b->rc.  Strings are quoted as va_json_quote does.
 *
 * From server to Twilio: n bytes of mu-law to play; a mark that comes back
 * when everything before it was played; the order to drop what is not played.
 */
va_rc_t va_media_write_media(va_buf_t *b, va_str_t stream_sid,
                             const uint8_t *ulaw, size_t n);
va_rc_t va_media_write_mark(va_buf_t *b, va_str_t stream_sid, va_str_t name);
va_rc_t va_media_write_clear(va_buf_t *b, va_str_t stream_sid);

/*
 * From Twilio to server, for the simulator and for tests.  Of start the three
 * sids, sequence, encoding, rate, channels and params are written; inbound is
 * media of the caller, timestamp in ms; echo is the return of a mark.
 */
va_rc_t va_media_write_connected(va_buf_t *b);
va_rc_t va_media_write_start(va_buf_t *b, const va_media_msg_t *start);
va_rc_t va_media_write_inbound(va_buf_t *b, va_str_t stream_sid,
                               uint64_t sequence, uint64_t chunk,
                               uint64_t timestamp, const uint8_t *ulaw,
                               size_t n);
va_rc_t va_media_write_dtmf(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            char digit);
va_rc_t va_media_write_echo(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            va_str_t name);
va_rc_t va_media_write_stop(va_buf_t *b, va_str_t stream_sid, uint64_t sequence,
                            va_str_t account_sid, va_str_t call_sid);

VA_END_DECLS

#endif
