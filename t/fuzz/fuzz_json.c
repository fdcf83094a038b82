/* A tree holds bounded, valid text; and anything can be quoted. */
#include <stdlib.h>
#include <string.h>

#include "wire/va_json.h"
#include "wire/va_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Looks at everything in a tree; returns how many values there are. */
static size_t walk(va_json_t *v, unsigned depth)
{
    size_t values = 1;
    size_t i;

    if (depth > VA_JSON_DEPTH || !va_utf8_valid(va_json_str(v, ""))) {
        abort();
    }
    (void)va_json_num(v, "", 0);
    (void)va_json_num(v, "0", 0);
    (void)va_json_bool(v, "a.b.0", false);
    for (i = 0; i < va_json_len(v); i++) {
        va_str_t name;
        va_json_t *item = va_json_item(v, i, &name);

        if (item == NULL || !va_utf8_valid(name)) {
            abort();
        }
        values += walk(item, depth + 1);
    }
    return values;
}

static void quote(va_str_t s)
{
    va_json_t *v;
    va_buf_t b;

    va_buf_init(&b, 6 * s.len + 2);
    if (va_json_quote(&b, s) != VA_OK ||
        (v = va_json_parse(va_buf_view(&b), NULL, 0)) == NULL) {
        abort();
    }
    if (va_utf8_valid(s) && memchr(s.data, '\0', s.len) == NULL &&
        !va_str_eq(va_json_str(v, ""), s)) {
        abort();
    }
    va_json_free(v);
    va_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_str_t text = {(const char *)data, size};
    char error[32];
    va_json_t *v;

    if (size == 0) {
        return 0;
    }
    v = va_json_parse(text, error, sizeof(error));
    if ((v == NULL) != (error[0] != '\0') || strchr(error, '\n') != NULL) {
        abort();
    }
    if (v != NULL && walk(v, 0) > VA_JSON_VALUES + 1) {
        abort();
    }
    va_json_free(v);
    quote(text);
    return 0;
}
