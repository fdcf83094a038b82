#include "va_make_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "../wire/va_json.h"
#include "../wire/va_text.h"

#define NAME_MAX_TOLD 48 /* bytes of a name that an error text repeats */

typedef struct {
    va_make_call_t call; /* first, so that its address is the whole's */
    va_json_t *tree;
    va_twiml_param_t params[VA_MAKE_CALL_PARAMS];
} owner_t;

typedef struct {
    owner_t *o;
    char *error;
    size_t error_cap;
} parse_t;

static va_rc_t fail(parse_t *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells what is wrong; returns VA_INVALID. */
static va_rc_t fail(parse_t *p, const char *fmt, ...)
{
    char text[VA_MAKE_CALL_ERROR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (p->error_cap != 0) {
        va_text_line(p->error, p->error_cap, va_str(text));
    }
    return VA_INVALID;
}

/* Takes a string of at most max bytes; null counts as left out. */
static va_rc_t take_text(parse_t *p, va_json_t *v, const char *name, size_t max,
                         va_str_t *to)
{
    if (YAJL_IS_NULL(v)) {
        return VA_OK;
    }
    if (!YAJL_IS_STRING(v)) {
        return fail(p, "%s must be a string", name);
    }
    *to = va_str(YAJL_GET_STRING(v));
    if (to->len > max) {
        return fail(p, "%s is longer than %zu bytes", name, max);
    }
    return VA_OK;
}

static va_rc_t take_to(parse_t *p, va_json_t *v)
{
    va_make_call_t *call = &p->o->call;
    va_rc_t rc = take_text(p, v, "to_number", VA_ADDRESS_MAX, &call->to);

    if (rc != VA_OK || call->to.data == NULL) {
        return rc;
    }
    call->to_kind = va_address_kind(call->to);
    return call->to_kind != VA_ADDRESS_NONE
               ? VA_OK
               : fail(p, "to_number must be a number in E.164 form such as "
                         "+15551234567, or a sip: or client: address");
}

static va_rc_t take_from(parse_t *p, va_json_t *v)
{
    va_str_t *from = &p->o->call.from;
    va_rc_t rc = take_text(p, v, "from_number", VA_ADDRESS_MAX, from);

    if (rc != VA_OK || from->data == NULL) {
        return rc;
    }
    return va_address_kind(*from) == VA_ADDRESS_NUMBER
               ? VA_OK
               : fail(p, "from_number must be a number in E.164 form such as "
                         "+15551234567");
}

static va_rc_t take_message(parse_t *p, va_json_t *v)
{
    return take_text(p, v, "initial_message", VA_MAKE_CALL_MESSAGE_MAX,
                     &p->o->call.message);
}

static va_rc_t take_prompt(parse_t *p, va_json_t *v)
{
    return take_text(p, v, "prompt", VA_MAKE_CALL_PROMPT_MAX,
                     &p->o->call.prompt);
}

static va_rc_t take_voice(parse_t *p, va_json_t *v)
{
    return take_text(p, v, "voice", VA_MAKE_CALL_VOICE_MAX, &p->o->call.voice);
}

static va_rc_t take_mode(parse_t *p, va_json_t *v)
{
    const char *s = YAJL_GET_STRING(v);

    if (YAJL_IS_NULL(v)) {
        return VA_OK;
    }
    if (s != NULL && strcmp(s, "stream") == 0) {
        p->o->call.mode = VA_MAKE_CALL_STREAM;
    } else if (s != NULL && strcmp(s, "gather") == 0) {
        p->o->call.mode = VA_MAKE_CALL_GATHER;
    } else {
        return fail(p, "mode must be \"stream\" or \"gather\"");
    }
    return VA_OK;
}

static va_rc_t take_machine_detection(parse_t *p, va_json_t *v)
{
    va_amd_t *amd = &p->o->call.machine_detection;
    const char *s = YAJL_GET_STRING(v);

    if (YAJL_IS_NULL(v)) {
        return VA_OK;
    }
    if (YAJL_IS_FALSE(v)) {
        *amd = VA_AMD_OFF;
    } else if (YAJL_IS_TRUE(v) || (s != NULL && strcmp(s, "enable") == 0)) {
        *amd = VA_AMD_ENABLE;
    } else if (s != NULL && strcmp(s, "detect_message_end") == 0) {
        *amd = VA_AMD_MESSAGE_END;
    } else {
        return fail(p, "machine_detection must be true, false, \"enable\" or "
                       "\"detect_message_end\"");
    }
    return VA_OK;
}

static va_rc_t take_record(parse_t *p, va_json_t *v)
{
    if (YAJL_IS_NULL(v)) {
        return VA_OK;
    }
    if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v)) {
        return fail(p, "record must be true or false");
    }
    p->o->call.has_record = true;
    p->o->call.record = YAJL_IS_TRUE(v);
    return VA_OK;
}

/* Writes as much of a name as an error text may repeat. */
static const char *told(char out[NAME_MAX_TOLD], va_str_t name)
{
    va_text_line(out, NAME_MAX_TOLD, name);
    return out;
}

/* Returns whether member i of an object has the name of one before it. */
static bool is_twice(va_json_t *v, size_t i, va_str_t name)
{
    va_str_t other;

    while (i-- != 0) {
        va_json_item(v, i, &other);
        if (va_str_eq(name, other)) {
            return true;
        }
    }
    return false;
}

static va_rc_t take_parameter(parse_t *p, va_json_t *v, size_t i)
{
    char name[NAME_MAX_TOLD];
    va_twiml_param_t *param = &p->o->params[i];
    va_json_t *value = va_json_item(v, i, &param->name);

    told(name, param->name);
    if (param->name.len == 0) {
        return fail(p, "parameters has a member without a name");
    }
    /* The stream itself brings its proof under this name. */
    if (va_str_eq(param->name, VA_STR("token"))) {
        return fail(p, "parameters may have no member \"token\"");
    }
    if (is_twice(v, i, param->name)) {
        return fail(p, "\"%s\" stands twice in parameters", name);
    }
    if (!YAJL_IS_STRING(value)) {
        return fail(p, "\"%s\" of parameters must be a string", name);
    }
    param->value = va_str(YAJL_GET_STRING(value));
    if (param->name.len > VA_TWIML_PARAM_MAX ||
        param->value.len > VA_TWIML_PARAM_MAX - param->name.len) {
        return fail(p, "\"%s\" of parameters is longer than %d bytes", name,
                    VA_TWIML_PARAM_MAX);
    }
    return VA_OK;
}

static va_rc_t take_parameters(parse_t *p, va_json_t *v)
{
    size_t count = va_json_len(v);
    va_rc_t rc = VA_OK;
    size_t i;

    if (YAJL_IS_NULL(v)) {
        return VA_OK;
    }
    if (!YAJL_IS_OBJECT(v)) {
        return fail(p, "parameters must be an object of strings");
    }
    if (count > VA_MAKE_CALL_PARAMS) {
        return fail(p, "parameters has more than %d members",
                    VA_MAKE_CALL_PARAMS);
    }
    for (i = 0; i < count && rc == VA_OK; i++) {
        rc = take_parameter(p, v, i);
    }
    p->o->call.params = p->o->params;
    p->o->call.param_count = count;
    return rc;
}

static const struct {
    const char *name;
    va_rc_t (*take)(parse_t *p, va_json_t *v);
} members[] = {
    {"to_number", take_to},
    {"from_number", take_from},
    {"initial_message", take_message},
    {"prompt", take_prompt},
    {"voice", take_voice},
    {"mode", take_mode},
    {"machine_detection", take_machine_detection},
    {"parameters", take_parameters},
    {"record", take_record},
};

static va_rc_t take_member(parse_t *p, va_json_t *v, size_t i)
{
    char shown[NAME_MAX_TOLD];
    va_str_t name;
    va_json_t *member = va_json_item(v, i, &name);
    size_t m;

    for (m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
        if (va_str_eq(name, va_str(members[m].name))) {
            return is_twice(v, i, name)
                       ? fail(p, "%s stands twice", members[m].name)
                       : members[m].take(p, member);
        }
    }
    return fail(p, "unknown key \"%s\"", told(shown, name));
}

static va_rc_t parse(parse_t *p, va_str_t body)
{
    char why[128];
    va_json_t *v = va_json_parse(body, why, sizeof(why));
    va_rc_t rc = VA_OK;
    size_t i;

    p->o->tree = v;
    if (v == NULL) {
        return fail(p, "the body is no JSON: %s", why);
    }
    if (!YAJL_IS_OBJECT(v)) {
        return fail(p, "the body must be a JSON object");
    }
    for (i = 0; i < va_json_len(v) && rc == VA_OK; i++) {
        rc = take_member(p, v, i);
    }
    if (rc == VA_OK && p->o->call.to.data == NULL) {
        rc = fail(p, "to_number is missing");
    }
    return rc;
}

va_rc_t va_make_call_parse(va_make_call_t **call, va_str_t body, char *error,
                           size_t error_cap)
{
    parse_t p = {NULL, error, error_cap};
    va_rc_t rc;

    *call = NULL;
    if (body.len > VA_MAKE_CALL_BODY_MAX) {
        fail(&p, "the body is longer than %d bytes", VA_MAKE_CALL_BODY_MAX);
        return VA_LIMIT;
    }
    p.o = calloc(1, sizeof(*p.o));
    if (p.o == NULL) {
        fail(&p, "out of memory");
        return VA_NOMEM;
    }
    rc = parse(&p, body);
    if (rc != VA_OK) {
        va_make_call_free(&p.o->call);
        return rc;
    }
    if (error_cap != 0) {
        error[0] = '\0';
    }
    *call = &p.o->call;
    return VA_OK;
}

void va_make_call_free(va_make_call_t *call)
{
    owner_t *o = (owner_t *)call;

    if (o != NULL) {
        va_json_free(o->tree);
        free(o);
    }
}
