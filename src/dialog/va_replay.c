#include "va_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/va_base64.h"
#include "va_trace.h"
#include "va_trace_format.h"

#define VA_MADE_MAX (1 << 20) /* bytes of actions that wait to be compared */

struct va_replay {
    va_replay_pt decided;
    void *ctx;
    va_call_t *call;
    uint64_t now_ms;
    va_buf_t made; /* lines of actions that were not compared yet */
    va_buf_t file;
    va_buf_t data; /* audio of one input */
    const uint8_t *audio;
    size_t audio_len;
    size_t line;
    size_t compared;
    char error[VA_REPLAY_ERROR];
};

va_replay_t *va_replay_new(va_replay_pt decided, void *ctx)
{
    va_replay_t *r = calloc(1, sizeof(*r));

    if (r != NULL) {
        r->decided = decided;
        r->ctx = ctx;
        va_buf_init(&r->made, VA_MADE_MAX);
        va_buf_init(&r->file, 4096);
        va_buf_init(&r->data, 1 << 20);
    }
    return r;
}

void va_replay_free(va_replay_t *r)
{
    if (r != NULL) {
        va_call_free(r->call);
        va_buf_free(&r->made);
        va_buf_free(&r->file);
        va_buf_free(&r->data);
        free(r);
    }
}

static va_rc_t va_replay_wrong(va_replay_t *r, va_rc_t rc, const char *what)
{
    snprintf(r->error, sizeof(r->error), "line %zu: %s", r->line, what);
    return rc;
}

static void va_replay_act(void *ctx, const va_action_t *act)
{
    va_replay_t *r = ctx;
    size_t at = r->made.len;

    va_trace_action(&r->made, act, r->now_ms, 0);
    if (r->decided != NULL && r->made.rc == VA_OK) {
        r->decided(r->ctx, (va_str_t){r->made.data + at, r->made.len - at - 1});
    }
}

static void va_replay_conf(va_call_conf_t *conf, va_json_t *json)
{
    memset(conf, 0, sizeof(*conf));
    for (const va_trace_field_t *f = va_trace_fields; f->name != NULL; f++) {
        void *member = (char *)conf + f->offset;
        double n;

        if (f->kind == VA_FIELD_NUMBER) {
            n = va_json_num(json, f->name, 0);
            *(unsigned *)member =
                n >= 0 && n <= UINT32_MAX ? (unsigned)n : UINT32_MAX;
        } else if (f->kind == VA_FIELD_BOOL) {
            *(bool *)member = va_json_bool(json, f->name, false);
        } else {
            *(va_str_t *)member = va_json_str(json, f->name);
        }
    }
}

/* Returns whether the times are such as the configuration can have. */
static bool va_replay_sane(const va_call_conf_t *conf)
{
    return conf->listen.preroll_ms <= VA_PREROLL_MAX_MS &&
           conf->listen.max_utterance_ms <= VA_UTTERANCE_MAX_MS;
}

static va_rc_t va_replay_begin(va_replay_t *r, va_json_t *json)
{
    va_json_t *conf_json = va_json_at(json, "conf");
    va_call_conf_t conf;

    if (va_json_num(json, "trace", 0) != 1 || conf_json == NULL) {
        return va_replay_wrong(r, VA_INVALID, "not the log of a conversation");
    }
    va_replay_conf(&conf, conf_json);
    if (!va_replay_sane(&conf)) {
        return va_replay_wrong(r, VA_INVALID, "a time is out of bounds");
    }
    r->call = va_call_new(&conf, va_replay_act, r);
    va_buf_str(&r->file, va_json_str(json, "audio"));
    return r->call != NULL ? VA_OK : va_replay_wrong(r, VA_NOMEM, "no memory");
}

/* Returns a whole number from 0 to max, else max + 1. */
static uint64_t va_replay_num(va_json_t *json, const char *name, uint64_t other,
                              uint64_t max)
{
    double n = va_json_num(json, name, (double)other);

    return n >= 0 && n <= (double)max ? (uint64_t)n : max + 1;
}

/* Finds the audio of an input. */
static va_rc_t va_replay_data(va_replay_t *r, va_json_t *json, va_input_t *in)
{
    uint64_t n = va_replay_num(json, "n", 0, r->data.max);
    va_str_t text = va_json_str(json, "data");
    uint8_t *data;
    uint64_t at;

    if (n > r->data.max) {
        return va_replay_wrong(r, VA_INVALID, "\"n\" is out of bounds");
    }
    in->len = (size_t)n;
    if (va_json_at(json, "at") != NULL) {
        at = va_replay_num(json, "at", 0, r->audio_len);
        if (at > r->audio_len || n > r->audio_len - at) {
            return va_replay_wrong(r, VA_INVALID, "audio is not in the file");
        }
        in->data = r->audio + at;
        return VA_OK;
    }
    va_buf_reset(&r->data);
    data = va_buf_reserve(&r->data, in->len);
    if (data == NULL) {
        return va_replay_wrong(r, VA_NOMEM, "no memory");
    }
    in->data = data;
    if (text.data == NULL) {
        memset(data, (int)va_replay_num(json, "fill", VA_ULAW_SILENCE, 255),
               in->len);
    } else if (text.len > VA_BASE64_LEN(in->len) ||
               va_base64_decode(data, in->len, &in->len, text) != VA_OK ||
               in->len != n) {
        return va_replay_wrong(r, VA_INVALID, "\"data\" is not n bytes");
    }
    return VA_OK;
}

static bool va_replay_type(va_str_t name, va_input_type_t *type)
{
    for (unsigned i = 0; i < VA_IN_TYPES; i++) {
        if (va_str_eq(name, va_str(va_trace_inputs[i]))) {
            *type = (va_input_type_t)i;
            return true;
        }
    }
    return false;
}

/* Reads what an input is made of. */
static va_rc_t va_replay_read(va_replay_t *r, va_json_t *json, va_input_t *in)
{
    va_str_t digit = va_json_str(json, "digit");

    if (!va_replay_type(va_json_str(json, "in"), &in->type)) {
        return va_replay_wrong(r, VA_INVALID, "an input of no known kind");
    }
    in->now_ms = va_replay_num(json, "t", 0, UINT32_MAX);
    in->request = (uint32_t)va_replay_num(json, "request", 0, UINT32_MAX - 1);
    in->timestamp = va_replay_num(json, "ts", 0, 1ULL << 52);
    in->text = va_json_str(json, "text");
    in->confidence = (float)va_json_num(json, "confidence", -1);
    in->hangup = va_json_bool(json, "hangup", false);
    in->digit = digit.len == 1 ? digit.data[0] : '0';
    in->role = va_str_eq(va_json_str(json, "role"), VA_STR("user"))
                   ? VA_ROLE_USER
                   : VA_ROLE_ASSISTANT;
    if (in->now_ms < r->now_ms) {
        return va_replay_wrong(r, VA_INVALID, "the time goes back");
    }
    if (in->type == VA_IN_AUDIO || in->type == VA_IN_SPEECH) {
        return va_replay_data(r, json, in);
    }
    return VA_OK;
}

static va_rc_t va_replay_missing(va_replay_t *r)
{
    char what[VA_REPLAY_ERROR - 32];
    size_t n = strcspn(r->made.data, "\n");

    snprintf(what, sizeof(what), "the log does not have %.*s", (int)n,
             r->made.data);
    return va_replay_wrong(r, VA_FAILED, what);
}

static va_rc_t va_replay_input(va_replay_t *r, va_json_t *json)
{
    va_input_t in = {.type = VA_IN_TICK};
    uint64_t times = va_replay_num(json, "times", 1, VA_REPLAY_TIMES);
    bool flat = va_json_at(json, "at") == NULL;
    va_rc_t rc;

    if (r->made.len != 0) {
        return va_replay_missing(r);
    }
    rc = va_replay_read(r, json, &in);
    if (rc != VA_OK) {
        return rc;
    }
    if (times > VA_REPLAY_TIMES ||
        (times > 1 &&
         (in.type != VA_IN_AUDIO ||
          (!flat &&
           in.len * times > r->audio_len - (size_t)(in.data - r->audio))))) {
        return va_replay_wrong(r, VA_INVALID, "\"times\" is out of bounds");
    }
    for (uint64_t i = 0; i < times; i++) {
        r->now_ms = in.now_ms;
        va_call_input(r->call, &in);
        in.now_ms += VA_FRAME_MS;
        in.timestamp += VA_FRAME_MS;
        in.data += flat ? 0 : in.len;
    }
    return r->made.rc == VA_OK ? VA_OK
                               : va_replay_wrong(r, VA_NOMEM, "no memory");
}

static va_rc_t va_replay_compare(va_replay_t *r, va_str_t line)
{
    char what[VA_REPLAY_ERROR - 32];
    size_t n;

    if (r->made.len == 0) {
        snprintf(what, sizeof(what), "nothing is done, but the log has %.*s",
                 (int)(line.len < 150 ? line.len : 150), line.data);
        return va_replay_wrong(r, VA_FAILED, what);
    }
    n = strcspn(r->made.data, "\n");
    if (!va_str_eq(line, (va_str_t){r->made.data, n})) {
        snprintf(what, sizeof(what), "%.*s is done instead",
                 (int)(n < 180 ? n : 180), r->made.data);
        return va_replay_wrong(r, VA_FAILED, what);
    }
    va_buf_consume(&r->made, n + 1);
    r->compared++;
    return VA_OK;
}

va_rc_t va_replay_line(va_replay_t *r, va_str_t line)
{
    va_json_t *json;
    va_rc_t rc;

    r->line++;
    line = va_str_trim(line);
    if (line.len == 0) {
        return VA_OK;
    }
    json = va_json_parse(line, r->error, sizeof(r->error));
    if (json == NULL) {
        return va_replay_wrong(r, VA_INVALID, "not JSON");
    }
    if (r->call == NULL) {
        rc = va_replay_begin(r, json);
    } else if (va_json_at(json, "act") != NULL) {
        rc = va_replay_compare(r, line);
    } else {
        rc = va_replay_input(r, json);
    }
    va_json_free(json);
    return rc;
}

va_rc_t va_replay_end(va_replay_t *r)
{
    r->line++;
    if (r->call == NULL) {
        return va_replay_wrong(r, VA_INVALID, "not the log of a conversation");
    }
    return r->made.len == 0 ? VA_OK : va_replay_missing(r);
}

const char *va_replay_error(const va_replay_t *r)
{
    return r->error;
}

va_str_t va_replay_file(const va_replay_t *r)
{
    return va_buf_view(&r->file);
}

void va_replay_audio(va_replay_t *r, const uint8_t *ulaw, size_t n)
{
    r->audio = ulaw;
    r->audio_len = n;
}

size_t va_replay_compared(const va_replay_t *r)
{
    return r->compared;
}
