/*
 * What the writer and the reader of a conversation's log have in common.
 */
#ifndef VA_TRACE_FORMAT_H
#define VA_TRACE_FORMAT_H

#include "../wire/va_json.h"
#include "va_call.h"

typedef enum {
    VA_FIELD_NUMBER, /* uint32_t or unsigned */
    VA_FIELD_BOOL,
    VA_FIELD_TEXT
} va_field_kind_t;

/* A member of va_call_conf_t. */
typedef struct {
    const char *name;
    va_field_kind_t kind;
    size_t offset;
} va_trace_field_t;

VA_BEGIN_DECLS

/* Ended by a field without a name. */
extern const va_trace_field_t va_trace_fields[];

extern const char *const va_trace_inputs[VA_IN_TYPES];

VA_END_DECLS

#endif
