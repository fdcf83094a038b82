
/*
 * A call's record as a hash of Redis: a member for each field, so that two
 * machines that change different things do not undo each other's.
 */


#include "ngx_http_voiceai_fleet.h"

#include "../src/twilio/va_status.h"


#define NGX_HTTP_VOICEAI_FLEET_FORMAT  "1"


/* Where a field is: a number, or a string behind its length. */
typedef struct {
    ngx_str_t   name;
    ngx_uint_t  what;
    size_t      offset;
    size_t      len;      /* offset of the length; 0: a number */
    size_t      cap;
} ngx_http_voiceai_fleet_field_t;


#define ngx_http_voiceai_fleet_number(field, what)                            \
    { ngx_string(#field), what,                                               \
      offsetof(ngx_http_voiceai_record_t, field), 0,                          \
      sizeof(((ngx_http_voiceai_record_t *) NULL)->field) }

#define ngx_http_voiceai_fleet_string(field, what)                            \
    { ngx_string(#field), what,                                               \
      offsetof(ngx_http_voiceai_record_t, field),                             \
      offsetof(ngx_http_voiceai_record_t, field##_len),                       \
      sizeof(((ngx_http_voiceai_record_t *) NULL)->field) }

#define IDENTITY  NGX_HTTP_VOICEAI_FLEET_IDENTITY
#define OWNER     NGX_HTTP_VOICEAI_FLEET_OWNER
#define STATUS    NGX_HTTP_VOICEAI_STORE_STATUS
#define TURNS     NGX_HTTP_VOICEAI_STORE_TURNS
#define NEXT      NGX_HTTP_VOICEAI_STORE_NEXT
#define OPTIONS   NGX_HTTP_VOICEAI_STORE_OPTIONS
#define STATE     NGX_HTTP_VOICEAI_STORE_STATE
#define GATHER    NGX_HTTP_VOICEAI_STORE_GATHER


static ngx_http_voiceai_fleet_field_t  ngx_http_voiceai_fleet_fields[] = {
    ngx_http_voiceai_fleet_string(sid, IDENTITY),
    ngx_http_voiceai_fleet_string(account_sid, IDENTITY),
    ngx_http_voiceai_fleet_string(from, IDENTITY),
    ngx_http_voiceai_fleet_string(to, IDENTITY),
    ngx_http_voiceai_fleet_string(direction, IDENTITY),
    ngx_http_voiceai_fleet_string(token, IDENTITY),
    ngx_http_voiceai_fleet_number(created, IDENTITY),

    ngx_http_voiceai_fleet_number(state, STATE|OWNER),
    ngx_http_voiceai_fleet_number(connects, OWNER),
    ngx_http_voiceai_fleet_string(stream_sid, OWNER),

    ngx_http_voiceai_fleet_number(status, STATUS),
    ngx_http_voiceai_fleet_number(seen, STATUS),
    ngx_http_voiceai_fleet_number(answered_by, STATUS),

    ngx_http_voiceai_fleet_number(phase, TURNS),
    ngx_http_voiceai_fleet_number(turns, TURNS),
    ngx_http_voiceai_fleet_number(interruptions, TURNS),
    ngx_http_voiceai_fleet_number(failures, TURNS),
    ngx_http_voiceai_fleet_number(latency, TURNS),
    ngx_http_voiceai_fleet_string(history, TURNS),

    ngx_http_voiceai_fleet_string(say, NEXT),
    ngx_http_voiceai_fleet_string(transfer, NEXT),

    ngx_http_voiceai_fleet_string(message, OPTIONS),
    ngx_http_voiceai_fleet_string(prompt, OPTIONS),
    ngx_http_voiceai_fleet_string(voice, OPTIONS),
    ngx_http_voiceai_fleet_string(params, OPTIONS),

    ngx_http_voiceai_fleet_number(asked, GATHER),
    ngx_http_voiceai_fleet_number(answered, GATHER)
};


#define NGX_HTTP_VOICEAI_FLEET_FIELDS                                         \
    (sizeof(ngx_http_voiceai_fleet_fields)                                    \
     / sizeof(ngx_http_voiceai_fleet_fields[0]))


static int64_t
ngx_http_voiceai_fleet_get(ngx_http_voiceai_record_t *rec,
    ngx_http_voiceai_fleet_field_t *field)
{
    void  *p;

    p = (u_char *) rec + field->offset;

    return field->cap == sizeof(int64_t) ? *(int64_t *) p
                                         : *(int32_t *) p;
}


static void
ngx_http_voiceai_fleet_set(ngx_http_voiceai_record_t *rec,
    ngx_http_voiceai_fleet_field_t *field, int64_t n)
{
    void  *p;

    p = (u_char *) rec + field->offset;

    if (field->cap == sizeof(int64_t)) {
        *(int64_t *) p = n;

    } else {
        *(int32_t *) p = (int32_t) n;
    }
}


static ngx_uint_t
ngx_http_voiceai_fleet_add(va_str_t *argv, ngx_uint_t n, const char *name,
    u_char *value, size_t len)
{
    argv[n] = va_str(name);
    argv[n + 1].data = (char *) value;
    argv[n + 1].len = len;

    return n + 2;
}


ngx_uint_t
ngx_http_voiceai_fleet_encode(ngx_http_voiceai_record_t *rec, ngx_uint_t what,
    va_str_t *argv)
{
    u_char                          *p, *last;
    ngx_uint_t                       i, n;
    ngx_http_voiceai_fleet_field_t  *field;

    static u_char  numbers[NGX_HTTP_VOICEAI_FLEET_FIELDS
                           * (NGX_INT64_LEN + 1)];

    field = ngx_http_voiceai_fleet_fields;
    p = numbers;
    n = 0;

    for (i = 0; i < NGX_HTTP_VOICEAI_FLEET_FIELDS; i++) {

        if (!(field[i].what & what)) {
            continue;
        }

        if (field[i].len) {
            n = ngx_http_voiceai_fleet_add(argv, n,
                           (char *) field[i].name.data,
                           (u_char *) rec + field[i].offset,
                           *(u_short *) ((u_char *) rec + field[i].len));
            continue;
        }

        last = ngx_sprintf(p, "%L", ngx_http_voiceai_fleet_get(rec,
                                                               &field[i]));
        n = ngx_http_voiceai_fleet_add(argv, n, (char *) field[i].name.data,
                                       p, last - p);
        p = last;
    }

    if (what & NEXT) {
        n = ngx_http_voiceai_fleet_add(argv, n, "hangup",
                                 (u_char *) (rec->hangup ? "1" : "0"), 1);
    }

    if (what & OPTIONS) {
        n = ngx_http_voiceai_fleet_add(argv, n, "gather",
                                 (u_char *) (rec->gather ? "1" : "0"), 1);
    }

    if (what & OWNER) {
        n = ngx_http_voiceai_fleet_add(argv, n, "wake", rec->wake,
                                       sizeof(rec->wake));
        n = ngx_http_voiceai_fleet_add(argv, n, "format",
                              (u_char *) NGX_HTTP_VOICEAI_FLEET_FORMAT, 1);
    }

    return n;
}


static void
ngx_http_voiceai_fleet_take(ngx_http_voiceai_record_t *rec, va_str_t name,
    va_str_t value)
{
    size_t                           n;
    ngx_int_t                        number;
    ngx_uint_t                       i;
    ngx_http_voiceai_fleet_field_t  *field;

    field = ngx_http_voiceai_fleet_fields;

    for (i = 0; i < NGX_HTTP_VOICEAI_FLEET_FIELDS; i++) {

        if (!va_str_eq(name, ngx_http_voiceai_view(&field[i].name))) {
            continue;
        }

        if (field[i].len) {
            n = ngx_min(value.len, field[i].cap);
            ngx_memcpy((u_char *) rec + field[i].offset, value.data, n);
            *(u_short *) ((u_char *) rec + field[i].len) = (u_short) n;
            return;
        }

        number = ngx_atoi((u_char *) value.data, value.len);

        if (number != NGX_ERROR) {
            ngx_http_voiceai_fleet_set(rec, &field[i], number);
        }

        return;
    }

    if (va_str_eq(name, VA_STR("hangup"))) {
        rec->hangup = va_str_eq(value, VA_STR("1"));

    } else if (va_str_eq(name, VA_STR("gather"))) {
        rec->gather = va_str_eq(value, VA_STR("1"));

    } else if (va_str_eq(name, VA_STR("wake"))
               && value.len == sizeof(rec->wake))
    {
        ngx_memcpy(rec->wake, value.data, value.len);
    }
}


/* Whether parameters are pairs of strings, which are walked by their ends. */

static ngx_uint_t
ngx_http_voiceai_fleet_params(ngx_http_voiceai_record_t *rec)
{
    size_t      i;
    ngx_uint_t  strings;

    strings = 0;

    for (i = 0; i < rec->params_len; i++) {
        strings += (rec->params[i] == '\0');
    }

    return rec->params_len == 0
           || (rec->params[rec->params_len - 1] == '\0' && strings % 2 == 0);
}


ngx_int_t
ngx_http_voiceai_fleet_decode(ngx_http_voiceai_record_t *rec,
    const va_reply_t *reply)
{
    size_t      i;
    va_str_t    name, value;
    ngx_uint_t  known;

    known = 0;
    ngx_memzero(rec, sizeof(ngx_http_voiceai_record_t));

    for (i = 0; i + 1 < va_reply_count(reply); i += 2) {
        name = va_reply_str(va_reply_at(reply, i));
        value = va_reply_str(va_reply_at(reply, i + 1));

        /* written by another version of the module: better not read */

        if (va_str_eq(name, VA_STR("format"))
            && va_str_eq(value, VA_STR(NGX_HTTP_VOICEAI_FLEET_FORMAT)))
        {
            known = 1;
        }

        ngx_http_voiceai_fleet_take(rec, name, value);
    }

    if (!known || rec->sid_len == 0
        || rec->state == NGX_HTTP_VOICEAI_FREE
        || rec->state >= NGX_HTTP_VOICEAI_REMOTE
        || rec->status > VA_STATUS_CANCELED
        || rec->answered_by > VA_ANSWERED_UNKNOWN
        || rec->phase > VA_PHASE_ENDED
        || !ngx_http_voiceai_fleet_params(rec))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
