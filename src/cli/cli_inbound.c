#include "cli_inbound.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/va_buf.h"
#include "../wire/va_base64.h"
#include "../wire/va_json.h"

#define PAYLOAD_MAX (8u * 1024 * 1024)

struct cli_inbound {
    char sid[CLI_SID_LEN + 1];
    char usual[128]; /* how a media message usually begins */
    size_t usual_len;
    va_buf_t audio;
    va_json_t *tree; /* of the last message, which views point into */
    char error[CLI_ERROR];
};

cli_inbound_t *cli_inbound_new(const char *stream_sid)
{
    cli_inbound_t *in = calloc(1, sizeof(*in));

    if (in != NULL) {
        va_str_copy(in->sid, sizeof(in->sid), va_str(stream_sid));
        in->usual_len =
            (size_t)snprintf(in->usual, sizeof(in->usual),
                             "{\"event\":\"media\",\"streamSid\":\"%s\","
                             "\"media\":{\"payload\":\"",
                             in->sid);
        va_buf_init(&in->audio, PAYLOAD_MAX);
    }
    return in;
}

void cli_inbound_free(cli_inbound_t *in)
{
    if (in != NULL) {
        va_json_free(in->tree);
        va_buf_free(&in->audio);
        free(in);
    }
}

const char *cli_inbound_error(const cli_inbound_t *in)
{
    return in->error;
}

static va_rc_t refuse(cli_inbound_t *in, const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(in->error, sizeof(in->error), "31951: ");

    va_start(ap, fmt);
    vsnprintf(in->error + n, sizeof(in->error) - (size_t)n, fmt, ap);
    va_end(ap);
    return VA_INVALID;
}

/*
 * A payload that starts like a file is a server's mistake that is heard as
 * noise, and otherwise hard to find.
 */
static bool looks_like_file(const uint8_t *data, size_t n)
{
    return n >= 4 &&
           (memcmp(data, "RIFF", 4) == 0 || memcmp(data, ".snd", 4) == 0 ||
            memcmp(data, "OggS", 4) == 0);
}

static va_rc_t read_payload(cli_inbound_t *in, va_str_t payload,
                            cli_in_msg_t *msg)
{
    size_t room = VA_BASE64_ROOM(payload.len);

    if (payload.len == 0) {
        return refuse(in, "an empty payload");
    }
    va_buf_reset(&in->audio);
    if (va_buf_reserve(&in->audio, room) == NULL) {
        return in->audio.rc == VA_LIMIT ? refuse(in, "a payload over 8 MB")
                                        : VA_NOMEM;
    }
    if (va_base64_decode((uint8_t *)in->audio.data, room, &in->audio.len,
                         payload) != VA_OK) {
        in->audio.len = 0;
        return refuse(in, "the payload is not base64");
    }
    msg->type = CLI_IN_MEDIA;
    msg->audio = (const uint8_t *)in->audio.data;
    msg->len = in->audio.len;
    if (looks_like_file(msg->audio, msg->len)) {
        return refuse(in, "the payload begins with a file header");
    }
    return VA_OK;
}

/* The usual form needs no tree: the same fields in the same order. */
static bool usual_payload(const cli_inbound_t *in, va_str_t text, va_str_t *out)
{
    const char *end;

    if (text.len < in->usual_len + 3 ||
        memcmp(text.data, in->usual, in->usual_len) != 0) {
        return false;
    }
    out->data = text.data + in->usual_len;
    out->len = text.len - in->usual_len - 3;
    end = out->data + out->len;
    return memcmp(end, "\"}}", 3) == 0 &&
           memchr(out->data, '"', out->len) == NULL &&
           memchr(out->data, '\\', out->len) == NULL;
}

/* Returns whether v is an object of exactly these members. */
static bool exactly(va_json_t *v, const char *const *names, size_t count)
{
    va_str_t name;
    size_t i, k;

    if (v == NULL || va_json_len(v) != count) {
        return false;
    }
    for (i = 0; i < count; i++) {
        va_json_item(v, i, &name);
        for (k = 0; k < count; k++) {
            if (va_str_eq(name, va_str(names[k]))) {
                break;
            }
        }
        if (k == count) {
            return false;
        }
    }
    return true;
}

/* Returns the string that is the only member of an object, or NULL data. */
static va_str_t only(va_json_t *v, const char *object, const char *member)
{
    if (!exactly(va_json_at(v, object), &member, 1)) {
        return (va_str_t){NULL, 0};
    }
    return va_json_str(va_json_at(v, object), member);
}

static va_rc_t read_tree(cli_inbound_t *in, va_json_t *v, cli_in_msg_t *msg)
{
    static const char *const media[] = {"event", "streamSid", "media"};
    static const char *const mark[] = {"event", "streamSid", "mark"};
    va_str_t event = va_json_str(v, "event");
    va_str_t sid = va_json_str(v, "streamSid"), payload;

    if (event.data == NULL) {
        return refuse(in, "a message without \"event\"");
    }
    if (!va_str_eq(sid, va_str(in->sid))) {
        return refuse(in, "\"%.*s\" with %s streamSid", (int)event.len,
                      event.data, sid.data != NULL ? "a wrong" : "no");
    }
    if (va_str_eq(event, VA_STR("media"))) {
        payload = only(v, "media", "payload");
        return exactly(v, media, 3) && payload.data != NULL
                   ? read_payload(in, payload, msg)
                   : refuse(in, "media with missing or unknown fields");
    }
    if (va_str_eq(event, VA_STR("mark"))) {
        msg->type = CLI_IN_MARK;
        msg->mark = only(v, "mark", "name");
        return exactly(v, mark, 3) && msg->mark.data != NULL
                   ? VA_OK
                   : refuse(in, "a mark with missing or unknown fields");
    }
    if (va_str_eq(event, VA_STR("clear"))) {
        msg->type = CLI_IN_CLEAR;
        return exactly(v, media, 2) ? VA_OK
                                    : refuse(in, "a clear with unknown fields");
    }
    return refuse(in, "unknown event \"%.*s\"",
                  (int)(event.len < 64 ? event.len : 64), event.data);
}

va_rc_t cli_inbound_read(cli_inbound_t *in, va_str_t text, cli_in_msg_t *msg)
{
    char why[128];
    va_str_t payload;

    memset(msg, 0, sizeof(*msg));
    in->error[0] = '\0';
    if (usual_payload(in, text, &payload)) {
        return read_payload(in, payload, msg);
    }
    va_json_free(in->tree);
    in->tree = va_json_parse(text, why, sizeof(why));
    if (in->tree == NULL) {
        return refuse(in, "not JSON: %s", why);
    }
    return read_tree(in, in->tree, msg);
}
