#include "va_calls.h"

#include "../wire/va_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VA_CALLS_ARGS 12

/* The columns of a call, in this order. */
enum {
    VA_COL_SID,
    VA_COL_ACCOUNT,
    VA_COL_FROM,
    VA_COL_TO,
    VA_COL_DIRECTION,
    VA_COL_MODE,
    VA_COL_STATUS,
    VA_COL_ANSWERED,
    VA_COL_STARTED,
    VA_COL_ENDED,
    VA_COL_CONNECTIONS,
    VA_COL_FAILURES,
    VA_COL_FAILED,
    VA_COL_LATENCY,
    VA_COL_TURNS,
    VA_COL_INTERRUPTIONS,
    VA_COLS
};

#define VA_CALLS_SELECT                                                        \
    "SELECT call_sid, account_sid, from_number, to_number, direction, mode,"   \
    " status, answered_by, started_at, ended_at, connections, failures,"       \
    " failed, max_latency_ms,"                                                 \
    " (SELECT count(*) FROM turns WHERE turns.call_sid = calls.call_sid"       \
    "  AND role = 'user'),"                                                    \
    " (SELECT count(*) FROM turns WHERE turns.call_sid = calls.call_sid"       \
    "  AND interrupted = 1)"                                                   \
    " FROM calls"

typedef struct {
    va_buf_t *out;
    const va_calls_filter_t *filter;
    unsigned rows;
    bool more;
    char *cursor;
} va_calls_t;

typedef struct {
    va_buf_t sql;
    va_value_t args[VA_CALLS_ARGS];
    size_t count;
} va_where_t;

/* ---- how values look */

static int64_t va_ms(va_str_t column)
{
    return column.data != NULL ? strtoll(column.data, NULL, 10) : 0;
}

static void va_iso(va_buf_t *out, va_str_t column, const char *form)
{
    time_t seconds = (time_t)(va_ms(column) / 1000);
    char text[40];
    struct tm tm;

    if (column.data != NULL && gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof(text), form, &tm) != 0) {
        va_buf_puts(out, text);
    }
}

static void va_member(va_buf_t *out, const char *name, va_str_t column)
{
    va_buf_printf(out, "\"%s\":", name);
    if (column.data == NULL) {
        va_buf_puts(out, "null");
    } else {
        va_json_quote(out, column);
    }
}

/* A number as the database writes it, which is as JSON does. */
static void va_member_number(va_buf_t *out, const char *name, va_str_t column)
{
    va_buf_printf(out, ",\"%s\":", name);
    va_buf_str(out, column.data != NULL ? column : VA_STR("null"));
}

/* Seconds with milliseconds. */
static void va_member_time(va_buf_t *out, const char *name, va_str_t column)
{
    int64_t ms = va_ms(column);

    if (column.data == NULL) {
        va_buf_printf(out, ",\"%s\":null", name);
    } else {
        va_buf_printf(out, ",\"%s\":%lld.%03d", name, (long long)(ms / 1000),
                      (int)(llabs(ms) % 1000));
    }
}

va_rc_t va_csv_field(va_buf_t *out, va_str_t value)
{
    static const char starts[] = "=+-@\t\r\n";
    size_t digits = 0;
    bool quote = false;

    for (size_t i = 1; i < value.len; i++) {
        digits += value.data[i] >= '0' && value.data[i] <= '9';
    }
    for (size_t i = 0; i < value.len; i++) {
        quote = quote || value.data[i] == '"' || value.data[i] == ',' ||
                value.data[i] == '\n' || value.data[i] == '\r';
    }
    if (quote) {
        va_buf_puts(out, "\"");
    }
    if (value.len != 0 &&
        memchr(starts, value.data[0], sizeof(starts) - 1) != NULL &&
        (digits + 1 != value.len || digits == 0)) {
        va_buf_puts(out, "'");
    }
    for (size_t i = 0; i < value.len; i++) {
        va_buf_append(out, value.data + i, 1);
        if (value.data[i] == '"') {
            va_buf_puts(out, "\"");
        }
    }
    return quote ? va_buf_puts(out, "\"") : out->rc;
}

/* ---- a call */

static void va_call_json(va_buf_t *out, const va_str_t *c)
{
    static const char *const names[] = {"call_sid", "account_sid", "from",
                                        "to",       "direction",   "mode",
                                        "status",   "answered_by"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        va_buf_puts(out, i != 0 ? "," : "");
        va_member(out, names[i], c[i]);
    }
    va_member_time(out, "started", c[VA_COL_STARTED]);
    va_member_time(out, "ended", c[VA_COL_ENDED]);
    va_member_number(out, "connections", c[VA_COL_CONNECTIONS]);
    va_member_number(out, "turns", c[VA_COL_TURNS]);
    va_member_number(out, "interruptions", c[VA_COL_INTERRUPTIONS]);
    va_member_number(out, "failures", c[VA_COL_FAILURES]);
    va_member_number(out, "max_latency_ms", c[VA_COL_LATENCY]);
    va_buf_printf(out, ",\"failed\":%s",
                  va_ms(c[VA_COL_FAILED]) != 0 ? "true" : "false");
}

static void va_call_csv(va_buf_t *out, const va_str_t *c)
{
    static const uint8_t numbers[] = {VA_COL_CONNECTIONS,   VA_COL_TURNS,
                                      VA_COL_INTERRUPTIONS, VA_COL_FAILURES,
                                      VA_COL_LATENCY,       VA_COL_FAILED};

    for (size_t i = 0; i <= VA_COL_ANSWERED; i++) {
        va_csv_field(out, c[i]);
        va_buf_puts(out, ",");
    }
    va_iso(out, c[VA_COL_STARTED], "%Y-%m-%dT%H:%M:%SZ,");
    va_iso(out, c[VA_COL_ENDED], "%Y-%m-%dT%H:%M:%SZ");
    for (size_t i = 0; i < sizeof(numbers); i++) {
        va_buf_puts(out, ",");
        va_buf_str(out, c[numbers[i]]);
    }
    va_buf_puts(out, "\r\n");
}

static bool va_calls_row(void *ctx, const va_str_t *columns, size_t n)
{
    va_calls_t *l = ctx;

    if (n != VA_COLS || l->rows == l->filter->limit) {
        l->more = true;
        return false;
    }
    if (l->filter->csv) {
        va_call_csv(l->out, columns);
    } else {
        va_buf_puts(l->out, l->rows != 0 ? ",\n{" : "\n{");
        va_call_json(l->out, columns);
        va_buf_puts(l->out, "}");
    }
    l->rows++;
    snprintf(l->cursor, VA_CALLS_CURSOR, "%lld.%.*s",
             (long long)va_ms(columns[VA_COL_STARTED]),
             (int)columns[VA_COL_SID].len, columns[VA_COL_SID].data);
    return l->out->rc == VA_OK;
}

/* ---- conditions */

/* A condition in which each # is the argument. */
static void va_where(va_where_t *w, const char *condition, va_value_t arg)
{
    va_buf_puts(&w->sql, w->count != 0 ? " AND " : " WHERE ");
    w->args[w->count++] = arg;
    for (; *condition != '\0'; condition++) {
        if (*condition == '#') {
            va_buf_printf(&w->sql, "$%zu", w->count);
        } else {
            va_buf_append(&w->sql, condition, 1);
        }
    }
}

static void va_where_str(va_where_t *w, const char *condition, va_str_t value)
{
    if (value.data != NULL) {
        va_where(
            w, condition,
            (va_value_t){.kind = VA_FIELD_STR, .known = true, .str = value});
    }
}

static void va_where_int(va_where_t *w, const char *condition, int64_t value)
{
    if (value != VA_RECORD_NONE) {
        va_where(
            w, condition,
            (va_value_t){.kind = VA_FIELD_INT, .known = true, .num = value});
    }
}

static void va_where_filter(va_where_t *w, const va_calls_filter_t *f)
{
    va_where_str(w, "from_number = #", f->from);
    va_where_str(w, "to_number = #", f->to);
    va_where_str(w, "(from_number = # OR to_number = #)", f->number);
    va_where_str(w, "status = #", f->status);
    va_where_int(w, "started_at >= #", f->since);
    va_where_int(w, "started_at < #", f->until);
    va_where_int(w, "max_latency_ms >= #", f->min_latency);
    if (f->failed != VA_RECORD_NONE) {
        /* as the index has it */
        va_where_int(
            w, f->failed == 1 ? "failed = 1 AND 1 = #" : "failed = 0 AND 0 = #",
            f->failed);
    }
    if (f->before != VA_RECORD_NONE) {
        va_where_int(w, "started_at <= #", f->before);
        va_where_str(w, "(started_at < $0 OR call_sid < #)", f->before_sid);
    }
}

va_rc_t va_calls_list(va_store_t *store, const va_calls_filter_t *filter,
                      va_buf_t *out, char *cursor)
{
    va_calls_t list = {.out = out, .filter = filter, .cursor = cursor};
    va_where_t where = {.count = 0};
    va_rc_t rc;
    char *zero;

    cursor[0] = '\0';
    va_buf_init(&where.sql, 4096);
    va_buf_puts(&where.sql, VA_CALLS_SELECT);
    va_where_filter(&where, filter);
    /* the moment of the cursor is the argument before its call */
    zero = where.sql.data != NULL ? strstr(where.sql.data, "$0") : NULL;
    if (zero != NULL) {
        zero[1] = (char)('0' + where.count - 1);
    }
    va_buf_printf(&where.sql,
                  " ORDER BY started_at DESC, call_sid DESC LIMIT %u",
                  filter->limit + 1);
    va_buf_puts(out, filter->csv
                         ? "call_sid,account_sid,from,to,direction,mode,status,"
                           "answered_by,started,ended,connections,turns,"
                           "interruptions,failures,max_latency_ms,failed\r\n"
                         : "{\"calls\":[");
    rc = where.sql.rc;
    if (rc == VA_OK) {
        rc = va_store_select(store, where.sql.data, where.args, where.count,
                             va_calls_row, &list);
    }
    va_buf_free(&where.sql);
    if (rc != VA_OK) {
        return VA_FAILED;
    }
    if (!list.more) {
        cursor[0] = '\0';
    }
    if (!filter->csv) {
        va_buf_printf(out, "],\"count\":%u,\"next\":", list.rows);
        va_buf_puts(out, list.more ? "" : "null");
        if (list.more) {
            va_json_quote(out, va_str(cursor));
        }
        va_buf_puts(out, "}\n");
    }
    return out->rc;
}

/* ---- one call */

static bool va_one_row(void *ctx, const va_str_t *columns, size_t n)
{
    va_calls_t *l = ctx;

    if (n == VA_COLS) {
        va_buf_puts(l->out, "{");
        va_call_json(l->out, columns);
        l->rows++;
    }
    return false;
}

static bool va_turn_row(void *ctx, const va_str_t *c, size_t n)
{
    va_calls_t *l = ctx;
    static const char *const names[] = {"silence_ms", "recogniser_ms",
                                        "model_ms",   "voice_ms",
                                        "sending_ms", "latency_ms"};

    if (n != 11) {
        return false;
    }
    va_buf_puts(l->out, l->rows++ != 0 ? ",\n{" : "\n{");
    va_member(l->out, "role", c[1]);
    va_buf_puts(l->out, ",");
    va_member(l->out, "text", c[2].data != NULL ? c[2] : VA_STR(""));
    va_member_time(l->out, "time", c[0]);
    if (c[3].data != NULL) {
        va_buf_printf(l->out, ",\"confidence\":%.2f", strtod(c[3].data, NULL));
    }
    if (va_ms(c[4]) != 0) {
        va_buf_puts(l->out, ",\"interrupted\":true");
    }
    for (size_t i = 0; i < 6; i++) {
        if (c[5 + i].data != NULL) {
            va_member_number(l->out, names[i], c[5 + i]);
        }
    }
    va_buf_puts(l->out, "}");
    return l->out->rc == VA_OK;
}

static bool va_event_row(void *ctx, const va_str_t *c, size_t n)
{
    va_calls_t *l = ctx;

    if (n != 3) {
        return false;
    }
    va_buf_puts(l->out, l->rows++ != 0 ? ",\n{" : "\n{");
    va_member(l->out, "event", c[1]);
    va_member_time(l->out, "time", c[0]);
    if (c[2].data != NULL) {
        va_buf_puts(l->out, ",");
        va_member(l->out, "detail", c[2]);
    }
    va_buf_puts(l->out, "}");
    return l->out->rc == VA_OK;
}

static bool va_recording_row(void *ctx, const va_str_t *c, size_t n)
{
    va_calls_t *l = ctx;

    if (n != 4) {
        return false;
    }
    va_buf_puts(l->out, l->rows++ != 0 ? ",\n{" : "\n{");
    va_member(l->out, "recording_sid", c[1]);
    va_buf_puts(l->out, ",");
    va_member(l->out, "url", c[2]);
    va_member_time(l->out, "time", c[0]);
    va_member_number(l->out, "seconds", c[3]);
    va_buf_puts(l->out, "}");
    return l->out->rc == VA_OK;
}

#define VA_TURNS_SELECT                                                        \
    "SELECT at, role, text, confidence, interrupted, silence_ms,"              \
    " recogniser_ms, model_ms, voice_ms, sending_ms, latency_ms FROM turns"    \
    " WHERE call_sid = $1 ORDER BY id LIMIT 10000"

static va_rc_t va_calls_part(va_store_t *store, const va_value_t *sid,
                             va_buf_t *out, const char *before, const char *sql,
                             va_store_row_pt row)
{
    va_calls_t list = {.out = out};
    va_rc_t rc;

    va_buf_puts(out, before);
    rc = va_store_select(store, sql, sid, 1, row, &list);
    return rc == VA_OK ? out->rc : VA_FAILED;
}

va_rc_t va_calls_get(va_store_t *store, va_str_t call_sid, va_buf_t *out)
{
    va_value_t sid = {.kind = VA_FIELD_STR, .known = true, .str = call_sid};
    va_calls_t list = {.out = out};
    va_rc_t rc;

    rc = va_store_select(store, VA_CALLS_SELECT " WHERE call_sid = $1", &sid, 1,
                         va_one_row, &list);
    if (rc != VA_OK || list.rows == 0) {
        return rc != VA_OK ? VA_FAILED : VA_AGAIN;
    }
    rc = va_calls_part(store, &sid, out, ",\"conversation\":[", VA_TURNS_SELECT,
                       va_turn_row);
    if (rc == VA_OK) {
        rc = va_calls_part(store, &sid, out, "],\"events\":[",
                           "SELECT at, name, detail FROM events"
                           " WHERE call_sid = $1 ORDER BY id LIMIT 10000",
                           va_event_row);
    }
    if (rc == VA_OK) {
        rc = va_calls_part(store, &sid, out, "],\"recordings\":[",
                           "SELECT at, recording_sid, url, seconds"
                           " FROM recordings WHERE call_sid = $1"
                           " ORDER BY at, recording_sid LIMIT 10000",
                           va_recording_row);
    }
    va_buf_puts(out, "]}\n");
    return rc == VA_OK ? out->rc : rc;
}

/* ---- a transcript */

/* One line each, whatever was said. */
static void va_line(va_buf_t *out, va_str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool control = (unsigned char)s.data[i] < ' ' || s.data[i] == 0x7f;

        va_buf_append(out, control ? " " : s.data + i, 1);
    }
}

static bool va_head_row(void *ctx, const va_str_t *c, size_t n)
{
    va_calls_t *l = ctx;

    if (n == VA_COLS) {
        va_buf_puts(l->out, "Call ");
        va_line(l->out, c[VA_COL_SID]);
        va_buf_puts(l->out, " from ");
        va_line(l->out, c[VA_COL_FROM]);
        va_buf_puts(l->out, " to ");
        va_line(l->out, c[VA_COL_TO]);
        va_iso(l->out, c[VA_COL_STARTED], "\n%Y-%m-%d %H:%M:%S UTC\n\n");
        l->rows++;
    }
    return false;
}

static bool va_text_row(void *ctx, const va_str_t *c, size_t n)
{
    va_calls_t *l = ctx;

    if (n != 11) {
        return false;
    }
    va_iso(l->out, c[0], "[%H:%M:%S] ");
    va_buf_puts(l->out,
                va_str_eq(c[1], VA_STR("user")) ? "Caller: " : "Assistant: ");
    va_line(l->out, c[2]);
    va_buf_puts(l->out, va_ms(c[4]) != 0 ? " [interrupted]\n" : "\n");
    return l->out->rc == VA_OK;
}

va_rc_t va_calls_transcript(va_store_t *store, va_str_t call_sid, va_buf_t *out)
{
    va_value_t sid = {.kind = VA_FIELD_STR, .known = true, .str = call_sid};
    va_calls_t list = {.out = out};
    va_rc_t rc;

    rc = va_store_select(store, VA_CALLS_SELECT " WHERE call_sid = $1", &sid, 1,
                         va_head_row, &list);
    if (rc != VA_OK || list.rows == 0) {
        return rc != VA_OK ? VA_FAILED : VA_AGAIN;
    }
    return va_calls_part(store, &sid, out, "", VA_TURNS_SELECT, va_text_row);
}
