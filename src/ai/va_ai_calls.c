#include "va_ai_calls.h"

#include <stdio.h>

static va_ai_call_t *find(va_ai_calls_t *c, long index, va_str_t id)
{
    size_t i = c->count;

    if (index < 0) {
        return i != 0 && (id.len == 0 ||
                          va_str_eq(va_buf_view(&c->calls[i - 1].id), id))
                   ? &c->calls[i - 1]
                   : NULL;
    }
    /* The latest one first: it is what goes on when an index is used again. */
    while (i-- != 0) {
        va_ai_call_t *call = &c->calls[i];

        if (call->index == index) {
            return id.len == 0 || call->id.len == 0 ||
                           va_str_eq(va_buf_view(&call->id), id)
                       ? call
                       : NULL;
        }
    }
    return NULL;
}

va_rc_t va_ai_calls_add(va_ai_calls_t *c, long index, va_str_t id,
                        va_str_t name, va_str_t args)
{
    va_ai_call_t *call = find(c, index, id);

    if (call == NULL) {
        if (c->count == VA_AI_CALLS) {
            return VA_LIMIT;
        }
        call = &c->calls[c->count++];
        call->index = index;
        va_buf_init(&call->id, VA_AI_NAME_MAX);
        va_buf_init(&call->name, VA_AI_NAME_MAX);
        va_buf_init(&call->args, VA_AI_CALL_MAX);
    }
    if (call->id.len == 0) {
        va_buf_str(&call->id, id);
    }
    if (call->name.len == 0) {
        va_buf_str(&call->name, name);
    }
    va_buf_str(&call->args, args);
    if (call->id.rc != VA_OK) {
        return call->id.rc;
    }
    return call->name.rc != VA_OK ? call->name.rc : call->args.rc;
}

bool va_ai_calls_any(const va_ai_calls_t *c)
{
    size_t i;

    for (i = 0; i < c->count; i++) {
        if (c->calls[i].name.len != 0) {
            return true;
        }
    }
    return false;
}

va_rc_t va_ai_calls_emit(va_ai_calls_t *c, va_ai_reader_t *r)
{
    va_rc_t rc = VA_OK;
    size_t i;

    for (i = 0; i < c->count && rc == VA_OK; i++) {
        va_ai_call_t *call = &c->calls[i];
        char number[32];
        va_ai_event_t event = {.type = VA_AI_TOOL,
                               .data = va_buf_view(&call->args),
                               .confidence = -1,
                               .id = va_buf_view(&call->id),
                               .name = va_buf_view(&call->name)};

        if (event.name.len == 0) {
            continue;
        }
        if (event.id.len == 0) {
            snprintf(number, sizeof(number), "call_%zu", i);
            event.id = va_str(number);
        }
        if (event.data.len == 0) {
            event.data = VA_STR("{}");
        }
        rc = va_ai_emit_event(r, &event);
    }
    return rc;
}

void va_ai_calls_free(va_ai_calls_t *c)
{
    size_t i;

    for (i = 0; i < c->count; i++) {
        va_buf_free(&c->calls[i].id);
        va_buf_free(&c->calls[i].name);
        va_buf_free(&c->calls[i].args);
    }
    c->count = 0;
}
