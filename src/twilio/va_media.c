#include "va_media.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "../wire/va_json.h"
#include "va_media_scan.h"

#define VA_MEDIA_ERROR 128

struct va_media {
    va_json_t *tree; /* what the last message points into, or NULL */
    char error[VA_MEDIA_ERROR];
};

va_media_t *va_media_new(void)
{
    return calloc(1, sizeof(va_media_t));
}

void va_media_free(va_media_t *m)
{
    if (m != NULL) {
        va_json_free(m->tree);
        free(m);
    }
}

const char *va_media_error(const va_media_t *m)
{
    return m->error;
}

static va_rc_t va_media_refuse(va_media_t *m, va_rc_t rc, const char *why)
{
    va_str_copy(m->error, sizeof(m->error), va_str(why));
    return rc;
}

/* Returns a whole number, given as a number or in a string; else 0. */
static uint64_t va_media_number(va_json_t *v, const char *path)
{
    va_str_t text = va_json_str(v, path);
    uint64_t value = 0;

    v = va_json_at(v, path);
    if (YAJL_IS_NUMBER(v)) {
        text = va_str(YAJL_GET_NUMBER(v));
    }
    return va_media_digits(text, &value) ? value : 0;
}

static unsigned va_media_unsigned(va_json_t *v, const char *path)
{
    uint64_t value = va_media_number(v, path);

    return value <= UINT_MAX ? (unsigned)value : 0;
}

static va_rc_t va_media_read_params(va_media_t *m, va_media_msg_t *msg)
{
    va_json_t *all = va_json_at(m->tree, "start.customParameters");
    size_t i, n;

    if (!YAJL_IS_OBJECT(all)) {
        return VA_OK;
    }
    n = va_json_len(all);
    if (n > VA_MEDIA_PARAMS) {
        return va_media_refuse(m, VA_LIMIT, "too many custom parameters");
    }
    for (i = 0; i < n; i++) {
        va_media_param_t *param = &msg->params[msg->param_count];
        va_json_t *value = va_json_item(all, i, &param->name);

        param->value = va_json_str(value, "");
        msg->param_count += param->value.data != NULL;
    }
    return VA_OK;
}

static va_rc_t va_media_read_start(va_media_t *m, va_media_msg_t *msg)
{
    if (msg->stream_sid.len == 0) {
        msg->stream_sid = va_json_str(m->tree, "start.streamSid");
    }
    msg->call_sid = va_json_str(m->tree, "start.callSid");
    msg->account_sid = va_json_str(m->tree, "start.accountSid");
    msg->encoding = va_json_str(m->tree, "start.mediaFormat.encoding");
    msg->rate = va_media_unsigned(m->tree, "start.mediaFormat.sampleRate");
    msg->channels = va_media_unsigned(m->tree, "start.mediaFormat.channels");
    if (msg->stream_sid.len == 0 || msg->call_sid.len == 0) {
        return va_media_refuse(m, VA_INVALID,
                               "start without streamSid or callSid");
    }
    return va_media_read_params(m, msg);
}

static va_rc_t va_media_read_media(va_media_t *m, va_media_msg_t *msg)
{
    msg->payload = va_json_str(m->tree, "media.payload");
    msg->timestamp = va_media_number(m->tree, "media.timestamp");
    msg->outbound =
        va_str_eq(va_json_str(m->tree, "media.track"), VA_STR("outbound"));
    return msg->payload.data != NULL
               ? VA_OK
               : va_media_refuse(m, VA_INVALID, "media without payload");
}

static va_rc_t va_media_read_dtmf(va_media_t *m, va_media_msg_t *msg)
{
    va_str_t digit = va_json_str(m->tree, "dtmf.digit");

    if (digit.len != 1 || strchr("0123456789ABCD*#", digit.data[0]) == NULL) {
        return va_media_refuse(m, VA_INVALID, "dtmf without a digit");
    }
    msg->digit = digit.data[0];
    return VA_OK;
}

static va_rc_t va_media_read_mark(va_media_t *m, va_media_msg_t *msg)
{
    msg->mark = va_json_str(m->tree, "mark.name");
    return msg->mark.data != NULL
               ? VA_OK
               : va_media_refuse(m, VA_INVALID, "mark without name");
}

static va_rc_t va_media_read_stop(va_media_t *m, va_media_msg_t *msg)
{
    msg->call_sid = va_json_str(m->tree, "stop.callSid");
    msg->account_sid = va_json_str(m->tree, "stop.accountSid");
    return VA_OK;
}

typedef struct {
    va_str_t event;
    va_media_type_t type;
    va_rc_t (*read)(va_media_t *m, va_media_msg_t *msg);
} va_media_event_t;

static va_rc_t va_media_read(va_media_t *m, va_media_msg_t *msg)
{
    static const va_media_event_t events[] = {
        {VA_STR("media"), VA_MEDIA_MEDIA, va_media_read_media},
        {VA_STR("mark"), VA_MEDIA_MARK, va_media_read_mark},
        {VA_STR("dtmf"), VA_MEDIA_DTMF, va_media_read_dtmf},
        {VA_STR("connected"), VA_MEDIA_CONNECTED, NULL},
        {VA_STR("start"), VA_MEDIA_START, va_media_read_start},
        {VA_STR("stop"), VA_MEDIA_STOP, va_media_read_stop},
        {VA_STR("clear"), VA_MEDIA_CLEAR, NULL},
    };
    va_str_t event = va_json_str(m->tree, "event");
    size_t i;

    if (event.data == NULL) {
        return va_media_refuse(m, VA_INVALID, "no event");
    }
    msg->stream_sid = va_json_str(m->tree, "streamSid");
    msg->sequence = va_media_number(m->tree, "sequenceNumber");
    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (va_str_eq(events[i].event, event)) {
            msg->type = events[i].type;
            return events[i].read != NULL ? events[i].read(m, msg) : VA_OK;
        }
    }
    return VA_OK;
}

/* Empties msg.  The parameters are 2 kB that param_count says not to read. */
static void va_media_clear(va_media_msg_t *msg)
{
    memset(msg, 0, offsetof(va_media_msg_t, params));
}

va_rc_t va_media_parse(va_media_t *m, va_str_t text, va_media_msg_t *msg)
{
    if (m->tree != NULL) {
        va_json_free(m->tree);
        m->tree = NULL;
    }
    m->error[0] = '\0';
    va_media_clear(msg);
    if (va_media_scan(text, msg)) {
        return VA_OK;
    }
    va_media_clear(msg);
    m->tree = va_json_parse(text, m->error, sizeof(m->error));
    return m->tree != NULL ? va_media_read(m, msg) : VA_INVALID;
}
