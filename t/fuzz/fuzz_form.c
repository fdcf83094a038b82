/* What was decoded must come back after it was encoded. */
#include <stdlib.h>
#include <string.h>

#include "wire/va_form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(va_buf_t *b, const va_form_t *form)
{
    const va_form_pair_t *pairs;
    size_t count;
    size_t i;

    pairs = va_form_pairs(form, &count);
    for (i = 0; i < count; i++) {
        if (pairs[i].name.data[pairs[i].name.len] != '\0' ||
            pairs[i].value.data[pairs[i].value.len] != '\0' ||
            va_form_get(form, pairs[i].name.data).data == NULL) {
            abort();
        }
        va_form_add(b, pairs[i].name, pairs[i].value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    va_form_t *form;
    va_form_t *again;
    va_buf_t b, c;

    if (va_form_parse(&form, (va_str_t){(const char *)data, size}) != VA_OK) {
        if (form != NULL) {
            abort();
        }
        return 0;
    }
    va_buf_init(&b, 4 * size + 1024);
    va_buf_init(&c, 4 * size + 1024);
    encode(&b, form);
    if (b.rc != VA_OK || va_form_parse(&again, va_buf_view(&b)) != VA_OK) {
        abort();
    }
    encode(&c, again);
    if (!va_str_eq(va_buf_view(&b), va_buf_view(&c))) {
        abort();
    }
    va_form_free(form);
    va_form_free(again);
    va_buf_free(&b);
    va_buf_free(&c);
    return 0;
}
